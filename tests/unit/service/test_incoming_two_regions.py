"""Receiving beside another region: nothing is accepted alone, nothing decided away from home, what is lost is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, cast

import pytest

from gateway.domain.identity import SLOTS
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import IncomingTransfer, InstitutionAnswer, Verdict
from gateway.domain.payment import Rail, ReasonOrigin, RegionId
from gateway.domain.receiving_time import decide_by, posting_due
from gateway.domain.screening import PASSED
from gateway.service.both_regions import Asked
from gateway.service.incoming.ask import COPIES_FOR
from gateway.service.incoming.hear import FAULT
from gateway.service.ports import (
    Queue,
    RailDelivery,
    RegionStore,
)
from iso20022.profiles.fednow import FedNowProfile
from simulators.fednow.answers import AnswerWriter
from simulators.message_ids import MessageIds
from tests.fakes.incoming_rail import ACCEPTED
from tests.unit.service.incoming_world import IncomingWorld, incoming_world
from tests.unit.service.test_incoming_answers import send_unsent

_E, _S = IncomingEvent, IncomingState
PEER: Final = RegionId("usw2")


@dataclass(slots=True)
class SaidOfBoth:
    """Says whether both regions have everything, as a test wants it."""

    has: bool = True
    asked: int = 0

    def ask(self) -> Asked:
        self.asked += 1
        return Asked(asyncio.get_running_loop().create_future())

    async def is_there(self, asked: Asked, *, within_s: float) -> bool:
        return self.has


@dataclass(slots=True)
class HandedOverStore:
    """Keeps what is for the other region, and by which notes it had come from there."""

    kept: list[bytes] = field(default_factory=list)
    came_by: list[str | None] = field(default_factory=list)

    async def hand_over(self, rail: Rail, body: bytes, *, at: datetime, came_by: str | None) -> None:
        self.kept.append(body)
        self.came_by.append(came_by)


async def accepted_by_institution(earth: IncomingWorld) -> IncomingTransfer:
    """A transfer on which the institution has just decided."""
    transfer = await earth.received()
    await earth.receiving.asker._answer(transfer, ACCEPTED, by=ReasonOrigin.INSTITUTION, asked_s=0.0, screened=PASSED)
    return transfer


async def test_an_acceptance_leaves_once_both_regions_have_it() -> None:
    """Saved, not sent, looked at again, and sent while it counts."""
    both = SaidOfBoth(has=False)
    async with incoming_world(both=both) as earth:
        transfer = await accepted_by_institution(earth)
        silent = earth.sent()
        await send_unsent(earth)
        still = earth.sent()
        both.has = True
        await send_unsent(earth)

        assert (silent, still) == ([], [])
        assert earth.sent() == ["ACTC"]
        assert both.asked == 1, "asked anew each time, a peer that is a little behind would never have it"
        assert earth.now(transfer).unsent_at is None


async def test_an_acceptance_is_not_answered_at_all_while_the_peer_is_silent_and_the_rail_is_asked_then() -> None:
    """Its time passes: that is in its history, nothing has left, and only the rail's word says what became of it."""
    async with incoming_world(both=SaidOfBoth(has=False)) as earth:
        transfer = await accepted_by_institution(earth)
        earth.clock.advance(5)
        await send_unsent(earth)
        withheld = [each.fact.kind for each in await earth.store.events(transfer.payment_id)]
        await earth.fire_timers(after_s=25)

        assert earth.sent() == []
        assert withheld == [_E.RECEIVED, _E.ACCEPTANCE_DECIDED, _E.ANSWER_WITHHELD]
        assert earth.now(transfer).state is _S.IN_DOUBT
        assert earth.queued(Queue.FEDNOW_IN_INQUIRY) == [transfer.payment_id]
        assert earth.queued(Queue.FEDNOW_IN_VALUE) == []


async def test_how_long_an_acceptance_waited_for_the_other_region_is_told_apart() -> None:
    """Of our own share of an answer it is the part that another region answers for."""

    class Slow(SaidOfBoth):
        async def is_there(self, asked: Asked, *, within_s: float) -> bool:
            earth.clock.advance(0.25)
            return await super().is_there(asked, within_s=within_s)

    async with incoming_world(both=Slow(has=True)) as earth:
        await accepted_by_institution(earth)

        assert earth.recorder.waits == [0.25]


async def test_a_rejection_waits_for_nobody() -> None:
    """No money moves by it: who takes over and asks hears the same."""
    async with incoming_world(both=SaidOfBoth(has=False)) as earth:
        transfer = await earth.received()
        answer = InstitutionAnswer(Verdict.REJECT, "AC04")
        await earth.receiving.asker._answer(transfer, answer, by=ReasonOrigin.INSTITUTION, asked_s=0.0, screened=PASSED)

        assert earth.sent() == ["RJCT"]


def moved_away(earth: IncomingWorld) -> None:
    """Every slot is the other region's from now on."""
    earth.store.store.homes = dict.fromkeys(range(SLOTS), PEER)


