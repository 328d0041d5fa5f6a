"""A whole installation as real processes: simulator, gateway, workers, on a database and a bus of its own."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from adapters.child_process import free_loopback_port
from gateway.cli.processes import Role
from gateway.cli.zygote import start_forked
from gateway.domain.payment import Rail
from tests.conftest import API_KEY, Database

RAIL_CLOCK_S: Final = 2
STATUS_REQUEST_WAIT_S: Final = 3
"""Short, so that a doubt is resolved while a test waits; a test of the real ones would only sleep longer."""

PROGRAM: Final = "gateway.cli"
ON_RAIL_TIME: Final = "gateway.cli.on_rail_time"
"""Whose wall time is that of the simulated rail."""

CONNECTION_PARTY: Final = "990000107"
RTP_PARTICIPANT: Final = "990000107A1"
REPEAT_INTERVAL_S: Final = 2
ANCHORS: Final = "anchors"
"""Where workers write the heads of the history, in the installation's directory."""


@dataclass(slots=True)
class Installation:
    """The running roles and their addresses."""

    gateway_url: str
    simulator_urls: Mapping[Rail, str]
    directory: Path
    environment: Mapping[str, str]
    gateway: Role
    stack: ExitStack = field(repr=False)
    module: str = PROGRAM
    """What composes gateway and workers."""
    workers: int = 0
    worker_url: str = ""
    """Where the worker that was started last answers."""

    def start_worker(self, *, crash_at: str | None = None) -> Role:
        """Start a worker; with `crash_at` one that kills itself (-9) at that point of its first sending."""
        self.workers += 1
        port = free_loopback_port()
        worker = Role(
            f"worker-{self.workers}",
            ("worker",) if crash_at is None else (crash_at,),
            module=self.module if crash_at is None else "tests.acceptance.crashing_worker",
            environment={**self.environment, "FIFTEEN_WORKER_PORT": str(port)},
            log_file=self.directory / f"worker-{self.workers}.log",
            start=start_forked,
        )
        self.stack.callback(worker.stop)
        worker.wait_until_ready(f"http://127.0.0.1:{port}/healthz")
        self.worker_url = f"http://127.0.0.1:{port}"
        return worker

    def restart_gateway(self) -> None:
        """Start the gateway again, which has ended."""
        self.gateway = _gateway(self.environment, self.directory, self.module)
        self.stack.callback(self.gateway.stop)
        self.gateway.wait_until_ready(f"{self.gateway_url}/readyz")

    def copies_on_the_wire(self, message_id: str, *, rail: Rail = Rail.FEDNOW) -> list[dict[str, Any]]:
        """Return every copy of a message that reached the rail, counted before its own duplicate check."""
        url = f"{self.simulator_urls[rail]}/simulator/v1/messages?message_id={message_id}"
        with urllib.request.urlopen(url) as response:
            copies: list[dict[str, Any]] = json.load(response)
        return copies

    def ledger(self, rail: Rail = Rail.FEDNOW) -> dict[str, Any]:
        """Return what the rail has booked."""
        with urllib.request.urlopen(f"{self.simulator_urls[rail]}/simulator/v1/ledger") as response:
            ledger: dict[str, Any] = json.load(response)
        return ledger

    def logs(self) -> str:
        """Return everything that the roles have logged."""
        return "".join(file.read_text() for file in sorted(self.directory.glob("*.log")))


