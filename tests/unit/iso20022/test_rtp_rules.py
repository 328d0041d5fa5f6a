"""Each rule of RTP's is broken once, and the finding names the element."""

import pytest
from lxml import etree

from iso20022 import Direction, Report, RtpProfile, Severity, examine
from iso20022.profiles.profile import element_findings
from iso20022.profiles.rtp import RTP_RELEASE
from tests.unit.iso20022.samples import GOLDEN

NAMES = sorted(path.stem for path in (GOLDEN / "rtp").glob("*.xml"))
PROFILE = RtpProfile()

CREDIT = "/CreditTransfer/FIToFICstmrCdtTrf"
PAYMENT = f"{CREDIT}/CdtTrfTxInf"
STATUS = "/MessageStatusReport/FIToFIPmtStsRpt"
REQUEST = "/PaymentRequest/CdtrPmtActvtnReq/PmtInf"
ANSWER = "/ResponsePaymentRequest/CdtrPmtActvtnReqStsRpt/OrgnlPmtInfAndSts/TxInfAndSts"
RETURN = "/ReturnOfFunds/FIToFIPmtCxlReq"
PARTY = "FIId/FinInstnId/ClrSysMmbId/MmbId"


def golden_rtp(name: str) -> bytes:
    """The bytes of a golden message of RTP."""
    return (GOLDEN / "rtp" / f"{name}.xml").read_bytes()


def examined(body: bytes, profile: RtpProfile = PROFILE, direction: Direction | None = None) -> Report:
    """The report on RTP, by default for a message that goes to the rail."""
    return examine(body, profile=profile, direction=direction)


