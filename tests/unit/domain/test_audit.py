"""The canonical forms, byte for byte, and what digests follow: what lies in databases and anchors must never move."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.audit import (
    UNCHAINED,
    ConversationFacts,
    EventFacts,
    IncomingTransferFacts,
    MessageFacts,
    PaymentFacts,
    Seal,
    chained,
    sealed_entry,
)

AT: Final = datetime(2026, 11, 22, 14, 3, 5, 120, tzinfo=UTC)
PAYMENT_ID: Final = UUID("000b4b6e-0000-8000-8000-000000000001")

PAYMENT: Final = PaymentFacts(
    region="use1",
    payment_id=PAYMENT_ID,
    tenant_id="default",
    rail="fednow",
    message_id="20261122990000107SAMPLE000001",
    end_to_end_id="SAMPLE-INVOICE",
    instruction_id=None,
    uetr="7c3f0c52-5d1e-4c5b-9a52-0e6f1a2b3c4d",
    amount_cents=5174,
    debtor_agent="990000107",
    creditor_agent="990001203",
    debtor_account_index=b"\x01\x02",
    creditor_account_index=b"\xfe\xff",
    business_date=date(2026, 11, 22),
    accepted_at=AT,
    deadline_at=AT + timedelta(seconds=15),
    funds_holder="tenant",
)
MESSAGES: Final = tuple(
    MessageFacts(
        message_id=UUID(int=number),
        direction="rail_in",
        message_type="pacs.002.001.10",
        business_message_id=f"SAMPLE-{number}",
        content_type="application/xml",
        key_id="clear",
        digest=bytes([number]) * 32,
        at=AT,
    )
    for number in (1, 2)
)
EVENT: Final = EventFacts(
    region="use1",
    payment_id=PAYMENT_ID,
    tenant_id="default",
    sequence=3,
    kind="RejectionReported",
    state_before="SENDING",
    state_after="REJECTED",
    status="RJCT",
    reason_code="AC04",
    reason_origin="rail",
    reason_text='closed « "for good"\n',
    business_message_id="SAMPLE-1",
    details={"note": "é", "by": "sample operator"},
    contradiction=False,
    at=AT,
)
SEAL: Final = Seal(
    region="use1",
    number=2,
    previous=b"\x11" * 32,
    entries=b"\x22" * 32,
    events=3,
    transactions_from=700,
    transactions_before=9_007_199_254_740_993,
    at=AT,
)

CONVERSATION: Final = ConversationFacts(
    region="use1",
    conversation_id=PAYMENT_ID,
    tenant_id="default",
    rail="fednow",
    kind="request_for_payment",
    side="in",
    message_id="20261122990001203SAMPLE000001",
    content_digest=b"\x01\x02",
    own_agent="990000107",
    counterparty="990001203",
    topic=None,
    amount_cents=5174,
    end_to_end_id="SAMPLE-INVOICE",
    about_id=None,
    opened_at=AT,
    pay_by=AT + timedelta(seconds=15),
    expires_at=None,
)

PAYMENT_FORM: Final = (
    '{"accepted_at":"2026-11-22T14:03:05.000120Z","amount_cents":"5174","business_date":"2026-11-22",'
    '"creditor_account_index":"feff","creditor_agent":"990001203","deadline_at":"2026-11-22T14:03:20.000120Z",'
    '"debtor_account_index":"0102","debtor_agent":"990000107","end_to_end_id":"SAMPLE-INVOICE",'
    '"form":"fifteen.payment.2","funds_holder":"tenant","instruction_id":null,"message_id":"20261122990000107SAMPLE000001",'
    '"payment_id":"000b4b6e000080008000000000000001","rail":"fednow","region":"use1","tenant_id":"default",'
    '"uetr":"7c3f0c52-5d1e-4c5b-9a52-0e6f1a2b3c4d"}'
)
EVENT_FORM: Final = (
    '{"at":"2026-11-22T14:03:05.000120Z","business_message_id":"SAMPLE-1","contradiction":false,'
    '"details":{"by":"sample operator","note":"é"},"form":"fifteen.event.1","kind":"RejectionReported","messages":['
    '{"at":"2026-11-22T14:03:05.000120Z","business_message_id":"SAMPLE-1","content_type":"application/xml",'
    '"digest":"0101010101010101010101010101010101010101010101010101010101010101","direction":"rail_in",'
    '"key_id":"clear","message_id":"00000000000000000000000000000001","message_type":"pacs.002.001.10"}],'
    '"payment_id":"000b4b6e000080008000000000000001","reason_code":"AC04","reason_origin":"rail",'
    '"reason_text":"closed « \\"for good\\"\\n","region":"use1","sequence":3,"state_after":"REJECTED",'
    '"state_before":"SENDING","status":"RJCT","tenant_id":"default"}'
)
CONVERSATION_FORM: Final = (
    '{"about_id":null,"amount_cents":"5174","content_digest":"0102","conversation_id":"000b4b6e000080008000000000000001",'
    '"counterparty":"990001203","end_to_end_id":"SAMPLE-INVOICE","expires_at":null,"form":"fifteen.conversation.1",'
    '"kind":"request_for_payment","message_id":"20261122990001203SAMPLE000001",'
    '"opened_at":"2026-11-22T14:03:05.000120Z","own_agent":"990000107","pay_by":"2026-11-22T14:03:20.000120Z",'
    '"rail":"fednow","region":"use1","side":"in","tenant_id":"default","topic":null}'
)
SEAL_FORM: Final = (
    '{"at":"2026-11-22T14:03:05.000120Z",'
    '"entries":"2222222222222222222222222222222222222222222222222222222222222222","events":3,'
    '"form":"fifteen.seal.1","number":2,'
    '"previous":"1111111111111111111111111111111111111111111111111111111111111111","region":"use1",'
    '"transactions_before":"9007199254740993","transactions_from":"700"}'
)


def test_the_forms_are_these_bytes() -> None:
    """Whoever changes one changes every digest that was ever anchored: a new form has a new number."""
    assert PAYMENT.canonical().decode() == PAYMENT_FORM
    assert PAYMENT.former_canonical().decode() == PAYMENT_FORM.replace(
        '"form":"fifteen.payment.2","funds_holder":"tenant"', '"form":"fifteen.payment.1"'
    )
    assert EVENT.canonical(MESSAGES[:1]).decode() == EVENT_FORM
    assert SEAL.canonical().decode() == SEAL_FORM
    assert CONVERSATION.canonical().decode() == CONVERSATION_FORM


def test_a_seal_over_conversations_has_a_form_of_its_own() -> None:
    """One that a former release has made must not be taken for one: what it covers is part of what is hashed."""
    covering = replace(SEAL, covers_conversations=True)

    assert covering.canonical().decode() == SEAL_FORM.replace("fifteen.seal.1", "fifteen.seal.2")
    assert covering.digest() != SEAL.digest()


def test_the_digests_are_these() -> None:
    """The same, to the end: as sha256sum says of the forms above."""
    first = chained(PAYMENT.digest(), epoch=1, facts=EVENT.digest(MESSAGES[:1]))

    assert PAYMENT.digest().hex() == hashlib.sha256(PAYMENT_FORM.encode()).hexdigest()
    assert first.hex() == "067807e825a7a2e1e8cb0d6c3be862dd2fd22ecb395a5458ff67a55e32a1a311"
    assert SEAL.digest().hex() == "7848c490c0a4a42c2ea3c8ac763a946f7b3238072170521ed6cff0e85d7f8bbd"
    assert sealed_entry(258, b"\xaa" * 32).hex() == "0000000000000102" + "aa" * 32


def test_a_digest_follows_what_was_before_the_epoch_and_the_facts() -> None:
    """Recomputed here from what docs/audit.md says."""
    facts = EVENT.digest()

    assert (
        chained(UNCHAINED, epoch=2, facts=facts)
        == hashlib.sha256(bytes(32) + b"\0\0\0\0\0\0\0\2" + hashlib.sha256(EVENT.canonical()).digest()).digest()
    )
    assert (
        len({chained(previous, epoch=epoch, facts=facts) for previous in (UNCHAINED, facts) for epoch in (1, 2)}) == 4
    )


_OTHER: Final[Mapping[type, Any]] = {
    str: "other", int: 99, bool: True, datetime: AT + timedelta(microseconds=1), date: date(2026, 11, 23),
    bytes: b"other", UUID: UUID(int=9), type(None): "other", dict: {"note": "other"},
}  # fmt: skip


RETURN: Final = replace(PAYMENT, original_id=UUID(int=3), funds_holder="arrived")
INCOMING_RETURN: Final = IncomingTransferFacts(
    region="use1",
    payment_id=PAYMENT_ID,
    tenant_id="default",
    rail="fednow",
    message_id="20261122990001203SAMPLE000001",
    message_created_at=AT,
    instruction_id="SAMPLE-INSTRUCTION",
    end_to_end_id="SAMPLE-INVOICE",
    transaction_id="SAMPLE-TRANSACTION",
    uetr="7c3f0c52-5d1e-4c5b-9a52-0e6f1a2b3c4d",
    amount_cents=5174,
    instructing_agent="990001203",
    instructed_agent="990000107",
    debtor_agent="990001203",
    creditor_agent="990000107",
    debtor_account_index=b"\x01\x02",
    creditor_account_index=b"\xfe\xff",
    forwarded_at=AT,
    received_at=AT,
    answer_by=AT,
    message_type="pacs.004.001.10",
    original_id=UUID(int=3),
)


@pytest.mark.parametrize(
    "value", [PAYMENT, RETURN, INCOMING_RETURN, EVENT, SEAL, MESSAGES[0]], ids=lambda value: type(value).__name__
)
def test_every_field_is_hashed(value: Any) -> None:
    """A field that no digest covers could be changed unseen."""
    for field in fields(value):
        other = UUID(int=9) if field.name == "original_id" else _OTHER[type(getattr(value, field.name))]
        changed = replace(value, **{field.name: other})
        if isinstance(value, MessageFacts):
            assert EVENT.digest([changed]) != EVENT.digest([value]), field.name
        else:
            assert changed.digest() != value.digest(), field.name


def test_what_was_hashed_before_there_were_returns_is_hashed_as_it_was() -> None:
    """Digests of former rows lie in databases and anchors: only a return has the form that names its original."""
    former = replace(INCOMING_RETURN, message_type="pacs.008.001.08", original_id=None)

    assert b'"form":"fifteen.payment.2"' in PAYMENT.canonical()
    assert b'"form":"fifteen.payment.3"' in RETURN.canonical()
    assert b'"form":"fifteen.incoming_transfer.1"' in former.canonical()
    assert b"message_type" not in former.canonical()
    for form in (
        RETURN.canonical(),
        INCOMING_RETURN.canonical(),
        replace(INCOMING_RETURN, original_id=None).canonical(),
    ):
        names = [name for name, _ in json.loads(form, object_pairs_hook=list)]
        assert names == sorted(names)


def test_neither_order_nor_time_zone_changes_a_digest() -> None:
    """A database gives details, messages and instants back in its own way."""
    eastern = AT.astimezone(timezone(timedelta(hours=-5)))
    backwards = dict(reversed(list(EVENT.details.items())))

    assert replace(EVENT, at=eastern, details=backwards).digest(MESSAGES[::-1]) == EVENT.digest(MESSAGES)


_TEXTS: Final = st.text(st.characters(exclude_categories=["Cs"]))


@given(kind=_TEXTS, details=st.dictionaries(st.text("abc_", min_size=1), _TEXTS))
def test_the_form_of_any_text_is_read_back_and_is_in_order(kind: str, details: dict[str, str]) -> None:
    """Control characters, quotes and other scripts: any JSON reader has the facts again, members sorted by name."""
    form = replace(EVENT, kind=kind, details=details).canonical()

    read = json.loads(form)
    assert (read["kind"], read["details"]) == (kind, details)
    assert form == json.dumps(read, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def test_a_text_that_no_database_takes_is_refused() -> None:
    """A lone surrogate: the row would be refused as well, and alone."""
    with pytest.raises(ValueError, match="surrogates"):
        replace(EVENT, kind="\udcff").digest()
