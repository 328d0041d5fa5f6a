"""One table, both directions: golden bytes become values, and values become the same bytes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from iso20022 import (
    FEDNOW_ID,
    FEDNOW_PRACTICE,
    Amount,
    BusinessHeader,
    BusinessMessageId,
    ConnectionPartyId,
    CopyDuplicate,
    CustomerCreditTransfer,
    EndToEndId,
    InstructionId,
    LocalProtocolError,
    MessageId,
    MessageReject,
    Party,
    PaymentStatusReport,
    PaymentStatusRequest,
    Personal,
    PostalAddress,
    RemoteProtocolError,
    RoutingNumber,
    StatusReason,
    TransactionId,
    TransactionStatus,
    Uetr,
    admi002,
    header,
    pacs002,
    pacs008,
    pacs028,
    read,
    serialise,
    unwrap,
)
from iso20022.schemas import validator
from tests.unit.iso20022.samples import GOLDEN_NAMES, golden

EASTERN = timezone(timedelta(hours=-5))
SENDER, RECEIVER = RoutingNumber("990000013"), RoutingNumber("990000026")
SERVICE = RoutingNumber(FEDNOW_ID)
MESSAGE_ID = MessageId("20260131990000013GOLDEN0001")
CREATED = datetime(2026, 1, 31, 9, 30, tzinfo=EASTERN)
UETR = Uetr("5b2f1d0e-8c4a-4f7b-9a3d-0123456789ab")

TRANSFER = CustomerCreditTransfer(
    message_id=MESSAGE_ID,
    creation_time=CREATED,
    instruction_id=InstructionId("GOLDEN-INSTR-0001"),
    end_to_end_id=EndToEndId("GOLDEN-E2E-0001"),
    uetr=UETR,
    local_instrument="FDNA",
    category_purpose="CONS",
    amount=Amount(125075),
    settlement_date=date(2026, 1, 31),
    instructing_agent=SENDER,
    instructed_agent=RECEIVER,
    debtor=Party(
        name=Personal("Invented Debtor & Daughters"),
        address=PostalAddress(
            street_name=Personal("Imaginary Street"),
            building_number=Personal("12"),
            post_code=Personal("00000"),
            town_name=Personal("Nowhere"),
            country_sub_division=Personal("ZZ"),
            country="US",
        ),
    ),
    debtor_account=Personal("000011112222"),
    debtor_agent=SENDER,
    creditor=Party(name=Personal("Invented Creditor")),
    creditor_account=Personal("000033334444"),
    creditor_agent=RECEIVER,
    remittance=(Personal("Invoice 4711"), Personal("second line")),
)
REPORT = PaymentStatusReport(
    message_id=MessageId("20260131990000026ACTC0001"),
    creation_time=datetime(2026, 1, 31, 9, 30, 2, tzinfo=EASTERN),
    original_message_id=MESSAGE_ID,
    original_message_name="pacs.008.001.08",
    original_creation_time=CREATED,
    original_instruction_id=InstructionId("GOLDEN-INSTR-0001"),
    original_end_to_end_id=EndToEndId("GOLDEN-E2E-0001"),
    original_uetr=UETR,
    status=TransactionStatus.ACTC,
    instructing_agent=RECEIVER,
    instructed_agent=SENDER,
)
FROM_SERVICE = replace(REPORT, instructing_agent=SERVICE)
REQUEST = PaymentStatusRequest(
    message_id=MessageId("20260131990000013ASK0001"),
    creation_time=datetime(2026, 1, 31, 9, 30, 30, tzinfo=EASTERN),
    original_message_id=MESSAGE_ID,
    original_message_name="pacs.008.001.08",
    original_creation_time=CREATED,
    original_instruction_id=InstructionId("GOLDEN-INSTR-0001"),
    original_end_to_end_id=EndToEndId("GOLDEN-E2E-0001"),
    original_uetr=UETR,
    instructing_agent=SENDER,
    instructed_agent=SERVICE,
)
REJECT = MessageReject(
    related_reference="NOTAVAILABLE",
    reason_code="T505",
    rejection_time=datetime(2026, 1, 31, 9, 30, 1, tzinfo=EASTERN),
    error_location="line 12",
    description="not well formed",
    additional_data=Personal("an excerpt"),
)


class Kind(NamedTuple):
    """How a message type is read and built."""

    parse: Callable[[etree._Element], Any]
    build: Callable[[Any], etree._Element]


KINDS = {
    CustomerCreditTransfer: Kind(pacs008.parse, pacs008.build),
    PaymentStatusReport: Kind(pacs002.parse, pacs002.build),
    PaymentStatusRequest: Kind(pacs028.parse, pacs028.build),
    MessageReject: Kind(admi002.parse, admi002.build),
}
EXPECTED: dict[str, CustomerCreditTransfer | PaymentStatusReport | PaymentStatusRequest | MessageReject] = {
    **dict.fromkeys([name for name in GOLDEN_NAMES if name.startswith("pacs008")], TRANSFER),
    "pacs002_actc.xml": REPORT,
    "pacs002_acsc.xml": replace(
        FROM_SERVICE,
        message_id=MessageId("GoldenServiceReference0001"),
        creation_time=datetime(2026, 1, 31, 9, 30, 3, tzinfo=EASTERN),
        status=TransactionStatus.ACSC,
        acceptance_time=datetime(2026, 1, 31, 9, 30, 3, tzinfo=EASTERN),
        settlement_date=date(2026, 1, 31),
    ),
    "pacs002_acwp.xml": replace(
        FROM_SERVICE,
        message_id=MessageId("GoldenServiceReference0002"),
        creation_time=datetime(2026, 1, 31, 14, 30, 3, 250_000, tzinfo=UTC),
        status=TransactionStatus.ACWP,
        acceptance_time=datetime(2026, 1, 31, 9, 30, 3, tzinfo=EASTERN),
    ),
    "pacs002_rjct.xml": replace(
        REPORT,
        message_id=MessageId("20260131990000026RJCT0001"),
        status=TransactionStatus.RJCT,
        reasons=(StatusReason(code="AC04", additional=("closed last year",)),),
    ),
    "pacs002_rjct_service.xml": replace(
        FROM_SERVICE,
        message_id=MessageId("GoldenServiceReference0003"),
        creation_time=datetime(2026, 1, 31, 9, 30, 21, tzinfo=EASTERN),
        status=TransactionStatus.RJCT,
        reasons=(
            StatusReason(proprietary="E997"),
            StatusReason(proprietary="E990", additional=("first line", "second line")),
        ),
    ),
    "pacs028_incoming.xml": REQUEST,
    "admi002_outgoing.xml": REJECT,
}


def document_of(body: bytes) -> etree._Element:
    """The Document in a body."""
    document = unwrap(read(body)).document
    assert document is not None
    return document


def test_every_golden_message_has_its_value() -> None:
    """No golden message is left without a row in the table."""
    assert sorted(EXPECTED) == GOLDEN_NAMES


@pytest.mark.parametrize("name", GOLDEN_NAMES)
def test_golden_bytes_become_the_expected_value(name: str) -> None:
    """Reading is checked against values that were written by hand."""
    expected = EXPECTED[name]

    assert KINDS[type(expected)].parse(document_of(golden(name))) == expected


@pytest.mark.parametrize("name", GOLDEN_NAMES)
def test_values_become_the_golden_elements(name: str) -> None:
    """Building gives the golden Document's elements and texts, in order, and nothing else; times by their instant."""
    value = EXPECTED[name]

    built = KINDS[type(value)].build(value)

    wanted = [(e.tag, (e.text or "").strip(), dict(e.attrib)) for e in document_of(golden(name)).iter()]
    found = [(e.tag, (e.text or "").strip(), dict(e.attrib)) for e in built.iter()]
    if name == "pacs002_acwp.xml":  # written with Z and milliseconds in the golden message
        wanted = [(tag, text.replace(".250Z", ".250+00:00"), attributes) for tag, text, attributes in wanted]
    assert found == wanted


