"""Keys: how personal data is kept, and found again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Sealed:
    """Ciphertext and the id of the key that opens it."""

    key_id: str
    ciphertext: bytes


class Vault(Protocol):
    """Keeps personal data as ciphertext, and finds it again by keyed digests."""

    def seal(self, plaintext: bytes) -> Sealed:
        """Encrypt."""
        ...

    def open(self, sealed: Sealed) -> bytes:
        """Decrypt.

        Raises:
            LookupError: the key is not known here.

        """
        ...

    def blind_index(self, purpose: str, value: bytes) -> bytes:
        """Return 32 bytes that are equal for equal values of one purpose, and tell nothing without the key."""
        ...
