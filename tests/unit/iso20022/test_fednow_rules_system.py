"""FedNow's rules for reports and system messages: each violated once, and named at its element."""

from dataclasses import replace

import pytest

from iso20022 import Direction, Severity, examine
from iso20022.profiles.fednow_rules_reports import REPORT_RULES
from iso20022.profiles.fednow_rules_system import SYSTEM_RULES
from tests.unit.iso20022.samples import GOLDEN, PROFILE, codes

EVENT = "/Document/SysEvtNtfctn/EvtInf"
RETRIEVAL = "/Document/RsndReq"
RECEIPT = "/Document/RctAck"
REQUEST = "/Document/AcctRptgReq"
REPORT = "/Document/BkToCstmrAcctRpt"
NOTIFICATION = "/Document/BkToCstmrDbtCdtNtfctn"

_BESIDES = frozenset({"FEDNOW_HEADER_MESSAGE_ID", "VALUE_CODE"})

Row = tuple[str, str, bytes, bytes, list[tuple[str, str]]]

ROWS: list[Row] = [
    # admi.004
    ("no participant's event", "admi004_ping.xml", b">PING<", b">ROLL<", [("FEDNOW_EVENT", f"{EVENT}/EvtCd")]),
    ("an event that is not known", "admi004_roll.xml", b">ROLL<", b">ZZZZ<", [("FEDNOW_EVENT", f"{EVENT}/EvtCd")]),
    (
        "two profiles in one sign-off",
        "admi004_sign_off.xml",
        b"</EvtParam>",
        b"</EvtParam><EvtParam>990000026</EvtParam>",
        [("FEDNOW_EVENT_PARAMETER", f"{EVENT}/EvtParam[2]")],
    ),
    (
        "which connection point",
        "admi004_ping.xml",
        b">PING<",
        b">FPCD<",
        [("FEDNOW_EVENT_PARAMETER", f"{EVENT}/EvtParam")],
    ),
    (
        "an event at no time",
        "admi004_ping.xml",
        b"<EvtTm>2026-01-31T09:30:00-05:00</EvtTm>",
        b"",
        [("FEDNOW_TIME_OFFSET", f"{EVENT}/EvtTm")],
    ),
    # admi.006
    (
        "a retrieval with a free id",
        "admi006_retrieval.xml",
        b"<MsgId>20260131990000013RETRIEVE01",
        b"<MsgId>RETRIEVE01",
        [("FEDNOW_MESSAGE_ID", f"{RETRIEVAL}/MsgHdr/MsgId")],
    ),
    (
        "a retrieval by another connection party",
        "admi006_retrieval.xml",
        b"<MsgId>20260131990000013RETRIEVE01",
        b"<MsgId>20260131990000026RETRIEVE01",
        [("FEDNOW_MESSAGE_ID_PARTY", f"{RETRIEVAL}/MsgHdr/MsgId")],
    ),
    (
        "a retrieval without an offset",
        "admi006_retrieval.xml",
        b"<CreDtTm>2026-01-31T09:30:00-05:00<",
        b"<CreDtTm>2026-01-31T09:30:00<",
        [("FEDNOW_TIME_OFFSET", f"{RETRIEVAL}/MsgHdr/CreDtTm")],
    ),
    (
        "of which day",
        "admi006_retrieval.xml",
        b"<BizDt>2026-01-30</BizDt>",
        b"",
        [("VALUE_MISSING", f"{RETRIEVAL}/RsndSchCrit[1]/BizDt")],
    ),
    (
        "of which type",
        "admi006_retrieval.xml",
        b"<OrgnlMsgNmId>pacs.008.001.08</OrgnlMsgNmId>",
        b"",
        [("VALUE_MISSING", f"{RETRIEVAL}/RsndSchCrit[1]/OrgnlMsgNmId")],
    ),
    (
        "which message",
        "admi006_retrieval.xml",
        b"<FileRef>20260130990000026GOLDEN0001</FileRef>",
        b"",
        [("VALUE_MISSING", f"{RETRIEVAL}/RsndSchCrit[1]/FileRef")],
    ),
    (
        "a day to come",
        "admi006_retrieval.xml",
        b"<BizDt>2026-01-30<",
        b"<BizDt>2026-02-02<",
        [("FEDNOW_RETRIEVAL_DAY", f"{RETRIEVAL}/RsndSchCrit[1]/BizDt")],
    ),
    # admi.007
    (
        "an unknown receipt",
        "admi007_received.xml",
        b">TS01<",
        b">TS99<",
        [("FEDNOW_RECEIPT_STATUS", f"{RECEIPT}/Rpt/ReqHdlg/StsCd")],
    ),
    (
        "the receipt of something",
        "admi007_received.xml",
        b"<MsgNm>pain.013.001.07</MsgNm>",
        b"",
        [("FEDNOW_ORIGINAL", f"{RECEIPT}/Rpt/RltdRef/MsgNm")],
    ),
    (
        "the receipt of a payment",
        "admi007_received.xml",
        b">pain.013.001.07<",
        b">pacs.008.001.08<",
        [("FEDNOW_ORIGINAL_TYPE", f"{RECEIPT}/Rpt/RltdRef/MsgNm")],
    ),
    # admi.011
    (
        "the answer to no event of ours",
        "admi011_sign_on.xml",
        b">FPON<",
        b">ROLL<",
        [("FEDNOW_EVENT", "/Document/SysEvtAck/AckDtls/EvtCd")],
    ),
    # admi.998
    (
        "another file",
        "admi998_participants.xml",
        b">FPFL<",
        b">OTHR<",
        [("FEDNOW_PARTICIPANT_FILE", "/Document/AdmstnPrtryMsg/PrtryData/Tp")],
    ),
    # camt.060
    (
        "no known report",
        "camt060_details.xml",
        b"<Id>AADR<",
        b"<Id>ZZZZ<",
        [("FEDNOW_REPORT_KIND", f"{REQUEST}/RptgReq/Id")],
    ),
    (
        "another message for a report",
        "camt060_details.xml",
        b"camt.052.001.08",
        b"camt.053.001.08",
        [("FEDNOW_REPORT_MESSAGE", f"{REQUEST}/RptgReq/ReqdMsgNmId")],
    ),
    (
        "an account number for an account",
        "camt060_details.xml",
        b"<Id>990000013<",
        b"<Id>000011112222<",
        [("FEDNOW_REPORT_ACCOUNT", f"{REQUEST}/RptgReq/Acct/Id/Othr/Id")],
    ),
    (
        "an owner of eight digits",
        "camt060_balance.xml",
        b"<MmbId>990000013</MmbId>\n                  </ClrSysMmbId>",
        b"<MmbId>99000001</MmbId>\n                  </ClrSysMmbId>",
        [("FEDNOW_AGENT_ROUTING_NUMBER", f"{REQUEST}/RptgReq/AcctOwnr/Agt/FinInstnId/ClrSysMmbId/MmbId")],
    ),
    (
        "an owner with a wrong check digit",
        "camt060_balance.xml",
        b"<MmbId>990000013</MmbId>\n                  </ClrSysMmbId>",
        b"<MmbId>990000014</MmbId>\n                  </ClrSysMmbId>",
        [("FEDNOW_ABA_CHECK_DIGIT", f"{REQUEST}/RptgReq/AcctOwnr/Agt/FinInstnId/ClrSysMmbId/MmbId")],
    ),
    (
        "from later to earlier",
        "camt060_details.xml",
        b"<ToDt>2026-01-30<",
        b"<ToDt>2026-01-29<",
        [("FEDNOW_REPORT_PERIOD", f"{REQUEST}/RptgReq/RptgPrd/FrToDt/ToDt")],
    ),
    (
        "long ago",
        "camt060_details.xml",
        b"<FrDt>2026-01-30<",
        b"<FrDt>2025-11-01<",
        [("FEDNOW_REPORT_HISTORY", f"{REQUEST}/RptgReq/RptgPrd/FrToDt/FrDt")],
    ),
    # camt.052
    ("a report of no kind", "camt052_details.xml", b"<MsgId>AADR<", b"<MsgId>ZZZZ<", [
        ("FEDNOW_REPORT_KIND", f"{REPORT}/GrpHdr/MsgId"),
        ("FEDNOW_REPORT_PRACTICE", f"{REPORT}/GrpHdr/MsgId"),
    ]),
    (
        "a balance that says it is details",
        "camt052_balance.xml",
        b"<MsgId>ABAR<",
        b"<MsgId>AADR<",
        [("FEDNOW_REPORT_PRACTICE", f"{REPORT}/GrpHdr/MsgId")],
    ),
    (
        "the answer to a payment",
        "camt052_details.xml",
        b">camt.060.001.05<",
        b">pacs.008.001.08<",
        [("FEDNOW_ORIGINAL_TYPE", f"{REPORT}/GrpHdr/OrgnlBizQry/MsgNmId")],
    ),
    # camt.054
    (
        "a notification with an id",
        "camt054_debit.xml",
        b"<MsgId>ADCN<",
        b"<MsgId>2026<",
        [("FEDNOW_REPORT_KIND", f"{NOTIFICATION}/GrpHdr/MsgId")],
    ),
    (
        "not settled yet",
        "camt054_debit.xml",
        b">BOOK<",
        b">PDNG<",
        [("FEDNOW_NOTIFICATION_STATUS", f"{NOTIFICATION}/Ntfctn/Ntry/Sts/Cd")],
    ),
]  # fmt: skip
ELSEWHERE = {
    "FEDNOW_OWN_CONNECTION_PARTY",  # below
    "FEDNOW_OWN_ROUTING_NUMBER",  # below
    "FEDNOW_RETRIEVAL_COUNT",  # below
    "FEDNOW_ONE_REPORT",  # below
}


