"""Screening of what is sent: what was not looked at, or was found, does not leave; a person decides, in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from gateway.domain.events import Event, EventKind
from gateway.domain.payment import FundsHolder, Payment, PaymentState
from gateway.domain.screening import ScreeningHit, ScreeningPolicy, ScreeningRules, Source, Subject, Unanswered
from gateway.service.decide import decide
from gateway.service.operate import NotHeldError, Operators
from gateway.service.ports import UnavailableError
from gateway.service.screening import Screening
from tests.fakes.screening import HIT, InMemoryScreener, InMemoryScreening, ScreeningRecorder
from tests.unit.service.test_doubt import question
from tests.unit.service.test_taking_over import not_found
from tests.unit.service.world import TENANT, World, world

NOTE: Final = "Case 15: another person of the same name."


class Desk:
    """Screening of a world's tenant, which is held to its rules, and the operators of that world."""

    def __init__(self, earth: World, **rules: object) -> None:
        self.screener = InMemoryScreener()
        self.store = InMemoryScreening()
        self.recorder = ScreeningRecorder()
        self.rules = ScreeningRules(lists=("own.csv",), **rules)  # type: ignore[arg-type]
        self.store.policies[TENANT] = ScreeningPolicy(outgoing=self.rules)
        self.screening = Screening(self.store, {Source.LISTS: self.screener}, earth.clock, self.recorder)
        earth.dispatcher = replace(earth.dispatcher, screening=self.screening)
        decisions = earth.dispatcher.decisions
        self.operators = Operators(decisions, earth.dispatcher.rails, earth.clock, self.store)


async def kinds(earth: World, payment: Payment) -> list[EventKind]:
    """What has befallen it."""
    return [recorded.event.kind for recorded in await earth.store.events(payment.payment_id)]


async def held(earth: World, desk: Desk) -> Payment:
    """A payment that a hit holds."""
    desk.screener.hits = (HIT,)
    payment = await earth.submit()
    await earth.dispatch(payment)
    now = await earth.now(payment)
    assert now.state is PaymentState.HELD
    return now


async def test_what_nobody_finds_anything_about_is_sent_and_the_history_says_who_looked() -> None:
    """Names and accounts of both sides are looked at, before the bytes leave."""
    async with world() as earth:
        desk = Desk(earth)
        payment = await earth.submit()
        await earth.dispatch(payment)

        assert (await earth.now(payment)).state is PaymentState.SENDING
        assert len(earth.rail.sent) == 1
        sent = (await earth.store.events(payment.payment_id))[-1].event
        assert sent.details == {"screened_by": "lists"}
        (subject,) = desk.screener.asked
        assert subject.debtor.reveal()
        assert subject.creditor.reveal()
        assert subject.creditor_account.reveal() == "200000000001"


async def test_a_tenant_without_rules_has_nothing_looked_at() -> None:
    """The control of every test here: the same world sends where nobody wants it screened."""
    async with world() as earth:
        desk = Desk(earth)
        desk.store.policies.clear()
        desk.screener.hits = (HIT,)
        payment = await earth.submit()
        await earth.dispatch(payment)

        assert (await earth.now(payment)).state is PaymentState.SENDING
        assert desk.screener.asked == []
        assert (await earth.store.events(payment.payment_id))[-1].event.details == {}


async def test_a_hit_is_held_and_the_history_says_what_was_found_without_a_name() -> None:
    """Nothing leaves, no money is reserved, and however often its delivery comes nobody is asked again."""
    async with world() as earth:
        desk = Desk(earth)
        earth.store.funds_holders[TENANT] = FundsHolder.CORE
        payment = await held(earth, desk)
        await earth.dispatch(payment)

        assert earth.rail.sent == []
        assert earth.core.calls == []
        assert len(desk.screener.asked) == 1
        assert payment.reason is not None
        assert payment.reason.code == "SCREENING_HIT"
        (event,) = [each.event for each in (await earth.store.events(payment.payment_id))[1:]]
        assert event.details == {
            "screened_by": "lists",
            "hit_1": "lists own.csv SAMPLE-1, creditor name, 100 of 100: every word of the entry",
            "held_until": (earth.clock.now() + timedelta(hours=1)).isoformat(),
        }
        assert [each.payment_id for each in await earth.store.held(TENANT, limit=5)] == [payment.payment_id]


