"""When to wake next: pure functions of what the rail's profile and the promise say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.domain.legs import BUDGETS_PERCENT, Leg, legs_from
from gateway.domain.payment import FundsHolder, Payment, PaymentState

TELLING_MARGIN_S: Final = 0.25
"""How long before its deadline an open payment is decided on, so that who waits until the deadline is told."""

STATUS_REQUEST_INTERVAL_MAX_S: Final = 60.0
"""However long a rail stays silent, it is asked again after a minute."""

ASKED_WITHIN_S: Final = STATUS_REQUEST_INTERVAL_MAX_S
"""A question that was queued and has not been put by then is taken for lost: longer than a queue lags, it is hoped."""

SELDOM_INTERVAL_S: Final = 900.0
"""Once a person was called, the rail is asked every quarter of an hour: a long outage ends some day."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The times of a rail and of the promise, in seconds.

    ``rail_clock_s`` is the rail's time-out clock, and ``status_request_wait_s`` the time before which it refuses to be
    asked; both count from the message's creation time (FedNow Operating Procedures v2.1 section 16: 20 s and 25 s).
    ``send_margin_s`` is what the rail needs at the least: with less left for it a payment is not sent.
    ``status_request_interval_s`` is the first pause between two questions; it doubles.
    """

    promise_s: float = 15.0
    send_margin_s: float = 1.0
    rail_clock_s: float = 20.0
    status_request_wait_s: float = 25.0
    status_request_interval_s: float = 5.0

    def deadline(self, accepted_at: datetime) -> datetime:
        """Return the instant by which the client holds a final status."""
        return accepted_at + timedelta(seconds=self.promise_s)

    def latest_start(self, leg: Leg, payment: Payment) -> datetime:
        """Return the instant from which a leg of a payment that waits to be sent is not begun any more.

        From then on less is left than that leg and those after it need. Ours need their budgets; the rail needs
        ``send_margin_s``: its budget is what it may take, and most of its answers take a tenth of that.
        A second copy, sent because the rail has none, and what a person has released come after the promise's end: they
        have a time of their own.
        """
        is_due_again = payment.transfers or payment.state in {PaymentState.RESEND_DUE, PaymentState.RELEASED}
        ends_at = payment.next_step_at if is_due_again and payment.next_step_at else payment.deadline_at
        return ends_at - timedelta(seconds=sum(self._needs_s(each, payment) for each in legs_from(leg)))

    def _needs_s(self, leg: Leg, payment: Payment) -> float:
        if leg is Leg.RAIL:
            return self.send_margin_s
        if leg is Leg.FUNDS and (payment.funds_holder is not FundsHolder.CORE or payment.transfers):
            return 0.0  # nobody is asked
        return budget_s(leg, promise_s=self.promise_s)

    def latest_sending(self, payment: Payment) -> datetime:
        """Return the instant from which no byte of a payment leaves any more: the last that `latest_start` knows."""
        return self.latest_start(Leg.RAIL, payment)

    def resending_ends(self, now: datetime) -> datetime:
        """Return the instant by which a second copy has left, or does not leave any more."""
        return now + timedelta(seconds=self.promise_s)

    def sendable_until(self, payment: Payment, creation_time: datetime) -> datetime:
        """Return the instant after which no byte leaves, however often it was tried.

        Neither past the payment's own time nor past the rail's clock: a message that left after the rail was asked, and
        had said that it knows nothing, could settle a payment that is called rejected.
        """
        return min(self.latest_sending(payment), self.repeatable_until(creation_time))

    def repeatable_until(self, saved_at: datetime) -> datetime:
        """Return the instant after which what was saved at an instant does not leave: the rail's clock is over.

        A repeat may be the first copy to arrive, and settle: by then what became of the payment may be decided.
        """
        return saved_at + timedelta(seconds=self.rail_clock_s - self.send_margin_s)

    def answer_overdue(self, payment: Payment, creation_time: datetime) -> datetime:
        """Return the instant from which an answer that has not come puts the payment in doubt."""
        earliest_question = creation_time + timedelta(seconds=self.status_request_wait_s)
        promised = self.decided_by(payment.deadline_at)
        return min(promised, earliest_question) if promised > creation_time else earliest_question

    def decided_by(self, deadline_at: datetime) -> datetime:
        """Return the instant at which a payment that is still open is decided on: rejected if unsent, else in doubt."""
        return deadline_at - timedelta(seconds=TELLING_MARGIN_S)

    def first_status_request(self, payment: Payment, now: datetime) -> datetime:
        """Return the instant from which the rail may be asked."""
        asked_from = (payment.creation_time or now) + timedelta(seconds=self.status_request_wait_s)
        if payment.creation_time is None and payment.ask_after is not None:
            asked_from = payment.ask_after  # nothing has left from here; the old owner's clock has run out by then
        return max(now, asked_from, payment.ask_after or now)

    def is_before_questions(self, payment: Payment, at: datetime | None) -> bool:
        """Whether an instant is certainly before the rail could be asked about the copy that was sent last."""
        if at is None or payment.creation_time is None:
            return False
        return at < payment.creation_time + timedelta(seconds=self.status_request_wait_s)

    def next_status_request(self, payment: Payment, now: datetime) -> datetime:
        """Return the instant at which the rail is asked once more: after a pause that doubles with every question."""
        if payment.state is PaymentState.AWAITING_OPERATOR:
            return now + timedelta(seconds=SELDOM_INTERVAL_S)
        asked = max(payment.status_requests, payment.transfers - 1)  # by questions, or by repeats
        return self.first_status_request(payment, now + question_pause(self.status_request_interval_s, asked))


def budget_s(leg: Leg, *, promise_s: float) -> float:
    """Return the seconds that a leg may use of so long a promise."""
    return BUDGETS_PERCENT[leg] * promise_s / 100


def asking_overdue(now: datetime) -> datetime:
    """Return the instant at which a question that is queued now, and has not been put by then, is queued again."""
    return now + timedelta(seconds=ASKED_WITHIN_S)


def question_pause(interval_s: float, asked: int) -> timedelta:
    """Return the pause after so many questions: it doubles with every one, up to a limit."""
    return timedelta(seconds=min(interval_s * 2 ** min(asked, 10), STATUS_REQUEST_INTERVAL_MAX_S))
