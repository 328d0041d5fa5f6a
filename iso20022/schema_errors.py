"""libxml2's schema errors as findings: quick and stable, but not always all of them; :func:`explain` says more."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from lxml import etree

from iso20022.findings import Finding
from iso20022.paths import first_element, named_xpath
from iso20022.personal import masked_at

_FINDINGS_MAX: Final = 50  # what a person can read; hostile input makes thousands

XSD_RULES: Final[dict[str, tuple[str, str]]] = {
    "XSD_MISSING": ("A mandatory element is missing.", "Add it."),
    "XSD_UNEXPECTED": ("An element stands where the schema has none.", "Check its name, and what is before it."),
    "XSD_ENUMERATION": ("The value is one of the code words of its type.", "Use one of them."),
    "XSD_PATTERN": ("The value has the form of its type.", "Write it in that form."),
    "XSD_LENGTH": ("The value has a length that its type allows.", "Shorten or complete it."),
    "XSD_DIGITS": ("The number has no more digits than its type allows.", "Round or shorten it."),
    "XSD_RANGE": ("The number lies in the range of its type.", "Correct it."),
    "XSD_TYPE": ("The value is of its type.", "Write it in the form of that type."),
    "XSD_ATTRIBUTE_MISSING": ("A mandatory attribute is missing.", "Add it."),
    "XSD_ATTRIBUTE_UNEXPECTED": ("An attribute stands where the schema has none.", "Remove it."),
    "XSD_TEXT": ("An element of elements has no text of its own.", "Remove the text."),
    "XSD_INVALID": ("The message follows its schema.", "Compare the element with the schema."),
}  # fmt: skip
"""What each kind of schema finding means where nothing closer is known, and how it is mended."""

_CODES: Final = {
    "SCHEMAV_ELEMENT_CONTENT": "XSD_UNEXPECTED",
    "SCHEMAV_CVC_ENUMERATION_VALID": "XSD_ENUMERATION",
    "SCHEMAV_CVC_PATTERN_VALID": "XSD_PATTERN",
    "SCHEMAV_CVC_MAXLENGTH_VALID": "XSD_LENGTH",
    "SCHEMAV_CVC_MINLENGTH_VALID": "XSD_LENGTH",
    "SCHEMAV_CVC_LENGTH_VALID": "XSD_LENGTH",
    "SCHEMAV_CVC_FRACTIONDIGITS_VALID": "XSD_DIGITS",
    "SCHEMAV_CVC_TOTALDIGITS_VALID": "XSD_DIGITS",
    "SCHEMAV_CVC_MININCLUSIVE_VALID": "XSD_RANGE",
    "SCHEMAV_CVC_MAXINCLUSIVE_VALID": "XSD_RANGE",
    "SCHEMAV_CVC_DATATYPE_VALID_1_2_1": "XSD_TYPE",
    "SCHEMAV_CVC_TYPE_3_1_1": "XSD_ATTRIBUTE_UNEXPECTED",
    "SCHEMAV_CVC_TYPE_3_1_2": "XSD_UNEXPECTED",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_3": "XSD_TEXT",
    "SCHEMAV_CVC_COMPLEX_TYPE_2_2": "XSD_UNEXPECTED",
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": "XSD_ATTRIBUTE_UNEXPECTED",
    "SCHEMAV_CVC_COMPLEX_TYPE_4": "XSD_ATTRIBUTE_MISSING",
}
_MISSING: Final = "Missing child element(s)"
_FIRST_STEP: Final = re.compile(r"^/[^/]+")
_PREFIX: Final = re.compile(r"(?:^|/)([^/:*\[]+):")


def schema_findings(element: etree._Element, schema: etree.XMLSchema) -> tuple[Finding, ...]:
    """The findings of the schema about the element; empty when the schema accepts it."""
    if schema.validate(element):
        return ()
    findings: dict[tuple[str, str], Finding] = {}
    for entry in islice(_entries(schema), _FINDINGS_MAX):
        place = _resolve(element, entry.path)
        code = _CODES.get(entry.type_name, "XSD_INVALID")
        if code == "XSD_UNEXPECTED" and _MISSING in entry.message:
            code = "XSD_MISSING"
        rule, hint = XSD_RULES[code]
        xpath = "/" if place is None else named_xpath(place, element)
        shown = None if place is None or len(place) or code.startswith("XSD_UNEXPECTED") else place.text
        finding = Finding(
            code=code,
            xpath=xpath[:400],
            line=entry.line,
            value=masked_at(xpath, shown) if shown else None,
            rule=rule,
            hint=hint,
        )
        # After a facet libxml2 says once more that the value is not of its type.
        findings.setdefault((xpath, "value" if shown else code), finding)
    return tuple(findings.values())


@dataclass(frozen=True, slots=True)
class _Entry:
    type_name: str
    path: str | None
    message: str
    line: int | None


def _entries(schema: etree.XMLSchema) -> Iterator[_Entry]:
    log: Any = schema.error_log  # the stubs do not know its entries
    for entry in log:
        yield _Entry(entry.type_name, entry.path, entry.message, entry.line or None)


def _resolve(element: etree._Element, path: str | None) -> etree._Element | None:
    """The element that libxml2's own path means; validated alone, ``element`` is that path's root."""
    if not path:
        return None
    steps = _FIRST_STEP.sub(".", path, count=1)
    namespaces = {prefix: uri for prefix, uri in element.nsmap.items() if prefix}
    if any(prefix not in namespaces for prefix in _PREFIX.findall(steps)):
        return None
    return first_element(etree.XPath(steps, namespaces=namespaces), element)
