"""Two complete regions on this machine: each its own PostgreSQL, gateway and worker; a witness, and a link.

Whatever goes from one region to the other, replication and forwarded submissions, goes through the link, whose delay
and loss can be set and which can be cut; in a drill what goes to the witness does too. Both regions speak to one FedNow
simulator, under one connection party, each at a connection point of its own: what comes to the wrong one is handed over
to its home. Both ask one institution.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from adapters.child_process import free_loopback_port
from adapters.postgres.replication.connection import ReplicationError, connected
from adapters.postgres.server import EmbeddedPostgres
from adapters.postgres.upgrade import FirstTenant, digest_of_api_key, upgrade
from adapters.system import SystemClock
from gateway.cli.processes import Role, RoleError, Start, answers, start_anew
from gateway.cli.regions import followed, initialised
from gateway.domain.payment import RegionId, TenantId
from gateway.service.ports import UnavailableError
from gateway.settings import Settings, SettingsError, load_settings
from simulators.participants import PARTICIPANTS

NAMES: Final = (RegionId("use1"), RegionId("usw2"))
TENANT: Final = TenantId("demo")
ROLES: Final = ("worker", "gateway")
INSTITUTION_SECRET: Final = "whsec_dHdvLXJlZ2lvbnMtc2FtcGxlLWluc3RpdHV0aW9u"  # noqa: S105 - of an institution that is played
RAIL_CLOCK_S: Final = 4
STATUS_REQUEST_WAIT_S: Final = 5
WAL_KEPT: Final = "2GB"
"""What a region keeps for one that is away, before it gives its slot up."""

FOLLOW_AGAIN: Final = "500ms"
"""After so long a region tries to follow the other again that did not answer; PostgreSQL's default is 5 s."""

WITNESS: Final = "witness"
"""The witness's place on the link."""

_SENDER: Final = next(participant for participant in PARTICIPANTS if participant.may_send)
INSTITUTION: Final = _SENDER.routing_number
"""Who sends and receives here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How the two are made: the link's one-way delay and its loss, and the length of the leases."""

    delay_ms: float = 0.0
    loss_percent: float = 0.0
    lease_s: float = 10.0
    rail_clock_s: int = RAIL_CLOCK_S
    status_request_wait_s: int = STATUS_REQUEST_WAIT_S
    settings: Mapping[str, str] = field(default_factory=dict)
    role_module: str = "gateway.cli"
    """What the roles are run from: a drill may take guards away."""
    witness_on_link: bool = False
    """Whether the ways to the witness can be cut too."""
    books_every_copy: bool = False
    """The rail counts every copy of a message, which no real one does: a double shows."""
    start: Start = start_anew
    """How roles and commands become processes."""


@dataclass(frozen=True, slots=True)
class _Ports:
    gateway: int
    worker: int
    to_gateway: int
    """The link's port on which this region's gateway is found by the other region."""
    to_postgres: int
    to_witness: int
    """The link's port on which this region finds the witness, where that is on the link."""


