"""What FedNow demands beyond the schema: each row breaks one rule of a golden message that breaks none."""

from dataclasses import replace

import pytest

from iso20022 import (
    FEDNOW_PRACTICE,
    ConnectionPartyId,
    Direction,
    EnquiryAnswer,
    FedNowProfile,
    RoutingNumber,
    Severity,
    examine,
)
from iso20022.profiles.fednow_header_rules import HEADER_RULES
from iso20022.profiles.fednow_rules import PACS002_RULES, PACS008_RULES, PACS028_RULES
from tests.unit.iso20022.samples import GOLDEN_NAMES, PROFILE, codes, examined, golden

PAYMENT = "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf"
GROUP = "/Document/FIToFICstmrCdtTrf/GrpHdr"
STATUS = "/Document/FIToFIPmtStsRpt/TxInfAndSts"
MEMBER = "FinInstnId/ClrSysMmbId/MmbId"

Row = tuple[str, str, bytes, bytes, list[tuple[str, str]]]


def inside(file: str, tag: bytes, before: bytes, after: bytes) -> tuple[bytes, bytes]:
    """An element of a golden message, and the same with a change inside."""
    body = golden(file)
    element = body[body.index(b"<" + tag + b">") : body.index(b"</" + tag + b">")]
    assert before in element
    return element, element.replace(before, after)


