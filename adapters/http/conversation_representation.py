"""Conversations as the API shows them: stable names, and neither names of people nor accounts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from adapters.http.conversation_forms import ANSWERS
from adapters.http.receipts import receipts_json
from adapters.http.representation import instant_text, reason_json
from gateway.domain.conversation import Act, Conversation, ConversationId, RecordedAct, Side
from gateway.service.ports.receipts import AwaitedReceipt


def conversation_link(conversation_id: ConversationId) -> str:
    """Return the conversation's own path."""
    return f"/v1/conversations/{conversation_id}"


def words_of(conversation: Conversation, acts: Collection[Act]) -> list[str]:
    """Return the words of acts, as the API takes them."""
    may = [word for word, act in ANSWERS[conversation.kind].items() if act in acts]
    if Act.WITHDRAWAL_ASKED in acts:
        may.append("withdraw")
    if Act.STATUS_ASKED in acts:
        may.append("ask_status")
    return may


def conversation_json(
    conversation: Conversation, acts: Collection[Act], missing: Sequence[AwaitedReceipt]
) -> dict[str, Any]:
    """Return a conversation as it stands. ``may`` is what is ours to do in it now: the words of these acts."""
    link = conversation_link(conversation.conversation_id)
    return {
        "conversation_id": str(conversation.conversation_id),
        "kind": conversation.kind.value,
        "direction": conversation.side.value,
        "rail": conversation.rail.value,
        "state": conversation.state.value,
        "attention": conversation.needs_attention,
        "missing_receipts": receipts_json(missing),
        "region": conversation.region,
        "due_at": None if conversation.due_at is None else instant_text(conversation.due_at),
        "may": words_of(conversation, acts),
        "message_id": conversation.message_id,
        "own_agent": conversation.own_agent,
        "counterparty": conversation.counterparty,
        "topic": conversation.topic,
        "amount": None if conversation.amount is None else {"value": conversation.amount.text, "currency": "USD"},
        "end_to_end_id": conversation.end_to_end_id,
        "pay_by": None if conversation.pay_by is None else instant_text(conversation.pay_by),
        "expires_at": None if conversation.expires_at is None else instant_text(conversation.expires_at),
        "opened_at": instant_text(conversation.opened_at),
        "updated_at": instant_text(conversation.updated_at),
        "links": {
            "self": link,
            "events": f"{link}/events",
            "messages": f"{link}/messages",
            "about": money_link(conversation),
            "paid_with": _money_link(conversation, conversation.payment_id),
        },
    }


def money_link(conversation: Conversation) -> str | None:
    """Return where the payment, the transfer, or the request for payment, is shown that is asked about."""
    return _money_link(conversation, conversation.about_id)


def _money_link(conversation: Conversation, payment_id: UUID | None) -> str | None:
    """Where the money is shown: what we ask about, or are paid with, came; what we are asked about, or pay, went."""
    if payment_id is None:
        return None
    if conversation.is_about_request and payment_id == conversation.about_id:
        return conversation_link(ConversationId(payment_id))
    came = conversation.side is Side.US
    return f"/v1/incoming-transfers/{payment_id}" if came else f"/v1/payments/{payment_id}"


def act_json(recorded: RecordedAct) -> dict[str, Any]:
    """Return one row of a conversation's history."""
    before = recorded.state_before
    return {
        "sequence": recorded.sequence,
        "kind": recorded.act.value,
        "state_before": None if before is None else before.value,
        "state_after": recorded.state_after.value,
        "reason": reason_json(recorded.reason),
        "business_message_id": recorded.business_message_id,
        "attention": recorded.is_strange,
        "at": instant_text(recorded.at),
        "region": recorded.region,
    }