@pytest.mark.parametrize("name", GOLDEN_NAMES)
def test_what_is_built_is_valid_and_built_the_same_again(name: str) -> None:
    """build(parse(build(value))) is build(value), byte for byte, and the schema accepts it."""
    value = EXPECTED[name]
    kind = KINDS[type(value)]

    once = kind.build(value)
    again = kind.build(kind.parse(document_of(serialise(once))))

    assert serialise(again) == serialise(once)
    validator(str(once.tag)[1:].partition("}")[0].rpartition(":")[2]).assertValid(once)


TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=35
)
MOMENTS = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 # the zone is the strategy's to add
    timezones=st.sampled_from([UTC, EASTERN]),
)


@given(st.builds(PostalAddress, street_name=TEXTS.map(Personal), country=st.just("US")), TEXTS, MOMENTS, TEXTS)
def test_any_text_survives_the_round_trip(address: PostalAddress, name: str, created: datetime, line: str) -> None:
    """Markup, quotes, carriage returns and every script are escaped on the way out and read back exactly."""
    transfer = replace(
        TRANSFER,
        creation_time=created,
        debtor=Party(name=Personal(name), address=address),
        creditor=Party(name=Personal("\r\t" + name)),
        remittance=(Personal(line), Personal("]]>" + line)),
        transaction_id=TransactionId(name),
    )

    assert pacs008.parse(document_of(serialise(pacs008.build(transfer)))) == transfer


