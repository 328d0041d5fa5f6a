"""How long a name is looked up in a list, and how long the loop stands still meanwhile.

``python -m tests.benchmarks.screening``
"""

from __future__ import annotations

import asyncio
import random
import string
import tempfile
import time
from itertools import accumulate
from pathlib import Path
from typing import Final

from adapters.screening.lists import ListScreener, read_list
from gateway.domain.screening import ScreeningRules
from tests.integration.screening.test_screener_contract import subject

SIZES: Final = (30_000, 300_000)
PAYMENTS: Final = 100
TICK_S: Final = 0.001


def invented(count: int, *, seed: int = 15) -> list[str]:
    """Names of two to four words of invented syllables, some of which are in many names, as in real lists."""
    chance = random.Random(seed)
    syllables = [chance.choice(string.ascii_lowercase) + chance.choice("aeiou") for _ in range(120)]
    words = ["".join(chance.choices(syllables, k=chance.randint(2, 4))) for _ in range(20_000)]
    often = list(accumulate(1 / (place + 1) for place in range(len(words))))
    return [" ".join(chance.choices(words, cum_weights=often, k=chance.randint(2, 4))) for _ in range(count)]


async def longest_stand(stop: asyncio.Event) -> float:
    """The longest that the loop was late for a tick."""
    worst = 0.0
    while not stop.is_set():
        before = time.perf_counter()
        await asyncio.sleep(TICK_S)
        worst = max(worst, time.perf_counter() - before - TICK_S)
    return worst


async def measure(size: int, folder: Path) -> str:
    """What one list costs."""
    path = folder / f"list-{size}.csv"
    path.write_text("".join(f"S-{number},name,{name}\n" for number, name in enumerate(invented(size))))
    started = time.perf_counter()
    listed = read_list(path)
    read_s = time.perf_counter() - started
    asked = [subject(creditor=name.title()) for name in invented(PAYMENTS, seed=51)]
    sizes = [len(listed._candidates(" ".join(sorted(each.creditor.reveal().lower().split())), 88)) for each in asked]
    screener, rules, stop = ListScreener(folder), ScreeningRules(lists=(path.name,)), asyncio.Event()
    await screener.screen(rules, asked[0], within_s=60)
    idle = asyncio.Event()
    watching = asyncio.create_task(longest_stand(idle))
    await asyncio.sleep(1)
    idle.set()
    idle_s = await watching
    watching = asyncio.create_task(longest_stand(stop))
    started = time.perf_counter()
    for each in asked:
        await screener.screen(rules, each, within_s=60)
    took_s = time.perf_counter() - started
    stop.set()
    worst_s = await watching
    return (
        f"{size:,} names: read in {read_s:.1f} s; a payment {1000 * took_s / PAYMENTS:.2f} ms (two names), of which "
        f"{sum(sizes) // len(sizes):,} entries are compared in the mean, {max(sizes):,} at the most; "
        f"the loop was late by {1000 * worst_s:.1f} ms at the most, idle by {1000 * idle_s:.1f} ms"
    )


async def main() -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            print(await measure(size, Path(folder)))


if __name__ == "__main__":
    asyncio.run(main())
