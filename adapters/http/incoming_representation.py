"""Incoming transfers as the API shows them: stable names, and neither names of people nor accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from adapters.http.representation import instant_text, message_json, reason_json, request_json
from gateway.domain.incoming import IncomingState
from gateway.domain.incoming_transfer import IncomingTransfer, RecordedFact
from gateway.domain.payment import PaymentId
from gateway.domain.receiving_time import decide_by
from gateway.domain.returns import returnable
from gateway.service.incoming.post import decidable
from gateway.service.ports import RawMessage
from iso20022 import Amount

ARRIVED: Final[Mapping[IncomingState, str]] = {
    IncomingState.RECEIVED: "may_arrive",
    IncomingState.ACCEPTED: "may_arrive",
    IncomingState.ACCEPTED_WITHOUT_POSTING: "may_arrive",
    IncomingState.IN_DOUBT: "may_have_arrived",
    IncomingState.AWAITING_OPERATOR: "may_have_arrived",
    IncomingState.SETTLED: "arrived",
    IncomingState.POSTED: "arrived",
    IncomingState.PENDING: "arrived",
    IncomingState.BLOCKED: "arrived",
    IncomingState.RETURN_DUE: "arrived",
    IncomingState.RETURNED: "given_back",
    IncomingState.RETURNED_BY_HAND: "given_back",
    IncomingState.REJECTED: "not_arrived",
    IncomingState.NOT_SETTLED: "not_arrived",
}
"""What a state says of the money."""


def transfer_link(payment_id: PaymentId) -> str:
    """Return the transfer's own path."""
    return f"/v1/incoming-transfers/{payment_id}"


def transfer_json(transfer: IncomingTransfer) -> dict[str, Any]:
    """Return the transfer's representation."""
    state, link = transfer.state, transfer_link(transfer.payment_id)
    due, left = decide_by(transfer), returnable(transfer)
    return {
        "transfer_id": str(transfer.payment_id),
        "state": state.value,
        "final": state.is_final,
        "money": ARRIVED[state],
        "answer": transfer.answer,
        "status": transfer.status,
        "reason": reason_json(transfer.reason),
        "rail": transfer.rail.value,
        "region": transfer.region,
        "message_id": transfer.message_id,
        "end_to_end_id": transfer.end_to_end_id,
        "instruction_id": transfer.instruction_id,
        "uetr": transfer.uetr,
        "attention": transfer.shown_attention,
        "contrary_word": transfer.contrary_word and transfer.contrary_word.value,
        "message_type": transfer.message_type,
        "amount": _money(transfer.amount),
        "debtor_agent": transfer.debtor_agent,
        "creditor_agent": transfer.creditor_agent,
        "received_at": instant_text(transfer.received_at),
        "answer_by": instant_text(transfer.answer_by),
        "updated_at": instant_text(transfer.updated_at),
        "return_of": None if transfer.original_id is None else str(transfer.original_id),
        "return_request": request_json(transfer.request),
        "returned": _money(Amount(transfer.returned_cents)),
        "returning": _money(Amount(transfer.returning_cents)),
        "returnable": None if left is None else _money(left),
        "decidable": sorted(outcome.value for outcome in decidable(transfer)),
        "decide_by": None if due is None else instant_text(due),
        "links": {part: f"{link}/{part}" for part in ("events", "messages", "returns")} | {"self": link},
    }


def _money(amount: Amount) -> dict[str, str]:
    return {"value": amount.text, "currency": "USD"}


def facts_json(transfer: IncomingTransfer, events: Sequence[RecordedFact]) -> dict[str, Any]:
    """Return a transfer's history, oldest first."""
    return {"transfer_id": str(transfer.payment_id), "events": [_fact_json(recorded) for recorded in events]}


def transfer_messages_json(transfer: IncomingTransfer, messages: Sequence[RawMessage]) -> dict[str, Any]:
    """Return the list of a transfer's raw messages, oldest first, with the links to their bytes."""
    link = f"{transfer_link(transfer.payment_id)}/messages"
    return {
        "transfer_id": str(transfer.payment_id),
        "messages": [message_json(link, message) for message in messages],
    }


def _fact_json(recorded: RecordedFact) -> dict[str, Any]:
    fact = recorded.fact
    return {
        "sequence": recorded.sequence,
        "kind": fact.kind.value,
        "state_before": recorded.state_before and recorded.state_before.value,
        "state_after": recorded.state_after.value,
        "status": fact.status,
        "reason": reason_json(fact.reason),
        "business_message_id": fact.business_message_id,
        "details": fact.details,
        "at": instant_text(recorded.at),
        "region": recorded.region,
        "epoch": recorded.epoch,
    }
