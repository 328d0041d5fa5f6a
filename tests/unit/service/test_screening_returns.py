"""Screening of what we give back: a hit waits for a person before anything leaves; a hold that ends starts no other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from adapters.keys.clear import ClearVault
from gateway.domain.events import EventKind
from gateway.domain.incoming import IncomingState
from gateway.domain.incoming_transfer import Attention
from gateway.domain.payment import PaymentState, Rail
from gateway.domain.screening import (
    HELD_BY_A_HIT,
    ScreeningPolicy,
    ScreeningRules,
    Side,
    Source,
    Unanswered,
    VelocityRule,
)
from gateway.service.operate import Operators
from gateway.service.ports import UnavailableError
from gateway.service.screening import Screening, VelocityScreener
from tests.fakes.screening import HIT, InMemoryScreener, InMemoryScreening, ScreeningRecorder
from tests.unit.service.incoming_world import TENANT, IncomingWorld, desk_of_world, incoming_world
from tests.unit.service.test_giving_back import Returning, owed

RULES = ScreeningRules(lists=("own.csv",), hold_s=3_600)


@dataclass(slots=True)
class Screened:
    """A transfer that is owed back, and the screening of what its tenant sends."""

    earth: IncomingWorld
    case: Returning
    screener: InMemoryScreener
    store: InMemoryScreening
    screening: Screening
    operators: Operators

    def wants(self, rules: ScreeningRules) -> None:
        """Have the tenant's rules be these; before anything was looked at."""
        self.store.policies[TENANT] = ScreeningPolicy(outgoing=rules)

    async def next_begins(self) -> None:
        """Let the time come at which the next try is due, and begin it."""
        due_at = self.case.now.next_step_at
        assert due_at is not None, "a try follows"
        await self.earth.fire_timers(after_s=(due_at - self.earth.clock.now()).total_seconds())
        await self.case.see_to()

    async def held(self) -> None:
        """Have the return held by a hit."""
        self.screener.hits = (HIT,)
        await self.case.see_to()
        await self.case.dispatch()


@pytest.fixture
async def screened() -> AsyncIterator[Screened]:
    """A world in which what is sent is looked at."""
    async with incoming_world() as earth:
        screener, store = InMemoryScreener(), InMemoryScreening()
        store.policies[TENANT] = ScreeningPolicy(outgoing=RULES)
        screening = Screening(store, {Source.LISTS: screener}, earth.clock, ScreeningRecorder())
        earth.dispatcher = replace(earth.dispatcher, screening=screening)
        operators = Operators(earth.dispatcher.decisions, earth.dispatcher.rails, earth.clock, store)
        yield Screened(earth, await owed(earth), screener, store, screening, operators)


async def test_a_return_of_which_nothing_is_found_leaves_and_both_sides_were_looked_at(screened: Screened) -> None:
    """The control: who pays back is the creditor of what came, and who is paid back its debtor."""
    case = screened.case
    await case.see_to()
    await case.dispatch()
    await case.rail_says("ACSC")

    brought = await screened.earth.receiving.messages.of(case.transfer)
    (subject,) = screened.screener.asked
    assert (subject.debtor.reveal(), subject.creditor.reveal()) == (
        brought.creditor.name.reveal(),  # type: ignore[union-attr]
        brought.debtor.name.reveal(),  # type: ignore[union-attr]
    )
    assert subject.creditor_account.reveal() == brought.debtor_account.reveal()  # type: ignore[union-attr]
    assert case.now.state is IncomingState.RETURNED


async def test_a_hit_holds_a_return_before_anything_leaves_until_a_person_has_released_it(screened: Screened) -> None:
    """However often its delivery comes, and whatever timers fire: the money is owed, and on its way nowhere."""
    case = screened.case
    await screened.held()
    await case.dispatch()
    await screened.earth.fire_timers(after_s=600)
    await case.see_to()
    (waiting,), before = case.payments, case.sent()

    await screened.operators.release(waiting.payment_id, note="Another person.", by="operator")
    await case.dispatch()
    await case.rail_says("ACSC")

    assert (waiting.state, before) == (PaymentState.HELD, [])
    assert (len(case.sent()), case.now.state) == (1, IncomingState.RETURNED)


@pytest.mark.parametrize("by_a_person", [True, False])
async def test_a_hold_that_ends_without_release_starts_no_other_return_and_calls_a_person(
    screened: Screened, *, by_a_person: bool
) -> None:
    """The next would go to the same people, and be held too; whoever has decided orders it, or blocks the money."""
    case, earth = screened.case, screened.earth
    await screened.held()
    (held,) = case.payments
    if by_a_person:
        await screened.operators.reject_held(held.payment_id, code=None, note="Listed.", by="operator")
    else:
        earth.clock.advance(3_600)
        await case.befalls(EventKind.DEADLINE_PASSED)
    await case.see_to()
    for _ in range(3):
        await earth.fire_timers(after_s=3_600)
        await case.see_to()

    assert (case.now.state, case.now.attention) == (IncomingState.RETURN_DUE, Attention.RETURN_FAILED)
    assert (len(case.payments), case.sent()) == (1, [])

    screened.screener.hits = ()
    await desk_of_world(earth).give_back(held.original_id, None, key="again", reason=None, by="operator")  # type: ignore[arg-type]
    await case.see_to()
    await case.dispatch()
    assert len(case.sent()) == 1


