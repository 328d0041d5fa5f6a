"""The rails that the contract is held against."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path

import pytest

from simulators.fednow import FedNowSimulatorSettings
from tests.integration.rails.stands import (
    VISIBILITY_S,
    IbmMqStand,
    MemoryStand,
    RailStand,
    amqp_stand,
    http_stand,
    ibm_mq_stand,
)
from tests.servers import RabbitMqNode


@pytest.fixture
async def mq() -> AsyncIterator[IbmMqStand]:
    """The queue manager in memory."""
    async with ibm_mq_stand() as stand:
        yield stand


@pytest.fixture(params=["memory", "http", "amqp", "mq"])
async def rail(request: pytest.FixtureRequest, unused_tcp_port: int, tmp_path: Path) -> AsyncIterator[RailStand]:
    """Each rail in turn."""
    stand: AbstractAsyncContextManager[RailStand]
    match request.param:
        case "memory":
            stand = nullcontext(MemoryStand())
        case "http":
            journal = tmp_path / "journal"
            stand = http_stand(
                FedNowSimulatorSettings(port=unused_tcp_port, journal=journal, visibility_s=VISIBILITY_S)
            )
        case "amqp":
            node: RabbitMqNode = request.getfixturevalue("rabbitmq_node")
            stand = amqp_stand(node.url)
        case _:
            stand = ibm_mq_stand()
    async with stand as opened:
        yield opened
