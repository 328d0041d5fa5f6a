"""What is decided of incoming transfers, as JSON says it: read, with every fault at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from adapters.http.notes import note_findings, refuse_if_any
from adapters.http.payment_form import FormFinding, read_object
from gateway.domain.incoming import IncomingState
from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.domain.payment import Reason, ReasonOrigin, is_reason_code
from iso20022 import Amount

TEXT_MAX: Final = 105
"""Characters of an institution's words: as many as ISO 20022 carries beside a reason."""

_RETURN: Final = ("amount", "reason_code", "text", "note")
_SETTLEMENT: Final = ("settled", "note")


@dataclass(frozen=True, slots=True)
class ReturnOrder:
    """How much is given back (None for all that is left), why, and what an operator has found out before."""

    amount: Amount | None
    reason: Reason | None
    note: str | None


def read_return(body: bytes, transfer: IncomingTransfer, *, reasons: frozenset[str]) -> ReturnOrder:
    """Read ``{"amount": "…", "reason_code": …, "text": …, "note": …}``: how much is given back, and why.

    What was posted goes back for a reason, one of `reasons` where there are any; what is owed back has one.

    Raises:
        ProblemError: 400 for what is no JSON object, 422 for what it says.

    """
    members = read_object(body)
    findings = [
        *(() if "note" in members else unknown(members, _RETURN)),
        *amount_findings(members),
        *code_findings(members, needed=transfer.state is IncomingState.POSTED, taken=reasons),
        *text_findings(members),
        *(note_findings(members, known=_RETURN) if "note" in members else ()),
    ]
    refuse_if_any(findings)
    amount, code, note = members.get("amount"), members.get("reason_code"), members.get("note")
    reason = None if code is None else Reason(code, ReasonOrigin.INSTITUTION, members.get("text"))
    return ReturnOrder(
        None if amount is None else Amount.parse(amount), reason, None if note is None else str(note).strip()
    )


def read_settlement(body: bytes) -> tuple[bool, str]:
    """Read ``{"settled": true, "note": …}``: whether the money has arrived, and where that was heard; raises alike."""
    members = read_object(body)
    findings = note_findings(members, known=_SETTLEMENT)
    if type(members.get("settled")) is not bool:
        findings.append(
            FormFinding(
                code="FORM_SETTLED",
                pointer="/settled",
                rule="settled is true or false: whether the rail has settled the transfer.",
                hint="Say what the rail has said.",
            )
        )
    refuse_if_any(findings)
    return members["settled"], members["note"].strip()


def read_note(body: bytes) -> str:
    """Read ``{"note": …}``: what was found out, and where; raises alike."""
    members = read_object(body)
    refuse_if_any(note_findings(members, known=("note",)))
    return str(members["note"]).strip()


def unknown(members: Mapping[str, Any], known: Collection[str]) -> list[FormFinding]:
    """Return what is wrong with members that are not known."""
    return [
        FormFinding(
            code="FORM_UNKNOWN_MEMBER",
            pointer=f"/{name}"[:80],
            rule=f"A decision has these members: {', '.join(known)}.",
            hint="Remove it.",
        )
        for name in members
        if name not in known
    ]


def code_findings(
    members: Mapping[str, Any], *, needed: bool, taken: frozenset[str] = frozenset()
) -> list[FormFinding]:
    """Return what is wrong with the reason's code; it is one of `taken` where there are any."""
    code = members.get("reason_code")
    if code is not None and is_reason_code(code) and taken and code not in taken:
        return [
            FormFinding(
                code="FORM_REASON_NOT_TAKEN",
                pointer="/reason_code",
                rule=f"The rail takes these reasons of a return: {', '.join(sorted(taken))}.",
                hint="Name one of them, and say the rest in text.",
            )
        ]
    if (code is None and not needed) or (code is not None and is_reason_code(code)):
        return []
    return [
        FormFinding(
            code="FORM_REASON_CODE",
            pointer="/reason_code",
            rule="What is refused, blocked or returned has an ISO 20022 reason of four capital letters and digits.",
            hint="Name one, for example AC06.",
        )
    ]


def text_findings(members: Mapping[str, Any]) -> list[FormFinding]:
    """Return what is wrong with the words beside it."""
    text = members.get("text")
    if text is None or (type(text) is str and text.strip() and len(text) <= TEXT_MAX and text.isprintable()):
        return []
    return [
        FormFinding(
            code="FORM_TEXT",
            pointer="/text",
            rule=f"A text is one line of 1 to {TEXT_MAX} characters.",
            hint="Shorten it, or leave it out: the sender may read it.",
        )
    ]


def amount_findings(members: Mapping[str, Any]) -> list[FormFinding]:
    """Return what is wrong with the amount."""
    amount = members.get("amount")
    if amount is None or (type(amount) is str and _is_amount(amount)):
        return []
    return [
        FormFinding(
            code="FORM_AMOUNT",
            pointer="/amount",
            rule='An amount is US dollars as a text, such as "20.00", and above zero.',
            hint="Name one, or leave it out: then all that is left is given back.",
        )
    ]


def _is_amount(text: str) -> bool:
    try:
        return Amount.parse(text).cents > 0
    except ValueError:
        return False
