"""``fifteen doubt`` against a gateway: what it prints, what it does, and how it exits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.application import application
from gateway.domain.payment import Payment
from tests.unit.http.test_freshness import SAID, STATED
from tests.unit.http.test_operators import called_for, contradicted
from tests.unit.http.world import API_KEY, OPERATOR_KEY, World, open_world


@dataclass(frozen=True, slots=True)
class Shell:
    """A narrow terminal before a gateway with one payment that waits for a person."""

    world: World
    home: Path
    payment: Payment

    @property
    def payment_id(self) -> str:
        """The payment that waits."""
        return str(self.payment.payment_id)

    async def run(self, *arguments: str, operator: bool = True, url: str | None = None) -> Result:
        """Run a command in a thread of its own: it brings a loop of its own."""
        environment = {
            "FIFTEEN_GATEWAY_URL": url or f"http://127.0.0.1:{self.world.port}",
            "FIFTEEN_API_KEY": API_KEY,
            "FIFTEEN_OPERATOR_KEY": OPERATOR_KEY if operator else None,
            "XDG_STATE_HOME": str(self.home),
            "COLUMNS": "40",
        }
        command = ["doubt", *arguments]
        return await asyncio.to_thread(lambda: CliRunner().invoke(application, command, env=environment))


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    """One payment waits."""
    async with open_world() as world:
        yield Shell(world, tmp_path, await called_for(world))


async def test_the_list_shows_whole_ids_and_says_by_its_exit_whether_any_waits(shell: Shell) -> None:
    """However narrow the terminal is, an id can be given to the next command."""
    some, as_json = await shell.run("list"), await shell.run("list", "--json")
    recorded = await shell.run("settled", shell.payment_id, "--note", "case 15")
    none = await shell.run("list")

    assert (some.exit_code, recorded.exit_code, none.exit_code) == (1, 0, 0)
    assert shell.payment_id in some.output
    assert shell.payment.message_id in some.output
    assert [each["payment_id"] for each in json.loads(as_json.output)["payments"]] == [shell.payment_id]
    assert none.output.strip() == "no payment waits for a person"


async def test_the_list_names_the_region_and_where_there_are_two_says_how_fresh_it_is(
    shell: Shell, tmp_path: Path
) -> None:
    """What is missing there may have happened in the other region. One alone is never behind: the control."""
    async with open_world(freshness=lambda: STATED) as world:
        two = await Shell(world, tmp_path, await called_for(world)).run("list")
    one = await shell.run("list")

    assert all(f"in region {world.store.region}" in each.output for each in (one, two))
    assert (f"known: {SAID}" in two.output, "known:" in one.output) == (True, False)


@pytest.mark.parametrize(
    ("command", "state"), [("ask", "AWAITING_OPERATOR"), ("settled", "SETTLED"), ("rejected", "REJECTED")]
)
async def test_what_the_person_says_is_done_and_shown(shell: Shell, command: str, state: str) -> None:
    """One command for each thing that a person may do; the state afterwards is printed."""
    done = await shell.run(command, shell.payment_id, "--note", "case 15")

    assert (done.exit_code, state in done.output) == (0, True)
    assert shell.world.payment(shell.payment_id).state.value == state
    assert shell.world.payment(shell.payment_id) != shell.payment


async def test_a_contradicted_payment_is_listed_with_what_was_said_and_what_ends_it(tmp_path: Path) -> None:
    """What was said, when, and which command: a person at night reads nothing else. The record ends it."""
    async with open_world() as world:
        shell = Shell(world, tmp_path, await contradicted(world))
        listed, wrong = await shell.run("list"), await shell.run("rejected", shell.payment_id, "--note", "case 15")
        recorded, none = await shell.run("settled", shell.payment_id, "--note", "case 15"), await shell.run("list")

    said = " ".join(listed.output.split())
    assert (listed.exit_code, wrong.exit_code, recorded.exit_code, none.exit_code) == (1, 1, 0, 0)
    for words in ("look at it: contradicted", "RejectionReported RJCT: AC04", "fifteen doubt settled", "SETTLED"):
        assert words in said
    assert "It waits for record_settlement." in " ".join(wrong.output.split())


async def test_one_that_is_refused_holds_no_other_up(shell: Shell) -> None:
    """Each is asked for by itself; the exit says that one was refused, and the screen which."""
    unknown = str(UUID(int=1))

    result = await shell.run("rejected", unknown, shell.payment_id, "--note", "case 15")

    assert result.exit_code == 1
    assert "There is no payment with this id." in " ".join(result.output.split())
    assert "REJECTED" in result.output


async def test_a_tenant_may_look_and_not_act(shell: Shell) -> None:
    """Without an operator's key the list is shown, and nothing is done."""
    listed = await shell.run("list", operator=False)
    acted = await shell.run("settled", shell.payment_id, "--note", "case 15", operator=False)

    assert shell.payment_id in listed.output
    assert acted.exit_code == 1
    assert shell.world.payment(shell.payment_id).state is shell.payment.state


async def test_a_note_that_says_nothing_is_refused_with_its_remedy(shell: Shell) -> None:
    """The remedy is the gateway's, printed as it is."""
    refused = await shell.run("ask", shell.payment_id, "--note", " ")

    assert (refused.exit_code, "Say what was found out" in " ".join(refused.output.split())) == (1, True)


async def test_a_gateway_that_does_not_answer_is_said_to_be_so(shell: Shell) -> None:
    """Nobody listens on port 1: what is to be done before a repeat is said."""
    silent = await shell.run("settled", shell.payment_id, "--note", "case 15", url="http://127.0.0.1:1")

    said = " ".join(silent.output.split())
    assert (silent.exit_code, "look at the payments again before you repeat it" in said) == (2, True)
