"""The metrics of what the rails bring us."""

from __future__ import annotations

import math
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gateway.domain.incoming_transfer import TO_BE_DECIDED, UNENDED
from gateway.domain.receiving_time import posting_due
from gateway.service.ports import IncomingBacklog


class IncomingMetrics:
    """On the registry of a process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.open_transfers = Gauge(
            "gateway_incoming_transfers_open",
            "Incoming transfers that are not at their end, by state.",
            ["state"],
            registry=registry,
        )
        self.oldest_age_seconds = Gauge(
            "gateway_incoming_transfers_open_oldest_age_seconds",
            "Since when the oldest of them is here.",
            ["state"],
            registry=registry,
        )
        self.attention = Gauge(
            "gateway_incoming_attention",
            "Incoming transfers that a person must look at: a return has failed, the rail contradicts itself, or the "
            "institution contradicts what is so.",
            registry=registry,
        )
        self.decision_left_seconds = Gauge(
            "gateway_incoming_decision_left_seconds",
            "Until the first of the transfers whose money is to be posted, blocked or given back is overdue; below "
            "zero it is. +Inf where none is to be decided, and in a process that does not look.",
            registry=registry,
        )
        self.decision_left_seconds.set(math.inf)
        self.return_requests_overdue = Gauge(
            "gateway_return_requests_overdue",
            "Requests for returns, ours and theirs, whose next step is overdue.",
            registry=registry,
        )
        self.transfers_total = Counter(
            "gateway_incoming_transfers_total",
            "Incoming transfers that came into a state, by rail.",
            ["rail", "state"],
            registry=registry,
        )
        self.own_share_seconds = Histogram(
            "gateway_incoming_own_share_seconds",
            "From an incoming transfer's arrival until its answer has left, without the institution's time.",
            ["rail"],
            buckets=(0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
            registry=registry,
        )
        self.late_total = Counter(
            "gateway_incoming_answers_late_total",
            "Answers that left after the receiver's reserve was over.",
            ["rail"],
            registry=registry,
        )
        self.stand_in_total = Counter(
            "gateway_incoming_stand_in_total",
            "Incoming transfers on which the stand-in decided.",
            ["rail"],
            registry=registry,
        )
        self.rules_broken_total = Counter(
            "gateway_incoming_rules_broken_total",
            "Incoming transfers that were rejected because their message breaks a rule of its rail.",
            ["rail"],
            registry=registry,
        )

    def show(self, backlog: IncomingBacklog, *, now: datetime) -> None:
        """Show what is not at its end.

        Every state is there, with zero where nothing stands in it: an alarm can tell that from a worker that is gone.
        """
        for state in UNENDED:
            standing = backlog.standing.get(state)
            self.open_transfers.labels(state.value).set(0 if standing is None else standing.count)
            self.oldest_age_seconds.labels(state.value).set(
                0 if standing is None else (now - standing.oldest_at).total_seconds()
            )
        held = [standing.forwarded_at for state, standing in backlog.standing.items() if state in TO_BE_DECIDED]
        left_s = (posting_due(min(held)) - now).total_seconds() if held else math.inf
        self.decision_left_seconds.set(left_s)
        self.return_requests_overdue.set(backlog.requests_overdue)
        self.attention.set(backlog.attention)
