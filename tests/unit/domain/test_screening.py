"""What a tenant registers of screening, and what is answered with it: tables, and every fault with its place."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.domain.incoming_transfer import InstitutionAnswer, Verdict
from gateway.domain.screening import (
    NOTHING_SCREENED,
    PASSED,
    UNSCREENED,
    Screened,
    ScreeningHit,
    ScreeningPolicy,
    ScreeningRules,
    Side,
    Source,
    Unanswered,
    VelocityRule,
    answered_with,
    screening_from,
)

ACCEPT = InstitutionAnswer(Verdict.ACCEPT)
HOLD = InstitutionAnswer(Verdict.ACCEPT_WITHOUT_POSTING, None, "Entitlement.")
REJECT = InstitutionAnswer(Verdict.REJECT, "AC04")
HIT = Screened((ScreeningHit(Source.WEBHOOK, "case 15", "debtor name"),), (Source.WEBHOOK,))
DOWN = Screened(sources=(Source.LISTS,), fault="lists: no answer in time")
HIT_AND_DOWN = Screened(HIT.hits, (Source.WEBHOOK, Source.LISTS), "lists: no answer in time")
UNSCREENED_ANSWER = InstitutionAnswer(Verdict.REJECT, "AB05", UNSCREENED)


def test_nothing_registered_is_nothing_screened() -> None:
    """The default of every tenant."""
    assert screening_from({}) == NOTHING_SCREENED


def test_a_policy_is_read_whole() -> None:
    """Both ways, each with its own sources."""
    read = screening_from(
        {
            "outgoing": {
                "lists": ["sanctions.csv", "own.csv"],
                "threshold": 92,
                "webhook": "https://screening.example/v1/screen",
                "velocity": [{"account": "debtor", "window_s": 3600, "count_max": 20, "cents_max": 500_000}],
                "budget_ms": 300,
                "unanswered": "hold",
                "hold_s": 1800,
                "reason_code": "MS03",
            },
            "incoming": {"lists": ["own.csv"], "unanswered_reason_code": "AB08"},
        }
    )

    limit = VelocityRule(account=Side.DEBTOR, window_s=3600, count_max=20, cents_max=500_000)
    assert read == ScreeningPolicy(
        ScreeningRules(
            lists=("sanctions.csv", "own.csv"),
            threshold=92,
            webhook="https://screening.example/v1/screen",
            velocity=(limit,),
            budget_ms=300,
            unanswered=Unanswered.HOLD,
            hold_s=1800,
            reason_code="MS03",
        ),
        ScreeningRules(lists=("own.csv",), unanswered_reason_code="AB08"),
    )
    assert read.outgoing is not None
    assert read.outgoing.sources == (Source.LISTS, Source.WEBHOOK, Source.VELOCITY)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ([], "the policy"),
        ({"both": {}}, "nothing is known of both"),
        ({"outgoing": {}}, "outgoing: lists, webhook or velocity is meant"),
        ({"outgoing": {"lists": "own.csv"}}, "outgoing.lists"),
        ({"outgoing": {"lists": ["../own.csv"]}}, "outgoing.lists[0]"),
        ({"outgoing": {"lists": [".hidden"]}}, "outgoing.lists[0]"),
        ({"outgoing": {"lists": [7]}}, "outgoing.lists[0]"),
        ({"outgoing": {"webhook": "http://screening.example/"}}, "outgoing.webhook"),
        ({"outgoing": {"webhook": 7}}, "outgoing.webhook"),
        ({"outgoing": {"lists": ["own.csv"], "unanswered": "send"}}, "never sent"),
        ({"outgoing": {"lists": ["own.csv"], "unanswered": []}}, "outgoing.unanswered"),
        ({"outgoing": {"lists": ["own.csv"], "threshold": 101}}, "outgoing.threshold"),
        ({"outgoing": {"lists": ["own.csv"], "threshold": True}}, "outgoing.threshold"),
        ({"outgoing": {"lists": ["own.csv"], "budget_ms": 0}}, "outgoing.budget_ms"),
        ({"outgoing": {"lists": ["own.csv"], "hold_s": 90_000}}, "outgoing.hold_s"),
        ({"outgoing": {"lists": ["own.csv"], "reason_code": "ac04"}}, "outgoing.reason_code"),
        ({"outgoing": {"lists": ["own.csv"], "unanswered_reason_code": "AB08"}}, "unanswered_reason_code"),
        ({"incoming": {"lists": ["own.csv"], "hold_s": 60}}, "nothing is known of hold_s"),
        ({"incoming": {"lists": ["own.csv"], "unanswered_reason_code": 4}}, "incoming.unanswered_reason_code"),
        ({"incoming": {"velocity": [{"account": "debtor", "window_s": 60}]}}, "count_max or cents_max"),
        ({"incoming": {"velocity": [{"account": [], "window_s": 60, "count_max": 1}]}}, "velocity[0].account"),
        ({"incoming": {"velocity": [{"account": "debtor", "count_max": 1}]}}, "velocity[0].window_s"),
        ({"incoming": {"velocity": [{"account": "debtor", "window_s": 60, "count_max": 0}]}}, "velocity[0].count_max"),
    ],
)
def test_a_fault_is_told_with_its_place(content: Any, place: str) -> None:
    """Nothing is read to a default: a slip of the pen must not let pass what was meant to be held."""
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the text is looked at below
        screening_from(content)

    assert place in str(refused.value)


@pytest.mark.parametrize(
    ("answer", "screened", "told"),
    [
        (ACCEPT, PASSED, ACCEPT),
        (HOLD, PASSED, HOLD),
        (REJECT, PASSED, REJECT),
        (REJECT, HIT, REJECT),
        (REJECT, DOWN, REJECT),
        (ACCEPT, HIT, InstitutionAnswer(Verdict.ACCEPT_WITHOUT_POSTING)),
        (HOLD, HIT, HOLD),
        (ACCEPT, HIT_AND_DOWN, InstitutionAnswer(Verdict.ACCEPT_WITHOUT_POSTING)),
        (ACCEPT, DOWN, UNSCREENED_ANSWER),
        (HOLD, DOWN, UNSCREENED_ANSWER),
    ],
)
def test_what_the_rail_is_told_of_what_was_found(
    answer: InstitutionAnswer, screened: Screened, told: InstitutionAnswer
) -> None:
    """A hit is doubt about compliance; an outage is none, and nothing is accepted by it (12 CFR 210.44(b)(3))."""
    assert answered_with(answer, screened, unanswered="AB05") == told


def test_no_acceptance_ever_comes_of_what_did_not_pass() -> None:
    """The rule itself, over every pair: plain acceptance needs that everyone looked and nobody found anything."""
    for answer in (ACCEPT, HOLD, REJECT):
        for screened in (HIT, DOWN, HIT_AND_DOWN):
            assert answered_with(answer, screened, unanswered="AB05").verdict is not Verdict.ACCEPT


def test_the_history_is_told_who_looked_and_what_was_found() -> None:
    """As plain texts, ten hits at the most."""
    many = Screened((ScreeningHit(Source.LISTS, "own.csv A-1", "creditor name", 93, "alike"),) * 12, (Source.LISTS,))

    assert PASSED.details == {}
    assert HIT_AND_DOWN.details == {
        "screened_by": "webhook, lists",
        "screening_fault": "lists: no answer in time",
        "hit_1": "webhook case 15, debtor name",
    }
    assert many.details["hit_10"] == "lists own.csv A-1, creditor name, 93 of 100: alike"
    assert "hit_11" not in many.details
