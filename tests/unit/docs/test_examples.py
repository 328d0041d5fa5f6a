"""Examples in documents run, parse, and have the members that the API gives."""

from __future__ import annotations

import doctest
import json
import re
from collections.abc import Mapping
from typing import Any, Final

import pytest

from adapters.http.api import LIMITS
from adapters.http.openapi import openapi_document
from tests.unit.docs.documents import Block, Document, document, documents
from tests.unit.http.schema_check import SchemaCheck

OPENAPI: Final = openapi_document(version="0.0.0", limits=LIMITS)
SCHEMAS: Final = OPENAPI["components"]["schemas"]
CHECK: Final = SchemaCheck(OPENAPI)

KINDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "findings": SCHEMAS["Problem"],
    "state": SCHEMAS["Payment"],
    "sha256": SCHEMAS["Messages"]["properties"]["messages"]["items"],
    "creditor_account": SCHEMAS["PaymentRequest"],
}
"""Which schema an example must keep, told by a member that no other has."""


def failures_of(block: Block, name: str) -> int:
    """How many examples of a block of Python do not print what the document says."""
    test = doctest.DocTestParser().get_doctest(block.text, {}, name, name, 0)
    assert test.examples, f"{name}: a block that is marked as Python has examples that run"
    return doctest.DocTestRunner(verbose=False).run(test, out=lambda _: None).failed


PYTHON: Final = [
    pytest.param(block, id=text.name) for text in documents() for block in text.blocks if block.language == "python"
]


@pytest.mark.parametrize("block", PYTHON)
def test_python_in_a_document_runs_and_prints_what_is_said(block: Block) -> None:
    """An example that is wrong is worse than none."""
    assert failures_of(block, "document") == 0


def test_python_that_prints_something_else_is_seen() -> None:
    """The control of the test above."""
    assert failures_of(Block("python", ">>> 1 + 1\n3\n"), "control") == 1


def json_examples(text: Document) -> list[dict[str, Any]]:
    """The blocks of JSON of a document, as values."""
    return [json.loads(block.text) for block in text.blocks if block.language == "json"]


def faults_of(example: dict[str, Any]) -> list[str]:
    """Everything in which an example breaks the schema of its kind."""
    schema = next(schema for member, schema in KINDS.items() if member in example)
    return CHECK.faults(schema, example)


@pytest.mark.parametrize("example", json_examples(document("docs/api.md")))
def test_json_in_the_tour_of_the_api_keeps_its_schema(example: dict[str, Any]) -> None:
    """Examples are real answers; should the API change, they are taken anew."""
    assert faults_of(example) == []


def test_json_with_a_member_too_many_is_seen() -> None:
    """The control of the test above."""
    example = json_examples(document("docs/api.md"))[1]

    assert faults_of({**example, "colour": "red"}) != []


def test_the_tour_of_the_api_names_every_path_and_no_other() -> None:
    """A tour that leaves out a room, or leads into a wall, is found out."""
    text = document("docs/api.md")
    named = set(re.findall(r"`(?:GET |POST )?(/[^`\s]*)`", text.prose)) | set(
        re.findall(r"\$GATEWAY(/[^\"\s?]+)", text.code)
    )

    known = {path: re.compile(re.sub(r"\{\w+\}", r"(?:\\{\\w+\\}|[\\w\\-]+)", path)) for path in OPENAPI["paths"]}

    assert [path for path, form in known.items() if not any(form.fullmatch(name) for name in named)] == []
    assert [name for name in named if not any(form.fullmatch(name) for form in known.values()) if name != "/v1"] == []
