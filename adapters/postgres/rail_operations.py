"""Rail operations on PostgreSQL: facts of the region that writes them, and what of it is still to be sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from adapters.postgres.connection import translated
from adapters.postgres.rows import digest_of
from adapters.postgres.standing import stands
from gateway.domain.incoming_transfer import ARRIVED
from gateway.domain.payment import Rail, RegionId
from gateway.domain.rail_operations import EVER, Codes, RailEvent, RailEventKind
from gateway.domain.reconciliation import Arrivals, Here
from gateway.service.ports import HeardMessage, MessageClass, RawMessage, Sealed, UnsentRailMessage, Vault

_INSERT: Final = """
INSERT INTO rail_event (region, event_id, rail, kind, code, subjects, about, business_message_id, asked_by, note,
    reason_code, description, event_time, at, message_type, message_class, key_id, body, digest, content_digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
ON CONFLICT DO NOTHING
RETURNING event_id
"""

_ASK: Final = (
    "WITH kept AS (" + _INSERT + ") INSERT INTO rail_event_due (event_id, not_before) SELECT event_id, $14 FROM kept"
)

_KNOWN: Final = """
SELECT content_digest FROM rail_event WHERE rail = $1 AND business_message_id = $2 AND region = $3
"""

_TAKE_UNSENT: Final = """
WITH taken AS (
    UPDATE rail_event_due SET not_before = $2
    WHERE event_id = ANY (ARRAY(
        SELECT due.event_id FROM rail_event_due AS due JOIN rail_event AS mine USING (event_id)
        WHERE due.not_before <= $1 AND mine.region = $4 AND NOT EXISTS (
            SELECT FROM rail_event_due AS other JOIN rail_event AS before USING (event_id)
            WHERE before.region = $4 AND before.kind = 'asked' AND mine.kind = 'asked' AND before.rail = mine.rail
                AND before.subjects = mine.subjects AND (before.at, before.event_id) < (mine.at, mine.event_id)
        )
        ORDER BY due.not_before LIMIT $3 FOR UPDATE OF due SKIP LOCKED
    ))
    RETURNING event_id
)
SELECT kept.* FROM rail_event AS kept JOIN taken USING (event_id) WHERE kept.region = $4 ORDER BY at
"""
"""Of what was asked about one subject the next is handed out once the one before has left, or was given up."""

_SENT: Final = "DELETE FROM rail_event_due WHERE event_id = $1"

_COLUMNS: Final = """
    event_id, rail, kind, code, subjects, about, business_message_id, asked_by, note, reason_code, description,
    event_time, at
"""
"""All but the message, which may be large."""

_ASKED: Final = f"""
SELECT {_COLUMNS} FROM rail_event
WHERE rail = $1 AND business_message_id = ANY ($2::text[]) AND kind IN ('asked', 'requested')
"""

_WITH_IDS: Final = f"SELECT {_COLUMNS} FROM rail_event WHERE event_id = ANY ($1::uuid[])"

_EVENTS: Final = f"""
SELECT {_COLUMNS} FROM rail_event
WHERE rail = $1 AND at >= $4 AND ($3::text[] IS NULL OR subjects && $3)
ORDER BY at DESC, event_id LIMIT $2
"""

_EVENTS_OF_KINDS: Final = f"""
SELECT found.* FROM unnest($4::text[]) AS wanted(kind) CROSS JOIN LATERAL (
    SELECT {_COLUMNS} FROM rail_event
    WHERE (rail, kind, at) >= ($1, wanted.kind, $5::timestamptz)
        AND (rail, kind, at) <= ($1, wanted.kind, 'infinity'::timestamptz)
        AND ($3::text[] IS NULL OR subjects && $3)
    ORDER BY rail DESC, kind DESC, at DESC, event_id LIMIT $2
) AS found
ORDER BY at DESC, event_id LIMIT $2
"""

_EVENTS_WITH_CODES: Final = f"""
SELECT found.* FROM unnest($4::text[]) AS wanted(code) CROSS JOIN LATERAL (
    SELECT {_COLUMNS} FROM rail_event
    WHERE (rail, code, at) >= ($1, wanted.code, $6::timestamptz)
        AND (rail, code, at) <= ($1, wanted.code, 'infinity'::timestamptz)
        AND ($3::text[] IS NULL OR subjects && $3) AND ($5::text[] IS NULL OR kind = ANY ($5))
    ORDER BY rail DESC, code DESC, at DESC, event_id LIMIT $2
) AS found
ORDER BY at DESC, event_id LIMIT $2
"""
"""A statement for each way of asking: a plan that is kept cannot leave a condition out, and would walk through all.

Ranges instead of equality: of two indexes that end with the time the planner takes the one without kind or code, where
it knows of one kind alone; this order only the other has.
"""

_SIGNED_OFF: Final = """
SELECT subject, happened_at FROM (
    SELECT DISTINCT ON (subject) subject, code, coalesce(event_time, at) AS happened_at
    FROM rail_event CROSS JOIN unnest(subjects) AS subject
    WHERE rail = $1 AND kind = 'broadcast' AND code IN ($2, $3) AND at >= $4
    ORDER BY subject, coalesce(event_time, at) DESC, at DESC
) AS latest WHERE code = $3
"""

_BODY: Final = """
SELECT key_id, body FROM rail_event WHERE rail = $1 AND event_id = $2 AND body IS NOT NULL LIMIT 1
"""

_HEARD: Final = f"""
SELECT {_COLUMNS}, key_id, body FROM rail_event
WHERE rail = $1 AND kind = $2 AND at >= $3 AND body IS NOT NULL AND event_id <> ALL ($5::uuid[]) AND region = $6
ORDER BY at, event_id LIMIT $4
"""

_ARRIVED_STATES: Final = ", ".join(repr(str(state)) for state in ARRIVED)

_ARRIVALS: Final = f"""
SELECT count(*) AS count, coalesce(sum(fact.amount_cents), 0)::bigint AS cents
FROM incoming_transfer AS fact JOIN incoming_state AS now ON now.payment_id = fact.payment_id
WHERE fact.rail = $1 AND fact.received_at >= $3 AND fact.received_at < $4 AND fact.instructed_agent = $2
    AND now.state IN ({_ARRIVED_STATES}) AND {stands()}
"""

_KNOWN_HERE: Final = f"""
SELECT fact.message_id, fact.amount_cents, fact.received_at,
    coalesce(now.state IN ({_ARRIVED_STATES}), false) AS settled
FROM incoming_transfer AS fact LEFT JOIN incoming_state AS now ON now.payment_id = fact.payment_id
WHERE fact.rail = $1 AND fact.message_id = ANY ($2::text[])
ORDER BY settled, coalesce({stands()}, false), fact.received_at
"""
"""Of what came to both regions the settled one last, and of two facts of one transfer that which stands: it counts."""

_OF_THEM_ALL: Final = f"""
SELECT * FROM (
    SELECT DISTINCT ON (missing.about) {_COLUMNS} FROM rail_event AS missing
    WHERE missing.rail = $1 AND missing.kind = 'missing' AND {{which}} AND NOT EXISTS (
        SELECT FROM rail_event AS closed
        WHERE closed.rail = $1 AND closed.kind = 'closed' AND closed.about = missing.about
    ) AND NOT EXISTS (
        SELECT FROM incoming_transfer AS fact JOIN incoming_state AS now ON now.payment_id = fact.payment_id
        WHERE fact.rail = $1 AND fact.message_id = missing.about AND now.state IN ({_ARRIVED_STATES}) AND {stands()}
            AND (missing.note IS NULL OR missing.note::numeric * 100 = fact.amount_cents)
    )
    ORDER BY missing.about, missing.at, missing.event_id
) AS found ORDER BY at, event_id LIMIT $2
"""

_STILL_MISSING: Final = _OF_THEM_ALL.format(which="true")

_IS_STILL_MISSING: Final = _OF_THEM_ALL.format(which="missing.about = $3")


class PostgresRailEvents:
    """Implements `gateway.service.ports.RailEventStore` over a pool of the application's role."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], *, region: RegionId, vault: Vault) -> None:
        self._pool = pool
        self._region = region
        self._vault = vault

    async def ask(self, event: RailEvent, message: RawMessage, *, message_class: MessageClass) -> None:
        """Keep a message that is to be sent, in one statement; see the port."""
        with translated():
            await self._pool.execute(_ASK, *self._row(event, message, message_class=message_class))

    async def hear(self, event: RailEvent, message: RawMessage, *, digest: bytes) -> bytes | None:
        """Keep what a rail said; see the port."""
        with translated():
            kept = await self._pool.fetchval(_INSERT, *self._row(event, message, digest=digest))
            if kept is not None:
                return None
            # In a second statement: what another has just inserted is in no snapshot of the first.
            known = await self._pool.fetchval(_KNOWN, event.rail.value, event.business_message_id, self._region)
        return b"" if known is None else bytes(known)

    async def note(self, event: RailEvent) -> bool:
        """Keep a fact without a message; see the port."""
        with translated():
            return await self._pool.fetchval(_INSERT, *self._row(event, None)) is not None

    async def take_unsent(self, now: datetime, *, again_at: datetime, limit: int) -> Sequence[UnsentRailMessage]:
        """Return messages that are to be sent; see the port."""
        with translated():
            rows = await self._pool.fetch(_TAKE_UNSENT, now, again_at, limit, self._region)
        return [
            UnsentRailMessage(
                _event_from(row),
                self._vault.open(Sealed(row["key_id"], row["body"])),
                MessageClass(row["message_class"]),
            )
            for row in rows
        ]

    async def sent(self, event: RailEvent) -> None:
        """Note that it has left; see the port."""
        with translated():
            await self._pool.execute(_SENT, event.event_id)

    async def asked(self, rail: Rail, message_ids: Collection[str]) -> Mapping[str, RailEvent]:
        """Return what was asked under these ids; see the port."""
        with translated():
            rows = await self._pool.fetch(_ASKED, rail.value, list(message_ids))
        return {row["business_message_id"]: _event_from(row) for row in rows}

    async def with_ids(self, event_ids: Collection[UUID]) -> Mapping[UUID, RailEvent]:
        """Return the events with these ids; see the port."""
        with translated():
            rows = await self._pool.fetch(_WITH_IDS, list(event_ids))
        return {event.event_id: event for event in map(_event_from, rows)}

    async def events(
        self,
        rail: Rail,
        *,
        codes: Collection[str] | None = None,
        kinds: Collection[RailEventKind] | None = None,
        subjects: Collection[str] | None = None,
        since: datetime = EVER,
        limit: int,
    ) -> Sequence[RailEvent]:
        """Return the newest events; see the port."""
        code, kind, about = (None if each is None else sorted(set(map(str, each))) for each in (codes, kinds, subjects))
        with translated():
            if code is not None:
                rows = await self._pool.fetch(_EVENTS_WITH_CODES, rail.value, limit, about, code, kind, since)
            elif kind is not None:
                rows = await self._pool.fetch(_EVENTS_OF_KINDS, rail.value, limit, about, kind, since)
            else:
                rows = await self._pool.fetch(_EVENTS, rail.value, limit, about, since)
        return [_event_from(row) for row in rows]

    async def still_missing(self, rail: Rail, *, message_id: str | None = None, limit: int) -> Sequence[RailEvent]:
        """Return what is missing; see the port."""
        with translated():
            if message_id is None:
                rows = await self._pool.fetch(_STILL_MISSING, rail.value, limit)
            else:
                rows = await self._pool.fetch(_IS_STILL_MISSING, rail.value, limit, message_id)
        return [_event_from(row) for row in rows]

    async def signed_off(self, rail: Rail, codes: Codes, *, since: datetime) -> Mapping[str, datetime]:
        """Return who is signed off; see the port."""
        with translated():
            rows = await self._pool.fetch(_SIGNED_OFF, rail.value, codes.sign_on, codes.sign_off, since)
        return {row["subject"]: row["happened_at"] for row in rows}

    async def body_of(self, rail: Rail, event_id: UUID) -> bytes | None:
        """Return the message that brought an event; see the port."""
        with translated():
            row = await self._pool.fetchrow(_BODY, rail.value, event_id)
        return None if row is None else self._vault.open(Sealed(row["key_id"], row["body"]))

    async def heard(
        self, rail: Rail, kind: RailEventKind, *, since: datetime, but: Collection[UUID], limit: int
    ) -> Sequence[HeardMessage]:
        """Return messages with their bytes; see the port."""
        with translated():
            rows = await self._pool.fetch(_HEARD, rail.value, kind.value, since, limit, list(but), self._region)
        return [HeardMessage(_event_from(row), self._vault.open(Sealed(row["key_id"], row["body"]))) for row in rows]

    async def arrivals(self, rail: Rail, institution: str, *, since: datetime, until: datetime) -> Arrivals:
        """Return what came, and has settled; see the port."""
        with translated():
            (row,) = await self._pool.fetch(_ARRIVALS, rail.value, institution, since, until)
        return Arrivals(row["count"], row["cents"])

    async def known_here(self, rail: Rail, message_ids: Collection[str]) -> Mapping[str, Here]:
        """Return which have come, and what became of them; see the port."""
        with translated():
            rows = await self._pool.fetch(_KNOWN_HERE, rail.value, list(message_ids))
        return {row["message_id"]: Here(row["amount_cents"], row["settled"], row["received_at"]) for row in rows}

    def _row(
        self,
        event: RailEvent,
        message: RawMessage | None,
        *,
        message_class: MessageClass | None = None,
        digest: bytes | None = None,
    ) -> tuple[Any, ...]:
        sealed = None if message is None else self._vault.seal(message.body)
        return (
            self._region,
            event.event_id,
            event.rail.value,
            event.kind.value,
            event.code,
            list(event.subjects),
            event.about,
            event.business_message_id,
            event.asked_by,
            event.note,
            event.reason_code,
            event.description,
            event.event_time,
            event.at,
            None if message is None else message.message_type,
            message_class,
            None if sealed is None else sealed.key_id,
            None if sealed is None else sealed.ciphertext,
            None if sealed is None else digest_of(sealed),
            digest,
        )


def _event_from(row: asyncpg.Record) -> RailEvent:
    return RailEvent(
        event_id=UUID(bytes=row["event_id"].bytes),
        rail=Rail(row["rail"]),
        kind=RailEventKind(row["kind"]),
        code=row["code"],
        subjects=tuple(row["subjects"]),
        about=row["about"],
        business_message_id=row["business_message_id"],
        asked_by=row["asked_by"],
        note=row["note"],
        reason_code=row["reason_code"],
        description=row["description"],
        event_time=row["event_time"],
        at=row["at"],
    )
