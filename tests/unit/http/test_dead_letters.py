"""Dead letters over HTTP: who sees them, who may act, and what is said of what a redrive would do."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from adapters.http.notes import NOTE_MAX
from gateway.domain.events import Event, EventKind
from gateway.domain.payment import Payment, PaymentId
from gateway.service.ports import DeadLetter, DeadLetterReason, Delivery, Queue
from tests.unit.http.world import OPERATOR, OTHER_BEARER, Answer, World

NOTE = {"note": "The cause is mended."}
NOBODYS_PAYMENT = PaymentId(UUID(int=1))


async def dead(
    world: World, payment: Payment | None = None, *, number: int = 7, queue: Queue = Queue.FEDNOW_OUT_VALUE
) -> str:
    """A dead letter about a payment (or about none), and where it is."""
    now = world.clock.now()
    letter = DeadLetter(
        delivery=Delivery(
            delivery_id=UUID(int=number),
            queue=queue,
            payment_id=NOBODYS_PAYMENT if payment is None else payment.payment_id,
            deadline_at=now if payment is None else payment.deadline_at,
            attempt=10,
        ),
        reason=DeadLetterReason.HANDLER_FAILED,
        fault="ValueError: …",
        published_at=now - timedelta(seconds=20),
        died_at=now + timedelta(seconds=number),
    )
    await world.dead_letters.keep([letter], at=now)
    return f"/v1/dead-letters/{UUID(int=number)}"


async def redrive(world: World, link: str, body: object = NOTE) -> Answer:
    return await world.post_json(f"{link}/redrive", body, OPERATOR)


async def would(world: World, link: str) -> str:
    answer = await world.get(link, OPERATOR)
    said: str = answer.json["redrive"]["would"]
    return said


async def test_a_tenant_sees_the_dead_letters_of_its_own_payments_and_an_operator_all(world: World) -> None:
    """Another tenant's is as if it were not there; what belongs to nobody is an operator's."""
    own = await dead(world, await world.accepted())
    nobodys = await dead(world, number=8)

    seen = {
        name: [letter["links"]["self"] for letter in (await world.get("/v1/dead-letters", key)).json["dead_letters"]]
        for name, key in (("tenant", None), ("other", OTHER_BEARER), ("operator", OPERATOR))
    }

    assert seen == {"tenant": [own], "other": [], "operator": [own, nobodys]}
    assert [(await world.get(own, key)).status for key in (None, OTHER_BEARER, OPERATOR)] == [200, 404, 200]
    assert (await world.get(nobodys)).json["code"] == "dead_letter_not_found"


async def test_only_an_operator_acts(world: World) -> None:
    """A tenant's key, also its owner's, is told so; nobody's is unknown."""
    link = await dead(world, await world.accepted())

    answers = [
        await world.post_json(f"{link}/{action}", NOTE, key)
        for action in ("redrive", "discard")
        for key in (None, OTHER_BEARER, {"Authorization": "Bearer nobody's"})
    ]

    assert [answer.status for answer in answers] == [403, 403, 401] * 2
    assert answers[0].json["code"] == "operator_needed"
    assert (await world.get(link)).json["state"] == "parked"


async def test_a_redrive_is_kept_with_who_and_why_and_puts_the_delivery_into_the_outbox(world: World) -> None:
    """Under a fresh id and with the old deadline; the second operator is told that it was done."""
    payment = await world.accepted()
    link = await dead(world, payment)
    before = {row.delivery.delivery_id for row in world.store.rows.outbox}

    first, second = await redrive(world, link), await redrive(world, link)

    [queued] = [row.delivery for row in world.store.rows.outbox if row.delivery.delivery_id not in before]
    assert (first.status, first.json["state"], first.json["redrive"]) == (200, "redriven", None)
    assert first.json["closing"] == {
        "at": "2026-11-20T15:15:00.000Z",
        "by": "sample operator",
        "note": NOTE["note"],
        "redriven_as": str(queued.delivery_id),
    }
    assert (queued.queue, queued.payment_id) == (Queue.FEDNOW_OUT_VALUE, payment.payment_id)
    assert queued.deadline_at == payment.deadline_at
    assert (second.status, second.json["code"]) == (409, "dead_letter_closed")


async def test_a_discarded_dead_letter_is_kept_and_can_be_listed(world: World) -> None:
    """It leaves the list of what waits, and no other."""
    link = await dead(world)
    outbox = len(world.store.rows.outbox)

    answer = await world.post_json(f"{link}/discard", NOTE, OPERATOR)

    counts = {
        state: len((await world.get(f"/v1/dead-letters?state={state}", OPERATOR)).json["dead_letters"])
        for state in ("parked", "redriven", "discarded", "any")
    }
    assert (answer.status, answer.json["state"], answer.json["closing"]["redriven_as"]) == (200, "discarded", None)
    assert counts == {"parked": 0, "redriven": 0, "discarded": 1, "any": 1}
    assert len(world.store.rows.outbox) == outbox


