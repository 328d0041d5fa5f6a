"""How a region follows and is followed, with what is wrong and its remedy: `status`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import asyncpg

from adapters.postgres.cluster import REPLICATION_GROUP_ROLE
from adapters.postgres.replication.connection import (
    PUBLICATION,
    connected,
    subscription_of,
)
from adapters.postgres.replication.publish import NOTED, listed, older_code, published, readable_by_follower
from adapters.postgres.tables import REPLICATED
from gateway.domain.payment import RegionId

WAITING_MAX_S: Final = 60.0
"""What has arrived and was not looked at for so long is no mere backlog."""

_SYNC_WAIT: Final = ("i", "d", "f")

_WAITING: Final = """
SELECT (SELECT count(*) FROM projection_due) AS notes,
    (
        SELECT coalesce(extract(epoch FROM clock_timestamp() - min(at)), 0)::float8
        FROM projection_due WHERE not_before IS NULL
    ) AS oldest_note_s,
    (SELECT count(*) FROM handed_over_due) AS handed_over,
    (
        SELECT coalesce(extract(epoch FROM clock_timestamp() - min(kept.at)), 0)::float8
        FROM handed_over_due AS due
        JOIN handed_over AS kept ON kept.rail = due.rail AND kept.digest = due.digest AND kept.region = due.region
    ) AS oldest_handed_over_s
"""
"""What waits here, and for how long: by the regions' wall clocks, whose difference is in it."""


_REFUSED: Final = """
SELECT wanted.what
FROM pg_roles AS follower CROSS JOIN (
    SELECT 10 AS position, name AS what, to_regclass(name)::oid AS of_table FROM unnest($2::text[]) AS name
    UNION ALL SELECT 1, 'the database', NULL
    UNION ALL SELECT 2, 'the schema public', NULL
) AS wanted
WHERE follower.rolname = $1 AND NOT CASE wanted.position
        WHEN 1 THEN has_database_privilege(follower.oid, current_database(), 'CONNECT')
        WHEN 2 THEN has_schema_privilege(follower.oid, 'public', 'USAGE')
        ELSE coalesce(has_table_privilege(follower.oid, of_table, 'SELECT'), true)
    END
ORDER BY position, what
"""
"""Of what a role needs so as to follow, what it may not use; a table that is not there is not published either."""

