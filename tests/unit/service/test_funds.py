"""Who holds the debtor's money: reserved before the bytes leave, posted, released, and kept while in doubt."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from gateway.domain.events import EventKind
from gateway.domain.payment import FundsHolder, Payment, PaymentState, Reason, ReasonOrigin
from gateway.service.funds import Funds
from gateway.service.ports import Delivery, Queue, QueueDirection, RawMessage, UnavailableError
from iso20022 import StatusReason, TransactionStatus
from tests.fakes.clock import VirtualClock
from tests.fakes.core import Held
from tests.unit.service.world import TENANT, World, transfer, world

DEBTOR_ACCOUNT = transfer().debtor_account.reveal()


async def submitted(earth: World) -> Payment:
    """A payment of a tenant whose core holds the money."""
    earth.store.funds_holders[TENANT] = FundsHolder.CORE
    return await earth.submit()


async def tell_core(earth: World) -> int:
    """Hand what is queued for the core to its handler; how many there were."""
    queued = [row.delivery for row in earth.store.rows.outbox if row.delivery.queue.direction is QueueDirection.CORE]
    for row in queued:
        await earth.funds.tell(Delivery(row.delivery_id, row.queue, row.payment_id, row.deadline_at, attempt=1))
    return len(queued)


async def test_a_tenant_that_has_debited_already_needs_no_core() -> None:
    """The default: nobody is asked, and nobody is told."""
    async with world() as earth:
        payment = await earth.submit()
        await earth.dispatch(payment)
        await earth.hear(earth.report(payment.message_id, TransactionStatus.ACSC))

        assert (await earth.now(payment)).state is PaymentState.SETTLED
        assert await tell_core(earth) == 0
        assert earth.core.calls == []


async def test_money_is_reserved_before_the_bytes_leave_and_posted_on_settlement() -> None:
    """The core is asked first; it is told once the rail has settled."""
    async with world() as earth:
        payment = await submitted(earth)
        await earth.dispatch(payment)
        assert earth.core.held == {payment.payment_id: Held.RESERVED}
        assert len(earth.rail.sent) == 1

        await earth.hear(earth.report(payment.message_id, TransactionStatus.ACSC))

        assert await tell_core(earth) == 1
        assert earth.core.held == {payment.payment_id: Held.POSTED}


async def test_money_is_released_on_a_definite_rejection() -> None:
    """It did not settle and cannot any more."""
    async with world() as earth:
        payment = await submitted(earth)
        await earth.dispatch(payment)
        await earth.hear(earth.report(payment.message_id, TransactionStatus.RJCT, reason=StatusReason(code="AC04")))

        assert await tell_core(earth) == 1
        assert earth.core.held == {payment.payment_id: Held.RELEASED}


async def test_money_stays_reserved_while_in_doubt() -> None:
    """No answer came: it may have moved, and nobody is told anything."""
    async with world() as earth:
        payment = await submitted(earth)
        await earth.dispatch(payment)
        await earth.fire_timers(after_s=16)

        assert (await earth.now(payment)).state is PaymentState.IN_DOUBT
        assert await tell_core(earth) == 0
        assert earth.core.held == {payment.payment_id: Held.RESERVED}


async def test_a_settlement_without_posting_is_posted_once() -> None:
    """ACWP has settled between the institutions; the ACCC that follows tells the core nothing new."""
    async with world() as earth:
        payment = await submitted(earth)
        await earth.dispatch(payment)
        for status in (TransactionStatus.ACWP, TransactionStatus.ACCC):
            await earth.hear(earth.report(payment.message_id, status))

        assert (await earth.now(payment)).state is PaymentState.SETTLED
        assert await tell_core(earth) == 1


async def test_what_the_core_refuses_is_rejected_and_never_sent() -> None:
    """The core's own reason, and its words; not a byte has left."""
    async with world() as earth:
        earth.core.balances_cents[DEBTOR_ACCOUNT] = 0
        payment = await submitted(earth)
        await earth.dispatch(payment)

        now = await earth.now(payment)
        assert now.state is PaymentState.REJECTED
        assert now.reason is not None
        assert (now.reason.code, now.reason.origin) == ("AM04", ReasonOrigin.CORE)
        assert earth.rail.sent == []
        assert [event.event.kind for event in await earth.store.events(payment.payment_id)] == [
            EventKind.ACCEPTED,
            EventKind.FUNDS_REFUSED,
        ]


