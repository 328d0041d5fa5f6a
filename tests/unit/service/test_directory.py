"""The participant directory: kept fresh, and gone by before something is sent; what is not known the rail decides."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

import pytest

from gateway.domain.directory import Directory, Gap, Need
from gateway.domain.events import EventKind
from gateway.domain.identity import SLOTS
from gateway.domain.payment import FundsHolder, IdempotencyKey, Payment, PaymentState, Rail, ReasonOrigin
from gateway.domain.timing import Timing
from gateway.service.directory import DirectoryUse, ParticipantDirectory
from gateway.service.fednow import fednow_protocol
from gateway.service.ports import UnavailableError
from gateway.service.submit import RefusalKind, Submitted
from iso20022 import FedNowProfile, StatusReason, TransactionStatus
from iso20022.messages.admi998 import ParticipantFile, ParticipantService
from tests.acceptance.payments import RECEIVER, SENDER, message
from tests.fakes.directory import directory_over, file_of, heard, told
from tests.fakes.rail_operations import InMemoryRailEvents
from tests.unit.service.test_doubt import question
from tests.unit.service.test_screening_outgoing import Desk, held
from tests.unit.service.test_submitting import BODY, REQUEST
from tests.unit.service.world import PARTY, TENANT, World, transfer, world

TODAY: Final = date(2026, 11, 20)
"""The cycle day of the world's clock."""

_ID: Final = UUID(int=1)

ALL: Final = {SENDER: "CTSR RFPR", RECEIVER: "CTRO"}


@dataclass(slots=True)
class Listed:
    """A world whose gateway goes by a directory."""

    earth: World
    events: InMemoryRailEvents
    directory: ParticipantDirectory

    async def hears(self, services: Mapping[str, str], *, day: date = TODAY) -> None:
        """A participant file comes a second later, and is found."""
        self.earth.clock.advance(1)
        heard(self.events, day, services, at=self.earth.clock.now())
        await self.directory.refresh()

    async def is_told(self, code: str, *subjects: str) -> None:
        """The rail tells of a sign-on, or sign-off."""
        told(self.events, code, *subjects, at=self.earth.clock.now())
        await self.directory.refresh()

    async def accepted(self) -> Payment:
        """Submit a payment that is accepted."""
        return await self.earth.submit()

    async def sent(self, payment: Payment) -> Payment:
        """Have it dispatched; what became of it."""
        await self.earth.dispatch(payment)
        return await self.earth.now(payment)


@asynccontextmanager
async def listed_world(use: DirectoryUse = DirectoryUse.FRESH) -> AsyncIterator[Listed]:
    """A world in which no file was heard yet."""
    events = InMemoryRailEvents()
    made: list[ParticipantDirectory] = []

    def directory(clock: object, recorder: object) -> ParticipantDirectory:
        made.append(directory_over(events, clock, recorder, use=use))  # type: ignore[arg-type]
        return made[0]

    async with world(directory=directory) as earth:
        yield Listed(earth, events, made[0])


@pytest.fixture
async def place() -> AsyncIterator[Listed]:
    """A gateway that goes by the directory while it is fresh."""
    async with listed_world() as made:
        yield made


async def test_whoever_is_listed_with_the_service_is_paid(place: Listed) -> None:
    """The control of the tests below."""
    await place.hears(ALL)

    payment = await place.accepted()

    assert (await place.sent(payment)).state is PaymentState.SENDING
    assert len(place.earth.rail.sent) == 1


