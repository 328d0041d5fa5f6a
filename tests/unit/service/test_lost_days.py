"""A key that a lost region may have accepted on another day: it is that day's payment, and is never paid twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

import pytest

from gateway.domain.identity import SLOTS
from gateway.domain.payment import IdempotencyKey, Payment, PaymentState, RegionId
from gateway.domain.timing import Timing
from gateway.service.days import LostDays
from gateway.service.ports import DayUnknownError
from gateway.service.rail_protocol import RailProtocol
from gateway.service.rtp import RtpAddress, rtp_protocol
from gateway.service.submit import Submitted
from iso20022 import ConnectionPartyId, RtpProfile, TransactionStatus
from tests.fakes.clock import START
from tests.fakes.store import InMemoryStore
from tests.unit.service.test_doubt import question
from tests.unit.service.test_submitting import BODY, REQUEST
from tests.unit.service.test_taking_over import not_found
from tests.unit.service.world import TENANT, World, world

OWN: Final = RegionId("usw2")
LOST: Final = RegionId("use1")
KEY: Final = IdempotencyKey("order-1")
DAY_S: Final = 86_400.0
ASK_WAIT: Final = timedelta(seconds=35)


@dataclass(slots=True)
class Times:
    """As of when the regions are known here."""

    by_region: dict[RegionId, datetime] = field(default_factory=lambda: {LOST: START})

    async def pulses(self) -> Mapping[RegionId, datetime]:
        """The times."""
        return self.by_region


class Today(LostDays):
    """The planted bug: a payment is of the day on which it comes here, whatever was lost."""

    async def day_of(self, rail: RailProtocol, key: IdempotencyKey, *, asked_from: datetime, at: datetime) -> date:
        """Today."""
        del key, asked_from
        return rail.business_date(at)


@asynccontextmanager
async def taken_over(
    days: LostDays, *, lost_at: datetime = START, protocol: RailProtocol | None = None
) -> AsyncIterator[World]:
    """A region that has taken every slot over; the other was lost at that instant, with what it accepted last."""
    store = InMemoryStore()
    store.taken_over = dict.fromkeys(range(SLOTS), lost_at + ASK_WAIT)
    async with world(store=store, days=days, protocol=protocol) as earth:
        yield earth


async def submitted(earth: World) -> Payment:
    """The payment that is made of the client's request, or found."""
    outcome = await earth.intake.submit_payment(TENANT, KEY, REQUEST, BODY, received_at=earth.clock.now())
    assert isinstance(outcome, Submitted), outcome
    return outcome.payment


async def accepted_by_the_lost_region() -> Payment:
    """What the lost region made of the same request, on the day on which it was lost."""
    async with world() as elsewhere:
        return await submitted(elsewhere)


async def asked_about(earth: World) -> Payment:
    """The client's repeat on the next day, about which the rail was asked."""
    earth.clock.advance(DAY_S)
    payment = await submitted(earth)
    await earth.dispatch(payment)
    await earth.ask(payment)
    return payment


async def test_what_the_lost_region_had_sent_yesterday_is_found_and_not_sent_again() -> None:
    """The same payment, under the same ids, as the lost region made of it: the rail's word about it is final."""
    theirs = await accepted_by_the_lost_region()
    async with taken_over(LostDays(Times(), OWN, LOST)) as earth:
        payment = await asked_about(earth)
        asked = question(earth).original_message_id
        await earth.hear(earth.report(payment.message_id, TransactionStatus.ACSC))
        await earth.dispatch(payment)
        now, sent = await earth.now(payment), len(earth.rail.sent)

    assert (payment.payment_id, payment.message_id, payment.uetr) == (theirs.payment_id, theirs.message_id, theirs.uetr)
    assert asked == theirs.message_id
    assert (now.state, sent) == (PaymentState.SETTLED, 1)