async def test_what_is_released_leaves_once_under_a_fresh_time_and_is_not_held_again() -> None:
    """Hours later: the promise's time begins anew, the rail's clock with the sending, and money is reserved then."""
    async with world() as earth:
        desk = Desk(earth, hold_s=7_200)
        earth.store.funds_holders[TENANT] = FundsHolder.CORE
        payment = await held(earth, desk)
        await earth.fire_timers(after_s=3_600)

        released = await desk.operators.release(payment.payment_id, note=NOTE, by="sample operator")
        await earth.dispatch(released)
        await earth.dispatch(released)

        assert released.state is PaymentState.RELEASED
        assert (await earth.now(payment)).state is PaymentState.SENDING
        assert len(earth.rail.sent) == 1
        assert len(earth.core.calls) == 1
        assert await kinds(earth, payment) == [
            EventKind.ACCEPTED,
            EventKind.SCREENING_HELD,
            EventKind.HOLD_RELEASED,
            EventKind.SENDING_STARTED,
        ]
        by = (await earth.store.events(payment.payment_id))[2].event
        assert (by.details, by.reason and by.reason.text) == ({"by": "sample operator"}, NOTE)


async def test_what_is_released_and_cannot_leave_in_time_is_rejected_and_never_sent_late() -> None:
    """The promise counts from the release."""
    async with world() as earth:
        desk = Desk(earth)
        payment = await held(earth, desk)
        earth.clock.advance(600)
        released = await desk.operators.release(payment.payment_id, note=NOTE, by="sample operator")
        earth.clock.advance(14.5)

        await earth.dispatch(released)

        now = await earth.now(payment)
        assert now.state is PaymentState.REJECTED
        assert now.reason is not None
        assert now.reason.code == "AB11"
        assert earth.rail.sent == []


async def test_what_nobody_releases_in_time_is_rejected() -> None:
    """At the end of the hold, and with words that say so; a release that comes then is refused."""
    async with world() as earth:
        desk = Desk(earth, hold_s=60)
        payment = await held(earth, desk)
        await earth.fire_timers(after_s=59.9)
        assert (await earth.now(payment)).state is PaymentState.HELD
        earth.clock.advance(0.1)

        with pytest.raises(NotHeldError):
            await desk.operators.release(payment.payment_id, note=NOTE, by="sample operator")
        await earth.fire_timers(after_s=0)

        now = await earth.now(payment)
        assert now.state is PaymentState.REJECTED
        assert now.reason is not None
        assert (now.reason.code, now.reason.text) == (
            "AB11",
            "It was held for a person, who did not release it in time; nothing was sent.",
        )
        assert earth.rail.sent == []


async def test_nothing_is_held_past_the_day_of_its_ids() -> None:
    """A FedNow message id carries the day: what would leave tomorrow for the first time is rejected today."""
    async with world() as earth:
        desk = Desk(earth, hold_s=86_400)
        payment = await held(earth, desk)

        assert payment.next_step_at == datetime(2026, 11, 21, 5, tzinfo=UTC) - timedelta(seconds=15)


@pytest.mark.parametrize(("given", "code"), [(None, "MS03"), ("FR01", "FR01")])
async def test_an_operator_rejects_for_the_reason_given_or_the_tenants(given: str | None, code: str) -> None:
    """It is final, and of two people at once the second is told."""
    async with world() as earth:
        desk = Desk(earth, reason_code="MS03")
        payment = await held(earth, desk)

        rejected = await desk.operators.reject_held(payment.payment_id, code=given, note=NOTE, by="sample operator")

        assert rejected.state is PaymentState.REJECTED
        assert rejected.reason is not None
        assert rejected.reason.code == code
        with pytest.raises(NotHeldError):
            await desk.operators.release(payment.payment_id, note=NOTE, by="another")
        assert earth.rail.sent == []


