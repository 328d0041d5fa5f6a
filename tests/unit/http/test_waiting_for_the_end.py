"""`Prefer: wait` and `Accept`: the final answer in one round trip, as JSON or as the rail's pacs.002."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from gateway.domain.payment import Payment
from tests.unit.http.world import PACS_002, Answer, World, message


@dataclass(slots=True)
class Submission:
    """A submission that waits, and its payment."""

    world: World
    request: asyncio.Task[Answer]
    payment: Payment

    async def answer(self) -> Answer:
        """The answer, once time has moved far enough."""
        return await self.world.let_wait_end(self.request, step_s=0.1)


@asynccontextmanager
async def waiting_submission(
    world: World, headers: Mapping[str, str], *, wait: str = "wait=15"
) -> AsyncIterator[Submission]:
    """A submission whose client waits for its payment's end."""
    async with asyncio.TaskGroup() as tasks:
        request = tasks.create_task(world.post_message(message(), {"Prefer": wait, **headers}))
        await world.clock.until_asleep(1)
        (payment,) = world.store.rows.payments.values()
        yield Submission(world, request, payment)


async def test_who_waits_gets_the_final_state(world: World) -> None:
    """200 says: this is the end."""
    async with waiting_submission(world, {}) as submission:
        world.clock.advance(0.8)
        await world.settles(submission.payment)

        answer = await submission.answer()

    assert (answer.status, answer.headers["Preference-Applied"]) == (200, "wait=15")
    assert (answer.json["state"], answer.json["final"], answer.json["money"]) == ("SETTLED", True, "moved")
    assert answer.json["status"] == "ACSC"
    assert 800 <= answer.json["elapsed_ms"] <= 900
    assert answer.json["next_step"] is None


async def test_who_waits_and_accepts_xml_gets_the_rails_own_answer(world: World) -> None:
    """The pacs.002 as the rail sent it, byte for byte, so that its signature and its digest hold."""
    async with waiting_submission(world, {"Accept": "application/xml"}) as submission:
        await world.settles(submission.payment)

        answer = await submission.answer()

    raw = await world.get(answer.headers["Content-Location"])
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/xml")
    assert answer.body == raw.body == PACS_002
    assert answer.headers["Location"] == f"/v1/payments/{submission.payment.payment_id}"


async def test_a_payment_that_the_gateway_rejected_is_answered_in_json_whatever_is_accepted(world: World) -> None:
    """There is no pacs.002 then; 406 after an acceptance would hide what became of the money."""
    async with waiting_submission(world, {"Accept": "application/xml"}) as submission:
        await world.expires(submission.payment)

        answer = await submission.answer()

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert (answer.json["state"], answer.json["money"]) == ("REJECTED", "not_moved")
    assert answer.json["reason"] == {"code": "AB11", "origin": "gateway", "text": "Too late."}


@pytest.mark.parametrize(("wait", "seconds", "applied"), [("wait=3", 3, "wait=3"), ("wait=600", 15, "wait=15")])
async def test_who_waits_in_vain_gets_the_payment_as_it_is(world: World, wait: str, seconds: int, applied: str) -> None:
    """Never longer than asked, than the promise, or than the deadline: then 202, with the next step and its time."""
    begun = world.clock.now()
    async with waiting_submission(world, {"Accept": "application/xml"}, wait=wait) as submission:
        answer = await submission.answer()

    waited_s = (world.clock.now() - begun).total_seconds()
    assert (answer.status, answer.headers["Preference-Applied"]) == (202, applied)
    assert answer.json["state"] == "RECEIVED"
    assert seconds <= waited_s < seconds + 1


async def test_a_repeat_that_waits_for_a_final_payment_is_answered_at_once(world: World) -> None:
    """The clock stands still here: nothing is waited for."""
    payment = await world.accepted()
    await world.settles(payment)

    answer = await world.post_message(message(), {"Prefer": "wait=15"})

    assert (answer.status, answer.json["state"]) == (200, "SETTLED")
    assert answer.headers["Idempotency-Replayed"] == "true"


async def test_a_payment_in_doubt_past_its_deadline_is_not_waited_for_beyond_what_is_asked(world: World) -> None:
    """The deadline has passed: a repeat still waits as long as it asks, and no longer."""
    payment = await world.accepted()
    world.clock.advance(60)
    begun = world.clock.now()

    async with asyncio.TaskGroup() as tasks:
        request = tasks.create_task(world.post_message(message(), {"Prefer": "wait=2"}))
        await world.clock.until_asleep(1)
        answer = await world.let_wait_end(request, step_s=0.1)

    assert answer.status == 202
    assert answer.json["payment_id"] == str(payment.payment_id)
    assert 2 <= (world.clock.now() - begun).total_seconds() < 3


@pytest.mark.parametrize("prefer", ["wait=0", "wait", "wait=soon", "respond-async", "wait=-1"])
async def test_a_preference_that_asks_for_nothing_is_passed_over(world: World, prefer: str) -> None:
    """RFC 7240: a preference that is not understood is as if it were not there."""
    answer = await world.post_message(message(), {"Prefer": prefer})

    assert answer.status == 202
    assert "Preference-Applied" not in answer.headers


async def test_what_is_accepted_stays_accepted_when_the_store_stops_answering_meanwhile(world: World) -> None:
    """The commit is certain: a fault after it must not look like a refusal."""
    async with waiting_submission(world, {}, wait="wait=1") as submission:
        world.store.reachable = False

        answer = await submission.answer()

    assert (answer.status, answer.json["state"]) == (202, "RECEIVED")
    assert "http" in [where for where, _ in world.observer.faults]


async def test_reading_a_payment_can_wait_too(world: World) -> None:
    """After a 202, one request that waits replaces many that ask."""
    payment = await world.accepted()

    async with asyncio.TaskGroup() as tasks:
        request = tasks.create_task(world.get(f"/v1/payments/{payment.payment_id}", {"Prefer": "wait=10"}))
        await world.clock.until_asleep(1)
        await world.settles(payment)
        answer = await world.let_wait_end(request)

    assert (answer.status, answer.json["state"]) == (200, "SETTLED")
    assert answer.headers["Preference-Applied"] == "wait=10"
