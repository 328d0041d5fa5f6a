"""The settlement date of what we make is FedNow's cycle day, which rolls at 7 p.m. US Eastern; the ids keep their day.

"Settlement date = cycle day, not calendar date" (FedNow Operating Procedures v2.1, October 2024). What is expected here
was written by hand. RTP has no such rule: its messages carry the business date.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pytest

from adapters.keys.clear import ClearVault
from gateway.domain.events import EventKind
from gateway.domain.incoming import IncomingState
from gateway.domain.payment import IdempotencyKey, Payment, Rail, Reason, ReasonOrigin
from gateway.domain.settlement import SETTLEMENT_DATE
from gateway.domain.timing import Timing
from gateway.service.decide import Decisions, grouped_saves
from gateway.service.fednow import fednow_protocol
from gateway.service.liquidity import LiquidityRequest
from gateway.service.ports import PaymentHistory
from gateway.service.rail_protocol import RailProtocol
from gateway.service.replay import DivergedError, Replay
from gateway.service.requests import PaymentRequest
from gateway.service.rtp import RtpAddress, rtp_protocol
from gateway.service.submit import Submitted, grouped_accepts
from iso20022 import (
    Amount,
    ConnectionPartyId,
    CustomerCreditTransfer,
    FedNowProfile,
    InstitutionCreditTransfer,
    PaymentReturn,
    Personal,
    RoutingNumber,
    RtpProfile,
    examine,
)
from tests.acceptance.payments import transfer as sample_transfer
from tests.fakes.incoming_rail import receiving_rail
from tests.fakes.store import InMemoryStore
from tests.unit.domain.transfers import transfer as incoming_transfer
from tests.unit.service.world import PARTY, TENANT, Recorder, World, world

KEY: Final = IdempotencyKey("invoice-2291")
SENDER, RECEIVER = RoutingNumber("990000107"), RoutingNumber("990001203")
REQUEST: Final = PaymentRequest(
    amount=Amount(5174),
    debtor_name=Personal("Debtor Sample"),
    debtor_account=Personal("100000000001"),
    debtor_agent=SENDER,
    creditor_name=Personal("Creditor Sample"),
    creditor_account=Personal("200000000001"),
    creditor_agent=RECEIVER,
)
LIQUIDITY: Final = LiquidityRequest(amount=Amount(1_000_00), debtor_agent=SENDER, creditor_agent=RECEIVER)
FEDNOW: Final = fednow_protocol(FedNowProfile(own_connection_party=PARTY), connection_party=PARTY, timing=Timing())

ROLLS: Final = (
    # (19:00 US Eastern of a day, that day, the day after)
    ("2026-11-21T00:00:00", "2026-11-20", "2026-11-21"),  # Friday: the weekend has cycle days of its own
    ("2026-11-22T00:00:00", "2026-11-21", "2026-11-22"),
    ("2026-11-23T00:00:00", "2026-11-22", "2026-11-23"),  # Sunday
    ("2026-11-26T00:00:00", "2026-11-25", "2026-11-26"),  # into Thanksgiving
    ("2026-11-27T00:00:00", "2026-11-26", "2026-11-27"),  # and out of it
    ("2026-03-08T00:00:00", "2026-03-07", "2026-03-08"),  # clocks go forward in the night
    ("2026-03-08T23:00:00", "2026-03-08", "2026-03-09"),
    ("2026-10-31T23:00:00", "2026-10-31", "2026-11-01"),  # clocks go back in the night
    ("2026-11-02T00:00:00", "2026-11-01", "2026-11-02"),
    ("2027-01-01T00:00:00", "2026-12-31", "2027-01-01"),  # the year ends five hours early
)
EDGES: Final = tuple(
    edge
    for rolls_at, day, after in ROLLS
    for edge in (
        # (an instant, its business date, its cycle day)
        (datetime.fromisoformat(rolls_at).replace(tzinfo=UTC) - timedelta(seconds=1), day, day),
        (datetime.fromisoformat(rolls_at).replace(tzinfo=UTC) - timedelta(microseconds=1), day, day),
        (datetime.fromisoformat(rolls_at).replace(tzinfo=UTC), day, after),
        (datetime.fromisoformat(rolls_at).replace(tzinfo=UTC) + timedelta(hours=4, minutes=59), day, after),
    )
)
EVENING: Final = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
"""Friday, 20:00 in New York: the business date is the 20th, the cycle day the 21st."""


async def submitted(earth: World, request: PaymentRequest | LiquidityRequest, *, at: datetime) -> Submitted:
    """A JSON request under `KEY`, when it is that late."""
    earth.clock.advance((at - earth.clock.now()).total_seconds())
    body = json.dumps({**request.as_json(), "currency": "USD"}).encode()
    outcome = await earth.intake.submit_payment(TENANT, KEY, request, body, received_at=at)
    assert isinstance(outcome, Submitted), outcome
    return outcome


def read_back(body: bytes) -> Any:
    """The message in a body, valid by all of FedNow's rules."""
    report = examine(body, profile=FedNowProfile(own_connection_party=PARTY))
    assert report.valid, report.findings
    return report.message


