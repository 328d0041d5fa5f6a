"""What must hold of money that goes back, and comes back, after each step of a world and at its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.payment import PaymentId, PaymentState
from iso20022 import EndToEndId
from simulators.forwarding import Forwarded
from tests.simulation.check import Check

if TYPE_CHECKING:
    from tests.simulation.world import World

ENDS_OF_RETURNS: Final = {IncomingEvent.RETURN_SETTLED, IncomingEvent.RETURNS_ENDED}
"""The institution is told of these, and, of what it had posted, of a return that failed."""


def _gone_cents(world: World, record: Forwarded) -> int:
    """What has gone back of a payment, by the rail's book: every copy counted, as if none were refused for its id."""
    returns = world.rail.returns_of(record.forwarded.message_id)
    return sum(each.moved * each.booked.amount.cents for each in returns if each.booked is not None)


def _came_cents(world: World, reference: EndToEndId) -> int:
    """What has come back of a payment of ours, by the rail's book."""
    return sum(
        record.forwarded.amount.cents
        for plan, record in world.rail.forwarding.each()
        if plan.of is not None and world.reference(plan.of) == reference and record.is_settled
    )


class NoMoreGoesBackThanArrived(Check):
    """The rail looks at each return alone: a second one, or parts that are too much, only we can see."""

    promise = "no more goes back than has arrived, or than was ordered"

    def on_step(self, world: World, _changed: Sequence[PaymentId]) -> Iterator[str]:
        for plan, record in world.rail.forwarding.each():
            gone, amount = _gone_cents(world, record), record.forwarded.amount.cents
            if gone and not record.is_settled:
                yield f"{plan.words}: {gone} cents have gone back, and no money has arrived"
            wanted = amount if plan.refuses else sum(plan.gives_back)
            if gone > min(wanted, amount):
                yield f"{plan.words}: {gone} cents have gone back, of {wanted} that were to go"


class WhatHasGoneIsKnown(Check):
    """A transfer says that money has gone back when it has, and at the end says all of it."""

    promise = "a transfer knows what has gone back of it"

    def on_step(self, world: World, _changed: Sequence[PaymentId]) -> Iterator[str]:
        for transfer in world.incoming.rows.transfers.values():
            record = world.rail.forwarding.record_of(transfer)
            gone = _gone_cents(world, record)
            if transfer.returned_cents > gone:
                words = world.rail.forwarding.plan_of(transfer).words
                yield f"{words}: {transfer.returned_cents} cents are said to have gone back, and {gone} have"

    def on_end(self, world: World) -> Iterator[str]:
        for transfer in world.incoming.rows.transfers.values():
            plan, record = world.rail.forwarding.plan_of(transfer), world.rail.forwarding.record_of(transfer)
            gone = _gone_cents(world, record)
            if (transfer.returned_cents, transfer.returning_cents) != (gone, 0):
                yield f"{plan.words}: {transfer.returned_cents} cents are said to have gone back, and {gone} have"
            is_gone = transfer.state is IncomingState.RETURNED
            if is_gone is not (bool(gone) and plan.refuses) or (is_gone and gone != transfer.amount.cents):
                yield f"{plan.words} is {transfer.state}, and {gone} cents have gone back"


class NoMoreComesBackThanWasPaid(Check):
    """Of what has settled alone, and of all its returns together no more."""

    promise = "no return is taken beyond what was paid"

    def on_step(self, world: World, _changed: Sequence[PaymentId]) -> Iterator[str]:
        for payment in world.payments:
            if payment.is_return:
                continue
            came = _came_cents(world, payment.end_to_end_id)
            if came and not world.rail.account_for(payment).moved:
                yield f"{world.words(payment)}: {came} cents have come back, and it has not settled"
            if came > payment.amount.cents:
                yield f"{world.words(payment)}: {came} cents have come back, of {payment.amount.cents}"


class PaymentsKnowWhatCameBack(Check):
    """Once for each return, however often it is told, and at the end of all."""

    promise = "a payment knows what has come back of it"

    def on_step(self, world: World, _changed: Sequence[PaymentId]) -> Iterator[str]:
        for payment in world.payments:
            came = 0 if payment.is_return else _came_cents(world, payment.end_to_end_id)
            if payment.returned_cents > came:
                yield f"{world.words(payment)}: {payment.returned_cents} cents are said to be back, and {came} are"

    def on_end(self, world: World) -> Iterator[str]:
        for payment in world.payments:
            came = 0 if payment.is_return else _came_cents(world, payment.end_to_end_id)
            if payment.returned_cents != came:
                yield f"{world.words(payment)}: {payment.returned_cents} cents are said to be back, and {came} are"
            if (payment.state is PaymentState.RETURNED) is not (came == payment.amount.cents):
                yield f"{world.words(payment)} is {payment.state}, and {came} cents have come back"


class TheInstitutionIsToldOfReturns(Check):
    """It has debited its customer, or still owes: of every end it is told."""

    promise = "the institution is told of every end of a return"

    def on_end(self, world: World) -> Iterator[str]:
        for payment_id, events in world.incoming.rows.events.items():
            told = world.institution.told_of_returns[payment_id]
            for event in events:
                is_posted = event.state_after is IncomingState.POSTED
                is_end = event.fact.kind in ENDS_OF_RETURNS or (
                    is_posted and event.fact.kind is IncomingEvent.RETURN_FAILED
                )
                if is_end and event.sequence not in told:
                    words = world.rail.forwarding.plan_of(world.incoming.rows.transfers[payment_id]).words
                    yield f"{words}: {event.fact.kind}, and its institution was not told"


RETURNS_CHECKS: Final[tuple[type[Check], ...]] = (
    NoMoreGoesBackThanArrived,
    WhatHasGoneIsKnown,
    NoMoreComesBackThanWasPaid,
    PaymentsKnowWhatCameBack,
    TheInstitutionIsToldOfReturns,
)
"""Every promise about returns."""
