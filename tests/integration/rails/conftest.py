"""The rails that the contract is held against."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path

import pytest

from tests.integration.rails.stands import (
    FEDNOW,
    RTP,
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


@pytest.fixture(
    params=["in memory", "FedNow over HTTP", "RTP over HTTP", "FedNow over AMQP", "RTP over AMQP", "IBM MQ"]
)
async def rail(request: pytest.FixtureRequest, unused_tcp_port: int, tmp_path: Path) -> AsyncIterator[RailStand]:
    """Each rail in turn."""
    name, _, way = request.param.partition(" over ")
    network = {"FedNow": FEDNOW, "RTP": RTP}.get(name, FEDNOW)
    stand: AbstractAsyncContextManager[RailStand]
    match way or name:
        case "in memory":
            stand = nullcontext(MemoryStand())
        case "HTTP":
            stand = http_stand(network, port=unused_tcp_port, journal=tmp_path / "journal")
        case "AMQP":
            node: RabbitMqNode = request.getfixturevalue("rabbitmq_node")
            stand = amqp_stand(node.url, network)
        case _:
            stand = ibm_mq_stand()
    async with stand as opened:
        yield opened
