"""Screening of what is received: a hit is doubt about compliance (ACWP), an outage is none (rejected)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.domain.incoming import IncomingState
from gateway.domain.incoming_transfer import IncomingTransfer, InstitutionAnswer, RecordedFact, Verdict
from gateway.domain.payment import ReasonOrigin
from gateway.domain.screening import ScreeningPolicy, ScreeningRules, Source
from gateway.domain.stand_in import policy_from
from gateway.service.incoming.rail import Received
from gateway.service.screening import Screening
from tests.fakes.incoming_rail import ACCEPTED
from tests.fakes.screening import HIT, InMemoryScreener, InMemoryScreening, ScreeningRecorder
from tests.unit.service.incoming_world import TENANT, IncomingWorld, incoming_world

REJECTS = InstitutionAnswer(Verdict.REJECT, "AC04")
STANDS_IN: dict[str, Any] = {"stand_in": policy_from({"rules": [{"decision": "accept"}]})}


class Desk:
    """Screening of the tenant that receives, held to its rules."""

    def __init__(self, earth: IncomingWorld, **rules: Any) -> None:
        self.screener = InMemoryScreener()
        self.store = InMemoryScreening()
        self.store.policies[TENANT] = ScreeningPolicy(incoming=ScreeningRules(lists=("own.csv",), **rules))
        earth.receiving.asker.screening = Screening(
            self.store, {Source.LISTS: self.screener}, earth.clock, ScreeningRecorder()
        )


async def decided(earth: IncomingWorld) -> IncomingTransfer:
    """A transfer once it is decided on, the institution asked, or who stands in for it."""
    transfer = await earth.received()
    asker = earth.receiving.asker
    async with asyncio.TaskGroup() as group:
        loop = group.create_task(asker.run())
        await asyncio.sleep(0)
        asker.take_up(transfer, await earth.receiving.messages.received(transfer))
        async with asyncio.timeout(5):
            while earth.now(transfer).state is IncomingState.RECEIVED or asker.in_hand:
                earth.clock.advance(0.01 if earth.institution.is_down else 0.0)
                await asyncio.sleep(0)
        loop.cancel()
    return earth.now(transfer)


async def last(earth: IncomingWorld, transfer: IncomingTransfer) -> RecordedFact:
    """The newest thing that befell it."""
    return (await earth.store.events(transfer.payment_id))[-1]


async def test_what_nobody_finds_anything_about_is_accepted_and_the_history_says_who_looked() -> None:
    """The institution's own answer, as ever."""
    async with incoming_world() as earth:
        desk = Desk(earth)
        transfer = await decided(earth)

        assert transfer.state is IncomingState.ACCEPTED
        assert (await last(earth, transfer)).fact.details == {"decided_by": "institution", "screened_by": "lists"}
        assert len(desk.screener.asked) == 1


async def test_a_tenant_without_rules_has_nothing_looked_at() -> None:
    """The control: with the same finding, and nobody who wants it, it is accepted."""
    async with incoming_world() as earth:
        desk = Desk(earth)
        desk.store.policies.clear()
        desk.screener.hits = (HIT,)

        transfer = await decided(earth)

        assert transfer.state is IncomingState.ACCEPTED
        assert desk.screener.asked == []


async def test_a_hit_is_accepted_without_posting_though_the_institution_accepts() -> None:
    """Doubt about compliance (12 CFR 210.44(b)(3)); what the rail is told says nothing of why."""
    async with incoming_world() as earth:
        Desk(earth).screener.hits = (HIT,)
        transfer = await decided(earth)

        assert transfer.state is IncomingState.ACCEPTED_WITHOUT_POSTING
        assert earth.sent() == ["ACWP"]
        assert transfer.reason is None
        details = (await last(earth, transfer)).fact.details
        assert details["decided_by"] == "screening"
        assert details["hit_1"].startswith("lists own.csv SAMPLE-1")


async def test_a_hit_counts_as_well_where_the_stand_in_accepts() -> None:
    """The institution is down; the doubt is about the payment, not about the institution."""
    async with incoming_world(**STANDS_IN) as earth:
        Desk(earth).screener.hits = (HIT,)
        earth.institution.is_down = True

        transfer = await decided(earth)

        assert transfer.state is IncomingState.ACCEPTED_WITHOUT_POSTING