@pytest.mark.parametrize("fault", ["down", "silent", "broken", "database"])
async def test_an_outage_lets_nothing_pass(fault: str) -> None:
    """It waits, its delivery comes again, and when its own time is over it is rejected."""
    async with world() as earth:
        desk = Desk(earth, budget_ms=20)
        desk.screener.is_down, desk.screener.is_silent = fault == "down", fault == "silent"
        desk.screener.raises = ValueError("a fault of ours") if fault == "broken" else None
        desk.store.is_reachable = fault != "database"
        payment = await earth.submit()

        with pytest.raises(UnavailableError):
            await earth.dispatch(payment)
        assert (await earth.now(payment)).state is PaymentState.RECEIVED
        await earth.fire_timers(after_s=15)

        now = await earth.now(payment)
        assert now.state is PaymentState.REJECTED
        assert now.reason is not None
        assert now.reason.code == "AB11"
        assert earth.rail.sent == []


async def test_an_outage_that_ends_in_time_costs_time_alone() -> None:
    """The control of the test above: asked again, it passes."""
    async with world() as earth:
        desk = Desk(earth)
        desk.screener.is_down = True
        payment = await earth.submit()
        with pytest.raises(UnavailableError):
            await earth.dispatch(payment)
        desk.screener.is_down = False

        await earth.dispatch(payment)

        assert (await earth.now(payment)).state is PaymentState.SENDING


async def test_a_tenant_may_have_held_what_could_not_be_looked_at() -> None:
    """A person decides as of a hit; nothing passes by itself."""
    async with world() as earth:
        desk = Desk(earth, unanswered=Unanswered.HOLD)
        desk.screener.is_down = True
        payment = await earth.submit()

        await earth.dispatch(payment)

        now = await earth.now(payment)
        assert now.state is PaymentState.HELD
        assert now.reason is not None
        assert now.reason.code == "SCREENING_UNANSWERED"
        assert earth.rail.sent == []


async def test_rules_that_cannot_be_read_let_nothing_of_their_tenant_pass() -> None:
    """Reported, and mended by registering others; another tenant's payments go on."""
    async with world() as earth:
        desk = Desk(earth)
        desk.store.policies[TENANT] = ScreeningPolicy(fault="outgoing.lists: a list is meant")
        payment = await earth.submit()

        with pytest.raises(UnavailableError, match=r"outgoing\.lists"):
            await earth.dispatch(payment)

        assert earth.rail.sent == []
        assert desk.recorder.faults == ["tenant default: outgoing.lists: a list is meant"]


async def test_of_two_workers_with_the_same_delivery_one_holds_it_and_none_sends() -> None:
    """At once, on the same store."""
    async with world() as earth:
        desk = Desk(earth)
        desk.screener.hits = (HIT,)
        payment = await earth.submit()

        await asyncio.gather(*(earth.dispatch(payment) for _ in range(5)))

        assert await kinds(earth, payment) == [EventKind.ACCEPTED, EventKind.SCREENING_HELD]
        assert earth.rail.sent == []


async def test_what_the_rail_does_not_find_is_screened_before_its_first_copy_leaves_from_here() -> None:
    """Another region had it, and nobody knows whether it was looked at there."""
    async with world() as earth:
        desk = Desk(earth)
        desk.screener.hits = (HIT,)
        payment = await earth.submit()
        for kind in (EventKind.TAKEN_OVER, EventKind.RESENDING_CHOSEN):
            current = await earth.now(payment)
            rails = earth.dispatcher.rails
            taken = decide(current, Event(kind), at=earth.clock.now(), timing=rails[payment.rail].timing)
            assert await earth.store.save([taken]) == [True]

        await earth.dispatch(payment)

        assert (await earth.now(payment)).state is PaymentState.HELD
        assert earth.rail.sent == []


