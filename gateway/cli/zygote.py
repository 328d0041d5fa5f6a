"""Roles that need not import the program first: one process has it in memory, and forks into each.

An interpreter of its own costs a role two seconds of a core before it does anything; the acceptance tests start two
hundred, the drill of two regions some twenty. A forked role is a process like any other: its own session, memory,
variables and log; it is killed, dies and ends as one. The demo, `up`, benchmarks and the crash drill start theirs anew,
as an installation does.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import IO, Any, Final, NoReturn

from gateway.cli.processes import PARENT_VARIABLE

IMPORTED: Final = (
    "gateway.cli.application",
    "gateway.cli.running",
    "gateway.cli.simulate",
    "gateway.main",
)
"""What a role has to import, whichever it is."""

_REQUEST_MAX: Final = 1 << 20
_ONE_AT_A_TIME: Final = threading.Lock()
"""Two threads that start their first roles at once have one zygote: another's children nobody can reap."""

_MS: Final = 1_000


class ForkedProcess:
    """A forked role, as `subprocess.Popen` has a process; the zygote reaps it when it is asked how it ended."""

    def __init__(self, zygote: Zygote, pid: int) -> None:
        self._zygote = zygote
        self._watched = os.pidfd_open(pid)
        weakref.finalize(self, os.close, self._watched)  # not at its end: another thread may be watching it then
        self._reaping = threading.Lock()
        self._ended: int | None = None
        self.pid: Final = pid

    def poll(self) -> int | None:
        """Return what it ended with, negative for a signal; None while it runs."""
        with self._reaping:  # to ask for a child again that is reaped would end the zygote, and all that it forked
            if self._ended is None and self._has_ended(0):
                self._ended = int(self._zygote.ask({"reap": self.pid}))
        return self._ended

    def wait(self, timeout: float | None = None) -> int:
        """Return the same once it has ended."""
        if self._ended is None and not self._has_ended(timeout):
            raise subprocess.TimeoutExpired("a forked role", timeout or 0)
        ended = self.poll()
        assert ended is not None, "its end was seen"
        return ended

    def send_signal(self, sig: int) -> None:
        """Send it a signal; nothing where it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # another thread has just seen its end
                signal.pidfd_send_signal(self._watched, sig)

    def _has_ended(self, timeout_s: float | None) -> bool:
        watch = select.poll()
        watch.register(self._watched, select.POLLIN)
        return bool(watch.poll(None if timeout_s is None else timeout_s * _MS))


class Zygote:
    """The process that forks; it ends, and its roles with it, when this one does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours
                [sys.executable, "-m", "gateway.cli.zygote", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        atexit.register(self.close)

    def close(self) -> None:
        """End it, and what it has forked."""
        self._socket.close()
        self._process.wait()

    def ask(self, request: Mapping[str, Any]) -> Any:
        """Have something done, and return what came of it."""
        with self._lock:
            self._socket.send(json.dumps(request).encode())
            answer = self._socket.recv(_REQUEST_MAX)
        assert answer, "the zygote is gone"
        return json.loads(answer)


@cache
def _made() -> Zygote:
    return Zygote()


def _zygote() -> Zygote:
    with _ONE_AT_A_TIME:
        return _made()


def start_forked(
    module: str, arguments: Sequence[str], environment: Mapping[str, str], log: IO[bytes]
) -> ForkedProcess:
    """Start a role by forking, with what `start_anew` takes."""
    wanted = {
        "module": module,
        "arguments": list(arguments),
        "environment": {**os.environ, **environment},
        "log": str(log.name),
    }
    zygote = _zygote()
    return ForkedProcess(zygote, int(zygote.ask(wanted)))


def main(descriptor: int) -> None:
    """Fork as often as asked, each child into its role; once nobody is left to ask, end those that run."""
    asked = socket.socket(fileno=descriptor)
    for module in IMPORTED:
        import_module(module)
    assert threading.active_count() == 1, "what is forked has one thread"
    gc.freeze()
    running: set[int] = set()
    while request := asked.recv(_REQUEST_MAX):
        wanted = json.loads(request)
        if "reap" in wanted:
            _, status = os.waitpid(wanted["reap"], 0)
            running.discard(wanted["reap"])
            asked.send(json.dumps(os.waitstatus_to_exitcode(status)).encode())
            continue
        parent, pid = os.getpid(), os.fork()
        if pid == 0:
            asked.close()
            _become(wanted, parent)
        running.add(pid)
        asked.send(json.dumps(pid).encode())
    for pid in running:
        os.kill(pid, signal.SIGKILL)


def _become(wanted: Mapping[str, Any], parent: int) -> NoReturn:
    """Be the role: with its own session, variables and log, and its end as the process's own."""
    os.setsid()
    log = os.open(wanted["log"], os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)
    os.environ.clear()
    os.environ.update({**wanted["environment"], PARENT_VARIABLE: str(parent)})
    sys.argv = [wanted["module"], *wanted["arguments"]]
    runpy.run_module(wanted["module"], run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    main(int(sys.argv[1]))
