"""The metrics of how we stand on the rails."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from gateway.domain.payment import Rail
from gateway.domain.rail_operations import RailEvent
from gateway.service.directory import DirectoryStanding, DirectoryUse
from gateway.service.ports.receipts import MissingReceipts
from gateway.service.rail_operations import RailStatus

_SECOND: Final = timedelta(seconds=1)


class RailMetrics:
    """On the registry of a process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.events_total = Counter(
            "gateway_rail_events_total",
            "What a rail said of itself, or of what it was asked about ourselves.",
            ["rail", "kind"],
            registry=registry,
        )
        self.last_heartbeat_timestamp_seconds = Gauge(
            "gateway_rail_last_heartbeat_timestamp_seconds",
            "When the rail last answered a PING.",
            ["rail"],
            registry=registry,
        )
        self.unverified_total = Counter(
            "gateway_rail_unverified_total",
            "Messages that came as the rail's and whose signature does not hold; must stay zero.",
            ["rail"],
            registry=registry,
        )
        for rail in Rail:
            self.unverified_total.labels(rail)  # from the start: the first one is to be seen as a rise
        self.keys_end_timestamp_seconds = Gauge(
            "gateway_rail_keys_end_timestamp_seconds",
            "When the last key ends that we sign with (ours), or verify with (rails), as known since the start.",
            ["rail", "whose"],
            registry=registry,
        )
        self.signed_off = Gauge(
            "gateway_rail_institutions_signed_off",
            "Institutions of ours that the rail does not forward payments to, as far as it was heard.",
            ["rail"],
            registry=registry,
        )
        self.downtime_seconds = Gauge(
            "gateway_rail_downtime_seconds",
            "How long the institution that was off longest was signed off, now (at_once), this quarter and this year.",
            ["rail", "period"],
            registry=registry,
        )
        self.downtime_allowed_seconds = Gauge(
            "gateway_rail_downtime_allowed_seconds",
            "How long it may be.",
            ["rail", "period"],
            registry=registry,
        )
        self.totals_compared_total = Counter(
            "gateway_rail_totals_compared_total",
            "The rail's totals of an institution, held against ours; a difference may be under way still.",
            ["rail", "outcome"],
            registry=registry,
        )
        self.totals_compared_timestamp_seconds = Gauge(
            "gateway_rail_totals_compared_timestamp_seconds",
            "When this process last did so.",
            ["rail"],
            registry=registry,
        )
        self.totals_different_seconds = Gauge(
            "gateway_rail_totals_different_seconds",
            "For how long an institution's totals have differed whenever they were compared; of the one for longest.",
            ["rail"],
            registry=registry,
        )
        self.missing = Gauge(
            "gateway_rail_missing_messages",
            "Messages that the rail has settled to us, that never came, and that nobody has looked at.",
            ["rail"],
            registry=registry,
        )
        self.missing_oldest_age_seconds = Gauge(
            "gateway_rail_missing_messages_oldest_age_seconds",
            "Since when the oldest of them is known.",
            ["rail"],
            registry=registry,
        )
        self.missing_receipts = Gauge(
            "gateway_rail_missing_receipts",
            "Messages of ours that have left, and that nobody has said to have arrived, nor a person looked into.",
            ["rail"],
            registry=registry,
        )
        self.missing_receipts_oldest_age_seconds = Gauge(
            "gateway_rail_missing_receipts_oldest_age_seconds",
            "How long ago the oldest of them left.",
            ["rail"],
            registry=registry,
        )
        self.directory_fresh = Gauge(
            "gateway_rail_directory_fresh",
            "Whether the rail's participant directory is fresh: 1, or 0 where it is stale or was never heard.",
            ["rail"],
            registry=registry,
        )
        self.directory_age_seconds = Gauge(
            "gateway_rail_directory_age_seconds",
            "How long ago the participant directory was heard; not there where it never was.",
            ["rail"],
            registry=registry,
        )
        self.directory_participants = Gauge(
            "gateway_rail_directory_participants",
            "How many participants it lists.",
            ["rail"],
            registry=registry,
        )

    def show_directory(self, rail: Rail, directory: DirectoryStanding, now: datetime) -> None:
        """Show how the participant directory stands, where anybody goes by it."""
        if directory.use is DirectoryUse.OFF:
            return
        self.directory_fresh.labels(rail).set(directory.is_fresh)
        self.directory_participants.labels(rail).set(directory.participants)
        if directory.heard_at is not None:
            self.directory_age_seconds.labels(rail).set((now - directory.heard_at) / _SECOND)

    def show_missing(self, rail: Rail, missing: Sequence[RailEvent], now: datetime) -> None:
        """Show what is missing, the oldest first."""
        self.missing.labels(rail).set(len(missing))
        age = now - missing[0].at if missing else timedelta(0)
        self.missing_oldest_age_seconds.labels(rail).set(age / _SECOND)

    def show_receipts(self, rail: Rail, missing: MissingReceipts, now: datetime) -> None:
        """Show how many receipts are missing."""
        self.missing_receipts.labels(rail).set(missing.count)
        age = timedelta(0) if missing.oldest_sent_at is None else now - missing.oldest_sent_at
        self.missing_receipts_oldest_age_seconds.labels(rail).set(age / _SECOND)

    def show(self, rail: Rail, status: RailStatus) -> None:
        """Show how we stand on a rail."""
        standing, used, rules = status.standing, status.downtime.values(), status.allowed
        off = [each for each in status.downtime if standing.is_reached(each) is False]
        self.signed_off.labels(rail).set(len(off))
        if rules is None:
            return
        periods = {
            "at_once": (max((each.current for each in used), default=timedelta(0)), rules.at_once),
            "quarter": (max((each.quarter for each in used), default=timedelta(0)), rules.per_quarter),
            "year": (max((each.year for each in used), default=timedelta(0)), rules.per_year),
        }
        for period, (longest, allowed) in periods.items():
            self.downtime_seconds.labels(rail, period).set(longest / _SECOND)
            self.downtime_allowed_seconds.labels(rail, period).set(allowed / _SECOND)
