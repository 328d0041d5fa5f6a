"""Liquidity transfers: what has come is here whatever happens next; what leaves is asked about in its own words."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import IncomingFact, PostingAnswer, PostingOutcome
from gateway.domain.payment import FundsHolder, IdempotencyKey, PaymentState
from gateway.domain.returns import returnable, returnable_all_the_same
from gateway.service.fednow import FedNowDialect
from gateway.service.incoming.hear import ID_REUSED
from gateway.service.incoming.post import NotDecidableError, record_posting
from gateway.service.incoming.tenants import NOBODYS
from gateway.service.liquidity import LiquidityRequest
from gateway.service.screening import must_pass
from gateway.service.submit import Submitted
from iso20022 import (
    Amount,
    FedNowProfile,
    InstitutionCreditTransfer,
    PaymentStatusRequest,
    RoutingNumber,
    TransactionStatus,
    examine,
)
from tests.fakes.incoming_rail import PARTY
from tests.unit.service.incoming_world import TENANT as RECEIVING
from tests.unit.service.incoming_world import incoming_world
from tests.unit.service.world import TENANT, world
from tests.unit.telemetry.test_metrics import in_flight

_E, _S = IncomingEvent, IncomingState


async def test_one_that_nobody_came_to_credit_is_credited_by_the_timer_and_never_answered() -> None:
    """Killed between its admission and its credit: the time for an answer runs out, and no answer was asked for."""
    async with incoming_world() as earth:
        transfer = await earth.received(liquidity=True)
        plain = await earth.received()

        await earth.fire_timers(after_s=30)

        assert earth.now(transfer).state is _S.SETTLED
        assert earth.now(plain).state is _S.REJECTED, "the control: a customer's transfer is rejected then"
        assert earth.sent() == ["RJCT"]
        assert not earth.institution.asked


async def test_one_that_a_lost_region_had_is_credited_and_the_rail_is_not_asked() -> None:
    """Whatever the lost region did, it had settled; the rail takes no question about it from a receiver."""
    async with incoming_world() as earth:
        transfer = await earth.received(liquidity=True)
        plain = await earth.received()
        for each in (transfer, plain):
            earth.store.rows.transfers[each.payment_id] = replace(earth.now(each), is_taken_over=True)

        await earth.fire_timers(after_s=30)

        assert (earth.now(transfer).state, earth.now(plain).state) == (_S.SETTLED, _S.IN_DOUBT)


async def test_a_rejection_that_comes_before_its_credit_is_a_contradiction() -> None:
    """What had settled when it came cannot have been rejected: the money stays, and a person looks."""
    async with incoming_world() as earth:
        transfer = await earth.received(liquidity=True)
        forwarded = earth._brought[transfer.message_id]
        body = earth.writer.advice(
            forwarded, TransactionStatus.RJCT, ("E997",), settlement_date=None, at=earth.clock.now()
        )

        await earth.hearing.hear(earth.read(body), transfer)

        assert earth.now(transfer).state is _S.SETTLED
        assert [each.fact.kind for each in earth.recorder.contradictions] == [_E.REJECTION_ADVISED]


async def test_one_for_an_institution_that_nobody_receives_for_is_kept_and_reported() -> None:
    """The money is at the rail's bank all the same: a customer's transfer would be rejected, this one cannot be."""
    async with incoming_world() as earth:
        transfer = await earth.received(agent=RoutingNumber("990000204"), liquidity=True)

        await earth.receiving.asker.credit(transfer)
        await earth.receiving.asker.credit(transfer)

        assert (earth.now(transfer).tenant_id, earth.now(transfer).state) == (NOBODYS, _S.SETTLED)
        assert [each.fact.kind for each in earth.recorder.contradictions] == [_E.CREDIT_ADVISED]


@pytest.mark.parametrize(
    ("tag", "keeper"), [(b"Cdtr", RECEIVING), (b"InstdAgt", NOBODYS)], ids=["another creditor", "another account"]
)
async def test_it_is_that_ones_on_whose_account_it_settled_whoever_is_its_creditor(tag: bytes, keeper: str) -> None:
    """The rail moves the money between the agents; that another is named is a person's to look at, and no refusal."""
    async with incoming_world() as earth:
        earth.brought(liquidity=True)
        (forwarded,) = earth._brought.values()
        before, within, after = re.split(
            rb"(?<=<%b>)(.*?)(?=</%b>)" % (tag, tag), forwarded.body, maxsplit=1, flags=re.DOTALL
        )
        arrived = earth.read(before + within.replace(b"990000107", b"990000204") + after)

        codes = await earth.hearing.arrive([arrived])
        (transfer,) = earth.store.rows.transfers.values()
        await earth.receiving.asker.credit(transfer)

        assert (arrived.reading.codes, codes) == ((), [None])
        assert (earth.now(transfer).tenant_id, earth.now(transfer).state) == (keeper, _S.SETTLED)
        assert transfer.creditor_agent == ("990000204" if tag == b"Cdtr" else "990000107")
        assert [each.fact.kind for each in earth.recorder.contradictions] == [_E.CREDIT_ADVISED]


async def test_the_same_id_for_another_institutions_account_is_no_repeat() -> None:
    """Other money, which would be taken for a copy of the first: it is set aside for a person."""
    async with incoming_world() as earth:
        first = earth.brought(liquidity=True)
        (forwarded,) = earth._brought.values()
        before, within, after = re.split(
            rb"(?<=<InstdAgt>)(.*?)(?=</InstdAgt>)", forwarded.body, maxsplit=1, flags=re.DOTALL
        )
        changed = before + within.replace(b"990000107", b"990000204") + after
        other = earth.read(re.sub(rb"(?<=<BizMsgIdr>)[^<]*", b"20261122021150706ANOTHERHEADER", changed))

        assert await earth.hearing.arrive([first]) == [None]
        assert await earth.hearing.arrive([other]) == [ID_REUSED]


