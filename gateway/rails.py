"""The rails that the settings name: each one's messages and times, and the way to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import time
from typing import Final

from gateway.domain.doubt import DoubtPolicy, Enquiry
from gateway.domain.payment import Rail
from gateway.domain.timing import Timing
from gateway.rail_keys import traffic_of
from gateway.rail_links import rail_link
from gateway.service.fednow import FedNowDialect, fednow_protocol
from gateway.service.fednow_operations import FedNowOperations
from gateway.service.ports import Clock, Observer, RailLink
from gateway.service.rail_operations import OperationsDialect
from gateway.service.rail_protocol import RailProtocol
from gateway.service.rtp import RtpAddress, RtpDialect, rtp_protocol
from gateway.service.rtp_operations import RtpOperations
from gateway.settings import Settings, schemas_of
from iso20022 import ConnectionPartyId, FedNowProfile, RtpProfile, Severity
from iso20022.profiles.fednow import STATUS_REASONS
from iso20022.schemas import SchemaSet

_PUBLIC: Final = RtpProfile()
"""RTP as its public schemas have it."""


def served_rails(settings: Settings) -> Mapping[Rail, RailProtocol]:
    """Return every rail that is served: those that have an address.

    Raises:
        SettingsError: the institution's own schemas cannot be used.

    """
    schemas = schemas_of(settings)
    protocols = {Rail.FEDNOW: _fednow, Rail.RTP: _rtp}
    return {rail: protocols[rail](settings, schemas) for rail in settings.rails}


@asynccontextmanager
async def link_of(rail: Rail, settings: Settings, clock: Clock, observer: Observer) -> AsyncIterator[RailLink]:
    """Open the way to a rail that is served; it connects when it is used. Where keys are set, it signs and verifies.

    Raises:
        SettingsError: its URL names no rail link, or something that the link needs is missing; or a key cannot be used.

    """
    url, party, ibm_mq = {
        Rail.FEDNOW: (settings.fednow.url, settings.fednow.connection_party, settings.fednow.ibm_mq),
        Rail.RTP: (settings.rtp.url, settings.rtp.participant, settings.rtp.ibm_mq),
    }[rail]
    assert url is not None, f"{rail} is not served"
    point = settings.fednow.connection_point if rail is Rail.FEDNOW else None
    traffic = traffic_of(rail, settings, at=clock.now(), observer=observer)
    way = rail_link(rail, url=url, connection_party=party, ibm_mq=ibm_mq, connection_point=point)
    async with way as carrier:
        if traffic is None:
            yield carrier
            return
        from adapters.rails.signed import SignedLink

        async with SignedLink(rail, carrier, traffic, clock, observer) as link:
            yield link


def fednow_profile(settings: Settings, schemas: SchemaSet) -> FedNowProfile:
    """Return FedNow's rules as this installation knows them."""
    fednow = settings.fednow
    return FedNowProfile(
        aba_severity=Severity(fednow.routing_number_severity),
        network_limit_cents=fednow.network_limit_cents,
        sender_limit_cents=fednow.sender_limit_cents,
        own_connection_party=ConnectionPartyId(fednow.connection_party),
        own_routing_numbers=frozenset(fednow.routing_numbers),
        receive_only=frozenset(fednow.receive_only),
        lmt_senders=frozenset(fednow.liquidity_senders),
        lmt_limit_cents=fednow.liquidity_limit_cents,
        lmt_hours=_hours(fednow.liquidity_hours),
        rail_clock_s=fednow.rail_clock_s,
        status_request_wait_s=fednow.status_request_wait_s,
        return_reasons=frozenset(fednow.return_reason_codes),
        status_reasons=STATUS_REASONS | {*fednow.further_reason_codes, *fednow.answer_refused_codes},
        enquiry_codes=fednow.enquiry_answers,
        schemas=schemas,
    )


