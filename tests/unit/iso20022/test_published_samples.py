"""Every published sample gets the right verdict on its rail, and what is wrong with it is said precisely."""

import dataclasses
from pathlib import Path

import pytest

from iso20022 import (
    CustomerCreditTransfer,
    FedNowProfile,
    Profile,
    Rail,
    Report,
    RtpProfile,
    Severity,
    examine,
    explain,
    guess_rail,
    read,
    unwrap,
)
from tests.unit.iso20022.samples import published, say

PROFILES: dict[str, Profile] = {
    # Illustrative routing numbers fail the check digit; here it is a warning, so that the rest can be seen.
    "fednow": FedNowProfile(aba_severity=Severity.WARNING),
    "rtp": RtpProfile(),
}

CHECK_DIGIT = "FEDNOW_ABA_CHECK_DIGIT"
PARTICIPANT = "sample-participant-to-fednow-message.xml"

# RTP's samples have an empty header to be filled in: these four places are what is wrong with each of them.
EMPTY_HEADER = (
    "XSD_MISSING /AppHdr/Fr",
    "XSD_MISSING /AppHdr/To",
    "XSD_LENGTH /AppHdr/BizMsgIdr",
    "XSD_LENGTH /AppHdr/MsgDefIdr",
)

# For each sample: the value that it is read into, and every error with its place, in order.
EXPECTED: dict[str, dict[str, tuple[str | None, tuple[str, ...]]]] = {
    "fednow": {
        # the participant's sample has blanks for the service's id and market practice
        "admi004-ping.xml": (
            "SystemEventNotification",
            (
                "FEDNOW_HEADER_RECEIVER /AppHdr/To/FIId/FinInstnId/ClrSysMmbId/MmbId",
                "FEDNOW_HEADER_PRACTICE /AppHdr/MktPrctc/Id",
            ),
        ),
        "camt029_valid_rjcr.xml": ("Resolution", ()),
        "camt056_valid.xml": ("PaymentCancellationRequest", ()),
        # an independent project's: its header has an id of its own, which the published ones never have
        "envelope_incoming_pacs008.xml": ("CustomerCreditTransfer", ("FEDNOW_HEADER_MESSAGE_ID /AppHdr/BizMsgIdr",)),
        "fednow-sample-message-admi002.xml": ("MessageReject", ()),
        "fednow-sample-message-admi998.xml": ("ParticipantFile", ()),
        "fednow-sample-message-outgoing-pacs002.xml": ("PaymentStatusReport", ()),
        "fednow-sample-message-pacs002.xml": ("PaymentStatusReport", ()),
        "head001_valid.xml": (None, ()),
        "pacs002_valid_acsc.xml": ("PaymentStatusReport", ()),
        "pacs002_valid_rjct.xml": ("PaymentStatusReport", ()),
        "pacs004_valid.xml": ("PaymentReturn", ()),
        "pacs008_valid.xml": ("CustomerCreditTransfer", ()),
        "pacs028_valid.xml": ("PaymentStatusRequest", ()),
        PARTICIPANT: ("CustomerCreditTransfer", ()),
    },
    "rtp": {
        "admi004.960-AVAILABLE.xml": ("SystemEventNotification", EMPTY_HEADER),
        "admn001.xml": ("SignOnRequest", EMPTY_HEADER),
        "admn002.ACTC.xml": ("SignOnResponse", EMPTY_HEADER),
        "admn005.xml": ("EchoRequest", EMPTY_HEADER),
        "admn006.xml": ("EchoResponse", EMPTY_HEADER),
        "camt035.xml": ("PaymentAcknowledgement", EMPTY_HEADER),
        # the sample has no assignee, which RTP's own schema demands
        "camt056.timeout.xml": (None, (*EMPTY_HEADER, "XSD_MISSING /ReturnOfFunds/FIToFIPmtCxlReq/Assgnmt/Assgne")),
        "head001.nosignature.xml": (None, ("HEADER_ONLY /AppHdr",)),
        "head001.signature.xml": (None, ("HEADER_ONLY /AppHdr",)),
        "pacs002.ACTC.xml": ("PaymentStatusReport", EMPTY_HEADER),
        "pacs002.RJCT.xml": ("PaymentStatusReport", EMPTY_HEADER),
        "pacs008.xml": ("CustomerCreditTransfer", EMPTY_HEADER),
        "pain013.xml": ("RequestForPayment", EMPTY_HEADER),
        "pain014.ACTC.xml": ("RequestForPaymentResponse", EMPTY_HEADER),
    },
}

