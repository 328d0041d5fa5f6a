"""What cannot be read, and what would be lost: for the messages that are read and built by one table."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from lxml import etree

from iso20022 import Finding, RemoteProtocolError, read
from iso20022.messages import camt029, pain013
from iso20022.messages.shape import PERSONAL, Kind, OneOf, Shape
from iso20022.personal import is_personal
from tests.unit.iso20022.golden_messages import EXPECTED, GOLDEN_FILES, MODULES, document_of, golden, module_of
from tests.unit.iso20022.samples import GOLDEN


@pytest.mark.parametrize("name", GOLDEN_FILES)
def test_every_truncation_is_refused(name: str) -> None:
    """Whole, a golden message is read; cut anywhere, it is our error."""
    body = (GOLDEN / name).read_bytes().rstrip()

    for length in range(len(body)):
        with pytest.raises(RemoteProtocolError):
            read(body[:length])


@pytest.mark.parametrize("name", GOLDEN_FILES)
def test_without_one_of_its_elements_a_message_is_read_or_refused(name: str) -> None:
    """Each element in turn is taken out, emptied, or doubled: a value, or an error that names an element."""
    refusals = 0
    for change in (remove, empty, double):
        for number in range(1, len(list(golden(name).iter()))):
            document = golden(name)
            change(list(document.iter())[number])

            refusals += refused(document)

    assert refusals > 5


def remove(element: etree._Element) -> None:
    """Take the element out."""
    parent = element.getparent()
    assert parent is not None
    parent.remove(element)


def empty(element: etree._Element) -> None:
    """Leave the element without anything in it."""
    element[:] = []
    element.text = None
    element.attrib.clear()


def double(element: etree._Element) -> None:
    """Put the element in twice."""
    element.addnext(etree.fromstring(etree.tostring(element)))


def refused(document: etree._Element) -> bool:
    """Whether the Document cannot be read; it is then said where."""
    found: tuple[Finding, ...] = ()
    try:
        module_of(document).parse(document)
    except RemoteProtocolError as error:
        found = error.findings
    assert all(finding.code.startswith("VALUE_") and finding.xpath.startswith("/Document/") for finding in found)
    return found != ()


UNREADABLE: Final[dict[str, tuple[str, bytes, bytes, str, str]]] = {
    "no amount": (
        "transfers/pacs004_part.xml",
        b'<RtrdIntrBkSttlmAmt Ccy="USD">1000.00</RtrdIntrBkSttlmAmt>',
        b"",
        "VALUE_MISSING",
        "/Document/PmtRtr/TxInf/RtrdIntrBkSttlmAmt",
    ),
    "euros": (
        "transfers/pacs004_part.xml",
        b'<RtrdIntrBkSttlmAmt Ccy="USD">',
        b'<RtrdIntrBkSttlmAmt Ccy="EUR">',
        "VALUE_CURRENCY",
        "/Document/PmtRtr/TxInf/RtrdIntrBkSttlmAmt/@Ccy",
    ),
    "half a cent": (
        "transfers/pain013_bill.xml",
        b'<InstdAmt Ccy="USD">88.20',
        b'<InstdAmt Ccy="USD">88.205',
        "VALUE_AMOUNT",
        "/Document/CdtrPmtActvtnReq/PmtInf/CdtTrfTx/Amt/InstdAmt",
    ),
    "day that is not": (
        "transfers/pain013_bill.xml",
        b"<Dt>2026-02-10",
        b"<Dt>2026-02-30",
        "VALUE_DATE",
        "/Document/CdtrPmtActvtnReq/PmtInf/ReqdExctnDt/Dt",
    ),
    "time without offset": (
        "transfers/pain013_bill.xml",
        b"17:00:00-05:00",
        b"17:00:00",
        "VALUE_TIME_OFFSET",
        "/Document/CdtrPmtActvtnReq/PmtInf/XpryDt/DtTm",
    ),
    "time that is not": (
        "transfers/pain013_bill.xml",
        b"17:00:00-05:00",
        b"24:00:00-05:00",
        "VALUE_TIME",
        "/Document/CdtrPmtActvtnReq/PmtInf/XpryDt/DtTm",
    ),
    "neither yes nor no": (
        "transfers/pain013_bill.xml",
        b"<EarlyPmtAllwd>true",
        b"<EarlyPmtAllwd>perhaps",
        "VALUE_TRUTH",
        "/Document/CdtrPmtActvtnReq/PmtInf/PmtCond/EarlyPmtAllwd",
    ),
    "unknown status": (
        "transfers/pain014_actc.xml",
        b"<TxSts>ACTC",
        b"<TxSts>ACSC",
        "VALUE_CODE",
        "/Document/CdtrPmtActvtnReqStsRpt/OrgnlPmtInfAndSts/TxInfAndSts/TxSts",
    ),
    "unknown confirmation": (
        "investigations/camt029_returned.xml",
        b"<Conf>IPAY",
        b"<Conf>ipay",
        "VALUE_CODE",
        "/Document/RsltnOfInvstgtn/Sts/Conf",
    ),
    "another answer than a confirmation": (
        "investigations/camt029_returned.xml",
        b"<Conf>IPAY</Conf>",
        b"<AssgnmtCxlConf>true</AssgnmtCxlConf>",
        "VALUE_MISSING",
        "/Document/RsltnOfInvstgtn/Sts/Conf",
    ),
    "nobody who asks": (
        "investigations/camt026_any.xml",
        b"<Assgnr>",
        b"<Assgnr/><Assgnr>",
        "VALUE_MISSING",
        "/Document/UblToApply/Assgnmt/Assgnr[1]/Pty",
    ),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_completely_is_no_value(name: str) -> None:
    """Never a default, never half a value: an error that names the element and its line."""
    file, before, after, code, xpath = UNREADABLE[name]
    body = (GOLDEN / file).read_bytes()
    assert before in body
    document = document_of(body.replace(before, after))

    with pytest.raises(RemoteProtocolError) as unreadable:
        module_of(document).parse(document)

    (finding,) = unreadable.value.findings
    assert (finding.code, finding.xpath) == (code, xpath)
    assert finding.line is not None


def test_a_finding_does_not_show_personal_data() -> None:
    """What stands at a personal element is masked in the error about it."""
    body = (GOLDEN / "transfers/pain013_bill.xml").read_bytes().replace(b"<RltdDt>2026-01-30", b"<RltdDt>secret")

    with pytest.raises(RemoteProtocolError) as unreadable:
        pain013.parse(document_of(body))

    assert unreadable.value.findings[0].value == "***"


CARRIED_NOT: Final[dict[str, tuple[str, bytes, bytes]]] = {
    "previous agent": (
        "transfers/pacs009_lmt.xml",
        b"<InstgAgt>",
        b"<PrvsInstgAgt1><FinInstnId/></PrvsInstgAgt1><InstgAgt>",
    ),
    "second payment": (
        "transfers/pain013_bill.xml",
        b"</PmtInf>",
        b"</PmtInf><PmtInf><PmtMtd>TRF</PmtMtd></PmtInf>",
    ),
    "tax": ("transfers/pain013_bill.xml", b"<RmtInf>", b"<Tax><RefNb>x</RefNb></Tax><RmtInf>"),
    "proprietary clearing system": (
        "transfers/pacs004_part.xml",
        b"<Cd>USABA</Cd>",
        b"<Prtry>USABA</Prtry>",
    ),
    "proprietary address type": (
        "transfers/pain013_bill.xml",
        b"<StrtNm>",
        b"<AdrTp><Prtry><Id>ABCD</Id><Issr>x</Issr></Prtry></AdrTp><StrtNm>",
    ),
    "modification": (
        "investigations/camt029_returned.xml",
        b"<CrrctnTx>",
        b"<ClmNonRctDtls><Accptd><DtPrcd>2026-02-02</DtPrcd></Accptd></ClmNonRctDtls><CrrctnTx>",
    ),
    "empty way": ("investigations/camt056_duplicate.xml", b"</Undrlyg>", b"</Undrlyg><Undrlyg/>"),
    "two branches": (
        "investigations/camt026_any.xml",
        b"<AnyInf>true</AnyInf>",
        b"<AnyInf>true</AnyInf><PssblDplctInstr>true</PssblDplctInstr>",
    ),
    "delivery channel": (
        "investigations/camt026_any.xml",
        b"</OrgnlCreDtTm>",
        b"</OrgnlCreDtTm><OrgnlMsgDlvryChanl>x</OrgnlMsgDlvryChanl>",
    ),
}


@pytest.mark.parametrize("name", CARRIED_NOT)
def test_a_value_says_when_the_document_says_more(name: str) -> None:
    """Rebuilding such a message from its value would lose something, so nobody may; the golden one is the control."""
    file, before, after = CARRIED_NOT[name]
    body = (GOLDEN / file).read_bytes()
    assert before in body

    changed = document_of(body.replace(before, after))

    assert not module_of(changed).parse(changed).carries_all
    assert EXPECTED[file].carries_all


def test_a_message_of_another_type_is_not_read() -> None:
    """A return request is no resolution, though both are investigations."""
    with pytest.raises(RemoteProtocolError, match="MESSAGE_TYPE"):
        camt029.parse(golden("investigations/camt056_duplicate.xml"))


def personal_places(kind: Kind[Any], path: str) -> Iterator[str]:
    """Where a shape has personal texts; what identifies an institution is none, though of the same kind."""
    if isinstance(kind, Shape):
        for part in kind.parts:
            if part.path != "FinInstnId/Othr":
                yield from personal_places(part.kind, f"{path}/{part.path}")
    elif isinstance(kind, OneOf):
        for alternative in kind.alternatives.values():
            yield from personal_places(alternative.kind, f"{path}/{alternative.tag}")
    elif kind is PERSONAL:
        yield path


@pytest.mark.parametrize("message_type", MODULES)
def test_what_a_value_hides_a_finding_masks(message_type: str) -> None:
    """A text that is personal in the value is personal in findings, too: two lists that must not drift apart."""
    module = MODULES[message_type]

    places = list(personal_places(module.SHAPE, module.LAYOUT.base))

    assert len(places) > 10
    assert [path for path in places if not is_personal(path)] == []
