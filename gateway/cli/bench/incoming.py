"""Measuring receiving: payments from the simulated rail at a rate, timed by the rail, the worker and the database."""

from __future__ import annotations

import asyncio
import base64
import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import aiohttp
import asyncpg
from rich.table import Table

from adapters.child_process import free_loopback_port
from adapters.postgres.cluster import PostgresServerError
from adapters.postgres.upgrade import UpgradeError
from adapters.rabbitmq.server import RabbitMqMissingError, RabbitMqNodeError
from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.bench.accounting import Cost, costs_of
from gateway.cli.bench.measure import NotDrainedError, percentile, process_ids
from gateway.cli.console import OUT, stop
from gateway.cli.installation import SENDER, TENANT, Installation, Plan, Servers, running_roles
from gateway.cli.processes import Role, RoleError

OWN_SHARE_P99_MAX_MS: Final = 50.0
STORED_P99_MAX_MS: Final = 500.0
"""The bars, on two cores with everything on them."""

SECRET: Final = "whsec_" + base64.b64encode(b"the secret of a bench institution").decode()
STEP_S: Final = 0.01
"""The rail is given its orders in steps of this length."""

DRAIN_MAX_S: Final = 60.0
_POLL_S: Final = 0.1
_US: Final = 1_000_000

_OPEN: Final = """
    SELECT count(*) FROM incoming_state
    WHERE unsent_at IS NOT NULL
        OR state IN ('RECEIVED', 'ACCEPTED', 'ACCEPTED_WITHOUT_POSTING', 'IN_DOUBT', 'SETTLED')
"""

_ARRIVED: Final = "SELECT count(*) FROM incoming_transfer"

_IDS: Final = "SELECT message_id, payment_id::text FROM incoming_transfer WHERE received_at >= $1"

