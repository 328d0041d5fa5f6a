"""The ledger on PostgreSQL: read as a whole, by statements that may take their time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg

from adapters.postgres.connection import READS_MUCH, translated
from adapters.postgres.standing import stands
from gateway.domain.ledger import INCOMING_STANDS_IN, STANDS_IN, Account
from gateway.domain.payment import PaymentId, Rail, TenantId
from gateway.service.ports import Balance, LedgerFault, ReturnFault

_HAS_MOVED: Final = "EXISTS (SELECT FROM slot WHERE epoch > 1)"
"""Whether any slot ever has: asked once in a walk, which looks for what two regions have written only then."""

_FACT_STANDS: Final = f"(NOT {_HAS_MOVED} OR {stands()})"

STANDING: Final = f"""
    ledger_posting AS posting
    WHERE NOT ({_HAS_MOVED} AND EXISTS (
        SELECT FROM payment_event AS later
        WHERE later.payment_id = posting.payment_id AND later.epoch > posting.epoch
            AND later.sequence <= posting.sequence
    ))
"""
"""What a region still booked of a payment that another had taken over does not count, as its events do not."""

_BALANCES: Final = f"""
SELECT side.tenant_id, side.rail, side.account, sum(side.amount_cents)::bigint AS amount_cents
FROM (
    SELECT payment_id, tenant_id, rail, debit AS account, amount_cents FROM {STANDING}
    UNION ALL
    SELECT payment_id, tenant_id, rail, credit, -amount_cents FROM {STANDING}
) AS side
WHERE side.account IS NOT NULL AND ($1::text IS NULL OR side.tenant_id = $1)
GROUP BY side.tenant_id, side.rail, side.account
ORDER BY side.tenant_id, side.rail, side.account
"""

_FAULTS: Final = f"""
WITH booked AS (
    SELECT side.payment_id,
        coalesce(sum(side.amount_cents) FILTER (WHERE side.account = 'funds'), 0)::bigint AS funds,
        coalesce(sum(side.amount_cents) FILTER (WHERE side.account = 'reserved'), 0)::bigint AS reserved,
        coalesce(sum(side.amount_cents) FILTER (WHERE side.account = 'rail'), 0)::bigint AS rail,
        coalesce(sum(side.amount_cents) FILTER (WHERE side.account = 'arrived'), 0)::bigint AS arrived
    FROM (
        SELECT payment_id, debit AS account, amount_cents FROM {STANDING}
        UNION ALL
        SELECT payment_id, credit, -amount_cents FROM {STANDING}
    ) AS side
    GROUP BY side.payment_id
), due AS (
    SELECT fact.payment_id, now.state, fact.amount_cents,
        CASE WHEN now.state = ANY ($2::text[]) THEN fact.amount_cents ELSE 0 END AS reserved,
        CASE WHEN now.state = ANY ($3::text[]) THEN fact.amount_cents ELSE 0 END AS rail,
        CASE WHEN fact.funds_holder = 'arrived' AND (now.state = ANY ($2::text[]) OR now.state = ANY ($3::text[]))
            THEN -fact.amount_cents ELSE 0 END AS arrived
    FROM payment AS fact JOIN payment_state AS now ON now.payment_id = fact.payment_id
    WHERE {_FACT_STANDS}
    UNION ALL
    SELECT fact.payment_id, now.state, fact.amount_cents, 0,
        CASE WHEN now.state = ANY ($4::text[]) OR now.state = ANY ($5::text[]) THEN -fact.amount_cents ELSE 0 END,
        CASE WHEN now.state = ANY ($4::text[]) THEN fact.amount_cents ELSE 0 END
    FROM incoming_transfer AS fact JOIN incoming_state AS now ON now.payment_id = fact.payment_id
    WHERE {_FACT_STANDS}
)
SELECT coalesce(due.payment_id, booked.payment_id) AS payment_id, due.state,
    coalesce(due.amount_cents, 0) AS amount_cents, coalesce(booked.funds, 0) AS funds,
    coalesce(booked.reserved, 0) AS reserved, coalesce(booked.rail, 0) AS rail,
    coalesce(booked.arrived, 0) AS arrived
FROM due FULL JOIN booked ON booked.payment_id = due.payment_id
WHERE (coalesce(booked.reserved, 0) <> coalesce(due.reserved, 0)
    OR coalesce(booked.rail, 0) <> coalesce(due.rail, 0)
    OR coalesce(booked.arrived, 0) <> coalesce(due.arrived, 0)
    OR coalesce(booked.funds, 0) + coalesce(booked.reserved, 0) + coalesce(booked.rail, 0)
        + coalesce(booked.arrived, 0) <> 0
    OR due.payment_id IS NULL)
    AND NOT EXISTS (
        SELECT FROM projection_due AS waiting WHERE waiting.payment_id = coalesce(due.payment_id, booked.payment_id)
    )
