"""Hostile documents: name, bytes, and the code with which each is refused.."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Final

from tests.unit.iso20022.samples import golden

WATCHED_FILE: Final = b"file:///fifteen/canary.txt"
WATCHED_URL: Final = b"http://127.0.0.1:9/canary.dtd"
"""What the documents point to; a test that watches puts a file and an address of its own in their place."""

_XSI: Final = b"http://www.w3.org/2001/XMLSchema-instance"
_XINCLUDE: Final = b"http://www.w3.org/2001/XInclude"
_AMOUNT: Final = b'<Document xmlns="urn:x"><Amt>%s</Amt></Document>'
_PACS008: Final = golden("pacs008_bare.xml")
_DECLARATION: Final = b'<?xml version="1.0"%s?><a/>'


def _laughs(levels: int) -> bytes:
    entities = b"".join(b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, levels))
    return b'<!DOCTYPE a [<!ENTITY e0 "ha">%s]><a>&e%d;</a>' % (entities, levels - 1)


def _in_pacs008(old: bytes, new: bytes) -> bytes:
    assert _PACS008.count(old) >= 1, old
    return _PACS008.replace(old, new, 1)


def _names(count: int, form: bytes) -> bytes:
    return b" ".join(form.replace(b"#", b"%d" % n) for n in range(count))


DOCTYPES: Final[dict[str, tuple[bytes, str]]] = {
    "doctype": (b"<!DOCTYPE a><a/>", "XML_DOCTYPE"),
    "doctype after a comment": (b"<!-- - --><!DOCTYPE a><a/>", "XML_DOCTYPE"),
    "doctype after the declaration": (b'<?xml version="1.0"?>\n<!DOCTYPE a><a/>', "XML_DOCTYPE"),
    "doctype after a byte order mark": (b"\xef\xbb\xbf<!DOCTYPE a><a/>", "XML_DOCTYPE"),
    "doctype behind the root": (b"<a/><!DOCTYPE a>", "XML_DOCTYPE"),
    "doctype inside the root": (b"<a><!DOCTYPE a></a>", "XML_DOCTYPE"),
    "lower-case doctype": (b"<!doctype a><a/>", "XML_SYNTAX"),
    "entity declaration alone": (b'<!ENTITY a "b"><a/>', "XML_SYNTAX"),
    "external entity, a file": (b'<!DOCTYPE a [<!ENTITY x SYSTEM "%s">]><a>&x;</a>' % WATCHED_FILE, "XML_DOCTYPE"),
    "external entity, the network": (b'<!DOCTYPE a [<!ENTITY x SYSTEM "%s">]><a>&x;</a>' % WATCHED_URL, "XML_DOCTYPE"),
    "external entity, a public one": (
        b'<!DOCTYPE a [<!ENTITY x PUBLIC "-//x" "%s">]><a>&x;</a>' % WATCHED_URL,
        "XML_DOCTYPE",
    ),
    "external subset, a file": (b'<!DOCTYPE a SYSTEM "%s"><a/>' % WATCHED_FILE, "XML_DOCTYPE"),
    "external subset, the network": (b'<!DOCTYPE a SYSTEM "%s"><a/>' % WATCHED_URL, "XML_DOCTYPE"),
    "parameter entity": (b'<!DOCTYPE a [<!ENTITY %% x SYSTEM "%s">%%x;]><a/>' % WATCHED_FILE, "XML_DOCTYPE"),
    "parameter entity that sends a file away": (
        b'<!DOCTYPE a [<!ENTITY %% f SYSTEM "%s"><!ENTITY %% s "<!ENTITY x SYSTEM \'%s?%%f;\'>">%%s;]><a>&x;</a>'
        % (WATCHED_FILE, WATCHED_URL),
        "XML_DOCTYPE",
    ),
    "unparsed entity": (
        b'<!DOCTYPE a [<!NOTATION n SYSTEM "%s"><!ENTITY x SYSTEM "%s" NDATA n>]><a/>' % (WATCHED_URL, WATCHED_FILE),
        "XML_DOCTYPE",
    ),
    "billion laughs": (_laughs(10), "XML_DOCTYPE"),
    "billion laughs in an attribute": (_laughs(10).replace(b"<a>&e9;</a>", b'<a b="&e9;"/>'), "XML_DOCTYPE"),
    "quadratic blow-up": (b'<!DOCTYPE a [<!ENTITY x "%s">]><a>%s</a>' % (b"x" * 50_000, b"&x;" * 9_000), "XML_DOCTYPE"),
    "entity that names itself": (b'<!DOCTYPE a [<!ENTITY x "&x;">]><a>&x;</a>', "XML_DOCTYPE"),
    "default attribute": (b'<!DOCTYPE a [<!ATTLIST a b CDATA "c">]><a/>', "XML_DOCTYPE"),
    "attribute made an Id": (b'<!DOCTYPE a [<!ATTLIST a b ID #IMPLIED>]><a b="c"/>', "XML_DOCTYPE"),
    "undeclared entity": (_AMOUNT % b"&x;", "XML_ENTITY"),
    "entity of HTML": (_AMOUNT % b"&nbsp;", "XML_ENTITY"),
    "undeclared entity in an attribute": (b'<a b="&x;"/>', "XML_ENTITY"),
}  # fmt: skip

SIZES: Final[dict[str, tuple[bytes, str]]] = {
    "10 MB text": (b"<a>" + b"x" * 10_000_000 + b"</a>", "XML_TOO_LARGE"),
    "10 MB of elements": (b"<a>" + b"<b/>" * 2_500_000 + b"</a>", "XML_TOO_LARGE"),
    "10 MB of attributes": (b"<a " + _names(700_000, b'a#="1"') + b"/>", "XML_TOO_LARGE"),
    "10 MB of white space": (b" " * 10_000_000, "XML_TOO_LARGE"),
    "20,000 attributes": (b"<a " + _names(20_000, b'a#="1"') + b"/>", "XML_TOO_MANY_ATTRIBUTES"),
    "1,001 attributes of one element": (b"<a " + _names(1_001, b'a#="1"') + b"/>", "XML_TOO_MANY_ATTRIBUTES"),
    "attributes everywhere": (b"<a>" + b'<b c="1"/>' * 4_000 + b"</a>", "XML_TOO_MANY_ATTRIBUTES"),
    "9,000 namespaces": (b"<a " + _names(9_000, b'xmlns:a#="u:#"') + b"/>", "XML_TOO_MANY_ATTRIBUTES"),
    "namespaces everywhere": (b"<a>" + b'<b xmlns="u"/>' * 4_000 + b"</a>", "XML_TOO_MANY_ATTRIBUTES"),
    "namespaces bound again at every level": (
        b"".join(b'<a%d xmlns:p="u:%d">' % (n, n) for n in range(31)) + b"<x/>" * 2,
        "XML_SYNTAX",
    ),
    "a namespace of 30,000 characters used everywhere": (
        b'<p:a xmlns:p="%s">' % (b"u" * 30_000) + b"<p:b/>" * 4_000 + b"</p:a>",
        "XML_NAMESPACE_TOO_LONG",
    ),
    "a namespace of 30,000 characters on an attribute": (
        b"<a xmlns:p='%s' p:b='1'/>" % (b"u" * 30_000),
        "XML_NAMESPACE_TOO_LONG",
    ),
    "a namespace of 30,000 characters that nobody uses": (
        b'<a xmlns:p="u:%s"/>' % (b"u" * 30_000),
        "XML_NAMESPACE_TOO_LONG",
    ),
    "a relative namespace": (b'<a xmlns="b"/>', "XML_NAMESPACE_RELATIVE"),
    "a relative namespace that nobody uses": (
        _in_pacs008(b"<Document ", b'<Document xmlns:p="//127.0.0.1/x" '),
        "XML_NAMESPACE_RELATIVE",
    ),
    "a relative namespace behind references": (b'<a xmlns:p = "&#98;/c"/>', "XML_NAMESPACE_RELATIVE"),
    "a relative namespace of a long prefix": (b'<a xmlns:%s="b"/>' % (b"p" * 5_000), "XML_NAMESPACE_RELATIVE"),
    "50,000 words that begin like a namespace": (b"<a>" + b"xmlns" * 50_000 + b"</a>", "XML_TOO_MANY_ATTRIBUTES"),
    "40,000 words that begin like prefixes": (b"<a>" + b"xmlns:" * 40_000 + b"</a>", "XML_TOO_MANY_ATTRIBUTES"),
    "20,000 words that nearly are namespaces": (b"<a>" + b"xmlns='u:'" * 20_000 + b"</a>", "XML_TOO_MANY_ATTRIBUTES"),
    "6,000 elements": (b"<a>" + b"<b/>" * 6_000 + b"</a>", "XML_TOO_MANY_ELEMENTS"),
    "60,000 elements": (b"<a>" + b"<b/>" * 60_000 + b"</a>", "XML_TOO_MANY_ELEMENTS"),
    "40,000 different elements": (b"<a>" + _names(25_000, b"<n#/>") + b"</a>", "XML_TOO_MANY_ELEMENTS"),
    "40 deep": (b"<a>" * 40 + b"</a>" * 40, "XML_TOO_DEEP"),
    "200 deep": (b"<a>" * 200 + b"</a>" * 200, "XML_TOO_DEEP"),
    "40,000 deep": (b"<a>" * 40_000, "XML_TOO_DEEP"),
    "40 deep and 60,000 wide": (b"<a>" * 40 + b"<b/>" * 60_000 + b"</a>" * 40, "XML_TOO_DEEP"),
    "long text": (b"<a>" + b"x" * 40_000 + b"</a>", "XML_TEXT_TOO_LONG"),
    "long text of entities": (b"<a>" + b"&lt;" * 40_000 + b"</a>", "XML_TEXT_TOO_LONG"),
    "long attribute": (b'<a b="' + b"x" * 40_000 + b'"/>', "XML_TEXT_TOO_LONG"),
    "a name of 60,000 characters": (b"<" + b"a" * 60_000 + b"/>", "XML_SYNTAX"),
    "an attribute's name of 60,000 characters": (b"<a " + b"b" * 60_000 + b'="1"/>', "XML_SYNTAX"),
    "a prefix of 60,000 characters": (b"<" + b"p" * 60_000 + b':a xmlns:p="u"/>', "XML_SYNTAX"),
    "200,000 opening brackets": (b"<" * 200_000, "XML_SYNTAX"),
    "200,000 ampersands": (b"<a>" + b"&" * 200_000 + b"</a>", "XML_SYNTAX"),
    "30,000 comments": (b"<a>" + b"<!-- -->" * 30_000 + b"</a>", "XML_COMMENT_IN_VALUE"),
    "60,000 unclosed comments": (b"<!--" * 60_000, "XML_SYNTAX"),
    "a comment of hyphens": (b"<a><!--" + b"-" * 200_000 + b"--><b/></a>", "XML_SYNTAX"),
    "80,000 quotation marks after equals signs": (b"<a>" + b"='" * 80_000 + b"</a>", "XML_TEXT_TOO_LONG"),
    "a declaration that goes on": (b"<?xml " + b" " * 200_000 + b"?><a/>", "XML_DECLARATION"),
    "60,000 spaces before equals signs": (b"<a b" + b" " * 200_000 + b"='c'", "XML_SYNTAX"),
}  # fmt: skip

ENCODINGS: Final[dict[str, tuple[bytes, str]]] = {
    "xml 1.1": (b'<?xml version="1.1"?><a/>', "XML_VERSION"),
    "xml 2.0": (b'<?xml version="2.0"?><a/>', "XML_VERSION"),
    "xml of no version": (b'<?xml version=""?><a/>', "XML_VERSION"),
    "declaration without version": (b'<?xml encoding="UTF-8"?><a/>', "XML_DECLARATION"),
    "declaration twice": (b'<?xml version="1.0"?><?xml version="1.0"?><a/>', "XML_PROCESSING_INSTRUCTION"),
    "declaration after a space": (b' <?xml version="1.0"?><a/>', "XML_PROCESSING_INSTRUCTION"),
    "declaration in the wrong order": (b'<?xml encoding="UTF-8" version="1.0"?><a/>', "XML_DECLARATION"),
    "latin-1": (_DECLARATION % b' encoding="iso-8859-1"', "XML_ENCODING"),
    "windows-1252": (_DECLARATION % b' encoding="windows-1252"', "XML_ENCODING"),
    "us-ascii": (_DECLARATION % b' encoding="us-ascii"', "XML_ENCODING"),
    "utf-7": (b'<?xml version="1.0" encoding="UTF-7"?><a>+ADw-</a>', "XML_ENCODING"),
    "utf-7 by its mark": (b"+/v8-<a/>", "XML_ENCODING"),
    "utf-16 declared over utf-8": (_DECLARATION % b' encoding="UTF-16"', "XML_ENCODING"),
    "an encoding of nobody": (_DECLARATION % b' encoding="x-fifteen"', "XML_ENCODING"),
    "an encoding with a path": (_DECLARATION % b' encoding="../../etc/passwd"', "XML_ENCODING"),
    "byte order mark against the declaration": (b"\xef\xbb\xbf" + _DECLARATION % b' encoding="utf-16"', "XML_ENCODING"),
    "two byte order marks": (b"\xef\xbb\xbf\xef\xbb\xbf<a/>", "XML_SYNTAX"),
    "byte order mark alone": (b"\xef\xbb\xbf", "XML_EMPTY"),
    "utf-16": ('<?xml version="1.0"?><a/>'.encode("utf-16"), "XML_ENCODING"),
    "utf-16 big end first": (b"\xfe\xff" + "<a/>".encode("utf-16-be"), "XML_ENCODING"),
    "utf-16 without a mark": ("<a/>".encode("utf-16-le"), "XML_ENCODING"),
    "utf-16 without a mark, big end first": ("<a/>".encode("utf-16-be"), "XML_ENCODING"),
    "utf-32": ("<a/>".encode("utf-32"), "XML_ENCODING"),
    "utf-32 big end first": (b"\0\0\xfe\xff" + "<a/>".encode("utf-32-be"), "XML_ENCODING"),
    "utf-32 without a mark": ("<a/>".encode("utf-32-be"), "XML_ENCODING"),
    "ebcdic": ('<?xml version="1.0"?><a/>'.encode("cp500"), "XML_ENCODING"),
    "overlong utf-8": (b"<a>\xc0\xbc</a>", "XML_ENCODING"),
    "overlong bracket": (b"\xc0\xbca/>", "XML_ENCODING"),
    "overlong nul": (b"<a>\xc0\x80</a>", "XML_ENCODING"),
    "overlong by three bytes": (b"<a>\xe0\x80\xbc</a>", "XML_ENCODING"),
    "broken utf-8": (b"<a>\xff</a>", "XML_ENCODING"),
    "utf-8 cut in a character": ("<a>\u20ac".encode()[:-1], "XML_ENCODING"),
    "utf-8 beyond unicode": (b"<a>\xf4\x90\x80\x80</a>", "XML_ENCODING"),
    "surrogate": (b"<a>\xed\xa0\x80</a>", "XML_ENCODING"),
    "surrogate pair": (b"<a>\xed\xa0\xbd\xed\xb8\x80</a>", "XML_ENCODING"),
    "nul": (b"<a>\0</a>", "XML_NUL"),
    "nul behind the root": (b"<a/>\0", "XML_NUL"),
    "nul in a name": (b"<a\0b/>", "XML_NUL"),
    "control character": (b"<a>\x01</a>", "XML_SYNTAX"),
    "control character by reference": (b"<a>&#0;</a>", "XML_SYNTAX"),
    "surrogate by reference": (b"<a>&#xD800;</a>", "XML_SYNTAX"),
    "character reference beyond unicode": (b"<a>&#x110000;</a>", "XML_SYNTAX"),
    "character reference without end": (b"<a>&#" + b"9" * 50_000 + b";</a>", "XML_SYNTAX"),
    "noncharacter": ("<a>\ufffe</a>".encode(), "XML_SYNTAX"),
}  # fmt: skip

MARKUP: Final[dict[str, tuple[bytes, str]]] = {
    "comment in a value": (_AMOUNT % b"100<!-- x -->0.00", "XML_COMMENT_IN_VALUE"),
    "comment before a value": (_AMOUNT % b"<!-- x -->100.00", "XML_COMMENT_IN_VALUE"),
    "comment after a bracket": (_AMOUNT % b"1 ><!-- x -->", "XML_COMMENT_IN_VALUE"),
    "comment for a value": (_AMOUNT % b"<!-- x -->", "XML_COMMENT_IN_VALUE"),
    "comment between text and element": (_AMOUNT % b"1<!-- x --><B/>", "XML_COMMENT_IN_VALUE"),
    "comment in a real amount": (_in_pacs008(b"1250.75", b"1<!-- -->250.75"), "XML_COMMENT_IN_VALUE"),
    "comment with two hyphens": (b"<a><!-- -- --><b/></a>", "XML_SYNTAX"),
    "unclosed comment": (b"<!-- <a/>", "XML_SYNTAX"),
    "cdata": (_AMOUNT % b"<![CDATA[1]]>", "XML_CDATA"),
    "cdata that hides markup": (_AMOUNT % b"1<![CDATA[</Amt><Amt>2]]>", "XML_CDATA"),
    "cdata that is empty": (_AMOUNT % b"1<![CDATA[]]>0", "XML_CDATA"),
    "cdata not closed": (b"<a><![CDATA[", "XML_CDATA"),
    "the end of a cdata section": (_AMOUNT % b"]]>", "XML_SYNTAX"),
    "processing instruction": (_AMOUNT % b"1<?php ?>0", "XML_PROCESSING_INSTRUCTION"),
    "processing instruction behind the root": (b"<a/><?x?>", "XML_PROCESSING_INSTRUCTION"),
    "style sheet": (b'<?xml-stylesheet href="%s"?><a/>' % WATCHED_URL, "XML_PROCESSING_INSTRUCTION"),
    "catalogue": (b'<?oasis-xml-catalog catalog="%s"?><a/>' % WATCHED_FILE, "XML_PROCESSING_INSTRUCTION"),
    "xsi:type": (b'<a xmlns:xsi="%s" xsi:type="b"/>' % _XSI, "XML_SCHEMA_INSTANCE"),
    "xsi:nil": (b'<a xmlns:xsi="%s"><b xsi:nil="true"/></a>' % _XSI, "XML_SCHEMA_INSTANCE"),
    "schema location": (
        b'<a xmlns:q="%s" q:schemaLocation="urn:x %s"/>' % (_XSI.replace(b"-", b"&#45;"), WATCHED_URL),
        "XML_SCHEMA_INSTANCE",
    ),
    "schema location without a namespace": (
        b'<a xmlns:q="%s" q:noNamespaceSchemaLocation="%s"/>' % (_XSI, WATCHED_FILE),
        "XML_SCHEMA_INSTANCE",
    ),
    "xinclude": (b'<a xmlns:i="%s"><i:include href="%s"/></a>' % (_XINCLUDE, WATCHED_FILE), "XML_XINCLUDE"),
    "xinclude of text": (
        b'<i:include xmlns:i="%s" href="%s" parse="text"/>' % (_XINCLUDE, WATCHED_URL),
        "XML_XINCLUDE",
    ),
    "two roots": (b"<a/><b/>", "XML_TRAILING_CONTENT"),
    "text after the root": (b"<a/>x", "XML_TRAILING_CONTENT"),
    "text before the root": (b"x<a/>", "XML_SYNTAX"),
    "open tag": (b"<a><b></a>", "XML_SYNTAX"),
    "tags crossed": (b"<a><b></a></b>", "XML_SYNTAX"),
    "end tag alone": (b"</a>", "XML_SYNTAX"),
    "repeated attribute": (b'<a b="1" b="2"/>', "XML_SYNTAX"),
    "attribute repeated by another prefix": (b'<a xmlns:p="u" xmlns:q="u" p:b="1" q:b="2"/>', "XML_SYNTAX"),
    "attribute without quotes": (b"<a b=c/>", "XML_SYNTAX"),
    "bracket in an attribute": (b'<a b="<"/>', "XML_SYNTAX"),
    "undeclared prefix": (b"<x:a/>", "XML_SYNTAX"),
    "undeclared prefix of an attribute": (b'<a x:b="1"/>', "XML_SYNTAX"),
    "the prefix xml bound otherwise": (b'<a xmlns:xml="urn:x"/>', "XML_SYNTAX"),
    "a prefix bound to nothing": (b'<a xmlns:p=""/>', "XML_SYNTAX"),
    "conditional section": (b"<![INCLUDE[<a/>]]>", "XML_SYNTAX"),
    "truncated in a tag": (_PACS008[: _PACS008.index(b"<IntrBkSttlmAmt") + 5], "XML_SYNTAX"),
    "truncated in a value": (_PACS008[: _PACS008.index(b"1250.75") + 3], "XML_SYNTAX"),
}  # fmt: skip

NO_XML: Final[dict[str, tuple[bytes, str]]] = {
    "nothing": (b"", "XML_EMPTY"),
    "white space": (b" \r\n", "XML_EMPTY"),
    "text": (b"a payment, please", "XML_SYNTAX"),
    "json": (json.dumps({"amount": "51.74"}).encode(), "XML_SYNTAX"),
    "html": (b"<!DOCTYPE html><html><body><p>hello<br></body></html>", "XML_DOCTYPE"),
    "html without a doctype": (b"<html><body><p>hello<br></body></html>", "XML_SYNTAX"),
    "gzip": (gzip.compress(b"<a/>" * 10), "XML_ENCODING"),
    "gzip bomb": (gzip.compress(b"<a>" + b"x" * 10_000_000), "XML_ENCODING"),
    "zlib": (zlib.compress(b"<a/>"), "XML_ENCODING"),
    "zip": (b"PK\x03\x04\x14\x00\x00\x00\x08\x00", "XML_NUL"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "XML_ENCODING"),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00", "XML_ENCODING"),
    "a swift message": (b"{1:F01SAMPLEXXAXXX0000000000}{2:I103}{4:\n:20:X\n-}", "XML_SYNTAX"),
    "http": (b"POST /v1/messages HTTP/1.1\r\n\r\n<a/>", "XML_SYNTAX"),
}  # fmt: skip

UNREADABLE: Final = {**DOCTYPES, **SIZES, **ENCODINGS, **MARKUP, **NO_XML}
"""What the reader refuses."""

_PMTID: Final = b"<PmtId>"
_FEDNOW_INCOMING: Final = b'<FedNowIncoming xmlns="urn:fednow:incoming:v001">'
MESSAGES: Final[dict[str, bytes]] = {
    "900 attributes of one element": _in_pacs008(_PMTID, b"<PmtId " + _names(900, b'a#="1"') + b">"),
    "4,900 elements that nobody knows": _in_pacs008(_PMTID, b"<X/>" * 4_900 + _PMTID),
    "4,900 elements of a known name": _in_pacs008(b"<NbOfTxs>1</NbOfTxs>", b"<NbOfTxs>1</NbOfTxs>" * 4_900),
    "3,000 transactions": _in_pacs008(b"</CdtTrfTxInf>", b"</CdtTrfTxInf>" + b"<CdtTrfTxInf/>" * 3_000),
    "28 levels where none belong": _in_pacs008(_PMTID, b"<X>" * 28 + b"</X>" * 28 + _PMTID),
    "a name of 49,000 characters": _in_pacs008(_PMTID, b"<" + b"X" * 49_000 + b"/>" + _PMTID),
    "an attribute's name of 49,000 characters": _in_pacs008(_PMTID, b"<PmtId " + b"x" * 49_000 + b'="1">'),
    "an identifier of 32,000 characters": _in_pacs008(b"GOLDEN-E2E-0001", b"X" * 32_000),
    "an amount of 32,000 digits": _in_pacs008(b"1250.75", b"9" * 32_000),
    "an amount in another alphabet": _in_pacs008(b"1250.75", "\u0661\u0662\u0665\u0660.\u0667\u0665".encode()),
    "an amount with an exponent": _in_pacs008(b"1250.75", b"1e308"),
    "an amount that is no number": _in_pacs008(b"1250.75", b"NaN"),
    "an amount below zero": _in_pacs008(b"1250.75", b"-1250.75"),
    "a date that is none": _in_pacs008(b"2026-01-31T09:30:00-05:00", b"2026-02-30T09:30:00-05:00"),
    "a year of 30,000 digits": _in_pacs008(b"2026-01-31T09:30:00-05:00", b"9" * 30_000 + b"-01-31T09:30:00-05:00"),
    "a namespace that is nearly right": _in_pacs008(b"pacs.008.001.08", b"pacs.008.001.08 "),
    "a namespace without end": _in_pacs008(b"pacs.008.001.08", b"pacs.008.001." + b"0" * 200),
    "another namespace further in": _in_pacs008(b"<PmtId>", b'<PmtId xmlns="urn:x">'),
    "an unknown root": b"<" + b"A" * 40_000 + b"/>",
    "a Document without a namespace": b"<Document/>",
    "an envelope of nothing": _FEDNOW_INCOMING.replace(b">", b"/>"),
    "an envelope of 4,900 messages": (
        _FEDNOW_INCOMING + b"<FedNowIncomingMessage/>" * 4_900 + b"</FedNowIncoming>"
    ),
    "envelopes within envelopes": (
        _FEDNOW_INCOMING * 30 + b"</FedNowIncoming>" * 30
    ),
    "RTP's envelope of nothing": b'<Message xmlns="urn:tch"/>',
    "RTP's envelope of 4,900 messages": (
        b'<Message xmlns="urn:tch"><AppHdr/>' + b"<CreditTransfer/>" * 4_900 + b"</Message>"
    ),
}  # fmt: skip
"""What is readable, and refused as a message; each is a pacs.008 where nothing else is said."""