async def test_what_the_institution_rejects_is_rejected_whatever_screening_says() -> None:
    """No money is taken that the institution does not want, and nobody is waited for."""
    async with incoming_world() as earth:
        desk = Desk(earth)
        desk.screener.is_silent = True
        earth.institution.answer_to = lambda _: REJECTS

        transfer = await decided(earth)

        assert transfer.state is IncomingState.REJECTED
        assert transfer.reason is not None
        assert (transfer.reason.code, transfer.reason.origin) == ("AC04", ReasonOrigin.INSTITUTION)


@pytest.mark.parametrize("fault", ["down", "silent", "broken", "database"])
@pytest.mark.parametrize(("code", "told"), [(None, "AB05"), ("MS03", "MS03")])
async def test_an_outage_is_no_hit_and_is_rejected(fault: str, code: str | None, told: str) -> None:
    """Neither accepted nor accepted without posting: with the tenant's reason, or the rail's for what is undecided."""
    async with incoming_world() as earth:
        desk = Desk(earth, budget_ms=20, unanswered_reason_code=code)
        desk.screener.is_down, desk.screener.is_silent = fault == "down", fault == "silent"
        desk.screener.raises = ValueError("a fault of ours") if fault == "broken" else None
        desk.store.is_reachable = fault != "database"

        transfer = await decided(earth)

        assert transfer.state is IncomingState.REJECTED
        assert earth.sent() == ["RJCT"]
        assert transfer.reason is not None
        expected = "AB05" if fault == "database" else told  # which reason the tenant wants is not known then
        assert (transfer.reason.code, transfer.reason.origin) == (expected, ReasonOrigin.SCREENING)


async def test_who_stands_in_at_the_last_moment_accepts_nothing_that_was_not_looked_at() -> None:
    """A worker died after it had received; there is no time left to look: its timer rejects."""
    async with incoming_world(**STANDS_IN) as earth:
        Desk(earth)
        transfer = await earth.received()
        await earth.fire_timers(after_s=4.5)

        assert earth.now(transfer).state is IncomingState.REJECTED


async def test_without_screening_who_stands_in_at_the_last_moment_accepts() -> None:
    """The control of the test above."""
    async with incoming_world(**STANDS_IN) as earth:
        transfer = await earth.received()
        await earth.fire_timers(after_s=4.5)

        assert earth.now(transfer).state is IncomingState.ACCEPTED


async def test_a_tenant_without_an_address_has_its_transfers_looked_at_before_the_stand_in_accepts() -> None:
    """The stand-in decides at once there."""
    async with incoming_world(institution_url=None, **STANDS_IN) as earth:
        Desk(earth).screener.hits = (HIT,)

        transfer = await decided(earth)

        assert transfer.state is IncomingState.ACCEPTED_WITHOUT_POSTING


async def test_a_late_acceptance_is_no_contradiction_of_what_screening_has_made_of_it() -> None:
    """ACWP is what an acceptance and a hit come to, whoever accepts; a late rejection is a contradiction as ever."""
    async with incoming_world(**STANDS_IN) as earth:
        Desk(earth).screener.hits = (HIT,)
        earth.institution.is_down = True
        transfer = await decided(earth)
        asker = earth.receiving.asker
        screened = await asker._screened(transfer, await earth.receiving.messages.of(transfer), 1.0)

        await asker._record_late(transfer.payment_id, ACCEPTED, screened)
        assert earth.recorder.contradictions == []
        await asker._record_late(transfer.payment_id, REJECTS, screened)
        assert len(earth.recorder.contradictions) == 1


async def test_a_message_that_says_more_than_its_value_is_read_whole() -> None:
    """Ultimate parties are looked at too: their names are in the message alone."""
    async with incoming_world() as earth:
        desk = Desk(earth)
        transfer = await earth.received()
        message = await earth.receiving.messages.of(transfer)
        earth.receiving.messages.keep(transfer.payment_id, Received(replace(message, carries_all=False)))
        asker = earth.receiving.asker

        await asker._screened(transfer, await earth.receiving.messages.of(transfer), 1.0)

        (subject,) = desk.screener.asked
        assert {name.reveal() for name in subject.other_names} == {subject.debtor.reveal(), subject.creditor.reveal()}
        assert subject.at == transfer.received_at
        assert subject.at - earth.clock.now() <= timedelta(0)
