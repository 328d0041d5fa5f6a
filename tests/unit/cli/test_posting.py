"""``fifteen posting`` against a gateway: what it prints, what it does, and how it exits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import Result

from gateway.domain.events import EventKind
from gateway.domain.payment import Payment
from gateway.domain.posting_question import askable_from
from tests.unit.cli.shell import Shell
from tests.unit.http.world import message, open_world


@dataclass(frozen=True, slots=True)
class Unposted:
    """A terminal before a gateway with one payment that was accepted without being posted."""

    shell: Shell
    payment: Payment

    async def ask(self, payment_id: str | None = None) -> Result:
        """Ask about a payment."""
        return await self.shell.run("posting", "ask", payment_id or str(self.payment.payment_id))

    async def kinds(self) -> list[EventKind]:
        """What has befallen the payment."""
        return [each.event.kind for each in await self.shell.world.store.events(self.payment.payment_id)]


@pytest.fixture
async def unposted(tmp_path: Path) -> AsyncIterator[Unposted]:
    """One payment was not posted."""
    async with open_world() as world:
        accepted = await world.post_message(message())
        yield Unposted(Shell(world, tmp_path), await world.is_not_posted(world.payment(accepted.json["payment_id"])))


async def test_too_early_it_says_from_when_on_and_then_it_asks_once(unposted: Unposted) -> None:
    """The receiver has its own time; a repeat of the command is the same question."""
    since = askable_from(unposted.payment, wait=None)

    early = await unposted.ask()
    unposted.shell.world.clock.advance((since - unposted.shell.world.clock.now()).total_seconds())
    asked = await unposted.ask()
    again = await unposted.ask()

    told = next(word for word in early.output.split() if word.startswith("2026-"))
    assert datetime.fromisoformat(told) == since
    assert (early.exit_code, asked.exit_code, again.exit_code) == (1, 0, 0)
    assert "ACCEPTED_WITHOUT_POSTING" in asked.output
    assert (await unposted.kinds()).count(EventKind.POSTING_ASKED) == 1


async def test_what_there_is_not_is_said(unposted: Unposted) -> None:
    """No such payment: nothing is asked."""
    refused = await unposted.ask("nonsense")

    assert refused.exit_code == 1
    assert EventKind.POSTING_ASKED not in await unposted.kinds()
