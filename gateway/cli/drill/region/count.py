"""The count: from both regions' databases and the rail's journal, and from what clients were told."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import asyncpg

from gateway.cli.drill.recount import MOVED, NOT_MOVED
from gateway.cli.drill.region.load import Load
from gateway.cli.two_regions import Region

SHOWN_MAX: Final = 20
RTO_MAX_S: Final = 15.0

_SETTLED: Final = frozenset({"ACSC", "ACWP"})
_DIGESTED: Final = ("claim", "payment", "payment_event", "message", "inbox", "ledger_posting", "slot_release")
"""What both regions must have alike, row by row, when nothing is on its way any more."""

_DIGESTS: Final = " UNION ALL ".join(
    f"SELECT md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))) FROM {table} AS t"  # noqa: S608 - ours
    for table in _DIGESTED
)

OPEN: Final = (
    "SELECT (SELECT count(*) FROM payment_state WHERE final_at IS NULL) + (SELECT count(*) FROM outbox) "
    "+ (SELECT count(*) FROM projection_due) + (SELECT count(*) FROM handed_over_due)"
)

_CLAIMS: Final = """
SELECT claim.idempotency_key AS key, claim.region, claim.epoch AS claimed_under, claim.claimed_at, claim.payment_id,
       payment.message_id, state.state, state.version, state.epoch
FROM claim
JOIN payment USING (payment_id, tenant_id, region)
JOIN payment_state AS state USING (payment_id)
WHERE claim.idempotency_key LIKE $1
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
    acknowledged: int = 0
    accounted: int = 0
    doubled: int = 0
    diverged: int = 0
    rpo_payments: int = 0
    rto_s: float | None = None
    in_doubt_resolved: int = 0
    open: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    moved_at: datetime | None = None
    """When the slots of a lost region had gone to the other."""
    stale: list[str] = field(default_factory=list)
    """Ids of messages that a frozen process has written once it went on: they must come, and settle nothing."""
    wrong: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept."""
        is_quick = self.rto_s is None or self.rto_s <= RTO_MAX_S
        is_whole = self.accounted == self.acknowledged and not (self.doubled or self.diverged or self.open)
        return is_whole and is_quick and not self.wrong

    def as_json(self) -> dict[str, Any]:
        """Return it as the drill prints it."""
        return {
            "acknowledged": self.acknowledged,
            "accounted": self.accounted,
            "doubled": self.doubled,
            "diverged": self.diverged,
            "rpo_payments": self.rpo_payments,
            "rto_s": self.rto_s,
            "in_doubt_resolved": self.in_doubt_resolved,
            "scenario": self.scenario,
            "seed": self.seed,
        }

    @property
    def remarks(self) -> Sequence[str]:
        """What was wrong, as far as it is shown, and what a promise was broken by."""
        found = self.wrong[:SHOWN_MAX]
        if self.open:
            found.append(f"{self.open} things were still to be done")
        if self.rto_s is not None and self.rto_s > RTO_MAX_S:
            found.append(f"it took {self.rto_s:g} s until a payment settled again; {RTO_MAX_S:g} s are promised")
        return found


async def fetched(region: Region, query: str, *arguments: object) -> list[asyncpg.Record]:
    """Ask a region's database."""
    connection = await asyncpg.connect(region.server.superuser_dsn)
    try:
        rows: list[asyncpg.Record] = await connection.fetch(query, *arguments)
    finally:
        await connection.close()
    return rows


async def still_open(regions: Sequence[Region]) -> int:
    """Return how much both regions have yet to do."""
    return sum([(await fetched(region, OPEN))[0][0] for region in regions])


async def differing(regions: Sequence[Region]) -> list[str]:
    """Return the tables of which the two regions do not have the same rows."""
    here, there = [await fetched(region, _DIGESTS) for region in regions]
    return [table for table, one, other in zip(_DIGESTED, here, there, strict=True) if one[0] != other[0]]


async def claimed_keys(region: Region, prefix: str) -> set[str]:
    """Return the keys of a scenario that a region knows."""
    rows = await fetched(region, "SELECT idempotency_key FROM claim WHERE idempotency_key LIKE $1", f"{prefix}-%")
    return {row["idempotency_key"] for row in rows}


