"""What hostile documents cost, what they touch, and the traps that parsers were seen to fall into."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from lxml import etree

from iso20022 import FedNowProfile, examine, read
from iso20022.schemas import schema_bytes, validator
from tests.unit.iso20022.hostile import MESSAGES, UNREADABLE
from tests.unit.iso20022.samples import ROOT, golden

COST_MAX_MS: Final = 50
COST_MAX_ORDINARY: Final = 400
"""What 50 ms are, and a third more, in ordinary messages: the bar where a slow or busy machine makes both dear."""

GROWN_MAX_KB: Final = 20 * 1024
EXPLAINED_MAX_MS: Final = 200  # in a bounded thread, and only for what was refused
SAID_MAX_CHARACTERS: Final = 200_000  # 200 findings
DOCUMENTS: Final = [*UNREADABLE, *MESSAGES]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one process, under limits, noted about every hostile document."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.unit.iso20022.hostile_process", str(tmp_path_factory.mktemp("watched"))],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-2_000:]
    noted: dict[str, Any] = json.loads(result.stdout)
    return noted


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_hostile_document_is_refused_within_50_ms_and_20_mb(name: str, account: dict[str, Any]) -> None:
    """Processor time and peak of memory in a process of its own; what is said about it stays short too."""
    cost = account["costs"][name]
    slowness = max(1.0, COST_MAX_ORDINARY * cost["ordinary_ms"] / COST_MAX_MS)

    assert not cost["valid"]
    assert cost["code"] == (UNREADABLE[name][1] if name in UNREADABLE else cost["code"]) != ""
    assert cost["ms"] < COST_MAX_MS * slowness
    assert cost["grown_kb"] < GROWN_MAX_KB
    assert cost["explained_ms"] < EXPLAINED_MAX_MS * slowness
    assert cost["said_characters"] < SAID_MAX_CHARACTERS


def test_no_file_and_no_network_is_touched(account: dict[str, Any]) -> None:
    """Neither by Python (audit hook) nor by libxml2 (inotify on the file, a listener on the port)."""
    assert account["touched"] == {"python": [], "files": False, "connections": 0}


def test_the_watch_sees_what_a_careless_parser_does(account: dict[str, Any]) -> None:
    """The control: the same external entity, read by a parser that is not hardened, and a connection."""
    control = account["control"]

    assert control["text"] == "CANARY"
    assert control["files"] is True
    assert control["connections"] == 1
    assert any(event.startswith("socket.connect") for event in control["python"])


def test_there_are_enough_documents() -> None:
    """At least sixty were asked for."""
    assert len(UNREADABLE) >= 150
    assert len(MESSAGES) >= 20


def test_the_message_that_most_of_them_are_made_of_is_accepted() -> None:
    """The control: they are refused for their hostility."""
    assert examine(golden("pacs008_bare.xml"), profile=FedNowProfile()).valid


def test_xmlschema_never_sees_a_message(account: dict[str, Any]) -> None:
    """Trap 7: 2,000 attributes cost it ten seconds. libxml2 decides; our own walk explains."""
    assert account["xmlschema_loaded"] is False


def test_attributes_are_counted_before_anybody_looks_at_them() -> None:
    """Trap 7: lxml's ``attrib.items()`` is quadratic. The control is the call itself, on a tenth of what is refused."""
    bodies = {count: b"<a " + b" ".join(b'a%d=""' % n for n in range(count)) + b"/>" for count in (500, 8_000)}
    few, many = (etree.fromstring(body) for body in bodies.values())

    quick, slow = (_processor_s(element.attrib.items) for element in (few, many))

    assert slow > 32 * quick, "sixteen times as many would cost sixteen times as much, were it linear"


