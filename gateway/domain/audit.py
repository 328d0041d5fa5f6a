"""What is hashed of a payment and of a seal, in which form, and how digests follow one another (docs/audit.md).

Pure, so that the writer, the verifier and a third party compute the same. The forms are versioned: what one of them
means is never changed, since digests of it lie in databases and anchors for years.

Every form is a JSON object in the canonical form of RFC 8785: members sorted by name, no white space, UTF-8. Instants
are UTC with microseconds; UUIDs and bytes are hexadecimal; numbers that may exceed 53 bits are strings. The forms are
written out as text below: that shows them as they are, and takes half the time of a general encoder on the way of every
payment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from json import JSONEncoder
from json.encoder import encode_basestring as _quoted
from typing import Final
from uuid import UUID

UNCHAINED: Final = bytes(32)
"""What stands in the place of the predecessor where there is none: before the first seal, and before an event that
follows events from the time before there were chains."""

TRANSFER_TYPE: Final = "pacs.008.001.08"
"""What an incoming transfer is whose form names no type: the only one there was when that form was made."""

_ENCODER: Final = JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))


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
    funds_holder: str
    original_id: UUID | None = None

    def canonical(self) -> bytes:
        """Return the form that is hashed; that of a return says which transfer it gives back."""
        holder = f'"funds_holder":{_quoted(self.funds_holder)},'
        if self.original_id is None:
            return self._form("fifteen.payment.2", holder)
        return self._form("fifteen.payment.3", holder, f'"original_id":"{self.original_id.hex}",')

    def former_canonical(self) -> bytes:
        """Return the form that was hashed before it had who holds the debtor's money."""
        return self._form("fifteen.payment.1", "")

    def _form(self, name: str, holder: str, original: str = "") -> bytes:
        return (
            f'{{"accepted_at":"{_instant(self.accepted_at)}","amount_cents":"{self.amount_cents}",'
            f'"business_date":"{self.business_date.isoformat()}",'
            f'"creditor_account_index":"{self.creditor_account_index.hex()}",'
            f'"creditor_agent":{_quoted(self.creditor_agent)},"deadline_at":"{_instant(self.deadline_at)}",'
            f'"debtor_account_index":"{self.debtor_account_index.hex()}","debtor_agent":{_quoted(self.debtor_agent)},'
            f'"end_to_end_id":{_quoted(self.end_to_end_id)},"form":"{name}",{holder}'
            f'"instruction_id":{_text(self.instruction_id)},"message_id":{_quoted(self.message_id)},{original}'
            f'"payment_id":"{self.payment_id.hex}","rail":{_quoted(self.rail)},"region":{_quoted(self.region)},'
            f'"tenant_id":{_quoted(self.tenant_id)},"uetr":{_text(self.uetr)}}}'
        ).encode()

    def digest(self) -> bytes:
        """Return what the first event follows."""
        return hashlib.sha256(self.canonical()).digest()

    def digests(self) -> tuple[bytes, ...]:
        """Return what the first event may follow: the digest, or that of the former form.

        To accept either weakens nothing: which of them a payment's first event follows is sealed with it.
        """
        return self.digest(), hashlib.sha256(self.former_canonical()).digest()


@dataclass(frozen=True, slots=True)
class IncomingTransferFacts:
    """What an incoming transfer is from the beginning: its row, which its first event is chained to."""

    region: str
    payment_id: UUID
    tenant_id: str
    rail: str
    message_id: str
    message_created_at: datetime
    instruction_id: str | None
    end_to_end_id: str
    transaction_id: str | None
    uetr: str | None
    amount_cents: int
    instructing_agent: str
    instructed_agent: str
    debtor_agent: str
    creditor_agent: str
    debtor_account_index: bytes
    creditor_account_index: bytes
    forwarded_at: datetime
    received_at: datetime
    answer_by: datetime
    message_type: str = TRANSFER_TYPE
    original_id: UUID | None = None

    def canonical(self) -> bytes:
        """Return the form that is hashed; that of a return says so, and which payment comes back."""
        if self.message_type == TRANSFER_TYPE and self.original_id is None:
            return self._form("fifteen.incoming_transfer.1", "")
        original = "null" if self.original_id is None else f'"{self.original_id.hex}"'
        more = f'"message_type":{_quoted(self.message_type)},"original_id":{original},'
        return self._form("fifteen.incoming_transfer.2", more)

    def _form(self, name: str, more: str) -> bytes:
        return (
            f'{{"amount_cents":"{self.amount_cents}","answer_by":"{_instant(self.answer_by)}",'
            f'"creditor_account_index":"{self.creditor_account_index.hex()}",'
            f'"creditor_agent":{_quoted(self.creditor_agent)},'
            f'"debtor_account_index":"{self.debtor_account_index.hex()}","debtor_agent":{_quoted(self.debtor_agent)},'
            f'"end_to_end_id":{_quoted(self.end_to_end_id)},"form":"{name}",'
            f'"forwarded_at":"{_instant(self.forwarded_at)}","instructed_agent":{_quoted(self.instructed_agent)},'
            f'"instructing_agent":{_quoted(self.instructing_agent)},"instruction_id":{_text(self.instruction_id)},'
            f'"message_created_at":"{_instant(self.message_created_at)}","message_id":{_quoted(self.message_id)},{more}'
            f'"payment_id":"{self.payment_id.hex}","rail":{_quoted(self.rail)},'
            f'"received_at":"{_instant(self.received_at)}","region":{_quoted(self.region)},'
            f'"tenant_id":{_quoted(self.tenant_id)},"transaction_id":{_text(self.transaction_id)},'
            f'"uetr":{_text(self.uetr)}}}'
        ).encode()

    def digest(self) -> bytes:
        """Return what the first event follows."""
        return hashlib.sha256(self.canonical()).digest()

    def digests(self) -> tuple[bytes, ...]:
        """Return what the first event may follow."""
        return (self.digest(),)


