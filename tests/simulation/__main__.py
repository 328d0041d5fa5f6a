"""Run seeds, print what they broke, and the shortest sequence of messages that breaks it: ``make sim SEED=…``."""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from tests.simulation.build import Build
from tests.simulation.plants import BUILDS, SENTENCES, Plant
from tests.simulation.regions.plants import REGIONS_BUILDS, REGIONS_SENTENCES, RegionsPlant
from tests.simulation.regions.scenario import RegionsScenario, regions_scenario_of
from tests.simulation.regions.world import run_regions
from tests.simulation.scenario import PaymentPlan, Scenario, scenario_of
from tests.simulation.shrink import shortest
from tests.simulation.stage import Run
from tests.simulation.talk_plans import TalkPlan
from tests.simulation.world import run

SEEDS_DEFAULT: Final = "1..300"


@dataclass(slots=True)
class Tally:
    """What many seeds came to."""

    seeds: int = 0
    calls: int = 0
    lives: int = 0
    virtual_s: float = 0.0
    states: Counter[str] = field(default_factory=Counter)
    happened: Counter[str] = field(default_factory=Counter)
    failed: dict[int, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the fields; `asdict` would count the pairs of a Counter."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Tally:
        """Return what was kept as JSON of `as_json`."""
        failed = {int(seed): words for seed, words in kept["failed"].items()}
        counted = {name: Counter(kept[name]) for name in ("states", "happened")}
        return cls(**{**kept, **counted, "failed": failed})

    def add(self, one: Run) -> None:
        """Count a run."""
        self.seeds += 1
        self.calls += one.calls
        self.lives += one.lives
        self.virtual_s += one.ends_at_s
        self.states += one.states
        self.happened += one.happened
        if one.violations:
            self.failed[one.scenario.seed] = str(one.violations[0])

    def include(self, other: Tally) -> None:
        """Count what others have counted."""
        self.seeds += other.seeds
        self.calls += other.calls
        self.lives += other.lives
        self.virtual_s += other.virtual_s
        self.states += other.states
        self.happened += other.happened
        self.failed |= other.failed


def build_of(plant: Plant | None) -> Build:
    """Return how the world is built, with a planted bug or without."""
    return Build() if plant is None else BUILDS[plant]()


def _run_of(
    plant: Plant | RegionsPlant | None, *, regions: bool
) -> tuple[Callable[[int], Scenario], Callable[[Scenario], Run]]:
    """Return what makes the scenario of a seed, and what runs one."""
    if not regions:
        assert not isinstance(plant, RegionsPlant), "it is planted in worlds of two regions"
        return scenario_of, lambda scenario: run(scenario, build_of(plant))
    assert not isinstance(plant, Plant), "it is planted in worlds of one region"

    def run_one(scenario: Scenario) -> Run:
        assert isinstance(scenario, RegionsScenario), "a seed of two regions"
        return run_regions(scenario, None if plant is None else REGIONS_BUILDS[plant]())

    return regions_scenario_of, run_one


def tally_regions(seeds: Iterable[int], *, plant: RegionsPlant | None = None, failures_max: int | None = None) -> Tally:
    """Run seeds of two regions and count; stop after so many failures."""
    return _tally(seeds, *_run_of(plant, regions=True), failures_max)


def tally(seeds: range, *, plant: Plant | None = None, failures_max: int | None = None) -> Tally:
    """Run seeds and count; stop after so many failures."""
    return _tally(seeds, *_run_of(plant, regions=False), failures_max)


def _tally(
    seeds: Iterable[int],
    scenario_of_seed: Callable[[int], Scenario],
    run_one: Callable[[Scenario], Run],
    failures_max: int | None,
) -> Tally:
    total = Tally()
    for seed in seeds:
        total.add(run_one(scenario_of_seed(seed)))
        if total.seeds % 200 == 0:
            gc.collect()
        if failures_max is not None and len(total.failed) >= failures_max:
            break
    return total


def report(found: Run, smallest: Run, *, plant: Plant | RegionsPlant | None) -> Iterator[str]:
    """Yield a failure as a person reads it: the promise, what it takes, and step by step how it is broken."""
    planted = f" --plant {plant}" if plant else ""
    regions = " --regions" if isinstance(found.scenario, RegionsScenario) else ""
    yield f"seed {found.scenario.seed}: {found.violations[0]}"
    yield f"again: python -m tests.simulation --seed {found.scenario.seed}{regions}{planted}"
    yield f"the shortest that breaks it ({len(found.lines)} steps before, {len(smallest.lines)} now), with:"
    yield from (f"  {words}" for words in ingredients(smallest.scenario))
    yield from (str(line) for line in smallest.lines)


def ingredients(scenario: Scenario) -> Iterator[str]:
    """Yield what happens in a scenario, in words."""
    begins = f"{scenario.starts_at:%Y-%m-%d %H:%M:%S}"
    in_each = " in each region" if isinstance(scenario, RegionsScenario) else ""
    yield f"{scenario.gateways} gateway(s), {scenario.workers} worker(s){in_each}, from {begins} UTC on"
    if isinstance(scenario, RegionsScenario):
        clocks = " and ".join(
            f"{clock.ahead_s:+g} s, {clock.gains_s:+g} s later, {clock.drift:+.2%}" for clock in scenario.clocks
        )
        yield f"leases of {scenario.lease_s:g} s; {scenario.way_s * 1000:g} ms one way; clocks: {clocks}"
    for incident in scenario.incidents:
        if isinstance(incident, PaymentPlan):
            form = "JSON" if incident.is_json else "XML"
            yield f"payment {incident.number} ({form}, not found: {incident.not_found}): {_treatment(incident)}"
        elif isinstance(incident, TalkPlan):
            yield f"{incident.words}: {_of_talk(incident)}"
        else:
            yield incident.words


def _treatment(plan: PaymentPlan) -> str:
    treatment = plan.treatment
    details = {
        "answers lost": treatment.answers_lost,
        "answer late, s": treatment.answer_late_s,
        "replies lost": treatment.replies_lost,
        "replies late, s": treatment.reply_late_s,
        "in process, times": treatment.in_process,
    }
    given = [f"{name}: {value:g}" for name, value in details.items() if value]
    return ", ".join([f"{treatment.verdict} after {treatment.decides_after_s:g} s", *given])


def _of_talk(plan: TalkPlan) -> str:
    details = {
        "expires after, s": plan.expires_in_s,
        "copies": plan.copies if plan.copies > 1 else None,
        "answers lost": plan.answers_lost,
        "taken back after, s": plan.withdrawn_after_s,
        "money at, s": plan.money_at_s,
    }
    given = [f"{name}: {value:g}" for name, value in details.items() if value]
    if plan.withdrawn_after_s is not None:
        given.append(f"to which it {plan.closing}")
    return ", ".join([f"{plan.reply} after {plan.replies_after_s:g} s", *given])


def _range(text: str) -> range:
    first, _, last = text.partition("..")
    return range(int(first), int(last or first) + 1)


def main() -> None:
    """Run what was asked for; exits 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="one seed, told step by step")
    parser.add_argument("--seeds", type=_range, default=_range(SEEDS_DEFAULT), metavar="A..B", help="many seeds")
    parser.add_argument("--regions", action="store_true", help="worlds of two regions")
    parser.add_argument("--plant", metavar="NAME", help="with a planted bug")
    parser.add_argument("--plants", action="store_true", help="list the planted bugs")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    arguments = parser.parse_args()
    if arguments.plants:
        print("\n".join(f"{plant:<28} {words}" for plant, words in (*SENTENCES.items(), *REGIONS_SENTENCES.items())))
        return
    kind: type[Plant | RegionsPlant] = RegionsPlant if arguments.regions else Plant
    if arguments.plant is not None and arguments.plant not in list(kind):
        parser.error(f"--plant: {arguments.plant} is none of {', '.join(kind)}")
    arguments.plant = None if arguments.plant is None else kind(arguments.plant)
    sys.exit(_one(arguments) if arguments.seed is not None else _many(arguments))


def _one(arguments: argparse.Namespace) -> int:
    plant: Plant | RegionsPlant | None = arguments.plant
    scenario_of_seed, run_one = _run_of(plant, regions=arguments.regions)
    found = run_one(scenario_of_seed(arguments.seed))
    if arguments.json:
        print(json.dumps(as_json(found)))
    elif found.violations:
        smallest = shortest(run_one, found)
        print("\n".join(report(found, smallest, plant=plant)))
    else:
        print("\n".join((*ingredients(found.scenario), *map(str, found.lines))))
        print(f"seed {arguments.seed}: every promise is kept; digest {found.digest}")
    return int(bool(found.violations))


def _many(arguments: argparse.Namespace) -> int:
    seeds: range = arguments.seeds
    total = _tally(seeds, *_run_of(arguments.plant, regions=arguments.regions), 1)
    if arguments.json:
        print(json.dumps(asdict(total)))
    else:
        print(
            f"seeds {seeds.start} to {seeds.start + total.seeds - 1}: {total.calls:,} calls, {total.lives:,} lives of"
        )
        print(
            f"processes, {total.virtual_s:,.0f} s of virtual time; {dict(total.states)}; {len(total.failed)} violations"
        )
    for seed in total.failed:
        arguments.seed = seed
        return 1 if arguments.json else _one(arguments)
    return 0


def as_json(found: Run) -> dict[str, Any]:
    """Return a run as JSON."""
    return {
        "seed": found.scenario.seed,
        "digest": found.digest,
        "violations": [asdict(violation) for violation in found.violations],
        "states": found.states,
        "calls": found.calls,
        "ends_at_s": found.ends_at_s,
    }


if __name__ == "__main__":
    main()