async def test_one_above_our_own_limit_is_credited_all_the_same() -> None:
    """The limit of our setting is about what leaves: this money is here, and no operator has to let it in."""
    async with incoming_world() as earth:
        arrived = earth.brought(liquidity=True, cents=FedNowProfile().lmt_limit_cents + 1)
        codes = await earth.hearing.arrive([arrived])
        (transfer,) = earth.store.rows.transfers.values()

        await earth.receiving.asker.credit(transfer)

        assert (arrived.reading.codes, codes) == ((), [None])
        assert (earth.now(transfer).state, earth.now(transfer).amount.cents) == (_S.SETTLED, 250_000_001)


async def test_no_answer_to_one_can_be_decided() -> None:
    """The guard: whoever forgets what it is cannot have it rejected, or answered."""
    async with incoming_world() as earth:
        transfer = await earth.received(liquidity=True)

        for kind in (_E.ACCEPTANCE_DECIDED, _E.REJECTION_DECIDED, _E.ANSWER_TIME_PASSED):
            with pytest.raises(AssertionError, match="nobody answers it"):
                earth.receiving.decisions.decider.decide(transfer, IncomingFact(kind), at=earth.clock.now())


async def test_what_cannot_be_posted_is_held_and_no_return_is_ever_begun() -> None:
    """It goes back by another liquidity transfer, or not at all: a pacs.004 is not for it."""
    async with incoming_world() as earth:
        transfer = await earth.received(liquidity=True)
        await earth.receiving.asker.credit(transfer)
        refused = PostingAnswer(PostingOutcome.REFUSED, "AC06")

        with pytest.raises(NotDecidableError):
            await record_posting(earth.receiving.decisions, transfer.payment_id, refused)
        await record_posting(earth.receiving.decisions, transfer.payment_id, refused, was_told=True)
        held = earth.now(transfer)
        await record_posting(earth.receiving.decisions, transfer.payment_id, PostingAnswer(PostingOutcome.POSTED))
        posted = earth.now(transfer)

        assert (held.state, posted.state) == (_S.PENDING, _S.POSTED)
        assert returnable(posted) is None
        assert returnable_all_the_same(posted) is None
        assert earth.sent() == [], "the rail wants no word of the posting either"


def test_nobody_screens_one_that_leaves() -> None:
    """There is no customer on either side; the control is the same payment of a customer's."""
    payment = in_flight(PaymentState.RECEIVED)

    assert must_pass(payment)
    assert not must_pass(replace(payment, funds_holder=FundsHolder.INSTITUTION))


@pytest.mark.parametrize(
    ("hours", "at", "is_open"),
    [
        (None, "03:00", True),
        ((time(7), time(19)), "07:00", True),
        ((time(7), time(19)), "06:59", False),
        ((time(7), time(19)), "19:00", False),
        ((time(21), time(18, 30)), "23:59", True),
        ((time(21), time(18, 30)), "18:29", True),
        ((time(21), time(18, 30)), "18:30", False),
    ],
)
def test_hours_are_those_of_the_rails_zone_and_may_go_past_midnight(
    hours: tuple[time, time] | None,
    at: str,
    is_open: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """In November Eastern time is five hours behind UTC; with no hours set the rail decides."""
    dialect = FedNowDialect(FedNowProfile(lmt_hours=hours), PARTY)
    hour, minute = map(int, at.split(":"))
    instant = datetime(2026, 11, 20 + (hour + 5) // 24, (hour + 5) % 24, minute, tzinfo=UTC)

    closed = dialect.closed_to_liquidity(instant)

    assert (closed is None) is is_open
    assert closed is None or (closed.code, closed.value) == ("FEDNOW_LMT_HOURS", at)


async def test_what_is_asked_of_the_rail_has_the_creation_time_that_is_on_the_wire() -> None:
    """Sent a second after it was accepted: a question with the time of the acceptance is about no message at all.

    "Not found" would reject, or send again, what may have settled.
    """
    async with world() as earth:
        request = LiquidityRequest(
            amount=Amount(1_000_00),
            debtor_agent=RoutingNumber("990000107"),
            creditor_agent=RoutingNumber("990001106"),
        )
        submitted = await earth.intake.submit_payment(
            TENANT, IdempotencyKey("one"), request, json_of(request), received_at=earth.clock.now()
        )
        assert isinstance(submitted, Submitted)
        earth.clock.advance(1)
        await earth.dispatch(submitted.payment)
        await earth.fire_timers(after_s=15)
        await earth.fire_timers(after_s=11)

        await earth.ask(submitted.payment)

        transfer, question = (examine(each.body, profile=FedNowProfile()).message for each in earth.rail.sent)
        assert isinstance(transfer, InstitutionCreditTransfer)
        assert isinstance(question, PaymentStatusRequest)
        assert transfer.creation_time == submitted.payment.accepted_at + timedelta(seconds=1)
        assert question.original_creation_time == transfer.creation_time
        assert question.original_message_name == "pacs.009.001.08"


def json_of(request: LiquidityRequest) -> bytes:
    """The request as a client's body."""
    return json.dumps({**request.as_json(), "currency": "USD"}).encode()
