"""The payment's code knows nothing of the rail that carries it but its protocol: no name, no code, no branch."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[3]
RAILS: Final = re.compile(r"fednow|\brtp|rtp\b|\btch\b|rtp_", re.IGNORECASE)

NAMED_THERE: Final = {
    "gateway/domain/payment.py": "the enumeration of the rails",
    "gateway/service/ports/bus.py": "the names of the queues",
    "gateway/service/conversations/fednow.py": "FedNow's dialect, as conversations speak it",
    "gateway/service/conversations/fednow_answers.py": "FedNow's answers in conversations",
    "gateway/service/conversations/fednow_copies.py": "what FedNow acknowledges, and another copy of it",
    "gateway/service/conversations/rtp.py": "RTP's dialect, as conversations speak it",
    "gateway/service/fednow.py": "FedNow's dialect",
    "gateway/service/fednow_operations.py": "FedNow's dialect for what is asked about ourselves",
    "gateway/service/fednow_statuses.py": "FedNow's answers to who asks for a status",
    "gateway/service/incoming/fednow.py": "FedNow's dialect, as its receivers speak it",
    "gateway/service/incoming/fednow_requests.py": "FedNow's requests for returns",
    "gateway/service/incoming/rtp.py": "RTP's dialect, as its receivers speak it",
    "gateway/service/incoming/rtp_requests.py": "RTP's requests for returns",
    "gateway/service/rtp.py": "RTP's dialect",
    "gateway/service/rtp_operations.py": "RTP's dialect for what is asked about ourselves",
}
"""Where a rail is named, and why; `gateway.rails` chooses among the dialects."""


def said(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every name and text in a module's code: docstrings and comments may speak of rails, code may not."""
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=text) | ast.Attribute(attr=text) | ast.alias(name=text):
                yield node.lineno, text
            case ast.ImportFrom(module=str(text)) | ast.FunctionDef(name=text) | ast.ClassDef(name=text):
                yield node.lineno, text
            case ast.Constant(value=str(text)) if id(node) not in docstrings:
                yield node.lineno, text


def rails_named_in(source: str) -> list[tuple[int, str]]:
    """Where code names a rail."""
    return [(line, text) for line, text in said(ast.parse(source)) if RAILS.search(text)]


@pytest.mark.parametrize("folder", ["gateway/domain", "gateway/service"])
def test_no_rail_is_named_where_payments_are_decided_on(folder: str) -> None:
    """What FedNow and RTP do differently is in their dialects and profiles; a day's traffic of both is one code."""
    named = {
        file.relative_to(ROOT).as_posix(): found
        for file in sorted((ROOT / folder).rglob("*.py"))
        if (found := rails_named_in(file.read_text()))
    }

    assert named.keys() <= NAMED_THERE.keys(), {name: named[name] for name in named.keys() - NAMED_THERE.keys()}


@pytest.mark.parametrize("name", NAMED_THERE)
def test_no_allowance_is_kept_longer_than_it_is_needed(name: str) -> None:
    """An allowance that nothing needs would hide the next branch on a rail."""
    assert rails_named_in((ROOT / name).read_text())


def test_a_branch_on_a_rail_would_be_seen() -> None:
    """The control of the tests above."""
    assert rails_named_in("if payment.rail is Rail.RTP:\n    pass\n") == [(1, "RTP")]
    assert rails_named_in('"""RTP is asked so."""\n') == []
