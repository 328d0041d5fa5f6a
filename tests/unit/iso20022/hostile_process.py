"""One process that reads every hostile document under limits, and notes what each costs and what it touches.

Its argument is a folder to watch. It prints one JSON object: what every document cost, every file and socket that
Python opened meanwhile, and whether anybody, Python or libxml2, opened a file in the folder or connected to the port.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from lxml import etree

from iso20022 import FedNowProfile, examine, explain
from tests.unit.iso20022.hostile import MESSAGES, UNREADABLE, WATCHED_FILE, WATCHED_URL
from tests.unit.iso20022.samples import golden

PROFILE: Final = FedNowProfile()
_WATCHED_EVENTS: Final = ("open", "socket.", "urllib.", "subprocess.", "os.listdir", "os.exec", "os.fork", "shutil.")
_IN_OPEN: Final = 0x20  # linux/inotify.h
DEAR_MS: Final = 20
_MANY: Final = 200
_ORDINARY: Final = golden("pacs008_bare.xml")
_MEMORY_MAX_BYTES: Final = 2 * 1024**3
_PROCESSOR_MAX_S: Final = 120


def main(folder: Path) -> None:
    """Read them all and print the account."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_MAX_BYTES, _MEMORY_MAX_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR_MAX_S, _PROCESSOR_MAX_S))
    canary = folder / "canary.txt"
    canary.write_text("CANARY")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/canary.dtd"
        watch = Watch(folder, listener)
        documents = {
            name: pointed(body, canary, url)
            for name, body in {**{name: row[0] for name, row in UNREADABLE.items()}, **MESSAGES}.items()
        }
        warm_up()
        watch.begin()
        costs = {name: cost(body) for name, body in documents.items()}
        touched = watch.end()
        account = {
            "costs": costs,
            "touched": touched,
            "xmlschema_loaded": "xmlschema" in sys.modules,
            "control": controls(watch, canary),
        }
    sys.stdout.write(json.dumps(account))


def pointed(body: bytes, canary: Path, url: str) -> bytes:
    """The document, pointing to what is watched."""
    return body.replace(WATCHED_FILE, canary.as_uri().encode()).replace(WATCHED_URL, url.encode())


def warm_up() -> None:
    """Compile schemas and caches first: they are made once and are no document's cost."""
    for body in MESSAGES.values():
        explain(examine(body, profile=PROFILE))


def cost(body: bytes) -> dict[str, object]:
    """The verdict on a document, its processor time in milliseconds (the best of three), and its peak of memory.

    ``ordinary_ms`` is what an ordinary message takes just then, looked at where the document was dear: a machine that
    is busy, or slow, takes longer for both.
    """
    before = reset_peak()
    codes: list[str] = []
    valid = [False]

    def judge() -> None:
        report = examine(body, profile=PROFILE)
        codes[:] = [finding.code for finding in report.findings]
        valid[0] = report.valid

    times = [processor_ms(judge) for _ in range(3)]
    grown = memory_kb("VmHWM") - before
    explained = processor_ms(lambda: explain(examine(body, profile=PROFILE)))
    said = sum(len(str(finding.as_json())) for finding in explain(examine(body, profile=PROFILE)).findings)
    return {
        "code": codes[0] if codes else "",
        "valid": valid[0],
        "ms": min(times),
        "ordinary_ms": ordinary_ms() if min(times) > DEAR_MS else 0.0,
        "grown_kb": grown,
        "explained_ms": explained,
        "said_characters": said,
    }


def ordinary_ms() -> float:
    """The processor time of one ordinary message; many are read, as the clock goes in steps of milliseconds."""
    return processor_ms(lambda: [examine(_ORDINARY, profile=PROFILE) for _ in range(_MANY)]) / _MANY


def processor_ms(action: Callable[[], None] | Callable[[], object]) -> float:
    started = time.process_time()
    action()
    return (time.process_time() - started) * 1_000


def reset_peak() -> int:
    """Let the peak of memory begin anew; what is in use now, in KB."""
    with UNWATCHED, Path("/proc/self/clear_refs").open("w") as control:
        control.write("5")
    return memory_kb("VmRSS")


def memory_kb(name: str) -> int:
    with UNWATCHED:
        lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


class Unwatched:
    """While it is entered, what this process opens is its own business."""

    def __init__(self) -> None:
        self.entered = 0

    def __enter__(self) -> None:
        self.entered += 1

    def __exit__(self, *_: object) -> None:
        self.entered -= 1


UNWATCHED: Final = Unwatched()


class Watch:
    """Sees files and sockets that Python opens (audit hook), and what anything else opens (inotify, a listener)."""

    def __init__(self, folder: Path, listener: socket.socket) -> None:
        self.events: list[str] = []
        self.listening = False
        self.listener = listener
        libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor = libc.inotify_init1(os.O_NONBLOCK)
        assert libc.inotify_add_watch(self.descriptor, os.fsencode(folder), _IN_OPEN) > 0
        sys.addaudithook(self._note)

    def begin(self) -> None:
        self.end()
        self.listening = True

    def end(self) -> dict[str, object]:
        """What was seen since the beginning."""
        self.listening = False
        seen = {"python": list(self.events), "files": self._files(), "connections": self._connections()}
        self.events.clear()
        return seen

    def _note(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.listening and not UNWATCHED.entered and event.startswith(_WATCHED_EVENTS):
            self.events.append(f"{event} {arguments[:1]}")

    def _files(self) -> bool:
        try:
            return bool(os.read(self.descriptor, 4096))
        except BlockingIOError:
            return False

    def _connections(self) -> int:
        try:
            connection, _ = self.listener.accept()
        except BlockingIOError:
            return 0
        connection.close()
        return 1


def controls(watch: Watch, canary: Path) -> dict[str, object]:
    """What is seen when a careless parser reads the same file, and when somebody does connect."""
    careless = etree.XMLParser(resolve_entities=True, load_dtd=True)
    body = pointed(UNREADABLE["external entity, a file"][0], canary, "")
    watch.begin()
    text = etree.fromstring(body, careless).text
    with socket.create_connection(watch.listener.getsockname()):
        pass
    return {"text": text, **watch.end()}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
