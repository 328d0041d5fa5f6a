"""``fifteen simulator``: the rails, and the core, that we play."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import time
from pathlib import Path
from typing import Any, Final

import uvloop
from rich.table import Table

from gateway.cli.console import OUT
from iso20022 import ConnectionPartyId
from simulators import fednow, rtp
from simulators.core.books import CoreSimulatorSettings
from simulators.core.server import run as serve_core

GARBAGE_THRESHOLD: Final = 20_000
"""New containers between two young collections: the rail forgets nothing, so that there is little to collect."""


def run_fednow(**options: Any) -> None:
    """Play FedNow until SIGTERM or Ctrl-C; `options` are those of its settings."""
    _play("fednow", fednow.run(fednow.FedNowSimulatorSettings(**options), on_ready=_ready("FedNow")))


def run_rtp(**options: Any) -> None:
    """Play RTP until SIGTERM or Ctrl-C; `options` are those of its settings."""
    _play("rtp", rtp.run(rtp.RtpSimulatorSettings(**options), on_ready=_ready("RTP")))


def run_core(**options: Any) -> None:
    """Play a bank's core until SIGTERM or Ctrl-C; `options` are those of its settings."""
    _run(serve_core(CoreSimulatorSettings(**options), on_ready=_ready("core")))


def points_from(options: Sequence[str]) -> Mapping[ConnectionPartyId, Sequence[str]]:
    """Return the connection points that ``PARTY=A,B`` names.

    Raises:
        ValueError: it names none.

    """
    found: dict[ConnectionPartyId, Sequence[str]] = {}
    for option in options:
        party, _, points = option.partition("=")
        names = tuple(dict.fromkeys(filter(None, points.split(","))))
        if not party or not names:
            raise ValueError(f"PARTY=A,B is meant, not {option!r}")
        found[ConnectionPartyId(party)] = names
    return found


def signatures_of(rail: str, own: Path | None, participants: Path | None) -> Mapping[str, Any]:
    """Return the settings of a rail that signs with its own keys, and verifies with the participants'.

    Raises:
        ValueError: one folder is missing, or cannot be used.

    """
    if own is None and participants is None:
        return {}
    if own is None or participants is None:
        raise ValueError("--signing-keys and --participant-keys go together")
    from simulators.signatures import detached_signatures, enveloped_signatures

    made = {"fednow": detached_signatures, "rtp": enveloped_signatures}[rail]
    try:
        return {"signatures": made(own, participants)}
    except OSError as error:
        raise ValueError(str(error)) from error


def liquidity_profile(hours: str | None) -> Mapping[str, Any]:
    """Return the settings of a rail that takes liquidity transfers at these hours alone, ``07:00-19:00``.

    Raises:
        ValueError: it says no hours.

    """
    if hours is None:
        return {}
    opens, _, closes = hours.partition("-")
    taken = (time.fromisoformat(opens), time.fromisoformat(closes))
    return {"profile": replace(fednow.FedNowSimulatorSettings().profile, lmt_hours=taken)}


def behaviour_table(rail: str) -> Table:
    """Return what the simulator of a rail does with which payment."""
    name, behaviours = {"fednow": ("FedNow", fednow.TABLE), "rtp": ("RTP", rtp.TABLE)}[rail]
    table = Table(title=f"What happens to a payment on {name}", title_justify="left")
    for heading in ("creditor account", "or amount", "what happens"):
        table.add_column(heading)
    for row in behaviours.help_rows():
        table.add_row(*row)
    return table


def _ready(name: str) -> Callable[[str], None]:
    return lambda url: OUT.print(f"The {name} simulator listens on {url}")


def _play(rail: str, running: Coroutine[Any, Any, None]) -> None:
    OUT.print(behaviour_table(rail))
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
    _run(running)


def _run(running: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(running)
