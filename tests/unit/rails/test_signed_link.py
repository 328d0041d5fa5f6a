"""The link that signs: what leaves is signed, what comes is verified first; what does not verify is nobody's word."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import structlog

from adapters.rails.signed import SignedLink
from adapters.telemetry.metrics import Metrics
from adapters.telemetry.observer import SIGNATURE_SHOWN_MAX, TelemetryObserver
from gateway.domain.payment import Rail
from gateway.rail_keys import traffic_of
from gateway.service.large_messages import LARGE_BYTES
from gateway.service.ports import KeySide, MessageClass, NotSentError, RailDelivery
from gateway.settings import FedNowSettings, RtpSettings, Settings, SettingsError, load_settings
from iso20022.sample import sample
from simulators.signatures import ALTERED, UNSIGNED, RailSignatures, detached_signatures, enveloped_signatures
from tests.fakes.clock import START, VirtualClock
from tests.fakes.rail import InMemoryRail
from tests.rail_keys import OLD, OURS, RAILS, STRANGER, rail_keys
from tests.unit.iso20022.signing import MAKERS, certificate_pem, private_pem
from tests.unit.service.world import Recorder

Folders = dict[str, Path]
BODIES = {rail: sample("pacs.002", rail=rail.value, at=START) for rail in Rail}
KEY_YEAR_S = 300 * 86_400
"""For how long the keys of these tests count from now on."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Both sides' folders of keys."""
    return dict(rail_keys(START).written(tmp_path_factory.mktemp("keys")))


def settings_of(rail: Rail, folders: Folders, url: str = "http://127.0.0.1:9") -> Settings:
    """An institution that signs on a rail."""
    ours, theirs = folders["our_private"], folders["rails_public"]
    if rail is Rail.RTP:
        return Settings(rtp=RtpSettings(url=url, signing_keys=ours, rail_keys=theirs))
    return Settings(fednow=FedNowSettings(url=url, signing_keys=ours, rail_keys=theirs))


def linked(rail: Rail, folders: Folders) -> tuple[SignedLink, InMemoryRail, VirtualClock, Recorder]:
    """A link over a rail in memory."""
    traffic = traffic_of(rail, settings_of(rail, folders), at=START, observer=Recorder())
    assert traffic is not None
    beneath, clock, recorder = InMemoryRail(), VirtualClock(), Recorder()
    return SignedLink(rail, beneath, traffic, clock, recorder), beneath, clock, recorder


def other_side(rail: Rail, folders: Folders) -> RailSignatures:
    """The rail's own way to sign and verify."""
    made = {Rail.RTP: enveloped_signatures, Rail.FEDNOW: detached_signatures}[rail]
    return made(folders["rails_private"], folders["our_public"])


@pytest.mark.parametrize("rail", Rail)
async def test_what_leaves_is_signed_and_the_rail_takes_it(rail: Rail, folders: Folders) -> None:
    """In the message on RTP, beside the exact bytes on FedNow."""
    link, beneath, _, _ = linked(rail, folders)

    await link.send(BODIES[rail], message_class=MessageClass.VALUE)

    (sent,) = beneath.sent
    body, refused = other_side(rail, folders).verified(sent.body, sent.signature, at=START)
    assert refused is None
    assert (b"Sgntr" in sent.body, sent.signature is None) == ((True, True) if rail is Rail.RTP else (False, False))
    assert b"Sgntr" not in body
    changed = sent.body.replace(b"pacs.002.001", b"pacs.004.001", 1)
    assert other_side(rail, folders).verified(changed, sent.signature, at=START)[1] is not None


@pytest.mark.parametrize("rail", Rail)
def test_it_is_told_when_the_last_key_ends(rail: Rail, folders: Folders) -> None:
    """From then on nothing would leave, and nothing be believed: nobody else reminds of it."""
    told = Recorder()

    traffic_of(rail, settings_of(rail, folders), at=START, observer=told)

    end = START + timedelta(days=300)
    assert told.keys_until == {(rail, KeySide.OURS): end, (rail, KeySide.RAILS): end}


async def test_a_ping_leaves_as_it_is_on_fednow(folders: Folders) -> None:
    """The only message that is not signed (FedNow Operating Procedures, October 2024, §8)."""
    link, beneath, _, _ = linked(Rail.FEDNOW, folders)
    event = sample("admi.004", rail="fednow", at=START)
    code = event.partition(b"<EvtCd>")[2].partition(b"<")[0] or event.partition(b"EvtCd>")[2].partition(b"<")[0]

    await link.send(event.replace(code, b"PING"), message_class=MessageClass.SYSTEM)

    assert [sent.signature for sent in beneath.sent] == [None]