@pytest.mark.parametrize("text", ["\x00", "a\x01", "\ufffe", "\ud800"])
def test_a_text_that_xml_cannot_carry_is_our_own_error(text: str) -> None:
    """We refuse to build it, and say where; nothing broken leaves the process."""
    with pytest.raises(LocalProtocolError) as refused:
        pacs008.build(replace(TRANSFER, remittance=(Personal(text),)))

    assert refused.value.findings[0].xpath == "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf/RmtInf/Ustrd[1]"


CARRIED_NOT: dict[str, tuple[bytes, bytes]] = {
    "structured remittance": (b"<Ustrd>Invoice 4711</Ustrd>", b"<Strd><AddtlRmtInf>x</AddtlRmtInf></Strd>"),
    "ultimate debtor": (b"<Dbtr>", b"<UltmtDbtr><Nm>Someone</Nm></UltmtDbtr>\n<Dbtr>"),
    "purpose": (b"<RmtInf>", b"<Purp><Cd>SALA</Cd></Purp>\n<RmtInf>"),
    "agent's name": (b"</ClrSysMmbId>\n        </FinInstnId>", b"</ClrSysMmbId><Nm>Bank</Nm></FinInstnId>"),
    "proprietary service level": (b"<LclInstrm>", b"<SvcLvl><Prtry>X</Prtry></SvcLvl><LclInstrm>"),
    "proprietary address type": (b"<StrtNm>", b"<AdrTp><Prtry><Id>ABCD</Id><Issr>x</Issr></Prtry></AdrTp><StrtNm>"),
    "other settlement method": (b"CLRG", b"INDA"),
}


@pytest.mark.parametrize("name", CARRIED_NOT)
def test_a_value_says_when_the_document_says_more(name: str) -> None:
    """Rebuilding such a message from its value would lose something, so nobody may; the golden one is the control."""
    before, after = CARRIED_NOT[name]
    body = golden("pacs008_bare.xml").replace(before, after)
    assert body != golden("pacs008_bare.xml")

    assert not pacs008.parse(document_of(body)).carries_all
    assert pacs008.parse(document_of(golden("pacs008_bare.xml"))).carries_all


def test_a_whole_address_is_carried() -> None:
    """Every part of an address is read and built in the schema's order."""
    parts = {
        name: Personal(f"{name} 1"[:16])
        for name in PostalAddress.__dataclass_fields__
        if name not in {"address_type", "country", "address_lines"}
    }
    address = PostalAddress(
        address_type="HOME", country="US", address_lines=(Personal("one"), Personal("two")), **parts
    )
    transfer = replace(TRANSFER, creditor=Party(name=Personal("x"), address=address))

    built = pacs008.build(transfer)

    validator(pacs008.MESSAGE_TYPE).assertValid(built)
    assert pacs008.parse(document_of(serialise(built))) == transfer


