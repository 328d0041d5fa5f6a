"""What a drill of two regions has kept is counted again, from the files alone; and what is missing in them shows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from gateway.cli.application import application
from gateway.cli.drill.evidence import ACKNOWLEDGED, LEDGER, RUN, keep_run
from gateway.cli.drill.region.arrivals import AMOUNT_CENTS
from gateway.cli.drill.region.count import Result
from gateway.cli.drill.region.keeping import CREDITED
from gateway.cli.drill.region.recount import recounted

KEY: Final = "cut-7-1"
REGIONS: Final = ("use1", "usw2")
TOLD: Final = [{"scenario": "cut", "key": KEY, "payment_id": "P1", "region": "use1"}]
RAIL: Final[Sequence[Mapping[str, Any]]] = [
    {"fact": "PaymentBooked", "copy": 1, "message_id": "M1", "status": "ACSC", "amount": 100},
    {"fact": "PaymentCompleted", "copy": 1},
    {"fact": "TransferForwarded", "message_id": "M2", "amount": AMOUNT_CENTS},
    {"fact": "ReceiverAnswered", "message_id": "M2", "status": "ACTC"},
    {"fact": "ForwardingCompleted", "message_id": "M2", "status": "ACSC"},
]
TABLES: Final = {
    "claim": [
        "tenant_id,idempotency_key,payment_id,business_date,region,epoch,claimed_at",
        f"demo,{KEY},P1,2026-11-23,use1,1,2026-11-23 12:00:00.25+00",
    ],
    "payment": ["payment_id,tenant_id,region,message_id", "P1,demo,use1,M1"],
    "payment_state": ["payment_id,state,version,epoch", "P1,SETTLED,5,1"],
    "payment_event": [
        "payment_id,epoch,sequence,kind,state_before,state_after",
        "P1,1,1,PaymentAccepted,,RECEIVED",
        "P1,1,2,SendingStarted,RECEIVED,SENDING",
        "P1,1,3,AnswerTimePassed,SENDING,IN_DOUBT",
        "P1,1,4,StatusRequested,IN_DOUBT,IN_DOUBT",
        "P1,1,5,SettlementReported,IN_DOUBT,SETTLED",
    ],
    "incoming_transfer": ["payment_id,region,message_id", "T1,usw2,M2"],
    "incoming_state": ["payment_id,state,version,epoch", "T1,POSTED,4,1"],
    "booked": ["message_id,cents", "M1,100", f"M2,-{AMOUNT_CENTS}"],
}
"""One payment that was asked about and has settled, and one transfer that was posted; the same in both regions."""


def kept(directory: Path) -> Path:
    """A scenario as a drill leaves it, in which all is well."""
    scenario = directory / "cut"
    for region in REGIONS:
        (scenario / region).mkdir(parents=True)
        for name, lines in TABLES.items():
            (scenario / region / f"{name}.csv").write_text("".join(f"{line}\n" for line in lines))
    for name, rows in ((ACKNOWLEDGED, TOLD), (LEDGER, RAIL)):
        (scenario / name).write_text("".join(f"{json.dumps(row, separators=(',', ':'))}\n" for row in rows))
    (scenario / CREDITED).write_text(json.dumps({"T1": AMOUNT_CENTS}))
    run = Result("cut", 7).seen()
    keep_run(scenario, **run, prefix="cut-7", regions=REGIONS, refused={}, brought=["M2"], tables=[], books=[])
    return scenario


def without_line(file: Path, number: int) -> None:
    """Take one line out of a file."""
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:number] + lines[number + 1 :]))


def test_what_was_kept_is_counted(tmp_path: Path) -> None:
    """The control of those below."""
    result = recounted(kept(tmp_path))

    assert result.is_good
    assert (result.acknowledged, result.accounted, result.received, result.in_doubt_resolved) == (2, 2, 1, 1)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        (LEDGER, 1),
        (LEDGER, 4),
        ("use1/claim.csv", 1),
        ("usw2/claim.csv", 1),
        ("use1/payment.csv", 1),
        ("usw2/payment_state.csv", 1),
        ("use1/incoming_transfer.csv", 1),
        ("usw2/incoming_state.csv", 1),
        ("use1/booked.csv", 1),
        ("usw2/booked.csv", 2),
    ],
)
def test_a_line_that_is_missing_is_noticed(tmp_path: Path, name: str, number: int) -> None:
    """Whatever a region or the rail does not have breaks a promise, and is told."""
    scenario = kept(tmp_path)
    without_line(scenario / name, number)

    result = recounted(scenario)

    assert not result.is_good
    assert result.remarks


@pytest.mark.parametrize(("name", "number"), [(ACKNOWLEDGED, 0), (LEDGER, 3)])
def test_an_acknowledgement_that_is_missing_changes_the_count(tmp_path: Path, name: str, number: int) -> None:
    """Nobody, client or rail, can miss what they were not told; but the figure is another."""
    scenario = kept(tmp_path)
    without_line(scenario / name, number)

    assert recounted(scenario).acknowledged == 1


@pytest.mark.parametrize(
    ("events", "resolved"),
    [
        (["StatusRequested,IN_DOUBT,IN_DOUBT", "ResendingChosen,IN_DOUBT,RESEND_DUE"], 1),
        (["SettlementReported,IN_DOUBT,SETTLED"], 0),
        (["SettlementReported,IN_DOUBT,SETTLED", "StatusRequested,SETTLED,SETTLED"], 0),
        (
            ["StatusRequested,IN_DOUBT,IN_DOUBT", "TakenOver,IN_DOUBT,IN_DOUBT", "SettlementReported,IN_DOUBT,SETTLED"],
            0,
        ),
        (["StatusRequested,IN_DOUBT,IN_DOUBT"], 0),
    ],
)
def test_only_a_doubt_that_ended_after_a_question_about_it_is_resolved_by_asking(
    tmp_path: Path, events: Sequence[str], resolved: int
) -> None:
    """What the rail says by itself, asked before a takeover or not asked at all, is not to the question's credit."""
    scenario = kept(tmp_path)
    lines = [*TABLES["payment_event"][:4], *(f"P1,1,{number},{each}" for number, each in enumerate(events, start=4))]
    (scenario / "use1" / "payment_event.csv").write_text("".join(f"{line}\n" for line in lines))

    assert recounted(scenario).in_doubt_resolved == resolved


