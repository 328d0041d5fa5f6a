"""A gateway or worker with guards taken away: the drill must then find money doubled."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, Final

from adapters.postgres import statements
from adapters.postgres.store import PostgresStore
from gateway.cli.processes import end_with_parent
from gateway.domain.events import EventKind
from gateway.domain.payment import PaymentState, RegionId
from gateway.domain.regions import SlotOwner
from gateway.domain.transitions import TRANSITIONS, Effect, Transition
from gateway.main import run, run_gateway, run_worker
from gateway.service.ports import NewPayment
from gateway.settings import load_settings

PLANTS_VARIABLE: Final = "DRILL_REGION_PLANTS"

ANYWHERE: Final = """
CREATE OR REPLACE FUNCTION owned_epoch(asking TEXT, wanted SMALLINT) RETURNS BIGINT LANGUAGE sql VOLATILE AS $$
    SELECT slot.epoch FROM slot WHERE slot.slot = wanted
$$
"""
"""The plant `home` in the database: whoever asks owns the slot."""

SENTENCES: Final = {
    "home": "Either region accepts any key.",
    "send-anew": "What was taken over is sent anew, and the rail is not asked first.",
}
"""What each plant takes away."""


async def _nowhere(store: PostgresStore, waiting: Sequence[NewPayment], *, anew: bool) -> dict[Any, Any]:  # noqa: ARG001
    rows = await store._pool.fetch(statements.SLOTS)  # noqa: SLF001 - a guard is taken away
    store._slots = [SlotOwner(RegionId(row["region"]), row["epoch"]) for row in rows]  # noqa: SLF001
    return {}


def _plant(name: str) -> None:
    if name == "home":
        PostgresStore._elsewhere = _nowhere  # type: ignore[method-assign, assignment]  # noqa: SLF001
        return
    for state in (PaymentState.RECEIVED, PaymentState.SENDING, PaymentState.IN_DOUBT):
        again = Transition(PaymentState.RESEND_DUE, (Effect.QUEUE_TRANSFER, Effect.AWAIT_RESENDING))
        TRANSITIONS[state, EventKind.TAKEN_OVER] = again


def main() -> None:
    """Run the role that the argument names."""
    end_with_parent()
    for name in filter(None, os.environ.get(PLANTS_VARIABLE, "").split(",")):
        _plant(name)
    role, settings = {"gateway": run_gateway, "worker": run_worker}[sys.argv[1]], load_settings()
    run(lambda: role(settings, ready=lambda url: print(url, flush=True)))


if __name__ == "__main__":
    main()
