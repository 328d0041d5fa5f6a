"""The rail says that money came, and that it did not: a person is told, and nothing goes back until it is recorded."""

from __future__ import annotations

import pytest

from gateway.domain.events import EventKind
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import Attention
from gateway.domain.ledger import balances
from gateway.service.incoming.desk import NotRecordableError, NotReturnableError
from gateway.service.incoming.give_back import HELD
from gateway.service.incoming.post import record_posting
from gateway.service.ports import Queue
from tests.unit.service.incoming_world import desk_of_world, incoming_world
from tests.unit.service.test_giving_back import REFUSED, Returning, owed

_E, _S = IncomingEvent, IncomingState


async def test_what_had_settled_and_did_not_is_taken_out_of_the_books_and_told_to_the_institution() -> None:
    """ACSC, RJCT, and the rail's support stands by the latter."""
    async with incoming_world() as earth:
        held = await earth.befalls(await earth.settled(), _E.PENDING_DECIDED, _E.REJECTION_ADVISED)
        desk = desk_of_world(earth)
        (listed, *_) = await desk.find(None, states=(), limit=9)

        ended = await desk.record_settlement(held.payment_id, settled=False, note="Never settled.", by="operator")

        assert (listed.payment_id, listed.attention) == (held.payment_id, Attention.CONTRADICTED)
        assert (ended.state, ended.attention, ended.next_step_at) == (_S.NOT_SETTLED, None, None)
        assert set(balances(earth.store.rows.postings[held.payment_id]).values()) == {0}
        assert earth.queued(Queue.FEDNOW_IN_NONVALUE) == [held.payment_id]


async def test_what_has_settled_after_all_stays_where_it_is() -> None:
    """And once a person has said so nobody is called any more."""
    async with incoming_world() as earth:
        posted = await earth.befalls(await earth.settled(), _E.POSTING_CONFIRMED, _E.REJECTION_ADVISED)
        desk = desk_of_world(earth)

        with pytest.raises(NotRecordableError):
            await desk.record_settlement(posted.payment_id, settled=False, note="It did not.", by="operator")
        ended = await desk.record_settlement(posted.payment_id, settled=True, note="It did.", by="operator")
        with pytest.raises(NotRecordableError):
            await desk.record_settlement(posted.payment_id, settled=True, note="Again.", by="operator")

        assert (posted.attention, ended.state, ended.attention) == (Attention.CONTRADICTED, _S.POSTED, None)


@pytest.mark.parametrize("has_failed", [True, False])
async def test_no_return_of_what_may_not_have_come_begins_by_itself(*, has_failed: bool) -> None:
    """It would give away money that is not here; one under way is seen to, and followed by none."""
    async with incoming_world() as earth:
        owed = await earth.befalls(await earth.settled(), _E.POSTING_REFUSED)
        if has_failed:
            owed = await earth.befalls(owed, _E.RETURN_FAILED)
        told = await earth.befalls(owed, _E.REJECTION_ADVISED)
        if not has_failed:
            assert told.next_step_at == owed.next_step_at, "it is seen to"
            told = await earth.befalls(told, _E.RETURN_FAILED)

        for _ in range(3):
            await earth.fire_timers(after_s=3_600)

        assert (told.attention, told.next_step_at) == (Attention.CONTRADICTED, None)
        assert (earth.now(told).returns, earth.now(told).returning_cents) == (1, 0)


@pytest.mark.parametrize("said", [_E.REJECTION_ADVISED, _E.TIME_OUT_ADVISED])
@pytest.mark.parametrize("by", [None, "operator"])
@pytest.mark.parametrize("stands", [(), (_E.PENDING_DECIDED,), (_E.BLOCKING_DECIDED,)])
async def test_what_is_refused_after_the_rail_has_contradicted_it_does_not_go_back_by_itself(
    stands: tuple[IncomingEvent, ...], by: str | None, said: IncomingEvent
) -> None:
    """ACSC, then RJCT or DS24, and only then the posting is refused: a refusal is no word that the money is here."""
    async with incoming_world() as earth:
        told = await earth.befalls(await earth.settled(), *stands, said)
        case = Returning(earth, told)
        await record_posting(earth.receiving.decisions, told.payment_id, REFUSED, by=by)

        await _time_passes(case)

        assert (case.payments, case.sent()) == ([], [])
        assert (case.now.state, case.now.attention) == (_S.RETURN_DUE, Attention.CONTRADICTED)
        assert (case.now.returning_cents, case.now.next_step_at) == (0, None)
        assert HELD in [each.fact.reason for each in await earth.store.events(told.payment_id)]