@pytest.mark.parametrize("rail", Rail)
async def test_what_comes_is_what_the_rail_signed(rail: Rail, folders: Folders) -> None:
    """The receiver gets the bytes that the signature covers, and the receipt of what came."""
    link, beneath, _, recorder = linked(rail, folders)
    signed = other_side(rail, folders).signed(BODIES[rail], at=START, fault=None)
    receipt = beneath.deliver(signed.body, signature=signed.signature)

    (delivery,) = await link.receive(messages_max=10, wait_s=0)
    await link.acknowledge([delivery.receipt])

    assert (delivery.receipt, delivery.unverified, recorder.unverified_findings) == (receipt, None, [])
    assert b"Sgntr" not in delivery.body
    assert delivery.body.count(b"MsgDefIdr") == BODIES[rail].count(b"MsgDefIdr")
    assert beneath.unacknowledged == 0


@pytest.mark.parametrize("rail", Rail)
@pytest.mark.parametrize(
    ("fault", "codes"),
    [
        (UNSIGNED, {"SIGNATURE_MISSING"}),
        (ALTERED, {"SIGNATURE_DIGEST", "SIGNATURE_VALUE"}),
        (STRANGER, {"SIGNATURE_KEY_UNKNOWN"}),
        (OLD, {"SIGNATURE_KEY_EXPIRED"}),
    ],
)
async def test_what_does_not_verify_comes_as_it_is_with_the_finding(
    rail: Rail, fault: str, codes: set[str], folders: Folders
) -> None:
    """It is told to whoever looks, and what is good beside it comes all the same."""
    link, beneath, _, recorder = linked(rail, folders)
    way = other_side(rail, folders)
    forged, good = (way.signed(BODIES[rail], at=START, fault=each) for each in (fault, None))
    for each in (forged, good):
        beneath.deliver(each.body, signature=each.signature)

    first, second = await link.receive(messages_max=10, wait_s=0)

    assert first.unverified is not None
    assert first.unverified.code in codes
    assert first.body == forged.body
    assert recorder.unverified_findings == [first.unverified]
    assert second.unverified is None


async def test_what_is_large_is_verified_too_and_holds_up_nothing_that_came_after_it(folders: Folders) -> None:
    """In a thread, one at a time; a payment behind it is there at once, and it comes with a later fetch."""
    link, beneath, _, recorder = linked(Rail.FEDNOW, folders)
    large = b"x" * (LARGE_BYTES + 1)
    way, going_on = other_side(Rail.FEDNOW, folders), threading.Event()
    signed, payment = way.signed(large, at=START, fault=None), way.signed(BODIES[Rail.FEDNOW], at=START, fault=None)
    beneath.deliver(large, signature=signed.signature)
    beneath.deliver(large + b"x", signature=signed.signature)
    beneath.deliver(payment.body, signature=payment.signature)

    async with link:
        link._thread.submit(going_on.wait)
        (first,) = await link.receive(messages_max=10, wait_s=0)
        going_on.set()
        later: list[RailDelivery] = []
        async with asyncio.timeout(30):
            while len(later) < 2:
                later += await link.receive(messages_max=10, wait_s=0)

    assert (first.body, first.unverified) == (payment.body, None)
    good, forged = later
    assert (good.body, good.unverified) == (large, None)
    assert recorder.unverified_findings == [forged.unverified]
    assert forged.unverified is not None


async def test_a_signature_that_is_any_text_is_set_aside_and_told(folders: Folders) -> None:
    """Half a surrogate pair, and megabytes of it: what cannot be logged as it is must not come again for ever."""
    quiet, beneath, _, _ = linked(Rail.FEDNOW, folders)
    link = replace(quiet, observer=TelemetryObserver(Metrics()))
    beneath.deliver(BODIES[Rail.FEDNOW], signature="\ud800" * 1_000_000)

    with structlog.testing.capture_logs() as logged:
        (delivery,) = await link.receive(messages_max=10, wait_s=0)

    assert delivery.unverified is not None
    (line,) = logged
    assert len(line["signature"]) <= 6 * SIGNATURE_SHOWN_MAX + 2
    line["signature"].encode()


@pytest.mark.parametrize("rail", Rail)
async def test_without_a_key_that_counts_nothing_leaves(rail: Rail, folders: Folders) -> None:
    """That is certain, and the payment may be tried again, or rejected."""
    link, beneath, clock, _ = linked(rail, folders)
    clock.advance(KEY_YEAR_S)

    with pytest.raises(NotSentError, match="SIGNING_KEY_NONE"):
        await link.send(BODIES[rail], message_class=MessageClass.VALUE)
    assert beneath.sent == []


def test_a_rail_without_keys_signs_nothing() -> None:
    """As it was: nothing changes where nothing is set."""
    assert traffic_of(Rail.RTP, Settings(), at=START, observer=Recorder()) is None
    assert traffic_of(Rail.FEDNOW, Settings(), at=START, observer=Recorder()) is None