# name of the golden message, what is replaced by what (once), and each finding's code and place
ROWS: list[tuple[str, str, str, list[str]]] = [
    # the header
    ("pacs008", ">990000001T1</head:MmbId>", ">990000001T</head:MmbId>", [f"RTP_HEADER_PARTY /AppHdr/To/{PARTY}"]),
    ("pacs008", "<head:BizMsgIdr>B", "<head:BizMsgIdr>M", ["RTP_HEADER_MESSAGE_ID /AppHdr/BizMsgIdr"]),
    ("pacs008", "<head:BizMsgIdr>B2026", "<head:BizMsgIdr>B202X", ["RTP_HEADER_MESSAGE_ID /AppHdr/BizMsgIdr"]),
    ("pacs008", "<head:MsgDefIdr>pacs.008", "<head:MsgDefIdr>pacs.009", ["RTP_HEADER_MESSAGE_TYPE /AppHdr/MsgDefIdr"]),
    (
        "pacs008",
        "<head:MsgDefIdr>pacs.008.001.08",
        "<head:MsgDefIdr>pacs.008.001.07",
        ["RTP_HEADER_MESSAGE_KNOWN /AppHdr/MsgDefIdr", "RTP_HEADER_MESSAGE_TYPE /AppHdr/MsgDefIdr"],
    ),
    (
        "pacs008",
        "</head:CreDt>",
        "</head:CreDt><head:CpyDplct>CODU</head:CpyDplct>",
        ["RTP_HEADER_COPY /AppHdr/CpyDplct"],
    ),
    (
        "pacs008",
        "</head:CreDt>",
        "</head:CreDt><head:PssblDplct>true</head:PssblDplct>",
        ["RTP_HEADER_ELEMENT /AppHdr/PssblDplct"],
    ),
    (
        "pacs008",
        "</head:FinInstnId>",
        "</head:FinInstnId><head:BrnchId><head:Id>A1</head:Id></head:BrnchId>",
        ["RTP_HEADER_BRANCH /AppHdr/Fr/FIId/BrnchId/Id"],
    ),
    # times
    ("pacs008", "09:30:00</head:CreDt>", "09:30:00Z</head:CreDt>", ["RTP_LOCAL_TIME /AppHdr/CreDt"]),
    ("pacs008", "09:30:00</CreDtTm>", "09:30:00-05:00</CreDtTm>", [f"RTP_LOCAL_TIME {CREDIT}/GrpHdr/CreDtTm"]),
    (
        "pacs008",
        "2026-01-31T09:30:00</CreDtTm>",
        "2026-03-08T02:30:00</CreDtTm>",
        [f"RTP_LOCAL_TIME {CREDIT}/GrpHdr/CreDtTm"],
    ),
    # the credit transfer
    ("pacs008", "<MsgId>M", "<MsgId>B", [f"RTP_MESSAGE_ID {CREDIT}/GrpHdr/MsgId"]),
    ("pacs008", "<NbOfTxs>1", "<NbOfTxs>2", [f"RTP_ONE_PAYMENT {CREDIT}/GrpHdr/NbOfTxs"]),
    (
        "pacs008",
        '<TtlIntrBkSttlmAmt Ccy="USD">51.74</TtlIntrBkSttlmAmt>',
        "",
        [f"RTP_MISSING {CREDIT}/GrpHdr/TtlIntrBkSttlmAmt"],
    ),
    (
        "pacs008",
        '<TtlIntrBkSttlmAmt Ccy="USD">51.74<',
        '<TtlIntrBkSttlmAmt Ccy="USD">51.75<',
        [f"RTP_TOTAL {CREDIT}/GrpHdr/TtlIntrBkSttlmAmt"],
    ),
    (
        "pacs008",
        "<IntrBkSttlmDt>2026-01-31</IntrBkSttlmDt>",
        "",
        [f"RTP_SETTLEMENT_DATE {CREDIT}/GrpHdr/IntrBkSttlmDt"],
    ),
    ("pacs008", "CLRG", "INDA", [f"RTP_SETTLEMENT_METHOD {CREDIT}/GrpHdr/SttlmInf/SttlmMtd"]),
    ("pacs008", ">TCH<", ">FDN<", [f"RTP_CLEARING_SYSTEM {CREDIT}/GrpHdr/SttlmInf/ClrSys/Cd"]),
    ("pacs008", "<InstrId>2026", "<InstrId>X026", [f"RTP_INSTRUCTION_ID {PAYMENT}/PmtId/InstrId"]),
    ("pacs008", "<TxId>2026", "<TxId>X026", [f"RTP_INSTRUCTION_ID {PAYMENT}/PmtId/TxId"]),
    ("pacs008", ">SDVA<", ">URGP<", [f"RTP_SERVICE_LEVEL {PAYMENT}/PmtTpInf/SvcLvl/Cd"]),
    ("pacs008", ">STANDARD<", ">FDNA<", [f"RTP_LOCAL_INSTRUMENT {PAYMENT}/PmtTpInf/LclInstrm/Prtry"]),
    ("pacs008", ">CONSUMER<", ">CONS<", [f"RTP_CATEGORY_PURPOSE {PAYMENT}/PmtTpInf/CtgyPurp/Prtry"]),
    (
        "pacs008",
        '<IntrBkSttlmAmt Ccy="USD">51.74<',
        '<IntrBkSttlmAmt Ccy="EUR">51.74<',
        [f"RTP_CURRENCY {PAYMENT}/IntrBkSttlmAmt"],
    ),
    ("pacs008", ">51.74<", ">51.745<", [f"RTP_AMOUNT_FORM {PAYMENT}/IntrBkSttlmAmt"]),
    ("pacs008", ">51.74<", ">0.00<", [f"RTP_AMOUNT_LEAST {PAYMENT}/IntrBkSttlmAmt"]),
    ("pacs008", ">51.74<", ">10000000.01<", [f"RTP_NETWORK_LIMIT {PAYMENT}/IntrBkSttlmAmt"]),
    ("pacs008", "<ChrgBr>SLEV", "<ChrgBr>SHAR", [f"RTP_CHARGE_BEARER {PAYMENT}/ChrgBr"]),
    (
        "pacs008",
        "<MmbId>990000013</MmbId>",
        "<MmbId>99000001A</MmbId>",
        [f"RTP_AGENT_ID {PAYMENT}/InstgAgt/FinInstnId/ClrSysMmbId/MmbId"],
    ),
    (
        "pacs008",
        "<MmbId>990000026</MmbId>",
        "<MmbId>990000027</MmbId>",
        [f"RTP_ABA_CHECK_DIGIT {PAYMENT}/InstdAgt/FinInstnId/ClrSysMmbId/MmbId"],
    ),
    (
        "pacs008",
        "<MmbId>990000013</MmbId>",
        "<ClrSysId><Cd>USABA</Cd></ClrSysId><MmbId>990000013</MmbId>",
        [f"RTP_AGENT_CLEARING_SYSTEM {PAYMENT}/InstgAgt/FinInstnId/ClrSysMmbId"],
    ),
    ("pacs008", "<Nm>Debtor Sample</Nm>", "", [f"RTP_MISSING {PAYMENT}/Dbtr/Nm"]),
    ("pacs008", "<PstCd>00000</PstCd>", "", [f"RTP_ADDRESS {PAYMENT}/Dbtr/PstlAdr"]),
    ("pacs008", ">100053485575<", ">1<", [f"RTP_ACCOUNT {PAYMENT}/DbtrAcct"]),
    (
        "pacs008",
        "<RmtInf>",
        "<InstrForCdtrAgt><Cd>PHOB</Cd></InstrForCdtrAgt><RmtInf>",
        [f"RTP_CREDITOR_AGENT_INSTRUCTION {PAYMENT}/InstrForCdtrAgt"],
    ),
    (
        "pacs008",
        "<RmtInf>",
        "<InstrForCdtrAgt><Cd>TOKN</Cd></InstrForCdtrAgt>" * 6 + "<RmtInf>",
        [f"RTP_TOO_MANY {PAYMENT}"],
    ),
    (
        "pacs008",
        "<Ustrd>",
        "<Ustrd>more</Ustrd><Ustrd>",
        [f"RTP_TOO_MANY {PAYMENT}/RmtInf/Ustrd[2]", f"RTP_REMITTANCE {PAYMENT}/RmtInf"],
    ),
    # the transfer between institutions
    ("pacs009", ">TCH<", ">FDN<", ["RTP_CLEARING_SYSTEM /FICreditTransfer/FICdtTrf/GrpHdr/SttlmInf/ClrSys/Cd"]),
    # the status report
    ("pacs002_actc", ">ACTC<", ">ACSC<", [f"RTP_STATUS {STATUS}/TxInfAndSts/TxSts"]),
    ("pacs002_actc", ">ACTC<", ">RJCT<", [f"RTP_REASON {STATUS}/TxInfAndSts/StsRsnInf"]),
    (
        "pacs002_actc",
        "<TxSts>ACTC</TxSts>",
        "<TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>AC01</Cd></Rsn></StsRsnInf>",
        [f"RTP_REASON_CODE {STATUS}/TxInfAndSts/StsRsnInf/Rsn/Cd"],
    ),
    (
        "pacs002_actc",
        "<TxSts>ACTC</TxSts>",
        "<TxSts>RJCT</TxSts><StsRsnInf><Rsn><Prtry>E990</Prtry></Rsn></StsRsnInf>",
        [f"RTP_REASON_CODE {STATUS}/TxInfAndSts/StsRsnInf/Rsn/Prtry"],
    ),
    (
        "pacs002_actc",
        "<TxSts>ACTC</TxSts>",
        f"<TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>NARR</Cd></Rsn><AddtlInf>{'x' * 105}y</AddtlInf></StsRsnInf>",
        ["XSD_LENGTH " + f"{STATUS}/TxInfAndSts/StsRsnInf/AddtlInf"],
    ),
    (
        "pacs002_actc",
        "<AccptncDtTm>2026-01-31T09:30:00</AccptncDtTm>",
        "",
        [f"RTP_MISSING {STATUS}/TxInfAndSts/AccptncDtTm"],
    ),
    (
        "pacs002_actc",
        "<OrgnlNbOfTxs>1</OrgnlNbOfTxs>",
        "",
        [f"RTP_ONE_PAYMENT {STATUS}/OrgnlGrpInfAndSts/OrgnlNbOfTxs"],
    ),
    # the question
    (
        "pacs028",
        '<IntrBkSttlmDt>2026-01-31</IntrBkSttlmDt>',
        "",
        ["RTP_MISSING /PaymentStatusRequest/FIToFIPmtStsReq/TxInf/OrgnlTxRef/IntrBkSttlmDt"],
    ),
    # the request for payment and its answer
    ("pain013", ">TRF<", ">CHK<", [f"RTP_PAYMENT_METHOD {REQUEST}/PmtMtd"]),
    (
        "pain013",
        ">STANDARD<",
        ">FOREIGN AFFILIATE<",
        [f"RTP_LOCAL_INSTRUMENT {REQUEST}/CdtTrfTx/PmtTpInf/LclInstrm/Prtry"],
    ),
    ("pain013", "<XpryDt>", "<!--<XpryDt>", ["RTP_MISSING " + f"{REQUEST}/XpryDt"]),
    ("pain014", ">ACTC<", ">RCVD<", [f"RTP_STATUS {ANSWER}/TxSts"]),
    # investigations
    (
        "camt026",
        ">MS01<",
        ">MS02<",
        ["RTP_INFORMATION_CODE /RequestForInformation/UblToApply/Justfn/MssngOrIncrrctInf/MssngInf/Cd"],
    ),
    ("camt029", ">IPAY<", ">PDCR<", ["RTP_RESOLUTION /ResponseReturnOfFunds/RsltnOfInvstgtn/Sts/Conf"]),
    (
        "camt029",
        ">IPAY<",
        ">RJCR<",
        ["RTP_REASON /ResponseReturnOfFunds/RsltnOfInvstgtn/CxlDtls/TxInfAndSts/CxlStsRsnInf"],
    ),
    ("camt035", "<Tp>ACK<", "<Tp>NACK<", ["RTP_ACKNOWLEDGEMENT /Acknowledgement/PrtryFrmtInvstgtn/PrtryData/Tp"]),
    (
        "camt056",
        "<OrgnlMsgNmId>pacs.008",
        "<OrgnlMsgNmId>pacs.009",
        [f"RTP_ORIGINAL_TYPE {RETURN}/Undrlyg/TxInf/OrgnlGrpInf/OrgnlMsgNmId"],
    ),
    # administration
    ("admi004", "<EvtCd>", "<EvtCd>9", ["RTP_EVENT /SystemNotificationEvent/SysEvtNtfctn/EvtInf/EvtCd"]),
    ("admn001", "<MsgId>2026", "<MsgId>X026", ["RTP_ADMINISTRATION_ID /SignOnRequest/AdmnSignOnReq/GrpHdr/MsgId"]),
    ("admn002", ">ACTC<", ">RJCT<", ["RTP_REASON /SignOnResponse/AdmnSignOnResp/SignOnResp/StsRsnInf/Rsn/Prtry"]),
]  # fmt: skip

