"""Reports of proofs: each says by which command, at which commit, on which machine and when it came about."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from adapters.system import SystemClock

ROOT: Final = Path(__file__).parents[2]
REPORTS: Final = ROOT / "docs" / "proofs"
STATE: Final = ROOT / "build" / "proofs"
"""Results of finished parts, by commit: a proof that was broken off goes on where it was."""


def commit() -> str:
    """Return the commit, marked where the tree differs from it."""
    answer = subprocess.run(
        ["git", "describe", "--always", "--abbrev=12", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()


INSTALLATION: Final = "everything on it: gateway, worker, PostgreSQL, RabbitMQ, simulator and the load"
"""What shares the machine in a proof of a whole installation."""


def circumstances(command: str, *, on_it: str = INSTALLATION) -> str:
    """Return a paragraph: command, commit, date and machine."""
    return (
        f"Command: `{command}`. Commit: `{commit()}`. Date: {SystemClock().now().date().isoformat()}.\n"
        f"Machine: {os.cpu_count()} cores, {_processor()}, {platform.system()}, CPython {platform.python_version()} "
        f"({_build()}); {on_it}."
    )


def _build() -> str:
    """Say whose interpreter runs: one that was compiled without its profile is slower than the image's."""
    return "the system's own, as in the image" if sys.base_prefix == "/usr" else "not the system's own"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def part(proof: str, name: str, make: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return a part's result: made now, or as it was made before at this commit."""
    file = STATE / commit() / f"{proof}-{name}.json"
    if not file.exists():
        print(f"== {proof}: {name}", flush=True)
        result = make()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(result, indent=2))
    kept: Mapping[str, Any] = json.loads(file.read_text())
    return kept


def verdict(broken: Sequence[str]) -> str:
    """Say which bars do not hold, or that all do."""
    return f"Not held in every run: {', '.join(broken)}." if broken else "Every bar holds in every run."


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [" | ".join(headings), "|".join("---" for _ in headings), *(" | ".join(map(_shown, row)) for row in rows)]
    return "\n".join(f"| {line} |" if "---" not in line else f"|{line}|" for line in lines)


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_shown(each)}" for key, each in value.items())
    return f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def write(name: str, text: str) -> None:
    """Write a report, and show it."""
    REPORTS.mkdir(exist_ok=True)
    (REPORTS / f"{name}.md").write_text(text.rstrip() + "\n")
    print(text)
