"""Roles as child processes that end with us, whatever ends us."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Final, Protocol

PARENT_VARIABLE: Final = "FIFTEEN_PARENT_PROCESS_ID"
READY_TIMEOUT_S: Final = 30.0
STOP_TIMEOUT_S: Final = 35.0
_POLL_S: Final = 0.05
_PR_SET_PDEATHSIG: Final = 1


class RoleError(Exception):
    """A role ended or never became ready; the text says which, and where its log is."""


def end_with_parent() -> None:
    """Called first in a child: the kernel ends it when its parent dies (Linux); a parent already gone ends it now."""
    parent = os.environ.pop(PARENT_VARIABLE, None)
    if parent is None or sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit("the process that started this one is gone")


class Process(Protocol):
    """A process that was started, as `subprocess.Popen` has it."""

    @property
    def pid(self) -> int:
        """Its process id."""

    def poll(self) -> int | None:
        """Return what it ended with, negative for a signal; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Return the same once it has ended; raises `subprocess.TimeoutExpired` where it still runs."""

    def send_signal(self, sig: int) -> None:
        """Send it a signal; nothing where it has ended."""


Start = Callable[[str, Sequence[str], Mapping[str, str], IO[bytes]], Process]
"""Starts a module with arguments, variables beside our own, and a file for what it prints."""


def start_anew(module: str, arguments: Sequence[str], environment: Mapping[str, str], log: IO[bytes]) -> Process:
    """Start an interpreter of its own."""
    return _kept(
        lambda: subprocess.Popen(  # noqa: S603 - the command is ours
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **environment, PARENT_VARIABLE: str(os.getpid())},
            start_new_session=True,  # a Ctrl-C in the terminal is for us: we stop the roles in order
        )
    )


class Role:
    """One ``fifteen`` command as a child process; its output goes to a log file of its own."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        log_file: Path,
        module: str = "gateway.cli",
        start: Start = start_anew,
    ) -> None:
        self.name = name
        self._log_file = log_file
        self._log: IO[bytes] = log_file.open("ab")
        self._process = start(module, arguments, environment, self._log)

    @property
    def process_id(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """What it ended with, negative for a signal; None while it runs."""
        return self._process.poll()

    def wait_until_ready(self, url: str) -> None:
        """Return once `url` answers 200.

        Raises:
            RoleError: the role ended, or did not become ready in `READY_TIMEOUT_S`.

        """
        give_up_at = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < give_up_at:
            if (code := self.exit_code) is not None:
                raise RoleError(f"{self.name} ended with {code}: see {self._log_file}\n{self._tail()}")
            if answers(url):
                return
            time.sleep(_POLL_S)
        raise RoleError(f"{self.name} was not ready after {READY_TIMEOUT_S:g} s: see {self._log_file}\n{self._tail()}")

    def wait_until_ended(self, timeout_s: float) -> int:
        """Return the exit code once it has ended by itself; negative for a signal.

        Raises:
            RoleError: it still runs after `timeout_s`.

        """
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise RoleError(f"{self.name} still runs after {timeout_s:g} s\n{self._tail()}") from None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash would, and reap it."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._log.close()

    def stop(self) -> None:
        """Ask it to end, wait, and kill it if it does not; a repeat is safe."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        self._log.close()

    def _tail(self) -> str:
        return "\n".join(self._log_file.read_text(errors="replace").splitlines()[-10:])


def _kept(start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """Start a child from a thread that lives as long as the child: the kernel's parent is the thread that started it.

    Who starts a role from a thread of a pool would otherwise end the role with the pool.
    """
    started: SimpleQueue[subprocess.Popen[bytes] | OSError] = SimpleQueue()

    def keep() -> None:
        try:
            process = start()
        except OSError as error:
            started.put(error)
            return
        started.put(process)
        process.wait()

    threading.Thread(target=keep, name="keeper of a role", daemon=True).start()
    made = started.get()
    if isinstance(made, OSError):
        raise made
    return made


def answers(url: str) -> bool:
    """Whether 200 is answered there, within two seconds."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - our own loopback address
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
