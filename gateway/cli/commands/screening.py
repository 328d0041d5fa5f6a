"""``fifteen screening``: payments that are held, and lists of names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.commands.options import Json, Note, PaymentIds, Url
from gateway.cli.console import settings_or_stop

screening = typer.Typer(no_args_is_help=True, help="Payments that screening holds, and lists of names.")


@screening.command("list")
def screening_list(url: Url = None, json: Json = False) -> None:
    """List the payments that screening holds, what expires first, and what was found. Exits 1 when there are any."""
    from gateway.cli.screening import list_held

    raise typer.Exit(list_held(settings_or_stop(), url=url, as_json=json))


@screening.command("release")
def screening_release(payment_ids: PaymentIds, note: Note, url: Url = None) -> None:
    """Have these sent, at once. It cannot be taken back."""
    from gateway.cli.screening import decide

    raise typer.Exit(decide(settings_or_stop(), payment_ids, decision="release", note=note, code=None, url=url))


@screening.command("reject")
def screening_reject(
    payment_ids: PaymentIds,
    note: Note,
    reason: Annotated[str | None, typer.Option(help="An ISO 20022 reason; else what the tenant's rules say.")] = None,
    url: Url = None,
) -> None:
    """Reject these. It is final."""
    from gateway.cli.screening import decide

    raise typer.Exit(decide(settings_or_stop(), payment_ids, decision="reject", note=note, code=reason, url=url))


@screening.command("explain")
def screening_explain(
    file: Annotated[Path, typer.Argument(help="The list: lines of id,kind,value.")],
    name: Annotated[str, typer.Argument(help="The name to hold against it.")],
    threshold: Annotated[int, typer.Option(min=50, max=100, help="From this similarity on, of 100.")] = 88,
) -> None:
    """Say how a name is compared with a list, and which entries it is like. Exits 1 when there are any."""
    from gateway.cli.screening import explain

    raise typer.Exit(explain(file, name, threshold=threshold))
