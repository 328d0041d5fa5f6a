"""The account directory, written by the owner: what the stand-in knows of a tenant's accounts, by blind index."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from adapters.postgres.connection import CONNECT_TIMEOUT_S, translated
from gateway.domain.payment import TenantId
from gateway.domain.stand_in import AccountStanding

_MERGE = """
INSERT INTO account_directory (tenant_id, account_index, standing)
SELECT $1, account_index, standing FROM unnest($2::bytea[], $3::text[]) AS given (account_index, standing)
ON CONFLICT (tenant_id, account_index) DO UPDATE SET standing = EXCLUDED.standing
"""


async def replace_directory(
    owner_dsn: str, tenant_id: TenantId, accounts: Sequence[tuple[bytes, AccountStanding]]
) -> None:
    """Make these the tenant's whole directory, in one transaction; of an account that comes twice the last counts.

    Raises:
        LookupError: there is no such tenant.
        UnavailableError: the database does not answer; it has the old directory, or the new one.

    """
    standings = dict(accounts)
    with translated():
        connection = await asyncpg.connect(owner_dsn, timeout=CONNECT_TIMEOUT_S)
        try:
            async with connection.transaction():
                if not await connection.fetchval("SELECT 1 FROM tenant WHERE tenant_id = $1", tenant_id):
                    raise LookupError(f"no tenant {tenant_id}")
                await connection.execute("DELETE FROM account_directory WHERE tenant_id = $1", tenant_id)
                await connection.execute(
                    _MERGE, tenant_id, list(standings), [standing.value for standing in standings.values()]
                )
        finally:
            await connection.close()
