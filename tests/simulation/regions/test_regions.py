"""Worlds of two regions: nothing is found where nothing is wrong, and everything that is planted; and they repeat."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import pytest

from gateway.domain.regions import DRIFT_MAX
from tests.proofs.simulation import again
from tests.simulation.__main__ import main, report, tally_regions
from tests.simulation.regions.incidents import REGIONS, Fate, RegionClock, Way
from tests.simulation.regions.plants import REGIONS_BUILDS, REGIONS_SENTENCES, RegionsPlant
from tests.simulation.regions.scenario import LOSSES_FROM, LOST_FROM, RegionsScenario, regions_scenario_of
from tests.simulation.regions.world import run_regions
from tests.simulation.scenario import Blow, Scenario
from tests.simulation.shrink import shortest
from tests.simulation.stage import Run

ROOT: Final = Path(__file__).parents[3]

SEEDS: Final = range(1, 13)

LOSSES: Final = (10_204, 10_211, 10_228, 10_246)
"""A region is lost under load: those that find what is planted there, and one in which a copy of what it had accepted
alone comes when its time is over."""

FIRST_SEED: Final = {
    RegionsPlant.TWO_WRITERS: 1,
    RegionsPlant.FENCE_OFF: 334,
    RegionsPlant.IDS_DRAWN_IN_EACH: 1,
    RegionsPlant.LEASE_BELIEVED: 12,
    RegionsPlant.EPOCH_UNCHECKED_IN_SAVE: 7,
    RegionsPlant.LOWER_EPOCH_PROJECTED: 4,
    RegionsPlant.FORWARD_GUESSED_AS_FAILED: 2,
    RegionsPlant.NOT_HANDED_OVER: 1,
    RegionsPlant.OLD_MAP_BELIEVED: 9,
    RegionsPlant.CLAIMS_NOT_REPLICATED: 1,
    RegionsPlant.TAKEN_OVER_WITHOUT_DOUBT: 4,
    RegionsPlant.RECEIVED_ANYWHERE: 4,
    RegionsPlant.ACCEPTED_IN_ONE: 2,
    RegionsPlant.HANDED_BACK_UNRELEASED: 132,
    RegionsPlant.MOVING_NOT_WAITED_FOR: 17,
    RegionsPlant.CLOCKS_BEYOND_THE_MARGIN: 56,
    RegionsPlant.NAMED_BY_TODAY: LOST_FROM + 2,
    RegionsPlant.TAKEN_OVER_UNASKED: LOSSES_FROM + 10,
    RegionsPlant.ACKNOWLEDGED_BY_ONE: LOSSES_FROM + 3,
    RegionsPlant.TOTALS_NOT_COMPARED: LOSSES_FROM + 27,
}
"""A seed that finds each planted bug: the first one, as docs/proofs/simulation-regions.md has it."""


def test_in_a_dozen_worlds_of_two_regions_no_promise_is_broken() -> None:
    """A key has one claim, money moves once, and healed, both regions say the same."""
    total = tally_regions(SEEDS)

    assert total.failed == {}, "make sim SEED=… with --regions tells it step by step"
    assert total.seeds == len(SEEDS)
    assert total.happened["slots are handed over"] >= 3
    assert total.happened["a region is taken over"] >= 3
    assert total.happened["slots are handed back"] >= 2
    assert total.states["incoming POSTED"] >= 3
    assert total.states["SETTLED"] > len(SEEDS)


def test_what_a_lost_region_wrote_last_is_paid_once_when_its_client_repeats_it_on_the_next_day() -> None:
    """It comes back with its region; both have claimed the key by then, under one identity."""
    total = tally_regions(range(LOST_FROM, LOST_FROM + 10))

    assert total.failed == {}, "make sim SEED=… with --regions tells it step by step"
    assert total.happened["a region is taken over"] == total.seeds
    assert total.states["SETTLED"] >= 3


def test_what_a_lost_region_had_not_replicated_is_lost_to_nobody_who_was_promised_it() -> None:
    """Back late, back with an empty disk, or gone for good: nothing is doubled, and what has settled is known."""
    total = tally_regions(LOSSES)

    assert total.failed == {}, "make sim SEED=… with --regions tells it step by step"
    assert total.happened["payments accepted by a lost region, and not replicated"] >= 3
    assert total.happened["a region goes on alone"] >= 2
    assert total.states["SETTLED"] >= 10
    assert sum(count for state, count in total.states.items() if state.startswith("incoming")) >= 5


def test_regions_are_lost_in_every_way() -> None:
    """The control of the test above: each fate, each way of taking over, both modes, alone before it or not."""
    scenarios = [regions_scenario_of(seed) for seed in range(LOSSES_FROM, LOSSES_FROM + 200)]
    losses = [loss for scenario in scenarios for loss in scenario.losses]

    assert len(losses) == len(scenarios)
    assert {(loss.region, loss.fate) for loss in losses} == {(region, fate) for region in REGIONS for fate in Fate}
    assert sum(loss.taken_after_s is None for loss in losses) > 50
    assert sum(loss.alone_s is not None for loss in losses) > 40
    assert {len(scenario.synchronous) for scenario in scenarios} == {0, 1, 2}
    assert sum(len(scenario.payments) for scenario in scenarios) > 1_500
    assert sum(len(scenario.incoming) for scenario in scenarios) > 500
    assert any(scenario.repeats_from_s > scenario.losses[0].at_s for scenario in scenarios)


def test_worlds_of_two_regions_are_bad_enough() -> None:
    """The control of the test above: links are cut each way, witnesses are silent, clocks differ, regions die."""
    scenarios = [regions_scenario_of(seed) for seed in range(1, 201)]

    ways = {cut.way for scenario in scenarios for cut in scenario.cuts}
    silent = {silence.region for scenario in scenarios for silence in scenario.silences}
    blows = {hit.blow for scenario in scenarios for hit in scenario.hits}
    outlasting = [s for scenario in scenarios for s in scenario.silences if s.seconds > scenario.lease_s]
    assert ways == set(Way)
    assert len(silent) == 3
    assert blows == set(Blow)
    assert len(outlasting) > 50
    assert sum(len(scenario.fencings) for scenario in scenarios) > 100
    assert any(clock != RegionClock() for scenario in scenarios for clock in scenario.clocks)
    drifts = {clock.drift for scenario in scenarios for clock in scenario.clocks}
    assert (min(drifts), max(drifts)) == (-DRIFT_MAX, DRIFT_MAX)
    assert sum(any(each.hands_back for each in scenario.fencings) for scenario in scenarios) > 30
    assert sum(plan.copies > 1 for scenario in scenarios for plan in scenario.incoming) > 100


@pytest.mark.parametrize("plant", RegionsPlant)
def test_every_planted_bug_of_two_regions_is_found(plant: RegionsPlant) -> None:
    """A simulation that finds nothing proves nothing."""
    seed = FIRST_SEED[plant]

    found = run_regions(regions_scenario_of(seed), REGIONS_BUILDS[plant]())

    assert found.violations, REGIONS_SENTENCES[plant]
    assert seed in (*SEEDS, *LOSSES) or not run_regions(regions_scenario_of(seed)).violations, (
        "it is the bug that makes the difference"
    )


def test_every_planted_bug_of_two_regions_is_in_the_document() -> None:
    """Whoever reads a report finds out there what a plant is."""
    page = (ROOT / "docs" / "simulation.md").read_text()

    assert [each for each in RegionsPlant if f"| `{each}` | {REGIONS_SENTENCES[each]} |" not in page] == []


def test_a_seed_of_two_regions_gives_the_same_run_in_every_process() -> None:
    """Whatever the hash seed: sets and dictionaries of the process leak nothing into the world."""
    seeds = [2, 3]

    here = [run_regions(regions_scenario_of(seed)).digest for seed in seeds]

    assert again(seeds, hash_seed="1", regions=True) == here
    assert len(set(here)) == len(seeds)


def test_a_failure_of_two_regions_is_made_smaller() -> None:
    """What is left breaks the same promise, and is told with the command that shows it again."""
    plant = RegionsPlant.FORWARD_GUESSED_AS_FAILED

    def run_planted(scenario: Scenario) -> Run:
        assert isinstance(scenario, RegionsScenario)
        return run_regions(scenario, REGIONS_BUILDS[plant]())

    found = run_planted(regions_scenario_of(FIRST_SEED[plant]))
    smallest = shortest(run_planted, found)

    assert smallest.violations[0].check == found.violations[0].check
    assert len(smallest.scenario.incidents) <= 3 < len(found.scenario.incidents)
    told = "\n".join(report(found, smallest, plant=plant))
    assert f"--seed {found.scenario.seed} --regions --plant {plant}" in told


def test_a_plant_of_the_other_kind_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A planted bug that would change nothing in these worlds is not run as if it did."""
    monkeypatch.setattr(sys, "argv", ["simulation", "--seed", "1", "--regions", "--plant", "inbox-off"])

    with pytest.raises(SystemExit) as refused:
        main()

    assert refused.value.code == 2
    assert "inbox-off is none of two-writers" in capsys.readouterr().err
