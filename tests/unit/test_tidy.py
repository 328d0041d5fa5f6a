"""House rules that a machine can keep: where clocks may be read, what may be caught, what may be named."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("iso20022", "gateway", "adapters", "simulators")

CLOCKS: Final = {
    "adapters/system.py": "the machine's clock and randomness, behind ports",
    "simulators/clock.py": "the simulators' own",
    "adapters/postgres/server.py": "waits for a child process while there is no loop yet",
    "adapters/postgres/cluster.py": "draws the passwords of a cluster of its own",
    "adapters/child_process.py": "waits for a child process while there is no loop yet",
    "adapters/rabbitmq/server.py": "waits for a child process while there is no loop yet, and draws its cookie",
    "gateway/cli/processes.py": "waits for a child process while there is no loop yet",
    "gateway/cli/demo.py": "shows elapsed time, and draws the key of the day",
    "gateway/cli/two_regions.py": "draws the keys of an installation of its own",
}
READS_A_CLOCK: Final = re.compile(
    r"datetime\.(now|utcnow|today)|date\.today|time\.(time|monotonic|perf_counter|sleep)\b|uuid[147]\(|\brandom\.|secrets\."
)
PAUSES_BY_THE_WALL: Final = re.compile(r"sleep_until\(.*\bnow\b")
UNSTRUCTURED: Final = re.compile(r"asyncio\.(create_task|ensure_future|gather|wait_for)\b")

CATCH_ALL: Final = {
    "adapters/http/application.py": "the edge: a fault becomes a 500 without its inside, and is reported",
    "gateway/service/group_commit.py": "hands a commit's failure to those who wait for it",
}

HOSTS_AND_PATHS: Final = re.compile(r"pypi\.org|pythonhosted|npmjs|deb\.debian|/work/|/root/|/tmp/bash")
WAITED_FOR: Final = {
    "gateway/service/supervise.py": "a run is a task of its own, waited for where it is made",
    "adapters/amqp/connection.py": "what a broker was asked is waited for to its end, also by who is cancelled",
}
FLOAT_ALLOWED: Final = {
    "gateway/domain/receiving_time.py": "seconds",
    "gateway/domain/regions.py": "seconds of a lease",
    "gateway/domain/timing.py": "seconds",
}


def sources(*folders: str) -> Iterator[tuple[str, str]]:
    """Every Python file below the folders: its path in the repository, and its text."""
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            yield file.relative_to(ROOT).as_posix(), file.read_text()


def offences(pattern: re.Pattern[str], allowed: dict[str, str], *folders: str) -> list[str]:
    """Where the pattern stands outside the allowed files; comments and docstrings of one line do not count."""
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in sources(*folders)
        if name not in allowed
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line) and not line.lstrip().startswith(("#", '"""'))
    ]


def test_time_and_chance_are_read_in_their_own_modules_alone() -> None:
    """Business time comes through the Clock: what later lets a whole suite run on a virtual one."""
    assert offences(READS_A_CLOCK, CLOCKS, *PACKAGES) == []


def test_a_pause_is_no_instant() -> None:
    """A wall clock that is set back by an hour would have the loop stand still for an hour: `Clock.pause`."""
    assert offences(PAUSES_BY_THE_WALL, {}, *PACKAGES) == []


def test_concurrency_is_structured() -> None:
    """A task that nobody waits for dies unheard."""
    assert offences(UNSTRUCTURED, WAITED_FOR, *PACKAGES) == []


def test_no_float_comes_near_money() -> None:
    """ISO 20022 amounts have up to 18 digits; a float holds 15."""
    assert offences(re.compile(r"\bfloat\b"), FLOAT_ALLOWED, "iso20022", "gateway/domain") == []


def test_only_the_loop_that_parks_catches_everything() -> None:
    """Whoever catches what it does not know swallows a fault of ours; cleaning up and raising on is no catching."""
    found = set()
    for name, text in sources(*PACKAGES):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ExceptHandler):
                caught = "" if node.type is None else ast.unparse(node.type)
                goes_on = not (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None)
                if goes_on and (node.type is None or re.search(r"\b(Base)?Exception\b", caught)):
                    found.add(name)

    assert found <= CATCH_ALL.keys()


@pytest.mark.parametrize("allowed", [CLOCKS, CATCH_ALL, FLOAT_ALLOWED])
def test_no_exception_from_a_rule_is_kept_longer_than_it_is_needed(allowed: dict[str, str]) -> None:
    """An allowance for a file that is gone, or needs it no more, would hide the next offence."""
    patterns = {
        id(CLOCKS): READS_A_CLOCK,
        id(FLOAT_ALLOWED): re.compile(r"\bfloat\b"),
        id(CATCH_ALL): re.compile("except"),
    }

    for name in allowed:
        assert patterns[id(allowed)].search((ROOT / name).read_text()), name


def test_the_rules_see_an_offence(tmp_path: Path) -> None:
    """The control of the tests above."""
    assert READS_A_CLOCK.search("now = datetime.now(UTC)")
    assert PAUSES_BY_THE_WALL.search("await clock.sleep_until(clock.now() + timedelta(seconds=1))")
    assert UNSTRUCTURED.search("await asyncio.gather(*tasks)")
    assert HOSTS_AND_PATHS.search("index-url = https://pypi.org/simple")


def test_no_file_names_a_registrys_host_or_a_machines_path() -> None:
    """A clone builds anywhere."""
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    offenders = [
        name
        for name in tracked
        if name != "tests/unit/test_tidy.py"
        and (ROOT / name).suffix in {".py", ".md", ".toml", ".lock", ".yaml", ".yml", ""}
        and (ROOT / name).is_file()
        and HOSTS_AND_PATHS.search((ROOT / name).read_text(errors="replace"))
    ]

    assert offenders == []


def test_without_assertions_no_role_starts() -> None:
    """python -O would remove the beliefs that guard money."""
    environment = {"FIFTEEN_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "PATH": ""}

    result = subprocess.run(
        [sys.executable, "-O", "-m", "gateway.cli", "worker"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip

    assert result.returncode == 2
    assert "-O" in result.stderr
