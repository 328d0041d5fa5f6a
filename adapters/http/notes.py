"""The note that every decision of an operator has: it stays in the history, so that a reader knows why."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from adapters.http.payment_form import FormFinding
from adapters.http.problems import ACTION_INVALID, ProblemError

NOTE_MAX: Final = 500
"""Characters of a note."""


def note_findings(members: Mapping[str, Any], *, known: Collection[str]) -> list[FormFinding]:
    """Return what is wrong with a decision's note, and with its members that are not known."""
    findings = [
        FormFinding(
            code="FORM_UNKNOWN_MEMBER",
            pointer=f"/{name}"[:80],
            rule=f"A decision has these members: {', '.join(known)}.",
            hint="Remove it.",
        )
        for name in members
        if name not in known
    ]
    if not _is_note(members.get("note")):
        findings.append(
            FormFinding(
                code="FORM_NOTE",
                pointer="/note",
                rule=f"A note is one line of 1 to {NOTE_MAX} characters.",
                hint="Say what was found out, where and from whom: it stays in the history.",
            )
        )
    return findings


def refuse_if_any(findings: Collection[FormFinding]) -> None:
    """Refuse a decision that has faults, with every one of them.

    Raises:
        ProblemError: 422, there are faults.

    """
    if findings:
        raise ProblemError(
            ACTION_INVALID,
            "The decision is not understood; nothing was done.",
            findings=[finding.as_json() for finding in findings],
        )


def _is_note(value: Any) -> bool:
    # A number is read as a kind of text, hence no isinstance.
    return type(value) is str and 1 <= len(value.strip()) <= NOTE_MAX and value.isprintable()