@dataclass(frozen=True, slots=True)
class ConversationFacts:
    """What a conversation is from the beginning: its row, which its first event is chained to."""

    region: str
    conversation_id: UUID
    tenant_id: str
    rail: str
    kind: str
    side: str
    message_id: str
    content_digest: bytes
    own_agent: str
    counterparty: str
    topic: str | None
    amount_cents: int | None
    end_to_end_id: str | None
    about_id: UUID | None
    opened_at: datetime
    pay_by: datetime | None
    expires_at: datetime | None

    def canonical(self) -> bytes:
        """Return the form that is hashed."""
        said = {
            "about_id": None if self.about_id is None else self.about_id.hex,
            "amount_cents": None if self.amount_cents is None else str(self.amount_cents),
            "content_digest": self.content_digest.hex(),
            "conversation_id": self.conversation_id.hex,
            "counterparty": self.counterparty,
            "end_to_end_id": self.end_to_end_id,
            "expires_at": None if self.expires_at is None else _instant(self.expires_at),
            "form": "fifteen.conversation.1",
            "kind": self.kind,
            "message_id": self.message_id,
            "opened_at": _instant(self.opened_at),
            "own_agent": self.own_agent,
            "pay_by": None if self.pay_by is None else _instant(self.pay_by),
            "rail": self.rail,
            "region": self.region,
            "side": self.side,
            "tenant_id": self.tenant_id,
            "topic": self.topic,
        }
        return _json(said).encode()

    def digest(self) -> bytes:
        """Return what the first event follows."""
        return hashlib.sha256(self.canonical()).digest()

    def digests(self) -> tuple[bytes, ...]:
        """Return what the first event may follow."""
        return (self.digest(),)


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

    def canonical(self) -> str:
        """Return its part of the form of the event that it was saved with."""
        return (
            f'{{"at":"{_instant(self.at)}","business_message_id":{_quoted(self.business_message_id)},'
            f'"content_type":{_quoted(self.content_type)},"digest":"{self.digest.hex()}",'
            f'"direction":{_quoted(self.direction)},"key_id":{_quoted(self.key_id)},"message_id":"{self.message_id.hex}",'
            f'"message_type":{_quoted(self.message_type)}}}'
        )


@dataclass(frozen=True, slots=True)
class EventFacts:
    """What an event says: of a payment, of a transfer that came, or of a conversation, which has its id there too."""

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
        in_order = sorted(messages, key=_message_id) if len(messages) > 1 else messages
        kept = ",".join([message.canonical() for message in in_order])
        return (
            f'{{"at":"{_instant(self.at)}","business_message_id":{_text(self.business_message_id)},'
            f'"contradiction":{"true" if self.contradiction else "false"},"details":{_json(self.details)},'
            f'"form":"fifteen.event.1","kind":{_quoted(self.kind)},"messages":[{kept}],'
            f'"payment_id":"{self.payment_id.hex}","reason_code":{_text(self.reason_code)},'
            f'"reason_origin":{_text(self.reason_origin)},"reason_text":{_text(self.reason_text)},'
            f'"region":{_quoted(self.region)},"sequence":{self.sequence},"state_after":{_quoted(self.state_after)},'
            f'"state_before":{_text(self.state_before)},"status":{_text(self.status)},'
            f'"tenant_id":{_quoted(self.tenant_id)}}}'
        ).encode()

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
    covers_conversations: bool = False
    """Whether the events of conversations are among them: not of what a former release has sealed."""

    def canonical(self) -> bytes:
        """Return the form that is hashed; another one where conversations are under it."""
        form = "fifteen.seal.2" if self.covers_conversations else "fifteen.seal.1"
        return (
            f'{{"at":"{_instant(self.at)}","entries":"{self.entries.hex()}","events":{self.events},'
            f'"form":"{form}","number":{self.number},"previous":"{self.previous.hex()}",'
            f'"region":{_quoted(self.region)},"transactions_before":"{self.transactions_before}",'
            f'"transactions_from":"{self.transactions_from}"}}'
        ).encode()

    def digest(self) -> bytes:
        """Return the head: what the next seal follows, and what is anchored outside the database."""
        return hashlib.sha256(self.canonical()).digest()


def _text(value: str | None) -> str:
    return "null" if value is None else _quoted(value)


def _json(value: object) -> str:
    """An object of texts, as we write it; and whatever else somebody may have put in its place."""
    if value == {}:
        return "{}"
    return _ENCODER.encode(dict(sorted(value.items())) if isinstance(value, dict) else value)


@lru_cache(maxsize=1_024)
def _instant(at: datetime) -> str:
    """An acceptance names its time in payment, event and message."""
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return utc.isoformat(timespec="microseconds")[:-6] + "Z"


def _message_id(message: MessageFacts) -> UUID:
    return message.message_id
