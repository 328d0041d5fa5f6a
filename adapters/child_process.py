"""Programs that we start, wait for, and take with us when we die."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_PORTS: Final = range(15_000, 32_000)
"""Below the range that the kernel takes client ports from: a client that calls a server which is down may otherwise be
given the server's own port, connect to itself, and keep the server out."""

_given: Final[set[int]] = set()
"""Ports that this process has been told: whom one was meant for may not listen yet."""


def free_loopback_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listened on a moment ago; another may still take it first.

    Raises:
        OSError: none is free.

    """
    start = secrets.randbelow(len(_PORTS))
    for offset in range(len(_PORTS)):
        port = _PORTS[(start + offset) % len(_PORTS)]
        if port in _given:
            continue  # to another of ours, which does not listen yet
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _given.add(port)
            return port
    raise OSError("no free port on 127.0.0.1")


class ChildProcess:
    """A program that runs from now on; whoever starts it must end it and wait for it.

    `command` sets the kernel's parent-death signal by itself (``setpriv --pdeathsig``), so that a kill -9 of us ends
    it too. That signal fires when the *thread* that started the child ends; each child therefore has a thread of its
    own, which does nothing but wait for it. The child gets a session of its own: a Ctrl-C in the terminal is for us,
    and we decide who ends when. Both its outputs are appended to `log_file`.

    Raises:
        OSError: the program could not be started.

    """

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str], directory: Path, log_file: Path
    ) -> None:
        self._command = tuple(command)
        self._environment = dict(environment)
        self._directory = directory
        self._log_file = log_file
        self._started = threading.Event()
        self._ended = threading.Event()
        self._failure: OSError | None = None
        self._process: subprocess.Popen[bytes] | None = None
        threading.Thread(target=self._keep, name=f"keeper of {command[0]}", daemon=True).start()
        self._started.wait()
        if self._failure is not None:
            raise self._failure

    @property
    def process_id(self) -> int:
        """The child's process id."""
        assert self._process is not None
        return self._process.pid

    def wait(self, timeout_s: float) -> bool:
        """Return whether the child has ended within this time; then it has also been reaped."""
        return self._ended.wait(timeout_s)

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens if the child has ended."""
        if not self._ended.is_set():
            _send(self.process_id, number)

    def kill_family(self, timeout_s: float) -> None:
        """Kill the child and its children with SIGKILL, and wait for the child; it makes no new ones meanwhile."""
        self.send(signal.SIGSTOP)
        for process_id in children_of(self.process_id):
            _send(process_id, signal.SIGKILL)
        self.send(signal.SIGKILL)
        self.wait(timeout_s)

    def _keep(self) -> None:
        try:
            with self._log_file.open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603 - the command is ours
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=self._environment,
                    cwd=self._directory,
                    start_new_session=True,
                )
        except OSError as error:
            self._failure = error
            return
        finally:
            self._started.set()
        self._process.wait()
        self._ended.set()


def _send(process_id: int, number: signal.Signals) -> None:
    try:
        os.kill(process_id, number)
    except ProcessLookupError:
        return


def children_of(process_id: int) -> list[int]:
    """Return the process ids of the live children of a process; none where there is no /proc.

    (PostgreSQL's children end by themselves then.)
    """
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == process_id and state != "Z":
            found.append(int(entry.name))
    return found
