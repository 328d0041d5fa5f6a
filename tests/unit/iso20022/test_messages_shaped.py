"""The messages whose values are read and built by one table: every field, both ways, and nothing lost unnoticed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from iso20022 import (
    BusinessHeader,
    BusinessMessageId,
    ConnectionPartyId,
    EnvelopeKind,
    RemoteProtocolError,
    examine,
    header,
    serialise,
    unwrap,
    wrap,
)
from iso20022.local_time import EASTERN, in_local_time, with_offsets
from iso20022.messages.registry import MESSAGE_KINDS
from iso20022.profiles.rtp import RtpProfile
from iso20022.schemas import model, validator
from tests.unit.iso20022.golden_investigations import TIMED_OUT
from tests.unit.iso20022.golden_messages import (
    EXPECTED,
    GOLDEN_FILES,
    MODULES,
    content,
    document_of,
    golden,
    module_of,
)
from tests.unit.iso20022.golden_transfers import BILL_ON_RTP
from tests.unit.iso20022.samples import published, say
from tests.unit.iso20022.shaped import any_value, whole_values


def test_every_golden_message_has_its_value() -> None:
    """No golden message is left without a row in the table."""
    assert sorted(EXPECTED) == GOLDEN_FILES


def test_every_message_type_has_a_golden_message_and_is_registered() -> None:
    """A type without one would be proved by machine-made values alone."""
    assert {module_of(golden(name)).MESSAGE_TYPE for name in GOLDEN_FILES} == MODULES.keys()
    assert MODULES.keys() <= MESSAGE_KINDS.keys()


@pytest.mark.parametrize("name", GOLDEN_FILES)
def test_golden_bytes_become_the_expected_value(name: str) -> None:
    """Reading is checked against values that were written by hand."""
    document = golden(name)

    assert module_of(document).parse(document) == EXPECTED[name]


@pytest.mark.parametrize("name", GOLDEN_FILES)
def test_values_become_the_golden_elements(name: str) -> None:
    """Building gives the golden Document's elements and texts, in order, and nothing else; the same bytes each time."""
    document = golden(name)
    module = module_of(document)

    built = module.build(EXPECTED[name])

    assert content(built) == content(document)
    assert serialise(built) == serialise(module.build(module.parse(document_of(serialise(built)))))
    validator(module.MESSAGE_TYPE).assertValid(built)


@pytest.mark.parametrize("message_type", MODULES)
def test_nothing_of_a_whole_value_is_lost(message_type: str) -> None:
    """With every optional field there, twice where it may be, and each branch taken: valid, read back, all of it."""
    module = MODULES[message_type]
    named: set[str] = set()

    for value in whole_values(module.SHAPE, message_type):
        built = module.build(value)
        validator(message_type).assertValid(built)
        document = document_of(serialise(built))
        assert module.parse(document) == value
        named |= {field for field, text in module.LAYOUT.read(document).texts.items() if text not in {"", "0"}}

    # What this version of the type does not have is no field of its messages.
    absent = {field for field, path in module.LAYOUT.paths.items() if not in_schema(message_type, path)}
    assert module.LAYOUT.paths.keys() - named == absent


@pytest.mark.parametrize("message_type", MODULES)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_any_value_is_valid_and_read_back(message_type: str, data: st.DataObject) -> None:
    """build, then the schema, then parse: the same value, whatever texts, amounts, days and branches it has."""
    module = MODULES[message_type]
    value = data.draw(any_value(module.SHAPE, message_type))

    built = module.build(value)

    validator(message_type).assertValid(built)
    assert module.parse(document_of(serialise(built))) == value


@pytest.mark.parametrize("name", GOLDEN_FILES)
def test_a_summary_is_one_line_without_personal_data(name: str) -> None:
    """What people see in a list names ids, institutions, amounts and codes; no name, account or remittance."""
    value = EXPECTED[name]

    line = MESSAGE_KINDS[module_of(golden(name)).MESSAGE_TYPE].summary(value)

    assert value.message_id in line
    assert "\n" not in line
    for personal in ("Invented", "0000111", "0000333", "Imaginary", "4711", "5550100"):
        assert personal not in line


