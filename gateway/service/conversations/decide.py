"""Decide, then save: one act in one conversation, with the messages that it leads to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from gateway.domain.conversation import (
    Act,
    Conversation,
    ConversationStep,
    needs_attention_after,
    step_after,
)
from gateway.domain.conversation_history import due_then
from gateway.domain.identity import delivery_id_of
from gateway.domain.payment import PaymentId, Reason
from gateway.service.ports import (
    Identifiers,
    MessageClass,
    OutboundDelivery,
    Queue,
    QueueDirection,
    RawMessage,
)
from gateway.service.ports.conversations import ConversationDecision, Counted
from gateway.service.rail_protocol import OutboundMessage

ATTEMPTS_MAX: Final = 16
"""How often an act is decided anew because another one was saved first; more is a fault of ours."""


def delivery_of(conversation: Conversation, *, version: int, at: datetime) -> OutboundDelivery:
    """Return the delivery on which a worker sends what a conversation has saved."""
    named = PaymentId(conversation.conversation_id)
    queue = Queue.of(conversation.rail, QueueDirection.OUT, MessageClass.NONVALUE)
    return OutboundDelivery(delivery_id_of(named, "conversation", version), queue, named, at)


def decided(
    conversation: Conversation,
    act: Act,
    *,
    at: datetime,
    reason: Reason | None = None,
    received: RawMessage | None = None,
    counted: Counted | None = None,
    said: Sequence[RawMessage] = (),
    payment_id: PaymentId | None = None,
    withdrawal_id: str | None = None,
    is_strange: bool = False,
    about: str | None = None,
    by: str | None = None,
) -> ConversationDecision:
    """Return everything that an act means for a conversation, ready to be saved; what is `said` is to be sent.

    The act names the message that was received, or said last; without one, what it is `about`.

    Raises:
        KeyError: it cannot befall this kind of conversation: its table has no row for it.

    """
    step: ConversationStep | None = step_after(conversation, act)
    if step is None:
        raise KeyError(f"{act} cannot befall a {conversation.kind} that is {conversation.state}")
    version = conversation.version + 1
    named = (received, *reversed(said))
    return ConversationDecision(
        conversation=conversation,
        act=act,
        state=step.state,
        due_at=due_then(conversation, act, step.state, at=at),
        at=at,
        reason=reason,
        business_message_id=next((each.business_message_id for each in named if each is not None), about),
        is_strange=is_strange or step.is_strange,
        needs_attention=needs_attention_after(conversation, act, is_strange=is_strange or step.is_strange),
        payment_id=payment_id,
        withdrawal_id=withdrawal_id,
        messages=(*(() if received is None else (received,)), *said),
        outbox=(delivery_of(conversation, version=version, at=at),) if said else (),
        counted=counted,
        by=by,
    )


def kept(messages: Sequence[OutboundMessage], identifiers: Identifiers, *, at: datetime) -> tuple[RawMessage, ...]:
    """Return messages of ours as they are kept."""
    return tuple(message.kept(identifiers.new_uuid(), at=at) for message in messages)
