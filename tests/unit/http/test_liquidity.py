"""Liquidity transfers in JSON: accepted as payments of their own kind, or refused with the place and the remedy."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.http.world import OTHER_BEARER, World
from tests.unit.iso20022.samples import golden

PATH = "/v1/liquidity-transfers"


def liquidity(**members: object) -> dict[str, Any]:
    """A liquidity transfer, and what is said otherwise of it."""
    plain = {"amount": "250000.00", "currency": "USD", "debtor_agent": "990000107", "creditor_agent": "990001106"}
    return {**plain, **members}


async def test_it_is_a_payment_of_its_own_kind_and_a_repeat_is_the_same(world: World) -> None:
    """Held by the institution itself, whoever holds the tenant's customers' money; other content is refused."""
    first = await world.post_json(PATH, liquidity(), {"Idempotency-Key": "one"})
    again = await world.post_json(PATH, liquidity(), {"Idempotency-Key": "one"})
    other = await world.post_json(PATH, liquidity(amount="1.00"), {"Idempotency-Key": "one"})

    assert (first.status, first.json["kind"], again.json) == (202, "liquidity", first.json)
    assert world.payment(first.json["payment_id"]).is_liquidity
    assert other.status == 409


@pytest.mark.parametrize(
    ("members", "code", "pointer"),
    [
        ({"amount": "2500000.01"}, "FEDNOW_LMT_LIMIT", "/amount"),
        ({"creditor_agent": "990001107"}, "FEDNOW_ABA_CHECK_DIGIT", "/creditor_agent"),
        ({"debtor": {"name": "Sample"}}, "FORM_UNKNOWN_MEMBER", "/debtor"),
        ({"category_purpose": "CONS"}, "FORM_UNKNOWN_MEMBER", "/category_purpose"),
        ({"creditor_agent": None}, "FORM_REQUIRED", "/creditor_agent"),
    ],
)
async def test_what_is_refused_says_where_and_nothing_is_stored(
    world: World, members: dict[str, object], code: str, pointer: str
) -> None:
    """The form's faults and the rail's alike point into the JSON."""
    answer = await world.post_json(PATH, liquidity(**members), {"Idempotency-Key": "one"})

    assert answer.status == 422
    assert {(each["code"], each["pointer"]) for each in answer.json["findings"]} >= {(code, pointer)}
    assert world.store.rows.payments == {}


async def test_a_tenant_that_is_not_named_moves_none_of_the_institutions_own_money(world: World) -> None:
    """Nobody screens it and no core reserves it: JSON or XML, the key alone is not enough, and nothing is stored."""
    pacs009 = golden("transfers/pacs009_lmt.xml")

    by_json = await world.post_json(PATH, liquidity(), {"Idempotency-Key": "one", **OTHER_BEARER})
    by_xml = await world.post_message(pacs009, OTHER_BEARER)
    named = await world.post_message(pacs009)

    assert [(each.status, each.json["code"]) for each in (by_json, by_xml)] == [(403, "liquidity_not_allowed")] * 2
    assert (named.status, named.json["code"]) == (422, "message_invalid"), "the control: it is but of another day"
    assert world.store.rows.payments == {}
