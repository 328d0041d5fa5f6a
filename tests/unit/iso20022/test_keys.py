"""Which keys count, when, under which name; and that a key is parsed once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from types import FrameType

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from iso20022 import LocalProtocolError
from iso20022.signatures import (
    Algorithm,
    KeyId,
    KeyMaterialError,
    KeyRegistry,
    KeyStatus,
    Validity,
    X509Identity,
    advice,
    detached,
    enveloped,
    loading,
    oldest_usable,
)
from iso20022.signatures.names import InvalidNameError, normal_name
from iso20022.signatures.registry import why_unusable
from tests.unit.iso20022.signing import (
    AT,
    MAKERS,
    WINDOW,
    bare_key,
    certificate_pem,
    key_pair,
    private_pem,
    public_pem,
    rtp_message,
)

KEY = KeyId("sample-key-1")
SECOND = timedelta(seconds=1)

ALGORITHMS = {
    "rsa": Algorithm.RSA_SHA256,
    "p256": Algorithm.ECDSA_P256_SHA256,
    "p384": Algorithm.ECDSA_P384_SHA384,
}


@pytest.mark.parametrize("kind", MAKERS)
def test_a_key_says_itself_with_which_algorithm_it_is_used(kind: str) -> None:
    """A message never chooses: RSA is for rsa-sha256, a curve for the digest of its own strength."""
    private_key = key_pair(kind).private_key

    signing = loading.private_key(private_pem(private_key), key_id=KEY, validity=WINDOW)
    public = loading.public_key(public_pem(private_key), key_id=KEY, validity=WINDOW)
    certified = loading.certificate_key(key_pair(kind).pem, key_id=KEY)

    assert {signing.algorithm, public.algorithm, certified.algorithm} == {ALGORITHMS[kind]}


def test_der_and_a_password_are_read_as_well() -> None:
    """Keys come in both forms; a certificate's validity and names come with it."""
    pair = key_pair("p256")
    der = pair.private_key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    assert pair.public.certificate is not None

    from_der = loading.private_key(der, key_id=KEY, validity=WINDOW)
    protected = private_pem(pair.private_key, b"a long password")
    from_protected = loading.private_key(protected, key_id=KEY, validity=WINDOW, password=b"a long password")
    certified = loading.certificate_key(pair.public.certificate.public_bytes(serialization.Encoding.DER), key_id=KEY)

    assert from_der.algorithm is from_protected.algorithm is Algorithm.ECDSA_P256_SHA256
    assert certified.validity == WINDOW
    assert certified.identity == X509Identity(
        issuer=r"CN=Sample Issuing CA 1,O=Sample Authority \+ Co,C=US",
        serial=303_111_756_916,
        subject=r"CN=sender.example,O=Sample Institution\, Inc.,ST=New York,C=US",
    )


def _weak_rsa() -> bytes:
    return public_pem(rsa.generate_private_key(public_exponent=65_537, key_size=1024))


def _foreign_curve() -> bytes:
    return public_pem(ec.generate_private_key(ec.SECP256K1()))


def _dsa_key() -> bytes:
    return (
        dsa.generate_private_key(key_size=1024)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _ed25519_key() -> bytes:
    return (
        ed25519.Ed25519PrivateKey.generate()
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (_weak_rsa, "neither RSA of 2048"),
        (_foreign_curve, "neither RSA of 2048"),
        (_dsa_key, "neither RSA of 2048"),
        (_ed25519_key, "neither RSA of 2048"),
        (lambda: b"", "cannot be read"),
        (lambda: b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "cannot be read"),
        (lambda: key_pair("p256").pem, "cannot be read"),
        (lambda: private_pem(key_pair("p256").private_key), "cannot be read"),
        (lambda: b"-----BEGIN PUBLIC KEY-----\n" + b"A" * 70_000, "70027 bytes"),
    ],
)
def test_what_is_no_public_key_of_ours_is_refused_with_its_name(make: Callable[[], bytes], why: str) -> None:
    """A faulty key stops the start of a process, and says which one it was."""
    content = make()

    with pytest.raises(KeyMaterialError, match=why) as refused:
        loading.public_key(content, key_id=KEY, validity=WINDOW)

    assert KEY in str(refused.value)