def rail_operations(settings: Settings) -> Mapping[Rail, OperationsDialect]:
    """Return how each rail that is served is asked about ourselves.

    Raises:
        SettingsError: the institution's own schemas cannot be used.

    """
    found: dict[Rail, OperationsDialect] = dict(rail_reports(settings))
    if Rail.RTP in settings.rails:
        dialect = RtpDialect(rtp_profile(settings, schemas_of(settings)), rtp_address(settings))
        found[Rail.RTP] = RtpOperations(dialect, party=settings.rtp.participant)
    return found


def rail_reports(settings: Settings) -> Mapping[Rail, FedNowOperations]:
    """Return how each rail that is served and has reports is asked for them.

    Raises:
        SettingsError: the institution's own schemas cannot be used.

    """
    if Rail.FEDNOW not in settings.rails:
        return {}
    fednow = settings.fednow
    dialect = FedNowDialect(fednow_profile(settings, schemas_of(settings)), ConnectionPartyId(fednow.connection_party))
    institutions = frozenset((*fednow.routing_numbers, *settings.receiving_agents))
    return {
        Rail.FEDNOW: FedNowOperations(dialect, party=fednow.connection_party, institutions=institutions),
    }


def _fednow(settings: Settings, schemas: SchemaSet) -> RailProtocol:
    fednow = settings.fednow
    profile = fednow_profile(settings, schemas)
    return fednow_protocol(
        profile,
        connection_party=ConnectionPartyId(fednow.connection_party),
        timing=Timing(
            promise_s=settings.promise_s,
            send_margin_s=fednow.send_margin_s,
            rail_clock_s=profile.rail_clock_s,
            status_request_wait_s=profile.status_request_wait_s,
            status_request_interval_s=fednow.status_request_interval_s,
        ),
        doubt=DoubtPolicy(questions_max=fednow.status_requests_max, ping_after=fednow.ping_after),
        definite_refusals=frozenset(fednow.definite_refusal_codes),
    )


def _hours(text: str | None) -> tuple[time, time] | None:
    """The hours that a setting says, both ends."""
    if text is None:
        return None
    opens, closes = map(time.fromisoformat, text.split("-"))
    return opens, closes


def rtp_profile(settings: Settings, schemas: SchemaSet) -> RtpProfile:
    """Return RTP's rules as this installation knows them."""
    rtp = settings.rtp
    return RtpProfile(
        aba_severity=Severity(rtp.routing_number_severity),
        network_limit_cents=rtp.network_limit_cents,
        sender_limit_cents=rtp.sender_limit_cents,
        own_institutions=frozenset(rtp.institutions),
        rtp_ids=frozenset(map(ConnectionPartyId, rtp.rail_ids)),
        status_reasons=_PUBLIC.status_reasons | frozenset(rtp.further_reason_codes),
        proprietary_status_reasons=_PUBLIC.proprietary_status_reasons | frozenset(rtp.further_reason_codes),
        rail_clock_s=rtp.rail_clock_s,
        schemas=schemas,
    )


def rtp_address(settings: Settings) -> RtpAddress:
    """Return who we are in RTP's headers, and who the rail is."""
    rtp = settings.rtp
    return RtpAddress(participant=ConnectionPartyId(rtp.participant), rail=ConnectionPartyId(rtp.rail_ids[0]))


def _rtp(settings: Settings, schemas: SchemaSet) -> RailProtocol:
    rtp = settings.rtp
    return rtp_protocol(
        rtp_profile(settings, schemas),
        address=rtp_address(settings),
        timing=Timing(
            promise_s=settings.promise_s,
            send_margin_s=rtp.send_margin_s,
            rail_clock_s=rtp.rail_clock_s,
            status_request_wait_s=rtp.repeat_wait_s,
            status_request_interval_s=rtp.repeat_interval_s,
        ),
        doubt=DoubtPolicy(enquiry=Enquiry.REPEAT, questions_max=rtp.repeats_max, ping_after=rtp.echo_after),
        definite_refusals=frozenset(rtp.definite_refusal_codes),
        copy_refusals=frozenset(rtp.copy_refusal_codes),
    )
