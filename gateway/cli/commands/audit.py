"""``fifteen audit``: history, chained and sealed."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.console import explained, settings_or_stop

audit = typer.Typer(no_args_is_help=True, help="The history of payments: chained, sealed, and written down outside.")


@audit.command("verify")
def audit_verify(
    database_url: Annotated[
        str | None,
        typer.Option(help="postgresql://… of any role that may read; the default is FIFTEEN_DATABASE_URL."),
    ] = None,
    anchors: Annotated[
        list[str] | None,
        typer.Option(
            help="A directory or s3://bucket/prefix with anchors; else FIFTEEN_AUDIT_ANCHORS. May be repeated."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Compute every digest of the history anew, and hold it against seals and anchors.

    Finds what was changed, deleted, inserted, reordered or cut off, and says what is not sealed yet. Where there is an
    archive, all of it is verified too. Exits 0 when all fits, 1 with violations, 2 when something cannot be read.
    """
    from gateway.cli.audit import verify_trail

    with explained():
        raise typer.Exit(verify_trail(settings_or_stop(), database_url=database_url, anchors=anchors, as_json=json))
