"""What the bus tells becomes metrics by queue, and one log line for each dead letter."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from adapters.telemetry.metrics import Metrics
from adapters.telemetry.observer import TelemetryObserver
from gateway.domain.payment import PaymentId
from gateway.service.ports import DeadLetter, DeadLetterReason, Delivery, Queue
from tests.unit.domain.test_transitions import NOON

QUEUE = Queue.FEDNOW_OUT_VALUE


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """One sample."""
    return metrics.registry.get_sample_value(name, {"queue": QUEUE.value, **labels})


def test_a_consumers_life_is_shown() -> None:
    """Active or not, torn down how often, and when it last heard something."""
    metrics = Metrics()
    observer = TelemetryObserver(metrics)

    observer.consumer_active(QUEUE, is_active=True)
    observer.delivery_taken(QUEUE)
    observer.consumer_restarted(QUEUE)
    observer.consumer_active(QUEUE, is_active=False)

    assert value(metrics, "gateway_consumer_active") == 0
    assert value(metrics, "gateway_consumer_restarts_total") == 1
    assert (value(metrics, "gateway_consumer_last_message_timestamp_seconds") or 0) > 0


def test_a_dead_letter_is_counted_by_its_reason() -> None:
    """Never with an id in a label: those are in the log."""
    metrics = Metrics()
    delivery = Delivery(UUID(int=1), QUEUE, PaymentId(UUID(int=2)), NOON, attempt=10)
    letter = DeadLetter(delivery, DeadLetterReason.CONSUMER_DIED, None, NOON, NOON + timedelta(seconds=9))

    TelemetryObserver(metrics).dead_lettered(letter)

    assert value(metrics, "gateway_dead_lettered_total", reason="consumer_died") == 1
