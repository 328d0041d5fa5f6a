"""Hearing the other side: what the rail brings in conversations is saved with its effect, once, and acknowledged."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from gateway.domain.conversation import (
    WITHDRAWING,
    Act,
    Conversation,
    ConversationId,
    ConversationKind,
    ConversationState,
    Side,
    due_after,
    first_state,
    is_theirs_to_say,
    step_after,
)
from gateway.domain.identity import conversation_id_of
from gateway.domain.latest_status import NOT_OPEN
from gateway.domain.payment import PaymentId, Rail, Reason, ReasonOrigin
from gateway.service.conversations.decide import ATTEMPTS_MAX, decided, delivery_of, kept
from gateway.service.conversations.rail import ConversationRail, Opening
from gateway.service.incoming.tenants import ReceivingTenants
from gateway.service.ports import (
    Clock,
    Identifiers,
    IncomingStore,
    PaymentStore,
    RawMessage,
    UnavailableError,
)
from gateway.service.ports.conversations import ConversationStore, Counted, NewConversation, OpenKind
from gateway.service.rail_protocol import OutboundMessage, Reading, Statement, Talk
from iso20022 import (
    AccountReportMessage,
    MessageReject,
    PaymentAcknowledgement,
    PaymentCancellationRequest,
    ReceiptAcknowledgement,
    RequestForPaymentCancellation,
)
from iso20022.messages.camt054 import DebitCreditNotification

EXPIRED: Final = Reason("NARR", ReasonOrigin.GATEWAY, "The request had expired when it arrived.")
_BY_THE_RAIL: Final = (MessageReject, ReceiptAcknowledgement, AccountReportMessage, DebitCreditNotification)
"""What names nobody who says it: the rail does, and its header was looked at. All else without a name is nobody's."""


class Outcome(StrEnum):
    """What became of a message; what is a fault of the other side's is the code under which it is kept apart."""

    APPLIED = "applied"
    REPEATED = "repeated"
    UNKNOWN = "UNMATCHED_MESSAGE"
    ID_REUSED = "MESSAGE_ID_REUSED"
    NOT_THEIRS = "NOT_THEIRS_TO_SAY"
    MEANINGLESS = "NO_MEANING_HERE"


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the rail's: its bytes as they are kept, how it was read, and the keyed digest of its bytes."""

    raw: RawMessage
    reading: Reading
    digest: bytes


