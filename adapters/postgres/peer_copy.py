"""What the peer has of this region's history: PostgreSQL's own word, from the slot by which it is followed."""

from __future__ import annotations

from typing import Final

import asyncpg

from adapters.postgres.connection import translated
from adapters.postgres.replication import subscription_of
from gateway.domain.payment import RegionId
from gateway.service.ports import Copied

_COPIED: Final = """
SELECT pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::bigint AS written, (
        SELECT pg_wal_lsn_diff(confirmed_flush_lsn, '0/0')::bigint FROM pg_replication_slots
        WHERE slot_name = $1 AND database = current_database()
    ) AS confirmed
"""


class PostgresPeerCopy:
    """Implements `gateway.service.ports.PeerCopy` over a pool of the application's role.

    A commit returns once its record is on the disk here (no session sets `synchronous_commit` to off), so the flushed
    position lies behind it. The peer's apply worker confirms a position once everything before it is on its own disk.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], *, region: RegionId, peer: RegionId) -> None:
        self._pool = pool
        self._slot = subscription_of(peer, region)

    async def copied(self) -> Copied:
        """Return both positions; see the port."""
        with translated():
            rows = await self._pool.fetch(_COPIED, self._slot)
        return Copied(rows[0]["written"], rows[0]["confirmed"])