ORDER BY 1 LIMIT $1
"""

_RETURN_FAULTS: Final = f"""
WITH gone AS (
    SELECT fact.original_id AS payment_id, sum(fact.amount_cents)::bigint AS cents
    FROM payment AS fact JOIN payment_state AS now ON now.payment_id = fact.payment_id
    WHERE fact.original_id IS NOT NULL AND now.state = ANY ($2::text[]) AND {_FACT_STANDS}
    GROUP BY fact.original_id
), back AS (
    SELECT fact.original_id AS payment_id, sum(fact.amount_cents)::bigint AS cents
    FROM incoming_transfer AS fact
    LEFT JOIN incoming_state AS now ON now.payment_id = fact.payment_id
    WHERE fact.original_id IS NOT NULL AND {_FACT_STANDS} AND CASE
            WHEN now.state IS NULL OR now.updated_at > $4 THEN EXISTS (
                SELECT FROM inbox AS told WHERE told.rail = fact.rail AND told.inbox_id = 'return:' || fact.payment_id
            )
            ELSE now.state = ANY ($3::text[])
        END
    GROUP BY fact.original_id
), sums AS (
    SELECT fact.payment_id, now.state, fact.amount_cents, now.returned_cents AS kept, now.returning_cents AS under_way,
        coalesce(gone.cents, 0) AS found
    FROM incoming_transfer AS fact JOIN incoming_state AS now ON now.payment_id = fact.payment_id
    LEFT JOIN gone ON gone.payment_id = fact.payment_id
    WHERE {_FACT_STANDS} AND (now.returned_cents + now.returning_cents > 0 OR gone.cents > 0)
    UNION ALL
    SELECT fact.payment_id, now.state, fact.amount_cents, now.returned_cents, 0, coalesce(back.cents, 0)
    FROM payment AS fact JOIN payment_state AS now ON now.payment_id = fact.payment_id
    LEFT JOIN back ON back.payment_id = fact.payment_id
    WHERE {_FACT_STANDS} AND now.state = ANY ($2::text[]) AND (now.returned_cents > 0 OR back.cents > 0)
)
SELECT payment_id, state, amount_cents, kept AS kept_cents, found AS found_cents FROM sums
WHERE (found NOT IN (kept, kept + under_way) OR greatest(found, kept + under_way) > amount_cents)
    AND NOT EXISTS (SELECT FROM projection_due AS waiting WHERE waiting.payment_id = sums.payment_id)
ORDER BY 1 LIMIT $1
"""
"""What goes back is a payment with an original; what comes back is booked with its payment under an inbox id of its
own.
The end of a return is two transactions: between them what is under way has gone already."""

READ_MAX_S: Final = 600.0
"""How long the walk through all postings may take."""


class PostgresLedger:
    """Implements `gateway.service.ports.Ledger`, and `ReturnSums`, over a pool of the application's role."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def balances(self, tenant_id: TenantId | None = None) -> Sequence[Balance]:
        """Return what the accounts hold; see the port."""
        rows = await self._read(_BALANCES, tenant_id)
        return [
            Balance(TenantId(row["tenant_id"]), Rail(row["rail"]), Account(row["account"]), row["amount_cents"])
            for row in rows
        ]

    async def faults(self, *, limit: int) -> Sequence[LedgerFault]:
        """Return what is wrong; see the port."""
        rows = await self._read(
            _FAULTS,
            limit,
            _states_in(STANDS_IN, Account.RESERVED),
            _states_in(STANDS_IN, Account.RAIL),
            _states_in(INCOMING_STANDS_IN, Account.ARRIVED),
            _states_in(INCOMING_STANDS_IN, Account.FUNDS),
        )
        return [
            LedgerFault(
                payment_id=PaymentId(row["payment_id"]),
                state=row["state"],
                amount_cents=row["amount_cents"],
                booked={account: row[account.value] for account in Account},
            )
            for row in rows
        ]

    async def return_faults(self, *, told_until: datetime, limit: int) -> Sequence[ReturnFault]:
        """Return whose returns make another sum; see the port."""
        rows = await self._read(
            _RETURN_FAULTS,
            limit,
            _states_in(STANDS_IN, Account.RAIL),
            [*_states_in(INCOMING_STANDS_IN, Account.ARRIVED), *_states_in(INCOMING_STANDS_IN, Account.FUNDS)],
            told_until,
        )
        return [ReturnFault(**{**row, "payment_id": PaymentId(row["payment_id"])}) for row in rows]

    async def _read(self, statement: str, *arguments: Any) -> Sequence[asyncpg.Record]:
        with translated():
            async with self._pool.acquire() as connection, connection.transaction(readonly=True):
                await connection.execute(READS_MUCH)
                rows: list[asyncpg.Record] = await connection.fetch(statement, *arguments, timeout=READ_MAX_S)
        return rows


def _states_in(where: Mapping[Any, Account], account: Account) -> list[str]:
    return [state.value for state, stands_in in where.items() if stands_in is account]
