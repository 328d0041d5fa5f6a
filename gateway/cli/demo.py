"""``fifteen demo``: everything on this machine, and four payments that show what the gateway is for."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from rich.box import SIMPLE
from rich.live import Live
from rich.table import Table
from rich.text import Text

from adapters.postgres.cluster import PostgresServerError
from adapters.postgres.server import EmbeddedPostgres
from adapters.postgres.upgrade import FirstOperator, FirstTenant, UpgradeError, digest_of_api_key, upgrade
from adapters.system import SystemClock
from gateway.cli import EXIT_FINDINGS
from gateway.cli.client import Answer, GatewayClient
from gateway.cli.console import OUT, stop
from gateway.cli.processes import Role, RoleError
from gateway.cli.running import RunningDemo, announce, withdraw
from gateway.cli.simulate import behaviour_table
from gateway.domain.payment import RegionId, TenantId
from simulators.participants import PARTICIPANTS
from simulators.rtp.participants import PARTICIPANTS as RTP_PARTICIPANTS

RAIL_CLOCK_S: Final = 4
STATUS_REQUEST_WAIT_S: Final = 5
"""The demo's rail: on the real one the clock runs 20 s, and 25 s pass before it may be asked."""

PROMISE_S: Final = 15
POLL_S: Final = 0.1
GIVE_UP_S: Final = 20.0
_BAR_WIDTH: Final = 6

_SENDER: Final = next(participant for participant in PARTICIPANTS if participant.may_send)
_RECEIVER: Final = next(participant for participant in PARTICIPANTS if not participant.may_send)

