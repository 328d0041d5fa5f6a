"""What a rail demands beyond the schema, as data: a profile with its settings, a release with its tables of rules.

A rule looks at one field of a message and says in plain words what holds there. A release says which message types
travel which way, in which header, and which rules hold for each. A profile is a release with an institution's settings.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final, Generic, Protocol, TypeVar

from lxml import etree

from iso20022.codes import Direction, Rail
from iso20022.findings import Finding, Severity
from iso20022.layout import Fields, Layout
from iso20022.paths import line_of, named_xpath
from iso20022.personal import masked_at
from iso20022.schemas import SchemaSet

_FINDINGS_MAX: Final = 200  # what a person can read; hostile input makes thousands

ANY_DIRECTION: Final = frozenset({None, Direction.TO_RAIL, Direction.FROM_RAIL})
"""A rule that holds whichever way the message travels, and where that is unknown."""

TO_RAIL: Final = frozenset({Direction.TO_RAIL})
"""A rule for what a participant sends."""

FROM_RAIL: Final = frozenset({Direction.FROM_RAIL})
"""A rule for what the rail sends."""

NOT_FROM_RAIL: Final = frozenset({None, Direction.TO_RAIL})
"""A rule for what a participant sends, or may be about to send."""


class Profile(Protocol):
    """A rail as an installation knows it: which release it speaks, and the settings that its rules refer to.

    ``FedNowProfile`` and ``RtpProfile`` are the two that there are. A rule's text may name any further setting.
    """

    @property
    def rail(self) -> Rail:
        """Which network it is."""

    @property
    def name(self) -> str:
        """What the rail is called in reports and findings."""

    @property
    def release(self) -> "Release[Any]":
        """The rail's tables."""

    @property
    def message_types(self) -> frozenset[str]:
        """The message types that this installation takes: those of the release, or fewer."""

    @property
    def rail_ids(self) -> frozenset[str]:
        """The ids under which the rail itself stands in headers."""

    @property
    def schemas(self) -> SchemaSet:
        """The schemas: ours, or an institution's own before ours."""

    @property
    def time_zone(self) -> str:
        """The zone of the rail's business day, and of its times where the release has local ones."""


P = TypeVar("P", bound=Profile)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts(Generic[P]):
    """What a rule may look at: the texts of header and Document by field (``""`` where absent), and the settings.

    ``message_id`` is the Document's own id wherever its type keeps it, ``""`` for a type without one; ``wrapper`` is
    the element of the rail's envelope that the message stood in.
    """

    texts: Mapping[str, str]
    header: Mapping[str, str] | None
    profile: P
    direction: Direction | None
    message_type: str
    message_id: str = ""
    wrapper: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Generic[P]):
    """One rule about one field: ``holds`` looks at its text alone, ``agrees`` at its text beside all facts.

    ``rule`` and ``hint`` are format strings over ``p``, the profile. ``severity`` names the profile's setting where the
    weight is one, and so does ``reject_code`` where the rail's own code is public.
    """

    code: str
    field: str
    holds: Callable[[str], bool] | None = None
    agrees: Callable[[str, Facts[P]], bool] | None = None
    rule: str
    hint: str
    severity: str = ""
    reject_code: str = ""
    directions: frozenset[Direction | None] = ANY_DIRECTION


