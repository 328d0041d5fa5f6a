"""How long we were signed off: windows of Sundays, quarters and years by the rail's calendar, clocks that change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from gateway.domain.downtime import Downtime, DowntimeRules, downtime
from gateway.domain.payment import Rail
from gateway.domain.rail_operations import Codes, RailEvent, RailEventKind

PARTY = "990000107"
OWN = "990000204"
CODES = Codes(sign_on="FPON", sign_off="FPOF", connect="FPCR", disconnect="FPCD")
RULES = DowntimeRules()
HOUR = timedelta(hours=1)


def said(number: int, code: str, subject: str, at: datetime) -> RailEvent:
    """What the rail has broadcast about us."""
    return RailEvent(
        event_id=UUID(int=number),
        rail=Rail.FEDNOW,
        kind=RailEventKind.BROADCAST,
        code=code,
        subjects=(subject,),
        event_time=at,
        at=at + timedelta(seconds=1),
    )


def utc(text: str) -> datetime:
    """An instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def counted(now: str, *changes: tuple[str, str, str]) -> Downtime:
    """What is counted of these changes: code, subject, instant."""
    events = [said(number, code, subject, utc(at)) for number, (code, subject, at) in enumerate(changes)]
    return downtime(events, institution=OWN, party=PARTY, codes=CODES, rules=RULES, now=utc(now))


@pytest.mark.parametrize(
    ("now", "begin", "end"),
    [
        ("2026-11-20T15:00:00", "2026-11-22T07:00:00", "2026-11-22T11:00:00"),
        ("2026-11-22T07:00:00", "2026-11-22T07:00:00", "2026-11-22T11:00:00"),
        ("2026-11-22T10:59:59", "2026-11-22T07:00:00", "2026-11-22T11:00:00"),
        ("2026-11-22T11:00:00", "2026-11-29T07:00:00", "2026-11-29T11:00:00"),
        ("2026-07-01T00:00:00", "2026-07-05T06:00:00", "2026-07-05T10:00:00"),
        ("2026-03-07T00:00:00", "2026-03-08T07:00:00", "2026-03-08T10:00:00"),  # 2 a.m. is 3 a.m.: an hour less
        ("2026-11-01T00:00:00", "2026-11-01T07:00:00", "2026-11-01T11:00:00"),
        ("2027-03-14T07:30:00", "2027-03-14T07:00:00", "2027-03-14T10:00:00"),
    ],
)
def test_the_window_is_sundays_from_two_to_six_in_new_york(now: str, begin: str, end: str) -> None:
    """Operating Procedures; in UTC it moves with daylight saving."""
    assert RULES.next_window(utc(now)) == (utc(begin), utc(end))


def test_an_institution_is_down_while_it_or_its_connection_party_is_off_and_an_overlap_counts_once() -> None:
    """Half of it in the window of Sunday the 22nd."""
    found = counted(
        "2026-11-22T12:00:00",
        ("FPOF", PARTY, "2026-11-22T10:00:00"),
        ("FPOF", OWN, "2026-11-22T10:30:00"),
        ("FPON", PARTY, "2026-11-22T11:00:00"),
        ("FPON", OWN, "2026-11-22T11:30:00"),
    )

    assert (found.year, found.quarter, found.longest, found.current) == (1.5 * HOUR, 1.5 * HOUR, 1.5 * HOUR, 0 * HOUR)
    assert found.unplanned == 0.5 * HOUR
    assert found.faults(RULES) == ()


def test_a_quarter_and_a_year_begin_at_midnight_in_new_york() -> None:
    """Off from half an hour before the year's end to half an hour after it, and in the last quarter."""
    found = counted(
        "2027-01-02T00:00:00",
        ("FPOF", OWN, "2026-11-01T00:00:00"),
        ("FPON", OWN, "2026-11-01T20:00:00"),
        ("FPOF", OWN, "2027-01-01T04:30:00"),
        ("FPON", OWN, "2027-01-01T05:30:00"),
    )

    assert (found.quarter, found.year) == (0.5 * HOUR, 0.5 * HOUR)


def test_who_is_off_now_is_counted_up_to_now_and_what_is_too_long_is_said() -> None:
    """Two hours at once, 24 in a quarter, 96 in a year."""
    found = counted(
        "2026-11-22T12:00:00",
        ("FPOF", OWN, "2026-10-10T00:00:00"),
        ("FPON", OWN, "2026-10-10T22:00:00"),
        ("FPOF", PARTY, "2026-11-22T09:00:00"),
    )

    assert (found.current, found.quarter) == (3 * HOUR, 25 * HOUR)
    assert [words.split(",")[0] for words in found.faults(RULES)] == [
        "off for 1 day",
        "off for 3:00:00 at once",
    ]


def test_the_connection_partys_sign_on_does_not_sign_an_institution_on_that_is_off_itself() -> None:
    """What was acknowledged to us names nobody where it was the whole party: it is not the institution's."""
    asked = [
        RailEvent(
            event_id=UUID(int=100 + number),
            rail=Rail.FEDNOW,
            kind=kind,
            code=code,
            about=about,
            business_message_id=own,
            event_time=utc(at),
            at=utc(at),
        )
        for number, (kind, code, about, own, at) in enumerate(
            [
                (RailEventKind.ASKED, "FPOF", None, "OFF", "2026-11-22T08:00:00"),
                (RailEventKind.ACKNOWLEDGED, "FPOF", "OFF", "1", "2026-11-22T08:00:00"),
                (RailEventKind.ASKED, "FPON", None, "ON", "2026-11-22T10:00:00"),
                (RailEventKind.ACKNOWLEDGED, "FPON", "ON", "2", "2026-11-22T10:00:00"),
            ]
        )
    ]
    own_off = said(1, "FPOF", OWN, utc("2026-11-22T09:00:00"))

    found = downtime(
        [*asked, own_off], institution=OWN, party=PARTY, codes=CODES, rules=RULES, now=utc("2026-11-22T12:00:00")
    )

    assert (found.year, found.current) == (4 * HOUR, 4 * HOUR)


def test_news_of_another_institution_is_not_counted() -> None:
    """Every party hears of all of them."""
    found = counted("2026-11-22T12:00:00", ("FPOF", "990001203", "2026-11-22T09:00:00"))

    assert (found.year, found.current) == (0 * HOUR, 0 * HOUR)
