"""What documents copy from the code is equal to the code."""

from __future__ import annotations

import re
import tomllib
from typing import Final

import pytest

from gateway.domain.diagram import meanings, states_document
from gateway.domain.events import EventKind
from gateway.domain.incoming import INCOMING_TRANSITIONS, IncomingEffect, IncomingEvent, IncomingState
from gateway.domain.payment import PaymentState
from gateway.domain.transitions import TRANSITIONS, Effect
from gateway.settings import Settings
from tests.unit.docs.documents import ROOT, document
from tests.unit.docs.tables import TABLES, direct_dependencies, settings_table, table

RENEW: Final = "the code has changed: python -m tests.unit.docs.tables prints the tables anew"


def test_the_page_of_states_is_the_one_that_the_code_writes() -> None:
    """No transition exists outside the table, and none is left out of the page."""
    assert document("docs/states.md").text == states_document(), "python -m gateway.domain.diagram > docs/states.md"


def test_the_page_of_states_has_every_transition_and_every_meaning() -> None:
    """The control: what the page is compared with is whole."""
    page = states_document()

    rows = re.findall(r"^\| `\w+` \| \**[A-Z_]+\** \| .+ \|$", page, re.MULTILINE)
    assert len(rows) == len(TRANSITIONS) + len(INCOMING_TRANSITIONS) + 2  # and how every transfer begins
    for members in (PaymentState, EventKind, Effect, IncomingState, IncomingEvent, IncomingEffect):
        assert meanings(members).keys() == {member.value for member in members}
        assert all(meaning in page for meaning in meanings(members).values())


def test_the_picture_of_states_draws_what_the_rails_rules_foresee() -> None:
    """One arrow for each change of state; contradictions are left to the tables."""
    picture = states_document().partition("```mermaid")[2].partition("```")[0]

    assert "SENDING --> IN_DOUBT : DeadlinePassed<br/>RefusalUnexplained" in picture
    assert "RECEIVED --> SETTLED" not in picture
    assert re.findall(r"(\w+) --> \[\*\]", picture) == ["RETURNED", "REJECTED"]
    incoming = states_document().partition("## Incoming")[2].partition("```mermaid")[2].partition("```")[0]
    assert "ACCEPTED --> IN_DOUBT : AdviceOverdue" in incoming
    assert re.findall(r"(\w+) --> \[\*\]", incoming) == [
        "POSTED",
        "RETURNED",
        "RETURNED_BY_HAND",
        "REJECTED",
        "NOT_SETTLED",
    ]


@pytest.mark.parametrize("heading", TABLES)
def test_a_table_that_a_document_copies_is_the_codes_own(heading: str) -> None:
    """Settings, behaviours, participants, codes, problems, dependencies with their licences, states."""
    name, make = TABLES[heading]

    assert f"\n\n{make()}" in document(name).text, RENEW


def test_a_table_that_differs_in_one_default_is_seen() -> None:
    """The control of the test above."""
    changed = settings_table().replace("`8015`", "`8014`")

    assert changed != settings_table()
    assert f"\n\n{changed}" not in document("docs/settings.md").text
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n|---|---|\n| 1 | 2 |\n"


def test_every_direct_dependency_is_weighed_in_the_text() -> None:
    """A row in a table is no reason: each package has its words."""
    prose = document("docs/DEPENDENCIES.md").text.partition("## The base")[2].lower()

    missing = {package.name for _, package in direct_dependencies() if f"**{package.name}" not in prose}

    assert missing == set()


def test_the_example_of_a_settings_file_is_taken() -> None:
    """What is copied from the page into a file must load."""
    (block,) = [block for block in document("docs/settings.md").blocks if block.language == "toml"]
    example = tomllib.loads(block.text)

    settings = Settings(**example)

    assert settings.region == example["region"]
    assert settings.fednow.sender_limit_cents == example["fednow"]["sender_limit_cents"]


def test_the_architecture_links_every_decision() -> None:
    """A decision that nobody finds is taken again."""
    decisions = {path.name for path in (ROOT / "docs" / "adr").glob("*.md")}

    linked = {link.rpartition("/")[2] for link in document("docs/ARCHITECTURE.md").links if link.startswith("adr/0")}

    assert linked == decisions
