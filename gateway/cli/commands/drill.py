"""``fifteen drill``: kill and break things on purpose."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from gateway.cli.console import OUT

drill = typer.Typer(no_args_is_help=True, help="Kill and break things on purpose, and prove that nothing is lost.")


@drill.command()
def crash(
    seed: Annotated[int | None, typer.Option(help="Where and when is killed; printed, and fresh by default.")] = None,
    payments: Annotated[int, typer.Option(min=1, help="How many payments are submitted.")] = 2_000,
    seconds: Annotated[float, typer.Option(min=1, help="Over how long they are spread.")] = 30.0,
    kills: Annotated[int, typer.Option(min=0, help="How often a gateway or worker is killed (-9).")] = 20,
    kill_servers: Annotated[int, typer.Option(min=0, help="How often PostgreSQL and RabbitMQ are, each.")] = 0,
    broker: Annotated[
        Literal["rabbitmq", "embedded"], typer.Option(help="A RabbitMQ of its own, or the bus in PostgreSQL.")
    ] = "rabbitmq",
    point: Annotated[
        list[str] | None, typer.Option(help="Kill at these points alone; --list-points shows them.")
    ] = None,
    plant: Annotated[
        list[str] | None, typer.Option(help="Take a guard away: the drill must then fail; --list-plants shows them.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Leave ledger, tables and answers in this directory.", metavar="DIR")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the count as JSON.")] = False,
    list_points: Annotated[bool, typer.Option("--list-points", help="Show the points, and exit.")] = False,
    list_plants: Annotated[bool, typer.Option("--list-plants", help="Show the plants, and exit.")] = False,
) -> None:
    """Kill gateways and workers under load, at named points and at random, and count the money afterwards.

    Exits 0 when every payment that was acknowledged is accounted for, none is doubled and none is stuck: without a
    final state, with a dead letter, or never sent though nothing was down. Why payments are rejected is on stderr.
    """
    from gateway.cli.drill.chance import fresh_seed
    from gateway.cli.drill.command import plants_table, points_table, run_drill
    from gateway.cli.drill.plants import named
    from gateway.cli.drill.points import BY_NAME
    from gateway.cli.drill.supervisor import DrillPlan

    if list_points or list_plants:
        OUT.print(points_table() if list_points else plants_table())
        raise typer.Exit
    try:
        plants = named(tuple(plant or ()))
    except ValueError as error:
        raise typer.BadParameter(f"{error}: --list-plants shows them") from error
    if unknown := set(point or ()) - BY_NAME.keys():
        raise typer.BadParameter(f"no such point: {', '.join(sorted(unknown))}; --list-points shows them")
    plan = DrillPlan(
        seed=fresh_seed() if seed is None else seed,
        payments=payments,
        seconds=seconds,
        kills=kills,
        server_kills=kill_servers,
        broker=broker,
        plants=plants,
        points=tuple(point or ()),
    )
    raise typer.Exit(run_drill(plan, as_json=json, keep=keep))


@drill.command(name="region")
def drill_region(
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            help="killed, cut, witness, witness-long, one-way, lossy, cut-60, isolated, frozen-5, "
            "frozen-60, frozen-timely, frozen-ahead, both, old-map, unattended, clock, synchronous; or all. "
            "Without: the first three."
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Repeats the drill's choices; printed when it was drawn.")] = None,
    plant: Annotated[
        list[str] | None,
        typer.Option(
            help="Take a guard away, home, send-anew, no-fence, shared-rows, random-ids, fresh-stamp, answer-alone, "
            "acknowledge-alone, unbooked or booked-apart: it has to fail."
        ),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option("--keep", help="Leave evidence, journal, databases and logs in this directory.", metavar="DIR"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print a list of results as JSON.")] = False,
) -> None:
    """Lose a region under load on both, cut the way between them, lose the witness; and count the money afterwards.

    JSON is one object for each scenario; what was wrong is told beside it.

    Exits 0 when every payment that was acknowledged is accounted for, none is doubled and both regions have the same.
    """
    from gateway.cli.drill.chance import fresh_seed
    from gateway.cli.drill.region.command import run_region_drill
    from gateway.cli.drill.region.plants import Plant
    from gateway.cli.drill.region.scenarios import ALL, QUICK, SCENARIOS

    names = tuple(SCENARIOS) if scenario and ALL in scenario else tuple(scenario or QUICK)
    if unknown := (set(names) - SCENARIOS.keys()) | (set(plant or ()) - set(Plant)):
        raise typer.BadParameter(
            f"no {', '.join(sorted(unknown))}: scenarios are {', '.join((*SCENARIOS, ALL))}, plants {', '.join(Plant)}"
        )
    plants = frozenset(map(Plant, plant or ()))
    code = run_region_drill(names, seed=fresh_seed() if seed is None else seed, plants=plants, as_json=json, keep=keep)
    raise typer.Exit(code)


@drill.command()
def recount(
    directory: Annotated[Path, typer.Argument(help="What a drill with --keep has left.")],
    json: Annotated[bool, typer.Option("--json", help="Print the count as JSON.")] = False,
) -> None:
    """Count again, from the files that a drill, of either kind, has kept and nothing else."""
    from gateway.cli.drill.command import run_recount
    from gateway.cli.drill.region.command import run_region_recount
    from gateway.cli.drill.region.recount import kept_scenarios

    again = run_region_recount if kept_scenarios(directory) else run_recount
    raise typer.Exit(again(directory, as_json=json))
