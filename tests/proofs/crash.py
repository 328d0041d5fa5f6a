"""The long crash drills, written into docs/proofs/crash.md: ``python -m tests.proofs.crash``.

Parts: 100 kills under 100,000 payments; 20 kills of PostgreSQL and 20 of RabbitMQ; every named point at least once; and
each guard taken away. A part that is done is not done again at the same commit (``build/proofs``).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from gateway.cli.drill.chance import fresh_seed
from gateway.cli.drill.command import drill, result
from gateway.cli.drill.plants import SENTENCES, Plant
from gateway.cli.drill.points import POINTS
from gateway.cli.drill.supervisor import DrillPlan
from tests.proofs.report import circumstances, part, table, write

KILLS_MIN: Final = 100
SERVER_KILLS_MIN: Final = 20
"""So many kills the report must have: of processes, and of each server. Of those planned a few find nothing to kill."""

ROUNDS_MAX: Final = 12
"""Drills until every point has killed; a point that is passed seldom may need a second try."""

POINT_PAYMENTS, POINT_SECONDS = 1_200, 60


def run(plan: DrillPlan) -> dict[str, Any]:
    """Run one drill and return what it prints, with whether it was good and what was asked for."""
    with tempfile.TemporaryDirectory(prefix="fifteen-proof-") as directory:
        count, facts = drill(plan, Path(directory))
    asked = {name: value for name, value in asdict(plan).items() if name in {"payments", "seconds", "broker"}}
    return {**result(count, facts), **asked, "good": count.is_good and not facts["ended"]}


def long(payments: int, seconds: float) -> dict[str, Any]:
    """100 kills."""
    found = run(DrillPlan(seed=fresh_seed(), payments=payments, seconds=seconds, kills=115))
    is_whole = found["kills"] >= KILLS_MIN and found["acknowledged"] >= payments
    return {**found, "good": found["good"] and is_whole}


def servers() -> dict[str, Any]:
    """20 kills of each server."""
    found = run(DrillPlan(seed=fresh_seed(), payments=12_000, seconds=400, kills=0, server_kills=SERVER_KILLS_MIN))
    killed = found["server_kills"]
    is_whole = all(killed.get(server, 0) >= SERVER_KILLS_MIN for server in ("postgres", "rabbitmq"))
    return {**found, "good": found["good"] and is_whole}


def points() -> dict[str, Any]:
    """Every point at least once; in as many drills as that takes."""
    by_point: Counter[str] = Counter()
    seeds, faults = [], []
    for number in range(ROUNDS_MAX):
        missing = tuple(point.name for point in POINTS if not by_point[point.name])
        if not missing:
            break
        print(f"round {number + 1}: {len(missing)} points to go", flush=True)
        plan = DrillPlan(
            seed=fresh_seed(),
            payments=POINT_PAYMENTS,
            seconds=POINT_SECONDS,
            kills=min(len(missing) * 5 // 4 + 1, 40),
            points=missing,
        )
        found = run(plan)
        seeds.append(found["seed"])
        by_point.update(found["kills_by_point"])
        if not found["good"]:
            faults.append(found)
    missing = tuple(point.name for point in POINTS if not by_point[point.name])
    return {"by_point": by_point, "seeds": seeds, "faults": faults, "good": not faults and not missing}


def planted(plants: frozenset[Plant]) -> dict[str, Any]:
    """A drill without these guards."""
    return run(
        DrillPlan(
            seed=fresh_seed(),
            payments=600,
            seconds=12,
            kills=6,
            plants=plants,
        )
    )


def plants() -> dict[str, Any]:
    """Each guard alone, and all."""
    wanted = {**{plant.value: frozenset({plant}) for plant in Plant}, "all": frozenset(Plant)}
    found = {name: planted(those) for name, those in wanted.items()}
    seen = all(found[plant]["violations"][plant] for plant in Plant)
    return {"drills": found, "good": seen and found["all"]["doubled"] > 0}


_NUMBERS: Final = ("acknowledged", "settled", "rejected", "in_doubt", "lost", "doubled", "stuck", "wrong")

_PAGE: Final = """# Proof: whatever is killed, nothing is lost, doubled or stuck

{circumstances}
What each number means, and how to count again: [drills.md](../drills.md).

## Kills under load

{runs}

## Every point at least once

{points}

Seeds: {seeds}.

## The controls: each guard taken away

A drill that cannot fail proves nothing. Each line ran without one guard; the count of its own invariant is what gives
it away, whatever the other guards still hold off.

{plants}
"""


def page(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the report."""
    runs = [
        (
            *(title, found[name]["payments"], found[name]["kills"], found[name]["server_kills"] or "none"),
            *(found[name][number] for number in (*_NUMBERS, "seed")),
        )
        for name, title in (("long", "processes"), ("servers", "servers"))
    ]
    by_point = found["points"]["by_point"]
    drills = found["plants"]["drills"]
    return _PAGE.format(
        circumstances=circumstances("make proof (python -m tests.proofs.crash)"),
        runs=table(("killed", "payments", "kills", "of servers", *_NUMBERS, "seed"), runs),
        points=table(
            ("stage", "point", "the moment", "kills"),
            [(point.stage, point.name, point.sentence, by_point.get(point.name, 0)) for point in POINTS],
        ),
        seeds=", ".join(map(str, found["points"]["seeds"])),
        plants=table(
            ("guard that is gone", "what is looked at", "seen", "lost", "doubled", "seed"),
            [
                (
                    name,
                    SENTENCES[Plant(name)][1] if name in set(Plant) else "everything",
                    drills[name]["violations"].get(name, sum(drills[name]["violations"].values())),
                    *(drills[name][number] for number in ("lost", "doubled", "seed")),
                )
                for name in drills
            ],
        ),
    )


def main() -> None:
    """Run what has not been run at this commit, and write the report; exits 1 where a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=480.0)
    parser.add_argument("--only", choices=("long", "servers", "points", "plants"))
    arguments = parser.parse_args()
    makers: Mapping[str, Callable[[], dict[str, Any]]] = {
        "long": lambda: long(arguments.payments, arguments.seconds),
        "servers": servers,
        "points": points,
        "plants": plants,
    }
    wanted = (arguments.only,) if arguments.only else tuple(makers)
    found = {name: part("crash", name, makers[name]) for name in wanted}
    if not arguments.only:
        write("crash", page(found))
    for name, one in found.items():
        print(f"{name}: {'good' if one['good'] else 'NOT GOOD'}")
    sys.exit(0 if all(one["good"] for one in found.values()) else 1)


if __name__ == "__main__":
    main()
