"""``fifteen validate``: the verdict, its findings, and the exit code that a script reads."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.application import application
from iso20022.schemas import schema_bytes
from tests.acceptance.payments import message, transfer

ROOT: Final = Path(__file__).parents[3]
SAMPLE: Final = ROOT.parent / "shared/reference/samples/fednow/sample-participant-to-fednow-message.xml"


def fifteen(*arguments: str) -> Result:
    """Run the program in this process."""
    return CliRunner().invoke(application, arguments, env={"COLUMNS": "200"})


def written(directory: Path, body: bytes) -> str:
    """Write a message file."""
    file = directory / "message.xml"
    file.write_bytes(body)
    return str(file)


def test_a_valid_message_exits_0(tmp_path: Path) -> None:
    """And says what it is."""
    result = fifteen("validate", written(tmp_path, message(transfer())))

    assert result.exit_code == 0
    assert "pacs.008.001.08" in result.stdout


def test_every_finding_comes_with_place_rule_and_remedy_and_exits_1(tmp_path: Path) -> None:
    """Two faults, two findings, in the stable JSON form."""
    body = message(transfer()).replace(b"FDNA", b"CASH").replace(b">SLEV<", b">DEBT<")

    result = fifteen("validate", "--json", written(tmp_path, body))

    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert set(document) == {"file", "valid", "message", "rail", "findings"}
    assert (document["valid"], document["message"], document["rail"]) == (False, "pacs.008.001.08", "fednow")
    assert len(document["findings"]) == 2
    for finding in document["findings"]:
        assert set(finding) == {
            "code", "severity", "xpath", "line", "value", "rule", "hint", "reject_code", "column", "source",
        }  # fmt: skip
        assert all(finding[name] for name in ("code", "severity", "xpath", "line", "column", "rule", "hint", "source"))


@pytest.mark.parametrize("body", [b"", b"not xml", b"<!DOCTYPE a><a/>", b"\x00"])
def test_what_is_no_message_exits_2(tmp_path: Path, body: bytes) -> None:
    """Unreadable is another thing than invalid."""
    assert fifteen("validate", written(tmp_path, body)).exit_code == 2


def test_a_file_that_is_not_there_exits_2(tmp_path: Path) -> None:
    """And says so in one line."""
    result = fifteen("validate", str(tmp_path / "nothing.xml"))

    assert result.exit_code == 2
    assert "No such file" in result.stderr


def test_personal_values_are_masked(tmp_path: Path) -> None:
    """The output is pasted into tickets."""
    body = message(transfer()).replace(b"Canary Debtor Sample", b"Canary Debtor Sample" * 10)

    result = fifteen("validate", written(tmp_path, body))

    assert result.exit_code == 1
    assert "Canary" not in result.stdout


def test_the_line_is_shown_and_pointed_at_and_the_source_named(tmp_path: Path) -> None:
    """A caret stands under the column, whatever is left out before it."""
    body = message(transfer()).replace(b'Ccy="USD"', b'Ccy="usd"')

    result = fifteen("validate", written(tmp_path, body))

    lines = result.stdout.splitlines()
    shown = next(number for number, line in enumerate(lines) if 'Ccy="usd"' in line)
    assert lines[shown].index('Ccy="usd"') == lines[shown + 1].index("^")
    assert "source: the message type's XML Schema" in result.stdout


@pytest.mark.parametrize("broken", [b"", b"<Canary Debtor Sample", b"<!-- Canary Debtor Sample"])
def test_no_personal_value_is_shown_in_a_line_however_broken_it_is(tmp_path: Path, broken: bytes) -> None:
    """The whole message in one line, faulty before and after the name, or not even XML."""
    body = b"".join(message(transfer()).split(b"\n")).replace(b"FDNA", b"CASH").replace(b"<Nm>", b"<Nm>" + broken, 1)

    result = fifteen("validate", written(tmp_path, body))

    assert result.exit_code == (2 if broken else 1)
    assert "│" in result.stdout
    assert "Canary" not in result.stdout


def test_the_rail_is_the_one_that_the_message_shows(tmp_path: Path) -> None:
    """And may be named: then another rail's envelope is a finding."""
    file = str(ROOT / "tests/golden/findings/rtp_pacs008.xml")

    guessed = json.loads(fifteen("validate", "--json", file).stdout)
    named = json.loads(fifteen("validate", "--json", "--rail", "fednow", file).stdout)

    assert (guessed["valid"], guessed["rail"]) == (True, "rtp")
    assert (named["valid"], named["rail"]) == (False, "fednow")
    assert named["findings"][0]["code"] == "ENVELOPE_RAIL"


