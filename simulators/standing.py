"""Who is signed on, and which connection points are connected (FedNow Operating Procedures v2.1, section 15.1).

A connection party and each institution behind it are signed off independently: an institution is reached while neither
is off. A connection party may have several connection points, each with a queue of its own; what is for the party goes
to those that are connected, in turn. A party without named points has one queue, whoever connects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from iso20022 import ConnectionPartyId, RoutingNumber
from iso20022.messages.admi998 import ParticipantService
from simulators.facts import ProfileChanged, StandingChanged
from simulators.participants import Participant

SIGN_ON: Final = "FPON"
SIGN_OFF: Final = "FPOF"
DISCONNECT: Final = "FPCD"
RECONNECT: Final = "FPCR"

NO_POINT: Final = ""
"""The one queue of a party without named connection points."""

PointsByParty = Mapping[ConnectionPartyId, Sequence[str]]
"""The connection points of those parties that have named ones."""


@dataclass(slots=True)
class Standing:
    """Changed by facts alone; everybody is signed on, and every point connected, until one says otherwise."""

    points: PointsByParty
    parties_off: set[ConnectionPartyId] = field(default_factory=set)
    institutions_off: set[RoutingNumber] = field(default_factory=set)
    points_off: set[tuple[ConnectionPartyId, str]] = field(default_factory=set)
    turns: Counter[ConnectionPartyId] = field(default_factory=Counter)
    profiles: dict[RoutingNumber, tuple[ParticipantService, ...]] = field(default_factory=dict)
    """The services of those whose profile was changed."""

    def apply(self, fact: StandingChanged) -> None:
        """Take a change in; a repeat changes nothing."""
        party = fact.connection_party
        match (fact.event_code, fact.parameter):
            case (code, None) if code == SIGN_ON:
                self.parties_off.discard(party)
            case (code, None) if code == SIGN_OFF:
                self.parties_off.add(party)
            case (code, str(parameter)) if code == SIGN_ON:
                self.institutions_off.discard(RoutingNumber(parameter))
            case (code, str(parameter)) if code == SIGN_OFF:
                self.institutions_off.add(RoutingNumber(parameter))
            case (code, str(point)) if code == RECONNECT:
                self.points_off.discard((party, point))
            case (code, str(point)) if code == DISCONNECT:
                self.points_off.add((party, point))
            case change:
                raise ValueError(f"{change} changes nobody's standing")

    def change_profile(self, fact: ProfileChanged) -> None:
        """Take a changed profile in."""
        self.profiles[fact.routing_number] = tuple(map(ParticipantService, fact.services))

    def services_of(self, participant: Participant) -> tuple[ParticipantService, ...]:
        """What an institution takes part in, as the participant file lists it; nothing: the file leaves it out."""
        if not participant.takes_transfers:
            return ()  # the file does not say who is for liquidity or settlement only (Operating Procedures v2.1)
        both_ways = ParticipantService.CTSR if participant.may_send else ParticipantService.CTRO
        return self.profiles.get(participant.routing_number, (both_ways, ParticipantService.RFPR))

    def may_send(self, participant: Participant) -> bool:
        """Whether it may send customers' transfers."""
        return ParticipantService.CTSR in self.services_of(participant)

    def may_receive(self, participant: Participant) -> bool:
        """Whether it takes customers' transfers."""
        return not {ParticipantService.CTSR, ParticipantService.CTRO}.isdisjoint(self.services_of(participant))

    def is_reached(self, participant: Participant) -> bool:
        """Whether payments are forwarded to an institution."""
        is_off = participant.connection_party in self.parties_off
        return not is_off and participant.routing_number not in self.institutions_off

    def points_of(self, party: ConnectionPartyId) -> Sequence[str]:
        """Every point of a party, connected or not."""
        return self.points.get(party) or (NO_POINT,)

    def is_connected(self, party: ConnectionPartyId, point: str) -> bool:
        """Whether what is for the party may go to this point."""
        return (party, point) not in self.points_off

    def next_point(self, party: ConnectionPartyId) -> str:
        """The connected point whose turn it is."""
        connected = [point for point in self.points_of(party) if self.is_connected(party, point)]
        self.turns[party] += 1
        return connected[self.turns[party] % len(connected)]

    def is_last_connected(self, party: ConnectionPartyId, point: str) -> bool:
        """Whether no other point of the party is connected."""
        return not any(self.is_connected(party, other) for other in self.points_of(party) if other != point)