@contextmanager
def installed(
    database: Database,
    directory: Path,
    *,
    broker_url: str | None = None,
    broker_namespace: str = "fifteen",
    rails: Sequence[Rail] = (Rail.FEDNOW,),
    amqp_url: str | None = None,
    archives: bool = False,
    rail_clock_s: int = RAIL_CLOCK_S,
    status_request_wait_s: int = STATUS_REQUEST_WAIT_S,
    simulator_options: Sequence[str] = (),
    module: str = PROGRAM,
    more: Mapping[str, str] | None = None,
) -> Iterator[Installation]:
    """Run the rails' simulators and a gateway; workers are the test's to start.

    With `amqp_url` the rails are reached over that broker's queues, and over HTTP by the test alone. With `archives`
    messages are encrypted under a key file, and those of the days before today go to a directory. `module` composes
    gateway and workers: the program, or `ON_RAIL_TIME`.
    """
    gateway_port, ports = free_loopback_port(), {rail: free_loopback_port() for rail in rails}
    urls = {rail: f"http://127.0.0.1:{port}" for rail, port in ports.items()}
    anchors = directory / ANCHORS
    anchors.mkdir(exist_ok=True)
    addresses = urls if amqp_url is None else dict.fromkeys(rails, amqp_url)
    environment = {
        "FIFTEEN_DATABASE_URL": database.application_dsn,
        "FIFTEEN_AUDIT_ANCHORS": str(anchors),
        "FIFTEEN_HTTP_PORT": str(gateway_port),
        "FIFTEEN_FEDNOW__URL": addresses.get(Rail.FEDNOW, ""),
        "FIFTEEN_FEDNOW__CONNECTION_PARTY": CONNECTION_PARTY,
        "FIFTEEN_FEDNOW__RAIL_CLOCK_S": str(rail_clock_s),
        "FIFTEEN_FEDNOW__STATUS_REQUEST_WAIT_S": str(status_request_wait_s),
        "FIFTEEN_RTP__URL": addresses.get(Rail.RTP, ""),
        "FIFTEEN_RTP__PARTICIPANT": RTP_PARTICIPANT,
        "FIFTEEN_RTP__RAIL_CLOCK_S": str(rail_clock_s),
        "FIFTEEN_RTP__REPEAT_WAIT_S": str(status_request_wait_s),
        "FIFTEEN_RTP__REPEAT_INTERVAL_S": str(REPEAT_INTERVAL_S),
        **(archive_in(directory) if archives else {}),
        **(more or {}),
        **({"FIFTEEN_BROKER_URL": broker_url, "FIFTEEN_BROKER_NAMESPACE": broker_namespace} if broker_url else {}),
    }
    over_queues = () if amqp_url is None else ("--amqp", amqp_url)
    with ExitStack() as stack:
        simulators = {
            rail: Role(
                f"simulator-{rail}",
                (
                    "simulator",
                    rail,
                    "--port",
                    str(port),
                    "--rail-clock",
                    str(rail_clock_s),
                    *over_queues,
                    *simulator_options,
                ),
                environment=environment,
                log_file=directory / f"simulator-{rail}.log",
                start=start_forked,
            )
            for rail, port in ports.items()
        }
        for simulator in simulators.values():
            stack.callback(simulator.stop)
        gateway = _gateway(environment, directory, module)
        stack.callback(gateway.stop)
        installation = Installation(
            gateway_url=f"http://127.0.0.1:{gateway_port}",
            simulator_urls=urls,
            directory=directory,
            environment=environment,
            gateway=gateway,
            stack=stack,
            module=module,
        )
        for rail, simulator in simulators.items():
            simulator.wait_until_ready(f"{urls[rail]}/healthz")
        gateway.wait_until_ready(f"{installation.gateway_url}/readyz")
        yield installation


def _gateway(environment: Mapping[str, str], directory: Path, module: str) -> Role:
    log_file = directory / "gateway.log"
    return Role("gateway", ("gateway",), environment=environment, log_file=log_file, module=module, start=start_forked)


def archive_in(directory: Path) -> Mapping[str, str]:
    """The settings of an archive in a directory, with a key file."""
    archive, keys = directory / "archive", directory / "keys"
    archive.mkdir()
    keys.write_text(f"2026-01 {base64.b64encode(bytes(range(32))).decode()}\n")
    keys.chmod(0o600)
    return {
        "FIFTEEN_ARCHIVE_URL": archive.as_uri(),
        "FIFTEEN_KEYS_FILE": str(keys),
        "FIFTEEN_ARCHIVE_AFTER_DAYS": "1",
    }


HEADERS: Final = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/xml"}