def test_bare_documents_and_bare_headers_are_files_too(tmp_path: Path) -> None:
    """A header without its Document is a warning."""
    whole = message(transfer())
    start, end = whole.index(b"<AppHdr"), whole.index(b"</AppHdr>") + len(b"</AppHdr>")
    header = json.loads(fifteen("validate", "--json", written(tmp_path, whole[start:end])).stdout)
    document = json.loads(
        fifteen("validate", "--json", written(tmp_path, whole[end : whole.index(b"</Document>") + 11])).stdout
    )

    assert (header["valid"], [finding["code"] for finding in header["findings"]]) == (True, ["HEADER_ONLY"])
    assert (document["valid"], document["findings"]) == (True, [])


def test_sarif_has_a_rule_for_each_code_and_a_result_for_each_finding(tmp_path: Path) -> None:
    """What SARIF 2.1.0 demands of a log, a run, a rule, a result and a region, member by member."""
    body = message(transfer()).replace(b"FDNA", b"CASH").replace(b">SLEV<", b">OUR<")
    file = written(tmp_path, body)

    result = fifteen("validate", "--sarif", file)

    log = json.loads(result.stdout)
    (run,) = log["runs"]
    rules, results = run["tool"]["driver"]["rules"], run["results"]
    assert result.exit_code == 1
    assert (log["version"], run["columnKind"]) == ("2.1.0", "unicodeCodePoints")
    assert [rule["id"] for rule in rules] == sorted({each["ruleId"] for each in results})
    for each in results:
        assert rules[each["ruleIndex"]]["id"] == each["ruleId"]
        assert each["level"] in {"error", "warning"}
        assert each["message"]["text"]
        place = each["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == Path(file).as_uri()
        assert place["region"]["startLine"] >= 1
        assert place["region"]["startColumn"] >= 1
    assert all(rule["shortDescription"]["text"] and rule["help"]["text"] for rule in rules)


def test_fix_writes_a_mended_copy_and_says_what_it_changed(tmp_path: Path) -> None:
    """The file itself stays as it was; the exit code speaks of the copy."""
    whole = message(transfer())
    file = written(tmp_path, whole.replace(b">SLEV<", b"> slev <"))
    before = Path(file).read_bytes()

    result = fifteen("validate", "--fix", file)

    assert result.exit_code == 0
    assert Path(file).read_bytes() == before
    assert (tmp_path / "message.fixed.xml").read_bytes() == whole
    assert "slev written SLEV" in result.stdout


def test_fix_writes_where_it_is_told_to_and_nothing_where_nothing_is_certain(tmp_path: Path) -> None:
    """An amount is never mended."""
    file = written(tmp_path, message(transfer()).replace(b'"USD">51.74', b'"USD">51.745'))
    target = tmp_path / "copy.xml"

    nothing = fifteen("validate", "--fix", "--json", "--output", str(target), file)
    Path(file).write_bytes(message(transfer()).replace(b"-4000-8000-", b"-4000-A000-"))
    something = fifteen("validate", "--fix", "--json", "--output", str(target), file)

    assert nothing.exit_code == 1
    assert json.loads(nothing.stdout)["fixed"]["file"] is None
    fixed = json.loads(something.stdout)["fixed"]
    assert (something.exit_code, fixed["file"], fixed["valid"]) == (0, str(target), True)
    assert [mend["code"] for mend in fixed["mends"]] == ["XSD_PATTERN"]
    assert target.exists()


def test_fix_never_writes_over_the_file_itself(tmp_path: Path) -> None:
    """By whatever name; and a valid file has nothing to mend, rather than nothing certain."""
    file = written(tmp_path, message(transfer()).replace(b">SLEV<", b">slev<"))
    before = Path(file).read_bytes()

    result = fifteen("validate", "--fix", "--output", str(tmp_path / "." / "message.xml"), file)

    assert (result.exit_code, Path(file).read_bytes()) == (2, before)
    assert "nothing to mend" in fifteen("validate", "--fix", written(tmp_path, message(transfer()))).stdout


@pytest.mark.parametrize(
    "body",
    [b'<a xmlns="\x1b]0;owned\x07">', message(transfer()).replace(b">SLEV<", b">\xc2\x9b31mSLEV<")],
    ids=["escape", "C1"],
)
def test_nothing_that_a_terminal_would_obey_is_printed(tmp_path: Path, body: bytes) -> None:
    """A hostile value may colour the terminal, name its window, or worse; the line and the rest are still shown."""
    file = written(tmp_path, body)

    result = fifteen("validate", file)
    compared = fifteen("diff", "--show-personal", file, file)

    assert result.exit_code in {1, 2}
    assert "\N{REPLACEMENT CHARACTER}" in result.stdout
    assert not set("\x07\x1b\x9b") & set(result.stdout + compared.stdout)


def test_no_more_is_read_of_a_file_than_a_message_may_have(tmp_path: Path) -> None:
    """A file without an end is refused as too large, as any other."""
    endless = json.loads(fifteen("validate", "--json", "/dev/zero").stdout)
    large = json.loads(fifteen("validate", "--json", written(tmp_path, bytes(1_000_000))).stdout)

    assert [finding["code"] for finding in endless["findings"]] == ["XML_TOO_LARGE"]
    assert endless["findings"] == large["findings"]


@pytest.mark.parametrize("form", [(), ("--json",), ("--sarif",), ("--fix",)], ids=["text", "json", "sarif", "fix"])
def test_a_file_whose_name_is_not_utf_8_is_a_file_too(tmp_path: Path, form: tuple[str, ...]) -> None:
    """Other systems' archives have such names; a traceback would hide the verdict."""
    file = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.xml"))
    file.write_bytes(message(transfer()).replace(b">SLEV<", b">slev<"))

    result = fifteen("validate", *form, str(file))

    assert result.exit_code == (0 if form == ("--fix",) else 1)
    assert "caf%E9.xml" in result.stdout or "caf\N{REPLACEMENT CHARACTER}.xml" in result.stdout


@pytest.mark.parametrize("options", [["--sarif", "--json"], ["--sarif", "--fix"], ["--output", "x.xml"]], ids=" ".join)
def test_options_that_contradict_each_other_are_refused(tmp_path: Path, options: list[str]) -> None:
    """Rather than one of them being ignored."""
    assert fifteen("validate", *options, written(tmp_path, message(transfer()))).exit_code == 2


@pytest.mark.reference
def test_the_published_sample_has_one_kind_of_finding_and_is_valid_where_that_is_a_warning() -> None:
    """Its illustrative routing numbers fail the ABA check digit: the severity is a setting."""
    if not SAMPLE.exists():
        print(f"left out: {SAMPLE.name} is not beside this clone")  # noqa: T201 - pytest shows it
        return

    strict = fifteen("validate", "--json", str(SAMPLE))
    lenient = fifteen("validate", "--json", "--routing-numbers", "warning", str(SAMPLE))

    assert strict.exit_code == 1
    assert {finding["code"] for finding in json.loads(strict.stdout)["findings"]} == {"FEDNOW_ABA_CHECK_DIGIT"}
    assert (lenient.exit_code, json.loads(lenient.stdout)["valid"]) == (0, True)


def test_an_institutions_own_schemas_count_and_a_folder_without_use_ends_the_program(tmp_path: Path) -> None:
    """Here one that lets no charges be shared; and one that is no folder."""
    folder = tmp_path / "schemas"
    folder.mkdir()
    own = schema_bytes("pacs.008.001.08").replace(b'<xs:enumeration value="SLEV"/>', b"")
    (folder / "pacs.008.001.08.xsd").write_bytes(own)
    file = written(tmp_path, message(transfer()))

    counted = CliRunner().invoke(application, ["validate", "--json", file], env={"FIFTEEN_SCHEMAS_FOLDER": str(folder)})
    ended = CliRunner().invoke(application, ["validate", file], env={"FIFTEEN_SCHEMAS_FOLDER": str(tmp_path / "no")})

    assert [finding["code"] for finding in json.loads(counted.stdout)["findings"]] == ["XSD_ENUMERATION"]
    assert (ended.exit_code, "FIFTEEN_SCHEMAS_FOLDER" in ended.stderr) == (2, True)
