"""Measuring: a load on a running installation, timed by the database and by the client, and paid for in CPU."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg

from adapters.system import SystemClock
from gateway.cli.bench.accounting import Cost, costs_of
from gateway.cli.bench.load import LoadOrder, Observations
from gateway.cli.installation import Installation, Roles
from gateway.cli.processes import Role

ANSWERS_MAX_S: Final = 60.0
"""How long after its last payment the load may take to get its answers."""

DRAIN_MAX_S: Final = 60.0
"""How long after the load the last payment may take to become final."""

NUMBERS_PER_S: Final = 100_000
"""More payments a second are never submitted."""

_POLL_S: Final = 0.05
_US: Final = 1_000_000

_OPEN: Final = "SELECT EXISTS (SELECT FROM payment_state WHERE timer_at IS NOT NULL)"

_TIMES: Final = """
    SELECT count(*) FILTER (WHERE now.state = 'SETTLED') AS settled,
        count(now.final_at) AS final,
        percentile_cont(ARRAY[0.5, 0.95, 0.99, 1.0]) WITHIN GROUP (
            ORDER BY extract(epoch FROM now.final_at - fact.accepted_at) * 1000
        ) AS way_ms,
        extract(epoch FROM max(now.final_at) - min(fact.accepted_at)) AS lasted_s
    FROM payment AS fact JOIN payment_state AS now USING (payment_id, tenant_id)
    WHERE fact.accepted_at >= $1
"""
"""All payments accepted since an instant: how many settled, and how long they took from acceptance to the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is to be measured: `rate` payments a second (0: as many as `clients` clients can), after a warm-up."""

    rate: float
    seconds: float
    warmup_s: float
    clients: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured. ``*_ms``: accepted to settled; ``ack_*``: intended instant to 202; ``refusal_*``: to a 429 or
    503, None where none was refused; ``told_*``: to the final status in a waiting client's answer.
    ``cpu_us_per_payment`` is by process, the client apart.
    """

    rate: float
    accepted: int
    settled: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    ack_p50_ms: float
    ack_p99_ms: float
    refusal_p99_ms: float | None
    told_p50_ms: float | None
    told_p99_ms: float | None
    throughput: float
    cpu_us_per_payment: Mapping[str, int]
    cpu_us_per_payment_total: int
    client_cpu_us_per_payment: int
    rss_mib: Mapping[str, float]
    generator_late_ms: float
    faults: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        """Return the figures as `fifteen bench --json` prints them."""
        return asdict(self)


class NotDrainedError(Exception):
    """The installation has not brought every payment to its end in time; the text says how long was waited."""


def measure(installation: Installation, roles: Roles, load: Load) -> Figures:
    """Run the load and return the figures.

    Raises:
        NotDrainedError: a payment is still open long after the load.
        RoleError: the generator did not end.

    """
    clock = SystemClock()
    if load.warmup_s:
        _observe(installation, load, seconds=load.warmup_s, first=_first_number(clock.now()))
        _drain(installation)
    started_at, before = clock.now(), costs_of(process_ids(installation, roles))
    seen = _observe(installation, load, seconds=load.seconds, first=_first_number(started_at))
    _drain(installation)
    after = costs_of(process_ids(installation, roles))
    return _figures(load, seen, asyncio.run(_times(installation, started_at)), before=before, after=after)


def _observe(installation: Installation, load: Load, *, seconds: float, first: int) -> Observations:
    order = LoadOrder(
        ports=installation.addresses.gateways, rate=load.rate, seconds=seconds, clients=load.clients, first=first
    )
    log_file = installation.directory / f"load-{first}.log"
    generator = Role(
        "load", (json.dumps(asdict(order)),), environment={}, log_file=log_file, module="gateway.cli.bench.load"
    )
    try:
        generator.wait_until_ended(seconds + ANSWERS_MAX_S)
    finally:
        generator.stop()
    return Observations(**json.loads(log_file.read_text().splitlines()[-1]))


def _drain(installation: Installation) -> None:
    asyncio.run(_drained(installation))


async def _drained(installation: Installation) -> None:
    connection = await asyncpg.connect(installation.servers.postgres.superuser_dsn)
    try:
        async with asyncio.timeout(DRAIN_MAX_S):
            while await connection.fetchval(_OPEN):
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise NotDrainedError(f"payments are still open {DRAIN_MAX_S:g} s after the load") from None
    finally:
        await connection.close()


def _first_number(now: datetime) -> int:
    """Return the number of the next payment: the time of the day in steps of 10 µs, so that no two runs share one."""
    return round((now - now.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds() * NUMBERS_PER_S)


async def _times(installation: Installation, since: datetime) -> asyncpg.Record:
    connection = await asyncpg.connect(installation.servers.postgres.superuser_dsn)
    try:
        row = await connection.fetchrow(_TIMES, since)
    finally:
        await connection.close()
    assert row is not None, "an aggregate has a row"
    return row


def process_ids(installation: Installation, roles: Roles) -> dict[str, int]:
    """Return the processes of an installation, by name; each stands for its children too."""
    servers = installation.servers
    named = {f"gateway{_suffix(number)}": role.process_id for number, role in enumerate(roles.gateways)}
    named |= {f"worker{_suffix(number)}": role.process_id for number, role in enumerate(roles.workers)}
    named |= {"simulator": roles.simulator.process_id, "postgres": servers.postgres.process_id}
    if servers.rabbitmq is not None:
        named["rabbitmq"] = servers.rabbitmq.process_id
    return named


def _suffix(number: int) -> str:
    return f"-{number + 1}" if number else ""


def _figures(
    load: Load,
    seen: Observations,
    times: asyncpg.Record,
    *,
    before: Mapping[str, Cost],
    after: Mapping[str, Cost],
) -> Figures:
    count = max(times["final"], 1)
    cpu = {name: round((after[name].cpu_s - before[name].cpu_s) / count * _US) for name in before}
    way_ms = times["way_ms"] or [0.0] * 4
    return Figures(
        rate=load.rate,
        accepted=seen.accepted,
        settled=times["settled"],
        p50_ms=round(way_ms[0], 1),
        p95_ms=round(way_ms[1], 1),
        p99_ms=round(way_ms[2], 1),
        max_ms=round(way_ms[3], 1),
        ack_p50_ms=percentile(seen.acknowledged_ms, 0.5) or 0.0,
        ack_p99_ms=percentile(seen.acknowledged_ms, 0.99) or 0.0,
        refusal_p99_ms=percentile(seen.refused_ms, 0.99),
        told_p50_ms=percentile(seen.told_ms, 0.5),
        told_p99_ms=percentile(seen.told_ms, 0.99),
        throughput=round(times["final"] / float(times["lasted_s"] or 1), 1),
        cpu_us_per_payment=cpu,
        cpu_us_per_payment_total=sum(cpu.values()),
        client_cpu_us_per_payment=round(seen.cpu_s / max(seen.sent, 1) * _US),
        rss_mib={name: round(cost.memory_mib, 1) for name, cost in after.items()},
        generator_late_ms=round(seen.generator_late_ms, 1),
        faults=seen.faults,
    )


def percentile(values: list[float], share: float) -> float | None:
    """Return the smallest value that `share` of all values do not exceed; None where there are none."""
    if not values:
        return None
    return round(sorted(values)[min(int(len(values) * share), len(values) - 1)], 1)
