"""Guards that a drill can take away, to show that it would see what they hold off."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

PLANTS_VARIABLE: Final = "DRILL_PLANTS"


class Plant(StrEnum):
    """A guard that is missing. Each has an invariant of its own, which is checked in every drill."""

    SYNCHRONOUS_COMMIT = "synchronous-commit"
    INBOX = "inbox"
    ACK_BEFORE_COMMIT = "ack-before-commit"
    VERSION_CHECK = "version-check"
    DETERMINISTIC_ID = "deterministic-id"
    OUTBOX = "outbox"
    RAIL_REFUSAL = "rail-refusal"


ALL: Final = "all"
"""Every guard at once: nothing is left that could hold a double off."""

SENTENCES: Final[Mapping[Plant, tuple[str, str]]] = {
    Plant.SYNCHRONOUS_COMMIT: (
        "The database says that it has committed before the commit is on disk, and PostgreSQL is killed.",
        "Whatever was acknowledged to a client is in the database.",
    ),
    Plant.INBOX: (
        "The ids of the rail's messages are not kept: a message that comes again counts again.",
        "No payment has two events of one message of the rail.",
    ),
    Plant.ACK_BEFORE_COMMIT: (
        "Deliveries of the bus, and messages of the rail, are acknowledged before they have had their effect.",
        "At the moment of an acknowledgement the handler has returned, and what the rail said is saved.",
    ),
    Plant.VERSION_CHECK: (
        "A decision is saved whatever has become of the payment since it was taken.",
        "Each event of a payment begins in the state in which the one before it ended.",
    ),
    Plant.DETERMINISTIC_ID: (
        "The ids of a payment that leaves them to us are drawn anew at every try.",
        "Equal submissions, derived twice, have equal ids.",
    ),
    Plant.OUTBOX: (
        "One transfer in twenty is forgotten: its outbox row is deleted, and its delivery was never published.",
        "A row is deleted once the bus has confirmed its delivery; and what never reached the rail has an excuse.",
    ),
    Plant.RAIL_REFUSAL: (
        "The rail books a copy of a message that it has booked before.",
        "A rail that gets one message twice books it once.",
    ),
}
"""What is taken away, and what the drill looks at to see it."""


def named(names: tuple[str, ...]) -> frozenset[Plant]:
    """Return the plants of these names.

    Raises:
        ValueError: there is none of a name.

    """
    return frozenset(Plant) if ALL in names else frozenset(map(Plant, names))


def from_environment() -> frozenset[Plant]:
    """Return the plants of this process."""
    return named(tuple(filter(None, os.environ.get(PLANTS_VARIABLE, "").split(","))))


def variables(plants: frozenset[Plant]) -> Mapping[str, str]:
    """Return the environment that takes the guards away from a process."""
    return {PLANTS_VARIABLE: ",".join(sorted(plants))}