WARNINGS = {"RTP_ABA_CHECK_DIGIT", "RTP_ACCOUNT", "RTP_EVENT"}


def changed(name: str, before: str, after: str) -> bytes:
    """The golden message with the first occurrence replaced; the total goes with the amount."""
    body = golden_rtp(name).decode()
    assert before in body, (name, before)
    if after.startswith("<!--"):
        start, end = body.index("<XpryDt>"), body.index("</XpryDt>") + len("</XpryDt>")
        return (body[:start] + body[end:]).encode()
    return body.replace(before, after, 2 if before == ">51.74<" else 1).encode()


@pytest.mark.parametrize("name", NAMES)
def test_the_golden_messages_of_rtp_are_valid(name: str) -> None:
    """The control for every row below."""
    report = examined(golden_rtp(name))

    assert (report.valid, report.findings) == (True, ())
    assert report.header is not None
    assert report.message is not None


@pytest.mark.parametrize(("name", "before", "after", "expected"), ROWS)
def test_a_broken_rule_is_named_with_its_element(name: str, before: str, after: str, expected: list[str]) -> None:
    """One fault, one finding at the element, with a line, a rule and a remedy."""
    report = examined(changed(name, before, after))

    assert [f"{finding.code} {finding.xpath}" for finding in report.findings] == expected
    assert all(finding.line and finding.rule and finding.hint for finding in report.findings)
    assert report.valid == all(finding.severity is Severity.WARNING for finding in report.findings)
    assert {finding.code for finding in report.findings if finding.severity is Severity.WARNING} <= WARNINGS


