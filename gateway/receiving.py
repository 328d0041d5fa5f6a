"""Receiving, composed: the rails' side of it, the institutions, and the loops that a worker runs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from adapters.institution.institutions import Institutions
from adapters.institution.queue import QueueWay
from adapters.institution.webhook import WebhookWay
from adapters.webhooks import SecretError
from gateway.domain.payment import Rail
from gateway.domain.receiving_time import ReceivingTiming, Reserve
from gateway.domain.stand_in import policy_from
from gateway.rails import fednow_profile, rtp_address, rtp_profile
from gateway.service.decide import Decisions
from gateway.service.fednow import FedNowDialect
from gateway.service.group_commit import GroupCommit
from gateway.service.incoming.arrived import SeeingToArrived
from gateway.service.incoming.ask import Asker
from gateway.service.incoming.both_regions import Acceptances, InBothRegions, NoOtherRegion
from gateway.service.incoming.come_back import ComingBack
from gateway.service.incoming.decide import IncomingDecider, IncomingDecisions, grouped_incoming_saves
from gateway.service.incoming.desk import IncomingDesk
from gateway.service.incoming.fednow import FedNowReceiving
from gateway.service.incoming.give_back import GivingBack
from gateway.service.incoming.hear import Hearing
from gateway.service.incoming.messages import ReceivedMessages
from gateway.service.incoming.observer import IncomingObserver
from gateway.service.incoming.post import TENANT_UNDER_WAY_MAX, Posting
from gateway.service.incoming.rail import ReasonCodes, ReceivingRail
from gateway.service.incoming.requests import ReturnRequests
from gateway.service.incoming.rtp import ReceiverHabits, RtpReceiving
from gateway.service.incoming.send import IncomingSender, grouped_sents
from gateway.service.incoming.tenants import ReceivingTenants
from gateway.service.incoming.timers import IncomingTimers
from gateway.service.ports import (
    Clock,
    DeliveryHandler,
    Identifiers,
    IncomingStore,
    Institution,
    MessageClass,
    PaymentStore,
    RailEventStore,
    RailLink,
    Vault,
)
from gateway.service.rail_protocol import RailProtocol
from gateway.service.receipts import AwaitedReceipts
from gateway.service.relay import Forward, leave_to_the_relay
from gateway.service.rtp import RtpDialect
from gateway.service.screening import Screening
from gateway.service.supervise import Loop
from gateway.settings import FedNowSettings, RtpSettings, Settings, SettingsError, schemas_of
from gateway.signing import brokers_of, secrets_of, tls_of
from iso20022 import ConnectionPartyId, Direction
from iso20022.sample import sample

POSTING_PREFETCH: Final = 256
POSTING_CONCURRENCY: Final = 2 * TENANT_UNDER_WAY_MAX
"""Posting instructions that a worker has in hand, and handles, at once."""


def receiving_rails(settings: Settings, protocols: Mapping[Rail, RailProtocol]) -> Mapping[Rail, ReceivingRail]:
    """Return the rails that are received from, of those that are served."""
    found: dict[Rail, ReceivingRail] = {}
    if Rail.FEDNOW in protocols:
        fednow = settings.fednow
        found[Rail.FEDNOW] = FedNowReceiving(
            FedNowDialect(fednow_profile(settings, schemas_of(settings)), ConnectionPartyId(fednow.connection_party)),
            protocols[Rail.FEDNOW],
            timing=ReceivingTiming(
                reserve=Reserve(fednow.receiver_reserve_s, fednow.receiver_own_share_s),
                reserves=fednow.reserves,
                advice_wait_s=fednow.status_request_wait_s,
                question_interval_s=fednow.status_request_interval_s,
                questions_max=fednow.status_requests_max,
            ),
            reasons=_reason_codes(fednow),
            answer_refused=frozenset(fednow.answer_refused_codes),
        )
    if Rail.RTP in protocols:
        rtp = settings.rtp
        found[Rail.RTP] = RtpReceiving(
            RtpDialect(rtp_profile(settings, schemas_of(settings)), rtp_address(settings)),
            protocols[Rail.RTP],
            timing=ReceivingTiming(
                reserve=Reserve(rtp.receiver_reserve_s, rtp.receiver_own_share_s),
                reserves=rtp.reserves,
                advice_wait_s=rtp.repeat_wait_s if rtp.advice_wait_s is None else rtp.advice_wait_s,
                question_interval_s=rtp.status_request_interval_s,
                questions_max=rtp.status_requests_max,
            ),
            reasons=_reason_codes(rtp),
            habits=ReceiverHabits(
                answer_refused=frozenset(rtp.answer_refused_codes),
                confirms_time_out=rtp.confirms_time_out,
                acknowledges_posting=rtp.acknowledges_posting,
            ),
        )
    return found


def _reason_codes(rail: FedNowSettings | RtpSettings) -> ReasonCodes:
    return ReasonCodes(
        unanswered=rail.unanswered_reason_code,
        unknown_agent=rail.unknown_agent_reason_code,
        broken_rule=rail.broken_rule_reason_code,
    )


@asynccontextmanager
async def open_institution(settings: Settings, clock: Clock) -> AsyncIterator[Institutions]:
    """Open the ways to the institutions; nothing is connected before one is asked.

    Raises:
        SettingsError: a secret, a certificate or a broker's address cannot be used.

    """
    try:
        secrets = secrets_of(settings, settings.institution_secret, settings.institution_secrets_file)
        tls = tls_of(settings.institution_certificate, settings.institution_authorities)
        webhook, queue = WebhookWay(tls=tls), QueueWay(brokers_of(settings), clock, tls=tls)
        institutions = Institutions(secrets, clock, {"https": webhook, "http": webhook, "queue": queue})
    except (SecretError, OSError, ValueError) as error:
        raise SettingsError(f"FIFTEEN_INSTITUTION_…: {error}") from error
    async with webhook, queue:
        yield institutions


def stand_in_of(settings: Settings) -> dict[str, Any] | None:
    """Return the first tenant's stand-in policy as it is registered; None where none is set.

    Raises:
        SettingsError: the file says none; the text names the place.

    """
    if settings.stand_in_file is None:
        return None
    try:
        content: dict[str, Any] = json.loads(settings.stand_in_file.read_text())
        policy_from(content)
    except (OSError, ValueError) as error:
        raise SettingsError(f"FIFTEEN_STAND_IN_FILE: {settings.stand_in_file}: {error}") from error
    return content


@dataclass(frozen=True, slots=True)
class Receiving:
    """The use cases of receiving in one worker."""

    rails: Mapping[Rail, ReceivingRail]
    decisions: IncomingDecisions
    sender: IncomingSender
    asker: Asker
    messages: ReceivedMessages
    posting: Posting
    arrived: SeeingToArrived
    timers: IncomingTimers
    tenants: ReceivingTenants
    groups: Sequence[GroupCommit[Any, Any]]

    def warm_up(self) -> None:
        """Read a sample of each rail: the first transfer after a start must not wait for schemas to be compiled."""
        for rail, found in self.rails.items():
            for message_type in found.brings:
                found.read(sample(message_type, rail=rail.value, direction=Direction.FROM_RAIL))

    @property
    def loops(self) -> Mapping[str, Loop]:
        """What a worker runs for it."""
        return {
            "tenants": self.tenants.run,
            "asker": self.asker.run,
            "unsent": self.sender.run,
            "incoming timers": self.timers.run,
        }

    @property
    def handlers(self) -> Sequence[tuple[MessageClass, DeliveryHandler]]:
        """What handles the deliveries of a rail's incoming queues."""
        return (
            (MessageClass.VALUE, self.arrived.see_to),
            (MessageClass.NONVALUE, self.arrived.see_to_words),
            (MessageClass.INQUIRY, self.posting.enquire),
        )

    def hearing(self, rail: Rail, store: PaymentStore, vault: Vault) -> Hearing | None:
        """Return what hears one rail, if it is received from."""
        found = self.rails.get(rail)
        if found is None:
            return None
        return Hearing(
            self.decisions,
            store,
            self.asker,
            self.messages,
            self.arrived.requests,
            found,
            vault,
            self.decisions.clock,
            self.decisions.observer,
        )


