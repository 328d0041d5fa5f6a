"""The drill's own parts: its table of points, its trap, its dice, and above all its count, fault by fault."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from gateway.cli.application import application
from gateway.cli.drill import evidence
from gateway.cli.drill.chance import Dice
from gateway.cli.drill.plants import SENTENCES, Plant
from gateway.cli.drill.points import POINTS, Stage
from gateway.cli.drill.probe import rail_refusal
from gateway.cli.drill.recount import MOVED, NOT_MOVED, OPEN, Count, recount
from gateway.cli.drill.trap import Arming, Trap
from gateway.cli.drill.witness import Witness
from gateway.domain.events import EventKind
from gateway.domain.payment import PaymentState

# --- the points and the trap ---


def test_there_are_more_than_fifty_points_each_with_a_name_of_its_own_and_a_sentence() -> None:
    """In all five parts of a payment's way."""
    assert len({point.name for point in POINTS}) == len(POINTS) >= 50
    assert all(point.sentence.endswith(".") for point in POINTS)
    assert set(Counter(point.stage for point in POINTS)) == set(Stage)


def test_the_lists_show_every_point_and_every_plant() -> None:
    """What --point and --plant take is what the lists show."""
    points = CliRunner().invoke(application, ["drill", "crash", "--list-points"], env={"COLUMNS": "200"})
    plants = CliRunner().invoke(application, ["drill", "crash", "--list-plants"], env={"COLUMNS": "200"})

    assert all(point.name in points.output for point in POINTS)
    assert all(plant in plants.output for plant in SENTENCES)
    assert set(SENTENCES) == set(Plant)


@pytest.mark.parametrize("arguments", [("--point", "nowhere"), ("--plant", "weed")])
def test_a_point_or_plant_that_does_not_exist_is_refused(arguments: tuple[str, str]) -> None:
    """A slip of the pen must not run a drill that tests nothing."""
    result = CliRunner().invoke(application, ["drill", "crash", *arguments], env={"COLUMNS": "200"})

    assert result.exit_code == 2
    assert "shows them" in result.output


def test_a_trap_kills_its_process_at_the_passage_it_is_set_to() -> None:
    """By SIGKILL, and not before."""
    script = (
        "from gateway.cli.drill.trap import Trap\n"
        "trap = Trap.from_environment()\n"
        "for number in range(5):\n"
        "    trap.passed('relay.before')\n"
        "    trap.passed('send.before')\n"
        "    print(number, flush=True)\n"
    )
    arming = Arming(point="send.before", countdown=3, after_s=0.0)

    result = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **arming.variables()}, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip

    assert result.returncode == -signal.SIGKILL
    assert result.stdout.split() == ["0", "1"]


def test_a_trap_that_is_not_set_or_not_yet_counts_nothing() -> None:
    """An unarmed process lives."""
    Trap(None).passed("send.before")
    later = Trap(Arming(point="send.before", countdown=1, after_s=60.0))

    assert not later.is_due("send.before")


def test_equal_seeds_draw_alike_and_others_do_not() -> None:
    """A failed drill can be had again."""
    draws = [[dice.below(1_000) for _ in range(5)] for dice in (Dice(7, purpose="a"), Dice(7, purpose="a"))]

    assert draws[0] == draws[1]
    assert draws[0] != [Dice(8, purpose="a").below(1_000) for _ in range(5)]
    assert sorted(Dice(7, purpose="b").shuffled(range(9))) == list(range(9))
    assert all(2.0 <= Dice(seed, purpose="c").between(2.0, 3.0) <= 3.0 for seed in range(20))


# --- the witness and the probe ---


def test_the_witness_writes_down_an_acknowledgement_without_an_effect_and_no_other(tmp_path: Path) -> None:
    """Acknowledge after commit, at its own port."""
    witness = Witness(tmp_path / "witness.jsonl")
    witness.had_effect(["first"])

    witness.acknowledged(["first", "second"])

    (line,) = (tmp_path / "witness.jsonl").read_text().splitlines()
    assert json.loads(line)["what"].startswith("second")


def test_a_rail_that_refuses_duplicates_settles_once_and_one_that_does_not_is_seen() -> None:
    """The last guard, at its own port."""
    assert rail_refusal(refuses=True) == []
    assert rail_refusal(refuses=False) != []


# --- the count ---

Rows = list[dict[str, Any]]

