"""Webhooks as every adapter that asks somebody by one needs them: signed, and answered in JSON of a bounded size.

The form is that of the Standard Webhooks specification: HMAC-SHA256 over id, timestamp and body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import aiohttp

from gateway.domain.payment import TenantId
from gateway.service.ports import UnavailableError

ANSWER_BYTES_MAX: Final = 64 * 1024
"""What is longer than this is no answer."""

TEXT_CHARACTERS_MAX: Final = 105
"""How much of others' words is kept: as much as ISO 20022 carries beside a reason."""

TIMESTAMP_DIGITS_MAX: Final = 12
"""Seconds since 1970 have ten until the year 2286."""

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - how a secret begins is none
"""How the specification writes a secret: this, and Base64."""

_OK: Final = 200


class SecretError(Exception):
    """A signing secret is none; the text says which tenant's, and never what it is."""


def key_of(secret: str) -> bytes:
    """Return the key that a secret stands for: Base64 after ``whsec_``.

    Raises:
        ValueError: it is none, or shorter than the 24 bytes that the specification demands.

    """
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a signing secret is whsec_ and Base64") from None
    if len(key) < 24:
        raise ValueError("a signing secret has 24 bytes at the least")
    return key


def keys_of(signing: Mapping[TenantId, str]) -> dict[TenantId, bytes]:
    """Return the tenants' keys.

    Raises:
        SecretError: a secret is none.

    """
    keys: dict[TenantId, bytes] = {}
    for tenant_id, secret in signing.items():
        try:
            keys[tenant_id] = key_of(secret)
        except ValueError as error:
            raise SecretError(f"tenant {tenant_id}: {error}") from None
    return keys


def signature_of(key: bytes, *, webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a webhook."""
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


def is_signed(key: bytes, signature: str, *, webhook_id: str, timestamp: str, body: bytes) -> bool:
    """Return whether one of the signatures, which spaces part, is this key's over id, timestamp and body."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= TIMESTAMP_DIGITS_MAX):
        return False
    expected = signature_of(key, webhook_id=webhook_id, timestamp=int(timestamp), body=body).encode()
    return any(hmac.compare_digest(each.encode(), expected) for each in signature.split(" "))


def signed_headers(key: bytes, *, webhook_id: str, now: datetime, body: bytes) -> dict[str, str]:
    """Return the headers of a signed webhook with this JSON body."""
    timestamp = int(now.timestamp())
    return {
        "Content-Type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature_of(key, webhook_id=webhook_id, timestamp=timestamp, body=body),
    }


async def json_answer(response: aiohttp.ClientResponse, *, of: str) -> object:
    """Return the JSON of an answer; `of` is who gives it.

    Raises:
        UnavailableError: it is none.

    """
    if response.status != _OK:
        raise UnavailableError(f"{of} answered {response.status}")
    body = bytearray()
    async for piece in response.content.iter_any():  # an answer may come in any number of pieces
        body += piece
        if len(body) > ANSWER_BYTES_MAX:
            break
    return json_of(body, of=of)


def json_of(body: bytes | bytearray, *, of: str) -> object:
    """Return the JSON of an answer's bytes; `of` is who gives it.

    Raises:
        UnavailableError: it is none, or longer than `ANSWER_BYTES_MAX`.

    """
    if len(body) > ANSWER_BYTES_MAX:
        raise UnavailableError(f"{of}'s answer is longer than {ANSWER_BYTES_MAX} bytes")
    try:
        answer: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnavailableError(f"{of}'s answer is no JSON") from error
    return answer


def line_of(value: object) -> str | None:
    """Return others' words as far as a line of ISO 20022 carries them; None where there are none."""
    if not isinstance(value, str):
        return None
    line = "".join(character if character.isprintable() else " " for character in value)
    return " ".join(line.split())[:TEXT_CHARACTERS_MAX].strip() or None
