"""What the other region hands over may be about what it has written as well, which need not be folded here yet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.payment import Payment, PaymentId, PaymentState
from gateway.service.ports import RailDelivery
from gateway.service.receive import UNMATCHED
from gateway.service.regions import PROJECT_MAX, Projector
from iso20022 import TransactionStatus
from tests.unit.service.incoming_world import incoming_world
from tests.unit.service.world import World

PAYMENT_ID: Final = PaymentId(UUID(int=1))


def set_aside(rows: Any, of: str, payment_id: PaymentId) -> Callable[[], Awaitable[None]]:
    """Take what is folded of a payment or transfer away, and return what folds it."""
    known, messages = getattr(rows, of).pop(payment_id), rows.messages.pop(payment_id)

    async def fold() -> None:
        getattr(rows, of)[payment_id] = known
        rows.messages[payment_id] = messages

    return fold


async def sent_and_answered(earth: World) -> tuple[Payment, RailDelivery]:
    """A payment that waits for the rail's answer, and that answer as the other region hands it over."""
    payment = await earth.submit()
    await earth.dispatch(payment)
    earth.receiver.decisions.sent.take(payment.rail, [payment.message_id])  # this one has not sent it
    return payment, RailDelivery("7", earth.report(payment.message_id, TransactionStatus.ACSC))


async def test_an_answer_that_comes_with_its_payments_facts_waits_until_those_are_folded(earth: World) -> None:
    """A link that heals brings both at once: the payment's region could not act, and handed the answer over."""
    payment, answer = await sent_and_answered(earth)
    fold = set_aside(earth.store.rows, "payments", payment.payment_id)

    await replace(earth.receiver, folding=[fold]).apply([answer], is_handed_over=True)

    assert (await earth.now(payment)).state is PaymentState.SETTLED
    assert earth.recorder.quarantines == []


async def test_an_answer_to_what_nobody_folds_is_set_aside(earth: World) -> None:
    """The control of the test above: it is the folding that finds the payment."""
    payment, answer = await sent_and_answered(earth)
    set_aside(earth.store.rows, "payments", payment.payment_id)

    await earth.receiver.apply([answer], is_handed_over=True)

    assert [item.codes for item in earth.recorder.quarantines] == [(UNMATCHED,)]


async def test_what_comes_before_that_which_it_is_about_has_no_effect_and_is_tried_again(earth: World) -> None:
    """The rail's order holds at one connection point alone: its answer here may be quicker than its transfer there."""
    payment, answer = await sent_and_answered(earth)
    fold = set_aside(earth.store.rows, "payments", payment.payment_id)

    assert await earth.receiver.apply([answer], is_handed_over=True, early={"7"}) == ["7"]
    assert earth.recorder.quarantines == []
    await fold()
    assert await earth.receiver.apply([answer], is_handed_over=True, early={"7"}) == []

    assert (await earth.now(payment)).state is PaymentState.SETTLED


async def test_what_is_about_nothing_in_either_region_is_set_aside_after_all_is_folded(earth: World) -> None:
    """Nothing waits for ever for what does not come: a person sees it."""
    folds: list[str] = []

    async def fold() -> None:
        folds.append("payments")

    unknown = RailDelivery("7", earth.report("20261120990000107UNKNOWN", TransactionStatus.ACSC))
    await replace(earth.receiver, folding=[fold]).apply([unknown], is_handed_over=True)

    assert [item.codes for item in earth.recorder.quarantines] == [(UNMATCHED,)]
    assert folds == ["payments"]


async def test_nothing_is_folded_for_what_is_known(earth: World) -> None:
    """Half of a rail's answers may come by the other region: they are no slower for this."""
    payment, answer = await sent_and_answered(earth)

    async def fold() -> None:
        raise AssertionError("the payment is known")

    await replace(earth.receiver, folding=[fold]).apply([answer], is_handed_over=True)

    assert (await earth.now(payment)).state is PaymentState.SETTLED


async def test_an_advice_that_comes_with_its_transfers_facts_waits_until_those_are_folded() -> None:
    """What the rail brings is received at its home: the same race."""
    async with incoming_world() as earth:
        transfer = await earth.befalls(await earth.received(), IncomingEvent.ACCEPTANCE_DECIDED)
        advice = RailDelivery("7", earth.advice(transfer))
        fold = set_aside(earth.store.rows, "transfers", transfer.payment_id)

        await replace(earth.sending, folding=[fold]).apply([advice], is_handed_over=True)

        assert earth.now(transfer).state is IncomingState.SETTLED


@dataclass(frozen=True, slots=True)
class Noted:
    """One note that something was replicated."""

    payment_id: PaymentId
    notes: Sequence[int]


@dataclass(slots=True)
class Notes:
    """Implements `Projections`: notes that wait to be folded."""

    waiting: list[int] = field(default_factory=list)

    async def unprojected(self, _now: datetime, *, limit: int) -> Sequence[Noted]:
        return [Noted(PAYMENT_ID, [note]) for note in self.waiting[:limit]]

    async def project(self, payments: Sequence[Noted], /) -> None:
        folded = {note for each in payments for note in each.notes}
        self.waiting = [note for note in self.waiting if note not in folded]

    async def postpone(self, payments: Sequence[Noted], /, *, until: datetime) -> None:
        await self.project(payments)


async def test_whoever_catches_up_leaves_nothing_behind_that_was_there(earth: World) -> None:
    """After a long cut more waits than is folded at once."""
    notes = Notes(list(range(2 * PROJECT_MAX + 1)))
    projector = Projector(notes, lambda source: source, earth.clock, cast("Any", earth.recorder))

    await projector.catch_up()

    assert notes.waiting == []


async def test_what_cannot_be_folded_holds_nobody_up(earth: World) -> None:
    """One history that is wrong is a person's to look at; the rail's answers to others go on."""

    def refuse(_source: Noted) -> Noted:
        raise ValueError("it contradicts itself")

    projector = Projector(Notes([1, 2]), refuse, earth.clock, cast("Any", earth.recorder))

    await projector.catch_up()

    assert earth.recorder.faults == ["projection", "projection"]
