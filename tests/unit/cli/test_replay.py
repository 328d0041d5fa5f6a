"""``fifteen replay``: what it does not do is said before anything is done."""

from __future__ import annotations

import pytest

from gateway.cli.replay import replay_history
from gateway.settings import Settings, SettingsError


def test_one_of_two_regions_is_not_run_again() -> None:
    """Its events bear two names and epochs: every one of the other's would be called a divergence."""
    settings = Settings(region="use1", regions=("use1", "usw2"))

    with pytest.raises(SettingsError, match="one region alone"):
        replay_history(settings, into="postgresql://nowhere/empty", as_json=False)
