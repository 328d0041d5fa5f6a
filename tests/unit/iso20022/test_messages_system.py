"""Reports, system messages and RTP's administration: one table, both directions, and what cannot be read."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import fields, is_dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from iso20022 import (
    Amount,
    FedNowProfile,
    Personal,
    Rail,
    RemoteProtocolError,
    RoutingNumber,
    RtpProfile,
    examine,
    explain,
    guess_rail,
    read,
    serialise,
    unwrap,
)
from iso20022.fields import FieldReader
from iso20022.local_time import EASTERN, in_local_time, with_offsets
from iso20022.messages import (
    acmt022,
    admi004,
    admi006,
    admi007,
    admi011,
    admi998,
    admn,
    camt035,
    camt052,
    camt054,
    camt060,
    remt001,
)
from iso20022.messages.admi998 import Participant, ParticipantFile, ParticipantService
from iso20022.messages.camt052 import ActivitySummary
from iso20022.messages.entries import CreditDebit, Entry, EntryStatus, Totals, booked
from iso20022.messages.registry import MESSAGE_KINDS, MessageKind
from iso20022.messages.shape import Shape
from iso20022.namespaces import message_type_of
from iso20022.paths import namespace_of
from iso20022.schemas import RTP_SCHEMAS, validator
from tests.unit.iso20022.samples import GOLDEN, REFERENCE, say
from tests.unit.iso20022.shaped import any_value, whole_values
from tests.unit.iso20022.system_values import VALUES

FOLDER = GOLDEN / "system"
NAMES = sorted(path.name for path in FOLDER.glob("*.xml"))
SHAPES: dict[str, Shape[Any]] = {
    "acmt.022.001.02": acmt022.SHAPE,
    "admi.004.001.02": admi004.SHAPE,
    "admi.006.001.01": admi006.SHAPE,
    "admi.007.001.01": admi007.SHAPE,
    "admi.011.001.01": admi011.SHAPE,
    "camt.035.001.05": camt035.SHAPE,
    "camt.052.001.08": camt052.SHAPE,
    "camt.054.001.08": camt054.SHAPE,
    "camt.060.001.05": camt060.SHAPE,
    "remt.001.001.04": remt001.SHAPE,
    **{message_type: kind.shape for message_type, kind in admn.KINDS.items()},
}
PUBLISHED = {
    "fednow/admi004-ping.xml": "System event PING",
    "fednow/fednow-sample-message-admi998.xml": "Participant file of 2023-08-18: 8 participants, 7 receive",
    "rtp/admi004.960-AVAILABLE.xml": "System event 960",
    "rtp/admn001.xml": "Sign-on request from 200000057A1 to 990000001T1",
    "rtp/admn002.ACTC.xml": "Sign-on from 990000001T1 to 200000057A1: ACTC",
    "rtp/admn005.xml": "Echo request from 990000001T1 to 200000057A1",
    "rtp/admn006.xml": "Echo from XXXXXXXXXXX to 990000001T1: ACTC",
    "rtp/camt035.xml": "Payment acknowledgement M20230713234567891T1BOTS00251021992",
}


def schema_id(message_type: str) -> str:
    """The schema that a message follows; RTP's own where it has one."""
    return RTP_SCHEMAS.get(message_type, message_type)


def document_of(body: bytes) -> etree._Element:
    """The Document in a body."""
    document = unwrap(read(body)).document
    assert document is not None
    return document


def kind_of(document: etree._Element) -> MessageKind:
    """What can be done with the Document's type."""
    return MESSAGE_KINDS[str(message_type_of(namespace_of(str(document.tag))))]


def parsed(document: etree._Element) -> Any:
    """The Document's value; local times are those of US Eastern."""
    kind = kind_of(document)
    aware = with_offsets(document, schema_id(kind.message_type), ZoneInfo(EASTERN))
    return kind.read(FieldReader(kind.layout, aware))


def built(value: object) -> etree._Element:
    """The Document of a value."""
    kind = next(kind for kind in MESSAGE_KINDS.values() if kind.value_type is type(value))
    return kind.build(value)


def leaves(element: etree._Element) -> list[tuple[str, str, dict[str, str]]]:
    """Every element with its text and attributes, in order."""
    return [
        (str(e.tag), (e.text or "").strip(), {str(k): str(v) for k, v in e.attrib.items()}) for e in element.iter("*")
    ]


