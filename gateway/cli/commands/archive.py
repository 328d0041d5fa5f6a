"""``fifteen archive``: old messages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.commands.options import Json
from gateway.cli.console import explained, settings_or_stop

archive = typer.Typer(no_args_is_help=True, help="Old messages: archived, found again, verified, removed at last.")


@archive.command("run")
def archive_run(json: Json = False) -> None:
    """Archive what is old enough, now; a worker does the same every day.

    Messages are copied, and stay in the database until `fifteen db partitions --drop-archived` drops their month.
    """
    from adapters.system import SystemClock
    from gateway.cli.archive import run_archiver

    with explained():
        raise typer.Exit(run_archiver(settings_or_stop(), SystemClock(), as_json=json))


@archive.command("find")
def archive_find(
    uetr: Annotated[str, typer.Option(help="The payment's UETR.")],
    tenant: Annotated[str | None, typer.Option(help="Whose payment; the default is FIFTEEN_TENANT_ID.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write each message's bytes to a file in here.", metavar="DIR")
    ] = None,
    json: Json = False,
) -> None:
    """List every message of the payments with a UETR, and where it is: in the database, or in which object.

    The archive is read for it. Exits 1 when there is no such payment. The files of --output show all in clear.
    """
    from gateway.cli.archive import find_messages

    with explained():
        raise typer.Exit(find_messages(settings_or_stop(), uetr=uetr, tenant=tenant, output=output, as_json=json))


@archive.command("verify")
def archive_verify(json: Json = False) -> None:
    """Read every object whole, open every record, and hold it against the index. `audit verify` does it as well.

    Finds what was edited, cut off, removed or put in another's place. Exits 0 when all fits, 1 with violations.
    """
    from adapters.system import SystemClock
    from gateway.cli.archive import verify_all

    with explained():
        raise typer.Exit(verify_all(settings_or_stop(), SystemClock(), as_json=json))


@archive.command("expire")
def archive_expire(
    trial: Annotated[bool, typer.Option("--trial", help="Say what would go, and leave it.")] = False,
) -> None:
    """Remove the objects that were kept for `FIFTEEN_ARCHIVE_YEARS`. In a directory: a bucket has its own rule."""
    from adapters.system import SystemClock
    from gateway.cli.archive import expire

    with explained():
        raise typer.Exit(expire(settings_or_stop(), SystemClock(), is_trial=trial))
