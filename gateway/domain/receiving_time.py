"""When an incoming transfer's next step is due: pure functions of the rail's clock and the institution's reserve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from gateway.domain.incoming import IncomingState
from gateway.domain.incoming_transfer import TO_BE_DECIDED, IncomingTransfer
from gateway.domain.payment import PaymentId
from gateway.domain.timing import SELDOM_INTERVAL_S, question_pause
from iso20022 import RoutingNumber

ZONE: Final = ZoneInfo("America/New_York")
"""Deadlines end at midnight US Eastern (FedNow Operating Procedures v2.1, October 2024)."""

TAKE_OVER_S: Final = 1.0
"""After so long without a decision whoever finds the timer asks as well: who received the transfer may be dead."""

UNSENT_S: Final = 0.5
"""After so long without word that it left, a message that was saved is sent by whoever finds it."""

POSTING_AGAIN_S: Final = 30.0
POSTING_AGAIN_MAX_S: Final = 3600.0
"""The first and the longest pause until an institution that has not answered is told again to post: a delivery of the
bus is given up after ten attempts in some 20 s, and an institution may be down for a day."""

RETURN_AGAIN_S: Final = 30.0
RETURN_AGAIN_MAX_S: Final = 3600.0
"""The first and the longest pause until a return is looked at again, or one that never left is followed by another: its
promise is 15 s, the rail is asked about one in doubt by its own timer, and a link may be down for hours."""

_BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)

FINAL_SECOND: Final = time(23, 59, 59)
"""The end of a day as the rails count it."""


@dataclass(frozen=True, slots=True)
class Reserve:
    """The reserved response time that an institution has chosen at the rail, and our share of it, in seconds."""

    reserve_s: float = 5.0
    own_share_s: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivingTiming:
    """The times of receiving on one rail, in seconds.

    ``reserve`` is of every institution (FedNow: 1 to 5 s, each one's own choice) but those that ``reserves`` names: the
    one to which the rail brings a transfer. ``advice_wait_s`` is how long the rail's word is waited for, and before
    which it refuses to be asked (FedNow: 25 s).
    """

    reserve: Reserve = Reserve()
    reserves: Mapping[RoutingNumber, Reserve] = field(default_factory=dict)
    advice_wait_s: float = 25.0
    question_interval_s: float = 5.0
    questions_max: int = 12

    def reserve_of(self, institution: RoutingNumber) -> Reserve:
        """Return what the institution that the rail instructs has chosen."""
        return self.reserves.get(institution, self.reserve)

    def answer_by(self, forwarded_at: datetime, institution: RoutingNumber) -> datetime:
        """Return the instant after which an acceptance need not count."""
        return forwarded_at + timedelta(seconds=self.reserve_of(institution).reserve_s)

    def ask_until(self, transfer: IncomingTransfer) -> datetime:
        """Return the instant until which the institution's answer is waited for."""
        return transfer.answer_by - timedelta(seconds=self.reserve_of(transfer.instructed_agent).own_share_s)

    def take_over(self, *, received_at: datetime, answer_by: datetime, institution: RoutingNumber) -> datetime:
        """Return the instant at which another worker takes a transfer up that nobody has decided on."""
        own_share = timedelta(seconds=self.reserve_of(institution).own_share_s)
        return min(received_at + timedelta(seconds=TAKE_OVER_S), answer_by - own_share)

    def advice_overdue(self, transfer: IncomingTransfer) -> datetime:
        """Return the instant from which the rail's silence is doubt, and from which it may be asked."""
        return transfer.forwarded_at + timedelta(seconds=self.advice_wait_s)

    def first_question(self, transfer: IncomingTransfer, now: datetime) -> datetime:
        """Return the instant from which the rail may be asked about a transfer that another region has carried."""
        return max(now, self.advice_overdue(transfer), transfer.ask_after or now)

    def next_question(self, transfer: IncomingTransfer, now: datetime) -> datetime:
        """Return the instant at which the rail is asked once more: after a pause that doubles with every question."""
        if transfer.state is IncomingState.AWAITING_OPERATOR:
            return now + timedelta(seconds=SELDOM_INTERVAL_S)
        return now + question_pause(self.question_interval_s, transfer.status_requests)


def posting_due(arrived_at: datetime) -> datetime:
    """Return by when what arrived is posted, blocked or given back: the end of the next standard business day, Eastern.

    From the day on which the rail brought it, whatever is said of it later: a deadline of the rail's never moves.
    FedNow Operating Procedures v2.1, October 2024, after ACWP. Standard business days are those of the Federal Reserve:
    Monday to Friday but for its holidays.
    """
    return business_days_later(arrived_at, 1)


def business_days_later(now: datetime, count: int) -> datetime:
    """Return the end, Eastern, of the standard business day that is so many after the present day."""
    day = now.astimezone(ZONE).date()
    for _ in range(count):
        day += timedelta(days=1)
        while not is_business_day(day):
            day += timedelta(days=1)
    return datetime.combine(day, FINAL_SECOND, tzinfo=ZONE)


def arrivals_due_after(instant: datetime) -> datetime:
    """Return the first moment from which on what arrives is due (`posting_due`) after an instant."""
    local = instant.astimezone(ZONE)
    day = local.date() if local.time() >= FINAL_SECOND else local.date() - timedelta(days=1)
    while not is_business_day(day):
        day -= timedelta(days=1)
    return datetime.combine(day, time(), tzinfo=ZONE)


def decide_by(transfer: IncomingTransfer) -> datetime | None:
    """Return by when somebody must have decided what becomes of the money; None where nobody has to.

    Counted from the day on which the rail brought it, so never too late, also of what another region holds.
    """
    return posting_due(transfer.forwarded_at) if transfer.state in TO_BE_DECIDED else None


def in_order_of_deciding(transfers: Iterable[IncomingTransfer]) -> list[IncomingTransfer]:
    """Return what a person must look at, then what must be decided first, by its deadline, then the newest.

    Of one deadline what the rail brought first comes first. A store that cuts its lists cuts them in this order.
    """

    def order(transfer: IncomingTransfer) -> tuple[bool, bool, timedelta, PaymentId]:
        is_due = transfer.state in TO_BE_DECIDED
        since = (transfer.forwarded_at - _BEGINNING) if is_due else (_BEGINNING - transfer.received_at)
        return (transfer.shown_attention is None, not is_due, since, transfer.payment_id)

    return sorted(transfers, key=order)


def posting_again(transfer: IncomingTransfer, now: datetime) -> datetime:
    """Return the instant at which the institution is told to post once more: after a pause that doubles."""
    if transfer.state is not IncomingState.SETTLED:
        return now + timedelta(seconds=POSTING_AGAIN_S)
    doubled_s = 2 * (now - transfer.updated_at).total_seconds()
    return now + timedelta(seconds=min(max(doubled_s, POSTING_AGAIN_S), POSTING_AGAIN_MAX_S))


def return_again(transfer: IncomingTransfer, now: datetime, *, failed: bool) -> datetime:
    """Return the instant at which the return of a transfer is seen to once more: after a pause that doubles."""
    if failed:
        doubled_s = RETURN_AGAIN_S * 2 ** min(transfer.returns, 10)
    else:
        doubled_s = 2 * (now - transfer.updated_at).total_seconds() if transfer.returning_cents else 0.0
    return now + timedelta(seconds=min(max(doubled_s, RETURN_AGAIN_S), RETURN_AGAIN_MAX_S))


def is_business_day(day: date) -> bool:
    """Whether the Federal Reserve Banks are open: Monday to Friday, but for their holidays."""
    return day.weekday() < 5 and day not in holidays(day.year)


def holidays(year: int) -> frozenset[date]:
    """Return the Federal Reserve Banks' holidays of a year that fall on a weekday.

    The rules are those of 5 U.S.C. 6103; one that falls on a Sunday is kept on Monday, one on a Saturday not at all
    (Federal Reserve Banks, holiday schedule).
    """
    fixed = [date(year, 1, 1), date(year, 6, 19), date(year, 7, 4), date(year, 11, 11), date(year, 12, 25)]
    moved = [day + timedelta(days=1) if day.weekday() == _SUNDAY else day for day in fixed]
    floating = [
        _nth(year, 1, _MONDAY, 3),
        _nth(year, 2, _MONDAY, 3),
        _last_monday_of_may(year),
        _nth(year, 9, _MONDAY, 1),
        _nth(year, 10, _MONDAY, 2),
        _nth(year, 11, _THURSDAY, 4),
    ]
    return frozenset(day for day in (*moved, *floating) if day.weekday() < 5)


_MONDAY: Final = 0
_THURSDAY: Final = 3
_SUNDAY: Final = 6


def _nth(year: int, month: int, weekday: int, number: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))


def _last_monday_of_may(year: int) -> date:
    last = date(year, 5, 31)
    return last - timedelta(days=last.weekday())
