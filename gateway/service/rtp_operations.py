"""How RTP is asked about ourselves: sign-on, sign-off and echo, admn.001 to admn.006 (public schemas and samples).

A participant signs on and off as a whole, under its id of eleven characters: no public text says that it may for one of
its institutions. A request is known by its instruction id, which is the header's id with a character more: so the
answer names what was asked. Nothing is public of connection points, or of the parameters of the rail's own notices
(admi.004): these are kept as they come, and change nothing of how we are said to stand.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from gateway.domain.identity import rail_operation_reference_of
from gateway.domain.payment import Rail
from gateway.domain.rail_operations import Codes, RailAction
from gateway.service.rail_protocol import EchoAsked, OutboundMessage
from gateway.service.rtp import ECHO, SIGN_OFF, SIGN_ON, RtpDialect
from iso20022 import EchoRequest
from iso20022.messages.admn import SignOffRequest, SignOnRequest

CODES: Final = Codes(sign_on=SIGN_ON, sign_off=SIGN_OFF)

_MADE: Final = {
    RailAction.PING: (ECHO, EchoRequest),
    RailAction.SIGN_ON: (SIGN_ON, SignOnRequest),
    RailAction.SIGN_OFF: (SIGN_OFF, SignOffRequest),
}


class RtpOperations:
    """Implements `gateway.service.rail_operations.OperationsDialect` for RTP."""

    rail: Final = Rail.RTP
    codes: Final = CODES
    institutions: Final = frozenset[str]()
    counts_downtime: Final = False
    signs_off_institutions: Final = False

    def __init__(self, dialect: RtpDialect, *, party: str) -> None:
        self._dialect = dialect
        self.party: Final = party

    def code_of(self, action: RailAction) -> str:
        """Return the request's message type; an action that RTP lacks has its own name, and is refused."""
        return _MADE[action][0] if action in _MADE else action.value

    def check(self, action: RailAction, subject: str | None) -> str | None:
        """Return what is wrong with a subject; None where nothing is."""
        if action not in _MADE:
            return "RTP has no connection points that are connected or disconnected: sign on or off"
        if subject is None:
            return None
        if action is RailAction.PING:
            return "a ping is about nobody: leave the subject out"
        return "on RTP a participant is signed on and off as a whole: leave the institution out"

    def echo_answer(self, asked: EchoAsked, *, event_id: UUID, at: datetime) -> OutboundMessage:
        """Return the admn.006."""
        return self._dialect.echo_answer(asked, rail_operation_reference_of(event_id), at=at)

    def message(self, action: RailAction, subject: str | None, *, event_id: UUID, at: datetime) -> OutboundMessage:  # noqa: ARG002
        """Return the admn message that asks."""
        _, make = _MADE[action]
        return self._dialect.administration(make, rail_operation_reference_of(event_id), at=at)
