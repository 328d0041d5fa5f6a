"""`POST /v1/messages`: one payment for one key, whoever repeats what, and nothing for what is refused."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from gateway.domain.payment import PaymentState
from tests.unit.http.world import OTHER_BEARER, World, message


async def test_an_accepted_message_is_answered_with_its_payment(world: World) -> None:
    """202 says: durable. The body has what the client needs to find and to follow the payment."""
    answer = await world.post_message(message())

    payment = answer.json
    assert answer.status == 202
    assert answer.headers["Location"] == payment["links"]["self"] == f"/v1/payments/{payment['payment_id']}"
    assert payment["state"] == "RECEIVED"
    assert payment["final"] is False
    assert payment["message_id"] == "20261120990000107EXAMPLE0001"
    assert payment["end_to_end_id"] == "EXAMPLE-INVOICE-1"
    assert payment["amount"] == {"value": "51.74", "currency": "USD"}
    assert (payment["accepted_at"], payment["deadline_at"]) == ("2026-11-20T15:15:00.000Z", "2026-11-20T15:15:15.000Z")
    assert payment["next_step"] == {"what": "reject_unless_sent", "at": "2026-11-20T15:15:15.000Z"}
    assert world.payment(payment["payment_id"]).state is PaymentState.RECEIVED


async def test_no_name_and_no_account_is_in_a_payments_representation(world: World) -> None:
    """What travels through logs and tickets holds no personal data; the raw message does, which is the control."""
    answer = await world.post_message(message())
    raw = world.store.rows.messages[world.payment(answer.json["payment_id"]).payment_id][0].body

    personal = (b"Sample Debtor", b"Sample Creditor", b"000111222", b"000333444", b"Sample invoice")
    assert not [text for text in personal if text in answer.body]
    assert all(text in raw for text in personal)


async def test_a_hundred_equal_messages_at_once_are_one_payment_and_a_hundred_equal_answers(world: World) -> None:
    """The promise of idempotency, byte for byte, whatever order they are taken in."""
    answers = await asyncio.gather(*(world.post_message(message()) for _ in range(100)))

    assert {answer.status for answer in answers} == {202}
    assert len({answer.body for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 99
    assert (len(world.store.rows.payments), len(world.store.rows.outbox)) == (1, 1)


async def test_a_repeat_gets_the_first_answer_again_however_far_the_payment_is(world: World) -> None:
    """Equal answers do not depend on how quick the worker is; the control: reading the payment tells how far it is."""
    first = await world.post_message(message())
    await world.settles(world.payment(first.json["payment_id"]))

    repeat = await world.post_message(message())
    now = await world.get(first.headers["Location"])

    assert (repeat.status, repeat.body) == (202, first.body)
    assert repeat.headers["Idempotency-Replayed"] == "true"
    assert now.body != first.body
    assert (now.json["state"], now.json["money"]) == ("SETTLED", "moved")


async def test_what_a_repeat_says_never_promises_that_no_money_has_moved(world: World) -> None:
    """The first answer may be read again long after: `not_moved` in it would invite a second payment."""
    first = await world.post_message(message())
    await world.settles(world.payment(first.json["payment_id"]))

    repeat = await world.post_message(message())

    assert repeat.json["money"] == "may_have_moved"


async def test_an_honest_retry_with_another_creation_time_is_the_same_payment(world: World) -> None:
    """A client that builds its message anew changes creation times only."""
    await world.post_message(message())

    retry = await world.post_message(message(old="10:15:00.000-05:00", new="10:15:09.000-05:00"))

    assert (retry.status, retry.headers["Idempotency-Replayed"]) == (202, "true")
    assert len(world.store.rows.payments) == 1


async def test_the_same_key_with_another_content_is_refused_and_changes_nothing(world: World) -> None:
    """Not even an amount that differs by a cent goes under a key that is taken."""
    first = await world.post_message(message())

    other = await world.post_message(message(old="51.74", new="51.75"))

    assert (other.status, other.json["code"]) == (409, "idempotency_key_reused")
    assert other.json["payment"] == first.headers["Location"]
    assert [payment.amount.text for payment in world.store.rows.payments.values()] == ["51.74"]
    assert [refusal.codes for refusal in world.observer.refused] == [("other_content",)]


async def test_a_header_that_names_another_key_is_refused(world: World) -> None:
    """Two keys for one message would be two opinions of what a repeat is."""
    refused = await world.post_message(message(), {"Idempotency-Key": "another"})
    taken = await world.post_message(message(), {"Idempotency-Key": '"20261120990000107EXAMPLE0001"'})

    assert (refused.status, refused.json["code"]) == (422, "idempotency_key_differs")
    assert taken.status == 202
    assert len(world.store.rows.payments) == 1


@pytest.mark.parametrize("key", ["", " ", "a key", "k" * 256, "clé", '"'])
async def test_a_key_that_cannot_be_a_key_is_refused(world: World, key: str) -> None:
    """A key is compared byte for byte, so it has a form in which that means something."""
    answer = await world.post_message(message(), {"Idempotency-Key": key})

    assert (answer.status, answer.json["code"]) == (400, "header_invalid")
    assert not world.store.rows.payments


async def test_a_message_id_goes_to_the_rail_once_whoever_sends_it(world: World) -> None:
    """Two tenants cannot use one message id: the rail would take the second for a repeat of the first."""
    await world.post_message(message())

    other = await world.post_message(message(), OTHER_BEARER)

    assert (other.status, other.json["code"]) == (409, "message_id_taken")
    assert "payment" not in other.json, "whose payment it is, is nobody else's business"
    assert len(world.store.rows.payments) == 1


async def test_every_fault_of_a_message_is_told_at_once(world: World) -> None:
    """One round trip for the sender to mend its message: schema and rail together."""
    body = message(old="7c3f0c52-5d1e-4c5b-9a52-0e6f1a2b3c4d", new="not-a-uuid").replace(b"FDNA", b"CASH")

    answer = await world.post_message(body)

    found = {finding["code"]: finding for finding in answer.json["findings"]}
    assert (answer.status, answer.json["code"]) == (422, "message_invalid")
    assert {"XSD_PATTERN", "FEDNOW_LOCAL_INSTRUMENT"} <= set(found)
    assert found["XSD_PATTERN"]["xpath"] == "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf/PmtId/UETR"
    assert found["XSD_PATTERN"]["hint"]
    assert not world.store.rows.payments


async def test_a_refused_message_leaves_one_row_with_its_digest_and_nothing_of_its_content(world: World) -> None:
    """The fact of a refusal can be proved later; what was refused is not ours to keep."""
    body = message(old="FDNA", new="CASH")

    await world.post_message(body)

    (refusal,) = world.store.rows.refusals.values()
    assert refusal.content_digest == hashlib.sha256(body).digest()
    assert (refusal.size, refusal.codes) == (len(body), ("FEDNOW_LOCAL_INSTRUMENT",))
    assert not world.store.rows.payments
    assert not world.store.rows.messages


@pytest.mark.parametrize(
    "content_type",
    [
        "application/xml",
        "text/xml",
        "APPLICATION/XML; charset=UTF-8",
        "application/pacs.008+xml",
        'text/xml;charset="utf8"',
    ],
)
async def test_xml_is_taken_under_each_of_its_types(world: World, content_type: str) -> None:
    """RFC 7303: application/xml, text/xml and everything that ends in +xml."""
    answer = await world.post_message(message(), {"Content-Type": content_type})

    assert answer.status == 202


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "text/plain",
        "application/xml; charset=iso-8859-1",
        "image/svg+xml",
        "multipart/form-data",
    ],
)
async def test_another_type_is_refused_with_what_is_taken(world: World, content_type: str) -> None:
    """A body is never guessed at; a charset other than UTF-8 would be read as something else than it says."""
    answer = await world.post_message(message(), {"Content-Type": content_type})

    assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")
    assert "application/xml" in answer.headers["Accept-Post"]
    assert [refusal.codes for refusal in world.observer.refused] == [("unsupported_media_type",)]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip"])
async def test_an_encoded_body_is_refused_unopened(world: World, encoding: str) -> None:
    """What is never decompressed cannot be a bomb."""
    answer = await world.request(
        "POST", "/v1/messages", b"\x1f\x8b not opened", {"Content-Type": "text/xml", "Content-Encoding": encoding}
    )

    assert (answer.status, answer.json["code"]) == (415, "unsupported_content_encoding")


@pytest.mark.parametrize(
    "accept", ["text/html", "application/pdf, image/*", "application/json;q=0, application/xml;q=0"]
)
async def test_an_answer_that_cannot_be_given_is_refused_before_anything_is_done(world: World, accept: str) -> None:
    """406 after the acceptance would read as if nothing had been accepted."""
    answer = await world.post_message(message(), {"Accept": accept})

    assert (answer.status, answer.json["code"]) == (406, "not_acceptable")
    assert not world.store.rows.payments


async def test_a_warning_is_shown_and_does_not_stop_a_payment(world: World) -> None:
    """FedNow says "should" of the agents: the sender hears it, and the payment goes."""
    instructing = b"<InstgAgt><FinInstnId><ClrSysMmbId>\n        <ClrSysId><Cd>USABA</Cd></ClrSysId><MmbId>990000107"
    body = message()
    assert instructing in body

    answer = await world.post_message(body.replace(instructing, instructing.replace(b"990000107", b"990000204")))

    assert answer.status == 202
    assert [finding["severity"] for finding in answer.json["warnings"]] == ["warning"]
