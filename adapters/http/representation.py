"""Payments, events and messages as the API shows them: stable names, and neither names of people nor accounts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gateway.domain.history import RecordedEvent
from gateway.domain.payment import Payment, PaymentId, PaymentState, Reason
from gateway.domain.request import NO_REQUEST, Request, RequestState
from gateway.service.operate import actions_in
from gateway.service.ports import RawMessage
from iso20022 import Amount

MONEY: Final[Mapping[PaymentState, str]] = {
    # Nothing has left, but it may the next moment: whoever reads this later must not take it for a promise.
    PaymentState.RECEIVED: "may_have_moved",
    PaymentState.HELD: "may_have_moved",
    PaymentState.RELEASED: "may_have_moved",
    PaymentState.SENDING: "may_have_moved",
    PaymentState.IN_DOUBT: "may_have_moved",
    PaymentState.AWAITING_OPERATOR: "may_have_moved",
    PaymentState.RESEND_DUE: "may_have_moved",
    PaymentState.SETTLED: "moved",
    PaymentState.ACCEPTED_WITHOUT_POSTING: "moved",
    PaymentState.RETURN_DUE: "moved",
    PaymentState.RETURNED: "moved",
    PaymentState.REJECTED: "not_moved",
}
"""What a state says of the money; ``moved`` and ``not_moved`` are certain and stay so (a return is another payment)."""

NEXT_STEPS: Final[Mapping[PaymentState, str]] = {
    PaymentState.RECEIVED: "reject_unless_sent",
    PaymentState.HELD: "reject_unless_released",
    PaymentState.RELEASED: "reject_unless_sent",
    PaymentState.SENDING: "put_in_doubt_unless_answered",
    PaymentState.IN_DOUBT: "ask_the_rail",
    PaymentState.AWAITING_OPERATOR: "ask_the_rail",
    PaymentState.RESEND_DUE: "reject_unless_sent",
}
"""What the gateway does at the time that is shown, if nothing happens before."""

CONTRADICTED: Final = "contradicted"
"""Why a person must look at a payment though its state does not say so: the rail says what cannot be."""

_MILLISECOND: Final = timedelta(milliseconds=1)


def instant_text(instant: datetime) -> str:
    """Return the instant as RFC 3339, in UTC, to the millisecond."""
    return f"{instant.astimezone(UTC).isoformat(timespec='milliseconds')[:-6]}Z"


def payment_link(payment_id: PaymentId) -> str:
    """Return the payment's own path."""
    return f"/v1/payments/{payment_id}"


def as_accepted(payment: Payment) -> Payment:
    """Return the payment as it was at its acceptance: a function of immutable facts alone.

    So the first answer and every repeat of it are equal, however far the payment has come in between.
    """
    return replace(
        payment,
        state=PaymentState.RECEIVED,
        version=1,
        updated_at=payment.accepted_at,
        creation_time=None,
        status=None,
        reason=None,
        status_requests=0,
        next_step_at=payment.deadline_at,
        final_at=None,
        returned_cents=0,
        request=NO_REQUEST,
        region=payment.accepted_in,
    )


def payment_json(payment: Payment, contradiction: RecordedEvent | None) -> dict[str, Any]:
    """Return the payment's representation; `contradiction` is what stands against what is certain of it."""
    state, link = payment.state, payment_link(payment.payment_id)
    final = state.is_final
    return {
        "payment_id": str(payment.payment_id),
        "state": state.value,
        "final": final,
        "money": MONEY[state],
        "status": payment.status,
        "reason": reason_json(payment.reason),
        "attention": None if contradiction is None else CONTRADICTED,
        "contradiction": None if contradiction is None else _contradiction_json(payment, contradiction),
        "rail": payment.rail.value,
        "region": payment.region,
        "message_id": payment.message_id,
        "end_to_end_id": payment.end_to_end_id,
        "instruction_id": payment.instruction_id,
        "uetr": payment.uetr,
        "amount": {"value": payment.amount.text, "currency": "USD"},
        "returned": {"value": Amount(payment.returned_cents).text, "currency": "USD"},
        "kind": _kind(payment),
        "return_of": None if payment.original_id is None else str(payment.original_id),
        "return_request": request_json(payment.request),
        "debtor_agent": payment.debtor_agent,
        "creditor_agent": payment.creditor_agent,
        "accepted_at": instant_text(payment.accepted_at),
        "deadline_at": instant_text(payment.deadline_at),
        "updated_at": instant_text(payment.updated_at),
        "elapsed_ms": None if payment.final_at is None else (payment.final_at - payment.accepted_at) // _MILLISECOND,
        "next_step": _next_step_json(payment),
        "links": {"self": link, "events": f"{link}/events", "messages": f"{link}/messages"},
    }


