"""Deliveries as AMQP messages: a small JSON object of identifiers, never a payment's content."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import orjson
from aio_pika import DeliveryMode, Message
from aio_pika.abc import HeadersType
from aiormq import spec
from aiormq.abc import DeliveredMessage

from gateway.domain.payment import PaymentId
from gateway.service.ports import DeadLetter, DeadLetterReason, Delivery, OutboundDelivery, Queue

DELIVERY_COUNT_HEADER: Final = "x-delivery-count"
"""Set by quorum queues from the second handing out on: how often it has come back."""

FAULT_HEADER: Final = "x-fifteen-fault"
"""What the last handler raised, on a dead letter that a consumer of ours has made: the broker's own say nothing of it.
"""

ATTEMPT_HEADER: Final = "x-fifteen-attempt"
DIED_HEADER: Final = "x-fifteen-died-at"
"""How often such a dead letter was handed out, and when it died."""

_DELIVERY_LIMIT: Final = "delivery_limit"
"""The broker's reason (``x-death`` header) for a delivery that came back too often."""


class UnreadableDeliveryError(Exception):
    """A message on one of our queues that nobody here has published."""


def body_of(delivery: OutboundDelivery | Delivery) -> bytes:
    """Return what a message about a delivery holds."""
    return orjson.dumps(
        {
            "delivery_id": str(delivery.delivery_id),
            "payment_id": str(delivery.payment_id),
            "deadline_at": delivery.deadline_at,
        }
    )


def properties_of(*, published_at: datetime) -> spec.Basic.Properties:
    """Return the properties of a persistent message. AMQP keeps `published_at` to the second."""
    return _properties(published_at, {})


def dead_letter_properties(
    *, published_at: datetime, died_at: datetime, attempt: int, fault: str
) -> spec.Basic.Properties:
    """Return the properties of a delivery that a consumer makes a dead letter."""
    return _properties(published_at, {ATTEMPT_HEADER: attempt, FAULT_HEADER: fault, DIED_HEADER: died_at.isoformat()})


def _properties(published_at: datetime, headers: HeadersType) -> spec.Basic.Properties:
    message = Message(
        b"",
        content_type="application/json",
        delivery_mode=DeliveryMode.PERSISTENT,
        timestamp=published_at,
        headers=headers,
    )
    return message.properties


def delivery_from(message: DeliveredMessage, queue: Queue) -> Delivery:
    """Return the delivery that a message carries.

    Raises:
        UnreadableDeliveryError: it carries something else.

    """
    headers = message.header.properties.headers
    returns = headers.get(DELIVERY_COUNT_HEADER, 0) if headers else 0
    try:
        body = orjson.loads(message.body)
        delivery = Delivery(
            delivery_id=UUID(body["delivery_id"]),
            queue=queue,
            payment_id=PaymentId(UUID(body["payment_id"])),
            deadline_at=datetime.fromisoformat(body["deadline_at"]),
            attempt=returns + 1 if isinstance(returns, int) else 1,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableDeliveryError(f"a message of {len(message.body)} bytes on {queue}: {error!r}") from error
    if delivery.deadline_at.tzinfo is None:
        raise UnreadableDeliveryError(f"a message on {queue}: its deadline has no time zone")
    return delivery


def published_at_of(message: DeliveredMessage) -> datetime | None:
    """Return when a message was published, if it says so."""
    at = message.header.properties.timestamp
    if at is None or at.tzinfo is not None:
        return at
    return at.replace(tzinfo=UTC)


def dead_letter_from(
    message: DeliveredMessage, queue: Queue | None, *, delivery_limit: int, now: datetime
) -> DeadLetter:
    """Return the dead letter that a message carries, whether a consumer of ours or the broker has made it one.

    `now` stands where a time is missing.

    Raises:
        UnreadableDeliveryError: it carries something else, or comes from no queue of ours.

    """
    if queue is None:
        raise UnreadableDeliveryError(f"a dead letter of {len(message.body)} bytes comes from no queue of ours")
    delivery = delivery_from(message, queue)
    headers: dict[str, Any] = message.header.properties.headers or {}
    death = _broker_death(headers)
    fault, attempt = headers.get(FAULT_HEADER), headers.get(ATTEMPT_HEADER)
    published_at = published_at_of(message) or now
    if isinstance(fault, str):
        return DeadLetter(
            # The count of the queue of dead letters is of how often it was put back there.
            delivery=_attempted(delivery, attempt if isinstance(attempt, int) else delivery_limit),
            reason=DeadLetterReason.HANDLER_FAILED,
            fault=fault,
            published_at=published_at,
            died_at=_instant(headers.get(DIED_HEADER)) or now,
        )
    by_limit = death.get("reason") == _DELIVERY_LIMIT
    return DeadLetter(
        delivery=_attempted(delivery, delivery_limit if by_limit else 1),
        reason=DeadLetterReason.CONSUMER_DIED if by_limit else DeadLetterReason.BROKER,
        fault=None if by_limit else str(death.get("reason", "unknown")),
        published_at=published_at,
        died_at=_instant(death.get("time")) or now,
    )


def _attempted(delivery: Delivery, attempt: int) -> Delivery:
    return Delivery(delivery.delivery_id, delivery.queue, delivery.payment_id, delivery.deadline_at, attempt=attempt)


def _broker_death(headers: dict[str, Any]) -> dict[str, Any]:
    """Return the broker's word on the last time it put the message aside; empty when there is none."""
    deaths = headers.get("x-death")
    last = deaths[0] if isinstance(deaths, list) and deaths else None
    return last if isinstance(last, dict) else {}


def _instant(value: object) -> datetime | None:
    """Return an instant that a header tells, as text or as AMQP's timestamp."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
