"""``fifteen incoming``: transfers that came from a rail."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from gateway.cli.commands.options import Json, Transfer, Url
from gateway.cli.console import settings_or_stop

received = typer.Typer(no_args_is_help=True, help="Transfers that came from a rail, and what is decided of them later.")


@received.command("list")
def incoming_list(
    state: Annotated[list[str] | None, typer.Option(help="Those in this state; may be repeated.")] = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """List incoming transfers: what must be decided first, then the newest."""
    from gateway.cli.incoming import list_transfers

    raise typer.Exit(list_transfers(settings_or_stop(), url=url, states=state or (), as_json=json))


@received.command("show")
def incoming_show(transfer: Transfer, url: Url = None, json: Json = False) -> None:
    """Show one, with its history, its returns, and every message about it."""
    from gateway.cli.incoming import show_transfer

    raise typer.Exit(show_transfer(settings_or_stop(), transfer, url=url, as_json=json))


@received.command("decide")
def incoming_decide(
    transfer: Transfer,
    outcome: Annotated[
        Literal["posted", "refused", "pending", "blocked"], typer.Argument(help="What became of the money.")
    ],
    reason: Annotated[
        str | None, typer.Option(help="ISO 20022 reason, such as AC06: needed for refused and blocked.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Words for the sender, one line.")] = None,
    url: Url = None,
) -> None:
    """Say what became of money that has arrived; the rail is told."""
    from gateway.cli.incoming import decide_posting

    settings = settings_or_stop()
    raise typer.Exit(decide_posting(settings, transfer, outcome, reason=reason, text=text, url=url))


@received.command("return")
def incoming_return(
    transfer: Transfer,
    amount: Annotated[
        str | None, typer.Option(help="US dollars, such as 20.00; all that is left if not given.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help="ISO 20022 reason, such as CUST: needed for what was posted.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Words for the sender, one line.")] = None,
    key: Annotated[
        str | None, typer.Option(help="A repeat under the same key starts no second return; a fresh one if not given.")
    ] = None,
    note: Annotated[
        str | None, typer.Option(help="Where the rail contradicts itself: who says that no former return has settled.")
    ] = None,
    url: Url = None,
) -> None:
    """Give money back by a pacs.004: what was posted, all or a part; or try again what is owed back."""
    from gateway.cli.incoming import return_transfer

    order = {"amount": amount, "reason_code": reason, "text": text, "note": note}
    raise typer.Exit(return_transfer(settings_or_stop(), transfer, order, key=key, url=url))


@received.command("record")
def incoming_record(
    transfer: Transfer,
    outcome: Annotated[
        Literal["settled", "not-settled", "returned"],
        typer.Argument(help="What the rail has said: of a transfer in AWAITING_OPERATOR, or of one in RETURN_DUE."),
    ],
    note: Annotated[str, typer.Option(help="Where and from whom it was heard; it stays in the history.")],
    url: Url = None,
) -> None:
    """Record the rail's word, heard on another way: whether a transfer has settled, or that it has gone back."""
    from gateway.cli.incoming import record

    raise typer.Exit(record(settings_or_stop(), transfer, outcome, note=note, url=url))