class Checks(Generic[P]):
    """The rules of a table that count in one direction, sorted for speed: each with its place in the table."""

    __slots__ = ("on_facts", "on_text")

    def __init__(self, rules: Iterable[Rule[P]], direction: Direction | None) -> None:
        counting = [(place, rule) for place, rule in enumerate(rules) if direction in rule.directions]
        self.on_text: Final = tuple(
            (place, rule.field, rule.holds, rule) for place, rule in counting if rule.holds is not None
        )
        self.on_facts: Final = tuple(
            (place, rule.field, rule.agrees, rule) for place, rule in counting if rule.agrees is not None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementRule(Generic[P]):
    """One rule about every element of a name, wherever it stands: ``holds`` looks at the element.

    ``messages`` are the message types for which it counts, all where it is None. ``rule``, ``hint`` and ``severity`` as
    in :class:`Rule`.
    """

    code: str
    element: str
    holds: Callable[[etree._Element, P, str], bool]
    rule: str
    hint: str
    severity: str = ""
    messages: frozenset[str] | None = None


def _no_further(_header: etree._Element, _others: list[etree._Element], _direction: Direction | None) -> list[Finding]:
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(Generic[P]):
    """One release of a rail's message set.

    ``directions`` has every message type with the ways in which it travels; ``schemas`` the types whose schema on this
    rail is not ISO's, with the id of the rail's. ``element_rules`` hold in every Document. ``further_header_findings``
    are about header elements that are no field. With ``has_local_times`` every time is written in the profile's zone
    and without an offset. ``schema_reject_code`` is the rail's answer to what breaks its schema, where that is public.
    """

    name: str
    header_type: str
    directions: Mapping[str, frozenset[Direction]]
    header_rules: tuple[Rule[P], ...]
    document_rules: Mapping[str, tuple[Rule[P], ...]]
    element_rules: tuple[ElementRule[P], ...] = ()
    schemas: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    further_header_findings: Callable[[etree._Element, list[etree._Element], Direction | None], list[Finding]] = (
        _no_further
    )
    has_local_times: bool = False
    schema_reject_code: str | None = None
    _checks: dict[tuple[str, Direction | None], Checks[P]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def checks(self, message_type: str, direction: Direction | None) -> Checks[P]:
        """The rules that count for a header or a Document of this type in this direction; made once each."""
        found = self._checks.get((message_type, direction))
        if found is None:
            is_header = message_type == self.header_type
            rules = self.header_rules if is_header else self.document_rules.get(message_type, ())
            found = self._checks[message_type, direction] = Checks(rules, direction)
        return found

    def schema_id(self, message_type: str) -> str:
        """The id of the schema that a header or a Document of this type follows on this rail."""
        return self.schemas.get(message_type, message_type)


def violated(checks: Checks[P], texts: Mapping[str, str], facts: Facts[P]) -> list[Rule[P]]:
    """The rules that do not hold, in the order of the table. ``texts`` are those of the part the rules are about."""
    broken = [(place, rule) for place, field, holds, rule in checks.on_text if not holds(texts[field])]
    broken += [(place, rule) for place, field, agrees, rule in checks.on_facts if not agrees(texts[field], facts)]
    return [rule for _, rule in sorted(broken, key=itemgetter(0))] if broken else []


def finding_of(rule: Rule[P], *, layout: Layout, element: etree._Element, fields: Fields, profile: P) -> Finding:
    """The finding of a violated rule, at its element; a missing element has the line of the nearest one above it."""
    field = rule.field
    group = fields.groups.get(field, [])
    # Of a group, the second element is one too many; of a field, the first counts.
    there = [*group[1:2], *group[:1]] if field in layout.groups else layout.elements(element, layout.paths[field])
    found = there[0] if there else None
    is_attribute = "/@" in layout.paths[field]
    value = "" if group else fields.texts[field]
    severity: Severity = getattr(profile, rule.severity) if rule.severity else Severity.ERROR
    return Finding(
        code=rule.code,
        severity=severity,
        xpath=layout.xpath_of(field) if found is None or is_attribute else named_xpath(found, element),
        line=_nearest_line(layout, element, layout.paths[field]) if found is None else line_of(found),
        value=masked_at(layout.paths[field], value) if found is not None and value.strip() else None,
        rule=rule.rule.format(p=profile),
        hint=rule.hint.format(p=profile),
        reject_code=getattr(profile, rule.reject_code) if rule.reject_code else None,
    )


def element_findings(
    rules: Iterable[ElementRule[P]], *, element: etree._Element, message_type: str, profile: P
) -> list[Finding]:
    """The findings of the rules about elements, in the order of the rules, then of the Document; as many as help."""
    broken = (
        (rule, found)
        for rule in rules
        if rule.messages is None or message_type in rule.messages
        for found in element.iter(f"{{*}}{rule.element}")
        if not rule.holds(found, profile, message_type)
    )
    return [_element_finding(rule, found, element, profile) for rule, found in islice(broken, _FINDINGS_MAX)]


def _element_finding(rule: ElementRule[P], found: etree._Element, element: etree._Element, profile: P) -> Finding:
    xpath = named_xpath(found, element)
    return Finding(
        code=rule.code,
        severity=getattr(profile, rule.severity) if rule.severity else Severity.ERROR,
        xpath=xpath,
        line=line_of(found),
        value=masked_at(xpath, found.text) if found.text and not len(found) else None,
        rule=rule.rule.format(p=profile),
        hint=rule.hint.format(p=profile),
    )


def _nearest_line(layout: Layout, element: etree._Element, path: str) -> int | None:
    steps = path.split("/")
    for depth in range(len(steps) - 1, 0, -1):
        above = layout.elements(element, "/".join(steps[:depth]))
        if above:
            return line_of(above[0])
    return line_of(element)
