"""The observer of the use cases: facts become log lines and metrics."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import structlog

from adapters.telemetry.metrics import Metrics
from gateway.domain.events import FINDINGS, EventKind
from gateway.domain.incoming import IncomingEvent
from gateway.domain.legs import BUDGETS_PERCENT
from gateway.domain.payment import PaymentId, Rail
from gateway.domain.rail_operations import RailEvent
from gateway.domain.reconciliation import Arrivals
from gateway.domain.screening import Screened, Way
from gateway.service.ports import (
    Accepted,
    AcceptKind,
    DeadLetter,
    Decision,
    IncomingDecision,
    KeySide,
    Leg,
    Quarantined,
    Queue,
    Refusal,
    UnavailableError,
)
from iso20022 import Finding

SIGNATURE_SHOWN_MAX: Final = 1_500
"""So many characters of a signature that does not hold are logged: all of a well-formed one. It may be any text."""

_OUTGOING: Final = "outgoing"


class TelemetryObserver:
    """Implements `gateway.service.ports.Observer`, the bus's own `BusObserver`, and that of receiving."""

    def __init__(self, metrics: Metrics, *, promise_s: float = 15.0) -> None:
        self._metrics = metrics
        self._rails = metrics.rails
        self._promise_s = promise_s
        self._log = structlog.get_logger("fifteen")

    def payment_accepted(self, accepted: Accepted) -> None:
        """Log and count an acceptance, or a repeat of one."""
        payment = accepted.payment
        assert payment is not None
        if accepted.kind is AcceptKind.REPLAYED:
            self._metrics.duplicate_requests_total.inc()
        else:
            self._metrics.payments_accepted_total.labels(payment.rail, _OUTGOING).inc()
        self._log.info(
            "payment_accepted",
            payment_id=str(payment.payment_id),
            uetr=payment.uetr,
            message_id=payment.message_id,
            state_after=payment.state.value,
            outcome=accepted.kind.value,
        )

    def incoming_changed(self, decision: IncomingDecision) -> None:
        """Log a decision on an incoming transfer; count the states that they come into, and contradictions."""
        transfer, fact = decision.transfer, decision.fact
        if decision.state is not transfer.state:
            self._metrics.incoming.transfers_total.labels(transfer.rail.value, decision.state.value).inc()
            if fact.details.get("decided_by") == "stand_in":
                self._metrics.incoming.stand_in_total.labels(transfer.rail.value).inc()
            if FINDINGS in fact.details:
                self._metrics.incoming.rules_broken_total.labels(transfer.rail.value).inc()
        if fact.kind is IncomingEvent.ANSWER_WITHHELD:
            self._metrics.regions.incoming_withheld_total.labels(transfer.rail.value).inc()
        if decision.contradiction:
            self._metrics.contradictions_total.labels(transfer.rail).inc()
        log = self._log.warning if decision.contradiction else self._log.info
        log(
            "incoming_transfer",
            payment_id=str(transfer.payment_id),
            uetr=transfer.uetr,
            message_id=transfer.message_id,
            event_kind=fact.kind.value,
            state_before=transfer.state.value,
            state_after=decision.state.value,
            answer=decision.answer,
            reason=None if fact.reason is None else fact.reason.code,
            contradiction=decision.contradiction,
            findings=fact.details.get(FINDINGS),
        )

    def incoming_answered(self, rail: Rail, *, own_s: float, left_s: float) -> None:
        """Record our own share of an answer's time, and whether it left too late."""
        self._metrics.incoming.own_share_seconds.labels(rail.value).observe(own_s)
        if left_s < 0:
            self._metrics.incoming.late_total.labels(rail.value).inc()

    def acceptance_waited(self, rail: Rail, seconds: float) -> None:
        """Record how long an acceptance has waited for the other region."""
        self._metrics.regions.acceptance_wait_seconds.labels(rail.value).observe(seconds)

    def screened(self, way: Way, screened: Screened, seconds: float) -> None:
        """Count what came of screening, and how long it took; log what did not pass, without a name."""
        outcome = "hit" if screened.hits else "passed" if screened.passes else "unanswered"
        self._metrics.screened_total.labels(way.value, outcome).inc()
        self._metrics.screening_duration_seconds.labels(way.value).observe(seconds)
        if not screened.passes:
            self._log.warning("screening", way=way.value, outcome=outcome, **screened.details)

    def request_refused(self, refusal: Refusal) -> None:
        """Log and count a refusal, by the codes of its findings."""
        for code in set(refusal.codes):
            self._metrics.refusals_total.labels(code).inc()
        self._log.info(
            "request_refused", refusal_id=str(refusal.refusal_id), tenant=refusal.tenant_id, codes=list(refusal.codes)
        )

    def state_changed(self, decision: Decision) -> None:
        """Log a saved decision; count outcomes and breaches."""
        payment, metrics = decision.payment, self._metrics
        elapsed_s = (decision.at - payment.accepted_at).total_seconds()
        if decision.state is not payment.state and decision.state.is_final and not payment.state.is_final:
            outcome = decision.state.value.lower()
            metrics.payments_total.labels(payment.rail, _OUTGOING, outcome).inc()
            metrics.payment_duration_seconds.labels(payment.rail, _OUTGOING, outcome).observe(elapsed_s)
        if not payment.state.is_final and payment.updated_at < payment.deadline_at <= decision.at:
            metrics.payments_sla_breached_total.labels(payment.rail, _OUTGOING).inc()  # once: each decision updates
        if decision.event.kind is EventKind.STATUS_REQUESTED:
            metrics.status_requests_total.labels(payment.rail).inc()
        self._log.info(
            "state_changed",
            payment_id=str(payment.payment_id),
            uetr=payment.uetr,
            message_id=payment.message_id,
            kind=decision.event.kind.value,
            state_before=payment.state.value,
            state_after=decision.state.value,
            status=decision.status,
            reason=decision.reason.code if decision.reason else None,
            elapsed_ms=round(elapsed_s * 1000),
        )

    def contradiction(self, decision: Decision) -> None:
        """Log at error and count: a person must look."""
        payment = decision.payment
        self._metrics.contradictions_total.labels(payment.rail).inc()
        self._log.error(
            "contradiction",
            payment_id=str(payment.payment_id),
            uetr=payment.uetr,
            kind=decision.event.kind.value,
            state_before=payment.state.value,
            state_after=decision.state.value,
        )

    def duplicate_ignored(self, rail: Rail, inbox_id: str) -> None:
        """Count a repeat from the rail."""
        self._metrics.inbox_duplicates_total.labels(rail).inc()
        self._log.info("duplicate_ignored", rail=rail.value, business_message_id=inbox_id)

    def quarantined(self, message: Quarantined) -> None:
        """Log and count what found no payment."""
        self._metrics.quarantined_total.labels(message.rail).inc()
        self._log.error(
            "quarantined",
            rail=message.rail.value,
            message_type=message.message.message_type,
            business_message_id=message.message.business_message_id,
            codes=list(message.codes),
        )

    def unverified(self, rail: Rail, finding: Finding, *, signature: str | None) -> None:
        """Log at error and count: it is not the rail's, or our keys are old (docs/runbooks/rail-operations.md)."""
        self._rails.unverified_total.labels(rail).inc()
        shown = None if signature is None else ascii(signature[:SIGNATURE_SHOWN_MAX])
        self._log.error(
            "unverified", rail=rail.value, code=finding.code, at=finding.xpath, value=finding.value, signature=shown
        )

    def rail_keys(self, rail: Rail, whose: KeySide, *, until: datetime) -> None:
        """Show when the last of the keys ends."""
        self._rails.keys_end_timestamp_seconds.labels(rail, whose).set(until.timestamp())

    def dead_lettered(self, letter: DeadLetter) -> None:
        """Log at error and count: an operator decides (docs/runbooks/dead-letters.md)."""
        delivery = letter.delivery
        self._metrics.dead_lettered_total.labels(delivery.queue.value, letter.reason.value).inc()
        self._log.error(
            "dead_lettered",
            delivery_id=str(delivery.delivery_id),
            payment_id=str(delivery.payment_id),
            queue=delivery.queue.value,
            attempts=delivery.attempt,
            reason=letter.reason.value,
            fault=letter.fault,
        )

    def consumer_active(self, queue: Queue, *, is_active: bool) -> None:
        """Show whether this process takes deliveries from the queue."""
        self._metrics.consumer_active.labels(queue.value).set(is_active)
        self._metrics.consumer_restarts_total.labels(queue.value)  # shown from the first moment, as zero

    def consumer_restarted(self, queue: Queue) -> None:
        """Count."""
        self._metrics.consumer_restarts_total.labels(queue.value).inc()

    def delivery_taken(self, queue: Queue) -> None:
        """Show when the last delivery came."""
        self._metrics.consumer_last_message_timestamp_seconds.labels(queue.value).set_to_current_time()

    def parked(self, payment_id: PaymentId, reason: str) -> None:
        """Log at error and count: a fault of ours."""
        self._metrics.parked_total.inc()
        self._log.error("parked", payment_id=str(payment_id), reason=reason)

    def fault(self, where: str, error: BaseException) -> None:
        """Log and count; a fault that may be ours comes with its traceback."""
        self._metrics.faults_total.labels(where).inc()
        traceback = None if isinstance(error, UnavailableError) else error
        self._log.warning("fault", where=where, error=f"{type(error).__name__}: {error}", exc_info=traceback)

    def leg(self, leg: Leg, seconds: float) -> None:
        """Record a part of the way."""
        self._metrics.leg_duration_seconds.labels(leg).observe(seconds)
        if seconds * 100 > BUDGETS_PERCENT[leg] * self._promise_s:
            self._metrics.legs_over_budget_total.labels(leg).inc()

    def rail_answered(self, rail: Rail) -> None:
        """Log and record a sign of life."""
        self._rails.last_heartbeat_timestamp_seconds.labels(rail).set_to_current_time()
        self._log.info("rail_answered", rail=rail.value)

    def totals_compared(self, rail: Rail, *, theirs: Arrivals, ours: Arrivals, different_s: float) -> None:
        """Show when it was done, and log a difference: it may be under way still."""
        self._rails.totals_compared_timestamp_seconds.labels(rail).set_to_current_time()
        outcome = "equal" if theirs == ours else "different"
        self._rails.totals_compared_total.labels(rail, outcome).inc()
        self._rails.totals_different_seconds.labels(rail).set(different_s)
        if theirs != ours:
            self._log.warning(
                "totals_differ",
                rail=rail.value,
                theirs=theirs.count,
                ours=ours.count,
                difference_cents=theirs.cents - ours.cents,
            )

    def rail_event(self, event: RailEvent) -> None:
        """Log and count what the rail says of itself, or of what it was asked."""
        self._rails.events_total.labels(event.rail.value, event.kind.value).inc()
        self._log.info(
            "rail_event",
            rail=event.rail.value,
            kind=event.kind.value,
            code=event.code,
            subjects=list(event.subjects),
            about=event.about,
            business_message_id=event.business_message_id,
            reason=event.reason_code,
        )

    def timer_fired(self, lateness_s: float) -> None:
        """Record how late a timer was."""
        self._metrics.timer_lateness_seconds.observe(max(lateness_s, 0.0))
