"""Conversations, composed: the rails' side of them, the desk, and what a worker runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from adapters.postgres.conversations import PostgresConversations
from gateway.domain.payment import Rail, RegionId
from gateway.rails import fednow_profile, rtp_address, rtp_profile
from gateway.receiving import Receiving
from gateway.service.conversations.desk import ConversationDesk
from gateway.service.conversations.fednow import FedNowConversations
from gateway.service.conversations.fednow_copies import ACKNOWLEDGED, FedNowCopies
from gateway.service.conversations.hear import ConversationHearing, hearings
from gateway.service.conversations.rail import ConversationRail, RequestCopies
from gateway.service.conversations.rtp import RtpConversations
from gateway.service.conversations.send import ConversationKeeping
from gateway.service.directory import ParticipantDirectory
from gateway.service.fednow import FedNowDialect
from gateway.service.fednow_statuses import FedNowStatuses
from gateway.service.incoming.messages import ReceivedMessages
from gateway.service.incoming.rail import ReceivingRail
from gateway.service.ports import Clock, Identifiers, IncomingStore, PaymentStore, RailEventStore, RailLink, Vault
from gateway.service.ports.conversations import ConversationStore
from gateway.service.ports.receipts import ReceiptStore
from gateway.service.receipts import AwaitedReceipts, ReceiptRules
from gateway.service.rtp import RtpDialect
from gateway.service.status_questions import StatusMessages, StatusQuestions
from gateway.settings import Settings, schemas_of
from iso20022 import ConnectionPartyId


def conversation_store(pool: asyncpg.Pool[asyncpg.Record], *, region: RegionId, vault: Vault) -> ConversationStore:
    """Return where conversations are kept."""
    return PostgresConversations(pool, region=region, vault=vault)


def conversation_rails(settings: Settings, served: Mapping[Rail, object]) -> Mapping[Rail, ConversationRail]:
    """Return the rails that conversations are held on, of those that are served."""
    found: dict[Rail, ConversationRail] = {}
    if Rail.FEDNOW in served:
        party = ConnectionPartyId(settings.fednow.connection_party)
        found[Rail.FEDNOW] = FedNowConversations(FedNowDialect(fednow_profile(settings, schemas_of(settings)), party))
    if Rail.RTP in served:
        copies = frozenset(settings.rtp.copy_refusal_codes)
        dialect = RtpDialect(rtp_profile(settings, schemas_of(settings)), rtp_address(settings), copy_refusals=copies)
        found[Rail.RTP] = RtpConversations(dialect, withdrawal_agreed=settings.rtp.withdrawal_agreed_code)
    return found


def conversation_desk(
    settings: Settings,
    store: ConversationStore,
    incoming: IncomingStore,
    receiving: Mapping[Rail, ReceivingRail],
    *,
    clock: Clock,
    identifiers: Identifiers,
    vault: Vault,
    directory: ParticipantDirectory | None,
) -> ConversationDesk:
    """Build what a gateway shows, and what is started and answered there."""
    return ConversationDesk(
        store=store,
        incoming=incoming,
        received=ReceivedMessages(incoming, receiving),
        rails=conversation_rails(settings, receiving),
        clock=clock,
        identifiers=identifiers,
        vault=vault,
        directory=directory,
    )


def awaited_receipts(settings: Settings, store: ReceiptStore, clock: Clock) -> AwaitedReceipts:
    """Return what waits for receipts: FedNow's, for RTP acknowledges by the status of each message."""
    is_watched = Rail.FEDNOW in settings.rails and settings.fednow.receipt_wait_s is not None
    return AwaitedReceipts(store, {Rail.FEDNOW: ACKNOWLEDGED} if is_watched else {}, clock)


def receipt_rules(settings: Settings) -> Mapping[Rail, ReceiptRules]:
    """Return when a receipt is missing on each rail that acknowledges, and when the rail is pinged for it."""
    fednow = settings.fednow
    if Rail.FEDNOW not in settings.rails or fednow.receipt_wait_s is None:
        return {}
    wait, window = timedelta(seconds=fednow.receipt_wait_s), timedelta(seconds=fednow.receipt_ping_window_s)
    return {Rail.FEDNOW: ReceiptRules(wait=wait, ping_after=fednow.receipt_ping_after, window=window)}


def request_copies(settings: Settings) -> Mapping[Rail, RequestCopies]:
    """Return the rails on which a request whose receipt is missing may be sent again."""
    if Rail.FEDNOW not in settings.rails:
        return {}
    party = ConnectionPartyId(settings.fednow.connection_party)
    return {Rail.FEDNOW: FedNowCopies(FedNowDialect(fednow_profile(settings, schemas_of(settings)), party))}


@dataclass(frozen=True, slots=True)
class Conversing:
    """The use cases of conversations in one worker."""

    hearings: Mapping[Rail, ConversationHearing]
    keeping: ConversationKeeping
    questions: StatusQuestions | None = None
    """Without it, what others ask about a status is put in quarantine."""


def converse(
    settings: Settings,
    store: ConversationStore,
    receiving: Receiving,
    *,
    payments: PaymentStore,
    incoming: IncomingStore,
    events: RailEventStore,
    links: Mapping[Rail, RailLink],
    receipts: AwaitedReceipts,
    clock: Clock,
    identifiers: Identifiers,
) -> Conversing:
    """Build what a worker runs of conversations."""
    found = hearings(
        conversation_rails(settings, receiving.rails),
        store=store,
        payments=payments,
        incoming=incoming,
        tenants=receiving.tenants,
        unknown_agents={rail: each.reasons.unknown_agent for rail, each in receiving.rails.items()},
        clock=clock,
        identifiers=identifiers,
    )
    questions = StatusQuestions(incoming, store, events, _status_messages(settings, receiving.rails))
    return Conversing(found, ConversationKeeping(store, links, clock, receipts), questions)


def _status_messages(settings: Settings, served: Mapping[Rail, object]) -> Mapping[Rail, StatusMessages]:
    """How other institutions' questions are answered: on FedNow alone; who asks whom on RTP no public text says."""
    if Rail.FEDNOW not in served:
        return {}
    party = ConnectionPartyId(settings.fednow.connection_party)
    return {Rail.FEDNOW: FedNowStatuses(FedNowDialect(fednow_profile(settings, schemas_of(settings)), party))}