@pytest.mark.parametrize(("at", "day", "cycle"), EDGES)
@pytest.mark.parametrize("request_", [REQUEST, LIQUIDITY], ids=["pacs.008", "pacs.009"])
async def test_what_is_made_of_json_settles_on_the_cycle_day_and_is_named_by_the_business_date(
    request_: PaymentRequest | LiquidityRequest, at: datetime, day: str, cycle: str
) -> None:
    """On weekends, holidays and nights of other lengths too; read back from the bytes that left."""
    async with world() as earth:
        payment = (await submitted(earth, request_, at=at)).payment
        await earth.dispatch(payment)

        (sent,) = earth.rail.sent
        said = read_back(sent.body)
        assert isinstance(said, CustomerCreditTransfer | InstitutionCreditTransfer)
        assert said.settlement_date == date.fromisoformat(cycle)
        assert said.message_id == payment.message_id
        assert (payment.business_date.isoformat(), payment.message_id[:8]) == (day, day.replace("-", ""))


@pytest.mark.parametrize(("at", "day", "cycle"), EDGES)
def test_a_return_settles_on_the_cycle_day_and_is_named_by_the_business_date(
    at: datetime, day: str, cycle: str
) -> None:
    """pacs.004; the date of what is given back is what that said."""
    original = replace(sample_transfer(), settlement_date=date(2026, 2, 3))
    made = receiving_rail().return_of(
        incoming_transfer(state=IncomingState.POSTED),
        original,
        amount=Amount(2_000),
        reason=Reason("AC04", ReasonOrigin.INSTITUTION),
        reference="ABC000000000000001",
        business_date=date.fromisoformat(day),
        at=at,
    )

    said = read_back(made.body)
    assert isinstance(said, PaymentReturn)
    assert (said.settlement_date, said.original_settlement_date) == (date.fromisoformat(cycle), date(2026, 2, 3))
    assert made.message_id[:8] == day.replace("-", "")


def test_a_return_that_was_started_the_day_before_settles_on_the_day_on_which_it_is_made() -> None:
    """Its ids are of the day on which it was started; its settlement date was, and is no more."""
    made = receiving_rail().return_of(
        incoming_transfer(state=IncomingState.POSTED),
        sample_transfer(),
        amount=Amount(2_000),
        reason=Reason("AC04", ReasonOrigin.INSTITUTION),
        reference="ABC000000000000001",
        business_date=date(2026, 11, 20),
        at=datetime(2026, 11, 21, 5, 0, tzinfo=UTC),
    )

    assert (made.message_id[:8], read_back(made.body).settlement_date) == ("20261120", date(2026, 11, 21))


@pytest.mark.parametrize("is_liquidity", [False, True], ids=["pacs.008", "pacs.009"])
def test_nothing_but_settlement_date_and_creation_time_changes_at_the_roll(*, is_liquidity: bool) -> None:
    """Every id of a key is the same before and after it, until midnight."""
    before, after = (
        _made(FEDNOW, is_liquidity=is_liquidity, at=at)
        for at in (datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC), datetime(2026, 11, 21, 0, 0, tzinfo=UTC))
    )

    assert (before.settlement_date, after.settlement_date) == (date(2026, 11, 20), date(2026, 11, 21))
    assert after == replace(before, settlement_date=after.settlement_date, creation_time=after.creation_time)


def _made(rail: RailProtocol, *, is_liquidity: bool, at: datetime) -> Any:
    ids = {"tenant_id": TENANT, "idempotency_key": KEY, "business_date": rail.business_date(at), "at": at}
    if is_liquidity:
        return rail.liquidity_from_request(LIQUIDITY, **ids)  # type: ignore[arg-type]
    return rail.transfer_from_request(REQUEST, **ids)  # type: ignore[arg-type]


async def test_the_same_request_before_and_after_the_roll_is_one_payment() -> None:
    """The settlement date is no part of what a client asks for; it is that of the instant at which it leaves."""
    async with world() as earth:
        first = await submitted(earth, REQUEST, at=datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC))
        again = await submitted(earth, REQUEST, at=datetime(2026, 11, 21, 0, 0, 0, tzinfo=UTC))
        for each in (first, again):
            await earth.dispatch(each.payment)

        (sent,) = earth.rail.sent
        assert (first.created, again.created) == (True, False)
        assert again.payment.payment_id == first.payment.payment_id
        assert read_back(sent.body).settlement_date == date(2026, 11, 21)


async def test_what_a_client_has_written_itself_keeps_its_own_date() -> None:
    """Its Document goes out as it came in, and nothing is kept of a date that is not ours."""
    async with world() as earth:
        earth.clock.advance((EVENING - earth.clock.now()).total_seconds())
        payment = await earth.submit(replace(sample_transfer(created=EVENING), settlement_date=date(2026, 11, 20)))
        await earth.dispatch(payment)

        (sent,) = earth.rail.sent
        assert read_back(sent.body).settlement_date == date(2026, 11, 20)
        assert [event.event.details for event in await earth.store.events(payment.payment_id)] == [{}, {}]


