"""A stage that cannot make it does not try: at the very edge of each leg before the bytes leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import pytest

from gateway.domain.events import EventKind
from gateway.domain.legs import Leg
from gateway.domain.payment import FundsHolder, Payment, PaymentState
from gateway.domain.timing import Timing
from gateway.service.funds import Funds
from gateway.service.ports import Decision, FundsRefused, Reservation
from tests.fakes.core import Held, InMemoryCore
from tests.fakes.store import InMemoryStore
from tests.unit.service.world import TENANT, World, world

TICK_S: Final = 1e-6
"""An instant is kept to the microsecond."""

SIGNING_S: Final = 15 - (0.3 + 1.0 + 0.45 + 0.45)
"""Until then a message is made: the rail, its answer and the telling of it still have their time."""

RESERVING_S: Final = SIGNING_S - 0.9
LEAVING_S: Final = SIGNING_S + 0.3


class _SlowCore(InMemoryCore):
    """It reserves, and takes its time."""

    earth: World
    takes_s: float = 0.0

    async def reserve(self, reservation: Reservation, *, within_s: float) -> FundsRefused | None:
        refused = await super().reserve(reservation, within_s=within_s)
        self.earth.clock.advance(self.takes_s)
        return refused


class _SlowStore(InMemoryStore):
    """It saves what is to leave, and takes its time."""

    earth: World
    takes_s: float = 0.0

    async def save(self, decisions: Sequence[Decision]) -> Sequence[bool]:
        saved = await super().save(decisions)
        if decisions[0].event.kind is EventKind.SENDING_STARTED:
            self.earth.clock.advance(self.takes_s)
        return saved


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a payment: its state, the reason's code, and who was asked."""

    state: PaymentState
    code: str | None
    copies: int
    reservations: int
    held: Held | None


SENT: Final = Came(PaymentState.SENDING, None, copies=1, reservations=0, held=None)
UNSENT: Final = Came(PaymentState.REJECTED, "AB11", copies=0, reservations=0, held=None)
RESERVED_IN_VAIN: Final = replace(UNSENT, reservations=1, held=Held.RELEASED)


async def dispatched(
    holder: FundsHolder,
    *,
    taken_up_s: float,
    reserving_s: float = 0.0,
    saving_s: float = 0.0,
    timing: Timing | None = None,
) -> Came:
    """Dispatch a payment so long after its acceptance, with a core and a store that take so long; what came of it."""
    store = _SlowStore()
    async with world(store=store, timing=timing) as earth:
        core = _SlowCore()
        store.earth, store.takes_s, core.earth, core.takes_s = earth, saving_s, earth, reserving_s
        funds = Funds(core, store, earth.clock, earth.recorder, promise_s=15.0)
        earth.dispatcher = replace(earth.dispatcher, funds=funds)
        earth.store.funds_holders[TENANT] = holder
        payment = await earth.submit()
        earth.clock.advance(taken_up_s)

        await earth.dispatch(payment)
        reserved = len(core.calls)
        for row in [row for row in store.rows.outbox if row.delivery.queue.direction == "core"]:
            await funds.tell(earth.delivery(payment, row.delivery.queue))

        now = await earth.now(payment)
        code = None if now.reason is None else now.reason.code
        held = core.held.get(payment.payment_id) if reserved else None
        return Came(now.state, code, len(earth.rail.sent), reserved, held)


@pytest.mark.parametrize(
    ("holder", "latest_s"), [(FundsHolder.TENANT, SIGNING_S), (FundsHolder.CORE, RESERVING_S)], ids=str
)
async def test_what_is_taken_up_too_late_is_rejected_and_nobody_is_asked(holder: FundsHolder, latest_s: float) -> None:
    """Less is left than the legs before it need: not a byte leaves, no money is reserved. A tick before, it is sent."""
    in_time = await dispatched(holder, taken_up_s=latest_s - TICK_S)
    too_late = await dispatched(holder, taken_up_s=latest_s)

    is_reserved = holder is FundsHolder.CORE
    assert in_time == (replace(SENT, reservations=1, held=Held.RESERVED) if is_reserved else SENT)
    assert too_late == UNSENT


async def test_what_was_reserved_too_slowly_is_not_signed() -> None:
    """The core took all that there was: its reservation is released. A tick less, and it is sent."""
    core, taken_up_s = FundsHolder.CORE, RESERVING_S - 2 * TICK_S

    in_time = await dispatched(core, taken_up_s=taken_up_s, reserving_s=0.9 + TICK_S)
    too_late = await dispatched(core, taken_up_s=taken_up_s, reserving_s=0.9 + 2 * TICK_S)

    assert in_time == replace(SENT, reservations=1, held=Held.RESERVED)
    assert too_late == RESERVED_IN_VAIN


async def test_what_was_saved_too_slowly_does_not_leave() -> None:
    """SENDING is saved, and its time is over before the first byte: it is certain that none has left."""
    in_time = await dispatched(FundsHolder.TENANT, taken_up_s=1, saving_s=LEAVING_S - 1 - TICK_S)
    too_late = await dispatched(FundsHolder.TENANT, taken_up_s=1, saving_s=LEAVING_S - 1)

    assert in_time == SENT
    assert too_late == UNSENT


class _Unbudgeted(Timing):
    """Times in which every leg may begin at any time."""

    def latest_start(self, leg: Leg, payment: Payment) -> datetime:
        return super().latest_start(leg, payment) + timedelta(hours=1)


async def test_control_without_budgets_what_comes_too_late_is_sent() -> None:
    """It is the budgets that the tests above are about, and no other guard."""
    sent = [
        await dispatched(FundsHolder.TENANT, taken_up_s=SIGNING_S, timing=_Unbudgeted()),
        await dispatched(FundsHolder.TENANT, taken_up_s=1, saving_s=LEAVING_S - 1, timing=_Unbudgeted()),
    ]

    assert sent == [SENT, SENT]
