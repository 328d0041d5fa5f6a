"""Attacks on signatures: each refused with its code; flips of single bytes; and controls that show both can fail."""

from __future__ import annotations

import random
import time
from base64 import b64decode, b64encode
from datetime import datetime, timedelta

import pytest
import xmlsec
from lxml import etree
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from iso20022 import ProtocolError, RemoteProtocolError
from iso20022.signatures import KeyRegistry, KeyStatus, Variant, detached, enveloped
from tests.unit.iso20022.damage import damaged
from tests.unit.iso20022.samples import say, seeded
from tests.unit.iso20022.signature_attacks import ATTACKS, FORGED, original, sealed, wrapped
from tests.unit.iso20022.signing import AT, WINDOW, amount_in, key_pair, rtp_message, with_status

REGISTRY = KeyRegistry((key_pair("rsa").public, key_pair("p256").public, key_pair("rsa", "other", 4).public))
FLIPS = 10_000


def naive_amount(body: bytes) -> str:
    """What a careless receiver does: verify with the library as it is, then read the first amount of the whole text."""
    configuration = SignatureConfiguration(verification_time=AT)
    XMLVerifier().verify(body, x509_cert=key_pair("rsa").public.certificate, expect_config=configuration)
    return amount_in(body)


def naive_amount_by_xmlsec(body: bytes) -> str:
    """The same carelessness with the other library."""
    root = etree.fromstring(body)
    xmlsec.tree.add_ids(root, ["Id"])
    signature = xmlsec.tree.find_node(root, "Signature")
    assert signature is not None
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(key_pair("rsa").pem, xmlsec.constants.KeyDataFormatCertPem)
    context.verify(signature)
    return amount_in(body)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_with_its_code(name: str) -> None:
    """One error, one finding, one code; RTP answers a faulty signature with 690 (RAILS, B.4)."""
    attack = ATTACKS[name]
    body = attack.make()

    with pytest.raises(RemoteProtocolError) as refused:
        enveloped.verify(body, REGISTRY, at=AT)

    (finding,) = refused.value.findings
    assert finding.code == attack.code
    assert finding.reject_code == (None if attack.code.startswith("XML_") else "690")
    assert "SAMPLE0001" not in repr(finding)


@pytest.mark.parametrize(
    ("status", "at", "code"),
    [
        (KeyStatus.ACTIVE, WINDOW.not_before - timedelta(seconds=1), "SIGNATURE_KEY_NOT_YET_VALID"),
        (KeyStatus.ACTIVE, WINDOW.not_after, "SIGNATURE_KEY_EXPIRED"),
        (KeyStatus.EXPIRED, AT, "SIGNATURE_KEY_EXPIRED"),
        (KeyStatus.REVOKED, AT, "SIGNATURE_KEY_REVOKED"),
        (KeyStatus.COMPROMISED, AT, "SIGNATURE_KEY_COMPROMISED"),
    ],
)
def test_a_good_signature_by_a_key_that_does_not_count_is_refused(status: KeyStatus, at: datetime, code: str) -> None:
    """On both rails; the key is judged before the signature (FedNow Operating Procedures, §8)."""
    pair = key_pair("rsa")
    registry = with_status(pair, status)
    header = detached.sign(rtp_message(), pair.signing)

    with pytest.raises(RemoteProtocolError, match=code):
        enveloped.verify(original(), registry, at=at)
    with pytest.raises(RemoteProtocolError, match=code):
        detached.HeaderVerifier(registry).verify(rtp_message(), header, at=at)
    with pytest.raises(RemoteProtocolError, match=code):
        detached.HeaderVerifier(registry).verify(b"other bytes", header, at=at)


@pytest.mark.parametrize("variant", Variant)
@pytest.mark.parametrize("kind", ["rsa", "p256"])
def test_the_message_that_the_attacks_are_made_of_is_accepted(kind: str, variant: Variant) -> None:
    """The control: what is refused above is refused for the attack, sealed again or not."""
    body = original(variant, kind)

    assert amount_in(enveloped.verify(body, REGISTRY, at=AT).body) == "51.74"
    assert amount_in(enveloped.verify(sealed(original()), REGISTRY, at=AT).body) == "51.74"


