"""Of one fetch the answers to payments come first: no report and no conversation holds them up, whatever becomes of it.

Order is told by events, not by time. The use cases are a worker's; the stores are in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Final

import pytest

from adapters.system import SystemIdentifiers
from gateway.domain.payment import Payment, PaymentState, Rail
from gateway.domain.stand_in import REJECT_ALL
from gateway.service.conversations.fednow import FedNowConversations
from gateway.service.conversations.hear import ConversationHearing
from gateway.service.fednow import FedNowDialect
from gateway.service.incoming.tenants import ReceivingTenants
from gateway.service.ports import RailDelivery, ReceivingTenant, UnavailableError
from gateway.service.ports.conversations import NewConversation, Opened
from gateway.service.receive import Receiver
from iso20022 import FedNowProfile, MessageId, RoutingNumber, TransactionStatus
from simulators.conversations import Asking
from simulators.fednow.conversations import ConversationWriter
from simulators.fednow.settings import FedNowSimulatorSettings
from simulators.message_ids import MessageIds
from tests.fakes.clock import START
from tests.fakes.conversations import InMemoryConversations
from tests.fakes.incoming import InMemoryIncoming
from tests.unit.http.world import RecordingObserver
from tests.unit.service.world import PARTY, TENANT, World

OWN: Final = RoutingNumber(PARTY)
KINDS: Final = ("request_for_payment", "notification")
"""A conversation that another institution begins, and a report of the rail's."""


class Seeing(InMemoryConversations):
    """Looks at the payment when a conversation is to be kept; and keeps none while it `is_down`."""

    def __init__(self, earth: World, payment: Payment) -> None:
        super().__init__(InMemoryIncoming(earth.store))
        self.incoming.tenants[OWN] = ReceivingTenant(TENANT, None, REJECT_ALL)
        self._earth, self._payment = earth, payment
        self.is_down = False
        self.saw: list[PaymentState] = []

    async def open(self, new: NewConversation) -> Opened:
        """Keep it."""
        self.saw.append((await self._earth.now(self._payment)).state)
        if self.is_down:
            raise UnavailableError("conversations cannot be kept")
        return await super().open(new)


class TalkFirst(Receiver):
    """The planted slip: conversations are heard as soon as they are told apart from the rest."""

    async def _told_apart(self, heard: Sequence[object]) -> tuple[Sequence[object], Sequence[object]]:  # type: ignore[override]
        talked, answers = await super()._told_apart(heard)  # type: ignore[arg-type]
        await self._converse(talked)
        return (), answers


async def fetched(earth: World, kind: str) -> tuple[Payment, Seeing, list[RailDelivery]]:
    """One fetch: what belongs to no payment first, and then the answer to a payment that waits for it."""
    payment = await earth.submit()
    await earth.dispatch(payment)
    writer = ConversationWriter(FedNowSimulatorSettings(), MessageIds(started_at=START))
    _, (said, *_), _ = writer.asked(Asking(kind=kind, message_id=MessageId(payment.message_id)), now=earth.clock.now())
    answer = earth.report(payment.message_id, TransactionStatus.ACSC)
    return payment, Seeing(earth, payment), [RailDelivery("said", said), RailDelivery("answer", answer)]


def receiver(earth: World, store: Seeing, kind: type[Receiver] = Receiver) -> Receiver:
    """A receiver that hears conversations, too."""
    hearing = ConversationHearing(
        store,
        earth.store,
        store.incoming,
        ReceivingTenants(store.incoming, earth.clock, RecordingObserver()),
        FedNowConversations(FedNowDialect(FedNowProfile(), PARTY)),
        "RC04",
        earth.clock,
        SystemIdentifiers(),
    )
    parts = {each.name: getattr(earth.receiver, each.name) for each in fields(Receiver)}
    return kind(**{**parts, "conversations": hearing})


@pytest.mark.parametrize("kind", KINDS)
async def test_the_answer_to_a_payment_is_saved_before_what_belongs_to_no_payment(earth: World, kind: str) -> None:
    """Though that came first, in the same fetch; and it is heard all the same."""
    _, store, deliveries = await fetched(earth, kind)

    await receiver(earth, store).apply(deliveries)

    assert store.saw == [PaymentState.SETTLED]
    assert len(store.rows.conversations) == 1
    assert earth.recorder.quarantines == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_conversation_that_cannot_be_kept_costs_no_payment_its_answer(earth: World, kind: str) -> None:
    """The fetch is not acknowledged: it comes again, and each message in it has had its effect once."""
    payment, store, deliveries = await fetched(earth, kind)
    store.is_down = True

    with pytest.raises(UnavailableError):
        await receiver(earth, store).apply(deliveries)
    settled = await earth.now(payment)
    store.is_down = False
    await receiver(earth, store).apply(deliveries)

    assert settled.state is PaymentState.SETTLED
    assert (await earth.now(payment)).version == settled.version
    assert len(store.rows.conversations) == 1


async def test_what_hears_conversations_first_keeps_the_payment_waiting(earth: World) -> None:
    """The control of both tests above: the slip shows in what the conversations' store sees, and where it is down."""
    payment, store, deliveries = await fetched(earth, KINDS[0])
    slip = receiver(earth, store, TalkFirst)
    store.is_down = True

    with pytest.raises(UnavailableError):
        await slip.apply(deliveries)
    waits = (await earth.now(payment)).state
    store.is_down = False
    await slip.apply(deliveries)

    assert waits is PaymentState.SENDING
    assert store.saw == [PaymentState.SENDING] * 2
    assert (await earth.now(payment)).state is PaymentState.SETTLED


async def test_answers_to_payments_alone_ask_nothing_of_conversations(earth: World) -> None:
    """Which of both a message belongs to is asked of the store only where it may be a conversation's."""
    payment, store, (_, answer) = await fetched(earth, KINDS[0])
    asked: list[Sequence[str]] = []
    found = store.find_by_message_id

    async def find(rail: Rail, message_ids: Sequence[str]) -> object:
        asked.append(message_ids)
        return await found(rail, message_ids)

    store.find_by_message_id = find  # type: ignore[assignment, method-assign]
    await receiver(earth, store).apply([answer])

    assert asked == []
    assert (await earth.now(payment)).state is PaymentState.SETTLED
