"""The vault of a replay: what it has opened it seals as it was sealed, under whichever key that was."""

from __future__ import annotations

from gateway.service.ports import Sealed, Vault


class KeptVault:
    """Implements `gateway.service.ports.Vault` over another; `forget` lets go of what was opened so far."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._opened: dict[bytes, Sealed] = {}

    def open(self, sealed: Sealed) -> bytes:
        """Decrypt; see the port."""
        plaintext = self._vault.open(sealed)
        self._opened[plaintext] = sealed
        return plaintext

    def seal(self, plaintext: bytes) -> Sealed:
        """Return what these bytes were sealed as, or seal them."""
        return self._opened.get(plaintext) or self._vault.seal(plaintext)

    def blind_index(self, purpose: str, value: bytes) -> bytes:
        """Return the keyed digest; see the port."""
        return self._vault.blind_index(purpose, value)

    def forget(self) -> None:
        """Let go of what was opened."""
        self._opened.clear()