class Region:
    """One region: its server, and its roles, each of which can be ended and started again under its address."""

    def __init__(self, name: RegionId, directory: Path, *, role_module: str, start: Start = start_anew) -> None:
        self.name = name
        self._role_module = role_module
        self._start = start
        self.directory = directory
        self.server = EmbeddedPostgres(directory / "postgres")
        self.ports = _Ports(*(free_loopback_port() for _ in range(5)))
        self.environment: Mapping[str, str] = {}
        self._settings: Settings | None = None
        self._roles: dict[str, Role] = {}

    def settle(self, environment: Mapping[str, str]) -> None:
        """Take the environment in which the roles, and all commands here, run."""
        self.environment, self._settings = environment, _settings_in(environment)

    @property
    def settings(self) -> Settings:
        """What the environment says."""
        assert self._settings is not None, "it has been told"
        return self._settings

    def do(self, work: Coroutine[Any, Any, object]) -> None:
        """Do what a command does, in this process.

        Raises:
            RoleError: it cannot be done.

        """
        try:
            asyncio.run(work)
        except (SettingsError, ReplicationError, UnavailableError) as error:
            raise RoleError(f"region {self.name}: {error}") from error

    def start(self, **environment: str) -> None:
        """Start the roles, those that run not among them, and return once they answer; serving or not.

        `environment` is for this once, on top of the region's own.
        """
        for kind in ROLES:
            if kind not in self._roles:
                self._roles[kind] = self.role(kind, module=self._role_module, **environment)
        for kind, url in zip(ROLES, (self.worker_url, self.gateway_url), strict=True):
            self._roles[kind].wait_until_ready(f"{url}/healthz")

    def wait_until_serving(self) -> None:
        """Return once the roles are ready."""
        for kind, url in zip(ROLES, (self.worker_url, self.gateway_url), strict=True):
            self._roles[kind].wait_until_ready(f"{url}/readyz")

    def serves(self) -> bool:
        """Whether the roles are ready at this moment."""
        return all(answers(f"{url}/readyz") for url in (self.worker_url, self.gateway_url))

    def stop(self) -> None:
        """Stop the roles."""
        while self._roles:
            self._roles.popitem()[1].stop()

    def kill(self) -> None:
        """Kill the roles and the server, as a region that is lost."""
        for role in self._roles.values():
            role.kill()
        self.server.kill()
        self.stop()

    def signal(self, number: signal.Signals, *kinds: str) -> None:
        """Send a signal to these roles, or to all: SIGSTOP freezes them, SIGCONT has them go on."""
        for kind in kinds or ROLES:
            self._roles[kind].signal(number)

    @property
    def gateway_url(self) -> str:
        """Where clients find this region."""
        return f"http://127.0.0.1:{self.ports.gateway}"

    @property
    def worker_url(self) -> str:
        """Where its worker shows metrics and readiness."""
        return f"http://127.0.0.1:{self.ports.worker}"

    def process_id(self, kind: str) -> int:
        """The process of a role that runs."""
        return self._roles[kind].process_id

    def role(self, *arguments: str, module: str = "gateway.cli", **environment: str) -> Role:
        """Start a command in this region; `environment` comes on top of the region's own."""
        name, log_file = "-".join((self.name, *arguments)), self.directory / f"{'-'.join((self.name, *arguments))}.log"
        environment = {**self.environment, **environment}
        return Role(name, arguments, environment=environment, log_file=log_file, module=module, start=self._start)

    def run_command(self, *arguments: str, timeout_s: float = 60.0) -> int:
        """Run a command in this region to its end, and return its exit code."""
        role = self.role(*arguments)
        try:
            return role.wait_until_ended(timeout_s)
        finally:
            role.stop()

    def demand(self, *arguments: str) -> None:
        """Run a command in this region to its end.

        Raises:
            RoleError: it did not end well.

        """
        if self.run_command(*arguments):
            log = (self.directory / f"{'-'.join((self.name, *arguments))}.log").read_text()
            raise RoleError(f"fifteen {' '.join(arguments)} in {self.name}: {log}")


