"""What a Document says, as bytes to hash: the same for an honest retry, different for any other content."""

import re
from typing import Final, cast

from lxml import etree

from iso20022.paths import namespace_of

_PREFIX_DECLARED: Final = b" xmlns:"
_CREATION_TIME: Final = re.compile(rb"(<GrpHdr>.*?)<CreDtTm>[^<]*</CreDtTm>", re.DOTALL)
_SPACE_AFTER_TAG: Final = (b"> ", b">\n", b">\t")
_SPACE_BEFORE_START: Final = re.compile(rb">[ \t\n]+<(?!/)")
_SPACE_BETWEEN_ENDS: Final = re.compile(rb"(</[^>]+>)[ \t\n]+(?=</)")


def content_fingerprint_source(document: etree._Element) -> bytes:
    """The Document's content in one normal form: exclusive canonical XML without prefixes, white space and comments.

    Independent of namespace prefixes, of white space between elements, and of comments; white space that is a leaf's
    value stays. ``GrpHdr/CreDtTm`` is left out: an honest retry differs in its header and creation time only. Two
    different contents never give equal bytes, since canonical XML never does.
    """
    canonical = _canonical(document)
    if document.prefix is not None or _PREFIX_DECLARED in canonical:
        canonical = _canonical(_without_prefixes(etree.fromstring(canonical)))
    if any(space in canonical for space in _SPACE_AFTER_TAG):
        # "<" stands in no text and no attribute of canonical XML, so that these find tags and nothing else.
        canonical = _SPACE_BETWEEN_ENDS.sub(rb"\1", _SPACE_BEFORE_START.sub(b"><", canonical))
    return _CREATION_TIME.sub(rb"\1<CreDtTm></CreDtTm>", canonical, count=1)


def _canonical(document: etree._Element) -> bytes:
    return etree.tostring(document, method="c14n", exclusive=True, with_comments=False, with_tail=False)


def _without_prefixes(element: etree._Element) -> etree._Element:
    """A copy in which every element declares its own namespace as the default."""
    default: dict[str | None, str] = {None: namespace_of(str(element.tag))}
    copy = etree.Element(element.tag, nsmap=cast("dict[str, str]", default))
    for name, value in element.attrib.items():
        copy.set(name, value)
    copy.text = element.text
    for child in element.iterchildren("*"):
        inner = _without_prefixes(child)
        inner.tail = child.tail
        copy.append(inner)
    return copy