async def test_a_return_that_was_decided_and_not_begun_does_not_begin_once_the_rail_says_no() -> None:
    """The refusal came first: what it has queued looks at how the money stands then."""
    async with incoming_world() as earth:
        case = await owed(earth)
        await earth.befalls(case.transfer, _E.REJECTION_ADVISED)

        await _time_passes(case)

        assert (case.payments, case.sent()) == ([], [])
        assert (case.now.attention, case.now.returning_cents) == (Attention.CONTRADICTED, 0)


async def test_control_without_the_rails_no_the_same_return_leaves() -> None:
    """What the two above would show of a gateway that does not look."""
    async with incoming_world() as earth:
        case = await owed(earth)

        await case.see_to()
        await case.dispatch()

        assert len(case.sent()) == 1


@pytest.mark.parametrize("has_begun", [True, False])
async def test_what_was_owed_and_never_came_is_taken_out_of_the_books_where_nothing_has_left(
    *, has_begun: bool
) -> None:
    """The rail's support stands by its no: nobody has the money, and nothing of a return was sent."""
    async with incoming_world() as earth:
        case = await owed(earth)
        if has_begun:
            await case.see_to()
            await case.befalls(EventKind.SENDING_STARTED, EventKind.SENDING_ABANDONED)
        await earth.befalls(case.transfer, _E.REJECTION_ADVISED)
        await case.see_to()
        desk, transfer_id = desk_of_world(earth), case.transfer.payment_id
        with pytest.raises(NotRecordableError):
            await desk.record_settlement(transfer_id, settled=True, note="It did.", by="operator")

        ended = await desk.record_settlement(transfer_id, settled=False, note="Never settled.", by="operator")
        await _time_passes(case)
        with pytest.raises(NotReturnableError):
            await desk.give_back(transfer_id, None, key="2", reason=None, by="operator", note="Yes.")

        assert (ended.state, ended.attention, ended.next_step_at) == (_S.NOT_SETTLED, None, None)
        booked = [*earth.store.rows.postings[transfer_id]]
        booked += [each for payment in case.payments for each in earth.store.store.rows.postings[payment.payment_id]]
        assert set(balances(booked).values()) == {0}
        assert (len(case.payments), case.sent()) == (int(has_begun), [])
        assert transfer_id in earth.queued(Queue.FEDNOW_IN_NONVALUE), "the institution is told"


@pytest.mark.parametrize("is_taken_over", [True, False])
async def test_what_may_have_gone_back_is_not_recorded_as_never_come(*, is_taken_over: bool) -> None:
    """Its return has left, or another region may have sent one that is not known here: the note is of a return."""
    async with incoming_world() as earth:
        case = await owed(earth)
        await case.see_to()
        if is_taken_over:
            await case.befalls(EventKind.DEADLINE_PASSED)
            await case.see_to()
            await earth.befalls(case.transfer, _E.TAKEN_OVER)
        else:
            await case.dispatch()
            await case.rail_says("RJCT", code="AC03")
        await earth.befalls(case.transfer, _E.REJECTION_ADVISED)

        with pytest.raises(NotRecordableError):
            await desk_of_world(earth).record_settlement(
                case.transfer.payment_id, settled=False, note="Never settled.", by="operator"
            )

        assert (case.now.state, case.now.attention) == (_S.RETURN_DUE, Attention.CONTRADICTED)


@pytest.mark.parametrize("says_no_again", [True, False])
async def test_a_person_who_has_found_out_has_it_go_back_unless_the_rail_says_no_once_more(
    *, says_no_again: bool
) -> None:
    """An order with a note ends the contradiction that it is about, and not the next."""
    async with incoming_world() as earth:
        told = await earth.befalls(await earth.settled(), _E.REJECTION_ADVISED)
        case, desk = Returning(earth, told), desk_of_world(earth)
        await record_posting(earth.receiving.decisions, told.payment_id, REFUSED)
        await case.see_to()
        with pytest.raises(NotReturnableError):
            await desk.give_back(told.payment_id, None, key="blindly", reason=None, by="operator")
        await desk.give_back(told.payment_id, None, key="asked", reason=None, by="operator", note="Support: it came.")
        if says_no_again:
            await earth.befalls(told, _E.REJECTION_ADVISED)

        await _time_passes(case)

        assert len(case.payments) == int(not says_no_again)
        assert case.now.attention is (Attention.CONTRADICTED if says_no_again else None)


async def _time_passes(case: Returning) -> None:
    """Hand out what is queued about the transfer, and fire its timers, for hours."""
    for _ in range(3):
        await case.see_to()
        await case.earth.fire_timers(after_s=3_600)
