"""What must hold after each step of a world, and at its end. A further promise is a further class in `CHECKS`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from gateway.domain.audit import chained
from gateway.domain.events import EventKind
from gateway.domain.history import fold
from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.domain.ledger import Account, balances
from gateway.domain.payment import FundsHolder, IdempotencyKey, Payment, PaymentId, PaymentState, Rail, TenantId
from gateway.service.ports import MessageClass, Quarantined, Queue, QueueDirection
from gateway.service.receive import UNMATCHED
from iso20022 import FedNowProfile
from tests.fakes.store import Chained
from tests.simulation.check import Check
from tests.simulation.incoming_checks import INCOMING_CHECKS
from tests.simulation.returns_checks import RETURNS_CHECKS
from tests.simulation.screening import SCREENING_CHECKS
from tests.simulation.talk_checks import TALK_CHECKS
from tests.simulation.witness import Accepting, Acknowledging, Leaving, Settling, Told, Witnessed

if TYPE_CHECKING:
    from tests.simulation.world import World

SEND_MARGIN: Final = timedelta(seconds=1)
"""What the rail needs at the least: with less left a payment is not sent."""

PROMISE: Final = timedelta(seconds=15)
"""From acceptance, or from the release of what was held."""

RAIL_CLOCK: Final = timedelta(seconds=FedNowProfile().rail_clock_s)

MOVED: Final = frozenset(
    {PaymentState.SETTLED, PaymentState.ACCEPTED_WITHOUT_POSTING, PaymentState.RETURN_DUE, PaymentState.RETURNED}
)
"""The states that say that money has moved."""

SENDABLE: Final = frozenset({PaymentState.RECEIVED, PaymentState.RELEASED, PaymentState.RESEND_DUE})
"""The states in which a transfer waits to be sent."""

_VALUE: Final = Queue.of(Rail.FEDNOW, QueueDirection.OUT, MessageClass.VALUE)

ACCOUNTS: Final = {
    PaymentState.RECEIVED: Account.FUNDS,
    PaymentState.HELD: Account.FUNDS,
    PaymentState.RELEASED: Account.FUNDS,
    PaymentState.SENDING: Account.RESERVED,
    PaymentState.IN_DOUBT: Account.RESERVED,
    PaymentState.AWAITING_OPERATOR: Account.RESERVED,
    PaymentState.RESEND_DUE: Account.RESERVED,
    PaymentState.SETTLED: Account.RAIL,
    PaymentState.ACCEPTED_WITHOUT_POSTING: Account.RAIL,
    PaymentState.RETURN_DUE: Account.RAIL,
    PaymentState.RETURNED: Account.RAIL,
    PaymentState.REJECTED: Account.FUNDS,
}
"""Where the money stands in each state, written down here once more."""

TAKEN_FROM: Final = {
    FundsHolder.TENANT: Account.FUNDS,
    FundsHolder.CORE: Account.FUNDS,
    FundsHolder.ARRIVED: Account.ARRIVED,
}

FINAL: Final = MOVED | {PaymentState.REJECTED}

MAY_FOLLOW: Final = frozenset(
    {
        (PaymentState.ACCEPTED_WITHOUT_POSTING, PaymentState.SETTLED),
        (PaymentState.ACCEPTED_WITHOUT_POSTING, PaymentState.RETURN_DUE),
        *((state, PaymentState.RETURNED) for state in MOVED),
    }
)
"""What may follow a final state: what the creditor's institution says of the posting, and that it comes back. Written
down here once more, so that a fault in the gateway's own table cannot agree with itself."""


# --- Money ----------------------------------------------------------------------------------------------------------


class MoneyMovesOnce(Check):
    """Counted over every copy that reached the rail, as if the rail refused none for its id."""

    promise = "money moves at most once"

    def on_step(self, world: World, _changed: Sequence[PaymentId]) -> Iterator[str]:
        for plan in world.scenario.payments:
            if (moved := world.rail.account_of(world.reference(plan.number)).moved) > 1:
                yield f"payment {plan.number}: money would have moved {moved} times"


