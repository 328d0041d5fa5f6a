"""The gates' own programs: an audit that asked nobody has not passed, and provenance speaks of commits alone."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.unit.docs.documents import ROOT

LOCK: Final = "aiohttp==3.14.0 \\\n    --hash=sha256:00\nlxml==6.1.0\n"
WELL: Final = [{"name": "aiohttp", "version": "3.14.0", "vulns": []}, {"name": "lxml", "version": "6.1.0", "vulns": []}]
KNOWN: Final = [{"name": "jinja2", "version": "2.10", "vulns": [{"id": "CVE-2019-10906"}]}]


def loaded(name: str) -> Any:
    """A program of the gates, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


AUDIT: Final = loaded("dependency_audit")
PROVENANCE: Final = loaded("provenance")


def pip_audit(directory: Path, *, control: object, packages: object) -> str:
    """A pip-audit that says what it is told: to the question about the control, and to the one about the lock file."""
    program = directory / "pip-audit"
    answers = json.dumps({"control": control, "packages": packages})
    program.write_text(
        f"#!{sys.executable}\nimport json, sys\nanswers = json.loads({answers!r})\n"
        "said = answers['control' if 'control' in sys.argv[-1] else 'packages']\n"
        "print(json.dumps({'dependencies': said}) if said is not None else '')\n"
    )
    program.chmod(0o755)
    return str(program)


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock file of two packages."""
    file = tmp_path / "requirements-image.lock"
    file.write_text(LOCK)
    return file


def test_an_audit_that_asked_and_found_nothing_passes(tmp_path: Path, lock: Path) -> None:
    """The control of those below."""
    assert AUDIT.audit(pip_audit(tmp_path, control=KNOWN, packages=WELL), lock) == 2


@pytest.mark.parametrize(
    ("control", "packages", "said"),
    [
        (None, WELL, "no advisory service could be asked"),
        ([{"name": "jinja2", "version": "2.10", "vulns": []}], WELL, "none was found"),
        ([{"name": "jinja2", "skip_reason": "not found"}], WELL, "none was found"),
        (KNOWN, None, "no advisory service could be asked"),
        (KNOWN, [{"name": "aiohttp", "skip_reason": "not found"}, WELL[1]], "aiohttp: not found"),
        (KNOWN, WELL[:1], "lxml: was not asked about"),
        (KNOWN, [{**WELL[0], "vulns": [{"id": "CVE-2026-1"}]}, WELL[1]], "aiohttp: CVE-2026-1"),
    ],
)
def test_an_audit_without_an_answer_for_every_package_fails(
    control: object, packages: object, said: str, tmp_path: Path, lock: Path
) -> None:
    """pip-audit by itself says "no known vulnerabilities" where it could ask nobody."""
    with pytest.raises(AUDIT.AuditError, match=said):
        AUDIT.audit(pip_audit(tmp_path, control=control, packages=packages), lock)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A commit of its own with lock files and an artifact."""
    monkeypatch.chdir(tmp_path)
    for name in PROVENANCE.LOCKS:
        (tmp_path / name).write_text(name)
    commands = (
        ["git", "init", "--quiet"],
        ["git", "add", "."],
        ["git", "-c", "user.name=sample", "-c", "user.email=sample@example", "commit", "--quiet", "-m", "one"],
    )
    for command in commands:
        subprocess.run(command, check=True)
    (tmp_path / "sbom.json").write_text("{}")
    return tmp_path


def test_provenance_names_artifacts_commit_locks_and_builder(clone: Path) -> None:
    """By digest, each of them."""
    document = PROVENANCE.statement([clone / "sbom.json"], {"GITHUB_ACTIONS": "true", "RELEASE": "v1"})

    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    assert [subject["name"] for subject in document["subject"]] == ["sbom.json"]
    assert document["subject"][0]["digest"]["sha256"] == PROVENANCE.digest_of(clone / "sbom.json")
    definition = document["predicate"]["buildDefinition"]
    assert definition["resolvedDependencies"][0]["digest"] == {"gitCommit": commit}
    assert len(definition["resolvedDependencies"]) == 1 + len(PROVENANCE.LOCKS)
    assert document["predicate"]["runDetails"]["builder"]["id"].endswith("github-actions")


def test_of_a_tree_that_differs_from_its_commit_nothing_is_said(clone: Path) -> None:
    """A statement about something that nobody can look up would be a lie."""
    (clone / "requirements.lock").write_text("changed")

    with pytest.raises(PROVENANCE.ProvenanceError, match="differs from its commit"):
        PROVENANCE.statement([clone / "sbom.json"], {})


def test_of_no_artifact_nothing_is_said(clone: Path) -> None:
    """Provenance of what?"""
    with pytest.raises(PROVENANCE.ProvenanceError, match="name the files"):
        PROVENANCE.statement([], {})
