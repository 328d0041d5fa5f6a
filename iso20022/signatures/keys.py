"""Keys as values: what a key is called, how long it counts, who holds it. Parsed once, never again."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NewType

from cryptography.x509 import Certificate

from iso20022.signatures.algorithms import Algorithm, PrivateKey, PublicKey, algorithm_for
from iso20022.signatures.names import InvalidNameError, normal_name

KeyId = NewType("KeyId", str)
"""What a key is called between two parties (FedNow: the key's name is its id)."""


class KeyMaterialError(ValueError):
    """What was given as a key, a certificate or a validity cannot be one. Says which key and why."""


class KeyStatus(StrEnum):
    """What was last said of a key; only an active one counts, and only within its validity."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"
    COMPROMISED = "compromised"


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """From when until when a key counts: ``not_before`` belongs to it, ``not_after`` no more. Both state their offset.

    Raises KeyMaterialError when a time has no offset or the window is empty.
    """

    not_before: datetime
    not_after: datetime

    def __post_init__(self) -> None:
        if self.not_before.tzinfo is None or self.not_after.tzinfo is None:
            raise KeyMaterialError("a key's validity states its offset from UTC")
        if self.not_before >= self.not_after:
            raise KeyMaterialError(f"a key's validity ends after it begins, not at {self.not_after.isoformat()}")

    def encloses(self, other: "Validity") -> bool:
        """Whether the other window lies within this one."""
        return self.not_before <= other.not_before and other.not_after <= self.not_after


@dataclass(frozen=True, slots=True, kw_only=True)
class X509Identity:
    """How a certificate is named in ``X509Data``: issuer and subject as RFC 4514 text, and the serial number."""

    issuer: str
    serial: int
    subject: str

    def __post_init__(self) -> None:
        for name in (self.issuer, self.subject):
            try:
                normal_name(name)
            except InvalidNameError as error:
                raise KeyMaterialError(f"{name[:120]!r} is no distinguished name: {error}") from error

    @classmethod
    def of(cls, certificate: Certificate) -> "X509Identity":
        """As the certificate itself says."""
        return cls(
            issuer=certificate.issuer.rfc4514_string(),
            serial=certificate.serial_number,
            subject=certificate.subject.rfc4514_string(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationKey:
    """Somebody's public key, to verify what they signed. Make it with :mod:`iso20022.signatures.loading`.

    ``certificate`` and ``identity`` are there where the key came with a certificate, which RTP's messages refer to.
    """

    key_id: KeyId
    public_key: PublicKey
    algorithm: Algorithm
    validity: Validity
    status: KeyStatus = KeyStatus.ACTIVE
    certificate: Certificate | None = None
    identity: X509Identity | None = None

    def __post_init__(self) -> None:
        _require_fitting(self.key_id, self.public_key, self.algorithm)

    def with_status(self, status: KeyStatus) -> "VerificationKey":
        """The same key, of which something else is said."""
        return replace(self, status=status)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A private key of ours. Its repr shows nothing secret; ``identity`` is what RTP's messages name it by."""

    key_id: KeyId
    private_key: PrivateKey
    algorithm: Algorithm
    validity: Validity
    status: KeyStatus = KeyStatus.ACTIVE
    identity: X509Identity | None = None

    def __post_init__(self) -> None:
        _require_fitting(self.key_id, self.private_key, self.algorithm)


def _require_fitting(key_id: KeyId, key: object, algorithm: Algorithm) -> None:
    fitting = algorithm_for(key)
    if fitting is None:
        raise KeyMaterialError(f"key {key_id} is neither RSA of 2048 bits or more nor ECDSA on P-256 or P-384")
    if fitting is not algorithm:
        raise KeyMaterialError(f"key {key_id} signs with {fitting}, not with {algorithm}")