def test_a_careless_receiver_pays_what_was_never_signed() -> None:
    """The control of the wrapping attacks: both libraries verify, and the amount that is read is the forged one."""
    body = wrapped()

    assert naive_amount(body) == naive_amount_by_xmlsec(body) == FORGED
    with pytest.raises(RemoteProtocolError, match="SIGNATURE_REFERENCE"):
        enveloped.verify(body, REGISTRY, at=AT)


def test_the_library_alone_would_accept_many_of_the_attacks() -> None:
    """The second control: several rows verify in signxml as it comes, so that our own rules are what refuses them."""
    accepted = []
    for name, attack in ATTACKS.items():
        try:
            naive_amount(attack.make())
        except (SignXMLException, etree.LxmlError, ValueError, TypeError, LookupError):
            continue
        accepted.append(name)

    say(f"{len(accepted)} of {len(ATTACKS)} are accepted by the library alone: {', '.join(accepted)}")
    assert {"signed part wrapped behind a forgery", "XPath transform", "comment in the amount"} <= set(accepted)


def test_there_are_enough_attacks() -> None:
    """At least thirty were asked for."""
    assert len(ATTACKS) >= 90


def test_no_flipped_byte_is_accepted_with_changed_content() -> None:
    """10,000 single bytes changed, from a fresh seed: what is accepted says what was signed, to the byte."""
    chance = seeded()
    bodies = [original(variant) for variant in Variant]
    signed = [enveloped.verify(body, REGISTRY, at=AT).body for body in bodies]
    accepted = 0

    for number in range(FLIPS):
        which = number % len(bodies)
        try:
            verified = enveloped.verify(flipped(bodies[which], chance), REGISTRY, at=AT)
        except RemoteProtocolError:
            continue
        accepted += 1
        assert verified.body == signed[which]

    say(f"{accepted} of {FLIPS} flips changed nothing that is signed (white space in tags, quotes, names of keys)")
    assert accepted < FLIPS // 10


def test_a_damaged_message_is_refused_or_says_what_was_signed() -> None:
    """Pieces taken out, put in, repeated, exchanged with another signed message: nothing but our own errors."""
    chance = seeded()
    bodies = [original(variant, kind) for variant in Variant for kind in ("rsa", "p256")]
    signed = {enveloped.verify(body, REGISTRY, at=AT).body for body in bodies}

    for _ in range(3_000):
        try:
            verified = enveloped.verify(damaged(chance.choice(bodies), chance, others=bodies), REGISTRY, at=AT)
        except RemoteProtocolError:
            continue
        assert verified.body in signed


def test_flips_do_change_what_a_careless_receiver_reads() -> None:
    """The control: without verification many of the same flips are well formed and say something else."""
    chance = seeded()
    body = original()
    expected = etree.tostring(etree.fromstring(body), method="c14n")
    changed = 0

    for _ in range(1_000):
        try:
            changed += etree.tostring(etree.fromstring(flipped(body, chance)), method="c14n") != expected
        except etree.LxmlError:
            continue

    assert changed > 100


def flipped(body: bytes, chance: random.Random) -> bytes:
    """The body with one byte exchanged for another."""
    position = chance.randrange(len(body))
    return body[:position] + bytes([body[position] ^ chance.randrange(1, 256)]) + body[position + 1 :]


