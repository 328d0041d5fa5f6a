"""``make demo``'s program: four payments end as they should, a file of one's own goes through, nothing stays behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.acceptance.payments import json_payment, message, rtp_message, rtp_transfer, transfer

FIFTEEN: Final = (sys.executable, "-m", "gateway.cli")
ROOT: Final = Path(__file__).parents[2]
REFERENCE: Final = ROOT.parent / "shared" / "reference" / "samples" / "fednow"
PARTICIPANT_SAMPLE: Final = REFERENCE / "sample-participant-to-fednow-message.xml"

OVER_RTP: Final = (
    ("rtp_settled", "SETTLED", "ACTC", None),
    ("rtp_rejected", "REJECTED", "RJCT", "AC04"),
    ("rtp_accepted_without_posting", "ACCEPTED_WITHOUT_POSTING", "ACWP", None),
    ("rtp_answer_lost", "SETTLED", "ACTC", None),
)


def processes_of(directory: Path) -> list[int]:
    """Living processes that know the demo's directory, by their command line or environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            known = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if str(directory).encode() in known and state != "Z" and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def told(process_id: int) -> str:
    """What a process is and waits for: for the message of a failed test."""
    entry = Path("/proc") / str(process_id)
    try:
        command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return f"{process_id} {command} in {(entry / 'wchan').read_text()}"
    except (FileNotFoundError, ProcessLookupError):
        return f"{process_id}, which is gone"


def until_gone(directory: Path) -> None:
    """Wait until no process of the demo is left."""
    give_up_at = time.monotonic() + 45
    while left := processes_of(directory):
        assert time.monotonic() < give_up_at, f"still running: {[told(process_id) for process_id in left]}"
        time.sleep(0.05)


@contextmanager
def running_demo(directory: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """A demo that stays up, and the environment in which other commands find it."""
    environment = {**os.environ, "XDG_STATE_HOME": str(directory / "state"), "COLUMNS": "160"}
    with subprocess.Popen(
        [*FIFTEEN, "demo", "--rtp", "--keep", str(directory)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        cwd=directory,
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "Ctrl-C stops everything" in line:
                break
        try:
            yield demo, environment
        finally:
            demo.kill()


@pytest.mark.parametrize("rails", [(), ("--rtp",)], ids=["fednow", "both rails"])
def test_once_it_prints_payments_that_ended_as_they_should_and_leaves_nothing(
    tmp_path: Path, rails: tuple[str, ...]
) -> None:
    """A newcomer's first command, and the figures that a script reads."""
    result = subprocess.run(
        [*FIFTEEN, "demo", "--json", *rails, "--keep", str(tmp_path)],
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip

    payments: list[dict[str, Any]] = json.loads(result.stdout)
    assert result.returncode == 0, result.stderr
    assert [(payment["name"], payment["state"], payment["status"], payment["reason"]) for payment in payments] == [
        ("settled", "SETTLED", "ACSC", None),
        ("rejected", "REJECTED", "RJCT", "AC04"),
        ("accepted_without_posting", "ACCEPTED_WITHOUT_POSTING", "ACWP", None),
        ("answer_lost", "SETTLED", "ACSC", None),
        *(OVER_RTP if rails else ()),
    ]
    assert all(payment["elapsed_ms"] < 15_000 and payment["uetr"] and payment["end_to_end_id"] for payment in payments)
    until_gone(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_however_it_ends_no_process_stays_behind(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C, a terminal that closes, or a kill -9: servers and roles go with it."""
    with running_demo(tmp_path) as (demo, _):
        assert len(processes_of(tmp_path)) > 4

        demo.send_signal(number)

        until_gone(tmp_path)


def test_a_file_of_ones_own_goes_through_a_running_demo(tmp_path: Path) -> None:
    """A sample is restamped and settles; a JSON file sent twice is one payment; what cannot be sent says why."""
    sample = PARTICIPANT_SAMPLE if PARTICIPANT_SAMPLE.exists() else tmp_path / "message.xml"
    if not PARTICIPANT_SAMPLE.exists():
        print(f"left out: {PARTICIPANT_SAMPLE.name} of the reference folder; a message of our own is sent")  # noqa: T201
        sample.write_bytes(message(transfer()))
    (tmp_path / "payment.json").write_text(json.dumps(json_payment()))
    (tmp_path / "rtp.xml").write_bytes(rtp_message(rtp_transfer()))
    (tmp_path / "broken.json").write_text('{"amount": ')
    with running_demo(tmp_path) as (_, environment):

        def send(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [*FIFTEEN, "send", *arguments],
                env=environment, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path,
            )  # fmt: skip

        sent = send("--restamp", str(sample))
        twice = [send("--json", "payment.json") for _ in range(2)]
        over_rtp = [send("--restamp", "rtp.xml"), send("--rail", "rtp", "--key", "another", "payment.json")]
        broken, missing = send("broken.json"), send("nothing.xml")

    assert sent.returncode == 0, sent.stderr
    assert "ACSC" in sent.stdout
    assert "GrpHdr/MsgId" in sent.stdout
    assert [(answer.returncode, "ACTC" in answer.stdout) for answer in over_rtp] == [(0, True), (0, True)]
    assert [answer.returncode for answer in twice] == [0, 0]
    assert json.loads(twice[0].stdout) == json.loads(twice[1].stdout)
    assert [(answer.returncode, answer.stderr.count("\n")) for answer in (broken, missing)] == [(2, 1), (2, 1)]


def test_a_gateway_that_does_not_answer_is_told_with_what_is_safe_to_send_again(tmp_path: Path) -> None:
    """Restamping makes new ids: only the restamped message, kept for that, is safe to repeat."""
    (tmp_path / "message.xml").write_bytes(message(transfer()))
    environment = {**os.environ, "FIFTEEN_API_KEY": "any", "COLUMNS": "400"}

    failed = subprocess.run(
        [*FIFTEEN, "send", "--restamp", "--url", "http://127.0.0.1:1", str(tmp_path / "message.xml")],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    kept = re.search(r"Send (\S+restamped\.xml) again, without --restamp", failed.stderr)
    assert failed.returncode == 2
    assert kept is not None
    assert b"FIToFICstmrCdtTrf" in Path(kept[1]).read_bytes()
