"""``fifteen dlq``: deliveries that no handler settled."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from gateway.cli.commands.options import Json, Url
from gateway.cli.console import settings_or_stop

dlq = typer.Typer(no_args_is_help=True, help="Dead letters: deliveries that no handler settled.")

_Delivery = Annotated[str, typer.Argument(help="The delivery's id.", metavar="ID")]
_Deliveries = Annotated[list[str] | None, typer.Argument(help="Deliveries, by their ids.", metavar="ID…")]
_WhichQueue = Annotated[str | None, typer.Option(help="rail.direction.class, such as fednow.out.value.")]
_AllOfQueue = Annotated[str | None, typer.Option(help="Every parked one of this queue (200 at a time).")]
_Why = Annotated[str, typer.Option(help="Why this is right; it stays with the dead letter.")]


@dlq.command("list")
def dlq_list(
    queue: _WhichQueue = None,
    state: Annotated[
        Literal["parked", "redriven", "discarded", "any"], typer.Option(help="What became of them.")
    ] = "parked",
    url: Url = None,
    json: Json = False,
) -> None:
    """List dead letters, the longest dead first. Exits 1 when there are any."""
    from gateway.cli.dlq import Desk

    raise typer.Exit(Desk(settings_or_stop(), url, as_json=json).list_letters(queue=queue, state=state))


@dlq.command("show")
def dlq_show(delivery: _Delivery, url: Url = None, json: Json = False) -> None:
    """Show one: why it died, what its payment's state is, and what a redrive would do."""
    from gateway.cli.dlq import Desk

    raise typer.Exit(Desk(settings_or_stop(), url, as_json=json).show(delivery))


@dlq.command("redrive")
def dlq_redrive(
    note: _Why, deliveries: _Deliveries = None, queue: _AllOfQueue = None, url: Url = None, json: Json = False
) -> None:
    """Put these on their queues again, each under a fresh id; what is past its time does no harm."""
    from gateway.cli.dlq import Desk

    _demand_one_of(deliveries, queue)
    desk = Desk(settings_or_stop(), url, as_json=json)
    raise typer.Exit(desk.close(deliveries or (), action="redrive", queue=queue, note=note))


@dlq.command("discard")
def dlq_discard(
    note: _Why, deliveries: _Deliveries = None, queue: _AllOfQueue = None, url: Url = None, json: Json = False
) -> None:
    """Decide that nothing is to be done with these; they are kept, with the note."""
    from gateway.cli.dlq import Desk

    _demand_one_of(deliveries, queue)
    desk = Desk(settings_or_stop(), url, as_json=json)
    raise typer.Exit(desk.close(deliveries or (), action="discard", queue=queue, note=note))


def _demand_one_of(deliveries: list[str] | None, queue: str | None) -> None:
    if bool(deliveries) is (queue is not None):
        raise typer.BadParameter("give ids, or --queue")
