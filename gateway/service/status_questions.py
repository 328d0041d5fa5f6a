"""Another institution asks what became of what it has sent us (pacs.028): it is told, once, however often it asks.

A message here counts for nothing but its answer: no state changes by it. Question and answers are kept where the rail's
other news is, and a worker sends the answers as it sends those to a rail's echo (`gateway.service.rail_operations`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from gateway.domain.conversation import Conversation, ConversationKind, Side
from gateway.domain.identity import status_answer_id_of
from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.domain.latest_status import (
    NOT_TRACEABLE,
    UNDER_WAY,
    LatestStatus,
    latest_status_of,
    latest_status_of_request,
)
from gateway.domain.payment import Rail, Reason
from gateway.domain.rail_operations import RailEvent, RailEventKind
from gateway.service.conversations.alike import request_in
from gateway.service.ports import IncomingStore, RailEventStore, RawMessage
from gateway.service.ports.conversations import ConversationStore
from gateway.service.questions import subjects_of
from gateway.service.rail_protocol import OutboundMessage
from iso20022 import PaymentStatusRequest
from iso20022.messages.pain013 import RequestForPayment

_REFUSED: Final = "RJCT"
"""The status of a question that is not answered."""


class StatusMessages(Protocol):
    """How one rail says it. Pure: made of the same question as things stand, messages have the same ids."""

    def receipt(self, question: PaymentStatusRequest, *, at: datetime) -> OutboundMessage:
        """Return that the question has arrived."""
        ...

    def of_transfer(
        self, question: PaymentStatusRequest, transfer: IncomingTransfer, latest: LatestStatus, *, at: datetime
    ) -> OutboundMessage:
        """Return the status of a transfer."""
        ...

    def of_request(
        self,
        question: PaymentStatusRequest,
        conversation: Conversation,
        request: RequestForPayment,
        latest: LatestStatus,
        *,
        at: datetime,
    ) -> OutboundMessage:
        """Return the status of a request for payment."""
        ...

    def refused(self, question: PaymentStatusRequest, reason: Reason, *, at: datetime) -> OutboundMessage:
        """Return that the question is not answered: it is about the question, and of no money."""
        ...


class _Said(NamedTuple):
    """A message of ours, and the status that it tells with its reason, where it tells one."""

    message: OutboundMessage
    status: str | None = None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class StatusQuestions:
    """Answers the questions of other institutions, on the rails that have `messages` for it."""

    incoming: IncomingStore
    conversations: ConversationStore
    events: RailEventStore
    messages: Mapping[Rail, StatusMessages]

    def answers(self, rail: Rail) -> bool:
        """Whether questions on this rail are answered."""
        return rail in self.messages

    async def knows(self, rail: Rail, question: PaymentStatusRequest) -> bool:
        """Whether what is asked about is here, whosever it is. Raises UnavailableError."""
        named = [question.original_message_id]
        if await self.incoming.find_by_message_id(rail, named):
            return True
        return bool(await self.conversations.find_by_message_id(rail, named))

    async def answer(
        self, rail: Rail, question: PaymentStatusRequest, raw: RawMessage, *, digest: bytes
    ) -> bytes | None:
        """Have a question answered and keep it; return the digest under which its id is known, None where it is new.

        Raises:
            UnavailableError: the store does not answer; nothing may be acknowledged.

        """
        receipt = _Said(self.messages[rail].receipt(question, at=raw.at))
        said = (receipt, await self._latest(rail, question, at=raw.at))
        for number, (message, status, reason) in enumerate(said):
            event = RailEvent(
                event_id=status_answer_id_of(rail, raw.business_message_id or "", str(number)),
                rail=rail,
                kind=RailEventKind.REQUESTED,
                code=message.message_type[:8],
                business_message_id=message.business_message_id,
                reason_code=None if reason is None else reason.code,
                description=status,
                at=raw.at,
            )
            await self.events.ask(event, message.kept(event.event_id, at=raw.at), message_class=message.message_class)
        heard = RailEvent(
            event_id=raw.message_id,
            rail=rail,
            kind=RailEventKind.REQUESTED,
            code=raw.message_type[:8],
            subjects=subjects_of(question.instructing_agent, question.original_message_id),
            business_message_id=raw.business_message_id,
            at=raw.at,
        )
        return await self.events.hear(heard, raw, digest=digest)

    async def _latest(self, rail: Rail, question: PaymentStatusRequest, *, at: datetime) -> _Said:
        messages, named = self.messages[rail], [question.original_message_id]
        transfer = (await self.incoming.find_by_message_id(rail, named)).get(question.original_message_id)
        if transfer is not None and _is_askers(transfer, question):
            latest = latest_status_of(transfer)
            if latest is None or await self._is_missing(rail, question):
                return _Said(messages.refused(question, UNDER_WAY, at=at), _REFUSED, UNDER_WAY)
            message = messages.of_transfer(question, transfer, latest, at=at)
            return _Said(message, latest.status, latest.reason)
        halves = (await self.conversations.find_by_message_id(rail, named)).get(question.original_message_id, {})
        conversation = halves.get(Side.THEM)
        if conversation is not None and _is_askers_request(conversation, question):
            request = request_in(await self._kept(conversation))
            latest = latest_status_of_request(conversation)
            message = messages.of_request(question, conversation, request, latest, at=at)
            return _Said(message, latest.status, latest.reason)
        is_nowhere = transfer is None and not halves
        is_missing = is_nowhere and await self._is_missing(rail, question)
        why = UNDER_WAY if is_missing else NOT_TRACEABLE
        return _Said(messages.refused(question, why, at=at), _REFUSED, why)

    async def _is_missing(self, rail: Rail, question: PaymentStatusRequest) -> bool:
        """Whether the rail says that it has settled what is asked about, otherwise than is known here."""
        return bool(await self.events.still_missing(rail, message_id=question.original_message_id, limit=1))

    async def _kept(self, conversation: Conversation) -> Sequence[RawMessage]:
        return await self.conversations.messages(conversation.conversation_id)


def _is_askers(transfer: IncomingTransfer, question: PaymentStatusRequest) -> bool:
    """Whether who asks has sent it, and names it as it is: a stranger learns nothing."""
    stated = (
        (question.original_uetr, transfer.uetr),
        (question.original_end_to_end_id, transfer.end_to_end_id),
        (question.original_instruction_id, transfer.instruction_id),
    )
    is_theirs = question.instructing_agent == transfer.instructing_agent
    is_named = question.original_message_id == transfer.message_id
    return is_theirs and is_named and all(said is None or known is None or said == known for said, known in stated)


def _is_askers_request(conversation: Conversation, question: PaymentStatusRequest) -> bool:
    """Whether who asks has made this request, and it was brought as one."""
    is_theirs = conversation.side is Side.THEM and conversation.kind is ConversationKind.REQUEST_FOR_PAYMENT
    return (
        is_theirs
        and conversation.message_id == question.original_message_id
        and question.instructing_agent == conversation.counterparty
    )
