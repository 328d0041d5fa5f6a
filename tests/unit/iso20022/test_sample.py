"""Samples: valid for their rail, every type, both ways, however they vary; and the page that lists the types."""

import doctest
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest

from iso20022 import Direction, FedNowProfile, Profile, Rail, RtpProfile, examine
from iso20022.catalogue import PURPOSES, MessageClass, message_class, rows, table
from iso20022.identifiers import has_aba_check_digit
from iso20022.messages.registry import MESSAGE_KINDS
from iso20022.sample import DIRECTIONS, SAMPLE_TIME, NoSampleError, indented, sample, type_on
from iso20022.sampling.scene import OURS, THEIRS
from iso20022.sampling.variation import Variation
from tests.unit.iso20022.samples import ROOT, seeded

PROFILES: dict[Rail, Profile] = {Rail.FEDNOW: FedNowProfile(), Rail.RTP: RtpProfile()}
ROUTES = [
    pytest.param(rail, message_type, direction, id=f"{rail}-{message_type}-{direction}")
    for rail, types in DIRECTIONS.items()
    for message_type in sorted(types)
    for direction in sorted(types[message_type])
]
GENERATED = 1_000  # test_error_quality generates 5,000 more


def samples(rng: random.Random, count: int) -> Iterator[tuple[Rail, str, Direction, bytes]]:
    """So many samples, of every route in turn, at any moment of some years, each with a variation of its own."""
    routes: list[Any] = [route.values for route in ROUTES]
    for number in range(count):
        rail, message_type, direction = routes[number % len(routes)]
        at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.randrange(3 * 365 * 86_400))
        variation = rng.getrandbits(64)
        yield (
            rail,
            message_type,
            direction,
            sample(message_type, rail=rail, direction=direction, at=at, variation=variation),
        )


@pytest.mark.parametrize(("rail", "message_type", "direction"), ROUTES)
def test_a_sample_of_every_type_is_valid_each_way(rail: Rail, message_type: str, direction: Direction) -> None:
    """Nothing at all is found, the value is there, and it holds all that the message says."""
    body = sample(message_type, rail=rail, direction=direction)

    report = examine(body, profile=PROFILES[rail], direction=direction)

    assert report.findings == ()
    assert (report.valid, report.message_type) == (True, message_type)
    assert report.message is not None
    assert getattr(report.message, "carries_all", True)
    assert report.header is not None
    assert MESSAGE_KINDS[message_type].summary(report.message)


@pytest.mark.parametrize(("rail", "message_type", "direction"), ROUTES)
def test_a_bare_sample_is_valid_too(rail: Rail, message_type: str, direction: Direction) -> None:
    """The Document alone says the same."""
    body = sample(message_type, rail=rail, direction=direction, bare=True)

    assert examine(body, profile=PROFILES[rail], direction=direction).findings == ()


def test_generated_messages_of_every_type_have_no_findings() -> None:
    """What is optional comes and goes, on any day, by night and in the hours that shift; no rule takes offence."""
    rng = seeded()
    different = set()
    for rail, message_type, direction, body in samples(rng, GENERATED):
        report = examine(body, profile=PROFILES[rail], direction=direction)
        assert report.findings == (), (rail, message_type, direction, report.findings[0], body.decode())
        assert report.message is not None
        different.add(body)

    assert len(different) == GENERATED


def test_samples_are_held_against_rules_that_can_fail() -> None:
    """The control: one planted fault in a sample of each rail is found."""
    for rail in Rail:
        body = sample("pacs.008", rail=rail).replace(b"CLRG", b"INDA")

        assert not examine(body, profile=PROFILES[rail]).valid


def test_the_same_arguments_give_the_same_bytes() -> None:
    """A sample can be referred to by its number."""
    first = sample("pain.013", rail=Rail.RTP, variation=7)

    assert sample("pain.013.001.07", rail="rtp", variation=7, at=SAMPLE_TIME) == first
    assert sample("pain.013", rail=Rail.RTP, variation=8) != first


def test_every_registered_type_has_a_sample_and_a_line_in_the_catalogue() -> None:
    """A message that is read but cannot be shown, or is not listed, is half a message."""
    travelling = {message_type for types in DIRECTIONS.values() for message_type in types}

    assert travelling == set(MESSAGE_KINDS)
    assert {message_type[:8] for message_type in MESSAGE_KINDS} == set(PURPOSES)
    assert len(list(rows())) == len(MESSAGE_KINDS)
    assert message_class("pacs.008.001.08") is MessageClass.VALUE
    assert message_class("camt.060.001.05") is MessageClass.INQUIRY


def test_the_page_of_messages_has_the_table_that_the_code_writes() -> None:
    """No message type is documented that is not there, and none left out; and the comparison can fail."""
    page = (ROOT / "docs" / "messages.md").read_text()

    assert table() in page, "python -m iso20022.catalogue prints the table anew"
    assert table().replace("`PaymentReturn`", "`Return`") not in page


@pytest.mark.parametrize(
    ("message", "rail", "direction"),
    [
        ("pacs.004", Rail.RTP, None),
        ("camt.052", Rail.FEDNOW, Direction.TO_RAIL),
        ("admn.001", Rail.RTP, Direction.FROM_RAIL),
        ("pacs", Rail.FEDNOW, None),
        ("pacs.008.001.09", Rail.FEDNOW, None),
        ("", Rail.RTP, None),
    ],
)
def test_what_a_rail_does_not_have_is_refused(message: str, rail: Rail, direction: Direction | None) -> None:
    """No sample is made of a message that would never travel."""
    with pytest.raises(NoSampleError):
        sample(message, rail=rail, direction=direction)


def test_a_moment_without_an_offset_is_no_moment() -> None:
    """Whose midnight would it be?"""
    with pytest.raises(ValueError, match="offset"):
        sample("pacs.008", rail=Rail.RTP, at=datetime(2026, 1, 31, 9, 30))  # noqa: DTZ001 # on purpose


def test_a_type_is_known_by_its_beginning() -> None:
    """People say pacs.008 and mean the rail's version."""
    assert type_on(Rail.RTP, "pacs.008") == "pacs.008.001.08"
    assert type_on(Rail.RTP, "pacs.008.001.08") == "pacs.008.001.08"


def test_an_indented_sample_says_the_same() -> None:
    """White space between elements is for people alone."""
    body = sample("pacs.008", rail=Rail.FEDNOW)

    report = examine(indented(body), profile=PROFILES[Rail.FEDNOW])

    assert indented(body).count(b"\n") > 50
    assert report.valid
    assert report.message == examine(body, profile=PROFILES[Rail.FEDNOW]).message


def test_the_institutions_of_samples_are_invented() -> None:
    """Routing numbers that begin with 99 are nobody's; the check digit is right all the same."""
    assert all(number.startswith("99") and has_aba_check_digit(number) for number in (OURS, THEIRS, "990000039"))


def test_the_plain_variation_takes_the_first_of_everything() -> None:
    """Number 0 is the sample that documents show; others draw, each choice by its own name."""
    plain, other = Variation(0), Variation(1)

    assert plain.pick("x", "abc") == "a"
    assert (plain.often("x", 1), plain.seldom("x", 1), plain.several("x", "abc")) == (1, None, ("a",))
    assert {Variation(number).pick("x", "abc") for number in range(1, 40)} == set("abc")
    assert other.digits("x", 11).isdigit()
    assert other.digits("x", 11) != other.digits("y", 11)


def test_the_examples_in_the_module_run() -> None:
    """What the docstring shows is what happens."""
    assert doctest.testmod(import_module("iso20022.sample")).failed == 0
