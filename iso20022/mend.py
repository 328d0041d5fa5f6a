"""The smallest certain mend of a faulty message: bytes are changed where the fault is, and nowhere else.

A mend is certain when only one reading of the message is possible and its meaning stays: the letters' case of a UETR,
a code word or an element's name, white space around a code or date, the order of elements, a namespace that was
forgotten, an optional element without content, an encoding that is declared wrongly of plain ASCII, a location hint for
schemas. Amounts, accounts, names, texts and identifiers are never changed, and nothing is ever made up. Each mend is
kept only if the message is better for it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from iso20022.examine import Report
from iso20022.findings import Finding, Severity
from iso20022.mend_structure import Edit, Ground, structural_edit
from iso20022.personal import is_personal
from iso20022.places import Plan
from iso20022.schemas.facets import fault_of
from iso20022.schemas.model import BuiltIn

_MENDS_MAX: Final = 200  # as many as findings are listed
_ASCII_NAMES: Final = re.compile(rb"(?i:us-ascii|ascii|iso-8859-1|iso8859-1|latin-?1|windows-1252|cp1252|utf8)")
_ENCODING: Final = re.compile(rb"^(?:\xef\xbb\xbf)?<\?xml[^>]*?\bencoding\s*=\s*[\"']([^\"']*)[\"']")
_SCHEMA_LOCATION: Final = re.compile(
    rb"\s+(?:[\w.\-]+:)?(?:noNamespaceSchemaLocation|schemaLocation)\s*=\s*(?:\"[^\"<]*\"|'[^'<]*')"
)
_XML_WHITESPACE: Final = " \t\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """One change that was made: the finding's code and place, and in words what was done."""

    code: str
    xpath: str
    line: int | None
    what: str

    def as_json(self) -> dict[str, str | int | None]:
        """The stable JSON form; keys are only ever added."""
        return {"code": self.code, "xpath": self.xpath, "line": self.line, "what": self.what}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """The mended body, what was changed, and the report on it; without a mend, body and report are those given."""

    body: bytes
    mends: tuple[Mend, ...]
    report: Report


def mended(body: bytes, explained: Callable[[bytes], Report]) -> Mended:
    """The body with every certain mend, one after the other; ``explained`` gives the full report on a body.

    A mend that does not leave fewer errors is not made. The same body gives the same result, and mending that once more
    changes nothing. Raises nothing for bad input.
    """
    report = explained(body)
    mends: list[Mend] = []
    tried: set[tuple[str, str]] = set()
    while len(mends) < _MENDS_MAX:
        better = _first_better(body, report, explained, tried)
        if better is None:
            break
        body, report, mend = better
        mends.append(mend)
    return Mended(body=body, mends=tuple(mends), report=report)


def _first_better(
    body: bytes, report: Report, explained: Callable[[bytes], Report], tried: set[tuple[str, str]]
) -> tuple[bytes, Report, Mend] | None:
    """The first mend that leaves fewer errors. What was tried in vain is not tried again."""
    for finding, edit in _candidates(body, report):
        if (finding.code, finding.xpath) in tried or len(tried) > _MENDS_MAX:
            continue
        changed = edit.applied(body)
        after = explained(changed)
        if _badness(after) < _badness(report):
            mend = Mend(code=finding.code, xpath=finding.xpath, line=finding.line, what=edit.what)
            return changed, after, mend
        tried.add((finding.code, finding.xpath))
    return None


def _badness(report: Report) -> tuple[bool, bool, int]:
    """How bad a message is: unreadable is worst, then an envelope that ends the examination, then many errors."""
    errors = [finding for finding in report.findings if finding.severity is Severity.ERROR]
    return not report.readable, report.message_type is None and bool(errors), len(errors)


def _candidates(body: bytes, report: Report) -> Iterator[tuple[Finding, Edit]]:
    plan = Plan(body) if report.readable else None
    for finding in report.findings:
        if finding.severity is not Severity.ERROR:
            continue
        if plan is None:
            edit = _UNREADABLE[finding.code](body) if finding.code in _UNREADABLE else None
        else:
            ground = Ground.of(finding, report, plan)
            edit = None if ground is None else _edit_of(ground)
        if edit is not None:
            yield finding, edit


def _edit_of(ground: Ground) -> Edit | None:
    text_edit = _text_edit(ground) if ground.finding.code in _TEXT_CODES else None
    return text_edit or structural_edit(ground)


_TEXT_CODES: Final = frozenset({"XSD_ENUMERATION", "XSD_PATTERN", "XSD_TYPE"})


def _text_edit(ground: Ground) -> Edit | None:
    """A value written in its type's own way: without white space around it, or in the right letters."""
    name = ground.steps[-1]
    if name.startswith("@") or is_personal(ground.finding.xpath) or name.endswith(("Amt", "Sum", "Id")):
        return None
    place, simple_type = ground.place, ground.simple_type
    text = ground.plan.body[place.inside : place.closing]
    if place.name != name or simple_type is None or b"<" in text or b"&" in text:
        return None
    value = text.decode()
    stripped = value.strip(_XML_WHITESPACE)
    spellings = {"white space around the value removed": stripped}
    if simple_type.enumeration:
        same = [word for word in simple_type.enumeration if word.casefold() == stripped.casefold()]
        if len(same) == 1:
            spellings[f"{stripped} written {same[0]}"] = same[0]
    elif simple_type.base is BuiltIn.BOOLEAN:
        spellings[f"{stripped} written {stripped.lower()}"] = stripped.lower()
    elif name.endswith("UETR"):
        spellings["written in lower case"] = stripped.lower()
    for what, spelling in spellings.items():
        if spelling != value and fault_of(simple_type, ground.type_name, spelling) is None:
            return Edit(((place.inside, place.closing, spelling.encode()),), what)
    return None


def _without_schema_location(body: bytes) -> Edit | None:
    """Hints where a schema lies are taken out: the schema is known from the namespace."""
    found = tuple((match.start(), match.end(), b"") for match in _SCHEMA_LOCATION.finditer(body))
    return Edit(found, "schemaLocation removed") if found else None


def _declared_as_utf8(body: bytes) -> Edit | None:
    """Plain ASCII is UTF-8 too: only the declaration is wrong."""
    match = _ENCODING.match(body)
    if match is None or not body.isascii() or _ASCII_NAMES.fullmatch(match[1]) is None:
        return None
    return Edit(((match.start(1), match.end(1), b"UTF-8"),), f"encoding {match[1].decode()} declared as UTF-8")


_UNREADABLE: Final[dict[str, Callable[[bytes], Edit | None]]] = {
    "XML_SCHEMA_INSTANCE": _without_schema_location,
    "XML_ENCODING": _declared_as_utf8,
}