@pytest.mark.parametrize(
    ("epoch", "state_before", "unsettled"),
    [(3, "RECEIVED", 1), (2, "RECEIVED", 0), (4, "RECEIVED", 0), (3, "IN_DOUBT", 0)],
)
def test_a_transfer_that_was_undecided_in_a_planned_hand_over_and_timed_out_is_told(
    tmp_path: Path, epoch: int, state_before: str, unsettled: int
) -> None:
    """It is accounted for, as no money moved; it is seen all the same. What a takeover has left so is not."""
    scenario = kept(tmp_path)
    with (scenario / "use1" / "payment_event.csv").open("a") as file:
        file.write(f"T1,{epoch},2,TakenOver,{state_before},IN_DOUBT\n")
    for region in REGIONS:
        without_line(scenario / region / "booked.csv", 2)
        (scenario / region / "incoming_state.csv").write_text("payment_id,state,version,epoch\nT1,NOT_SETTLED,3,3\n")
    (scenario / CREDITED).write_text("{}")
    (scenario / LEDGER).write_text(
        (scenario / LEDGER).read_text().replace('"M2","status":"ACSC"', '"M2","status":"RJCT"')
    )
    run = json.loads((scenario / RUN).read_text())
    (scenario / RUN).write_text(json.dumps({**run, "handed_back_from": 2}))

    result = recounted(scenario)

    assert result.is_good, result.remarks
    assert result.unsettled_in_hand_over == result.whole()["unsettled_in_hand_over"] == unsettled


def test_the_command_counts_again_what_a_drill_of_two_regions_has_kept(tmp_path: Path) -> None:
    """As `fifteen drill region` prints it, with its exit code."""
    scenario = kept(tmp_path)
    good = CliRunner().invoke(application, ["drill", "recount", str(tmp_path), "--json"])
    without_line(scenario / "use1" / "claim.csv", 1)
    bad = CliRunner().invoke(application, ["drill", "recount", str(tmp_path), "--json"])

    assert good.exit_code == 0
    assert json.loads(good.stdout) == [recounted(kept(tmp_path / "again")).as_json()]
    assert bad.exit_code == 1
    assert json.loads(bad.stdout)[0]["accounted"] == 1


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    """What is not there cannot be counted."""
    (kept(tmp_path) / CREDITED).unlink()

    result = CliRunner().invoke(application, ["drill", "recount", str(tmp_path)], env={"COLUMNS": "200"})

    assert result.exit_code == 2
    assert "is missing" in result.output


def test_what_was_seen_is_read_back_as_it_was() -> None:
    """Field by field: what was forgotten on either side would be counted as if nothing had been."""
    seen = Result(
        "killed", 7,
        is_synchronous=True, unknown={"key"}, missed={"transfer"}, rto_s=1.5, open=2,
        errors_in_hand_over=3, lapses_in_hand_over=4, handed_back_from=5,
        moved_at=datetime(2026, 11, 20, 15, 15, tzinfo=UTC), stale=["late"], timely=["timely"], wrong=["wrong"],
    )  # fmt: skip

    assert Result.of({**json.loads(json.dumps(seen.seen())), "refused": {}}) == seen


@pytest.mark.parametrize(
    ("name", "whole", "damaged", "said"),
    [
        (LEDGER, '"copy":', '"copies":', "rail-ledger.jsonl is damaged: a line, or a member, about 'copy'"),
        (ACKNOWLEDGED, '"payment_id"', '"payment"', "acknowledged.jsonl, line 1, is damaged: it has no payment_id"),
        ("use1/claim.csv", "12:00:00.25+00", "12:", "claim.csv, line 2, is damaged: claimed_at cannot be read"),
        (RUN, '"prefix"', '"fix"', "run.json is damaged: it has no prefix"),
    ],
)
def test_a_damaged_file_is_named_with_its_place(tmp_path: Path, name: str, whole: str, damaged: str, said: str) -> None:
    """As of a drill of one region: no traceback, the file, and the remedy."""
    file = kept(tmp_path) / name
    assert whole in file.read_text()
    file.write_text(file.read_text().replace(whole, damaged))

    result = CliRunner().invoke(application, ["drill", "recount", str(tmp_path)], env={"COLUMNS": "900"})

    assert (result.exit_code, type(result.exception)) == (2, SystemExit)
    assert said in result.output