async def test_a_return_that_nobody_could_look_at_waits_and_is_followed_by_another(screened: Screened) -> None:
    """An outage is no hit: nothing leaves unseen, and what is owed is not forgotten."""
    case = screened.case
    screened.screener.is_down = True
    await case.see_to()
    with pytest.raises(UnavailableError):
        await case.dispatch()
    screened.screener.is_down = False
    await case.dispatch()

    assert len(case.sent()) == 1


@pytest.mark.parametrize("by_a_person", [True, False])
async def test_a_hold_because_nobody_could_look_is_followed_by_another_unless_a_person_rejects_it(
    screened: Screened, *, by_a_person: bool
) -> None:
    """Nothing is known of whom it goes to: the next may pass. What a person has decided does not begin again."""
    case, earth = screened.case, screened.earth
    screened.wants(replace(RULES, unanswered=Unanswered.HOLD))
    screened.screener.is_down = True
    await case.see_to()
    await case.dispatch()
    (held,) = case.payments
    if by_a_person:
        await screened.operators.reject_held(held.payment_id, code=None, note="Not now.", by="operator")
    else:
        earth.clock.advance(3_600)
        await case.befalls(EventKind.DEADLINE_PASSED)
    await case.see_to()
    screened.screener.is_down = False

    assert held.state is PaymentState.HELD
    if by_a_person:
        assert (case.now.attention, case.now.next_step_at) == (Attention.RETURN_FAILED, None)
    else:
        assert case.now.attention is None
        await screened.next_begins()
        await case.dispatch()
        assert len(case.sent()) == 1


@pytest.mark.parametrize(("before_s", "is_held"), [(5.0, False), (15.0, False), (16.0, True)])
async def test_a_hit_too_late_for_anybody_to_look_that_day_is_one_of_the_next_day(
    screened: Screened, *, before_s: float, is_held: bool
) -> None:
    """A hold that ends as it begins would end the return for good, with nobody asked; nothing leaves either way."""
    case, earth = screened.case, screened.earth
    day_ends = earth.dispatcher.rails[Rail.FEDNOW].day_ends(earth.clock.now())
    earth.clock.advance((day_ends - earth.clock.now()).total_seconds() - before_s)
    await screened.held()
    (first,) = case.payments
    assert (first.state is PaymentState.HELD) is is_held
    if is_held:
        return
    found = (await earth.store.store.events(first.payment_id))[-1].event

    await case.see_to()
    await screened.next_begins()
    await case.dispatch()

    second = case.payments[-1]
    assert found.details["hit_1"], "what was found is in its history"
    assert (first.state, second.state) == (PaymentState.REJECTED, PaymentState.HELD)
    assert second.business_date > first.business_date
    assert second.next_step_at == earth.clock.now() + timedelta(seconds=3_600)
    assert (case.sent(), case.now.attention) == ([], None)


@pytest.mark.parametrize("lists", [(), ("own.csv",)])
async def test_limits_neither_hold_a_return_nor_count_it_however_often_it_is_tried(
    screened: Screened, *, lists: tuple[str, ...]
) -> None:
    """It is no movement that the customer chose: its own payments may be as many as before."""
    case, earth = screened.case, screened.earth
    limit = VelocityRule(account=Side.DEBTOR, window_s=3_600, count_max=1, cents_max=1)
    screened.wants(replace(RULES, lists=lists, velocity=(limit,)))
    screened.screening.screeners = {
        **screened.screening.screeners,
        Source.VELOCITY: VelocityScreener(screened.store, ClearVault(b"test")),
    }
    for _ in range(2):
        await case.see_to()
        await case.befalls(EventKind.DEADLINE_PASSED)
        await case.see_to()
        await screened.next_begins()
    first = await case.dispatch()

    assert (len(case.sent()), first.state) == (1, PaymentState.SENDING)
    assert screened.store.movements == []
    assert len(screened.screener.asked) == len(lists), "who has lists looks at them all the same"

    received = await earth.store.store.messages(first.payment_id)
    own = replace(first, original_id=None, state=PaymentState.RECEIVED, transfers=0)
    looked = await screened.screening.outgoing(own, received[0], until=earth.clock.now() + timedelta(seconds=9))
    assert looked.held == HELD_BY_A_HIT, "the control: a payment of the customer's own is above the limit"
    assert len(screened.store.movements) == 1