def golden(name: str) -> bytes:
    """The bytes of a golden message of reports and system messages."""
    return (GOLDEN / "system" / name).read_bytes()


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_broken_rule_is_found_at_its_element_and_nothing_else_is(row: Row) -> None:
    """Each rule has its code and its place; the golden message without the change is the control.

    What a header and a Document must share is another test's; what no value can be read from is a finding as well.
    """
    _name, file, before, after, expected = row
    body = golden(file)
    assert before in body

    report = examine(body.replace(before, after, 1), profile=PROFILE)

    found = [(f.code, f.xpath) for f in report.findings if f.code not in _BESIDES]
    assert found == expected
    assert all(finding.line and finding.rule and finding.hint for finding in report.findings)
    assert report.valid == all(finding.severity is Severity.WARNING for finding in report.findings)
    assert examine(body, profile=PROFILE).findings == ()


def test_every_rule_is_broken_by_some_row() -> None:
    """A rule without a row would be a rule that nobody has seen work."""
    known = {rule.code for rules in (*SYSTEM_RULES.values(), *REPORT_RULES.values()) for rule in rules}

    assert known - {code for row in ROWS for code, _xpath in row[4]} == ELSEWHERE


def test_an_event_that_is_not_known_is_a_warning_from_the_service_and_an_error_to_it() -> None:
    """News from the rail is still to be read; a participant must not invent any."""
    theirs = examine(golden("admi004_roll.xml").replace(b">ROLL<", b">ZZZZ<"), profile=PROFILE)
    ours = examine(golden("admi004_ping.xml").replace(b">PING<", b">ZZZZ<"), profile=PROFILE)

    assert (theirs.valid, codes(theirs)) == (True, ["FEDNOW_EVENT"])
    assert (ours.valid, codes(ours)) == (False, ["FEDNOW_EVENT"])


