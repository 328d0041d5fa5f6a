"""``fifteen due`` against a gateway: what it prints, page by page, and how it exits."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import adapters.http.due
from tests.unit.cli.shell import Shell
from tests.unit.http.test_due import ids, waiting
from tests.unit.http.world import open_world


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    """A gateway in which nothing is due yet."""
    async with open_world() as world:
        yield Shell(world, tmp_path)


async def test_what_is_due_is_printed_in_order_with_what_is_expected(shell: Shell) -> None:
    """Nothing late: it exits with 0; a payment in doubt is late from its promise on: then with 1."""
    nothing = await shell.run("due")
    expected = await waiting(shell.world)
    listed = await shell.run("due")
    shell.world.clock.advance(16)
    late = await shell.run("due", "--kind", "payment_in_doubt")

    assert (nothing.exit_code, listed.exit_code, late.exit_code) == (0, 0, 1)
    assert nothing.output.strip() == "nothing is due"
    places = [listed.output.index(id_) for _, id_ in expected[:4]]
    assert places == sorted(places)
    assert "agreed, pending, refused" in listed.output
    assert late.output.count("late") == 1
    assert expected[1][1] not in late.output


async def test_every_page_is_printed_when_it_is_asked_for(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise it says that there is more."""
    expected = await waiting(shell.world)
    monkeypatch.setattr(adapters.http.due, "LISTED_MAX", 2)

    first = await shell.run("due")
    every = await shell.run("due", "--all", "--json")

    assert "--all" in first.output
    assert expected[2][1] not in first.output
    assert ids(json.loads(every.output)) == expected


async def test_an_unknown_kind_is_refused_with_the_known_ones(shell: Shell) -> None:
    """Nothing is listed."""
    refused = await shell.run("due", "--kind", "nonsense")

    assert refused.exit_code == 1
    assert "held_payment" in refused.output
