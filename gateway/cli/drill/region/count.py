"""The count: from both regions' databases and the rail's journal, and from what clients were told."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg

from gateway.cli.drill.recount import MOVED
from gateway.cli.drill.region.load import Load
from gateway.cli.two_regions import Region

SHOWN_MAX: Final = 20
RTO_MAX_S: Final = 15.0

_SETTLED: Final = frozenset({"ACSC", "ACWP"})
_DIGESTED: Final = ("claim", "payment", "payment_event", "message", "inbox", "ledger_posting", "slot_release")
"""What both regions must have alike, row by row, when nothing is on its way any more."""

OPEN: Final = (
    "SELECT (SELECT count(*) FROM payment_state WHERE final_at IS NULL) + (SELECT count(*) FROM outbox) "
    "+ (SELECT count(*) FROM projection_due) + (SELECT count(*) FROM handed_over_due)"
)

_STATES: Final = """
SELECT claim.idempotency_key, state.payment_id, state.state, state.version, state.epoch
FROM claim JOIN payment_state AS state USING (payment_id) WHERE claim.idempotency_key LIKE $1
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
    wrong: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept."""
        is_quick = self.rto_s is None or self.rto_s <= RTO_MAX_S
        is_whole = self.accounted == self.acknowledged and not (self.doubled or self.diverged or self.open)
        return is_whole and is_quick and not self.wrong

    def as_json(self) -> dict[str, Any]:
        """Return it as the drill prints it."""
        shown = {
            name: getattr(self, name)
            for name in ("acknowledged", "accounted", "doubled", "diverged", "rpo_payments", "rto_s")
        }
        return {
            **shown,
            "in_doubt_resolved": self.in_doubt_resolved,
            "scenario": self.scenario,
            "seed": self.seed,
            "open": self.open,
            "refused": dict(sorted(self.refused.items())),
            "wrong": self.wrong[:SHOWN_MAX],
        }


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
    found = []
    for table in _DIGESTED:
        digest = f"SELECT md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))) FROM {table} AS t"  # noqa: S608 - ours
        digests = {(await fetched(region, digest))[0][0] for region in regions}
        if len(digests) > 1:
            found.append(table)
    return found


async def claimed_keys(region: Region, prefix: str) -> set[str]:
    """Return the keys of a scenario that a region knows."""
    rows = await fetched(region, "SELECT idempotency_key FROM claim WHERE idempotency_key LIKE $1", f"{prefix}-%")
    return {row["idempotency_key"] for row in rows}


async def count(result: Result, load: Load, regions: Sequence[Region], journal: Path) -> None:
    """Fill in what both databases, the rail and the clients say of a scenario."""
    pattern = f"{load.prefix}-%"
    here, there = [{row["idempotency_key"]: row for row in await fetched(r, _STATES, pattern)} for r in regions]
    messages = {
        str(row["payment_id"]): row["message_id"]
        for row in await fetched(regions[0], "SELECT payment_id, message_id FROM payment")
    }
    copies, settled = _truth(journal)
    result.acknowledged, result.refused = load.count, load.refused
    for key, told in load.acknowledged.items():
        ids, row = {one.payment_id for one in told}, here.get(key)
        if len(ids) > 1:
            result.doubled += 1
            result.wrong.append(f"{key}: it is payments {', '.join(sorted(ids))}")
        elif row is None or str(row["payment_id"]) not in ids:
            result.wrong.append(f"{key}: acknowledged as {ids}, and lost")
        else:
            message_id = messages[str(row["payment_id"])]
            has_moved = settled[message_id] > 0
            if (row["state"] in MOVED) == has_moved:
                result.accounted += 1
            else:
                result.wrong.append(f"{key}: it is {row['state']}, and the rail settled {settled[message_id]} copies")
    mine = {messages[str(row["payment_id"])] for row in here.values()}
    for message_id in mine:
        if copies[message_id] > 1 or settled[message_id] > 1:
            result.doubled += 1
            result.wrong.append(f"{message_id}: {copies[message_id]} copies came to the rail")
    for key in here.keys() | there.keys():
        one, other = here.get(key), there.get(key)
        if one is None or other is None or tuple(one) != tuple(other):
            result.diverged += 1
            result.wrong.append(f"{key}: {one and tuple(one)} here, {other and tuple(other)} there")
    tables = await differing(regions)
    result.diverged += len(tables)
    result.wrong += [f"the rows of {table} differ" for table in tables]
    result.in_doubt_resolved = (await fetched(regions[0], _ASKED, pattern))[0][0]


def _truth(journal: Path) -> tuple[Counter[str], Counter[str]]:
    """Return how many copies of each message the rail booked, and how many of them moved money."""
    booked: dict[int, Mapping[str, Any]] = {}
    copies: Counter[str] = Counter()
    settled: defaultdict[str, int] = defaultdict(int)
    for line in journal.read_bytes().splitlines():
        if line.startswith(b'{"fact":"PaymentBooked"'):
            fact = json.loads(line)
            booked[fact["copy"]] = fact
            copies[fact["message_id"]] += 1
        elif line.startswith(b'{"fact":"PaymentCompleted"'):
            fact = booked[json.loads(line)["copy"]]
            settled[fact["message_id"]] += fact["status"] in _SETTLED
    return copies, Counter(settled)
