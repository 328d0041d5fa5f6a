"""``fifteen doubt``: payments of which the rail could not tell what became of them, or contradicts itself."""

from __future__ import annotations

import typer

from gateway.cli.commands.options import Json, Note, PaymentIds, Url
from gateway.cli.console import settings_or_stop

doubt = typer.Typer(
    no_args_is_help=True, help="Payments of which the rail could not tell what became of them, or contradicts itself."
)


@doubt.command("list")
def doubt_list(url: Url = None, json: Json = False) -> None:
    """List the payments that wait for a person. Exits 1 when there are any.

    The rail was asked, and could not tell; or it has contradicted what is certain, and nobody has recorded what is so.
    """
    from gateway.cli.doubt import list_payments

    raise typer.Exit(list_payments(settings_or_stop(), url=url, as_json=json))


@doubt.command("ask")
def doubt_ask(payment_ids: PaymentIds, note: Note, url: Url = None) -> None:
    """Have the rail asked once more about these; its answer decides."""
    from gateway.cli.doubt import act_on

    raise typer.Exit(act_on(settings_or_stop(), payment_ids, action="ask", note=note, url=url))


@doubt.command("settled")
def doubt_settled(payment_ids: PaymentIds, note: Note, url: Url = None) -> None:
    """Record the rail's word, heard on another way, that these settled. It is final.

    Of those that have settled, and of which the rail has said otherwise, it says that somebody has seen to it.
    """
    from gateway.cli.doubt import act_on

    raise typer.Exit(act_on(settings_or_stop(), payment_ids, action="record_settlement", note=note, url=url))


@doubt.command("rejected")
def doubt_rejected(payment_ids: PaymentIds, note: Note, url: Url = None) -> None:
    """Record the rail's word, heard on another way, that these did not settle and cannot any more. It is final.

    Of those that were rejected, and of which the rail has said otherwise, it says that somebody has seen to it.
    """
    from gateway.cli.doubt import act_on

    raise typer.Exit(act_on(settings_or_stop(), payment_ids, action="record_rejection", note=note, url=url))
