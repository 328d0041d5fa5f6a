"""The stand-in: the first rule that fits, a rejection where none does, and never acceptance without posting."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.domain.incoming_transfer import InstitutionAnswer, Verdict
from gateway.domain.stand_in import REJECT_ALL, AccountStanding, policy_from
from tests.unit.domain.transfers import transfer

NOON = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
"""Noon in New York."""

ACCEPT = InstitutionAnswer(Verdict.ACCEPT)


def test_without_rules_nobodys_money_is_accepted() -> None:
    """What no institution has said yes to is rejected; the reason is the rail's setting."""
    assert REJECT_ALL.decide(transfer(), AccountStanding.OPEN, at=NOON) == InstitutionAnswer(Verdict.REJECT)


def test_the_first_rule_that_fits_decides() -> None:
    """Closed accounts before amounts, amounts before the rest."""
    policy = policy_from(
        {
            "rules": [
                {"decision": "reject", "reason_code": "AC04", "accounts": ["closed"]},
                {"decision": "reject", "reason_code": "AC03", "accounts": ["unknown"]},
                {"decision": "accept", "amount_max": 10_000},
            ],
            "reason_code": "AC06",
        }
    )

    def decided(cents: int, standing: AccountStanding) -> InstitutionAnswer:
        return policy.decide(transfer(cents=cents), standing, at=NOON)

    assert decided(5_000, AccountStanding.OPEN) == ACCEPT
    assert decided(10_000, AccountStanding.OPEN) == ACCEPT
    assert decided(10_001, AccountStanding.OPEN) == InstitutionAnswer(Verdict.REJECT, "AC06")
    assert decided(5_000, AccountStanding.CLOSED) == InstitutionAnswer(Verdict.REJECT, "AC04")
    assert decided(5_000, AccountStanding.UNKNOWN) == InstitutionAnswer(Verdict.REJECT, "AC03")


@pytest.mark.parametrize(
    ("condition", "fits"),
    [
        ({"amount_min": 5_174}, True),
        ({"amount_min": 5_175}, False),
        ({"debtor_agents": ["990001106"]}, True),
        ({"debtor_agents": ["990001203"]}, False),
        ({"hours": "08:00-12:00"}, False),
        ({"hours": "12:00-12:01"}, True),
        ({"hours": "20:00-06:00"}, False),
        ({"hours": "20:00-12:30"}, True),
        ({"accounts": ["open", "blocked"]}, True),
        ({"accounts": ["blocked"]}, False),
    ],
)
def test_a_rule_fits_when_every_condition_holds(condition: dict[str, Any], *, fits: bool) -> None:
    """Each condition alone, on both sides of its edge; hours are US Eastern, the end excluded."""
    policy = policy_from({"rules": [{"decision": "accept", **condition}]})

    assert (policy.decide(transfer(), AccountStanding.OPEN, at=NOON) == ACCEPT) is fits


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ([], "the policy: an object"),
        ({"rule": []}, "nothing is known of rule"),
        ({"rules": {}}, "rules: a list"),
        ({"rules": [{"decision": "accept_without_posting"}]}, r"rules\[0\].decision: .*never for an outage"),
        ({"rules": [{}]}, r"rules\[0\].decision"),
        ({"rules": [{"decision": "accept", "amount_max": "100"}]}, r"amount_max: whole cents"),
        ({"rules": [{"decision": "accept", "amount_max": True}]}, r"amount_max: whole cents"),
        ({"rules": [{"decision": "accept", "accounts": ["gone"]}]}, r"accounts: open, closed"),
        ({"rules": [{"decision": "accept", "hours": "8 to 5"}]}, r"hours: 08:00"),
        ({"rules": [{"decision": "accept", "hours": "08:00Z-17:30Z"}]}, r"rules\[0\].hours: 08:00.* without a zone"),
        ({"rules": [{"decision": "accept", "debtor_agents": "990001106"}]}, r"debtor_agents: a list"),
        ({"reason_code": "closed"}, "reason_code: an ISO"),
    ],
)
def test_a_policy_that_says_nothing_known_names_its_place(content: Any, place: str) -> None:
    """An outage is no reason to accept without posting (12 CFR 210.44(b)(3)): a policy cannot even say it."""
    with pytest.raises(ValueError, match=place):
        policy_from(content)