GOOD: Final[Mapping[str, Rows]] = {
    evidence.ACKNOWLEDGED: [
        {"number": 1, "key": "K1", "payment_id": "P1", "end_to_end_id": "E1", "state": "SETTLED", "final": True},
        {"number": 2, "key": "K2", "payment_id": "P2", "end_to_end_id": "E2", "state": "RECEIVED", "final": False},
    ],
    evidence.LEDGER: [
        {"fact": "PaymentBooked", "copy": 1, "message_id": "M1", "end_to_end_id": "E1", "status": "ACSC"},
        {"fact": "PaymentCompleted", "copy": 1},
        {"fact": "PaymentBooked", "copy": 2, "message_id": "M2", "end_to_end_id": "E2", "status": "RJCT"},
        {"fact": "PaymentCompleted", "copy": 2},
    ],
    evidence.WITNESS: [],
    "claim": [{"idempotency_key": "K1", "payment_id": "P1"}, {"idempotency_key": "K2", "payment_id": "P2"}],
    "payment": [
        {"payment_id": "P1", "message_id": "M1", "end_to_end_id": "E1", "amount_cents": "5174"},
        {"payment_id": "P2", "message_id": "M2", "end_to_end_id": "E2", "amount_cents": "5174"},
    ],
    "payment_state": [
        {"payment_id": "P1", "state": "SETTLED", "version": "3"},
        {"payment_id": "P2", "state": "REJECTED", "version": "3"},
    ],
    "payment_event": [
        *(
            {
                "payment_id": payment_id,
                "sequence": str(sequence),
                "kind": kind,
                "state_before": before,
                "state_after": after,
                "business_message_id": message_id,
                "contradiction": "f",
            }
            for payment_id, end, told in (("P1", "SETTLED", "Settlement"), ("P2", "REJECTED", "Rejection"))
            for sequence, kind, before, after, message_id in (
                (1, "PaymentAccepted", "", "RECEIVED", ""),
                (2, "SendingStarted", "RECEIVED", "SENDING", f"M-{payment_id}"),
                (3, f"{told}Reported", "SENDING", end, f"R-{payment_id}"),
            )
        )
    ],
    "ledger_posting": [
        {"payment_id": payment_id, "debit": debit, "credit": credit, "amount_cents": "5174"}
        for payment_id, debit, credit in (
            ("P1", "reserved", "funds"),
            ("P1", "rail", "reserved"),
            ("P2", "reserved", "funds"),
            ("P2", "funds", "reserved"),
        )
    ],
    "outbox": [],
    "inbox": [],
    "quarantine": [],
}
"""Two payments as they should be: one settled, one rejected by the rail."""


