"""What screening needs of PostgreSQL: the tenants' rules, and what their accounts have moved."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import asyncpg

from adapters.postgres.connection import translated
from gateway.domain.payment import TenantId
from gateway.domain.screening import ScreeningPolicy, screening_from
from gateway.service.ports import Moved, Movement

POLICIES: Final = "SELECT tenant_id, screening FROM tenant WHERE screening <> '{}'"

COUNT: Final = "SELECT * FROM count_movement($1, $2, $3, $4, $5, $6, $7)"

FORGET: Final = """
DELETE FROM movement
WHERE (tenant_id, way, account_index, payment_id) IN (
    SELECT tenant_id, way, account_index, payment_id FROM movement WHERE at < $1 ORDER BY at LIMIT $2
)
"""

FORGOTTEN_AT_ONCE: Final = 10_000


class PostgresScreening:
    """Implements `gateway.service.ports.ScreeningStore` over a pool of the application's role.

    The caller opens and closes the pool.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def screening_policies(self) -> Mapping[TenantId, ScreeningPolicy]:
        """Return the rules; see the port."""
        with translated():
            rows = await self._pool.fetch(POLICIES)
        return {TenantId(row["tenant_id"]): _policy(row["screening"]) for row in rows}

    async def count_movement(self, movement: Movement, windows_s: Sequence[int]) -> Sequence[Moved]:
        """Count, in one round trip; see the port."""
        with translated():
            rows = await self._pool.fetch(
                COUNT,
                movement.tenant_id,
                movement.way.value,
                movement.account_index,
                movement.payment_id,
                movement.amount.cents,
                movement.at,
                list(windows_s),
            )
        return [Moved(row["count"], row["cents_moved"]) for row in rows]

    async def forget_movements(self, before: datetime) -> None:
        """Delete; see the port. A batch at a time, so that nobody waits for it."""
        with translated():
            while await self._pool.execute(FORGET, before, FORGOTTEN_AT_ONCE) != "DELETE 0":
                pass


def _policy(registered: str) -> ScreeningPolicy:
    """The rules, or what is wrong with them: a policy that cannot be read lets nothing pass."""
    try:
        return screening_from(json.loads(registered))
    except ValueError as error:
        return ScreeningPolicy(fault=str(error))