# A header that is filled in: RTP's samples are then valid, which shows that nothing else is wrong with them.
FILLED: dict[bytes, bytes] = {
    b"<head:Fr></head:Fr>": b"<head:Fr>%s</head:Fr>",
    b"<head:To></head:To>": b"<head:To>%s</head:To>",
}
PARTY = (
    b"<head:FIId><head:FinInstnId><head:ClrSysMmbId><head:MmbId>99000000%dA1</head:MmbId></head:ClrSysMmbId>"
    b"</head:FinInstnId></head:FIId>"
)


def verdict(path: Path, rail: str) -> Report:
    """The full report on a sample."""
    return explain(examine(path.read_bytes(), profile=PROFILES[rail]))


def filled_in(body: bytes) -> bytes:
    """The sample with a whole header."""
    for number, (empty, form) in enumerate(FILLED.items(), start=1):
        body = body.replace(empty, form % (PARTY % number))
    message_type = unwrap(read(body)).message_type or ""
    return body.replace(b"<head:BizMsgIdr></", b"<head:BizMsgIdr>B20230713990000001A1BFIL00000000001</").replace(
        b"<head:MsgDefIdr></", b"<head:MsgDefIdr>" + message_type.encode() + b"</"
    )


@pytest.mark.parametrize("rail", EXPECTED)
def test_the_published_samples_left_out_are_named(rail: str) -> None:
    """A clone without the reference folder proves less, and says what."""
    here = {path.name for path in published(rail)}
    missing = sorted(set(EXPECTED[rail]) - here)

    say(f"not examined, because not here: {', '.join(missing) or 'none'}")

    assert here <= set(EXPECTED[rail])


@pytest.mark.reference
@pytest.mark.parametrize("rail", EXPECTED)
def test_every_published_sample_gets_the_right_verdict(rail: str) -> None:
    """Each error with its place, and no other; what is only a warning leaves the sample valid."""
    for path in published(rail):
        value, expected = EXPECTED[rail][path.name]

        report = verdict(path, rail)

        errors = [
            f"{finding.code} {finding.xpath}" for finding in report.findings if finding.severity is Severity.ERROR
        ]
        assert errors == list(expected), path.name
        assert (report.valid, report.readable) == (not expected, True), path.name
        assert (None if report.message is None else type(report.message).__name__) == value, path.name
        assert all(finding.line for finding in report.findings), path.name


@pytest.mark.reference
@pytest.mark.parametrize("rail", EXPECTED)
def test_the_rail_of_a_published_sample_is_guessed(rail: str) -> None:
    """From the envelope, the header, the type or the clearing system; a bare pacs.002 might be either rail's."""
    guesses = {path.name: guess_rail(unwrap(read(path.read_bytes()))) for path in published(rail)}

    assert set(guesses.values()) <= {Rail(rail), None}
    assert all(name.startswith(("pacs002", "pacs028", "camt0")) for name, guess in guesses.items() if guess is None)


@pytest.mark.reference
def test_with_a_whole_header_the_samples_of_rtp_are_valid() -> None:
    """Nothing but the blanks is wrong with them, but for the one without an assignee."""
    for path in published("rtp"):
        if path.name.startswith("head001"):
            continue

        report = explain(examine(filled_in(path.read_bytes()), profile=PROFILES["rtp"]))

        errors = [finding.code for finding in report.findings if finding.severity is Severity.ERROR]
        assert errors == (["XSD_MISSING"] if path.name == "camt056.timeout.xml" else []), path.name


@pytest.mark.reference
@pytest.mark.parametrize("rail", EXPECTED)
def test_a_sample_of_the_other_rail_gives_one_clear_finding(rail: str) -> None:
    """One rail's envelope is not the other's; nothing is guessed into it. A bare header is of another version."""
    other = next(name for name in EXPECTED if name != rail)
    for path in published(rail):
        envelope = unwrap(read(path.read_bytes()))
        if envelope.header is None:
            continue

        report = examine(path.read_bytes(), profile=PROFILES[other])

        expected = ["HEADER_VERSION"] if envelope.direction is None and rail == "fednow" else ["ENVELOPE_RAIL"]
        assert [finding.code for finding in report.findings] == expected, path.name


@pytest.mark.reference
def test_the_participants_sample_gives_one_kind_of_finding() -> None:
    """The published pacs.008: only its routing numbers are wrong, and with them as warnings it is valid."""
    for body in [path.read_bytes() for path in published("fednow") if path.name == PARTICIPANT]:
        strict = examine(body, profile=FedNowProfile())
        lenient = examine(body, profile=dataclasses.replace(FedNowProfile(), aba_severity=Severity.WARNING))

        assert [finding.code for finding in strict.findings] == [CHECK_DIGIT] * 4
        assert not strict.valid
        assert lenient.valid
        assert isinstance(lenient.message, CustomerCreditTransfer)
        assert lenient.message.amount.text == "51.74"
        assert not lenient.message.carries_all