def counted(directory: Path, changed: Mapping[str, Rows], *, plants: tuple[Plant, ...] = ()) -> Count:
    """The count of what a drill left, with some files changed."""
    for name, rows in {**GOOD, **changed}.items():
        if name.endswith(".jsonl"):
            (directory / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        else:
            columns = GOOD[name][0].keys() if GOOD[name] else ("payment_id", "queue")
            lines = [",".join(columns), *(",".join(str(row.get(column, "")) for column in columns) for row in rows)]
            (directory / f"{name}.csv").write_text("\n".join(lines) + "\n")
    evidence.keep_run(directory, rail_refusal=[], plants=list(plants))
    return recount(directory)


def replaced(name: str, index: int, **values: Any) -> Mapping[str, Rows]:
    """One row of one file with other values."""
    rows = [dict(row) for row in GOOD[name]]
    rows[index] |= values
    return {name: rows}


def without(name: str, index: int) -> Mapping[str, Rows]:
    """A file without one of its rows."""
    return {name: [row for place, row in enumerate(GOOD[name]) if place != index]}


def test_a_drill_that_left_everything_as_it_should_be_is_good(tmp_path: Path) -> None:
    """What the faults below are made from."""
    count = counted(tmp_path, {})

    assert count.is_good
    assert (count.acknowledged, count.settled, count.rejected, count.in_doubt) == (2, 1, 1, 0)


FAULTS: Final[tuple[tuple[str, str, Mapping[str, Rows]], ...]] = (
    ("an acknowledged payment that is not there", "lost", {**without("claim", 1), **without("payment", 1)}),
    ("an acknowledged payment without a claim", "lost", without("claim", 1)),
    ("an acknowledged payment under another id", "lost", replaced("claim", 0, payment_id="P2")),
    ("a payment without a state", "lost", without("payment_state", 1)),
    ("settled by the rail, rejected here", "lost", replaced("payment_state", 0, state="REJECTED")),
    ("settled by the rail, unknown here", "lost", replaced("payment", 0, end_to_end_id="E9")),
    ("one key, two payments", "doubled", {"claim": [*GOOD["claim"], {"idempotency_key": "K1", "payment_id": "P2"}]}),
    ("one reference, two payments", "doubled", replaced("payment", 1, end_to_end_id="E1")),
    (
        "two copies on the rail",
        "doubled",
        {evidence.LEDGER: [*GOOD[evidence.LEDGER], {**GOOD[evidence.LEDGER][2], "copy": 3}]},
    ),
    ("a payment in doubt", "stuck", replaced("payment_state", 1, state="IN_DOUBT")),
    ("a payment that was never sent", "stuck", replaced("payment_state", 1, state="RECEIVED")),
    ("a delivery that never left", "stuck", {"outbox": [{"payment_id": "P1", "queue": "q"}]}),
    ("rejected by the rail, settled here", "wrong", replaced("payment_state", 1, state="SETTLED")),
    ("told settled, now rejected", "wrong", replaced(evidence.ACKNOWLEDGED, 1, state="SETTLED", final=True)),
    ("refused to its client", "wrong", replaced(evidence.ACKNOWLEDGED, 1, fault="refused with 422")),
    ("a state that its events do not make", "wrong", replaced("payment_state", 0, version="4")),
    ("a settlement that is not booked", "wrong", without("ledger_posting", 1)),
    ("a rejection that is not given back", "wrong", without("ledger_posting", 3)),
    ("a posting of another amount", "wrong", replaced("ledger_posting", 1, amount_cents="5175")),
    ("a contradiction of the rail", "wrong", replaced("payment_event", 2, contradiction="t")),
)


@pytest.mark.parametrize(("fault", "kind", "changed"), FAULTS, ids=[name for name, _, _ in FAULTS])
def test_each_fault_is_seen_and_counted_as_what_it_is(
    tmp_path: Path, fault: str, kind: str, changed: Mapping[str, Rows]
) -> None:
    """A count that cannot fail proves nothing."""
    count = counted(tmp_path, changed)

    assert not count.is_good, fault
    assert count.as_json()[kind] > 0, fault


BREAKS: Final[tuple[tuple[str, Plant, Mapping[str, Rows]], ...]] = (
    ("an event on a state that was gone", Plant.VERSION_CHECK, replaced("payment_event", 2, state_before="RECEIVED")),
    ("an event that is missing", Plant.VERSION_CHECK, without("payment_event", 1)),
    ("a history without a beginning", Plant.VERSION_CHECK, without("payment_event", 0)),
    (
        "a message that counted twice",
        Plant.INBOX,
        {
            "payment_event": [
                *GOOD["payment_event"],
                {**GOOD["payment_event"][2], "sequence": "4", "state_before": "SETTLED"},
            ]
        },
    ),
    (
        "an acknowledgement before its effect",
        Plant.ACK_BEFORE_COMMIT,
        {evidence.WITNESS: [{"invariant": "ack-before-commit", "what": "x"}]},
    ),
    ("what was acknowledged is gone", Plant.SYNCHRONOUS_COMMIT, without("claim", 1)),
)


@pytest.mark.parametrize(("fault", "invariant", "changed"), BREAKS, ids=[name for name, _, _ in BREAKS])
def test_each_broken_invariant_is_seen(
    tmp_path: Path, fault: str, invariant: Plant, changed: Mapping[str, Rows]
) -> None:
    """Each guard's own invariant, whatever the other guards still hold off."""
    count = counted(tmp_path, changed, plants=(invariant,))

    assert count.violations[invariant], fault


def test_the_count_knows_every_state_and_every_event_that_the_rail_causes() -> None:
    """It names them by itself, so as to be independent: a new one must be named here too."""
    heard = {kind for kind in EventKind if kind.value.endswith(("Reported", "Refused", "Unexplained", "Unanswered"))}

    assert {state.value for state in PaymentState} == MOVED | NOT_MOVED | OPEN
    assert EventKind.SETTLEMENT_REPORTED in heard
    assert EventKind.SENDING_STARTED not in heard


def test_counting_what_is_not_there_says_so(tmp_path: Path) -> None:
    """A directory that no drill has left."""
    result = CliRunner().invoke(application, ["drill", "recount", str(tmp_path)], env={"COLUMNS": "200"})

    assert result.exit_code == 2
    assert "is missing" in result.output
