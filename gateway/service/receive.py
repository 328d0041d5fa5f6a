"""Receive: what the rail says is saved, counted once, and only then acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Final

from gateway.domain.doubt import NotFoundPolicy, is_of_one_copy, may_be_out_of_place, without_later_copies
from gateway.domain.events import Event, EventKind
from gateway.domain.history import is_about_last_copy, standing_hold
from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.domain.payment import Payment
from gateway.domain.posting_question import may_be_of_question, unguessed
from gateway.service.conversations.hear import ConversationHearing, Outcome, Said
from gateway.service.decide import Choice, Decisions, decide
from gateway.service.group_commit import OverloadedError
from gateway.service.incoming.hear import FAULT, ID_REUSED, Arrived, Hearing
from gateway.service.large_messages import LARGE_BYTES, Aside, split
from gateway.service.ports import (
    Clock,
    Decision,
    Identifiers,
    Leg,
    MessageDirection,
    NotHomeError,
    NotServingError,
    Observer,
    Quarantined,
    RailDelivery,
    RailLink,
    RawMessage,
    RegionStore,
    UnavailableError,
    Vault,
)
from gateway.service.rail_operations import RailNotices
from gateway.service.rail_protocol import XML_TYPE, RailProtocol, Reading, placed_by
from gateway.service.receipts import AwaitedReceipts
from gateway.service.status_questions import StatusQuestions
from gateway.service.supervise import Verdict, each
from iso20022 import (
    Finding,
    PaymentCancellationRequest,
    PaymentStatusReport,
    PaymentStatusRequest,
    ReceiptAcknowledgement,
    Resolution,
    RoutingNumber,
)

MESSAGES_MAX: Final = 64
"""Messages fetched at once; their effects share commits."""

WAIT_S: Final = 10.0
"""How long a fetch waits for a first message."""

HANDED_OVER_PAUSE_S: Final = 0.05
"""Between two looks for what the other region received for us."""

UNOPENED_PAUSE_S: Final = 10.0
"""What was sealed with a key that is not here yet is tried again after so long."""

EARLY_S: Final = 60.0
"""What the other region received, and is about nothing here, may be about what this region has yet to fetch, or a
worker of its has in hand: the rail's order holds at one connection point alone. After so long it is set aside."""

EARLY_PAUSE_S: Final = 1.0
"""Between two looks whether it has come."""

UNVERIFIED_TYPE: Final = "unverified"
"""What stands for the type of a message whose signature does not hold: nobody has read which it is."""

UNMATCHED: Final = "UNMATCHED_MESSAGE"
"""The quarantine's code for a readable message about nothing that we sent."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """One message of the rail as it was read, the keyed digest of its bytes, and when it came."""

    body: bytes
    reading: Reading
    digest: bytes
    at: datetime
    came_by: str | None = None
    """The note by which the other region's bytes came here; None where the rail brought them."""
    put_off: list[str] | None = None
    """Where it came so early that what it is about may not be here yet: its note is left here, to be tried again."""

    @property
    def is_handed_over(self) -> bool:
        """Whether the other region received it."""
        return self.came_by is not None