@pytest.mark.parametrize(
    ("content", "password"),
    [
        (b"no key", None),
        (private_pem(key_pair("p256").private_key, b"secret"), None),
        (private_pem(key_pair("p256").private_key, b"secret"), b"another"),
        (private_pem(key_pair("p256").private_key), b"not needed"),
        (private_pem(rsa.generate_private_key(public_exponent=65_537, key_size=1024)), None),
    ],
)
def test_what_is_no_private_key_is_refused_and_not_quoted(content: bytes, password: bytes | None) -> None:
    """The error goes to a log; the key must not."""
    with pytest.raises(KeyMaterialError) as refused:
        loading.private_key(content, key_id=KEY, validity=WINDOW, password=password)

    body = content.decode().splitlines()[1:2] or ["no key"]
    assert body[0] not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_signing_key_shows_nothing_secret() -> None:
    """A repr ends in logs."""
    pair = key_pair("p256")
    numbers = pair.private_key.private_numbers()
    assert isinstance(numbers, ec.EllipticCurvePrivateNumbers)

    assert str(numbers.private_value) not in repr(pair.signing)


def test_a_key_under_another_algorithm_cannot_be_made() -> None:
    """Even by hand."""
    key = key_pair("rsa")

    with pytest.raises(KeyMaterialError, match="signs with rsa-sha256"):
        replace(key.public, algorithm=Algorithm.ECDSA_P256_SHA256)
    with pytest.raises(KeyMaterialError, match="signs with rsa-sha256"):
        replace(key.signing, algorithm=Algorithm.ECDSA_P384_SHA384)


def test_a_validity_may_narrow_that_of_the_certificate_never_widen_it() -> None:
    """Nobody vouches for the key beyond it."""
    pem = key_pair("p256").pem
    narrow = Validity(not_before=AT, not_after=AT + timedelta(days=10))

    assert loading.certificate_key(pem, key_id=KEY, validity=narrow).validity == narrow
    with pytest.raises(KeyMaterialError, match="beyond its certificate"):
        loading.certificate_key(pem, key_id=KEY, validity=replace(WINDOW, not_after=WINDOW.not_after + SECOND))


def test_a_validity_has_offsets_and_a_length() -> None:
    """An empty window, or a time of nowhere, is a mistake in the register."""
    with pytest.raises(KeyMaterialError, match="offset"):
        Validity(not_before=datetime(2026, 1, 1), not_after=AT)  # noqa: DTZ001 - the mistake at hand
    with pytest.raises(KeyMaterialError, match="ends after it begins"):
        Validity(not_before=AT, not_after=AT)


@pytest.mark.parametrize(
    ("status", "at", "code"),
    [
        (KeyStatus.ACTIVE, WINDOW.not_before - SECOND, "SIGNATURE_KEY_NOT_YET_VALID"),
        (KeyStatus.ACTIVE, WINDOW.not_before, None),
        (KeyStatus.ACTIVE, WINDOW.not_after - SECOND, None),
        (KeyStatus.ACTIVE, WINDOW.not_after, "SIGNATURE_KEY_EXPIRED"),
        (KeyStatus.EXPIRED, AT, "SIGNATURE_KEY_EXPIRED"),
        (KeyStatus.REVOKED, AT, "SIGNATURE_KEY_REVOKED"),
        (KeyStatus.COMPROMISED, AT, "SIGNATURE_KEY_COMPROMISED"),
        (KeyStatus.COMPROMISED, WINDOW.not_after, "SIGNATURE_KEY_COMPROMISED"),
    ],
)
def test_a_key_counts_while_it_is_active_and_within_its_validity(
    status: KeyStatus, at: datetime, code: str | None
) -> None:
    """Time is an argument; the first instant belongs to the window, the last no more."""
    key = key_pair("p256").public.with_status(status)

    assert why_unusable(key, at) == code
    assert KeyRegistry((key,)).usable(at) == ((key,) if code is None else ())