@dataclass(frozen=True, slots=True)
class ConversationHearing:
    """Applies what one rail brings to conversations."""

    store: ConversationStore
    payments: PaymentStore
    incoming: IncomingStore
    tenants: ReceivingTenants
    rail: ConversationRail
    unknown_agent: str
    clock: Clock
    identifiers: Identifiers

    async def concerned(self, readings: Sequence[Reading]) -> Mapping[str, Mapping[Side, Conversation]]:
        """Return the conversations that messages are about, by the ids that the messages name.

        An answer to a case, an acknowledgement and a refusal may as well be about a payment: they are a conversation's
        where one is found.
        """
        named = self.named(readings)
        return await self.store.find_by_message_id(self.rail.rail, named) if named else {}

    def named(self, readings: Sequence[Reading]) -> Sequence[str]:
        """Return the ids of the messages of ours that messages answer, acknowledge or refuse; pure."""
        return [each for reading in readings if (said := _said(reading)) for each in self.rail.about(said)]

    def is_of_conversations(self, reading: Reading, known: Mapping[str, Mapping[Side, Conversation]]) -> bool:
        """Whether a message is for `hear`."""
        if reading.talk is not None:
            return True
        said = _said(reading)
        return said is not None and any(each in known for each in self.rail.about(said))

    async def hear(self, message: Said) -> Outcome:
        """Save what a message means, once; a repeat is safe.

        Raises:
            NotHomeError: the conversation goes on in the other region, which is to hear it.
            UnavailableError: the store does not answer; nothing may be acknowledged.

        """
        said, header_id = _said(message.reading), message.reading.business_message_id
        assert said is not None, "only what says something is heard"
        seen = await self.payments.seen(self.rail.rail, [header_id])
        if (known := seen.get(header_id)) is not None:
            return Outcome.REPEATED if known == message.digest else Outcome.ID_REUSED
        talk = message.reading.talk
        opening = None if talk is None else self.rail.opening(talk, business_message_id=header_id)
        if talk is not None and opening is not None:
            return await self._open(message, talk, opening)
        return await self._go_on(message, said)

    # --- opening ---

    async def _open(self, message: Said, talk: Talk, opening: Opening) -> Outcome:
        await self.tenants.ensure()
        now, rail = self.clock.now(), self.rail.rail
        is_ours = opening.own_agent in self.tenants.known
        conversation_id = ConversationId(conversation_id_of("heard", rail, opening.message_id))
        state = first_state(opening.kind, Side.THEM)
        about = await self._subject(opening)
        conversation = Conversation(
            conversation_id=conversation_id,
            tenant_id=self.tenants.keeper_of(opening.own_agent),
            rail=rail,
            kind=opening.kind,
            side=Side.THEM,
            message_id=opening.message_id,
            own_agent=opening.own_agent,
            counterparty=opening.counterparty,
            topic=opening.topic,
            amount=opening.amount,
            end_to_end_id=opening.end_to_end_id,
            about_id=about.conversation_id if isinstance(about, Conversation) else about,
            is_about_request=isinstance(about, Conversation),
            opened_at=now,
            pay_by=opening.pay_by,
            expires_at=opening.expires_at,
            state=state,
            version=1,
            due_at=due_after(opening.kind, state, at=now, pay_by=opening.pay_by, expires_at=opening.expires_at),
            updated_at=now,
        )
        act, reason = self._judged(conversation, is_ours=is_ours, at=now)
        reason = None if act is None or reason is None else self.rail.own_reason(act, reason)
        said = self._receipts(talk, message, at=now)
        if act is not None:
            step = step_after(conversation, act)
            assert step is not None, "what the gateway answers by itself is in the table"
            said = (*said, *self.rail.answer(conversation, act, (message.raw,), reason=reason, information=(), at=now))
            conversation = replace(conversation, state=step.state, due_at=None)
        messages = (message.raw, *kept(said, self.identifiers, at=now))
        opened = await self.store.open(
            NewConversation(
                conversation,
                message.digest,
                messages,
                outbox=(delivery_of(conversation, version=1, at=now),) if said else (),
                counted=Counted(message.reading.business_message_id, message.digest),
                reason=reason,
                by=None if act is None else "gateway",
            )
        )
        if opened.kind is OpenKind.OPENED:
            return Outcome.APPLIED
        # The same bytes, heard by another worker at the same moment; or another message under the same id.
        return Outcome.REPEATED if opened.kind is OpenKind.REPEATED else Outcome.ID_REUSED

    def _judged(self, conversation: Conversation, *, is_ours: bool, at: datetime) -> tuple[Act | None, Reason | None]:
        """What the gateway answers without asking anybody: to what is for nobody here, and to what is over."""
        match conversation.kind:
            case ConversationKind.REQUEST_FOR_PAYMENT if not is_ours:
                return Act.REFUSED, Reason(self.unknown_agent, ReasonOrigin.GATEWAY)
            case ConversationKind.REQUEST_FOR_PAYMENT:
                is_over = conversation.expires_at is not None and at > conversation.expires_at
                return (Act.REFUSED, EXPIRED) if is_over else (None, None)
            case ConversationKind.INFORMATION_REQUEST if not is_ours:
                return Act.NO_INFORMATION, None
            case _:
                return None, None

    async def _subject(self, opening: Opening) -> PaymentId | Conversation | None:
        """The payment of ours, the transfer that came, or the request for payment of ours, that a message names."""
        if not opening.about:
            return None
        rail, named = self.rail.rail, opening.about[0]
        sent = (await self.payments.find_by_message_id(rail, [named])).get(named)
        if sent is not None:
            return sent.payment_id
        came = (await self.incoming.find_by_message_id(rail, [named])).get(named)
        if came is not None:
            return came.payment_id
        ours = [each[Side.US] for each in (await self._known_by(opening.about)) if Side.US in each]
        requests = [each for each in ours if each.kind is ConversationKind.REQUEST_FOR_PAYMENT]
        between = (opening.own_agent, opening.counterparty)
        return next((each for each in requests if (each.own_agent, each.counterparty) == between), None)

    async def _known_by(self, named: Sequence[str]) -> Collection[Mapping[Side, Conversation]]:
        return (await self.store.find_by_message_id(self.rail.rail, named)).values()

    # --- going on ---

    async def _go_on(self, message: Said, said: Talk | Statement) -> Outcome:
        for _ in range(ATTEMPTS_MAX):
            conversation = await self._found(said)
            if conversation is None:
                return Outcome.UNKNOWN
            act = await self._meant(said, conversation)
            if act is None or step_after(conversation, act) is None:
                return Outcome.MEANINGLESS
            if not self._is_by_the_other_side(said, conversation) or not is_theirs_to_say(conversation, act):
                return Outcome.NOT_THEIRS
            if await self._saved(message, said, conversation, act):
                return Outcome.APPLIED
            header_id = message.reading.business_message_id
            if header_id in await self.payments.seen(self.rail.rail, [header_id]):
                return Outcome.REPEATED
        raise UnavailableError(f"other acts were saved first {ATTEMPTS_MAX} times")

    async def _saved(self, message: Said, said: Talk | Statement, conversation: Conversation, act: Act) -> bool:
        now = self.clock.now()
        said_back = self._receipts(said, message, at=now)
        if act is Act.WITHDRAWAL_ASKED:
            step = step_after(conversation, act)
            assert step is not None, "an act without a meaning is not saved"
            if step.state is conversation.state and conversation.state not in WITHDRAWING:
                messages = (*await self.store.messages(conversation.conversation_id), message.raw)
                refusal = self.rail.own_reason(Act.WITHDRAWAL_REFUSED, NOT_OPEN)
                said_back = (
                    *said_back,
                    *self.rail.answer(
                        conversation, Act.WITHDRAWAL_REFUSED, messages, reason=refusal, information=(), at=now
                    ),
                )
        return await self.store.save(
            decided(
                conversation,
                act,
                at=now,
                reason=self.rail.reason(said),
                received=message.raw,
                counted=Counted(message.reading.business_message_id, message.digest),
                said=kept(said_back, self.identifiers, at=now),
            )
        )

    async def _meant(self, said: Talk | Statement, conversation: Conversation) -> Act | None:
        """What it means there: what has arrived once has not failed because the rail refuses a copy of it."""
        act = self.rail.act(said, conversation)
        if act is not Act.OPENING_REFUSED or conversation.state is not ConversationState.REQUESTED:
            return act
        if conversation.kind is ConversationKind.ACCOUNT_REPORT:
            return act  # nothing stands by it, and a report that comes all the same counts
        events = await self.store.events(conversation.conversation_id)
        # Or another copy is on its way: then one that is refused does not end the request.
        stands = {Act.RECEIPT, Act.ASKED_AGAIN}
        return Act.ANSWER_REFUSED if any(each.act in stands for each in events) else act

    def _is_by_the_other_side(self, said: Talk | Statement, conversation: Conversation) -> bool:
        """Whether who was asked, or asks, or the rail says it: whoever knows a message's id could say it otherwise."""
        speaker = self.rail.speaker(said)
        if speaker is None:
            return isinstance(said, _BY_THE_RAIL)
        return speaker == conversation.counterparty or speaker in self.rail.services

    async def _found(self, said: Talk | Statement) -> Conversation | None:
        """The conversation that something is said in: where both institutions are ours, the hearer's own.

        Who takes a request back speaks to who was asked; all else is said to who has sent the message that is named.
        """
        named = self.rail.about(said)
        known = await self.store.find_by_message_id(self.rail.rail, named)
        by = next((each for each in named if each in known), None)
        found: Mapping[Side, Conversation] = {} if by is None else known[by]
        ours, theirs = found.get(Side.US), found.get(Side.THEM)
        if isinstance(said, RequestForPaymentCancellation | PaymentCancellationRequest):
            return theirs or ours
        is_to_its_sender = isinstance(said, _BY_THE_RAIL) and theirs is not None and theirs.message_id == by
        return ours if is_to_its_sender else ours or theirs  # whose other half may be the other region's

    def _receipts(self, said: Talk | Statement, message: Said, *, at: datetime) -> tuple[OutboundMessage, ...]:
        receipt = self.rail.receipt(said, message_type=message.raw.message_type, at=at)
        return () if receipt is None else (receipt,)


def hearings(
    rails: Mapping[Rail, ConversationRail],
    *,
    store: ConversationStore,
    payments: PaymentStore,
    incoming: IncomingStore,
    tenants: ReceivingTenants,
    unknown_agents: Mapping[Rail, str],
    clock: Clock,
    identifiers: Identifiers,
) -> Mapping[Rail, ConversationHearing]:
    """Return what hears each rail."""
    return {
        rail: ConversationHearing(store, payments, incoming, tenants, found, unknown_agents[rail], clock, identifiers)
        for rail, found in rails.items()
    }


def _said(reading: Reading) -> Talk | Statement | None:
    """What a message says, where it may be of a conversation."""
    if reading.talk is not None:
        return reading.talk
    said = reading.statement
    return None if isinstance(said, PaymentAcknowledgement) else said
