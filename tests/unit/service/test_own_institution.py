"""A transfer between two accounts of one routing number of ours: sent and received here, under one message id."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from gateway.domain.events import EventKind
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.domain.payment import PaymentState
from gateway.service.ports import NewTransfer, RailDelivery, RegionStore
from iso20022 import RoutingNumber, TransactionStatus
from tests.integration.store.harness import new_payment
from tests.integration.store.test_incoming_contract import new
from tests.unit.service.incoming_world import AGENT, IncomingWorld, incoming_world
from tests.unit.service.statements import about
from tests.unit.service.test_coming_back import Sent, befall
from tests.unit.service.test_incoming_two_regions import HandedOverStore


async def both(earth: IncomingWorld) -> tuple[Sent, IncomingTransfer]:
    """A payment that is on its way, and the same as the rail has brought it to us; we have accepted it."""
    store = earth.store.store
    waiting = replace(new_payment("OWN", message_id="20261120990000107OWN"), creditor_agent=AGENT)
    await store.accept([waiting])
    case = await befall(earth, waiting.payment_id, EventKind.SENDING_STARTED)
    brought: NewTransfer = new(
        message_id=waiting.message_id,
        end_to_end_id=waiting.end_to_end_id,
        uetr=waiting.uetr,
        instructing_agent=AGENT,
        instructed_agent=AGENT,
        debtor_agent=AGENT,
        creditor_agent=AGENT,
    )
    (admitted,) = await earth.store.admit([brought])
    return case, await earth.befalls(admitted.transfer, IncomingEvent.ACCEPTANCE_DECIDED)


async def test_the_rails_word_counts_for_sender_and_receiver_once_each() -> None:
    """It tells both, and both messages are alike: each is true of both, whichever comes first, however often."""
    async with incoming_world() as earth:
        await earth.receiving.tenants.refresh()
        case, transfer = await both(earth)
        first, second = [about(case.now, "ACSC", at=earth.clock.now()) for _ in range(2)]

        for body in (first, first, second, second):
            await earth.sending.apply([RailDelivery("r", body)])

        assert case.now.state is PaymentState.SETTLED
        assert earth.now(transfer).state is IncomingState.SETTLED
        kinds = [each.fact.kind for each in await earth.store.events(transfer.payment_id)]
        assert kinds.count(IncomingEvent.SETTLEMENT_ADVISED) == 2
        assert earth.recorder.contradictions == []


async def test_a_word_to_the_sender_is_none_about_what_its_receiver_has() -> None:
    """Its payment may be known in the other region alone: the rail refuses a copy of it, which is heard there."""
    regions = HandedOverStore()
    async with incoming_world(regions=cast("RegionStore", regions)) as earth:
        transfer = await earth.befalls(await earth.received(), IncomingEvent.ACCEPTANCE_DECIDED)
        ours = replace(
            new_payment("OWN", message_id=transfer.message_id),
            debtor_agent=transfer.instructing_agent,
            creditor_agent=transfer.instructed_agent,
            end_to_end_id=transfer.end_to_end_id,
            uetr=transfer.uetr,
        )
        await earth.store.store.accept([ours])
        (payment,) = earth.store.store.rows.payments.values()
        earth.store.store.rows.payments.clear()
        said = about(payment, "RJCT", code="AC03", at=earth.clock.now(), to=transfer.instructing_agent)
        await earth.sending.apply([RailDelivery("", said)])

        assert regions.kept == [said]
        assert earth.now(transfer).state is IncomingState.ACCEPTED

        await earth.sending.apply([RailDelivery("", earth.advice(transfer))])

        assert earth.now(transfer).state is IncomingState.SETTLED, "the control: the receiver's own word"


async def test_the_rails_rejection_ends_both() -> None:
    """No money moved, on neither side."""
    async with incoming_world() as earth:
        await earth.receiving.tenants.refresh()
        case, transfer = await both(earth)

        await earth.sending.apply([RailDelivery("r", about(case.now, "RJCT", code="AC03", at=earth.clock.now()))])

        assert case.now.state is PaymentState.REJECTED
        assert earth.now(transfer).state is IncomingState.NOT_SETTLED


async def test_our_own_word_relayed_to_us_is_the_senders_news_alone() -> None:
    """ACCC, or RJCT after ACWP, that we have said as receiver: it is no statement about what we received."""
    async with incoming_world() as earth:
        await earth.receiving.tenants.refresh()
        case, transfer = await both(earth)
        await earth.sending.apply([RailDelivery("r", about(case.now, "ACSC", at=earth.clock.now()))])
        before = earth.now(transfer).version

        relayed = about(case.now, "ACCC", at=earth.clock.now(), said_by=RoutingNumber(AGENT))
        await earth.sending.apply([RailDelivery("r", relayed)])

        assert case.now.status == TransactionStatus.ACCC
        assert earth.now(transfer).version == before
