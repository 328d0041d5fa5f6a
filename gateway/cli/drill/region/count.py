"""What a scenario comes to, and what is asked of both regions' databases while it is played."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self, TypeAlias

import asyncpg

from adapters.postgres.tables import REPLICATED, region_pulse
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
    unsettled_in_hand_over: int = 0
    """How many transfers were undecided when slots were handed back as planned, and have timed out at the rail."""
    handed_back_from: int | None = None
    """The highest epoch when a planned hand-over began: what it moved has one above."""
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

    def seen(self) -> dict[str, Any]:
        """Return what was seen while it was played, and cannot be counted again."""
        return {
            "scenario": self.scenario,
            "seed": self.seed,
            "is_synchronous": self.is_synchronous,
            "unknown": sorted(self.unknown),
            "missed": sorted(self.missed),
            "rto_s": self.rto_s,
            "open": self.open,
            "errors_in_hand_over": self.errors_in_hand_over,
            "lapses_in_hand_over": self.lapses_in_hand_over,
            "handed_back_from": self.handed_back_from,
            "moved_at": None if self.moved_at is None else self.moved_at.isoformat(),
            "stale": self.stale,
            "timely": self.timely,
            "wrong": self.wrong,
        }

    @classmethod
    def of(cls, run: Mapping[str, Any]) -> Self:
        """Return what was seen, as it was kept, for the rest to be counted."""
        return cls(
            run["scenario"],
            run["seed"],
            is_synchronous=run["is_synchronous"],
            unknown=set(run["unknown"]),
            missed=set(run["missed"]),
            rto_s=run["rto_s"],
            open=run["open"],
            refused=run["refused"],
            errors_in_hand_over=run["errors_in_hand_over"],
            lapses_in_hand_over=run["lapses_in_hand_over"],
            handed_back_from=run["handed_back_from"],
            moved_at=None if run["moved_at"] is None else datetime.fromisoformat(run["moved_at"]),
            stale=list(run["stale"]),
            timely=list(run["timely"]),
            wrong=list(run["wrong"]),
        )

    def whole(self) -> dict[str, Any]:
        """Return it with every list whole, as it is kept."""
        return {
            **self.as_json(),
            "received": self.received,
            "refused": self.refused,
            **self.of_hand_over(),
            "ledger_faults": self.ledger_faults,
            "wrong": self.wrong,
        }

    def of_hand_over(self) -> dict[str, int]:
        """Return what a planned hand-over cost, which is told and kept beside what was agreed on."""
        return {
            "errors_in_hand_over": self.errors_in_hand_over,
            "lapses_in_hand_over": self.lapses_in_hand_over,
            "unsettled_in_hand_over": self.unsettled_in_hand_over,
        }

    @property
    def remarks(self) -> Sequence[str]:
        """What was wrong, as far as it is shown, and what a promise was broken by."""
        found = [*self.wrong[:SHOWN_MAX], *self.ledger_faults[:SHOWN_MAX]]
        if self.open:
            found.append(f"{self.open} things were still to be done after the last scenario")
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


async def unknown_here(region: Region, message_ids: Sequence[str]) -> set[str]:
    """Return those of the rail's transfers of which a region has no fact."""
    rows = await fetched(region, "SELECT message_id FROM incoming_transfer WHERE message_id = ANY ($1)", message_ids)
    return {*message_ids} - {row["message_id"] for row in rows}