def test_every_golden_message_has_its_value() -> None:
    """No golden message is left without a row in the table, and every type of these modules has one."""
    assert sorted(VALUES) == NAMES
    assert {kind_of(document_of((FOLDER / name).read_bytes())).message_type for name in NAMES} == {
        *SHAPES,
        admi998.MESSAGE_TYPE,
    }


@pytest.mark.parametrize("name", NAMES)
def test_golden_bytes_become_the_expected_value(name: str) -> None:
    """Reading is checked against values that were written by hand."""
    assert parsed(document_of((FOLDER / name).read_bytes())) == VALUES[name]


@pytest.mark.parametrize("name", NAMES)
def test_values_become_the_golden_elements(name: str) -> None:
    """Building gives the golden Document's elements and texts, in order, and nothing else."""
    golden = document_of((FOLDER / name).read_bytes())

    document = built(VALUES[name])

    is_local = b"urn:tch" in (FOLDER / name).read_bytes()
    assert leaves(in_local_time(document) if is_local else document) == leaves(golden)


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_message_keeps_the_rules_of_its_rail(name: str) -> None:
    """Read by the front door, with header and envelope, nothing is found, and the value is the same."""
    body = (FOLDER / name).read_bytes()
    is_rtp = guess_rail(unwrap(read(body))) is Rail.RTP

    report = examine(body, profile=RtpProfile() if is_rtp else FedNowProfile())

    assert report.findings == ()
    assert report.message == VALUES[name]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_built_is_valid_and_built_the_same_again(name: str) -> None:
    """build(parse(build(value))) is build(value), byte for byte, and the schema accepts it."""
    once = built(VALUES[name])

    again = built(parsed(document_of(serialise(once))))

    assert serialise(again) == serialise(once)
    validator(schema_id(kind_of(once).message_type)).assertValid(once)


@pytest.mark.parametrize("message_type", SHAPES)
def test_a_value_in_which_nothing_is_left_out_survives_the_round_trip(message_type: str) -> None:
    """Every field has its element, and every code word its text."""
    shape = SHAPES[message_type]
    for value in whole_values(shape, schema_id(message_type)):
        whole = replace(value, carries_all=True)

        document = built(whole)

        validator(schema_id(message_type)).assertValid(document)
        assert parsed(document_of(serialise(document))) == whole


@settings(max_examples=25)
@given(st.data())
@pytest.mark.parametrize("message_type", SHAPES)
def test_any_value_survives_the_round_trip(message_type: str, data: st.DataObject) -> None:
    """Whatever the schema has room for is built, is valid, and is read back exactly."""
    value = replace(data.draw(any_value(SHAPES[message_type], schema_id(message_type))), carries_all=True)

    document = built(value)

    validator(schema_id(message_type)).assertValid(document)
    assert parsed(document_of(serialise(document))) == value


@given(
    st.builds(
        ParticipantFile,
        business_day=st.dates(),
        participants=st.lists(
            st.builds(
                Participant,
                routing_number=st.from_regex(r"99[0-9]{7}", fullmatch=True).map(RoutingNumber),
                name=st.text(
                    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1
                ),
                services=st.lists(st.sampled_from(ParticipantService), min_size=1).map(tuple),
            ),
            min_size=1,
        ).map(tuple),
    )
)
def test_any_participant_file_survives_the_round_trip(file: ParticipantFile) -> None:
    """The file inside the Document has a namespace of its own, and comes back from it."""
    document = built(file)

    (inner,) = document.iter("{urn:fed:xsd:admi.998.001.02}Document")
    assert parsed(document_of(serialise(document))) == file
    assert len(inner.findall(".//{*}PtcptPrfl")) == len(file.participants)


@pytest.mark.parametrize("name", NAMES)
def test_a_document_without_one_of_its_elements_is_a_value_or_one_of_our_errors(name: str) -> None:
    """Never another exception, whichever element is gone; and the errors name a place in the Document."""
    golden = document_of((FOLDER / name).read_bytes())
    count = len(list(golden.iter("*")))
    places: list[str] = []
    for index in range(1, count):
        document = deepcopy(golden)
        element = list(document.iter("*"))[index]
        parent = element.getparent()
        assert parent is not None
        parent.remove(element)
        try:
            parsed(document)
        except RemoteProtocolError as error:
            places += [finding.xpath for finding in error.findings]
    assert places
    assert all(place.startswith("/Document/") for place in places)


@pytest.mark.parametrize("name", NAMES)
def test_every_truncation_is_refused(name: str) -> None:
    """Whole, a golden message is read; cut anywhere, it is not."""
    body = (FOLDER / name).read_bytes().rstrip()
    for length in range(0, len(body), 29):
        with pytest.raises(RemoteProtocolError):
            read(body[:length])


