"""The help teaches: every command says what it does, and the simulator what it does with which payment."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from gateway.cli.application import application
from simulators.fednow.behaviours import TABLE


def help_of(*command: str) -> str:
    """The help of a command, as a wide terminal shows it."""
    result = CliRunner().invoke(application, [*command, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize(
    "command",
    [
        ("demo",),
        ("gateway",),
        ("worker",),
        ("simulator", "fednow"),
        ("bench",),
        ("drill", "crash"),
        ("drill", "recount"),
        ("validate",),
        ("explain",),
        ("diff",),
        ("sample",),
        ("send",),
        ("payment", "show"),
        ("incoming", "show"),
        ("due",),
        ("dlq", "list"),
        ("dlq", "show"),
        ("dlq", "redrive"),
        ("dlq", "discard"),
        ("audit", "verify"),
        ("db", "upgrade"),
        ("db", "check"),
        ("synthetic",),
        ("ledger",),
        ("replay",),
        ("config",),
        ("version",),
    ],
    ids=" ".join,
)
def test_every_command_has_a_help_and_stands_in_its_parents(command: tuple[str, ...]) -> None:
    """A newcomer reads the help first."""
    assert command[-1] in help_of(*command[:-1])
    assert len(help_of(*command)) > 200


def test_the_simulators_help_says_which_account_or_amount_chooses_what() -> None:
    """What a test needs to know stands where it looks."""
    shown = help_of("simulator", "fednow")

    assert all(account in shown and amount in shown for account, amount, _ in TABLE.help_rows())
