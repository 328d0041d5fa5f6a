"""One verdict on one message, never an exception, whatever comes."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iso20022 import (
    LIMITS,
    CustomerCreditTransfer,
    Direction,
    EnvelopeKind,
    Limits,
    MessageReject,
    PaymentStatusReport,
    PaymentStatusRequest,
    Rail,
    RtpProfile,
    Severity,
    examine,
    explain,
)
from iso20022.fields import NOT_PROVIDED
from iso20022.sample import sample
from tests.unit.iso20022.hostile import UNREADABLE
from tests.unit.iso20022.samples import (
    GOLDEN,
    GOLDEN_NAMES,
    PROFILE,
    codes,
    examined,
    golden,
    processor_ms,
)


@pytest.mark.parametrize(
    ("name", "kind", "direction", "message"),
    [
        ("pacs008_bare.xml", EnvelopeKind.DOCUMENT, None, CustomerCreditTransfer),
        ("pacs008_neutral.xml", EnvelopeKind.NEUTRAL, None, CustomerCreditTransfer),
        ("pacs008_nvlp.xml", EnvelopeKind.NEUTRAL, None, CustomerCreditTransfer),
        ("pacs008_incoming.xml", EnvelopeKind.FEDNOW_INCOMING, Direction.TO_RAIL, CustomerCreditTransfer),
        ("pacs008_outgoing.xml", EnvelopeKind.FEDNOW_OUTGOING, Direction.FROM_RAIL, CustomerCreditTransfer),
        ("pacs002_acsc.xml", EnvelopeKind.FEDNOW_OUTGOING, Direction.FROM_RAIL, PaymentStatusReport),
        ("pacs028_incoming.xml", EnvelopeKind.FEDNOW_INCOMING, Direction.TO_RAIL, PaymentStatusRequest),
        ("admi002_outgoing.xml", EnvelopeKind.FEDNOW_OUTGOING, Direction.FROM_RAIL, MessageReject),
    ],
)
def test_a_report_says_what_a_message_is(
    name: str, kind: EnvelopeKind, direction: Direction | None, message: type
) -> None:
    """Type, direction, header, Document and value, all from one examination."""
    report = examined(golden(name))

    assert report.valid
    assert report.readable
    assert report.envelope is not None
    assert (report.envelope.kind, report.direction, type(report.message)) == (kind, direction, message)
    assert report.message_type == name[:4] + "." + name[4:7] + str(report.message_type)[8:]
    assert (report.header is None) == (kind is EnvelopeKind.DOCUMENT)
    assert report.document is report.envelope.document


@pytest.mark.parametrize("name", UNREADABLE)
def test_hostile_input_gives_a_report(name: str) -> None:
    """The same refusals as the reader's, as a report: unreadable, with the code."""
    body, code = UNREADABLE[name]

    report = examined(body)

    assert (report.valid, report.readable, codes(report)) == (False, False, [code])
    assert report.message is None
    assert report.header is None
    assert explain(report) == report


def test_limits_are_the_callers() -> None:
    """A caller may allow less, or more."""
    body = golden("pacs008_incoming.xml")

    assert codes(examine(body, profile=PROFILE, limits=Limits(bytes_max=100))) == ["XML_TOO_LARGE"]
    assert examine(body, profile=PROFILE, limits=LIMITS).valid


@given(st.binary(max_size=400))
def test_garbage_gives_a_report(body: bytes) -> None:
    """No bytes whatever raise."""
    report = explain(examined(body))

    assert not report.valid
    assert report.findings


@settings(max_examples=300)
@given(
    st.sampled_from(GOLDEN_NAMES),
    st.integers(min_value=0),
    st.integers(min_value=0, max_value=30),
    st.one_of(st.binary(max_size=12), st.text(alphabet="<>/&;!-ABCabc 0123456789.:\"'é", max_size=12).map(str.encode)),
)
def test_a_mutated_message_gives_a_report(name: str, position: int, removed: int, put: bytes) -> None:
    """Any splice of any golden message is reported on; what is called valid was read completely."""
    body = golden(name)
    start = position % len(body)

    report = explain(examined(body[:start] + put + body[start + removed :]))

    assert report.valid == all(finding.severity is Severity.WARNING for finding in report.findings)
    assert not report.valid or report.message is not None
    assert report.findings or report.valid
    for finding in report.findings:
        assert finding.as_json()["code"] == finding.code
        assert "Invented" not in str(finding.value)