def test_several_keys_are_active_at_once_and_each_is_found_by_its_id() -> None:
    """Rotation without a gap: FedNow asks for it, and has several itself."""
    old, new = key_pair("p256", "old", 1).public, key_pair("p256", "new", 2).public

    registry = KeyRegistry((old,)).with_key(new)

    assert registry.usable(AT) == (old, new)
    assert registry.by_id(old.key_id) is old
    assert registry.by_id(new.key_id) is new
    assert registry.by_id(KeyId("nobody")) is None


def test_a_revocation_makes_another_registry_and_leaves_the_first() -> None:
    """A registry is a value: whoever verifies at this moment keeps the one they have."""
    pair = key_pair("p256")

    revoked = pair.registry.with_status(pair.public.key_id, KeyStatus.REVOKED)

    assert pair.registry.usable(AT) == (pair.public,)
    assert revoked.usable(AT) == ()
    assert revoked.with_status(pair.public.key_id, KeyStatus.REVOKED) == revoked
    with pytest.raises(KeyError):
        revoked.with_status(KeyId("nobody"), KeyStatus.REVOKED)


def test_a_registry_names_each_key_and_each_certificate_once() -> None:
    """Two answers to one question would make the order decide."""
    key = key_pair("p256").public

    with pytest.raises(ValueError, match="once"):
        KeyRegistry((key, key.with_status(KeyStatus.REVOKED)))
    with pytest.raises(ValueError, match="once"):
        KeyRegistry((key, replace(key, key_id=KeyId("another"))))


@pytest.mark.parametrize(
    ("issuer", "subject", "found"),
    [
        (r"CN=Sample Issuing CA 1,O=Sample Authority \+ Co,C=US", None, True),
        (r"CN=Sample Issuing CA 1, O=Sample Authority \+ Co, C=US", None, True),
        (r"cn=Sample Issuing CA 1;  o=Sample Authority \2B Co ; c = US", None, True),
        ('CN=Sample Issuing CA 1, O="Sample Authority + Co", C=US', None, True),
        (None, 'CN=sender.example, O="Sample Institution, Inc.", S=New York, C=US', True),
        (r"CN=sample issuing CA 1,O=Sample Authority \+ Co,C=US", None, False),
        (r"C=US,O=Sample Authority \+ Co,CN=Sample Issuing CA 1", None, False),
        ("CN=Sample Issuing CA 1,O=Sample Authority+CN=Co,C=US", None, False),
        (None, "CN=sender.example", False),
    ],
)
def test_a_certificate_is_found_however_its_names_are_written(
    issuer: str | None,
    subject: str | None,
    found: bool,  # noqa: FBT001 - a table's column
) -> None:
    """Spaces, capitals of types, quotes, escapes and S for ST are habits of writers; values and order are not."""
    key = key_pair("p256").public
    identity = key.identity
    assert identity is not None
    asked = replace(identity, issuer=issuer or identity.issuer, subject=subject or identity.subject)

    assert KeyRegistry((key,)).by_certificate(asked) is (key if found else None)
    assert KeyRegistry((key,)).by_certificate(replace(asked, serial=asked.serial + 1)) is None


@pytest.mark.parametrize(
    "text", ["", " ", "CN", "=x", "CN=a,", "CN=a\\", 'CN="a', 'CN="a"b', "CN=\\ff", "X" * 2_000, "C N=a"]
)
def test_what_is_no_distinguished_name_is_said_to_be_none(text: str) -> None:
    """A name is compared only when it was understood."""
    with pytest.raises(InvalidNameError):
        normal_name(text)
    with pytest.raises(KeyMaterialError):
        X509Identity(issuer=text, serial=1, subject="CN=a")