_TIMES: Final = """
    SELECT count(*) AS received, count(*) FILTER (WHERE now.state = 'POSTED') AS posted,
        percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (
            ORDER BY extract(epoch FROM now.final_at - fact.received_at) * 1000
        ) AS posted_ms,
        percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (
            ORDER BY extract(epoch FROM fact.received_at - fact.forwarded_at) * 1000
        ) AS fetched_ms
    FROM incoming_transfer AS fact JOIN incoming_state AS now USING (payment_id, tenant_id)
    WHERE fact.received_at >= $1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingFigures:
    """What was measured. ``answer_*_ms``: from the rail's creation time to our answer at the rail; ``own_share_*_ms``:
    that of each payment without the time for which the institution says it had the question in hand
    (``institution_*_ms``). ``posted_*_ms``: from arrival to POSTED, saved.
    """

    rate: float
    forwarded: int
    received: int
    posted: int
    late: int
    own_share_p50_ms: float
    own_share_p95_ms: float
    own_share_p99_ms: float
    institution_p50_ms: float
    institution_p99_ms: float
    answer_p50_ms: float
    answer_p95_ms: float
    answer_p99_ms: float
    answer_max_ms: float
    fetched_p99_ms: float
    posted_p50_ms: float
    posted_p99_ms: float
    throughput: float
    cpu_us_per_payment: Mapping[str, int]

    def bars(self) -> dict[str, bool]:
        """Return which bars hold."""
        return {
            "posted": self.forwarded == self.received == self.posted,
            "late": self.late == 0,
            "own_share_p99_ms": self.own_share_p99_ms < OWN_SHARE_P99_MAX_MS,
            "posted_p99_ms": self.posted_p99_ms < STORED_P99_MAX_MS,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shares:
    """Of each answer in time: what of it was ours, and for how long the institution had the question in hand."""

    own_ms: Sequence[float]
    institution_ms: Sequence[float]


def run_incoming_bench(
    plan: Plan, *, rate: float, seconds: float, warmup_s: float, as_json: bool, keep: Path | None
) -> int:
    """Measure, print, and return the exit code: 1 where a bar does not hold."""
    try:
        with ExitStack() as stack:
            if keep is None:
                directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fifteen-bench-")))
            else:
                keep.mkdir(parents=True, exist_ok=True)
                directory = keep.resolve()
            figures = measured(plan, directory, rate=rate, seconds=seconds, warmup_s=warmup_s)
    except RabbitMqMissingError as error:
        stop(f"{error}; or measure with the bus in PostgreSQL: --broker embedded")
    except (RoleError, PostgresServerError, RabbitMqNodeError, UpgradeError, NotDrainedError) as error:
        stop(str(error), code=EXIT_FINDINGS)
    if as_json:
        print(json.dumps(asdict(figures), indent=2))
    else:
        OUT.print(_table(figures))
    return EXIT_OK if all(figures.bars().values()) else EXIT_FINDINGS


def measured(plan: Plan, directory: Path, *, rate: float, seconds: float, warmup_s: float) -> IncomingFigures:
    """Measure on an installation of its own in a directory.

    Raises:
        RoleError: a process ended, or did not become ready.
        NotDrainedError: transfers are not posted long after the load.

    """
    plan = replace(plan, settings={**plan.settings, "FIFTEEN_INSTITUTION_SECRET": SECRET})
    servers, port = Servers(plan, directory), free_loopback_port()
    with servers.running(), ExitStack() as stack:
        institution = Role(
            "institution",
            ("simulator", "core", "--port", str(port), "--webhook-secret", SECRET),
            environment={},
            log_file=directory / "institution.log",
        )
        stack.callback(institution.stop)
        institution.wait_until_ready(f"http://127.0.0.1:{port}/healthz")
        institution_url = f"http://127.0.0.1:{port}"
        asyncio.run(_register(servers, f"{institution_url}/v1/incoming-transfers"))
        installation = Installation(plan, servers, directory)
        roles = stack.enter_context(running_roles(installation))
        named = {**process_ids(installation, roles), "institution": institution.process_id}
        return asyncio.run(_run(installation, named, institution_url, rate=rate, seconds=seconds, warmup_s=warmup_s))


async def _register(servers: Servers, url: str) -> None:
    connection = await asyncpg.connect(servers.postgres.owner_dsn)
    await connection.execute("UPDATE tenant SET institution_url = $1", url)
    await connection.execute("INSERT INTO receiving_agent VALUES ($1, $2)", SENDER.routing_number, TENANT)
    await connection.close()


async def _run(
    installation: Installation,
    named: Mapping[str, int],
    institution_url: str,
    *,
    rate: float,
    seconds: float,
    warmup_s: float,
) -> IncomingFigures:
    connection = await asyncpg.connect(installation.servers.postgres.superuser_dsn)
    url = f"{installation.simulator_url}/simulator/v1/incoming"
    try:
        async with aiohttp.ClientSession() as session:
            warmed = await _load(session, url, rate=rate, seconds=warmup_s)
            await _drained(connection, forwarded=warmed)
            since, before = await connection.fetchval("SELECT now()"), costs_of(named)
            count = await _load(session, url, rate=rate, seconds=seconds)
            await _drained(connection, forwarded=warmed + count)
            after = costs_of(named)
            at_rail = await _asked(session, f"{url}?after={warmed}")
            answered_ms = await _asked(session, f"{url}/answers?after={warmed}")
            at_institution = await _asked(session, f"{institution_url}/simulator/v1/incoming")
        times = await connection.fetchrow(_TIMES, since)
        ids = {row["message_id"]: row["payment_id"] for row in await connection.fetch(_IDS, since)}
    finally:
        await connection.close()
    assert times is not None, "an aggregate has a row"
    in_hand_ms: Mapping[str, float] = at_institution["answered_ms"]
    theirs_ms = {message_id: in_hand_ms.get(ids.get(message_id, ""), 0.0) for message_id in answered_ms}
    shares = _Shares(
        own_ms=[took_ms - theirs_ms[message_id] for message_id, took_ms in answered_ms.items()],
        institution_ms=list(theirs_ms.values()),
    )
    return _figures(rate, seconds, count, at_rail, shares, times, before=before, after=after)


async def _asked(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with session.get(url) as response:
        found: dict[str, Any] = await response.json()
    return found


async def _load(session: aiohttp.ClientSession, url: str, *, rate: float, seconds: float) -> int:
    """Have the rail forward payments at this rate, in small steps; returns how many."""
    loop, forwarded, step = asyncio.get_running_loop(), 0, 0
    started_s = loop.time()
    while (elapsed_s := loop.time() - started_s) < seconds:
        due = round(rate * min(elapsed_s + STEP_S, seconds)) - forwarded
        if due > 0:
            async with session.post(url, json={"count": due}) as response:
                forwarded += len((await response.json())["message_ids"])
        step += 1
        await asyncio.sleep(max(started_s + step * STEP_S - loop.time(), 0))
    return forwarded


async def _drained(connection: asyncpg.Connection[asyncpg.Record], *, forwarded: int) -> None:
    """Wait until everything that the rail has forwarded since the start has arrived here, and has come to its end."""
    try:
        async with asyncio.timeout(DRAIN_MAX_S):
            while await connection.fetchval(_ARRIVED) < forwarded or await connection.fetchval(_OPEN):
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise NotDrainedError(f"transfers are not posted {DRAIN_MAX_S:g} s after the load") from None


def _figures(
    rate: float,
    seconds: float,
    forwarded: int,
    at_rail: Mapping[str, Any],
    shares: _Shares,
    times: asyncpg.Record,
    *,
    before: Mapping[str, Cost],
    after: Mapping[str, Cost],
) -> IncomingFigures:
    answered, count = at_rail["answer_ms"], max(times["received"], 1)
    fetched_ms, posted_ms = times["fetched_ms"] or [0.0] * 2, times["posted_ms"] or [0.0] * 2
    return IncomingFigures(
        rate=rate,
        forwarded=forwarded,
        received=times["received"],
        posted=times["posted"],
        late=at_rail["answers_that_did_not_count"],
        own_share_p50_ms=_part(shares.own_ms, 0.5),
        own_share_p95_ms=_part(shares.own_ms, 0.95),
        own_share_p99_ms=_part(shares.own_ms, 0.99),
        institution_p50_ms=_part(shares.institution_ms, 0.5),
        institution_p99_ms=_part(shares.institution_ms, 0.99),
        answer_p50_ms=round(answered["p50"], 1),
        answer_p95_ms=round(answered["p95"], 1),
        answer_p99_ms=round(answered["p99"], 1),
        answer_max_ms=round(answered["max"], 1),
        fetched_p99_ms=round(fetched_ms[1], 1),
        posted_p50_ms=round(posted_ms[0], 1),
        posted_p99_ms=round(posted_ms[1], 1),
        throughput=round(times["posted"] / seconds, 1),
        cpu_us_per_payment={name: round((after[name].cpu_s - before[name].cpu_s) / count * _US) for name in before},
    )


def _part(values: Sequence[float], share: float) -> float:
    return round(percentile(list(values), share) or 0.0, 1)


def _table(figures: IncomingFigures) -> Table:
    held = figures.bars()
    table = Table(title="From the rail to POSTED, everything on this machine", title_justify="left")
    for heading in ("figure", "value", "bar"):
        table.add_column(heading)
    for name, value in asdict(figures).items():
        shown = "  ".join(f"{key} {each:,}" for key, each in value.items()) if isinstance(value, dict) else f"{value:,}"
        bar = "" if name not in held else "holds" if held[name] else "does not hold"
        table.add_row(name, shown, bar)
    return table
