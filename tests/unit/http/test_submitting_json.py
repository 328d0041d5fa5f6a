"""`POST /v1/payments`: a form that is read strictly, and whose every fault is told at once, with its place."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.http.payment_form import FINDINGS_MAX, read_payment_request
from adapters.http.problems import ProblemError
from gateway.service.requests import PaymentRequest
from iso20022 import is_fednow_message_id, is_uetr
from tests.unit.http.world import OTHER_BEARER, World, json_payment


async def test_a_payment_in_json_is_accepted_and_gets_the_ids_that_it_left_out(world: World) -> None:
    """The client says who, to whom and how much; the gateway makes the message."""
    answer = await world.post_payment(json_payment(end_to_end_id=...))

    payment = answer.json
    assert answer.status == 202
    assert answer.headers["Location"] == payment["links"]["self"]
    assert is_fednow_message_id(payment["message_id"])
    assert is_uetr(payment["uetr"])
    assert payment["end_to_end_id"]
    assert payment["amount"] == {"value": "51.74", "currency": "USD"}


async def test_a_hundred_equal_payments_at_once_are_one_payment_and_a_hundred_equal_answers(world: World) -> None:
    """Ids that the gateway makes are functions of the key: they are equal too."""
    answers = await asyncio.gather(*(world.post_payment(json_payment(end_to_end_id=...)) for _ in range(100)))

    assert {answer.status for answer in answers} == {202}
    assert len({answer.body for answer in answers}) == 1
    assert len(world.store.rows.payments) == 1


async def test_equal_content_in_another_spelling_is_the_same_payment(world: World) -> None:
    """The order of members, white space, and an optional member that is null do not make another payment."""
    await world.post_payment(json_payment())
    members = json.loads(json_payment(uetr=None))
    respelt = json.dumps(dict(reversed(members.items())), indent=4).encode()

    repeat = await world.post_payment(respelt)

    assert (repeat.status, repeat.headers["Idempotency-Replayed"]) == (202, "true")


async def test_the_same_key_with_another_payment_is_refused(world: World) -> None:
    """And the answer leads to the payment that has the key."""
    first = await world.post_payment(json_payment())

    other = await world.post_payment(json_payment(amount="51.75"))

    assert (other.status, other.json["code"]) == (409, "idempotency_key_reused")
    assert other.json["payment"] == first.headers["Location"]


async def test_one_key_of_two_tenants_is_two_payments(world: World) -> None:
    """Keys belong to their tenant."""
    mine = await world.post_payment(json_payment(), key="shared")
    theirs = await world.post_payment(json_payment(), key="shared", headers=OTHER_BEARER)

    assert (mine.status, theirs.status) == (202, 202)
    assert mine.json["payment_id"] != theirs.json["payment_id"]
    assert mine.json["message_id"] != theirs.json["message_id"]


async def test_a_payment_without_a_key_is_refused_with_a_word_on_how(world: World) -> None:
    """Without a key a repeat could not be told from a second payment."""
    answer = await world.post_payment(json_payment(), key=None)

    assert (answer.status, answer.json["code"]) == (400, "idempotency_key_missing")
    assert "Idempotency-Key: " in answer.json["detail"]
    assert not world.store.rows.payments


async def test_xml_is_not_taken_for_json(world: World) -> None:
    """Each address takes its own form."""
    answer = await world.post_payment(b"<Document/>", headers={"Content-Type": "application/xml"})

    assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "JSON_SYNTAX"),
    "half an object": (b'{"amount":', "JSON_SYNTAX"),
    "two values": (b"{}{}", "JSON_SYNTAX"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "JSON_SYNTAX"),
    "a control character": (b'{"amount": "1\n"}', "JSON_SYNTAX"),
    "another encoding": ('{"amount": "é"}'.encode("latin-1"), "JSON_ENCODING"),
    "UTF-16": ("{}".encode("utf-16"), "JSON_ENCODING"),
    "an array": (b"[]", "JSON_OBJECT"),
    "a number": (b"51.74", "JSON_OBJECT"),
    "a repeated member": (b'{"amount": "1.00", "amount": "9.00"}', "JSON_REPEATED_MEMBER"),
    "a repeated member within": (b'{"debtor": {"name": "A", "name": "B"}}', "JSON_REPEATED_MEMBER"),
    "deep nesting": (b"[" * 100_000, "JSON_TOO_DEEP"),
}


@pytest.mark.parametrize(("body", "code"), UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_what_is_no_json_object_is_refused_with_its_code(world: World, body: bytes, code: str) -> None:
    """Of two members with one name a parser takes either: the amount must not depend on which."""
    answer = await world.post_payment(body)

    assert (answer.status, answer.json["code"], answer.codes) == (400, "json_unreadable", [code])
    assert not world.store.rows.payments


FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no amount": ({"amount": ...}, "FORM_REQUIRED", "/amount"),
    "an amount that is null": ({"amount": None}, "FORM_REQUIRED", "/amount"),
    "an amount that is a number": ({"amount": 51.74}, "FORM_AMOUNT_NUMBER", "/amount"),
    "an amount that is a whole number": ({"amount": 51}, "FORM_AMOUNT_NUMBER", "/amount"),
    "an amount that is no number at all": ({"amount": float("nan")}, "FORM_AMOUNT_NUMBER", "/amount"),
    "an amount that is huge": ({"amount": 10**4000}, "FORM_AMOUNT_NUMBER", "/amount"),
    "an amount in words": ({"amount": "fifty"}, "FORM_AMOUNT", "/amount"),
    "a negative amount": ({"amount": "-1.00"}, "FORM_AMOUNT", "/amount"),
    "a tenth of a cent": ({"amount": "1.001"}, "FORM_AMOUNT", "/amount"),
    "an amount with a comma": ({"amount": "1,000.00"}, "FORM_AMOUNT", "/amount"),
    "an amount with an exponent": ({"amount": "1e3"}, "FORM_AMOUNT", "/amount"),
    "an amount in other digits": ({"amount": "\u0665\u0661"}, "FORM_AMOUNT", "/amount"),
    "an amount that is an object": ({"amount": {"value": "1"}}, "FORM_TYPE", "/amount"),
    "no currency": ({"currency": ...}, "FORM_REQUIRED", "/currency"),
    "euros": ({"currency": "EUR"}, "FORM_CURRENCY", "/currency"),
    "a currency in small letters": ({"currency": "usd"}, "FORM_CURRENCY", "/currency"),
    "no debtor": ({"debtor": ...}, "FORM_REQUIRED", "/debtor/name"),
    "a debtor that is a name": ({"debtor": "Sample"}, "FORM_TYPE", "/debtor"),
    "a debtor without a name": ({"debtor": {}}, "FORM_REQUIRED", "/debtor/name"),
    "a blank name": ({"creditor": {"name": "   "}}, "FORM_LENGTH", "/creditor/name"),
    "an empty name": ({"creditor": {"name": ""}}, "FORM_LENGTH", "/creditor/name"),
    "a long name": ({"creditor": {"name": "x" * 141}}, "FORM_LENGTH", "/creditor/name"),
    "a NUL in a name": ({"creditor": {"name": "A\0B"}}, "FORM_CHARACTER", "/creditor/name"),
    "half a surrogate pair": ({"creditor": {"name": "A\ud800"}}, "FORM_CHARACTER", "/creditor/name"),
    "a line break": ({"end_to_end_id": "A\nB"}, "FORM_CHARACTER", "/end_to_end_id"),
    "an account that is a number": ({"debtor_account": 123}, "FORM_TYPE", "/debtor_account"),
    "a long account": ({"debtor_account": "1" * 35}, "FORM_LENGTH", "/debtor_account"),
    "a short routing number": ({"creditor_agent": "12345678"}, "FORM_ROUTING_NUMBER", "/creditor_agent"),
    "a routing number in other digits": ({"creditor_agent": "\u0669" * 9}, "FORM_ROUTING_NUMBER", "/creditor_agent"),
    "a UETR in capitals": ({"uetr": "7C3F0C52-5D1E-4C5B-9A52-0E6F1A2B3C4D"}, "FORM_UETR", "/uetr"),
    "a long end-to-end id": ({"end_to_end_id": "x" * 36}, "FORM_LENGTH", "/end_to_end_id"),
    "an empty instruction id": ({"instruction_id": ""}, "FORM_LENGTH", "/instruction_id"),
    "remittance that is a text": ({"remittance": "invoice"}, "FORM_TYPE", "/remittance"),
    "a line that is a number": ({"remittance": ["a", 2]}, "FORM_TYPE", "/remittance/1"),
    "a line that is null": ({"remittance": [None]}, "FORM_TYPE", "/remittance/0"),
    "a long line": ({"remittance": ["x" * 141]}, "FORM_LENGTH", "/remittance/0"),
    "many lines": ({"remittance": ["x"] * 11}, "FORM_LENGTH", "/remittance"),
    "an unknown member": ({"ammount": "51.74"}, "FORM_UNKNOWN_MEMBER", "/ammount"),
    "an unknown member within": (
        {"debtor": {"name": "A", "bank": "B"}},
        "FORM_UNKNOWN_MEMBER",
        "/debtor/bank",
    ),
    "a member that looks like a pointer": ({"debtor/name": "A"}, "FORM_UNKNOWN_MEMBER", "/debtor~1name"),
}


@pytest.mark.parametrize(("members", "code", "pointer"), FAULTS.values(), ids=FAULTS.keys())
async def test_a_fault_of_the_form_is_told_with_its_place_and_how_to_mend_it(
    world: World, members: dict[str, Any], code: str, pointer: str
) -> None:
    """One fault, one finding: its JSON pointer, its rule, a hint."""
    answer = await world.post_payment(json_payment(**members))

    (finding,) = answer.json["findings"]
    assert (answer.status, answer.json["code"]) == (422, "payment_invalid")
    assert (finding["code"], finding["pointer"]) == (code, pointer)
    assert finding["rule"]
    assert finding["hint"]
    assert not world.store.rows.payments


async def test_an_amount_that_is_a_json_number_is_refused_with_the_reason(world: World) -> None:
    """Whoever wrote a number learns why not, and sees the number as it was written."""
    answer = await world.post_payment(json_payment().replace(b'"51.74"', b"51.740000000000002"))

    (finding,) = answer.json["findings"]
    assert finding["value"] == "51.740000000000002"
    assert "binary floating point" in finding["rule"]
    assert '"51.74"' in finding["hint"]


async def test_every_fault_of_a_form_is_told_at_once(world: World) -> None:
    """One round trip to mend it all."""
    answer = await world.post_payment(b'{"amount": 1, "currency": "EUR", "debtor": 1, "nonsense": true}')

    assert {(finding["code"], finding["pointer"]) for finding in answer.json["findings"]} == {
        ("FORM_AMOUNT_NUMBER", "/amount"),
        ("FORM_CURRENCY", "/currency"),
        ("FORM_TYPE", "/debtor"),
        ("FORM_REQUIRED", "/debtor_account"),
        ("FORM_REQUIRED", "/debtor_agent"),
        ("FORM_REQUIRED", "/creditor/name"),
        ("FORM_REQUIRED", "/creditor_account"),
        ("FORM_REQUIRED", "/creditor_agent"),
        ("FORM_UNKNOWN_MEMBER", "/nonsense"),
    }


async def test_a_flood_of_faults_is_told_in_part(world: World) -> None:
    """A body of nothing but unknown members does not make an answer as large as itself."""
    answer = await world.post_payment(json_payment(**{f"unknown{number}": 1 for number in range(5_000)}))

    assert len(answer.json["findings"]) == FINDINGS_MAX


async def test_a_personal_value_is_never_quoted_back(world: World) -> None:
    """Answers travel through logs; the code and the place are enough to find the value."""
    answer = await world.post_payment(json_payment(debtor_account="777888999" * 5, creditor={"name": "Canary" * 30}))

    assert answer.status == 422
    assert b"777888999" not in answer.body
    assert b"Canary" not in answer.body


async def test_what_the_rail_would_refuse_points_into_the_json(world: World) -> None:
    """The check digit is the rail's rule, checked on the pacs.008; its finding names the member of the JSON."""
    answer = await world.post_payment(json_payment(creditor_agent="990001107", amount="0.00"))

    found = {finding["pointer"] for finding in answer.json["findings"] if finding["severity"] == "error"}
    assert (answer.status, answer.json["code"]) == (422, "payment_invalid")
    assert found == {"/creditor_agent", "/amount"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
members = st.sampled_from(sorted(json.loads(json_payment(uetr=None, instruction_id=None))))


@given(st.dictionaries(members, json_values, max_size=14))
def test_any_json_object_is_a_request_or_a_problem(changed: dict[str, Any]) -> None:
    """No form ever fails in another way, and what is taken can be stored and read back."""
    request = taken(json_payment(**changed))

    assert request is None or PaymentRequest.from_json(request.as_json()) == request


def taken(body: bytes) -> PaymentRequest | None:
    """The request, or None when it is refused with findings."""
    try:
        return read_payment_request(body)
    except ProblemError as problem:
        return None if problem.findings else pytest.fail("refused without a finding")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_a_problem(body: bytes) -> None:
    """Garbage is refused, and nothing else happens."""
    with pytest.raises(ProblemError) as refused:
        read_payment_request(body)

    assert refused.value.findings
