"""Expand before, contract after: which migrations may run in which part of a deployment."""

from __future__ import annotations

import re

import pytest

from adapters.postgres.migrations import HEAD, NEEDED
from adapters.postgres.phases import Migration, Phase, UpgradeError, migrations, pending_after, planned


def steps(text: str) -> tuple[Migration, ...]:
    """Migrations from a line such as ``0010:pre 0011:post``."""
    pairs = (word.split(":") for word in text.split())
    return tuple(Migration(revision, Phase(phase)) for revision, phase in pairs)


def test_what_older_code_would_misread_ends_it() -> None:
    """Returns, screening, liquidity, what the other region said, receipts; the others are as their phase says."""
    ending = [step.revision for step in migrations() if step.ends_older_code]

    assert ending == ["0013", "0017", "0020", "0025", "0028"]
    assert not Migration("0013", Phase.PRE, ends_older_code=True).is_survived
    assert [Migration("9", phase).is_survived for phase in Phase] == [True, False]


def test_every_migration_says_its_phase_and_grows_in_number() -> None:
    """Revisions are compared as text, by programs that do not know them all."""
    known = migrations()

    assert [step.revision for step in known] == sorted({step.revision for step in known})
    assert all(re.fullmatch(r"\d{4}", step.revision) for step in known)


def test_what_the_program_knows_and_needs_is_what_the_migrations_say() -> None:
    """A running program does not read the scripts: two constants stand for them."""
    known = migrations()

    assert known[-1].revision == HEAD
    assert [step.revision for step in known if step.phase is Phase.PRE][-1] == NEEDED


@pytest.mark.parametrize(
    ("pending", "phase", "runs"),
    [
        ("", Phase.PRE, ""),
        ("", Phase.POST, ""),
        ("0010:pre 0011:pre", Phase.PRE, "0010 0011"),
        ("0010:pre 0011:post", Phase.PRE, "0010"),
        ("0011:post", Phase.PRE, ""),
        ("0011:post 0012:post", Phase.POST, "0011 0012"),
        ("0011:post 0012:pre", Phase.POST, "0011"),
        ("0010:pre 0011:post 0012:pre", None, "0010 0011 0012"),
    ],
)
def test_a_phase_runs_its_own_migrations_and_no_others(pending: str, phase: Phase | None, runs: str) -> None:
    """Whatever comes next in the history and is of this phase."""
    assert [step.revision for step in planned(steps(pending), phase)] == runs.split()


@pytest.mark.parametrize(
    ("pending", "phase", "remedy"),
    [
        ("0010:post 0011:pre", Phase.PRE, "0010 .post. comes before 0011 .pre.*--phase post"),
        ("0010:pre 0011:post 0012:pre", Phase.PRE, "0011 .post. comes before 0012"),
        ("0010:pre 0011:post", Phase.POST, "0010 .pre. is missing.*--phase pre"),
    ],
)
def test_a_wrong_order_is_refused_with_what_comes_first(pending: str, phase: Phase, remedy: str) -> None:
    """The history is one line: nothing is skipped, nothing overtakes."""
    with pytest.raises(UpgradeError, match=remedy):
        planned(steps(pending), phase)


def test_a_new_database_gets_all_that_the_program_needs() -> None:
    """Nothing can be in the way of a contraction where nothing ever ran."""
    assert planned(steps("0001:pre 0002:post 0003:pre 0004:post"), Phase.PRE, is_empty=True) == steps(
        "0001:pre 0002:post 0003:pre"
    )


def test_a_database_ahead_of_the_program_has_nothing_pending() -> None:
    """Old code after the new release's `pre` migrations."""
    known = steps("0001:pre 0002:pre")

    assert pending_after("0003", known) == ()
    assert pending_after("0001", known) == known[1:]
    assert pending_after(None, known) == known
