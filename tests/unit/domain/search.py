"""How the state machines of the tables are searched, and how a search shows that it can find."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

SEARCH: Final = settings(max_examples=100, stateful_step_count=40, deadline=None)

_ALIKE: Final = settings(SEARCH, derandomize=True, database=None, phases=[Phase.generate], report_multiple_bugs=False)
"""The same examples each time, and the first that fails as it is found."""


def invariant_broken_by(machine: type[RuleBasedStateMachine]) -> str:
    """Search a machine whose table has a slip, and return the name of the invariant that says so.

    Raises:
        pytest.fail.Exception: none does.

    """
    with pytest.raises(AssertionError) as found:
        run_state_machine_as_test(machine, settings=_ALIKE)
    return found.traceback[-1].name