@pytest.mark.parametrize(
    ("services", "expected", "says"),
    [
        (
            {SENDER: "CTSR"},
            ("DIRECTORY_RECEIVER", "CdtrAgt", RECEIVER, "E981"),
            "liquidity transfers or settlement alone",
        ),
        ({**ALL, RECEIVER: "RFPR"}, ("DIRECTORY_RECEIVER", "CdtrAgt", RECEIVER, "E981"), "receives no payments"),
        (
            {**ALL, SENDER: "CTRO RFPR"},
            ("DIRECTORY_SENDER", "DbtrAgt", SENDER, "E980"),
            "only receives payments (CTRO)",
        ),
        ({RECEIVER: "CTSR"}, ("DIRECTORY_SENDER", "DbtrAgt", SENDER, "E980"), "do not include"),
    ],
    ids=["receiver missing", "receiver without the service", "receive-only sender", "sender missing"],
)
async def test_whom_the_rail_would_refuse_is_refused_with_its_code_the_place_and_the_remedy(
    place: Listed, services: Mapping[str, str], expected: tuple[str, str, str, str], says: str
) -> None:
    """By message and by JSON alike; nothing is kept but the fact, and nothing is sent."""
    await place.hears(services)

    by_message = await place.earth.refused(message(transfer()))
    by_json = await place.earth.intake.submit_payment(
        TENANT, IdempotencyKey("one-key"), REQUEST, BODY, received_at=place.earth.clock.now()
    )

    code, tag, value, reject_code = expected
    assert not isinstance(by_json, Submitted)
    for refused in (by_message, by_json):
        (finding,) = refused.findings
        assert (refused.kind, finding.code, finding.value) == (RefusalKind.NOT_REACHED, code, value)
        assert finding.xpath.rpartition(f"/{tag}/")[0].endswith("CdtTrfTxInf")
        assert (finding.reject_code, says in finding.rule, bool(finding.hint)) == (reject_code, True, True)
    assert [refusal.codes for refusal in place.earth.recorder.refusals] == [(code,), (code,)]
    assert (await place.earth.store.backlog()).open_payments == {}


async def test_who_has_signed_off_is_refused_until_it_has_signed_on_again(place: Listed) -> None:
    """A suspension is told as a sign-off; the rail's own code for it is not public, so none is claimed to be its."""
    await place.hears(ALL)
    await place.is_told("FPOF", RECEIVER)

    refused = await place.earth.refused(message(transfer()))
    place.earth.clock.advance(1)
    await place.is_told("FPON", RECEIVER)

    (finding,) = refused.findings
    assert (refused.kind, finding.code, finding.reject_code) == (
        RefusalKind.NOT_REACHED,
        "DIRECTORY_SIGNED_OFF",
        None,
    )
    assert "signed off since 2026-11-20" in finding.rule
    assert (await place.accepted()).state is PaymentState.RECEIVED


async def test_a_sign_off_is_told_of_for_a_week_and_then_left_to_the_rail(place: Listed) -> None:
    """Were its sign-on lost, nobody would ever be paid again."""
    await place.is_told("FPOF", RECEIVER)
    place.earth.clock.advance(timedelta(days=7, seconds=1).total_seconds())

    await place.hears(ALL, day=TODAY + timedelta(days=7))

    assert place.directory.off_since == {}


async def test_a_receiver_that_signs_off_in_mid_flight_is_sent_nothing_and_its_payment_is_rejected(
    place: Listed,
) -> None:
    """Accepted, and not sent yet: no money has moved, and the client hears why within its promise."""
    await place.hears(ALL)
    payment = await place.accepted()
    await place.is_told("FPOF", RECEIVER)

    now = await place.sent(payment)

    assert (now.state, now.reason and now.reason.code, place.earth.rail.sent) == (PaymentState.REJECTED, "AB08", [])
    assert now.reason is not None
    assert now.reason.origin is ReasonOrigin.GATEWAY
    assert "Nothing was sent" in (now.reason.text or "")
    kinds = [recorded.event.kind for recorded in await place.earth.store.events(payment.payment_id)]
    assert kinds == [EventKind.ACCEPTED, EventKind.DIRECTORY_REFUSED]


async def test_what_was_sent_before_the_sign_off_stays_what_the_rail_says_of_it(place: Listed) -> None:
    """Once bytes may have left, only the rail's word counts; a second delivery changes nothing."""
    await place.hears(ALL)
    payment = await place.sent(await place.accepted())
    await place.is_told("FPOF", RECEIVER)

    await place.sent(payment)
    await place.earth.hear(place.earth.report(payment.message_id, TransactionStatus.ACSC))

    assert (await place.earth.now(payment)).state is PaymentState.SETTLED
    assert len(place.earth.rail.sent) == 1


async def test_a_payment_that_a_person_releases_after_its_receiver_has_left_is_rejected(place: Listed) -> None:
    """Held for hours, the file of another day may have come."""
    await place.hears(ALL)
    desk = Desk(place.earth)
    payment = await held(place.earth, desk)
    await place.hears({SENDER: "CTSR"})
    await desk.operators.release(payment.payment_id, by="sample operator", note="it is another person")

    now = await place.sent(payment)

    assert (now.state, now.reason and now.reason.code, place.earth.rail.sent) == (PaymentState.REJECTED, "E981", [])


