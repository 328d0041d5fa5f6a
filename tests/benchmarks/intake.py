"""How much one gateway process takes in: ``make bench``.

A gateway alone on a PostgreSQL of its own, no worker; ``wrk`` holds 32 connections, each of which submits a 4 KB
pacs.008 with a message id of its own, waits for the 202 and submits the next. Printed are accepted/s, p50 and p99 as
the client sees them, commits and CPU per payment by process. The bars: at least 1,500/s, p99 below 50 ms, 0.1 commits a
payment.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

import asyncpg

from adapters.child_process import free_loopback_port
from adapters.postgres.server import EmbeddedPostgres
from adapters.postgres.upgrade import FirstTenant, digest_of_api_key, upgrade
from adapters.system import SystemClock
from gateway.cli.processes import Role
from gateway.domain.payment import RegionId, TenantId
from iso20022 import MessageId, Personal
from tests.acceptance.payments import message, transfer
from tests.conftest import API_KEY

CLIENTS: Final = 32
MESSAGE_BYTES: Final = 4_000
RATE_MIN: Final = 1_500
P99_MAX_MS: Final = 50.0
COMMITS_MAX: Final = 0.1

_LUA: Final = """
local file = io.open("{body}", "rb")
local template = file:read("*all")
file:close()
local thread_number = 0
function setup(thread) thread:set("number", thread_number); thread_number = thread_number + 1 end
function init(arguments) sent = 0 end
local headers = {{ ["Content-Type"] = "application/xml", ["Authorization"] = "Bearer {key}" }}
function request()
    sent = sent + 1
    local id = string.format("%02d%010d", number, sent)
    return wrk.format("POST", "/v1/messages", headers, (template:gsub("UNIQUE000000", id)))
end
function response(status) if status ~= 202 then refused = (refused or 0) + 1 end end
function done(summary, latency)
    io.write(string.format('RESULT {{"requests": %d, "errors": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d}}\\n',
        summary.requests, summary.errors.status + summary.errors.read + summary.errors.timeout, summary.duration,
        latency:percentile(50), latency:percentile(99)))
end
"""


def template() -> bytes:
    """A message of about 4 KB in FedNow's envelope, whose message id ends in ``UNIQUE000000``."""
    payment = transfer()
    unique = replace(payment, message_id=MessageId(payment.message_id[:17] + "UNIQUE000000"))
    body = message(unique)
    padded = replace(unique, remittance=tuple(Personal("x" * 140) for _ in range((MESSAGE_BYTES - len(body)) // 160)))
    return message(padded)


async def commits(dsn: str) -> int:
    """The transactions that the database has committed so far, the statistics' own delay waited out."""
    await asyncio.sleep(1.5)
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval("SELECT xact_commit FROM pg_stat_database WHERE datname = 'fifteen'"))
    finally:
        await connection.close()


def cpu_s(process_id: int) -> float:
    """The CPU seconds of a process and its ended and living children."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        own = int(entry.parent.name)
        if own == process_id or int(fields[1]) == process_id:
            total += int(fields[11]) + int(fields[12])
            total += int(fields[13]) + int(fields[14]) if own == process_id else 0
    return total / ticks


def find_wrk() -> str:
    """The load generator, installed from Debian's package where it is missing and may be."""
    if shutil.which("wrk") is None and shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "wrk"], check=True)
    found = shutil.which("wrk")
    if found is None:
        sys.exit("the benchmark needs wrk: as root, apt-get install wrk")
    return found


def run(seconds: int) -> dict[str, float]:
    """Run the benchmark and return its figures."""
    wrk = find_wrk()
    with tempfile.TemporaryDirectory(prefix="fifteen-bench-") as name:
        directory = Path(name)
        (directory / "message.xml").write_bytes(template())
        (directory / "load.lua").write_text(_LUA.format(body=directory / "message.xml", key=API_KEY))
        with EmbeddedPostgres(directory / "postgres") as server:
            first = FirstTenant(TenantId("default"), "Benchmark", digest_of_api_key(API_KEY))
            asyncio.run(
                upgrade(server.owner_dsn, regions=[RegionId("local")], first_tenant=first, now=SystemClock().now())
            )
            port = free_loopback_port()
            gateway = Role(
                "gateway",
                ("gateway",),
                environment={
                    "FIFTEEN_DATABASE_URL": server.application_dsn,
                    "FIFTEEN_HTTP_PORT": str(port),
                    "FIFTEEN_ADMISSION_WAIT_MAX_S": "3600",  # no worker sends what is accepted
                    "FIFTEEN_LOG_LEVEL": "warning",
                },
                log_file=directory / "gateway.log",
            )
            try:
                gateway.wait_until_ready(f"http://127.0.0.1:{port}/readyz")
                command = [wrk, "-t1", f"-c{CLIENTS}", "-s", str(directory / "load.lua")]
                url = f"http://127.0.0.1:{port}"
                subprocess.run([*command, "-d1", url], check=True, capture_output=True)
                asyncio.run(_clear(server.owner_dsn))
                before = asyncio.run(commits(server.superuser_dsn))
                cpu_before = {"gateway": cpu_s(gateway.process_id), "postgres": cpu_s(server.process_id)}
                output = subprocess.run([*command, f"-d{seconds}", url], check=True, capture_output=True, text=True)
                cpu_after = {"gateway": cpu_s(gateway.process_id), "postgres": cpu_s(server.process_id)}
                after = asyncio.run(commits(server.superuser_dsn))
            finally:
                gateway.stop()
    found = re.search(r"RESULT (.*)", output.stdout)
    if found is None:
        sys.exit(f"wrk printed no result:\n{output.stdout}\n{output.stderr}")
    result = json.loads(found[1])
    accepted = result["requests"] - result["errors"]
    return {
        "accepted": accepted,
        "refused": result["errors"],
        "rate": round(accepted / (result["duration_us"] / 1e6)),
        "p50_ms": result["p50_us"] / 1000,
        "p99_ms": result["p99_us"] / 1000,
        "commits_per_payment": round((after - before) / accepted, 4),
        **{
            f"{process}_cpu_us_per_payment": round((cpu_after[process] - cpu_before[process]) / accepted * 1e6)
            for process in cpu_before
        },
    }


async def _clear(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("TRUNCATE claim, payment, payment_event, message, payment_state, outbox")
    finally:
        await connection.close()


def main() -> None:
    """Print the figures, and whether the bars hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = run(arguments.seconds)
    if arguments.json:
        print(json.dumps(figures))
        return
    bars = {
        "rate": figures["rate"] >= RATE_MIN,
        "p99_ms": figures["p99_ms"] < P99_MAX_MS,
        "commits_per_payment": figures["commits_per_payment"] <= COMMITS_MAX,
    }
    for name, figure in figures.items():
        print(f"{name:28} {figure:>12,} {'' if name not in bars else 'holds' if bars[name] else 'DOES NOT HOLD'}")
    sys.exit(0 if all(bars.values()) else 1)


if __name__ == "__main__":
    main()
