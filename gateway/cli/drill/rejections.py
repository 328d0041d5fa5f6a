"""Rejections in the count: by whom and why; and whether what never reached the rail had an excuse.

A delivery that is lost, or dies on its queue, ends as a rejection too: its payment's time runs out, unsent. So each
payment that the rail has no trace of has to be explained by what was down meanwhile, and by nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

RECOVERY_S: Final = 7.0
"""So long after an outage what it held up may still lie: the longest single wait in the program, and some.

A dead worker's lease on the embedded bus (5 s), the longest rest of a delivery between two tries (5 s), a consumer that
hears nothing before it is made anew, and the longest pause of a loop before it is run again (4 s and 2 s).
"""

CALM_MAX_S: Final = 2.0
"""So long a calm is enough: a payment is at the rail within milliseconds, or half a second when the relay has it."""

SENT_WITHIN_S: Final = 3.0
"""From SENDING a message leaves within a second, by the drill's rail clock; the rest is until a death is noticed."""

NOT_FOUND: Final = "NotFoundReported"
SENDING: Final = "SendingStarted"
GATEWAY: Final = "gateway"
"""Events and an origin of reasons, as the database has them: named once more, so as to be independent."""

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a payment is rejected, and when it should have reached the rail: None where it did."""

    payment_id: str
    why: str
    unsent: Span | None


def rejection_of(
    payment: Mapping[str, str], history: Sequence[Mapping[str, str]], *, is_known_to_the_rail: bool
) -> Rejection | None:
    """Return why a payment is rejected, by its history; None where no event says so."""
    decisive = next((event for event in history if _rejects(event)), None)
    if decisive is None:
        return None
    why = f"{decisive['reason_origin']} {decisive['reason_code']} {decisive['kind']}"
    unsent: Span | None = None
    if decisive["reason_origin"] == GATEWAY:
        unsent = _at(payment["accepted_at"]), _at(decisive["at"])
    elif decisive["kind"] == NOT_FOUND and not is_known_to_the_rail:
        began = (_at(event["at"]) for event in history if event["kind"] == SENDING)
        sent_at = max(began, default=_at(payment["accepted_at"]))
        unsent = sent_at, sent_at + timedelta(seconds=SENT_WITHIN_S)
    return Rejection(payment["payment_id"], why, unsent)


def disturbed(outages: Sequence[Mapping[str, str]]) -> Sequence[Span]:
    """Return when something was down or had not recovered yet, in the order of time."""
    spans = [(_at(one["since"]), _at(one["until"]) + timedelta(seconds=RECOVERY_S)) for one in outages]
    return sorted(spans)


def longest_calm_s(within: Span, disturbances: Sequence[Span]) -> float:
    """Return the longest time in a row within a span in which nothing was disturbed; they are in the order of time."""
    return max((end - start).total_seconds() for start, end in _calms(within, disturbances))


def _calms(within: Span, disturbances: Sequence[Span]) -> Iterator[Span]:
    start, end = within
    for since, until in disturbances:
        if since >= end:
            break
        yield start, max(start, since)
        start = max(start, until)
    yield start, max(start, end)


def _rejects(event: Mapping[str, str]) -> bool:
    return event["state_after"] == "REJECTED" != event["state_before"]


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
