"""What the signature tests share: invented institutions, their keys and certificates, and an RTP message to sign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from iso20022.signatures import (
    KeyId,
    KeyRegistry,
    KeyStatus,
    SigningKey,
    Validity,
    VerificationKey,
    X509Identity,
    loading,
)
from iso20022.signatures.algorithms import PrivateKey, algorithm_for

AT: Final = datetime(2026, 1, 31, 15, 0, tzinfo=UTC)
"""The time at which the tests verify."""

WINDOW: Final = Validity(not_before=AT - timedelta(days=100), not_after=AT + timedelta(days=200))

CREDIT_TRANSFER: Final = "urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08"
HEADER: Final = "urn:iso:std:iso:20022:tech:xsd:head.001.001.01"

MAKERS: Final[dict[str, Callable[[], PrivateKey]]] = {
    "rsa": lambda: rsa.generate_private_key(public_exponent=65_537, key_size=2048),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
}

SERIALS: Final = {kind: 303_111_756_915 + number for number, kind in enumerate(MAKERS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """One invented institution's key: its private half, its certificate as PEM, and how the other side knows it."""

    private_key: PrivateKey
    pem: bytes
    public: VerificationKey

    @property
    def signing(self) -> SigningKey:
        return SigningKey(
            key_id=self.public.key_id,
            private_key=self.private_key,
            algorithm=self.public.algorithm,
            validity=self.public.validity,
            identity=self.public.identity,
        )

    @property
    def registry(self) -> KeyRegistry:
        return KeyRegistry((self.public,))


@cache
def key_pair(kind: str, name: str = "sender", serial: int | None = None) -> KeyPair:
    """A key of this kind for ``CN=name``; the same one each time, made once."""
    serial = serial or SERIALS[kind]
    private_key = MAKERS[kind]()
    pem = certificate_pem(private_key, name=name, serial=serial)
    return KeyPair(
        private_key=private_key, pem=pem, public=loading.certificate_key(pem, key_id=KeyId(f"{kind}-{name}-{serial}"))
    )


def certificate_pem(private_key: PrivateKey, *, name: str, serial: int, validity: Validity = WINDOW) -> bytes:
    """A certificate of an invented institution by an invented authority; the signature on it is its own key's."""
    subject = _name(("C", "US"), ("ST", "New York"), ("O", "Sample Institution, Inc."), ("CN", f"{name}.example"))
    issuer = _name(("C", "US"), ("O", "Sample Authority + Co"), ("CN", "Sample Issuing CA 1"))
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(private_key.public_key())
        .serial_number(serial)
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
    )
    return builder.sign(private_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def private_pem(private_key: PrivateKey, password: bytes | None = None) -> bytes:
    """A private key as PKCS #8."""
    protection = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return private_key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)


def public_pem(private_key: PrivateKey) -> bytes:
    """The public half as SubjectPublicKeyInfo."""
    return private_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def bare_key(key_id: str, private_key: PrivateKey, validity: Validity = WINDOW) -> tuple[SigningKey, VerificationKey]:
    """Both halves of a key without a certificate."""
    algorithm = algorithm_for(private_key)
    assert algorithm is not None
    signing = SigningKey(key_id=KeyId(key_id), private_key=private_key, algorithm=algorithm, validity=validity)
    return signing, loading.public_key(public_pem(private_key), key_id=KeyId(key_id), validity=validity)


def with_status(pair: KeyPair, status: KeyStatus) -> KeyRegistry:
    return pair.registry.with_status(pair.public.key_id, status)


def named(pair: KeyPair, identity: X509Identity) -> SigningKey:
    """The pair's private key under other names."""
    return replace(pair.signing, identity=identity)


def rtp_message(amount: str = "51.74", *, remittance: str = "Invoice 15 &amp; 16") -> bytes:
    """A small credit transfer as RTP carries it: prefixes, comments between elements, indentation."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Message xmlns="urn:tch" xmlns:head="{HEADER}" xmlns:ct="{CREDIT_TRANSFER}">
    <!-- a sample -->
    <AppHdr>
        <head:BizMsgIdr>B20260131990000013A1BSAM00000000001</head:BizMsgIdr>
        <head:MsgDefIdr>pacs.008.001.08</head:MsgDefIdr>
        <head:CreDt>2026-01-31T10:00:00</head:CreDt>
    </AppHdr>
    <CreditTransfer>
        <ct:CdtTrfTxInf>
            <ct:IntrBkSttlmAmt Ccy="USD">{amount}</ct:IntrBkSttlmAmt>
            <ct:CdtrAcct>SAMPLE0001</ct:CdtrAcct>
            <ct:Ustrd>{remittance}</ct:Ustrd>
        </ct:CdtTrfTxInf>
    </CreditTransfer>
</Message>
""".encode()


def amount_in(body: bytes) -> str:
    """What a reader of the whole text takes for the amount: the first one."""
    return body.split(b"IntrBkSttlmAmt", 2)[1].partition(b">")[2].partition(b"<")[0].decode()


def _name(*parts: tuple[str, str]) -> x509.Name:
    kinds = {
        "C": NameOID.COUNTRY_NAME,
        "ST": NameOID.STATE_OR_PROVINCE_NAME,
        "O": NameOID.ORGANIZATION_NAME,
        "CN": NameOID.COMMON_NAME,
    }
    return x509.Name([x509.NameAttribute(kinds[kind], value) for kind, value in parts])
