"""Moments that leave no trace in the store, and are witnessed as they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain.conversation import Conversation
from gateway.domain.payment import Payment
from gateway.service.ports import Delivery, MessageClass, NewPayment
from tests.simulation.talk_plans import TalkPlan


@dataclass(frozen=True, slots=True)
class Leaving:
    """A process is about to hand a message to the rail."""

    process: str
    body: bytes
    message_class: MessageClass


@dataclass(frozen=True, slots=True)
class Settling:
    """A process tells the bus that a delivery is done."""

    process: str
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Acknowledging:
    """A process tells the rail that these messages are saved."""

    bodies: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Accepting:
    """A process is about to save these payments."""

    payments: Sequence[NewPayment]


@dataclass(frozen=True, slots=True)
class Told:
    """A client has been told what a payment is."""

    number: int
    payment: Payment


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody of ours has been told that a payment is asked for."""

    plan: TalkPlan
    conversation: Conversation


Witnessed = Leaving | Settling | Acknowledging | Accepting | Told | Asked
