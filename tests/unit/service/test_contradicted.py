"""The rail says that money came, and that it did not: a person is told, and nothing goes back until it is recorded."""

from __future__ import annotations

import pytest

from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import Attention
from gateway.domain.ledger import balances
from gateway.service.incoming.desk import NotRecordableError
from gateway.service.ports import Queue
from tests.unit.service.incoming_world import desk_of_world, incoming_world

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
