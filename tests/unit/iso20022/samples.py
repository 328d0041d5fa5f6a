"""What these tests share: the golden messages, the published samples where they are, and a seed that is printed."""

import os
import random
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from iso20022 import FedNowProfile, Report, examine

ROOT: Final = Path(__file__).resolve().parents[3]
GOLDEN: Final = ROOT / "tests" / "golden"
REFERENCE: Final = ROOT.parent / "shared" / "reference"
PROFILE: Final = FedNowProfile()

GOLDEN_NAMES: Final = sorted(path.name for path in GOLDEN.glob("*.xml"))


def golden(name: str) -> bytes:
    """The bytes of a golden message."""
    return (GOLDEN / name).read_bytes()


def published(folder: str) -> list[Path]:
    """The published samples of a rail; empty where the reference folder is not beside the repository."""
    return sorted((REFERENCE / "samples" / folder).glob("*.xml"))


def official_schemas() -> list[Path]:
    """The official schemas; empty where the reference folder is not beside the repository."""
    return sorted((REFERENCE / "xsd").glob("*.xsd"))


def examined(body: bytes, profile: FedNowProfile = PROFILE) -> Report:
    """The report with the default profile."""
    return examine(body, profile=profile)


def codes(report: Report) -> list[str]:
    """The codes of a report's findings, in order."""
    return [finding.code for finding in report.findings]


def processor_ms(action: Callable[[], object]) -> float:
    """Milliseconds of the processor, the best of three: neither the machine's other work nor a collection counts."""
    best = float("inf")
    for _ in range(3):
        started = time.thread_time()
        action()
        best = min(best, time.thread_time() - started)
    return best * 1_000


def say(text: str) -> None:
    """Write a line for the reader of the test's output."""
    sys.stdout.write(text + "\n")


def seeded() -> random.Random:
    """A generator whose seed is printed; FIFTEEN_TEST_SEED repeats a run."""
    seed = int(os.environ.get("FIFTEEN_TEST_SEED", "0")) or secrets.randbits(32)
    say(f"FIFTEEN_TEST_SEED={seed}")
    return random.Random(seed)
