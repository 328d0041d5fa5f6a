"""Forked roles are processes like any other: with an end, a log and variables of their own."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.cli.zygote import ForkedProcess, Zygote, start_forked


def test_a_forked_role_has_its_own_output_and_ends_by_itself(tmp_path: Path) -> None:
    """Its arguments are its own; what it ended with is known again and again."""
    given, log = tmp_path / "given.json", tmp_path / "log"
    given.write_text('{"a": 1}')

    with log.open("ab") as file:
        process = start_forked("json.tool", ("--compact", str(given)), {}, file)
    ended = process.wait(10)

    assert (ended, process.poll()) == (0, 0)
    assert log.read_text() == '{"a":1}\n'


def test_a_fault_that_nobody_caught_is_its_end_and_in_its_log(tmp_path: Path) -> None:
    """As an interpreter of its own has it."""
    log = tmp_path / "log"

    with log.open("ab") as file:
        process = start_forked("no_such_module", (), {}, file)

    assert process.wait(10) == 1
    assert "no_such_module" in log.read_text()


def test_a_forked_role_that_is_killed_shows_the_signal_and_takes_no_other_with_it(tmp_path: Path) -> None:
    """A drill kills one, and looks at the others."""
    with (tmp_path / "log").open("ab") as file:
        killed, other = (
            start_forked("http.server", ("0", "--bind", "127.0.0.1"), {"PYTHONUNBUFFERED": "1"}, file) for _ in range(2)
        )

    killed.send_signal(signal.SIGKILL)
    ended = killed.wait(10)
    killed.send_signal(signal.SIGKILL)

    assert ended == -signal.SIGKILL
    assert other.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        other.wait(0)
    other.send_signal(signal.SIGTERM)
    assert other.wait(10) == -signal.SIGTERM


class SlowZygote:
    """Reaps, and gives a second question the time to come."""

    def __init__(self) -> None:
        self.questions: list[Mapping[str, Any]] = []
        self._second = threading.Event()

    def ask(self, request: Mapping[str, Any]) -> int:
        """Return that it ended well."""
        self.questions.append(request)
        if len(self.questions) > 1:
            self._second.set()
        self._second.wait(0.2)
        return 0


def test_two_threads_that_see_an_end_at_once_have_the_child_reaped_once() -> None:
    """A child that is gone cannot be waited for again: that would end the zygote, and every role that it forked."""
    zygote = SlowZygote()
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        process = ForkedProcess(cast("Zygote", zygote), child.pid)

        with ThreadPoolExecutor(2) as threads:
            ends = list(threads.map(lambda _: process.wait(10), range(2)))

    assert ends == [0, 0]
    assert zygote.questions == [{"reap": child.pid}]
