"""What a client is told whose payments are acknowledged only when both regions have them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

import pytest

from adapters.http.answers import PENDING_TYPE
from gateway.domain.identity import SLOTS
from gateway.domain.payment import IdempotencyKey, RegionId, TenantId
from gateway.service.days import LostDays
from gateway.service.ports import NotInBothError, NotServingError
from tests.unit.http.world import json_payment, open_world


class Peer:
    """Whether the other region follows, and whether it confirms."""

    def __init__(self, *, follows: bool = True, confirms: bool = True) -> None:
        self.follows = follows
        self.confirms = confirms

    def demand(self, tenant_id: TenantId) -> None:
        """Whether there is a prospect."""
        if not self.follows:
            raise NotServingError(f"tenant {tenant_id} would wait for nobody")

    async def wait(self, tenant_id: TenantId, key: IdempotencyKey) -> None:
        """Whether it has it."""
        del tenant_id
        if not self.confirms:
            raise NotInBothError(RegionId("use1"), key, "no word")


async def test_what_is_in_one_region_alone_is_pending_for_the_first_and_for_every_repeat() -> None:
    """It is no acknowledgement; once the other has it the first answer is given, as to any repeat."""
    peer = Peer(confirms=False)
    async with open_world(durability=peer) as world:
        answers = [await world.post_payment(json_payment(), key="key-1") for _ in range(2)]
        peer.confirms = True
        acknowledged = await world.post_payment(json_payment(), key="key-1")

    for answer in answers:
        assert (answer.status, answer.headers["Content-Type"], answer.headers["Retry-After"]) == (
            202,
            PENDING_TYPE,
            "1",
        )
        assert (answer.json["idempotency_key"], answer.json["home"]) == ("key-1", "use1")
        assert "payment_id" not in answer.json
    assert (acknowledged.status, acknowledged.headers["Idempotency-Replayed"]) == (202, "true")
    assert acknowledged.json["payment_id"]
    assert len(world.store.rows.payments) == 1


async def test_what_a_lost_region_may_have_accepted_on_a_forgotten_day_is_pending_and_says_why() -> None:
    """Nothing is claimed here; the same key finds out once that region is back."""

    class Times:
        by_region: ClassVar[dict[RegionId, datetime]] = {}

        async def pulses(self) -> Mapping[RegionId, datetime]:
            return self.by_region

    lost = RegionId("use1")
    async with open_world(days=LostDays(Times(), RegionId("usw2"), lost)) as world:
        now = world.clock.now()
        world.store.taken_over = dict.fromkeys(range(SLOTS), now - timedelta(days=3))
        pending = await world.post_payment(json_payment(), key="key-1")
        claims = len(world.store.rows.claims)
        Times.by_region[lost] = now
        accepted = await world.post_payment(json_payment(), key="key-1")

    assert (pending.status, pending.headers["Content-Type"], pending.headers["Retry-After"]) == (202, PENDING_TYPE, "1")
    assert (pending.json["idempotency_key"], pending.json["home"], claims) == ("key-1", "usw2", 0)
    assert pending.json["detail"].startswith("Region use1, which is lost, may have accepted this key on any day from")
    assert (accepted.status, accepted.json["state"]) == (202, "RECEIVED")


async def test_without_a_prospect_nothing_is_begun() -> None:
    """503 with a pause: nothing was accepted."""
    async with open_world(durability=Peer(follows=False)) as world:
        answer = await world.post_payment(json_payment(), key="key-1")

    assert (answer.status, answer.json["code"], answer.headers["Retry-After"]) == (503, "not_serving", "1")
    assert not world.store.rows.claims


NAMED: Final = UUID(int=0)
"""The id of nothing."""


@pytest.mark.parametrize(
    "address",
    [
        "/v1/payments?uetr=7c3f0c52-5d1e-4c5b-9a52-0e6f1a2b3c4d",
        "/v1/payments?end_to_end_id=INVENTED-1",
        "/v1/payments/INVENTED-1",
        f"/v1/payments/{NAMED}",
        f"/v1/payments/{NAMED}/events",
        f"/v1/payments/{NAMED}/messages",
        "/v1/held-payments",
        "/v1/operator/payments",
        "/v1/dead-letters",
        f"/v1/dead-letters/{NAMED}",
        "/v1/incoming-transfers",
        f"/v1/incoming-transfers/{NAMED}",
        f"/v1/incoming-transfers/{NAMED}/events",
        f"/v1/incoming-transfers/{NAMED}/returns",
        f"/v1/incoming-transfers/{NAMED}/messages",
        "/v1/return-requests",
        "/v1/conversations",
        f"/v1/conversations/{NAMED}",
        f"/v1/conversations/{NAMED}/events",
        f"/v1/conversations/{NAMED}/messages",
        f"/v1/rails/fednow/operations/{NAMED}",
    ],
)
async def test_nothing_is_said_to_be_not_there_while_the_other_regions_is_copied(address: str) -> None:
    """Whoever believes it pays again. Once all is copied it is said: the control."""
    whole = [False]
    async with open_world(is_whole=lambda: whole[0]) as world:
        copying = await world.request("GET", address)
        whole[0] = True
        copied = await world.request("GET", address)

    assert (copying.status, copying.json.get("code"), copying.headers["Retry-After"]) == (503, "not_serving", "1")
    assert copied.status == 404 or (copied.status == 200 and [] in copied.json.values()), copied.json


async def test_a_list_is_never_said_to_be_all_while_the_other_regions_is_copied() -> None:
    """What is here is shown; `more` says that there may be more."""
    whole = [False]
    async with open_world(is_whole=lambda: whole[0]) as world:
        made = await world.post_payment(json_payment(), key="key-1")
        address = f"/v1/payments?uetr={made.json['uetr']}"
        copying = await world.request("GET", address)
        whole[0] = True
        copied = await world.request("GET", address)

    assert copying.json["payments"] == copied.json["payments"] != []
    assert (copying.json["more"], copied.json["more"]) == (True, False)


async def test_what_is_not_found_while_the_other_regions_payments_are_copied_may_be_there() -> None:
    """404 would say that there is no such payment; what is here is shown all the same."""
    whole = [False]
    async with open_world(is_whole=lambda: whole[0]) as world:
        made = await world.post_payment(json_payment(), key="key-1")
        known = await world.request("GET", f"/v1/payments/{made.json['payment_id']}")
        copying = await world.request("GET", "/v1/payments/INVENTED-1")
        whole[0] = True
        copied = await world.request("GET", "/v1/payments/INVENTED-1")

    assert known.status == 200
    assert (copying.status, copying.json["code"], copying.headers["Retry-After"]) == (503, "not_serving", "1")
    assert (copied.status, copied.json["code"]) == (404, "payment_not_found")
