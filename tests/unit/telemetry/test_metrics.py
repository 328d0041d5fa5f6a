"""Metrics and logs: every fact is counted once, and the exposition can be read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from adapters.telemetry.metrics import Metrics
from adapters.telemetry.observer import TelemetryObserver
from gateway.domain.events import FINDINGS, Event, EventKind
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import IncomingFact
from gateway.domain.legs import Leg
from gateway.domain.payment import Payment, PaymentState, Rail, RegionId
from gateway.domain.rail_operations import RailAction
from gateway.domain.receiving_time import ZONE
from gateway.domain.screening import Screened, ScreeningHit, Source, Way
from gateway.domain.timing import Timing, budget_s
from gateway.service.decide import decide
from gateway.service.ports import Decision, IncomingBacklog
from gateway.service.ports.incoming import Standing
from tests.unit.domain.test_transitions import NOON, payment_in
from tests.unit.service.incoming_world import incoming_world
from tests.unit.service.operations_world import operations_world


def decided(payment: Payment, kind: EventKind, *, after_s: float) -> Decision:
    """A decision on a payment, so many seconds after its acceptance."""
    at = NOON + timedelta(seconds=after_s)
    return decide(payment, Event(kind), at=at, timing=Timing())


def in_flight(state: PaymentState) -> Payment:
    """A payment that was accepted at noon and has 15 seconds."""
    return replace(payment_in(state), deadline_at=NOON + timedelta(seconds=15), creation_time=NOON)


ABOUT_A_REGION: Final = {"fifteen_region_behind_seconds", "gateway_conversations_overdue"}


def exposed(metrics: Metrics) -> Sequence[Metric]:
    """What the exposition has."""
    return list(text_string_to_metric_families(metrics.render()[0].decode()))


def sample(metrics: Metrics, name: str) -> float:
    """The sum of a metric's samples in the exposition."""
    return sum(found.value for family in exposed(metrics) for found in family.samples if found.name == name)


def test_an_outcome_is_counted_once_and_its_duration_observed() -> None:
    """Repeats after the end, and what comes later, are no second outcome."""
    metrics = Metrics()
    observer = TelemetryObserver(metrics)
    settled = replace(in_flight(PaymentState.SETTLED), updated_at=NOON + timedelta(seconds=2))

    observer.state_changed(decided(in_flight(PaymentState.SENDING), EventKind.SETTLEMENT_REPORTED, after_s=2))
    observer.state_changed(decided(settled, EventKind.POSTING_REPORTED, after_s=3))

    assert sample(metrics, "gateway_payments_total") == 1
    assert sample(metrics, "gateway_payment_duration_seconds_sum") == 2
    assert sample(metrics, "gateway_payments_sla_breached_total") == 0


def test_a_payment_that_is_open_at_its_deadline_is_one_breach() -> None:
    """Doubt that begins before the promise and ends after it counts once, when the promise is past."""
    metrics = Metrics()
    observer = TelemetryObserver(metrics)
    doubtful = replace(in_flight(PaymentState.IN_DOUBT), updated_at=NOON + timedelta(seconds=14.75))
    asked = replace(doubtful, updated_at=NOON + timedelta(seconds=25))

    observer.state_changed(decided(in_flight(PaymentState.SENDING), EventKind.DEADLINE_PASSED, after_s=14.75))
    observer.state_changed(decided(doubtful, EventKind.STATUS_REQUEST_DUE, after_s=25))
    observer.state_changed(decided(asked, EventKind.SETTLEMENT_REPORTED, after_s=26))

    assert sample(metrics, "gateway_payments_sla_breached_total") == 1


def test_a_contradiction_is_counted() -> None:
    """It must stay zero: that it can rise is what this shows."""
    metrics = Metrics()

    TelemetryObserver(metrics).contradiction(
        decided(in_flight(PaymentState.REJECTED), EventKind.SETTLEMENT_REPORTED, after_s=1)
    )

    assert sample(metrics, "gateway_contradictions_total") == 1


@pytest.mark.parametrize(("findings", "counted"), [({FINDINGS: "FEDNOW_CHARGE_BEARER at /Document"}, 1), ({}, 0)])
async def test_what_was_rejected_for_breaking_a_rule_is_counted(findings: dict[str, str], counted: int) -> None:
    """Our lists may be out of date; a rejection of an institution's is none of these."""
    metrics = Metrics()
    async with incoming_world() as earth:
        transfer, fact = await earth.received(), IncomingFact(IncomingEvent.REJECTION_DECIDED, details=findings)
        decision = earth.receiving.decisions.decider.decide(transfer, fact, at=earth.clock.now())
        TelemetryObserver(metrics).incoming_changed(decision)

    assert sample(metrics, "gateway_incoming_rules_broken_total") == counted


def test_every_metric_names_the_region_that_tells_it_or_the_one_that_it_is_about() -> None:
    """Whoever reads them is told where they come from; how far the other region is behind is told under its name."""
    metrics = Metrics(RegionId("use1"))
    metrics.regions.behind_seconds.labels("usw2").set(0.4)
    metrics.conversations_overdue.set({RegionId("usw2"): 2, RegionId("use1"): 1})
    TelemetryObserver(metrics).state_changed(
        decided(in_flight(PaymentState.SENDING), EventKind.SETTLEMENT_REPORTED, after_s=2)
    )

    told = [found for family in exposed(metrics) for found in family.samples]

    about_regions = [(found.name, found.labels["region"], found.value) for found in told if "region" in found.name]
    assert ("fifteen_region_behind_seconds", "usw2", 0.4) in about_regions
    overdue = [found for found in told if found.name == "gateway_conversations_overdue"]
    assert {found.labels["region"]: found.value for found in overdue} == {"use1": 1, "usw2": 2}
    others = {found.labels["region"] for found in told if found.name not in ABOUT_A_REGION}
    assert others == {"use1"}
    assert sample(metrics, "gateway_payments_total") == 1
    assert not any("region" in found.labels for family in exposed(Metrics()) for found in family.samples), "the control"


