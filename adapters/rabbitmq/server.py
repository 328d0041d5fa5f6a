"""A private RabbitMQ node: own ports, own epmd, own cookie, own directories; it dies with the process that started it.

For drills, benchmarks and tests: faults can be injected into it without touching anyone's server.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from adapters.child_process import ChildProcess, children_of, free_loopback_port

START_TIMEOUT_S: Final = 60.0
"""A cold start takes two to three seconds on a quiet machine; recovery after a kill as long."""

STOP_TIMEOUT_S: Final = 15.0

COMMAND_TIMEOUT_S: Final = 60.0
"""rabbitmqctl starts an Erlang machine of its own: one to two seconds."""

_FOLDERS: Final = (Path("/usr/lib/rabbitmq/bin"), Path("/opt/homebrew/opt/rabbitmq/sbin"))
"""Where the real scripts are. Those in /usr/sbin change the user first."""

WAL_BYTES_MAX: Final = 64 * 1024 * 1024
"""How large the log becomes that all quorum queues write to, before the node begins another.

Until then the node holds in memory what is in it, also of deliveries that were settled long ago. By RabbitMQ's default
(512 MiB) it grows for half an hour at 300 payments a second, and past what a small machine has. With this it grows for
four minutes, and is flat from then on; what is still on a queue then is written once more, which is next to nothing."""

_AMQP_HEADER: Final = b"AMQP\x00\x00\x09\x01"
_METHOD_FRAME: Final = b"\x01"

_CONTAINED: Final = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
"""A process namespace of its own: whatever the node leaves running, its epmd for one, ends with it."""


class RabbitMqMissingError(Exception):
    """RabbitMQ is not installed here; the text says what to install."""


class RabbitMqNodeError(Exception):
    """The node does not start or does not obey; the text is what it said."""


def find_scripts() -> Path:
    """Return the folder of RabbitMQ's scripts.

    Raises:
        RabbitMqMissingError: there is none.

    """
    for folder in _FOLDERS:
        if (folder / "rabbitmq-server").exists():
            return folder
    raise RabbitMqMissingError(
        "RabbitMQ 3.10 or newer is needed: install the package rabbitmq-server (on Debian and Ubuntu: "
        "`sudo apt-get install --no-install-recommends rabbitmq-server`) and run again"
    )


class RabbitMqNode:
    """A node whose data live in `directory`; ports are kept from one start to the next. One object, one thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.absolute()
        self._scripts: Path | None = None
        self._wrapping: tuple[str, ...] = ()
        self._ports: tuple[int, int, int] | None = None
        self._server: ChildProcess | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where clients connect to."""
        return f"amqp://guest:guest@127.0.0.1:{self._amqp_port}/"

    @property
    def process_id(self) -> int:
        """The process that all of the node lives under."""
        assert self._server is not None, "the node does not run"
        return self._server.process_id

    def start(self) -> None:
        """Start the node and return once it takes connections; repeat-safe.

        Raises:
            RabbitMqMissingError: RabbitMQ is not installed.
            RabbitMqNodeError: it does not start.

        """
        if self._server is not None and not self._server.wait(0):
            return
        self._scripts = find_scripts()
        self._wrapping = _find_wrapping()
        self._directory.mkdir(parents=True, exist_ok=True)
        if self._ports is None:
            self._ports = (free_loopback_port(), free_loopback_port(), free_loopback_port())
        self._write_cookie()
        (self._directory / "rabbitmq.conf").write_text(f"raft.wal_max_size_bytes = {WAL_BYTES_MAX}\n")
        log_file = self._directory / "console.log"
        self._server = ChildProcess(
            [*self._wrapping, str(self._scripts / "rabbitmq-server")],
            environment=self._environment(),
            directory=self._directory,
            log_file=log_file,
        )
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not self._server.wait(0.02):
            if _shakes_hands(self._amqp_port):
                return
            if time.monotonic() > deadline_s:
                self.kill()
                break
        raise RabbitMqNodeError(f"RabbitMQ did not start in {self._directory}:\n{log_file.read_text()[-4000:]}")

    def stop(self) -> None:
        """Stop the node in order, or kill it if that takes too long; repeat-safe."""
        if self._server is None:
            return
        # In a namespace of its own the script is the wrapper's child; otherwise it is the process itself.
        is_contained = "--fork" in self._wrapping
        for process_id in children_of(self._server.process_id) if is_contained else [self._server.process_id]:
            os.kill(process_id, signal.SIGTERM)
        if not self._server.wait(STOP_TIMEOUT_S):
            self._server.kill_family(STOP_TIMEOUT_S)
        self._server = None

    def kill(self) -> None:
        """Kill the node with SIGKILL, as a crash of the machine would; repeat-safe."""
        if self._server is not None:
            self._server.kill_family(STOP_TIMEOUT_S)
            self._server = None

    def control(self, *arguments: str) -> str:
        """Run one rabbitmqctl command against the node and return what it printed.

        Raises:
            RabbitMqNodeError: it failed.

        """
        assert self._scripts is not None, "the node has not been started"
        answer = subprocess.run(  # noqa: S603 - the command is ours
            [str(self._scripts / "rabbitmqctl"), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            env=self._environment(),
            cwd=self._directory,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        if answer.returncode != 0:
            raise RabbitMqNodeError(f"rabbitmqctl {' '.join(arguments)} failed:\n{answer.stdout}")
        return answer.stdout

    @property
    def _amqp_port(self) -> int:
        assert self._ports is not None, "the node has not been started"
        return self._ports[0]

    def _write_cookie(self) -> None:
        cookie = self._directory / ".erlang.cookie"
        if not cookie.exists():
            cookie.write_text(secrets.token_hex(16))
            cookie.chmod(0o400)

    def _environment(self) -> Mapping[str, str]:
        assert self._ports is not None
        amqp_port, distribution_port, epmd_port = self._ports
        folder = self._directory
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "RABBITMQ_NODENAME": "fifteen@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(amqp_port),
            "RABBITMQ_DIST_PORT": str(distribution_port),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_SCHEMA_DIR": str(folder / "schema"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_PID_FILE": str(folder / "node.pid"),
            # Otherwise the machine's own /etc/rabbitmq/rabbitmq-env.conf is read.
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "ERL_EPMD_PORT": str(epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }


def _find_wrapping() -> tuple[str, ...]:
    """Return what makes the node die with us, and alone.

    As root a process namespace; otherwise one inside a user namespace, if the kernel lets ordinary users make one; and
    else the kernel's parent-death signal alone, which leaves the node's epmd behind.
    """
    parent_death = ("setpriv", "--pdeathsig", "KILL")
    if os.geteuid() == 0:
        return (*parent_death, *_CONTAINED)
    in_user_namespace = (*parent_death, "unshare", "--user", "--map-root-user", *_CONTAINED[1:])
    probe = subprocess.run(  # noqa: S603 - the command is ours
        [*in_user_namespace, "true"], capture_output=True, timeout=COMMAND_TIMEOUT_S, check=False
    )
    return in_user_namespace if probe.returncode == 0 else ("setpriv", "--pdeathsig", "TERM")


def _shakes_hands(port: int) -> bool:
    """Return whether a broker answers the AMQP header with its first method."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            connection.settimeout(1.0)
            connection.sendall(_AMQP_HEADER)
            return connection.recv(1) == _METHOD_FRAME
    except OSError:
        return False
