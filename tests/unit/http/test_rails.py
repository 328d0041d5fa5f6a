"""Over which rail a payment goes: the one that is named, else the one that its message shows, else the default."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import pytest

from gateway.domain.timing import Timing
from gateway.service.rtp import RtpAddress, rtp_protocol
from iso20022 import ConnectionPartyId, RtpProfile, pacs008, serialise
from iso20022.local_time import in_local_time
from tests.acceptance.payments import rtp_message, rtp_transfer
from tests.fakes.clock import START
from tests.unit.http.world import World, json_payment, message, open_world

RTP: Final = rtp_protocol(
    RtpProfile(),
    address=RtpAddress(participant=ConnectionPartyId("990000107A1")),
    timing=Timing(rail_clock_s=15, status_request_wait_s=20),
)


@pytest.fixture
async def both() -> AsyncIterator[World]:
    """A gateway that serves FedNow, its default, and RTP."""
    async with open_world(others=(RTP,)) as world:
        yield world


def rtp_body() -> bytes:
    """A pacs.008 in RTP's Message, of the day on which the clock stands."""
    return rtp_message(rtp_transfer(created=START))


def bare_rtp_body() -> bytes:
    """The Document alone; RTP shows in its clearing system."""
    return serialise(in_local_time(pacs008.build(rtp_transfer(created=START))))


async def test_json_names_its_rail(both: World) -> None:
    """The payment is RTP's from its ids on."""
    answer = await both.post_payment(json_payment(rail="rtp", category_purpose="BIZZ"))

    assert answer.status == 202, answer.body
    assert answer.json["rail"] == "rtp"
    assert answer.json["message_id"].startswith("M2026")


@pytest.mark.parametrize("named", [{}, {"rail": None}, {"rail": "fednow"}])
async def test_json_that_names_no_rail_goes_over_the_default(both: World, named: dict[str, str | None]) -> None:
    """Who was there before the second rail changes nothing."""
    answer = await both.post_payment(json_payment(**named))

    assert (answer.status, answer.json["rail"]) == (202, "fednow")


async def test_one_key_is_one_payment_on_one_rail(both: World) -> None:
    """The rail is content: the same key over another rail is another payment, and refused."""
    first = await both.post_payment(json_payment())

    second = await both.post_payment(json_payment(rail="rtp"))

    assert (first.status, second.status, second.json["code"]) == (202, 409, "idempotency_key_reused")


@pytest.mark.parametrize("body", [rtp_body(), bare_rtp_body()], ids=["envelope", "clearing system"])
async def test_a_message_shows_its_rail(both: World, body: bytes) -> None:
    """Nobody is asked for what the message says itself."""
    answer = await both.post_message(body)

    assert (answer.status, answer.json.get("rail")) == (202, "rtp"), answer.body


async def test_a_message_may_be_named_a_rail(both: World) -> None:
    """The name decides whose rules it is held against."""
    named = await both.request("POST", "/v1/messages?rail=rtp", bare_rtp_body(), {"Content-Type": "application/xml"})
    other = await both.request("POST", "/v1/messages?rail=rtp", message(), {"Content-Type": "application/xml"})

    assert (named.status, named.json.get("rail")) == (202, "rtp"), named.body
    assert (other.status, other.codes[0]) == (422, "RTP_MESSAGE_ID")


@pytest.mark.parametrize("query", ["rail=swift", "rail=", "rail=rtp&rail=fednow"])
async def test_a_rail_that_there_is_not_is_refused(both: World, query: str) -> None:
    """A slip of the pen never falls back to a default."""
    answer = await both.request("POST", f"/v1/messages?{query}", rtp_body(), {"Content-Type": "application/xml"})

    assert (answer.status, answer.json["code"]) == (400, "query_invalid")


async def test_json_with_a_rail_that_there_is_not_is_refused(both: World) -> None:
    """The same in JSON, at its pointer."""
    answer = await both.post_payment(json_payment(rail="swift"))

    assert answer.codes == ["FORM_RAIL"]
    assert answer.json["findings"][0]["pointer"] == "/rail"


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages?rail=rtp"])
async def test_a_message_for_a_rail_that_is_not_served_says_what_to_mend(world: World, path: str) -> None:
    """No finding of another rail's rules: the one thing that is wrong, and who can mend it."""
    answer = await world.request("POST", path, rtp_body(), {"Content-Type": "application/xml"})

    assert (answer.status, answer.json["code"], answer.codes) == (422, "rail_not_served", ["RAIL_NOT_SERVED"])
    assert "FIFTEEN_RTP__URL" in answer.json["findings"][0]["hint"]
    assert world.observer.refused[0].codes == ("RAIL_NOT_SERVED",)


async def test_json_for_a_rail_that_is_not_served_says_what_to_mend(world: World) -> None:
    """The finding points to the member."""
    answer = await world.post_payment(json_payment(rail="rtp"))

    assert (answer.status, answer.json["code"]) == (422, "rail_not_served")
    assert "FIFTEEN_RTP__URL" in answer.json["findings"][0]["hint"]


async def test_what_rtp_would_refuse_points_into_the_json(both: World) -> None:
    """Every finding at once, with the member that it is about; the words are RTP's."""
    answer = await both.post_payment(json_payment(rail="rtp", category_purpose="NONSENSE", instruction_id="MINE"))

    pointers = {finding["code"]: finding["pointer"] for finding in answer.json["findings"]}
    assert answer.status == 422
    assert pointers["RTP_CATEGORY_PURPOSE"] == "/category_purpose"
    assert pointers["RTP_INSTRUCTION_ID"] == "/instruction_id"
