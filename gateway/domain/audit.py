"""What is hashed of a payment and of a seal, in which form, and how digests follow one another (docs/audit.md).

Pure, so that the writer, the verifier and a third party compute the same. The forms are versioned: what one of them
means is never changed, since digests of it lie in databases and anchors for years.

Every form is a JSON object in the canonical form of RFC 8785: members sorted by name, no white space, UTF-8. Instants
are UTC with microseconds; bytes are hexadecimal; numbers that may exceed 53 bits are strings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from json import JSONEncoder
from typing import Any, Final
from uuid import UUID

UNCHAINED: Final = bytes(32)
"""What stands in the place of the predecessor where there is none: before the first seal, and before an event that
follows events from the time before there were chains."""

_EVENT_FORM: Final = "fifteen.event.1"
_PAYMENT_FORM: Final = "fifteen.payment.1"
_SEAL_FORM: Final = "fifteen.seal.1"

_ENCODER: Final = JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))
"""Members stand in the order in which they are written down here: sorted, as the form demands."""


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """What a payment is from the beginning: its row, which its first event is chained to."""

    region: str
    payment_id: UUID
    tenant_id: str
    rail: str
    message_id: str
    end_to_end_id: str
    instruction_id: str | None
    uetr: str | None
    amount_cents: int
    debtor_agent: str
    creditor_agent: str
    debtor_account_index: bytes
    creditor_account_index: bytes
    business_date: date
    accepted_at: datetime
    deadline_at: datetime

    def canonical(self) -> bytes:
        """Return the form that is hashed."""
        return _canonical(
            {
                "accepted_at": _instant(self.accepted_at),
                "amount_cents": str(self.amount_cents),
                "business_date": self.business_date.isoformat(),
                "creditor_account_index": self.creditor_account_index.hex(),
                "creditor_agent": self.creditor_agent,
                "deadline_at": _instant(self.deadline_at),
                "debtor_account_index": self.debtor_account_index.hex(),
                "debtor_agent": self.debtor_agent,
                "end_to_end_id": self.end_to_end_id,
                "form": _PAYMENT_FORM,
                "instruction_id": self.instruction_id,
                "message_id": self.message_id,
                "payment_id": str(self.payment_id),
                "rail": self.rail,
                "region": self.region,
                "tenant_id": self.tenant_id,
                "uetr": self.uetr,
            }
        )

    def digest(self) -> bytes:
        """Return what the first event follows."""
        return hashlib.sha256(self.canonical()).digest()


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """A raw message as it is stored: `digest` is the SHA-256 of the body's ciphertext."""

    message_id: UUID
    direction: str
    message_type: str
    business_message_id: str
    content_type: str
    key_id: str
    digest: bytes
    at: datetime

    def members(self) -> dict[str, Any]:
        """Return its part of the form of the event that it was saved with."""
        return {
            "at": _instant(self.at),
            "business_message_id": self.business_message_id,
            "content_type": self.content_type,
            "digest": self.digest.hex(),
            "direction": self.direction,
            "key_id": self.key_id,
            "message_id": str(self.message_id),
            "message_type": self.message_type,
        }


@dataclass(frozen=True, slots=True)
class EventFacts:
    """What an event says."""

    region: str
    payment_id: UUID
    tenant_id: str
    sequence: int
    kind: str
    state_before: str | None
    state_after: str
    status: str | None
    reason_code: str | None
    reason_origin: str | None
    reason_text: str | None
    business_message_id: str | None
    details: Mapping[str, str]
    contradiction: bool
    at: datetime

    def canonical(self, messages: Sequence[MessageFacts] = ()) -> bytes:
        """Return the form that is hashed: with the raw messages that were saved with the event, in whatever order.

        Raises:
            ValueError: a text is none that UTF-8 can carry.

        """
        return _canonical(
            {
                "at": _instant(self.at),
                "business_message_id": self.business_message_id,
                "contradiction": self.contradiction,
                "details": dict(sorted(self.details.items())) if self.details else {},
                "form": _EVENT_FORM,
                "kind": self.kind,
                "messages": [each.members() for each in sorted(messages, key=_message_id)],
                "payment_id": str(self.payment_id),
                "reason_code": self.reason_code,
                "reason_origin": self.reason_origin,
                "reason_text": self.reason_text,
                "region": self.region,
                "sequence": self.sequence,
                "state_after": self.state_after,
                "state_before": self.state_before,
                "status": self.status,
                "tenant_id": self.tenant_id,
            }
        )

    def digest(self, messages: Sequence[MessageFacts] = ()) -> bytes:
        """Return the digest of the facts alone; `chained` makes the event's of it."""
        return hashlib.sha256(self.canonical(messages)).digest()


def chained(previous: bytes, *, epoch: int, facts: bytes) -> bytes:
    """Return an event's digest: of what it follows (32 bytes), its epoch (8 bytes, big-endian) and its facts' digest.

    The first event follows its payment's facts, every later one the event before. The hot statement computes the same
    with the row locked (`adapters/postgres/statements.py`): whoever saves cannot be wrong about the predecessor.
    """
    return hashlib.sha256(previous + epoch.to_bytes(8, "big", signed=True) + facts).digest()


def sealed_entry(sql_transaction: int, digest: bytes) -> bytes:
    """Return what a seal hashes of one event: the number of the transaction that wrote it (8 bytes), and its digest."""
    return sql_transaction.to_bytes(8, "big", signed=True) + digest


@dataclass(frozen=True, slots=True)
class Seal:
    """The head of a region's history at a moment: it stands for every event of a span of SQL transactions.

    The span is [`transactions_from`, `transactions_before`); the next seal begins where this one ends, so that every
    event is under exactly one seal, or not sealed yet. ``entries`` is the SHA-256 over the `sealed_entry` of each of
    them, in the order of transaction, payment, epoch and sequence.
    """

    region: str
    number: int
    previous: bytes
    entries: bytes
    events: int
    transactions_from: int
    transactions_before: int
    at: datetime

    def canonical(self) -> bytes:
        """Return the form that is hashed."""
        return _canonical(
            {
                "at": _instant(self.at),
                "entries": self.entries.hex(),
                "events": self.events,
                "form": _SEAL_FORM,
                "number": self.number,
                "previous": self.previous.hex(),
                "region": self.region,
                "transactions_before": str(self.transactions_before),
                "transactions_from": str(self.transactions_from),
            }
        )

    def digest(self) -> bytes:
        """Return the head: what the next seal follows, and what is anchored outside the database."""
        return hashlib.sha256(self.canonical()).digest()


def _canonical(members: Mapping[str, Any]) -> bytes:
    return _ENCODER.encode(members).encode()


def _instant(at: datetime) -> str:
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return utc.isoformat(timespec="microseconds")[:-6] + "Z"


def _message_id(message: MessageFacts) -> UUID:
    return message.message_id
