"""What must hold of the payments that the rail brings, after each step of a world and at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from gateway.domain.history import events_that_count
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import CONTRADICTS, IncomingTransfer
from gateway.domain.ledger import Account, balances
from gateway.domain.payment import PaymentId, Rail
from gateway.service.ports import MessageClass, Queue, QueueDirection
from iso20022 import TransactionStatus
from simulators.forwarding import Forwarded
from tests.simulation.check import Check
from tests.simulation.incoming import ENDS
from tests.simulation.scenario import IncomingPlan, Look, Word
from tests.simulation.witness import Settling, Witnessed

if TYPE_CHECKING:
    from tests.simulation.world import World

ARRIVED: Final = {
    IncomingState.SETTLED,
    IncomingState.PENDING,
    IncomingState.POSTED,
    IncomingState.BLOCKED,
    IncomingState.RETURN_DUE,
    IncomingState.RETURNED,
}
"""The states that say that money has arrived, written down here once more."""

NOT_ARRIVED: Final = {IncomingState.REJECTED, IncomingState.NOT_SETTLED}
CERTAIN: Final = {IncomingState.POSTED, IncomingState.REJECTED, IncomingState.NOT_SETTLED, IncomingState.RETURNED}

HELD: Final = {
    IncomingState.SETTLED: Account.ARRIVED,
    IncomingState.PENDING: Account.ARRIVED,
    IncomingState.BLOCKED: Account.ARRIVED,
    IncomingState.RETURN_DUE: Account.ARRIVED,
    IncomingState.RETURNED: Account.ARRIVED,  # its return has taken it from there
    IncomingState.POSTED: Account.FUNDS,
}
"""Where the money stands in each state, written down here once more; nowhere of ours in the others."""

_POSTINGS: Final = Queue.of(Rail.FEDNOW, QueueDirection.IN, MessageClass.VALUE)


def _transfers(world: World) -> Iterator[tuple[IncomingTransfer, IncomingPlan, Forwarded]]:
    yield from _with_plans(world, world.transfers)


def _own_transfers(world: World) -> Iterator[tuple[IncomingTransfer, IncomingPlan, Forwarded]]:
    yield from _with_plans(world, world.own_transfers)


def _with_plans(
    world: World, transfers: Iterable[IncomingTransfer]
) -> Iterator[tuple[IncomingTransfer, IncomingPlan, Forwarded]]:
    forwarding = world.rail.forwarding
    yield from ((each, forwarding.plan_of(each), forwarding.record_of(each)) for each in transfers)


class IncomingStatesTellTheTruth(Check):
    """Nothing is guessed: what a state says of the money is so at that moment."""

    promise = "an incoming state says of the money what the rail's book says"

    def on_step(self, world: World, _changed: Sequence[PaymentId]) -> Iterator[str]:
        for transfer, plan, record in _transfers(world):
            if transfer.state in ARRIVED and not record.is_settled:
                yield f"{plan.words} is {transfer.state}, and no money has arrived"
            if transfer.state in NOT_ARRIVED and record.is_settled:
                yield f"{plan.words} is {transfer.state}, and money has arrived"


class MoneyIsPostedOnce(Check):
    """To the creditor: once for what has arrived, and never for what has not."""

    promise = "the creditor is credited once, and only with money that has arrived"

    def on_step(self, world: World, _changed: Sequence[PaymentId]) -> Iterator[str]:
        for plan, record in world.rail.forwarding.each():
            credited = world.institution.credits[record.forwarded.message_id]
            if credited > 1:
                yield f"{plan.words} was credited {credited} times"
            if credited and not record.is_settled:
                yield f"{plan.words} was credited, and no money has arrived"


class WeSayOneThing(Check):
    """To the rail: yes or no, however often, and never both."""

    promise = "the rail has one answer to a payment"

    def on_step(self, world: World, _changed: Sequence[PaymentId]) -> Iterator[str]:
        for plan, record in world.rail.forwarding.each():
            said = {answer.status for answer in record.answers}
            if len(said) > 1:
                yield f"{plan.words} was answered {', '.join(sorted(said))}"


class NobodyAcceptsForTheInstitution(Check):
    """But its stand-in, where that may: a payment settles on a yes that somebody has given."""

    promise = "a payment is accepted by its institution, or within its stand-in's rules"

    def on_step(self, world: World, _changed: Sequence[PaymentId]) -> Iterator[str]:
        for plan, record in world.rail.forwarding.each():
            may_accept = plan.is_small or plan.word in {Word.ACCEPTS, Word.HOLDS}
            if record.is_settled and not may_accept and plan.of is None:  # of a return nobody is asked
                yield f"{plan.words} was accepted, and nobody may have"
            by_hold = (
                plan.of is None and record.completed is not None and record.completed.status is TransactionStatus.ACWP
            )
            if by_hold and plan.word is not Word.HOLDS and plan.look is not Look.HIT:
                yield f"{plan.words} was accepted without posting, and its institution did not say so"


class IncomingHistoriesFold(Check):
    """Events are only added, without a gap, each where the one before it ended; what is certain stays."""

    promise = "the history of what was received is whole, and what is certain in it stays"

    def on_step(self, world: World, _changed: Sequence[PaymentId]) -> Iterator[str]:
        rows = world.incoming.rows
        for transfer, plan, _ in _transfers(world):
            written = rows.events[transfer.payment_id]
            if len({(event.epoch, event.sequence) for event in written}) < len(written):
                yield f"{plan.words}: its history has a number twice"
            events = events_that_count(written)
            if [event.sequence for event in events] != list(range(1, len(events) + 1)):
                yield f"{plan.words}: its history has a gap"
            if (transfer.version, transfer.state) != (len(events), events[-1].state_after):
                yield f"{plan.words}: its state is not what its history says"
            for before, after in pairwise(events):
                if after.state_before is not before.state_after:
                    yield f"{plan.words}: {after.fact.kind} begins in {after.state_before}, not {before.state_after}"
                if before.state_after in CERTAIN and after.state_after is not before.state_after:
                    yield f"{plan.words} was {before.state_after}, and is {after.state_after}"


class ReceivedOnce(Check):
    """However often the rail delivers it, and under however many headers."""

    promise = "a payment that the rail brings is one transfer"

    def on_step(self, world: World, _changed: Sequence[PaymentId]) -> Iterator[str]:
        counts = Counter(transfer.message_id for transfer in world.incoming.rows.transfers.values())
        for message_id, count in counts.items():
            if count > 1:
                yield f"{world.rail.forwarding.plans[message_id].words} is {count} transfers"


class TheLedgerHasWhatArrived(Check):
    """In the account that the state names, in whole, and in no other."""

    promise = "the ledger has what has arrived"

    def on_step(self, world: World, _changed: Sequence[PaymentId]) -> Iterator[str]:
        for transfer, plan, _ in _transfers(world):
            held = balances(world.incoming.rows.postings.get(transfer.payment_id, ()))
            where, cents = HELD.get(transfer.state), transfer.amount.cents
            due = {account: cents if account is where else 0 for account in (Account.ARRIVED, Account.FUNDS)}
            if held != {**due, Account.RESERVED: 0, Account.RAIL: -sum(due.values())}:
                yield f"{plan.words}: its money is booked as {held}"


class WhatArrivedHasItsInstruction(Check):
    """Published before it is deleted, told before it is settled."""

    promise = "what has arrived is posted, or its instruction is on its way"

    def on_step(self, world: World, _changed: Sequence[PaymentId]) -> Iterator[str]:
        on_their_way = {row.delivery.payment_id for row in world.store.rows.outbox} | world.bus.payments(_POSTINGS)
        for transfer, plan, _ in _own_transfers(world):
            if transfer.state is IncomingState.SETTLED and transfer.payment_id not in on_their_way:
                yield f"{plan.words} is {transfer.state}, and nobody will be told to post it"

    def on_witnessed(self, world: World, witnessed: Witnessed) -> Iterator[str]:
        if isinstance(witnessed, Settling) and witnessed.delivery.queue is _POSTINGS:
            own = {each.payment_id: each for each in world.own_transfers}
            transfer = own.get(witnessed.delivery.payment_id)
            if transfer is not None and transfer.state is IncomingState.SETTLED:
                yield f"{witnessed.process} settled an instruction that nobody has followed"


class IncomingContradictsOnlyItsStandIn(Check):
    """The rail of this world is honest: what contradicts is an institution that came too late."""

    promise = "an honest rail contradicts nothing that was received"

    def on_end(self, world: World) -> Iterator[str]:
        rows = world.incoming.rows
        details = [event.fact.details for events in rows.events.values() for event in events]
        late = sum(each.get("late") == "yes" for each in details)
        unpaid = sum(each.get(CONTRADICTS) == "yes" for each in details)
        if rows.contradictions > late + unpaid + self.answered_by_the_lost(world):
            yield f"{rows.contradictions} contradictions are reported, {late} late verdicts, {unpaid} unpaid returns"

    def answered_by_the_lost(self, world: World) -> int:
        """How often the rail was right to say that what nobody here has accepted has settled."""
        del world
        return 0


class NothingReceivedIsStuck(Check):
    """At the end every payment has come to its end, its creditor has the money, and the rail was told."""

    promise = "at the end what was received is at its end, and was told"

    def on_end(self, world: World) -> Iterator[str]:
        received = {each.message_id for each in world.incoming.rows.transfers.values()}
        for plan, record in world.rail.forwarding.each():
            if record.forwarded.message_id not in received and not self.may_be_unknown(world, record):
                yield f"{plan.words} was never received"
        for transfer, plan, record in _own_transfers(world):
            kinds = [event.fact.kind for event in events_that_count(world.incoming.rows.events[transfer.payment_id])]
            may_repeat = IncomingEvent.TAKEN_OVER in kinds  # what the lost region has told last is not known
            if transfer.state not in ENDS or transfer.unsent_at is not None:
                yield f"{plan.words} is still {transfer.state}"
            if transfer.state is IncomingState.POSTED:
                if not world.institution.credits[transfer.message_id]:
                    yield f"{plan.words} is {transfer.state}, and its creditor has nothing"
                told = [each.status for each in record.statuses] + _told_in_vain(world, transfer)
                if TransactionStatus.ACCC not in told or (len(record.statuses) > 1 and not may_repeat):
                    yield f"{plan.words} is {transfer.state}, and the rail was not told so once"
            is_gone = transfer.state is IncomingState.NOT_SETTLED and transfer.answer in {"ACTC", "ACWP"}
            is_gone = is_gone and plan.of is None  # of what comes back it was never told
            if is_gone and transfer.message_id not in world.institution.told_of_no_settlement:
                yield f"{plan.words} did not settle, and its institution was not told"
            if kinds.count(IncomingEvent.RECEIVED) != 1:
                yield f"{plan.words} was received {kinds.count(IncomingEvent.RECEIVED)} times"

    def may_be_unknown(self, world: World, record: Forwarded) -> bool:
        """Whether what the rail has brought need not be here."""
        del world, record
        return False


def _told_in_vain(world: World, transfer: IncomingTransfer) -> list[TransactionStatus]:
    """What we told the rail of the posting, and a link that seemed to succeed has lost: nobody answers that."""
    words = (transfer.message_id.encode(), b">ACCC<")
    return [TransactionStatus.ACCC for body in world.rail.swallowed if all(word in body for word in words)]


INCOMING_CHECKS: Final[tuple[type[Check], ...]] = (
    IncomingStatesTellTheTruth,
    MoneyIsPostedOnce,
    WeSayOneThing,
    NobodyAcceptsForTheInstitution,
    IncomingHistoriesFold,
    ReceivedOnce,
    TheLedgerHasWhatArrived,
    WhatArrivedHasItsInstruction,
    IncomingContradictsOnlyItsStandIn,
    NothingReceivedIsStuck,
)
"""Every promise about what the rail brings."""
