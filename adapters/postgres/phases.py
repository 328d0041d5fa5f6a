"""Expand before, contract after: which migrations may run now, while two releases serve side by side (docs/adr/0020).

A migration is `pre` when code that does not know of it goes on working, `post` when that code does not. So a release
is deployed in this order: its `pre` migrations, its code, the end of the old code, its `post` migrations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, inspect, select, text
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.migrations import HEAD, NEEDED
from adapters.postgres.release_tables import applied_migration, running_release

MIGRATIONS: Final = Path(__file__).parent / "migrations"
"""Where ours are."""

PRESENT_S: Final = 60.0
"""A process that was seen within this time runs; it writes itself down every few seconds."""

FORGOTTEN_AFTER: Final = timedelta(days=1)
"""Rows of processes that ended without a word are removed by then."""


class UpgradeError(Exception):
    """The database cannot be brought up to date; the text says what is missing and who can give it."""


class Phase(StrEnum):
    """When a migration runs in a deployment."""

    PRE = "pre"
    """Before the new code: the old code goes on working."""

    POST = "post"
    """After the old code: it would not work any more."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema's history.

    With `ends_older_code` the new code needs it, and writes from then on what older code cannot read: it runs before
    the new code, and after the end of the old.
    """

    revision: str
    phase: Phase
    ends_older_code: bool = False

    @property
    def is_survived(self) -> bool:
        """Whether code that does not know of it goes on working."""
        return self.phase is Phase.PRE and not self.ends_older_code


@dataclass(frozen=True, slots=True)
class RunningRelease:
    """A process that serves: its role, its release, and the newest migration that it knows of."""

    role: str
    release: str
    revision: str
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """What a database has, what this program would do to it, and who runs on it."""

    revision: str | None
    pending: tuple[Migration, ...]
    running: tuple[RunningRelease, ...]
    taken_away: str | None
    """The first `post` migration that was made and this program does not know of."""

    @property
    def serves(self) -> bool:
        """Whether this program can run on it: what it cannot do without is there, and nothing was taken away."""
        return self.revision is not None and self.revision >= NEEDED and self.taken_away is None

    @property
    def in_the_way(self) -> tuple[RunningRelease, ...]:
        """Who would not survive the pending migrations."""
        ends = [step.revision for step in self.pending if not step.is_survived]
        return tuple(each for each in self.running if ends and each.revision < ends[-1])


def script_config(folder: Path = MIGRATIONS) -> Config:
    """Return alembic's configuration for the migrations in a folder."""
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    return config


@cache
def migrations(folder: Path = MIGRATIONS) -> tuple[Migration, ...]:
    """Return every migration, the first one first."""
    scripts = ScriptDirectory.from_config(script_config(folder)).walk_revisions()
    return tuple(
        Migration(script.revision, Phase(script.module.phase), getattr(script.module, "ends_older_code", False))
        for script in scripts
    )[::-1]


def pending_after(revision: str | None, known: Sequence[Migration]) -> tuple[Migration, ...]:
    """Return what a database at `revision` has yet to get; nothing if it is ahead of this program."""
    return tuple(step for step in known if revision is None or step.revision > revision)


def planned(pending: Sequence[Migration], phase: Phase | None, *, is_empty: bool = False) -> tuple[Migration, ...]:
    """Return which of the pending migrations run now; all of them where no phase is asked for.

    `is_empty`: the database is new, so that no code can be in the way of what comes before the newest `pre`.

    Raises:
        UpgradeError: the order is wrong: something else has to happen first.

    """
    if phase is None:
        return tuple(pending)
    last_pre = max((place for place, step in enumerate(pending, start=1) if step.phase is Phase.PRE), default=0)
    if is_empty and phase is Phase.PRE:
        return tuple(pending[:last_pre])
    leading = 0
    while leading < len(pending) and pending[leading].phase is phase:
        leading += 1
    if phase is Phase.PRE and last_pre > leading:
        raise UpgradeError(
            f"migration {pending[leading].revision} (post) comes before {pending[last_pre - 1].revision} (pre): an "
            "earlier release was not finished. Once nothing older than that release runs: fifteen db upgrade --phase "
            "post, then again --phase pre"
        )
    if phase is Phase.POST and leading == 0 and pending:
        raise UpgradeError(
            f"migration {pending[0].revision} (pre) is missing: first fifteen db upgrade --phase pre, then the new "
            "code, and --phase post when the old code is gone"
        )
    return tuple(pending[:leading])


def demand_no_older_code(connection: Connection, steps: Sequence[Migration], *, now: datetime) -> None:
    """Return when nothing runs that does not know of a migration among `steps` and would not survive it; nothing can
    start either until the transaction ends, since who serves must write itself down first.

    Raises:
        UpgradeError: older code runs.

    """
    ends = [step for step in steps if not step.is_survived]
    if not ends or not inspect(connection).has_table(running_release.name):
        return
    connection.execute(text(f"LOCK TABLE {running_release.name} IN SHARE ROW EXCLUSIVE MODE"))
    older = [each for each in running(connection, now=now) if each.revision < ends[-1].revision]
    if older:
        names = "; ".join(
            f"{each.role} {each.release} (knows {each.revision}, seen {(now - each.seen_at).total_seconds():.0f} s ago)"
            for each in older
        )
        raise UpgradeError(
            f"migration {ends[-1].revision} ({ends[-1].phase}) is not survived by older code, and that still runs: "
            f"{names}. End it, wait for {PRESENT_S:.0f} s, and repeat"
        )


def running(connection: Connection, *, now: datetime) -> tuple[RunningRelease, ...]:
    """Return who serves on this database, the oldest code first."""
    rows = connection.execute(
        running_release.select()
        .where(running_release.c.seen_at > now - timedelta(seconds=PRESENT_S))
        .order_by(running_release.c.revision, running_release.c.role, running_release.c.release)
    )
    return tuple(RunningRelease(row.role, row.release, row.revision, row.seen_at) for row in rows)


def record(connection: Connection, known: Sequence[Migration], *, now: datetime) -> str:
    """Write down what was applied, forget who ended long ago, and return the schema's revision."""
    revision: str = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    if not inspect(connection).has_table(applied_migration.name):
        return revision
    done = [step for step in known if step.revision <= revision]
    # To code that does not know it, whatever it does not survive is a contraction.
    phases = {step.revision: Phase.PRE if step.is_survived else Phase.POST for step in done}
    connection.execute(
        insert(applied_migration).on_conflict_do_nothing(),
        [{"revision": step, "phase": phase.value, "applied_at": now} for step, phase in phases.items()],
    )
    connection.execute(running_release.delete().where(running_release.c.seen_at < now - FORGOTTEN_AFTER))
    return revision


def status(connection: Connection, known: Sequence[Migration], *, now: datetime) -> SchemaStatus:
    """Return what the database has, and what this program would do to it."""
    tables = inspect(connection)
    revision: str | None = None
    if tables.has_table("alembic_version"):
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    present = running(connection, now=now) if tables.has_table(running_release.name) else ()
    taken_away: str | None = None
    if tables.has_table(applied_migration.name):
        is_strange = (applied_migration.c.phase == Phase.POST.value) & (applied_migration.c.revision > HEAD)
        taken_away = connection.execute(select(func.min(applied_migration.c.revision)).where(is_strange)).scalar()
    return SchemaStatus(revision, pending_after(revision, known), present, taken_away)


assert NEEDED <= HEAD, "what a program needs it also knows"
