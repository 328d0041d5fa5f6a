"""Segments: the objects of the archive, as bytes (docs/archive.md has the form for a reader who has nothing else).

A segment holds messages of one region. Its header says in clear what it is, how many messages of which times it holds,
and under which key its own key is wrapped; each record is encrypted by itself, so that one can be read without the
others. The form is versioned: what one version means is never changed, since segments lie in archives for years.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.domain.audit import MessageFacts
from gateway.service.ports import ArchiveDamagedError, DataKey, DataKeys, KeptMessage, Part, Sealed

FORM: Final = "fifteen.segment.1"

MAGIC: Final = b"FIFTEEN SEGMENT\n"

_SIZE: Final = 4
"""Bytes of a length, big-endian."""

_NONCE: Final = 12
_DIGEST: Final = 32

HEADER_MAX: Final = 4_096
"""A longer header is none of ours."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a segment says of itself, in clear."""

    region: str
    number: int
    messages: int
    first_at: datetime
    last_at: datetime
    wrapped_key: Sealed


@dataclass(frozen=True, slots=True)
class WrittenSegment:
    """A segment's bytes, and where in them the header ends and each record lies."""

    content: bytes
    header_size: int
    records: Sequence[Part]

    @property
    def digest(self) -> bytes:
        """The SHA-256 of all of it."""
        return sha256(self.content).digest()


def segment_name(region: str, number: int) -> str:
    """Return the name of a region's segment: nothing in it tells of a payment."""
    return f"{region}/{number:010}.segment"


def write_segment(region: str, number: int, messages: Sequence[KeptMessage], data_key: DataKey) -> WrittenSegment:
    """Return a segment of these messages, at least one; `data_key` must never be used for anything else."""
    times = [message.facts.at for message in messages]
    header = Header(region, number, len(messages), min(times), max(times), data_key.wrapped)
    opening = _opening(header)
    cipher, bound_to = AESGCM(data_key.key), sha256(opening).digest()
    parts, records, start = [opening], [], len(opening)
    for position, message in enumerate(messages):
        nonce = position.to_bytes(_NONCE, "big")  # fresh for each record, as the key is for each segment
        record = cipher.encrypt(nonce, _plaintext(message), bound_to)
        parts += (len(record).to_bytes(_SIZE, "big"), record)
        records.append(Part(start + _SIZE, len(record)))
        start += _SIZE + len(record)
    whole = b"".join(parts)
    return WrittenSegment(whole + sha256(whole).digest(), len(opening), records)


def read_segment(
    content: bytes, keys: DataKeys, *, region: str, number: int
) -> tuple[Header, Sequence[KeptMessage], WrittenSegment]:
    """Return what a segment says of itself, every message in it, and where each lies.

    Raises:
        ArchiveDamagedError: it is not the segment of that region and number, whole and unchanged.
        LookupError: the key that its own is wrapped under is not known here.

    """
    name = segment_name(region, number)
    whole, digest = content[:-_DIGEST], content[-_DIGEST:]
    if sha256(whole).digest() != digest:
        raise ArchiveDamagedError(name, "it was changed, or cut off: its bytes are not those of the digest at its end")
    opening = _opening_of(whole, name)
    header = read_header(opening, region=region, number=number)
    records = list(_records(whole, len(opening), name))
    if len(records) != header.messages:
        raise ArchiveDamagedError(name, f"it holds {len(records)} records, its header says {header.messages}")
    key = keys.open(header.wrapped_key)
    bound_to = sha256(opening).digest()
    messages = [
        _open_record(key, bound_to, whole[part.start : part.start + part.size], position=position, name=name)
        for position, part in enumerate(records)
    ]
    return header, messages, WrittenSegment(content, len(opening), records)


def read_record(
    opening: bytes, record: bytes, keys: DataKeys, *, region: str, number: int, position: int
) -> KeptMessage:
    """Return one message, from the first bytes of its segment (up to the end of the header) and its record.

    Raises:
        ArchiveDamagedError: these are not the header of that segment and its record of that position.
        LookupError: the key that the segment's own is wrapped under is not known here.

    """
    header = read_header(opening, region=region, number=number)
    key = keys.open(header.wrapped_key)
    return _open_record(key, sha256(opening).digest(), record, position=position, name=segment_name(region, number))


