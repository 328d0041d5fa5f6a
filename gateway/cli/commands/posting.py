"""``fifteen posting``: what became of payments that were not posted."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.commands.options import Url
from gateway.cli.console import settings_or_stop

posting = typer.Typer(no_args_is_help=True, help="What became of payments that were accepted without being posted.")


@posting.callback()
def posting_group() -> None:
    """Keep the subcommand's name while there is one alone."""


@posting.command("ask")
def posting_ask(
    payment: Annotated[
        str, typer.Argument(metavar="PAYMENT_ID", help="A payment that is ACCEPTED_WITHOUT_POSTING, past its time.")
    ],
    url: Url = None,
) -> None:
    """Ask the receiver of a payment what became of it (pacs.028)."""
    from gateway.cli.posting import ask_receiver

    raise typer.Exit(ask_receiver(settings_or_stop(), payment, url=url))
