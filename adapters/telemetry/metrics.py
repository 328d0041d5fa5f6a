"""The metrics. Names and labels are closed sets: never an id, an account or an amount."""

from __future__ import annotations

import math
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from adapters.telemetry.incoming_metrics import IncomingMetrics
from adapters.telemetry.rail_metrics import RailMetrics
from adapters.telemetry.region_metrics import ByRegion, OfRegion, RegionMetrics
from gateway.domain.payment import RegionId

DURATION_BUCKETS_S: Final = (*(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 4, 5, 7.5, 10, 12.5, 15, 20, 30, 60),)
"""10 and 15 seconds, the objective and the promise, are bounds."""


class Metrics:
    """Every metric of a process, on a registry of its own; each is told with its region, if it has one."""

    def __init__(self, region: RegionId | None = None) -> None:
        self.registry = CollectorRegistry()
        self._told = self.registry if region is None else OfRegion(self.registry, region)
        self.payments_total = Counter(
            "gateway_payments_total",
            "Payments that reached an outcome.",
            ["rail", "direction", "outcome"],
            registry=self.registry,
        )
        self.payments_accepted_total = Counter(
            "gateway_payments_accepted_total", "Payments made durable.", ["rail", "direction"], registry=self.registry
        )
        self.payment_duration_seconds = Histogram(
            "gateway_payment_duration_seconds",
            "From acceptance to the outcome.",
            ["rail", "direction", "outcome"],
            buckets=DURATION_BUCKETS_S,
            registry=self.registry,
        )
        self.leg_duration_seconds = Histogram(
            "gateway_leg_duration_seconds",
            "Parts of a payment's way.",
            ["leg"],
            buckets=DURATION_BUCKETS_S,
            registry=self.registry,
        )
        self.legs_over_budget_total = Counter(
            "gateway_legs_over_budget_total",
            "Parts of a payment's way that took more than their share of the promise.",
            ["leg"],
            registry=self.registry,
        )
        self.payments_sla_breached_total = Counter(
            "gateway_payments_sla_breached_total",
            "Payments without a final status at their deadline.",
            ["rail", "direction"],
            registry=self.registry,
        )
        self.duplicate_requests_total = Counter(
            "gateway_duplicate_requests_total", "Repeats answered from the store.", registry=self.registry
        )
        self.refusals_total = Counter(
            "gateway_refusals_total", "Requests refused, by finding.", ["code"], registry=self.registry
        )
        self.inbox_duplicates_total = Counter(
            "gateway_inbox_duplicates_total",
            "Messages that the rail delivered again.",
            ["rail"],
            registry=self.registry,
        )
        self.quarantined_total = Counter(
            "gateway_quarantined_total",
            "Messages from the rail that found no payment.",
            ["rail"],
            registry=self.registry,
        )
        self.contradictions_total = Counter(
            "gateway_contradictions_total",
            "Answers that contradict what is certain; must stay zero.",
            ["rail"],
            registry=self.registry,
        )
        self.parked_total = Counter(
            "gateway_parked_total", "Payments stopped by a fault of ours; must stay zero.", registry=self.registry
        )
        self.faults_total = Counter(
            "gateway_faults_total", "Faults of the world or ours, by place.", ["where"], registry=self.registry
        )
        self.status_requests_total = Counter(
            "gateway_status_requests_total", "pacs.028 sent.", ["rail"], registry=self.registry
        )
        self.timer_lateness_seconds = Histogram(
            "gateway_timer_lateness_seconds",
            "How late timers fired.",
            buckets=DURATION_BUCKETS_S,
            registry=self.registry,
        )
        self.http_request_duration_seconds = Histogram(
            "gateway_http_request_duration_seconds",
            "HTTP requests.",
            ["method", "route", "status"],
            buckets=DURATION_BUCKETS_S,
            registry=self.registry,
        )
        self.submissions_in_progress = Gauge(
            "gateway_submissions_in_progress",
            "Submissions that have come whole and are not answered yet, sent by a client or by the other region.",
            ["sender"],
            registry=self.registry,
        )
        self.outbox_unsent = Gauge("gateway_outbox_unsent", "Rows in the outbox.", registry=self.registry)
        self.outbox_oldest_unsent_age_seconds = Gauge(
            "gateway_outbox_oldest_unsent_age_seconds", "Age of the oldest outbox row.", registry=self.registry
        )
        self.payments_in_flight = Gauge(
            "gateway_payments_in_flight", "Payments that are not final.", ["state"], registry=self.registry
        )
        self.payments_in_doubt_oldest_age_seconds = Gauge(
            "gateway_payments_in_doubt_oldest_age_seconds",
            "Age of the oldest payment in doubt.",
            registry=self.registry,
        )
        self.conversations_overdue = ByRegion(
            Gauge(
                "gateway_conversations_overdue",
                "Conversations in which what was due has not come, or was not done, by the region where they go on.",
                ["region"],
                registry=self.registry,
            )
        )
        self.queue_depth = Gauge("gateway_queue_depth", "Deliveries on a queue.", ["queue"], registry=self.registry)
        self.contradictions = Gauge(
            "gateway_contradictions_kept",
            "Events kept that contradict what is certain; must stay zero, and survives a restart.",
            registry=self.registry,
        )
        self.payments_attention = Gauge(
            "gateway_payments_attention",
            "Payments sent that a person must look at: the rail contradicts what is certain of them.",
            registry=self.registry,
        )
        self.dead_letters = Gauge(
            "gateway_dead_letters",
            "Deliveries that no handler settled and no operator has acted on.",
            ["queue"],
            registry=self.registry,
        )
        self.dead_letter_oldest_age_seconds = Gauge(
            "gateway_dead_letter_oldest_age_seconds",
            "Age of the oldest of them.",
            ["queue"],
            registry=self.registry,
        )
        self.dead_lettered_total = Counter(
            "gateway_dead_lettered_total",
            "Deliveries that became dead letters.",
            ["queue", "reason"],
            registry=self.registry,
        )
        self.consumer_active = Gauge(
            "gateway_consumer_active", "1 while the consumer takes deliveries.", ["queue"], registry=self.registry
        )
        self.consumer_last_message_timestamp_seconds = Gauge(
            "gateway_consumer_last_message_timestamp_seconds",
            "When the consumer was last handed a delivery.",
            ["queue"],
            registry=self.registry,
        )
        self.consumer_restarts_total = Counter(
            "gateway_consumer_restarts_total",
            "Consumers torn down, lost or silent, and made anew.",
            ["queue"],
            registry=self.registry,
        )
        self.audit_unsealed_events = Gauge(
            "fifteen_audit_unsealed_events", "Events that no seal covers yet, up to 100,000.", registry=self.registry
        )
        self.audit_unsealed_age_seconds = Gauge(
            "fifteen_audit_unsealed_age_seconds",
            "Age of the oldest of them: what is younger could be rewritten unseen by who owns the database.",
            registry=self.registry,
        )
        self.audit_unanchored_seals = Gauge(
            "fifteen_audit_unanchored_seals",
            "Seals that are not written down outside the database.",
            registry=self.registry,
        )
        self.archive_segments = Gauge("fifteen_archive_segments", "Objects in the archive.", registry=self.registry)
        self.archive_messages = Gauge(
            "fifteen_archive_messages", "Messages that this process has archived.", registry=self.registry
        )
        self.archive_left_age_seconds = Gauge(
            "fifteen_archive_left_age_seconds",
            "Age of the oldest message that was old enough and had to stay: its payment is not final. 0: none.",
            registry=self.registry,
        )
        self.archive_last_success_timestamp_seconds = Gauge(
            "fifteen_archive_last_success_timestamp_seconds",
            "When this process last archived all that was due, or found nothing. 0: not yet.",
            registry=self.registry,
        )
        self.message_months_ahead_seconds = Gauge(
            "fifteen_message_months_ahead_seconds",
            "For how long there are months for messages to come: `fifteen db partitions` makes more.",
            registry=self.registry,
        )
        self.lease_left_seconds = Gauge(
            "fifteen_lease_left_seconds",
            "For how long this process may still act if its region's lease is not renewed; 0: it does not serve, "
            "+Inf: there is no other region.",
            registry=self.registry,
        )
        self.lease_left_seconds.set(math.inf)
        self.witness_silent_seconds = Gauge(
            "fifteen_witness_silent_seconds", "Since when the witness has not answered.", registry=self.registry
        )
        self.regions = RegionMetrics(self.registry)
        self.incoming = IncomingMetrics(self.registry)
        self.rails = RailMetrics(self.registry)
        self.screened_total = Counter(
            "gateway_screened_total",
            "Payments and transfers that were screened, by what came of it.",
            ["way", "outcome"],
            registry=self.registry,
        )
        self.screening_duration_seconds = Histogram(
            "gateway_screening_duration_seconds",
            "How long screening took.",
            ["way"],
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
            registry=self.registry,
        )
        self.build_info = Gauge("gateway_build_info", "Always 1.", ["version"], registry=self.registry)

    def render(self) -> tuple[bytes, str]:
        """Return the exposition and its content type."""
        return generate_latest(self._told), CONTENT_TYPE_LATEST
