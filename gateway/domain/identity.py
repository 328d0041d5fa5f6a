"""Identifiers that are functions of (tenant, idempotency key, business date): a second copy carries the same ones.

Whatever retries, whichever region takes over, and also after midnight (the date is kept with the claim), the rail
sees the same message id, and so sees one payment.
"""

from __future__ import annotations

import hashlib
import string
from datetime import date
from typing import Final
from uuid import UUID, uuid5

from gateway.domain.payment import IdempotencyKey, PaymentId, Rail, TenantId
from iso20022 import MessageId, Uetr

SLOTS: Final = 256
"""Idempotency keys are spread over so many slots; each is owned by one region at a time."""

REFERENCE_CHARACTERS: Final = 18
"""The longest reference that a FedNow message id takes after date and connection party; 93 bits of digest."""

_ALPHABET: Final = string.digits + string.ascii_uppercase


def incoming_id_of(rail: Rail, message_id: MessageId, created_on: date) -> PaymentId:
    """Return the own id of an incoming transfer: a function of the rail and the sender's message id.

    It begins with the date on which the sender has made the message, as that of an outgoing payment does with its own.
    """
    days = created_on.toordinal().to_bytes(4, "big")
    value = bytearray(days + _digest("incoming", rail, message_id, created_on.isoformat())[:12])
    return PaymentId(_uuid(value, version=8))


def incoming_reference_of(payment_id: PaymentId, purpose: str, number: int) -> str:
    """Return the reference of the `number`-th message of that purpose about an incoming transfer."""
    return _reference(_digest("incoming", purpose, str(payment_id), str(number)))


def conversation_id_of(*parts: str) -> UUID:
    """Return the own id of a conversation: a function of what opened it, a message of the rail's or a client's key."""
    return _uuid(bytearray(_digest("conversation", *parts)[:16]), version=8)


def request_reference_of(purpose: str, of: str) -> str:
    """Return the reference of a message of that purpose about a request, or of one; a repeat repeats it."""
    return _reference(_digest("request", purpose, of))


def slot_of(idempotency_key: IdempotencyKey) -> int:
    """Return the slot, 0 to 255, whose owner alone may claim the key.

    Whose key it is counts for nothing: that of an ISO 20022 message is its message id, which the rail knows once. Two
    tenants that send the same at the same moment meet in one region, and one of them is refused.
    """
    return _digest("slot", idempotency_key)[0]


def incoming_slot_of(rail: Rail, message_id: MessageId) -> int:
    """Return the slot, 0 to 255, whose owner alone may admit an incoming transfer, and decide on it.

    By the sender's message id, that of the Document: every copy has it, under whatever header the rail brings it.
    """
    return _digest("incoming-slot", rail, message_id)[0]


def payment_id_of(tenant_id: TenantId, idempotency_key: IdempotencyKey, business_date: date) -> PaymentId:
    """Return the payment's own id: a UUID version 8 (RFC 9562).

    It begins with the date, so that a day's rows lie together in every index.
    """
    days = business_date.toordinal().to_bytes(4, "big")
    value = bytearray(days + _digest("payment", tenant_id, idempotency_key, business_date.isoformat())[:12])
    return PaymentId(_uuid(value, version=8))


def uetr_of(tenant_id: TenantId, idempotency_key: IdempotencyKey, business_date: date) -> Uetr:
    """Return the unique end-to-end transaction reference, in the version 4 form that ISO 20022 demands."""
    value = bytearray(_digest("uetr", tenant_id, idempotency_key, business_date.isoformat())[:16])
    return Uetr(str(_uuid(value, version=4)))


def reference_of(purpose: str, tenant_id: TenantId, idempotency_key: IdempotencyKey, business_date: date) -> str:
    """Return 18 capital letters and digits for the part of an id that is ours; another `purpose`, another reference."""
    return _reference(_digest(purpose, tenant_id, idempotency_key, business_date.isoformat()))


def status_request_reference_of(payment_id: PaymentId, number: int) -> str:
    """Return the reference of the `number`-th pacs.028 about a payment; a repeat of the same request repeats its id."""
    return _reference(_digest("status-request", str(payment_id), str(number)))


def posting_question_reference_of(payment_id: PaymentId, version: int) -> str:
    """Return the reference of the pacs.028 to the receiver of a payment, put when it had so many events."""
    return _reference(_digest("posting-question", str(payment_id), str(version)))


def ping_reference_of(payment_id: PaymentId, number: int) -> str:
    """Return the reference of the `number`-th PING that was sent because this payment is in doubt."""
    return _reference(_digest("ping", str(payment_id), str(number)))


def rail_operation_reference_of(event_id: UUID) -> str:
    """Return the reference of a message to the rail about ourselves; a repeat of the same repeats its id."""
    return _reference(_digest("rail-operation", str(event_id)))


def echo_answer_id_of(*parts: str) -> UUID:
    """Return the own id of the answer to an echo: a function of the rail, and of its message's id."""
    return _uuid(bytearray(_digest("echo-answer", *parts)[:16]), version=8)


def status_answer_id_of(*parts: str) -> UUID:
    """Return the own id of an answer to a status question: of the rail, its message's id, and which answer it is."""
    return _uuid(bytearray(_digest("status-answer", *parts)[:16]), version=8)


def request_answer_id_of(*parts: str) -> UUID:
    """Return the own id of a word to who has sent a message about a return: of the rail, its id, and the word's type.

    However often the message is seen to, that word leaves once.
    """
    return _uuid(bytearray(_digest("request-answer", *parts)[:16]), version=8)


def receipts_ping_id_of(*parts: object) -> UUID:
    """Return the id of the ping that missing receipts lead to in a window: several workers of a region ask once."""
    digest = _digest("receipts-ping", *map(str, parts))
    return _uuid(bytearray(digest[:16]), version=8)


def delivery_id_of(payment_id: PaymentId, purpose: str, version: int) -> UUID:
    """Return the id of a delivery: the same when the outbox repeats it."""
    return uuid5(payment_id, f"{purpose}:{version}")


def _digest(*parts: str) -> bytes:
    encoded = [part.encode() for part in parts]
    return hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in encoded)).digest()


def _reference(digest: bytes) -> str:
    number = int.from_bytes(digest, "big")
    characters = []
    for _ in range(REFERENCE_CHARACTERS):
        number, index = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[index])
    return "".join(characters)


def _uuid(value: bytearray, *, version: int) -> UUID:
    value[6] = (value[6] & 0x0F) | (version << 4)
    value[8] = (value[8] & 0x3F) | 0x80
    return UUID(bytes=bytes(value))
