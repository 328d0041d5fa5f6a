"""Screening: what a tenant wants looked at before money moves, what a hit is, and what follows from it. Pure.

Each tenant has rules for what it sends and for what it receives: lists of names and accounts, a service that is asked
by webhook, and limits on how often and how much an account pays or is paid. It fails closed: what was not screened is
neither sent nor accepted. A hit on what is received is doubt about compliance, for which alone money may be accepted
without being posted; that screening was down is no hit, and is answered with a rejection (12 CFR 210.44(b)(3)).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.domain.incoming_transfer import InstitutionAnswer, Verdict
from gateway.domain.payment import PaymentId, Rail, Reason, ReasonOrigin, TenantId, is_reason_code
from iso20022 import Amount, EndToEndId, Personal, RoutingNumber, Uetr

BUDGET_MS: Final = 500
BUDGET_MS_MAX: Final = 3_000
"""How long all of a direction's screening may take: a share of the promise's 15 s, or of the receiver's reserve."""

HOLD_S: Final = 3_600
HOLD_S_MAX: Final = 86_400
"""How long what is held waits for a person; never past the day that the payment's ids are of."""

THRESHOLD: Final = 88
"""From this similarity on, of 100, a name is like one of the list."""

WINDOW_S_MAX: Final = 31 * 86_400
"""How far back a limit looks."""

RULES_MAX: Final = 20
LISTS_MAX: Final = 20
"""Limits, and lists, of one direction."""

REASON_CODE: Final = "RR04"
"""ISO external status reason: regulatory reason. What a person rejects that screening has held has it, unless the
tenant says otherwise."""

HELD_BY_A_HIT: Final = Reason("SCREENING_HIT", ReasonOrigin.SCREENING, "Screening found something; a person decides.")
HELD_UNSCREENED: Final = Reason(
    "SCREENING_UNANSWERED", ReasonOrigin.SCREENING, "Screening did not answer in time; a person decides."
)
"""Why a payment is held. What was found is in its history, and nowhere else."""

HELD_UNTIL: Final = "held_until"
"""Under this the details of what holds a payment say until when a person may release it, as ISO 8601."""

UNSCREENED: Final = "It could not be screened in time."
"""The words with which a transfer is rejected that nobody has screened."""


class Way(StrEnum):
    """Which way the money goes."""

    OUTGOING = "outgoing"
    INCOMING = "incoming"


class Source(StrEnum):
    """Who looks."""

    LISTS = "lists"
    WEBHOOK = "webhook"
    VELOCITY = "velocity"


class Side(StrEnum):
    """Whose account a limit is on."""

    DEBTOR = "debtor"
    CREDITOR = "creditor"


