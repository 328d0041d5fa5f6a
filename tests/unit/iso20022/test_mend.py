"""A mend is certain, the smallest, and leaves all else as it was, byte for byte."""

from __future__ import annotations

from functools import partial

import pytest

from iso20022 import Direction, Profile, Report, examine, explain
from iso20022.mend import Mended, mended
from tests.unit.iso20022.samples import PROFILE, golden, seeded
from tests.unit.iso20022.test_error_quality import PROFILES, schema_faults

WHOLE = golden("pacs008_incoming.xml")
DATE, BEARER = b"<IntrBkSttlmDt>2026-01-31</IntrBkSttlmDt>", b"<ChrgBr>SLEV</ChrgBr>"
XSI = b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def explained(body: bytes) -> Report:
    """The full report on FedNow."""
    return explain(examine(body, profile=PROFILE))


def explained_on(body: bytes, *, profile: Profile, direction: Direction) -> Report:
    """The full report on a rail."""
    return explain(examine(body, profile=profile, direction=direction))


def after_planting(before: bytes, after: bytes) -> tuple[bytes, Mended]:
    """The message with a text replaced, and what mending makes of it."""
    assert before in WHOLE
    body = WHOLE.replace(before, after, 1)
    return body, mended(body, explained)


CERTAIN = {
    "UETR in capitals": (b"5b2f1d0e-8c4a", b"5B2F1D0E-8C4A"),
    "code word in small letters": (b"<SttlmMtd>CLRG", b"<SttlmMtd>clrg"),
    "white space around a code word": (b">SLEV<", b"> SLEV\n <"),
    "white space around a date": (b"<IntrBkSttlmDt>2026-01-31", b"<IntrBkSttlmDt> 2026-01-31 "),
    "element's name in other letters": (b"<ChrgBr>SLEV</ChrgBr>", b"<chrgbr>SLEV</chrgbr>"),
    "two neighbours changed places": (DATE + b"\n            " + BEARER, BEARER + b"\n            " + DATE),
    "no namespace": (b"<ChrgBr>", b'<ChrgBr xmlns="">'),
    "another namespace": (b"<ChrgBr>", b'<ChrgBr xmlns="urn:example:other">'),
    "encoding declared wrongly": (b'encoding="UTF-8"', b'encoding="ISO-8859-1"'),
}
"""What is planted, and undone to the byte."""

CERTAIN_OTHERWISE = {
    "optional element that is empty": (b"<InstrId>GOLDEN-INSTR-0001<", b"<InstrId><"),
    "location of a schema": (b"<FedNowIncoming ", b"<FedNowIncoming " + XSI + b' xsi:schemaLocation="urn:x x.xsd" '),
    "element moved to the front": (b"<PmtId>", b"<Purp><Cd>CASH</Cd></Purp><PmtId>"),
}
"""What is mended to a valid message that is not the one before."""

UNCERTAIN = {
    "amount with too many decimals": (b"1250.75", b"1250.751"),
    "amount with a comma": (b"1250.75", b"1,250.75"),
    "currency in small letters": (b'Ccy="USD"', b'Ccy="usd"'),
    "account that is too long": (b"000011112222", b"0000" * 10),
    "time without offset": (b"<CreDtTm>2026-01-31T09:30:00-05:00", b"<CreDtTm>2026-01-31T09:30:00"),
    "misspelt element": (b"<ChrgBr>SLEV</ChrgBr>", b"<ChrgBearer>SLEV</ChrgBearer>"),
    "other charge bearer": (b">SLEV<", b">DEBT<"),
    "missing element": (b"<NbOfTxs>1</NbOfTxs>", b""),
    "check digit": (b"<MmbId>990000026</MmbId>", b"<MmbId>990000062</MmbId>"),
    "header's id": (b"<BizMsgIdr>20260131", b"<BizMsgIdr>20260130"),
    "empty mandatory element": (b"<EndToEndId>GOLDEN-E2E-0001<", b"<EndToEndId><"),
    "surplus element": (BEARER, BEARER + BEARER),
    "UETR of another version": (b"8c4a-4f7b", b"8c4a-1f7b"),
    "no XML": (b"</ChrgBr>", b"</ChrgB>"),
    "DOCTYPE": (b"<FedNowIncoming ", b"<!DOCTYPE x><FedNowIncoming "),
}
"""What nobody but the author can mend: the meaning, or one of several ways, would have to be guessed."""


@pytest.mark.parametrize("name", CERTAIN)
def test_a_certain_fault_is_undone_to_the_byte(name: str) -> None:
    """The mended copy is the golden message again."""
    _, result = after_planting(*CERTAIN[name])

    assert result.body == WHOLE
    assert result.report.valid
    assert len(result.mends) == 1
    assert result.mends[0].what


@pytest.mark.parametrize("name", CERTAIN_OTHERWISE)
def test_a_certain_fault_is_mended_and_no_other_line_is_touched(name: str) -> None:
    """What differs are lines that the fault is in."""
    body, result = after_planting(*CERTAIN_OTHERWISE[name])

    assert result.report.valid
    removed = set(body.splitlines()) - set(result.body.splitlines())
    assert 1 <= len(removed) <= 3


@pytest.mark.parametrize("name", UNCERTAIN)
def test_what_is_not_certain_is_left_alone(name: str) -> None:
    """Amounts, accounts, names and ids above all: nothing is guessed, nothing made up."""
    body, result = after_planting(*UNCERTAIN[name])

    assert result.mends == ()
    assert result.body == body
    assert not explained(body).valid


def test_several_faults_are_mended_at_once_and_the_rest_is_left() -> None:
    """Each mend is kept only if it leaves fewer errors."""
    body = WHOLE.replace(b"5b2f1d0e", b"5B2F1D0E").replace(b"CLRG", b"clrg").replace(b"1250.75", b"1250.755")

    result = mended(body, explained)

    assert result.body == WHOLE.replace(b"1250.75", b"1250.755")
    assert [mend.code for mend in result.mends] == ["XSD_ENUMERATION", "XSD_PATTERN"]
    assert [finding.code for finding in result.report.findings] == ["FEDNOW_AMOUNT_FORM"]


def test_a_valid_message_is_not_touched_and_a_mended_one_not_again() -> None:
    """Mending twice is mending once."""
    _, once = after_planting(*CERTAIN["UETR in capitals"])

    assert mended(WHOLE, explained).mends == ()
    assert mended(once.body, explained).mends == ()


def test_no_mend_makes_a_message_worse_or_changes_money_names_or_ids() -> None:
    """On hundreds of planted faults of every kind: fewer errors after each mend, and the same personal values."""
    rng = seeded()
    mends = 0

    for _, ((rail, _, direction), fault) in zip(range(300), schema_faults(rng), strict=False):
        report = partial(explained_on, profile=PROFILES[rail], direction=direction)
        result = mended(fault.body, report)
        mends += len(result.mends)
        assert len(result.report.findings) <= len(report(fault.body).findings)
        assert bool(result.mends) == (result.body != fault.body)

    assert mends > 10  # some thirty, as a rule: what is asserted above is asserted of something