class NothingIsSentTwice(Check):
    """A second copy needs the rail's word that it has none, and a tenant that wants it sent again."""

    promise = "nothing is sent twice"

    def on_step(self, world: World, _changed: Sequence[PaymentId]) -> Iterator[str]:
        for payment in world.payments:
            copies = world.rail.account_for(payment).copies
            if copies > 1 and copies > 1 + _count(world, payment, EventKind.RESENDING_CHOSEN):
                yield f"{world.words(payment)}: {copies} copies have reached the rail"


class StatesTellTheTruth(Check):
    """Nothing is ever guessed: what a state says of the money is so at that moment, and stays so."""

    promise = "a state says of the money what the rail's book says"

    def on_step(self, world: World, _changed: Sequence[PaymentId]) -> Iterator[str]:
        for payment in world.payments:
            moved = world.rail.account_for(payment).moved
            if payment.state in MOVED and not moved:
                yield f"{world.words(payment)} is {payment.state}, and no money has moved"
            if payment.state is PaymentState.REJECTED and moved:
                yield f"{world.words(payment)} is {payment.state}, and money has moved"


class FinalsStayFinal(Check):
    """But for what the creditor's institution says of the posting."""

    promise = "a final state stays"

    def on_step(self, world: World, changed: Sequence[PaymentId]) -> Iterator[str]:
        for payment_id in changed:
            for event in world.store.rows.events[payment_id]:
                pair = (event.state_before, event.state_after)
                if event.state_before in FINAL and pair[0] is not pair[1] and pair not in MAY_FOLLOW:
                    yield f"{world.words(payment_id)} was {pair[0]}, and is {pair[1]} by {event.event.kind}"


class NothingContradicts(Check):
    """The rail of this world is honest: a contradiction is of our own making."""

    promise = "an honest rail never contradicts what we hold for certain"

    def on_step(self, world: World, changed: Sequence[PaymentId]) -> Iterator[str]:
        for payment_id in changed:
            if world.store.rows.contradictions[payment_id] and not self.was_forgotten(world, payment_id):
                yield f"{world.words(payment_id)}: a contradiction is reported"

    def was_forgotten(self, world: World, payment_id: PaymentId) -> bool:
        """Whether something of the payment had been saved that nobody has any more."""
        del world, payment_id
        return False


# --- What leaves ----------------------------------------------------------------------------------------------------


class SavedBeforeSent(Check):
    """Decide, save, act: a state in which money may move is saved before the bytes leave."""

    promise = "what leaves for the rail was saved before"

    def on_witnessed(self, world: World, witnessed: Witnessed) -> Iterator[str]:
        if isinstance(witnessed, Leaving) and witnessed.body not in world.saved_bodies():
            yield f"{witnessed.process} sends a message that is not saved"


class NothingExpiredIsSent(Check):
    """Neither a payment whose time is over, nor a copy that the rail's clock has run out for."""

    promise = "nothing is sent whose time has run out"

    def on_witnessed(self, world: World, witnessed: Witnessed) -> Iterator[str]:
        if not isinstance(witnessed, Leaving) or witnessed.message_class is not MessageClass.VALUE:
            return
        payment = world.payment_of_body(witnessed.body)
        if payment is None:
            return
        history = world.history(payment)
        sent = [event for event in history if event.event.kind is EventKind.SENDING_STARTED]
        latest = [event.at + RAIL_CLOCK - SEND_MARGIN for event in sent[-1:]]
        # What was taken over is asked about first: its first sending may be the rail's word that it has none.
        is_again = any(event.event.kind is EventKind.RESENDING_CHOSEN for event in history)
        released = [event.at for event in history if event.event.kind is EventKind.HOLD_RELEASED]
        if len(sent) <= 1 and not is_again:
            begun_at = released[-1] + PROMISE if released else payment.deadline_at
            latest.append(begun_at - SEND_MARGIN)
        if latest and world.now() > min(latest):
            yield f"{witnessed.process} sends {world.words(payment)}, whose time ran out before"


