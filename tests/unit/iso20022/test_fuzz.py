"""100,000 damaged messages of every type: a report or one of our errors, never anything else."""

from __future__ import annotations

import random
import re
from functools import cache
from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from iso20022 import (
    MESSAGE_KINDS,
    FedNowProfile,
    Profile,
    ProtocolError,
    Report,
    RtpProfile,
    content_fingerprint_source,
    examine,
    explain,
)
from iso20022.fields import FieldReader
from tests.unit.iso20022.damage import damaged
from tests.unit.iso20022.instances import STRANGE_TEXTS
from tests.unit.iso20022.samples import GOLDEN, say, seeded

BYTE_TRIES: Final = 94_000
VALUE_TRIES: Final = 6_000
PROFILES: Final[tuple[Profile, ...]] = (FedNowProfile(), RtpProfile())
EXPLAINED_OF: Final = 30  # one refused message in so many is explained as well: that is slower by far
BYTES_MAX: Final = 3_000  # longer ones only make it slower

_SPACE: Final = re.compile(rb">\s+<")


@cache
def originals() -> tuple[bytes, ...]:
    """The smaller golden messages, bare and in envelopes, without the space that only makes them longer."""
    files = [path for path in sorted(GOLDEN.rglob("*.xml")) if path.parent.name != "signed"]
    bodies = (_SPACE.sub(b"><", path.read_bytes()) for path in files)
    return tuple(body for body in bodies if len(body) <= BYTES_MAX)


def revalued(body: bytes, chance: random.Random) -> bytes:
    """The message, still well formed, with one value exchanged for a strange one."""
    root = etree.fromstring(body)
    leaves = [element for element in root.iter("*") if not len(element)]
    chance.choice(leaves).text = chance.choice(STRANGE_TEXTS)
    return etree.tostring(root)


def judge(body: bytes, chance: random.Random) -> bool:
    """Whether the body is valid on the rail that chance chooses; raises nothing, whatever the body is."""
    report = examine(body, profile=chance.choice(PROFILES))
    _check(report)
    if not report.valid and chance.randrange(EXPLAINED_OF) == 0:
        _check(explain(report))
    if report.document is not None:
        _read_values(report)
    return report.valid


def _check(report: Report) -> None:
    assert report.valid or report.findings
    assert all(finding.code and finding.rule for finding in report.findings)
    if report.valid and report.document is not None:
        assert report.message is not None
        assert content_fingerprint_source(report.document)


def _read_values(report: Report) -> None:
    """Read the message's value, whatever the schema said: a value or one of our errors."""
    kind = MESSAGE_KINDS.get(str(report.message_type))
    if kind is None or report.document is None:
        return
    try:
        kind.summary(kind.read(FieldReader(kind.layout, report.document)))
    except ProtocolError:
        return


def test_every_message_type_is_among_those_that_are_damaged() -> None:
    """A new message type comes with a golden message, and is fuzzed from then on."""
    reports = [examine(body, profile=profile) for body in originals() for profile in PROFILES]

    assert {report.message_type for report in reports} >= set(MESSAGE_KINDS)


def test_damaged_bytes_give_a_report_and_nothing_else() -> None:
    """Every message type, every envelope, both rails: damaged at one to three places, from a fresh seed."""
    chance = seeded()
    valid = sum(
        judge(damaged(chance.choice(originals()), chance, others=originals()), chance) for _ in range(BYTE_TRIES)
    )

    say(f"{valid} of {BYTE_TRIES} damaged messages are valid still")
    assert 0 < valid < BYTE_TRIES // 2


def test_strange_values_give_a_report_and_nothing_else() -> None:
    """Well formed, with texts that are values of some types and not of others."""
    chance = seeded()
    valid = sum(judge(revalued(chance.choice(originals()), chance), chance) for _ in range(VALUE_TRIES))

    say(f"{valid} of {VALUE_TRIES} messages with a strange value are valid still")
    assert 0 < valid < VALUE_TRIES // 2


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    body=st.one_of(
        st.binary(max_size=400),
        st.text(max_size=400).map(lambda text: f"<a>{text}</a>".encode("utf-8", "surrogatepass")),
    )
)
def test_any_bytes_give_a_report_and_nothing_else(body: bytes) -> None:
    """Hypothesis' own idea of nastiness."""
    judge(body, random.Random(0))


_NAMES: Final = ("MsgId", "GrpHdr", "CdtTrfTxInf", "Amt", "X")
_TREES: Final = st.recursive(
    st.text(max_size=20),
    lambda children: st.lists(st.tuples(st.sampled_from(_NAMES), children), max_size=4),
    max_leaves=12,
)


def _written(tree: object) -> str:
    if isinstance(tree, str):
        return "".join(character if character.isalnum() else f"&#{ord(character)};" for character in tree)
    assert isinstance(tree, list)
    return "".join(f"<{name}>{_written(inner)}</{name}>" for name, inner in tree)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(tree=_TREES, message_type=st.sampled_from(sorted(MESSAGE_KINDS)))
def test_any_tree_in_a_known_namespace_gives_a_report_and_nothing_else(tree: object, message_type: str) -> None:
    """Elements by the right names in the wrong places, with any text."""
    body = f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{message_type}">{_written(tree)}</Document>'

    judge(body.encode("utf-8", "surrogatepass"), random.Random(0))
