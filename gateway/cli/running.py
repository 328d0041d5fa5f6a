"""The demo that runs on this machine: where it tells others its address and key."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RunningDemo:
    """Where a running demo listens, and the API key of its one tenant."""

    process_id: int
    gateway_url: str
    simulator_url: str
    worker_url: str
    api_key: str


def state_file() -> Path:
    """Return the file in which a running demo tells its address (XDG state directory, readable by its user alone)."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "fifteen" / "demo.json"


def announce(demo: RunningDemo) -> None:
    """Tell other commands of this demo."""
    file = state_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        json.dump(asdict(demo), handle)


def withdraw(demo: RunningDemo) -> None:
    """Take the announcement back, unless another demo has announced itself meanwhile."""
    if find_running() == demo:
        state_file().unlink(missing_ok=True)


def find_running() -> RunningDemo | None:
    """Return the demo that runs now, if one does."""
    try:
        demo = RunningDemo(**json.loads(state_file().read_text()))
        os.kill(demo.process_id, 0)
    except (FileNotFoundError, ProcessLookupError, PermissionError, ValueError, TypeError):
        return None
    return demo
