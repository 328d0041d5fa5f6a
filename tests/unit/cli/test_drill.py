"""The drill's own parts: its table of points, its trap, its dice, and above all its count, fault by fault."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from typer.testing import CliRunner

from adapters.system import SystemClock
from gateway.cli.application import application
from gateway.cli.drill import evidence, rejections
from gateway.cli.drill.chance import Dice
from gateway.cli.drill.outages import EVERY_WORKER, Outage, Outages
from gateway.cli.drill.plants import SENTENCES, Plant
from gateway.cli.drill.points import POINTS, Stage
from gateway.cli.drill.probe import rail_refusal
from gateway.cli.drill.recount import MOVED, NOT_MOVED, OPEN, Count, recount
from gateway.cli.drill.rejections import disturbed, longest_calm_s
from gateway.cli.drill.trap import Arming, Trap
from gateway.cli.drill.witness import Witness
from gateway.domain.events import EventKind
from gateway.domain.payment import PaymentState, ReasonOrigin

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


def test_the_witness_writes_down_an_outbox_row_that_goes_before_the_bus_has_its_delivery(tmp_path: Path) -> None:
    """Forget after confirm, at its own port; that a delivery was handled says nothing of the bus of this process."""
    witness = Witness(tmp_path / "witness.jsonl")
    published, lost = UUID(int=1), UUID(int=2)
    witness.published([published])
    witness.had_effect([str(lost)])

    witness.forgotten([published, lost])

    (line,) = map(json.loads, (tmp_path / "witness.jsonl").read_text().splitlines())
    assert line["invariant"] == Plant.OUTBOX
    assert str(lost) in line["what"]


def test_a_rail_that_refuses_duplicates_settles_once_and_one_that_does_not_is_seen() -> None:
    """The last guard, at its own port."""
    assert rail_refusal(refuses=True) == []
    assert rail_refusal(refuses=False) != []


# --- the count ---

Rows = list[dict[str, Any]]

AT: Final = "2026-11-23 12:00:00+00"
"""When everything happens in the good drill; PostgreSQL writes it so."""

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
        {"payment_id": "P1", "message_id": "M1", "end_to_end_id": "E1", "amount_cents": "5174", "accepted_at": AT},
        {"payment_id": "P2", "message_id": "M2", "end_to_end_id": "E2", "amount_cents": "5174", "accepted_at": AT},
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
                "reason_code": "AC04" if after == "REJECTED" else "",
                "reason_origin": "rail" if after == "REJECTED" else "",
                "business_message_id": message_id,
                "contradiction": "f",
                "at": AT,
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
    "dead_letter": [],
    evidence.QUEUES: [{"name": "fifteen.dead-letters", "messages": "0"}, {"name": "fifteen.out", "messages": "3"}],
    "inbox": [],
    "quarantine": [],
}
"""Two payments as they should be: one settled, one rejected by the rail."""


def counted(
    directory: Path, changed: Mapping[str, Rows], *, plants: tuple[Plant, ...] = (), outages: Sequence[Outage] = ()
) -> Count:
    """The count of what a drill left, with some files changed."""
    for name, rows in {**GOOD, **changed}.items():
        if name.endswith(".jsonl"):
            (directory / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        else:
            columns = GOOD[name][0].keys() if GOOD[name] else ("payment_id", "queue", "delivery_id", "reason", "fault")
            lines = [",".join(columns), *(",".join(str(row.get(column, "")) for column in columns) for row in rows)]
            (directory / f"{name}.csv").write_text("\n".join(lines) + "\n")
    told = [outage.as_json() for outage in outages]
    evidence.keep_run(
        directory,
        rail_refusal=[],
        plants=list(plants),
        outages=told,
        kills=0,
        seed=7,
        server_kills={},
        kills_by_point={},
        ended=[],
    )
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


def second(after_s: float) -> datetime:
    """So long after everything else."""
    return datetime.fromisoformat(AT) + timedelta(seconds=after_s)


def expired_unsent(*, after_s: float, kind: str = "DeadlinePassed") -> Mapping[str, Rows]:
    """The second payment was never sent, and the gateway rejected it so long after it was accepted."""
    (accepted,) = [row for row in GOOD["payment_event"] if row["payment_id"] == "P2" and row["sequence"] == "1"]
    rejected = {
        **accepted, "sequence": "2", "kind": kind, "state_before": "RECEIVED", "state_after": "REJECTED",
        "reason_code": "AB11", "reason_origin": "gateway", "at": second(after_s),
    }  # fmt: skip
    return {
        "payment_event": [*(row for row in GOOD["payment_event"] if row["payment_id"] == "P1"), accepted, rejected],
        **replaced("payment_state", 1, version="2"),
        evidence.LEDGER: GOOD[evidence.LEDGER][:2],
    }


def unknown_to_the_rail() -> Mapping[str, Rows]:
    """The second payment was being sent, and the rail says that it has no such message: nor has it any trace of it."""
    rows = [dict(row) for row in GOOD["payment_event"]]
    rows[-1] |= {"kind": "NotFoundReported", "reason_code": "E400", "at": second(5)}
    return {"payment_event": rows, evidence.LEDGER: GOOD[evidence.LEDGER][:2]}


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
    ("a delivery that died", "stuck", {"dead_letter": [{"payment_id": "P1", "queue": "q", "reason": "broker"}]}),
    ("a dead letter on the broker", "stuck", replaced(evidence.QUEUES, 0, messages="1")),
    ("a queue that does not tell", "stuck", replaced(evidence.QUEUES, 0, messages="")),
    ("expired unsent, in calm", "stuck", expired_unsent(after_s=15)),
    ("taken off its way after SENDING, in calm", "stuck", unknown_to_the_rail()),
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
    ("an outbox row that is gone", Plant.OUTBOX, {evidence.WITNESS: [{"invariant": "outbox", "what": "x"}]}),
    ("what was acknowledged is gone", Plant.SYNCHRONOUS_COMMIT, without("claim", 1)),
)


@pytest.mark.parametrize(("fault", "invariant", "changed"), BREAKS, ids=[name for name, _, _ in BREAKS])
def test_each_broken_invariant_is_seen(
    tmp_path: Path, fault: str, invariant: Plant, changed: Mapping[str, Rows]
) -> None:
    """Each guard's own invariant, whatever the other guards still hold off."""
    count = counted(tmp_path, changed, plants=(invariant,))

    assert count.violations[invariant], fault