def desk_of(
    *,
    rails: Mapping[Rail, ReceivingRail],
    store: IncomingStore,
    payments: Decisions,
    protocols: Mapping[Rail, RailProtocol],
    clock: Clock,
    identifiers: Identifiers,
    observer: IncomingObserver,
    events: RailEventStore,
    receipts: AwaitedReceipts,
) -> tuple[IncomingDesk, ReturnRequests, GroupCommit[Any, Any]]:
    """Build what a gateway shows, and what is decided, asked and answered there; the group commit must be run."""
    saves = grouped_incoming_saves(store)
    decisions = IncomingDecisions(store, saves, IncomingDecider(rails, identifiers), clock, observer)
    coming_back = ComingBack(store, payments, protocols, ReceivedMessages(store, rails), clock)
    requests = ReturnRequests(decisions, payments, protocols, {}, events, receipts)
    return IncomingDesk(decisions, coming_back), requests, saves


def compose(
    *,
    rails: Mapping[Rail, ReceivingRail],
    store: IncomingStore,
    payments: Decisions,
    protocols: Mapping[Rail, RailProtocol],
    vault: Vault,
    institution: Institution,
    screening: Screening | None = None,
    links: Mapping[Rail, RailLink],
    events: RailEventStore,
    clock: Clock,
    identifiers: Identifiers,
    observer: IncomingObserver,
    forward: Forward = leave_to_the_relay,
    both: InBothRegions | None = None,
    receipts: AwaitedReceipts | None = None,
) -> Receiving:
    """Build receiving over its ports; `forward` is told of deliveries that were committed.

    `both` says what both regions have, where there are two.
    `payments` and `protocols` are those of what is sent: what goes back is sent, and what comes back was.
    """
    saves, sents = grouped_incoming_saves(store), grouped_sents(store)
    decisions = IncomingDecisions(store, saves, IncomingDecider(rails, identifiers), clock, observer, forward)
    tenants = ReceivingTenants(store, clock, observer)
    sender = IncomingSender(decisions, Acceptances(both or NoOtherRegion()), sents, links, clock, observer)
    messages = ReceivedMessages(store, rails)
    coming_back = ComingBack(store, payments, protocols, messages, clock)
    asker = Asker(decisions, institution, tenants, sender, coming_back, messages, clock, observer, screening)
    posting = Posting(decisions, institution, tenants, sender, messages, links, clock, observer)
    giving_back = GivingBack(decisions, payments.store, protocols, messages, vault)
    requests = ReturnRequests(decisions, payments, protocols, links, events, receipts)
    arrived = SeeingToArrived(store, payments.store, posting, giving_back, coming_back, requests)
    timers = IncomingTimers(decisions, asker, messages, clock, observer)
    return Receiving(rails, decisions, sender, asker, messages, posting, arrived, timers, tenants, (saves, sents))
