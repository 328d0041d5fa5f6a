"""``fifteen explain``: every code in words, and a hand held out to who misspells one."""

from __future__ import annotations

import json

from typer.testing import CliRunner, Result

from gateway.cli.application import application


def fifteen(*arguments: str) -> Result:
    """Run the program in this process."""
    return CliRunner().invoke(application, arguments, env={"COLUMNS": "200"})


def test_a_code_is_explained_in_every_list_that_has_it() -> None:
    """Meaning, nature, who must act, source."""
    result = fifteen("explain", "ac04")

    assert result.exit_code == 0
    assert result.stdout.count("The account is closed.") == 3
    for text in ("final", "to act:", "source:", "pacs.002", "pacs.004", "camt.029"):
        assert text in result.stdout


def test_an_unknown_code_exits_1_and_names_close_ones() -> None:
    """On standard error, so that nothing takes it for an explanation."""
    result = fifteen("explain", "XSD_PATERN")

    assert result.exit_code == 1
    assert "XSD_PATTERN" in result.stderr
    assert result.stdout == ""


def test_what_is_like_nothing_is_sent_to_the_list() -> None:
    """No suggestion is better than a silly one."""
    assert "--list" in fifteen("explain", "??????").stderr


def test_the_list_has_every_kind_of_code() -> None:
    """ISO's, both rails' and ours."""
    result = fifteen("explain", "--list")

    assert result.exit_code == 0
    for code in (
        "ACSC",
        "AC04",
        "E997",
        "9910",
        "PING",
        "XSD_MISSING",
        "FEDNOW_STATUS",
        "RTP_STATUS",
        "SIGNATURE_VALUE",
    ):
        assert code in result.stdout


def test_as_json_both_are_lists_of_entries() -> None:
    """For programs; an unknown code is an empty list and exit code 1."""
    one, every, none = (fifteen("explain", "--json", *rest) for rest in (["E997"], ["--list"], ["NIL0"]))

    assert [entry["nature"] for entry in json.loads(one.stdout)] == ["transient"]
    assert len(json.loads(every.stdout)) > 400
    assert (json.loads(none.stdout), none.exit_code) == ([], 1)


def test_a_code_or_the_list_must_be_asked_for() -> None:
    """Neither or both is a slip."""
    assert fifteen("explain").exit_code == 2
    assert fifteen("explain", "AC04", "--list").exit_code == 2