def test_the_oldest_key_that_counts_signs() -> None:
    """As FedNow does: a new key is announced first, and used when the old one ends."""
    start = timedelta(days=30)
    old, _ = bare_key("old", key_pair("p256").private_key)
    new, _ = bare_key(
        "new",
        key_pair("p384").private_key,
        Validity(not_before=WINDOW.not_before + start, not_after=WINDOW.not_after + start),
    )

    assert oldest_usable((new, old), AT) is old
    assert oldest_usable((new, old), WINDOW.not_after) is new
    assert oldest_usable((new, replace(old, status=KeyStatus.REVOKED)), AT) is new
    with pytest.raises(LocalProtocolError, match="SIGNING_KEY_NONE"):
        oldest_usable((new, old), WINDOW.not_after + start)


def test_advice_speaks_of_long_lives_near_ends_and_only_keys() -> None:
    """Nobody reminds an institution that its key ends; 364 days is the longest life advised."""
    exactly = Validity(not_before=AT - timedelta(days=100), not_after=AT + timedelta(days=264))
    longer = replace(exactly, not_after=exactly.not_after + SECOND)
    near = replace(WINDOW, not_after=AT + timedelta(days=30) - SECOND)

    def codes(*windows: Validity) -> list[tuple[str, str | None]]:
        keys = tuple(
            bare_key(f"k{number}", key_pair("p256").private_key, window)[1] for number, window in enumerate(windows)
        )
        return [(finding.code, finding.value) for finding in advice(KeyRegistry(keys), AT)]

    assert codes(exactly, exactly) == []
    assert codes(longer, exactly) == [("KEY_VALIDITY_LONG", "k0")]
    assert codes(exactly, near) == [("KEY_EXPIRES_SOON", "k1")]
    assert codes(exactly) == [("KEY_ALONE", "k0")]
    assert codes() == []


def _c_functions_called(action: Callable[[], object]) -> set[str]:
    called: set[str] = set()

    def note(_frame: FrameType, event: str, argument: object) -> None:
        if event == "c_call":
            called.add(getattr(argument, "__name__", ""))

    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
    return called


def test_signing_and_verifying_parse_no_key() -> None:
    """A PEM per call made signing 25 times slower; the control is loading, which is seen to parse."""
    pair = key_pair("rsa")
    body = rtp_message()
    signed, header = enveloped.sign(body, pair.signing), detached.sign(body, pair.signing)
    verifier = detached.HeaderVerifier(pair.registry)

    called = _c_functions_called(lambda: enveloped.sign(body, pair.signing))
    called |= _c_functions_called(lambda: enveloped.verify(signed, pair.registry, at=AT))
    called |= _c_functions_called(lambda: detached.sign(body, pair.signing))
    called |= _c_functions_called(lambda: verifier.verify(body, header, at=AT))
    control = _c_functions_called(lambda: loading.certificate_key(pair.pem, key_id=KEY))
    control |= _c_functions_called(
        lambda: loading.private_key(private_pem(pair.private_key), key_id=KEY, validity=WINDOW)
    )

    assert not {name for name in called if name.startswith("load_")}
    assert {"load_pem_x509_certificate", "load_pem_private_key"} <= control
    assert "sign" in called


def test_a_certificate_that_is_not_yet_valid_loads_and_does_not_count() -> None:
    """It is announced before it is used."""
    later = Validity(not_before=AT + timedelta(days=1), not_after=AT + timedelta(days=100))
    pem = certificate_pem(key_pair("p256").private_key, name="later", serial=9, validity=later)

    key = loading.certificate_key(pem, key_id=KEY)

    assert why_unusable(key, AT) == "SIGNATURE_KEY_NOT_YET_VALID"
    assert why_unusable(key, later.not_before) is None
