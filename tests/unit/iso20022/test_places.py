"""Where an element stands, to the byte; and what of its line people may see."""

from __future__ import annotations

import pytest
from lxml import etree

from iso20022 import Finding, RemoteProtocolError, read
from iso20022.excerpt import excerpt
from iso20022.paths import line_of
from iso20022.places import Plan, places
from tests.unit.iso20022.planting import path_of
from tests.unit.iso20022.samples import GOLDEN, processor_ms, published

BODIES = [path.read_bytes() for path in (*GOLDEN.rglob("*.xml"), *published("fednow"), *published("rtp"))]


def finding(line: int | None = 1, column: int | None = None, value: str | None = None) -> Finding:
    """A finding at a place."""
    return Finding(code="XSD_TYPE", line=line, column=column, value=value, rule="", hint="")


def test_every_element_of_every_message_is_where_the_parser_sees_it() -> None:
    """The same elements in the same order under the same names, golden and published ones."""
    read_bodies = 0
    for body in BODIES:
        try:
            root = read(body)
        except RemoteProtocolError:
            continue
        read_bodies += 1
        plan = Plan(body)
        elements = list(root.iter("*"))
        assert [place.name for place in plan.places] == [etree.QName(element).localname for element in elements]
        for element, place in zip(elements, plan.places, strict=True):
            assert plan.find(path_of(element)) == place
            assert plan.position(place.start)[0] <= (line_of(element) or 0) <= plan.position(place.inside)[0]
            assert body[place.start : place.start + 1] == b"<"
            assert body[place.end - 1 : place.end] == b">"
    assert read_bodies > 20


def test_a_path_may_begin_anywhere_in_the_envelope_and_a_missing_element_leads_to_the_one_above() -> None:
    """As findings name them; an attribute has a place of its own within the tag."""
    plan = Plan(b'<E>\n <Document>\n  <A Ccy="USD">1</A><A>2</A>\n </Document>\n</E>')
    first, second = plan.find("/Document/A[1]"), plan.find("/Document/A[2]")

    assert first is not None
    assert second is not None
    assert plan.position(first.start) == (3, 3)
    assert plan.position(second.start) == (3, 21)
    assert plan.nearest("/Document/A[1]/B/C") == first
    assert plan.find("/Document/A[3]") is None
    assert plan.nearest("/Nowhere/A") is None
    assert plan.position(plan.attribute(first, "Ccy") or 0) == (3, 6)
    assert plan.attribute(second, "Ccy") is None


@pytest.mark.parametrize("body", [b"", b"<a>", b"</a>", b"<a></b>", b"<a><b></a></b>", b"text"])
def test_what_is_not_well_formed_has_no_places(body: bytes) -> None:
    """Rather than wrong ones."""
    assert places(body) == ()


@pytest.mark.parametrize("body", [b"<a " * 80_000, b'<a "' * 60_000, b"</a " * 50_000, b"<a/" * 80_000], ids=repr)
def test_hostile_bytes_are_looked_at_in_no_time(body: bytes) -> None:
    """Linear in the body: a quadratic search would take minutes."""
    assert processor_ms(lambda: places(body)) < 1_000


def test_of_the_values_in_a_line_the_findings_own_alone_is_shown() -> None:
    """The caret stands where the tag went."""
    line = b'<Nm>Canary</Nm><Cd Ccy="USD" Nm="Canary">AC04</Cd><Id>Canary</Id>'

    own = excerpt(line, finding(column=16, value="AC04"))
    other = excerpt(line, finding(column=1, value="***"))

    assert own is not None
    assert other is not None
    assert own.text == '<Nm>***</Nm><Cd Ccy="USD" Nm="***">AC04</Cd><Id>***</Id>'
    assert own.text[own.caret or 0 :].startswith("<Cd")
    assert "AC04" not in other.text
    assert "Canary" not in own.text + other.text


@pytest.mark.parametrize(
    "line",
    ["Canary", "<Nm>Canary", 'Nm="Canary">', "<Nm Canary</Nm>", "<!-- Canary -->", "<Nm>Ca<b/>Canary<", "<?Canary?>"],
)  # fmt: skip
def test_a_broken_line_shows_no_text_at_all(line: str) -> None:
    """Only whole tags are known to be names."""
    for column in range(1, len(line) + 2):
        shown = excerpt(line.encode(), finding(column=column, value=None))
        assert shown is not None
        assert "Canary" not in shown.text
        assert shown.caret is not None
        assert 0 <= shown.caret <= len(shown.text)


def test_a_long_line_is_cut_around_its_column() -> None:
    """Messages on the wire have but one line."""
    line = b"<a>" * 500 + b"<Cd>X</Cd>"

    shown = excerpt(line, finding(column=1_501, value="X"))

    assert shown is not None
    assert len(shown.text) < 130
    assert shown.text[shown.caret or 0 :].startswith("<Cd>X</Cd>")


def test_a_finding_without_a_line_or_with_one_that_is_not_there_has_no_excerpt() -> None:
    """Nothing is made up."""
    assert excerpt(b"<a/>", finding(line=None)) is None
    assert excerpt(b"<a/>", finding(line=7)) is None
