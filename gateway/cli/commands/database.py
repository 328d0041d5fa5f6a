"""``fifteen db``: look after the database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from gateway.cli.commands.options import Json
from gateway.cli.console import explained, settings_or_stop

database = typer.Typer(no_args_is_help=True, help="Look after the database.")


@database.command()
def upgrade(
    phase: Annotated[
        Literal["pre", "post"] | None,
        typer.Option(
            help="pre: what new code needs, before it is deployed. post: what takes away what old code used, after it "
            "has ended. Without it: both."
        ),
    ] = None,
) -> None:
    """Create or migrate the schema, the regions' partitions and the first tenant; a repeat changes nothing.

    Runs as the owner (`FIFTEEN_DATABASE_OWNER_URL`). Registers `FIFTEEN_API_KEY` for the tenant, where it is set, and
    makes the role that `FIFTEEN_DATABASE_URL` logs in as, where that is set and there is none.
    Refuses what code that still runs would not survive (docs/deploy.md).
    """
    from adapters.postgres.phases import Phase
    from gateway.cli.database import upgrade_database

    with explained():
        upgrade_database(settings_or_stop(), phase=None if phase is None else Phase(phase))


@database.command("check")
def check_schema(
    json: Json = False,
) -> None:
    """Say what the database's schema has, what an upgrade would do to it, and which releases run on it.

    Changes nothing. Exits 0 where this program can serve, 1 where a migration of phase pre is missing.
    """
    from gateway.cli.database import check_database

    with explained():
        raise typer.Exit(check_database(settings_or_stop(), as_json=json))


@database.command()
def partitions(
    drop_archived: Annotated[
        bool, typer.Option("--drop-archived", help="Drop the months that the archive has whole, and gives back.")
    ] = False,
) -> None:
    """Make the months for messages to come; a job for every day, beside `upgrade`, which does it as well.

    Runs as the owner (`FIFTEEN_DATABASE_OWNER_URL`). Exits 1 when a month is old enough to be dropped and cannot be.
    """
    from adapters.system import SystemClock
    from gateway.cli.partitions import keep_partitions

    with explained():
        raise typer.Exit(keep_partitions(settings_or_stop(), SystemClock(), drop_archived=drop_archived))


@database.command("accounts")
def accounts(
    file: Annotated[
        Path, typer.Argument(help="Lines of routing number, account, and open, closed or blocked.", metavar="FILE")
    ],
    tenant: Annotated[str | None, typer.Option(help="Whose they are; the first tenant's.")] = None,
) -> None:
    """Make these a tenant's whole account directory, which its stand-in looks into; accounts are kept as indexes alone.

    Runs as the owner (`FIFTEEN_DATABASE_OWNER_URL`), with the workers' `FIFTEEN_INDEX_KEY`.
    """
    from gateway.cli.directory import load_accounts

    with explained():
        load_accounts(settings_or_stop(), file, tenant_id=tenant)