def _contradiction_json(payment: Payment, said: RecordedEvent) -> dict[str, Any]:
    """What was said last against what is certain, when, and what an operator may do about it now."""
    return {
        "sequence": said.sequence,
        "kind": said.event.kind.value,
        "status": said.event.status,
        "reason": reason_json(said.event.reason),
        "business_message_id": said.event.business_message_id,
        "at": instant_text(said.at),
        "may": [action.value for action in actions_in(payment.state)],
    }


def _kind(payment: Payment) -> str:
    if payment.is_return:
        return "return"
    return "liquidity" if payment.is_liquidity else "customer"


def request_json(request: Request) -> dict[str, Any] | None:
    """Return the request for a payment's return, either way; None where there never was one."""
    if request.state is RequestState.NONE:
        return None
    return {
        "state": request.state.value,
        "message_id": request.message_id,
        "due_at": None if request.due_at is None else instant_text(request.due_at),
    }


def candidate_json(payment: Payment) -> dict[str, Any]:
    """Return what tells one of several payments from the others."""
    return {
        "payment_id": str(payment.payment_id),
        "state": payment.state.value,
        "region": payment.region,
        "end_to_end_id": payment.end_to_end_id,
        "uetr": payment.uetr,
        "accepted_at": instant_text(payment.accepted_at),
        "link": payment_link(payment.payment_id),
    }


def events_json(payment_id: PaymentId, events: Sequence[RecordedEvent]) -> dict[str, Any]:
    """Return a payment's history, oldest first."""
    return {"payment_id": str(payment_id), "events": [_event_json(recorded) for recorded in events]}


def messages_json(payment_id: PaymentId, messages: Sequence[RawMessage]) -> dict[str, Any]:
    """Return the list of a payment's raw messages, oldest first, with the links to their bytes."""
    link = f"{payment_link(payment_id)}/messages"
    return {"payment_id": str(payment_id), "messages": [message_json(link, message) for message in messages]}


def _event_json(recorded: RecordedEvent) -> dict[str, Any]:
    event = recorded.event
    return {
        "sequence": recorded.sequence,
        "kind": event.kind.value,
        "state_before": recorded.state_before and recorded.state_before.value,
        "state_after": recorded.state_after.value,
        "status": event.status,
        "reason": reason_json(event.reason),
        "business_message_id": event.business_message_id,
        "details": event.details,
        "contradiction": recorded.contradiction,
        "at": instant_text(recorded.at),
        "region": recorded.region,
        "epoch": recorded.epoch,
    }


def message_json(link: str, message: RawMessage) -> dict[str, Any]:
    """Return one line of a list of raw messages, with the link to its bytes below `link`."""
    return {
        "message_id": str(message.message_id),
        "direction": message.direction.value,
        "message_type": message.message_type,
        "business_message_id": message.business_message_id,
        "content_type": message.content_type,
        "size": len(message.body),
        "sha256": hashlib.sha256(message.body).hexdigest(),
        "at": instant_text(message.at),
        "link": f"{link}/{message.message_id}",
    }


def reason_json(reason: Reason | None) -> dict[str, Any] | None:
    """Return why something is where it is, if there is a reason."""
    if reason is None:
        return None
    return {"code": reason.code, "origin": reason.origin.value, "text": reason.text}


def _next_step_json(payment: Payment) -> dict[str, Any] | None:
    if payment.next_step_at is None or payment.state not in NEXT_STEPS:
        return None
    return {"what": NEXT_STEPS[payment.state], "at": instant_text(payment.next_step_at)}