async def test_whom_the_rail_would_refuse_nobodys_money_is_reserved_for(place: Listed) -> None:
    """The core is not asked for what is not sent."""
    await place.hears(ALL)
    place.earth.store.funds_holders[TENANT] = FundsHolder.CORE
    payment = await place.accepted()
    await place.hears({SENDER: "CTSR"})

    now = await place.sent(payment)

    assert (now.state, place.earth.core.held) == (PaymentState.REJECTED, {})


async def test_a_repeat_of_what_was_accepted_gets_its_answer_whatever_the_directory_says_since(place: Listed) -> None:
    """To be told "nothing was accepted" of a payment that was, a client would pay again."""
    await place.hears(ALL)
    payment = transfer()
    first = await place.earth.submit(payment)
    await place.hears({SENDER: "CTSR"})

    again = await place.earth.submit(payment)

    assert again.payment_id == first.payment_id


@pytest.mark.parametrize("day", ["of the directory", "of the date"])
async def test_of_a_key_of_a_lost_region_nothing_is_refused_at_intake_the_rail_is_asked_first(
    place: Listed, day: str
) -> None:
    """The lost region may have accepted and sent it: told "nothing was accepted", the client would pay another way."""
    await place.hears({SENDER: "CTSR"} if day == "of the directory" else ALL)
    payment = transfer()
    if day == "of the date":
        place.earth.clock.advance(timedelta(days=3).total_seconds())
        await place.hears(ALL, day=TODAY + timedelta(days=3))
    refused = await place.earth.refused(message(payment))
    earth = place.earth
    earth.store.taken_over = dict.fromkeys(range(SLOTS), earth.clock.now() + timedelta(seconds=10))

    submitted = await place.earth.submit(payment)

    assert refused.kind in {RefusalKind.NOT_REACHED, RefusalKind.INVALID}
    assert (await place.sent(submitted)).state is PaymentState.IN_DOUBT
    assert earth.rail.sent == []


async def test_what_the_rail_has_not_seen_of_a_lost_regions_key_is_held_against_the_directory_then(
    place: Listed,
) -> None:
    """Once the rail has said that there is no such payment, it is certain that nothing was sent."""
    await place.hears({SENDER: "CTSR"})
    earth = place.earth
    earth.store.taken_over = dict.fromkeys(range(SLOTS), earth.clock.now() + timedelta(seconds=10))
    submitted = await earth.submit()
    await earth.dispatch(submitted)
    await earth.fire_timers(after_s=10)
    await earth.ask(submitted)
    unknown = StatusReason(proprietary="E400")
    question_id = question(earth).message_id
    await earth.hear(earth.report(question_id, TransactionStatus.RJCT, reason=unknown, about_type="pacs.028.001.03"))

    now = await place.sent(submitted)

    assert (now.state, now.transfers) == (PaymentState.REJECTED, 0)
    assert len(earth.rail.sent) == 1


@pytest.mark.parametrize("use", list(DirectoryUse))
async def test_while_it_is_stale_or_was_never_heard_everything_is_sent_unless_it_is_required(use: DirectoryUse) -> None:
    """The default leaves it to the rail; an institution that wants nothing sent then is told that the fault is ours."""
    async with listed_world(use) as place:
        await place.directory.refresh()
        never = await place.earth.intake.submit_message(
            TENANT, message(transfer()), header_key=None, received_at=place.earth.clock.now()
        )
        await place.hears({SENDER: "CTSR"}, day=TODAY - timedelta(days=1))
        place.earth.clock.advance(timedelta(hours=9).total_seconds())  # past the roll at 7 p.m., and ten minutes more
        stale = place.directory.of_payment(await _unsent(place))

        if use is DirectoryUse.REQUIRED:
            assert not isinstance(never, Submitted)
            assert (never.kind, never.findings[0].code) == (RefusalKind.DIRECTORY_STALE, "DIRECTORY_STALE")
            assert "was never heard" in never.findings[0].rule
            assert stale is not None
            assert (stale.is_ours, stale.reason.code, "stale" in (stale.reason.text or "")) == (True, "AB11", True)
        else:
            assert isinstance(never, Submitted)
            assert stale is None


async def _unsent(place: Listed) -> Payment:
    """A payment as it would be dispatched."""
    async with world() as other:
        return await other.submit()


async def test_a_required_directory_that_was_not_read_yet_rejects_nothing(place: Listed) -> None:
    """A worker that has just begun knows nothing: the delivery comes again."""
    payment = await place.accepted()
    place.directory.use = DirectoryUse.REQUIRED

    with pytest.raises(UnavailableError, match="not read yet"):
        await place.earth.dispatch(payment)

    assert (await place.earth.now(payment)).state is PaymentState.RECEIVED


