"""The count: from both regions' databases and the rail's journal, and from what clients were told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias

import asyncpg

from adapters.postgres.tables import REPLICATED, region_pulse
from gateway.cli.drill.region.arrivals import Arrivals
from gateway.cli.drill.region.evidence import Claim, Claims, Evidence, RailRecord
from gateway.cli.drill.region.ledgers import BOOKED, Ledgers, settled_cents
from gateway.cli.drill.region.load import Load
from gateway.cli.drill.region.received import RailAnswers, Received, Transfer, Transfers
from gateway.cli.ledger import books_of
from gateway.cli.two_regions import Region

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

SHOWN_MAX: Final = 20
RTO_MAX_S: Final = 15.0

DIGESTED: Final = tuple(table.name for table in REPLICATED if table is not region_pulse)
"""What both regions must have alike, row by row, when nothing is on its way any more: all that is replicated, but for
the regions' times, which each writes down every second."""

_DIGESTS: Final = " UNION ALL ".join(
    f"SELECT '{table}', md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))) FROM {table} AS t"  # noqa: S608 - ours
    for table in DIGESTED
)

OPEN: Final = (
    "SELECT (SELECT count(*) FROM payment_state WHERE final_at IS NULL) + (SELECT count(*) FROM outbox) "
    "+ (SELECT count(*) FROM incoming_state WHERE final_at IS NULL) "
    "+ (SELECT count(*) FROM projection_due) + (SELECT count(*) FROM handed_over_due)"
)

_CLAIMS: Final = """
SELECT claim.idempotency_key, claim.region, claim.epoch, claim.claimed_at, claim.payment_id::text, payment.message_id,
       state.state, state.version, state.epoch
FROM claim
JOIN payment USING (payment_id, tenant_id, region)
JOIN payment_state AS state USING (payment_id)
WHERE claim.idempotency_key LIKE $1
"""

_TRANSFERS: Final = """
SELECT fact.message_id, fact.region, fact.payment_id::text, state.state, state.version, state.epoch
FROM incoming_transfer AS fact JOIN incoming_state AS state USING (payment_id)
WHERE fact.message_id = ANY ($1)
"""

_ASKED: Final = """
SELECT count(DISTINCT payment_id) FROM payment_event JOIN claim USING (payment_id)
WHERE kind = 'StatusRequested' AND claim.idempotency_key LIKE $1
"""


