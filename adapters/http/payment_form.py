"""The form of a payment in JSON: read strictly, checked whole, every fault told at once with its JSON pointer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from adapters.http.problems import JSON_UNREADABLE, PAYMENT_INVALID, ProblemError
from gateway.domain.payment import Rail
from gateway.service.liquidity import LiquidityRequest
from gateway.service.requests import PaymentRequest
from iso20022 import Amount, is_routing_number, is_uetr

FINDINGS_MAX: Final = 50
"""Faults that one answer lists; a body of nothing but unknown members has thousands."""

REMITTANCE_LINES_MAX: Final = 10
"""Lines of remittance text that the form takes; how many of them the rail takes is the rail's rule."""

CURRENCY: Final = "USD"

_ECHO_MAX: Final = 80
# What XML 1.0 cannot carry, or must not for a reader's sake: controls, lone surrogates, non-characters.
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class FormFinding:
    """One fault of a JSON body: where (RFC 6901), what holds, how to mend it. Personal values are never quoted."""

    code: str
    pointer: str
    rule: str
    hint: str
    value: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the stable JSON form, close to that of a message's finding."""
        return {
            "code": self.code,
            "severity": "error",
            "pointer": self.pointer,
            "value": self.value,
            "rule": self.rule,
            "hint": self.hint,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """What a member that is a text must be."""

    holds: Callable[[str], bool]
    rule: str
    hint: str
    code: str
    required: bool = False
    personal: bool = False


class _Number(str):
    """A JSON number as it was written: no float is ever made of it."""

    __slots__ = ()


class _RepeatedMemberError(ValueError):
    """An object names a member twice."""


def _between(shortest: int, longest: int) -> Callable[[str], bool]:
    return lambda text: shortest <= len(text) <= longest and not text.isspace()


def _is_amount(text: str) -> bool:
    try:
        Amount.parse(text)
    except ValueError:
        return False
    return True


def _name(whose: str) -> _Text:
    return _Text(
        holds=_between(1, 140),
        code="FORM_LENGTH",
        rule="A name has 1 to 140 characters.",
        hint=f"Give the name of the {whose} as the account has it.",
        required=True,
        personal=True,
    )


def _account(whose: str) -> _Text:
    return _Text(
        holds=_between(1, 34),
        code="FORM_LENGTH",
        rule="An account has 1 to 34 characters.",
        hint=f"Give the account number of the {whose} at its institution.",
        required=True,
        personal=True,
    )


def _agent(whose: str) -> _Text:
    return _Text(
        holds=is_routing_number,
        code="FORM_ROUTING_NUMBER",
        rule="An institution is named by its routing number, nine digits.",
        hint=f"Give the ABA routing number of the {whose}'s institution.",
        required=True,
    )


def _reference(what: str) -> _Text:
    return _Text(
        holds=_between(1, 35),
        code="FORM_LENGTH",
        rule=f"{what} has 1 to 35 characters.",
        hint="Shorten it, or leave it out: then one is made of the key.",
    )


_AMOUNT: Final = _Text(
    holds=_is_amount,
    code="FORM_AMOUNT",
    rule="An amount is a text of digits with at most two decimals, without sign.",
    hint='Write it as "51.74".',
    required=True,
)

TEXTS: Final[Mapping[str, _Text]] = {
    "/amount": _AMOUNT,
    "/currency": _Text(
        holds=lambda text: text == CURRENCY,
        code="FORM_CURRENCY",
        rule="FedNow and RTP carry US dollars alone.",
        hint='Write "USD".',
        required=True,
    ),
    "/debtor/name": _name("debtor"),
    "/debtor_account": _account("debtor"),
    "/debtor_agent": _agent("debtor"),
    "/creditor/name": _name("creditor"),
    "/creditor_account": _account("creditor"),
    "/creditor_agent": _agent("creditor"),
    "/rail": _Text(
        holds=lambda text: text in set(Rail),
        code="FORM_RAIL",
        rule=f"A rail is {' or '.join(Rail)}.",
        hint="Name one of them, or leave it out where the gateway's default is meant.",
    ),
    "/category_purpose": _Text(
        holds=_between(1, 35),
        code="FORM_LENGTH",
        rule="A category purpose has 1 to 35 characters.",
        hint="Write CONS for a consumer's payment, BIZZ for a business's.",
    ),
    "/end_to_end_id": _reference("An end-to-end id"),
    "/instruction_id": _reference("An instruction id"),
    "/uetr": _Text(
        holds=is_uetr,
        code="FORM_UETR",
        rule="A UETR is a UUID of version 4, in lower case.",
        hint="Make it with a UUID library, or leave it out: then one is made of the key.",
    ),
}
"""Every member that is a text, by its pointer."""

REMITTANCE: Final = "/remittance"
_LINE: Final = _Text(
    holds=_between(1, 140),
    code="FORM_LENGTH",
    rule="A line of remittance text has 1 to 140 characters.",
    hint="Shorten it.",
    personal=True,
)

_OBJECTS: Final = ("/debtor", "/creditor")

LIQUIDITY_TEXTS: Final = {
    pointer: text
    for pointer, text in TEXTS.items()
    if not pointer.startswith(tuple(f"{parent}{end}" for parent in _OBJECTS for end in ("/", "_account")))
    and pointer != "/category_purpose"
}
"""Those of a liquidity transfer: there is no customer on either side."""


def read_payment_request(body: bytes) -> PaymentRequest:
    """Return the payment that the body asks for.

    Raises:
        ProblemError: 400 when the body is no JSON object, else 422 with every fault of its form.

    """
    return payment_request_in(read_object(body), body=body)


def payment_request_in(document: dict[str, Any], *, body: bytes, further: Iterable[FormFinding] = ()) -> PaymentRequest:
    """Return the payment that an object asks for; raises as `read_payment_request`, with the `further` faults too."""
    findings = _limited(chain(further, _check(document)))
    if findings:
        raise _invalid(findings, body)
    return PaymentRequest.from_json(document)


def read_liquidity_request(body: bytes) -> LiquidityRequest:
    """Return the liquidity transfer that the body asks for; raises as `read_payment_request`."""
    document = read_object(body)
    findings = _limited(_check(document, texts=LIQUIDITY_TEXTS, objects=()))
    if findings:
        raise _invalid(findings, body)
    return LiquidityRequest.from_json(document)


def _invalid(findings: Sequence[FormFinding], body: bytes) -> ProblemError:
    return ProblemError(
        PAYMENT_INVALID,
        f"The payment has {len(findings)} fault{'s' * (len(findings) > 1)}; nothing was accepted.",
        findings=[finding.as_json() for finding in findings],
        received=body,
    )


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in the body: UTF-8, each member once, no number made a float.

    Raises:
        ProblemError: 400, it is none.

    """
    try:
        document = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_once_each,
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_Number,
        )
    except UnicodeDecodeError as error:
        raise _unreadable(body, "JSON_ENCODING", "JSON is UTF-8.", "Encode the body as UTF-8.") from error
    except _RepeatedMemberError as error:
        rule = f"An object names each member once ({error})."
        raise _unreadable(body, "JSON_REPEATED_MEMBER", rule, "Leave one of the two out.") from error
    except json.JSONDecodeError as error:
        rule = f"The body is one JSON value: {error.msg}, line {error.lineno}, column {error.colno}."
        raise _unreadable(body, "JSON_SYNTAX", rule, "Correct it at the place given.") from error
    except RecursionError as error:
        raise _unreadable(body, "JSON_TOO_DEEP", "What is sent here nests two deep.", "Close what is open.") from error
    if not isinstance(document, dict):
        raise _unreadable(body, "JSON_OBJECT", "The body is a JSON object.", "Send one object, in braces.")
    return document


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise _RepeatedMemberError(ascii(repeated[:_ECHO_MAX]))
    return members


def _unreadable(body: bytes, code: str, rule: str, hint: str) -> ProblemError:
    finding = FormFinding(code=code, pointer="", rule=rule, hint=hint)
    return ProblemError(
        JSON_UNREADABLE, "The body cannot be read; nothing was accepted.", findings=[finding.as_json()], received=body
    )


def _limited(findings: Iterator[FormFinding]) -> list[FormFinding]:
    return [finding for finding, _ in zip(findings, range(FINDINGS_MAX), strict=False)]


def _check(
    document: dict[str, Any], *, texts: Mapping[str, _Text] = TEXTS, objects: Sequence[str] = _OBJECTS
) -> Iterator[FormFinding]:
    refused, members = [], frozenset({REMITTANCE, *texts, *objects})
    for pointer in objects:
        value = document.get(pointer[1:])
        if value is not None and not isinstance(value, dict):
            refused.append(pointer)
            yield _wrong_type(pointer, value, "an object with the member name")
    for pointer, text in texts.items():
        if not pointer.startswith(tuple(f"{parent}/" for parent in refused)):
            yield from _check_text(pointer, text, _member(document, pointer))
    yield from _check_remittance(document.get(REMITTANCE[1:]))
    yield from _unknown("", document, members)
    for pointer in objects:
        if isinstance(party := document.get(pointer[1:]), dict):
            yield from _unknown(pointer, party, members)


def _member(document: dict[str, Any], pointer: str) -> object:
    value: object = document
    for name in pointer[1:].split("/"):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _check_text(pointer: str, text: _Text, value: object) -> Iterator[FormFinding]:
    if value is None:
        if text.required:
            yield FormFinding(
                code="FORM_REQUIRED", pointer=pointer, rule=f"{pointer} is mandatory. {text.rule}", hint=text.hint
            )
    elif isinstance(value, _Number) and text is _AMOUNT:
        yield FormFinding(
            code="FORM_AMOUNT_NUMBER",
            pointer=pointer,
            value=value[:_ECHO_MAX],
            rule="An amount is a JSON string: many programs read a number as binary floating point, and lose cents.",
            hint='Write it in quotes, as "51.74".',
        )
    elif not isinstance(value, str) or isinstance(value, _Number):
        yield _wrong_type(pointer, value, "a string")
    elif _UNSAFE.search(value):
        yield FormFinding(
            code="FORM_CHARACTER",
            pointer=pointer,
            rule="A text has no control characters, line breaks or halves of surrogate pairs.",
            hint="Remove them.",
        )
    elif not text.holds(value):
        shown = None if text.personal else value[:_ECHO_MAX]
        yield FormFinding(code=text.code, pointer=pointer, value=shown, rule=text.rule, hint=text.hint)


def _check_remittance(value: object) -> Iterator[FormFinding]:
    if value is None:
        return
    if not isinstance(value, list):
        yield _wrong_type(REMITTANCE, value, "an array of strings")
        return
    if len(value) > REMITTANCE_LINES_MAX:
        yield FormFinding(
            code="FORM_LENGTH",
            pointer=REMITTANCE,
            rule=f"There are at most {REMITTANCE_LINES_MAX} lines of remittance text.",
            hint="Join or shorten them.",
        )
        return
    for index, line in enumerate(value):
        if line is None:
            yield _wrong_type(f"{REMITTANCE}/{index}", line, "a string")
        yield from _check_text(f"{REMITTANCE}/{index}", _LINE, line)


def _unknown(parent: str, members: dict[str, Any], known: frozenset[str]) -> Iterator[FormFinding]:
    for name in members:
        pointer = f"{parent}/{name}"
        if pointer not in known or "/" in name:
            yield FormFinding(
                code="FORM_UNKNOWN_MEMBER",
                pointer=f"{parent}/{_escaped(name)}",
                rule="A payment has no such member: what is not understood is never ignored.",
                hint="Correct its name, or remove it; /openapi.json has all names.",
            )


def _wrong_type(pointer: str, value: object, wanted: str) -> FormFinding:
    return FormFinding(
        code="FORM_TYPE",
        pointer=pointer,
        rule=f"{pointer} is {wanted}, not {_JSON_NAMES.get(type(value), 'something else')}.",
        hint=f"Send {wanted}, or leave an optional member out.",
    )


_JSON_NAMES: Final[Mapping[type, str]] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    _Number: "a number",
    bool: "a boolean",
    type(None): "null",
}


def _escaped(name: str) -> str:
    readable = _UNSAFE.sub("?", name[:_ECHO_MAX])
    return readable.replace("~", "~0").replace("/", "~1")