def personal_texts(value: object) -> Iterator[str]:
    """Every personal text in a value."""
    if isinstance(value, Personal):
        yield value.reveal()
    elif isinstance(value, tuple):
        for item in value:
            yield from personal_texts(item)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from personal_texts(getattr(value, field.name))


@pytest.mark.parametrize("name", NAMES)
def test_a_summary_is_one_line_without_personal_data(name: str) -> None:
    """What is written for people, and into logs, names nobody."""
    value = VALUES[name]
    kind = next(kind for kind in MESSAGE_KINDS.values() if kind.value_type is type(value))

    line = kind.summary(value)

    assert line
    assert "\n" not in line
    assert not [text for text in personal_texts(value) if text in line and len(text) > 9]


def test_summaries_say_what_matters() -> None:
    """The lines as people see them; a masked account shows its last digits."""
    lines = {
        name: next(k for k in MESSAGE_KINDS.values() if k.value_type is type(VALUES[name])).summary(VALUES[name])
        for name in (
            "admi004_sign_off.xml",
            "camt052_details.xml",
            "camt054_debit.xml",
            "acmt022_token.xml",
            "admn002_rejected.xml",
            "remt001_invoice.xml",
        )
    }

    assert lines == {
        "admi004_sign_off.xml": (
            "System event FPOF 990000013: signs off a participant profile, or without a parameter the whole connection "
            "party"
        ),
        "camt052_details.xml": "Report AADR for 990000013: 1 credit of 410.60, 1 debit of 56.00, 3 in detail",
        "camt054_debit.xml": "Notification for 990000013: DBIT 51.74 BOOK",
        "acmt022_token.xml": (
            "Token identification M20260131990000013A1BGLD00000000003 from 990000013 to 990000026 about "
            "pacs.008.001.08 M20260130990000026A1BGLD00000000004: account ***4444 at 990000013"
        ),
        "admn002_rejected.xml": "Sign-on from 990000001T1 to 990000013A1: RJCT 9948",
        "remt001_invoice.xml": (
            "Remittance advice M20260131990000013A1BGLD00000000002: 3 items for payment GOLDEN-E2E-0001 "
            "over 1250.75 USD from 990000013 to 990000026"
        ),
    }