async def test_with_the_directory_switched_off_the_rail_decides(place: Listed) -> None:
    """A file of the rail's that is wrong must not stop everybody's payments."""
    await place.hears({})
    place.directory.use = DirectoryUse.OFF

    assert (await place.sent(await place.accepted())).state is PaymentState.SENDING


async def test_of_files_that_come_out_of_order_the_latest_days_counts_and_of_one_days_the_last(place: Listed) -> None:
    """The rail may send one again, or late."""
    await place.hears(ALL)
    place.earth.clock.advance(1)
    await place.hears({}, day=TODAY - timedelta(days=1))
    after_the_late_one = place.directory.standing()
    place.earth.clock.advance(1)
    await place.hears({SENDER: "CTSR"})

    assert (after_the_late_one.business_day, after_the_late_one.participants) == (TODAY, 2)
    assert (place.directory.standing().participants, place.directory.standing().is_fresh) == (1, True)


async def test_a_file_that_cannot_be_read_is_reported_once_and_the_one_before_counts_on(place: Listed) -> None:
    """It is kept with its bytes; nobody is refused because of it."""
    await place.hears(ALL)
    place.earth.clock.advance(1)
    heard(place.events, TODAY, {}, at=place.earth.clock.now(), body=b"no message")

    for _ in range(3):
        await place.directory.refresh()

    assert place.earth.recorder.faults == ["participant directory"]
    assert (await place.accepted()).state is PaymentState.RECEIVED


async def test_a_file_dated_ahead_counts_no_longer_than_the_next_days(place: Listed) -> None:
    """A mistaken date would have it gone by, and called fresh, for as long as it says."""
    await place.hears({SENDER: "CTSR"}, day=TODAY + timedelta(days=40))
    ahead = place.directory.standing()
    for days in (1, 2):
        place.earth.clock.advance(timedelta(days=1).total_seconds())
        await place.hears({}, day=TODAY + timedelta(days=days))
    again = place.directory.standing()
    place.earth.clock.advance(timedelta(days=3).total_seconds())

    assert (ahead.participants, ahead.is_fresh) == (1, True)
    assert (again.business_day, again.participants) == (TODAY + timedelta(days=2), 0)
    assert not place.directory.standing().is_fresh


def test_a_file_dated_ahead_is_stale_once_it_is_old() -> None:
    """Whatever day it says."""
    heard_at = datetime(2026, 11, 20, 15, tzinfo=UTC)
    directory = Directory(event_id=_ID, business_day=date(2027, 11, 20), heard_at=heard_at, services={})

    assert directory.is_fresh(heard_at + timedelta(days=1))
    assert not directory.is_fresh(heard_at + timedelta(days=3))


