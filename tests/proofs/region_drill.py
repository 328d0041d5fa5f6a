"""The drill of two regions, written into docs/proofs/region-drill.md: ``python -m tests.proofs.region_drill``.

Parts: the quick set, with its time; the other scenarios, some in one go; `killed` once more with the product's own
clocks; and each guard taken away. A part that is done is not done again at the same commit (``build/proofs``).
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from adapters.system import SystemClock
from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.drill.region.command import drilled
from gateway.cli.drill.region.count import RTO_MAX_S
from gateway.cli.drill.region.plants import SENTENCES, Plant
from gateway.cli.drill.region.scenarios import QUICK, SCENARIOS, Conditions
from gateway.cli.two_regions import NAMES
from gateway.domain.regions import LeaseTerms
from gateway.settings import Settings
from tests.proofs.report import ROOT, circumstances, part, table, write

SEED: Final = 1
QUICK_MAX_S: Final = 50.0
ACKNOWLEDGED_MIN: Final = 200

OTHERS: Final = (
    ("one-way", "lossy", "both", "cut-60", "witness-long"),
    ("isolated", "old-map", "frozen-5", "frozen-60"),
    ("unattended", "clock", "frozen-timely"),
    ("frozen-ahead", "synchronous"),
)
"""The scenarios beside the quick ones: those of one line run one after the other in one go, as the start takes long."""

_NUMBERS: Final = (
    "acknowledged",
    "accounted",
    "doubled",
    "diverged",
    "rpo_payments",
    "rto_s",
    "in_doubt_resolved",
    "errors_in_hand_over",
    "lapses_in_hand_over",
    "unsettled_in_hand_over",
    "ledger_faults",
)

_HEADINGS: Final = ("scenario", "what happens", *_NUMBERS)
_OF_A_CONTROL: Final = (*_NUMBERS[:4], "ledger_faults")


_PAGE: Final = """# Proof: a region is lost under load

{circumstances}

