"""Operate: what a person does about a payment of which the rail could not tell what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.domain.events import Event, EventKind
from gateway.domain.payment import Payment, PaymentId, PaymentState, Rail, Reason, ReasonOrigin, TenantId
from gateway.domain.screening import REASON_CODE, Way
from gateway.domain.transitions import TRANSITIONS
from gateway.service.decide import Decisions, decide
from gateway.service.ports import Clock, Decision, ScreeningStore
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


def actions_in(state: PaymentState) -> tuple[OperatorAction, ...]:
    """Return what a person may do about a payment in a state, where it waits for one.

    What is final stays so: of what contradicts it, its own word alone can be recorded.
    """
    return tuple(action for action, (kind, _) in _EVENTS.items() if (state, kind) in TRANSITIONS)


class NotAwaitingOperatorError(Exception):
    """The payment does not wait for a person, or not for that: nothing was done.

    ``state`` says where it stands; ``actions`` what may be done about it, where anything may.
    """

    def __init__(self, state: PaymentState, actions: tuple[OperatorAction, ...] = ()) -> None:
        waits_for = ", ".join(actions) or "nobody"
        super().__init__(f"the payment is {state}, and waits for {waits_for}")
        self.state = state
        self.actions = actions


class NotHeldError(Exception):
    """Screening does not hold the payment, or not any more: nothing was done. ``state`` says where it stands."""

    def __init__(self, state: PaymentState) -> None:
        super().__init__(f"the payment is {state}, and its time to be released is over or never was")
        self.state = state


@dataclass(frozen=True, slots=True)
class Operators:
    """Takes what people do; the group commit of `decisions` must be running."""

    decisions: Decisions
    rails: Mapping[Rail, RailProtocol]
    clock: Clock
    screening: ScreeningStore | None = None

    async def release(self, payment_id: PaymentId, *, note: str, by: str) -> Payment:
        """Have a payment sent that screening holds, keep who did it and why, and return it as it is then.

        It leaves within the promise's time from now, or not at all. A repeat is refused.

        Raises:
            NotHeldError: it is not held, or its time is over; of two decisions at once, one wins.
            LookupError: no such payment.
            UnavailableError: the store does not answer; look at the payment before doing it again.

        """
        return await self._decide_hold(payment_id, EventKind.HOLD_RELEASED, "RELEASED", note=note, by=by)

    async def reject_held(self, payment_id: PaymentId, *, code: str | None, note: str, by: str) -> Payment:
        """Reject a payment that screening holds, for a reason or the one that its tenant has set; see `release`."""
        found = (await self.decisions.store.load([payment_id])).get(payment_id)
        if found is None:
            raise LookupError(f"no payment {payment_id}")
        chosen = code or await self._reason_of(found.tenant_id)
        return await self._decide_hold(payment_id, EventKind.HOLD_REJECTED, chosen, note=note, by=by)

    async def _reason_of(self, tenant_id: TenantId) -> str:
        policies = {} if self.screening is None else await self.screening.screening_policies()
        rules = policies[tenant_id].of(Way.OUTGOING) if tenant_id in policies else None
        return REASON_CODE if rules is None else rules.reason_code

    async def _decide_hold(self, payment_id: PaymentId, kind: EventKind, code: str, *, note: str, by: str) -> Payment:
        assert note.strip(), "the edge demands a note"

        async def choose(payment: Payment) -> Decision | None:
            now = self.clock.now()
            if payment.state is not PaymentState.HELD or payment.next_step_at is None or now >= payment.next_step_at:
                raise NotHeldError(payment.state)
            event = Event(kind, reason=Reason(code, ReasonOrigin.OPERATOR, note), details={"by": by})
            return decide(payment, event, at=now, timing=self.rails[payment.rail].timing)

        await self.decisions.take(payment_id, choose)
        return (await self.decisions.store.load([payment_id]))[payment_id]

    async def _actions_on(self, payment: Payment) -> tuple[OperatorAction, ...]:
        """What waits for a person is in doubt, or has ended and is contradicted."""
        is_contradicted = payment.payment_id in await self.decisions.store.contradictions([payment.payment_id])
        waits = is_contradicted or payment.state is PaymentState.AWAITING_OPERATOR
        return actions_in(payment.state) if waits else ()

    async def act(self, payment_id: PaymentId, action: OperatorAction, *, note: str, by: str) -> Payment:
        """Do it, keep who did it and why, and return the payment as it is then.

        Where the rail contradicts what is final, recording the end's own word says that somebody has seen to that; it
        changes nothing else. Not safe to repeat blindly: a second ask asks twice (harmless), a second record is
        refused.

        Raises:
            NotAwaitingOperatorError: the payment does not wait for a person, or not for that; of two at once, one wins.
            LookupError: no such payment.
            UnavailableError: the store does not answer; look at the payment before doing it again.

        """
        assert note.strip(), "the edge demands a note"
        kind, code = _EVENTS[action]

        async def choose(payment: Payment) -> Decision | None:
            actions = await self._actions_on(payment)
            if action not in actions:
                raise NotAwaitingOperatorError(payment.state, actions)
            event = Event(kind, reason=Reason(code, ReasonOrigin.OPERATOR, note), details={"by": by})
            return decide(payment, event, at=self.clock.now(), timing=self.rails[payment.rail].timing)

        await self.decisions.take(payment_id, choose)
        return (await self.decisions.store.load([payment_id]))[payment_id]
