"""The null vault: personal data is stored in the form of ciphertext, and is not encrypted.

It keeps the place: key id, digest over the stored bytes and keyed indexes are all there, so that a vault that does
encrypt takes over without a change of the schema. The key id says plainly that nothing is hidden.
"""

from __future__ import annotations

import hmac
from typing import Final

from gateway.service.ports import Sealed

CLEAR_KEY_ID: Final = "clear"


class ClearVault:
    """Implements `gateway.service.ports.Vault` without encryption; its indexes are keyed all the same."""

    def __init__(self, index_key: bytes) -> None:
        self._index_key = index_key
        self._purpose_keys: dict[str, bytes] = {}

    def seal(self, plaintext: bytes) -> Sealed:
        """Return the bytes as they are."""
        return Sealed(CLEAR_KEY_ID, plaintext)

    def open(self, sealed: Sealed) -> bytes:
        """Return the bytes as they are.

        Raises:
            LookupError: another vault sealed them.

        """
        if sealed.key_id != CLEAR_KEY_ID:
            raise LookupError(f"sealed under key {sealed.key_id!r}, which this vault does not have")
        return sealed.ciphertext

    def blind_index(self, purpose: str, value: bytes) -> bytes:
        """Return HMAC-SHA256 of the value, under a key of its own for each purpose."""
        purpose_key = self._purpose_keys.get(purpose)
        if purpose_key is None:
            purpose_key = hmac.digest(self._index_key, purpose.encode(), "sha256")
            self._purpose_keys[purpose] = purpose_key
        return hmac.digest(purpose_key, value, "sha256")
