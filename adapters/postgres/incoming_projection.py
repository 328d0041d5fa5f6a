"""The other region's incoming transfers in this region's projection: what was replicated, and what is folded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from adapters.postgres import incoming_statements as sql
from adapters.postgres.connection import translated
from adapters.postgres.incoming_rows import fact_from, transfer_from
from adapters.postgres.regions import POSTPONE_NOTES, REPLICATED_EVENTS
from adapters.postgres.rows import columns, request_columns
from gateway.domain.identity import delivery_id_of, incoming_slot_of
from gateway.domain.incoming_transfer import ARRIVED, RecordedFact
from gateway.domain.payment import Rail, RegionId
from gateway.service.ports import MessageClass, ProjectedTransfer, Queue, QueueDirection, UnprojectedTransfer
from iso20022 import MessageId


class PostgresTransferProjections:
    """Implements `gateway.service.regions.Projections` for incoming transfers."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], *, region: RegionId) -> None:
        self._pool = pool
        self._region = region

    async def unprojected(self, now: datetime, *, limit: int) -> Sequence[UnprojectedTransfer]:
        """Return transfers of which something was replicated, the oldest note first."""
        with translated():
            notes = await self._pool.fetch(sql.REPLICATED_NOTES, limit, now)
            ids = list({note["payment_id"] for note in notes})
            received = await self._pool.fetch(sql.AS_RECEIVED, ids) if ids else []
            rows = await self._pool.fetch(REPLICATED_EVENTS, ids) if ids else []
        events: dict[UUID, list[Any]] = defaultdict(list)
        for row in rows:
            events[row["payment_id"]].append(row)
        positions: dict[UUID, list[int]] = defaultdict(list)
        for note in notes:
            positions[note["payment_id"]].append(note["position"])
        return [
            UnprojectedTransfer(
                received=transfer_from(row),
                slot=_slot_of(row),
                events=_facts_from(events[row["payment_id"]]),
                digests=[event["digest"] for event in events[row["payment_id"]]],
                notes=positions[row["payment_id"]],
            )
            for row in received
        ]

    async def project(self, transfers: Sequence[ProjectedTransfer]) -> None:
        """Save projections, each unless a newer one is there, and drop their notes.

        What has come back is put on the queue here as well: its payment may be at home here.
        """
        rows = [_row(each) for each in transfers]
        told = [_told(each) for each in transfers if each.transfer.is_return and each.transfer.state in ARRIVED]
        notes = [note for each in transfers for note in each.source.notes]
        with translated():
            await self._pool.execute(sql.PROJECT, *columns(rows, 23), notes, self._region, *columns(told, 4))

    async def postpone(self, transfers: Sequence[UnprojectedTransfer], *, until: datetime) -> None:
        """Keep the notes of what could not be folded, and return them from `unprojected` no sooner than then."""
        notes = [note for each in transfers for note in each.notes]
        with translated():
            await self._pool.execute(POSTPONE_NOTES, notes, until)


def _facts_from(rows: Sequence[Any]) -> Sequence[RecordedFact] | ValueError:
    try:
        return [fact_from(row) for row in rows]
    except ValueError as error:  # a kind or a state that the other region's release knows, and this one does not
        return error


def _row(each: ProjectedTransfer) -> tuple[Any, ...]:
    transfer, reason = each.transfer, each.transfer.reason
    return (
        transfer.payment_id,
        transfer.tenant_id,
        transfer.state.value,
        transfer.version,
        each.epoch,
        transfer.answer,
        transfer.status,
        reason and reason.code,
        reason and reason.origin.value,
        reason and reason.text,
        transfer.status_requests,
        transfer.updated_at,
        transfer.final_at,
        each.digest,
        each.source.slot,
        transfer.returns,
        transfer.returning_cents,
        transfer.returned_cents,
        *request_columns(transfer.request),
        transfer.attention and transfer.attention.value,
        transfer.contrary_word and transfer.contrary_word.value,
    )


def _told(each: ProjectedTransfer) -> tuple[Any, ...]:
    transfer = each.transfer
    queue = Queue.of(transfer.rail, QueueDirection.IN, MessageClass.VALUE)
    delivery_id = delivery_id_of(transfer.payment_id, "tell_original_elsewhere", transfer.version)
    return (delivery_id, queue.value, transfer.payment_id, transfer.updated_at)


def _slot_of(row: asyncpg.Record) -> int:
    """The slot of a transfer; one from before there were slots was no return."""
    slot: int | None = row["slot"]
    return incoming_slot_of(Rail(row["rail"]), MessageId(row["message_id"])) if slot is None else slot