@dataclass(frozen=True, slots=True)
class Receiver:
    """Fetches one rail's messages and applies them: to payments that were sent, and by `incoming` to received ones."""

    decisions: Decisions
    rail: RailProtocol
    link: RailLink
    vault: Vault
    clock: Clock
    identifiers: Identifiers
    observer: Observer
    incoming: Hearing | None = None
    regions: RegionStore | None = None
    """Where there is another region: what finds no payment of ours is handed over to it."""
    notices: RailNotices | None = None
    """Hears what the rail says of itself; without it that is set aside."""
    conversations: ConversationHearing | None = None
    folding: Sequence[Callable[[], Awaitable[None]]] = ()
    """Each folds what the other region wrote of payments, or of transfers: what it hands over may be about that."""
    questions: StatusQuestions | None = None
    """Answers other institutions that ask what became of what they have sent us."""
    receipts: AwaitedReceipts | None = None
    """Forgets what something that came names: nobody has to wait for its receipt any more."""
    large_bytes: int = LARGE_BYTES
    """What is larger is read in a thread, after the others."""

    async def run(self) -> None:
        """Receive until cancelled.

        Raises:
            UnavailableError: link or store do not answer; nothing was acknowledged that was not saved.

        """
        receipts: Sequence[str] = ()
        async with Aside(self.observer) as aside:
            while True:
                fetched: list[RailDelivery] = []
                # What was saved is acknowledged while the next is on its way: the rail holds back what it handed out.
                await each([self._fetch(fetched), self._acknowledge(receipts)])
                prompt, large = split(fetched, large_bytes=self.large_bytes)
                await self.apply(prompt)
                receipts = [delivery.receipt for delivery in fetched]
                if large:  # a fetch is acknowledged as a whole: it may be one unit of work
                    await aside.put(partial(self._apply_aside, large, receipts))
                    receipts = ()

    async def _apply_aside(self, large: Sequence[RailDelivery], receipts: Sequence[str]) -> None:
        await self.apply(large)
        await self._acknowledge(receipts)

    async def _fetch(self, deliveries: list[RailDelivery]) -> None:
        deliveries += await self.link.receive(messages_max=MESSAGES_MAX, wait_s=WAIT_S)

    async def _acknowledge(self, receipts: Sequence[str]) -> None:
        if receipts:
            await self.link.acknowledge(receipts)

    async def run_for_the_other_region(self) -> None:
        """Apply what the other region received and handed over, until cancelled.

        Raises:
            UnavailableError: the store does not answer; what was not applied waits.

        """
        assert self.regions is not None, "there is another region"
        while True:
            now = self.clock.now()
            waiting = await self.regions.handed_over(self.rail.rail, now, limit=MESSAGES_MAX)
            opened = {each.position: each.body for each in waiting if isinstance(each.body, bytes)}
            brought = [RailDelivery(str(position), body) for position, body in opened.items()]
            early = {str(each.position) for each in waiting if now - each.at < timedelta(seconds=EARLY_S)}
            put_off = [int(note) for note in await self.apply(brought, is_handed_over=True, early=early)]
            if put_off:
                await self.regions.postpone_handed_over(put_off, until=now + timedelta(seconds=EARLY_PAUSE_S))
            if applied := [position for position in opened if position not in put_off]:
                await self.regions.applied(applied)
            if closed := {each.position: each.body for each in waiting if isinstance(each.body, LookupError)}:
                for fault in closed.values():
                    self.observer.fault("handed over", fault)
                until = now + timedelta(seconds=UNOPENED_PAUSE_S)
                await self.regions.postpone_handed_over(list(closed), until=until)
            if len(waiting) < MESSAGES_MAX:  # also where something was: what goes to and fro does so no faster
                await self.clock.pause(HANDED_OVER_PAUSE_S)

    async def apply(
        self, deliveries: Sequence[RailDelivery], *, is_handed_over: bool = False, early: Collection[str] = ()
    ) -> Sequence[str]:
        """Save the effect of each message; a repeat is safe. Raises UnavailableError when the store does not answer.

        What is known of all of them is read at once, and their effects are committed together; but the large ones come
        afterwards, one at a time. What was handed over by another region, and finds no payment here either, is set
        aside; its receipt is the note by which it came. Where that is among the `early` it is returned instead: it had
        no effect, and is to be applied again later.
        """
        prompt, large = split(deliveries, large_bytes=self.large_bytes)
        hear = partial(self._heard, is_handed_over=is_handed_over)
        put_off = [*await self._apply_read([hear(each) for each in prompt], early)] if prompt else []
        for delivery in large:
            put_off += await self._apply_read([await asyncio.to_thread(hear, delivery)], early)
        return put_off

    async def _apply_read(self, everything: Sequence[_Heard], early: Collection[str]) -> Sequence[str]:
        """Apply what was read, all of it of one way; see `apply`."""
        rail = self.rail.rail
        put_off: list[str] = []
        is_handed_over = any(one.is_handed_over for one in everything)
        heard = [replace(one, put_off=put_off) if one.came_by in early else one for one in everything]
        if self.incoming is not None:
            await self._arrive([one for one in heard if one.reading.transfer is not None])
            heard = [one for one in heard if one.reading.transfer is None]
        talked, others = await self._told_apart(heard)
        asked = [one for one in others if one.reading.question is not None]
        answers = [one for one in others if one.reading.question is None]
        # Money first: a conversation that fails, or whose messages are many, holds up no answer to a payment. Questions
        # last: what they are about may have come with them. All is durable before the fetch is acknowledged.
        await self._apply_answers(answers, is_handed_over=is_handed_over)
        await self._converse(talked)
        if asked:
            await self._apply_answers(asked, is_handed_over=is_handed_over)
        if self.receipts is not None and self.conversations is not None:
            await self.receipts.heard(rail, self.conversations.named([one.reading for one in everything]))
        return put_off

    async def _apply_answers(self, heard: Sequence[_Heard], *, is_handed_over: bool) -> None:
        """Apply what is said of payments and transfers, and by the rail of itself, all at once."""
        store, rail = self.decisions.store, self.rail.rail
        about = [one.reading.about for one in heard if one.reading.about is not None]
        sent = self._sent(heard)
        answered: Mapping[str, IncomingTransfer] = {}
        if self.incoming is not None and not is_handed_over:
            answered = self.incoming.just_answered([one.reading for one in heard])
        at_hand = sent.keys() | answered.keys()
        asked = [one.reading for one in heard if one.reading.about not in at_hand]
        ids = [reading.business_message_id for reading in asked if reading.business_message_id]
        seen = await store.seen(rail, ids) if ids else {}
        about = [message_id for message_id in about if message_id not in answered]
        unknown = [message_id for message_id in about if message_id not in sent]
        payments: Mapping[str, Payment] = {**sent, **(await store.find_by_message_id(rail, unknown) if unknown else {})}
        transfers = await self._transfers(about, payments)
        if is_handed_over and any(known not in transfers for known in self._perhaps_received(about, payments)):
            for fold in self.folding:  # what they are about came before them, and need not be folded yet
                await fold()
            payments = {**sent, **await store.find_by_message_id(rail, unknown)}
            transfers = await self._transfers(about, payments)
        transfers = {**transfers, **answered}
        await each([self._apply_or_park(one, seen, payments, transfers) for one in heard])

    def _sent(self, heard: Sequence[_Heard]) -> Mapping[str, Payment]:
        """What this process has just sent, and is told the status of, and nothing else.

        What is said of a request for its return, or of a transfer between two agents of ours, is about more than was
        known when it was sent.
        """
        told = {one.reading.about for one in heard if isinstance(one.reading.statement, PaymentStatusReport)}
        others = {one.reading.about for one in heard if not isinstance(one.reading.statement, PaymentStatusReport)}
        sent = self.decisions.sent.take(self.rail.rail, [each for each in told - others if each is not None])
        both = self._perhaps_received(list(sent), sent)
        return {message_id: payment for message_id, payment in sent.items() if message_id not in both}

    async def _arrive(self, arrivals: Sequence[_Heard]) -> None:
        """Save the transfers that the rail has brought; what cannot be saved is kept in quarantine."""
        if not arrivals:
            return
        assert self.incoming is not None, "only who receives is brought anything"
        codes: Sequence[str | NotServingError | None]
        try:
            codes = await self.incoming.arrive([self._arrived(one) for one in arrivals])
        except NotServingError as error:
            codes = [error] * len(arrivals)
        for one, code in zip(arrivals, codes, strict=True):
            if isinstance(code, NotServingError):
                await self._pass_on(one, code)
            elif code is not None:
                others = (each for each in one.reading.codes if each != code)
                await self._quarantine(one, (code, *others))

    async def _told_apart(self, heard: Sequence[_Heard]) -> tuple[Sequence[_Heard], Sequence[_Heard]]:
        """What belongs to conversations, and the rest: nothing is asked where every message says by itself which."""
        if self.conversations is None:
            return (), heard
        hearing = self.conversations
        known = await hearing.concerned([one.reading for one in heard if one.reading.talk is None])
        talked = [one for one in heard if hearing.is_of_conversations(one.reading, known)]
        return talked, [one for one in heard if not hearing.is_of_conversations(one.reading, known)]

    async def _converse(self, talked: Sequence[_Heard]) -> None:
        """Apply what belongs to conversations, in the order in which it came; and the reports about ourselves."""
        for one in talked:
            assert self.conversations is not None, "without it nothing is told apart"
            verdict = Verdict(but=(UnavailableError,))
            async with verdict:
                try:
                    if one.reading.talk is not None and await self._is_notice(one.reading):
                        await self._notice(one)
                        continue
                    said = Said(self._raw(one), one.reading, one.digest)
                    await self._conversed(one, await self.conversations.hear(said))
                except NotHomeError as error:
                    await self._pass_on(one, error)
            if verdict.fault is not None:
                self.observer.fault("receive", verdict.fault)
                await self._quarantine(one, (FAULT,))

    async def _conversed(self, one: _Heard, outcome: Outcome) -> None:
        """Keep apart what has had no effect in a conversation."""
        match outcome:
            case Outcome.APPLIED:
                return
            case Outcome.REPEATED:
                self.observer.duplicate_ignored(self.rail.rail, one.reading.business_message_id)
            case Outcome.UNKNOWN | Outcome.NOT_THEIRS if self.regions is not None and not one.is_handed_over:
                await self._hand_over(one)  # it may be the other region's conversation, or be said in its half
            case Outcome.UNKNOWN if _puts_off(one):
                return
            case _:
                await self._quarantine(one, (outcome.value,))

    async def _transfers(self, about: Sequence[str], payments: Mapping[str, Payment]) -> Mapping[str, IncomingTransfer]:
        """The received transfers that statements may be about: where we are sender and receiver, both have the id."""
        if self.incoming is None:
            return {}
        return await self.incoming.find(self._perhaps_received(about, payments))

    def _perhaps_received(self, about: Sequence[str], payments: Mapping[str, Payment]) -> list[str]:
        """The ids that are no payment's, or that of a payment between two agents of ours."""
        own: Collection[RoutingNumber] = () if self.incoming is None else self.incoming.asker.tenants.known
        return [each for each in about if each not in payments or payments[each].creditor_agent in own]

    def _heard(self, delivery: RailDelivery, *, is_handed_over: bool) -> _Heard:
        return _Heard(
            body=delivery.body,
            reading=self.rail.read(delivery.body) if delivery.unverified is None else _unread(delivery.unverified),
            digest=self.vault.blind_index("rail-message", delivery.body),
            at=self.clock.now(),
            came_by=delivery.receipt if is_handed_over else None,
        )

    async def _apply_or_park(
        self,
        one: _Heard,
        seen: Mapping[str, bytes],
        payments: Mapping[str, Payment],
        transfers: Mapping[str, IncomingTransfer],
    ) -> None:
        """Apply one message; a fault of ours stops that one alone, and keeps its bytes."""
        payment = payments.get(one.reading.about) if one.reading.about is not None else None
        transfer = transfers.get(one.reading.about) if one.reading.about is not None else None
        known = seen.get(one.reading.business_message_id)
        verdict = Verdict(but=(UnavailableError, OverloadedError))
        async with verdict:
            if transfer is not None and payment is not None and _is_for_both(one.reading, payment, transfer):
                await self._apply_one(one, known, payment)
                await self._hear(one, transfer, is_second=True)
            elif transfer is not None and known is None and _is_for_receiver(one.reading, payment, transfer):
                await self._hear(one, transfer)
            else:
                await self._apply_one(one, known, payment)
        if verdict.fault is not None:
            self.observer.fault("receive", verdict.fault)
            if payment is not None:
                self.observer.parked(payment.payment_id, str(verdict.fault))
            await self._quarantine(one, (FAULT,))

    async def _apply_one(self, one: _Heard, known: bytes | None, payment: Payment | None) -> None:
        reading = one.reading
        if known is not None:
            await self._repeated(one, known)
        elif reading.is_sign_of_life or (payment is None and await self._is_notice(reading)):
            await self._notice(one)
        elif reading.question is not None and self.questions is not None and self.questions.answers(self.rail.rail):
            await self._answer(one, reading.question, self.questions)
        elif reading.statement is not None and payment is None and self.regions and not one.is_handed_over:
            await self._hand_over(one)  # its facts may be on their way here still: its home knows it
        elif payment is None and isinstance(reading.statement, ReceiptAcknowledgement):
            self.observer.rail_answered(self.rail.rail)  # of an answer of ours: that it has arrived says nothing more
        elif reading.statement is not None and payment is None and _puts_off(one):
            return
        elif reading.statement is None or payment is None:
            await self._quarantine(one, reading.codes or (UNMATCHED,))
            request = reading.statement
            if self.incoming and isinstance(request, PaymentCancellationRequest) and not reading.gives_up:
                await self.incoming.requests.refuse_unknown(self.rail.rail, request, about=reading.about)
        elif mismatches := self.rail.mismatches(reading, payment):
            await self._quarantine(one, mismatches)
        else:
            try:
                decision = await self.decisions.take(payment.payment_id, self._choice(one), loaded=payment)
            except NotServingError as error:
                await self._pass_on(one, error)
                return
            if decision is not None:
                self._tell_legs(one, decision)

    async def _is_notice(self, reading: Reading) -> bool:
        """Whether the rail speaks of itself, or of what it was asked about ourselves, and somebody hears it."""
        if self.notices is None:
            return False
        return reading.notice is not None or await self.notices.is_about_ours(self.rail.rail, reading)

    async def _notice(self, one: _Heard) -> None:
        """Keep what the rail says of itself, once; the answer to a PING is a sign of life, too."""
        if one.reading.is_sign_of_life:
            self.observer.rail_answered(self.rail.rail)
        if self.notices is None or (one.reading.is_sign_of_life and one.reading.notice is None):
            return
        known = await self.notices.hear(self.rail.rail, self._raw(one), one.reading, digest=one.digest)
        if known is not None:
            await self._repeated(one, known)

    async def _answer(self, one: _Heard, question: PaymentStatusRequest, questions: StatusQuestions) -> None:
        """Have a question of another institution answered, once; what it is about may be the other region's."""
        if self.regions and not one.is_handed_over and not await questions.knows(self.rail.rail, question):
            await self._hand_over(one)
            return
        known = await questions.answer(self.rail.rail, question, self._raw(one), digest=one.digest)
        if known is not None:
            await self._repeated(one, known)

    async def _pass_on(self, one: _Heard, error: NotServingError) -> None:
        """Keep for the other region what this one may not act upon; what has come from there waits until it may."""
        if self.regions is None or (one.is_handed_over and not isinstance(error, NotHomeError)):
            raise error
        await self._hand_over(one)

    async def _hand_over(self, one: _Heard) -> None:
        """Keep it, durably, for its home, which applies it once it is replicated.

        While both regions believe that the payment is the other's, as when its slot is handed over, it goes to and fro.
        """
        assert self.regions is not None, "without another region everything is at home"
        await self.regions.hand_over(self.rail.rail, one.body, at=one.at, came_by=one.came_by)

    async def _hear(self, one: _Heard, transfer: IncomingTransfer, *, is_second: bool = False) -> None:
        """Apply what the rail says of a transfer that it has brought; `is_second`: it was applied to its sender."""
        assert self.incoming is not None, "only who receives is told of what was received"
        inbox_id = f"receiver:{one.reading.business_message_id}" if is_second else None
        if mismatches := self.incoming.rail.mismatches(one.reading, transfer):
            await self._quarantine(one, mismatches)
            return
        try:
            is_first = await self.incoming.hear(self._arrived(one), transfer, inbox_id=inbox_id)
        except NotServingError as error:
            await self._pass_on(one, error)
            return
        if not is_first:
            counted = inbox_id or one.reading.business_message_id
            seen = await self.decisions.store.seen(self.rail.rail, [counted])
            await self._repeated(one, seen.get(counted, one.digest))

    def _arrived(self, one: _Heard) -> Arrived:
        return Arrived(self._raw(one), one.reading, one.digest)

    def _tell_legs(self, one: _Heard, decision: Decision) -> None:
        self.observer.leg(Leg.ANSWER, (self.clock.now() - one.at).total_seconds())
        if decision.state.is_final and not decision.payment.state.is_final:
            sent_at = decision.payment.creation_time or one.at
            self.observer.leg(Leg.RAIL, (one.at - sent_at).total_seconds())

    async def _repeated(self, one: _Heard, known: bytes) -> None:
        """The id has had its effect: the same bytes again are ignored, others are a person's to look at."""
        if known == one.digest:
            self.observer.duplicate_ignored(self.rail.rail, one.reading.business_message_id)
        else:
            await self._quarantine(one, (ID_REUSED,))

    def _choice(self, one: _Heard) -> Choice:
        raw, reading = self._raw(one), one.reading
        tries = count()

        async def choose(current: Payment) -> Decision | None:
            if next(tries):  # something was saved first: perhaps another delivery of this very message
                seen = await self.decisions.store.seen(self.rail.rail, [reading.business_message_id])
                if (known := seen.get(reading.business_message_id)) is not None:
                    await self._repeated(one, known)
                    return None
            now = self.clock.now()
            event = self.rail.event(reading, current, at=now)
            if is_of_one_copy(event):
                event = await self._of_all_copies(event, reading, current, at=now)
            elif may_be_out_of_place(event, current):
                events = await self.decisions.store.events(current.payment_id)
                event = placed_by(self.rail, reading, event, current, events)
            elif may_be_of_question(event, current):
                event = unguessed(event, await self.decisions.store.events(current.payment_id))
            return decide(
                current,
                event,
                at=now,
                timing=self.rail.timing,
                messages=(raw,),
                inbox_id=reading.business_message_id,
                inbox_digest=one.digest,
            )

        return choose

    async def _of_all_copies(self, event: Event, reading: Reading, payment: Payment, *, at: datetime) -> Event:
        store = self.decisions.store
        # What the rail does not find may have been there: a return goes again under the same ids, or not at all.
        policy = NotFoundPolicy.RESEND if payment.is_return else await store.not_found_policy(payment.tenant_id)
        events = await store.events(payment.payment_id)
        was_taken_over = any(recorded.event.kind is EventKind.TAKEN_OVER for recorded in events)
        # A payment that was taken over is asked about before its first copy leaves: that copy may follow a question.
        is_first = payment.transfers <= 1 and not was_taken_over
        counts = is_first or is_about_last_copy(events, reading.about)
        is_of_today = self.rail.is_of_today(payment, at=at)
        is_sendable = is_of_today or not self.rail.check_date(payment.message_id, at=at)
        if not payment.transfers and is_sendable and at < self.rail.timing.latest_sending(payment):
            # It was asked about before it was sent at all, and there is time; as a new one, under yesterday's ids, too.
            policy, is_of_today = NotFoundPolicy.RESEND, True
        if not payment.transfers and is_of_today and standing_hold(events) is not None:
            policy = NotFoundPolicy.RESEND  # it was held, and is held again: a person is at work on it
        return without_later_copies(event, policy=policy, is_of_today=is_of_today, is_about_last_copy=counts)

    async def _quarantine(self, one: _Heard, codes: tuple[str, ...]) -> None:
        quarantined = Quarantined(self._raw(one), self.rail.rail, codes)
        await self.decisions.store.quarantine([quarantined])
        self.observer.quarantined(quarantined)

    def _raw(self, one: _Heard) -> RawMessage:
        return RawMessage(
            message_id=self.identifiers.new_uuid(),
            direction=MessageDirection.RAIL_IN,
            message_type=one.reading.message_type,
            business_message_id=one.reading.business_message_id,
            content_type=XML_TYPE,
            body=one.body,
            at=one.at,
        )