def test_a_schema_fault_and_a_rule_fault_are_explained_together() -> None:
    """One answer with everything, so that a sender mends a message once."""
    body = golden("pacs008_incoming.xml").replace(b"5b2f1d0e", b"5B2F1D0E").replace(b"990000026", b"990000027")
    body = (
        body.replace(b"<NbOfTxs>1</NbOfTxs>", b"")
        .replace(b"FDNA", b"CASH")
        .replace(b"T09:30:00-05:00</CreDt>", b"</CreDt>")
    )

    quick = examined(body)
    full = explain(quick)

    assert {code[:3] for code in codes(quick)} == {"XSD"}
    assert [(f.code, f.xpath.rpartition("/")[2]) for f in full.findings] == [
        ("XSD_TYPE", "CreDt"),
        ("XSD_MISSING", "NbOfTxs"),
        ("XSD_PATTERN", "UETR"),
        ("FEDNOW_LOCAL_INSTRUMENT", "Prtry"),
        ("FEDNOW_ABA_CHECK_DIGIT", "MmbId"),
        ("FEDNOW_ABA_CHECK_DIGIT", "MmbId"),
    ]
    assert all(finding.line for finding in full.findings)
    assert not full.valid
    assert explain(full) == full


def test_what_the_schema_said_is_not_said_again_by_a_rule() -> None:
    """One fault, one finding: a missing element, or a value of no type, is not also a broken rule."""
    body = golden("pacs008_bare.xml").replace(b"<ChrgBr>SLEV</ChrgBr>", b"").replace(b"1250.75", b"much")

    assert codes(explain(examined(body))) == ["XSD_TYPE", "XSD_MISSING"]


def test_a_valid_message_needs_no_explanation() -> None:
    """Explaining is for what the schema refused."""
    report = examined(golden("pacs008_incoming.xml"))
    ruled = examined(golden("pacs008_incoming.xml").replace(b"FDNA", b"CASH"))

    assert explain(report) is report
    assert explain(ruled) is ruled


def test_a_finding_points_at_line_and_column() -> None:
    """So that an editor can jump there; lines and columns count from one."""
    body = golden("pacs008_bare.xml").replace(b"SLEV", b"SHAR")
    line = next(number for number, text in enumerate(body.splitlines(), start=1) if b"<ChrgBr>" in text)

    (finding,) = examined(body).findings

    assert (finding.line, finding.column) == (line, body.splitlines()[line - 1].index(b"<") + 1)


def test_other_types_and_versions_are_named_as_such() -> None:
    """A clear word instead of a hundred schema findings."""
    body = golden("pacs008_bare.xml")

    version = examined(body.replace(b"pacs.008.001.08", b"pacs.008.001.10"))
    other = examined(body.replace(b"pacs.008.001.08", b"pain.001.001.09"))
    nothing = examined(body.replace(b"urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08", b"urn:example"))

    assert (codes(version), version.message_type) == (["UNSUPPORTED_VERSION"], "pacs.008.001.10")
    assert "pacs.008.001.08" in version.findings[0].hint
    assert (codes(other), other.message_type) == (["UNSUPPORTED_MESSAGE"], "pain.001.001.09")
    assert (codes(nothing), nothing.message_type, nothing.readable) == (["NAMESPACE_UNKNOWN"], None, True)


def test_a_bare_header_is_readable_and_incomplete() -> None:
    """It is checked as a header, and said to be one."""
    body = golden("pacs008_incoming.xml")
    header = body[body.index(b"<AppHdr") : body.index(b"</AppHdr>") + len(b"</AppHdr>")]

    report = examined(b"\xef\xbb\xbf" + header)
    wrong = examined(header.replace(b"frb.fednow.01", b"other"))

    assert (report.valid, codes(report), report.message) == (True, ["HEADER_ONLY"], None)
    assert report.header is not None
    assert report.header.business_message_id == "20260131990000013GOLDEN0001"
    assert (wrong.valid, codes(wrong)) == (False, ["HEADER_ONLY", "FEDNOW_HEADER_PRACTICE"])


def test_an_invalid_document_still_gives_its_header() -> None:
    """A refusal has to name the message it refuses."""
    report = examined(golden("pacs008_incoming.xml").replace(b"<NbOfTxs>1</NbOfTxs>", b""))

    assert not report.valid
    assert report.message is None
    assert report.header is not None
    assert report.header.business_message_id == "20260131990000013GOLDEN0001"


@pytest.mark.parametrize(
    ("text", "cents"), [("+1250.75", 125075), ("1250.7500", 125075), ("001250.75", 125075), ("1.", 100)]
)
def test_an_amount_in_a_loose_form_is_read_exactly(text: str, cents: int) -> None:
    """XML Schema's decimal allows more than money's usual form; the rail reads the value, and so do we."""
    report = examined(golden("pacs008_bare.xml").replace(b">1250.75<", f">{text}<".encode()))

    assert report.valid
    assert isinstance(report.message, CustomerCreditTransfer)
    assert report.message.amount.cents == cents