def test_ten_and_fifteen_seconds_are_bounds_of_the_durations() -> None:
    """The objective and the promise can be read off without interpolation."""
    metrics = Metrics()
    TelemetryObserver(metrics).state_changed(
        decided(in_flight(PaymentState.SENDING), EventKind.SETTLEMENT_REPORTED, after_s=2)
    )

    families = text_string_to_metric_families(metrics.render()[0].decode())
    bounds = {found.labels["le"] for family in families for found in family.samples if "le" in found.labels}

    assert {"10.0", "15.0"} <= bounds


async def test_how_we_stand_on_a_rail_is_shown_with_what_is_allowed() -> None:
    """The institution that was off longest counts; one that was never heard of is not said to be off."""
    async with operations_world() as place:
        metrics = Metrics()
        await place.ask(RailAction.SIGN_OFF, "990000204")
        place.earth.clock.advance(60)

        metrics.rails.show(Rail.FEDNOW, await place.status())

    assert sample(metrics, "gateway_rail_institutions_signed_off") == 1
    assert sample(metrics, "gateway_rail_downtime_seconds") == 3 * 60
    assert sample(metrics, "gateway_rail_downtime_allowed_seconds") == (2 + 24 + 96) * 3600


def test_what_came_of_screening_is_counted_by_way_and_outcome() -> None:
    """A hit beside an outage is a hit; how long it took is observed."""
    metrics = Metrics()
    observer = TelemetryObserver(metrics)
    hit = ScreeningHit(Source.LISTS, "own.csv S-1", "debtor name")

    observer.screened(Way.OUTGOING, Screened(sources=(Source.LISTS,)), 0.1)
    observer.screened(Way.OUTGOING, Screened((hit,), (Source.LISTS,), "webhook: no answer in time"), 0.1)
    observer.screened(Way.INCOMING, Screened(sources=(Source.LISTS,), fault="lists: no answer in time"), 0.3)

    counted = {
        (found.labels["way"], found.labels["outcome"])
        for family in text_string_to_metric_families(metrics.render()[0].decode())
        for found in family.samples
        if found.name == "gateway_screened_total"
    }
    assert counted == {("outgoing", "passed"), ("outgoing", "hit"), ("incoming", "unanswered")}
    assert sample(metrics, "gateway_screening_duration_seconds_sum") == pytest.approx(0.5)


def test_how_long_is_left_for_the_first_decision_is_shown_and_nothing_else_shortens_it() -> None:
    """Money that is held since Monday is to be decided of by the end of Tuesday; what has not settled yet is not."""
    metrics, monday = Metrics(), datetime(2026, 11, 23, 12, 0, tzinfo=ZONE)
    held = {state: Standing(1, monday, monday) for state in (IncomingState.PENDING, IncomingState.BLOCKED)}
    waiting = {IncomingState.RECEIVED: Standing(1, monday, monday - timedelta(days=30))}

    shown = []
    for standing, hours in ((waiting, 0), ({**waiting, **held}, 0), (held, 36)):
        metrics.incoming.show(IncomingBacklog(standing, 0), now=monday + timedelta(hours=hours))
        shown.append(sample(metrics, "gateway_incoming_decision_left_seconds"))

    assert shown == [math.inf, 36 * 3600 - 1, -1]


def test_what_alarms_when_little_is_left_says_from_the_start_that_nothing_runs_out() -> None:
    """A gauge without labels is there at once, also in a gateway, which never looks: at zero it would call people."""
    fresh = {each.name: sample(Metrics(), each.name) for each in exposed(Metrics()) if "_left_seconds" in each.name}

    assert fresh == {"fifteen_lease_left_seconds": math.inf, "gateway_incoming_decision_left_seconds": math.inf}


@pytest.mark.parametrize("leg", Leg)
def test_a_leg_is_recorded_and_counted_where_it_took_more_than_its_share(leg: Leg) -> None:
    """At its budget it is within it; a millisecond more is over."""
    metrics = Metrics()
    observer = TelemetryObserver(metrics, promise_s=15.0)
    share_s = budget_s(leg, promise_s=15.0)

    observer.leg(leg, share_s)
    within = sample(metrics, "gateway_legs_over_budget_total")
    observer.leg(leg, share_s + 0.001)

    assert (within, sample(metrics, "gateway_legs_over_budget_total")) == (0, 1)
    assert sample(metrics, "gateway_leg_duration_seconds_count") == 2
    assert sample(metrics, "gateway_leg_duration_seconds_sum") == pytest.approx(2 * share_s + 0.001)


def test_how_late_a_timer_fired_is_recorded() -> None:
    """One that fires a tick before its time, by another clock, is not late; the control: nothing is told unfired."""
    metrics = Metrics()
    unfired = sample(metrics, "gateway_timer_lateness_seconds_count")
    observer = TelemetryObserver(metrics)

    observer.timer_fired(2.5)
    observer.timer_fired(-0.001)

    assert unfired == 0
    assert sample(metrics, "gateway_timer_lateness_seconds_count") == 2
    assert sample(metrics, "gateway_timer_lateness_seconds_sum") == 2.5