async def test_of_two_operators_at_the_same_moment_one_alone_acts(world: World) -> None:
    """One redrives, the other is told that it was done: never two deliveries. (On PostgreSQL: in the store's suite.)"""
    link = await dead(world, await world.accepted())
    outbox = len(world.store.rows.outbox)

    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(redrive(world, link)) for _ in range(8)]

    assert sorted(task.result().status for task in asked) == [200, *[409] * 7]
    assert len(world.store.rows.outbox) == outbox + 1


async def test_what_a_redrive_would_do_follows_the_payments_state(world: World) -> None:
    """The table of states decides when it comes to it; who looks is told what it would decide now."""
    payment = await world.accepted()
    transfer = await dead(world, payment)
    question = await dead(world, payment, number=8, queue=Queue.FEDNOW_OUT_INQUIRY)
    incoming = await dead(world, payment, number=9, queue=Queue.FEDNOW_IN_VALUE)
    nobodys = await dead(world, number=10)

    fresh = [await would(world, link) for link in (transfer, question, incoming, nobodys)]
    world.clock.advance(14.5)
    late = await would(world, transfer)
    await world.befalls(payment, Event(EventKind.SENDING_STARTED))
    sent = [await would(world, link) for link in (transfer, question)]
    await world.befalls(payment, Event(EventKind.DEADLINE_PASSED))
    in_doubt = [await would(world, link) for link in (transfer, question)]
    shown = (await world.get(transfer, OPERATOR)).json

    assert fresh == ["sends", "nothing", "is_handled_again", "is_refused"]
    assert late == "rejects"
    assert sent == ["nothing", "nothing"]
    assert in_doubt == ["nothing", "asks"]
    assert (shown["payment"]["state"], shown["payment"]["final"]) == ("IN_DOUBT", False)


async def test_a_dead_letter_about_no_payment_cannot_be_redriven(world: World) -> None:
    """There is nothing that a handler could do with it: nothing is done, and it can still be discarded."""
    link = await dead(world)

    refused = await redrive(world, link)

    assert (refused.status, refused.json["code"]) == (409, "dead_letter_without_payment")
    assert (await world.get(link, OPERATOR)).json["state"] == "parked"
    assert (await world.post_json(f"{link}/discard", NOTE, OPERATOR)).status == 200


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/note"]),
        ({"note": ""}, ["/note"]),
        ({"note": "  "}, ["/note"]),
        ({"note": 1}, ["/note"]),
        ({"note": "two\nlines"}, ["/note"]),
        ({"note": "x" * (NOTE_MAX + 1)}, ["/note"]),
        ({"remark": "why", "note": None}, ["/remark", "/note"]),
    ],
)
async def test_an_act_without_a_note_is_refused(world: World, body: dict[str, Any], pointers: list[str]) -> None:
    """Who comes after must find why: every fault at once, and nothing is done."""
    link = await dead(world, await world.accepted())

    answer = await redrive(world, link, body)

    assert (answer.status, [finding["pointer"] for finding in answer.json["findings"]]) == (422, pointers)
    assert (await world.get(link)).json["state"] == "parked"


@pytest.mark.parametrize("query", ["queue=nonsense", "state=lost", "queue=", "sort=x", "state=any&state=parked"])
async def test_a_query_that_is_not_understood_is_refused(world: World, query: str) -> None:
    """A slip of the pen must not show everything, or nothing, as if that were the answer."""
    assert (await world.get(f"/v1/dead-letters?{query}")).json["code"] == "query_invalid"


@pytest.mark.parametrize("name", ["nonsense", "00000000-0000-0000-0000-000000000000"])
async def test_a_dead_letter_that_is_not_there_is_not_found(world: World, name: str) -> None:
    """Neither to look at nor to act on."""
    link = f"/v1/dead-letters/{name}"

    answers = [await world.get(link), await world.get(link, OPERATOR), await redrive(world, link)]

    assert [answer.json["code"] for answer in answers] == ["dead_letter_not_found"] * 3


async def test_the_list_is_filtered_by_queue(world: World) -> None:
    """One rail's trouble at a time."""
    payment = await world.accepted()
    await dead(world, payment)
    link = await dead(world, payment, number=8, queue=Queue.RTP_IN_VALUE)

    answer = await world.get("/v1/dead-letters?queue=rtp.in.value")

    assert [letter["links"]["self"] for letter in answer.json["dead_letters"]] == [link]
