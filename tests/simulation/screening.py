"""Screening in a world: one who looks, as each plan says, a person who decides on what is held, and what must hold."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gateway.domain.doubt import NotFoundPolicy
from gateway.domain.events import EventKind
from gateway.domain.payment import Payment, PaymentId, PaymentState, TenantId
from gateway.domain.screening import ScreeningHit, ScreeningPolicy, ScreeningRules, Source, Subject, Unanswered, Way
from gateway.service.operate import NotHeldError
from gateway.service.ports import MessageClass, UnavailableError
from gateway.service.screening import Screening
from iso20022 import EndToEndId
from tests.fakes.screening import HIT, InMemoryScreening, ScreeningRecorder
from tests.simulation.check import Check
from tests.simulation.incoming import TENANT
from tests.simulation.scenario import Look
from tests.simulation.witness import Leaving, Witnessed

if TYPE_CHECKING:
    from tests.simulation.processes import Life
    from tests.simulation.world import World

HOLD_S: Final = 40
SLOW_S: Final = 60.0
"""Longer than anybody waits for who looks."""

PERSON_PAUSE_S: Final = 4.0

OUTGOING: Final = ScreeningRules(lists=("own.csv",), budget_ms=400, hold_s=HOLD_S)
HOLDING: Final = ScreeningRules(lists=("own.csv",), budget_ms=400, hold_s=HOLD_S, unanswered=Unanswered.HOLD)
INCOMING: Final = ScreeningRules(lists=("own.csv",), budget_ms=400)


def look_at(world: World, way: Way, reference: EndToEndId) -> Look:
    """What is found of a payment, by its plan; of what has none, nothing."""
    if way is Way.OUTGOING:
        plans = {world.reference(plan.number): plan.look for plan in world.scenario.payments}
        return plans.get(reference, Look.CLEAR)
    found = {record.forwarded.end_to_end_id: plan.look for plan, record in world.rail.forwarding.each()}
    return found.get(reference, Look.CLEAR)


@dataclass(slots=True)
class SimulatedScreener:
    """Implements `gateway.service.ports.Screener` for one life: takes time; the dead get no further."""

    life: Life

    async def screen(self, rules: ScreeningRules, subject: Subject, *, within_s: float) -> Sequence[ScreeningHit]:
        """Look."""
        world = self.life.world
        self.life.demand_alive()
        look = look_at(world, subject.way, subject.end_to_end_id)
        name = (self.life.key, "screening", subject.end_to_end_id)
        await asyncio.sleep(SLOW_S if look is Look.IS_SLOW else world.chance.delay_s(0.001, 0.3, *name))
        self.life.demand_alive()
        world.trace.tell(self.life.name, f"has {subject.end_to_end_id} looked at: {look}")
        if look is Look.IS_DOWN:
            raise UnavailableError("whoever looks is down")
        return (HIT,) if look is Look.HIT else ()


def screening_of(life: Life) -> Screening | None:
    """Return screening as one life has it; None in a world where nobody wants anything looked at."""
    if not life.world.scenario.is_screened:
        return None
    rules = {NotFoundPolicy.REJECT: OUTGOING, NotFoundPolicy.RESEND: HOLDING}
    policies = {TenantId(policy.value): ScreeningPolicy(outgoing=of_tenant) for policy, of_tenant in rules.items()}
    policies[TENANT] = ScreeningPolicy(incoming=INCOMING)
    return Screening(
        InMemoryScreening(policies), {Source.LISTS: SimulatedScreener(life)}, life.clock, ScreeningRecorder()
    )


async def person(world: World) -> None:
    """Look at what is held from time to time: release some, reject some, and leave some to their time."""
    for visit in range(1_000_000 if world.scenario.is_screened else 0):
        await asyncio.sleep(PERSON_PAUSE_S * (1 + world.chance.number("person", visit)))
        for payment in world.payments:
            if payment.state is PaymentState.HELD:
                await _decide(world, payment, visit)


async def _decide(world: World, payment: Payment, visit: int) -> None:
    chosen = world.chance.number("decides", payment.end_to_end_id, visit)
    if chosen < 0.4:
        return
    gateway = world.gateways[visit % len(world.gateways)]
    world.trace.tell("person", f"{'releases' if chosen < 0.8 else 'rejects'} {world.words(payment)}")
    try:
        if chosen < 0.8:
            await gateway.ask("a person", lambda at: at.operators.release(payment.payment_id, note="seen", by="them"))
        else:
            await gateway.ask(
                "a person",
                lambda at: at.operators.reject_held(payment.payment_id, code=None, note="seen", by="them"),
            )
    except (UnavailableError, ConnectionError, TimeoutError, NotHeldError) as error:
        world.trace.tell("person", f"has not done it: {type(error).__name__}")


class NothingUnscreenedIsSent(Check):
    """What was found, or not looked at, leaves by a person's word alone."""

    promise = "nothing is sent that screening has not passed, and no person has released"

    def on_witnessed(self, world: World, witnessed: Witnessed) -> Iterator[str]:
        if not isinstance(witnessed, Leaving) or witnessed.message_class is not MessageClass.VALUE:
            return
        payment = world.payment_of_body(witnessed.body)
        if payment is None or payment.is_return or not world.scenario.is_screened:
            return
        look = look_at(world, Way.OUTGOING, payment.end_to_end_id)
        released = any(event.event.kind is EventKind.HOLD_RELEASED for event in world.history(payment))
        if look is not Look.CLEAR and not released:
            yield f"{witnessed.process} sends {world.words(payment)}, and who looks at it: {look}"


class NothingUnscreenedIsAccepted(Check):
    """A hit is accepted without posting at the most; what nobody could look at is not accepted at all."""

    promise = "nothing is accepted that screening has not passed"

    def on_step(self, world: World, _changed: Sequence[PaymentId]) -> Iterator[str]:
        if not world.scenario.is_screened:
            return
        for plan, record in world.rail.forwarding.each():
            if plan.look is Look.CLEAR or plan.of is not None:
                continue
            said = {answer.status.value for answer in record.answers}
            if "ACTC" in said or ("ACWP" in said and plan.look is not Look.HIT):
                yield f"{plan.words} was answered {', '.join(sorted(said))}, and who looks at it: {plan.look}"


SCREENING_CHECKS: Final[tuple[type[Check], ...]] = (NothingUnscreenedIsSent, NothingUnscreenedIsAccepted)
"""The promises of screening."""