def test_every_rule_of_rtp_is_broken_by_some_row() -> None:
    """A rule without a row would be a rule that nobody has seen work."""
    tables = (*RTP_RELEASE.document_rules.values(), RTP_RELEASE.header_rules)
    known = {rule.code for table in tables for rule in table} | {rule.code for rule in RTP_RELEASE.element_rules}
    broken = {said.split(" ")[0] for row in ROWS for said in row[3]}

    assert known - broken == {
        "RTP_ADDITIONAL_LENGTH",  # ISO's schema says the same
        "RTP_HEADER_INSTITUTION",
        "RTP_HEADER_MESSAGE_ID_PARTY",
        "RTP_MESSAGE_ID_PARTY",
        "RTP_OWN_INSTITUTION",
        "RTP_SENDER_LIMIT",
    }


def test_an_institutions_own_settings_count_for_what_it_sends() -> None:
    """Its limit and its institutions; what others send to it is none of them."""
    own = RtpProfile(sender_limit_cents=51_73, own_institutions=frozenset({"990000026"}))
    body = golden_rtp("pacs008")

    sent = examined(body, own, Direction.TO_RAIL)
    received = examined(body, own, Direction.FROM_RAIL)

    assert [finding.code for finding in sent.findings] == ["RTP_SENDER_LIMIT", "RTP_OWN_INSTITUTION"]
    assert received.valid


