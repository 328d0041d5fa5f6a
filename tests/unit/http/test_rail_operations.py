"""How the standing at the rail is shown."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.http.rail_operations import seconds


@pytest.mark.parametrize(("span_s", "shown"), [(0.0, 0), (0.4, 1), (1.0, 1), (59.2, 60)])
def test_a_second_that_has_begun_counts_as_downtime(span_s: float, shown: int) -> None:
    """What counts against a budget is never shown as nothing."""
    assert seconds(timedelta(seconds=span_s)) == shown
