"""Deliveries as AMQP messages: a small JSON object of identifiers, never a payment's content."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final
from uuid import UUID

import aio_pika
from aio_pika.abc import AbstractIncomingMessage, DeliveryMode, HeadersType

from gateway.domain.payment import PaymentId
from gateway.service.ports import DeadLetter, Delivery, OutboundDelivery, Queue

DELIVERY_COUNT_HEADER: Final = "x-delivery-count"
"""Set by quorum queues from the second handing out on: how often it has come back."""

REASON_HEADER: Final = "x-fifteen-reason"
"""Why a consumer of ours has made this a dead letter."""

ATTEMPT_HEADER: Final = "x-fifteen-attempt"
"""How often a dead letter of ours was handed out."""

_REASONS: Final = {
    "delivery_limit": "its consumer died",
    "rejected": "its consumer refused it",
    "expired": "it expired",
    "maxlen": "the queue was full",
}
"""What the broker's own reasons mean (``x-death`` header, "reason")."""


class UnreadableDeliveryError(Exception):
    """A message on one of our queues that nobody here has published."""


def message_of(
    delivery: OutboundDelivery | Delivery, *, at: datetime, headers: HeadersType | None = None
) -> aio_pika.Message:
    """Return the persistent message that carries a delivery; `at` lets monitoring tell its age.

    It has no message id of ours: the client library finds a returned message by that id, and a repeat that is in flight
    at the same time has to be another.
    """
    body = {
        "delivery_id": str(delivery.delivery_id),
        "payment_id": str(delivery.payment_id),
        "deadline_at": delivery.deadline_at.isoformat(),
    }
    return aio_pika.Message(
        json.dumps(body).encode(),
        content_type="application/json",
        delivery_mode=DeliveryMode.PERSISTENT,
        timestamp=at,
        headers=headers,
    )


def delivery_from(message: AbstractIncomingMessage, queue: Queue) -> Delivery:
    """Return the delivery that a message carries.

    Raises:
        UnreadableDeliveryError: it carries something else.

    """
    count = message.headers.get(DELIVERY_COUNT_HEADER, 0)
    try:
        body = json.loads(message.body)
        delivery = Delivery(
            delivery_id=UUID(body["delivery_id"]),
            queue=queue,
            payment_id=PaymentId(UUID(body["payment_id"])),
            deadline_at=datetime.fromisoformat(body["deadline_at"]),
            attempt=count + 1 if isinstance(count, int) else 1,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableDeliveryError(f"a message of {len(message.body)} bytes on {queue}: {error!r}") from error
    if delivery.deadline_at.tzinfo is None:
        raise UnreadableDeliveryError(f"a message on {queue}: its deadline has no time zone")
    return delivery


def dead_letter_headers(*, attempt: int, fault: str) -> HeadersType:
    """Return the headers of a delivery that a consumer makes a dead letter."""
    return {ATTEMPT_HEADER: attempt, REASON_HEADER: _reason(attempt, fault)}


def dead_letter_from(message: AbstractIncomingMessage, queue: Queue, *, delivery_limit: int) -> DeadLetter:
    """Return the dead letter that a message carries, whether a consumer of ours or the broker has made it one.

    Raises:
        UnreadableDeliveryError: it carries something else.

    """
    delivery = delivery_from(message, queue)
    own_attempt, own_reason = message.headers.get(ATTEMPT_HEADER), message.headers.get(REASON_HEADER)
    # The count of this queue is of how often it was looked at.
    attempt = own_attempt if isinstance(own_attempt, int) else delivery_limit
    reason = own_reason if isinstance(own_reason, str) else _reason(attempt, _broker_reason(message))
    return DeadLetter(
        delivery=Delivery(
            delivery_id=delivery.delivery_id,
            queue=queue,
            payment_id=delivery.payment_id,
            deadline_at=delivery.deadline_at,
            attempt=attempt,
        ),
        reason=reason,
    )


def _reason(attempt: int, fault: str) -> str:
    return f"handed out {attempt} times and never settled: {fault}"


def _broker_reason(message: AbstractIncomingMessage) -> str:
    deaths = message.headers.get("x-death")
    last = deaths[0] if isinstance(deaths, list) and deaths else {}
    name = str(last.get("reason", "unknown")) if isinstance(last, dict) else "unknown"
    return _REASONS.get(name, name)
