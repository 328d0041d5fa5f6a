"""What a test has a rail do wrong, with what it sends and with what it is sent; forgotten at a restart.

A type is named by its first eight characters (``camt.029``). Payments from the network are none of it: what befalls one
is said by its order (`simulators.forwarding.Order`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from simulators.refusals import TechnicalFault

GARBAGE: Final = b"\xff\xfe\x00 not a message \x00\xff"
"""What comes in the place of an unreadable answer."""

LONGEST_DELAY_S: Final = 7 * 86_400
"""The longest delay that can be switched on: an answer is due by the end of the next business day, and the rail's clock
can be moved past that."""

COPIES_MAX: Final = 10
"""As often as a message can be delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeFault:
    """What befalls the ``next`` messages of a type to participants, whosoever.

    ``copies`` of each come, byte for byte (0: it is lost), ``delay_s`` later than it would, or ``unreadable``.
    """

    next: int = 1
    copies: int = 1
    delay_s: float = 0
    unreadable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureFault:
    """How the ``next`` messages of a type are signed: ``no``, ``altered`` afterwards, or with a key by its id."""

    next: int = 1
    signed: str = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What is switched on.

    ``drop_answers``: so many of the next messages to participants are lost. ``delay_answers_s``: every message to a
    participant can be fetched only so much later. ``messages``: what befalls the next messages of a type.
    ``refuse``: messages of a type from participants are refused, with this code. ``refuse_connections``: every request
    of a participant gets 503. ``signatures``: how the next messages of a type are signed, where the rail signs.
    """

    drop_answers: int = 0
    delay_answers_s: float = 0
    messages: Mapping[str, TypeFault] = field(default_factory=dict)
    refuse: Mapping[str, str] = field(default_factory=dict)
    refuse_connections: bool = False
    signatures: Mapping[str, SignatureFault] = field(default_factory=dict)

    def refusal_of(self, message_type: str | None) -> TechnicalFault | None:
        """Why a message of this type is refused by a test's order; None where it is not."""
        code = None if message_type is None else self.refuse.get(message_type[:_NAME_LENGTH])
        return None if code is None else TechnicalFault(code, "as ordered")


NO_FAULTS: Final = Faults()


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one message to a participant: what comes, how often, and how much later."""

    body: bytes
    copies: int
    delay_s: float


def fate_of(body: bytes, faults: Faults) -> tuple[Fate, Faults]:
    """What becomes of a message, and the faults that are left for the next."""
    if faults.drop_answers > 0:
        return Fate(body, 0, 0), replace(faults, drop_answers=faults.drop_answers - 1)
    name = _type_in(body) if faults.messages else ""
    fault = faults.messages.get(name)
    if fault is None:
        return Fate(body, 1, faults.delay_answers_s), faults
    others = {each: left for each, left in faults.messages.items() if each != name}
    left = {name: replace(fault, next=fault.next - 1)} if fault.next > 1 else {}
    comes = GARBAGE if fault.unreadable else body
    return Fate(comes, fault.copies, faults.delay_answers_s + fault.delay_s), replace(faults, messages=others | left)


def signed_as(body: bytes, faults: Faults) -> tuple[str | None, Faults]:
    """How a message is signed where that is wrongly, and the faults that are left for the next."""
    name, others = _type_in(body), dict(faults.signatures)
    fault = others.pop(name, None)
    if fault is None:
        return None, faults
    left = {name: replace(fault, next=fault.next - 1)} if fault.next > 1 else {}
    return fault.signed, replace(faults, signatures=others | left)


def faults_from(content: Any) -> Faults:
    """The faults that a JSON value says; what it leaves out is off.

    Raises:
        ValueError: it says none that exist.

    """
    values = _members(content, Faults)
    messages = values.get("messages", {})
    if not isinstance(messages, dict):
        raise ValueError("messages says by type what befalls them")  # noqa: TRY004 - JSON's kinds are no types of ours
    of_types = {_type_name(name): _type_fault(said) for name, said in messages.items()}
    signatures = values.get("signatures", {})
    if not isinstance(signatures, dict):
        raise ValueError("signatures says by type how they are signed")  # noqa: TRY004 - as above
    signed = {_type_name(name): _signature_fault(said) for name, said in signatures.items()}
    faults = Faults(**{**values, "messages": of_types, "signatures": signed})
    if not isinstance(faults.refuse, dict) or not all(isinstance(code, str) for code in faults.refuse.values()):
        raise ValueError("refuse says by type with which code")
    for name in faults.refuse:
        _type_name(name)
    checks = (
        _counts(faults.drop_answers),
        _is_delay(faults.delay_answers_s),
        type(faults.refuse_connections) is bool,
    )
    if not all(checks):
        raise ValueError("drop_answers counts, delay_answers_s is in seconds, refuse_connections is true or false")
    return faults


_NAME_LENGTH: Final = 8
_NAME: Final = re.compile(r"[a-z]{4}\.\d{3}")
_TYPE: Final = re.compile(rb"MsgDefIdr>([a-z]{4}\.\d{3})")


def _type_fault(content: Any) -> TypeFault:
    fault = TypeFault(**_members(content, TypeFault))
    checks = (
        _counts(fault.next, at_least=1),
        _counts(fault.copies) and fault.copies <= COPIES_MAX,
        _is_delay(fault.delay_s),
        type(fault.unreadable) is bool,
    )
    if not all(checks):
        raise ValueError(
            f"next counts from 1, copies from 0 to {COPIES_MAX}, delay_s is in seconds, unreadable is true or false"
        )
    return fault


def _signature_fault(content: Any) -> SignatureFault:
    fault = SignatureFault(**_members(content, SignatureFault))
    if not _counts(fault.next, at_least=1) or not isinstance(fault.signed, str):
        raise ValueError("next counts from 1, signed is no, altered, or a key's id")
    return fault


def _members(content: Any, of: type[Faults] | type[TypeFault] | type[SignatureFault]) -> dict[str, Any]:
    known = {each.name for each in fields(of)}
    if not isinstance(content, dict) or not content.keys() <= known:
        raise ValueError(f"an object with {', '.join(sorted(known))} is meant")
    return dict(content)


def _type_in(body: bytes) -> str:
    """The type that a message says it is; empty where it says none."""
    named = _TYPE.search(body)
    return "" if named is None else named[1].decode()


def _type_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name} is no type: its first eight characters are, such as camt.029")
    return name


def _counts(value: object, *, at_least: int = 0) -> bool:
    return type(value) is int and value >= at_least


def _is_delay(value: object) -> bool:
    return type(value) in {int, float} and 0 <= value <= LONGEST_DELAY_S  # type: ignore[operator]
