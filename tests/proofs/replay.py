"""Ten thousand archived payments, run again from what is kept of them: ``python -m tests.proofs.replay``.

A whole installation carries them; their messages are moved to the archive and leave the database; then their history is
read from both, and run again into an empty database; the report is docs/proofs/replay.md.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import secrets
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import asyncpg
from pydantic import SecretStr

from adapters.postgres.audit import open_audit_reader
from adapters.system import SystemClock
from adapters.telemetry.logs import configure_logs
from gateway.cli.archive import verdicts_of
from gateway.cli.bench.measure import Load, measure
from gateway.cli.installation import INDEX_KEY, SENDER, Installation, Plan, Servers, running_roles
from gateway.cli.replay import replay
from gateway.domain.payment import RegionId
from gateway.service.verify_audit import verify
from gateway.settings import FedNowSettings, Settings
from tests.archiving import move_to_archive
from tests.proofs.report import circumstances, part, table, write

LOAD: Final = Load(rate=150.0, seconds=75, warmup_s=0)
PAYMENTS_MIN: Final = 10_000


def replayed() -> dict[str, Any]:
    """Carry the payments, run their history again, and return what came out."""
    with tempfile.TemporaryDirectory(prefix="fifteen-proof-") as name:
        archive, keys = Path(name) / "archive", Path(name) / "keys"
        archive.mkdir()
        keys.write_text(f"proof {base64.b64encode(secrets.token_bytes(32)).decode()}\n")
        keys.chmod(0o600)
        plan = Plan(settings={"FIFTEEN_KEYS_FILE": str(keys), "FIFTEEN_ARCHIVE_URL": archive.as_uri()})
        servers = Servers(plan, Path(name))
        with servers.running():
            installation = Installation(plan, servers, Path(name))
            with running_roles(installation) as roles:
                carried = measure(installation, roles, LOAD)
            asyncio.run(_create(servers.postgres.superuser_dsn))
            settings = Settings(
                index_key=SecretStr(INDEX_KEY),
                fednow=FedNowSettings(connection_party=SENDER.connection_party, routing_number_severity="warning"),
                keys_file=keys,
                archive_url=archive.as_uri(),
            )
            configure_logs(role="replay", level="error")
            postgres = servers.postgres
            moved = asyncio.run(move_to_archive(settings, postgres.application_dsn, postgres.owner_dsn))
            size = sum(file.stat().st_size for file in archive.rglob("*.segment"))
            audited = asyncio.run(_audited(settings, postgres.application_dsn))
            into = f"{servers.postgres.owner_dsn.rpartition('/')[0]}/{_NAME}"
            clock = SystemClock()
            started_s = clock.monotonic_s()
            outcome = asyncio.run(replay(settings, servers.postgres.application_dsn, into, tell=_tell))
            took_s = clock.monotonic_s() - started_s
    is_all_archived = moved.messages == outcome.messages and not audited
    good = outcome.is_good and is_all_archived and outcome.payments == carried.accepted >= PAYMENTS_MIN
    told = {"archived_messages": moved.messages, "archive_objects": moved.segments, "archive_bytes": size}
    return {
        **outcome.as_json(),
        **told,
        "carried": carried.accepted,
        "audit_violations": audited,
        "seconds": round(took_s, 1),
        "good": good,
    }


async def _audited(settings: Settings, dsn: str) -> int:
    """How many things do not fit, in the chains of a database without messages, and in the archive."""
    async with open_audit_reader(dsn) as reader:
        trail = await verify(reader, (), local=RegionId(settings.region))
    assert trail.archived_messages == trail.messages
    verdicts = await verdicts_of(settings, dsn, now=SystemClock().now())
    return trail.violations_count + sum(len(verdict.violations) for verdict in verdicts)


_NAME: Final = "fifteen_replayed"


async def _create(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(f"CREATE DATABASE {_NAME} OWNER fifteen_owner")
    await connection.close()


def _tell(outcome: object) -> None:
    print(outcome, flush=True)


_PAGE: Final = """# Proof: history, run again from its raw messages, comes out the same

{circumstances}
The installation carried the payments, with messages encrypted by a key file. All of them were then moved to an archive,
here a directory, and their month was dropped from the database: not one was left in it. `fifteen replay` read what is
kept of the payments from database and archive, judged every message that came in anew, built every message that left
anew, and compared bytes, states, events with their digests, and postings in a second, empty database.

{figures}
"""

_SHOWN: Final = (
    *("carried", "archived_messages", "archive_objects", "archive_bytes", "audit_violations"),
    *("payments", "events", "messages", "postings", "diverged_count", "ledger_equal", "seconds"),
)


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
