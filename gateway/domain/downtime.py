"""How long we were signed off: what a rail allows its participants, and how much of it is used up.

FedNow Operating Procedures v2.1 (October 2024): a participant may be down on Sundays from 2 to 6 a.m. US Eastern, for
two hours at once and 24 hours in a quarter, and must sign off for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from gateway.domain.rail_operations import Codes, RailEvent, spans_off
from gateway.domain.receiving_time import ZONE

_SUNDAY: Final = 6
_DAY: Final = timedelta(days=1)

Span = tuple[datetime, datetime]
"""From when until when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DowntimeRules:
    """What is allowed: in which hours of a Sunday (US Eastern), and how much."""

    from_hour: int = 2
    to_hour: int = 6
    at_once: timedelta = timedelta(hours=2)
    per_quarter: timedelta = timedelta(hours=24)
    per_year: timedelta = timedelta(hours=96)

    def window(self, day: date) -> Span:
        """Return the hours of a Sunday, in UTC: three or five of them when the clocks change."""
        begin, end = (
            datetime.combine(day, time(hour), tzinfo=ZONE).astimezone(UTC) for hour in (self.from_hour, self.to_hour)
        )
        return begin, end

    def next_window(self, now: datetime) -> Span:
        """Return the window that is open, or the next one."""
        day = now.astimezone(ZONE).date()
        day += _DAY * ((_SUNDAY - day.weekday()) % 7)
        window = self.window(day)
        return window if now < window[1] else self.window(day + 7 * _DAY)

    def planned(self, span: Span) -> timedelta:
        """Return how much of a span lies in windows."""
        begin, end = span
        day = begin.astimezone(ZONE).date()
        day += _DAY * ((_SUNDAY - day.weekday()) % 7)
        total = timedelta(0)
        while self.window(day)[0] < end:
            total += _overlap(span, self.window(day))
            day += 7 * _DAY
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Downtime:
    """How long one institution was not reached because we were signed off, up to now."""

    quarter: timedelta
    year: timedelta
    unplanned: timedelta
    """Of the year, outside the windows."""
    longest: timedelta
    """The longest span of the year."""
    current: timedelta
    """Since when it is off now; zero where it is not."""

    def faults(self, rules: DowntimeRules) -> Sequence[str]:
        """Return what exceeds the rules, in words."""
        checks = (
            (self.quarter > rules.per_quarter, f"off for {self.quarter} this quarter, {rules.per_quarter} are allowed"),
            (self.year > rules.per_year, f"off for {self.year} this year, {rules.per_year} are allowed"),
            (self.current > rules.at_once, f"off for {self.current} at once, {rules.at_once} are allowed"),
        )
        return tuple(words for is_fault, words in checks if is_fault)


def downtime(
    events: Iterable[RailEvent], *, institution: str, party: str, codes: Codes, rules: DowntimeRules, now: datetime
) -> Downtime:
    """Return how long an institution was signed off, itself or with its connection party, by the rail's calendar."""
    spans = merged(spans_off(events, institution=institution, party=party, codes=codes, until=now))
    quarter, year = _begins(now)
    of_year = _since(spans, year)
    total = _total(of_year)
    planned = sum((rules.planned(span) for span in of_year), timedelta(0))
    is_off = bool(spans) and spans[-1][1] >= now
    return Downtime(
        quarter=_total(_since(spans, quarter)),
        year=total,
        unplanned=total - planned,
        longest=max((end - begin for begin, end in of_year), default=timedelta(0)),
        current=now - spans[-1][0] if is_off else timedelta(0),
    )


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return the union of spans, in order."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def _begins(now: datetime) -> tuple[datetime, datetime]:
    """When the quarter, and the year, of an instant began, US Eastern."""
    local = now.astimezone(ZONE)
    quarter = date(local.year, 3 * ((local.month - 1) // 3) + 1, 1)
    return (
        datetime.combine(quarter, time(0), tzinfo=ZONE),
        datetime.combine(date(local.year, 1, 1), time(0), tzinfo=ZONE),
    )


def _since(spans: Iterable[Span], since: datetime) -> list[Span]:
    return [(max(begin, since), end) for begin, end in spans if end > since]


def _total(spans: Iterable[Span]) -> timedelta:
    return sum((end - begin for begin, end in spans), timedelta(0))


def _overlap(one: Span, other: Span) -> timedelta:
    return max(min(one[1], other[1]) - max(one[0], other[0]), timedelta(0))