async def test_a_core_that_is_down_keeps_the_payment_here_until_its_time_is_over() -> None:
    """Nothing is sent on a guess; the deadline rejects it, and the core is told, in case it had held the money."""
    async with world() as earth:
        earth.core.reachable = False
        payment = await submitted(earth)
        with pytest.raises(UnavailableError):
            await earth.dispatch(payment)
        assert (await earth.now(payment)).state is PaymentState.RECEIVED

        await earth.fire_timers(after_s=15)

        assert (await earth.now(payment)).state is PaymentState.REJECTED
        assert earth.rail.sent == []
        earth.core.reachable = True
        assert await tell_core(earth) == 1
        assert earth.core.held == {payment.payment_id: Held.RELEASED}


async def test_a_reservation_whose_answer_was_lost_is_asked_for_again_and_is_the_same() -> None:
    """The core held the money and could not say so."""
    async with world() as earth:
        earth.core.answers_lost = 1
        payment = await submitted(earth)
        with pytest.raises(UnavailableError):
            await earth.dispatch(payment)

        await earth.dispatch(payment)

        assert (await earth.now(payment)).state is PaymentState.SENDING
        assert earth.core.calls == [("reserve", payment.payment_id)] * 2


async def test_the_core_is_not_asked_when_the_time_to_send_is_over() -> None:
    """A straggling delivery reserves nothing."""
    async with world() as earth:
        payment = await submitted(earth)
        earth.clock.advance(14.5)
        await earth.dispatch(payment)

        assert earth.core.calls == []
        assert (await earth.now(payment)).state is PaymentState.REJECTED


class _SetBackMeanwhile(Funds):
    """After it has been asked, somebody sets the clock back."""

    async def reserve(self, payment: Payment, received: RawMessage, *, until: datetime) -> Reason | None:
        unreserved = await super().reserve(payment, received, until=until)
        assert isinstance(self.clock, VirtualClock)
        self.clock.advance(-10)
        return unreserved


async def test_a_clock_that_is_set_back_does_not_have_unreserved_money_sent() -> None:
    """It was too late to ask the core, and then it seems early enough to send."""
    async with world() as earth:
        payment = await submitted(earth)
        earth.clock.advance(14.5)
        late = _SetBackMeanwhile(earth.core, earth.store, earth.clock, earth.recorder, promise_s=15.0)
        earth.dispatcher = replace(earth.dispatcher, funds=late)
        await earth.dispatch(payment)

        assert earth.core.calls == []
        assert earth.rail.sent == []
        assert (await earth.now(payment)).state is PaymentState.REJECTED


async def test_a_release_that_overtakes_its_reservation_wins() -> None:
    """The payment was rejected while a worker was asking: the reservation that comes late is refused."""
    async with world() as earth:
        payment = await submitted(earth)
        await earth.core.release(payment.payment_id)
        await earth.dispatch(payment)

        assert (await earth.now(payment)).state is PaymentState.REJECTED
        assert earth.core.held == {payment.payment_id: Held.RELEASED}


async def test_the_core_is_told_of_the_end_alone() -> None:
    """A delivery about an open payment can only be a fault of ours; it never guesses an end."""
    async with world() as earth:
        payment = await submitted(earth)
        with pytest.raises(AssertionError, match="open"):
            await earth.funds.tell(earth.delivery(payment, Queue.FEDNOW_CORE_VALUE))
        assert earth.core.calls == []