_OWN_ROUTING_NUMBERS: Final = tuple(
    participant.routing_number
    for participant in PARTICIPANTS
    if participant.may_send and participant.connection_party == _SENDER.connection_party
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One payment of the demo: what the simulated creditor's institution does, and how it must end."""

    name: str
    tells: str
    creditor_account: str
    amount: str
    state: str
    status: str
    reason: str | None = None
    rail: str | None = None

    def payment(self) -> dict[str, Any]:
        """Return the payment as the API takes it. All names and accounts are invented."""
        return {
            "amount": self.amount,
            "currency": "USD",
            "debtor": {"name": "Debtor Sample"},
            "debtor_account": "100000000001",
            "debtor_agent": _SENDER.routing_number,
            "creditor": {"name": "Creditor Sample"},
            "creditor_account": self.creditor_account,
            "creditor_agent": _RECEIVER.routing_number,
            "remittance": [f"Fifteen demo: {self.tells}"],
            **({} if self.rail is None else {"rail": self.rail}),
        }

    def ended_as_it_should(self, payment: dict[str, Any] | None) -> bool:
        """Whether the payment ended in the state, with the status and reason, that this scenario is about."""
        if payment is None:
            return False
        reason = payment["reason"]["code"] if payment["reason"] else None
        return (payment["state"], payment["status"], reason) == (self.state, self.status, self.reason)


SCENARIOS: Final = (
    Scenario("settled", "settles at once", "200000000001", "51.74", "SETTLED", "ACSC"),
    Scenario("rejected", "account closed", "SIMRJCTAC04", "20.00", "REJECTED", "RJCT", "AC04"),
    Scenario(
        "accepted_without_posting",
        "settled, not posted",
        "SIMACWP",
        "75.00",
        "ACCEPTED_WITHOUT_POSTING",
        "ACWP",
    ),
    Scenario("answer_lost", "answer lost, found", "SIMLOSTANSWER", "99.95", "SETTLED", "ACSC"),
)

_RTP_STATUS: Final = {"ACSC": "ACTC"}
"""RTP's yes is FedNow's word for progress."""

RTP_SCENARIOS: Final = tuple(
    replace(
        scenario,
        name=f"rtp_{scenario.name}",
        tells=f"RTP: {scenario.tells}",
        status=_RTP_STATUS.get(scenario.status, scenario.status),
        rail="rtp",
    )
    for scenario in SCENARIOS
)
"""The same four over RTP."""


def run_demo(*, stay: bool, as_json: bool, keep: Path | None, rtp: bool, rail_time: bool) -> None:
    """Run the demo; exits 1 when a payment did not end as it should."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    scenarios = (*SCENARIOS, *(RTP_SCENARIOS if rtp else ()))
    try:
        with _stack(keep, quiet=as_json, rtp=rtp, rail_time=rail_time) as running:
            payments = asyncio.run(_send_all(running, scenarios, quiet=as_json))
            results = [_result(scenario, payment) for scenario, payment in zip(scenarios, payments, strict=True)]
            if as_json:
                print(json.dumps(results, indent=2))
            good = all(
                scenario.ended_as_it_should(payment) for scenario, payment in zip(scenarios, payments, strict=True)
            )
            if stay:
                _tell(running, rtp=rtp)
                signal.pause()
    except (RoleError, PostgresServerError, UpgradeError) as error:
        stop(str(error), code=EXIT_FINDINGS)
    except KeyboardInterrupt:
        if not as_json:
            OUT.print("stopped; nothing is left running")
        return
    if not good:
        stop("a payment did not end as it should", code=EXIT_FINDINGS)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def _stack(keep: Path | None, *, quiet: bool, rtp: bool, rail_time: bool) -> Iterator[RunningDemo]:
    """Start PostgreSQL, the simulators, worker and gateway, in this order, and stop them in the other."""
    with ExitStack() as stack:
        if keep is None:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fifteen-demo-")))
        else:
            directory = keep.resolve()
            directory.mkdir(parents=True, exist_ok=True)
        _say("starting PostgreSQL", quiet=quiet)
        server = stack.enter_context(EmbeddedPostgres(directory / "postgres"))
        api_key = secrets.token_urlsafe(24)
        operator_key = secrets.token_urlsafe(24)
        first = FirstTenant(TenantId("demo"), "Demo institution", digest_of_api_key(api_key))
        operator = FirstOperator("demo operator", digest_of_api_key(operator_key))
        asyncio.run(
            upgrade(
                server.owner_dsn,
                regions=[RegionId("local")],
                first_tenant=first,
                first_operator=operator,
                now=SystemClock().now(),
            )
        )
        ports = {
            name: _free_port(preferred)
            for name, preferred in (("gateway", 8015), ("worker", 8016), ("sim", 8020), ("rtp", 8021))
        }
        running = RunningDemo(
            process_id=os.getpid(),
            gateway_url=f"http://127.0.0.1:{ports['gateway']}",
            simulator_url=f"http://127.0.0.1:{ports['sim']}",
            worker_url=f"http://127.0.0.1:{ports['worker']}",
            api_key=api_key,
            operator_key=operator_key,
        )
        environment = {
            "FIFTEEN_DATABASE_URL": server.application_dsn,
            "FIFTEEN_HTTP_PORT": str(ports["gateway"]),
            "FIFTEEN_WORKER_PORT": str(ports["worker"]),
            "FIFTEEN_FEDNOW__URL": running.simulator_url,
            "FIFTEEN_FEDNOW__CONNECTION_PARTY": _SENDER.connection_party,
            "FIFTEEN_FEDNOW__RAIL_CLOCK_S": str(RAIL_CLOCK_S),
            "FIFTEEN_FEDNOW__STATUS_REQUEST_WAIT_S": str(STATUS_REQUEST_WAIT_S),
            "FIFTEEN_INDEX_KEY": _index_key(directory / "index-key"),
            "FIFTEEN_FEDNOW__ROUTING_NUMBERS": ",".join(_OWN_ROUTING_NUMBERS),
            "COLUMNS": "120",
        }
        rtp_url = f"http://127.0.0.1:{ports['rtp']}"
        if rtp:
            environment |= {
                "FIFTEEN_RTP__URL": rtp_url,
                "FIFTEEN_RTP__PARTICIPANT": RTP_PARTICIPANTS[0].connection_party,
                "FIFTEEN_RTP__RAIL_CLOCK_S": str(RAIL_CLOCK_S),
                "FIFTEEN_RTP__REPEAT_WAIT_S": str(STATUS_REQUEST_WAIT_S),
                "FIFTEEN_RTP__INSTITUTIONS": ",".join(_OWN_ROUTING_NUMBERS),
            }
        journal = directory / "fednow-journal.jsonl"
        commands = {
            "simulator": (
                *("simulator", "fednow", "--port", str(ports["sim"])),
                *("--journal", str(journal), "--rail-clock", str(RAIL_CLOCK_S)),
            ),
            **(
                {
                    "simulator-rtp": (
                        *("simulator", "rtp", "--port", str(ports["rtp"])),
                        *("--journal", str(directory / "rtp-journal.jsonl"), "--rail-clock", str(RAIL_CLOCK_S)),
                    )
                }
                if rtp
                else {}
            ),
            "worker": ("worker",),
            "gateway": ("gateway",),
        }
        _say(f"starting {'simulators' if rtp else 'simulator'}, worker and gateway", quiet=quiet)
        roles = []
        for name, arguments in commands.items():
            module = "gateway.cli.on_rail_time" if rail_time and name in {"worker", "gateway"} else "gateway.cli"
            log_file = directory / f"{name}.log"
            role = Role(name, arguments, environment=environment, log_file=log_file, module=module)
            stack.callback(role.stop)
            roles.append(role)
        for role, url in zip(
            roles,
            (
                f"{running.simulator_url}/healthz",
                *((f"{rtp_url}/healthz",) if rtp else ()),
                f"{running.worker_url}/healthz",
                f"{running.gateway_url}/readyz",
            ),
            strict=True,
        ):
            role.wait_until_ready(url)
        announce(running)
        stack.callback(withdraw, running)
        yield running


def _index_key(file: Path) -> str:
    """Return the key of the blind indexes: kept with the database, or honest repeats would look like other content."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(24))
    return file.read_text()


def _free_port(preferred: int) -> int:
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            bound: int = probe.getsockname()[1]
            return bound
    raise RoleError("no free port on 127.0.0.1")


async def _send_all(running: RunningDemo, scenarios: Sequence[Scenario], *, quiet: bool) -> list[dict[str, Any] | None]:
    """Send every scenario's payment at once and watch them until all are final."""
    async with GatewayClient(running.gateway_url, running.api_key) as client:
        payments: list[dict[str, Any] | None] = [None] * len(scenarios)
        started, run = time.monotonic(), secrets.token_hex(4)
        for index, scenario in enumerate(scenarios):
            answer = await client.send_payment(scenario.payment(), key=f"demo-{run}-{scenario.name}", wait_s=0)
            payments[index] = _accepted(scenario, answer)
        with Live(console=OUT, refresh_per_second=10, transient=False, auto_refresh=False) as live:
            while True:
                for index, payment in enumerate(payments):
                    if payment is not None and not payment["final"]:
                        payments[index] = (await client.payment(payment["payment_id"])).document
                elapsed_s = time.monotonic() - started
                if not quiet:
                    live.update(_table(scenarios, payments, elapsed_s), refresh=True)
                if all(payment is not None and payment["final"] for payment in payments) or elapsed_s > GIVE_UP_S:
                    return payments
                await asyncio.sleep(POLL_S)


def _accepted(scenario: Scenario, answer: Answer) -> dict[str, Any]:
    if not answer.accepted:
        raise RoleError(f"the gateway refused {scenario.name}: {answer.status} {json.dumps(answer.document)}")
    return answer.document


def _table(scenarios: Sequence[Scenario], payments: Sequence[dict[str, Any] | None], elapsed_s: float) -> Table:
    table = Table(
        title=f"Demo profile: the rail's clock runs {RAIL_CLOCK_S} s (really 20 s), it may be asked after "
        f"{STATUS_REQUEST_WAIT_S} s (25 s)",
        title_justify="left",
        box=SIMPLE,
    )
    for heading in ("payment", "state", "status", f"of {PROMISE_S} seconds"):
        table.add_column(heading, no_wrap=True)
    for scenario, payment in zip(scenarios, payments, strict=True):
        if payment is None:
            continue
        seconds = payment["elapsed_ms"] / 1000 if payment["final"] else elapsed_s
        reason = f" {payment['reason']['code']}" if payment["reason"] else ""
        table.add_row(
            scenario.tells,
            Text(payment["state"], style=_style(scenario, payment)),
            f"{payment['status'] or ''}{reason}",
            _bar(seconds),
        )
    return table


def _style(scenario: Scenario, payment: dict[str, Any]) -> str:
    if not payment["final"]:
        return "yellow" if payment["state"] == "IN_DOUBT" else "cyan"
    return "green" if scenario.ended_as_it_should(payment) else "bold red"


def _bar(seconds: float) -> str:
    filled = min(round(seconds / PROMISE_S * _BAR_WIDTH), _BAR_WIDTH)
    return f"{'━' * filled}[dim]{'─' * (_BAR_WIDTH - filled)}[/] {seconds:5.2f}s"


def _result(scenario: Scenario, payment: dict[str, Any] | None) -> dict[str, Any]:
    found = payment or {}
    reason = found.get("reason")
    return {
        "name": scenario.name,
        "uetr": found.get("uetr"),
        "end_to_end_id": found.get("end_to_end_id"),
        "state": found.get("state"),
        "status": found.get("status"),
        "reason": reason["code"] if reason else None,
        "elapsed_ms": found.get("elapsed_ms"),
    }


def _tell(running: RunningDemo, *, rtp: bool) -> None:
    payment = json.dumps(SCENARIOS[0].payment())
    for rail in ("fednow", "rtp") if rtp else ("fednow",):
        OUT.print(behaviour_table(rail))
    OUT.print(
        f"\ngateway    {running.gateway_url}   /v1/payments /openapi.json /metrics /readyz\n"
        f"worker     {running.worker_url}   /metrics /readyz\n"
        f"simulator  {running.simulator_url}   /simulator/v1/summary /simulator/v1/ledger\n\n"
        "Send one of your own:\n",
        markup=False,
    )
    OUT.print(
        f"curl -s {running.gateway_url}/v1/payments -H 'Authorization: Bearer {running.api_key}' \\\n"
        f"  -H 'Content-Type: application/json' -H 'Idempotency-Key: my-first-payment' -H 'Prefer: wait=15' \\\n"
        f"  -d '{payment}'",
        markup=False,
        soft_wrap=True,
    )
    OUT.print("\nor an ISO 20022 file: fifteen send FILE --restamp\n\nCtrl-C stops everything.", markup=False)


def _say(what: str, *, quiet: bool) -> None:
    if not quiet:
        OUT.print(f"[dim]{what} …[/]")
