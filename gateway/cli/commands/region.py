"""``fifteen region``: replication, leases and the map of slots."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.commands.options import Json
from gateway.cli.console import explained, settings_or_stop

region = typer.Typer(no_args_is_help=True, help="Two regions: replication, leases and the map of slots.")


@region.command()
def init(
    first: Annotated[
        bool,
        typer.Option(
            "--first", help="Make the map of slots at the witness: in the region that has accepted payments until now."
        ),
    ] = False,
    new_database: Annotated[
        bool,
        typer.Option(
            "--new-database",
            help="The region has never served; or it was lost with its database, and nobody repeats what that knew.",
        ),
    ] = False,
) -> None:
    """Publish this region's partitions, guard the other's, and take its share of the slots from the witness.

    Runs as the owner (`FIFTEEN_DATABASE_OWNER_URL`), in each region, after `fifteen db upgrade`: with `--first` in the
    region that has accepted payments until now, or where none has in either, and then in the other. A repeat changes
    nothing.
    """
    from gateway.cli.regions import initialise

    with explained():
        initialise(settings_or_stop(), is_first=first, may_be_new=new_database)


@region.command()
def takeover() -> None:
    """Take over the other region's slots and payments, once it surely acts no more: it is fenced off, and waited for.

    Its payments in flight are in doubt, and the rail is asked about them. A repeat is safe.
    """
    from gateway.cli.regions import take_over_peer

    with explained():
        take_over_peer(settings_or_stop())


@region.command()
def rejoin(
    within: Annotated[float, typer.Option("--within", help="Give up after so many seconds.", min=1)] = 60.0,
) -> None:
    """Let this region, which was taken over, serve again: it catches up, and its share of the slots is handed back.

    Both regions run meanwhile; the other goes on with each slot until it has released it. A repeat is safe.
    """
    from gateway.cli.regions import come_back

    with explained():
        come_back(settings_or_stop(), within_s=within)


@region.command()
def join(
    anew: Annotated[
        bool, typer.Option("--anew", help="Drop what was copied of the other region, and copy it all again.")
    ] = False,
) -> None:
    """Follow the other region (`FIFTEEN_PEER_DATABASE_URL`), once `fifteen region init` was run in both.

    A repeat changes nothing. With `--anew` for a region whose slot was lost while it was away.
    """
    from gateway.cli.regions import follow

    with explained():
        follow(settings_or_stop(), anew=anew)


@region.command("status")
def region_status(json: Json = False) -> None:
    """Show leases, the map of slots and replication, with what is wrong; exits 1 if anything is."""
    from gateway.cli.regions import show

    with explained():
        raise typer.Exit(show(settings_or_stop(), as_json=json))


@region.command()
def fence() -> None:
    """Fence the other region off: its lease is not renewed any more, and it serves nothing once that has run out."""
    from gateway.cli.regions import fence_peer

    with explained():
        fence_peer(settings_or_stop())


@region.command()
def readmit(
    within: Annotated[float, typer.Option(help="How long the two may take to be in step, in seconds.", min=5)] = 60.0,
    alone: Annotated[
        bool, typer.Option("--alone", help="Do not ask the other region: for one that is gone for good.")
    ] = False,
) -> None:
    """Let this region serve again after it was fenced off, with the slots that the witness says it has.

    It must follow the other region, and have what that has accepted meanwhile.
    """
    from gateway.cli.regions import let_in

    with explained():
        let_in(settings_or_stop(), within_s=within, is_alone=alone)