def read_header(opening: bytes, *, region: str, number: int) -> Header:
    """Return the header that a segment's first bytes hold.

    Raises:
        ArchiveDamagedError: it is none, or that of another segment.

    """
    name = segment_name(region, number)
    try:
        members = json.loads(_opening_of(opening, name)[len(MAGIC) + _SIZE :])
        if members["form"] != FORM:
            raise ArchiveDamagedError(name, f"its form is {members['form']}: this program reads {FORM}")
        header = Header(
            region=members["region"],
            number=members["number"],
            messages=members["messages"],
            first_at=datetime.fromisoformat(members["first_at"]),
            last_at=datetime.fromisoformat(members["last_at"]),
            wrapped_key=Sealed(members["key_id"], base64.b64decode(members["wrapped_key"], validate=True)),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveDamagedError(name, f"its header cannot be read: {error}") from error
    if (header.region, header.number) != (region, number):
        raise ArchiveDamagedError(name, f"it is another: segment {header.number} of region {header.region}")
    return header


def _opening(header: Header) -> bytes:
    members = {
        "form": FORM,
        "region": header.region,
        "number": header.number,
        "messages": header.messages,
        "first_at": header.first_at.isoformat(),
        "last_at": header.last_at.isoformat(),
        "cipher": "AES-256-GCM",
        "key_id": header.wrapped_key.key_id,
        "wrapped_key": base64.b64encode(header.wrapped_key.ciphertext).decode(),
    }
    text = json.dumps(members).encode()
    return MAGIC + len(text).to_bytes(_SIZE, "big") + text


def _opening_of(content: bytes, name: str) -> bytes:
    """The first bytes up to the end of the header."""
    begin = len(MAGIC) + _SIZE
    size = int.from_bytes(content[len(MAGIC) : begin], "big")
    if content[: len(MAGIC)] != MAGIC or not 0 < size <= HEADER_MAX or len(content) < begin + size:
        raise ArchiveDamagedError(name, "it does not begin as a segment does")
    return content[: begin + size]


def _records(whole: bytes, start: int, name: str) -> Iterator[Part]:
    while start < len(whole):
        size = int.from_bytes(whole[start : start + _SIZE], "big")
        if start + _SIZE + size > len(whole):
            raise ArchiveDamagedError(name, f"the record at byte {start} goes beyond its end")
        yield Part(start + _SIZE, size)
        start += _SIZE + size


def _open_record(key: bytes, bound_to: bytes, record: bytes, *, position: int, name: str) -> KeptMessage:
    try:
        plaintext = AESGCM(key).decrypt(position.to_bytes(_NONCE, "big"), record, bound_to)
    except (InvalidTag, ValueError) as error:
        raise ArchiveDamagedError(name, f"record {position} was changed, or put there from elsewhere") from error
    message = _message_from(plaintext)
    if sha256(message.body).digest() != message.facts.digest:
        raise ArchiveDamagedError(name, f"the body of record {position} is not the one of its digest")
    return message


def _plaintext(message: KeptMessage) -> bytes:
    facts = message.facts
    members = {
        "message_id": str(facts.message_id),
        "tenant_id": message.tenant_id,
        "payment_id": str(message.payment_id),
        "uetr": message.uetr,
        "direction": facts.direction,
        "message_type": facts.message_type,
        "business_message_id": facts.business_message_id,
        "content_type": facts.content_type,
        "key_id": facts.key_id,
        "digest": facts.digest.hex(),
        "at": facts.at.isoformat(),
        "event_sequence": message.event_sequence,
    }
    text = json.dumps(members, ensure_ascii=False).encode()
    return len(text).to_bytes(_SIZE, "big") + text + message.body


def _message_from(plaintext: bytes) -> KeptMessage:
    """What `_plaintext` has written: it is authenticated, so that nothing else can be found here."""
    size = int.from_bytes(plaintext[:_SIZE], "big")
    members: dict[str, Any] = json.loads(plaintext[_SIZE : _SIZE + size])
    return KeptMessage(
        facts=MessageFacts(
            message_id=UUID(members["message_id"]),
            direction=members["direction"],
            message_type=members["message_type"],
            business_message_id=members["business_message_id"],
            content_type=members["content_type"],
            key_id=members["key_id"],
            digest=bytes.fromhex(members["digest"]),
            at=datetime.fromisoformat(members["at"]),
        ),
        tenant_id=members["tenant_id"],
        payment_id=UUID(members["payment_id"]),
        uetr=members["uetr"],
        event_sequence=members["event_sequence"],
        body=plaintext[_SIZE + size :],
    )
