"""What is kept of an exception carries no person's data, and fits on one line."""

from __future__ import annotations

import doctest
import json

import pytest

from gateway.service import fault_text as module
from gateway.service.fault_text import FAULT_TEXT_MAX, fault_text
from gateway.service.ports import UnavailableError

NAME = "Jane Q. Sample"
ACCOUNT = "000111222333"


def failing(statement: str, **given: object) -> BaseException:
    """What a statement raises."""
    with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever a library says
        exec(statement, {}, given)
    return raised.value


@pytest.mark.parametrize(
    "fault",
    [
        failing("int(name)", name=NAME),
        failing("{}[name]", name=NAME),
        failing("json.loads(text)", json=json, text=f"{{{NAME}}}"),
        failing("raise ValueError(f'unknown account {account}')", account=ACCOUNT),
        failing("raise ValueError(f'bad element <Nm>{name}</Nm>')", name=f'"{NAME}"'),
        failing("raise ValueError(repr(values))", values=[NAME, int(ACCOUNT), ACCOUNT.encode()]),
    ],
    ids=str,
)
def test_values_that_libraries_quote_are_masked(fault: BaseException) -> None:
    """A canary through what Python and its libraries say of a value that they could not take."""
    text = fault_text(fault)

    assert NAME not in text
    assert ACCOUNT.lstrip("0") not in text
    assert text.startswith(type(fault).__name__)


def test_what_says_where_to_look_is_kept() -> None:
    """The control: class, words and our own identifiers survive."""
    fault = UnavailableError("PostgreSQL: payment 000b4a65-6bd8-84c8-9450-000000000042 changed 10 times")

    assert fault_text(fault) == f"UnavailableError: {fault}"


def test_it_is_one_short_line() -> None:
    """It stands in tables, headers of messages and terminals; control characters could act there."""
    text = fault_text(ValueError("a\nb\x1b[31m\0" + "x" * 1_000))

    assert len(text) == FAULT_TEXT_MAX
    assert text.startswith("ValueError: a b [31m x")
    assert text.isprintable()


def test_a_fault_without_words_is_its_class() -> None:
    """Some exceptions say nothing."""
    assert fault_text(TimeoutError()) == "TimeoutError"


def test_the_examples_in_the_docstring_hold() -> None:
    """They are what a reader sees first."""
    assert doctest.testmod(module).failed == 0