class OwnIdsOnly(Check):
    """Equal submissions have equal ids, and go out under them, however often and wherever they are made anew."""

    promise = "equal submissions have equal ids"

    def __init__(self) -> None:
        self._ids: dict[tuple[TenantId, IdempotencyKey, object], tuple[object, ...]] = {}

    def on_witnessed(self, world: World, witnessed: Witnessed) -> Iterator[str]:
        if isinstance(witnessed, Accepting):
            for new in witnessed.payments:
                ids = (new.payment_id, new.message_id, new.end_to_end_id, new.uetr, new.outbox[0].delivery_id)
                key = (new.tenant_id, new.idempotency_key, new.business_date)
                if self._ids.setdefault(key, ids) != ids:
                    yield f"the key {new.idempotency_key} leads to other ids than before"


# --- What was acknowledged ----------------------------------------------------------------------------------------


class NothingAcknowledgedIsLost(Check):
    """To a client: the payment is in the store, under the same ids, for ever."""

    promise = "what was acknowledged to a client is in the store"

    def __init__(self) -> None:
        self._told: dict[int, PaymentId] = {}

    def on_witnessed(self, world: World, witnessed: Witnessed) -> Iterator[str]:
        if isinstance(witnessed, Told):
            number, payment_id = witnessed.number, witnessed.payment.payment_id
            if payment_id not in world.store.rows.payments:
                yield f"payment {number} was acknowledged, and is not in the store"
            if self._told.setdefault(number, payment_id) != payment_id:
                yield f"payment {number} was acknowledged as two payments"

    def on_end(self, world: World) -> Iterator[str]:
        for number, payment_id in self._told.items():
            if payment_id not in world.store.rows.payments:
                yield f"payment {number} was acknowledged, and is lost"
        references = Counter(payment.end_to_end_id for payment in world.payments if not payment.is_return)
        yield from (f"{reference} is {count} payments" for reference, count in references.items() if count > 1)


class TheClientIsToldTheTruth(Check):
    """A final status, once told, is what the payment ends in."""

    promise = "a client that was told a final status was told the truth"

    def __init__(self) -> None:
        self._told: dict[PaymentId, PaymentState] = {}

    def on_witnessed(self, world: World, witnessed: Witnessed) -> Iterator[str]:
        if isinstance(witnessed, Told) and witnessed.payment.state in FINAL:
            self._told[witnessed.payment.payment_id] = witnessed.payment.state
        yield from ()

    def on_end(self, world: World) -> Iterator[str]:
        for payment_id, told in self._told.items():
            now = world.store.rows.payments[payment_id].state
            if now is not told and (told, now) not in MAY_FOLLOW:
                yield f"{world.words(payment_id)}: its client was told {told}, and it is {now}"


class AppliedBeforeAcknowledged(Check):
    """To the rail: what it was told is saved, it forgets."""

    promise = "what is acknowledged to the rail has had its effect, or is in quarantine"

    def on_witnessed(self, world: World, witnessed: Witnessed) -> Iterator[str]:
        if not isinstance(witnessed, Acknowledging):
            return
        kept = world.saved_bodies() | {each.message.body for each in world.store.rows.quarantine.values()}
        for body in witnessed.bodies:
            if body not in kept and b"admi.011" not in body:
                yield "a message was acknowledged to the rail, and is not saved"


class HandledBeforeSettled(Check):
    """To the bus: a transfer that waits to be sent still has its delivery."""

    promise = "a delivery is settled after it had its effect"

    def on_witnessed(self, world: World, witnessed: Witnessed) -> Iterator[str]:
        if isinstance(witnessed, Settling) and witnessed.delivery.queue is _VALUE:
            own = {payment.payment_id: payment for payment in world.payments if not payment.is_taken_over}
            payment = own.get(witnessed.delivery.payment_id)  # of what is another region's now, that one has it sent
            if payment is not None and payment.state is PaymentState.RECEIVED:
                yield f"{witnessed.process} settled the delivery of {world.words(payment)}, which still waits for it"


class NothingIsRefused(Check):
    """Every submission of this world is valid."""

    promise = "what is valid is accepted"

    def on_end(self, world: World) -> Iterator[str]:
        yield from (f"refused: {', '.join(refusal.codes)}" for refusal in world.store.rows.refusals.values())
        for each in world.store.rows.quarantine.values():
            is_early = self.came_before_its_transfer(world, each) or _came_before_its_request(world, each)
            if each.codes != (UNMATCHED,) or not is_early:
                yield f"in quarantine: {', '.join(each.codes)}"

    def came_before_its_transfer(self, world: World, quarantined: Quarantined) -> bool:
        """Whether the rail's word that time ran out was heard before the transfer, which lay with who had died."""
        return any(quarantined.message.at <= each.received_at for each in given_up(world, quarantined))