async def test_what_is_brought_to_the_wrong_region_is_kept_for_its_home() -> None:
    """Durable where it came, byte for byte, and no transfer here: nobody is asked twice."""
    regions = HandedOverStore()
    async with incoming_world(regions=cast("RegionStore", regions)) as earth:
        moved_away(earth)
        brought = earth.brought()
        await earth.sending.apply([RailDelivery("", brought.raw.body)])

        assert regions.kept == [brought.raw.body]
        assert earth.store.rows.transfers == {}
        assert not earth.institution.asked


async def test_what_the_rail_says_in_the_wrong_region_is_kept_for_its_home() -> None:
    """The advice of a transfer that another region decides on."""
    regions = HandedOverStore()
    async with incoming_world(regions=cast("RegionStore", regions)) as earth:
        transfer = await earth.befalls(await earth.received(), _E.ACCEPTANCE_DECIDED)
        advice = earth.advice(transfer)
        moved_away(earth)
        await earth.sending.apply([RailDelivery("", advice)])

        assert regions.kept == [advice]
        assert earth.now(transfer).state is _S.ACCEPTED


def refusal(earth: IncomingWorld, message_id: str) -> bytes:
    """The rail's admi.002 about a message of ours."""
    answers = AnswerWriter(FedNowProfile(own_connection_party=earth.party), MessageIds(started_at=earth.clock.now()))
    return answers.reject(
        related_reference=message_id,
        code="DUPL",
        description="a duplicate",
        recipient=earth.party,
        now=earth.clock.now(),
    )


@pytest.mark.parametrize("is_behind", [True, False])
async def test_what_the_rail_says_of_an_answer_that_is_not_folded_here_yet_is_kept_for_its_home(
    *, is_behind: bool
) -> None:
    """Simulation, regions, seed 1162: the message is replicated, the state follows. Where none follows, a fault."""
    regions = HandedOverStore()
    async with incoming_world(regions=cast("RegionStore", regions)) as earth:
        received = await earth.received()
        await earth.befalls(received, _E.REJECTION_DECIDED)
        answer = earth.store.rows.messages[received.payment_id][-1].business_message_id
        earth.store.rows.transfers[received.payment_id] = received
        if not is_behind:
            earth.store.rows.events[received.payment_id].pop()
        said = refusal(earth, answer)
        moved_away(earth)
        await earth.sending.apply([RailDelivery("", said)])

        kept = [each.codes for each in earth.store.store.rows.quarantine.values()]
        assert (regions.kept, kept) == (([said], []) if is_behind else ([], [(FAULT,)]))
        assert earth.now(received).state is _S.RECEIVED


async def test_what_came_from_the_other_region_goes_back_there_as_long_as_this_one_is_not_its_home() -> None:
    """A slot that moves: each region may believe for a moment that it is the other's. Nothing waits here for ever."""
    regions = HandedOverStore()
    async with incoming_world(regions=cast("RegionStore", regions)) as earth:
        brought = earth.brought().raw.body
        moved_away(earth)
        for note in ("3", "8"):
            await earth.sending.apply([RailDelivery(note, brought)], is_handed_over=True)
        earth.store.store.homes.clear()
        await earth.sending.apply([RailDelivery("9", brought)], is_handed_over=True)

        assert regions.kept == [brought] * 2
        assert regions.came_by == ["3", "8"]
        assert len(earth.store.rows.transfers) == 1


def lost(earth: IncomingWorld, transfer: IncomingTransfer, **more: Any) -> IncomingTransfer:
    """A transfer that another region has carried until now."""
    found = replace(earth.now(transfer), is_taken_over=True, **more)
    earth.store.rows.transfers[transfer.payment_id] = found
    return found


@pytest.mark.parametrize("kinds", [(), (_E.ACCEPTANCE_DECIDED,), (_E.ACCEPTANCE_WITHOUT_POSTING_DECIDED,)])
async def test_a_lost_regions_transfer_is_in_doubt_whatever_its_timer_would_have_done(
    kinds: tuple[IncomingEvent, ...],
) -> None:
    """Undecided ones are neither asked about at the institution nor rejected: the rail is asked, when it may be."""
    async with incoming_world() as earth:
        transfer = await earth.befalls(await earth.received(), *kinds)
        ask_after = earth.clock.now() + timedelta(seconds=60)
        lost(earth, transfer, ask_after=ask_after, next_step_at=earth.clock.now())
        (timer,) = await earth.store.due_timers(earth.clock.now(), limit=10)
        await earth.receiving.timers.fire(timer)
        taken = earth.now(transfer)
        earth.clock.advance(60)
        (timer,) = await earth.store.due_timers(earth.clock.now(), limit=10)
        await earth.receiving.timers.fire(timer)

        assert (taken.state, taken.next_step_at) == (_S.IN_DOUBT, ask_after)
        assert not earth.institution.asked
        assert earth.sent() == []
        assert earth.queued(Queue.FEDNOW_IN_INQUIRY) == [transfer.payment_id]


