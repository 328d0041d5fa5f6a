"""A set of gateways as a deployment hook sees one: told what to answer, on real sockets."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RELEASE = "2026.11.2"
SETTLED: dict[str, Any] = {"rail": "fednow", "state": "SETTLED", "seconds": 0.2}


@dataclass(slots=True)
class Script:
    """What is answered: status and document by path; ``hang`` lists the paths that never answer."""

    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    figures: dict[str, list[Any]] = field(default_factory=dict)
    hang: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    signed: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def healthy(cls) -> Script:
        """A green set that nothing is wrong with, and figures that allow a deployment."""
        synthetic = {"settled": True, "release": RELEASE, "payments": [SETTLED], "age_s": 0.0}
        return cls(
            answers={
                "/healthz": (200, {"status": "ok", "release": RELEASE}),
                "/readyz": (200, {"status": "ok", "checks": {"database": "ok"}}),
                "/synthetic": (200, synthetic),
            },
            figures={"outbox": ["0.4"], "5m": ["0"], "30d": ["0.97"]},
        )


@contextmanager
def serving(script: Script) -> Iterator[str]:
    """Serve the script while the context is open; yields the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            script.asked.append(path)
            if path in script.hang:
                script.released.wait(60)
                return
            if path == "/api/v1/query":
                script.signed.append(self.headers.get("Authorization", ""))
                name = next(name for name in script.figures if name in query)
                values = [{"metric": {}, "value": [0, value]} for value in script.figures[name]]
                self._answer(200, {"status": "success", "data": {"resultType": "vector", "result": values}})
            else:
                self._answer(*script.answers.get(path, (404, {})))

        do_POST = do_GET  # noqa: N815 - the name is the library's

        def _answer(self, status: int, document: Any) -> None:
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            if status in {301, 302}:
                self.send_header("Location", "/readyz")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            script.released.set()
            server.shutdown()
            thread.join()