EXCUSES: Final[tuple[tuple[str, Mapping[str, Rows], Outage], ...]] = (
    ("every worker was down", expired_unsent(after_s=15), Outage(EVERY_WORKER, second(1), second(6.5))),
    ("a server was down", expired_unsent(after_s=15, kind="SendingAbandoned"), Outage("q", second(-9), second(6.5))),
    ("the sender died", unknown_to_the_rail(), Outage("worker-0", second(0.9), second(0.9))),
)


@pytest.mark.parametrize(("why", "changed", "outage"), EXCUSES, ids=[why for why, _, _ in EXCUSES])
def test_what_never_reached_the_rail_is_no_fault_where_an_outage_kept_it(
    tmp_path: Path, why: str, changed: Mapping[str, Rows], outage: Outage
) -> None:
    """It is told apart all the same; and a moment's outage at another time excuses nothing."""
    excused = counted(tmp_path, changed, outages=[outage])
    elsewhere = counted(tmp_path, changed, outages=[Outage(outage.what, second(60), second(61))])

    assert excused.is_good, why
    assert len(excused.unsent) == len(elsewhere.unsent) == len(elsewhere.stuck) == 1


def test_what_the_rail_was_told_to_lose_needs_no_excuse(tmp_path: Path) -> None:
    """The rail's ledger has a trace of it: the message has come."""
    lost = {"fact": "Judged", "copy": 2, "verdict": "lost", "message_id": "M2"}
    changed = unknown_to_the_rail()

    count = counted(tmp_path, {**changed, evidence.LEDGER: [*changed[evidence.LEDGER], lost]})

    assert count.is_good
    assert count.unsent == []
    assert count.rejections == {"rail E400 NotFoundReported": 1}


@pytest.mark.parametrize(
    ("outages", "calm_s"),
    [
        ([], 15.0),
        ([(-20, -8)], 15.0),
        ([(-20, -2)], 10.0),
        ([(3, 3)], 5.0),
        ([(1, 1), (4, 4), (9, 20)], 1.0),
        ([(0, 30), (2, 2)], 0.0),
    ],
)
def test_a_calm_is_what_no_outage_and_no_recovery_from_one_touches(
    outages: list[tuple[float, float]], calm_s: float
) -> None:
    """The longest in a row, within the life of a payment of 15 s."""
    told = [Outage("postgres", second(since), second(until)).as_json() for since, until in outages]

    assert longest_calm_s((second(0), second(15)), disturbed(told)) == calm_s


class SetClock(SystemClock):
    """A clock that shows what it is set to, in seconds."""

    now_s = 0.0

    def now(self) -> datetime:
        """Return what it is set to."""
        return second(self.now_s)