async def test_the_control_asks_about_todays_ids_and_pays_twice() -> None:
    """The rail has never seen those: it says so, and the payment is sent under them beside the lost region's."""
    theirs = await accepted_by_the_lost_region()
    async with taken_over(Today(Times(), OWN, LOST)) as earth:
        payment = await asked_about(earth)
        asked = question(earth)
        await earth.hear(not_found(earth, asked.message_id))
        await earth.dispatch(payment)
        now, sent = await earth.now(payment), len(earth.rail.sent)

    assert asked.original_message_id != theirs.message_id
    assert (now.state, sent) == (PaymentState.SENDING, 2)


async def test_what_the_rail_has_never_seen_goes_on_under_the_day_of_the_loss() -> None:
    """A payment that is new, or was never sent: one question later it leaves, once, and settles."""
    async with taken_over(LostDays(Times(), OWN, LOST)) as earth:
        payment = await asked_about(earth)
        await earth.hear(not_found(earth, question(earth).message_id))
        await earth.dispatch(payment)
        await earth.hear(earth.report(payment.message_id, TransactionStatus.ACSC))
        now = await earth.now(payment)

    assert (now.state, now.transfers) == (PaymentState.SETTLED, 1)
    assert now.message_id.startswith(f"{START:%Y%m%d}")


async def test_a_repeat_of_what_is_claimed_here_is_answered_whatever_its_day() -> None:
    """The day is kept with the claim: nothing is to be found out, also when nobody could be asked any more."""
    async with taken_over(LostDays(Times(), OWN, LOST)) as earth:
        first = await submitted(earth)
        earth.clock.advance(10 * DAY_S)
        again = await submitted(earth)

    assert again.payment_id == first.payment_id


@pytest.mark.parametrize(
    ("since_the_loss_s", "followed_to", "repeated_within_s"),
    [
        pytest.param(3_600.0, START, None, id="the same day"),
        pytest.param(DAY_S, START + timedelta(hours=20), None, id="the lost region's copy is here again"),
        pytest.param(3 * DAY_S, START + timedelta(days=2), None, id="and has been for long"),
        pytest.param(3 * DAY_S, START, DAY_S, id="what it had accepted is not repeated any more"),
        pytest.param(3 * DAY_S, None, DAY_S, id="also where it was never followed"),
    ],
)
async def test_a_key_that_the_lost_region_cannot_have_named_otherwise_is_of_today(
    since_the_loss_s: float, followed_to: datetime | None, repeated_within_s: float | None
) -> None:
    """Others are not concerned."""
    times = Times({} if followed_to is None else {LOST: followed_to})
    async with taken_over(LostDays(times, OWN, LOST, repeated_within_s)) as earth:
        earth.clock.advance(since_the_loss_s)
        payment = await submitted(earth)

        assert payment.business_date == earth.clock.now().date()


@pytest.mark.parametrize(
    ("since_the_loss_s", "followed_to", "said"),
    [
        pytest.param(2 * DAY_S, START, "on 2026-11-20, about which the rail cannot be asked", id="the rail forgets"),
        pytest.param(DAY_S, START - timedelta(days=1), "any day from 2026-11-19 to 2026-11-20", id="cut off before"),
        pytest.param(3_600.0, START - timedelta(days=1), "any day from 2026-11-19", id="on the same day, too"),
        pytest.param(DAY_S, None, "any day from the first to 2026-11-20", id="never followed"),
    ],
)
async def test_where_the_day_cannot_be_told_nothing_is_accepted(
    since_the_loss_s: float, followed_to: datetime | None, said: str
) -> None:
    """Under any day's ids it could be the second copy: nothing is claimed, and a repeat finds out later."""
    times = Times({} if followed_to is None else {LOST: followed_to})
    async with taken_over(LostDays(times, OWN, LOST)) as earth:
        earth.clock.advance(since_the_loss_s)
        with pytest.raises(DayUnknownError, match=said) as told:
            await submitted(earth)

        assert (told.value.home, told.value.key) == (OWN, KEY)
        assert not earth.store.rows.claims
        times.by_region[LOST] = earth.clock.now()
        assert (await submitted(earth)).business_date == earth.clock.now().date()


