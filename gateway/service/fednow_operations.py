"""How FedNow is asked about ourselves: admi.004 (FedNow Operating Procedures v2.1, October 2024, section 15)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from gateway.domain.identity import rail_operation_reference_of
from gateway.domain.payment import Rail
from gateway.domain.rail_operations import Codes, RailAction
from gateway.service.dialect import rail_time
from gateway.service.fednow import FedNowDialect
from gateway.service.ports import MessageClass
from gateway.service.rail_protocol import OutboundMessage
from iso20022 import is_routing_number
from iso20022.messages import admi004
from iso20022.messages.admi004 import PING, SystemEventNotification

CODES: Final = Codes(sign_on="FPON", sign_off="FPOF", connect="FPCR", disconnect="FPCD")

_CODE_OF: Final = {
    RailAction.PING: PING,
    RailAction.SIGN_ON: CODES.sign_on,
    RailAction.SIGN_OFF: CODES.sign_off,
    RailAction.CONNECT: CODES.connect,
    RailAction.DISCONNECT: CODES.disconnect,
}

_POINT: Final = re.compile(r"[0-9A-Za-z]{1,35}")
"""A connection point's id; its real form is not public, `EvtParam` takes 35 characters."""


class FedNowOperations:
    """Implements `gateway.service.rail_operations.OperationsDialect` for FedNow."""

    rail: Final = Rail.FEDNOW
    codes: Final = CODES

    def __init__(self, dialect: FedNowDialect, *, party: str, institutions: frozenset[str]) -> None:
        self._dialect = dialect
        self._zone = ZoneInfo(dialect.profile.time_zone)
        self.party: Final = party
        self.institutions: Final = institutions

    def code_of(self, action: RailAction) -> str:
        """Return the event code."""
        return _CODE_OF[action]

    def check(self, action: RailAction, subject: str | None) -> str | None:
        """Return what is wrong with a subject; None where nothing is."""
        match action:
            case RailAction.PING:
                return None if subject is None else "a ping is about nobody: leave the subject out"
            case RailAction.SIGN_ON | RailAction.SIGN_OFF:
                if subject is None or is_routing_number(subject):
                    return None
                return "name an institution by its nine digits, or nobody for the whole connection party"
            case RailAction.CONNECT | RailAction.DISCONNECT:
                if subject is not None and _POINT.fullmatch(subject):
                    return None
                return "name one connection point: up to 35 letters and digits"

    def message(self, action: RailAction, subject: str | None, *, event_id: UUID, at: datetime) -> OutboundMessage:
        """Return the admi.004."""
        message_id = self._dialect.message_id(at.astimezone(self._zone).date(), rail_operation_reference_of(event_id))
        event = SystemEventNotification(
            event_code=_CODE_OF[action],
            parameters=() if subject is None else (subject,),
            event_time=rail_time(at, self._zone),
        )
        return self._dialect.message(message_id, admi004.MESSAGE_TYPE, admi004.build(event), MessageClass.SYSTEM, at)
