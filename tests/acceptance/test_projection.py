"""The control of the check that follows every acceptance test: a state that the events do not make is seen."""

from __future__ import annotations

import asyncpg

from adapters.postgres.store import PostgresStore
from tests.acceptance.conftest import unfolded
from tests.conftest import Database
from tests.integration.postgres.test_two_regions import new_payment


async def test_a_projection_that_was_changed_behind_the_events_back_is_seen(
    database: Database, postgres_store: PostgresStore
) -> None:
    """Somebody updates the state by hand: the history says otherwise."""
    (accepted,) = await postgres_store.accept([new_payment("CHANGED")])
    assert accepted.payment is not None
    connection = await asyncpg.connect(database.application_dsn)
    try:
        await connection.execute("UPDATE payment_state SET state = 'SETTLED'")
        seen = await unfolded(database)
        await connection.execute("UPDATE payment_state SET state = 'RECEIVED'")
    finally:
        await connection.close()

    assert seen == [accepted.payment.payment_id]
