"""Bytes into a tree, hardened and bounded: what is not plain UTF-8 XML 1.0 within the limits never gets further.

libxml2, even hardened, accepts a DOCTYPE, UTF-16, XML 1.1, processing instructions, and reads ``100<!-- -->0.00`` as
``100`` where a signature sees ``1000.00``. So the bytes are looked at first, and the tree once more afterwards. Nothing
here reads a file or the network.
"""

import ctypes
import re
import threading
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeAlias

from lxml import etree

from iso20022.errors import RemoteProtocolError
from iso20022.findings import Finding
from iso20022.paths import first_element, holds, line_of, named_xpath

Element: TypeAlias = etree._Element  # noqa: SLF001 - lxml has no other name for the type
"""An element of a tree that was read: a Document, an AppHdr, or what is in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of a message is read. The defaults are several times the largest that a participant sends.

    ``bytes_max`` bounds the body, ``text_max`` the characters of one value, ``namespace_max`` those of a namespace
    (canonical XML may write it at every element), the others count within the whole message.
    """

    bytes_max: int = 256 * 1024
    depth_max: int = 32
    elements_max: int = 5_000
    attributes_max: int = 1_000
    text_max: int = 32 * 1024
    namespace_max: int = 256


LIMITS: Final = Limits()
"""The default limits."""

RAIL_LIMITS: Final = Limits(bytes_max=16 * 1024 * 1024, elements_max=400_000, attributes_max=50_000)
"""Those of what a rail sends: a participant file lists them all, and a page of details 5,000 messages."""

_BOM: Final = b"\xef\xbb\xbf"
# How another encoding begins: byte order marks, "<?" in UTF-16 and UTF-32 without one, "<?xm" in EBCDIC.
_FOREIGN_STARTS: Final = (
    b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff", b"<\x00", b"\x00<", b"\x00\x00\x00<", b"\x4c\x6f\xa7\x94", b"+/v",
)  # fmt: skip
_DECLARATION: Final = re.compile(
    rb"<\?xml\s+version\s*=\s*(?P<q1>[\"'])(?P<version>[^\"'<>]*)(?P=q1)"
    rb"(?:\s+encoding\s*=\s*(?P<q2>[\"'])(?P<encoding>[^\"'<>]*)(?P=q2))?"
    rb"(?:\s+standalone\s*=\s*(?P<q3>[\"'])(?:yes|no)(?P=q3))?\s*\?>"
)
_REFUSED_MARKUP: Final = {b"<![CDATA[": "XML_CDATA", b"<!DOCTYPE": "XML_DOCTYPE"}

_RULES: Final[dict[str, tuple[str, str]]] = {
    "XML_EMPTY": ("A message has content.", "Send the message as the body."),
    "XML_TOO_LARGE": ("A message stays within {0} bytes.", "Send one payment per message, without attachments."),
    "XML_ENCODING": ("A message is UTF-8 and says so, or says nothing.", "Encode it as UTF-8 and declare that."),
    "XML_NUL": ("A message holds no NUL byte.", "Encode it as UTF-8, as text."),
    "XML_DECLARATION": ("The XML declaration is well formed.", 'Begin with <?xml version="1.0"?>.'),
    "XML_VERSION": ("A message is XML 1.0.", "Declare version 1.0."),
    "XML_DOCTYPE": ("A message has no DOCTYPE.", "Remove it; the schema is known from the namespace."),
    "XML_ENTITY": ("A message uses no entities but the five of XML itself.", "Write the character instead."),
    "XML_CDATA": ("A message has no CDATA section.", "Write the text plainly and escape <, > and &."),
    "XML_PROCESSING_INSTRUCTION": ("A message has no processing instruction.", "Remove it."),
    "XML_COMMENT_IN_VALUE": ("A comment never stands in a value.", "Move the comment between elements, or remove it."),
    "XML_SCHEMA_INSTANCE": (
        "A message uses no XMLSchema-instance attribute (xsi:type, xsi:nil, xsi:schemaLocation).",
        "Remove it; the schema is known from the namespace.",
    ),
    "XML_XINCLUDE": ("A message includes nothing from elsewhere.", "Remove the XInclude element."),
    "XML_TOO_DEEP": ("Elements nest at most {0} deep.", "Check that every element is closed where it should be."),
    "XML_TOO_MANY_ELEMENTS": ("A message has at most {0} elements.", "Send one payment per message."),
    "XML_TOO_MANY_ATTRIBUTES": ("A message has at most {0} attributes.", "Remove all but Ccy."),
    "XML_NAMESPACE_TOO_LONG": ("A namespace stays within {0} characters.", "Use the namespace of the message type."),
    "XML_NAMESPACE_RELATIVE": ("A namespace is an absolute URI.", "Use the namespace of the message type."),
    "XML_TEXT_TOO_LONG": ("A text stays within {0} characters.", "Shorten the text to what its type allows."),
    "XML_TRAILING_CONTENT": ("A message has one root, and nothing after it.", "Send one message per body."),
    "XML_SYNTAX": ("A message is well-formed XML ({0}).", "Correct it at the line and column given."),
}  # fmt: skip

