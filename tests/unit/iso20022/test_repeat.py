"""A repeat is the identical message but for the mark in its header: RTP's way of asking."""

from pathlib import Path

import pytest
from lxml import etree

from iso20022 import LocalProtocolError, examine, read
from iso20022.profiles.rtp import RtpProfile
from iso20022.repeat import marked_as_duplicate

GOLDEN = Path(__file__).parents[2] / "golden"
TRANSFER = (GOLDEN / "rtp" / "pacs008.xml").read_bytes()


def canonical(root: etree._Element) -> str:
    """The message without what does not count: white space between elements."""
    return str(etree.canonicalize(etree.tostring(root, encoding="unicode"), strip_text=True))


def test_the_mark_stands_in_the_header_and_the_message_is_valid_as_before() -> None:
    """The rail takes it, and sees a repeat."""
    first, again = (examine(body, profile=RtpProfile()) for body in (TRANSFER, marked_as_duplicate(TRANSFER)))

    assert first.valid, first.findings
    assert again.valid, again.findings
    assert again.header is not None
    assert again.header.copy_duplicate == "DUPL"
    assert again.message == first.message


def test_nothing_but_the_mark_differs() -> None:
    """Another creation time, or another id, would make another payment of it."""
    again = read(marked_as_duplicate(TRANSFER))

    (mark,) = again.iter("{*}CpyDplct")
    assert mark.text == "DUPL"
    parent = mark.getparent()
    assert parent is not None
    parent.remove(mark)
    assert canonical(again) == canonical(read(TRANSFER))


def test_a_marked_message_stays_as_it_is() -> None:
    """However often it is repeated, it is marked once."""
    once = marked_as_duplicate(TRANSFER)

    assert marked_as_duplicate(once) == once


def test_a_document_without_a_header_cannot_be_marked() -> None:
    """The mark is the header's: nothing is guessed."""
    bare = (GOLDEN / "pacs008_bare.xml").read_bytes()

    with pytest.raises(LocalProtocolError, match="BUILD_NO_HEADER"):
        marked_as_duplicate(bare)
