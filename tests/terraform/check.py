"""``python -m tests.terraform.check``: format; init, validity and tests of every module and root; checkov; hadolint.

Then the tests beside this file: planted mistakes, and plans. Exits 1 where something does not hold, and says what. With
``--if-installed``, as in `make test`, it leaves everything out, and says so, where there is no `terraform`; and plans
prod alone, as the other environments differ by their values, which their own tests have planned.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from tests.terraform.documents import stale
from tests.terraform.plans import PLANNED
from tests.terraform.provider import WAIVER, ProviderMissingError, terraform_is_installed
from tests.terraform.running import (
    BUILD,
    PARALLEL,
    ROOT,
    Answer,
    Terraform,
    format_check,
    module_folders,
    root_folders,
)
from tests.terraform.suite import Suite
from tests.terraform.tools import checkov, hadolint, tool

Job = tuple[str, Callable[[], Sequence[tuple[str, Answer]]]]

ENVIRONMENTS: Final = ("dev", "uat", "cert", "prod")

_STALE_HINT: Final = "differ from the code: python -m tests.terraform.documents"


def main() -> None:
    """Check everything and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--if-installed", action="store_true", help="leave everything out where there is no terraform")
    arguments = parser.parse_args()
    if not terraform_is_installed():
        print("terraform is not installed: its check (format, validity, tests, checkov, mistakes, plans) is left out")
        sys.exit(0 if arguments.if_installed else 1)
    if os.environ.get(WAIVER) == "none":
        print(f"{WAIVER}=none: what needs the AWS provider is left out (init, validate, test, planted mistakes, plans)")
        jobs = [("format", _formatted), *_tools(None)]
    else:
        try:
            terraform = Terraform(BUILD / "check")
        except ProviderMissingError as error:
            sys.exit(str(error))
        jobs = [*_tested(terraform), *_tools(terraform.folder), ("format", _formatted)]
    failed = failures(jobs)
    sys.exit(1 if failed or not _rest_holds(["prod"] if arguments.if_installed else ENVIRONMENTS) else 0)


def _rest_holds(environments: Sequence[str]) -> bool:
    """Run the tests beside this file: planted mistakes, and plans of these environments."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(Path(__file__).parent)]
    return (
        subprocess.run(command, cwd=ROOT, env={**os.environ, PLANNED: ",".join(environments)}, check=False).returncode
        == 0
    )


def _tested(terraform: Terraform) -> list[Job]:
    """Return the tests of every folder, in as many shares as there are commands at once."""
    folders = [*root_folders(), *module_folders()]
    suite = Suite(terraform, folders)
    initialised = suite.initialise()
    if not initialised.is_ok:
        return [("init", lambda: [("init", initialised)])]
    shares = [folders[number::PARALLEL] for number in range(PARALLEL)]
    return [(f"tests, share {number}", partial(_share, suite, share)) for number, share in enumerate(shares, 1)]


def _share(suite: Suite, folders: Sequence[Path]) -> Sequence[tuple[str, Answer]]:
    return [(folder.as_posix(), answer) for folder, answer in suite.run(folders).items()]


def _formatted() -> Sequence[tuple[str, Answer]]:
    found = stale()
    written = Answer(not found, f"{', '.join(found)} {_STALE_HINT}" if found else "")
    return [("fmt", format_check()), ("documents", written)]


def _tools(folder: Path | None) -> list[Job]:
    tool("checkov")  # made once, before two jobs want it at the same time
    jobs: list[Job] = [("Dockerfile", lambda: [("hadolint", hadolint())])]
    return jobs if folder is None else [("terraform/", lambda: [("checkov", checkov(folder))]), *jobs]


def failures(jobs: Sequence[Job]) -> int:
    """Run the jobs, two at once, print a line for each, and return how many failed."""
    started = time.monotonic()
    failed = 0
    with ThreadPoolExecutor(PARALLEL) as pool:
        for name, steps, seconds in pool.map(_timed, jobs):
            failed += not all(answer.is_ok for _, answer in steps)
            print(f"{seconds:6.1f} s  {name}: {', '.join(step for step, answer in steps if answer.is_ok)}", flush=True)
            for step, answer in steps:
                if not answer.is_ok:
                    print(f"FAILED: {step}\n{answer.text}", flush=True)
    print(f"checked in {time.monotonic() - started:.0f} s; failed: {failed}", flush=True)
    return failed


def _timed(job: Job) -> tuple[str, Sequence[tuple[str, Answer]], float]:
    name, run = job
    started = time.monotonic()
    return name, run(), time.monotonic() - started


if __name__ == "__main__":
    main()
