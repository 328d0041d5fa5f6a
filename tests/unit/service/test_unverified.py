"""What is not signed by the rail changes nothing: it is kept, and the money is where it was. Without keys it does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from adapters.rails.signed import SignedLink
from gateway.domain.payment import Payment, PaymentState, Rail
from gateway.rail_keys import traffic_of
from gateway.service.ports import RailLink
from gateway.service.receive import UNVERIFIED_TYPE
from gateway.service.rtp import RtpAddress, rtp_protocol
from gateway.settings import FedNowSettings, RtpSettings, Settings
from iso20022 import RtpProfile, TransactionStatus
from simulators.signatures import UNSIGNED, RailSignatures, detached_signatures, enveloped_signatures
from tests.fakes.clock import START, VirtualClock
from tests.fakes.rail import InMemoryRail
from tests.rail_keys import OLD, STRANGER, rail_keys
from tests.unit.service.incoming_world import IncomingWorld, Spoken, fednow_spoken, incoming_world
from tests.unit.service.test_incoming_over_rtp import rtp_spoken
from tests.unit.service.test_receiving_rtp import PARTICIPANT
from tests.unit.service.test_rtp import TIMING, sent, status
from tests.unit.service.world import Recorder, World, world

FORGED = (UNSIGNED, STRANGER, OLD)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both sides' keys."""
    return dict(rail_keys(START).written(tmp_path_factory.mktemp("keys")))


@pytest.fixture
async def rtp() -> AsyncIterator[World]:
    """A world whose one rail is RTP."""
    protocol = rtp_protocol(RtpProfile(), address=RtpAddress(participant=PARTICIPANT), timing=TIMING)
    async with world(protocol=protocol) as made:
        yield made


def signed(
    rail: Rail, beneath: InMemoryRail, clock: VirtualClock, told: Recorder, folders: dict[str, Path]
) -> RailLink:
    """The link of an institution that verifies."""
    keys = {"url": "http://127.0.0.1:9", "signing_keys": folders["our_private"], "rail_keys": folders["rails_public"]}
    settings = Settings(fednow=FedNowSettings(**keys), rtp=RtpSettings(**keys))
    traffic = traffic_of(rail, settings, at=START, observer=told)
    assert traffic is not None
    return SignedLink(rail, beneath, traffic, clock, told)


def rails_way(rail: Rail, folders: dict[str, Path]) -> RailSignatures:
    """How the rail signs."""
    made = {Rail.RTP: enveloped_signatures, Rail.FEDNOW: detached_signatures}[rail]
    return made(folders["rails_private"], folders["our_public"])


async def hear(earth: World | IncomingWorld, link: RailLink) -> None:
    """Fetch what the rail has, apply it, acknowledge it."""
    receiver = earth.receiver if isinstance(earth, World) else earth.sending
    deliveries = await link.receive(messages_max=10, wait_s=0)
    await receiver.apply(deliveries)
    await link.acknowledge([delivery.receipt for delivery in deliveries])


async def answered(earth: World, payment: Payment, body: bytes, fault: str | None, folders: dict[str, Path]) -> None:
    """Let an answer come, signed as `fault` says."""
    rail = payment.rail
    came = rails_way(rail, folders).signed(body, at=START, fault=fault)
    earth.rail.deliver(came.body, signature=came.signature)
    await hear(earth, signed(rail, earth.rail, earth.clock, earth.recorder, folders))


@pytest.mark.parametrize("forged", FORGED)
async def test_a_forged_yes_of_fednow_settles_nothing(earth: World, forged: str, folders: dict[str, Path]) -> None:
    """The rail's own answer, under the same id even, counts when it comes."""
    payment = await earth.submit()
    await earth.dispatch(payment)
    yes = earth.report(payment.message_id, TransactionStatus.ACSC)

    await answered(earth, payment, yes, forged, folders)

    assert (await earth.now(payment)).state is PaymentState.SENDING
    (kept,) = earth.recorder.quarantines
    assert (kept.message.body, kept.message.message_type) == (yes, UNVERIFIED_TYPE)
    assert [finding.code for finding in earth.recorder.unverified_findings] == list(kept.codes)
    assert earth.rail.unacknowledged == 0

    await answered(earth, payment, yes, None, folders)

    assert (await earth.now(payment)).state is PaymentState.SETTLED
    assert len(earth.recorder.quarantines) == 1


async def test_without_keys_a_forged_yes_settles(earth: World) -> None:
    """The control: what an institution that verifies nothing believes."""
    payment = await earth.submit()
    await earth.dispatch(payment)
    earth.rail.deliver(earth.report(payment.message_id, TransactionStatus.ACSC))

    await hear(earth, earth.rail)

    assert (await earth.now(payment)).state is PaymentState.SETTLED


@pytest.mark.parametrize("forged", FORGED)
async def test_a_forged_yes_of_rtp_settles_nothing(rtp: World, forged: str, folders: dict[str, Path]) -> None:
    """And of what counts, that is kept which the signature covers."""
    payment = await sent(rtp)
    yes = status(rtp, payment, TransactionStatus.ACTC)

    await answered(rtp, payment, yes, forged, folders)

    assert (await rtp.now(payment)).state is PaymentState.SENDING

    await answered(rtp, payment, yes, None, folders)

    assert (await rtp.now(payment)).state is PaymentState.SETTLED
    assert b"Sgntr" not in rtp.store.rows.messages[payment.payment_id][-1].body


@pytest.mark.parametrize("spoken", [fednow_spoken, rtp_spoken])
@pytest.mark.parametrize("forged", FORGED)
async def test_forged_money_is_neither_asked_about_nor_answered(
    spoken: Callable[[], Spoken], forged: str, folders: dict[str, Path]
) -> None:
    """A payment that the rail never sent: nobody is asked, nothing is saved as received."""
    async with incoming_world(spoken=spoken()) as earth:
        rail = earth.hearing.rail.rail
        told = Recorder()
        link = signed(rail, earth.rail, earth.clock, told, folders)
        body = earth.brought().raw.body
        came = rails_way(rail, folders).signed(body, at=START, fault=forged)
        earth.rail.deliver(came.body, signature=came.signature)

        await hear(earth, link)

        assert (earth.store.rows.transfers, earth.institution.asked.total(), earth.rail.sent) == ({}, 0, [])
        assert len(told.unverified_findings) == 1

        genuine = rails_way(rail, folders).signed(body, at=START, fault=None)
        earth.rail.deliver(genuine.body, signature=genuine.signature)
        await hear(earth, link)

        assert len(earth.store.rows.transfers) == 1


@pytest.mark.parametrize("spoken", [fednow_spoken, rtp_spoken])
async def test_without_keys_forged_money_is_received(spoken: Callable[[], Spoken]) -> None:
    """The control."""
    async with incoming_world(spoken=spoken()) as earth:
        earth.rail.deliver(earth.brought().raw.body)

        await hear(earth, earth.rail)

        assert len(earth.store.rows.transfers) == 1
