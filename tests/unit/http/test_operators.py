"""People at the desk: what waits for them, and what they do, over HTTP."""

from __future__ import annotations

from typing import Final

import pytest

from gateway.domain.events import Event, EventKind
from gateway.domain.payment import Payment, Reason, ReasonOrigin
from tests.unit.http.world import OPERATOR, OTHER_BEARER, World

JSON: Final = {"Content-Type": "application/json"}


async def called_for(world: World) -> Payment:
    """A payment that waits for a person."""
    payment = await world.accepted()
    for kind in (EventKind.SENDING_STARTED, EventKind.DEADLINE_PASSED, EventKind.LOOK_BACK_ENDED):
        payment = await world.befalls(payment, Event(kind))
    return payment


async def contradicted(world: World) -> Payment:
    """A payment that has settled, and of which the rail says later that it was rejected."""
    payment = await world.accepted()
    for event in (
        Event(EventKind.SENDING_STARTED),
        Event(EventKind.SETTLEMENT_REPORTED, status="ACSC", business_message_id="YES-1"),
        Event(EventKind.REJECTION_REPORTED, Reason("AC04", ReasonOrigin.RAIL), "RJCT", "NO-1"),
    ):
        payment = await world.befalls(payment, event)
    return payment


async def test_the_desk_lists_what_waits_for_a_person_and_nothing_else(world: World) -> None:
    """A tenant's own alone, to an operator all."""
    waiting, _ = await called_for(world), await world.accepted(2)

    listed = await world.get("/v1/operator/payments")
    others = await world.get("/v1/operator/payments", headers=OTHER_BEARER)
    operators = await world.get("/v1/operator/payments", headers=OPERATOR)

    assert [payment["payment_id"] for payment in listed.json["payments"]] == [str(waiting.payment_id)]
    assert others.json == {"payments": [], "more": False}
    assert operators.json == listed.json


@pytest.mark.parametrize(
    ("action", "state", "money"),
    [
        ("ask", "AWAITING_OPERATOR", "may_have_moved"),
        ("record_settlement", "SETTLED", "moved"),
        ("record_rejection", "REJECTED", "not_moved"),
    ],
)
async def test_an_action_answers_with_the_payment_as_it_is_then(
    world: World, action: str, state: str, money: str
) -> None:
    """And the history keeps who did it and why."""
    payment = await called_for(world)

    answer = await world.act(payment, {"action": action, "note": "Case 15"})
    events = await world.get(f"/v1/payments/{payment.payment_id}/events")

    assert (answer.status, answer.json["state"], answer.json["money"]) == (200, state, money)
    assert events.json["events"][-1]["reason"]["text"] == "Case 15"


async def test_a_payment_that_waits_for_nobody_is_left_alone(world: World) -> None:
    """409, and nothing is changed: of two people at once, the second is told."""
    payment = await called_for(world)

    await world.act(payment, {"action": "record_settlement", "note": "Case 15"})
    second = await world.act(payment, {"action": "record_rejection", "note": "Case 15"})

    assert (second.status, second.json["code"], second.json["state"]) == (409, "not_awaiting_operator", "SETTLED")


async def test_a_tenants_key_sees_and_acts_not(world: World) -> None:
    """What is final for the money is an operator's to record: 403, and nothing is done."""
    payment = await called_for(world)

    answer = await world.act(payment, {"action": "record_rejection", "note": "Case 15"}, headers={})

    assert (answer.status, answer.json["code"]) == (403, "operator_needed")
    assert world.payment(str(payment.payment_id)) == payment


@pytest.mark.parametrize("payment_id", ["000b4a64-0000-8000-8000-000000000000", "no-uuid"])
async def test_a_payment_that_is_not_there_is_told_so(world: World, payment_id: str) -> None:
    """404."""
    path = f"/v1/payments/{payment_id}/operator-actions"

    answer = await world.request("POST", path, b'{"action": "ask", "note": "x"}', {**OPERATOR, **JSON})

    assert (answer.status, answer.json["code"]) == (404, "payment_not_found")


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/note", "/action"]),
        ({"action": "guess", "note": "x"}, ["/action"]),
        ({"action": "ask", "note": "  "}, ["/note"]),
        ({"action": "ask", "note": "x" * 501}, ["/note"]),
        ({"action": "ask", "note": "Case 15\nand a second line"}, ["/note"]),
        ({"action": ["ask"], "note": 15, "force": True}, ["/force", "/note", "/action"]),
    ],
)
async def test_every_fault_of_an_action_is_told_at_once(
    world: World, body: dict[str, object], pointers: list[str]
) -> None:
    """With its place and its remedy."""
    payment = await called_for(world)

    answer = await world.act(payment, body)

    assert answer.status == 422
    assert [finding["pointer"] for finding in answer.json["findings"]] == pointers
    assert all(finding["hint"] for finding in answer.json["findings"])