_EXPRESSIONS: Final = {
    "XML_SCHEMA_INSTANCE": "(//@xsi:*)[1]/..",
    "XML_XINCLUDE": "(//xi:*)[1]",
    "XML_COMMENT_IN_VALUE": "(//*[comment()][not(*) or text()[normalize-space()]])[1]",
}
_NAMESPACES: Final = {
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "xi": "http://www.w3.org/2001/XInclude",
}
# Counted, never boolean(): libxml2 would first sort the nodes, which takes seconds for 30,000 comments.
_ELEMENTS: Final = etree.XPath("count(//*) > $most")
_COMMENTS_INSIDE: Final = etree.XPath("count(descendant::comment()) > 0")
_ATTRIBUTES: Final = etree.XPath("count(//@*) > $most")
_LONG_TEXTS: Final = etree.XPath("count(//text()[string-length() > $most]) + count(//@*[string-length() > $most]) > 0")
_SUSPECTS: Final = {code: etree.XPath(text, namespaces=_NAMESPACES) for code, text in _EXPRESSIONS.items()}
_ERROR_NAMES: Final = {
    value: name.removeprefix("ERR_").removeprefix("NS_ERR_").replace("_", " ").lower()
    for name, value in vars(etree.ErrorTypes).items()
    if isinstance(value, int) and name.startswith(("ERR_", "NS_ERR_"))
}
_SUSPECT_NAMESPACES: Final = b"//www.w3.org/2001/X"  # how both begin
# libxml2's errors, where one of our codes says it better.
_SYNTAX_CODES: Final = {
    int(etree.ErrorTypes.ERR_UNDECLARED_ENTITY): "XML_ENTITY",
    int(etree.ErrorTypes.WAR_UNDECLARED_ENTITY): "XML_ENTITY",
    int(etree.ErrorTypes.ERR_DOCUMENT_END): "XML_TRAILING_CONTENT",
}
_ABSOLUTE: Final = re.compile("[A-Za-z][A-Za-z0-9+.-]*:")  # RFC 3986: it begins with a scheme
_XML_WHITESPACE: Final = b" \t\r\n"

_BYTES_PER_PARSER: Final = 1024 * 1024
"""How much one thread reads before its parser and the dictionary of names behind it are replaced: every 250 payments.

A replacement takes 7 microseconds; a megabyte of made-up names makes a dictionary of some ten.
"""
_LXML_DICTIONARY: Final = "_ParserDictionaryContext"
_STATE_OF_THREAD: Final = ctypes.PYFUNCTYPE(ctypes.c_void_p)(("PyThreadState_GetDict", ctypes.pythonapi))


class _OfThread(threading.local):
    """A thread's own parser, and how many bytes it has read."""

    parser: etree.XMLParser | None = None
    bytes_read: int = 0


_OF_THREAD: Final = _OfThread()


def read(body: bytes, limits: Limits = LIMITS) -> etree._Element:
    """The root element of the message, without comments.

    Raises RemoteProtocolError with one finding whose code says what is refused. Repeatable; touches nothing outside.
    """
    has_comments = _check_bytes(body, limits)
    root = _parse(body, limits)
    _check_tree(root, body, limits, has_comments=has_comments)
    if has_comments:
        etree.strip_tags(root, etree.Comment)
    return root