Each line is what `fifteen drill region --seed {seed} --scenario NAME` prints; these were run in one go: the quick
ones; {together}. What the scenarios do in detail, and what the numbers are: [drills.md](../drills.md#two-regions). The
lease is 3 s, the rail's clock 2 s, asked after 3 s (`clock`: 7 s and 8 s); 5 ms one way between the regions.
RTO is from the harm to the first settled payment in a slot that was taken over: by command at once, but for
`unattended`, where the other region does so by itself once 5 s were silent. It is the sooner of two: a payment that
was under way, whose answer the rail brings by itself, as to the connection point that is left, settles once the slots
have moved; one that the rail must be asked about, and every new one in such a slot, not before the question. The
lease's end is in the first, the rail's clock too in the second; both are short here, and as the product has them
[below](#the-products-own-clocks). Payments in the survivor's own slots settle all along. `errors_in_hand_over` are
the submissions that were refused while slots were handed back to the region that had returned, by the other all
along, and by that one once it served again; `lapses_in_hand_over` are those of them, counted apart, of which the
region said that its lease had run out, as it may on a crowded machine. `unsettled_in_hand_over` are the rail's
transfers that were undecided at that moment, and timed out at the rail ([why](../regions.md#what-is-not-there-yet)).

{scenarios}

`fifteen drill region --seed {seed}` alone, the first three in one go, took {quick_s:.1f} s: under {quick_max_s:g} s are
promised, and {verdict}.

## The product's own clocks

`killed` once more, with a lease of {lease_s:g} s, FedNow's clock of {rail_clock_s} s, and questions after {wait_s} s,
as the settings have them without being told:

{own_clocks}

The first payment in a slot that was taken over settled {own_rto_s:g} s after the loss, {own_verdict}. The rail is asked
{asked_s:g} s after the command at the soonest, and no new payment in such a slot settles before
([table](../drills.md#how-soon-a-payment-settles-again)).

## The controls

The same drill with a guard taken away: `fifteen drill region --seed {seed} --scenario NAME --plant GUARD`. Each must
exit with 1, with payments doubled, regions apart, money moved for what is called rejected, ledgers that differ, or
what was accepted, or acknowledged as being in both regions, unknown to who took over. `ledger_faults` are the payments
and transfers of which a region's ledger does not say what its states say, or what the rail's ledger says.

{controls}
"""


def drill(*arguments: str) -> dict[str, Any]:
    """Run the command as a person does, and return its results, exit code and time."""
    command = [sys.executable, "-m", "gateway.cli", "drill", "region", "--seed", str(SEED), *arguments]
    clock = SystemClock()
    with tempfile.TemporaryDirectory(prefix="fifteen-drill-") as directory:
        started_s = clock.monotonic_s()
        answer = subprocess.run([*command, "--keep", directory], cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
        seconds = clock.monotonic_s() - started_s
        kept = Path(directory, "results.json")
        results: Sequence[Mapping[str, Any]] = json.loads(kept.read_text()) if kept.exists() else []
    return {"results": results, "exit_code": answer.returncode, "seconds": seconds}


def with_own_clocks() -> dict[str, Any]:
    """Play `killed` with the lease, the rail's clock and the wait of the settings' defaults."""
    real = Settings()
    conditions = Conditions(
        lease_s=real.lease_s,
        rail_clock_s=real.fednow.rail_clock_s,
        status_request_wait_s=real.fednow.status_request_wait_s,
    )
    with tempfile.TemporaryDirectory(prefix="fifteen-drill-") as directory:
        results = drilled(
            ("killed",),
            seed=SEED,
            plants=frozenset(),
            directory=Path(directory),
            conditions_of=lambda _name: conditions,
        )
    is_good = all(replace(result, rto_s=None).is_good for result in results)
    return {"results": [result.whole() for result in results], "exit_code": EXIT_OK if is_good else EXIT_FINDINGS}


def faults_of(found: Mapping[str, Any], names: Sequence[str], *, rto_max_s: float = RTO_MAX_S) -> list[str]:
    """Return what a sound drill's run has broken."""
    faults = [f"{', '.join(names)}: exit code {found['exit_code']}"] if found["exit_code"] else []
    if [result["scenario"] for result in found["results"]] != list(names):
        faults.append(f"{', '.join(names)}: not every scenario has a result")
    for result in found["results"]:
        is_whole = result["accounted"] == result["acknowledged"] >= ACKNOWLEDGED_MIN
        is_quick = result["rto_s"] is None or result["rto_s"] <= rto_max_s
        broken = result["doubled"] or result["diverged"] or result["errors_in_hand_over"] or result["ledger_faults"]
        if not is_whole or not is_quick or broken:
            faults.append(f"{result['scenario']}: {result}")
    return faults


def main() -> None:
    """Run what has not been run at this commit, and write the report; exits 1 where a promise was broken."""
    quick = part("region-drill", "quick", drill)
    others = [name for name in SCENARIOS if name not in QUICK]
    assert sorted(others) == sorted(name for names in OTHERS for name in names), "each is of one line"
    together = {names: part("region-drill", names[0], partial(drill, *_playing(names))) for names in OTHERS}
    own = part("region-drill", "own-clocks", with_own_clocks)
    planted = {plant: part("region-drill", f"plant-{plant}", partial(drill, *_planting(plant))) for plant in Plant}
    faults = faults_of(quick, QUICK)
    if quick["seconds"] >= QUICK_MAX_S:
        faults.append(f"the quick set took {quick['seconds']:.1f} s")
    for names, found in together.items():
        faults += faults_of(found, names)
    faults += faults_of(own, ("killed",), rto_max_s=math.inf)
    for plant, found in planted.items():
        if found["exit_code"] != 1 or not any(map(_is_broken, found["results"])):
            faults.append(f"{plant} was planted, and shows nothing")
    results = [*quick["results"], *(result for found in together.values() for result in found["results"])]
    write("region-drill", _page(results, own["results"], planted, quick["seconds"]))
    if faults:
        raise SystemExit("\n".join(faults))


def _playing(names: Sequence[str]) -> Sequence[str]:
    return [argument for name in names for argument in ("--scenario", name)]


def _is_broken(result: Mapping[str, Any]) -> bool:
    is_apart = result["doubled"] or result["diverged"] or result["ledger_faults"]
    return bool(is_apart or result["accounted"] < result["acknowledged"])


def _planting(plant: Plant) -> tuple[str, ...]:
    scenario, _ = SENTENCES[plant]
    return "--scenario", scenario, "--plant", plant


def _rows(results: Sequence[Mapping[str, Any]]) -> Sequence[Sequence[Any]]:
    return [
        (result["scenario"], SCENARIOS[result["scenario"]].sentence, *(_shown(result[name]) for name in _NUMBERS))
        for result in results
    ]


def _page(
    results: Sequence[Mapping[str, Any]],
    own: Sequence[Mapping[str, Any]],
    planted: Mapping[Plant, Mapping[str, Any]],
    quick_s: float,
) -> str:
    controls = [
        (plant, SENTENCES[plant][1], result["scenario"], *(_shown(result[name]) for name in _OF_A_CONTROL))
        for plant, found in planted.items()
        for result in found["results"]
    ]
    real = Settings()
    asked_s = LeaseTerms(NAMES[0], 1, real.lease_s).surely_over_s + real.fednow.status_request_wait_s
    return _PAGE.format(
        circumstances=circumstances(
            "python -m tests.proofs.region_drill", on_it="both regions, the witness, the rail and the load on it"
        ),
        seed=SEED,
        lease_s=real.lease_s,
        wait_s=real.fednow.status_request_wait_s,
        rail_clock_s=real.fednow.rail_clock_s,
        asked_s=asked_s,
        own_rto_s=own[0]["rto_s"],
        own_verdict="by an answer that came unasked" if own[0]["rto_s"] < asked_s else "once the rail was asked",
        own_clocks=table(_HEADINGS, _rows(own)),
        scenarios=table(_HEADINGS, _rows(results)),
        together="; ".join(", ".join(f"`{name}`" for name in names) for names in OTHERS),
        quick_s=quick_s,
        quick_max_s=QUICK_MAX_S,
        verdict="that held" if quick_s < QUICK_MAX_S else "that did not hold",
        controls=table(("guard", "what is wrong without it", "scenario", *_OF_A_CONTROL), controls),
    )


def _shown(value: Any) -> Any:
    if isinstance(value, list):
        return len(value)
    return "none" if value is None else value


if __name__ == "__main__":
    main()
