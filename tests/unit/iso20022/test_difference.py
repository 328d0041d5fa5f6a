"""Differences are named element by element, aligned, and keep personal values to themselves."""

from __future__ import annotations

import pytest

from iso20022 import RemoteProtocolError
from iso20022.difference import Change, Difference, differences
from tests.unit.iso20022.samples import golden

WHOLE = golden("pacs008_incoming.xml")
GROUP = "/Document/FIToFICstmrCdtTrf/GrpHdr"
PAYMENT = "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf"


def changed(before: str, after: str) -> tuple[Difference, ...]:
    """The differences that one replaced text makes."""
    assert before.encode() in WHOLE
    return differences(WHOLE, WHOLE.replace(before.encode(), after.encode(), 1))


def test_the_same_message_has_no_difference_however_it_is_written() -> None:
    """White space between elements, comments, prefixes and the declaration say nothing."""
    unindented = b"".join(line.strip() for line in WHOLE.splitlines()[2:])
    prefixed = unindented.replace(b"<FedNowIncoming xmlns=", b"<FedNowIncoming xmlns:unused='urn:x' xmlns=")

    assert differences(WHOLE, WHOLE) == ()
    assert differences(WHOLE, unindented) == ()
    assert differences(WHOLE, prefixed) == ()


def test_a_changed_value_is_shown_before_and_after_with_both_lines() -> None:
    """Under the name that a finding would use."""
    assert changed("1250.75", "1250.76") == (
        Difference(
            change=Change.CHANGED,
            xpath=f"{PAYMENT}/IntrBkSttlmAmt",
            before="1250.75",
            after="1250.76",
            line_before=63,
            line_after=63,
        ),
    )


@pytest.mark.parametrize(
    ("before", "after", "change", "xpath"),
    [
        ('Ccy="USD"', 'Ccy="EUR"', Change.CHANGED, f"{PAYMENT}/IntrBkSttlmAmt/@Ccy"),
        ("<ChrgBr>SLEV</ChrgBr>", "", Change.REMOVED, f"{PAYMENT}/ChrgBr"),
        ("<NbOfTxs>", "<BtchBookg>true</BtchBookg><NbOfTxs>", Change.ADDED, f"{GROUP}/BtchBookg"),
        ("<Id>frb.fednow.01", "<Id>frb.fednow.02", Change.CHANGED, "/AppHdr/MktPrctc/Id"),
        ("<PmtTpInf>", "<PmtTpInf>stray", Change.CHANGED, f"{PAYMENT}/PmtTpInf"),
    ],
)  # fmt: skip
def test_each_kind_of_difference_is_one_difference(before: str, after: str, change: Change, xpath: str) -> None:
    """One change in the text is one in the list, and stands where it was made."""
    (found,) = changed(before, after)

    assert found.change is change
    assert found.xpath.startswith(xpath)


def test_an_inserted_line_of_remittance_is_one_difference_not_a_shift_of_all_that_follow() -> None:
    """Repeated elements are aligned before they are compared."""
    (found,) = changed("<Ustrd>Invoice 4711</Ustrd>", "<Ustrd>first of all</Ustrd><Ustrd>Invoice 4711</Ustrd>")

    assert (found.change, found.xpath) == (Change.ADDED, f"{PAYMENT}/RmtInf/Ustrd[1]")


def test_elements_in_another_order_are_said_to_have_moved() -> None:
    """ISO's order is fixed: it is a difference, and its own kind of it."""
    (found,) = changed(
        "<ChrgBr>SLEV</ChrgBr>\n            <InstgAgt>",
        "<InstgAgt>",
    )[:1]
    order = differences(
        b"<Document><A>1</A><B>2</B></Document>",
        b"<Document><B>2</B><A>1</A></Document>",
    )

    assert found.change is Change.REMOVED
    assert [(each.change, each.before, each.after) for each in order] == [(Change.MOVED, "A, B", "B, A")]


def test_another_version_of_a_message_is_one_difference() -> None:
    """A namespace is inherited: it is not said of every element below."""
    bare = golden("pacs008_bare.xml")

    (found,) = differences(bare, bare.replace(b"pacs.008.001.08", b"pacs.008.001.09"))

    assert (found.change, found.xpath) == (Change.CHANGED, "/Document")
    assert str(found.after).endswith("pacs.008.001.09")


def test_another_envelope_is_a_difference_of_the_whole() -> None:
    """The same header and Document, in another envelope."""
    assert [(each.xpath, each.before, each.after) for each in differences(WHOLE, golden("pacs008_neutral.xml"))] == [
        ("/", "fednow_incoming", "neutral")
    ]


def test_the_rails_messages_are_compared_element_by_element_though_rtp_has_no_document() -> None:
    """RTP's message element is ISO's Document by another name; what one rail alone has is under its own name."""
    rtp = golden("rtp/pacs008.xml")

    found = {(each.change, each.xpath) for each in differences(WHOLE, rtp)}

    assert (Change.CHANGED, "/Document/FIToFICstmrCdtTrf/GrpHdr/SttlmInf/ClrSys/Cd") in found
    assert (Change.ADDED, "/CreditTransfer/FIToFICstmrCdtTrf/GrpHdr/TtlIntrBkSttlmAmt") in found
    assert not {"/Document", "/CreditTransfer"} & {xpath for _, xpath in found}


def test_personal_values_are_masked_unless_they_are_asked_for() -> None:
    """An account shows its last digits, a name nothing."""
    other = WHOLE.replace(b"000033334444", b"000033335555").replace(b"Invented Creditor", b"Another Creditor")

    masked = differences(WHOLE, other)
    shown = differences(WHOLE, other, show_personal=True)

    assert [(each.before, each.after) for each in masked] == [("***", "***"), ("***4444", "***5555")]
    assert [each.after for each in shown] == ["Another Creditor", "000033335555"]
    assert "Creditor" not in str([each.as_json() for each in masked])


def test_what_is_no_message_is_refused_as_everywhere() -> None:
    """The reader's own findings, from either side."""
    for bodies in ((b"no xml", WHOLE), (WHOLE, b"<!DOCTYPE a><a/>")):
        with pytest.raises(RemoteProtocolError):
            differences(*bodies)
