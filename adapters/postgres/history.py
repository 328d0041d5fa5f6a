"""Kept payments on PostgreSQL, read page by page: facts, projection, events, raw messages, postings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import asyncpg

from adapters.postgres import statements
from adapters.postgres.archive import ARCHIVED_OF_PAYMENTS, read_archived
from adapters.postgres.connection import READS_MUCH, translated
from adapters.postgres.rows import event_from, message_from, payment_from
from gateway.domain.ledger import Account, Posting, PostingKind
from gateway.domain.payment import IdempotencyKey, PaymentId
from gateway.service.ports import ArchiveReader, PaymentHistory, RawMessage, Vault
from iso20022 import Amount

_PAGE: Final = """
SELECT payment_id FROM payment WHERE $1::uuid IS NULL OR payment_id > $1 ORDER BY payment_id LIMIT $2
"""

_KEYS: Final = """
SELECT claim.payment_id, claim.idempotency_key
FROM payment AS fact
JOIN claim ON claim.tenant_id = fact.tenant_id AND claim.payment_id = fact.payment_id
WHERE fact.payment_id = ANY ($1::uuid[])
"""

_EVENTS: Final = """
SELECT payment_id, region, epoch, sequence, kind, state_before, state_after, status, reason_code, reason_origin,
    reason_text, business_message_id, details, at, digest
FROM payment_event WHERE payment_id = ANY ($1::uuid[]) ORDER BY payment_id, epoch, sequence
"""

_MESSAGES: Final = """
SELECT payment_id, message_id AS raw_id, direction, message_type, business_message_id, content_type, key_id, body, at
FROM message WHERE payment_id = ANY ($1::uuid[]) ORDER BY payment_id, at, message_id
"""

_POSTINGS: Final = """
SELECT payment_id, sequence, kind, debit, credit, amount_cents
FROM ledger_posting WHERE payment_id = ANY ($1::uuid[]) ORDER BY payment_id, epoch, sequence, kind
"""


class PostgresHistory:
    """Implements `gateway.service.ports.History` over a pool of the application's role.

    Messages that have left for the archive are read there, by `archive`.
    """

    def __init__(
        self, pool: asyncpg.Pool[asyncpg.Record], *, vault: Vault, archive: ArchiveReader | None = None
    ) -> None:
        self._pool = pool
        self._vault = vault
        self._archive = archive

    async def page(self, after: PaymentId | None, *, limit: int) -> Sequence[PaymentHistory]:
        """Return the next payments; see the port."""
        with translated():
            rows = await self._pool.fetch(_PAGE, after, limit)
        return await self.of([PaymentId(row["payment_id"]) for row in rows])

    async def incoming_transfers(self) -> int:
        """Return how many transfers came in: they are no part of these pages."""
        with translated():
            return int(await self._pool.fetchval("SELECT count(*) FROM incoming_transfer"))

    async def of(self, payment_ids: Sequence[PaymentId]) -> Sequence[PaymentHistory]:
        """Return these payments, all as at one moment; see the port."""
        with translated():
            async with (
                self._pool.acquire() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                await connection.execute(READS_MUCH)
                payments = await connection.fetch(statements.LOAD, payment_ids)
                keys = {row[0]: row[1] for row in await connection.fetch(_KEYS, payment_ids)}
                events = _by_payment(await connection.fetch(_EVENTS, payment_ids))
                messages = await connection.fetch(_MESSAGES, payment_ids)
                archived = await connection.fetch(ARCHIVED_OF_PAYMENTS, payment_ids)
                postings = _by_payment(await connection.fetch(_POSTINGS, payment_ids))
        raw = await self._messages(messages, archived)
        return [
            PaymentHistory(
                payment=payment_from(row),
                idempotency_key=IdempotencyKey(keys[row["payment_id"]]),
                events=tuple(map(event_from, events[row["payment_id"]])),
                digests=tuple(event["digest"] for event in events[row["payment_id"]]),
                messages=tuple(raw[row["payment_id"]]),
                postings=_postings(postings[row["payment_id"]]),
            )
            for row in sorted(payments, key=lambda row: row["payment_id"])
        ]

    async def _messages(
        self, rows: Sequence[asyncpg.Record], archived: Sequence[asyncpg.Record]
    ) -> Mapping[object, Sequence[RawMessage]]:
        """The messages of each payment in the order of their times, wherever they are."""
        found: defaultdict[object, list[RawMessage]] = defaultdict(list)
        for row in rows:
            found[row["payment_id"]].append(message_from(row, self._vault))
        here = {row["raw_id"] for row in rows}
        for payment_id, away in (await read_archived(archived, self._archive, self._vault, but=here)).items():
            found[payment_id] = sorted((*found[payment_id], *away), key=lambda raw: (raw.at, raw.message_id))
        return found


def _by_payment(rows: Sequence[asyncpg.Record]) -> Mapping[object, list[asyncpg.Record]]:
    found: dict[object, list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        found[row["payment_id"]].append(row)
    return found


def _postings(rows: Sequence[asyncpg.Record]) -> tuple[tuple[int, Posting], ...]:
    return tuple(
        (
            row["sequence"],
            Posting(
                PostingKind(row["kind"]), Account(row["debit"]), Account(row["credit"]), Amount(row["amount_cents"])
            ),
        )
        for row in rows
    )
