"""Messages damaged byte by byte, piece by piece: what a faulty line, a faulty program or an attacker makes of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final

_TOKENS: Final = (
    b"<", b">", b"</", b"/>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<!DOCTYPE a>", b"<?x?>", b"&", b"&x;", b"&#0;",
    b"&#x10FFFF;", b"&amp;", b'"', b"'", b"=", b" ", b"\n", b"\0", b"\xff", b"\xc0\xbc", b"\xed\xa0\x80",
    b"\xef\xbb\xbf", b"<a>", b"</a>", b"<Document>", b"</Document>", b' xmlns="urn:x"', b' xmlns:p="urn:x"', b"p:",
    b' Ccy="EUR"', b"-", b"9" * 40, b"0", b".", b"+", b"e5", b"T", b"Z", b"24:00:00", b"2026-02-30",
    "\u0661".encode(), "\u2028".encode(),
)  # fmt: skip


def damaged(body: bytes, chance: random.Random, *, others: Sequence[bytes]) -> bytes:
    """The body damaged at one to three places; now and then it goes on as one of the others."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        damage = chance.choice(_DAMAGES)
        body = _splice(body, chance.choice(others), chance) if damage is None else damage(body, chance)
    return body


def _flip(body: bytes, chance: random.Random) -> bytes:
    position = chance.randrange(len(body) or 1)
    return body[:position] + bytes([chance.randrange(256)]) + body[position + 1 :]


def _insert(body: bytes, chance: random.Random) -> bytes:
    position = chance.randrange(len(body) + 1)
    return body[:position] + chance.choice(_TOKENS) + body[position:]


def _remove(body: bytes, chance: random.Random) -> bytes:
    position = chance.randrange(len(body) + 1)
    return body[:position] + body[position + chance.randrange(1, 30) :]


def _repeat(body: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(body) + 1)
    end = min(len(body), start + chance.randrange(1, 200))
    return body[:end] + body[start:end] + body[end:]


def _splice(body: bytes, other: bytes, chance: random.Random) -> bytes:
    return body[: chance.randrange(len(body) + 1)] + other[chance.randrange(len(other)) :]


def _letter(body: bytes, chance: random.Random) -> bytes:
    """Another letter or digit for one: it often stays well formed."""
    position = chance.randrange(len(body) or 1)
    return body[:position] + chance.choice(b"AZaz09./-").to_bytes(1) + body[position + 1 :]


_DAMAGES: Final[tuple[Callable[[bytes, random.Random], bytes] | None, ...]] = (
    _flip, _insert, _remove, _repeat, None, _letter, _letter,
)  # fmt: skip
