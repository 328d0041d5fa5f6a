"""Requests to return a payment (camt.056) and their answers (camt.029), either way. Pure.

A request is part of the history of the payment that it is about, and changes nothing of where its money stands: what it
changes is in two tables here, one for what we ask, one for what we are asked. The states of both have one set of names.

Sources: FedNow Operating Procedures v2.1 (October 2024), sections 9 and 14: a request within 60 calendar days of
settlement (a warranty claim, WNTB, within 95; a report of fraud, FRAD, later too), an answer by midnight Eastern of the
next standard business day (to a warranty claim, of the twentieth), a final one ten standard business days after PDCR at
the latest, whatever was asked for. Unanswered, it may be put again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.domain.events import Event, EventKind
from gateway.domain.incoming import IncomingEvent
from gateway.domain.payment import Reason
from gateway.domain.receiving_time import ZONE, business_days_later
from gateway.domain.reconciliation import cycle_day
from gateway.domain.request import Request, RequestState

DAYS_MAX: Final[Mapping[str, int | None]] = {"FRAD": None, "WNTB": 95}
"""Within how many calendar days after settlement a return may be asked for, by reason; None for ever."""

DAYS_MAX_OTHERWISE: Final = 60

REQUEST_ID: Final = "request_id"
"""Under this a fact's details have the message id of the camt.056 that it is about."""

CASE_ID: Final = "case_id"
"""Under this the details of a request that was sent again have the case of the first copy: its message id."""

ANSWER_DAYS: Final[Mapping[str, int]] = {"WNTB": 20}
"""Within how many standard business days a request is answered, by its reason."""

ANSWER_DAYS_OTHERWISE: Final = 1

FINAL_ANSWER_DAYS: Final = 10
"""Standard business days from PDCR to a final answer."""

MONEY_DAYS: Final = 1
"""Standard business days from the promise to the money. Ours: the rail has it follow "simultaneously"."""


@dataclass(frozen=True, slots=True)
class RequestStep:
    """The state that follows; with ``is_strange`` a person must look."""

    state: RequestState
    is_strange: bool = False


_R = RequestState
_E = EventKind
_I = IncomingEvent
_T = RequestStep

_ASKED: Final = tuple(state for state in _R if state not in {_R.NONE, _R.RECEIVED})
"""The states of a request of ours."""

_OF_US: Final = tuple(state for state in _R if state not in {_R.NONE, _R.REQUESTED})
"""The states of a request to us."""

_ANSWERS: Final = (
    _E.RETURN_RECEIPT_REPORTED,
    _E.RETURN_REQUEST_REFUSED,
    _E.RETURN_PENDING_REPORTED,
    _E.RETURN_AGREED_REPORTED,
    _E.RETURN_REFUSED_REPORTED,
)

REQUESTS: Final[dict[tuple[RequestState, EventKind], RequestStep]] = {
    # Asked anew, under another message id, where nothing is to be expected of the former request any more.
    **{(state, _E.RETURN_ASKED): _T(_R.REQUESTED) for state in (_R.NONE, *_ASKED)},
    # An answer to what was never asked.
    **{(_R.NONE, kind): _T(_R.NONE, is_strange=True) for kind in _ANSWERS},
    **{(state, kind): _T(state) for state in _ASKED for kind in (_E.RETURN_RECEIPT_REPORTED, _E.RETURN_RECEIPT_MISSED)},
    # The rail refuses a second copy of a request too: what was answered stays answered.
    **{(state, _E.RETURN_REQUEST_REFUSED): _T(state) for state in _ASKED},
    (_R.REQUESTED, _E.RETURN_REQUEST_REFUSED): _T(_R.REFUSED),
    **{(state, _E.RETURN_PENDING_REPORTED): _T(state) for state in _ASKED},
    **{(state, _E.RETURN_PENDING_REPORTED): _T(_R.PENDING) for state in (_R.REQUESTED, _R.REFUSED)},
    **{(state, _E.RETURN_AGREED_REPORTED): _T(_R.AGREED) for state in _ASKED},
    (_R.RETURNED, _E.RETURN_AGREED_REPORTED): _T(_R.RETURNED),
    **{(state, _E.RETURN_REFUSED_REPORTED): _T(_R.REFUSED) for state in _ASKED},
    # What was promised, or has come, is refused: that cannot be.
    **{(state, _E.RETURN_REFUSED_REPORTED): _T(state, is_strange=True) for state in (_R.AGREED, _R.RETURNED)},
    **{(state, kind): _T(_R.RETURNED) for state in _ASKED for kind in (_E.PART_RETURNED, _E.RETURNED)},
    **{(_R.NONE, kind): _T(_R.NONE) for kind in (_E.PART_RETURNED, _E.RETURNED)},
}
"""What follows what for a request of ours, which a payment has."""

