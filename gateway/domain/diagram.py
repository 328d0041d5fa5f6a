"""The table as a document: a picture of what follows what, and every transition with its effects.

``python -m gateway.domain.diagram > docs/states.md`` writes it; a test holds the file against the code.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final, Protocol

from gateway.domain.conversation import TABLES, Act, ConversationState, ConversationStep
from gateway.domain.events import EventKind
from gateway.domain.incoming import ARRIVAL, INCOMING_TRANSITIONS, IncomingEffect, IncomingEvent, IncomingState
from gateway.domain.payment import PaymentState
from gateway.domain.request import RequestState
from gateway.domain.return_request import REQUESTS, REQUESTS_TO_US, RequestStep
from gateway.domain.transitions import ACCEPTANCE, TRANSITIONS, Effect

_INTRODUCTION: Final = """\
# States of a credit transfer

<!-- Written by `python -m gateway.domain.diagram > docs/states.md`. Change the code, not this page. -->

What may follow what is decided in two tables: `gateway/domain/transitions.py` for outgoing transfers, and
`gateway/domain/incoming.py` for incoming ones; this page is made of them. A pair of state and event that is not in its
table is a fault of ours: it raises, the message is put in quarantine, and the other payments go on.

Left out of the pictures, and in the tables below them: events that change no state, and events that are reported to a
person as a contradiction.
"""


_CONTRADICTION: Final = Effect.REPORT_CONTRADICTION.value


class _Follows(Protocol):
    """What a transition of either table says."""

    @property
    def state(self) -> StrEnum:
        """The state that follows."""
        ...

    @property
    def effects(self) -> Sequence[StrEnum]:
        """What is saved with it."""
        ...


@dataclass(frozen=True, slots=True)
class Chart:
    """One table, ready to be drawn: its members, how everything begins, and what may follow what."""

    heading: str
    states: type[StrEnum]
    events: type[StrEnum]
    effects: type[StrEnum]
    beginning: tuple[StrEnum, _Follows]
    transitions: Mapping[tuple[Any, Any], _Follows]

    def of(self, state: StrEnum) -> Iterator[tuple[StrEnum, _Follows]]:
        """What may befall a transfer in this state, in the order of the events."""
        for kind in self.events:
            if (transition := self.transitions.get((state, kind))) is not None:
                yield kind, transition


OUTGOING: Final = Chart("Outgoing", PaymentState, EventKind, Effect, (EventKind.ACCEPTED, ACCEPTANCE), TRANSITIONS)
INCOMING: Final = Chart(
    "Incoming", IncomingState, IncomingEvent, IncomingEffect, (IncomingEvent.RECEIVED, ARRIVAL), INCOMING_TRANSITIONS
)


def states_document() -> str:
    """Return the whole document as Markdown: the same code gives the same text."""
    chapters = (part for chart in (OUTGOING, INCOMING) for part in _chapter(chart))
    return "\n".join((_INTRODUCTION, *chapters, *_requests(), *_conversations()))


def _requests() -> Iterator[str]:
    """The two tables of return requests, whose states stand beside those of the payment."""
    yield "## Requests for returns\n"
    yield "A payment, or a transfer, has these states besides its own (`gateway/domain/return_request.py`).\n"
    yield "| state | what it says |\n|---|---|"
    yield from (f"| {state} | {meaning} |" for state, meaning in meanings(RequestState).items())
    for heading, steps in (("Ours, of a payment", REQUESTS), ("Theirs, of a transfer", REQUESTS_TO_US)):
        yield f"\n### {heading}\n\n| state | event | state after it |\n|---|---|---|"
        order = sorted(steps.items(), key=lambda row: (list(RequestState).index(row[0][0]), row[0][1]))
        yield from (f"| {state} | `{kind}` | {_followed(state, step)} |" for (state, kind), step in order)
    yield ""


def _conversations() -> Iterator[str]:
    """The table of each kind of conversation; of those states that it has."""
    yield "## Conversations\n"
    yield "The same tables for what we ask and for what we are asked (`gateway/domain/conversation.py`).\n"
    yield "| state | what it says |\n|---|---|"
    yield from (f"| {state} | {meaning} |" for state, meaning in meanings(ConversationState).items())
    for kind, steps in TABLES.items():
        yield f"\n### Conversation: {kind.value}\n\n| state | act | state after it |\n|---|---|---|"
        acts, states = list(Act), list(ConversationState)
        order = sorted(steps.items(), key=lambda row: (states.index(row[0][0]), acts.index(row[0][1])))
        yield from (f"| {state} | `{act}` | {_followed(state, step)} |" for (state, act), step in order)
    yield ""


def _followed(state: StrEnum, step: RequestStep | ConversationStep) -> str:
    return _after(state, step.state) + (", a contradiction: a person must look" if step.is_strange else "")


def _chapter(chart: Chart) -> Iterator[str]:
    yield f"## {chart.heading}\n"
    yield _picture(chart)
    yield from (_section(chart, state) for state in chart.states)
    yield _glossary(f"{chart.heading}: events", "event", chart.events)
    yield _glossary(f"{chart.heading}: effects", "effect", chart.effects)


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


def _picture(chart: Chart) -> str:
    first, beginning = chart.beginning
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {beginning.state} : {first}"]
    for before in chart.states:
        for after in chart.states:
            kinds = [kind for kind, transition in chart.of(before) if _is_drawn(before, after, transition)]
            if kinds:
                lines.append(f"    {before} --> {after} : {'<br/>'.join(kinds)}")
    lines += [f"    {state} --> [*]" for state in chart.states if _is_last(chart, state)]
    return "\n".join((*lines, "```", ""))


def _is_drawn(before: StrEnum, after: StrEnum, transition: _Follows) -> bool:
    return transition.state is after and after is not before and _CONTRADICTION not in transition.effects


def _is_last(chart: Chart, state: StrEnum) -> bool:
    """Whether nothing leads on but a contradiction."""
    return all(transition.state is state or _CONTRADICTION in transition.effects for _, transition in chart.of(state))


def _section(chart: Chart, state: StrEnum) -> str:
    rows = [(kind, transition.state, _listed(transition.effects)) for kind, transition in chart.of(state)]
    first, beginning = chart.beginning
    if state is beginning.state:
        rows.insert(0, (first, state, _listed(beginning.effects)))
    here = {kind for kind, _, _ in rows}
    illegal = ", ".join(f"`{kind}`" for kind in chart.events if kind not in here)
    return "\n".join(
        (
            f"### {chart.heading}: {state}",
            "",
            meanings(chart.states)[state],
            "",
            "| event | state after it | effects |",
            "|---|---|---|",
            *(f"| `{kind}` | {_after(state, after)} | {effects} |" for kind, after, effects in rows),
            "",
            f"Cannot come here: {illegal}.",
            "",
        )
    )


def _after(state: StrEnum, after: StrEnum) -> str:
    return f"**{after}**" if after is not state else str(after)


def _listed(effects: Sequence[StrEnum]) -> str:
    return ", ".join(f"`{effect}`" for effect in effects) or "none"


def _glossary(heading: str, word: str, members: type[StrEnum]) -> str:
    rows = (f"| `{value}` | {meaning} |" for value, meaning in meanings(members).items())
    return "\n".join((f"### {heading}", "", f"| {word} | what it is |", "|---|---|", *rows, ""))


if __name__ == "__main__":
    sys.stdout.write(states_document())
