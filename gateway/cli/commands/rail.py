"""``fifteen rail``: how we stand on a rail."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.commands.options import Json, Rail, Url
from gateway.cli.console import settings_or_stop

rail = typer.Typer(no_args_is_help=True, help="How we stand on a rail: sign-on, connection points, its news.")

_WhichRail = Annotated[Rail, typer.Option("--rail", help="Which rail.")]
_Institution = Annotated[
    str | None, typer.Argument(help="An institution's routing number; without: the whole connection party.")
]
_Point = Annotated[str, typer.Argument(help="A connection point, as the rail calls it.")]
_Purpose = Annotated[str, typer.Option("--note", help="Why; it stays in the history.")]


@rail.command("ping")
def rail_ping(rail: _WhichRail = "fednow", url: Url = None, json: Json = False) -> None:
    """Ask whether the rail is there; not with any regularity, says its operator."""
    _operate("ping", rail, None, "asked on the command line", url, as_json=json)


@rail.command("sign-on")
def rail_sign_on(
    note: _Purpose, institution: _Institution = None, rail: _WhichRail = "fednow", url: Url = None, json: Json = False
) -> None:
    """Have payments forwarded to an institution, or to all of us."""
    _operate("sign_on", rail, institution, note, url, as_json=json)


@rail.command("sign-off")
def rail_sign_off(
    note: _Purpose, institution: _Institution = None, rail: _WhichRail = "fednow", url: Url = None, json: Json = False
) -> None:
    """Have payments to an institution, or to all of us, rejected by the rail; everything else flows."""
    _operate("sign_off", rail, institution, note, url, as_json=json)


@rail.command("connect")
def rail_connect(
    point: _Point, note: _Purpose, rail: _WhichRail = "fednow", url: Url = None, json: Json = False
) -> None:
    """Have what is for us go to a connection point again."""
    _operate("connect", rail, point, note, url, as_json=json)


@rail.command("disconnect")
def rail_disconnect(
    point: _Point, note: _Purpose, rail: _WhichRail = "fednow", url: Url = None, json: Json = False
) -> None:
    """Have what is for us, also what waits there, go to the other connection points; the last one cannot go."""
    _operate("disconnect", rail, point, note, url, as_json=json)


@rail.command("close")
def rail_close(
    message: Annotated[str, typer.Argument(help="The missing message's id, as the status shows it.", metavar="ID")],
    note: _Purpose,
    rail: _WhichRail = "fednow",
    url: Url = None,
) -> None:
    """Say that a message which the rail has settled, and which never came, was looked at."""
    from gateway.cli.rail import close

    raise typer.Exit(close(settings_or_stop(), message, rail=rail, note=note, url=url))


@rail.command("close-receipt")
def rail_close_receipt(
    message: Annotated[str, typer.Argument(help="The id of the message without a receipt.", metavar="ID")],
    note: _Purpose,
    rail: _WhichRail = "fednow",
    url: Url = None,
) -> None:
    """Say that somebody has looked into a message of ours of which nobody has said that it arrived."""
    from gateway.cli.rail import close_receipt

    raise typer.Exit(close_receipt(settings_or_stop(), message, rail=rail, note=note, url=url))


@rail.command("status")
def rail_status(rail: _WhichRail = "fednow", url: Url = None, json: Json = False) -> None:
    """Show who is signed on, what is connected, what was asked, and the rail's news."""
    from gateway.cli.rail import show

    raise typer.Exit(show(settings_or_stop(), rail=rail, url=url, as_json=json))


@rail.command("questions")
def rail_questions(rail: _WhichRail = "fednow", url: Url = None, json: Json = False) -> None:
    """List what other institutions have asked about nothing that is known here, and what they were told."""
    from gateway.cli.rail import list_questions

    raise typer.Exit(list_questions(settings_or_stop(), rail=rail, url=url, as_json=json))


def _operate(action: str, rail: str, subject: str | None, note: str, url: str | None, *, as_json: bool) -> None:
    from gateway.cli.rail import operate

    settings = settings_or_stop()
    raise typer.Exit(operate(settings, action, rail=rail, subject=subject, note=note, url=url, as_json=as_json))
