"""``python -m gateway.health``: whether the role that this container runs answers; for the image's health check.

Its own program, of the standard library alone: it runs every ten seconds beside a process that carries payments.
"""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

FIRST_PROCESS: Final = Path("/proc/1/cmdline")
"""What the container was started with, also below an init program."""

TIMEOUT_S: Final = 2.0

_SETTINGS: Final = {"gateway": ("FIFTEEN_HTTP_PORT", 8015), "worker": ("FIFTEEN_WORKER_PORT", 8016)}
_SIMULATORS: Final = {"fednow": 8020, "rtp": 8021, "core": 8030}


def address_of(command: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """Return where the role of a command line says that it is alive; none where it serves nothing."""
    for place, word in enumerate(command):
        if word in _SETTINGS:
            variable, default = _SETTINGS[word]
            return f"http://127.0.0.1:{environment.get(variable, default)}/healthz"
        if word == "simulator" and (name := _SIMULATORS.keys() & set(command[place:])):
            options = dict(pairwise(command))
            return f"http://127.0.0.1:{options.get('--port', _SIMULATORS[name.pop()])}/healthz"
    return None


def is_alive(address: str) -> bool:
    """Whether something answers 200 there."""
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_S) as response:  # noqa: S310 - our own loopback address
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def main() -> int:
    """Return 0 where the role is alive, or serves nothing."""
    address = address_of(FIRST_PROCESS.read_bytes().decode(errors="replace").split("\0"), os.environ)
    return 0 if address is None or is_alive(address) else 1


if __name__ == "__main__":
    sys.exit(main())
