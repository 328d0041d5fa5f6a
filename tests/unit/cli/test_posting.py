"""``fifteen posting`` against a gateway: what it prints, what it does, and how it exits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.application import application
from gateway.domain.events import EventKind
from gateway.domain.payment import Payment
from gateway.domain.posting_question import askable_from
from tests.unit.http.world import API_KEY, OPERATOR_KEY, World, message, open_world


@dataclass(frozen=True, slots=True)
class Shell:
    """A terminal before a gateway with one payment that was accepted without being posted."""

    world: World
    home: Path
    payment: Payment

    async def ask(self, payment_id: str | None = None) -> Result:
        """Ask about a payment, in a thread of its own: the command brings a loop of its own."""
        environment = {
            "FIFTEEN_GATEWAY_URL": f"http://127.0.0.1:{self.world.port}",
            "FIFTEEN_API_KEY": API_KEY,
            "FIFTEEN_OPERATOR_KEY": OPERATOR_KEY,
            "XDG_STATE_HOME": str(self.home),
            "COLUMNS": "40",
        }
        command = ["posting", "ask", payment_id or str(self.payment.payment_id)]
        return await asyncio.to_thread(lambda: CliRunner().invoke(application, command, env=environment))

    async def kinds(self) -> list[EventKind]:
        """What has befallen the payment."""
        return [each.event.kind for each in await self.world.store.events(self.payment.payment_id)]


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    """One payment was not posted."""
    async with open_world() as world:
        accepted = await world.post_message(message())
        yield Shell(world, tmp_path, await world.is_not_posted(world.payment(accepted.json["payment_id"])))


async def test_too_early_it_says_from_when_on_and_then_it_asks_once(shell: Shell) -> None:
    """The receiver has its own time; a repeat of the command is the same question."""
    since = askable_from(shell.payment, wait=None)

    early = await shell.ask()
    shell.world.clock.advance((since - shell.world.clock.now()).total_seconds())
    asked = await shell.ask()
    again = await shell.ask()

    told = next(word for word in early.output.split() if word.startswith("2026-"))
    assert datetime.fromisoformat(told) == since
    assert (early.exit_code, asked.exit_code, again.exit_code) == (1, 0, 0)
    assert "ACCEPTED_WITHOUT_POSTING" in asked.output
    assert (await shell.kinds()).count(EventKind.POSTING_ASKED) == 1


async def test_what_there_is_not_is_said(shell: Shell) -> None:
    """No such payment: nothing is asked."""
    refused = await shell.ask("nonsense")

    assert refused.exit_code == 1
    assert EventKind.POSTING_ASKED not in await shell.kinds()
