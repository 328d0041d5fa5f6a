"""What is started and answered in conversations, as JSON says it: read, with every fault at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from adapters.http.incoming_forms import code_findings, text_findings, unknown
from adapters.http.notes import refuse_if_any
from adapters.http.payment_form import FormFinding, payment_request_in, read_object
from gateway.domain.conversation import Act, Conversation, ConversationKind
from gateway.domain.payment import Rail, Reason, ReasonOrigin, is_reason_code
from gateway.service.conversations.rail import InformationAsked, PaymentAsked, ReportAsked
from iso20022 import EndToEndId, Personal, is_routing_number
from iso20022.messages.camt060 import ReportKind

ANSWERS: Final[Mapping[ConversationKind, Mapping[str, Act]]] = {
    ConversationKind.REQUEST_FOR_PAYMENT: {
        "presented": Act.PRESENTED,
        "accepted": Act.ACCEPTED,
        "refused": Act.REFUSED,
        "withdrawal_agreed": Act.WITHDRAWAL_AGREED,
        "withdrawal_refused": Act.WITHDRAWAL_REFUSED,
        "withdrawal_pending": Act.WITHDRAWAL_DEFERRED,
    },
    ConversationKind.INFORMATION_REQUEST: {
        "pending": Act.DEFERRED,
        "informed": Act.INFORMED,
        "no_information": Act.NO_INFORMATION,
        "duplicate": Act.DUPLICATE,
        "will_pay": Act.WILL_PAY,
    },
    ConversationKind.ACCOUNT_REPORT: {},
}
"""What may be answered in each kind."""

EVERY_ANSWER: Final = tuple(answer for answers in ANSWERS.values() for answer in answers)
"""What may be answered in any."""

LINES_MAX: Final = 10
LINE_MAX: Final = 140
"""Lines of information, and characters in one (ISO 20022, Max140Text); how many the rail takes is its rule."""

CODES_MAX: Final = 10
"""Codes of one question; ISO 20022 takes as many of what is missing."""

_REASONED: Final = frozenset({Act.REFUSED, Act.WITHDRAWAL_REFUSED})
_ANSWERING: Final = ("answer", "reason_code", "text", "information")
_WITHDRAWING: Final = ("reason_code", "text")
_QUESTION: Final = ("missing", "incorrect", "text")
_REPORT: Final = ("kind", "account", "from_date", "to_date", "rail")
_KINDS: Final = ", ".join(ReportKind)
_RAILS: Final = ", ".join(Rail)


@dataclass(frozen=True, slots=True)
class Answering:
    """What is answered, why, and what is told."""

    act: Act
    reason: Reason | None
    information: tuple[Personal, ...]


def read_request(body: bytes, *, default_end_to_end_id: EndToEndId) -> tuple[PaymentAsked, Rail | None]:
    """Read a payment's members with ``pay_on`` and ``expires``; return what is asked, and the rail that is named.

    Raises:
        ProblemError: 400 for what is no JSON object, 422 for what it says.

    """
    members = read_object(body)
    pay_on, expires = members.pop("pay_on", None), members.pop("expires", None)
    findings = []
    day = _date_in(pay_on)
    if day is None:
        findings.append(_finding("FORM_DATE", "/pay_on", "pay_on is the day until which is to be paid, as YYYY-MM-DD."))
    until = None if expires is None else _date_in(expires) or _instant_in(expires)
    if expires is not None and until is None:
        rule = "expires is a day, YYYY-MM-DD, or a point in time with its offset: until then the request stands."
        findings.append(_finding("FORM_DATE", "/expires", rule))
    payment = payment_request_in(members, body=body, further=findings)
    assert day is not None, "what is no day was refused"
    asked = PaymentAsked(
        debtor_agent=payment.debtor_agent,
        debtor_name=payment.debtor_name,
        debtor_account=payment.debtor_account,
        creditor_agent=payment.creditor_agent,
        creditor_name=payment.creditor_name,
        creditor_account=payment.creditor_account,
        amount=payment.amount,
        pay_on=day,
        expires=until,
        end_to_end_id=payment.end_to_end_id or default_end_to_end_id,
        instruction_id=payment.instruction_id,
        uetr=payment.uetr,
        category_purpose=payment.category_purpose,
        remittance=payment.remittance,
    )
    return asked, payment.rail


def read_question(body: bytes) -> InformationAsked:
    """Read ``{"missing": […], "incorrect": […], "text": …}``: codes of ISO 20022, one at least; raises alike."""
    members = read_object(body)
    findings = [*unknown(members, _QUESTION), *text_findings(members)]
    for name in ("missing", "incorrect"):
        if not _are_codes(members.get(name, [])):
            rule = f"{name} is an array of at most {CODES_MAX} codes of ISO 20022, such as MS01, IN01 or NARR."
            findings.append(_finding("FORM_CODES", f"/{name}", rule))
    asked = [*members.get("missing", []), *members.get("incorrect", [])] if not findings else ["?"]
    if not asked:
        findings.append(_finding("FORM_CODES", "/missing", "A question names a code at least: missing, or incorrect."))
    if ("NARR" in asked) != (members.get("text") is not None) and asked != ["?"]:
        findings.append(_finding("FORM_TEXT", "/text", "The code NARR, and it alone, is told in words."))
    refuse_if_any(findings)
    text = members.get("text")
    return InformationAsked(
        missing=tuple(members.get("missing", ())),
        incorrect=tuple(members.get("incorrect", ())),
        text=None if text is None else Personal(text),
    )


def read_report(body: bytes) -> tuple[ReportAsked, Rail | None]:
    """Read ``{"kind": …, "account": …, "from_date": …, "to_date": …}``; raises alike."""
    members = read_object(body)
    kind, account = members.get("kind"), members.get("account")
    findings = unknown(members, _REPORT)
    if type(kind) is not str or kind not in set(ReportKind):
        findings.append(_finding("FORM_KIND", "/kind", f"A report is one of {_KINDS}."))
    if type(account) is not str or not is_routing_number(account):
        findings.append(_finding("FORM_ROUTING_NUMBER", "/account", "The account is a routing number, nine digits."))
    days = {name: _date_in(members.get(name)) for name in ("from_date", "to_date")}
    findings += [
        _finding("FORM_DATE", f"/{name}", f"{name} is a day, as YYYY-MM-DD.")
        for name, day in days.items()
        if members.get(name) is not None and day is None
    ]
    if days["to_date"] is not None and days["from_date"] is None:
        findings.append(_finding("FORM_DATE", "/from_date", "Days end where they have begun: name from_date too."))
    rail = members.get("rail")
    if rail is not None and (type(rail) is not str or rail not in set(Rail)):
        findings.append(_finding("FORM_RAIL", "/rail", f"A rail is one of {_RAILS}."))
    refuse_if_any(findings)
    asked = ReportAsked(
        kind=ReportKind(members["kind"]),
        account=members["account"],
        from_date=days["from_date"],
        to_date=days["to_date"],
    )
    return asked, None if rail is None else Rail(rail)


def read_answer(body: bytes, conversation: Conversation) -> Answering:
    """Read ``{"answer": …, "reason_code": …, "text": …, "information": […]}``; raises alike."""
    members = read_object(body)
    known = ANSWERS[conversation.kind]
    answer = members.get("answer")
    act = known.get(answer) if type(answer) is str else None
    findings = [*unknown(members, _ANSWERING)]
    if act is None:
        rule = f"In this conversation an answer is one of {', '.join(known) or 'none: it has no answers'}."
        findings.append(_finding("FORM_ANSWER", "/answer", rule))
    findings += code_findings(members, needed=act in _REASONED)
    findings += text_findings(members)
    lines = members.get("information", [])
    if not _are_lines(lines) or (act is Act.INFORMED) != bool(lines):
        rule = f"information is what is told with the answer informed: 1 to {LINES_MAX} lines of {LINE_MAX} characters."
        findings.append(_finding("FORM_INFORMATION", "/information", rule))
    if members.get("reason_code") is not None and act is not None and act not in _REASONED:
        findings.append(_finding("FORM_REASON_CODE", "/reason_code", "A refusal alone has a reason."))
    refuse_if_any(findings)
    assert act is not None, "what is no answer was refused"
    return Answering(act, _reason_in(members), tuple(Personal(line) for line in lines))


def read_withdrawal(body: bytes) -> Reason:
    """Read ``{"reason_code": …, "text": …}``; raises alike."""
    members = read_object(body)
    refuse_if_any([*unknown(members, _WITHDRAWING), *code_findings(members, needed=True), *text_findings(members)])
    reason = _reason_in(members)
    assert reason is not None, "it was demanded"
    return reason


def _reason_in(members: Mapping[str, Any]) -> Reason | None:
    code = members.get("reason_code")
    return None if code is None else Reason(code, ReasonOrigin.INSTITUTION, members.get("text"))


def _finding(code: str, pointer: str, rule: str) -> FormFinding:
    return FormFinding(code=code, pointer=pointer, rule=rule, hint="Correct it; /openapi.json has the form.")


def _are_codes(value: Any) -> bool:
    return type(value) is list and len(value) <= CODES_MAX and all(map(is_reason_code, value))


def _are_lines(value: Any) -> bool:
    return type(value) is list and len(value) <= LINES_MAX and all(map(_is_line, value))


def _is_line(value: Any) -> bool:
    return type(value) is str and len(value.strip()) >= 1 and len(value) <= LINE_MAX and value.isprintable()


def _date_in(value: Any) -> date | None:
    if type(value) is not str or len(value) != 10:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _instant_in(value: Any) -> datetime | None:
    if type(value) is not str:
        return None
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else None
