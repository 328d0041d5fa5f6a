"""Signed messages between two neighbours: what one of them sends is signed, what comes is verified before it is read.

Both rails' forms behind one face: a link that has it knows neither which rail it leads to nor what a signature is.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from iso20022.reader import LIMITS, Limits
from iso20022.signatures import enveloped
from iso20022.signatures.detached import DetachedSigner, DetachedVerifier
from iso20022.signatures.keys import SigningKey
from iso20022.signatures.registry import KeyRegistry, oldest_usable


@dataclass(frozen=True, slots=True)
class Signed:
    """What leaves: the bytes, and the signature that travels beside them where it is not inside."""

    body: bytes
    signature: str | None = None


class SignedTraffic(Protocol):
    """Signs what leaves, and verifies what comes."""

    def sign(self, body: bytes, *, at: datetime) -> Signed:
        """What is sent instead of these bytes. Raises LocalProtocolError: no key counts, or they are no message."""
        ...

    def verify(self, body: bytes, signature: str | None, *, at: datetime) -> bytes:
        """What may be read instead of what came. Raises RemoteProtocolError, and then nothing of it may be."""
        ...


@dataclass(frozen=True, slots=True)
class EnvelopedTraffic:
    """RTP's: the signature is in the message; what may be read is what it covers."""

    keys: tuple[SigningKey, ...]
    registry: KeyRegistry
    limits: Limits = LIMITS

    def sign(self, body: bytes, *, at: datetime) -> Signed:
        """The message with its signature inside, by the oldest key that counts. Raises LocalProtocolError."""
        return Signed(enveloped.sign(body, oldest_usable(self.keys, at), limits=self.limits))

    def verify(self, body: bytes, signature: str | None, *, at: datetime) -> bytes:  # noqa: ARG002 - it is inside
        """What the signature covers, canonical and without it. Raises RemoteProtocolError."""
        return enveloped.verify(body, self.registry, at=at, limits=self.limits).body


@dataclass(frozen=True, slots=True)
class DetachedTraffic:
    """FedNow's: the signature is beside the message, over its exact bytes."""

    signer: DetachedSigner
    verifier: DetachedVerifier

    def sign(self, body: bytes, *, at: datetime) -> Signed:
        """The same bytes, and what travels beside them; nothing does beside a PING. Raises LocalProtocolError."""
        return Signed(body, self.signer.sign(body, at=at))

    def verify(self, body: bytes, signature: str | None, *, at: datetime) -> bytes:
        """The same bytes. Raises RemoteProtocolError."""
        self.verifier.verify(body, signature, at=at)
        return body