class HeldMeanwhile:
    """A screener that is still looking when another worker holds the payment, and a person releases it."""

    def __init__(self, desk: Desk, meanwhile: Callable[[], Awaitable[None]]) -> None:
        self.within = desk.screener
        self.meanwhile: Callable[[], Awaitable[None]] | None = meanwhile

    async def screen(self, rules: ScreeningRules, subject: Subject, *, within_s: float) -> Sequence[ScreeningHit]:
        """Look, once everything else has happened."""
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return await self.within.screen(rules, subject, within_s=within_s)


async def test_what_was_released_while_another_worker_looked_does_not_leave_unreserved() -> None:
    """That worker reserved nothing, as it found something; the money is reserved by whoever sends what was released."""
    async with world() as earth:
        desk = Desk(earth)
        earth.store.funds_holders[TENANT] = FundsHolder.CORE
        desk.screener.hits = (HIT,)
        payment = await earth.submit()

        async def held_and_released() -> None:
            await earth.dispatch(payment)
            await desk.operators.release(payment.payment_id, note=NOTE, by="operator")

        desk.screening.screeners = {Source.LISTS: HeldMeanwhile(desk, held_and_released)}
        with pytest.raises(UnavailableError, match="has changed"):
            await earth.dispatch(payment)

        assert not earth.rail.sent
        await earth.dispatch(payment)  # the delivery comes again
        assert len(earth.rail.sent) == 1
        assert earth.core.calls


async def handed_over(earth: World, payment: Payment, *kinds: EventKind) -> Payment:
    """Save what befalls a payment that another region had."""
    for kind in kinds:
        current = await earth.now(payment)
        timing = earth.dispatcher.rails[payment.rail].timing
        assert await earth.store.save([decide(current, Event(kind), at=earth.clock.now(), timing=timing)]) == [True]
    return await earth.now(payment)


async def test_a_hold_outlives_a_takeover_whatever_is_found_then() -> None:
    """The other region's list may be another, and its counts are its own: what a hit has held, a person releases."""
    async with world() as earth:
        desk = Desk(earth)
        payment = await held(earth, desk)
        desk.screener.hits = ()
        earth.clock.advance(60)
        await handed_over(earth, payment, EventKind.TAKEN_OVER, EventKind.RESENDING_CHOSEN)

        await earth.dispatch(payment)

        again = await earth.now(payment)
        assert again.state is PaymentState.HELD
        assert again.reason == payment.reason
        assert again.next_step_at == payment.next_step_at, "it is not held for longer by that"
        assert earth.rail.sent == []
        await earth.dispatch(await desk.operators.release(payment.payment_id, note=NOTE, by="sample operator"))
        assert len(earth.rail.sent) == 1


async def test_a_hold_outlives_a_takeover_by_a_region_without_screening() -> None:
    """It is in the history: who has no rules for it any more does not send it either."""
    async with world() as earth:
        payment = await held(earth, Desk(earth))
        earth.dispatcher = replace(earth.dispatcher, screening=None)
        await handed_over(earth, payment, EventKind.TAKEN_OVER, EventKind.RESENDING_CHOSEN)

        await earth.dispatch(payment)

        assert (await earth.now(payment)).state is PaymentState.HELD
        assert earth.rail.sent == []


async def test_what_was_held_and_taken_over_is_not_rejected_because_the_rail_has_no_such_message() -> None:
    """It was never sent: a planned hand-over must not undo what a person is at work on. It is held again."""
    async with world() as earth:
        payment = await held(earth, Desk(earth))
        await handed_over(earth, payment, EventKind.TAKEN_OVER, EventKind.STATUS_REQUEST_DUE)
        earth.clock.advance(30)
        await earth.ask(payment)

        await earth.hear(not_found(earth, question(earth).message_id))

        assert (await earth.now(payment)).state is PaymentState.RESEND_DUE
        await earth.dispatch(payment)
        assert (await earth.now(payment)).state is PaymentState.HELD
        assert len(earth.rail.sent) == 1, "the question alone"
