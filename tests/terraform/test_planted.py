"""The modules' tests can fail: each mistake that must never pass is planted in a copy, and is seen to be caught."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.terraform.running import BUILD, Answer, Terraform
from tests.terraform.suite import Suite


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake: in which file of which module what becomes what, and which promise of its tests must break."""

    module: str
    file: str
    right: str
    wrong: str
    caught_by: str


MISTAKES: Final[Mapping[str, Mistake]] = {
    "public database": Mistake(
        "postgres", "main.tf", r"publicly_accessible += false", "publicly_accessible = true",
        "The database has no public address.",
    ),
    "single zone": Mistake(
        "postgres", "main.tf", r"multi_az += var\.multi_az", "multi_az = false",
        "A standby in another zone has every commit.",
    ),
    "broker in one zone": Mistake(
        "rabbitmq", "main.tf", "CLUSTER_MULTI_AZ", "SINGLE_INSTANCE", "A quorum outlives the loss of a zone."
    ),
    "unencrypted queue": Mistake(
        "rabbitmq", "main.tf", r"  encryption_options \{[^}]*\}\n", "", "Messages rest encrypted under our key."
    ),
    "missing hook": Mistake(
        "blue_green", "main.tf", r"      \{ BeforeAllowTraffic = .*\n", "",
        "The AppSpec names a hook for every moment at which the green set is judged.",
    ),
    "alarms that take nothing back": Mistake(
        "blue_green", "main.tf", r'"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"', '"DEPLOYMENT_FAILURE"',
        "An alarm takes the deployment back.",
    ),
    "approval removed": Mistake(
        "pipeline", "main.tf", r'toset\(\["cert", "prod"\]\)', 'toset(["cert"])',
        "The first thing in cert and in prod is a person's approval.",
    ),
    "wildcard in a task's rights": Mistake(
        "task", "roles.tf", r"Resource += local\.secret_arns", 'Resource = ["*"]',
        "No resource is a star, but for the one action that knows none.",
    ),
    "wildcard in CodeDeploy's rights": Mistake(
        "blue_green", "main.tf", r'\["elasticloadbalancing:ModifyListener"\]', '["elasticloadbalancing:*"]',
        "No action is a star.",
    ),
    "archive that an owner may empty": Mistake(
        "audit_archive", "main.tf", '"COMPLIANCE"', '"GOVERNANCE"',
        "Compliance mode for seven years: nobody, the account's owner included, deletes before.",
    ),
    "a region without a health check": Mistake(
        "dns", "main.tf", r"  health_check_id = .*\n", "", "Each record has its region's health check."
    ),
    "an argument that the provider does not know": Mistake(
        "kms", "main.tf", r"enable_key_rotation += true", "enable_key_rotations = true",
        'An argument named "enable_key_rotations" is not expected here.',
    ),
    "clients without certificates": Mistake(
        "load_balancer", "main.tf", r'= "verify"', '= "passthrough"',
        "The load balancer verifies clients' certificates, and their expiry.",
    ),
}  # fmt: skip


def _planted(terraform: Terraform, name: str) -> Path:
    """Plant a mistake in a copy of its module, and return the copy's folder."""
    mistake = MISTAKES[name]
    folder = Path("modules") / re.sub(r"\W+", "-", name)
    shutil.copytree(terraform.folder / "modules" / mistake.module, terraform.folder / folder)
    file = terraform.folder / folder / mistake.file
    planted, places = re.subn(mistake.right, mistake.wrong, file.read_text())
    assert places == 1, f"{mistake.right!r} stands {places} times in {file}"
    file.write_text(planted)
    return folder


@pytest.fixture(scope="module")
def answers() -> Mapping[str, Answer]:
    """What the tests said of every mistake."""
    terraform = Terraform(BUILD / "planted")
    folders = {name: _planted(terraform, name) for name in MISTAKES}
    suite = Suite(terraform, list(folders.values()))
    initialised = suite.initialise()
    assert initialised.is_ok, initialised.text
    said = suite.run(list(folders.values()))
    return {name: said[folder] for name, folder in folders.items()}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_planted_mistake_is_caught_by_the_promise_that_it_breaks(name: str, answers: Mapping[str, Answer]) -> None:
    """Public database, missing hook, single zone, unencrypted queue, approval removed, star: each is caught."""
    answer = answers[name]

    assert not answer.is_ok, f"{name} was not caught"
    assert MISTAKES[name].caught_by in " ".join(answer.text.split()), answer.text
