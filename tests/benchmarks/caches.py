"""What the same work costs with cold caches: ``python -m tests.benchmarks.caches [--json]``.

One message is examined again and again: at once after another, after a pause in which the processor is others', and
after as many bytes of memory were read in between. The CPU is that of the examination alone. Payments that come one
at a time, through five processes on two cores, find the caches as pauses leave them; those of a full batch do not.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from iso20022 import FedNowProfile, examine
from tests.benchmarks.messages import WHOLE
from tests.benchmarks.printing import tell

WARM_UP: Final = 200
TIMES: Final = 200

PAUSES_MS: Final = (1, 3, 10)
"""At 300 payments a second there are 3.3 ms from one to the next."""

READ_MIB: Final = (1, 4, 16, 64)

_KIB: Final = 1_024
_LINE: Final = 64
"""Bytes that a cache takes in at once, on every processor that we know."""


def measure() -> Mapping[str, int]:
    """Microseconds of CPU for one examination: at once after another, after each pause, and after each read."""
    memory = memoryview(bytearray(max(READ_MIB) * _KIB * _KIB))
    profile = FedNowProfile()
    between: dict[str, Callable[[], object]] = {
        "at once after another": lambda: None,
        **{f"after a pause of {ms} ms": partial(time.sleep, ms / 1_000) for ms in PAUSES_MS},
        **{f"after {mib} MiB were read": partial(_read, memory[: mib * _KIB * _KIB]) for mib in READ_MIB},
    }
    for _ in range(WARM_UP):
        examine(WHOLE, profile=profile)
    gc.freeze()
    return {
        name: round(_mean_us(meanwhile, lambda: examine(WHOLE, profile=profile))) for name, meanwhile in between.items()
    }


def _read(memory: memoryview) -> None:
    """Read something of every line of it."""
    sum(memory[::_LINE])


def _mean_us(meanwhile: Callable[[], object], work: Callable[[], object]) -> float:
    spent_ns = 0
    for _ in range(TIMES):
        meanwhile()
        before_ns = time.thread_time_ns()
        work()
        spent_ns += time.thread_time_ns() - before_ns
    return spent_ns / TIMES / 1_000


if __name__ == "__main__":
    tell(measure, description=__doc__)
