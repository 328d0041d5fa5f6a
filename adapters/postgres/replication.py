"""PostgreSQL's own logical replication between two regions, as code: made, checked, and made anew (docs/regions.md).

Each region publishes its own partitions, through their root tables, and subscribes to the other's: no write conflict
can arise. Everything here runs as the owner, or a role above it, and a repeat changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from adapters.postgres.cluster import REPLICATION_GROUP_ROLE
from adapters.postgres.logins import Login, verifier_of
from adapters.postgres.phases import PRESENT_S
from adapters.postgres.tables import FACTS, REPLICATED, TOPOLOGY, region_pulse
from gateway.domain.identity import incoming_slot_of
from gateway.domain.payment import Rail, RegionId
from gateway.service.both_regions import COPIED_WITHIN_S
from iso20022 import MessageId

PUBLICATION: Final = "fifteen_facts"
SLOTS_SINCE: Final = "0014"
"""The first revision whose programs know of slots, those of what is received too."""

ORIGIN_SINCE: Final = 160_000
"""``origin = none`` is known from PostgreSQL 16 on; before it, that each publishes its own partitions has to do."""

COMPARED: Final = tuple(table for table in FACTS if table.name not in {"message", "archived_message"})
"""What a copy must have no more of than its origin before it is made anew."""

_MANAGED_ROLE: Final = "rds_replication"

_ROWS_AT_ONCE: Final = 10_000
_SEEN_S: Final = 3.0
"""By then every process of this region has seen that nothing is followed (`MAP_PAUSE_S`), and serves nothing."""

WAITING_MAX_S: Final = 60.0
"""What has arrived and was not looked at for so long is no mere backlog."""

_STOP_MAX_S: Final = 30.0
_STOP_PAUSE_S: Final = 0.05
_CONNECT_TIMEOUT_S: Final = 10.0
_SYNC_WAIT: Final = ("i", "d", "f")


class ReplicationError(Exception):
    """Replication cannot be made as asked; the text says why, and what to do."""


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

    @property
    def faults(self) -> Sequence[str]:
        """What is wrong, each with its remedy."""
        found = []
        if not self.is_published:
            found.append("not all of this region's tables are published: fifteen region init")
        elif not self.via_root:
            found.append(
                "a new month's messages would not be replicated (publish_via_partition_root): fifteen region init"
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
        if self.oldest_handed_over_s > WAITING_MAX_S:
            found.append(
                f"{self.handed_over} messages of the rail that the peer handed over wait, the oldest for "
                f"{self.oldest_handed_over_s:.0f} s: does a worker run here, and has it the peer's keys?"
            )
        if self.older_code:
            found.append(
                f"releases run that know of no slots, and accept any key: {', '.join(self.older_code)}: end them"
            )
        if not self.guarded:
            found.append("the peer's partitions are not guarded against writes from here: fifteen region init")
        return found


OWNERS_RIGHTS: Final = (
    "the owner's URL must name a superuser, or on PostgreSQL 16 and later the tables' owner with CREATE on the "
    "database and a member of pg_create_subscription"
)


class _PeerConnection(asyncpg.Connection):
    """A connection to the peer's database: a right that is missing is one that the role lacks there, and not here."""

    async def fetch(self, *arguments: Any, **options: Any) -> Any:
        with _of_the_peer():
            return await super().fetch(*arguments, **options)

    async def fetchval(self, *arguments: Any, **options: Any) -> Any:
        with _of_the_peer():
            return await super().fetchval(*arguments, **options)

    async def execute(self, *arguments: Any, **options: Any) -> str:
        with _of_the_peer():
            return await super().execute(*arguments, **options)


@contextmanager
def _of_the_peer() -> Iterator[None]:
    try:
        yield
    except asyncpg.InsufficientPrivilegeError as error:
        raise ReplicationError(
            f"in the peer's database: {error}: the role that FIFTEEN_PEER_DATABASE_URL names has not the rights that "
            "fifteen region init gives it, there"
        ) from error