DETACHED = {
    "empty": ("", "SIGNATURE_FORM"),
    "another version": ("v2;key={key};alg={alg};sig={sig}", "SIGNATURE_FORM"),
    "no version": ("key={key};alg={alg};sig={sig}", "SIGNATURE_FORM"),
    "another order": ("v1;alg={alg};key={key};sig={sig}", "SIGNATURE_FORM"),
    "a part twice": ("v1;key={key};key={key};alg={alg};sig={sig}", "SIGNATURE_FORM"),
    "one more part": ("v1;key={key};alg={alg};sig={sig};x=1", "SIGNATURE_FORM"),
    "a line break": ("v1;key={key};alg={alg};sig={sig}\n", "SIGNATURE_FORM"),
    "spaces": ("v1; key={key}; alg={alg}; sig={sig}", "SIGNATURE_FORM"),
    "capitals": ("V1;key={key};alg={alg};sig={sig}", "SIGNATURE_FORM"),
    "no signature": ("v1;key={key};alg={alg};sig=", "SIGNATURE_FORM"),
    "a signature without end": ("v1;key={key};alg={alg};sig=" + "A" * 100_000, "SIGNATURE_FORM"),
    "broken base64": ("v1;key={key};alg={alg};sig=AAAAA", "SIGNATURE_FORM"),
    "an unknown key": ("v1;key=nobody;alg={alg};sig={sig}", "SIGNATURE_KEY_UNKNOWN"),
    "a key with a path": ("v1;key=../../etc/passwd;alg={alg};sig={sig}", "SIGNATURE_FORM"),
    "no algorithm": ("v1;key={key};alg=none;sig={sig}", "SIGNATURE_ALGORITHM"),
    "HMAC": ("v1;key={key};alg=hmac-sha256;sig={sig}", "SIGNATURE_ALGORITHM"),
    "another algorithm": ("v1;key={key};alg=ecdsa-p256-sha256;sig={sig}", "SIGNATURE_ALGORITHM"),
    "zeros": ("v1;key={key};alg={alg};sig=" + "A" * 342 + "==", "SIGNATURE_VALUE"),
    "another key's": ("v1;key={other};alg={alg};sig={sig}", "SIGNATURE_VALUE"),
    "another message's": ("v1;key={key};alg={alg};sig={foreign}", "SIGNATURE_VALUE"),
}


@pytest.mark.parametrize("name", DETACHED)
def test_an_attack_on_a_detached_signature_is_refused_with_its_code(name: str) -> None:
    """The form is one line with no freedom in it; the algorithm is the registry's word."""
    form, code = DETACHED[name]
    pair, body = key_pair("rsa"), rtp_message()
    header, foreign = (detached.sign(content, pair.signing) for content in (body, rtp_message("1.00")))
    signature = form.format(
        key=pair.public.key_id,
        other=key_pair("rsa", "other", 4).public.key_id,
        alg=pair.public.algorithm,
        sig=header.partition("sig=")[2],
        foreign=foreign.partition("sig=")[2],
    )

    with pytest.raises(RemoteProtocolError) as refused:
        detached.HeaderVerifier(REGISTRY).verify(body, signature, at=AT)

    (finding,) = refused.value.findings
    assert finding.code == code
    assert len(str(finding.value)) <= 200


def test_a_detached_signature_on_a_curve_has_one_length() -> None:
    """Zeros in front of its two numbers change neither: there would be many signatures for one."""
    pair, body = key_pair("p256"), rtp_message()
    form, _, value = detached.sign(body, pair.signing).partition("sig=")
    raw = b64decode(value)
    padded = b"\0" + raw[:32] + b"\0" + raw[32:]

    with pytest.raises(RemoteProtocolError, match="SIGNATURE_VALUE"):
        detached.HeaderVerifier(REGISTRY).verify(body, f"{form}sig={b64encode(padded).decode()}", at=AT)


def test_every_flipped_byte_breaks_a_detached_signature() -> None:
    """It is over the exact bytes: there is nothing that does not count."""
    chance = seeded()
    pair, body = key_pair("rsa"), rtp_message()
    header = detached.sign(body, pair.signing)
    verifier = detached.HeaderVerifier(REGISTRY)

    for _ in range(2_000):
        with pytest.raises(ProtocolError, match="SIGNATURE_VALUE"):
            verifier.verify(flipped(body, chance), header, at=AT)


def test_a_slow_canonicalisation_is_refused_before_it_begins() -> None:
    """900 namespaces in 30 KB cost the library nine seconds; anybody can send them behind an old signature.

    The control is a sixtieth of that, canonicalised.
    """
    body = ATTACKS["namespaces by the hundred"].make()
    started = time.thread_time()

    with pytest.raises(RemoteProtocolError, match="SIGNATURE_NAMESPACES"):
        enveloped.verify(body, REGISTRY, at=AT)

    refused_s = time.thread_time() - started
    declarations = " ".join(f'xmlns:a{number}="u:{number}"' for number in range(300))
    started = time.thread_time()
    etree.tostring(etree.fromstring(f"<a {declarations}>" + "<b/>" * 500 + "</a>"), method="c14n")

    assert refused_s < 0.05 < time.thread_time() - started
