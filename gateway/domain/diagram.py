"""The table as a document: a picture of what follows what, and every transition with its effects.

``python -m gateway.domain.diagram > docs/states.md`` writes it; a test holds the file against the code.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from enum import StrEnum
from itertools import pairwise
from typing import Final

from gateway.domain.events import EventKind
from gateway.domain.payment import PaymentState
from gateway.domain.transitions import ACCEPTANCE, TRANSITIONS, Effect, Transition

_INTRODUCTION: Final = """\
# States of an outgoing credit transfer

<!-- Written by `python -m gateway.domain.diagram > docs/states.md`. Change the code, not this page. -->

What may follow what is decided in one table, `gateway/domain/transitions.py`; this page is made of it. A pair of state
and event that is not in the table is a fault of ours: it raises, the message is put in quarantine, and the other
payments go on.

## The picture

Left out of it, and in the tables below: events that change no state, and events that are reported to a person as a
contradiction.
"""

_CONTRADICTION: Final = Effect.REPORT_CONTRADICTION


def states_document() -> str:
    """Return the whole document as Markdown: the same code gives the same text."""
    parts = (
        _INTRODUCTION,
        _picture(),
        *(_section(state) for state in PaymentState),
        _glossary("Events", "event", EventKind),
        _glossary("Effects", "effect", Effect),
    )
    return "\n".join(parts)


def meanings(members: type[StrEnum]) -> dict[str, str]:
    """Return what the source says under each member of an enumeration, in one line each, by the member's value.

    Raises:
        ValueError: a member has no docstring.

    """
    body = ast.parse(inspect.getsource(members)).body[0]
    assert isinstance(body, ast.ClassDef), f"{members} is a class"
    said: dict[str, str] = {}
    for statement, following in pairwise(body.body):
        match statement, following:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str(text))):
                said[members[name].value] = " ".join(text.split())
            case _:
                pass  # methods, and what stands between them
    if missing := [member.name for member in members if member.value not in said]:
        raise ValueError(f"{members.__name__} does not say what these mean: {', '.join(missing)}")
    return said


def _picture() -> str:
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {ACCEPTANCE.state} : {EventKind.ACCEPTED}"]
    for before in PaymentState:
        for after in PaymentState:
            kinds = [kind for kind, transition in _of(before) if _is_drawn(before, after, transition)]
            if kinds:
                lines.append(f"    {before} --> {after} : {'<br/>'.join(kinds)}")
    lines += [f"    {state} --> [*]" for state in PaymentState if _is_last(state)]
    return "\n".join((*lines, "```", ""))


def _is_drawn(before: PaymentState, after: PaymentState, transition: Transition) -> bool:
    return transition.state is after and after is not before and _CONTRADICTION not in transition.effects


def _is_last(state: PaymentState) -> bool:
    return all(transition.state is state for _, transition in _of(state))


def _of(state: PaymentState) -> Iterator[tuple[EventKind, Transition]]:
    """What may befall a payment in this state, in the order of the events."""
    for kind in EventKind:
        if (transition := TRANSITIONS.get((state, kind))) is not None:
            yield kind, transition


def _section(state: PaymentState) -> str:
    rows = [(kind, transition.state, _listed(transition.effects)) for kind, transition in _of(state)]
    if state is ACCEPTANCE.state:
        rows.insert(0, (EventKind.ACCEPTED, state, _listed(ACCEPTANCE.effects)))
    here = {kind for kind, _, _ in rows}
    illegal = ", ".join(f"`{kind}`" for kind in EventKind if kind not in here)
    return "\n".join(
        (
            f"## {state}",
            "",
            meanings(PaymentState)[state],
            "",
            "| event | state after it | effects |",
            "|---|---|---|",
            *(f"| `{kind}` | {_after(state, after)} | {effects} |" for kind, after, effects in rows),
            "",
            f"Cannot come here: {illegal}.",
            "",
        )
    )


def _after(state: PaymentState, after: PaymentState) -> str:
    return f"**{after}**" if after is not state else str(after)


def _listed(effects: tuple[Effect, ...]) -> str:
    return ", ".join(f"`{effect}`" for effect in effects) or "none"


def _glossary(heading: str, word: str, members: type[StrEnum]) -> str:
    rows = (f"| `{value}` | {meaning} |" for value, meaning in meanings(members).items())
    return "\n".join((f"## {heading}", "", f"| {word} | what it is |", "|---|---|", *rows, ""))


if __name__ == "__main__":
    sys.stdout.write(states_document())