@dataclass(frozen=True, slots=True)
class _Rail:
    """How many copies of each message the rail has booked, and how many of them moved money."""

    copies: Counter[str]
    settled: Counter[str]

    @classmethod
    def read(cls, journal: Path) -> _Rail:
        booked: dict[int, Mapping[str, Any]] = {}
        copies: Counter[str] = Counter()
        settled: Counter[str] = Counter()
        for line in journal.read_bytes().splitlines():
            if line.startswith(b'{"fact":"PaymentBooked"'):
                fact = json.loads(line)
                booked[fact["copy"]] = fact
                copies[fact["message_id"]] += 1
            elif line.startswith(b'{"fact":"PaymentCompleted"'):
                fact = booked[json.loads(line)["copy"]]
                settled[fact["message_id"]] += fact["status"] in _SETTLED
        return cls(copies, settled)


_Claims = Mapping[str, Sequence[asyncpg.Record]]


async def _claims(region: Region, pattern: str) -> _Claims:
    claims: defaultdict[str, list[asyncpg.Record]] = defaultdict(list)
    for row in await fetched(region, _CLAIMS, pattern):
        claims[row["key"]].append(row)
    return claims


async def count(result: Result, load: Load, regions: Sequence[Region], journal: Path) -> None:
    """Fill in what both databases, the rail and the clients say of a scenario."""
    pattern = f"{load.prefix}-%"
    here, there = [await _claims(region, pattern) for region in regions]
    rail = _Rail.read(journal)
    result.acknowledged, result.refused = load.count, load.refused
    for key in sorted(here.keys() | there.keys() | load.acknowledged.keys()):
        claims = {tuple(row): row for row in (*here.get(key, ()), *there.get(key, ()))}
        if fault := _doubled(load, key, list(claims.values()), rail, result.moved_at):
            result.doubled += 1
            result.wrong.append(f"{key}: {fault}")
        if fault := _diverged(here.get(key, ()), there.get(key, ())):
            result.diverged += 1
            result.wrong.append(f"{key}: {fault}")
        if key in load.acknowledged:
            fault = _unaccounted(load, key, here.get(key, ()), rail)
            result.accounted += fault is None
            result.wrong += [f"{key}: {fault}"] if fault else []
    tables = await differing(regions)
    result.diverged += len(tables)
    result.wrong += [f"the rows of {table} differ" for table in tables]
    for message_id in result.stale:
        if not rail.copies[message_id]:
            result.wrong.append(f"{message_id} was held up, and never came: nothing was shown")
        elif rail.settled[message_id]:
            result.wrong.append(f"{message_id} was held up, and settled")
    result.in_doubt_resolved = (await fetched(regions[0], _ASKED, pattern))[0][0]


def _doubled(
    load: Load, key: str, claims: Sequence[asyncpg.Record], rail: _Rail, moved_at: datetime | None
) -> str | None:
    """Return how a key has more than one payment: told, claimed, or at the rail.

    Two claims are as they should be where the first was made by the key's owner, and was lost with it, and the second
    by who took over: they are of one payment, about which the rail is asked.
    """
    told = {one.payment_id for one in load.acknowledged.get(key, ())}
    if len(told) > 1:
        return f"clients were told of payments {', '.join(sorted(told))}"
    if len({row["region"] for row in claims}) > 1:
        first, last = (extreme(claims, key=lambda row: row["claimed_under"]) for extreme in (min, max))
        if first["claimed_under"] == last["claimed_under"] or moved_at is None or first["claimed_at"] > moved_at:
            return f"{first['region']} and {last['region']} have claimed it, at {first['claimed_at']} the first"
    message_ids = {row["message_id"] for row in claims}
    copies = sum(rail.copies[message_id] for message_id in message_ids)
    return f"{copies} copies came to the rail" if copies > 1 else None


def _diverged(here: Sequence[asyncpg.Record], there: Sequence[asyncpg.Record]) -> str | None:
    one, other = sorted(map(tuple, here)), sorted(map(tuple, there))
    return None if one == other else f"it is {_told(here)} in one region, {_told(there)} in the other"


def _told(claims: Sequence[asyncpg.Record]) -> str:
    shown = (f"{row['state']} (version {row['version']}, epoch {row['epoch']})" for row in claims)
    return " and ".join(shown) or "unknown"


def _unaccounted(load: Load, key: str, claims: Sequence[asyncpg.Record], rail: _Rail) -> str | None:
    """Return why the payment of which a client was told is not what the rail has made of it; None if it is."""
    told = {one.payment_id for one in load.acknowledged[key]}
    if {str(row["payment_id"]) for row in claims} != told:
        return f"acknowledged as {', '.join(sorted(told))}, and lost"
    state = claims[0]["state"]
    settled = sum(rail.settled[message_id] for message_id in {row["message_id"] for row in claims})
    if (state in MOVED and settled == 1) or (state in NOT_MOVED and settled == 0):
        return None
    return f"it is {state}, and the rail settled {settled} copies"
