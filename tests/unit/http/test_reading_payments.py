"""`GET /v1/payments…`: where the money is, for those whose payment it is."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

import pytest

from gateway.domain.events import Event, EventKind
from gateway.domain.payment import Reason, ReasonOrigin
from tests.unit.http.world import OTHER_BEARER, PACS_002, World, json_payment, message

UETR = "7c3f0c52-5d1e-4c5b-9a52-0e6f1a2b3c4d"
OTHER_UETR = "0b6a4c1e-9d2f-4e3a-8b5c-7d6e5f4a3b2c"


@pytest.mark.parametrize(
    "reference",
    ["{payment_id}", "{payment_id_in_capitals}", UETR, UETR.upper(), "EXAMPLE-INVOICE-1"],
    ids=["payment id", "payment id in capitals", "UETR", "UETR in capitals", "end-to-end id"],
)
async def test_a_payment_is_found_by_any_of_its_references(world: World, reference: str) -> None:
    """Whatever the client has kept leads to its payment."""
    payment = await world.accepted()
    path = reference.format(payment_id=payment.payment_id, payment_id_in_capitals=str(payment.payment_id).upper())

    answer = await world.get(f"/v1/payments/{path}")

    assert answer.status == 200
    assert answer.json["payment_id"] == str(payment.payment_id)


@pytest.mark.parametrize("reference", ["A/B/C", "a b", "é&?=#", "..", "%2F"])
async def test_an_end_to_end_id_of_any_characters_can_be_asked_for(world: World, reference: str) -> None:
    """ISO allows any text of 35 characters; percent-encoding carries it."""
    await world.post_payment(json_payment(end_to_end_id=reference))

    answer = await world.get(f"/v1/payments?end_to_end_id={quote(reference, safe='')}")

    assert [payment["end_to_end_id"] for payment in answer.json["payments"]] == [reference]


async def test_a_payment_in_doubt_says_what_happens_next_and_when(world: World) -> None:
    """Never a guess: the state, that money may have moved, and the time of the next question."""
    payment = await world.accepted()
    await world.befalls(payment, Event(EventKind.SENDING_STARTED))
    world.clock.advance(15)
    await world.befalls(payment, Event(EventKind.DEADLINE_PASSED))

    answer = await world.get(f"/v1/payments/{payment.payment_id}")

    assert (answer.json["state"], answer.json["final"], answer.json["money"]) == ("IN_DOUBT", False, "may_have_moved")
    assert answer.json["next_step"] == {"what": "ask_the_rail", "at": "2026-11-20T15:15:25.000Z"}
    assert answer.json["elapsed_ms"] is None


async def test_a_rejected_payment_says_who_rejected_it_and_why(world: World) -> None:
    """The reason, its code, and its origin."""
    payment = await world.accepted()
    await world.befalls(payment, Event(EventKind.SENDING_STARTED))
    world.clock.advance(0.5)
    reason = Reason("AC04", ReasonOrigin.RAIL)
    await world.befalls(payment, Event(EventKind.REJECTION_REPORTED, reason=reason, status="RJCT"), world.report())

    answer = await world.get(f"/v1/payments/{payment.payment_id}")

    assert (answer.json["state"], answer.json["money"], answer.json["status"]) == ("REJECTED", "not_moved", "RJCT")
    assert answer.json["reason"] == {"code": "AC04", "origin": "rail", "text": None}
    assert answer.json["elapsed_ms"] == 500


async def test_a_final_payment_can_be_had_as_the_rails_answer(world: World) -> None:
    """By content negotiation, with its quality values."""
    payment = await world.settles(await world.accepted())
    path = f"/v1/payments/{payment.payment_id}"

    as_xml = await world.get(path, {"Accept": "application/json;q=0.5, application/xml"})
    as_json = await world.get(path, {"Accept": "application/json, application/xml;q=0.9"})

    assert (as_xml.body, as_xml.headers["Vary"]) == (PACS_002, "Accept")
    assert as_json.json["state"] == "SETTLED"


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        (EventKind.STILL_IN_PROCESS_REPORTED, None, "E411"),
        (EventKind.REJECTION_REPORTED, "RJCT", "AC04"),
        (EventKind.PROGRESS_REPORTED, "ACTC", None),
    ],
)
async def test_xml_and_json_say_the_same_whatever_the_rail_said_afterwards(
    world: World, kind: EventKind, status: str | None, code: str | None
) -> None:
    """A late refusal of a question, a contradiction, progress: none of them is the answer to this payment."""
    payment = await world.settles(await world.accepted())
    reason = None if code is None else Reason(code, ReasonOrigin.RAIL)
    later = world.report(business_message_id="LATER", body=PACS_002.replace(b"ACSC", b"RJCT"))
    await world.befalls(payment, Event(kind, reason=reason, status=status, business_message_id="LATER"), later)
    path = f"/v1/payments/{payment.payment_id}"

    as_xml = await world.get(path, {"Accept": "application/xml"})
    as_json = await world.get(path)

    assert as_xml.body == PACS_002
    assert (as_json.json["state"], as_json.json["status"]) == ("SETTLED", "ACSC")


async def test_a_payment_without_an_answer_of_the_rail_cannot_be_had_as_xml(world: World) -> None:
    """Reading does nothing, so 406 is honest here."""
    payment = await world.accepted()

    answer = await world.get(f"/v1/payments/{payment.payment_id}", {"Accept": "application/xml"})

    assert (answer.status, answer.json["code"]) == (406, "not_acceptable")


async def test_an_ambiguous_reference_is_answered_with_its_candidates(world: World) -> None:
    """Never the wrong one of two payments: the client chooses."""
    payments = [await world.accepted(1), await world.accepted(2, old=UETR, new=OTHER_UETR)]

    answer = await world.get("/v1/payments/EXAMPLE-INVOICE-1")

    assert (answer.status, answer.json["code"]) == (409, "ambiguous_reference")
    assert {candidate["payment_id"] for candidate in answer.json["candidates"]} == {
        str(payment.payment_id) for payment in payments
    }
    assert (await world.get(answer.json["candidates"][0]["link"])).status == 200


@pytest.mark.parametrize("suffix", ["", "/events", "/messages", "/messages/019aa1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"])
async def test_another_tenants_payment_is_as_if_it_were_not_there(world: World, suffix: str) -> None:
    """404 by every reference and on every path: not even that it exists is told."""
    payment = await world.accepted()

    for reference in (payment.payment_id, UETR, "EXAMPLE-INVOICE-1"):
        answer = await world.get(f"/v1/payments/{reference}{suffix}", OTHER_BEARER)
        assert (answer.status, answer.json["code"]) == (404, "payment_not_found")


async def test_another_tenants_payments_are_not_found_by_query(world: World) -> None:
    """The control: its owner finds it."""
    await world.accepted()

    theirs = await world.get(f"/v1/payments?uetr={UETR}", OTHER_BEARER)
    mine = await world.get(f"/v1/payments?uetr={UETR.upper()}")

    assert (theirs.json["payments"], len(mine.json["payments"])) == ([], 1)


@pytest.mark.parametrize("reference", ["nothing", "00000000-0000-4000-8000-000000000000", "x" * 200, "%00", "%FF"])
async def test_an_unknown_reference_is_404(world: World, reference: str) -> None:
    """Also one that no store would take."""
    answer = await world.get(f"/v1/payments/{reference}")

    assert (answer.status, answer.json["code"]) == (404, "payment_not_found")


@pytest.mark.parametrize(
    "query", ["", "?", "?uetr", "?uetr=", "?iban=1", "?uetr=a&uetr=b", "?uetr=a&limit=1", "?uetr=%00"]
)
async def test_a_query_that_is_not_understood_is_refused(world: World, query: str) -> None:
    """What is not understood is never ignored: an ignored filter shows too much."""
    answer = await world.get(f"/v1/payments{query}")

    assert (answer.status, answer.json["code"]) == (400, "query_invalid")


async def test_both_references_together_narrow_a_query(world: World) -> None:
    """A payment with the one and not the other is not shown."""
    await world.accepted()

    both = await world.get(f"/v1/payments?uetr={UETR}&end_to_end_id=EXAMPLE-INVOICE-1")
    neither = await world.get(f"/v1/payments?uetr={UETR}&end_to_end_id=EXAMPLE-INVOICE-2")

    assert (len(both.json["payments"]), both.json["more"]) == (1, False)
    assert neither.json["payments"] == []


async def test_a_long_list_says_that_there_is_more(world: World) -> None:
    """No answer is without bound, and none pretends to be whole."""
    for number in range(51):
        await world.accepted(number)

    answer = await world.get("/v1/payments?end_to_end_id=EXAMPLE-INVOICE-1")

    assert (len(answer.json["payments"]), answer.json["more"]) == (50, True)


async def test_the_history_tells_every_event_in_order(world: World) -> None:
    """What happened, when, and what the rail said."""
    payment = await world.settles(await world.accepted())

    answer = await world.get(f"/v1/payments/{payment.payment_id}/events")

    events = answer.json["events"]
    assert [event["sequence"] for event in events] == [1, 2, 3]
    assert [event["kind"] for event in events] == ["PaymentAccepted", "SendingStarted", "SettlementReported"]
    assert [(event["state_before"], event["state_after"]) for event in events] == [
        (None, "RECEIVED"),
        ("RECEIVED", "SENDING"),
        ("SENDING", "SETTLED"),
    ]
    assert events[-1]["status"] == "ACSC"


async def test_raw_messages_are_listed_with_their_digests_and_given_byte_for_byte(world: World) -> None:
    """Evidence: what came in, what came back, and that nothing was changed."""
    payment = await world.settles(await world.accepted())

    listed = (await world.get(f"/v1/payments/{payment.payment_id}/messages")).json["messages"]
    bodies = [await world.get(entry["link"]) for entry in listed]

    assert [entry["direction"] for entry in listed] == ["client_in", "rail_in"]
    assert [answer.body for answer in bodies] == [message(), PACS_002]
    assert [entry["sha256"] for entry in listed] == [hashlib.sha256(answer.body).hexdigest() for answer in bodies]
    assert [entry["size"] for entry in listed] == [len(answer.body) for answer in bodies]
    assert {answer.headers["Content-Type"] for answer in bodies} == {"application/xml"}


@pytest.mark.parametrize("message_id", ["019aa1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", "nonsense"])
async def test_a_message_that_is_not_the_payments_is_404(world: World, message_id: str) -> None:
    """Also when it is another payment's."""
    payment = await world.accepted()

    answer = await world.get(f"/v1/payments/{payment.payment_id}/messages/{message_id}")

    assert (answer.status, answer.json["code"]) == (404, "message_not_found")


@pytest.mark.parametrize("suffix", ["/events", "/messages"])
async def test_lists_are_json_alone(world: World, suffix: str) -> None:
    """406 rather than a form that was not asked for."""
    payment = await world.accepted()

    answer = await world.get(f"/v1/payments/{payment.payment_id}{suffix}", {"Accept": "application/xml"})

    assert answer.status == 406


async def test_answers_are_never_kept_by_caches_nor_guessed_at_by_browsers(world: World) -> None:
    """Payments are personal and change; raw messages are a stranger's bytes."""
    payment = await world.accepted()

    answer = await world.get(f"/v1/payments/{payment.payment_id}")

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Server"] == "fifteen"


async def test_head_is_get_without_the_body(world: World) -> None:
    """RFC 9110."""
    payment = await world.accepted()

    whole = await world.get(f"/v1/payments/{payment.payment_id}")
    head = await world.request("HEAD", f"/v1/payments/{payment.payment_id}")

    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(whole.body))
