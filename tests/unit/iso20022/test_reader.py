"""What is not plain, bounded, well-formed XML is refused, each kind with its own code, quickly, touching nothing."""

import threading
from pathlib import Path

import pytest
from lxml import etree

from iso20022 import LIMITS, Limits, RemoteProtocolError, read
from tests.unit.iso20022.samples import examined, golden, processor_ms

XSI = b"http://www.w3.org/2001/XMLSchema-instance"
AMOUNT = b'<Document xmlns="urn:x"><Amt>%s</Amt></Document>'

HOSTILE: dict[str, tuple[bytes, str]] = {
    "doctype": (b"<!DOCTYPE a><a/>", "XML_DOCTYPE"),
    "doctype after a comment": (b"<!-- - --><!DOCTYPE a><a/>", "XML_DOCTYPE"),
    "external entity": (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "XML_DOCTYPE"),
    "external subset": (b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><a/>', "XML_DOCTYPE"),
    "parameter entity": (b'<!DOCTYPE a [<!ENTITY % x SYSTEM "file:///x">%x;]><a/>', "XML_DOCTYPE"),
    "entity bomb": (b'<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><a>&b;&b;</a>', "XML_DOCTYPE"),
    "default attribute": (b'<!DOCTYPE a [<!ATTLIST a b CDATA "c">]><a/>', "XML_DOCTYPE"),
    "undeclared entity": (AMOUNT % b"&x;", "XML_ENTITY"),
    "10 MB text": (b"<a>" + b"x" * 10_000_000 + b"</a>", "XML_TOO_LARGE"),
    "10 MB of elements": (b"<a>" + b"<b/>" * 2_500_000 + b"</a>", "XML_TOO_LARGE"),
    "10 MB of attributes": (b"<a " + b" ".join(b'a%d="1"' % n for n in range(200_000)) + b"/>", "XML_TOO_LARGE"),
    "20,000 attributes": (b"<a " + b" ".join(b'a%d="1"' % n for n in range(20_000)) + b"/>", "XML_TOO_MANY_ATTRIBUTES"),
    "attributes everywhere": (b"<a>" + b'<b c="1"/>' * 4_000 + b"</a>", "XML_TOO_MANY_ATTRIBUTES"),
    "9,000 namespaces": (
        b"<a " + b" ".join(b'xmlns:a%d="u:%d"' % (n, n) for n in range(9_000)) + b"/>",
        "XML_TOO_MANY_ATTRIBUTES",
    ),
    "6,000 elements": (b"<a>" + b"<b/>" * 6_000 + b"</a>", "XML_TOO_MANY_ELEMENTS"),
    "40 deep": (b"<a>" * 40 + b"</a>" * 40, "XML_TOO_DEEP"),
    "40,000 deep": (b"<a>" * 40_000, "XML_TOO_DEEP"),
    "40 deep and 60,000 wide": (b"<a>" * 40 + b"<b/>" * 60_000 + b"</a>" * 40, "XML_TOO_DEEP"),
    "long text": (b"<a>" + b"x" * 40_000 + b"</a>", "XML_TEXT_TOO_LONG"),
    "long attribute": (b'<a b="' + b"x" * 40_000 + b'"/>', "XML_TEXT_TOO_LONG"),
    "comment in a value": (AMOUNT % b"100<!-- x -->0.00", "XML_COMMENT_IN_VALUE"),
    "comment before a value": (AMOUNT % b"<!-- x -->100.00", "XML_COMMENT_IN_VALUE"),
    "comment after a bracket": (AMOUNT % b"1 ><!-- x -->", "XML_COMMENT_IN_VALUE"),
    "comment for a value": (AMOUNT % b"<!-- x -->", "XML_COMMENT_IN_VALUE"),
    "30,000 comments": (b"<a>" + b"<!-- -->" * 30_000 + b"</a>", "XML_COMMENT_IN_VALUE"),
    "cdata": (AMOUNT % b"<![CDATA[1]]>", "XML_CDATA"),
    "processing instruction": (AMOUNT % b"1<?php ?>0", "XML_PROCESSING_INSTRUCTION"),
    "style sheet": (b'<?xml-stylesheet href="http://127.0.0.1:9/"?><a/>', "XML_PROCESSING_INSTRUCTION"),
    "xml 1.1": (b'<?xml version="1.1"?><a/>', "XML_VERSION"),
    "declaration without version": (b'<?xml encoding="UTF-8"?><a/>', "XML_DECLARATION"),
    "latin-1": (b'<?xml version="1.0" encoding="iso-8859-1"?><a/>', "XML_ENCODING"),
    "utf-7": (b'<?xml version="1.0" encoding="UTF-7"?><a>+ADw-</a>', "XML_ENCODING"),
    "byte order mark against the declaration": (
        b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-16"?><a/>',
        "XML_ENCODING",
    ),
    "utf-16": ('<?xml version="1.0"?><a/>'.encode("utf-16"), "XML_ENCODING"),
    "utf-16 without a mark": ("<a/>".encode("utf-16-le"), "XML_ENCODING"),
    "utf-32": ("<a/>".encode("utf-32"), "XML_ENCODING"),
    "ebcdic": ('<?xml version="1.0"?><a/>'.encode("cp500"), "XML_ENCODING"),
    "overlong utf-8": (b"<a>\xc0\xbc</a>", "XML_ENCODING"),
    "broken utf-8": (b"<a>\xff</a>", "XML_ENCODING"),
    "gzip": (b"\x1f\x8b\x08\x00\x00\x00", "XML_ENCODING"),
    "surrogate": (b"<a>\xed\xa0\x80</a>", "XML_ENCODING"),
    "nul": (b"<a>\0</a>", "XML_NUL"),
    "control character": (b"<a>\x01</a>", "XML_SYNTAX"),
    "control character reference": (b"<a>&#0;</a>", "XML_SYNTAX"),
    "noncharacter": ("<a>\ufffe</a>".encode(), "XML_SYNTAX"),
    "two roots": (b"<a/><b/>", "XML_TRAILING_CONTENT"),
    "text after the root": (b"<a/>x", "XML_TRAILING_CONTENT"),
    "nothing": (b"", "XML_EMPTY"),
    "white space": (b" \r\n", "XML_EMPTY"),
    "no xml": (b"a payment, please", "XML_SYNTAX"),
    "open tag": (b"<a><b></a>", "XML_SYNTAX"),
    "repeated attribute": (b'<a b="1" b="2"/>', "XML_SYNTAX"),
    "undeclared prefix": (b"<x:a/>", "XML_SYNTAX"),
    "unclosed comment": (b"<!-- <a/>", "XML_SYNTAX"),
    "60,000 unclosed comments": (b"<!--" * 60_000, "XML_SYNTAX"),
    "lower-case doctype": (b"<!doctype a><a/>", "XML_SYNTAX"),
    "xsi:type": (b'<a xmlns:xsi="%s" xsi:type="b"/>' % XSI, "XML_SCHEMA_INSTANCE"),
    "xsi:nil": (b'<a xmlns:xsi="%s"><b xsi:nil="true"/></a>' % XSI, "XML_SCHEMA_INSTANCE"),
    "schema location": (
        b'<a xmlns:q="%s" q:schemaLocation="urn:x http://127.0.0.1:9/x.xsd"/>' % XSI.replace(b"-", b"&#45;"),
        "XML_SCHEMA_INSTANCE",
    ),
    "xinclude": (
        b'<a xmlns:i="http://www.w3.org/2001/XInclude"><i:include href="file:///etc/passwd"/></a>',
        "XML_XINCLUDE",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_is_refused_with_its_code_within_50_ms(name: str) -> None:
    """Each attack has one stable code, and costs next to nothing."""
    body, code = HOSTILE[name]

    with pytest.raises(RemoteProtocolError) as refused:
        read(body)
    elapsed_ms = processor_ms(lambda: examined(body))

    assert [finding.code for finding in refused.value.findings] == [code]
    assert elapsed_ms < 50


@pytest.mark.parametrize("name", HOSTILE)
def test_a_refusal_quotes_nothing_of_the_body(name: str) -> None:
    """What a stranger sends does not reach a log through our own words."""
    with pytest.raises(RemoteProtocolError) as refused:
        read(HOSTILE[name][0])

    (finding,) = refused.value.findings
    assert finding.value is None
    assert len(finding.rule) + len(finding.hint) + len(finding.xpath) < 600


def test_a_hardened_parser_alone_would_let_most_of_these_through() -> None:
    """The control: libxml2's own hardening accepts what the reader refuses, so the table above can fail."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    accepted = []
    for name, (body, _code) in HOSTILE.items():
        if len(body) < 100_000:
            try:
                etree.fromstring(body, parser)
            except etree.XMLSyntaxError:
                continue
            accepted.append(name)

    assert {"doctype", "external entity", "comment in a value", "cdata", "xml 1.1", "utf-16", "xsi:type"} <= set(
        accepted
    )


def test_an_external_entity_is_never_opened(tmp_path: Path) -> None:
    """The file's content shows nowhere; the control is a careless parser, which does read it."""
    secret = tmp_path / "secret.txt"
    secret.write_text("CANARY")
    body = f'<!DOCTYPE a [<!ENTITY x SYSTEM "{secret.as_uri()}">]><a>&x;</a>'.encode()
    careless = etree.XMLParser(resolve_entities=True, load_dtd=True)

    with pytest.raises(RemoteProtocolError) as refused:
        read(body)

    assert "CANARY" not in repr(refused.value.findings)
    assert etree.fromstring(body, careless).text == "CANARY"


@pytest.mark.parametrize(
    "body",
    [
        b"<!-- a --><a><!-- <!DOCTYPE > <?pi?> <![CDATA[ --><b/><!-- --></a><!-- z -->",
        b"\xef\xbb\xbf<a/>",
        b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8" standalone="yes"?>\r\n<a/>',
        b"<?xml version='1.0'?><a b='!?'>?! &lt;&#65;</a>",
        b'<a xmlns:xsi="%s"/>' % XSI,
    ],
)
def test_harmless_forms_are_read(body: bytes) -> None:
    """A byte order mark, comments between elements, and what only looks like markup inside them are fine."""
    root = read(body)

    assert root.tag == "a"
    assert not root.xpath("//comment()[ancestor::a]")


def test_a_comment_between_elements_disappears_and_the_rest_stays() -> None:
    """Published samples carry legal notices; nobody downstream should have to think of comments."""
    root = read(b"<a> <b>1</b><!-- x --><b>2</b> </a>")

    assert [child.text for child in root] == ["1", "2"]


def test_every_limit_is_exact() -> None:
    """At the limit a message is read, one beyond it is refused."""
    limits = Limits(bytes_max=500, depth_max=3, elements_max=10, attributes_max=3, text_max=50)
    at_the_limit = [
        b"<a>" + b" " * 493 + b"</a>",
        b"<a><b><c/></b></a>",
        b"<a>" + b"<b/>" * 9 + b"</a>",
        b'<a b="" c="" d=""/>' + b" " * 100,
        b"<a>" + b"x" * 50 + b"</a>",
    ]
    beyond = {
        "XML_TOO_LARGE": b"<a>" + b" " * 494 + b"</a>",
        "XML_TOO_DEEP": b"<a><b><c><d/></c></b></a>",
        "XML_TOO_MANY_ELEMENTS": b"<a>" + b"<b/>" * 10 + b"</a>",
        "XML_TOO_MANY_ATTRIBUTES": b'<a b="" c="" d="" e=""/>' + b" " * 100,
        "XML_TEXT_TOO_LONG": b"<a>" + b"x" * 51 + b"</a>",
    }

    generous = Limits(bytes_max=500, depth_max=3, elements_max=10, attributes_max=3, text_max=500)
    for body in at_the_limit:
        read(body, generous if body.startswith(b"<a>  ") else limits)
    for code, body in beyond.items():
        with pytest.raises(RemoteProtocolError) as refused:
            read(body, limits)
        assert [finding.code for finding in refused.value.findings] == [code]


def test_a_syntax_error_says_where() -> None:
    """Line and column point at the fault."""
    with pytest.raises(RemoteProtocolError) as refused:
        read(b"<a>\n  <b>\n</a>")

    (finding,) = refused.value.findings
    assert (finding.line, finding.column) == (3, 5)


def test_every_truncation_of_a_message_is_refused() -> None:
    """Half a message is no message, wherever it was cut."""
    body = golden("pacs008_incoming.xml").rstrip()

    for length in range(len(body)):
        with pytest.raises(RemoteProtocolError):
            read(body[:length])
    assert read(body) is not None


def test_threads_read_at_the_same_time() -> None:
    """Each thread has a parser of its own."""
    body = golden("pacs008_incoming.xml")
    expected = etree.tostring(read(body))
    failures: list[bytes] = []

    def read_many() -> None:
        failures.extend(found for _ in range(200) if (found := etree.tostring(read(body))) != expected)

    threads = [threading.Thread(target=read_many) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert not failures
    assert LIMITS.bytes_max == 256 * 1024
