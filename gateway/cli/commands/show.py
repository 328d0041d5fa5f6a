"""Commands that show what is here: settings, version, ledger, history run again."""

from __future__ import annotations

import json as json_library
from importlib.metadata import version as version_of
from typing import Annotated

import typer

from gateway.cli.console import OUT, explained, settings_or_stop


def ledger(
    tenant: Annotated[str | None, typer.Option(help="The balances of this tenant alone.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print balances and faults as JSON.")] = False,
) -> None:
    """Show what the ledger's accounts hold, and every payment that is not booked as its state says.

    Exits 1 when there is one, or a posting has one side. It reads every posting: quick for a day, minutes for years.
    """
    from gateway.cli.ledger import show_ledger

    settings = settings_or_stop()
    with explained():
        raise typer.Exit(show_ledger(settings, tenant_id=tenant, as_json=json))


def replay(
    into: Annotated[
        str, typer.Option(help="postgresql://… of the owner of an empty database, which this fills.", metavar="URL")
    ],
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Run history again from its raw messages into an empty database, and prove that it comes out the same.

    What came in is read and judged anew, what went out is built anew and must be the bytes that left; states, events,
    messages and ledger are compared. Exits 1 when a payment comes out otherwise. Nothing is sent to anybody.
    """
    from gateway.cli.replay import replay_history

    settings = settings_or_stop()
    with explained():
        raise typer.Exit(replay_history(settings, into=into, as_json=json))


def config() -> None:
    """Print the settings as this process sees them, secrets masked; docs/settings.md says what each means."""
    from gateway.settings import masked

    OUT.print_json(json_library.dumps(masked(settings_or_stop())))


def version() -> None:
    """Print the version."""
    OUT.print(f"fifteen {version_of('fifteen')}")