ROWS: list[Row] = [
    # pacs.008
    (
        "message id without a date",
        "pacs008_bare.xml",
        b"20260131990000013GOLDEN0001",
        b"GOLDEN0001",
        [("FEDNOW_MESSAGE_ID", f"{GROUP}/MsgId")],
    ),
    (
        "message id of another connection party",
        "pacs008_incoming.xml",
        b"20260131990000013GOLDEN0001",
        b"20260131990000026GOLDEN0001",
        [("FEDNOW_MESSAGE_ID_PARTY", f"{GROUP}/MsgId")],
    ),
    (
        "creation time without offset",
        "pacs008_bare.xml",
        b"09:30:00-05:00</CreDtTm>",
        b"09:30:00</CreDtTm>",
        [("FEDNOW_TIME_OFFSET", f"{GROUP}/CreDtTm")],
    ),
    (
        "number of transactions",
        "pacs008_bare.xml",
        b"<NbOfTxs>1<",
        b"<NbOfTxs>2<",
        [("FEDNOW_ONE_PAYMENT", f"{GROUP}/NbOfTxs")],
    ),
    (
        "settlement method",
        "pacs008_bare.xml",
        b"CLRG",
        b"INDA",
        [("FEDNOW_SETTLEMENT_METHOD", f"{GROUP}/SttlmInf/SttlmMtd")],
    ),
    (
        "clearing system",
        "pacs008_bare.xml",
        b"<Cd>FDN</Cd>",
        b"<Cd>TCH</Cd>",
        [("FEDNOW_CLEARING_SYSTEM", f"{GROUP}/SttlmInf/ClrSys/Cd")],
    ),
    (
        "proprietary clearing system",
        "pacs008_bare.xml",
        b"<Cd>FDN</Cd>",
        b"<Prtry>FDN</Prtry>",
        [("FEDNOW_CLEARING_SYSTEM", f"{GROUP}/SttlmInf/ClrSys/Cd")],
    ),
    (
        "no id but the debtor's",
        "pacs008_bare.xml",
        b"<UETR>5b2f1d0e-8c4a-4f7b-9a3d-0123456789ab</UETR>",
        b"",
        [("FEDNOW_PAYMENT_ID", f"{PAYMENT}/PmtId/UETR")],
    ),
    (
        "local instrument",
        "pacs008_bare.xml",
        b"FDNA",
        b"LMT1",
        [("FEDNOW_LOCAL_INSTRUMENT", f"{PAYMENT}/PmtTpInf/LclInstrm/Prtry")],
    ),
    (
        "category purpose",
        "pacs008_bare.xml",
        b"CONS",
        b"SALA",
        [("FEDNOW_CATEGORY_PURPOSE", f"{PAYMENT}/PmtTpInf/CtgyPurp/Prtry")],
    ),
    ("currency", "pacs008_bare.xml", b'"USD"', b'"EUR"', [("FEDNOW_CURRENCY", f"{PAYMENT}/IntrBkSttlmAmt/@Ccy")]),
    ("mills", "pacs008_bare.xml", b"1250.75", b"1250.755", [("FEDNOW_AMOUNT_FORM", f"{PAYMENT}/IntrBkSttlmAmt")]),
    (
        "15 digits",
        "pacs008_bare.xml",
        b"1250.75",
        b"1000000000000.00",
        [("FEDNOW_AMOUNT_FORM", f"{PAYMENT}/IntrBkSttlmAmt"), ("FEDNOW_NETWORK_LIMIT", f"{PAYMENT}/IntrBkSttlmAmt")],
    ),
    ("nothing", "pacs008_bare.xml", b"1250.75", b"0.00", [("FEDNOW_AMOUNT_LEAST", f"{PAYMENT}/IntrBkSttlmAmt")]),
    (
        "above the network's limit",
        "pacs008_bare.xml",
        b"1250.75",
        b"10000000.01",
        [("FEDNOW_NETWORK_LIMIT", f"{PAYMENT}/IntrBkSttlmAmt")],
    ),
    (
        "no settlement date",
        "pacs008_bare.xml",
        b"<IntrBkSttlmDt>2026-01-31</IntrBkSttlmDt>",
        b"",
        [("FEDNOW_SETTLEMENT_DATE", f"{PAYMENT}/IntrBkSttlmDt")],
    ),
    (
        "settlement date with a zone",
        "pacs008_bare.xml",
        b"2026-01-31</IntrBkSttlmDt>",
        b"2026-01-31Z</IntrBkSttlmDt>",
        [("FEDNOW_SETTLEMENT_DATE", f"{PAYMENT}/IntrBkSttlmDt")],
    ),
    ("charge bearer", "pacs008_bare.xml", b"SLEV", b"SHAR", [("FEDNOW_CHARGE_BEARER", f"{PAYMENT}/ChrgBr")]),
    (
        "agent under another clearing system",
        "pacs008_bare.xml",
        *inside("pacs008_bare.xml", b"InstgAgt", b"USABA", b"GBDSC"),
        [("FEDNOW_AGENT_CLEARING_SYSTEM", f"{PAYMENT}/InstgAgt/FinInstnId/ClrSysMmbId/ClrSysId/Cd")],
    ),
    (
        "agent of eight digits",
        "pacs008_bare.xml",
        *inside("pacs008_bare.xml", b"CdtrAgt", b"990000026", b"99000002"),
        [
            ("FEDNOW_AGENT_ROUTING_NUMBER", f"{PAYMENT}/CdtrAgt/{MEMBER}"),
            ("FEDNOW_AGENT_MATCH", f"{PAYMENT}/CdtrAgt/{MEMBER}"),
        ],
    ),
    (
        "agent with a wrong check digit",
        "pacs008_bare.xml",
        b"990000026",
        b"990000027",
        [
            ("FEDNOW_ABA_CHECK_DIGIT", f"{PAYMENT}/InstdAgt/{MEMBER}"),
            ("FEDNOW_ABA_CHECK_DIGIT", f"{PAYMENT}/CdtrAgt/{MEMBER}"),
        ],
    ),
    (
        "debtor agent that is not the instructing one",
        "pacs008_bare.xml",
        *inside("pacs008_bare.xml", b"DbtrAgt", b"990000013", b"990000039"),
        [("FEDNOW_AGENT_MATCH", f"{PAYMENT}/DbtrAgt/{MEMBER}")],
    ),
    (
        "no debtor's name",
        "pacs008_bare.xml",
        b"<Nm>Invented Debtor &amp; Daughters</Nm>",
        b"",
        [("FEDNOW_DEBTOR", f"{PAYMENT}/Dbtr/Nm")],
    ),
    (
        "an IBAN for an account",
        "pacs008_bare.xml",
        b"<Othr>\n            <Id>000033334444</Id>\n          </Othr>",
        b"<IBAN>GB33BUKB20201555555555</IBAN>",
        [("FEDNOW_CREDITOR", f"{PAYMENT}/CdtrAcct/Id/Othr/Id")],
    ),
    # pacs.002
    (
        "free message id from a participant",
        "pacs002_actc.xml",
        b"<MsgId>20260131990000026ACTC0001</MsgId>",
        b"<MsgId>FREE</MsgId>",
        [
            ("FEDNOW_HEADER_MESSAGE_ID", "/AppHdr/BizMsgIdr"),
            ("FEDNOW_MESSAGE_ID", "/Document/FIToFIPmtStsRpt/GrpHdr/MsgId"),
        ],
    ),
    ("settled, says a participant", "pacs002_actc.xml", b">ACTC<", b">ACSC<", [("FEDNOW_STATUS", f"{STATUS}/TxSts")]),
    (
        "a status of requests for payment",
        "pacs002_acsc.xml",
        b">ACSC<",
        b">PRES<",
        [("FEDNOW_STATUS", f"{STATUS}/TxSts")],
    ),
    (
        "the service's own reason, which is not known",
        "pacs002_rjct_service.xml",
        b"<Prtry>E997</Prtry>",
        b"<Prtry>F999</Prtry>",
        [("FEDNOW_REASON_CODE", f"{STATUS}/StsRsnInf[1]/Rsn/Prtry")],
    ),
    ("an unknown status", "pacs002_acsc.xml", b">ACSC<", b">DONE<", [("FEDNOW_STATUS", f"{STATUS}/TxSts")]),
    ("rejected without a reason", "pacs002_actc.xml", b">ACTC<", b">RJCT<", [("FEDNOW_REASON", f"{STATUS}/StsRsnInf")]),
    (
        "a participant's own reason",
        "pacs002_rjct.xml",
        b"<Cd>AC04</Cd>",
        b"<Prtry>E997</Prtry>",
        [("FEDNOW_REASON_CODE", f"{STATUS}/StsRsnInf/Rsn/Prtry")],
    ),
    (
        "two reasons of a participant",
        "pacs002_rjct.xml",
        b"</StsRsnInf>",
        b"</StsRsnInf><StsRsnInf><Rsn><Cd>AC06</Cd></Rsn></StsRsnInf>",
        [("FEDNOW_REASON_ONE", f"{STATUS}/StsRsnInf[2]")],
    ),
    (
        "a participant states when it settled",
        "pacs002_actc.xml",
        b"</TxSts>",
        b"</TxSts><AccptncDtTm>2026-01-31T09:30:03Z</AccptncDtTm><FctvIntrBkSttlmDt><Dt>2026-01-31</Dt></FctvIntrBkSttlmDt>",
        [
            ("FEDNOW_SERVICE_ELEMENT", f"{STATUS}/AccptncDtTm"),
            ("FEDNOW_SERVICE_ELEMENT", f"{STATUS}/FctvIntrBkSttlmDt/Dt"),
        ],
    ),
    (
        "no time of the original",
        "pacs002_actc.xml",
        b"<OrgnlCreDtTm>2026-01-31T09:30:00-05:00</OrgnlCreDtTm>",
        b"",
        [("FEDNOW_ORIGINAL_TIME", f"{STATUS}/OrgnlGrpInf/OrgnlCreDtTm")],
    ),
    # pacs.028
    (
        "a request with a free message id",
        "pacs028_incoming.xml",
        b"20260131990000013ASK0001",
        b"ASK0001",
        [("FEDNOW_MESSAGE_ID", "/Document/FIToFIPmtStsReq/GrpHdr/MsgId")],
    ),
    # the header
    (
        "another id in the header",
        "pacs008_incoming.xml",
        b"<BizMsgIdr>2026",
        b"<BizMsgIdr>2025",
        [("FEDNOW_HEADER_MESSAGE_ID", "/AppHdr/BizMsgIdr")],
    ),
    (
        "another type in the header",
        "pacs008_incoming.xml",
        b"<MsgDefIdr>pacs.008",
        b"<MsgDefIdr>pacs.009",
        [("FEDNOW_HEADER_MESSAGE_TYPE", "/AppHdr/MsgDefIdr")],
    ),
    (
        "another rule book",
        "pacs008_incoming.xml",
        b"frb.fednow.01",
        b"frb.fednow.02",
        [("FEDNOW_HEADER_PRACTICE", "/AppHdr/MktPrctc/Id")],
    ),
    (
        "header time without offset",
        "pacs008_incoming.xml",
        b"09:30:00-05:00</CreDt>",
        b"09:30:00</CreDt>",
        [("FEDNOW_HEADER_TIME", "/AppHdr/CreDt")],
    ),
    (
        "sent past the service",
        "pacs008_incoming.xml",
        b"<MmbId>021150706",
        b"<MmbId>990000026",
        [("FEDNOW_HEADER_RECEIVER", "/AppHdr/To/FIId/FinInstnId/ClrSysMmbId/MmbId")],
    ),
    (
        "received past the service",
        "pacs002_acsc.xml",
        *inside("pacs002_acsc.xml", b"Fr", b"021150706", b"990000026"),
        [("FEDNOW_HEADER_SENDER", "/AppHdr/Fr/FIId/FinInstnId/ClrSysMmbId/MmbId")],
    ),
    (
        "processing date by a participant",
        "pacs008_incoming.xml",
        b"</CreDt>",
        b"</CreDt><BizPrcgDt>2026-01-31T09:30:00Z</BizPrcgDt><CpyDplct>DUPL</CpyDplct>",
        [
            ("FEDNOW_HEADER_SERVICE_ELEMENT", "/AppHdr/BizPrcgDt"),
            ("FEDNOW_HEADER_SERVICE_ELEMENT", "/AppHdr/CpyDplct"),
        ],
    ),
    (
        "removed header elements",
        "pacs008_incoming.xml",
        b"</CreDt>",
        b"</CreDt><PssblDplct>true</PssblDplct><Prty>HIGH</Prty>",
        [("FEDNOW_HEADER_ELEMENT", "/AppHdr/PssblDplct"), ("FEDNOW_HEADER_ELEMENT", "/AppHdr/Prty")],
    ),
    (
        "clearing system in the header",
        "pacs008_outgoing.xml",
        b"<ClrSysMmbId>\n                <MmbId>021150706",
        b"<ClrSysMmbId><ClrSysId><Cd>USABA</Cd></ClrSysId>\n                <MmbId>021150706",
        [("FEDNOW_HEADER_ELEMENT", "/AppHdr/Fr/FIId/FinInstnId/ClrSysMmbId/ClrSysId")],
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_broken_rule_is_found_at_its_element_and_nothing_else_is(row: Row) -> None:
    """Each rule has its code and its place; the golden message without the change is the control."""
    _name, file, before, after, expected = row
    body = golden(file)
    assert before in body

    report = examined(body.replace(before, after))

    assert [(finding.code, finding.xpath) for finding in report.findings] == expected
    assert all(finding.line and finding.rule and finding.hint for finding in report.findings)
    assert report.valid == all(finding.severity is Severity.WARNING for finding in report.findings)
    assert examined(body).findings == ()


def test_every_rule_is_broken_by_some_row() -> None:
    """A rule without a row would be a rule that nobody has seen work."""
    tables = (PACS008_RULES, PACS002_RULES, PACS028_RULES, HEADER_RULES)  # the others have tests of their own
    known = {rule.code for table in tables for rule in table}
    broken = {code for row in ROWS for code, _xpath in row[4]}

    assert known - broken == {
        "FEDNOW_ORIGINAL",
        "FEDNOW_SENDER_LIMIT",
        "FEDNOW_HEADER_PARTY",
        "FEDNOW_OWN_CONNECTION_PARTY",
        "FEDNOW_OWN_ROUTING_NUMBER",
        "FEDNOW_RECEIVES_ONLY",
    }


def test_a_second_payment_is_one_too_many() -> None:
    """FedNow takes one payment per message; the second one is named."""
    body = golden("pacs008_bare.xml")
    start, end = body.index(b"<CdtTrfTxInf>"), body.index(b"</CdtTrfTxInf>") + len(b"</CdtTrfTxInf>")

    report = examined(body[:end] + body[start:end] + body[end:])

    assert [(f.code, f.xpath) for f in report.findings] == [("FEDNOW_ONE_PAYMENT", f"{PAYMENT}[2]")]
    assert not report.valid


def test_a_party_named_otherwise_in_the_header_is_found() -> None:
    """Fr names a connection party by MmbId; an organisation's name is no such thing."""
    body = golden("pacs008_incoming.xml")
    start, end = body.index(b"<Fr>"), body.index(b"</Fr>")

    report = examined(body[:start] + b"<Fr><OrgId><Nm>Invented Bank</Nm></OrgId>" + body[end:])

    assert codes(report)[:1] == ["FEDNOW_HEADER_PARTY"]
    assert ("FEDNOW_HEADER_ELEMENT", "/AppHdr/Fr/OrgId") in {(f.code, f.xpath) for f in report.findings}
    assert "Invented Bank" not in repr(report.findings)
    assert report.header is None


def test_a_status_report_without_its_original_is_found() -> None:
    """What a report is about is the point of it."""
    body = golden("pacs002_acsc.xml")
    start, end = body.index(b"<OrgnlGrpInf>"), body.index(b"</OrgnlGrpInf>") + len(b"</OrgnlGrpInf>")

    report = examined(body[:start] + body[end:])

    assert codes(report) == ["FEDNOW_ORIGINAL", "FEDNOW_ORIGINAL", "FEDNOW_ORIGINAL_TIME"]
    assert report.message is None


@pytest.mark.parametrize("name", GOLDEN_NAMES)
def test_the_golden_messages_break_no_rule(name: str) -> None:
    """The control for every row above."""
    report = examined(golden(name))

    assert (report.valid, report.findings) == (True, ())
    assert report.message is not None


def test_settings_change_the_rules() -> None:
    """What an institution or a later edition of the rail does otherwise is a setting, not a patch."""
    body = golden("pacs008_incoming.xml")
    profile = replace(
        PROFILE,
        clearing_system="ABC",
        local_instruments=frozenset({"FDNB"}),
        category_purposes=frozenset({"BIZZ"}),
        market_practice=replace(FEDNOW_PRACTICE, id="frb.fednow.02"),
        network_limit_cents=100_000,
        sender_limit_cents=50_000,
        amount_min_cents=200_000,
        amount_digits_max=5,
    )

    findings = examine(body, profile=profile).findings

    assert {f.code: f.reject_code for f in findings} == {
        "FEDNOW_HEADER_PRACTICE": None,
        "FEDNOW_CLEARING_SYSTEM": None,
        "FEDNOW_LOCAL_INSTRUMENT": None,
        "FEDNOW_CATEGORY_PURPOSE": None,
        "FEDNOW_AMOUNT_FORM": None,
        "FEDNOW_AMOUNT_LEAST": None,
        "FEDNOW_NETWORK_LIMIT": "E990",
        "FEDNOW_SENDER_LIMIT": "E990",
    }
    assert "1,000 dollars" in next(f.rule for f in findings if f.code == "FEDNOW_NETWORK_LIMIT")
    assert examine(body, profile=replace(PROFILE, message_types=frozenset())).findings[0].code == "UNSUPPORTED_MESSAGE"


def test_severities_are_settings() -> None:
    """A wrong check digit in illustrative samples can be a warning, a mismatch of agents an error."""
    body = golden("pacs008_incoming.xml").replace(b"990000026", b"990000027")
    mismatch = golden("pacs008_bare.xml").replace(*inside("pacs008_bare.xml", b"DbtrAgt", b"990000013", b"990000039"))

    assert not examined(body).valid
    assert examine(body, profile=replace(PROFILE, aba_severity=Severity.WARNING)).valid
    assert examined(mismatch).valid
    assert not examine(mismatch, profile=replace(PROFILE, agent_match_severity=Severity.ERROR)).valid


def test_what_a_sender_may_pay_is_not_asked_of_what_arrives() -> None:
    """The sender's own limit is the sender's."""
    profile = replace(PROFILE, sender_limit_cents=1)

    assert codes(examine(golden("pacs008_outgoing.xml"), profile=profile)) == []
    assert codes(examine(golden("pacs008_incoming.xml"), profile=profile)) == ["FEDNOW_SENDER_LIMIT"]


def test_an_institution_that_only_receives_sends_no_customers_transfer() -> None:
    """Which do is a setting; who sends us something is the rail's to judge."""
    profile = replace(PROFILE, receive_only=frozenset({"990000013"}))

    assert codes(examine(golden("pacs008_incoming.xml"), profile=profile)) == ["FEDNOW_RECEIVES_ONLY"]
    assert codes(examine(golden("pacs008_outgoing.xml"), profile=profile)) == []


def test_whose_payments_may_be_sent_is_a_setting() -> None:
    """Another connection party's message id, or an institution that we do not speak for, is found before it is sent."""
    party, institution = ConnectionPartyId("990000039"), RoutingNumber("990000039")
    ours = replace(
        PROFILE,
        own_connection_party=ConnectionPartyId("990000013"),
        own_routing_numbers=frozenset({RoutingNumber("990000013")}),
    )
    others = replace(PROFILE, own_connection_party=party, own_routing_numbers=frozenset({institution}))
    sent, delivered = golden("pacs008_incoming.xml"), golden("pacs008_outgoing.xml")

    assert codes(examine(sent, profile=ours)) == []
    assert codes(examine(sent, profile=others)) == ["FEDNOW_OWN_CONNECTION_PARTY", "FEDNOW_OWN_ROUTING_NUMBER"]
    assert codes(examine(delivered, profile=others)) == []


@pytest.mark.parametrize("file", ["pacs002_actc.xml", "pacs028_incoming.xml"])
def test_answers_and_questions_too_go_out_as_ourselves(file: str) -> None:
    """An answer or a question under another connection party's id is found as a payment is."""
    body = golden(file)

    for party, expected in (("990000039", ["FEDNOW_OWN_CONNECTION_PARTY"]), (_party_in(body), [])):
        profile = replace(PROFILE, own_connection_party=ConnectionPartyId(party))
        assert codes(examine(body, profile=profile, direction=Direction.TO_RAIL)) == expected


def _party_in(body: bytes) -> str:
    start = body.index(b"<MsgId>") + len("<MsgId>CCYYMMDD")
    return body[start : start + 9].decode()


def test_the_direction_that_is_asked_for_counts() -> None:
    """A bare Document has no direction of its own: told which way it goes, more rules apply."""
    settled = golden("pacs002_acsc.xml")
    start, end = settled.index(b"<Document"), settled.index(b"</Document>") + len(b"</Document>")
    document = settled[start:end]

    assert examine(document, profile=PROFILE).valid
    assert examine(document, profile=PROFILE, direction=Direction.FROM_RAIL).valid
    to_rail = examine(document, profile=PROFILE, direction=Direction.TO_RAIL)
    assert set(codes(to_rail)) == {"FEDNOW_MESSAGE_ID", "FEDNOW_STATUS", "FEDNOW_SERVICE_ELEMENT"}
    wrong = examine(settled, profile=PROFILE, direction=Direction.TO_RAIL)
    assert codes(wrong) == ["ENVELOPE_DIRECTION"]


def test_the_documented_defaults_are_the_rails() -> None:
    """Numbers that others build on, with their public source in the profile's docstrings."""
    profile = FedNowProfile()

    assert (profile.fednow_id, profile.rail_clock_s, profile.status_request_wait_s) == ("021150706", 20, 25)
    assert profile.time_zone == "America/New_York"
    assert profile.enquiry_codes["E400"] is EnquiryAnswer.NOT_FOUND
    assert profile.enquiry_codes["E411"] is EnquiryAnswer.IN_PROCESS
    assert profile.network_limit_cents == 1_000_000_000
