"""Whatever is read names the region in which it goes on, and says as of when each region is known here."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import pytest

from adapters.http.headers import FRESHNESS
from gateway.domain.events import Event, EventKind
from gateway.domain.incoming import IncomingState
from gateway.domain.payment import PaymentId, RegionId
from gateway.service.freshness import AsOf
from tests.fakes.clock import START
from tests.unit.http.test_conversations import ASKED, ask
from tests.unit.http.test_dead_letters import dead
from tests.unit.http.test_held import held
from tests.unit.http.test_incoming import arrived, asked_for
from tests.unit.http.world import BEARER, OPERATOR, World, json_payment, message, open_world

EAST, WEST = RegionId("use1"), RegionId("usw2")
STATED: Final = (AsOf(EAST, START, 0.0), AsOf(WEST, START - timedelta(seconds=0.4), 0.4))
SAID: Final = (
    'use1;behind_s=0.000;as_of="2026-11-20T15:15:00.000Z", usw2;behind_s=0.400;as_of="2026-11-20T15:14:59.600Z"'
)


def reads_of(world: World) -> Sequence[str]:
    """The address of everything that can be read, of things that are not there."""
    routes = [route for resource in world.application.router.resources() for route in resource]
    paths = {route.resource.canonical for route in routes if route.method == "GET" and route.resource is not None}
    return sorted(re.sub(r"{\w+}", str(UUID(int=0)), path) for path in paths)


async def test_every_read_says_how_fresh_it_is_whatever_it_is_answered() -> None:
    """Lists, what is not there, what cannot be understood; a submission is no read, nor is what shows no payment."""
    async with open_world(freshness=lambda: STATED) as world:
        answers = {path: await world.get(path) for path in reads_of(world)}
        strangers = [await world.get(path, {"Authorization": ""}) for path in answers if path.startswith("/v1/")]
        head = await world.request("HEAD", "/v1/held-payments")
        submitted = await world.post_message(message())

    said = {path: answer.headers.get(FRESHNESS) for path, answer in answers.items()}
    assert {path for path, text in said.items() if text == SAID} == {path for path in said if path.startswith("/v1/")}
    assert {text for path, text in said.items() if not path.startswith("/v1/")} == {None}
    assert {200, 400, 404} <= {answer.status for path, answer in answers.items() if path.startswith("/v1/")}
    assert head.headers[FRESHNESS] == SAID
    assert FRESHNESS not in submitted.headers
    assert {(answer.status, FRESHNESS in answer.headers) for answer in strangers} == {(401, False)}


async def test_one_region_alone_says_nothing_of_it(world: World) -> None:
    """The control: there nothing can be behind."""
    assert {FRESHNESS in (await world.get(path)).headers for path in reads_of(world)} == {False}


async def test_what_is_not_known_is_said_not_to_be() -> None:
    """While the other region's is copied, and where nothing of it was ever heard: no number is made up."""
    async with open_world(freshness=lambda: (AsOf(EAST, START, 0.0), AsOf(WEST))) as world:
        answer = await world.get("/v1/held-payments")

    assert answer.headers[FRESHNESS] == 'use1;behind_s=0.000;as_of="2026-11-20T15:15:00.000Z", usw2;unknown'


async def test_everything_names_the_region_in_which_it_goes_on() -> None:
    """A payment at home here, in the other region, and taken over: alone, in every list, and among candidates."""
    async with open_world() as world:
        here = await world.accepted(1)
        there = await world.accepted(2)
        moves(world, there.payment_id, WEST)
        shown = [(await world.get(f"/v1/payments/{each.payment_id}")).json for each in (here, there)]
        listed = await world.get("/v1/payments?end_to_end_id=EXAMPLE-INVOICE-1")
        candidates = await world.get("/v1/payments/EXAMPLE-INVOICE-1")
        moves(world, here.payment_id, WEST)
        moves(world, there.payment_id, EAST)
        later = [(await world.get(f"/v1/payments/{each.payment_id}")).json for each in (here, there)]

    local = world.store.region
    ids = {str(here.payment_id): local, str(there.payment_id): WEST}
    assert [each["region"] for each in shown] == [local, WEST]
    assert {each["payment_id"]: each["region"] for each in listed.json["payments"]} == ids
    assert {each["payment_id"]: each["region"] for each in candidates.json["candidates"]} == ids
    assert [each["region"] for each in later] == [WEST, EAST], "taken over, by the map: nothing is kept of before"


