"""The deployment hooks against gateways that really run: what is well passes, what is not is refused."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from adapters.child_process import free_loopback_port
from gateway.cli.processes import Role
from gateway.cli.synthetic import upgrade_synthetic
from gateway.cli.zygote import start_forked
from gateway.settings import Settings
from tests.acceptance.test_synthetic import environment_of, listening_trap
from tests.conftest import Database
from tests.servers import prometheus
from tests.servers.deploy_hooks import Deployment, deployed, functions
from tests.servers.green_set import Script, serving

RELEASE: Final = "2026.11.1"
"""What `environment_of` says."""

HOOK: Final = "after_allow_test_traffic"


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    """A deployment of the release that the gateways of these tests run."""
    with deployed(RELEASE) as deployment:
        yield deployment


@pytest.fixture
def environment(database: Database, beside: Database) -> Iterator[dict[str, str]]:
    """An installation with synthetic payments, up to date; its rails are a trap."""
    with listening_trap() as trap:
        environment = environment_of(database, trap)
        asyncio.run(upgrade_synthetic(Settings(), database.owner_dsn, phase=None))
        yield environment
        assert trap.visits == []


@contextmanager
def gateway(environment: Mapping[str, str], directory: Path) -> Iterator[str]:
    """Run a gateway; yields its address once it answers, ready or not."""
    url = f"http://127.0.0.1:{(port := free_loopback_port())}"
    role = Role(
        "gateway",
        ("gateway",),
        environment={**environment, "FIFTEEN_HTTP_PORT": str(port)},
        log_file=directory / "gateway.log",
        start=start_forked,
    )
    try:
        role.wait_until_ready(f"{url}/")
        yield url
    finally:
        role.stop()


def variables_of(endpoint: str, metrics: str = "http://127.0.0.1:1") -> dict[str, str]:
    """The functions' environment."""
    budget = {"objective": 0.999, "window": "30d", "volume_min": 10_000, "left_min": 0.1}
    return {
        "TEST_ENDPOINT": endpoint,
        "METRICS_QUERY_ENDPOINT": metrics,
        "QUEUE_AGE_THRESHOLD_S": "5",
        "ERROR_BUDGET": json.dumps(budget),
    }


def test_a_gateway_that_carries_payments_passes_as_the_release_that_it_is(
    environment: dict[str, str], deployment: Deployment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Release, readiness and a synthetic payment, over a real gateway on a real database; and for no other release."""
    with gateway(environment, tmp_path) as url:
        assert deployment.run(HOOK, variables_of(url)) == "Succeeded"
        with deployed("2026.11.2") as next_one:
            assert next_one.run(HOOK, variables_of(url)) == "Failed"

    assert "behind the test listener is 2026.11.1, and 2026.11.2 is deployed" in capsys.readouterr().out


SICK: Final = {
    "a migration of phase pre is missing": (
        "UPDATE alembic_version SET version_num = '0006'",
        "listener is 503|not ready.*database",
    ),
    "no key to the synthetic payments": ("DELETE FROM api_key", "did not settle"),
}


@pytest.mark.parametrize("sickness", SICK)
def test_a_gateway_that_is_sick_is_refused(
    *,
    sickness: str,
    database: Database,
    beside: Database,
    environment: dict[str, str],
    deployment: Deployment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One fault at a time, each of a kind that a deployment brings about."""
    monkeypatch.setattr(functions("green"), "READY_WITHIN_S", 1.0)
    monkeypatch.setattr(functions("green"), "POLL_S", 0.1)
    statement, reason = SICK[sickness]
    asyncio.run(_execute(beside if "synthetic" in sickness else database, statement))

    with gateway(environment, tmp_path) as url:
        assert deployment.run(HOOK, variables_of(url)) == "Failed"

    assert re.search(reason, json.loads(capsys.readouterr().out.splitlines()[-1])["reason"])


async def _execute(database: Database, statement: str) -> None:
    connection = await asyncpg.connect(database.owner_dsn)
    await connection.execute(statement)
    await connection.close()


def test_a_gateway_that_is_gone_is_refused(deployment: Deployment) -> None:
    """Nobody listens: no proof."""
    assert deployment.run(HOOK, variables_of(f"http://127.0.0.1:{free_loopback_port()}")) == "Failed"


def test_a_real_prometheus_understands_what_is_asked(
    database: Database, deployment: Deployment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a figure of a worker a deployment is refused; with a worker that is well it may begin."""
    prometheus.ensure_installed()
    script, pause = Script.healthy(), threading.Event()
    with serving(script) as rail:
        port = free_loopback_port()
        with prometheus.running(tmp_path, [f"127.0.0.1:{port}"]) as metrics:
            variables = variables_of("http://127.0.0.1:1", metrics)
            assert deployment.run("before_install", variables) == "Failed"
            assert "0 values of max(gateway_outbox" in capsys.readouterr().out

            environment = {
                "FIFTEEN_DATABASE_URL": database.application_dsn,
                "FIFTEEN_FEDNOW__URL": rail,
                "FIFTEEN_WORKER_PORT": str(port),
            }
            worker = Role(
                "worker", ("worker",), environment=environment, log_file=tmp_path / "worker.log", start=start_forked
            )
            try:
                worker.wait_until_ready(f"http://127.0.0.1:{port}/healthz")
                for _ in range(100):
                    if deployment.run("before_install", variables) == "Succeeded":
                        break
                    pause.wait(0.1)
            finally:
                worker.stop()

    assert deployment.answers[-1] == "Succeeded", capsys.readouterr().out.splitlines()[-1]