def given_up(world: World, quarantined: Quarantined) -> Sequence[IncomingTransfer]:
    """Return the transfer that a message which was set aside says to be at its end without money, if it says so."""
    body = quarantined.message.body
    transfers = world.incoming.rows.transfers.values() if b">RJCT<" in body else ()
    return [each for each in transfers if each.message_id.encode() in body]


def _came_before_its_request(world: World, quarantined: Quarantined) -> bool:
    """Whether a request was taken back before it was heard, as it lay with who had died: a person sees to it."""
    raw = quarantined.message
    return any(
        known.message_id.encode() in raw.body and raw.message_type.startswith("camt.055") and raw.at <= known.opened_at
        for known in world.conversations.rows.conversations.values()
    )


# --- The record -----------------------------------------------------------------------------------------------------


class HistoriesFold(Check):
    """Events are only added, without a gap, each where the one before it ended; and they make the state."""

    promise = "the history is whole, and makes the state"

    def __init__(self) -> None:
        self._known: dict[PaymentId, list[object]] = {}

    def on_step(self, world: World, changed: Sequence[PaymentId]) -> Iterator[str]:
        for payment_id in changed:
            events, payment = world.store.rows.events[payment_id], world.store.rows.payments[payment_id]
            known = self._known.get(payment_id, [])
            if known != events[: len(known)]:
                yield f"{world.words(payment)}: its history was rewritten"
            self._known[payment_id] = list(events)
            if [event.sequence for event in events] != list(range(1, len(events) + 1)):
                yield f"{world.words(payment)}: its history has a gap, or a number twice"
            for before, after in pairwise(events):
                if after.state_before is not before.state_after:
                    where = f"begins in {after.state_before}, not {before.state_after}"
                    yield f"{world.words(payment)}: {after.event.kind} {where}"
            folded = fold(events)
            made = (
                folded.state,
                folded.version,
                folded.status,
                folded.reason,
                folded.transfers,
                folded.status_requests,
                folded.returned_cents,
                folded.request,
            )
            kept = (
                payment.state,
                payment.version,
                payment.status,
                payment.reason,
                payment.transfers,
                payment.status_requests,
                payment.returned_cents,
                payment.request,
            )
            if made != kept:
                yield f"{world.words(payment)}: its events make {made}, and the store says {kept}"


class TheLedgerSaysTheSame(Check):
    """Money stands in the account that the payment's state names, in whole, and in no other."""

    promise = "the ledger is in balance, and says what the states say"

    def on_step(self, world: World, changed: Sequence[PaymentId]) -> Iterator[str]:
        rows = world.store.rows
        for payment_id in changed:
            payment, held = rows.payments[payment_id], balances(rows.postings.get(payment_id, ()))
            cents, stands_in = payment.amount.cents, ACCOUNTS[payment.state]
            due = {account: cents if account is stands_in else 0 for account in (Account.RESERVED, Account.RAIL)}
            taken = dict.fromkeys((Account.FUNDS, Account.ARRIVED), 0)
            taken[TAKEN_FROM[payment.funds_holder]] = -sum(due.values())
            if held != {**taken, **due}:
                yield f"{world.words(payment)}: its money is booked as {held}"


class TheChainIsIntact(Check):
    """Every event has a digest, which follows from the one before it, and from what it says."""

    promise = "the chain of digests is intact"

    def on_end(self, world: World) -> Iterator[str]:
        rows = world.store.rows
        known: dict[PaymentId, list[Chained]] = {}
        for link in rows.chain:
            payment_id = PaymentId(link.facts.payment_id)
            if not self.begins_once(world, payment_id):
                continue
            earlier = known.setdefault(payment_id, [])
            before = self.link_before(link, earlier).digest if earlier else rows.facts[payment_id].digest()
            if link.digest != chained(before, epoch=link.epoch, facts=link.facts.digest(link.messages)):
                yield f"{world.words(rows.payments[payment_id])}: event {link.facts.sequence} is not chained"
            earlier.append(link)
        links = Counter(link.facts.payment_id for link in rows.chain)
        for payment_id, events in rows.events.items():
            if links[payment_id] != len(events):
                yield f"{world.words(payment_id)}: {len(events)} events, and {links[payment_id]} in the chain"

    def link_before(self, link: Chained, earlier: Sequence[Chained]) -> Chained:
        """Return the link that another one follows from, of all that are here before it."""
        del link
        return earlier[-1]

    def begins_once(self, world: World, payment_id: PaymentId) -> bool:
        """Whether one region alone has accepted it."""
        del world, payment_id
        return True


