"""A failing scenario made smaller: what it can do without, and still breaks the same promise, is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tests.simulation.scenario import Incident, Mishap, PaymentPlan, Scenario, Treatment
from tests.simulation.stage import Run
from tests.simulation.talk_plans import TalkPlan

RUNS_MAX: Final = 400
"""Scenarios that are tried at the most; a smaller one is a convenience, and not worth an hour."""


class Shrinking:
    """Looks for a smaller scenario by leaving out halves, quarters, … of its incidents, and then their details."""

    def __init__(self, run: Callable[[Scenario], Run], found: Run) -> None:
        assert found.violations, "only what fails can be made smaller"
        self._run = run
        self._promise = found.violations[0].check
        self._left = RUNS_MAX
        self.best = found

    def shrink(self) -> Run:
        """Return the smallest run found that breaks the same promise."""
        before = None
        while before != self.best.scenario:
            before = self.best.scenario
            self._leave_out()
            self._leave_out_payments()
            self._simplify()
        return self.best

    def _leave_out(self) -> None:
        """Delta debugging: chunks of incidents, ever smaller ones."""
        size = len(self.best.scenario.incidents)
        while size >= 1:
            start = 0
            while start < len(self.best.scenario.incidents):
                scenario = self.best.scenario
                kept = scenario.incidents[:start] + scenario.incidents[start + size :]
                if not (any(isinstance(each, PaymentPlan) for each in kept) and self._fails(scenario.of(kept))):
                    start += size
            size //= 2

    def _leave_out_payments(self) -> None:
        """Without a payment there are fewer calls: a mishap at the seventh may then belong at the second."""
        for payment in self.best.scenario.payments:
            for mishap in self.best.scenario.mishaps:
                if payment in self.best.scenario.payments and len(self.best.scenario.payments) > 1:
                    self._without(payment, mishap)

    def _without(self, payment: PaymentPlan, mishap: Mishap) -> None:
        kept = tuple(each for each in self.best.scenario.incidents if each not in {payment, mishap})
        for nth in range(1, mishap.nth):
            if self._fails(self.best.scenario.of((*kept, replace(mishap, nth=nth)))):
                return

    def _simplify(self) -> None:
        """Fewer processes, plainer payments."""
        for fewer in ({"gateways": 1}, {"workers": 1}):
            self._fails(replace(self.best.scenario, **fewer))  # type: ignore[arg-type]
        for place, incident in enumerate(self.best.scenario.incidents):
            for plainer in _plainer(incident):
                incidents = self.best.scenario.incidents
                self._fails(self.best.scenario.of((*incidents[:place], plainer, *incidents[place + 1 :])))

    def _fails(self, scenario: Scenario) -> bool:
        """Try a scenario; keep it if it breaks the same promise."""
        names = set(scenario.processes)
        if scenario == self.best.scenario or self._left <= 0 or any(hit.process not in names for hit in scenario.hits):
            return False
        self._left -= 1
        run = self._run(scenario)
        if run.violations and run.violations[0].check == self._promise:
            self.best = run
            return True
        return False


def _plainer(incident: Incident) -> tuple[Incident, ...]:
    if isinstance(incident, TalkPlan):
        plainer = {"at_s": 0.0, "copies": 1, "is_told_twice": False, "answers_lost": 0, "withdrawn_after_s": None}
        return tuple(replace(incident, **{name: value}) for name, value in plainer.items())  # type: ignore[arg-type]
    if not isinstance(incident, PaymentPlan):
        return ()
    plain = Treatment(verdict=incident.treatment.verdict)
    return (
        replace(incident, at_s=0.0),
        replace(incident, treatment=plain),
        replace(incident, clients=1),
        replace(incident, repeats=0),
        replace(incident, waits=False),
        replace(incident, patience_s=30.0),
    )


def shortest(run: Callable[[Scenario], Run], found: Run) -> Run:
    """Return the smallest run that breaks the promise that `found` has broken first."""
    return Shrinking(run, found).shrink()
