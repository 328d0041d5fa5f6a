"""Where a request for the return of a payment stands: a part of the payment that it is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class RequestState(StrEnum):
    """Where a request for the return of a payment stands."""

    NONE = "NONE"
    """Nobody has asked for the money."""

    REQUESTED = "REQUESTED"
    """We have asked; the receiver of the payment is to answer. Nothing has come back."""

    RECEIVED = "RECEIVED"
    """We are asked; our institution is to answer. Nothing goes back before."""

    PENDING = "PENDING"
    """Answered PDCR: a final answer is to follow. Nothing goes back before."""

    AGREED = "AGREED"
    """Answered IPAY or PECR: the money is on its way back, by a payment of its own."""

    REFUSED = "REFUSED"
    """Answered RJCR, or the rail has refused the request: nothing goes back for it."""

    RETURNED = "RETURNED"
    """The return has settled."""

    @property
    def is_open(self) -> bool:
        """Whether something is still to come, or to be done, for it."""
        return self in _OPEN


_OPEN: Final = frozenset({RequestState.REQUESTED, RequestState.RECEIVED, RequestState.PENDING, RequestState.AGREED})

OPEN: Final = tuple(state for state in RequestState if state.is_open)


@dataclass(frozen=True, slots=True)
class Request:
    """The request that a payment has now; ``message_id`` is its camt.056's. What comes next is due by ``due_at``."""

    state: RequestState = RequestState.NONE
    message_id: str | None = None
    due_at: datetime | None = None


NO_REQUEST: Final = Request()
"""Nobody has asked for the money."""
