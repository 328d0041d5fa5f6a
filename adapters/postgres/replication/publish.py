"""What a region publishes, guards and notes, so that the other can follow it: `prepare`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import asyncpg

from adapters.postgres.cluster import REPLICATION_GROUP_ROLE
from adapters.postgres.logins import Login, verifier_of
from adapters.postgres.phases import PRESENT_S
from adapters.postgres.replication.connection import (
    PUBLICATION,
    ReplicationError,
    connected,
)
from adapters.postgres.tables import REPLICATED, TOPOLOGY, region_pulse
from gateway.domain.identity import incoming_slot_of
from gateway.domain.payment import Rail, RegionId
from iso20022 import MessageId

SLOTS_SINCE: Final = "0014"
"""The first revision whose programs know of slots, those of what is received too."""

NOTED: Final = {
    "payment_event": "note_replicated_event",
    "conversation_event": "note_replicated_act",
    "handed_over": "note_handed_over",
}
"""Where what arrives is noted, and by which trigger."""

LISTED: Final = """
SELECT prrelid::regclass::text AS name, ARRAY(
    SELECT attname::text FROM pg_attribute
    WHERE attrelid = prrelid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attnum <> ALL (prattrs)
    ORDER BY attnum
) AS left_out
FROM pg_publication_rel JOIN pg_publication AS p ON p.oid = prpubid
WHERE p.pubname = $1 AND prattrs IS NOT NULL ORDER BY name
"""

_MANAGED_ROLE: Final = "rds_replication"


async def prepare(dsn: str, *, region: RegionId, peer: RegionId, follower: Login | None = None) -> None:
    """Publish this region's partitions, guard the peer's, and note what arrives in them.

    `follower` is the role as which the peer follows: it is made where there is none of its name.

    Raises:
        ReplicationError: it cannot be done: the schema is missing, or a right.

    """
    async with connected(dsn) as connection, connection.transaction():
        await _demand_no_older_code(connection)
        for name in (region, peer):
            if await connection.fetchval("SELECT to_regclass($1) IS NULL", f"payment_event_{name}"):
                raise ReplicationError(f"there is no partition for region {name}: fifteen db upgrade, with both in it")
        await _publish(connection, region)
        if follower is not None:
            await _ensure_follower(connection, follower)
        for table in REPLICATED:
            await _guard(connection, f"{table.name}_{peer}", region=region)
        for noted, function in NOTED.items():
            await _attach(connection, f"{noted}_{peer}", function)
        for statement in _SLOTS_OF_OPEN_PAYMENTS:
            await connection.execute(statement)
        await _give_slots_to_transfers(connection)


def readable_by_follower(region: RegionId) -> Sequence[str]:
    """Return what the role may read as which the peer follows this region: what is published, and what `join` asks."""
    return [*sorted(f"{table.name}_{region}" for table in REPLICATED), *(t.name for t in TOPOLOGY), region_pulse.name]


async def published(connection: asyncpg.Connection[asyncpg.Record]) -> set[str]:
    """Return the names of the partitions that a database publishes."""
    rows = await connection.fetch(
        "SELECT prrelid::regclass::text AS name FROM pg_publication_rel JOIN pg_publication AS p ON p.oid = prpubid "
        "WHERE p.pubname = $1",
        PUBLICATION,
    )
    return {row["name"] for row in rows}


async def listed(connection: asyncpg.Connection[asyncpg.Record]) -> Mapping[str, Sequence[str]]:
    """Return the partitions that a database publishes with a list of columns, each with the columns that it leaves out.

    Without a list all columns are published, those too that come later.
    """
    rows = await connection.fetch(LISTED, PUBLICATION)
    return {row["name"]: row["left_out"] for row in rows}


async def older_code(connection: asyncpg.Connection[asyncpg.Record]) -> Sequence[str]:
    """Return the roles that run here and know of no slots, each with its release."""
    older = await connection.fetch(
        "SELECT role, release FROM running_release "
        "WHERE revision < $1 AND seen_at > clock_timestamp() - make_interval(secs => $2) ORDER BY role",
        SLOTS_SINCE,
        PRESENT_S,
    )
    return [f"{row['role']} {row['release']}" for row in older]


async def _demand_no_older_code(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Refuse while a release runs that knows of no slots: it accepts any key."""
    if older := await older_code(connection):
        raise ReplicationError(
            f"releases still run that know of no slots, and accept any key: {', '.join(older)}. End them, and wait for "
            f"{PRESENT_S:.0f} s"
        )