@pytest.mark.parametrize("message_type", MODULES)
def test_a_whole_value_has_a_summary(message_type: str) -> None:
    """Every branch of a choice, and every code word, has its words."""
    lines = {MODULES[message_type].summary(value) for value in whole_values(MODULES[message_type].SHAPE, message_type)}

    assert all("Ünlikely & <odd>" in line for line in lines)


def test_no_value_shows_personal_data_in_its_repr() -> None:
    """A log line with a whole value in it shows no name, account, address or free text."""
    shown = " ".join(repr(value) for name, value in EXPECTED.items())

    for personal in ("Invented Debtor", "Invented Aunt", "000011112222", "Imaginary", "1970-01-01", "wrong address"):
        assert personal not in shown
    assert "Personal(***)" in shown


def published_of_these_types() -> Iterator[Path]:
    """The published samples of these message types, of both rails; none where the reference folder is missing."""
    for path in (*published("fednow"), *published("rtp")):
        envelope = unwrap(etree.parse(str(path)).getroot())
        if envelope.message_type in MODULES:
            yield path


# RTP's own schema has no assignee there; ISO's demands one, and so does the value.
NOT_ISO: Final = {"camt056.timeout.xml": "/Document/FIToFIPmtCxlReq/Assgnmt/Assgne"}


@pytest.mark.parametrize(
    ("value", "sender", "receiver"),
    [
        pytest.param(BILL_ON_RTP, "990000026A1", "990000039T1", id="request for payment"),
        pytest.param(TIMED_OUT, "990000039T1", "990000026A1", id="time-out"),
    ],
)
def test_a_value_travels_in_rtps_message(value: Any, sender: str, receiver: str) -> None:
    """One value for both rails: in RTP's envelope, whose times have no zone, it is valid and read back the same."""
    kind = next(kind for kind in MESSAGE_KINDS.values() if kind.value_type is type(value))
    head = BusinessHeader(
        sender=ConnectionPartyId(sender),
        receiver=ConnectionPartyId(receiver),
        business_message_id=BusinessMessageId("B" + value.message_id[1:]),
        message_type=kind.message_type,
        creation_time=value.creation_time,
    )
    body = wrap(EnvelopeKind.RTP_MESSAGE, header.build(head, header_type=header.RTP_HEADER_TYPE), kind.build(value))

    report = examine(body, profile=RtpProfile())

    assert b"+00:00" not in body
    assert report.findings == ()
    assert report.message == value


@pytest.mark.reference
@pytest.mark.parametrize("path", list(published_of_these_types()) or [None], ids=lambda path: path and path.name)
def test_published_samples_are_rebuilt(path: Path | None) -> None:
    """What a rail published is read into a value that holds all of it, and is built again with equal content."""
    if path is None:
        say("left out: the published samples, since there is no folder ../shared/reference")
        return
    document = document_of(path.read_bytes())
    module = module_of(document)
    rtp = path.parent.name == "rtp"
    aware = with_offsets(document, module.MESSAGE_TYPE, ZoneInfo(EASTERN)) if rtp else document
    if path.name in NOT_ISO:
        with pytest.raises(RemoteProtocolError) as refusal:
            module.parse(aware)
        assert refusal.value.findings[0].xpath == NOT_ISO[path.name]
        return

    value = module.parse(aware)
    built = module.build(value)

    assert value.carries_all
    wanted = [
        (tag, text.removesuffix("Z") + "+00:00" if text.endswith("Z") else text, a)
        for tag, text, a in content(document)
    ]
    assert content(in_local_time(built) if rtp else built) == wanted


def in_schema(message_type: str, path: str) -> bool:
    """Whether the message type has an element at the path."""
    schema, steps = model(message_type), path.split("/")
    type_name = schema.complex_types[schema.root.type_name].elements[0].type_name
    for step in steps:
        kind = schema.complex_types.get(type_name)
        if step.startswith("@"):
            return kind is not None and step[1:] in kind.attributes
        found = [use for use in (kind.elements if kind else ()) if use.name == step]
        if not found:
            return False
        type_name = found[0].type_name
    return True