@pytest.mark.parametrize(("at", "day", "cycle"), EDGES)
async def test_rtp_has_no_cycle_day_and_carries_the_business_date(at: datetime, day: str, cycle: str) -> None:
    """No rule of it is public: as it was, and nothing more is kept."""
    del cycle
    async with world(protocol=_rtp()) as earth:
        payment = (await submitted(earth, REQUEST, at=at)).payment
        await earth.dispatch(payment)

        (sent,) = earth.rail.sent
        said = examine(sent.body, profile=RtpProfile()).message
        assert isinstance(said, CustomerCreditTransfer)
        assert said.settlement_date == date.fromisoformat(day)
        assert [event.event.details for event in await earth.store.events(payment.payment_id)] == [{}, {}]


def _rtp() -> RailProtocol:
    return rtp_protocol(RtpProfile(), address=RtpAddress(participant=ConnectionPartyId("990000107A1")), timing=Timing())


# --- replay -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Again:
    """What runs histories again, and the store of its own that it fills."""

    replay: Replay
    store: InMemoryStore

    async def comes_out(self, history: PaymentHistory) -> PaymentHistory:
        """Run a history again, and return what came of it."""
        await self.replay.run(history)
        payment = (await self.store.load([history.payment_id]))[history.payment_id]
        return await _history(self.store, payment)


@asynccontextmanager
async def running_again() -> AsyncIterator[Again]:
    """A replay with its group commits running."""
    store, told = InMemoryStore(), Recorder()
    accepts, saves = grouped_accepts(store), grouped_saves(store, window_s=0)
    replay = Replay({Rail.FEDNOW: FEDNOW}, Decisions(store, saves, told), accepts, ClearVault(b"test"), told, {})
    async with asyncio.TaskGroup() as group:
        loops = [group.create_task(run()) for run in (accepts.run, saves.run)]
        yield Again(replay, store)
        for loop in loops:
            loop.cancel()


async def _history(store: InMemoryStore, payment: Payment) -> PaymentHistory:
    return PaymentHistory(
        payment=payment,
        idempotency_key=KEY,
        events=tuple(await store.events(payment.payment_id)),
        digests=(),
        messages=tuple(await store.messages(payment.payment_id)),
        postings=(),
    )


async def _sent_in_the_evening(request: PaymentRequest | LiquidityRequest) -> PaymentHistory:
    """What is kept of a payment that left at 20:00 in New York."""
    async with world() as earth:
        payment = (await submitted(earth, request, at=EVENING)).payment
        await earth.dispatch(payment)
        return await _history(earth.store, await earth.now(payment))


def _as_it_was_before(history: PaymentHistory) -> PaymentHistory:
    """The same as the program before this rule kept it: the business date, and nothing with the event."""
    received, sent = history.messages
    payment = replace(history.payment, transfers=0)
    body = FEDNOW.transfer_message(payment, received, at=sent.at, settlement_date=payment.business_date).body
    return replace(_keeping(history, {}), messages=(received, replace(sent, body=body)))


def _keeping(history: PaymentHistory, details: dict[str, str]) -> PaymentHistory:
    """The same with other details of the sending."""
    accepted, sending = history.events
    return replace(history, events=(accepted, replace(sending, event=replace(sending.event, details=details))))


@pytest.mark.parametrize("request_", [REQUEST, LIQUIDITY], ids=["pacs.008", "pacs.009"])
async def test_what_left_in_the_evening_is_made_again_byte_for_byte(
    request_: PaymentRequest | LiquidityRequest,
) -> None:
    """The event of the sending keeps the date, which is another than that of the ids."""
    kept = await _sent_in_the_evening(request_)

    async with running_again() as again:
        found = await again.comes_out(kept)

    sending = kept.events[-1].event
    assert (sending.kind, sending.details) == (EventKind.SENDING_STARTED, {SETTLEMENT_DATE: "2026-11-21"})
    assert (found.messages, found.payment) == (kept.messages, kept.payment)
    assert [each.event for each in found.events] == [each.event for each in kept.events]


@pytest.mark.parametrize("request_", [REQUEST, LIQUIDITY], ids=["pacs.008", "pacs.009"])
async def test_what_left_before_there_was_this_rule_is_made_again_byte_for_byte(
    request_: PaymentRequest | LiquidityRequest,
) -> None:
    """It carried the business date at every hour: after an upgrade its history comes out the same."""
    kept = _as_it_was_before(await _sent_in_the_evening(request_))

    async with running_again() as again:
        found = await again.comes_out(kept)

    assert read_back(kept.messages[-1].body).settlement_date == date(2026, 11, 20)
    assert found.messages == kept.messages


@pytest.mark.parametrize("details", [{}, {SETTLEMENT_DATE: "2026-11-22"}], ids=["none", "another"])
async def test_control_a_date_that_the_event_does_not_keep_is_found(details: dict[str, str]) -> None:
    """The tests above can fail: the bytes carry another date than the history."""
    kept = _keeping(await _sent_in_the_evening(REQUEST), details)

    async with running_again() as again:
        with pytest.raises(DivergedError, match="the bytes that left"):
            await again.replay.run(kept)
