"""What is measured of a region that has another beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric

from gateway.domain.payment import RegionId


class OfRegion:
    """What a registry has, with the region of the process that tells it on all that is not about a region itself.

    Whoever reads the metrics need not know where they come from; and of what is about the other region, such as how far
    it is behind, the label is that one, whoever tells it.
    """

    def __init__(self, registry: CollectorRegistry, region: RegionId) -> None:
        self._registry = registry
        self._region = region

    def collect(self) -> Iterator[Metric]:
        """Return every family; the registry makes them anew for each call."""
        for family in self._registry.collect():
            family.samples = [
                sample._replace(labels={"region": self._region, **sample.labels}) for sample in family.samples
            ]
            yield family


class ByRegion:
    """A gauge of what each region has; who has none any more is gone from it."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge

    def set(self, values: Mapping[RegionId, float]) -> None:
        """Show these, and no others."""
        self._gauge.clear()
        for region, value in values.items():
            self._gauge.labels(region).set(value)


class RegionMetrics:
    """The metrics of what goes from one region to the other."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.slot_kept_bytes = Gauge(
            "fifteen_replication_slot_kept_bytes",
            "What a replication slot of this region's server keeps of its log for whoever follows by it.",
            ["slot"],
            registry=registry,
        )
        self.slot_left_bytes = Gauge(
            "fifteen_replication_slot_left_bytes",
            "What may still be written before the slot is given up; +Inf: nothing bounds it, and the disk fills.",
            ["slot"],
            registry=registry,
        )
        self.slot_lost = Gauge(
            "fifteen_replication_slot_lost",
            "1: the slot was given up, or is not there; who followed by it has to copy anew.",
            ["slot"],
            registry=registry,
        )
        self.unconfirmed_seconds = Gauge(
            "fifteen_region_unconfirmed_seconds",
            "Since when the other region has not confirmed what this one wrote, where anything waits for that.",
            registry=registry,
        )
        self.alone = Gauge(
            "fifteen_region_alone",
            "1: the other region is fenced off, and this one goes on without its confirmation.",
            registry=registry,
        )
        self.behind_seconds = Gauge(
            "fifteen_region_behind_seconds",
            "How old what this region knows of another is, the difference of their clocks included.",
            ["region"],
            registry=registry,
        )
        self.acceptance_wait_seconds = Histogram(
            "gateway_incoming_acceptance_wait_seconds",
            "How long an acceptance waited for the other region to have it: its part of our own share of an answer.",
            ["rail"],
            buckets=(0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2),
            registry=registry,
        )
        self.incoming_withheld_total = Counter(
            "gateway_incoming_acceptances_withheld_total",
            "Acceptances that were not sent: the other region had not confirmed to have them, and was not fenced off.",
            ["rail"],
            registry=registry,
        )
