"""The institutions of the simulated network: all invented, with routing numbers that no institution has.

Their numbers begin with 99, outside the ranges that the ABA assigns, and pass its check digit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import cycle
from typing import Final

from iso20022 import ConnectionPartyId, RoutingNumber


class Liquidity(StrEnum):
    """What an institution's profile lets it do with liquidity transfers (Operating Procedures v2.1, appendix F)."""

    NONE = "none"
    RECEIVE = "receive"
    SEND_AND_RECEIVE = "send and receive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """An institution on the network, and who connects it; a connection party may speak for several institutions.

    One that is for liquidity or settlement only takes no customers' transfers.
    """

    name: str
    routing_number: RoutingNumber
    connection_party: ConnectionPartyId
    may_send: bool
    takes_transfers: bool = True
    liquidity: Liquidity = Liquidity.NONE


def _participant(
    name: str,
    routing_number: str,
    *,
    connection_party: str,
    may_send: bool,
    takes_transfers: bool = True,
    liquidity: Liquidity = Liquidity.NONE,
) -> Participant:
    return Participant(
        name=name,
        routing_number=RoutingNumber(routing_number),
        connection_party=ConnectionPartyId(connection_party),
        may_send=may_send,
        takes_transfers=takes_transfers,
        liquidity=liquidity,
    )


_BOTH_WAYS: Final = Liquidity.SEND_AND_RECEIVE


PARTICIPANTS: Final[tuple[Participant, ...]] = (
    # The first two are connected by one party, as a processor connects its clients.
    _participant(
        "Quillmoor Sample Bank", "990000107", connection_party="990000107", may_send=True, liquidity=_BOTH_WAYS
    ),
    _participant(
        "Tarnbrook Sample Credit Union",
        "990000204",
        connection_party="990000107",
        may_send=True,
        liquidity=Liquidity.RECEIVE,
    ),
    _participant(
        "Oldferry Sample Savings", "990001106", connection_party="990001106", may_send=True, liquidity=_BOTH_WAYS
    ),
    _participant(
        "Hazelgate Sample Bank", "990001203", connection_party="990001203", may_send=False, liquidity=Liquidity.RECEIVE
    ),
    _participant("Saltmarsh Sample Trust", "990001300", connection_party="990001300", may_send=False),
    _participant("Windlass Sample Credit Union", "990001407", connection_party="990001407", may_send=False),
    _participant("Copperfold Sample Bank", "990001504", connection_party="990001504", may_send=False),
)
"""The default network: three senders, all of which also receive, and four that only receive."""

LIQUIDITY_ONLY: Final = _participant(
    "Ploughgate Sample Corporate",
    "990001902",
    connection_party="990001902",
    may_send=False,
    takes_transfers=False,
    liquidity=Liquidity.SEND_AND_RECEIVE,
)
SETTLEMENT_ONLY: Final = _participant(
    "Stonecross Sample Settlement Bank",
    "990001805",
    connection_party="990001805",
    may_send=False,
    takes_transfers=False,
)
"""Two with whom customers' transfers do not go: they are on the network, and not in the table of receivers."""


def participant_of(routing_number: RoutingNumber, participants: tuple[Participant, ...]) -> Participant | None:
    """The participant with this routing number, if there is one."""
    return next((entry for entry in participants if entry.routing_number == routing_number), None)


def map_to_participants(
    routing_numbers: Iterable[str], *, participants: tuple[Participant, ...] = PARTICIPANTS
) -> Mapping[str, RoutingNumber]:
    """A participant's routing number for each of `routing_numbers`, in the order of their first appearance.

    Pass them as the message has them, the debtor's side first (InstgAgt, InstdAgt, DbtrAgt, CdtrAgt): the first number
    becomes a participant that may send, later ones those that only receive, then the rest. Numbers of participants
    stay as they are. Equal in, equal out; distinct numbers stay distinct until the table is used up, then its numbers
    are given out again from the start.
    """
    wanted = tuple(dict.fromkeys(routing_numbers))
    known = {participant.routing_number for participant in participants}
    free = [participant for participant in participants if participant.routing_number not in wanted]
    senders = [participant for participant in free if participant.may_send]
    receivers = [participant for participant in free if not participant.may_send]
    supply = cycle([*senders[:1], *receivers, *senders[1:]])
    return {number: RoutingNumber(number) if number in known else next(supply).routing_number for number in wanted}
