"""``fifteen payment``: what became of a payment."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.commands.options import Json, Url
from gateway.cli.console import settings_or_stop

payment = typer.Typer(no_args_is_help=True, help="What became of a payment that was sent.")


@payment.callback()
def payment_group() -> None:
    """Keep the subcommand's name while there is one alone."""


@payment.command("show")
def payment_show(
    reference: Annotated[str, typer.Argument(metavar="ID", help="Its payment id, UETR or end-to-end id.")],
    url: Url = None,
    json: Json = False,
) -> None:
    """Show one: its state, what is certain about the money, its history, and every message about it.

    It is asked for with the tenant's key (`FIFTEEN_API_KEY`).
    """
    from gateway.cli.payments import show_payment

    raise typer.Exit(show_payment(settings_or_stop(), reference, url=url, as_json=json))
