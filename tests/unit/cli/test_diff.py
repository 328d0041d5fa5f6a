"""``fifteen diff``: two files, element by element, and nothing personal."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from gateway.cli.application import application

GOLDEN = Path(__file__).parents[2] / "golden" / "pacs008_incoming.xml"


def fifteen(*arguments: str) -> Result:
    """Run the program in this process."""
    return CliRunner().invoke(application, arguments, env={"COLUMNS": "200"})


def other(directory: Path, *changes: tuple[bytes, bytes]) -> str:
    """The golden message with some texts replaced, as a file."""
    body = GOLDEN.read_bytes()
    for before, after in changes:
        assert before in body
        body = body.replace(before, after, 1)
    file = directory / "other.xml"
    file.write_bytes(body)
    return str(file)


def test_the_same_message_exits_0(tmp_path: Path) -> None:
    """However it is indented."""
    result = fifteen("diff", str(GOLDEN), other(tmp_path, (b"\n    <FedNowCustomer", b"<FedNowCustomer")))

    assert (result.exit_code, result.stdout) == (0, "no difference\n")


def test_differences_exit_1_with_path_lines_and_values(tmp_path: Path) -> None:
    """Before and after."""
    result = fifteen("diff", str(GOLDEN), other(tmp_path, (b"1250.75", b"1250.76")))

    assert result.exit_code == 1
    for text in ("CdtTrfTxInf/IntrBkSttlmAmt", "line 63", "- 1250.75", "+ 1250.76", "1 difference\n"):
        assert text in result.stdout


def test_personal_values_are_shown_on_request_alone(tmp_path: Path) -> None:
    """The output goes into tickets."""
    file = other(tmp_path, (b"Invented Creditor", b"Canary Creditor"))

    assert "Canary" not in fifteen("diff", str(GOLDEN), file).stdout
    assert "Canary" not in fifteen("diff", "--json", str(GOLDEN), file).stdout
    assert "Canary" in fifteen("diff", "--show-personal", str(GOLDEN), file).stdout


def test_as_json_it_is_one_document(tmp_path: Path) -> None:
    """Stable members."""
    result = fifteen("diff", "--json", str(GOLDEN), other(tmp_path, (b"FDNA", b"CASH")))

    document = json.loads(result.stdout)
    assert set(document) == {"before", "after", "same", "differences"}
    assert document["same"] is False
    assert set(document["differences"][0]) == {
        "change", "xpath", "before", "after", "line_before", "line_after",
    }  # fmt: skip


def test_what_cannot_be_read_exits_2(tmp_path: Path) -> None:
    """A file that is not there, and one that is no XML."""
    broken = tmp_path / "broken.xml"
    broken.write_bytes(b"<a>")

    for file in (str(broken), str(tmp_path / "nothing.xml")):
        result = fifteen("diff", str(GOLDEN), file)
        assert result.exit_code == 2
        assert result.stderr.startswith("fifteen: ")
