"""What the parts themselves cost on a machine: a skeleton without any of the safety, under the same load.

``python -m tests.benchmarks.skeleton [--rate R] [--seconds S]`` runs gateway, worker and rail as processes on the real
PostgreSQL and RabbitMQ: a message is parsed, inserted, answered with 202, queued, posted to a rail that says yes at
once, and noted as settled. There is no schema, rule, key, signature, outbox, inbox, version, ledger, history or
confirmation; commits are not flushed, and the queue forgets. A payment of ours is held against one of these: machines
differ, the ratio less so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import aiohttp
import aiormq
import asyncpg
import uvloop
from aiohttp import web
from aiormq.abc import DeliveredMessage
from lxml import etree

from adapters.system import SystemClock, SystemIdentifiers
from gateway.cli.bench.measure import Figures, Load, measure
from gateway.cli.installation import REGION, TENANT, Installation, Plan, Roles, Servers
from gateway.cli.processes import Role, end_with_parent

MODULE: Final = "tests.benchmarks.skeleton"
QUEUE: Final = "skeleton"
PREFETCH: Final = 64
CONNECTIONS: Final = 8

_INSERT: Final = """
    WITH fact AS (
        INSERT INTO payment (region, payment_id, tenant_id, rail, message_id, end_to_end_id, uetr, amount_cents,
            debtor_agent, creditor_agent, debtor_account_index, creditor_account_index, business_date, accepted_at,
            deadline_at)
        VALUES ($1, $2, $3, 'fednow', $4, $5, $6, $7, '990000107', '990001203', '\\x00', '\\x00', $8, $9, $10)
        RETURNING payment_id, tenant_id, accepted_at
    )
    INSERT INTO payment_state (payment_id, tenant_id, state, version, epoch, status_requests, updated_at, timer_at)
    SELECT payment_id, tenant_id, 'SENDING', 1, 1, 0, accepted_at, $10 FROM fact
"""

_SETTLE: Final = """
    UPDATE payment_state SET state = 'SETTLED', version = 2, final_at = $2, updated_at = $2, timer_at = NULL
    WHERE payment_id = $1
"""

_ANSWER: Final = b"<Document><TxSts>ACSC</TxSts></Document>"


def _text(root: etree._Element, name: str) -> str:
    [*found] = root.iter(f"{{*}}{name}")
    return found[-1].text or ""


async def _open_pool() -> asyncpg.Pool[asyncpg.Record]:
    settings = {"synchronous_commit": "off", "jit": "off"}
    pool = await asyncpg.create_pool(
        os.environ["FIFTEEN_DATABASE_URL"], min_size=CONNECTIONS, max_size=CONNECTIONS, server_settings=settings
    )
    assert pool is not None
    return pool


async def _serve(port: int, *routes: web.RouteDef) -> None:
    """Serve until cancelled; ready at once."""

    async def ready(_: web.Request) -> web.Response:
        return web.json_response({})

    application = web.Application()
    application.add_routes([*routes, web.get("/readyz", ready), web.get("/healthz", ready)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


async def gateway() -> None:
    """Take messages."""
    pool, clock, identifiers = await _open_pool(), SystemClock(), SystemIdentifiers()
    connection = await aiormq.connect(os.environ["FIFTEEN_BROKER_URL"])
    channel = await connection.channel(publisher_confirms=False)
    await channel.queue_declare(QUEUE)

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        root, payment_id, now = etree.fromstring(body), identifiers.new_uuid(), clock.now()
        await pool.execute(
            *(_INSERT, REGION, payment_id, TENANT, _text(root, "MsgId"), _text(root, "EndToEndId")),
            *(str(payment_id), round(float(_text(root, "IntrBkSttlmAmt")) * 100), now.date(), now),
            now + timedelta(seconds=15),
        )
        await channel.basic_publish(payment_id.bytes + body, routing_key=QUEUE)
        return web.json_response({"payment_id": str(payment_id), "final": False}, status=202)

    await _serve(int(os.environ["FIFTEEN_HTTP_PORT"]), web.post("/v1/messages", take))


async def worker() -> None:
    """Send what is queued, and note what the rail says."""
    pool, clock = await _open_pool(), SystemClock()
    session = aiohttp.ClientSession()
    connection = await aiormq.connect(os.environ["FIFTEEN_BROKER_URL"])
    channel = await connection.channel()
    await channel.queue_declare(QUEUE)
    await channel.basic_qos(prefetch_count=PREFETCH)

    async def handle(message: DeliveredMessage) -> None:
        url = os.environ["FIFTEEN_FEDNOW__URL"]
        async with session.post(f"{url}/rail", data=message.body[16:]) as response:
            answer = etree.fromstring(await response.read())
        assert _text(answer, "TxSts") == "ACSC"
        await pool.execute(_SETTLE, UUID(bytes=message.body[:16]), clock.now())

    await channel.basic_consume(QUEUE, handle, no_ack=True)
    await _serve(int(os.environ["FIFTEEN_WORKER_PORT"]))


async def simulator() -> None:
    """Say yes."""

    async def settle(request: web.Request) -> web.Response:
        assert _text(etree.fromstring(await request.read()), "MsgId")
        return web.Response(body=_ANSWER)

    await _serve(int(sys.argv[-1]), web.post("/rail", settle))


ROLES: Final[Mapping[str, Callable[[], Awaitable[None]]]] = {
    "gateway": gateway,
    "worker": worker,
    "simulator": simulator,
}


def measured(load: Load) -> Figures:
    """The figures of one run on servers of its own."""
    with tempfile.TemporaryDirectory(prefix="fifteen-skeleton-") as name, ExitStack() as stack:
        servers = Servers(Plan(), Path(name))
        stack.enter_context(servers.running())
        installation = Installation(Plan(), servers, Path(name))

        def kept(role: Role, url: str) -> Role:
            stack.callback(role.stop)
            role.wait_until_ready(url)
            return role

        addresses = installation.addresses
        rail = Role(
            "simulator",
            ("simulator", str(addresses.simulator)),
            environment={},
            log_file=Path(name) / "simulator.log",
            module=MODULE,
        )
        roles = Roles(
            kept(rail, f"{installation.simulator_url}/healthz"),
            (kept(installation.gateway(0, module=MODULE), f"http://127.0.0.1:{addresses.gateways[0]}/readyz"),),
            (kept(installation.worker(0, module=MODULE), f"http://127.0.0.1:{addresses.workers[0]}/readyz"),),
        )
        return measure(installation, roles, load)


def main() -> None:
    """Run one of the roles, or measure them all."""
    if len(sys.argv) > 1 and (role := ROLES.get(sys.argv[1])) is not None:
        end_with_parent()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(role())  # type: ignore[arg-type]
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=300.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    order = parser.parse_args()
    print(json.dumps(measured(Load(rate=order.rate, seconds=order.seconds, warmup_s=5)).as_json(), indent=2))


if __name__ == "__main__":
    main()
