"""How long it takes, printed for the reader; only an order of magnitude is asserted, since machines differ."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from iso20022 import content_fingerprint_source, examine, explain, header, pacs002, read, serialise, unwrap
from iso20022.schemas import validator
from tests.unit.iso20022.samples import PROFILE, golden, published, say
from tests.unit.iso20022.test_messages import HEADER, REPORT

BODIES = {"golden": golden("pacs008_incoming.xml")} | {
    path.name: path.read_bytes() for path in published("fednow") if "participant-to-fednow" in path.name
}


def microseconds(action: Callable[[], object]) -> float:
    """The best of five runs of 100."""
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(100):
            action()
        best = min(best, time.perf_counter() - started)
    return best * 10_000


def bare(body: bytes) -> None:
    """What lxml alone needs to parse and validate header and Document."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    envelope = unwrap(etree.fromstring(body, parser))
    assert envelope.header is not None
    assert envelope.document is not None
    assert validator("head.001.001.02").validate(envelope.header)
    assert validator("pacs.008.001.08").validate(envelope.document)


@pytest.mark.parametrize("name", BODIES)
def test_examining_a_transfer_is_quick(name: str) -> None:
    """The goal is 200 µs and four times bare lxml; asserted is that nobody made it slow by accident."""
    body = BODIES[name]
    report = examine(body, profile=PROFILE)
    document = report.document
    assert document is not None

    bare_us = microseconds(lambda: bare(body))
    whole_us = microseconds(lambda: examine(body, profile=PROFILE))
    reading_us = microseconds(lambda: read(body))
    broken = examine(body.replace(b"SLEV", b"OURS"), profile=PROFILE)
    explaining_us = microseconds(lambda: explain(broken))
    content_us = microseconds(lambda: content_fingerprint_source(document))

    say(
        f"{Path(name).name} ({len(body)} bytes): examine {whole_us:.0f} µs, {whole_us / bare_us:.1f} times bare lxml"
        f" ({bare_us:.0f} µs); read {reading_us:.0f} µs; fingerprint source {content_us:.0f} µs;"
        f" explain {explaining_us:.0f} µs"
    )
    assert whole_us < 5_000


def test_building_a_status_report_is_quick() -> None:
    """The goal is 100 µs."""
    building_us = microseconds(lambda: pacs002.build(REPORT))
    bytes_us = microseconds(lambda: serialise(pacs002.build(REPORT)))
    header_us = microseconds(lambda: header.build(HEADER))

    say(f"build pacs.002 {building_us:.0f} µs, with its bytes {bytes_us:.0f} µs; build header {header_us:.0f} µs")
    assert building_us < 5_000
