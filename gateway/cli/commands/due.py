"""``fifteen due``: what waits for somebody here, of every kind."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.commands.options import Json, Url
from gateway.cli.console import settings_or_stop


def due(
    kind: Annotated[list[str] | None, typer.Option(help="Of this kind alone, such as posting; several times.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every page, not only what expires first.")] = False,
    url: Url = None,
    json: Json = False,
) -> None:
    """List all that waits for somebody here, what expires first first, and what is expected. Exits 1 when it is late.

    Requests, questions and withdrawals to answer, money to post or to give back, payments that screening holds, and
    whatever a person must look into: an operator's key sees all, a tenant's its own.
    """
    from gateway.cli.due import list_due

    raise typer.Exit(list_due(settings_or_stop(), kinds=kind or [], everything=everything, url=url, as_json=json))
