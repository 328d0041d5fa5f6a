"""The project's alerts, by Prometheus's own tool: each fires when it should, and names a page that says what to do."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
import yaml

from adapters.telemetry.metrics import Metrics
from tests.servers.debian import ensure_package
from tests.unit.docs.documents import ROOT, broken_links, document

RULES: Final = ROOT / "terraform" / "observability" / "rules"
DASHBOARDS: Final = ROOT / "terraform" / "observability" / "dashboards"
TESTS: Final = Path(__file__).parent


@pytest.fixture(scope="module")
def promtool() -> str:
    """Prometheus's own tool."""
    ensure_package("prometheus", is_there=lambda: shutil.which("promtool") is not None)
    return "promtool"


def held(promtool: str, directory: Path, name: str, rules: str) -> subprocess.CompletedProcess[str]:
    """Hold rules against the tests that are written for the file of this name."""
    (directory / "rules.yml").write_text(rules)
    tests = (TESTS / f"rules_{name}.yml").read_text()
    (directory / "tests.yml").write_text(tests.replace("RULES", str(directory / "rules.yml")))
    return subprocess.run(
        [promtool, "test", "rules", str(directory / "tests.yml")], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", [file.stem for file in sorted(RULES.glob("*.yml"))])
def test_alerts_fire_when_they_should(name: str, promtool: str, tmp_path: Path) -> None:
    """Every alert of every file has its tests."""
    rules = (RULES / f"{name}.yml").read_text()
    alerts = [rule["alert"] for group in yaml.safe_load(rules)["groups"] for rule in group["rules"]]

    said = held(promtool, tmp_path, name, rules)

    assert said.returncode == 0, said.stdout + said.stderr
    cases = yaml.safe_load((TESTS / f"rules_{name}.yml").read_text())["tests"]
    fired = {rule["alertname"] for case in cases for rule in case["alert_rule_test"] if rule["exp_alerts"]}
    assert fired == set(alerts)


def test_an_alert_that_comes_too_late_is_seen(promtool: str, tmp_path: Path) -> None:
    """The control: the tests are run, and can fail."""
    rules = (RULES / "regions.yml").read_text()

    said = held(promtool, tmp_path, "regions", rules.replace("for: 30s", "for: 30m"))

    assert said.returncode != 0
    assert "ReplicationSlotLost" in said.stdout + said.stderr


def test_a_region_that_pages_while_it_rightly_goes_on_alone_is_seen(promtool: str, tmp_path: Path) -> None:
    """The control of the page that does not come once the other region is fenced off."""
    rules = (RULES / "regions.yml").read_text()
    unless = "unless max by (region) (fifteen_region_alone) == 1"
    assert unless in rules

    said = held(promtool, tmp_path, "regions", rules.replace(unless, ""))

    assert said.returncode != 0
    assert "RegionUnconfirmed" in said.stdout + said.stderr


def metrics_in(expression: str) -> set[str]:
    """The metrics of ours that an expression names."""
    return set(re.findall(r"\b(?:fifteen|gateway)_\w+", expression))


@pytest.mark.parametrize("file", sorted(DASHBOARDS.glob("*.json")), ids=lambda file: file.stem)
def test_a_panel_reads_what_there_is(file: Path) -> None:
    """One that reads a metric that was renamed is empty, which looks like health."""
    metrics = Metrics().render()[0].decode()
    for panel in json.loads(file.read_text())["panels"]:
        for target in panel["targets"]:
            assert metrics_in(target["expr"]), panel["title"]
            assert all(f"# TYPE {name} " in metrics for name in metrics_in(target["expr"])), panel["title"]


@pytest.mark.parametrize("file", sorted(RULES.glob("*.yml")), ids=lambda file: file.stem)
def test_an_alert_reads_what_there_is_and_names_its_runbook(file: Path) -> None:
    """A metric that was renamed would never fire again; a page that is not there helps nobody at night."""
    metrics = Metrics().render()[0].decode()
    for group in yaml.safe_load(file.read_text())["groups"]:
        for rule in group["rules"]:
            assert metrics_in(rule["expr"]), rule["alert"]
            assert all(f"# TYPE {name} " in metrics for name in metrics_in(rule["expr"])), rule["alert"]
            runbook = replace(document("README.md"), text=f"[page]({rule['annotations']['runbook']})")
            assert runbook.links
            assert list(broken_links(runbook)) == []