async def test_every_list_names_the_region_of_what_it_shows() -> None:
    """Held, waited for, asked back, received, and the payment of a dead letter; conversations as before."""
    async with open_world() as world:
        kept = await held(world, 1)
        transfer = await arrived(world, state=IncomingState.PENDING)
        await asked_for(world, transfer)
        started = (await ask(world, ASKED)).json
        waiting = await world.accepted(2)
        for kind in (EventKind.SENDING_STARTED, EventKind.DEADLINE_PASSED, EventKind.QUESTIONS_EXHAUSTED):
            waiting = await world.befalls(waiting, Event(kind))
        letter = await dead(world, waiting)
        for payment_id in (kept.payment_id, waiting.payment_id):
            moves(world, payment_id, WEST)
        rows = world.incoming.rows.transfers
        rows[transfer.payment_id] = replace(rows[transfer.payment_id], region=WEST)

        found: dict[str, Callable[[Any], Any]] = {
            "/v1/held-payments": lambda shown: shown["held"][0]["payment"],
            "/v1/operator/payments": lambda shown: shown["payments"][0],
            "/v1/incoming-transfers": lambda shown: shown["incoming_transfers"][0],
            f"/v1/incoming-transfers/{transfer.payment_id}": lambda shown: shown,
            "/v1/due?kind=return_request": lambda shown: shown["due"][0],
            "/v1/return-requests": lambda shown: shown["return_requests"][0],
            letter: lambda shown: shown["payment"],
        }
        regions = {path: part((await world.get(path, OPERATOR)).json)["region"] for path, part in found.items()}
        talks = await world.get("/v1/conversations", BEARER)

    assert regions == dict.fromkeys(found, WEST)
    assert {each["region"] for each in talks.json["conversations"]} == {started["region"]} == {world.store.region}


async def test_a_receipt_stays_the_same_to_the_byte_when_its_payment_goes_on_elsewhere() -> None:
    """It says where it was accepted; where it goes on is news, and the payment's own address has that."""
    async with open_world() as world:
        first = await world.post_payment(json_payment())
        payment = world.payment(first.json["payment_id"])
        moves(world, payment.payment_id, WEST)
        again = await world.post_payment(json_payment())
        shown = await world.get(f"/v1/payments/{payment.payment_id}")

    assert (again.status, again.headers["Idempotency-Replayed"]) == (202, "true")
    assert again.body == first.body
    assert (again.json["region"], shown.json["region"]) == (world.store.region, WEST)


@pytest.mark.parametrize("waits", [False, True])
async def test_how_fresh_it_is_is_noted_before_it_is_read_and_anew_after_waiting(*, waits: bool) -> None:
    """What came between the note and the look is shown and not said: said to be older than it is, never younger."""
    notes: list[RegionId] = []

    def stated() -> Sequence[AsOf]:
        """Whenever it is noted, something comes at the same moment."""
        for payment_id in list(world.store.rows.payments):
            notes.append(RegionId(f"r{len(notes)}"))
            moves(world, payment_id, notes[-1])
        return (AsOf(RegionId(f"r{len(notes) - 1}"), START, 0.0),)

    async with open_world(freshness=stated) as world:
        payment = await world.accepted()
        headers = {"Prefer": "wait=1"} if waits else {}
        asked = asyncio.create_task(world.get(f"/v1/payments/{payment.payment_id}", headers))
        answer = await world.let_wait_end(asked)

    assert notes == ["r0", "r1"] if waits else ["r0"]
    assert answer.json["region"] == notes[-1]
    assert answer.headers[FRESHNESS].startswith(f"{notes[-1]};")


def moves(world: World, payment_id: PaymentId, to: RegionId) -> None:
    """Have a payment's slot go to a region, as the map is read with the payment."""
    payments = world.store.rows.payments
    payments[payment_id] = replace(payments[payment_id], region=to)
