"""Derived identifiers: the same for a second copy, different for anything else, and in the form that the rail wants."""

from __future__ import annotations

from datetime import date
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.identity import (
    SLOTS,
    payment_id_of,
    reference_of,
    slot_of,
    status_request_reference_of,
    uetr_of,
)
from gateway.domain.payment import IdempotencyKey, TenantId
from iso20022 import ConnectionPartyId, fednow_message_id, is_fednow_message_id, is_uetr

texts = st.text(min_size=1, max_size=40)
DAY = date(2026, 11, 20)


@given(texts, texts)
def test_ids_are_functions_of_tenant_key_and_date_in_the_rails_form(tenant: str, key: str) -> None:
    """Whatever a client calls its payment, the rail gets well-formed ids, and a second copy the same ones."""
    owner, idempotency_key = TenantId(tenant), IdempotencyKey(key)

    reference = reference_of("message", owner, idempotency_key, DAY)
    message_id = fednow_message_id(
        business_date=DAY, connection_party=ConnectionPartyId("990000107"), reference=reference
    )

    assert is_fednow_message_id(message_id)
    assert is_uetr(uetr_of(owner, idempotency_key, DAY))
    assert 0 <= slot_of(idempotency_key) < SLOTS
    assert payment_id_of(owner, idempotency_key, DAY) == payment_id_of(owner, idempotency_key, DAY)


@given(st.sets(st.tuples(texts, texts), min_size=2, max_size=20))
def test_different_payments_have_different_ids(keys: set[tuple[str, str]]) -> None:
    """Tenant and key are told apart: ("a", "bc") is not ("ab", "c")."""
    ids = {payment_id_of(TenantId(tenant), IdempotencyKey(key), DAY) for tenant, key in keys}

    assert len(ids) == len(keys)


def test_a_later_day_gives_other_ids_that_sort_behind() -> None:
    """A day's rows lie together in every index; a key used again after its claim has expired is another payment."""
    tenant, key = TenantId("default"), IdempotencyKey("a")

    ids = [payment_id_of(tenant, key, date(2026, 11, day)) for day in (20, 21, 22)]

    assert ids == sorted(ids)
    assert len({uetr_of(tenant, key, date(2026, 11, day)) for day in (20, 21)}) == 2


def test_a_payment_id_is_a_uuid_of_version_8() -> None:
    """RFC 9562: a layout of one's own says so."""
    payment_id: UUID = payment_id_of(TenantId("default"), IdempotencyKey("a"), DAY)

    assert (payment_id.version, payment_id.variant) == (8, RFC_4122)


def test_questions_about_a_payment_are_numbered_apart() -> None:
    """A repeat of the same pacs.028 keeps its id; the next question has another."""
    payment_id = payment_id_of(TenantId("default"), IdempotencyKey("a"), DAY)

    first, again, second = (status_request_reference_of(payment_id, number) for number in (1, 1, 2))

    assert first == again != second