@asynccontextmanager
async def connected(
    dsn: str, *, connection_class: type[asyncpg.Connection[asyncpg.Record]] = asyncpg.Connection
) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """Open a connection for as long as the context lasts.

    Raises:
        ReplicationError: the server cannot be reached, or refuses what is asked of it.

    """
    try:
        connection = await asyncpg.connect(dsn, timeout=_CONNECT_TIMEOUT_S, connection_class=connection_class)
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError) as error:
        raise ReplicationError(f"the database {_place_of(dsn)} cannot be reached: {error}") from error
    try:
        yield connection
    except asyncpg.InsufficientPrivilegeError as error:
        raise ReplicationError(f"the database {_place_of(dsn)}: {error}: {OWNERS_RIGHTS}") from error
    except asyncpg.PostgresError as error:
        raise ReplicationError(f"PostgreSQL: {error}") from error
    finally:
        await connection.close(timeout=_CONNECT_TIMEOUT_S)


def _place_of(dsn: str) -> str:
    """Return host and port, and nothing else, of a URL that may hold a password."""
    return dsn.rsplit("@", 1)[-1].split("/", 1)[0]


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
        await _attach(connection, f"payment_event_{peer}", "note_replicated_event")
        await _attach(connection, f"handed_over_{peer}", "note_handed_over")
        for statement in _SLOTS_OF_OPEN_PAYMENTS:
            await connection.execute(statement)
        await _give_slots_to_transfers(connection)


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


