"""Whether the parts answer that a role needs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from adapters.http.api import ReadinessCheck
from gateway.service.ports import UnavailableError, UnroutableError

READY: Final = "ok"
UNAVAILABLE: Final = "unavailable"

CHECK_MAX_S: Final = 2.0
"""What takes longer to say that it is ready is not."""


async def faults_of(checks: Mapping[str, ReadinessCheck]) -> dict[str, Exception]:
    """Make all checks at once; return what is wrong with each part that cannot serve now."""
    faults: dict[str, Exception] = {}

    async def check(name: str) -> None:
        try:
            async with asyncio.timeout(CHECK_MAX_S):
                await checks[name]()
        except (UnavailableError, UnroutableError, TimeoutError) as error:
            faults[name] = error

    async with asyncio.TaskGroup() as group:
        for name in checks:
            group.create_task(check(name))
    return faults


def results_of(checks: Mapping[str, ReadinessCheck], faults: Mapping[str, Exception]) -> dict[str, str]:
    """Return `READY` or `UNAVAILABLE` for each check: readiness is shown to anyone, what is wrong is not."""
    return {name: UNAVAILABLE if name in faults else READY for name in checks}
