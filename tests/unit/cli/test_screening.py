"""``fifteen screening`` against a gateway, and on a list: what it prints, what it does, and how it exits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.application import application
from gateway.domain.payment import PaymentState
from tests.unit.http.test_held import held
from tests.unit.http.world import API_KEY, OPERATOR_KEY, World, open_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A gateway."""
    async with open_world() as made:
        yield made


async def run(*arguments: str, port: int = 0, home: Path) -> Result:
    """Run a command in a thread of its own: it brings a loop of its own."""
    environment = {
        "FIFTEEN_GATEWAY_URL": f"http://127.0.0.1:{port}",
        "FIFTEEN_API_KEY": API_KEY,
        "FIFTEEN_OPERATOR_KEY": OPERATOR_KEY,
        "XDG_STATE_HOME": str(home),
        "COLUMNS": "40",
    }
    command = ["screening", *arguments]
    return await asyncio.to_thread(lambda: CliRunner().invoke(application, command, env=environment))


async def test_what_is_held_is_listed_with_what_was_found_and_decided_on(world: World, tmp_path: Path) -> None:
    """Whole ids however narrow the terminal; who decides a second time is told, and the exit says so."""
    one, two = await held(world, 1), await held(world, 2)
    ids = (str(one.payment_id), str(two.payment_id))

    some = await run("list", port=world.port, home=tmp_path)
    released = await run("release", ids[0], "--note", "case 15", port=world.port, home=tmp_path)
    rejected = await run("reject", *ids, "--note", "case 16", "--reason", "FR01", port=world.port, home=tmp_path)
    none = await run("list", port=world.port, home=tmp_path)

    assert (some.exit_code, released.exit_code, rejected.exit_code, none.exit_code) == (1, 0, 1, 0)
    assert all(payment_id in some.output for payment_id in ids)
    assert "own.csv S-1, creditor name, 100 of 100" in some.output
    assert world.payment(ids[0]).state is PaymentState.RELEASED
    assert world.payment(ids[1]).state is PaymentState.REJECTED
    assert "no payment" in none.output


async def test_a_match_explains_itself(tmp_path: Path) -> None:
    """How the name is compared, which entry it is like, and why; a list that is none is told with its line."""
    names, broken = tmp_path / "own.csv", tmp_path / "broken.csv"
    names.write_text("S-1,name,Quillmoor Wexley\n")
    broken.write_text("S-1,name\n")

    found = await run("explain", str(names), "Dr. Wexley QUILLMOOR", home=tmp_path)
    clear = await run("explain", str(names), "Bramwick Oldacre", home=tmp_path)
    unread = await run("explain", str(broken), "Bramwick Oldacre", home=tmp_path)

    assert (found.exit_code, clear.exit_code) == (1, 0)
    assert unread.exit_code not in {0, 1}
    assert "compared as: dr quillmoor wexley" in found.output
    assert "S-1  100 of 100: every word of the entry" in found.output
    assert "like none of 1 names" in clear.output
