"""A region's copy of the map of slots, and the projection of what the other region has replicated to it."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg

from adapters.postgres import incoming_statements, statements
from adapters.postgres.connection import translated
from adapters.postgres.replication.connection import PUBLICATION, subscription_of
from adapters.postgres.replication.publish import LISTED
from adapters.postgres.rows import columns, digest_of, event_from, request_columns
from gateway.domain.history import RecordedEvent
from gateway.domain.payment import PaymentId, Rail, RegionId, TenantId
from gateway.domain.regions import SlotMap, SlotOwner
from gateway.service.ports import (
    ContradictedMapError,
    HandedOver,
    Projected,
    Reach,
    Retention,
    Sealed,
    Unprojected,
    Vault,
)

_TAKE_ALL: Final = "SELECT pg_advisory_xact_lock(hashtextextended('fifteen.slots', 0))"
"""Waits for whoever holds the lock shared (`owned_epoch`): claims and decisions that run."""

_ADOPT: Final = """
INSERT INTO slot AS known (slot, region, epoch, ask_after)
SELECT * FROM unnest($1::smallint[], $2::text[], $3::bigint[], $4::timestamptz[])
ON CONFLICT (slot) DO UPDATE SET region = excluded.region, epoch = excluded.epoch, ask_after = excluded.ask_after
WHERE known.epoch < excluded.epoch
RETURNING slot, region, epoch
"""

_RELEASE: Final = """
INSERT INTO slot_release (region, slot, epoch)
SELECT $1, * FROM unnest($2::smallint[], $3::bigint[]) ON CONFLICT DO NOTHING
"""
"""In the transaction in which the copy changes, under the lock: whatever was done under the old map commits before.

Also for what the copy never had, where the map names this region as who ends it: it slept through having had it.
"""

_RELEASED: Final = "SELECT region, slot, max(epoch) AS epoch FROM slot_release GROUP BY region, slot"

_TAKE_UP: Final = """
UPDATE payment_state AS state SET timer_at = $2
FROM slot
WHERE slot.slot = state.slot AND slot.region = $1 AND slot.epoch > state.epoch
    AND state.final_at IS NULL AND state.timer_at IS NULL
"""
"""Open payments that another region has carried: their timers are due at once."""

_IS_COPIED: Final = """
SELECT count(*) > 0 AND bool_and(srsubstate IN ('s', 'r'))
FROM pg_subscription_rel JOIN pg_subscription AS followed ON followed.oid = srsubid
WHERE followed.subname = $1
"""

_STOP_TIMERS: Final = (
    "UPDATE payment_state SET timer_at = NULL WHERE timer_at IS NOT NULL AND slot = ANY ($1::smallint[])",
    "UPDATE incoming_state SET timer_at = NULL WHERE timer_at IS NOT NULL AND slot = ANY ($1::smallint[])",
)

_NOTES: Final = """
SELECT due.position, due.payment_id, fact.slot, fact.contents
FROM projection_due AS due
CROSS JOIN LATERAL (
    SELECT min(payment.slot) AS slot, count(DISTINCT (amount_cents, debtor_agent, creditor_agent,
        debtor_account_index, creditor_account_index)) AS contents
    FROM payment WHERE payment.payment_id = due.payment_id
    HAVING count(*) > 0
) AS fact
WHERE due.not_before IS NULL OR due.not_before <= $2
ORDER BY due.position LIMIT $1
"""
"""While a region is copied for the first time, events may come before the facts that they are about: they wait."""

POSTPONE_NOTES: Final = "UPDATE projection_due SET not_before = $2 WHERE position = ANY ($1::bigint[])"

REPLICATED_EVENTS: Final = """
SELECT payment_id, tenant_id, digest, region, epoch, sequence, kind, state_before, state_after, status, reason_code,
    reason_origin, reason_text, business_message_id, details, at, contradiction
