"""Keys: how personal data is kept, and found again."""

from __future__ import annotations

from dataclasses import dataclass, field
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
            LookupError: the key is not known here, or these bytes were not sealed under it.

        """
        ...

    def blind_index(self, purpose: str, value: bytes) -> bytes:
        """Return 32 bytes that are equal for equal values of one purpose, and tell nothing without the key."""
        ...


@dataclass(frozen=True, slots=True)
class DataKey:
    """A fresh key of 32 bytes for one object, and the same wrapped under a key that stays."""

    key: bytes = field(repr=False)
    wrapped: Sealed


class DataKeys(Protocol):
    """Makes keys for single objects, and opens them again (envelope encryption)."""

    def new_data_key(self) -> DataKey:
        """Return a key that no other call returns."""
        ...

    def open(self, sealed: Sealed) -> bytes:
        """Unwrap.

        Raises:
            LookupError: the key that it is wrapped under is not known here, or it was not wrapped under that key.

        """
        ...
