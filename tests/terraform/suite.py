"""The tests of many folders in one run of Terraform: the provider is loaded once, and not again for each folder.

A suite is an empty root whose test files are those of the folders: each of their runs is told which folder it tests,
and paths are mended. Terraform initialises every one of the folders, and validates it before it plans it, as it does
where the file stands beside the code.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.terraform.running import Answer, Terraform

SUITE: Final = Path("suite")
"""The root of all, beside `modules/` and `environments/` in a copy."""

_RUN: Final = re.compile(r'^(run "\w+" \{\n)(?!(?:  .*)?\n*  module )', re.MULTILINE)
_PATH: Final = re.compile(r'"(\.\.?/[^"$]*)"')
_FILE: Final = re.compile(
    r"^tests/(?P<name>\S+)\.tftest\.hcl\.\.\. in progress$.*?^tests/(?P=name)\.tftest\.hcl\.\.\. (?P<end>\w+)$",
    re.MULTILINE | re.DOTALL,
)
_PROVIDER: Final = """terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}
"""


class Suite:
    """The tests of these folders of a copy, ready to be run."""

    def __init__(self, terraform: Terraform, folders: Sequence[Path]) -> None:
        """Write the suite's files."""
        self._terraform = terraform
        self._files = {folder: folder.as_posix().replace("/", "--") for folder in folders}
        tests = terraform.folder / SUITE / "tests"
        tests.mkdir(parents=True, exist_ok=True)
        (tests.parent / "main.tf").write_text(_PROVIDER)
        for folder, name in self._files.items():
            texts = [file.read_text() for file in sorted((terraform.folder / folder / "tests").glob("*.tftest.hcl"))]
            assert len(texts) == 1, f"{folder} has {len(texts)} test files, not one"
            (tests / f"{name}.tftest.hcl").write_text(rewritten(texts[0], folder))

    def initialise(self) -> Answer:
        """Install every folder's modules and link the provider; no backend."""
        return self._terraform.initialise(SUITE)

    def run(self, folders: Sequence[Path]) -> Mapping[Path, Answer]:
        """Run these folders' tests; what was not run to its end, or ran nothing, has failed."""
        filters = [f"-filter=tests/{self._files[folder]}.tftest.hcl" for folder in folders]
        text = self._terraform.run(SUITE, "test", "-no-color", *filters).text
        said = {found["name"]: found for found in _FILE.finditer(text)}
        answers: dict[Path, Answer] = {}
        for folder in folders:
            found = said.get(self._files[folder])
            answers[folder] = Answer(is_ok=False, text=text) if found is None else _answer(found)
            if found is None:  # nobody reads the same text for each of many folders
                text = "not run to its end: see above"
        return answers


def rewritten(text: str, folder: Path) -> str:
    """Return a folder's test file as it stands in a suite: each run names the folder, and paths lead where they led."""
    moved = _PATH.sub(lambda found: f'"{os.path.relpath(folder / found[1], SUITE)}"', text)
    of_their_own = len(re.findall(r"^  module \{", text, re.MULTILINE))
    named, runs = _RUN.subn(rf'\1  module {{\n    source = "../{folder.as_posix()}"\n  }}\n\n', moved)
    assert runs + of_their_own == len(re.findall(r"^run\b", text, re.MULTILINE)) > 0, (
        f"{folder}: a run is written otherwise"
    )
    return named


def _answer(found: re.Match[str]) -> Answer:
    passed = re.search(r"\.\.\. pass$", found[0].rpartition("\n")[0], re.MULTILINE)
    return Answer(is_ok=found["end"] == "pass" and passed is not None, text=found[0])