async def test_what_the_rail_says_of_a_lost_regions_transfer_is_heard_after_it_was_taken_over() -> None:
    """Accepted and settled: posted. Undecided here, and settled: held, since a lost region may have said ACWP."""
    async with incoming_world() as earth:
        accepted = await earth.befalls(await earth.received(), _E.ACCEPTANCE_DECIDED)
        undecided = await earth.received()
        for transfer in (accepted, undecided):
            lost(earth, transfer)
        await earth.sending.apply([RailDelivery("", earth.advice(each)) for each in (accepted, undecided)])

        assert earth.now(accepted).state is _S.SETTLED
        assert earth.now(undecided).state is _S.PENDING
        assert [each.transfer.payment_id for each in earth.recorder.contradictions] == [undecided.payment_id]


@pytest.mark.parametrize("kinds", [None, (_E.ADVICE_OVERDUE,), (_E.ADVICE_OVERDUE, _E.QUESTIONS_ENDED)])
async def test_what_was_accepted_without_posting_is_never_posted_on_the_rails_word_however_it_came_into_doubt(
    kinds: tuple[IncomingEvent, ...] | None,
) -> None:
    """Taken over (None), silent for 25 s, or given to a person: our answer was ACWP, and the money is held."""
    async with incoming_world() as earth:
        held = await earth.befalls(await earth.received(), _E.ACCEPTANCE_WITHOUT_POSTING_DECIDED, *(kinds or ()))
        posted = await earth.befalls(await earth.received(), _E.ACCEPTANCE_DECIDED, *(kinds or ()))
        if kinds is None:
            for transfer in (held, posted):
                lost(earth, transfer)
        await earth.sending.apply([RailDelivery("", earth.advice(each)) for each in (held, posted)])

        assert (earth.now(held).state, earth.now(held).answer) == (_S.PENDING, "ACWP")
        assert earth.now(held).next_step_at == posting_due(held.forwarded_at)
        assert earth.now(posted).state is _S.SETTLED, "the control: accepted for posting"
        assert earth.queued(Queue.FEDNOW_IN_VALUE) == [posted.payment_id]
        assert earth.recorder.contradictions == []


async def test_what_had_settled_is_posted_on_under_the_same_id() -> None:
    """The lost region may have told the institution: it is told again, and credits once."""
    async with incoming_world() as earth:
        transfer = await earth.settled()
        lost(earth, transfer, next_step_at=earth.clock.now())
        earth.store.store.rows.outbox.clear()
        (timer,) = await earth.store.due_timers(earth.clock.now(), limit=10)
        await earth.receiving.timers.fire(timer)

        assert earth.now(transfer).state is _S.SETTLED
        assert earth.queued(Queue.FEDNOW_IN_VALUE) == [transfer.payment_id]


async def test_what_another_region_holds_is_to_be_decided_by_the_day_after_it_came() -> None:
    """Its timer is not here: counted from the day on which the rail brought it, which is never too late."""
    async with incoming_world() as earth:
        transfer = await earth.befalls(
            await earth.received(), _E.ACCEPTANCE_WITHOUT_POSTING_DECIDED, _E.ACCEPTANCE_WITHOUT_POSTING_ADVISED
        )

        assert decide_by(replace(transfer, next_step_at=None)) == posting_due(transfer.forwarded_at)


async def test_a_transfer_that_comes_again_after_it_was_taken_over_undecided_is_answered_by_nobody() -> None:
    """There is no answer to repeat."""
    async with incoming_world() as earth:
        arrived = earth.brought()
        await earth.hearing.arrive([arrived])
        (transfer,) = earth.store.rows.transfers.values()
        lost(earth, transfer)
        await earth.hearing.arrive([arrived])
        await send_unsent(earth)

        assert earth.now(transfer).state is _S.IN_DOUBT
        assert earth.sent() == []
        assert earth.recorder.faults == []


@pytest.mark.parametrize(
    ("taken", "ask_in", "becomes"),
    [
        (range(SLOTS), timedelta(seconds=120), _S.IN_DOUBT),
        (range(SLOTS), -COPIES_FOR, _S.REJECTED),
        ((), timedelta(0), _S.REJECTED),
    ],
)
async def test_what_comes_too_late_where_a_region_was_lost_is_asked_about_and_not_rejected(
    taken: Sequence[int], ask_in: timedelta, becomes: IncomingState
) -> None:
    """It may be a copy of what that one had accepted, and settled, while it was alone; elsewhere nobody can have.

    Nor where it was made when that region had been lost for long.
    """
    async with incoming_world() as earth:
        ask_after = earth.clock.now() + ask_in
        earth.store.store.taken_over = dict.fromkeys(taken, ask_after)
        transfer = await earth.received()
        earth.clock.advance(60)
        await earth.receiving.asker.stand_in(transfer)

        decided = earth.now(transfer)

        assert decided.state is becomes
        assert decided.next_step_at == (ask_after if becomes is _S.IN_DOUBT else None)
        assert bool(earth.sent()) is (becomes is _S.REJECTED)
