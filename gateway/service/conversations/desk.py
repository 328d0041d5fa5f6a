"""What people do in conversations: start, answer, take back, look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.domain.conversation import (
    MAY_EXPIRE,
    STATUS_ASKED_AGAIN_S,
    Act,
    Conversation,
    ConversationId,
    ConversationKind,
    ConversationState,
    RecordedAct,
    Side,
    due_after,
    end_of,
    first_state,
    is_ours_to_do,
)
from gateway.domain.identity import conversation_id_of
from gateway.domain.incoming_transfer import ARRIVED, IncomingTransfer
from gateway.domain.payment import IdempotencyKey, PaymentId, Rail, Reason, ReasonOrigin, TenantId
from gateway.service.conversations.alike import request_in
from gateway.service.conversations.decide import ATTEMPTS_MAX, decided, delivery_of, kept
from gateway.service.conversations.rail import (
    AskedAbout,
    Came,
    ConversationRail,
    InformationAsked,
    PaymentAsked,
    ReportAsked,
)
from gateway.service.directory import ParticipantDirectory
from gateway.service.incoming.messages import ReceivedMessages
from gateway.service.ports import Clock, Identifiers, IncomingStore, RawMessage, UnavailableError, Vault
from gateway.service.ports.conversations import ConversationStore, NewConversation, OpenKind
from gateway.service.rail_protocol import OutboundMessage
from iso20022 import Finding, InstitutionCreditTransfer, MessageId, Personal, RoutingNumber


class NotStartedError(Exception):
    """Nothing was started; the text says why, and ``code`` for programs."""

    def __init__(self, code: str, why: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(why)
        self.code = code
        self.findings = findings


class NotNowError(Exception):
    """The conversation does not wait for this: nothing was done. ``state`` is where it stands."""

    def __init__(self, state: ConversationState) -> None:
        super().__init__(f"the conversation is {state}")
        self.state = state


@dataclass(frozen=True, slots=True)
class ConversationDesk:
    """Takes what people start and answer; a worker sends it."""

    store: ConversationStore
    incoming: IncomingStore
    received: ReceivedMessages
    rails: Mapping[Rail, ConversationRail]
    clock: Clock
    identifiers: Identifiers
    vault: Vault
    directory: ParticipantDirectory | None = None

    # --- starting ---

    async def ask_for_payment(
        self, tenant_id: TenantId, key: IdempotencyKey, asked: PaymentAsked, *, rail: Rail, content: bytes
    ) -> Conversation:
        """Ask the institution of a debtor for a payment; under the same key it is the same request.

        Raises:
            NotStartedError: the rail takes no such request, or its rules or its directory refuse it; nothing was done.
            UnavailableError: the store does not answer; repeat under the same key.

        """
        now, messages = self.clock.now(), self._speaking(rail, ConversationKind.REQUEST_FOR_PAYMENT)
        expires_at = None if asked.expires is None else end_of(asked.expires)
        pay_by = end_of(asked.pay_on)
        known = await self.store.load(_id_of(tenant_id, key))
        if known is None and min(pay_by, expires_at or pay_by) <= now:
            raise NotStartedError("too_late", "The day until which the payment is asked for, or the expiry, is over.")
        message = messages.request(asked, _id_of(tenant_id, key), at=now)
        return await self._start(
            tenant_id,
            key,
            message,
            rail=rail,
            kind=ConversationKind.REQUEST_FOR_PAYMENT,
            own_agent=asked.creditor_agent,
            counterparty=asked.debtor_agent,
            content=content,
            about=None,
            asked=asked,
            pay_by=pay_by,
            expires_at=expires_at,
            at=now,
        )

    async def ask_for_information(
        self,
        tenant_id: TenantId | None,
        key: IdempotencyKey,
        transfer_id: PaymentId,
        asked: InformationAsked,
        *,
        content: bytes,
    ) -> Conversation:
        """Ask the sender of a transfer, or of a return, that has come about it.

        Raises:
            LookupError: there is no such transfer.
            NotStartedError: nothing can be asked about it; nothing was done.
            UnavailableError: the store does not answer; repeat under the same key.

        """
        transfer = (await self.incoming.load([transfer_id])).get(transfer_id)
        if transfer is None or tenant_id not in {None, transfer.tenant_id}:
            raise LookupError(f"no incoming transfer {transfer_id}")
        if transfer.state not in ARRIVED:
            raise NotStartedError("not_arrived", f"The transfer is {transfer.state}: its money is not here.")
        brought = await self.received.of(transfer)
        if isinstance(brought, InstitutionCreditTransfer):
            raise NotStartedError("is_liquidity", "Nobody is asked about a liquidity transfer over the rail.")
        between = transfer.instructed_agent, transfer.instructing_agent
        return await self._ask(key, asked, transfer, Came(transfer, brought), between=between, content=content)

    async def ask_about_request(
        self,
        tenant_id: TenantId | None,
        key: IdempotencyKey,
        conversation_id: ConversationId,
        asked: InformationAsked,
        *,
        content: bytes,
    ) -> Conversation:
        """Ask who has asked us for a payment about the request; raises as `ask_for_information`."""
        request = await self.show(conversation_id, tenant_id=tenant_id)
        if request.kind is not ConversationKind.REQUEST_FOR_PAYMENT or request.side is not Side.THEM:
            raise NotStartedError(
                "not_received", "It is no request for payment that has come: nobody is asked about it."
            )
        brought, between = (
            request_in(await self.store.messages(conversation_id)),
            (request.own_agent, request.counterparty),
        )
        return await self._ask(key, asked, request, brought, between=between, content=content)

    async def _ask(
        self,
        key: IdempotencyKey,
        asked: InformationAsked,
        about: IncomingTransfer | Conversation,
        brought: AskedAbout,
        *,
        between: tuple[RoutingNumber, RoutingNumber],
        content: bytes,
    ) -> Conversation:
        """Ask about what was brought; `between` us and who has sent it."""
        now, rail = self.clock.now(), self._speaking(about.rail, ConversationKind.INFORMATION_REQUEST)
        own_agent, counterparty = between
        return await self._start(
            about.tenant_id,
            key,
            rail.question(asked, brought, _id_of(about.tenant_id, key), at=now),
            rail=about.rail,
            kind=ConversationKind.INFORMATION_REQUEST,
            own_agent=own_agent,
            counterparty=counterparty,
            content=content,
            about=about,
            topic=asked.topic,
            at=now,
        )

    async def ask_for_report(
        self, tenant_id: TenantId, key: IdempotencyKey, asked: ReportAsked, *, rail: Rail, content: bytes
    ) -> Conversation:
        """Ask the rail for a report on an account; raises as `ask_for_payment`."""
        now, messages = self.clock.now(), self._speaking(rail, ConversationKind.ACCOUNT_REPORT)
        message = messages.report_request(asked, _id_of(tenant_id, key), at=now)
        return await self._start(
            tenant_id,
            key,
            message,
            rail=rail,
            kind=ConversationKind.ACCOUNT_REPORT,
            own_agent=asked.account,
            counterparty=messages.service,
            content=content,
            about=None,
            topic=asked.kind.value,
            at=now,
        )

    async def _start(
        self,
        tenant_id: TenantId,
        key: IdempotencyKey,
        message: OutboundMessage,
        *,
        rail: Rail,
        kind: ConversationKind,
        own_agent: RoutingNumber,
        counterparty: RoutingNumber,
        content: bytes,
        about: IncomingTransfer | Conversation | None,
        topic: str | None = None,
        asked: PaymentAsked | None = None,
        pay_by: datetime | None = None,
        expires_at: datetime | None = None,
        at: datetime,
    ) -> Conversation:
        known = await self.store.load(_id_of(tenant_id, key))
        if known is None and about is None:
            receivers = await self.incoming.receiving_tenants()
            if receivers.by_agent.get(own_agent) != tenant_id:
                raise NotStartedError("not_yours", f"{own_agent} is no institution of yours; nothing was done.")
        if known is None and (findings := self._speaking(rail, kind).findings(message)):
            raise NotStartedError("invalid", "The rail's rules refuse it; nothing was done.", findings)
        if known is None and kind is ConversationKind.REQUEST_FOR_PAYMENT:
            self._demand_reached(rail, counterparty)
        state = first_state(kind, Side.US)
        conversation = Conversation(
            conversation_id=_id_of(tenant_id, key),
            tenant_id=tenant_id,
            rail=rail,
            kind=kind,
            side=Side.US,
            message_id=MessageId(message.business_message_id),
            own_agent=own_agent,
            counterparty=counterparty,
            topic=topic,
            amount=about.amount if about is not None else None if asked is None else asked.amount,
            end_to_end_id=about.end_to_end_id if about is not None else None if asked is None else asked.end_to_end_id,
            about_id=_subject_id(about),
            is_about_request=isinstance(about, Conversation),
            opened_at=at,
            pay_by=pay_by,
            expires_at=expires_at,
            state=state,
            version=1,
            due_at=due_after(kind, state, at=at, pay_by=pay_by, expires_at=expires_at),
            updated_at=at,
        )
        opened = await self.store.open(
            NewConversation(
                conversation,
                self.vault.blind_index("conversation", content),
                kept([message], self.identifiers, at=at),
                outbox=(delivery_of(conversation, version=1, at=at),),
                by=f"tenant {tenant_id}",
            )
        )
        if opened.kind is OpenKind.OTHER_CONTENT:
            raise NotStartedError("key_reused", "The key was used before, for something else; nothing was done.")
        return opened.conversation

    def _demand_reached(self, rail: Rail, debtor_agent: RoutingNumber) -> None:
        """Refuse to ask an institution that takes no requests for payment, by the rail's participant directory."""
        unreached = None if self.directory is None else self.directory.of_request(rail, debtor_agent)
        if unreached is not None:
            code = "directory_stale" if unreached.is_ours else "not_reached"
            raise NotStartedError(code, f"{unreached.finding.rule} Nothing was done.", (unreached.finding,))

    # --- going on ---

    async def answer(
        self,
        conversation_id: ConversationId,
        act: Act,
        *,
        tenant_id: TenantId | None,
        reason: Reason | None,
        information: Sequence[Personal] = (),
        by: str,
    ) -> Conversation:
        """Do what is ours to do in a conversation, and return it as it is then.

        How a request stands is asked once in some minutes: a repeat is the same question.

        Raises:
            LookupError: there is no such conversation.
            NotNowError: it does not wait for this; of two answers at once, one wins.
            NotStartedError: the rail's rules refuse the answer; nothing was done.
            UnavailableError: the store does not answer; look at the conversation before repeating.

        """
        for _ in range(ATTEMPTS_MAX):
            conversation = await self.show(conversation_id, tenant_id=tenant_id)
            now = self.clock.now()
            if act is Act.STATUS_ASKED and await self._was_asked(conversation, at=now):
                return conversation
            is_over = conversation.expires_at is not None and now > conversation.expires_at
            if not is_ours_to_do(conversation, act):
                raise NotNowError(conversation.state)
            if is_over and conversation.state in MAY_EXPIRE:
                raise NotNowError(ConversationState.EXPIRED)  # whoever keeps the time will say so in a moment
            said = await self._said(conversation, act, reason, information, at=now)
            withdrawal_id = said[-1].business_message_id if act is Act.WITHDRAWAL_ASKED else None
            decision = decided(
                conversation,
                act,
                at=now,
                reason=reason,
                said=kept(said, self.identifiers, at=now),
                withdrawal_id=withdrawal_id,
                by=by,
            )
            if await self.store.save(decision):
                return await self.show(conversation_id, tenant_id=tenant_id)
        raise UnavailableError(f"other acts were saved first {ATTEMPTS_MAX} times")

    async def note(
        self, conversation_id: ConversationId, words: str, *, tenant_id: TenantId | None, by: str
    ) -> Conversation:
        """Keep what a person has found out, and return the conversation as it is then: it needs no attention any more.

        Raises:
            LookupError: there is no such conversation.
            UnavailableError: the store does not answer; look at the conversation before repeating.

        """
        reason = Reason("NARR", ReasonOrigin.OPERATOR if tenant_id is None else ReasonOrigin.INSTITUTION, words)
        for _ in range(ATTEMPTS_MAX):
            conversation = await self.show(conversation_id, tenant_id=tenant_id)
            if await self.store.save(decided(conversation, Act.NOTED, at=self.clock.now(), reason=reason, by=by)):
                return await self.show(conversation_id, tenant_id=tenant_id)
        raise UnavailableError(f"other acts were saved first {ATTEMPTS_MAX} times")

    async def _was_asked(self, conversation: Conversation, *, at: datetime) -> bool:
        """Whether it was asked so lately how a request stands that this is the same question."""
        since = at - timedelta(seconds=STATUS_ASKED_AGAIN_S)
        acts = await self.store.events(conversation.conversation_id)
        return any(recorded.act is Act.STATUS_ASKED and recorded.at > since for recorded in acts)

    async def _said(
        self,
        conversation: Conversation,
        act: Act,
        reason: Reason | None,
        information: Sequence[Personal],
        *,
        at: datetime,
    ) -> Sequence[OutboundMessage]:
        rail = self._speaking(conversation.rail, conversation.kind, act)
        messages = await self.store.messages(conversation.conversation_id)
        if act is Act.WITHDRAWAL_ASKED:
            assert reason is not None, "a withdrawal states its reason"
            said: Sequence[OutboundMessage] = (rail.withdrawal(conversation, messages, reason, at=at),)
        elif act is Act.STATUS_ASKED:
            said = (rail.status_question(conversation, messages, at=at),)
        else:
            said = rail.answer(conversation, act, messages, reason=reason, information=information, at=at)
        if findings := [finding for message in said for finding in rail.findings(message)]:
            raise NotStartedError("invalid", "The rail's rules refuse the answer; nothing was done.", findings)
        return said

    # --- looking ---

    async def show(self, conversation_id: ConversationId, *, tenant_id: TenantId | None) -> Conversation:
        """Return a conversation of a tenant's, or (None) anybody's. Raises LookupError."""
        found = await self.store.load(conversation_id)
        if found is None or tenant_id not in {None, found.tenant_id}:
            raise LookupError(f"no conversation {conversation_id}")
        return found

    async def events(self, conversation_id: ConversationId) -> Sequence[RecordedAct]:
        """Return its history, oldest first."""
        return await self.store.events(conversation_id)

    async def messages(self, conversation_id: ConversationId) -> Sequence[RawMessage]:
        """Return its messages, oldest first."""
        return await self.store.messages(conversation_id)

    def may(self, conversation: Conversation) -> frozenset[Act]:
        """Return what is ours to do in a conversation now, and can be said on its rail."""
        rail = self.rails.get(conversation.rail)
        return frozenset(
            act
            for act in Act
            if rail is not None and is_ours_to_do(conversation, act) and rail.unsaid(conversation.kind, act) is None
        )

    def _speaking(self, rail: Rail, kind: ConversationKind, act: Act | None = None) -> ConversationRail:
        found = self.rails.get(rail)
        if found is None:
            raise NotStartedError("not_on_this_rail", "This is not offered on that rail.")
        if (why := found.unsaid(kind, act)) is not None:
            raise NotStartedError("not_on_this_rail", f"{why} Nothing was done.")
        return found


def _subject_id(about: IncomingTransfer | Conversation | None) -> PaymentId | ConversationId | None:
    if about is None:
        return None
    return about.payment_id if isinstance(about, IncomingTransfer) else about.conversation_id


def _id_of(tenant_id: TenantId, key: IdempotencyKey) -> ConversationId:
    return ConversationId(conversation_id_of("started", tenant_id, key))