def test_an_id_of_another_participant_is_a_warning() -> None:
    """Whose id it is, is our rule: a warning, and only for what is sent."""
    body = golden_rtp("pacs008").replace(b"<head:MmbId>990000013A1", b"<head:MmbId>990000013A2")

    report = examined(body, direction=Direction.TO_RAIL)

    assert [finding.code for finding in report.findings] == ["RTP_HEADER_MESSAGE_ID_PARTY", "RTP_MESSAGE_ID_PARTY"]
    assert report.valid
    assert examined(body, direction=Direction.FROM_RAIL).findings == ()


def test_a_participant_of_another_institution_is_a_warning() -> None:
    """Who sends for whom is not public: header and Document are compared, and a difference is told."""
    body = golden_rtp("pacs008").replace(b"990000013A1", b"990000026A1")

    report = examined(body, direction=Direction.TO_RAIL)

    assert [finding.code for finding in report.findings] == ["RTP_HEADER_INSTITUTION"]
    assert report.valid


@pytest.mark.parametrize(("sender", "direction"), [("990000001T1", Direction.FROM_RAIL), ("990000013A1", None)])
def test_the_direction_follows_from_the_rails_own_id(sender: str, direction: Direction | None) -> None:
    """RTP's envelope says nothing of it; where the header names the rail itself, that does."""
    body = golden_rtp("pacs002_actc")
    start = body.index(b"<head:Fr>")
    mine = body[start : body.index(b"</head:Fr>")]

    report = examined(body.replace(mine, mine.replace(b"990000013A1", sender.encode())))

    expected = direction if direction is not None else examined(body).direction
    assert report.direction is expected


def test_a_message_that_travels_the_other_way_only_is_refused() -> None:
    """A sign-on is the participant's; nobody signs on to us."""
    body = golden_rtp("admn001")

    assert [finding.code for finding in examined(body, direction=Direction.FROM_RAIL).findings] == ["MESSAGE_DIRECTION"]
    assert examined(body, direction=Direction.TO_RAIL).valid


def test_a_fault_is_found_however_much_stands_before_it() -> None:
    """What is listed is bounded, what is looked at is not: the last of a thousand counts as the first does."""
    right, wrong = "<MmbId>990000013</MmbId>", "<MmbId>99000001X</MmbId>"

    def codes(content: str) -> list[str]:
        document = etree.fromstring(f"<Document>{content}</Document>")
        rules = RTP_RELEASE.element_rules
        found = element_findings(rules, element=document, message_type="pacs.008.001.08", profile=PROFILE)
        return [finding.code for finding in found]

    assert codes(right * 1_000) == []
    assert codes(right * 1_000 + wrong) == ["RTP_AGENT_ID"]
    assert len(codes(wrong * 1_000)) == 200