class Unanswered(StrEnum):
    """What becomes of an outgoing payment that could not be screened in time. To send it is not among the choices."""

    REJECT = "reject"
    """It waits, and is asked about again, until its own time is over; then it is rejected."""

    HOLD = "hold"
    """It is held for a person, as a hit is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is screened. ``other_names`` are those of further parties in the message: ultimate ones, who began it."""

    way: Way
    payment_id: PaymentId
    tenant_id: TenantId
    rail: Rail
    amount: Amount
    debtor: Personal
    debtor_account: Personal
    debtor_agent: RoutingNumber
    creditor: Personal
    creditor_account: Personal
    creditor_agent: RoutingNumber
    end_to_end_id: EndToEndId
    uetr: Uetr | None
    at: datetime
    other_names: tuple[Personal, ...] = ()
    remittance: tuple[Personal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VelocityRule:
    """So many payments, or so many cents, of one account in so many seconds; what is None has no limit."""

    account: Side
    window_s: int
    count_max: int | None = None
    cents_max: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreeningRules:
    """What a tenant wants looked at, one way. No source at all: it says that nothing is."""

    lists: tuple[str, ...] = ()
    threshold: int = THRESHOLD
    webhook: str | None = None
    velocity: tuple[VelocityRule, ...] = ()
    budget_ms: int = BUDGET_MS
    unanswered: Unanswered = Unanswered.REJECT
    hold_s: int = HOLD_S
    reason_code: str = REASON_CODE
    unanswered_reason_code: str | None = None

    @property
    def sources(self) -> tuple[Source, ...]:
        """Who is asked."""
        named = {Source.LISTS: self.lists, Source.WEBHOOK: self.webhook, Source.VELOCITY: self.velocity}
        return tuple(source for source, of_source in named.items() if of_source)

    @property
    def of_returns(self) -> ScreeningRules:
        """What of them holds for what is given back: no limit, for that is no movement which the customer chose."""
        return replace(self, velocity=())


@dataclass(frozen=True, slots=True)
class ScreeningPolicy:
    """A tenant's rules for both ways; None: nothing is screened.

    ``fault`` says what is wrong with what is registered: until it is mended, nothing of the tenant passes either way.
    """

    outgoing: ScreeningRules | None = None
    incoming: ScreeningRules | None = None
    fault: str | None = None

    def of(self, way: Way) -> ScreeningRules | None:
        """Return the rules of one way."""
        return self.outgoing if way is Way.OUTGOING else self.incoming


NOTHING_SCREENED: Final = ScreeningPolicy()
"""The policy of a tenant that has set none."""


@dataclass(frozen=True, slots=True)
class ScreeningHit:
    """Something was found: by whom, under which rule, about what, and how like. Never a name or an account.

    ``rule`` is what a person looks up: the list and its entry's id, the limit's number, the service's own case.
    """

    source: Source
    rule: str
    about: str
    score: int | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Screened:
    """What came of it: what was found, or (``fault``) that not everyone who was to look has.

    ``reason_code`` is what a transfer is rejected with that was not looked at; None leaves it to the rail's setting.
    """

    hits: tuple[ScreeningHit, ...] = ()
    sources: tuple[Source, ...] = ()
    fault: str | None = None
    reason_code: str | None = None

    @property
    def passes(self) -> bool:
        """Whether everyone looked, and nobody found anything."""
        return not self.hits and self.fault is None

    @property
    def details(self) -> dict[str, str]:
        """Return it as the history keeps it: nothing where nothing is screened."""
        told = {} if not self.sources else {"screened_by": ", ".join(self.sources)}
        if self.fault is not None:
            told["screening_fault"] = self.fault[:200]
        for number, hit in enumerate(self.hits[:HITS_KEPT_MAX], start=1):
            score = "" if hit.score is None else f", {hit.score} of 100"
            text = "" if hit.text is None else f": {hit.text}"
            told[f"hit_{number}"] = f"{hit.source} {hit.rule}, {hit.about}{score}{text}"
        return told


HITS_KEPT_MAX: Final = 10
"""So many hits of one payment are kept; more would say no more."""

PASSED: Final = Screened()
"""Of what nobody wants screened."""


def answered_with(answer: InstitutionAnswer, screened: Screened, *, unanswered: str) -> InstitutionAnswer:
    """Return what the rail is told, of what the institution (or who stands in for it) says and what screening found.

    A rejection stays one. Money is accepted where everyone who was to look has, and has found nothing; with a hit it is
    accepted without being posted. Where screening is down nothing is accepted: that is no doubt about compliance.
    """
    if screened.passes or answer.verdict is Verdict.REJECT:
        return answer
    if screened.hits:
        return InstitutionAnswer(Verdict.ACCEPT_WITHOUT_POSTING, None, answer.text, answer.contradicts)
    return InstitutionAnswer(Verdict.REJECT, screened.reason_code or unanswered, UNSCREENED)


# --- What a tenant has registered -----------------------------------------------------------------------------------

_SHARED: Final = frozenset({"lists", "threshold", "webhook", "velocity", "budget_ms"})
_OUTGOING: Final = _SHARED | {"unanswered", "hold_s", "reason_code"}
_INCOMING: Final = _SHARED | {"unanswered_reason_code"}
_VELOCITY: Final = frozenset({"account", "window_s", "count_max", "cents_max"})


def screening_from(content: Any) -> ScreeningPolicy:
    """Return the policy that a JSON value says (docs/screening.md).

    Raises:
        ValueError: it says none; the text names the place.

    """
    members = _members(content, "the policy", frozenset(Way))
    ways = {way: _rules(members[way], way) if way in members else None for way in Way}
    return ScreeningPolicy(ways[Way.OUTGOING], ways[Way.INCOMING])


def _rules(content: Any, way: Way) -> ScreeningRules:
    members = _members(content, way, _OUTGOING if way is Way.OUTGOING else _INCOMING)
    rules = ScreeningRules(
        lists=_lists(members.get("lists", []), f"{way}.lists"),
        threshold=_whole(members.get("threshold", THRESHOLD), f"{way}.threshold", 50, 100),
        webhook=_address(members.get("webhook"), f"{way}.webhook"),
        velocity=_velocity(members.get("velocity", []), f"{way}.velocity"),
        budget_ms=_whole(members.get("budget_ms", BUDGET_MS), f"{way}.budget_ms", 10, BUDGET_MS_MAX),
        unanswered=_unanswered(members.get("unanswered", Unanswered.REJECT), f"{way}.unanswered"),
        hold_s=_whole(members.get("hold_s", HOLD_S), f"{way}.hold_s", 1, HOLD_S_MAX),
        reason_code=_code(members.get("reason_code", REASON_CODE), f"{way}.reason_code"),
        unanswered_reason_code=_code_or_none(members.get("unanswered_reason_code"), f"{way}.unanswered_reason_code"),
    )
    if not rules.sources:
        raise ValueError(f"{way}: lists, webhook or velocity is meant; without any, leave {way} out")
    return rules


def _members(content: Any, place: str, known: frozenset[Any]) -> Mapping[str, Any]:
    if not isinstance(content, dict):
        raise ValueError(f"{place}: an object is meant")  # noqa: TRY004 - JSON's kinds are no types of ours
    if unknown := sorted(set(content) - {str(each) for each in known}):
        raise ValueError(f"{place}: nothing is known of {', '.join(unknown)}")
    return content


def _items(value: Any, place: str, most: int) -> Sequence[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise ValueError(f"{place}: a list of {most} at the most is meant")
    return value


def _lists(value: Any, place: str) -> tuple[str, ...]:
    """The names of files in the folder of lists, and no way out of it."""
    for number, name in enumerate(_items(value, place, LISTS_MAX)):
        if not isinstance(name, str) or not name or name.startswith(".") or set(name) & set("/\\\0"):
            raise ValueError(f"{place}[{number}]: the name of a file in the folder of lists is meant, such as own.csv")
    return tuple(value)


def _velocity(value: Any, place: str) -> tuple[VelocityRule, ...]:
    return tuple(_limit(each, f"{place}[{number}]") for number, each in enumerate(_items(value, place, RULES_MAX)))


def _limit(content: Any, place: str) -> VelocityRule:
    members = _members(content, place, _VELOCITY)
    if str(members.get("account")) not in set(Side):
        raise ValueError(f"{place}.account: {' or '.join(Side)} is meant")
    if "count_max" not in members and "cents_max" not in members:
        raise ValueError(f"{place}: count_max or cents_max is meant")
    largest = 10**15
    return VelocityRule(
        account=Side(members["account"]),
        window_s=_whole(members.get("window_s"), f"{place}.window_s", 1, WINDOW_S_MAX),
        count_max=_whole(members["count_max"], f"{place}.count_max", 1, largest) if "count_max" in members else None,
        cents_max=_whole(members["cents_max"], f"{place}.cents_max", 1, largest) if "cents_max" in members else None,
    )


def _whole(value: Any, place: str, least: int, most: int) -> int:
    if type(value) is int and least <= value <= most:
        return value
    raise ValueError(f"{place}: a whole number from {least} to {most} is meant")


def _address(value: Any, place: str) -> str | None:
    if value is None:
        return None
    parts = urlsplit(value) if isinstance(value, str) else None
    is_local = parts is not None and parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if parts is None or not parts.hostname or not (parts.scheme == "https" or is_local):
        raise ValueError(f"{place}: an https address is meant, or http on the loopback")
    return str(value)


def _unanswered(value: Any, place: str) -> Unanswered:
    if str(value) not in set(Unanswered):
        raise ValueError(f"{place}: {' or '.join(Unanswered)} is meant; what was not screened is never sent")
    return Unanswered(value)


def _code_or_none(value: Any, place: str) -> str | None:
    return None if value is None else _code(value, place)


def _code(value: Any, place: str) -> str:
    if is_reason_code(value):
        return value
    raise ValueError(f"{place}: an ISO 20022 status reason such as {REASON_CODE} is meant")
