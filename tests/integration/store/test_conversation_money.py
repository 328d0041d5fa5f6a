"""Which money settles a request for payment, in memory and on PostgreSQL: none that pays another, or has gone back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

import pytest

from adapters.postgres.connection import open_pool
from adapters.postgres.conversations import PostgresConversations
from adapters.postgres.incoming import PostgresIncoming
from adapters.system import SystemIdentifiers
from gateway.domain.conversation import NO_REFERENCE, Conversation, ConversationState
from gateway.domain.incoming import IncomingEvent
from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.domain.payment import PaymentId, Rail
from gateway.service.conversations.send import ConversationKeeping
from gateway.service.incoming.decide import IncomingDecider
from gateway.service.ports.conversations import ConversationStore
from iso20022 import Amount, EndToEndId, RoutingNumber
from tests.conftest import REGION, Database
from tests.fakes.clock import VirtualClock
from tests.fakes.conversations import InMemoryConversations
from tests.fakes.incoming import InMemoryIncoming
from tests.fakes.incoming_rail import receiving_rail
from tests.fakes.store import InMemoryStore
from tests.integration.store.test_conversations_contract import NOW, new
from tests.integration.store.test_incoming_contract import VAULT, Subject

OURS, THEIRS = RoutingNumber("990000107"), RoutingNumber("990001106")
INVOICE: Final = "INVOICE-7"


@dataclass(slots=True)
class Place:
    """Requests and money."""

    requests: ConversationStore
    incoming: Subject
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(NOW))

    async def asks(self, *, reference: str = INVOICE, cents: int = 5_174, before_s: float = 60) -> Conversation:
        """Have us ask for a payment, some time before it comes."""
        made = new()
        asked = replace(
            made.conversation,
            own_agent=OURS,
            counterparty=THEIRS,
            amount=Amount(cents),
            end_to_end_id=EndToEndId(reference),
            opened_at=NOW - timedelta(seconds=before_s),
        )
        return (await self.requests.open(replace(made, conversation=asked))).conversation

    async def arrives(self, *, reference: str = INVOICE) -> IncomingTransfer:
        """Have a payment come and settle."""
        came = await self.incoming.admitted(end_to_end_id=EndToEndId(reference))
        accepted = await self.incoming.befalls(came, IncomingEvent.ACCEPTANCE_DECIDED)
        return await self.incoming.befalls(accepted, IncomingEvent.SETTLEMENT_ADVISED)

    async def paid(self, *asked: Conversation) -> list[tuple[PaymentId | None, bool]]:
        """Look for money; what pays each request, and whether a person must look."""
        await ConversationKeeping(self.requests, {}, self.clock).look()
        found = [await self.requests.load(each.conversation_id) for each in asked]
        return [(each.payment_id, each.state is ConversationState.PAID) for each in found if each is not None]

    async def attention(self, *asked: Conversation) -> list[bool]:
        """Of which requests a person must look at the money."""
        found = [await self.requests.load(each.conversation_id) for each in asked]
        return [each.needs_attention for each in found if each is not None]


@pytest.fixture
async def place(where: Database | None) -> AsyncIterator[Place]:
    """Stores of either kind."""
    decider = IncomingDecider({Rail.FEDNOW: receiving_rail()}, SystemIdentifiers())
    if where is None:
        incoming = InMemoryIncoming(InMemoryStore())
        yield Place(InMemoryConversations(incoming), Subject(incoming, decider))
        return
    async with open_pool(where.application_dsn) as pool:
        transfers = PostgresIncoming(pool, region=REGION, vault=VAULT)
        yield Place(PostgresConversations(pool, region=REGION, vault=VAULT), Subject(transfers, decider))


async def test_one_payment_pays_one_request_and_the_next_pays_the_next(place: Place) -> None:
    """Two instalments under one reference: the older is paid first, and the other waits for its own money.

    While both claim the same money a person must look; of the second payment there is no doubt.
    """
    first, second = await place.asks(before_s=60), await place.asks(before_s=30)
    came = await place.arrives()

    once, again = await place.paid(first, second), await place.paid(first, second)
    then = await place.arrives()

    assert once == again == [(came.payment_id, True), (None, False)]
    assert await place.paid(first, second) == [(came.payment_id, True), (then.payment_id, True)]
    assert await place.attention(first, second) == [True, False]


async def test_of_two_requests_the_one_of_the_moneys_amount_is_paid(place: Place) -> None:
    """Though it is the younger."""
    other, asked = await place.asks(cents=9_900, before_s=60), await place.asks(before_s=30)
    came = await place.arrives()

    assert await place.paid(other, asked) == [(None, False), (came.payment_id, True)]


async def test_money_of_another_amount_pays_the_request_and_a_person_must_look(place: Place) -> None:
    """It is linked, for money is money; whether it is all of it nobody has said."""
    asked = await place.asks(cents=9_900)
    came = await place.arrives()

    assert await place.paid(asked) == [(came.payment_id, True)]
    assert await place.attention(asked) == [True]


async def test_what_says_nothing_of_what_belongs_together_pays_nothing(place: Place) -> None:
    """NOTPROVIDED is everybody's reference."""
    asked = await place.asks(reference=NO_REFERENCE)
    await place.arrives(reference=NO_REFERENCE)

    assert await place.paid(asked) == [(None, False)]


async def test_what_is_on_its_way_back_pays_nothing(place: Place) -> None:
    """The institution has refused it."""
    asked = await place.asks()
    came = await place.arrives()
    await place.incoming.befalls(came, IncomingEvent.POSTING_REFUSED)

    assert await place.paid(asked) == [(None, False)]
