"""What another institution is told that asks for the latest status of what it has sent us. It never says yes anew.

A status that accepts is told only of what the rail has settled, so that no answer to a question can be taken for the
answer to the transfer (FedNow Operating Procedures v2.1, October 2024, sections 9 and 14, and appendix A).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.domain.conversation import Conversation, ConversationState
from gateway.domain.incoming import IncomingState
from gateway.domain.incoming_transfer import ARRIVED, GOING_BACK, Attention, IncomingTransfer
from gateway.domain.payment import Reason, ReasonOrigin

NARRATIVE: Final = "NARR"
"""The ISO reason that is told in words."""

UNDER_WAY: Final = Reason(NARRATIVE, ReasonOrigin.GATEWAY, "It is under way: ask the service.")
NOT_SETTLED: Final = Reason(NARRATIVE, ReasonOrigin.GATEWAY, "The service has not settled it.")
NOT_TRACEABLE: Final = Reason("AG09", ReasonOrigin.GATEWAY)
"""ISO: the original was never received. It is told of what is the asker's no more than of what is not there."""

NOT_OPEN: Final = Reason(NARRATIVE, ReasonOrigin.GATEWAY, "The request is not open any more.")
_SAID_NO: Final = Reason(NARRATIVE, ReasonOrigin.GATEWAY, "The request was refused.")
_ISO_REASON: Final = re.compile(r"[A-Z]{4}|[A-Z]{2}[0-9A-Z]{2}")


@dataclass(frozen=True, slots=True)
class LatestStatus:
    """A status, with a reason where it says no."""

    status: str
    reason: Reason | None = None


def latest_status_of(transfer: IncomingTransfer) -> LatestStatus | None:
    """Return what is told of a transfer; None while the rail alone knows, or where it wants no word of it.

    Of what the rail has contradicted itself about nothing is told: a person finds out first.

    What follows our acceptance without posting is told as it goes on; of what we accepted outright the service takes
    nothing but that it was posted.
    """
    state, answer = transfer.state, transfer.answer
    if transfer.is_liquidity or transfer.attention is Attention.CONTRADICTED:
        return None
    if state is IncomingState.REJECTED:
        return LatestStatus("RJCT", _stated(transfer.reason))
    if state is IncomingState.NOT_SETTLED:
        return LatestStatus("RJCT", NOT_SETTLED)
    if state is IncomingState.POSTED:
        return LatestStatus("ACCC")
    if state not in ARRIVED or answer is None:
        return None
    if answer != "ACWP" or state is IncomingState.SETTLED:
        return LatestStatus(answer)
    if state is IncomingState.PENDING:
        return LatestStatus("PDNG")
    return LatestStatus("RJCT" if state in GOING_BACK else "BLCK", _stated(transfer.reason))


def latest_status_of_request(conversation: Conversation) -> LatestStatus:
    """Return what is told of a request for payment that has come."""
    return _OF_REQUEST[conversation.state]


_S = ConversationState
_OF_REQUEST: Final[Mapping[ConversationState, LatestStatus]] = MappingProxyType(
    {
        **dict.fromkeys((_S.REQUESTED, _S.WITHDRAWING), LatestStatus("RCVD")),
        _S.PRESENTED: LatestStatus("PRES"),
        **dict.fromkeys((_S.ACCEPTED, _S.WITHDRAWING_ACCEPTED, _S.PAID), LatestStatus("ACTC")),
        _S.REFUSED: LatestStatus("RJCT", _SAID_NO),
        **dict.fromkeys((_S.EXPIRED, _S.WITHDRAWN), LatestStatus("RJCT", NOT_OPEN)),
    }
)


def _stated(reason: Reason | None) -> Reason:
    """An ISO reason as it is; anything else in words, for a participant's answer takes no code of another list."""
    if reason is None:
        return Reason(NARRATIVE, ReasonOrigin.GATEWAY, "No reason is kept.")
    if _ISO_REASON.fullmatch(reason.code):
        return reason
    return Reason(NARRATIVE, reason.origin, reason.code)
