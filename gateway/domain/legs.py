"""The legs of a payment's way, and how much of its fifteen seconds each may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final


class Leg(StrEnum):
    """The parts of a payment's way whose durations are recorded, in the order in which they come."""

    INTAKE = "intake"
    """From the request's last byte until it is answered; the commit is part of it."""

    COMMIT = "commit"
    """Waiting for a commit, and committing."""

    RELAY = "relay"
    """Taking a batch from the outbox, until the bus has confirmed it and the rows are gone."""

    QUEUE = "queue"
    """From acceptance until a worker takes the payment up: outbox, relay and bus together."""

    FUNDS = "funds"
    """Having the debtor's money reserved by the institution's core, where that holds it."""

    SIGN = "sign"
    """Building a payment's message for the rail; and, where messages are signed, signing each: an entry of its own."""

    RAIL = "rail"
    """From the message's creation time until its answer has come; the rail's and the receiver's, not ours."""

    ANSWER = "answer"
    """From the answer's arrival until it is saved."""

    NOTIFY = "notify"
    """From then until whoever waits has been told."""


BUDGETS_PERCENT: Final[Mapping[Leg, int]] = {
    Leg.INTAKE: 5,
    Leg.COMMIT: 3,
    Leg.RELAY: 5,
    Leg.QUEUE: 7,
    Leg.FUNDS: 6,
    Leg.SIGN: 2,
    Leg.RAIL: 66,
    Leg.ANSWER: 3,
    Leg.NOTIFY: 3,
}
"""The share of the promise that each leg may use. The rail has two thirds of it: ten of fifteen seconds."""


def legs_from(leg: Leg) -> Sequence[Leg]:
    """Return a leg, and those that come after it."""
    legs = tuple(Leg)
    return legs[legs.index(leg) :]
