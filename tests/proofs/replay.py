"""Ten thousand payments, run again from what is kept of them: ``python -m tests.proofs.replay``.

A whole installation carries them; then their history is read from its database and run again into an empty one beside
it; the report is docs/proofs/replay.md.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import asyncpg
from pydantic import SecretStr

from adapters.system import SystemClock
from adapters.telemetry.logs import configure_logs
from gateway.cli.bench.measure import Load, measure
from gateway.cli.installation import INDEX_KEY, SENDER, Installation, Plan, Servers, running_roles
from gateway.cli.replay import replay
from gateway.settings import FedNowSettings, Settings
from tests.proofs.report import circumstances, part, table, write

LOAD: Final = Load(rate=200.0, seconds=55, warmup_s=0)
PAYMENTS_MIN: Final = 10_000


def replayed() -> dict[str, Any]:
    """Carry the payments, run their history again, and return what came out."""
    plan = Plan()
    with tempfile.TemporaryDirectory(prefix="fifteen-proof-") as name:
        servers = Servers(plan, Path(name))
        with servers.running():
            installation = Installation(plan, servers, Path(name))
            with running_roles(installation) as roles:
                carried = measure(installation, roles, LOAD)
            asyncio.run(_create(servers.postgres.superuser_dsn))
            settings = Settings(
                index_key=SecretStr(INDEX_KEY),
                fednow=FedNowSettings(connection_party=SENDER.connection_party, routing_number_severity="warning"),
            )
            configure_logs(role="replay", level="error")
            into = f"{servers.postgres.owner_dsn.rpartition('/')[0]}/{_NAME}"
            clock = SystemClock()
            started_s = clock.monotonic_s()
            outcome = asyncio.run(replay(settings, servers.postgres.application_dsn, into, tell=_tell))
            took_s = clock.monotonic_s() - started_s
    good = outcome.is_good and outcome.payments == carried.accepted >= PAYMENTS_MIN
    return {**outcome.as_json(), "carried": carried.accepted, "seconds": round(took_s, 1), "good": good}


_NAME: Final = "fifteen_replayed"


async def _create(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(f"CREATE DATABASE {_NAME} OWNER fifteen_owner")
    await connection.close()


def _tell(outcome: object) -> None:
    print(outcome, flush=True)


_PAGE: Final = """# Proof: history, run again from its raw messages, comes out the same

{circumstances}
The installation carried the payments; `fifteen replay` then read what is kept of them, judged every message that came
in anew, built every message that left anew, and compared bytes, states, events and postings in a second, empty
database.

{figures}
"""

_SHOWN: Final = ("carried", "payments", "events", "messages", "postings", "diverged_count", "ledger_equal", "seconds")


def page(found: Mapping[str, Any]) -> str:
    """Return the report."""
    return _PAGE.format(
        circumstances=circumstances("make proof (python -m tests.proofs.replay)"),
        figures=table(("figure", "value"), [(name, found[name]) for name in _SHOWN]),
    )


def main() -> None:
    """Run it unless it was run at this commit, and write the report; exits 1 where something came out otherwise."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    found = part("replay", "replay", replayed)
    write("replay", page(found))
    sys.exit(0 if found["good"] else 1)


if __name__ == "__main__":
    main()