def test_no_name_or_account_shows_in_a_report_of_faults() -> None:
    """Every personal element is broken; not one of the values is quoted."""
    body = golden("pacs008_incoming.xml")
    for secret in (
        b"Invented Debtor &amp; Daughters",
        b"Imaginary Street",
        b"Nowhere",
        b"Invented Creditor",
        b"Invoice 4711",
    ):
        assert secret in body
        body = body.replace(secret, b"Canary " * 60)
    body = body.replace(b"000011112222", b"CANARYCANARYCANARYCANARYCANARYCANARYCANARY")

    report = explain(examined(body))

    assert len(report.findings) >= 6
    assert "canary" not in repr(report.findings).lower()
    assert "canary" not in repr(examined(body).findings).lower()


BOGUS: dict[str, tuple[bytes, bytes]] = {
    "4,800 strange elements": (
        b"<PmtTpInf>",
        b"".join(b"<Bogus%d/>" % number for number in range(4_800)) + b"<PmtTpInf>",
    ),
    "4,800 times one element": (b"<PmtTpInf>", b"<PmtTpInf/>" * 4_800 + b"<PmtTpInf>"),
    "4,800 header elements": (b"</CreDt>", b"</CreDt>" + b"<Prty>HIGH</Prty>" * 4_800),
    "900 strange attributes": (b"<PmtTpInf>", b"<PmtTpInf " + b" ".join(b'a%d="1"' % n for n in range(900)) + b">"),
    "one long line": (b"\n", b" "),
}


@pytest.mark.parametrize("name", BOGUS)
def test_bogus_content_is_refused_within_50_ms_and_explained_within_bounds(name: str) -> None:
    """The verdict is quick, and the explanation ends: other validators need seconds for such messages."""
    before, after = BOGUS[name]
    body = golden("pacs008_incoming.xml").replace(before, after).replace(b"SLEV", b"OURS")

    quick = examined(body)
    full = explain(quick)
    elapsed_ms = processor_ms(lambda: examined(body))
    explained_ms = processor_ms(lambda: explain(quick))

    assert not quick.valid
    assert len(full.findings) < 320
    assert elapsed_ms < 50
    assert explained_ms < 1_000


RTP = (GOLDEN / "rtp" / "pacs008.xml").read_bytes()


def test_the_other_rails_message_is_one_clear_finding() -> None:
    """One rail's envelope and header are not the other's; its own profile, which finds nothing, is the control."""
    start, end = RTP.index(b"<AppHdr>"), RTP.index(b"</AppHdr>") + len(b"</AppHdr>")
    header = RTP[start:end].replace(b"<AppHdr>", b"<head:AppHdr>").replace(b"</AppHdr>", b"</head:AppHdr>")
    declared = header.replace(
        b"<head:AppHdr>", b'<head:AppHdr xmlns:head="urn:iso:std:iso:20022:tech:xsd:head.001.001.01">'
    )
    document = golden("pacs008_bare.xml")[golden("pacs008_bare.xml").index(b"<Document") :]
    neutral = b"<BusinessMessage>" + declared + document + b"</BusinessMessage>"

    assert codes(examined(RTP)) == ["ENVELOPE_RAIL"]
    assert codes(examine(golden("pacs008_incoming.xml"), profile=RtpProfile())) == ["ENVELOPE_RAIL"]
    assert codes(examined(neutral)) == ["HEADER_VERSION"]
    assert codes(examine(golden("pacs008_neutral.xml"), profile=RtpProfile())) == ["HEADER_VERSION"]
    assert codes(examine(RTP, profile=RtpProfile())) == []


def test_a_wrong_envelope_is_pointed_at_and_named_in_words() -> None:
    """The root's place, and no identifier of ours in the text."""
    (rail,) = examined(RTP).findings
    body = golden("pacs008_incoming.xml")
    (direction,) = examine(body, profile=PROFILE, direction=Direction.FROM_RAIL).findings

    assert (rail.xpath, rail.column, rail.rule) == ("/Message", 1, "A message of FedNow has no other rail's envelope.")
    assert rail.hint == "This one is RTP's Message: validate it for the rail that it belongs to."
    assert (direction.code, direction.xpath) == ("ENVELOPE_DIRECTION", "/FedNowIncoming")
    assert direction.hint == "This one is FedNow's envelope for messages to the rail: it travels the other way."
    assert rail.line
    assert direction.line


