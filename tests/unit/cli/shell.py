"""A narrow terminal before a gateway: a command is run as its user runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner, Result

from gateway.cli.application import application
from tests.unit.http.world import API_KEY, OPERATOR_KEY, World


@dataclass(frozen=True, slots=True)
class Shell:
    """The terminal, with a tenant's key and an operator's."""

    world: World
    home: Path

    async def run(self, *command: str) -> Result:
        """Run a command in a thread of its own: it brings a loop of its own."""
        return await asyncio.to_thread(self._run, command)

    def _run(self, command: Sequence[str]) -> Result:
        environment = {
            "FIFTEEN_GATEWAY_URL": f"http://127.0.0.1:{self.world.port}",
            "FIFTEEN_API_KEY": API_KEY,
            "FIFTEEN_OPERATOR_KEY": OPERATOR_KEY,
            "XDG_STATE_HOME": str(self.home),
            "COLUMNS": "40",
        }
        return CliRunner().invoke(application, command, env=environment)
