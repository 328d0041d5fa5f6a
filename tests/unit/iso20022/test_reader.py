"""What is not plain, bounded, well-formed XML is refused, each kind with its own code, quickly, touching nothing."""

import threading
from pathlib import Path

import pytest
from lxml import etree

from iso20022 import LIMITS, Limits, RemoteProtocolError, read
from tests.unit.iso20022.hostile import UNREADABLE
from tests.unit.iso20022.samples import golden

XSI = b"http://www.w3.org/2001/XMLSchema-instance"


@pytest.mark.parametrize("name", UNREADABLE)
def test_hostile_input_is_refused_with_its_code(name: str) -> None:
    """Each attack has one stable code; what it costs is measured in test_hostile."""
    body, code = UNREADABLE[name]

    with pytest.raises(RemoteProtocolError) as refused:
        read(body)

    assert [finding.code for finding in refused.value.findings] == [code]


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_refusal_quotes_nothing_of_the_body(name: str) -> None:
    """What a stranger sends does not reach a log through our own words."""
    with pytest.raises(RemoteProtocolError) as refused:
        read(UNREADABLE[name][0])

    (finding,) = refused.value.findings
    assert finding.value is None
    assert len(finding.rule) + len(finding.hint) + len(finding.xpath) < 600


def test_a_hardened_parser_alone_would_let_most_of_these_through() -> None:
    """The control: libxml2's own hardening accepts what the reader refuses, so the table above can fail."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    accepted = []
    for name, (body, _code) in UNREADABLE.items():
        if len(body) < 100_000:
            try:
                etree.fromstring(body, parser)
            except etree.XMLSyntaxError:
                continue
            accepted.append(name)

    assert {
        "doctype",
        "external entity, a file",
        "comment in a value",
        "cdata",
        "xml 1.1",
        "utf-16",
        "xsi:type",
    } <= set(accepted)


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
        b'<a b="xmlns"><b xmlns="">xmlns:c="d" &lt;x xmlns=""</b></a>',
        b"<a xmlns:%s = 'a.b+c-1:&#120;'/>" % (b"p" * 100),
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
    limits = Limits(bytes_max=500, depth_max=3, elements_max=10, attributes_max=3, text_max=50, namespace_max=30)
    at_the_limit = [
        b"<a>" + b" " * 493 + b"</a>",
        b"<a><b><c/></b></a>",
        b"<a>" + b"<b/>" * 9 + b"</a>",
        b'<a b="" c="" d=""/>' + b" " * 100,
        b"<a>" + b"x" * 50 + b"</a>",
        b'<a xmlns="u:' + b"x" * 28 + b'"/>',
    ]
    beyond = {
        "XML_TOO_LARGE": b"<a>" + b" " * 494 + b"</a>",
        "XML_TOO_DEEP": b"<a><b><c><d/></c></b></a>",
        "XML_TOO_MANY_ELEMENTS": b"<a>" + b"<b/>" * 10 + b"</a>",
        "XML_TOO_MANY_ATTRIBUTES": b'<a b="" c="" d="" e=""/>' + b" " * 100,
        "XML_TEXT_TOO_LONG": b"<a>" + b"x" * 51 + b"</a>",
        "XML_NAMESPACE_TOO_LONG": b'<a xmlns:unused="u:' + b"x" * 29 + b'"/>',
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
