"""The metrics of how we stand on the rails."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class RailMetrics:
    """On the registry of a process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.events_total = Counter(
            "gateway_rail_events_total",
            "What a rail said of itself, or of what it was asked about ourselves.",
            ["rail", "kind"],
            registry=registry,
        )