@dataclass(slots=True)
class Result:
    """What one scenario came to; in a good one accounted is acknowledged, and doubled, diverged and open are 0."""

    scenario: str
    seed: int
    is_synchronous: bool = False
    """Whether what was acknowledged had to be in both regions: then who takes over knows all of it."""
    acknowledged: int = 0
    accounted: int = 0
    doubled: int = 0
    diverged: int = 0
    unknown: set[str] = field(default_factory=set)
    """The keys that were acknowledged, and unknown to who took over at that moment."""
    rto_s: float | None = None
    in_doubt_resolved: int = 0
    open: int = 0
    received: int = 0
    """How many transfers the rail has brought, accepted or not."""
    missed: set[str] = field(default_factory=set)
    """Those of them that were accepted, and unknown to who took over at that moment."""
    refused: Mapping[str, int] = field(default_factory=dict)
    ledger_faults: list[str] = field(default_factory=list)
    """Where a region's ledger is not what its states say, or not what the rail's ledger says, message by message."""
    errors_in_hand_over: int = 0
    """How often a region that served refused a client while slots were handed back as planned, and its lease held."""
    lapses_in_hand_over: int = 0
    """How often it did so and said that its lease had run out: the machine was too crowded to renew it in time."""
    moved_at: datetime | None = None
    """When the slots of a lost region had gone to the other."""
    stale: list[str] = field(default_factory=list)
    """Ids of messages that a frozen process has written once it went on: they must come, and settle nothing."""
    timely: list[str] = field(default_factory=list)
    """Such as it has written in time for the rail: they must come, and settle."""
    wrong: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept."""
        is_quick = self.rto_s is None or self.rto_s <= RTO_MAX_S
        is_whole = self.accounted == self.acknowledged and not (self.doubled or self.diverged or self.open)
        return is_whole and is_quick and not (self.wrong or self.ledger_faults or self.errors_in_hand_over)

    def as_json(self) -> dict[str, Any]:
        """Return it as the drill prints it."""
        return {
            "acknowledged": self.acknowledged,
            "accounted": self.accounted,
            "doubled": self.doubled,
            "diverged": self.diverged,
            "rpo_payments": len(self.unknown),
            "rto_s": self.rto_s,
            "in_doubt_resolved": self.in_doubt_resolved,
            "scenario": self.scenario,
            "seed": self.seed,
        }

    def whole(self) -> dict[str, Any]:
        """Return it with every list whole, as it is kept."""
        return {
            **self.as_json(),
            "received": self.received,
            "refused": self.refused,
            "errors_in_hand_over": self.errors_in_hand_over,
            "lapses_in_hand_over": self.lapses_in_hand_over,
            "ledger_faults": self.ledger_faults,
            "wrong": self.wrong,
        }

    @property
    def remarks(self) -> Sequence[str]:
        """What was wrong, as far as it is shown, and what a promise was broken by."""
        found = [*self.wrong[:SHOWN_MAX], *self.ledger_faults[:SHOWN_MAX]]
        if self.open:
            found.append(f"{self.open} things were still to be done")
        if self.errors_in_hand_over:
            found.append(f"{self.errors_in_hand_over} submissions were refused while slots were handed back as planned")
        if self.lapses_in_hand_over:
            found.append(
                f"{self.lapses_in_hand_over} submissions were refused while slots were handed back, "
                "by a region whose lease had run out: the machine was too crowded"
            )
        if self.rto_s is not None and self.rto_s > RTO_MAX_S:
            found.append(f"it took {self.rto_s:g} s until a payment settled again; {RTO_MAX_S:g} s are promised")
        return found


@asynccontextmanager
async def asking(region: Region) -> AsyncIterator[Connection]:
    """Open a connection to a region's database: who asks again and again keeps it, as a new one costs more than it."""
    connection = await asyncpg.connect(region.server.superuser_dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def fetched(region: Region, query: str, *arguments: object) -> list[asyncpg.Record]:
    """Ask a region's database once."""
    async with asking(region) as connection:
        return await connection.fetch(query, *arguments)


async def still_open(both: Sequence[Connection]) -> int:
    """Return how much both regions have yet to do."""
    return sum([await connection.fetchval(OPEN) for connection in both])


async def differing(both: Sequence[Connection]) -> list[str]:
    """Return the tables of which the two regions do not have the same rows."""
    here, there = [await _digests(connection) for connection in both]
    return [table for table in DIGESTED if here[table] != there[table]]


async def _digests(connection: Connection) -> Mapping[str, str | None]:
    """Return each table's digest; the server gives them in whatever order it finds them."""
    return {row[0]: row[1] for row in await connection.fetch(_DIGESTS)}


async def claimed_keys(region: Region, prefix: str) -> set[str]:
    """Return the keys of a scenario that a region knows."""
    rows = await fetched(region, "SELECT idempotency_key FROM claim WHERE idempotency_key LIKE $1", f"{prefix}-%")
    return {row["idempotency_key"] for row in rows}


async def _transfers(region: Region, message_ids: Sequence[str]) -> Transfers:
    transfers: defaultdict[str, list[Transfer]] = defaultdict(list)
    for row in await fetched(region, _TRANSFERS, message_ids):
        message_id, *others = row
        transfers[message_id].append(Transfer(*others))
    return transfers


async def unknown_here(region: Region, message_ids: Sequence[str]) -> set[str]:
    """Return those of the rail's transfers of which a region has no fact."""
    rows = await fetched(region, "SELECT message_id FROM incoming_transfer WHERE message_id = ANY ($1)", message_ids)
    return {*message_ids} - {row["message_id"] for row in rows}


async def _claims(region: Region, pattern: str) -> Claims:
    claims: defaultdict[str, list[Claim]] = defaultdict(list)
    for row in await fetched(region, _CLAIMS, pattern):
        key, *others = row
        claims[key].append(Claim(*others))
    return claims


async def count(
    result: Result, load: Load, regions: Sequence[Region], journal: bytes, *, tables: Sequence[str]
) -> None:
    """Fill in what both databases, the rail and the clients say of a scenario; `tables` have differed to its end."""
    pattern = f"{load.prefix}-%"
    told = {key: frozenset(one.payment_id for one in each) for key, each in load.acknowledged.items()}
    here, there = [await _claims(region, pattern) for region in regions]
    rail = RailRecord.read(journal.splitlines())
    missed = frozenset(result.unknown) if result.is_synchronous else frozenset()
    evidence = Evidence(told, here, there, rail, result.moved_at, missed)
    result.acknowledged, result.refused = load.count, load.refused
    for key in evidence.keys:
        doubled, diverged = evidence.doubled(key), evidence.diverged(key)
        unaccounted = evidence.unaccounted(key) if key in told else None
        result.doubled += doubled is not None
        result.diverged += diverged is not None
        result.accounted += key in told and unaccounted is None
        result.wrong += [f"{key}: {fault}" for fault in (doubled, diverged, unaccounted) if fault]
    await _count_received(result, load.arrivals, regions, journal)
    result.diverged += len(tables)
    result.wrong += [f"the rows of {table} differ" for table in tables]
    for message_id in (*result.stale, *result.timely):
        if fault := held_up(rail, message_id, settles=message_id in result.timely):
            result.wrong.append(f"{message_id} {fault}")
    claims = [claim for each in (*here.values(), *there.values()) for claim in each]
    message_ids = {*(claim.message_id for claim in claims), *load.arrivals.message_ids}
    result.ledger_faults += await _ledger_faults(regions, journal, message_ids)
    result.in_doubt_resolved = (await fetched(regions[0], _ASKED, pattern))[0][0]


async def _ledger_faults(regions: Sequence[Region], journal: bytes, message_ids: Collection[str]) -> list[str]:
    """Return where each region's ledger is not what its states say, and where those and the rail's differ."""
    found, booked = [], {}
    for region in regions:
        books = await books_of(region.server.superuser_dsn)
        found += [f"{region.name}'s ledger: {fault}" for fault in (*books.faults, *books.return_faults)]
        if books.sum_cents:
            found.append(f"{region.name}'s ledger is out of balance by {books.sum_cents} cents")
        booked[region.name] = {row["message_id"]: row["cents"] for row in await fetched(region, BOOKED, message_ids)}
    return [*Ledgers(settled_cents(journal.splitlines()), booked).faults(message_ids), *found]


async def _count_received(result: Result, arrivals: Arrivals, regions: Sequence[Region], journal: bytes) -> None:
    """Count what the rail has brought: what was accepted was acknowledged, and must be what the rail made of it."""
    message_ids = arrivals.message_ids
    here, there = [await _transfers(region, message_ids) for region in regions]
    rail = RailAnswers.read(journal.splitlines())
    received = Received(rail, here, there, await arrivals.credited(), frozenset(result.missed))
    accepted = frozenset(rail.accepted(message_ids))
    result.received = len(message_ids)
    result.acknowledged += len(accepted)
    for message_id in message_ids:
        doubled, diverged = received.doubled(message_id), received.diverged(message_id)
        unaccounted = received.unaccounted(message_id)
        result.doubled += doubled is not None
        result.diverged += diverged is not None
        result.accounted += message_id in accepted and unaccounted is None
        result.wrong += [f"received {message_id}: {fault}" for fault in (doubled, diverged, unaccounted) if fault]


def held_up(rail: RailRecord, message_id: str, *, settles: bool) -> str | None:
    """Return what is wrong with a message that a frozen process wrote once it went on; None if nothing is."""
    if not rail.copies[message_id]:
        return "was held up, and never came: nothing was shown"
    if settles:
        return None if rail.settled[message_id] else "was held up, and not taken by the rail in time: nothing was shown"
    return "was held up, and settled" if rail.settled[message_id] else None