async def test_what_is_no_json_is_told_so(world: World) -> None:
    """400 with the place."""
    payment = await called_for(world)

    answer = await world.request(
        "POST",
        f"/v1/payments/{payment.payment_id}/operator-actions",
        b'{"action": "ask"',
        {**OPERATOR, **JSON},
    )

    assert (answer.status, answer.json["code"]) == (400, "json_unreadable")


async def test_a_contradicted_payment_says_what_was_said_when_and_what_may_be_done(world: World) -> None:
    """Wherever it is shown, and beside what is in doubt in the operators' list; its state stands. The control: one
    that is not contradicted says nothing of the kind.
    """
    payment, plain = await contradicted(world), await world.settles(await world.accepted(2))

    shown = (await world.get(f"/v1/payments/{payment.payment_id}")).json
    found = await world.get(f"/v1/payments?end_to_end_id={payment.end_to_end_id}")
    listed = await world.get("/v1/operator/payments", headers=OPERATOR)
    others = await world.get("/v1/operator/payments", headers=OTHER_BEARER)
    control = (await world.get(f"/v1/payments/{plain.payment_id}")).json
    history = (await world.get(f"/v1/payments/{payment.payment_id}/events")).json["events"]

    assert (shown["state"], shown["money"], shown["status"], shown["attention"]) == (
        "SETTLED",
        "moved",
        "ACSC",
        "contradicted",
    )
    assert shown["contradiction"] == {
        "sequence": 4,
        "kind": "RejectionReported",
        "status": "RJCT",
        "business_message_id": "NO-1",
        "reason": {"code": "AC04", "origin": "rail", "text": None},
        "at": shown["updated_at"],
        "may": ["record_settlement"],
    }
    assert [each for each in found.json["payments"] if each["attention"]] == [shown]
    assert (listed.json["payments"], others.json["payments"]) == ([shown], [])
    assert (control["attention"], control["contradiction"]) == (None, None)
    assert [each["contradiction"] for each in history] == [False, False, False, True]


async def test_recording_what_is_so_ends_a_contradiction_and_changes_nothing_else(world: World) -> None:
    """Once, and with a note that stays. Another contradiction that comes later is another."""
    payment = await contradicted(world)
    before = (await world.get(f"/v1/payments/{payment.payment_id}")).json

    done = await world.act(payment, {"action": "record_settlement", "note": "Case 15: it settled."})
    second = await world.act(payment, {"action": "record_settlement", "note": "Case 15: it settled."})
    listed = await world.get("/v1/operator/payments")

    ended = {"attention": None, "contradiction": None, "updated_at": done.json["updated_at"]}
    assert (done.status, done.json) == (200, {**before, **ended})
    assert (second.status, second.json["code"]) == (409, "not_awaiting_operator")
    assert listed.json["payments"] == []
    await world.befalls(payment, Event(EventKind.TIME_OUT_REPORTED, status="RJCT"))
    assert (await world.get(f"/v1/payments/{payment.payment_id}")).json["attention"] == "contradicted"


@pytest.mark.parametrize("action", ["ask", "record_rejection"])
async def test_what_is_final_is_not_undone_by_a_record(world: World, action: str) -> None:
    """Refused with what may be recorded instead, and nothing is done."""
    payment = await contradicted(world)

    refused = await world.act(payment, {"action": action, "note": "Case 15"})

    assert (refused.status, refused.json["code"], refused.json["state"]) == (409, "not_awaiting_operator", "SETTLED")
    assert "It waits for record_settlement." in refused.json["detail"]
    assert world.payment(str(payment.payment_id)) == payment


async def test_what_is_open_and_contradicted_ends_first(world: World) -> None:
    """It is listed at once, and nothing may be recorded before the rail's word has ended it."""
    payment = await world.befalls(await world.accepted(), Event(EventKind.SENDING_STARTED))
    payment = await world.befalls(payment, Event(EventKind.RETURNED, details={"amount_cents": "1"}))

    (listed,) = (await world.get("/v1/operator/payments")).json["payments"]
    refused = await world.act(payment, {"action": "record_settlement", "note": "Case 15"})

    assert (listed["state"], listed["attention"], listed["contradiction"]["may"]) == ("SENDING", "contradicted", [])
    assert (refused.status, world.payment(str(payment.payment_id))) == (409, payment)
