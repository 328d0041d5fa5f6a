"""What a simulated rail signs and verifies with, and what a test has it sign wrongly.

The keys are in two folders, as a gateway's are (docs/signatures.md): the rail's own, private, and the participants'.
Whichever participant's key has signed is believed: that it is the sender's own is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from iso20022 import LocalProtocolError, RemoteProtocolError
from iso20022.signatures import (
    DetachedTraffic,
    EnvelopedTraffic,
    KeyMaterialError,
    Signed,
    SignedTraffic,
    SigningKey,
    detached,
    enveloped,
    loading,
)

UNSIGNED: Final = "no"
"""A fault: the message goes as it is."""

ALTERED: Final = "altered"
"""A fault: a digit of the message is another than when it was signed."""

_DIGIT: Final = re.compile(rb"[0-9](?=</)")


@dataclass(frozen=True, slots=True)
class RailSignatures:
    """One rail's way to sign, and the keys that a test may have it sign with, whether they count or not."""

    traffic: SignedTraffic
    keys: tuple[SigningKey, ...]
    sign_with: Callable[[bytes, SigningKey], Signed]

    def signed(self, body: bytes, *, at: datetime, fault: str | None) -> Signed:
        """What goes to a participant; what is no message goes as it is."""
        by_name = {str(key.key_id): key for key in self.keys}
        try:
            if fault in by_name:
                return self.sign_with(body, by_name[str(fault)])
            signed = Signed(body) if fault == UNSIGNED else self.traffic.sign(body, at=at)
        except LocalProtocolError:
            return Signed(body)
        return Signed(_altered(signed.body), signed.signature) if fault == ALTERED else signed

    def verified(self, body: bytes, signature: str | None, *, at: datetime) -> tuple[bytes, str | None]:
        """What may be read of what a participant sent; or what came, and the code of what is wrong with it."""
        try:
            return self.traffic.verify(body, signature, at=at), None
        except RemoteProtocolError as error:
            return body, error.findings[0].code


def enveloped_signatures(own: Path, participants: Path) -> RailSignatures:
    """RTP's: in the message. Raises KeyMaterialError and OSError."""
    keys, registry = loading.own_keys(_files(own)), loading.registry(_files(participants))
    return RailSignatures(EnvelopedTraffic(keys, registry), keys, lambda body, key: Signed(enveloped.sign(body, key)))


def detached_signatures(own: Path, participants: Path) -> RailSignatures:
    """FedNow's, in the form of `iso20022.signatures`: beside the message. Raises KeyMaterialError and OSError."""
    keys, registry = loading.own_keys(_files(own)), loading.registry(_files(participants))
    traffic = DetachedTraffic(detached.HeaderSigner(keys), detached.HeaderVerifier(registry))
    return RailSignatures(traffic, keys, lambda body, key: Signed(body, detached.sign(body, key)))


def _files(folder: Path) -> dict[str, bytes]:
    files = {each.name: each.read_bytes() for each in folder.iterdir() if not each.name.startswith(".")}
    if not files:
        raise KeyMaterialError(f"there is no KEY_ID.pem in {folder}")
    return files


def _altered(body: bytes) -> bytes:
    *_, last = [found.start() for found in _DIGIT.finditer(body)] or [0]
    return body[:last] + (b"1" if body[last : last + 1] == b"0" else b"0") + body[last + 1 :]