FROM payment_event WHERE payment_id = ANY ($1::uuid[]) ORDER BY payment_id, epoch, sequence
"""

_PROJECT: Final = """
WITH input AS (
    SELECT * FROM unnest(
        $1::uuid[], $2::text[], $3::text[], $4::integer[], $5::bigint[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::timestamptz[], $11::integer[], $12::integer[], $13::integer[], $14::timestamptz[],
        $15::timestamptz[], $16::bytea[], $17::smallint[], $18::bigint[], $19::text[], $20::text[],
        $21::timestamptz[]
    ) AS input (
        payment_id, tenant_id, state, version, epoch, status, reason_code, reason_origin, reason_text, creation_time,
        transfers, status_requests, pings, updated_at, final_at, event_digest, slot, returned_cents, request_state,
        request_message_id, request_due_at
    )
), homed AS MATERIALIZED (
    SELECT input.*,
        CASE
            WHEN slot IS NOT NULL AND final_at IS NULL AND owned_epoch($23, slot) > epoch THEN updated_at
        END AS timer_at
    FROM input
), projected AS (
    INSERT INTO payment_state AS now (payment_id, tenant_id, state, version, epoch, status, reason_code, reason_origin,
        reason_text, creation_time, transfers, status_requests, pings, updated_at, final_at, event_digest, slot,
        returned_cents, request_state, request_message_id, request_due_at, timer_at)
    SELECT * FROM homed ORDER BY payment_id
    ON CONFLICT (payment_id, tenant_id) DO UPDATE SET
        state = excluded.state, version = excluded.version, epoch = excluded.epoch, status = excluded.status,
        reason_code = excluded.reason_code, reason_origin = excluded.reason_origin,
        reason_text = excluded.reason_text, creation_time = excluded.creation_time, transfers = excluded.transfers,
        status_requests = excluded.status_requests, pings = excluded.pings, updated_at = excluded.updated_at,
        final_at = excluded.final_at, event_digest = excluded.event_digest, timer_at = excluded.timer_at,
        returned_cents = excluded.returned_cents, request_state = excluded.request_state,
        request_message_id = excluded.request_message_id, request_due_at = excluded.request_due_at,
        slot = coalesce(excluded.slot, now.slot)
    WHERE (now.epoch, now.version) < (excluded.epoch, excluded.version)
        OR (now.epoch, now.version) = (excluded.epoch, excluded.version) AND now.slot IS NULL
)
DELETE FROM projection_due WHERE position = ANY ($22::bigint[])
"""
"""A projection that is older than the one that is there changes nothing; an equal one only tells the slot. Where the
slot has become this region's, the payment's timer is due: it is taken over, however late its events have come."""

_HAND_OVER: Final = """
INSERT INTO handed_over (region, rail, digest, key_id, body, at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING
"""

_HANDED_OVER: Final = """
SELECT due.position, kept.key_id, kept.body, kept.at
FROM (
    SELECT * FROM handed_over_due
    WHERE rail = $1 AND (not_before IS NULL OR not_before <= $3)
    ORDER BY position LIMIT $2
) AS due
JOIN handed_over AS kept
    ON kept.rail = due.rail AND kept.digest = due.digest AND kept.region = due.region
ORDER BY due.position
"""

_POSTPONE_HANDED_OVER: Final = "UPDATE handed_over_due SET not_before = $2 WHERE position = ANY ($1::bigint[])"

_APPLIED: Final = "DELETE FROM handed_over_due WHERE position = ANY ($1::bigint[])"

_PULSE: Final = """
INSERT INTO region_pulse (region, at, is_copied)
SELECT $1, $2, coalesce(bool_and(followed.subenabled AND srsubstate IN ('s', 'r')), false)
FROM pg_subscription_rel JOIN pg_subscription AS followed ON followed.oid = srsubid
WHERE starts_with(followed.subname, 'fifteen_' || $1 || '_from_')
ON CONFLICT (region) DO UPDATE SET at = excluded.at, is_copied = excluded.is_copied
"""
"""With whether the copy of the other region is complete: the other cannot see that by itself."""

_REACH: Final = """
SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint AS written,
    (
        SELECT (confirmed_flush_lsn - '0/0')::bigint FROM pg_replication_slots
        WHERE slot_name = $1 AND database = current_database() AND coalesce(wal_status, 'lost') <> 'lost'
            AND NOT EXISTS (
                SELECT FROM pg_replication_slots
                WHERE slot_name LIKE 'pg\\_%\\_sync\\_%' AND database = current_database()
            )
    ) AS confirmed,
    (SELECT at FROM region_pulse WHERE region = $2 AND is_copied) AS copied_at
"""
"""A commit is on this server's disk, and so before `written`, before anybody sees it. Slots with names of PostgreSQL's
own are of tables that are being copied: what the subscription confirms is no word of those."""

_RETENTION: Final = """
SELECT slot_name, coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint AS kept, safe_wal_size,
    coalesce(wal_status, 'lost') = 'lost' AS is_lost
FROM pg_replication_slots WHERE NOT temporary
"""
"""Of the whole server: a slot that somebody forgot fills the same disk."""

_HAS_ACCEPTED: Final = "SELECT EXISTS (SELECT FROM claim WHERE region = $1)"
_PULSES: Final = "SELECT region, at FROM region_pulse"
_OLDEST_NOTE: Final = """
    SELECT min(at) FROM (SELECT at FROM projection_due WHERE not_before IS NULL ORDER BY position LIMIT 1000) AS first
"""
"""Notes that were written at the same moment are in no order of their times: some hundreds at the most."""


class PostgresRegions:
    """Implements `gateway.service.ports.RegionStore` and `ReachStore` over a pool of the application's role."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], *, region: RegionId, vault: Vault) -> None:
        self._pool = pool
        self._region = region
        self._vault = vault

    async def slot_map(self) -> SlotMap | None:
        """Return the copy of the map; see the port."""
        with translated():
            rows = await self._pool.fetch(statements.SLOTS)
        return _map_from(rows)

    async def has_accepted(self) -> bool:
        """Whether a payment was ever accepted in this region, as far as its database knows.

        Raises:
            UnavailableError: the database does not answer.

        """
        with translated():
            return bool(await self._pool.fetchval(_HAS_ACCEPTED, self._region))

    async def adopt(self, slots: SlotMap) -> Collection[int]:
        """Make this the copy; see the port."""
        with translated():
            known = _map_from(await self._pool.fetch(statements.SLOTS))
            released = {(row["region"], row["slot"]): row["epoch"] for row in await self._pool.fetch(_RELEASED)}
        rows = [
            (number, owner.region, owner.epoch, owner.ask_after)
            for number, owner in enumerate(slots.owners)
            if known is None or owner.epoch >= known.owners[number].epoch
            if owner.released_by in {None, self._region}
            or owner.region != self._region
            or released.get((owner.released_by, number), 0) >= owner.epoch
        ]
        if known is not None and all(
            (region, epoch) == (known.owners[number].region, known.owners[number].epoch)
            for number, region, epoch, _ in rows
        ):
            return set()
        with translated():
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(_TAKE_ALL)
                known = _map_from(await connection.fetch(statements.SLOTS))
                if known is not None and (contradicted := known.contradicts(slots)):
                    raise ContradictedMapError(
                        f"{len(contradicted)} slots have two owners under one epoch: {slots.owners[min(contradicted)]} "
                        f"and, in the copy of region {self._region}, {known.owners[min(contradicted)]}"
                    )
                changed = await connection.fetch(_ADOPT, *columns(rows, 4))
                lost = {row["slot"]: row["epoch"] for row in changed if row["region"] != self._region}
                for statement in _STOP_TIMERS:
                    await connection.execute(statement, list(lost))
                had = slots.released_by(self._region) | (set() if known is None else known.slots_of(self._region))
                released_now = list(had & set(lost))
                await connection.execute(_RELEASE, self._region, released_now, [lost[each] for each in released_now])
        return {row["slot"] for row in changed if row["region"] == self._region}

    async def take_up(self, now: datetime) -> None:
        """Make the timers of other regions' payments due; see the port."""
        with translated():
            for statement in (_TAKE_UP, incoming_statements.TAKE_UP):
                await self._pool.execute(statement, self._region, now)

    async def is_copied(self, peer: RegionId) -> bool:
        """Whether the first copy is complete; see the port."""
        with translated():
            return bool(await self._pool.fetchval(_IS_COPIED, subscription_of(self._region, peer)))

    async def unprojected(self, now: datetime, *, limit: int) -> Sequence[Unprojected]:
        """Return what is to be folded anew; see the port."""
        with translated():
            notes = await self._pool.fetch(_NOTES, limit, now)
            rows = await self._pool.fetch(REPLICATED_EVENTS, list({note["payment_id"] for note in notes}))
        events: dict[PaymentId, list[Any]] = defaultdict(list)
        for row in rows:
            events[row["payment_id"]].append(row)
        facts = {note["payment_id"]: note for note in notes}
        positions: dict[PaymentId, list[int]] = defaultdict(list)
        for note in notes:
            positions[note["payment_id"]].append(note["position"])
        return [
            Unprojected(
                payment_id=payment_id,
                tenant_id=TenantId(history[0]["tenant_id"]),
                slot=facts[payment_id]["slot"],
                events=_events_from(history),
                digests=[row["digest"] for row in history],
                notes=positions[payment_id],
                is_one=facts[payment_id]["contents"] == 1,
            )
            for payment_id, history in events.items()
        ]

    async def project(self, payments: Sequence[Projected]) -> None:
        """Save projections; see the port."""
        rows = [_row(each) for each in payments]
        notes = [note for each in payments for note in each.source.notes]
        with translated():
            await self._pool.execute(_PROJECT, *columns(rows, 21), notes, self._region)

    async def postpone(self, payments: Sequence[Unprojected], *, until: datetime) -> None:
        """Leave payments aside for a while; see the port."""
        notes = [note for each in payments for note in each.notes]
        with translated():
            await self._pool.execute(POSTPONE_NOTES, notes, until)

    async def hand_over(self, rail: Rail, body: bytes, *, at: datetime, came_by: str | None) -> None:
        """Keep bytes for the other region; see the port."""
        sealed = self._vault.seal(body)
        key = digest_of(sealed)
        if came_by is not None:  # what goes back is a row of its own: the same bytes may have gone that way before
            key = hashlib.sha256(key + came_by.encode()).digest()
        row = (self._region, rail.value, key, sealed.key_id, sealed.ciphertext, at)
        with translated():
            await self._pool.execute(_HAND_OVER, *row)

    async def handed_over(self, rail: Rail, now: datetime, *, limit: int) -> Sequence[HandedOver]:
        """Return what waits to be applied; see the port."""
        with translated():
            rows = await self._pool.fetch(_HANDED_OVER, rail.value, limit, now)
        return [HandedOver(row["position"], self._opened(row), row["at"]) for row in rows]

    def _opened(self, row: asyncpg.Record) -> bytes | LookupError:
        try:
            return self._vault.open(Sealed(row["key_id"], bytes(row["body"])))
        except LookupError as error:  # a key that only the other region has: one row, and not those behind it
            return error

    async def postpone_handed_over(self, positions: Sequence[int], *, until: datetime) -> None:
        """Leave bytes aside for a while; see the port."""
        with translated():
            await self._pool.execute(_POSTPONE_HANDED_OVER, list(positions), until)

    async def applied(self, positions: Sequence[int]) -> None:
        """Drop notes; see the port."""
        with translated():
            await self._pool.execute(_APPLIED, list(positions))

    async def pulse(self, at: datetime) -> None:
        """Write down the time; see the port."""
        with translated():
            await self._pool.execute(_PULSE, self._region, at)

    async def reach(self, peer: RegionId) -> Reach:
        """Return how far the other region follows; see `gateway.service.ports.ReachStore`."""
        with translated():
            row = (await self._pool.fetch(_REACH, subscription_of(peer, self._region), peer))[0]
        return Reach(row["written"], row["confirmed"], row["copied_at"])

    async def retention(self, peer: RegionId) -> Sequence[Retention]:
        """Return what each slot of this server keeps; one is always the peer's, lost where it is not there."""
        with translated():
            rows = await self._pool.fetch(_RETENTION)
        found = {
            row["slot_name"]: Retention(
                row["slot_name"],
                row["kept"],
                math.inf if row["safe_wal_size"] is None else float(row["safe_wal_size"]),
                row["is_lost"],
            )
            for row in rows
        }
        followed = subscription_of(peer, self._region)
        return list(({followed: Retention(followed, 0, 0.0, is_lost=True)} | found).values())

    async def listed(self) -> Sequence[str]:
        """Return the tables that are published with a list of columns: of these no column that comes later is."""
        with translated():
            rows = await self._pool.fetch(LISTED, PUBLICATION)
        return [row["name"] for row in rows]

    async def pulses(self) -> Mapping[RegionId, datetime]:
        """Return the regions' times; see the port."""
        with translated():
            rows = await self._pool.fetch(_PULSES)
            unfolded = await self._pool.fetchval(_OLDEST_NOTE)
        times = {RegionId(row["region"]): row["at"] for row in rows}
        if unfolded is not None:
            times |= {region: min(at, unfolded) for region, at in times.items() if region != self._region}
        return times


def _events_from(rows: Sequence[asyncpg.Record]) -> Sequence[RecordedEvent] | ValueError:
    try:
        return [event_from(row) for row in rows]
    except ValueError as error:  # a kind or a state that the other region's release knows, and this one does not
        return error


def _map_from(rows: Sequence[Any]) -> SlotMap | None:
    owners = (SlotOwner(RegionId(row["region"]), row["epoch"], None, row["ask_after"]) for row in rows)
    return SlotMap(tuple(owners)) if rows else None


def _row(each: Projected) -> tuple[Any, ...]:
    source, made = each.source, each.projection
    reason = made.reason
    return (
        source.payment_id,
        source.tenant_id,
        made.state.value,
        made.version,
        made.epoch,
        made.status,
        reason and reason.code,
        reason and reason.origin.value,
        reason and reason.text,
        made.creation_time,
        made.transfers,
        made.status_requests,
        made.pings,
        made.updated_at,
        made.final_at,
        each.digest,
        source.slot,
        made.returned_cents,
        *request_columns(made.request),
    )