def test_what_breaks_the_schema_of_rtp_has_the_reject_code_that_is_public_and_fednows_has_none() -> None:
    """650, by the quick verdict and the full one; a broken rule is another thing, and FedNow's code is not public."""
    broken = RTP.replace(b">SLEV<", b">OURS<").replace(b">STANDARD<", b">NOTHING<")
    quick = examine(broken, profile=RtpProfile())
    fednows = explain(examined(golden("pacs008_incoming.xml").replace(b">SLEV<", b">OURS<")))

    assert [finding.reject_code for finding in quick.findings] == ["650"]
    assert {finding.code: finding.reject_code for finding in explain(quick).findings} == {
        "XSD_ENUMERATION": "650",
        "RTP_LOCAL_INSTRUMENT": None,
    }
    assert [finding.reject_code for finding in fednows.findings] == [None]


def test_a_message_of_rtp_without_a_message_is_refused() -> None:
    """A bare header is a file that one may look at; a Message without its message element is not whole."""
    start, end = RTP.index(b"<CreditTransfer>"), RTP.index(b"</CreditTransfer>") + len(b"</CreditTransfer>")

    report = examine(RTP[:start] + RTP[end:], profile=RtpProfile())

    assert (report.valid, codes(report), report.document) == (False, ["HEADER_ONLY"], None)


def test_what_cannot_be_read_on_rtp_names_its_line_in_the_text() -> None:
    """Values are read from a copy with instants; the findings are about the original."""
    body = (GOLDEN / "rtp" / "camt056.xml").read_bytes().replace(b">51.74</OrgnlIntr", b">51.745</OrgnlIntr")
    line = next(number for number, text in enumerate(body.splitlines(), start=1) if b"51.745" in text)

    (finding,) = examine(body, profile=RtpProfile()).findings

    assert (finding.code, finding.line) == ("VALUE_AMOUNT", line)
    assert finding.xpath == "/ReturnOfFunds/FIToFIPmtCxlReq/Undrlyg/TxInf/OrgnlIntrBkSttlmAmt"


@pytest.mark.parametrize(
    ("practice", "expected"), [("frb.fednow.rrr.01", []), ("frb.fednow.irr.01", ["FEDNOW_HEADER_PRACTICE"])]
)
def test_the_market_practice_is_the_wrappers(practice: str, expected: list[str]) -> None:
    """Three wrappers hold a camt.029: the header names the one that it stands in."""
    body = sample("camt.029", rail=Rail.FEDNOW, direction=Direction.TO_RAIL)
    assert b"FedNowReturnRequestResponse" in body

    assert codes(examined(body.replace(b"frb.fednow.rrr.01", practice.encode()))) == expected


def test_a_message_that_does_not_travel_this_way_is_refused() -> None:
    """The participant file is the service's; a bare Document of it says nothing of its way."""
    body = sample("admi.998", rail=Rail.FEDNOW, direction=Direction.FROM_RAIL, bare=True)

    assert codes(examine(body, profile=PROFILE, direction=Direction.TO_RAIL)) == ["MESSAGE_DIRECTION"]
    assert examine(body, profile=PROFILE, direction=Direction.FROM_RAIL).valid
    assert examined(body).valid


@pytest.mark.parametrize(
    ("left_out", "is_refusable"),
    [
        (rb"<Nm>[^<]*</Nm>", True),
        (rb"<(Dbtr|Cdtr)Acct>.*?</(Dbtr|Cdtr)Acct>", True),
        (rb"<IntrBkSttlmDt>[^<]*</IntrBkSttlmDt>", False),
        (rb"<EndToEndId>[^<]*</EndToEndId>", False),
    ],
)
def test_what_lacks_only_what_the_rail_demands_can_still_be_refused(left_out: bytes, *, is_refusable: bool) -> None:
    """Names and accounts; without a date, or an id that the schema demands, nobody can say which payment it is."""
    report = examined(re.sub(left_out, b"", golden("pacs008_outgoing.xml"), flags=re.DOTALL))

    assert not report.valid
    assert report.message is None
    assert (report.refusable is not None) is is_refusable


def test_in_the_place_of_a_name_that_is_left_out_stands_that_it_is() -> None:
    """ISO 20022's word; all else is as the message has it, and one that can be read needs no such reading."""
    whole = examined(golden("pacs008_outgoing.xml"))
    lacking = examined(re.sub(rb"<Nm>[^<]*</Nm>", b"", golden("pacs008_outgoing.xml")))

    assert whole.refusable is None
    assert isinstance(whole.message, CustomerCreditTransfer)
    assert isinstance(lacking.refusable, CustomerCreditTransfer)
    assert lacking.refusable.debtor.name.reveal() == NOT_PROVIDED
    assert lacking.refusable.amount == whole.message.amount
    assert lacking.refusable.creditor_account == whole.message.creditor_account
