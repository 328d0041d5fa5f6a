"""Conversations over the API: one under a key, its owner's alone, and every fault of a form at once."""

from __future__ import annotations

import json
from datetime import date
from typing import Any, cast

import pytest

from adapters.http.openapi_examples import JSON_PAYMENT_EXAMPLE
from gateway.domain.payment import Rail
from gateway.service.directory import DirectoryUse
from tests.fakes.directory import heard
from tests.fakes.rail_operations import InMemoryRailEvents
from tests.unit.http.world import BEARER, OPERATOR, OTHER_BEARER, Answer, World, receives

PATH = "/v1/requests-for-payment"
ASKED = {**JSON_PAYMENT_EXAMPLE, "pay_on": "2026-11-24"}


async def ask(world: World, said: dict[str, Any], *, key: str = "key", indent: int | None = None) -> Answer:
    """Ask for a payment to an institution of the first tenant's."""
    receives(world, ASKED["creditor_agent"])
    body = json.dumps(said, indent=indent).encode()
    return await world.request("POST", PATH, body, {"Content-Type": "application/json", "Idempotency-Key": key})


async def test_under_one_key_there_is_one_request_however_it_is_written(world: World) -> None:
    """White space and order do not count, content does; what was refused has left nothing."""
    first = await ask(world, ASKED)
    again = await ask(world, dict(reversed(ASKED.items())), indent=2)
    other = await ask(world, {**ASKED, "amount": "51.75"})
    fresh = await ask(world, {**ASKED, "amount": "51.75"}, key="another")

    assert (first.status, again.json) == (200, first.json)
    assert (other.status, other.json["why"]) == (409, "key_reused")
    assert fresh.json["conversation_id"] != first.json["conversation_id"]
    assert len(world.conversations.rows.conversations) == 2


async def test_a_conversation_is_its_tenants_and_the_operators(world: World) -> None:
    """Another tenant's is as if it were not there, to look at and to answer."""
    link = (await ask(world, ASKED)).json["links"]["self"]
    reason = {"reason_code": "CUST"}

    foreign = [
        await world.get(link, OTHER_BEARER),
        await world.get(f"{link}/messages", OTHER_BEARER),
        await world.post_json(f"{link}/withdrawal", reason, OTHER_BEARER),
    ]

    assert [(each.status, each.json["code"]) for each in foreign] == [(404, "conversation_not_found")] * 3
    assert (await world.get("/v1/conversations", OTHER_BEARER)).json["conversations"] == []
    assert (await world.get(link, OPERATOR)).json["state"] == "REQUESTED"
    assert (await world.post_json(f"{link}/withdrawal", reason, BEARER)).json["state"] == "WITHDRAWING"


@pytest.mark.parametrize(
    ("changed", "pointers"),
    [
        ({"pay_on": "24.11.2026", "expires": "soon", "amount": 5}, ["/pay_on", "/expires", "/amount"]),
        ({"pay_on": None, "debtor_agent": "1"}, ["/pay_on", "/debtor_agent"]),
        ({"expires": "2026-11-24T12:00:00"}, ["/expires"]),
        ({"surprise": True}, ["/surprise"]),
    ],
)
async def test_every_fault_of_a_request_is_told_with_its_place(
    world: World, changed: dict[str, Any], pointers: list[str]
) -> None:
    """A day, an instant with its offset, and the payment's own rules; nothing is started."""
    answer = await ask(world, {**ASKED, **changed})

    assert (answer.status, answer.json["code"]) == (422, "payment_invalid")
    assert [finding["pointer"] for finding in answer.json["findings"]] == pointers
    assert world.conversations.rows.conversations == {}


async def test_a_request_for_a_day_that_is_over_is_not_started(world: World) -> None:
    """It could not be paid any more."""
    answer = await ask(world, {**ASKED, "pay_on": "2026-11-19"})

    assert (answer.status, answer.json["why"]) == (409, "too_late")


@pytest.mark.parametrize(
    ("use", "services", "expected"),
    [
        (DirectoryUse.FRESH, "CTSR RFPR", (200, None, None)),
        (DirectoryUse.FRESH, "CTSR", (422, "not_reached", None)),
        (DirectoryUse.OFF, "CTSR", (200, None, None)),
        (DirectoryUse.REQUIRED, None, (503, "directory_stale", "60")),
    ],
)
async def test_who_takes_no_requests_for_payment_is_asked_for_none(
    world: World, use: DirectoryUse, services: str | None, expected: tuple[int, str | None, str | None]
) -> None:
    """By the rail's participant directory (RFPR); the finding names the element, and what to do."""
    directory = world.api.directories[Rail.FEDNOW]
    directory.use, events = use, cast("InMemoryRailEvents", directory.store)
    if services is not None:
        day, now = date(2026, 11, 20), world.clock.now()
        heard(events, day, {ASKED["debtor_agent"]: services, ASKED["creditor_agent"]: "CTSR"}, at=now)
    await directory.refresh()

    answer = await ask(world, ASKED)

    assert (answer.status, answer.json.get("code"), answer.headers.get("Retry-After")) == expected
    if answer.status == 422:
        (finding,) = answer.json["findings"]
        assert (finding["code"], finding["value"]) == ("DIRECTORY_RECEIVER", ASKED["debtor_agent"])
        assert finding["xpath"].endswith("/DbtrAgt/FinInstnId/ClrSysMmbId/MmbId")
    assert bool(world.conversations.rows.conversations) is (answer.status == 200)
