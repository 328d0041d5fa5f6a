"""A synthetic payment goes through the whole program, and reaches neither a rail nor the books."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

from adapters.child_process import free_loopback_port
from adapters.postgres.server import EmbeddedPostgres
from adapters.postgres.synthetic import ensure_database, synthetic_dsn, turn
from adapters.postgres.tables import FACTS, LOCAL
from adapters.postgres.upgrade import UpgradeError
from gateway.cli.processes import Role
from gateway.cli.zygote import start_forked
from gateway.service.ports import UnavailableError
from gateway.settings import Settings
from tests.conftest import Database

SECONDS_MAX: Final = 60


@dataclass(slots=True)
class Trap:
    """Stands where a real rail would be, and counts who comes."""

    port: int
    visits: list[str] = field(default_factory=list)


@contextmanager
def listening_trap() -> Iterator[Trap]:
    """Listen, and close every connection that is made."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        trap = Trap(server.getsockname()[1])

        def listen() -> None:
            while True:
                try:
                    connection, address = server.accept()
                except OSError:
                    return
                trap.visits.append(str(address))
                connection.close()

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield trap
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def environment_of(database: Database, trap: Trap) -> dict[str, str]:
    """An installation whose rails, broker and core are the trap."""
    url = f"http://127.0.0.1:{trap.port}"
    return {
        "FIFTEEN_DATABASE_URL": database.application_dsn,
        "FIFTEEN_DATABASE_OWNER_URL": database.owner_dsn,
        "FIFTEEN_SYNTHETIC_PAYMENTS": "true",
        "FIFTEEN_RELEASE": "2026.11.1",
        "FIFTEEN_FEDNOW__URL": url,
        "FIFTEEN_RTP__URL": url,
        "FIFTEEN_CORE_URL": url,
        "FIFTEEN_INDEX_KEY": "a-key-for-tests-only",
    }


def fifteen(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the program to its end."""
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", *arguments],
        env={**os.environ, **environment, "COLUMNS": "300"},
        capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
    )  # fmt: skip


async def rows_of(dsn: str) -> dict[str, int]:
    """How many rows each table of facts, and of what is local, has."""
    connection = await asyncpg.connect(dsn)
    counts = {
        table.name: await connection.fetchval(f"SELECT count(*) FROM {table.name}")
        for table in (*FACTS, *LOCAL)
        if table.name not in {"bus_queue", "running_release"}
    }
    await connection.close()
    return {name: count for name, count in counts.items() if count}


def test_one_payment_over_each_rail_settles_and_touches_neither_rail_nor_books(
    database: Database, beside: Database, tmp_path: Path
) -> None:
    """Everything that the settings name as a rail or a core is a trap; the last lines show that it would catch."""
    with listening_trap() as trap:
        environment = environment_of(database, trap)
        upgraded = fifteen(environment, "db", "upgrade")
        result = fifteen(environment, "synthetic", "--json")
        visits = list(trap.visits)

        port = str(free_loopback_port())
        ordinary = {**environment, "FIFTEEN_WORKER_PORT": port}
        worker = Role("worker", ("worker",), environment=ordinary, log_file=tmp_path / "worker.log", start=start_forked)
        try:
            _until_visited(trap)
        finally:
            worker.stop()

    assert "synthetic payments: schema" in upgraded.stdout, upgraded.stderr
    assert result.returncode == 0, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    assert (answer["settled"], answer["release"]) == (True, "2026.11.1")
    states = {payment["rail"]: payment["state"] for payment in answer["payments"]}
    assert states == {"fednow": "SETTLED", "rtp": "SETTLED"}
    assert visits == []
    assert asyncio.run(rows_of(database.owner_dsn)) == {}
    synthetic = asyncio.run(rows_of(beside.owner_dsn))
    assert (synthetic["payment"], synthetic["ledger_posting"]) == (2, 4)


def _until_visited(trap: Trap) -> None:
    poll = threading.Event()
    for _ in range(200):
        if trap.visits:
            return
        poll.wait(0.05)
    raise AssertionError("the trap catches nobody: the test above proves nothing")


def test_what_is_missing_is_said_with_its_remedy(database: Database, postgres_server: EmbeddedPostgres) -> None:
    """No database of synthetic payments, and an owner that may not make it: a proof is refused, and nothing else."""
    with listening_trap() as trap:
        environment = environment_of(database, trap)
        upgraded = fifteen(environment, "db", "upgrade")
        result = fifteen(environment, "synthetic")

    assert upgraded.returncode == 2
    assert "may not make the database of synthetic payments" in upgraded.stderr
    assert "CREATE DATABASE" in upgraded.stderr
    assert result.returncode == 2
    assert "no synthetic payment could be made" in result.stderr


async def test_the_books_are_never_taken_for_the_synthetic_payments_database(
    database: Database, beside: Database
) -> None:
    """The server itself says which database this is, whatever a proxy calls it."""
    with pytest.raises(UnavailableError, match="holds no synthetic payments"):
        async with turn(database.application_dsn):
            raise AssertionError("the books were opened")
    async with turn(beside.application_dsn):
        pass


async def test_an_owner_who_may_makes_the_database_once(postgres_server: EmbeddedPostgres, database: Database) -> None:
    """A repeat finds it."""
    name = database.owner_dsn.rpartition("/")[2]

    with pytest.raises(UpgradeError, match="may not make"):
        await ensure_database(database.owner_dsn)
    for _ in range(2):
        await ensure_database(f"{postgres_server.superuser_dsn.rpartition('/')[0]}/{name}")
    await ensure_database(database.owner_dsn)


def test_a_url_without_a_database_has_none_beside_it() -> None:
    """The name is what tells the two apart."""
    assert synthetic_dsn("postgresql://u:p%2F@h:5/books?sslmode=require") == (
        "postgresql://u:p%2F@h:5/books_synthetic?sslmode=require"
    )
    with pytest.raises(ValueError, match="ends with its name"):
        synthetic_dsn("postgresql://u@h")


def test_of_the_installations_settings_nothing_comes_over_that_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that a later release adds, for a rail or a broker, stays at its default in a rehearsal."""
    from gateway.cli.synthetic import rehearsal_settings

    monkeypatch.setenv("FIFTEEN_BROKER_URL", "amqp://real.example")
    monkeypatch.setenv("FIFTEEN_FEDNOW__URL", "ibmmq://real.example:1414/QM")
    monkeypatch.setenv("FIFTEEN_CORE_URL", "http://core.example")
    rehearsal = rehearsal_settings(Settings(), "postgresql://u@h/books_synthetic", {})

    defaults = {name: field.get_default() for name, field in Settings.model_fields.items()}
    changed = {name for name, default in defaults.items() if getattr(rehearsal, name) != default}
    assert rehearsal.broker_url == ()
    assert rehearsal.core_url is None
    assert rehearsal.rails == ()
    assert "example" not in str(rehearsal)
    assert changed <= {"database_url", "index_key", "log_level", "http_port", "worker_port", "fednow", "rtp"}