UNREADABLE: dict[str, tuple[str, bytes, bytes, str]] = {
    "unknown status": ("pacs002_actc.xml", b">ACTC<", b">ACTX<", "VALUE_STATUS"),
    "status in lower case": ("pacs002_actc.xml", b">ACTC<", b">actc<", "VALUE_STATUS"),
    "no status": ("pacs002_actc.xml", b"<TxSts>ACTC</TxSts>", b"", "VALUE_MISSING"),
    "time without offset": ("pacs002_acsc.xml", b"03-05:00</Accp", b"03</Accp", "VALUE_TIME_OFFSET"),
    "midnight twice": ("pacs008_bare.xml", b"T09:30:00-05:00</CreDtTm>", b"T24:00:00Z</CreDtTm>", "VALUE_TIME"),
    "day that is not": ("pacs008_bare.xml", b"<IntrBkSttlmDt>2026-01-31", b"<IntrBkSttlmDt>2026-02-31", "VALUE_DATE"),
    "date with a zone": ("pacs002_acsc.xml", b"<Dt>2026-01-31", b"<Dt>2026-01-31Z", "VALUE_DATE"),
    "half a cent": ("pacs008_bare.xml", b">1250.75<", b">1250.755<", "VALUE_AMOUNT"),
    "no account": ("pacs008_bare.xml", b"<Id>000033334444</Id>", b"", "VALUE_MISSING"),
    "no agent": ("pacs028_incoming.xml", b"<MmbId>021150706</MmbId>", b"", "VALUE_MISSING"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_completely_is_no_value(name: str) -> None:
    """Never a default, never half a value: an error that names the element."""
    file, before, after, code = UNREADABLE[name]
    document = document_of(golden(file).replace(before, after))
    kind = KINDS[type(EXPECTED[file])]

    with pytest.raises(RemoteProtocolError) as refused:
        kind.parse(document)

    (finding,) = refused.value.findings
    assert finding.code == code
    assert finding.xpath.startswith("/Document/")
    assert finding.line is not None


def test_a_message_of_another_type_is_not_read() -> None:
    """A pacs.028 has a message id too; it is no status report for that."""
    with pytest.raises(RemoteProtocolError, match="MESSAGE_TYPE"):
        pacs002.parse(document_of(golden("pacs028_incoming.xml")))


HEADER = BusinessHeader(
    sender=FEDNOW_ID,
    receiver=ConnectionPartyId("990000026"),
    business_message_id=BusinessMessageId("20260131021150706SVC0001"),
    message_type="pacs.008.001.08",
    market_practice=FEDNOW_PRACTICE,
    creation_time=datetime(2026, 1, 31, 9, 30, 1, tzinfo=EASTERN),
    business_processing_date=CREATED,
)


def test_a_header_is_read_and_built() -> None:
    """Value and element are two forms of one header."""
    found = unwrap(read(golden("pacs008_outgoing.xml"))).header
    assert found is not None

    built = header.build(HEADER)

    assert header.parse(found) == HEADER
    assert [(e.tag, e.text) for e in built.iter() if len(e) == 0] == [
        (e.tag, e.text) for e in found.iter() if len(e) == 0
    ]
    assert header.parse(read(serialise(built))) == HEADER
    validator(header.HEADER_TYPE).assertValid(built)


def test_a_marked_duplicate_is_read_and_an_unknown_mark_refused() -> None:
    """The kinds of copy are a closed set."""
    duplicate = replace(HEADER, copy_duplicate=CopyDuplicate.DUPL, market_practice=None)
    built = header.build(duplicate)

    assert header.parse(built) == duplicate
    built[-1].text = "TWIN"
    with pytest.raises(RemoteProtocolError, match="VALUE_COPY_DUPLICATE"):
        header.parse(built)


def test_every_truncation_of_every_golden_message_is_refused() -> None:
    """Whole, a golden message is read; cut anywhere, it is not."""
    for name in GOLDEN_NAMES:
        body = golden(name).rstrip()
        for length in range(0, len(body), 7):
            with pytest.raises(RemoteProtocolError):
                read(body[:length])
