"""The vault of a key file: AES-256-GCM under keys of our own, each with an id that stands beside what it has sealed.

Equal bytes under one key seal to equal bytes: the quarantine's key and a replay rely on it. So nonce and key of a
message are taken from a keyed digest of what is sealed (a synthetic initialisation vector), and never from chance: they
are the same for the same bytes alone, and 224 bits long, so that no number of messages exhausts a key. What that gives
away is whether two ciphertexts hold the same bytes.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.keys.clear import CLEAR_KEY_ID, ClearVault
from gateway.service.ports import DataKey, Sealed

KEY_BYTES: Final = 32

_FORM: Final = b"\x01"
_SALT: Final = 16
_NONCE: Final = 12
_LINE: Final = re.compile(r"([a-z0-9][a-z0-9._-]{0,63})\s+([A-Za-z0-9+/]{43}=)")


class KeyFileError(Exception):
    """A key file cannot be used; the text says where and why, and never shows a key."""


def read_key_file(file: Path) -> Mapping[str, bytes]:
    """Return the keys of a file by their ids, in its order: the first seals, all open.

    A line is an id and 32 bytes in Base64; empty lines and those that begin with ``#`` are left out.

    Raises:
        KeyFileError: it cannot be read, others than its owner may read it, or a line is no key.

    """
    try:
        if file.stat().st_mode & 0o077:
            raise KeyFileError(f"{file}: others may read it: chmod 600")
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(f"{file}: {error}") from error
    keys: dict[str, bytes] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise KeyFileError(f"{file}, line {number}: an id (small letters, digits, . _ -) and 32 bytes in Base64")
        key_id, key = match[1], base64.b64decode(match[2])
        if key_id in keys or key_id == CLEAR_KEY_ID:
            raise KeyFileError(f"{file}, line {number}: the id {key_id} is taken")
        keys[key_id] = key
    if not keys:
        raise KeyFileError(f"{file}: there is no key in it")
    return keys


class AesVault:
    """Implements `gateway.service.ports.Vault` and `DataKeys` with the keys of a file; opens what is in clear, too."""

    def __init__(self, keys: Mapping[str, bytes], *, index_key: bytes) -> None:
        self._keys = dict(keys)
        self._sealing = next(iter(keys))
        self._clear = ClearVault(index_key)

    def seal(self, plaintext: bytes) -> Sealed:
        """Encrypt under the first key."""
        key = self._keys[self._sealing]
        synthetic = hmac.digest(_derived(key, b"synthetic"), plaintext, "sha256")[: _SALT + _NONCE]
        salt, nonce = synthetic[:_SALT], synthetic[_SALT:]
        ciphertext = AESGCM(_derived(key, salt)).encrypt(nonce, plaintext, self._sealing.encode())
        return Sealed(self._sealing, _FORM + synthetic + ciphertext)

    def open(self, sealed: Sealed) -> bytes:
        """Decrypt; see the port."""
        if sealed.key_id == CLEAR_KEY_ID:
            return self._clear.open(sealed)
        key = self._keys.get(sealed.key_id)
        if key is None:
            raise LookupError(f"sealed under key {sealed.key_id!r}, which is not in the key file")
        form, salt, nonce, ciphertext = _divided(sealed.ciphertext)
        if form != _FORM:
            raise LookupError(f"sealed under the key {sealed.key_id!r}, in a form that this program does not know")
        try:
            return AESGCM(_derived(key, salt)).decrypt(nonce, ciphertext, sealed.key_id.encode())
        except (InvalidTag, ValueError) as error:
            raise LookupError(f"not sealed under the key {sealed.key_id!r} of the key file, or changed") from error

    def blind_index(self, purpose: str, value: bytes) -> bytes:
        """Return HMAC-SHA256 of the value, under the index key and a key of its own for each purpose."""
        return self._clear.blind_index(purpose, value)

    def new_data_key(self) -> DataKey:
        """Return a key for one object; see the port."""
        key = AESGCM.generate_key(KEY_BYTES * 8)
        return DataKey(key, self.seal(key))


def _derived(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, b"fifteen.vault.1" + purpose, "sha256")


def _divided(sealed: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    salt, nonce = len(_FORM), len(_FORM) + _SALT
    ciphertext = nonce + _NONCE
    return sealed[:salt], sealed[salt:nonce], sealed[nonce:ciphertext], sealed[ciphertext:]