def _check_bytes(body: bytes, limits: Limits) -> bool:
    """Refuse what must not reach the parser; the answer is whether there are comments."""
    if len(body) > limits.bytes_max:
        raise _refused("XML_TOO_LARGE", limits.bytes_max)
    if body.startswith(_FOREIGN_STARTS):
        raise _refused("XML_ENCODING")
    start = len(_BOM) if body.startswith(_BOM) else 0
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refused("XML_ENCODING", at=(body, error.start)) from error
    if b"\0" in body:
        raise _refused("XML_NUL", at=(body, body.index(b"\0")))
    if not body[start:].strip(_XML_WHITESPACE):
        raise _refused("XML_EMPTY")
    return _check_markup(body, _after_declaration(body, start))


def _after_declaration(body: bytes, start: int) -> int:
    if not body.startswith(b"<?xml", start) or body[start + 5 : start + 6] not in _XML_WHITESPACE:
        return start
    match = _DECLARATION.match(body, start)
    if match is None:
        raise _refused("XML_DECLARATION", at=(body, start))
    if match["version"] != b"1.0":
        raise _refused("XML_VERSION", at=(body, match.start("version")))
    encoding = match["encoding"]
    if encoding is not None and encoding.upper() != b"UTF-8":
        raise _refused("XML_ENCODING", at=(body, match.start("encoding")))
    return match.end()


def _check_markup(body: bytes, start: int) -> bool:
    """Refuse markup beyond elements and comments, from left to right: what stands in a comment is no markup."""
    instruction = _find(body, b"<?", start)
    has_comments = False
    while (position := _find(body, b"<!", start)) >= 0:
        if 0 <= instruction < position:
            break
        if not body.startswith(b"<!--", position):
            for markup, code in _REFUSED_MARKUP.items():
                if body.startswith(markup, position):
                    raise _refused(code, at=(body, position))
            return has_comments  # no XML has this: the parser says what is wrong
        has_comments = True
        start = body.find(b"-->", position + 4) + 3
        if start < 3:
            return has_comments  # never closed: the parser says so
        if 0 <= instruction < start:
            instruction = _find(body, b"<?", start)
    if instruction >= 0:
        raise _refused("XML_PROCESSING_INSTRUCTION", at=(body, instruction))
    return has_comments


def _find(body: bytes, markup: bytes, start: int) -> int:
    """Where the two bytes stand, else -1. Seeking the rarer second byte alone first is several times quicker."""
    second = body.find(markup[1:], start)
    return -1 if second < 0 else body.find(markup, max(start, second - 1))


def _parse(body: bytes, limits: Limits) -> etree._Element:
    try:
        return etree.fromstring(body, _parser(len(body)))
    except etree.XMLSyntaxError as error:
        number: int = getattr(error, "code", 0)
        code = _SYNTAX_CODES.get(number, "XML_SYNTAX")
        detail: int | str = _ERROR_NAMES.get(number, "syntax error")
        if number == etree.ErrorTypes.ERR_RESOURCE_LIMIT:
            deep = str(error.msg).startswith("Excessive depth")
            code, detail = ("XML_TOO_DEEP", limits.depth_max) if deep else ("XML_TEXT_TOO_LONG", limits.text_max)
        line, column = error.position
        raise RemoteProtocolError(_finding(code, detail, line=line, column=column)) from error


def _parser(size: int) -> etree.XMLParser:
    """The parser of the running thread, for so many bytes more."""
    own = _OF_THREAD
    if own.bytes_read + size > _BYTES_PER_PARSER:
        _forget_names()
        own.parser, own.bytes_read = None, 0
    own.bytes_read += size
    if own.parser is None:
        own.parser = _new_parser()
    return own.parser


def _new_parser() -> etree.XMLParser:
    return etree.XMLParser(
        encoding="UTF-8",
        attribute_defaults=False,
        dtd_validation=False,
        load_dtd=False,
        no_network=True,
        recover=False,
        huge_tree=False,
        resolve_entities=False,
        strip_cdata=False,
        collect_ids=False,
    )