def test_outages_are_measured_from_the_kill_until_somebody_serves_again() -> None:
    """A worker's death is a moment while another is ready; without any it lasts until the first is."""
    clock = SetClock()
    outages = Outages(clock)
    for name in ("worker-0", "worker-1"):
        outages.worker_ready(name)

    for at_s, tell, what in (
        (1.0, outages.worker_died, "worker-0"),
        (2.0, outages.began, "postgres"),
        (3.0, outages.worker_died, "worker-1"),
        (4.0, outages.ended, "postgres"),
        (5.0, outages.worker_ready, "worker-0"),
        (6.0, outages.ended, "postgres"),
        (7.0, outages.began, "rabbitmq"),
    ):
        clock.now_s = at_s
        tell(what)
    clock.now_s = 9.0

    assert outages.so_far() == [
        Outage("worker-0", second(1), second(1)),
        Outage("postgres", second(2), second(4)),
        Outage("worker-1", second(3), second(3)),
        Outage(EVERY_WORKER, second(3), second(5)),
        Outage("rabbitmq", second(7), second(9)),
    ]


def test_the_count_knows_every_state_and_every_event_that_the_rail_causes() -> None:
    """It names them by itself, so as to be independent: a new one must be named here too."""
    heard = {kind for kind in EventKind if kind.value.endswith(("Reported", "Refused", "Unexplained", "Unanswered"))}

    assert {state.value for state in PaymentState} == MOVED | NOT_MOVED | OPEN
    assert EventKind.SETTLEMENT_REPORTED in heard
    assert EventKind.SENDING_STARTED not in heard
    assert {rejections.NOT_FOUND, rejections.SENDING} <= set(EventKind)
    assert rejections.GATEWAY in set(ReasonOrigin)


def test_the_keys_are_the_agreed_ones_and_why_payments_are_rejected_is_told_beside_them(tmp_path: Path) -> None:
    """Who reads the numbers by program finds what was agreed, and nothing in between."""
    counted(tmp_path, expired_unsent(after_s=15))

    result = CliRunner().invoke(application, ["drill", "recount", str(tmp_path), "--json"])

    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert list(told) == [
        *("acknowledged", "settled", "rejected", "in_doubt", "lost", "doubled", "stuck", "kills", "seed"),
        *("wrong", "violations", "server_kills", "kills_by_point", "ended", "plants", "shown"),
    ]
    assert told["stuck"] == 1
    assert "P2: gateway AB11 DeadlinePassed; of its time 15.0 s in a row were calm" in result.stderr
    assert "rejected: 1 by gateway AB11 DeadlinePassed" in result.stderr


def test_counting_what_is_not_there_says_so(tmp_path: Path) -> None:
    """A directory that no drill has left."""
    result = CliRunner().invoke(application, ["drill", "recount", str(tmp_path)], env={"COLUMNS": "200"})

    assert result.exit_code == 2
    assert "is missing" in result.output


@pytest.mark.parametrize(
    ("name", "whole", "damaged", "said"),
    [
        ("payment.csv", "amount_cents", "amount", "payment.csv, line 2, is damaged: it has no amount_cents"),
        ("payment.csv", ",5174,", ",51?4,", "payment.csv, line 2, is damaged: amount_cents cannot be read"),
        ("payment_state.csv", "P2,REJECTED,3", "P2,REJ", "payment_state.csv, line 3, is damaged: it has not the 3"),
        (evidence.ACKNOWLEDGED, '"state": "SETTLED"', '"state": "SET"', "there is no state SET"),
        (evidence.ACKNOWLEDGED, '"final": false}', "", "acknowledged.jsonl, line 2, is damaged: it is no JSON"),
        (evidence.LEDGER, '"copy": 2, ', "", "rail-ledger.jsonl, line 3, is damaged: it has no copy"),
        (evidence.RUN, '"outages"', '"outage"', "run.json is damaged: it has no outages"),
    ],
)
def test_a_damaged_file_is_named_with_its_place_and_the_remedy(
    tmp_path: Path, name: str, whole: str, damaged: str, said: str
) -> None:
    """No traceback, and never a count of what is left. The control: the same files, whole, are counted."""
    assert counted(tmp_path, {}).is_good
    file = tmp_path / name
    assert whole in file.read_text()
    file.write_text(file.read_text().replace(whole, damaged))

    result = CliRunner().invoke(application, ["drill", "recount", str(tmp_path)], env={"COLUMNS": "900"})

    assert (result.exit_code, type(result.exception)) == (2, SystemExit)
    assert said in result.output
    assert "or drill again with --keep" in result.output


def test_a_payment_whose_state_is_gone_is_lost_and_no_fault_of_the_count(tmp_path: Path) -> None:
    """The row is whole lines short: nothing is damaged that could be told from what was lost."""
    assert counted(tmp_path, {"payment_state": GOOD["payment_state"][1:]}).lost == ["P1: it has no state"]
