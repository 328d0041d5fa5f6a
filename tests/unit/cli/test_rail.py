"""What `fifteen rail` prints: whatever the rail or a person wrote stands there as it is, brackets and all."""

from __future__ import annotations

from copy import deepcopy

import pytest

from adapters.http.openapi_rails import STATUS_EXAMPLE
from gateway.cli.rail import print_status


def test_brackets_in_what_others_wrote_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """A description of the rail's that begins like markup neither vanishes nor ends the command."""
    status = deepcopy(STATUS_EXAMPLE)
    status["missing"][0]["description"] = "settled [/red] and never came [bold]"
    status["operations"][0] |= {"note": "[/]", "asked_by": "[one] operator", "description": "[blink]"}
    status["broadcasts"][0] |= {"code": "[RO", "subjects": ["[/bold]"]}

    print_status(status)

    said = " ".join(capsys.readouterr().out.split())
    for written in ("settled [/red] and never came [bold]", "by [one] operator: [/]", "[blink]", "[RO", "[/bold]"):
        assert written in said


@pytest.mark.parametrize(
    ("directory", "says"),
    [
        (STATUS_EXAMPLE["directory"], "of 2026-11-20, heard 2026-11-20T00:04:31.120Z (54629 s ago), fresh"),
        ({**STATUS_EXAMPLE["directory"], "fresh": False}, "s ago), stale, use: fresh; 1504 participants, 3 signed off"),
        ({**STATUS_EXAMPLE["directory"], "heard_at": None}, "participant directory never heard, use: fresh"),
    ],
)
def test_the_participant_directory_is_shown_with_its_age(
    capsys: pytest.CaptureFixture[str], directory: dict[str, object], says: str
) -> None:
    """How old it is, and whether anybody goes by it."""
    print_status({**STATUS_EXAMPLE, "directory": directory})

    assert says in " ".join(capsys.readouterr().out.split())
