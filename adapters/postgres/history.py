"""What is kept on PostgreSQL, payment by payment, page by page: facts, projection, events, raw messages, postings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

import asyncpg

from adapters.postgres import incoming_statements, statements
from adapters.postgres.archive import ARCHIVED_OF_PAYMENTS, read_archived
from adapters.postgres.connection import READS_MUCH, translated
from adapters.postgres.incoming_rows import fact_from, transfer_from
from adapters.postgres.rows import event_from, message_from, payment_from
from gateway.domain.ledger import Account, Posting, PostingKind
from gateway.domain.payment import IdempotencyKey, PaymentId
from gateway.service.ports import ArchiveReader, IncomingHistory, PaymentHistory, RawMessage, Vault
from iso20022 import Amount

_PAGE: Final = "SELECT DISTINCT payment_id FROM payment WHERE payment_id > $1 ORDER BY payment_id LIMIT $2"

_INCOMING_PAGE: Final = (
    "SELECT DISTINCT payment_id FROM incoming_transfer WHERE payment_id > $1 ORDER BY payment_id LIMIT $2"
)

_BEFORE_ALL: Final = UUID(int=0)
"""No payment has it: the first page begins behind it."""

_KEYS: Final = """
SELECT claim.payment_id, claim.idempotency_key
FROM payment AS fact
JOIN claim ON claim.tenant_id = fact.tenant_id AND claim.payment_id = fact.payment_id
WHERE fact.payment_id = ANY ($1::uuid[])
"""

_EVENTS: Final = """
SELECT payment_id, region, epoch, sequence, kind, state_before, state_after, status, reason_code, reason_origin,
    reason_text, business_message_id, details, at, contradiction, digest
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


class _Kept(NamedTuple):
    """What is kept beside the rows themselves, by payment."""

    events: Mapping[object, Sequence[asyncpg.Record]]
    messages: Mapping[object, Sequence[RawMessage]]
    postings: Mapping[object, Sequence[asyncpg.Record]]


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
        return await self.of(await self._ids(_PAGE, after, limit))

    async def incoming_page(self, after: PaymentId | None, *, limit: int) -> Sequence[IncomingHistory]:
        """Return the next incoming transfers; see the port."""
        return await self.incoming_of(await self._ids(_INCOMING_PAGE, after, limit))

    async def of(self, payment_ids: Sequence[PaymentId]) -> Sequence[PaymentHistory]:
        """Return these payments, all as at one moment; see the port."""
        (payments, key_rows), kept = await self._read(payment_ids, statements.LOAD, _KEYS)
        keys = {row[0]: row[1] for row in key_rows}
        return [
            PaymentHistory(
                payment=payment_from(row),
                idempotency_key=IdempotencyKey(keys[payment_id]),
                events=tuple(map(event_from, kept.events[payment_id])),
                digests=tuple(event["digest"] for event in kept.events[payment_id]),
                messages=tuple(kept.messages[payment_id]),
                postings=_postings(kept.postings[payment_id]),
            )
            for payment_id, row in sorted((row["payment_id"], row) for row in payments)
        ]

    async def incoming_of(self, payment_ids: Sequence[PaymentId]) -> Sequence[IncomingHistory]:
        """Return these incoming transfers, all as at one moment; see the port."""
        (transfers,), kept = await self._read(payment_ids, incoming_statements.LOAD)
        return [
            IncomingHistory(
                transfer=transfer_from(row),
                events=tuple(map(fact_from, kept.events[payment_id])),
                digests=tuple(event["digest"] for event in kept.events[payment_id]),
                messages=tuple(kept.messages[payment_id]),
                postings=_postings(kept.postings[payment_id]),
            )
            for payment_id, row in sorted((row["payment_id"], row) for row in transfers)
        ]

    async def _ids(self, statement: str, after: PaymentId | None, limit: int) -> Sequence[PaymentId]:
        with translated():
            return [PaymentId(row[0]) for row in await self._pool.fetch(statement, after or _BEFORE_ALL, limit)]

    async def _read(
        self, payment_ids: Sequence[PaymentId], *own: str
    ) -> tuple[Sequence[Sequence[asyncpg.Record]], _Kept]:
        """Return the rows of the `own` statements, and what is kept beside them."""
        with translated():
            async with (
                self._pool.acquire() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                await connection.execute(READS_MUCH)
                rows = [await connection.fetch(statement, payment_ids) for statement in own]
                events, messages, archived, postings = [
                    await connection.fetch(statement, payment_ids)
                    for statement in (_EVENTS, _MESSAGES, ARCHIVED_OF_PAYMENTS, _POSTINGS)
                ]
        raw = await self._messages(messages, archived)
        return rows, _Kept(_by_payment(events), raw, _by_payment(postings))

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
