"""What is due on PostgreSQL: one statement for each source, put in one order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from adapters.postgres import due_statements as sql
from adapters.postgres.connection import translated
from adapters.postgres.conversation_rows import conversation_from
from adapters.postgres.incoming_rows import transfer_from
from adapters.postgres.rows import payment_from
from gateway.domain.due import START, Due, DueKind, DuePlace, DueSubject, Source, arrivals_after, in_order, source_of
from gateway.domain.payment import RegionId, TenantId

_SUBJECT_FROM: Final[Mapping[Source, Callable[[Any], DueSubject]]] = {
    Source.PAYMENT: payment_from,
    Source.TRANSFER: transfer_from,
    Source.RETURN_REQUEST: transfer_from,
    Source.CONVERSATION: conversation_from,
}


class PostgresDue:
    """Implements `gateway.service.ports.due.DueStore`; the caller opens and closes the pool."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], *, region: RegionId) -> None:
        self._pool = pool
        self._region = region

    async def find(
        self,
        tenant_id: TenantId | None,
        *,
        kinds: Collection[DueKind] = tuple(DueKind),
        after: DuePlace = START,
        limit: int,
    ) -> Sequence[Due]:
        """Return what is due; see the port."""
        found: list[Due] = []
        with translated():
            for source in Source:
                wanted = [kind.value for kind in kinds if source_of(kind) is source]
                if wanted:
                    place = self._parameters(source, after.within(source))
                    found += await self._of(source, tenant_id, (wanted, limit, *place))
            return await self._with_since(in_order(found, after=after, limit=limit))

    def _parameters(self, source: Source, after: DuePlace) -> tuple[object, ...]:
        if source is Source.TRANSFER:  # whose deadlines are no column
            return *arrivals_after(after), after.began_at, after.subject_id
        place = (after.by, after.began_at, after.subject_id)
        return (*place, self._region) if source is Source.CONVERSATION else place

    async def _of(self, source: Source, tenant_id: TenantId | None, parameters: tuple[object, ...]) -> list[Due]:
        rows = await (
            self._pool.fetch(sql.OF_ALL[source], *parameters)
            if tenant_id is None
            else self._pool.fetch(sql.OF_TENANT[source], *parameters, tenant_id)
        )
        return [Due(DueKind(row["due_kind"]), _SUBJECT_FROM[source](row)) for row in rows]

    async def _with_since(self, found: Sequence[Due]) -> Sequence[Due]:
        ids = [each.subject_id for each in found]
        since: dict[UUID, asyncpg.Record] = {}
        if any(source_of(each.kind) is not Source.CONVERSATION for each in found):
            since |= {row["payment_id"]: row for row in await self._pool.fetch(sql.SINCE, ids)}
        if any(source_of(each.kind) is Source.CONVERSATION for each in found):
            rows = await self._pool.fetch(sql.SINCE_IN_CONVERSATIONS, ids)
            since |= {row["conversation_id"]: row for row in rows}
        return [replace(each, since=_since(each.kind, since[each.subject_id])) for each in found]


def _since(kind: DueKind, row: asyncpg.Record) -> datetime | None:
    """Since when it waits as it does."""
    if kind is DueKind.RETURN_REQUEST:
        asked: datetime | None = row["asked_at"]
        return asked
    stands: datetime | None = row["stands_since"]
    is_in_doubt = kind in {DueKind.PAYMENT_IN_DOUBT, DueKind.TRANSFER_IN_DOUBT, DueKind.CONVERSATION_IN_DOUBT}
    contradicted: datetime | None = row["contradicted_at"] if is_in_doubt else None
    return max((each for each in (stands, contradicted) if each is not None), default=None)
