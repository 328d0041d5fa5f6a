"""Segments: what is written is read back, and nothing else is taken for it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.keys.aes import AesVault
from gateway.domain.audit import MessageFacts
from gateway.service.ports import ArchiveDamagedError, KeptMessage
from gateway.service.segment import WrittenSegment, read_record, read_segment, segment_name, write_segment

KEYS: Final = AesVault({"2026-01": bytes(range(32))}, index_key=b"index")
AT: Final = datetime(2026, 8, 1, 12, 0, 0, 120, tzinfo=UTC)


def kept(number: int, body: bytes = b"<Document>Sample Person</Document>") -> KeptMessage:
    """A message as the database keeps it."""
    return KeptMessage(
        facts=MessageFacts(
            message_id=UUID(int=number),
            direction="client_in",
            message_type="pacs.008.001.08",
            business_message_id=f"20260801990000107{number}",
            content_type="application/xml",
            key_id="clear",
            digest=hashlib.sha256(body).digest(),
            at=AT + timedelta(seconds=number),
        ),
        tenant_id="default",
        payment_id=UUID(int=number + 1000),
        uetr="7c3f0c52-5d1e-4c5b-9a52-0e6f1a2b3c4d",
        event_sequence=1,
        body=body,
    )


MESSAGES: Final = [kept(1), kept(2, b""), kept(3, bytes(range(256)) * 20), replace(kept(4), uetr=None)]


def written(number: int = 7) -> WrittenSegment:
    """A segment of those."""
    return write_segment("local", number, MESSAGES, KEYS.new_data_key())


def read(content: bytes, number: int = 7) -> object:
    """What is read of it."""
    return read_segment(content, KEYS, region="local", number=number)


def test_what_is_written_is_read_back_whole_and_record_by_record() -> None:
    """Every column of a message, and its bytes."""
    segment = written()

    header, messages, lying = read_segment(segment.content, KEYS, region="local", number=7)

    assert list(messages) == MESSAGES
    assert (header.messages, header.first_at, header.last_at) == (4, MESSAGES[0].facts.at, MESSAGES[3].facts.at)
    assert lying == segment
    opening = segment.content[: segment.header_size]
    for position, (message, part) in enumerate(zip(MESSAGES, segment.records, strict=True)):
        record = segment.content[part.start : part.start + part.size]
        assert read_record(opening, record, KEYS, region="local", number=7, position=position) == message


def test_nothing_of_a_payment_is_in_clear() -> None:
    """Neither in the object nor in its name."""
    segment = written()

    for told in (b"Sample", b"20260801990000107", b"7c3f0c52", b"default", b"pacs.008"):
        assert told not in segment.content
    assert segment_name("local", 7) == "local/0000000007.segment"


def test_every_truncation_and_every_changed_byte_is_seen() -> None:
    """The digest at the end tells without any key; what follows shows that the key alone would tell as well."""
    content = written().content

    for length in range(len(content)):
        with pytest.raises(ArchiveDamagedError):
            read(content[:length])
    for position in range(0, len(content), 7):
        changed = bytearray(content)
        changed[position] ^= 0x10
        with pytest.raises(ArchiveDamagedError):
            read(bytes(changed))


def resealed(content: bytes) -> bytes:
    """With the digest at the end made anew, as who edits an object can do."""
    whole = content[:-32]
    return whole + hashlib.sha256(whole).digest()


def test_who_makes_the_digest_anew_is_seen_all_the_same() -> None:
    """Header and records are authenticated under the segment's own key."""
    segment = written()
    for position in range(20, len(segment.content) - 32, 5):
        changed = bytearray(segment.content)
        changed[position] ^= 0x01
        with pytest.raises((ArchiveDamagedError, LookupError)):
            read(resealed(bytes(changed)))


def test_records_that_change_places_are_seen() -> None:
    """Each is bound to its position."""
    segment = written()
    content, records = segment.content, [(part.start - 4, part.start + part.size) for part in segment.records]
    (first, first_end), (last, last_end) = records[0], records[3]
    swapped = content[:first] + content[last:last_end] + content[first_end:last] + content[first:first_end]

    with pytest.raises(ArchiveDamagedError, match="record 0"):
        read(resealed(swapped + content[last_end:]))


def test_one_segment_is_not_taken_for_another() -> None:
    """Object 8 under the name of object 7, whole as it is."""
    with pytest.raises(ArchiveDamagedError, match="it is another: segment 8"):
        read(written(8).content)


def test_a_record_of_another_segment_is_not_taken() -> None:
    """Not even under the same number."""
    one, other = written(), written()
    part = other.records[0]

    with pytest.raises(ArchiveDamagedError, match="put there from elsewhere"):
        read_record(
            one.content[: one.header_size],
            other.content[part.start : part.start + part.size],
            KEYS,
            region="local",
            number=7,
            position=0,
        )


def test_without_its_key_nothing_is_read() -> None:
    """And that is said as it is: the key is missing, not the object."""
    other = AesVault({"2027-01": bytes(32)}, index_key=b"index")

    with pytest.raises(LookupError, match="2026-01"):
        read_segment(written().content, other, region="local", number=7)


def test_a_form_of_the_future_is_refused_by_its_name() -> None:
    """A program never guesses at what it does not know."""
    content = written().content.replace(b"fifteen.segment.1", b"fifteen.segment.2")

    with pytest.raises(ArchiveDamagedError, match=r"its form is fifteen\.segment\.2"):
        read(resealed(content))


def unsealed_by_the_document(key_id: str, sealed: bytes) -> bytes:
    """What is sealed under the key of the key file."""
    key = bytes(range(32))
    assert (key_id, sealed[0]) == ("2026-01", 1)
    salt, nonce, ciphertext = sealed[1:17], sealed[17:29], sealed[29:]
    derived = hmac.digest(key, b"fifteen.vault.1" + salt, "sha256")
    plaintext = AESGCM(derived).decrypt(nonce, ciphertext, key_id.encode())
    synthetic = hmac.digest(hmac.digest(key, b"fifteen.vault.1synthetic", "sha256"), plaintext, "sha256")
    assert synthetic[:28] == salt + nonce
    return plaintext


def test_the_form_can_be_read_with_what_the_document_says_alone() -> None:
    """A reader in ten years has docs/archive.md, the key, and a library for AES-GCM: here without our code."""
    content = write_segment("local", 1, MESSAGES, KEYS.new_data_key()).content

    assert content[:16] == b"FIFTEEN SEGMENT\n"
    header_end = 20 + int.from_bytes(content[16:20], "big")
    header = json.loads(content[20:header_end])
    assert (header["form"], header["region"], header["number"], header["messages"]) == (
        *("fifteen.segment.1", "local", 1),
        4,
    )
    assert hashlib.sha256(content[:-32]).digest() == content[-32:]
    key = unsealed_by_the_document(header["key_id"], base64.b64decode(header["wrapped_key"]))
    start, bodies = header_end, []
    for position in range(header["messages"]):
        size = int.from_bytes(content[start : start + 4], "big")
        record = content[start + 4 : start + 4 + size]
        bound_to = hashlib.sha256(content[:header_end]).digest()
        plain = AESGCM(key).decrypt(position.to_bytes(12, "big"), record, bound_to)
        told = int.from_bytes(plain[:4], "big")
        members, body = json.loads(plain[4 : 4 + told]), plain[4 + told :]
        assert hashlib.sha256(body).hexdigest() == members["digest"]
        bodies.append(body)
        start += 4 + size
    assert start == len(content) - 32
    assert bodies == [message.body for message in MESSAGES]