_SHOWN_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class Outward:
    """How the peer follows this region: its slot here, and what it has confirmed."""

    is_published: bool
    slot: str | None
    is_followed: bool
    wal_status: str | None
    behind_bytes: int | None
    retention: str
    via_root: bool
    follower: str = REPLICATION_GROUP_ROLE
    """The role as which the peer follows; where no address names it, the one that it belongs to."""
    is_follower_there: bool = True
    refused: Sequence[str] = ()
    """What that role may not use of what it needs."""
    listed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The tables that are published with a list of columns, each with the columns that its list leaves out."""

    @property
    def faults(self) -> Sequence[str]:
        """What is wrong, each with its remedy."""
        return [*self.hindrances, *(_left_with_a_list(table, left_out) for table, left_out in self.listed.items())]

    @property
    def hindrances(self) -> Sequence[str]:
        """What keeps this region from being let in: not a list of columns, which may stand while one is dropped."""
        found = []
        if not self.is_published:
            found.append("not all of this region's tables are published: fifteen region init")
        elif not self.via_root:
            found.append(
                "messages are not replicated, or those of a new month not (publish_via_partition_root): fifteen region "
                "init; then, for what was written meanwhile, fifteen region join --anew, in the peer's region"
            )
        if not self.is_follower_there:
            found.append(f"there is no role {self.follower}, as which the peer follows: fifteen region init")
        elif self.refused:
            more = f" and {len(self.refused) - _SHOWN_MAX} more" if len(self.refused) > _SHOWN_MAX else ""
            found.append(
                f"the peer follows as {self.follower}, which may not use {', '.join(self.refused[:_SHOWN_MAX])}{more}: "
                f"fifteen region init; where it is no member of {REPLICATION_GROUP_ROLE}, GRANT that to it"
            )
        if self.slot is None:
            found.append("the peer has no slot here: fifteen region join, in the peer's region")
        elif self.wal_status == "lost":
            found.append("the peer's slot is lost, WAL that it needs is gone: fifteen region join --anew, there")
        elif not self.is_followed:
            found.append("the peer does not follow at this moment: is it up, and is the way open?")
        if self.retention == "-1":
            found.append("max_slot_wal_keep_size is -1: a peer that stays away fills this region's disk")
        return found


def _left_with_a_list(table: str, left_out: Sequence[str]) -> str:
    without = f", without {', '.join(left_out)}" if left_out else ""
    anew = (
        "; then, for what was written meanwhile, fifteen region join --anew, in the peer's region" if left_out else ""
    )
    return (
        f"{table} is published with a list of columns{without}: no other is replicated, nor one that comes later. "
        "Where none is about to be dropped, as the publication's owner: BEGIN; "
        f"ALTER PUBLICATION {PUBLICATION} DROP TABLE {table}; ALTER PUBLICATION {PUBLICATION} ADD TABLE {table}; "
        f"COMMIT (docs/regions.md, Migrations){anew}"
    )


@dataclass(frozen=True, slots=True)
class Inward:
    """How this region follows its peer."""

    is_subscribed: bool
    is_enabled: bool
    is_running: bool
    tables_waiting: int
    unprojected: int
    guarded: bool
    copying_failed: int
    noted: bool
    applying_failed: int
    oldest_note_s: float
    handed_over: int
    oldest_handed_over_s: float
    older_code: Sequence[str]

    @property
    def faults(self) -> Sequence[str]:
        """What is wrong, each with its remedy."""
        found = [*self.hindrances]
        if self.oldest_handed_over_s > WAITING_MAX_S:
            found.append(
                f"{self.handed_over} messages of the rail that the peer handed over wait, the oldest for "
                f"{self.oldest_handed_over_s:.0f} s: does a worker run here, does this region serve, and has it the "
                "peer's keys?"
            )
        return found

    @property
    def hindrances(self) -> Sequence[str]:
        """What keeps this region from being let in: not what waits here until it is, as what was handed over does."""
        found = []
        if not self.is_subscribed:
            found.append("this region does not follow its peer: fifteen region join")
        elif not self.is_enabled:
            found.append("the subscription is switched off: ALTER SUBSCRIPTION … ENABLE")
        elif not self.is_running:
            found.append("nothing is applied at this moment: see this database's log")
        if self.tables_waiting:
            failed = f", and copying has failed {self.copying_failed} times: see this database's log"
            found.append(f"{self.tables_waiting} tables are still being copied{failed if self.copying_failed else ''}")
        if not self.noted:
            found.append("what arrives is not noted, and so not folded or applied: fifteen region init")
        if not self.is_running and self.applying_failed:
            found.append(f"applying has failed {self.applying_failed} times: this database's log says of which row")
        if self.oldest_note_s > WAITING_MAX_S:
            found.append(
                f"what arrived {self.oldest_note_s:.0f} s ago is not folded: does a worker run here, and does its log "
                "tell of a projection?"
            )
        if self.older_code:
            found.append(
                f"releases run that know of no slots, and accept any key: {', '.join(self.older_code)}: end them"
            )
        if not self.guarded:
            found.append("the peer's partitions are not guarded against writes from here: fifteen region init")
        return found


async def status(dsn: str, *, region: RegionId, peer: RegionId, follower: str | None = None) -> tuple[Outward, Inward]:
    """Return how this region is followed, and how it follows. `follower` is the role as which the peer does.

    Raises:
        ReplicationError: the database cannot be asked.

    """
    async with connected(dsn) as connection:
        outward = await _outward(connection, region, peer, follower or REPLICATION_GROUP_ROLE)
        return outward, await _inward(connection, region, peer)


async def _outward(
    connection: asyncpg.Connection[asyncpg.Record], region: RegionId, peer: RegionId, follower: str
) -> Outward:
    wanted = {f"{table.name}_{region}" for table in REPLICATED}
    slot = await connection.fetchrow(
        "SELECT active, wal_status, pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint AS behind "
        "FROM pg_replication_slots WHERE slot_name = $1 AND database = current_database()",
        subscription_of(peer, region),
    )
    return Outward(
        is_published=wanted <= await published(connection),
        slot=None if slot is None else subscription_of(peer, region),
        is_followed=slot is not None and bool(slot["active"]),
        wal_status=None if slot is None else slot["wal_status"],
        behind_bytes=None if slot is None else slot["behind"],
        retention=await connection.fetchval("SHOW max_slot_wal_keep_size"),
        via_root=bool(
            await connection.fetchval("SELECT pubviaroot FROM pg_publication WHERE pubname = $1", PUBLICATION)
        ),
        follower=follower,
        is_follower_there=await connection.fetchval("SELECT count(*) > 0 FROM pg_roles WHERE rolname = $1", follower),
        refused=[row["what"] for row in await connection.fetch(_REFUSED, follower, readable_by_follower(region))],
        listed=await listed(connection),
    )


async def _inward(connection: asyncpg.Connection[asyncpg.Record], region: RegionId, peer: RegionId) -> Inward:
    name, partitions = subscription_of(region, peer), [f"{table.name}_{peer}" for table in REPLICATED]
    enabled = await connection.fetchval("SELECT subenabled FROM pg_subscription WHERE subname = $1", name)
    running = await connection.fetchval(
        "SELECT count(pid) > 0 FROM pg_stat_subscription WHERE subname = $1 AND relid IS NULL", name
    )
    copying = await connection.fetchval(
        "SELECT count(*) FROM pg_subscription_rel JOIN pg_subscription AS s ON s.oid = srsubid "
        "WHERE s.subname = $1 AND srsubstate::text = ANY ($2::text[])",
        name,
        list(_SYNC_WAIT),
    )
    guards = await connection.fetchval(
        "SELECT count(*) FROM pg_trigger WHERE tgname = 'refuse_foreign_rows' AND tgenabled = 'O' "
        "AND tgrelid = ANY (ARRAY(SELECT to_regclass(name)::oid FROM unnest($1::text[]) AS name))",
        partitions,
    )
    waiting = (await connection.fetch(_WAITING))[0]
    failed = await connection.fetchrow(
        "SELECT coalesce(sum(sync_error_count), 0)::bigint AS copying, coalesce(sum(apply_error_count), 0)::bigint "
        "AS applying FROM pg_stat_subscription_stats WHERE subname = $1",
        name,
    )
    assert failed is not None, "an aggregate has one row"
    return Inward(
        is_subscribed=enabled is not None,
        is_enabled=bool(enabled),
        is_running=bool(running),
        tables_waiting=copying,
        unprojected=waiting["notes"],
        guarded=guards == len(REPLICATED),
        copying_failed=failed["copying"],
        noted=await _notes(connection, peer),
        applying_failed=failed["applying"],
        oldest_note_s=waiting["oldest_note_s"],
        handed_over=waiting["handed_over"],
        oldest_handed_over_s=waiting["oldest_handed_over_s"],
        older_code=await older_code(connection),
    )


async def _notes(connection: asyncpg.Connection[asyncpg.Record], peer: RegionId) -> bool:
    """Whether what arrives is noted: one trigger on each table."""
    triggers = await connection.fetchval(
        "SELECT count(*) FROM pg_trigger WHERE tgenabled = 'R' AND tgrelid = ANY (ARRAY(SELECT "
        "to_regclass(name)::oid FROM unnest($1::text[]) AS name)) AND tgname = ANY ($2::text[])",
        [f"{table}_{peer}" for table in NOTED],
        list(NOTED.values()),
    )
    return bool(triggers == len(NOTED))