MIDNIGHT: Final = datetime(2026, 11, 21, 5, tzinfo=UTC)
"""The end of the first day, on the rail's clock."""


async def test_just_before_midnight_a_lost_region_whose_clock_is_ahead_may_have_named_by_tomorrow() -> None:
    """Neither day is guessed: nothing is claimed."""
    days = LostDays(Times({LOST: MIDNIGHT - timedelta(seconds=3)}), OWN, LOST)
    async with taken_over(days, lost_at=MIDNIGHT - timedelta(seconds=3)) as earth:
        earth.clock.advance((MIDNIGHT - START).total_seconds() - 1)

        with pytest.raises(DayUnknownError, match="any day from 2026-11-20 to 2026-11-21"):
            await submitted(earth)


@pytest.mark.parametrize(
    ("lost_s", "followed_s", "repeated_within_s"),
    [
        pytest.param(-40, -40, 3_590, id="its clock was behind, and the key comes at the end of its time"),
        pytest.param(-60, 1, None, id="its clock was ahead, and what it said last is no sign that it is back"),
    ],
)
async def test_around_midnight_clocks_that_differ_hide_no_lost_day(
    lost_s: float, followed_s: float, repeated_within_s: float | None
) -> None:
    """An hour after midnight the key still is named by the day before."""
    times = Times({LOST: MIDNIGHT + timedelta(seconds=followed_s)})
    days = LostDays(times, OWN, LOST, repeated_within_s)
    async with taken_over(days, lost_at=MIDNIGHT + timedelta(seconds=lost_s)) as earth:
        earth.clock.advance((MIDNIGHT - START).total_seconds() + 3_600)

        assert (await submitted(earth)).business_date == START.date()


async def test_on_rtp_nobody_can_be_asked_about_yesterday() -> None:
    """It is asked by the identical message, on the same day alone: on the next one nothing is begun."""
    address = RtpAddress(participant=ConnectionPartyId("990000107A1"))
    protocol = rtp_protocol(RtpProfile(), address=address, timing=Timing())
    async with taken_over(LostDays(Times(), OWN, LOST), protocol=protocol) as earth:
        earth.clock.advance(DAY_S)
        with pytest.raises(DayUnknownError, match="cannot be asked"):
            await submitted(earth)

        assert not earth.store.rows.claims


async def test_a_key_is_named_anew_where_its_slot_was_taken_over_once_more_meanwhile() -> None:
    """The day was chosen in view of another takeover: it is chosen again."""
    asked: list[datetime] = []

    class Moving(LostDays):
        async def day_of(self, rail: RailProtocol, key: IdempotencyKey, *, asked_from: datetime, at: datetime) -> date:
            asked.append(asked_from)
            earth.store.taken_over = dict.fromkeys(range(SLOTS), max(asked_from, START + timedelta(hours=2)))
            return rail.business_date(asked_from)

    async with taken_over(Moving(Times(), OWN, LOST)) as earth:
        earth.clock.advance(DAY_S)
        payment = await submitted(earth)

    assert asked == [START + ASK_WAIT, START + timedelta(hours=2)]
    assert payment.business_date == START.date()


async def test_what_never_left_from_here_is_not_asked_about_once_the_rail_has_forgotten_its_day(earth: World) -> None:
    """A lost region may have sent it on its own day: "not found" says nothing later, and a person is called."""
    payment = await earth.submit()
    ask_after = earth.clock.now() + timedelta(seconds=10)
    earth.store.rows.payments[payment.payment_id] = replace(await earth.now(payment), ask_after=ask_after)
    await earth.dispatch(payment)
    await earth.fire_timers(after_s=2 * DAY_S)

    now = await earth.now(payment)
    assert now.state is PaymentState.AWAITING_OPERATOR
    assert now.reason is not None
    assert now.reason.code == "LOOK_BACK_ENDED"
    assert earth.rail.sent == []