def test_one_request_is_for_one_report() -> None:
    """The second request is named."""
    body = golden("camt060_balance.xml")
    start, end = body.index(b"<RptgReq>"), body.index(b"</RptgReq>") + len(b"</RptgReq>")

    report = examine(body[:end] + body[start:end] + body[end:], profile=PROFILE)

    assert [(f.code, f.xpath) for f in report.findings] == [("FEDNOW_ONE_REPORT", f"{REQUEST}/RptgReq[2]")]


def test_no_more_messages_are_retrieved_than_the_rail_allows() -> None:
    """How many is a setting; two are the control."""
    body = golden("admi006_retrieval.xml")

    assert codes(examine(body, profile=replace(PROFILE, retrieval_messages_max=2))) == []
    assert codes(examine(body, profile=replace(PROFILE, retrieval_messages_max=1))) == ["FEDNOW_RETRIEVAL_COUNT"]


def test_whose_account_may_be_asked_for_is_a_setting() -> None:
    """An institution that we do not speak for is found before the request is sent."""
    body = golden("camt060_balance.xml")

    assert codes(examine(body, profile=replace(PROFILE, own_routing_numbers=frozenset({"990000013"})))) == []
    assert codes(examine(body, profile=replace(PROFILE, own_routing_numbers=frozenset({"990000026"})))) == [
        "FEDNOW_OWN_ROUTING_NUMBER"
    ]


def test_what_the_rail_adds_is_a_setting() -> None:
    """A new event or status of a later release needs no patch."""
    profile = replace(
        PROFILE,
        participant_events=frozenset({"HELO"}),
        service_events=frozenset({"ZZZZ"}),
        receipt_statuses=frozenset({"TS99"}),
        report_history_days_max=400,
    )

    assert codes(examine(golden("admi004_ping.xml").replace(b">PING<", b">HELO<"), profile=profile)) == []
    assert codes(examine(golden("admi004_roll.xml").replace(b">ROLL<", b">ZZZZ<"), profile=profile)) == []
    assert codes(examine(golden("admi007_received.xml").replace(b">TS01<", b">TS99<"), profile=profile)) == []
    old = golden("camt060_details.xml").replace(b"<FrDt>2026-01-30<", b"<FrDt>2025-11-01<")
    assert codes(examine(old, profile=profile)) == []


def test_a_bare_document_is_held_against_the_rules_of_both_directions() -> None:
    """Without an envelope an event may be a participant's or the service's; nobody's is an error."""
    body = golden("admi004_roll.xml")
    start, end = body.index(b"<Document"), body.index(b"</Document>") + len(b"</Document>")
    document = body[start:end]

    assert examine(document, profile=PROFILE).findings == ()
    assert not examine(document, profile=PROFILE, direction=Direction.TO_RAIL).valid
    assert not examine(document.replace(b"ROLL", b"ZZZZ"), profile=PROFILE).valid