def _unread(unverified: Finding) -> Reading:
    """What is known of a message whose signature does not hold: that it is to be kept, and why."""
    return Reading("", UNVERIFIED_TYPE, None, None, (unverified.code,))


def _puts_off(one: _Heard) -> bool:
    """Whether what finds nothing here is to be tried again: it is noted then."""
    if one.put_off is None:
        return False
    assert one.came_by is not None, "only what was handed over can be early"
    one.put_off.append(one.came_by)
    return True


def _is_for_both(reading: Reading, payment: Payment, transfer: IncomingTransfer) -> bool:
    """Whether a statement says the same to sender and receiver, because both are one institution of ours.

    The rail tells each; both messages are alike, and true of both. What is the receiver's own word, relayed to the
    sender, is no news to who has said it.
    """
    said = reading.statement
    if reading.gives_up:
        return payment.message_id == transfer.message_id
    if transfer.instructing_agent != transfer.instructed_agent or payment.message_id != transfer.message_id:
        return False
    return isinstance(said, PaymentStatusReport) and said.instructing_agent != transfer.instructed_agent


def _is_for_receiver(reading: Reading, payment: Payment | None, transfer: IncomingTransfer) -> bool:
    """Whether a statement is to the receiver of a transfer; where we have sent it as well, the addressee tells.

    So it is where only the other region may know that: what is to the sender is none of the receiver's.
    """
    if payment is None:
        to_sender = getattr(reading.statement, "instructed_agent", None) == transfer.instructing_agent
        is_of_sender = to_sender and transfer.instructing_agent != transfer.instructed_agent
        return not is_of_sender and not isinstance(reading.statement, ReceiptAcknowledgement)
    if isinstance(reading.statement, PaymentCancellationRequest | Resolution | ReceiptAcknowledgement):
        return isinstance(reading.statement, PaymentCancellationRequest)
    is_ours_twice = transfer.instructing_agent == transfer.instructed_agent
    addressee = getattr(reading.statement, "instructed_agent", None)
    return not is_ours_twice and addressee == transfer.instructed_agent
