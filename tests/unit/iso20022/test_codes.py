"""Every code that can be met is explained: the rails' as far as they are public, ISO's as used, and all of ours."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

import pytest

from iso20022 import FedNowProfile, TransactionStatus
from iso20022.code_book import ENTRIES, CodeList, close_codes, explained, source_of_finding
from iso20022.profiles.rtp import RtpProfile
from iso20022.profiles.status_reasons import ISO_STATUS_REASONS
from tests.unit.iso20022.samples import ROOT

CODE: Final = re.compile(
    r"NOT_A_TRANSFER|RAIL_NOT_SERVED|RAIL_WITHOUT_LIQUIDITY|(?:XML|XSD|ENVELOPE|NAMESPACE|UNSUPPORTED|HEADER|VALUE|BUILD|SIGNATURE|SIGNING|KEY|FORM|FEDNOW"
    r"|RTP)(?:_[A-Z0-9]+)+"
)
"""How the codes of our findings begin."""

NO_CODES: Final = {
    "FEDNOW_ID", "FEDNOW_PRACTICE", "FEDNOW_WRAPPERS", "RTP_WRAPPERS", "FEDNOW_RELEASE", "RTP_SCHEMAS", "RTP_ID",
    "RTP_IDS", "HEADER_TYPE", "RTP_HEADER_TYPE", "KEY_REPOSITORY",
    "SIGNING_KEYS",
}  # fmt: skip
"""Names of values that look like codes, where they are exported by name."""


def literals(node: ast.AST) -> Iterator[str]:
    """The texts in a module that are no docstrings, those in format strings with a part left open too."""
    for child in ast.walk(node):
        if isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.value


def emitted() -> dict[str, set[str]]:
    """Every text in the library and the gateway that looks like one of our codes, and where it stands."""
    found: dict[str, set[str]] = {}
    for folder in ("iso20022", "gateway", "adapters", "simulators"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            if "code_book" in file.parts:
                continue
            for text in literals(ast.parse(file.read_text())):
                if CODE.fullmatch(text) and text not in NO_CODES:
                    found.setdefault(text, set()).add(file.relative_to(ROOT).as_posix())
    return found


OURS: Final = frozenset(entry.code for entry in ENTRIES if entry.code_list is CodeList.FINDING)


def test_every_code_that_a_module_can_emit_is_explained() -> None:
    """A code without an explanation sends its reader to the source."""
    missing = {code: sorted(files) for code, files in emitted().items() if code not in OURS}

    assert missing == {}


def test_no_code_is_explained_that_nothing_emits() -> None:
    """A renamed code would leave its old explanation behind."""
    assert sorted(OURS - emitted().keys()) == []


def test_the_search_for_codes_finds_them() -> None:
    """The control of the two tests above."""
    codes = emitted()

    assert "iso20022/reader.py" in codes["XML_DOCTYPE"]
    assert len(codes) > 80
    assert list(literals(ast.parse('Finding(code="XSD_NEW")'))) == ["XSD_NEW"]


def test_every_entry_says_meaning_actor_and_source() -> None:
    """In a sentence, within what a line or two can hold."""
    for entry in ENTRIES:
        assert entry.meaning.endswith("."), entry.code
        assert 10 < len(entry.meaning) < 140, entry.code
        assert entry.source, entry.code
        assert set(entry.as_json()) == {"code", "list", "meaning", "nature", "actor", "advice", "source"}


def test_a_code_stands_once_in_a_list() -> None:
    """Two rows would contradict each other some day."""
    keys = [(entry.code, entry.code_list) for entry in ENTRIES]

    assert len(set(keys)) == len(keys)


def test_every_code_that_the_rails_profiles_name_is_explained() -> None:
    """Statuses, reasons, events and reports of FedNow's and RTP's settings."""
    named: set[str] = {status.value for status in TransactionStatus}
    for profile in (FedNowProfile(), RtpProfile()):
        for setting in type(profile).__dataclass_fields__:
            value = getattr(profile, setting)
            if setting == "status_reasons" and isinstance(profile, FedNowProfile):
                value -= ISO_STATUS_REASONS  # the whole of ISO's list: much of it is not of these rails
            if re.search(r"reason|status|event|report|resolution|code", setting) and isinstance(
                value, (frozenset, dict)
            ):
                named |= {each for each in value if isinstance(each, str) and re.fullmatch(r"[A-Z0-9]{3,4}", each)}

    assert sorted(code for code in named if not explained(code)) == []
    assert len(named) > 60


@pytest.mark.parametrize(
    ("code", "lists"),
    [
        ("AC04", {CodeList.STATUS_REASON, CodeList.RETURN_REASON, CodeList.CANCELLATION_REFUSAL}),
        ("DS24", {CodeList.STATUS_REASON, CodeList.CANCELLATION_REASON}),
        ("PDNG", {CodeList.STATUS, CodeList.RESOLUTION}),
        ("E997", {CodeList.FEDNOW_SERVICE}),
        ("9910", {CodeList.RTP_OWN}),
        ("XSD_MISSING", {CodeList.FINDING}),
    ],
)
def test_a_code_is_explained_in_each_list_that_has_it(code: str, lists: set[CodeList]) -> None:
    """One code may mean different things: each is said."""
    assert {entry.code_list for entry in explained(code)} == lists
    assert explained(f" {code.lower()} ") == explained(code)


def test_an_unknown_code_has_no_entry_but_neighbours() -> None:
    """A slip of the pen is met with what was probably meant."""
    assert explained("AC4") == ()
    assert "AC04" in close_codes("AC4")
    assert close_codes("XSD_PATERN")[0] == "XSD_PATTERN"
    assert close_codes("?" * 10_000) == ()
    assert source_of_finding("AC04") == ""
