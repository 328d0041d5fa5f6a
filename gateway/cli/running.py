"""The demo that runs on this machine: where it tells others its address and key."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway.cli.console import stop
from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class RunningDemo:
    """Where a running demo listens, the API key of its one tenant, and an operator's."""

    process_id: int
    gateway_url: str
    simulator_url: str
    worker_url: str
    api_key: str
    operator_key: str


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


def gateway_of(settings: Settings, url: str | None) -> tuple[str, str]:
    """Return the address of the gateway to talk to, and the API key: as named, as set, or the running demo's."""
    address, demo = _address_of(settings, url)
    if settings.api_key is not None:
        return address, settings.api_key.get_secret_value()
    if demo is None:
        stop(f"FIFTEEN_API_KEY is not set: {address} asks for the tenant's API key")
    return address, demo.api_key


def operator_gateway_of(settings: Settings, url: str | None) -> tuple[str, str]:
    """Return the same with an operator's key; where none is set, the tenant's, which may look and not act."""
    address, demo = _address_of(settings, url)
    if settings.operator_key is not None:
        return address, settings.operator_key.get_secret_value()
    return (address, demo.operator_key) if demo is not None else gateway_of(settings, url)


def _address_of(settings: Settings, url: str | None) -> tuple[str, RunningDemo | None]:
    """Return the address, and the demo if it is that which listens there."""
    demo = find_running()
    address = url or settings.gateway_url or (demo.gateway_url if demo else None)
    if address is None:
        stop(
            "no demo runs here, and FIFTEEN_GATEWAY_URL is not set: start `fifteen demo`, or name the gateway by --url"
        )
    return address, demo if demo is not None and address == demo.gateway_url else None
