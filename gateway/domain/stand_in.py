"""The stand-in: what is answered in the place of an institution that is slow, down or answers nonsense. Pure.

A policy is a tenant's own: a list of rules, of which the first that fits decides, and a reason for all the rest. It
accepts within limits or rejects; accepting without posting is not among its words, since an outage is no reason for it
(12 CFR 210.44(b)(3)).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from typing import Any, Final

from gateway.domain.incoming_transfer import IncomingTransfer, InstitutionAnswer, Verdict
from gateway.domain.payment import is_reason_code
from gateway.domain.receiving_time import ZONE


class AccountStanding(StrEnum):
    """What the account directory says of the creditor's account."""

    OPEN = "open"
    CLOSED = "closed"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"
    """It is not in the directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandInRule:
    """One rule: it fits a transfer that all its conditions hold for; none means any. Amounts are cents.

    ``hours`` are US Eastern, the end excluded; they may go over midnight.
    """

    verdict: Verdict
    reason_code: str | None = None
    amount_min: int | None = None
    amount_max: int | None = None
    accounts: frozenset[AccountStanding] | None = None
    debtor_agents: frozenset[str] | None = None
    hours: tuple[time, time] | None = None

    def fits(self, transfer: IncomingTransfer, standing: AccountStanding, *, at: datetime) -> bool:
        """Whether every condition holds."""
        cents = transfer.amount.cents
        return (
            (self.amount_min is None or cents >= self.amount_min)
            and (self.amount_max is None or cents <= self.amount_max)
            and (self.accounts is None or standing in self.accounts)
            and (self.debtor_agents is None or transfer.debtor_agent in self.debtor_agents)
            and (self.hours is None or _is_within(at.astimezone(ZONE).time(), *self.hours))
        )


@dataclass(frozen=True, slots=True)
class StandInPolicy:
    """A tenant's rules. ``reason_code`` rejects what no rule fits; None leaves it to the rail's own setting."""

    rules: tuple[StandInRule, ...] = ()
    reason_code: str | None = None

    def decide(self, transfer: IncomingTransfer, standing: AccountStanding, *, at: datetime) -> InstitutionAnswer:
        """Return what is answered in the institution's place; without a rule that fits, a rejection."""
        for rule in self.rules:
            if rule.fits(transfer, standing, at=at):
                return InstitutionAnswer(rule.verdict, rule.reason_code)
        return InstitutionAnswer(Verdict.REJECT, self.reason_code)


REJECT_ALL: Final = StandInPolicy()
"""The policy of a tenant that has set none: nobody's money is accepted for an institution that cannot be asked."""

_RULE_MEMBERS: Final = frozenset(
    {"decision", "reason_code", "amount_min", "amount_max", "accounts", "debtor_agents", "hours"}
)


def policy_from(content: Any) -> StandInPolicy:
    """Return the policy that a JSON value says (docs/receiving.md).

    Raises:
        ValueError: it says none; the text names the place.

    """
    members = _members(content, "the policy", frozenset({"rules", "reason_code"}))
    rules = members.get("rules", [])
    if not isinstance(rules, list):
        raise ValueError("rules: a list is meant")  # noqa: TRY004 - JSON's kinds are no types of ours
    return StandInPolicy(
        tuple(_rule_from(rule, f"rules[{number}]") for number, rule in enumerate(rules)),
        _code(members.get("reason_code"), "reason_code"),
    )


def _rule_from(content: Any, place: str) -> StandInRule:
    members = _members(content, place, _RULE_MEMBERS)
    verdicts = {"accept": Verdict.ACCEPT, "reject": Verdict.REJECT}
    verdict = verdicts.get(str(members.get("decision")))
    if verdict is None:
        raise ValueError(
            f"{place}.decision: accept or reject is meant; accepting without posting is never for an outage "
            "(12 CFR 210.44(b)(3))"
        )
    return StandInRule(
        verdict=verdict,
        reason_code=_code(members.get("reason_code"), f"{place}.reason_code"),
        amount_min=_cents(members.get("amount_min"), f"{place}.amount_min"),
        amount_max=_cents(members.get("amount_max"), f"{place}.amount_max"),
        accounts=_standings(members.get("accounts"), f"{place}.accounts"),
        debtor_agents=_texts(members.get("debtor_agents"), f"{place}.debtor_agents"),
        hours=_hours(members.get("hours"), f"{place}.hours"),
    )


def _members(content: Any, place: str, known: frozenset[str]) -> Mapping[str, Any]:
    if not isinstance(content, dict):
        raise ValueError(f"{place}: an object is meant")  # noqa: TRY004 - JSON's kinds are no types of ours
    if unknown := sorted(set(content) - known):
        raise ValueError(f"{place}: nothing is known of {', '.join(unknown)}")
    return content


def _code(value: Any, place: str) -> str | None:
    if value is None:
        return None
    if is_reason_code(value):
        return value
    raise ValueError(f"{place}: an ISO 20022 status reason such as AC04 is meant")


def _cents(value: Any, place: str) -> int | None:
    if value is None or (type(value) is int and value >= 0):
        return value
    raise ValueError(f"{place}: whole cents are meant")


def _texts(value: Any, place: str) -> frozenset[str] | None:
    if value is None:
        return None
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return frozenset(value)
    raise ValueError(f"{place}: a list of texts is meant")


def _standings(value: Any, place: str) -> frozenset[AccountStanding] | None:
    texts = _texts(value, place)
    try:
        return None if texts is None else frozenset(AccountStanding(text) for text in texts)
    except ValueError:
        raise ValueError(f"{place}: {', '.join(AccountStanding)} are meant") from None


def _hours(value: Any, place: str) -> tuple[time, time] | None:
    if value is None:
        return None
    try:
        begin, end = value.split("-")
        hours = time.fromisoformat(begin), time.fromisoformat(end)
        if any(hour.tzinfo is not None for hour in hours):
            raise ValueError("a zone")  # noqa: TRY301 - said below, with its place
    except (AttributeError, ValueError):
        raise ValueError(f"{place}: 08:00-17:30 is meant, US Eastern and without a zone") from None
    return hours


def _is_within(moment: time, begin: time, end: time) -> bool:
    return begin <= moment < end if begin <= end else moment >= begin or moment < end
