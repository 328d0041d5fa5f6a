"""Payments that screening holds, over HTTP: listed with what was found, released and rejected by operators alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import pytest

from gateway.domain.events import Event, EventKind
from gateway.domain.payment import Payment, PaymentState
from gateway.domain.screening import HELD_BY_A_HIT, HELD_UNTIL
from gateway.service.decide import decide
from tests.unit.http.world import OPERATOR, OTHER_BEARER, TIMING, Answer, World

FOUND: Final = {"screened_by": "lists", "hit_1": "lists own.csv S-1, creditor name, 100 of 100"}


async def held(world: World, number: int = 1, *, for_s: float = 600) -> Payment:
    """A payment that a hit holds for so long."""
    payment = await world.accepted(number)
    until = world.clock.now() + timedelta(seconds=for_s)
    decision = decide(
        payment,
        Event(EventKind.SCREENING_HELD, reason=HELD_BY_A_HIT, details={**FOUND, HELD_UNTIL: until.isoformat()}),
        at=world.clock.now(),
        timing=TIMING,
    )
    assert await world.store.save([decision]) == [True]
    return world.payment(str(payment.payment_id))


async def decided(world: World, payment: Payment, body: Any, headers: Mapping[str, str] = OPERATOR) -> Answer:
    """Decide on it."""
    path = f"/v1/payments/{payment.payment_id}/hold-decision"
    return await world.request("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})


async def test_what_expires_first_comes_first_with_what_was_found(world: World) -> None:
    """A tenant's own alone, to an operator all; what is not held is not listed."""
    later, sooner = await held(world, 1, for_s=900), await held(world, 2, for_s=60)
    await world.accepted(3)

    listed = await world.get("/v1/held-payments")
    operators = await world.get("/v1/held-payments", headers=OPERATOR)
    others = await world.get("/v1/held-payments", headers=OTHER_BEARER)

    ids = [each["payment"]["payment_id"] for each in listed.json["held"]]
    assert ids == [str(sooner.payment_id), str(later.payment_id)]
    found = listed.json["held"][0]["screening"]
    assert found.items() > FOUND.items()
    shown = listed.json["held"][0]["payment"]
    assert (shown["state"], shown["final"], shown["next_step"]["what"]) == ("HELD", False, "reject_unless_released")
    assert operators.json == listed.json
    assert others.json == {"held": [], "more": False}


@pytest.mark.parametrize(
    ("decision", "state", "code"),
    [
        ({"decision": "release"}, "RELEASED", "RELEASED"),
        ({"decision": "reject"}, "REJECTED", "RR04"),
        ({"decision": "reject", "reason_code": "FR01"}, "REJECTED", "FR01"),
    ],
)
async def test_a_decision_answers_with_the_payment_and_the_history_keeps_who_and_why(
    world: World, decision: dict[str, str], state: str, code: str
) -> None:
    """Of two at once, the second is told."""
    payment = await held(world)

    answer = await decided(world, payment, {**decision, "note": "Case 15"})
    second = await decided(world, payment, {"decision": "reject", "note": "Case 15"})
    events = await world.get(f"/v1/payments/{payment.payment_id}/events")

    assert (answer.status, answer.json["state"]) == (200, state)
    assert (second.status, second.json["code"], second.json["state"]) == (409, "not_held", state)
    newest = events.json["events"][-1]
    assert newest["reason"] == {"code": code, "origin": "operator", "text": "Case 15"}
    assert newest["details"] == {"by": "sample operator"}


async def test_a_tenants_key_sees_and_decides_not(world: World) -> None:
    """403, and nothing is done."""
    payment = await held(world)

    answer = await decided(world, payment, {"decision": "release", "note": "Case 15"}, headers={})

    assert (answer.status, answer.json["code"]) == (403, "operator_needed")
    assert world.payment(str(payment.payment_id)).state is PaymentState.HELD


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/note", "/decision"]),
        ({"decision": "wave through", "note": "Case 15"}, ["/decision"]),
        ({"decision": ["release"], "note": "Case 15"}, ["/decision"]),
        ({"decision": "reject", "note": "Case 15", "reason_code": "no"}, ["/reason_code"]),
        ({"decision": "release", "note": "Case 15", "reason_code": "FR01"}, ["/reason_code"]),
        ({"decision": "release", "note": "Case 15", "force": True}, ["/force"]),
    ],
)
async def test_a_decision_that_is_none_is_refused_with_every_fault(
    world: World, body: dict[str, Any], pointers: list[str]
) -> None:
    """With its place and its remedy; nothing is done."""
    payment = await held(world)

    answer = await decided(world, payment, body)

    assert answer.status == 422
    assert [finding["pointer"] for finding in answer.json["findings"]] == pointers
    assert all(finding["hint"] for finding in answer.json["findings"])
    assert world.payment(str(payment.payment_id)).state is PaymentState.HELD


async def test_what_is_no_payment_is_not_found(world: World) -> None:
    """404."""
    for name in ("00000000-0000-0000-0000-000000000015", "nonsense"):
        for decision in ("release", "reject"):
            answer = await world.request(
                "POST",
                f"/v1/payments/{name}/hold-decision",
                json.dumps({"decision": decision, "note": "Case 15"}).encode(),
                {"Content-Type": "application/json", **OPERATOR},
            )
            assert (answer.status, answer.json["code"]) == (404, "payment_not_found")