def _forget_names() -> None:
    """Let go of the dictionary in which lxml keeps every name that this thread has ever read.

    lxml gives all parsers of a thread one dictionary and never empties it; libxml2 lets it grow to 100 MB. 454 messages
    of made-up names, one second's worth, filled it: from then on the thread refused every message, valid ones included,
    for good. lxml has no call for this; the dictionary lies in CPython's per-thread state, and without it the next new
    parser brings a new one. Trees that were read before keep theirs.
    """
    state: dict[str, object] = ctypes.cast(_STATE_OF_THREAD(), ctypes.py_object).value
    state.pop(_LXML_DICTIONARY, None)


def _check_tree(root: etree._Element, body: bytes, limits: Limits, *, has_comments: bool) -> None:
    """Refuse what the parser lets through. What the bytes rule out already is not looked for in the tree."""
    if holds(_too_deep(limits.depth_max), root):
        raise _refused("XML_TOO_DEEP", limits.depth_max)
    if len(body) > limits.elements_max * len(b"<a/>") and holds(_ELEMENTS, root, most=limits.elements_max):
        raise _refused("XML_TOO_MANY_ELEMENTS", limits.elements_max)
    if len(body) > limits.attributes_max * len(b' a=""') and (
        holds(_ATTRIBUTES, root, most=limits.attributes_max) or body.count(b"xmlns") > limits.attributes_max
    ):
        raise _refused("XML_TOO_MANY_ATTRIBUTES", limits.attributes_max)
    _check_namespaces(root, body, limits)
    if len(body) > limits.text_max and holds(_LONG_TEXTS, root, most=limits.text_max):
        raise _refused("XML_TEXT_TOO_LONG", limits.text_max)
    suspects = ["XML_COMMENT_IN_VALUE"] if has_comments and holds(_COMMENTS_INSIDE, root) else []
    if b"&" in body or _SUSPECT_NAMESPACES in body:  # "&" may spell a namespace out of sight
        suspects += ["XML_SCHEMA_INSTANCE", "XML_XINCLUDE"]
    for code in suspects:
        found = first_element(_SUSPECTS[code], root)
        if found is not None:
            raise RemoteProtocolError(_finding(code, xpath=named_xpath(found, root)[:400], line=line_of(found)))


def _check_namespaces(root: etree._Element, body: bytes, limits: Limits) -> None:
    """Refuse names of namespaces that canonical XML cannot write, or would write at every element at great length."""
    if _odd_namespaces(limits.namespace_max).search(body) is None:
        return
    for _, (_, namespace) in etree.iterwalk(root, events=("start-ns",)):
        if len(namespace) > limits.namespace_max:
            raise _refused("XML_NAMESPACE_TOO_LONG", limits.namespace_max)
        if namespace and _ABSOLUTE.match(namespace) is None:
            raise _refused("XML_NAMESPACE_RELATIVE")


@cache
def _odd_namespaces(length: int) -> re.Pattern[bytes]:
    """Whatever begins like a declaration of a namespace and is not plainly one that may stand: the tree decides.

    Every repetition is bounded, so that no body makes it slow.
    """
    return re.compile(
        rb"xmlns(?!(?::[^\s=\"'<>]{1,64})?[ \t\r\n]{0,8}=[ \t\r\n]{0,8}[\"']"
        rb"(?:[A-Za-z][A-Za-z0-9+.-]{0,32}:[^\"'<&]{0,%d})?[\"'])" % (length // 2)
    )


@cache
def _too_deep(depth_max: int) -> etree.XPath:
    return etree.XPath(f"count({'/*' * (depth_max + 1)}) > 0")


def _refused(code: str, detail: int | str = "", *, at: tuple[bytes, int] | None = None) -> RemoteProtocolError:
    if at is None:
        return RemoteProtocolError(_finding(code, detail))
    body, position = at
    line = body.count(b"\n", 0, position) + 1
    return RemoteProtocolError(_finding(code, detail, line=line, column=position - body.rfind(b"\n", 0, position)))


def _finding(
    code: str, detail: int | str = "", *, xpath: str = "/", line: int | None = None, column: int | None = None
) -> Finding:
    rule, hint = _RULES[code]
    return Finding(code=code, xpath=xpath, line=line, column=column, rule=rule.format(detail), hint=hint)