class MessagesCountOnce(Check):
    """However often the rail delivers a message."""

    promise = "a message of the rail has its effect once"

    def on_step(self, world: World, changed: Sequence[PaymentId]) -> Iterator[str]:
        for payment_id in changed:
            ids = Counter(
                message.business_message_id
                for message in world.store.rows.messages[payment_id]
                if message.direction == "rail_in"
            )
            yield from (f"{world.words(payment_id)}: {each} counted {n} times" for each, n in ids.items() if n > 1)


# --- Liveness -------------------------------------------------------------------------------------------------------


class DoubtHasANextStep(Check):
    """Whatever is open is awaited: by a timer, or by a person."""

    promise = "what is open has a next step"

    def on_step(self, world: World, changed: Sequence[PaymentId]) -> Iterator[str]:
        for payment_id in changed:
            payment = world.store.rows.payments[payment_id]
            is_open = payment.state not in FINAL and payment.state is not PaymentState.AWAITING_OPERATOR
            if is_open and payment.next_step_at is None:
                yield f"{world.words(payment)} is {payment.state}, and nothing is awaited"


class WhatWaitsHasADelivery(Check):
    """Published before it is deleted, handled before it is settled: at no instant is it nowhere."""

    promise = "what waits to be sent is in the outbox or on the bus"

    def on_step(self, world: World, _changed: Sequence[PaymentId]) -> Iterator[str]:
        on_their_way = {row.delivery.payment_id for row in world.store.rows.outbox} | world.bus.payments(_VALUE)
        for payment in world.payments:
            is_here = not payment.is_taken_over  # its slot has moved: whoever has it now asks first
            if is_here and payment.state in SENDABLE and payment.payment_id not in on_their_way:
                yield f"{world.words(payment)} is {payment.state}, and no delivery will have it sent"


class NothingIsStuck(Check):
    """At the end all is final, and nothing waits anywhere."""

    promise = "at the end all is final and nothing waits"

    def on_end(self, world: World) -> Iterator[str]:
        for payment in world.payments:
            if payment.state not in FINAL:
                yield f"{world.words(payment)} is still {payment.state}"
        waits = {
            "rows in the outbox": len(world.store.rows.outbox),
            "deliveries on the bus": world.bus.waiting,
            "dead letters": world.bus.dead,
            "messages at the rail": world.rail.unacknowledged,
            "clients without an answer": world.clients_waiting,
        }
        yield from (f"{count} {what}" for what, count in waits.items() if count)


CHECKS: Final[tuple[type[Check], ...]] = (
    MoneyMovesOnce,
    NothingIsSentTwice,
    StatesTellTheTruth,
    FinalsStayFinal,
    NothingContradicts,
    SavedBeforeSent,
    NothingExpiredIsSent,
    OwnIdsOnly,
    NothingAcknowledgedIsLost,
    TheClientIsToldTheTruth,
    AppliedBeforeAcknowledged,
    HandledBeforeSettled,
    NothingIsRefused,
    HistoriesFold,
    TheLedgerSaysTheSame,
    TheChainIsIntact,
    MessagesCountOnce,
    DoubtHasANextStep,
    WhatWaitsHasADelivery,
    NothingIsStuck,
    *INCOMING_CHECKS,
    *SCREENING_CHECKS,
    *RETURNS_CHECKS,
    *TALK_CHECKS,
)
"""Every promise, in the order in which they are looked at."""


def _count(world: World, payment: Payment, kind: EventKind) -> int:
    return sum(event.event.kind is kind for event in world.history(payment))