ENTRIES = "/Document/BkToCstmrAcctRpt/Rpt/Ntry"
UNREADABLE: dict[str, tuple[str, bytes, bytes, str, str]] = {
    "half a cent in an entry": (
        "camt052_details.xml", b">87.21<", b">87.215<", "VALUE_AMOUNT", f"{ENTRIES}[3]/Amt",
    ),
    "an entry in euros": (
        "camt052_details.xml", b'"USD">87.21', b'"EUR">87.21', "VALUE_CURRENCY", f"{ENTRIES}[3]/Amt/@Ccy",
    ),
    "an unknown side": (
        "camt052_details.xml", b"<CdtDbtInd>CRDT<", b"<CdtDbtInd>BOTH<", "VALUE_CODE", f"{ENTRIES}[1]/CdtDbtInd",
    ),
    "an unknown status": (
        "camt052_details.xml", b"<Cd>RJCT<", b"<Cd>DONE<", "VALUE_CODE", f"{ENTRIES}[3]/Sts/Cd",
    ),
    "a negative sum": (
        "camt052_details.xml", b"<Sum>56.00<", b"<Sum>-56.00<", "VALUE_AMOUNT",
        "/Document/BkToCstmrAcctRpt/Rpt/TxsSummry/TtlDbtNtries/Sum",
    ),
    "a count that is none": (
        "camt052_details.xml", b"<PgNb>1<", "<PgNb>\u0661<".encode(), "VALUE_COUNT",
        "/Document/BkToCstmrAcctRpt/GrpHdr/MsgPgntn/PgNb",
    ),
    "an unknown report": (
        "camt060_details.xml", b"<Id>AADR<", b"<Id>ZZZZ<", "VALUE_CODE", "/Document/AcctRptgReq/RptgReq/Id",
    ),
    "an unknown service": (
        "admi998_participants.xml", b"<Svcs>RFPR<", b"<Svcs>FREE<", "VALUE_CODE",
        "/Document/AdmstnPrtryMsg/PrtryData/Data/Document/admi998SuplDataV01/PtcptFile/PtcptPrfl[1]/Svcs[3]",
    ),
    "a participant without a name": (
        "admi998_participants.xml", b"<Nm>Sample Credit Union</Nm>", b"", "VALUE_MISSING",
        "/Document/AdmstnPrtryMsg/PrtryData/Data/Document/admi998SuplDataV01/PtcptFile/PtcptPrfl[2]/Nm",
    ),
    "an unknown acknowledgement": (
        "camt035_posted.xml", b"<Tp>ACWP<", b"<Tp>NACK<", "VALUE_CODE", "/Document/PrtryFrmtInvstgtn/PrtryData/Tp",
    ),
    "an unknown verdict": (
        "admn002_rejected.xml", b"<Sts>RJCT<", b"<Sts>MAYB<", "VALUE_CODE", "/Document/AdmnSignOnResp/SignOnResp/Sts",
    ),
    "an answer to nothing": (
        "admi011_sign_on.xml", b"<EvtCd>FPON</EvtCd>", b"", "VALUE_MISSING", "/Document/SysEvtAck/AckDtls/EvtCd",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_completely_is_no_value(name: str) -> None:
    """Never a default, never half a value: an error that names the element, of several the right one."""
    file, before, after, code, xpath = UNREADABLE[name]
    body = (FOLDER / file).read_bytes()
    assert before in body

    with pytest.raises(RemoteProtocolError) as refused:
        parsed(document_of(body.replace(before, after, 1)))

    (finding,) = refused.value.findings
    assert (finding.code, finding.xpath) == (code, xpath)


def test_a_report_adds_up_or_says_that_it_does_not() -> None:
    """Only booked entries move a balance; a total that is not theirs is seen."""
    report = VALUES["camt052_details.xml"].reports[0]
    rejected = report.entries[2]
    assert rejected.status is EntryStatus.RJCT

    assert report.adds_up()
    assert booked(report.entries, CreditDebit.DBIT) == Totals(count=1, total=Amount(5600))
    assert not replace(report, entries=(*report.entries, replace(rejected, status=EntryStatus.BOOK))).adds_up()
    assert not replace(report, entries=report.entries[1:]).adds_up()
    assert replace(report, activity=ActivitySummary(), entries=()).adds_up()


def test_a_balance_is_found_by_its_kind() -> None:
    """ISO's codes and the rail's own are both names."""
    report = VALUES["camt052_balance.xml"].reports[0]

    assert report.balance("OPBD").amount == Amount(800000000)
    assert report.balance("ABAL").credit_lines[0].amount == Amount(10000000)
    assert report.balance("CLBD") is None


def test_an_entry_gives_all_that_is_behind_it() -> None:
    """Several groups of details are one sequence of payments."""
    entry: Entry = VALUES["camt052_details.xml"].reports[0].entries[0]
    twice = replace(entry, details=entry.details * 2)

    assert [transaction.references.uetr for transaction in twice.transactions if transaction.references] == [
        entry.details[0].transactions[0].references.uetr if entry.details[0].transactions[0].references else None
    ] * 2


def test_a_value_says_when_the_document_says_more() -> None:
    """What no field holds is not lost unnoticed; the golden message is the control."""
    body = (FOLDER / "camt052_details.xml").read_bytes()
    more = body.replace(b"<AddtlTxInf>", b"<Purp><Cd>SALA</Cd></Purp><AddtlTxInf>")
    assert more != body

    assert not parsed(document_of(more)).carries_all
    assert parsed(document_of(body)).carries_all


@pytest.mark.reference
@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_samples_are_read_and_built_again(name: str) -> None:
    """What the rails publish becomes a value, and the value the same elements."""
    path = REFERENCE / "samples" / name
    if not path.exists():
        say(f"left out, since {path.parent.name} is not beside the repository: {name}")
        return
    document = document_of(path.read_bytes())
    kind = kind_of(document)

    value = parsed(document)

    assert kind.summary(value).startswith(PUBLISHED[name])
    again = kind.build(value)
    assert leaves(in_local_time(again) if name.startswith("rtp/") else again) == leaves(document)


def test_a_finding_masks_the_account_behind_a_token() -> None:
    """Accounts stand below elements of their own here; no finding may quote one."""
    body = (FOLDER / "acmt022_token.xml").read_bytes()
    longer = body.replace(b">000033334444<", b">" + b"0000333344445555" * 3 + b"<")

    report = explain(examine(longer, profile=RtpProfile()))

    assert not report.valid
    assert [f.value for f in report.findings if f.xpath.endswith("UpdtdPtyAndAcctId/Acct/Othr/Id")] == ["***5555"]
    assert "000033334444" not in repr(report.findings)
