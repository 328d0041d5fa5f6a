"""RTP's messages are values like FedNow's: instants instead of local times, and back to the same bytes' content."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from iso20022 import (
    MESSAGE_KINDS,
    CustomerCreditTransfer,
    EnvelopeKind,
    RtpProfile,
    content_fingerprint_source,
    examine,
    header,
    read,
    unwrap,
    wrap,
)
from iso20022.local_time import EASTERN, in_local_time, instant_of, local_text, time_elements
from iso20022.schemas import manifest, model
from tests.unit.iso20022.instances import instance
from tests.unit.iso20022.samples import GOLDEN, seeded
from tests.unit.iso20022.test_rtp_rules import NAMES, golden_rtp

ZONE = ZoneInfo(EASTERN)
PROFILE = RtpProfile()


@pytest.mark.parametrize("name", NAMES)
def test_a_message_of_rtp_becomes_a_value_and_the_same_message_again(name: str) -> None:
    """Nothing is lost on the way: header, message and envelope are rebuilt with equal content."""
    report = examine(golden_rtp(name), profile=PROFILE)
    assert report.header is not None
    assert report.message is not None
    kind = MESSAGE_KINDS[str(report.message_type)]

    built = wrap(
        EnvelopeKind.RTP_MESSAGE,
        header.build(report.header, header_type="head.001.001.01"),
        kind.build(report.message),
    )
    again = examine(built, profile=PROFILE)

    assert (again.valid, again.header, again.message) == (True, report.header, report.message)
    assert _content(built) == _content(golden_rtp(name))
    assert kind.summary(report.message)


def test_the_times_of_a_value_are_instants() -> None:
    """9:30 in New York in January is 14:30 UTC; the settlement date is the group's."""
    report = examine(golden_rtp("pacs008"), profile=PROFILE)

    assert isinstance(report.message, CustomerCreditTransfer)
    assert report.message.creation_time == datetime(2026, 1, 31, 14, 30, tzinfo=UTC)
    assert report.header is not None
    assert report.header.creation_time == datetime(2026, 1, 31, 14, 30, tzinfo=UTC)
    assert (report.message.states_group, report.message.agent_clearing_system) == (True, None)
    assert report.message.carries_all


def test_the_tree_keeps_what_was_sent() -> None:
    """The value has instants; the Document that came in is not rewritten."""
    report = examine(golden_rtp("pacs008"), profile=PROFILE)

    assert report.document is not None
    assert [time.text for time in time_elements(report.document, "pacs.008.001.08")] == ["2026-01-31T09:30:00"]


def test_a_value_of_rtp_says_whether_it_carries_all() -> None:
    """A total that differs from the amount is in the Document alone."""
    body = golden_rtp("pacs008").replace(b">51.74</Ttl", b">51.75</Ttl")

    message = examine(body, profile=PROFILE).message

    assert isinstance(message, CustomerCreditTransfer)
    assert not message.carries_all
    assert replace(message, carries_all=True) == examine(golden_rtp("pacs008"), profile=PROFILE).message


@pytest.mark.parametrize(
    ("local", "instant"),
    [
        ("2026-01-31T09:30:00", datetime(2026, 1, 31, 14, 30, tzinfo=UTC)),
        ("2026-07-04T09:30:00", datetime(2026, 7, 4, 13, 30, tzinfo=UTC)),
        ("2026-07-04T09:30:00.5", datetime(2026, 7, 4, 13, 30, 0, 500_000, tzinfo=UTC)),
        ("2026-03-08T01:59:59", datetime(2026, 3, 8, 6, 59, 59, tzinfo=UTC)),
        ("2026-03-08T03:00:00", datetime(2026, 3, 8, 7, 0, tzinfo=UTC)),
        ("2026-11-01T01:30:00", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),  # twice on the clock: the first counts
        ("2026-11-01T02:00:00", datetime(2026, 11, 1, 7, 0, tzinfo=UTC)),
        ("2026-03-08T02:30:00", None),  # skipped
        ("2026-01-31T09:30:00Z", None),
        ("2026-01-31T09:30:00-05:00", None),
        ("2026-02-30T09:30:00", None),
        ("9999-12-31T23:59:59", None),
        ("", None),
    ],
)
def test_a_local_time_names_one_instant_or_none(local: str, instant: datetime | None) -> None:
    """In the repeated hour of autumn the first instant is meant; the hour that spring skips names none."""
    assert instant_of(local, ZONE) == instant


@given(st.integers(min_value=946_684_800, max_value=4_070_908_800).map(lambda at: datetime.fromtimestamp(at, UTC)))
def test_an_instant_to_local_time_and_back_is_the_same_second_or_the_hour_before(instant: datetime) -> None:
    """The second pass of the repeated hour cannot be written: it reads as the first, an hour earlier."""
    again = instant_of(local_text(instant, ZONE), ZONE)

    assert again is not None
    assert (instant - again).total_seconds() in {0, 3_600}
    assert again.astimezone(ZONE).replace(tzinfo=None) == instant.astimezone(ZONE).replace(tzinfo=None)


@pytest.mark.parametrize("schema_id", sorted(manifest()))
def test_every_time_of_every_message_is_found(schema_id: str) -> None:
    """The walk by the schema reaches each element whose type is a point in time, and no other."""
    rng = seeded()
    schema = model(schema_id)

    for _ in range(5):
        message = instance(schema, rng)
        for element in message.iter():
            if element.tag == "{http://www.w3.org/2000/09/xmldsig#}Anything":
                continue
        found = [element.text for element in time_elements(message, schema_id)]
        assert all(text is not None and "T" in text for text in found)
        assert len(found) == sum(_is_time(element) for element in message.iter())


def _is_time(element: etree._Element) -> bool:
    """Made by the generator: nothing else it writes looks so."""
    text = (element.text or "").strip()
    return len(element) == 0 and text[4:5] == "-" and text[10:11] == "T"


def test_what_is_no_message_keeps_its_times() -> None:
    """Nothing is guessed into an element whose schema is unknown."""
    element = etree.fromstring("<a><CreDt>2026-01-31T14:30:00Z</CreDt></a>")

    assert etree.tostring(in_local_time(element)) == etree.tostring(element)


def _content(body: bytes) -> tuple[bytes, bytes]:
    envelope = unwrap(read(body))
    assert envelope.header is not None
    assert envelope.document is not None
    return content_fingerprint_source(envelope.header), content_fingerprint_source(envelope.document)


def test_every_golden_message_of_rtp_says_what_it_shows() -> None:
    """A comment at the top, for who reads the file."""
    for path in (GOLDEN / "rtp").glob("*.xml"):
        assert path.read_text("utf-8").splitlines()[1].startswith("<!-- "), path.name
