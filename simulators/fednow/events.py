"""A participant's system events: sign-on and sign-off, and connection points that come and go.

FedNow Operating Procedures v2.1, section 15.1: an event's time is not in the future; who takes no customers' transfers
does not sign on; the last connected point cannot be disconnected; a sign-on or sign-off of an institution is broadcast
to all connection parties, that of a connection party to all others, a connection point's to nobody. The codes of the
refusals are not public.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from iso20022 import ConnectionPartyId
from iso20022.messages.admi004 import SystemEventNotification
from simulators.facts import StandingChanged
from simulators.fednow.settings import FedNowSimulatorSettings
from simulators.refusals import TechnicalFault
from simulators.standing import DISCONNECT, RECONNECT, SIGN_OFF, SIGN_ON, Standing

CHANGES: Final = frozenset({SIGN_ON, SIGN_OFF, DISCONNECT, RECONNECT})
"""The events that change somebody's standing."""


def standing_change(
    event: SystemEventNotification,
    *,
    party: ConnectionPartyId,
    at: datetime,
    standing: Standing,
    settings: FedNowSimulatorSettings,
) -> StandingChanged | TechnicalFault:
    """What an event changes, or why it is refused."""
    codes, parameter = settings.codes, next(iter(event.parameters), None)
    tolerance = timedelta(seconds=settings.future_tolerance_s)
    if event.event_time is not None and event.event_time.astimezone(UTC) > at + tolerance:
        return TechnicalFault(codes.event_time, "the event's time is in the future")
    if event.event_code in {SIGN_ON, SIGN_OFF}:
        known: set[str] = {each.routing_number for each in settings.participants if each.connection_party == party}
    else:
        known = set(settings.connection_points.get(party, ()))
    if parameter not in known and not (parameter is None and event.event_code in {SIGN_ON, SIGN_OFF}):
        return TechnicalFault(codes.event_subject, f"{party} does not speak for {parameter}")
    named = next((each for each in settings.participants if each.routing_number == parameter), None)
    if event.event_code == SIGN_ON and named is not None and not named.takes_transfers:
        return TechnicalFault(codes.event_subject, f"{parameter} does not take customers' transfers")
    if event.event_code == DISCONNECT and standing.is_last_connected(party, str(parameter)):
        return TechnicalFault(codes.last_point, f"{parameter} is the last connected point of {party}")
    return StandingChanged(at, party, event.event_code, parameter)


def told_of(change: StandingChanged, settings: FedNowSimulatorSettings) -> Sequence[ConnectionPartyId]:
    """The connection parties that a change is broadcast to."""
    if change.event_code in {DISCONNECT, RECONNECT}:
        return ()
    parties = dict.fromkeys(each.connection_party for each in settings.participants)
    return [each for each in parties if change.parameter is not None or each != change.connection_party]
