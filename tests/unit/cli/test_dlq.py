"""``fifteen dlq`` against a gateway: what it prints, what it does, and how it exits."""

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
from gateway.service.ports import Queue
from tests.unit.http.test_dead_letters import dead
from tests.unit.http.world import API_KEY, OPERATOR_KEY, World, open_world

FIRST, SECOND = (str(UUID(int=number)) for number in (7, 8))


@dataclass(frozen=True, slots=True)
class Shell:
    """A terminal before a gateway with dead letters."""

    world: World
    home: Path

    async def run(self, *arguments: str, operator: bool = True) -> Result:
        """Run a command in a thread of its own: it brings a loop of its own."""
        environment = {
            "FIFTEEN_GATEWAY_URL": f"http://127.0.0.1:{self.world.port}",
            "FIFTEEN_API_KEY": API_KEY,
            "FIFTEEN_OPERATOR_KEY": OPERATOR_KEY if operator else None,
            "XDG_STATE_HOME": str(self.home),
            "COLUMNS": "300",
        }
        command = ["dlq", *arguments]
        return await asyncio.to_thread(lambda: CliRunner().invoke(application, command, env=environment))


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    """Two dead letters about one payment, and one about none."""
    async with open_world() as world:
        payment = await world.accepted()
        await dead(world, payment, number=7)
        await dead(world, payment, number=8, queue=Queue.FEDNOW_OUT_INQUIRY)
        await dead(world, number=9)
        yield Shell(world, tmp_path)


async def test_the_list_shows_what_waits_and_says_so_by_its_exit(shell: Shell) -> None:
    """A script may ask whether there is any."""
    some = await shell.run("list")
    of_a_queue = await shell.run("list", "--queue", "fednow.out.inquiry", "--json")
    none = await shell.run("list", "--state", "redriven")

    assert (some.exit_code, FIRST in some.output, "ValueError: …" in some.output) == (1, True, True)
    assert [each["delivery_id"] for each in json.loads(of_a_queue.output)["dead_letters"]] == [SECOND]
    assert (none.exit_code, none.output.strip()) == (0, "no dead letters")


async def test_one_is_shown_with_its_payment_and_what_a_redrive_would_do(shell: Shell) -> None:
    """Everything that an operator decides on, on one screen."""
    shown = await shell.run("show", FIRST)
    as_json = await shell.run("show", FIRST, "--json")
    missing = await shell.run("show", str(UUID(int=1)))

    assert shown.exit_code == 0
    assert "RECEIVED" in shown.output
    assert "sends: The payment waits to be sent" in shown.output
    assert json.loads(as_json.output)["redrive"]["would"] == "sends"
    assert missing.exit_code == 1


async def test_a_redrive_is_done_once_and_shown_with_its_note(shell: Shell) -> None:
    """The second time it is refused, and the exit says so."""
    first = await shell.run("redrive", FIRST, "--note", "mended")
    second = await shell.run("redrive", FIRST, "--note", "mended")
    shown = await shell.run("show", FIRST)

    assert (first.exit_code, "redriven" in first.output) == (0, True)
    assert second.exit_code == 1
    assert "by sample operator: mended" in shown.output


async def test_what_is_refused_holds_no_other_up(shell: Shell) -> None:
    """Several at once: each is asked for by itself."""
    result = await shell.run("discard", str(UUID(int=1)), SECOND, "--note", "nothing to do", "--json")

    answers = json.loads(result.output)["answers"]
    assert result.exit_code == 1
    assert [answer.get("code") or answer["state"] for answer in answers] == ["dead_letter_not_found", "discarded"]


async def test_a_whole_queue_is_redriven(shell: Shell) -> None:
    """After a deployment that broke a handler for an hour."""
    result = await shell.run("redrive", "--queue", "fednow.out.inquiry", "--note", "mended")
    left = await shell.run("list", "--json")

    assert (result.exit_code, SECOND in result.output, FIRST in result.output) == (0, True, False)
    assert len(json.loads(left.output)["dead_letters"]) == 2


@pytest.mark.parametrize(
    "arguments", [("redrive", "--note", "x"), ("discard", FIRST), ("redrive", FIRST, "--queue", "x")]
)
async def test_an_act_without_a_note_or_without_a_target_is_not_begun(shell: Shell, arguments: tuple[str, ...]) -> None:
    """Neither everything by a slip of the pen, nor anything without a reason."""
    more = ("--note", "x") if "--queue" in arguments else ()

    assert (await shell.run(*arguments, *more)).exit_code == 2


async def test_a_tenants_key_looks_and_does_not_act(shell: Shell) -> None:
    """Without an operator's key the tenant's is used: it sees its own payments' dead letters."""
    listed = await shell.run("list", "--json", operator=False)
    refused = await shell.run("redrive", FIRST, "--note", "x", operator=False)

    assert [each["delivery_id"] for each in json.loads(listed.output)["dead_letters"]] == [FIRST, SECOND]
    assert refused.exit_code == 1


async def test_a_gateway_that_does_not_answer_is_named(shell: Shell) -> None:
    """One line that says what to do, and no traceback."""
    result = await shell.run("list", "--url", "http://127.0.0.1:9")

    assert result.exit_code == 2
    assert "127.0.0.1:9 does not answer" in result.output
