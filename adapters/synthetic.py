"""Synthetic payments on demand: a process of the same program makes one, and this one tells what it said."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from gateway.service.ports import Clock

COMMAND: Final = (sys.executable, "-m", "gateway.cli", "synthetic", "--json")

REHEARSAL_MAX_S: Final = 50.0
"""A rehearsal takes a second or two; what takes longer has failed."""

FRESH_S: Final = 10.0
"""An answer is given again for so long: whoever asks, and however often, costs one rehearsal in this time."""

_FAILURE_LENGTH_MAX: Final = 500


@dataclass(slots=True)
class SyntheticPayments:
    """Asks a process of the same program for synthetic payments, one at a time."""

    clock: Clock
    release: str
    command: Sequence[str] = COMMAND
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _last: tuple[float, dict[str, Any]] | None = None

    async def newest(self) -> dict[str, Any]:
        """Return what became of the newest synthetic payments, and their age; new ones are made where those are old.

        Members: ``settled``, ``release``, ``payments``, ``age_s``, and ``fault`` where none could be made. Whatever
        goes wrong is in the answer; it never says ``settled`` without a payment for every rail that settled.
        """
        async with self._turn:
            if self._last is None or self.clock.monotonic_s() - self._last[0] > FRESH_S:
                answer = await self._made()
                self._last = (self.clock.monotonic_s(), answer)
            at_s, answer = self._last
        return {**answer, "age_s": round(self.clock.monotonic_s() - at_s, 3)}

    async def _made(self) -> dict[str, Any]:
        process = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            env={**os.environ, "FIFTEEN_PARENT_PROCESS_ID": str(os.getpid()), "COLUMNS": "200"},
        )
        try:
            async with asyncio.timeout(REHEARSAL_MAX_S):
                output, errors = await process.communicate()
        except TimeoutError:
            return self._failed(f"no answer within {REHEARSAL_MAX_S:.0f} s")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        try:
            answer = orjson.loads(output.splitlines()[-1])
            settled = answer["settled"] is True and bool(answer["payments"]) and process.returncode == 0
            return {"settled": settled, "release": str(answer["release"]), "payments": answer["payments"]}
        except (IndexError, KeyError, TypeError, orjson.JSONDecodeError):
            return self._failed(errors.decode(errors="replace").strip() or f"it ended with {process.returncode}")

    def _failed(self, fault: str) -> dict[str, Any]:
        return {"settled": False, "release": self.release, "payments": [], "fault": fault[:_FAILURE_LENGTH_MAX]}
