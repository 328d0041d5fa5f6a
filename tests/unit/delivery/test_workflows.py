"""Pipelines call what developers call, with the least rights, and nothing that can be moved under them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.unit.docs.documents import ROOT

WORKFLOWS: Final = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
BUILDSPECS: Final = sorted((ROOT / "terraform" / "modules" / "pipeline" / "buildspecs").glob("*.yml"))
GITLAB: Final = ROOT / ".gitlab-ci.yml"

ACTIONS: Final = {
    "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683",
    "actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02",
    "hashicorp/setup-terraform@b9cd54a3c349d3f38e8881555d616ced269862dd",
    "actions/attest-build-provenance@e8998f949152b193b063cb0ec769d69d929409be",
}
"""Every action that is used, by the commit that was looked at: a new one is added here on purpose."""

RIGHTS: Final = {
    ("provenance.yml", "provenance"): {"attestations": "write", "contents": "read", "id-token": "write"},
    ("accounts.yml", "bootstrap"): {"contents": "read", "id-token": "write"},
}
"""What a job may do beyond reading the code."""


def read(file: Path) -> dict[Any, Any]:
    """A YAML file; GitHub's key ``on`` is read as the truth value that YAML takes it for."""
    document: dict[Any, Any] = yaml.safe_load(file.read_text())
    return document


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every job of GitHub's workflows: file, name, job."""
    for file in WORKFLOWS:
        for name, job in read(file)["jobs"].items():
            yield file.name, name, job


def scripts() -> Iterator[tuple[str, str]]:
    """Every shell line of every pipeline, with the file that it stands in."""
    for file, _, job in jobs():
        yield from ((file, step["run"]) for step in job["steps"] if "run" in step)
    for name, job in read(GITLAB).items():
        if isinstance(job, dict) and "script" in job:
            yield from ((f"{GITLAB.name} {name}", line) for line in job["script"])
    for buildspec in BUILDSPECS:
        for phase in read(buildspec)["phases"].values():
            yield from ((buildspec.name, line) for line in phase["commands"])


def make_targets() -> set[str]:
    """The targets of the Makefile."""
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def called() -> dict[str, set[str]]:
    """The make targets that each file calls."""
    found: dict[str, set[str]] = {}
    for file, line in scripts():
        words = line.split()
        if "make" in words:
            targets = [word for word in words[words.index("make") + 1 :] if re.fullmatch(r"[a-z-]+", word)]
            found.setdefault(file.split()[0], set()).update(targets)
    return found


def test_pipelines_call_targets_that_exist() -> None:
    """What runs there runs here: nobody finds out by pushing."""
    assert set().union(*called().values()) <= make_targets()


def test_github_gitlab_and_the_delivery_run_the_same_gates() -> None:
    """No host of the code is easier to get past than another, and none than the delivery."""
    found = called()
    gates = {"test", "lint", "gates", "terraform-check"}

    assert found["check.yml"] == gates
    assert gates | {"sim", "proof", "hooks", "sbom", "provenance", "bootstrap"} == found[".gitlab-ci.yml"]
    assert found["test.yml"] | found["scan.yml"] == gates
    assert found["provenance.yml"] == {"hooks", "sbom", "provenance"} <= found["image.yml"]


def test_every_gate_of_the_delivery_is_part_of_the_gates() -> None:
    """Static and dependency analysis, the image's rules, the bill of materials."""
    (line,) = re.findall(r"^gates: (.+?) ##", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert set(line.split()) == {"container-check", "bandit", "dependency-audit", "sbom"}


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_has_no_rights_of_its_own(file: Path) -> None:
    """Each job is given what it needs, and the rest is nothing."""
    assert read(file)["permissions"] == {}


def test_a_job_may_read_the_code_and_only_named_ones_more() -> None:
    """The token of a job is what a stranger's change would get hold of."""
    for file, name, job in jobs():
        assert job["permissions"] == RIGHTS.get((file, name), {"contents": "read"}), (file, name)
        assert job["timeout-minutes"] <= 300, (file, name)


def test_actions_are_pinned_by_commits_that_are_known() -> None:
    """A tag can be moved; and a checkout leaves no token behind."""
    steps = [step for _, _, job in jobs() for step in job["steps"] if "uses" in step]

    assert {step["uses"] for step in steps} == ACTIONS
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action) for action in ACTIONS)
    checkouts = [step for step in steps if step["uses"].startswith("actions/checkout@")]
    assert all(step["with"] == {"persist-credentials": False} for step in checkouts)


def test_no_secret_is_given_to_a_job() -> None:
    """Roles are taken by a token of the job; strangers' changes run without any right to write."""
    for file in (*WORKFLOWS, GITLAB, *BUILDSPECS):
        text = file.read_text()
        assert "secrets." not in text, file.name
        assert "pull_request_target" not in text, file.name


def test_nothing_that_strangers_write_becomes_a_command() -> None:
    """An expression in a script is put in before the shell reads it: names of branches would be run."""
    for file, line in scripts():
        assert "${{" not in line, (file, line)


def test_accounts_are_set_up_apart_from_deployments() -> None:
    """By hand alone, with reviewers of their own, and by nothing that deploys."""
    accounts = read(ROOT / ".github" / "workflows" / "accounts.yml")

    assert set(accounts[True]) == {"workflow_dispatch"}
    assert accounts["jobs"]["bootstrap"]["environment"].startswith("accounts-")
    assert read(GITLAB)["accounts"]["rules"][0]["when"] == "manual"
    assert all("bootstrap" not in targets for file, targets in called().items() if file.startswith(("deploy", "check")))


def test_every_environment_is_deployed_to_by_the_same_steps() -> None:
    """The buildspecs name no environment: what differs is values."""
    assert {file.stem for file in BUILDSPECS} == {"test", "scan", "image", "deploy", "synthetic"}
    for file in BUILDSPECS:
        assert read(file)["version"] == 0.2
        assert not re.search(r"\b(dev|uat|cert|prod)\b", file.read_text()), file.name


def test_the_checks_see_what_they_are_for() -> None:
    """The controls: a line that is not called, a tag, an expression."""
    assert "nonsense" not in make_targets()
    assert not re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", "actions/checkout@v4")
    assert len(list(scripts())) > 30