async def _publish(connection: asyncpg.Connection[asyncpg.Record], region: RegionId) -> None:
    wanted = {f"{table.name}_{region}" for table in REPLICATED}
    if await connection.fetchval("SELECT count(*) = 0 FROM pg_roles WHERE rolname = $1", REPLICATION_GROUP_ROLE):
        raise ReplicationError(
            f"there is no role {REPLICATION_GROUP_ROLE}: fifteen db upgrade, with both regions in it"
        )
    via_root = await connection.fetchval("SELECT pubviaroot FROM pg_publication WHERE pubname = $1", PUBLICATION)
    if via_root is None:
        await connection.execute(f"CREATE PUBLICATION {PUBLICATION} WITH (publish_via_partition_root = true)")
    elif not via_root:
        await connection.execute(f"ALTER PUBLICATION {PUBLICATION} SET (publish_via_partition_root = true)")
    for table in sorted(wanted - await published(connection)):
        await connection.execute(f"ALTER PUBLICATION {PUBLICATION} ADD TABLE {table}")
    database = await connection.fetchval("SELECT quote_ident(current_database())")
    await connection.execute(f"GRANT CONNECT ON DATABASE {database} TO {REPLICATION_GROUP_ROLE}")
    await connection.execute(f"GRANT USAGE ON SCHEMA public TO {REPLICATION_GROUP_ROLE}")
    await connection.execute(f"GRANT SELECT ON {', '.join(readable_by_follower(region))} TO {REPLICATION_GROUP_ROLE}")


async def _ensure_follower(connection: asyncpg.Connection[asyncpg.Record], follower: Login) -> None:
    """Make the role; one that is there is left as it is: whoever made it answers for its password and its rights.

    Amazon's managed PostgreSQL gives the attribute REPLICATION to nobody, and has a role for it instead.
    """
    if await connection.fetchval("SELECT count(*) > 0 FROM pg_roles WHERE rolname = $1", follower.name):
        return
    is_managed = await connection.fetchval("SELECT count(*) > 0 FROM pg_roles WHERE rolname = $1", _MANAGED_ROLE)
    attribute = "" if is_managed else "REPLICATION"
    groups = f"{REPLICATION_GROUP_ROLE}, {_MANAGED_ROLE}" if is_managed else REPLICATION_GROUP_ROLE
    name = await connection.fetchval("SELECT quote_ident($1)", follower.name)
    salt = (await connection.fetchval("SELECT gen_random_uuid()")).bytes
    verifier = verifier_of(follower.password, salt)
    try:
        async with connection.transaction():
            await connection.execute(f"CREATE ROLE {name} LOGIN {attribute} PASSWORD '{verifier}' IN ROLE {groups}")
    except asyncpg.InsufficientPrivilegeError as error:
        raise ReplicationError(
            f"the owner may not make the role that FIFTEEN_PEER_DATABASE_URL names: as a superuser, CREATE ROLE {name} "
            f"LOGIN {attribute} PASSWORD … IN ROLE {groups}"
        ) from error


async def _guard(connection: asyncpg.Connection[asyncpg.Record], partition: str, *, region: RegionId) -> None:
    """Refuse local writes. The apply worker is no local writer: it runs as a replica, in which these do not fire."""
    await connection.execute(
        f"CREATE OR REPLACE TRIGGER refuse_foreign_rows BEFORE INSERT OR UPDATE OR DELETE ON {partition} "
        f"FOR EACH ROW EXECUTE FUNCTION refuse_foreign_rows('{region}')"
    )


async def _attach(connection: asyncpg.Connection[asyncpg.Record], partition: str, function: str) -> None:
    """Have a function called for each row that the apply worker inserts, and for no other."""
    await connection.execute(
        f"CREATE OR REPLACE TRIGGER {function} AFTER INSERT ON {partition} FOR EACH ROW EXECUTE FUNCTION {function}()"
    )
    await connection.execute(f"ALTER TABLE {partition} ENABLE REPLICA TRIGGER {function}")


_SLOTS_OF_OPEN_PAYMENTS: Final = (
    """
    WITH unslotted AS (
        SELECT state.payment_id, claim.slot FROM payment_state AS state JOIN claim USING (payment_id)
        WHERE state.slot IS NULL AND state.final_at IS NULL
        ORDER BY state.payment_id FOR NO KEY UPDATE OF state
    )
    UPDATE payment_state AS state SET slot = unslotted.slot FROM unslotted WHERE state.payment_id = unslotted.payment_id
    """,
    """
    UPDATE payment AS fact SET slot = state.slot FROM payment_state AS state
    WHERE fact.payment_id = state.payment_id AND fact.slot IS NULL AND state.slot IS NOT NULL AND state.final_at IS NULL
    """,
)
"""Payments from before there were slots. Those that are final keep none: nobody else ever decides on them."""


async def _give_slots_to_transfers(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Give incoming transfers from before there were slots theirs, which are functions of their message ids.

    Also those that are final: what was posted may be given back, and what is blocked released.
    """
    unslotted = await connection.fetch(
        "SELECT state.payment_id, fact.rail, fact.message_id "
        "FROM incoming_state AS state JOIN incoming_transfer AS fact USING (payment_id) "
        "WHERE state.slot IS NULL ORDER BY state.payment_id FOR NO KEY UPDATE OF state"
    )
    await connection.execute(
        "UPDATE incoming_state AS state SET slot = given.slot "
        "FROM unnest($1::uuid[], $2::smallint[]) AS given (payment_id, slot) WHERE state.payment_id = given.payment_id",
        [row["payment_id"] for row in unslotted],
        [incoming_slot_of(Rail(row["rail"]), MessageId(row["message_id"])) for row in unslotted],
    )