def _processor_s(action: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        started = time.thread_time()
        action()
        times.append(time.thread_time() - started)
    return min(times)


FAULTY: Final = [
    (b"<X/>", "X"),
    (b"<Y/>", "Y"),
    (b"<Z/>", "Z"),
]


def _mixed_up(validate: Callable[[], etree.XMLSchema], rounds: int) -> int:
    """How many verdicts of three threads, each with a fault of its own, name another one's fault or none."""
    mixed: list[int] = []

    def work(element: bytes, name: str) -> None:
        body = golden("pacs008_bare.xml").replace(b"<PmtId>", element + b"<PmtId>")
        document = etree.fromstring(body)
        schema = validate()
        for _ in range(rounds):
            valid = schema.validate(document)
            log: Any = schema.error_log  # the stubs do not know that it can be iterated
            said = [str(error.message) for error in log]
            mixed.append(valid or len(said) != 1 or f"}}{name}'" not in said[0])

    threads = [threading.Thread(target=work, args=fault) for fault in FAULTY]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return sum(mixed)


def test_each_thread_validates_with_a_schema_of_its_own() -> None:
    """Trap 8: libxml2 mixes up the errors of a shared one."""
    found: list[etree.XMLSchema] = []

    def note() -> None:
        found.extend((validator("pacs.008.001.08"), validator("pacs.008.001.08")))

    thread = threading.Thread(target=note)
    thread.start()
    thread.join(timeout=30)

    assert found[0] is found[1]
    assert found[0] is not validator("pacs.008.001.08")
    assert _mixed_up(lambda: validator("pacs.008.001.08"), rounds=1_000) == 0


def test_a_shared_schema_does_mix_up_its_errors() -> None:
    """The control of trap 8: the same threads with one object."""
    shared = etree.XMLSchema(etree.fromstring(schema_bytes("pacs.008.001.08")))

    assert any(_mixed_up(lambda: shared, rounds=1_000) for _ in range(20))


NAMES: Final = """
import sys
from lxml import etree
from iso20022 import FedNowProfile, examine, read

ours = sys.argv[1] == "ours"
parser = etree.XMLParser(resolve_entities=False, no_network=True)
take = read if ours else (lambda body: etree.fromstring(body, parser))

def memory_mb():
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * 4 // 1024

before, refused = memory_mb(), 0
for number in range(500):
    length, count = (20_000, 11) if number < 470 else (30, 4_900)  # the short ones fill what the long ones leave
    body = "<a>" + "".join(f"<n{number}_{n}_{'x' * length}/>" for n in range(count)) + "</a>"
    try:
        take(body.encode())
    except etree.XMLSyntaxError:
        refused += 1
grown = memory_mb() - before
golden = open("tests/golden/pacs008_bare.xml", "rb").read()
try:
    take(golden)
    well = examine(golden, profile=FedNowProfile()).valid or not ours
except etree.XMLSyntaxError:
    well = False
print(refused, grown, well)
"""


def _after_long_names(reader: str) -> tuple[int, int, bool]:
    result = subprocess.run(
        [sys.executable, "-c", NAMES, reader], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    refused, grown_mb, well = result.stdout.split()
    return int(refused), int(grown_mb), well == "True"


def test_names_that_nobody_knows_are_forgotten_again() -> None:
    """lxml keeps every name that a thread ever read, up to 100 MB of them, and reads nothing more after that.

    500 messages of made-up names are enough. The control is lxml's own parser: after the same messages it refuses a
    valid one, for as long as the process lives.
    """
    refused, grown_mb, well = _after_long_names("ours")
    lost, swollen_mb, ill = _after_long_names("lxml")

    assert (refused, well) == (0, True)
    assert grown_mb < 40
    assert (lost > 0, ill) == (True, False)
    assert swollen_mb > 80


def test_trees_that_were_read_before_stay_whole_when_names_are_forgotten() -> None:
    """A tree keeps the names it was read with, and may still take up elements of later ones."""
    first = read(b"<first><one/></first>")

    for number in range(20):
        read(b"<a>" + b"".join(b"<n%d_%d/>" % (number, n) for n in range(4_900)) + b"</a>" + b" " * 150_000)
    later = read(b"<later><two/></later>")
    first.append(later[0])

    assert etree.tostring(first) == b"<first><one/><two/></first>"
    assert first.find("two") is not None


def test_the_watched_folder_is_the_only_thing_that_a_process_needs(tmp_path: Path) -> None:
    """The measuring process says so when it cannot measure, instead of saying that all is well."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.unit.iso20022.hostile_process", str(tmp_path / "missing")],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert result.returncode != 0
