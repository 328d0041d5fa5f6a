"""A whole installation of its own, as child processes in one directory: what benchmarks and drills run against.

PostgreSQL, RabbitMQ (unless the bus lives in PostgreSQL), the FedNow simulator, gateways and workers. Everything
listens on 127.0.0.1 at ports that were free, and ends with the process that started it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from adapters.child_process import free_loopback_port
from adapters.postgres.server import EmbeddedPostgres
from adapters.postgres.upgrade import FirstTenant, digest_of_api_key, upgrade
from adapters.rabbitmq.server import RabbitMqNode
from adapters.system import SystemClock
from gateway.cli.processes import Role, Start, start_anew
from gateway.domain.payment import RegionId, TenantId
from simulators.participants import PARTICIPANTS, Participant

API_KEY: Final = "the-key-of-an-installation-that-lives-for-minutes"
INDEX_KEY: Final = "the-index-key-of-an-installation-that-lives-for-minutes"
TENANT: Final = TenantId("default")
REGION: Final = RegionId("local")

Broker = Literal["rabbitmq", "embedded"]

SENDER: Final[Participant] = next(participant for participant in PARTICIPANTS if participant.may_send)
RECEIVER: Final[Participant] = next(participant for participant in PARTICIPANTS if not participant.may_send)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an installation is made of. ``settings`` are further ``FIFTEEN_*`` variables of its roles."""

    broker: Broker = "rabbitmq"
    gateways: int = 1
    workers: int = 1
    rail_clock_s: int = 20
    status_request_wait_s: int = 25
    books_every_copy: bool = False
    keeps_journal: bool = False
    log_level: str = "info"
    settings: Mapping[str, str] = field(default_factory=dict)


class Servers:
    """The servers below the roles: PostgreSQL, migrated, and RabbitMQ where the plan wants it."""

    def __init__(self, plan: Plan, directory: Path) -> None:
        self.postgres = EmbeddedPostgres(directory / "postgres")
        self.rabbitmq = RabbitMqNode(directory / "rabbitmq") if plan.broker == "rabbitmq" else None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run them while the context is open.

        Raises:
            PostgresServerError: PostgreSQL does not start.
            RabbitMqMissingError: RabbitMQ is not installed.
            RabbitMqNodeError: RabbitMQ does not start.

        """
        with ExitStack() as stack:
            if self.rabbitmq is not None:
                stack.enter_context(self.rabbitmq)
            stack.enter_context(self.postgres)
            first = FirstTenant(TENANT, "An institution of its own", digest_of_api_key(API_KEY))
            asyncio.run(upgrade(self.postgres.owner_dsn, regions=[REGION], first_tenant=first, now=SystemClock().now()))
            yield


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the roles listen: the simulator, and each gateway and worker by its number."""

    simulator: int
    gateways: tuple[int, ...]
    workers: tuple[int, ...]

    @classmethod
    def free(cls, plan: Plan) -> Addresses:
        """Return addresses that nobody listens on."""
        ports = (free_loopback_port() for _ in range(1 + plan.gateways + plan.workers))
        return cls(
            next(ports),
            tuple(next(ports) for _ in range(plan.gateways)),
            tuple(next(ports) for _ in range(plan.workers)),
        )


class Installation:
    """The roles of one plan on servers that run. Each can be started, ended and started again under its address.

    `start` says how they become processes.
    """

    def __init__(self, plan: Plan, servers: Servers, directory: Path, *, start: Start = start_anew) -> None:
        self.plan = plan
        self.servers = servers
        self.directory = directory
        self.start = start
        self.addresses = Addresses.free(plan)
        self.journal = directory / "fednow-journal.jsonl"
        self._environment = self._variables()

    @property
    def simulator_url(self) -> str:
        """Where the simulated rail answers."""
        return f"http://127.0.0.1:{self.addresses.simulator}"

    def simulator(self) -> Role:
        """Start the simulator."""
        plan = self.plan
        arguments = ("simulator", "fednow", "--port", str(self.addresses.simulator))
        options = (
            *("--rail-clock", str(plan.rail_clock_s)),
            *(("--journal", str(self.journal)) if plan.keeps_journal else ()),
            *(("--no-check-duplicates",) if plan.books_every_copy else ()),
        )
        return self._role("simulator", (*arguments, *options), {})

    def gateway(self, number: int, *, module: str = "gateway.cli", more: Mapping[str, str] | None = None) -> Role:
        """Start a gateway; `module` may compose it in another way, told by the variables in `more`."""
        variables = {"FIFTEEN_HTTP_PORT": str(self.addresses.gateways[number]), **(more or {})}
        return self._role("gateway", ("gateway",), variables, number=number, module=module)

    def worker(self, number: int, *, module: str = "gateway.cli", more: Mapping[str, str] | None = None) -> Role:
        """Start a worker; see `gateway`."""
        variables = {"FIFTEEN_WORKER_PORT": str(self.addresses.workers[number]), **(more or {})}
        return self._role("worker", ("worker",), variables, number=number, module=module)

    def _role(
        self,
        kind: str,
        arguments: tuple[str, ...],
        more: Mapping[str, str],
        *,
        number: int = 0,
        module: str = "gateway.cli",
    ) -> Role:
        name = f"{kind}-{number}"
        return Role(
            name,
            arguments,
            environment={**self._environment, **more},
            log_file=self.directory / f"{name}.log",
            module=module,
            start=self.start,
        )

    def _variables(self) -> Mapping[str, str]:
        rabbitmq = self.servers.rabbitmq
        return {
            "FIFTEEN_DATABASE_URL": self.servers.postgres.application_dsn,
            "FIFTEEN_BROKER_URL": "" if rabbitmq is None else rabbitmq.url,
            "FIFTEEN_INDEX_KEY": INDEX_KEY,
            "FIFTEEN_LOG_LEVEL": self.plan.log_level,
            "FIFTEEN_FEDNOW__URL": self.simulator_url,
            "FIFTEEN_FEDNOW__CONNECTION_PARTY": SENDER.connection_party,
            "FIFTEEN_FEDNOW__RAIL_CLOCK_S": str(self.plan.rail_clock_s),
            "FIFTEEN_FEDNOW__STATUS_REQUEST_WAIT_S": str(self.plan.status_request_wait_s),
            "COLUMNS": "120",
            **self.plan.settings,
        }


@dataclass(frozen=True, slots=True)
class Roles:
    """The processes of an installation while it runs."""

    simulator: Role
    gateways: tuple[Role, ...]
    workers: tuple[Role, ...]


@contextmanager
def running_roles(installation: Installation) -> Iterator[Roles]:
    """Run every role of the plan while the context is open; all are ready when it begins.

    Raises:
        RoleError: one ended, or did not become ready.

    """
    with ExitStack() as stack:

        def kept(role: Role) -> Role:
            stack.callback(role.stop)
            return role

        plan, addresses = installation.plan, installation.addresses
        simulator = kept(installation.simulator())
        gateways = tuple(kept(installation.gateway(number)) for number in range(plan.gateways))
        workers = tuple(kept(installation.worker(number)) for number in range(plan.workers))
        simulator.wait_until_ready(f"{installation.simulator_url}/healthz")
        for role, port in zip((*gateways, *workers), (*addresses.gateways, *addresses.workers), strict=True):
            role.wait_until_ready(f"http://127.0.0.1:{port}/readyz")
        yield Roles(simulator, gateways, workers)