REQUESTS_TO_US: Final[dict[tuple[RequestState, IncomingEvent], RequestStep]] = {
    # Another request, under another message id, where the former is at its end; one that is not answered is
    # replaced, and one that waits is the same case.
    **{(state, _I.RETURN_REQUESTED): _T(_R.RECEIVED) for state in (_R.NONE, _R.RECEIVED, _R.REFUSED, _R.RETURNED)},
    **{(state, _I.RETURN_REQUESTED): _T(state) for state in (_R.PENDING, _R.AGREED)},
    **{(state, _I.RETURN_DEFERRED): _T(_R.PENDING) for state in (_R.RECEIVED, _R.PENDING)},
    **{(state, _I.RETURN_AGREED): _T(_R.AGREED) for state in (_R.RECEIVED, _R.PENDING)},
    **{(state, _I.RETURN_REFUSED): _T(_R.REFUSED) for state in (_R.RECEIVED, _R.PENDING)},
    **{(state, _I.RETURN_SETTLED): _T(state) for state in (_R.NONE, *_OF_US)},
    (_R.AGREED, _I.RETURN_SETTLED): _T(_R.RETURNED),
}
"""What follows what for a request to us, which an incoming transfer has."""

REQUEST_EVENTS: Final = frozenset(kind for _, kind in REQUESTS)
"""What may befall a request of ours."""

REQUEST_FACTS: Final = frozenset(kind for _, kind in REQUESTS_TO_US)
"""What may befall a request to us."""


def is_in_time(*, settled_at: datetime, asked_at: datetime, reason_code: str | None) -> bool:
    """Whether a return may still be asked for: so many calendar days after the settlement date, a cycle day."""
    days = DAYS_MAX.get(reason_code or "", DAYS_MAX_OTHERWISE)
    return days is None or (asked_at.astimezone(ZONE).date() - cycle_day(settled_at)).days <= days


def due_of(state: RequestState, reason: Reason | None, *, at: datetime) -> datetime:
    """Return until when what comes next is due of a request that came into an open state `at`.

    `reason` is the request's own where it was put just now: how long its answer may take is a matter of that.
    """
    if state is RequestState.PENDING:
        return business_days_later(at, FINAL_ANSWER_DAYS)
    if state is RequestState.AGREED:
        return business_days_later(at, MONEY_DAYS)
    code = "" if reason is None else reason.code
    return business_days_later(at, ANSWER_DAYS.get(code, ANSWER_DAYS_OTHERWISE))


def request_after(request: Request, step: RequestStep, *, message_id: str | None, due_at: datetime | None) -> Request:
    """Return the request as it is after a step: under a new message id where it was put anew, and due anew while open.

    A step that leaves the state leaves what is due as well, but for a request that was put again.
    """
    if message_id is None and step.state is request.state:
        return request
    return Request(step.state, message_id or request.message_id, due_at if step.state.is_open else None)


def request_of(request: Request, event: Event, *, at: datetime) -> Request:
    """Return the request for a payment's return after an event of the payment's: the same from its history as saved."""
    step = REQUESTS.get((request.state, event.kind))
    if step is None:
        return request
    is_asked = event.kind is EventKind.RETURN_ASKED
    asked = event.details.get(CASE_ID, event.business_message_id) if is_asked else None
    return request_after(request, step, message_id=asked, due_at=due_of(step.state, event.reason, at=at))
