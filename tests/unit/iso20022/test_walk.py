"""Findings name every fault at once, where it is, and how it is mended."""

import time

import pytest
from lxml import etree

from iso20022.findings import Finding
from iso20022.schema_errors import schema_findings
from iso20022.schemas import manifest, model, validator
from iso20022.walk import walk
from tests.unit.iso20022.instances import instance, mutant
from tests.unit.iso20022.planting import PLANTERS, planted
from tests.unit.iso20022.samples import golden, seeded

TYPES = sorted(manifest())
DOCUMENT = "/Document/FIToFICstmrCdtTrf"
PAYMENT = f"{DOCUMENT}/CdtTrfTxInf"


def faults(body: bytes) -> list[Finding]:
    """What the walk says about a bare pacs.008."""
    return list(walk(etree.fromstring(body), model("pacs.008.001.08")))


def test_a_valid_message_has_no_finding() -> None:
    """The control for every other test here."""
    assert faults(golden("pacs008_bare.xml")) == []


# What is planted, and the findings in words: code, path, value, rule, hint.
TABLE: dict[str, tuple[bytes, bytes, list[tuple[str, str, str | None, str, str]]]] = {
    "missing mandatory element": (
        b"<NbOfTxs>1</NbOfTxs>",
        b"",
        [
            (
                "XSD_MISSING",
                f"{DOCUMENT}/GrpHdr/NbOfTxs",
                None,
                "NbOfTxs is mandatory in GrpHdr.",
                "Add NbOfTxs before SttlmInf.",
            )
        ],
    ),
    "missing at the end": (
        b"<ChrgBr>SLEV</ChrgBr>",
        b"",
        [
            (
                "XSD_MISSING",
                f"{PAYMENT}/ChrgBr",
                None,
                "ChrgBr is mandatory in CdtTrfTxInf.",
                "Add ChrgBr before InstgAgt.",
            )
        ],
    ),
    "misspelt element": (
        b"EndToEndId>",
        b"EndToEndID>",
        [
            (
                "XSD_UNEXPECTED",
                f"{PAYMENT}/PmtId/EndToEndID",
                None,
                "PmtId holds InstrId, EndToEndId, TxId, UETR, ClrSysRef; this is none of them.",
                "Did you mean EndToEndId?",
            ),
            (
                "XSD_MISSING",
                f"{PAYMENT}/PmtId/EndToEndId",
                None,
                "EndToEndId is mandatory in PmtId.",
                "Add EndToEndId before UETR.",
            ),
        ],
    ),
    "wrong pattern": (
        b"5b2f1d0e-8c4a-4f7b",
        b"5B2F1D0E-8c4a-4f7b",
        [
            (
                "XSD_PATTERN",
                f"{PAYMENT}/PmtId/UETR",
                "5B2F1D0E-8c4a-4f7b-9a3d-0123456789ab",
                "UETR is a version 4 UUID in lower case, such as 8a562c67-ca16-48ba-b074-65581be6f011.",
                "Write it in that form, without spaces around.",
            )
        ],
    ),
    "unknown code word": (
        b"SLEV",
        b"OURS",
        [
            (
                "XSD_ENUMERATION",
                f"{PAYMENT}/ChrgBr",
                "OURS",
                "ChrgBr is one of DEBT, CRED, SHAR, SLEV.",
                "Use one of these code words.",
            )
        ],
    ),
    "too long": (
        b"GOLDEN-E2E-0001",
        b"GOLDEN-E2E-0001" * 3,
        [
            (
                "XSD_LENGTH",
                f"{PAYMENT}/PmtId/EndToEndId",
                "GOLDEN-E2E-0001" * 3,
                "EndToEndId has at most 35 characters.",
                "Shorten it by 10 characters.",
            )
        ],
    ),
    "empty": (
        b"GOLDEN-E2E-0001",
        b"",
        [
            (
                "XSD_LENGTH",
                f"{PAYMENT}/PmtId/EndToEndId",
                None,
                "EndToEndId has at least 1 character.",
                "Fill the element; leave it out only where it is optional.",
            )
        ],
    ),
    "too many decimals": (
        b"1250.75",
        b"1250.751234",
        [
            (
                "XSD_DIGITS",
                f"{PAYMENT}/IntrBkSttlmAmt",
                "1250.751234",
                "IntrBkSttlmAmt has at most 5 decimals.",
                "State it with fewer decimals; an amount of money must be right, not rounded.",
            )
        ],
    ),
    "too many digits": (
        b"1250.75",
        b"1234567890123456789",
        [
            (
                "XSD_DIGITS",
                f"{PAYMENT}/IntrBkSttlmAmt",
                "1234567890123456789",
                "IntrBkSttlmAmt has at most 18 digits in all.",
                "Correct the number.",
            )
        ],
    ),
    "negative": (
        b"1250.75",
        b"-1250.75",
        [
            (
                "XSD_RANGE",
                f"{PAYMENT}/IntrBkSttlmAmt",
                "-1250.75",
                "IntrBkSttlmAmt is at least 0.",
                "Correct the number.",
            )
        ],
    ),
    "no number": (
        b"1250.75",
        b"1,250.75",
        [
            (
                "XSD_TYPE",
                f"{PAYMENT}/IntrBkSttlmAmt",
                "1,250.75",
                "IntrBkSttlmAmt is a decimal number.",
                "Write digits and a point, for example 51.74.",
            )
        ],
    ),
    "no date": (
        b"<IntrBkSttlmDt>2026-01-31",
        b"<IntrBkSttlmDt>31.01.2026",
        [
            (
                "XSD_TYPE",
                f"{PAYMENT}/IntrBkSttlmDt",
                "31.01.2026",
                "IntrBkSttlmDt is a calendar date.",
                "Write it as 2026-01-31.",
            )
        ],
    ),
    "missing attribute": (
        b' Ccy="USD"',
        b"",
        [
            (
                "XSD_ATTRIBUTE_MISSING",
                f"{PAYMENT}/IntrBkSttlmAmt/@Ccy",
                None,
                "IntrBkSttlmAmt has the mandatory attribute Ccy.",
                'Add it, for example Ccy="USD".',
            )
        ],
    ),
    "wrong attribute": (
        b'Ccy="USD"',
        b'Ccy="usd"',
        [
            (
                "XSD_PATTERN",
                f"{PAYMENT}/IntrBkSttlmAmt/@Ccy",
                "usd",
                "Ccy is a currency code of three capital letters, such as USD.",
                "Write it in that form, without spaces around.",
            )
        ],
    ),
    "strange attribute": (
        b"<ChrgBr>",
        b'<ChrgBr id="1">',
        [
            (
                "XSD_ATTRIBUTE_UNEXPECTED",
                f"{PAYMENT}/ChrgBr/@id",
                None,
                "ChrgBr has no attributes.",
                "Remove the attribute.",
            )
        ],
    ),
    "text between elements": (
        b"<PmtTpInf>",
        b"<PmtTpInf>stray",
        [
            (
                "XSD_TEXT",
                f"{PAYMENT}/PmtTpInf",
                None,
                "PmtTpInf holds elements, no text of its own.",
                "Remove the text, or put it into the element it belongs to.",
            )
        ],
    ),
    "element in a text": (
        b"SLEV",
        b"<Cd>SLEV</Cd>",
        [("XSD_UNEXPECTED", f"{PAYMENT}/ChrgBr/Cd", None, "ChrgBr holds text, no elements.", "Remove it.")],
    ),
    "wrong order": (
        b"<IntrBkSttlmDt>2026-01-31</IntrBkSttlmDt>\n      <ChrgBr>SLEV</ChrgBr>",
        b"<ChrgBr>SLEV</ChrgBr>\n      <IntrBkSttlmDt>2026-01-31</IntrBkSttlmDt>",
        [
            (
                "XSD_ORDER",
                f"{PAYMENT}/ChrgBr",
                None,
                "ChrgBr stands after IntrBkSttlmDt.",
                "Move it: the order of elements is fixed.",
            ),
        ],
    ),
    "moved far to the front": (
        b"<PmtId>",
        b"<ChrgBr>SLEV</ChrgBr><PmtId>",
        [
            (
                "XSD_ORDER",
                f"{PAYMENT}/ChrgBr[1]",
                None,
                "ChrgBr stands after IntrBkSttlmDt.",
                "Move it: the order of elements is fixed.",
            ),
            (
                "XSD_TOO_MANY",
                f"{PAYMENT}/ChrgBr[2]",
                None,
                "ChrgBr stands at most once.",
                "Remove the surplus.",
            ),
        ],
    ),
    "one too many": (
        b"<ChrgBr>SLEV</ChrgBr>",
        b"<ChrgBr>SLEV</ChrgBr><IntrBkSttlmDt>2026-01-31</IntrBkSttlmDt>",
        [
            (
                "XSD_TOO_MANY",
                f"{PAYMENT}/IntrBkSttlmDt[2]",
                None,
                "IntrBkSttlmDt stands at most once.",
                "Remove the surplus.",
            ),
        ],
    ),
    "two of a choice": (
        b"<Cd>FDN</Cd>",
        b"<Cd>FDN</Cd><Prtry>FDN</Prtry>",
        [
            (
                "XSD_UNEXPECTED",
                f"{DOCUMENT}/GrpHdr/SttlmInf/ClrSys/Prtry",
                None,
                "ClrSys holds one of Cd, Prtry, not two of them.",
                "Remove it.",
            )
        ],
    ),
    "none of a choice": (
        b"<Cd>FDN</Cd>",
        b"",
        [
            (
                "XSD_MISSING",
                f"{DOCUMENT}/GrpHdr/SttlmInf/ClrSys",
                None,
                "ClrSys holds one of Cd, Prtry.",
                "Add one of them.",
            )
        ],
    ),
    "foreign namespace": (
        b"<ChrgBr>SLEV",
        b'<ChrgBr xmlns="urn:other">SLEV',
        [
            (
                "XSD_UNEXPECTED",
                f"{PAYMENT}/ChrgBr",
                None,
                "ChrgBr belongs to the message's own namespace.",
                'Put it into "urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08".',
            ),
            (
                "XSD_MISSING",
                f"{PAYMENT}/ChrgBr",
                None,
                "ChrgBr is mandatory in CdtTrfTxInf.",
                "Add ChrgBr before InstgAgt.",
            ),
        ],
    ),
    "personal value": (
        b"<Id>000033334444</Id>",
        b"<Id>0000333344440000333344440000333344445555</Id>",
        [
            (
                "XSD_LENGTH",
                f"{PAYMENT}/CdtrAcct/Id/Othr/Id",
                "***5555",
                "Id has at most 34 characters.",
                "Shorten it by 6 characters.",
            )
        ],
    ),
    "repeated beyond its limit": (
        b"<Ctry>US</Ctry>",
        b"<Ctry>US</Ctry>" + b"<AdrLine>x</AdrLine>" * 8,
        [
            (
                "XSD_TOO_MANY",
                f"{PAYMENT}/Dbtr/PstlAdr/AdrLine[8]",
                None,
                "AdrLine stands at most 7 times.",
                "Remove the surplus.",
            )
        ],
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_each_kind_of_fault_is_said_in_plain_words(name: str) -> None:
    """The text is part of the product: it is written down here, and changed on purpose only."""
    before, after, expected = TABLE[name]
    body = golden("pacs008_bare.xml")
    assert body.count(before) in {1, 2}

    found = faults(body.replace(before, after))

    assert [(f.code, f.xpath, f.value, f.rule, f.hint) for f in found] == expected
    assert all(finding.line is not None for finding in found)


def test_all_faults_are_found_at_once_in_document_order() -> None:
    """libxml2 stops early; six faults planted at once are six findings."""
    body = golden("pacs008_bare.xml")
    for name in ("missing mandatory element", "wrong pattern", "unknown code word", "no date", "wrong attribute"):
        before, after, _ = TABLE[name]
        body = body.replace(before, after)
    body = body.replace(b"<Nm>Invented Creditor</Nm>", b"<Name>Invented Creditor</Name>")

    found = faults(body)

    assert [finding.xpath.rpartition("/")[2] for finding in found] == [
        "NbOfTxs", "UETR", "@Ccy", "IntrBkSttlmDt", "ChrgBr", "Name",
    ]  # fmt: skip
    assert [f.line for f in found] == sorted(f.line or 0 for f in found)
    assert "Invented" not in repr(found)


@pytest.mark.parametrize("message_type", TYPES)
def test_the_walk_agrees_with_libxml2(message_type: str) -> None:
    """Both see a fault, or neither does: an explanation never contradicts the verdict."""
    rng, schema, gate = seeded(), model(message_type), validator(message_type)

    for _ in range(10):
        valid = instance(schema, rng)
        assert list(walk(valid, schema)) == []
        for _ in range(10):
            changed = mutant(valid, rng)
            assert bool(list(walk(changed.root, schema))) != gate.validate(changed.root), changed.what


@pytest.mark.parametrize("message_type", TYPES)
def test_the_first_finding_names_the_planted_fault(message_type: str) -> None:
    """Every kind of fault in messages made from the schema alone, wider than any sample: element and line are named.

    What is measured on samples, through envelopes and rules, is in test_error_quality.py.
    """
    rng, schema, gate = seeded(), model(message_type), validator(message_type)
    message = instance(schema, rng)

    for kind in PLANTERS:
        fault = planted(message, schema.root.name, schema, kind, rng)
        if fault is None:
            continue
        root = etree.fromstring(fault.body)
        assert not gate.validate(root), kind
        assert fault.is_named_by(next(walk(root, schema))), kind


def test_a_message_full_of_strange_elements_is_explained_in_linear_time() -> None:
    """5,000 unexpected children and 1,000 attributes: no worse than their number."""
    document = etree.fromstring(golden("pacs008_bare.xml"))
    for number in range(4_900):
        etree.SubElement(document[0], f"Strange{number}")
    for number in range(1_000):
        document[0].set(f"a{number}", "1")

    started = time.perf_counter()
    found = list(walk(document, model("pacs.008.001.08")))
    elapsed_s = time.perf_counter() - started

    assert len(found) == 5_900
    assert elapsed_s < 2


def test_the_quick_findings_have_path_line_and_masked_value() -> None:
    """What libxml2 says is turned into findings too, for the verdict that does not wait for an explanation."""
    body = golden("pacs008_bare.xml").replace(b"<Nm>Invented Creditor</Nm>", b"<Nm>" + b"Invented " * 20 + b"</Nm>")
    document = etree.fromstring(body.replace(b"5b2f1d0e", b"5B2F1D0E").replace(b"<NbOfTxs>1</NbOfTxs>", b""))

    found = schema_findings(document, validator("pacs.008.001.08"))

    assert [(f.code, f.xpath, f.value) for f in found] == [
        ("XSD_UNEXPECTED", f"{DOCUMENT}/GrpHdr/SttlmInf", None),
        ("XSD_PATTERN", f"{PAYMENT}/PmtId/UETR", "5B2F1D0E-8c4a-4f7b-9a3d-0123456789ab"),
        ("XSD_LENGTH", f"{PAYMENT}/Cdtr/Nm", "***"),
    ]
    assert all(finding.line for finding in found)
    assert schema_findings(etree.fromstring(golden("pacs008_bare.xml")), validator("pacs.008.001.08")) == ()
