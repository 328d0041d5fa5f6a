"""The other region's conversations in this region's projection: what was replicated, and what is folded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from adapters.postgres import conversation_statements as sql
from adapters.postgres.connection import translated
from adapters.postgres.conversation_rows import act_from, conversation_from
from adapters.postgres.regions import POSTPONE_NOTES
from adapters.postgres.rows import columns
from gateway.domain.conversation import RecordedAct
from gateway.domain.payment import RegionId
from gateway.service.ports.conversations import ProjectedConversation, UnprojectedConversation


class PostgresConversationProjections:
    """Implements `gateway.service.regions.Projections` for conversations."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], *, region: RegionId) -> None:
        self._pool = pool
        self._region = region

    async def unprojected(self, now: datetime, *, limit: int) -> Sequence[UnprojectedConversation]:
        """Return conversations of which something was replicated, the oldest note first.

        A note of one that this region alone has opened is dropped: the other can have said nothing that is folded, and
        the note would stand in the way of others for ever.
        """
        with translated():
            notes, opened = await self._noted(now, limit)
            ids = [row["conversation_id"] for row in opened]
            rows = await self._pool.fetch(sql.REPLICATED_ACTS, ids, self._region) if ids else []
        acts: dict[UUID, list[Any]] = defaultdict(list)
        for row in rows:
            acts[row["conversation_id"]].append(row)
        positions: dict[UUID, list[int]] = defaultdict(list)
        for note in notes:
            positions[note["payment_id"]].append(note["position"])
        return [
            UnprojectedConversation(
                opened=conversation_from(row),
                acts=_acts_from(acts[row["conversation_id"]]),
                digests=[act["digest"] for act in acts[row["conversation_id"]]],
                notes=positions[row["conversation_id"]],
            )
            for row in opened
        ]

    async def _noted(self, now: datetime, limit: int) -> tuple[Sequence[Any], Sequence[Any]]:
        while True:
            notes = await self._pool.fetch(sql.REPLICATED_NOTES, limit, now)
            ids = list({note["payment_id"] for note in notes})
            opened = await self._pool.fetch(sql.AS_OPENED, ids, self._region) if ids else []
            theirs = {row["conversation_id"] for row in opened}
            ours = [note["position"] for note in notes if note["payment_id"] not in theirs]
            if not ours:
                return notes, opened
            await self._pool.execute(sql.DROP_NOTES, ours)

    async def project(self, conversations: Sequence[ProjectedConversation]) -> None:
        """Save projections, each unless a newer one is there, and drop their notes."""
        rows = [_row(each) for each in conversations]
        notes = [note for each in conversations for note in each.source.notes]
        with translated():
            await self._pool.execute(sql.PROJECT, *columns(rows, 12), notes)

    async def postpone(self, conversations: Sequence[UnprojectedConversation], *, until: datetime) -> None:
        """Keep the notes of what could not be folded, and return them from `unprojected` no sooner than then."""
        notes = [note for each in conversations for note in each.notes]
        with translated():
            await self._pool.execute(POSTPONE_NOTES, notes, until)


def _acts_from(rows: Sequence[Any]) -> Sequence[RecordedAct] | ValueError:
    try:
        return [act_from(row) for row in rows]
    except ValueError as error:  # an act that the other region's release knows, and this one does not
        return error


def _row(each: ProjectedConversation) -> tuple[Any, ...]:
    shown = each.conversation
    return (
        shown.conversation_id,
        shown.tenant_id,
        shown.region,
        each.epoch,
        shown.state.value,
        shown.version,
        shown.due_at,
        shown.payment_id,
        shown.withdrawal_id,
        shown.needs_attention,
        shown.updated_at,
        each.digest,
    )