async def _demand_no_older_code(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Refuse while a release runs that knows of no slots: it accepts any key."""
    if older := await _older_code(connection):
        raise ReplicationError(
            f"releases still run that know of no slots, and accept any key: {', '.join(older)}. End them, and wait for "
            f"{PRESENT_S:.0f} s"
        )


async def _older_code(connection: asyncpg.Connection[asyncpg.Record]) -> Sequence[str]:
    older = await connection.fetch(
        "SELECT role, release FROM running_release "
        "WHERE revision < $1 AND seen_at > clock_timestamp() - make_interval(secs => $2) ORDER BY role",
        SLOTS_SINCE,
        PRESENT_S,
    )
    return [f"{row['role']} {row['release']}" for row in older]


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
    published = await _published(connection)
    for table in sorted(wanted - published):
        await connection.execute(f"ALTER PUBLICATION {PUBLICATION} ADD TABLE {table}")
    database = await connection.fetchval("SELECT quote_ident(current_database())")
    await connection.execute(f"GRANT CONNECT ON DATABASE {database} TO {REPLICATION_GROUP_ROLE}")
    await connection.execute(f"GRANT USAGE ON SCHEMA public TO {REPLICATION_GROUP_ROLE}")
    readable = [*sorted(wanted), *(table.name for table in TOPOLOGY), region_pulse.name]
    await connection.execute(f"GRANT SELECT ON {', '.join(readable)} TO {REPLICATION_GROUP_ROLE}")


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


async def _published(connection: asyncpg.Connection[asyncpg.Record]) -> set[str]:
    rows = await connection.fetch(
        "SELECT prrelid::regclass::text AS name FROM pg_publication_rel JOIN pg_publication AS p ON p.oid = prpubid "
        "WHERE p.pubname = $1",
        PUBLICATION,
    )
    return {row["name"] for row in rows}


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


def subscription_of(region: RegionId, peer: RegionId) -> str:
    """Return the name of a region's subscription to its peer, which is the name of its slot there."""
    return f"fifteen_{region}_from_{peer}"


async def join(dsn: str, peer_dsn: str, *, region: RegionId, peer: RegionId, anew: bool = False) -> str:
    """Follow the peer, and return what was done. `anew` drops what was copied before, and copies everything again.

    Raises:
        ReplicationError: the peer does not publish; there is a copy already, which nothing continues; or the copy has
            what the peer has lost. Nothing was changed.

    """
    name = subscription_of(region, peer)
    async with connected(dsn) as connection, connected(peer_dsn, connection_class=_PeerConnection) as peers:
        published = await _published(peers)
        if missing := {f"{table.name}_{peer}" for table in REPLICATED} - published:
            raise ReplicationError(f"region {peer} does not publish {', '.join(sorted(missing))}: fifteen region init")
        await _demand_one_map(connection, peers, region=region, peer=peer)
        await _keep_out_of_the_log(connection)
        exists = await connection.fetchval("SELECT count(*) > 0 FROM pg_subscription WHERE subname = $1", name)
        if exists and not anew:
            await connection.execute(f"ALTER SUBSCRIPTION {name} CONNECTION {_quoted(peer_dsn)}")
            await connection.execute(f"ALTER SUBSCRIPTION {name} ENABLE")
            await connection.execute(f"ALTER SUBSCRIPTION {name} REFRESH PUBLICATION")
            return "refreshed"
        if anew:
            await _pause(connection, name, exists=exists)
            try:
                await _demand_nothing_lost(connection, peers, peer)
            except ReplicationError:
                if exists:
                    await connection.execute(f"ALTER SUBSCRIPTION {name} ENABLE")
                raise
            await _take_back_the_word(connection, peers, region)
            await _drop(connection, peers, name, exists=exists)
            await asyncio.sleep(_SEEN_S)
            await connection.execute(f"TRUNCATE {', '.join(f'{table.name}_{peer}' for table in REPLICATED)}")
        elif await connection.fetchval(f"SELECT EXISTS (SELECT FROM claim_{peer})"):
            raise ReplicationError(
                f"there is a copy of region {peer} here, and nothing that continues it: fifteen region join --anew"
            )
        await _make_slot(peers, name)
        try:
            await connection.execute(_subscribe(name, peer_dsn, server=connection.get_server_version().major * 10_000))
        except BaseException:
            await _drop_slot(peers, name)  # nobody follows by it: it would keep the peer's log for ever
            raise
        return "copied anew" if anew else "subscribed"


async def catch_up(peer_dsn: str, *, region: RegionId, peer: RegionId) -> None:
    """Return once this region has on its disk what its peer had written when this was called.

    Raises:
        ReplicationError: the peer's database cannot be asked.

    """
    confirmed = (
        "SELECT coalesce(bool_or((confirmed_flush_lsn - '0/0')::bigint >= $1), false) FROM pg_replication_slots "
        "WHERE slot_name = $2 AND database = current_database()"
    )
    async with connected(peer_dsn, connection_class=_PeerConnection) as peers:
        written = await peers.fetchval("SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint")
        while not await peers.fetchval(confirmed, written, subscription_of(region, peer)):
            await asyncio.sleep(_STOP_PAUSE_S)


async def _take_back_the_word(
    connection: asyncpg.Connection[asyncpg.Record], peers: asyncpg.Connection[asyncpg.Record], region: RegionId
) -> None:
    """Say that the copy here is not complete any more, and wait until the peer has heard it, or relies on it no more.

    It relies on the newest word for some seconds, and acknowledges by it what is in both regions.
    """
    async with connection.transaction():
        # Whoever is writing that it is complete has looked before; it has written when the lock is had.
        await connection.execute("LOCK TABLE region_pulse IN SHARE ROW EXCLUSIVE MODE")
        await connection.execute("UPDATE region_pulse SET is_copied = false WHERE region = $1", region)
    try:
        async with asyncio.timeout(COPIED_WITHIN_S * 1.1 + _SEEN_S):
            while await peers.fetchval("SELECT count(*) > 0 FROM region_pulse WHERE region = $1 AND is_copied", region):
                await asyncio.sleep(_STOP_PAUSE_S)
    except TimeoutError:
        pass  # the way is cut: nothing new has come there for longer than a word counts


async def _keep_out_of_the_log(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Have the server log no statement of this connection: the peer's URL, with its password, stands in one of them.

    Only a superuser may: for another role the password belongs into a file of the server's (``passfile=`` in the URL).
    """
    if await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        await connection.execute("SET log_min_error_statement = panic")
        await connection.execute("SET log_statement = none")
        await connection.execute("SET log_min_duration_statement = -1")


async def _demand_one_map(
    connection: asyncpg.Connection[asyncpg.Record],
    peers: asyncpg.Connection[asyncpg.Record],
    *,
    region: RegionId,
    peer: RegionId,
) -> None:
    """Refuse to follow a region that owns, by its own copy, what this one owns by its: both would accept its keys."""
    owned = "SELECT slot FROM slot WHERE region = $1 ORDER BY slot"
    here = {row["slot"] for row in await connection.fetch(owned, region)}
    there = {row["slot"] for row in await peers.fetch(owned, peer)}
    if both := here & there:
        raise ReplicationError(
            f"{len(both)} slots are owned by region {region} here and by region {peer} there: fifteen region init, in "
            "both, follows the witness's map; where it refuses, the map was not begun in the region that has accepted "
            "payments (docs/runbooks/regions.md)"
        )


def _subscribe(name: str, peer_dsn: str, *, server: int) -> str:
    origin = ", origin = none" if server >= ORIGIN_SINCE else ""
    return (
        f"CREATE SUBSCRIPTION {name} CONNECTION {_quoted(peer_dsn)} PUBLICATION {PUBLICATION} "
        # What is confirmed is on this server's disk, and waits for nobody else (docs/regions.md, "Both regions").
        f"WITH (copy_data = true, create_slot = false, slot_name = {name}, synchronous_commit = local{origin})"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


async def _drop(
    connection: asyncpg.Connection[asyncpg.Record],
    peers: asyncpg.Connection[asyncpg.Record],
    name: str,
    *,
    exists: bool,
) -> None:
    """Drop the subscription and its slot there, whatever state that is in."""
    if exists:
        await connection.execute(f"ALTER SUBSCRIPTION {name} DISABLE")
        await connection.execute(f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE)")
        await connection.execute(f"DROP SUBSCRIPTION {name}")
    await _drop_slot(peers, name)


async def _make_slot(peers: asyncpg.Connection[asyncpg.Record], name: str) -> None:
    """Make the slot at the peer, with no transaction open here.

    A slot begins when all that was under way at its server has ended. Made by ``CREATE SUBSCRIPTION``, inside the
    transaction of that, two regions that join at once would each wait for the other's, for ever.
    """
    try:
        await peers.execute("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", name)
    except asyncpg.DuplicateObjectError as error:
        raise ReplicationError(
            f"the peer has a slot {name}, by which nothing here follows: an attempt that was broken off has left it, "
            "or another database of this region follows by it. Where no other does: fifteen region join --anew"
        ) from error


async def _drop_slot(peers: asyncpg.Connection[asyncpg.Record], name: str) -> None:
    """Drop a slot at the peer, where there is one, whoever follows by it."""
    slots = await peers.fetch(
        "SELECT slot_name, active_pid FROM pg_replication_slots WHERE slot_name = $1 AND database = current_database()",
        name,
    )
    for slot in slots:
        if slot["active_pid"] is not None:
            await peers.execute("SELECT pg_terminate_backend($1)", slot["active_pid"])
        await peers.execute("SELECT pg_drop_replication_slot($1)", slot["slot_name"])


async def _pause(connection: asyncpg.Connection[asyncpg.Record], name: str, *, exists: bool) -> None:
    """Have nothing more applied, so that the copy stands still while it is looked at."""
    if not exists:
        return
    await connection.execute(f"ALTER SUBSCRIPTION {name} DISABLE")
    async with asyncio.timeout(_STOP_MAX_S):
        while await connection.fetchval("SELECT count(pid) > 0 FROM pg_stat_subscription WHERE subname = $1", name):
            await asyncio.sleep(_STOP_PAUSE_S)


async def _demand_nothing_lost(
    connection: asyncpg.Connection[asyncpg.Record], peers: asyncpg.Connection[asyncpg.Record], peer: RegionId
) -> None:
    """Refuse where the copy has a row that the peer has not, of whatever age: then the copy is all that is left of it.

    Raw messages are not looked at: each was written together with an event, and archived ones leave the database.
    """
    for table in COMPARED:
        key = ", ".join(f"{column.name}::text" for column in table.primary_key if column.name != "region")
        listed = (
            f"SELECT row_key FROM (SELECT concat_ws(chr(31), {key}) AS row_key FROM {table.name}_{peer}) AS listed "
            'ORDER BY row_key COLLATE "C"'
        )
        async with connection.transaction(readonly=True), peers.transaction(readonly=True):
            for one in (connection, peers):
                await one.execute("SET LOCAL TimeZone = 'UTC'")  # both write an instant in the same way
            here = aiter(connection.cursor(listed, prefetch=_ROWS_AT_ONCE))
            there = aiter(peers.cursor(listed, prefetch=_ROWS_AT_ONCE))
            lost = await _first_missing(here, there)
        if lost is not None:
            raise ReplicationError(
                f"{table.name} of region {peer} has {lost.replace(chr(31), ' ')} here and not there: the peer has lost "
                "rows, and this copy has them. Do not copy anew before they are back (docs/runbooks/regions.md)"
            )


async def _first_missing(here: AsyncIterator[asyncpg.Record], there: AsyncIterator[asyncpg.Record]) -> str | None:
    """Return the first of two sorted lists' rows that the second has not; both are walked through once."""
    other = await anext(there, None)
    async for row in here:
        while other is not None and other[0].encode() < row[0].encode():
            other = await anext(there, None)
        if other is None or other[0] != row[0]:
            return str(row[0])
    return None


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


async def status(dsn: str, *, region: RegionId, peer: RegionId) -> tuple[Outward, Inward]:
    """Return how this region is followed, and how it follows.

    Raises:
        ReplicationError: the database cannot be asked.

    """
    async with connected(dsn) as connection:
        wanted = {f"{table.name}_{region}" for table in REPLICATED}
        slot = await connection.fetchrow(
            "SELECT active, wal_status, pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint AS behind "
            "FROM pg_replication_slots WHERE slot_name = $1 AND database = current_database()",
            subscription_of(peer, region),
        )
        outward = Outward(
            is_published=wanted <= await _published(connection),
            slot=None if slot is None else subscription_of(peer, region),
            is_followed=slot is not None and bool(slot["active"]),
            wal_status=None if slot is None else slot["wal_status"],
            behind_bytes=None if slot is None else slot["behind"],
            retention=await connection.fetchval("SHOW max_slot_wal_keep_size"),
            via_root=bool(
                await connection.fetchval("SELECT pubviaroot FROM pg_publication WHERE pubname = $1", PUBLICATION)
            ),
        )
        name = subscription_of(region, peer)
        enabled = await connection.fetchval("SELECT subenabled FROM pg_subscription WHERE subname = $1", name)
        running = await connection.fetchval(
            "SELECT count(pid) > 0 FROM pg_stat_subscription WHERE subname = $1 AND relid IS NULL", name
        )
        waiting = await connection.fetchval(
            "SELECT count(*) FROM pg_subscription_rel JOIN pg_subscription AS s ON s.oid = srsubid "
            "WHERE s.subname = $1 AND srsubstate::text = ANY ($2::text[])",
            name,
            list(_SYNC_WAIT),
        )
        guards = await connection.fetchval(
            "SELECT count(*) FROM pg_trigger WHERE tgname = 'refuse_foreign_rows' AND tgenabled = 'O' "
            "AND tgrelid = ANY (ARRAY(SELECT to_regclass(name)::oid FROM unnest($1::text[]) AS name))",
            [f"{table.name}_{peer}" for table in REPLICATED],
        )
        waiting_here = (await connection.fetch(_WAITING))[0]
        failed = await connection.fetchrow(
            "SELECT coalesce(sum(sync_error_count), 0)::bigint AS copying, coalesce(sum(apply_error_count), 0)::bigint "
            "AS applying FROM pg_stat_subscription_stats WHERE subname = $1",
            name,
        )
        assert failed is not None, "an aggregate has one row"
        inward = Inward(
            is_subscribed=enabled is not None,
            is_enabled=bool(enabled),
            is_running=bool(running),
            tables_waiting=waiting,
            unprojected=waiting_here["notes"],
            guarded=guards == len(REPLICATED),
            copying_failed=failed["copying"],
            applying_failed=failed["applying"],
            oldest_note_s=waiting_here["oldest_note_s"],
            handed_over=waiting_here["handed_over"],
            oldest_handed_over_s=waiting_here["oldest_handed_over_s"],
            older_code=await _older_code(connection),
            noted=await connection.fetchval(
                "SELECT count(*) FROM pg_trigger WHERE tgenabled = 'R' AND tgrelid = ANY (ARRAY(SELECT "
                "to_regclass(name)::oid FROM unnest($1::text[]) AS name)) AND tgname = ANY ($2::text[])",
                [f"payment_event_{peer}", f"handed_over_{peer}"],
                ["note_replicated_event", "note_handed_over"],
            )
            == 2,  # one on each
        )
    return outward, inward
