"""``fifteen synthetic``: one payment over every rail that is served, to a simulator of its own (docs/adr/0019).

The whole program runs, gateway and worker, as it is installed here; but on a database of its own, with the bus in it,
and with rails that are played in this very process. So the payment can reach neither a real rail nor the books: the
process opens no connection to either, and no setting can make it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Final

from pydantic import SecretStr

from adapters.postgres.phases import Phase
from adapters.postgres.synthetic import ensure_database, synthetic_dsn, turn
from adapters.postgres.upgrade import FirstTenant, digest_of_api_key, upgrade
from adapters.system import SystemClock, SystemIdentifiers
from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.client import Answer, GatewayClient
from gateway.cli.console import OUT
from gateway.domain.payment import Rail, RegionId, TenantId
from gateway.main import run, run_gateway, run_worker
from gateway.parts import release_of
from gateway.service.ports import UnavailableError
from gateway.settings import FedNowSettings, RtpSettings, Settings, SettingsError, database_url_of
from simulators import fednow, rtp

TENANT: Final = TenantId("synthetic")
API_KEY: Final = "synthetic"
"""No secret: it opens a gateway that lives for seconds, on the loopback interface, on a database without money."""

READY_MAX_S: Final = 10.0
WAIT_S: Final = 15
"""How long the parts may take to listen, and a payment to become final."""

POLL_S: Final = 0.05

_SENDER: Final = next(participant for participant in fednow.PARTICIPANTS if participant.may_send)
_RECEIVER: Final = next(participant for participant in fednow.PARTICIPANTS if not participant.may_send)
_RTP_SENDER: Final = next(each for each in rtp.PARTICIPANTS if each.routing_number == _SENDER.routing_number)


@dataclass(frozen=True, slots=True)
class SyntheticPayment:
    """What became of one: its rail, its last state, and the seconds from asking to knowing."""

    rail: str
    state: str
    seconds: float

    @property
    def settled(self) -> bool:
        """Whether it ended as it must."""
        return self.state == "SETTLED"


def run_synthetic(settings: Settings, *, as_json: bool) -> int:
    """Carry one payment over each rail that is served, say what became of them; 1 where one did not settle.

    Raises:
        SettingsError: the synthetic payments' database is not there, or not up to date.

    """
    outcome: list[SyntheticPayment] = []

    async def rehearse() -> None:
        outcome.extend([payment async for payment in synthetic_payments(settings)])

    try:
        run(rehearse)
    except* (UnavailableError, TimeoutError, OSError) as errors:
        raise SettingsError(f"no synthetic payment could be made: {_first(errors)}") from errors
    settled = all(payment.settled for payment in outcome)
    if as_json:
        payments = [asdict(payment) for payment in outcome]
        print(json.dumps({"settled": settled, "release": release_of(settings), "payments": payments}))
    else:
        for payment in outcome:
            OUT.print(f"{payment.rail}: {payment.state} after {payment.seconds:.2f} s", markup=False)
    return EXIT_OK if settled else EXIT_FINDINGS


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


async def synthetic_payments(settings: Settings) -> AsyncIterator[SyntheticPayment]:
    """Run the program on its own and yield what became of one payment for each rail.

    Raises:
        UnavailableError: the synthetic payments' database does not answer, or another rehearsal does not end.
        TimeoutError: the program did not become ready.

    """
    dsn, clock = synthetic_dsn(database_url_of(settings)), SystemClock()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(turn(dsn))
        urls = {rail: await stack.enter_async_context(_SIMULATORS[rail]()) for rail in settings.rails}
        gateway_url = await stack.enter_async_context(_running(rehearsal_settings(settings, dsn, urls)))
        client = await stack.enter_async_context(GatewayClient(gateway_url, API_KEY))
        for rail in settings.rails:
            started_s = clock.monotonic_s()
            key = f"synthetic-{SystemIdentifiers().new_uuid()}"
            answer = await client.send_payment(_payment(rail), key=key, wait_s=WAIT_S)
            yield SyntheticPayment(rail.value, _state(answer), round(clock.monotonic_s() - started_s, 3))


def _state(answer: Answer) -> str:
    return str(answer.document["state"]) if answer.accepted else f"answered {answer.status}"


_SIMULATORS: Final = {
    Rail.FEDNOW: lambda: fednow.serving(fednow.FedNowSimulatorSettings(port=0)),
    Rail.RTP: lambda: rtp.serving(rtp.RtpSimulatorSettings(port=0)),
}
"""The only rails that a rehearsal has: in this process, on the loopback interface."""


def rehearsal_settings(settings: Settings, dsn: str, urls: Mapping[Rail, str]) -> Settings:
    """Return settings that are made anew: of the installation's own only what is named here comes over.

    `model_construct` reads neither environment nor files.
    """
    fednow_settings = FedNowSettings(
        url=urls.get(Rail.FEDNOW),
        connection_party=_SENDER.connection_party,
        routing_numbers=(_SENDER.routing_number,),
    )
    rtp_settings = RtpSettings(
        url=urls.get(Rail.RTP),
        participant=_RTP_SENDER.connection_party,
        institutions=(_SENDER.routing_number,),
    )
    return Settings.model_construct(
        region=settings.region,
        regions=settings.regions,
        database_url=SecretStr(dsn),
        index_key=settings.index_key,
        schemas_folder=settings.schemas_folder,
        release=settings.release,
        log_level="error",
        http_port=0,
        worker_port=0,
        fednow=fednow_settings,
        rtp=rtp_settings,
    )


@asynccontextmanager
async def _running(settings: Settings) -> AsyncIterator[str]:
    """Run gateway and worker in this process; yields the gateway's address once both have the database they need."""
    listening: dict[str, str] = {}
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(run_gateway(settings, ready=lambda url: listening.update(gateway=url))),
            group.create_task(run_worker(settings, ready=lambda url: listening.update(worker=url))),
        ]
        try:
            async with asyncio.timeout(READY_MAX_S):
                while len(listening) < len(tasks):
                    await asyncio.sleep(POLL_S)
            yield listening["gateway"]
        finally:
            for task in tasks:
                task.cancel()


def _payment(rail: Rail) -> dict[str, object]:
    return {
        "rail": rail.value,
        "amount": "0.01",
        "currency": "USD",
        "debtor": {"name": "Synthetic Debtor"},
        "debtor_account": "100000000001",
        "debtor_agent": _SENDER.routing_number,
        "creditor": {"name": "Synthetic Creditor"},
        "creditor_account": "200000000001",
        "creditor_agent": _RECEIVER.routing_number,
        "remittance": ["Synthetic payment: no money moves"],
    }


async def upgrade_synthetic(settings: Settings, owner_dsn: str, *, phase: Phase | None) -> str:
    """Make the synthetic payments' database where it is missing, bring it up to date, and return its revision.

    Raises:
        UpgradeError: it cannot be made or brought up to date.

    """
    await ensure_database(owner_dsn)
    return await upgrade(
        synthetic_dsn(owner_dsn),
        regions=[RegionId(region) for region in settings.regions],
        first_tenant=FirstTenant(TENANT, "Synthetic payments", digest_of_api_key(API_KEY)),
        now=SystemClock().now(),
        phase=phase,
    )
