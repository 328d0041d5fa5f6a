"""Terraform run on a copy: nothing is written beside the code, and patches hurt nobody."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.terraform.provider import configuration_file

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = ROOT / "terraform"
BUILD: Final = ROOT / "build" / "terraform"
COMMAND_TIMEOUT_S: Final = 600
SAID_MAX: Final = 3_000
"""Characters of a failed command that an error repeats: its end says why."""
PARALLEL: Final = 2
"""Commands at once: each loads the provider, some 600 MB."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said, and whether it was content."""

    is_ok: bool
    text: str


def module_folders() -> list[Path]:
    """Return the modules, relative to `terraform/`."""
    return sorted(folder.parent.relative_to(SOURCE) for folder in (SOURCE / "modules").glob("*/main.tf"))


def root_folders() -> list[Path]:
    """Return what is applied as such, relative to `terraform/`: the folders that say where their state is."""
    return sorted(
        file.parent.relative_to(SOURCE) for file in SOURCE.rglob("terraform.tf") if ".terraform" not in file.parts
    )


def environment_roots() -> list[Path]:
    """Return the roots of the four environments: their regions and what joins them."""
    return [folder for folder in root_folders() if folder.parts[0] == "environments" and len(folder.parts) == 3]


class Terraform:
    """Commands on a copy of `terraform/` under a folder of its own."""

    def __init__(self, work: Path) -> None:
        """Copy the code to `work`/terraform, and find the provider.

        Raises:
            ProviderMissingError: the provider is nowhere.

        """
        work.mkdir(parents=True, exist_ok=True)
        self.folder = work / "terraform"
        shutil.rmtree(self.folder, ignore_errors=True)
        left = shutil.ignore_patterns(".terraform", ".terraform.lock.hcl", "*.tfstate*", "__pycache__")
        shutil.copytree(SOURCE, self.folder, ignore=left)
        configuration = configuration_file(work, os.environ)
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("TF_", "AWS_"))},
            **({"TF_CLI_CONFIG_FILE": str(configuration)} if configuration else _fetched_once()),
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "AWS_EC2_METADATA_DISABLED": "true",
            # The provider's schema is loaded once and thrown away: collecting it on the way costs a third of the time.
            "GOGC": "400",
        }

    def run(self, folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Answer:
        """Run a command in a folder of the copy."""
        done = subprocess.run(
            ["terraform", *arguments],
            cwd=self.folder / folder,
            env={**self._environment, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,  # what is wrong stands where it was found
            text=True,
            check=False,
            timeout=COMMAND_TIMEOUT_S,
        )
        return Answer(done.returncode == 0, _plain(done.stdout))

    def initialise(self, folder: Path) -> Answer:
        """Install modules and link the provider; no backend."""
        answer = self.run(folder, "init", "-backend=false", "-no-color")
        self.spare_the_hash(folder)
        return answer

    def spare_the_hash(self, folder: Path) -> None:
        """Have later commands not read the whole plugin again: what `init` has just recorded is what they find."""
        lock = self.folder / folder / ".terraform.lock.hcl"
        if lock.exists():
            lock.write_text(re.sub(r"  hashes = \[[^\]]*\]\n", "", lock.read_text()))

    def output(self, folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        """Return what a command that must succeed printed.

        Raises:
            RuntimeError: it did not succeed; the text says what it said.

        """
        answer = self.run(folder, *arguments, environment=environment)
        if not answer.is_ok:
            raise RuntimeError(f"terraform {' '.join(arguments)} in {folder}:\n{answer.text[-SAID_MAX:]}")
        return answer.text


def _fetched_once() -> Mapping[str, str]:
    """Return what has Terraform fetch the provider once, and take it from there ever after."""
    cache = BUILD / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    variables = {"TF_PLUGIN_CACHE_DIR": str(cache), "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "1"}
    if not any(cache.rglob("terraform-provider-aws_*")):  # filled before two commands at once would fill it
        first = BUILD / "first"
        shutil.rmtree(first, ignore_errors=True)
        shutil.copytree(SOURCE / "modules" / "kms", first, ignore=shutil.ignore_patterns(".terraform", "tests"))
        subprocess.run(["terraform", "init", "-backend=false"], cwd=first, env={**os.environ, **variables}, check=True)
    return variables


def format_check() -> Answer:
    """Say whether every file is formatted."""
    done = subprocess.run(
        ["terraform", "fmt", "-check", "-recursive", "-diff", "-no-color"],
        cwd=SOURCE, capture_output=True, text=True, check=False, timeout=COMMAND_TIMEOUT_S,
        env={name: value for name, value in os.environ.items() if not name.startswith("TF_")},
    )  # fmt: skip
    return Answer(done.returncode == 0, done.stdout + done.stderr)


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
