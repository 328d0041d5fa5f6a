"""A return that has come is asked about as a payment is: who has sent it knows why (FedNow: about a pacs.004)."""

from __future__ import annotations

from adapters.keys.clear import ClearVault
from adapters.system import SystemIdentifiers
from gateway.domain.conversation import ConversationKind, ConversationState
from gateway.domain.incoming import IncomingEvent
from gateway.domain.payment import IdempotencyKey, Rail
from gateway.service.conversations.desk import ConversationDesk
from gateway.service.conversations.fednow import FedNowConversations
from gateway.service.conversations.rail import InformationAsked
from gateway.service.fednow import FedNowDialect
from iso20022 import Direction, FedNowProfile, examine
from iso20022.messages import pacs004
from iso20022.messages.camt026 import InformationRequest
from iso20022.messages.investigation import UnderlyingPayment
from tests.fakes.conversations import InMemoryConversations
from tests.fakes.incoming_rail import PARTY
from tests.unit.service.incoming_world import TENANT, incoming_world
from tests.unit.service.test_coming_back import SETTLING, sent


async def test_who_has_sent_a_return_is_asked_about_it() -> None:
    """It names the return, and not the payment that comes back by it; the rail's rules take it."""
    async with incoming_world() as earth:
        case = await sent(earth, *SETTLING)
        back = await earth.befalls(await case.judged(), IncomingEvent.SETTLEMENT_ADVISED)
        store = InMemoryConversations(earth.store)
        desk = ConversationDesk(
            store,
            earth.store,
            earth.receiving.messages,
            {Rail.FEDNOW: FedNowConversations(FedNowDialect(FedNowProfile(), PARTY))},
            earth.clock,
            SystemIdentifiers(),
            ClearVault(b"test"),
        )

        asked = await desk.ask_for_information(
            TENANT,
            IdempotencyKey("why"),
            back.payment_id,
            InformationAsked(missing=("MS01",), incorrect=(), text=None),
            content=b"why",
        )

        (kept,) = await store.messages(asked.conversation_id)
        profile = FedNowProfile(own_connection_party=PARTY)
        report = examine(kept.body, profile=profile, direction=Direction.TO_RAIL)
        assert report.valid, report.findings
        assert isinstance(report.message, InformationRequest)
        assert isinstance(report.message.underlying, UnderlyingPayment)
        original = report.message.underlying.original_message
        assert original is not None
        assert (original.message_id, original.message_name) == (back.message_id, pacs004.MESSAGE_TYPE)
        assert (asked.kind, asked.state) == (ConversationKind.INFORMATION_REQUEST, ConversationState.REQUESTED)
        assert (asked.counterparty, asked.amount) == (back.instructing_agent, back.amount)
