"""``fifteen sample``: a valid message, on standard output or in a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.application import application
from iso20022 import Direction, FedNowProfile, RtpProfile, examine


def fifteen(*arguments: str) -> Result:
    """Run the program in this process."""
    return CliRunner().invoke(application, arguments, env={"COLUMNS": "200"})


def test_a_sample_on_standard_output_is_valid_on_its_rail() -> None:
    """The help's own example; without a direction it goes to the rail, dated today."""
    result = fifteen("sample", "pacs.008", "--rail", "rtp")

    report = examine(result.stdout.encode(), profile=RtpProfile(), direction=Direction.TO_RAIL)
    assert result.exit_code == 0
    assert (report.message_type, report.findings) == ("pacs.008.001.08", ())


def test_a_sample_is_written_to_a_file_and_passes_validate(tmp_path: Path) -> None:
    """What the rail sends, bare, in another variation; on FedNow where no rail is named."""
    file = tmp_path / "report.xml"

    made = fifteen("sample", "camt.052.001.08", "--direction", "in", "--bare", "--variation", "7", "-o", str(file))
    checked = fifteen("validate", str(file), "--direction", "in")

    assert (made.exit_code, made.stdout) == (0, "")
    assert file.read_bytes().splitlines()[1].startswith(b"<Document")
    assert checked.exit_code == 0
    assert examine(file.read_bytes(), profile=FedNowProfile()).findings == ()


@pytest.mark.parametrize(
    "arguments",
    [("pacs.004", "--rail", "rtp"), ("camt.052", "--direction", "out"), ("nothing",), ("pacs.008", "-o", "/")],
    ids=" ".join,
)
def test_what_cannot_be_made_or_written_exits_2(arguments: tuple[str, ...]) -> None:
    """A script sees it, and a person is told what there is."""
    result = fifteen("sample", *arguments)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert "fifteen: " in result.stderr