@pytest.mark.parametrize(("rail", "half"), [("FEDNOW", "SIGNING_KEYS"), ("RTP", "RAIL_KEYS")])
def test_half_a_configuration_is_refused(rail: str, half: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who signs and believes everybody, or the reverse, meant something else."""
    other = ({"SIGNING_KEYS", "RAIL_KEYS"} - {half}).pop().lower()
    monkeypatch.setenv(f"FIFTEEN_{rail}__{half}", "keys")

    with pytest.raises(SettingsError, match=f"^FIFTEEN_{rail}: .*{other} is missing"):
        load_settings()


def _other_certificate(folder: Path) -> None:
    key, other = MAKERS["p256"](), MAKERS["p256"]()
    pem = private_pem(key) + certificate_pem(other, name="other", serial=7)
    (folder / "wrong.pem").write_bytes(pem)
    (folder / "wrong.pem").chmod(0o600)


def _named_otherwise(folder: Path) -> None:
    (folder / f"{OURS}.pem").rename(folder / "a key.pem")


def _open_to_all(folder: Path) -> None:
    (folder / f"{OURS}.pem").chmod(0o644)


def _empty(folder: Path) -> None:
    (folder / f"{OURS}.pem").unlink()


def _without_certificate(folder: Path) -> None:
    file = folder / f"{OURS}.pem"
    file.write_bytes(file.read_bytes().partition(b"-----BEGIN CERTIFICATE")[0])


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_other_certificate, "the certificate in the file of key wrong is another key's"),
        (_named_otherwise, "a key's file is KEY_ID.pem"),
        (_open_to_all, "others than their owner may read ours-1.pem: give them mode 0600"),
        (_empty, "there is no KEY_ID.pem in"),
        (_without_certificate, "the file of key ours-1 has one private key and its certificate"),
    ],
)
@pytest.mark.parametrize("rail", Rail)
def test_keys_that_cannot_be_used_are_refused_at_the_start(
    rail: Rail, spoil: Callable[[Path], None], told: str, tmp_path: Path
) -> None:
    """With the setting's name and the file's, and nothing of the key."""
    spoilt = dict(rail_keys(START).written(tmp_path))
    spoil(spoilt["our_private"])

    with pytest.raises(SettingsError, match=f"^FIFTEEN_{rail.upper()}__SIGNING_KEYS: {told}") as refused:
        traffic_of(rail, settings_of(rail, spoilt), at=START, observer=Recorder())
    assert "PRIVATE" not in str(refused.value)


def test_a_rails_folder_without_a_key_that_counts_is_refused(tmp_path: Path) -> None:
    """Everything that came would be set aside."""
    spoilt = dict(rail_keys(START).written(tmp_path))
    (spoilt["rails_public"] / f"{RAILS}.pem").unlink()

    with pytest.raises(SettingsError, match=r"^FIFTEEN_RTP__RAIL_KEYS: none of old counts now"):
        traffic_of(Rail.RTP, settings_of(Rail.RTP, spoilt), at=START, observer=Recorder())


def test_fednows_signature_has_no_known_place_on_ibm_mq(folders: Folders) -> None:
    """RTP's is in the message, and travels anywhere."""
    url = "ibmmq://mq.invalid:1414/QM"

    assert traffic_of(Rail.RTP, settings_of(Rail.RTP, folders, url), at=START, observer=Recorder()) is not None
    with pytest.raises(SettingsError, match="over IBM MQ is not public"):
        traffic_of(Rail.FEDNOW, settings_of(Rail.FEDNOW, folders, url), at=START, observer=Recorder())


def test_the_next_key_signs_when_the_first_has_ended(tmp_path: Path) -> None:
    """Both are in the folder before: nothing has to be done at that moment."""
    later = START + timedelta(days=310)
    first, second = rail_keys(START), rail_keys(later)
    both = {f"{OURS}.pem": first.our_private[f"{OURS}.pem"], "ours-2.pem": second.our_private[f"{OURS}.pem"]}
    link, _, _, _ = linked(Rail.FEDNOW, dict(replace(first, our_private=both).written(tmp_path)))

    signatures = [link.traffic.sign(b"<Document/>", at=at).signature or "" for at in (START, later)]

    assert [each.split(";")[1] for each in signatures] == [f"key={OURS}", "key=ours-2"]


def test_a_gap_between_two_keys_is_told_as_the_end(tmp_path: Path) -> None:
    """With a next key that counts too late nothing could be sent meanwhile: the first one's end is what is shown."""
    told: dict[str, datetime] = {}
    for name, starts_at in {"beside": START + timedelta(days=300), "too late": START + timedelta(days=900)}.items():
        first, second = rail_keys(START), rail_keys(starts_at)
        both = {f"{OURS}.pem": first.our_private[f"{OURS}.pem"], "ours-2.pem": second.our_private[f"{OURS}.pem"]}
        (tmp_path / name).mkdir()
        folders = dict(replace(first, our_private=both).written(tmp_path / name))
        recorder = Recorder()
        traffic_of(Rail.FEDNOW, settings_of(Rail.FEDNOW, folders), at=START, observer=recorder)
        told[name] = recorder.keys_until[Rail.FEDNOW, KeySide.OURS]

    assert told["too late"] < START + timedelta(days=400) < told["beside"]
