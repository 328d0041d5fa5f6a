"""The form of a rail's rules: each one looks at one field of a message, and says in plain words what holds there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lxml import etree

from iso20022.codes import Direction
from iso20022.findings import Finding, Severity
from iso20022.layout import Fields, Layout
from iso20022.paths import line_of, named_xpath
from iso20022.personal import masked_at

if TYPE_CHECKING:
    from iso20022.profiles.fednow import FedNowProfile

ANY_DIRECTION: Final = frozenset({None, Direction.TO_RAIL, Direction.FROM_RAIL})
"""A rule that holds whichever way the message travels, and where that is unknown."""

TO_RAIL: Final = frozenset({Direction.TO_RAIL})
"""A rule for what a participant sends."""

FROM_RAIL: Final = frozenset({Direction.FROM_RAIL})
"""A rule for what the rail sends."""

NOT_FROM_RAIL: Final = frozenset({None, Direction.TO_RAIL})
"""A rule for what a participant sends, or may be about to send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a rule may look at: the texts of header and Document by field (``""`` where absent), and the settings."""

    texts: Mapping[str, str]
    header: Mapping[str, str] | None
    profile: "FedNowProfile"
    direction: Direction | None
    message_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule about one field: ``holds`` looks at its text alone, ``agrees`` at its text beside all facts.

    ``rule`` and ``hint`` are format strings over ``p``, the profile. ``severity`` names the profile's setting where the
    weight is one, and so does ``reject_code`` where the rail's own code is public.
    """

    code: str
    field: str
    holds: Callable[[str], bool] | None = None
    agrees: Callable[[str, Facts], bool] | None = None
    rule: str
    hint: str
    severity: str = ""
    reject_code: str = ""
    directions: frozenset[Direction | None] = ANY_DIRECTION


def violated(rules: tuple[Rule, ...], texts: Mapping[str, str], facts: Facts) -> list[Rule]:
    """The rules that do not hold, in the order of the table. ``texts`` are those of the part the rules are about."""
    direction = facts.direction
    return [
        rule
        for rule in rules
        if (rule.holds is not None and not rule.holds(texts[rule.field]))
        or (rule.agrees is not None and not rule.agrees(texts[rule.field], facts))
        if direction in rule.directions
    ]


def finding_of(
    rule: Rule, *, layout: Layout, element: etree._Element, fields: Fields, profile: "FedNowProfile"
) -> Finding:
    """The finding of a violated rule, at its element; a missing element has the line of the nearest one above it."""
    field = rule.field
    group = fields.groups.get(field, [])
    found = fields.places.get(field) if not group else group[min(1, len(group) - 1)]  # the second is one too many
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


def _nearest_line(layout: Layout, element: etree._Element, path: str) -> int | None:
    steps = path.split("/")
    for depth in range(len(steps) - 1, 0, -1):
        above = layout.elements(element, "/".join(steps[:depth]))
        if above:
            return line_of(above[0])
    return line_of(element)
