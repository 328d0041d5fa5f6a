"""Operate: what a person does about a payment of which the rail could not tell what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.domain.events import Event, EventKind
from gateway.domain.payment import Payment, PaymentId, PaymentState, Rail, Reason, ReasonOrigin
from gateway.service.decide import Decisions, decide
from gateway.service.ports import Clock, Decision
from gateway.service.rail_protocol import RailProtocol


class OperatorAction(StrEnum):
    """What a person may do."""

    ASK = "ask"
    """Have the rail asked once more; its answer decides."""

    RECORD_SETTLEMENT = "record_settlement"
    """Record the rail's word, heard on another way (its support, its own terminal), that the payment settled."""

    RECORD_REJECTION = "record_rejection"
    """Record the rail's word, heard on another way, that it did not settle and cannot any more."""


_EVENTS: Final[Mapping[OperatorAction, tuple[EventKind, str]]] = {
    OperatorAction.ASK: (EventKind.OPERATOR_ASKED, "OPERATOR_ASKED"),
    OperatorAction.RECORD_SETTLEMENT: (EventKind.OPERATOR_RECORDED_SETTLEMENT, "OPERATOR_RECORDED"),
    OperatorAction.RECORD_REJECTION: (EventKind.OPERATOR_RECORDED_REJECTION, "OPERATOR_RECORDED"),
}


class NotAwaitingOperatorError(Exception):
    """The payment does not wait for a person: nothing was done. ``state`` says where it stands."""

    def __init__(self, state: PaymentState) -> None:
        super().__init__(f"the payment is {state}, and waits for nobody")
        self.state = state


@dataclass(frozen=True, slots=True)
class Operators:
    """Takes what people do; the group commit of `decisions` must be running."""

    decisions: Decisions
    rails: Mapping[Rail, RailProtocol]
    clock: Clock

    async def act(self, payment_id: PaymentId, action: OperatorAction, *, note: str, by: str) -> Payment:
        """Do it, keep who did it and why, and return the payment as it is then.

        Not safe to repeat blindly: a second ask asks twice (harmless), a second record is refused.

        Raises:
            NotAwaitingOperatorError: the payment does not wait for a person; of two at once, one wins.
            LookupError: no such payment.
            UnavailableError: the store does not answer; look at the payment before doing it again.

        """
        assert note.strip(), "the edge demands a note"
        kind, code = _EVENTS[action]

        async def choose(payment: Payment) -> Decision | None:
            if payment.state is not PaymentState.AWAITING_OPERATOR:
                raise NotAwaitingOperatorError(payment.state)
            event = Event(kind, reason=Reason(code, ReasonOrigin.OPERATOR, note), details={"by": by})
            return decide(payment, event, at=self.clock.now(), timing=self.rails[payment.rail].timing)

        await self.decisions.take(payment_id, choose)
        return (await self.decisions.store.load([payment_id]))[payment_id]