async def test_a_file_that_cannot_be_opened_is_passed_over_as_well(
    place: Listed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its key is gone, or its row is damaged: the one before counts, and the directory was read."""
    await place.hears(ALL)
    place.earth.clock.advance(1)
    locked = heard(place.events, TODAY, {}, at=place.earth.clock.now())
    body_of = place.events.body_of

    async def opened(rail: Rail, event_id: UUID) -> bytes | None:
        if event_id == locked.event_id:
            raise LookupError("no such key")
        return await body_of(rail, event_id)

    monkeypatch.setattr(place.events.__class__, "body_of", staticmethod(opened))
    place.directory.listed, place.directory.is_read = None, False  # a process that has just begun

    await place.directory.refresh()

    assert place.earth.recorder.faults == ["participant directory"]
    assert (place.directory.standing().participants, place.directory.is_read) == (2, True)


async def test_a_file_of_all_participants_is_read_though_no_message_of_ours_may_be_so_large() -> None:
    """Fifteen hundred take part, and each has a name: more elements than any payment has."""
    services = {f"98{number:07}": "CTSR RFPR" for number in range(2_000)}
    body = file_of(TODAY, services, at=datetime(2026, 11, 20, 1, tzinfo=UTC))
    protocol = fednow_protocol(FedNowProfile(own_connection_party=PARTY), connection_party=PARTY, timing=Timing())

    reading = protocol.read(body)

    assert isinstance(reading.notice, ParticipantFile), reading.codes
    assert len(reading.notice.participants) == 2_000
    assert [finding.code for finding in protocol.examine(body).findings] == ["XML_TOO_MANY_ELEMENTS"]


async def test_a_return_and_another_rails_payment_are_not_held_against_it(place: Listed) -> None:
    """Whoever has sent us money can have it back; RTP's directory is no message."""
    await place.hears({})
    payment = await _unsent(place)

    assert place.directory.of_payment(payment) is not None
    assert place.directory.of_payment(replace(payment, original_id=payment.payment_id)) is None
    assert place.directory.of_payment(replace(payment, rail=Rail.RTP)) is None
    assert place.directory.of_payment(replace(payment, transfers=1)) is None


async def test_a_request_for_payment_goes_to_who_takes_such_requests_alone(place: Listed) -> None:
    """Who is signed off takes it still: only payments are rejected then."""
    await place.hears(ALL)
    await place.is_told("FPOF", SENDER)

    refused = place.directory.of_request(Rail.FEDNOW, RECEIVER)

    assert place.directory.of_request(Rail.FEDNOW, SENDER) is None
    assert refused is not None
    assert (refused.finding.code, refused.finding.reject_code) == ("DIRECTORY_RECEIVER", "E981")
    assert "RFPR" in refused.finding.rule
    assert refused.finding.xpath.endswith("/DbtrAgt/FinInstnId/ClrSysMmbId/MmbId")


def test_what_the_file_says_is_one_of_three_things() -> None:
    """Listed with the service, without it, or not at all."""
    services = {"990000107": frozenset({ParticipantService.CTRO})}
    directory = Directory(
        event_id=_ID, business_day=TODAY, heard_at=datetime(2026, 11, 20, tzinfo=UTC), services=services
    )

    found = {need: (directory.gap("990000107", need), directory.gap("990001203", need)) for need in Need}

    assert found == {
        Need.SEND: (Gap.NO_SERVICE, Gap.NOT_LISTED),
        Need.RECEIVE: (None, Gap.NOT_LISTED),
        Need.BE_ASKED: (Gap.NO_SERVICE, Gap.NOT_LISTED),
    }


@pytest.mark.parametrize(
    ("day", "heard_at", "now", "is_fresh"),
    [
        # Heard after Thursday's roll (7 p.m. of the 19th in New York), it is Friday's.
        (date(2026, 11, 20), "2026-11-20T00:04:00", "2026-11-20T23:59:59", True),
        # Friday evening: Saturday's may come until ten past seven.
        (date(2026, 11, 20), "2026-11-20T00:04:00", "2026-11-21T00:09:59", True),
        (date(2026, 11, 20), "2026-11-20T00:04:00", "2026-11-21T00:10:00", False),
        (date(2026, 11, 21), "2026-11-21T00:09:30", "2026-11-21T00:10:00", True),
        # The cycle rolls on weekends and holidays too.
        (date(2026, 11, 21), "2026-11-21T00:04:00", "2026-11-22T12:00:00", False),
        (date(2026, 11, 26), "2026-11-26T00:04:00", "2026-11-26T20:00:00", True),
        # A clock of ours that is behind the rail's, or a file that names the day before: either will do.
        (date(2026, 11, 21), "2026-11-20T23:59:58", "2026-11-21T12:00:00", True),
        (date(2026, 11, 20), "2026-11-21T00:04:00", "2026-11-21T12:00:00", True),
        # Clocks change in the night to Sunday: 7 p.m. of Saturday is an hour earlier in UTC than that of Sunday.
        (date(2026, 11, 1), "2026-10-31T23:04:00", "2026-11-02T00:09:59", True),
        (date(2026, 11, 1), "2026-10-31T23:04:00", "2026-11-02T00:10:00", False),
        (date(2027, 3, 14), "2027-03-14T00:04:00", "2027-03-14T23:09:59", True),
        (date(2027, 3, 14), "2027-03-14T00:04:00", "2027-03-14T23:10:00", False),
    ],
)
def test_it_is_fresh_from_the_roll_of_its_day_until_ten_minutes_after_the_next(
    day: date, heard_at: str, now: str, *, is_fresh: bool
) -> None:
    """FedNow sends it within ten minutes of the roll, every day."""
    directory = Directory(
        event_id=_ID,
        business_day=day,
        heard_at=datetime.fromisoformat(heard_at).replace(tzinfo=UTC),
        services={},
    )

    assert directory.is_fresh(datetime.fromisoformat(now).replace(tzinfo=UTC)) is is_fresh