class TwoRegions:
    """Both regions and what they share, on servers that run (`running`)."""

    def __init__(self, plan: Plan, directory: Path) -> None:
        self.plan = plan
        self.directory = directory
        self.api_key = secrets.token_urlsafe(24)
        self.witness = EmbeddedPostgres(directory / "witness")
        self.regions = tuple(
            Region(name, directory / name, role_module=plan.role_module, start=plan.start) for name in NAMES
        )
        self.simulator_port = free_loopback_port()
        self.link_port = free_loopback_port()
        self.institution_port = free_loopback_port()

    @property
    def simulator_url(self) -> str:
        """Where the rail is."""
        return f"http://127.0.0.1:{self.simulator_port}"

    @property
    def link_url(self) -> str:
        """Where the link is told of delay, loss and cut, by ``PUT /link`` (`simulators.link`)."""
        return f"http://127.0.0.1:{self.link_port}"

    @property
    def institution_url(self) -> str:
        """Where the institution that is asked about what is received shows what it was asked and told."""
        return f"http://127.0.0.1:{self.institution_port}"

    @property
    def journal(self) -> Path:
        """What the rail writes down."""
        return self.directory / "fednow-journal.jsonl"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start everything, and stop it in the other order.

        Raises:
            PostgresServerError: a server does not start.
            RoleError: a role does not start.

        """
        with ExitStack() as stack, ThreadPoolExecutor() as threads:
            servers = (*(region.server for region in self.regions), self.witness)
            for region in self.regions:
                region.directory.mkdir(parents=True, exist_ok=True)
            for server in servers:
                stack.callback(server.stop)
            outside = threads.submit(self._start_outside, stack)
            _at_once(threads, *(server.start for server in servers))
            link = self._kept(stack, self._outside("link", self._link()))
            for region in self.regions:
                asyncio.run(self._migrate(region))
            roles = outside.result()  # no other thread starts anything while settings are read from the environment
            self._tell_the_roles()
            for region in self.regions:
                stack.callback(region.stop)
            link.wait_until_ready(f"{self.link_url}/healthz")
            _at_once(threads, partial(self._begin, threads), *(region.start for region in self.regions))
            for role, url in zip(roles, (self.institution_url, self.simulator_url), strict=True):
                role.wait_until_ready(f"{url}/healthz")
            for region in self.regions:
                region.wait_until_serving()
            yield

    def _begin(self, threads: ThreadPoolExecutor) -> None:
        """Do what ``fifteen region init --first``, ``init`` and ``join`` do, each in its region.

        Not by the commands: each would take a second to start.
        """
        for number, region in enumerate(self.regions):
            region.do(initialised(region.settings, is_first=number == 0))
        _at_once(threads, *(partial(_follow, region) for region in self.regions))

    def _start_outside(self, stack: ExitStack) -> tuple[Role, Role]:
        """Start the institution and the rail: it takes them longer than it takes a server."""
        core = ("simulator", "core", "--port", str(self.institution_port), "--webhook-secret", INSTITUTION_SECRET)
        return (
            self._kept(stack, self._outside("institution", core)),
            self._kept(stack, self._outside("simulator", self._simulator())),
        )

    def _simulator(self) -> tuple[str, ...]:
        clock = ("--rail-clock", str(self.plan.rail_clock_s))
        points = ("--points", f"{_SENDER.connection_party}={','.join(NAMES)}")
        copies = ("--no-check-duplicates",) if self.plan.books_every_copy else ()
        simulator = ("simulator", "fednow", "--port", str(self.simulator_port), *clock, *points)
        return (*simulator, "--journal", str(self.journal), *copies)

    def _outside(self, name: str, arguments: Sequence[str]) -> Role:
        """Start what belongs to neither region."""
        return Role(name, arguments, environment={}, log_file=self.directory / f"{name}.log", start=self.plan.start)

    @staticmethod
    def _kept(stack: ExitStack, role: Role) -> Role:
        stack.callback(role.stop)
        return role

    def _link(self) -> tuple[str, ...]:
        east, west = self.regions
        ways = [
            f"{source}:{region.name}:{listening}:{target}"
            for region, source in ((east, west.name), (west, east.name))
            for listening, target in (
                (region.ports.to_gateway, region.ports.gateway),
                (region.ports.to_postgres, region.server.port),
            )
        ]
        if self.plan.witness_on_link:
            ways += [f"{each.name}:{WITNESS}:{each.ports.to_witness}:{self.witness.port}" for each in self.regions]
        delay = ("--delay-ms", f"{self.plan.delay_ms:g}", "--loss-percent", f"{self.plan.loss_percent:g}")
        return ("simulator", "link", "--port", str(self.link_port), *delay, *(f"--way={way}" for way in ways))

    async def _migrate(self, region: Region) -> None:
        first = FirstTenant(
            TENANT,
            "Demo institution",
            digest_of_api_key(self.api_key),
            receiving_agents=(_SENDER.routing_number,),
            institution_url=f"{self.institution_url}/v1/incoming-transfers",
        )
        await upgrade(region.server.owner_dsn, regions=NAMES, first_tenant=first, now=SystemClock().now())
        async with connected(region.server.superuser_dsn) as connection:
            await connection.execute(f"ALTER SYSTEM SET max_slot_wal_keep_size = '{WAL_KEPT}'")
            await connection.execute(f"ALTER SYSTEM SET wal_retrieve_retry_interval = '{FOLLOW_AGAIN}'")
            await connection.execute("SELECT pg_reload_conf()")

    def _tell_the_roles(self) -> None:
        index_key = secrets.token_urlsafe(24)
        for region, peer in zip(self.regions, reversed(self.regions), strict=True):
            environment = {
                "FIFTEEN_REGION": region.name,
                "FIFTEEN_REGIONS": ",".join(NAMES),
                "FIFTEEN_DATABASE_URL": region.server.application_dsn,
                "FIFTEEN_DATABASE_OWNER_URL": region.server.superuser_dsn,
                "FIFTEEN_PEER_DATABASE_URL": _through(peer.ports.to_postgres, peer.server.superuser_dsn, peer.server),
                "FIFTEEN_PEER_URL": f"http://127.0.0.1:{peer.ports.to_gateway}",
                "FIFTEEN_WITNESS_URL": _through(region.ports.to_witness, self.witness.owner_dsn, self.witness)
                if self.plan.witness_on_link
                else self.witness.owner_dsn,
                "FIFTEEN_LEASE_S": f"{self.plan.lease_s:g}",
                "FIFTEEN_HTTP_PORT": str(region.ports.gateway),
                "FIFTEEN_WORKER_PORT": str(region.ports.worker),
                "FIFTEEN_TENANT_ID": TENANT,
                "FIFTEEN_API_KEY": self.api_key,
                "FIFTEEN_INDEX_KEY": index_key,
                "FIFTEEN_FEDNOW__URL": self.simulator_url,
                "FIFTEEN_RECEIVING_AGENTS": _SENDER.routing_number,
                "FIFTEEN_INSTITUTION_SECRET": INSTITUTION_SECRET,
                "FIFTEEN_FEDNOW__CONNECTION_PARTY": _SENDER.connection_party,
                "FIFTEEN_FEDNOW__CONNECTION_POINT": region.name,
                "FIFTEEN_FEDNOW__PEER_CONNECTION_POINT": peer.name,
                "FIFTEEN_FEDNOW__RAIL_CLOCK_S": str(self.plan.rail_clock_s),
                "FIFTEEN_FEDNOW__STATUS_REQUEST_WAIT_S": str(self.plan.status_request_wait_s),
                "FIFTEEN_FEDNOW__STATUS_REQUEST_INTERVAL_S": "1",
                "COLUMNS": "120",
                **self.plan.settings,
            }
            region.settle(environment)


def _follow(region: Region) -> None:
    region.do(followed(region.settings, anew=False))


def _settings_in(environment: Mapping[str, str]) -> Settings:
    """Read the settings as a role with this environment does; no other thread may start anything meanwhile."""
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        return load_settings()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _through(port: int, dsn: str, server: EmbeddedPostgres) -> str:
    """Return where a server is found through the link."""
    return dsn.replace(f":{server.port}/", f":{port}/")


def _at_once(threads: ThreadPoolExecutor, *calls: Callable[[], Any]) -> None:
    """Make calls at the same moment, and return once all have ended; raises what the first of them has raised."""
    for running in [threads.submit(call) for call in calls]:
        running.result()
