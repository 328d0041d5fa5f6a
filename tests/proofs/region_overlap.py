"""Whether submissions have arrived in both regions and no claim of theirs is made yet: observed, not waited for.

A gateway counts a submission from its last byte to its answer (`gateway_submissions_in_progress`); the database shows
which claims wait for the lock that every claim takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import ClientSession
from asyncpg import Connection, Record
from prometheus_client.parser import text_string_to_metric_families

from adapters.http.api import Sender
from adapters.postgres.statements import ACCEPT
from gateway.cli.drill.region.count import asking
from gateway.cli.two_regions import Region
from gateway.domain.payment import RegionId

HOLD: Final = "SELECT pg_advisory_xact_lock(hashtextextended('fifteen.slots', 0))"
"""Takes the lock as a change of the map does: no claim is made until the transaction ends."""

_SHOWN_CHARACTERS: Final = 400
"""Of a statement the server shows the first kilobyte (`track_activity_query_size`)."""

_CLAIM: Final = ACCEPT.strip()[:_SHOWN_CHARACTERS]
"""How a claim begins; decisions take the same lock."""

_WAITING: Final = r"""
SELECT count(*) FROM pg_locks AS wanted JOIN pg_stat_activity AS session USING (pid)
WHERE wanted.locktype = 'advisory' AND wanted.objsubid = 1 AND NOT wanted.granted
    AND wanted.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (wanted.classid::bigint << 32 | wanted.objid::bigint) = hashtextextended('fifteen.slots', 0)
    AND starts_with(ltrim(session.query, E' \n'), $1)
"""

_GAUGE: Final = "gateway_submissions_in_progress"


@dataclass(frozen=True, slots=True)
class InHand:
    """What a region has in hand: submissions that have come whole and are not answered, and claims that wait."""

    of_clients: int
    of_peer: int
    claims_waiting: int


async def in_hand(session: ClientSession, region: Region) -> InHand:
    """Return what a region's gateway and database say at this moment."""
    async with session.get(f"{region.gateway_url}/metrics") as response:
        response.raise_for_status()
        counted = _submissions(await response.text())
    async with asking(region) as connection:
        waiting = await claims_waiting(connection)
    return InHand(counted[Sender.CLIENT], counted[Sender.PEER], waiting)


async def claims_waiting(connection: Connection[Record]) -> int:
    """Return how many statements that claim keys wait for the lock in a database."""
    return int(await connection.fetchval(_WAITING, _CLAIM))


def have_arrived(seen: Mapping[RegionId, InHand], *, keys: int, homes: Mapping[RegionId, int]) -> bool:
    """Whether each region has in hand all that a wave sends it: every key once, and what the other one forwards.

    `homes` says how many of the keys each region has forwarded to it: those that have their home in it. Where any claim
    is to be made, one waits.
    """
    return seen.keys() == homes.keys() and all(
        (each.of_clients, each.of_peer) == (keys, homes[name]) and each.claims_waiting > 0
        for name, each in seen.items()
    )


def _submissions(exposition: str) -> Mapping[Sender, int]:
    return {
        Sender(sample.labels["sender"]): int(sample.value)
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
        if sample.name == _GAUGE
    }
