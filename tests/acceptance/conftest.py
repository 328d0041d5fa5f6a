"""Installations for the acceptance tests: on the embedded bus and on RabbitMQ."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from tests.acceptance.installation import Installation, installed
from tests.conftest import Database
from tests.servers.rabbitmq import RabbitMqNode, ensure_installed

BUSES: Final = ("embedded", "rabbitmq")
_namespaces = count(1)


@pytest.fixture(scope="session")
def rabbitmq_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A private RabbitMQ node; installed where it is missing."""
    ensure_installed()
    with RabbitMqNode(tmp_path_factory.mktemp("rabbitmq")) as node:
        yield node.url


@pytest.fixture
def install(
    database: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[[str], AbstractContextManager[Installation]]:
    """Install on one of `BUSES`."""

    def on(bus: str) -> AbstractContextManager[Installation]:
        broker_url = request.getfixturevalue("rabbitmq_url") if bus == "rabbitmq" else None
        namespace = f"acceptance{next(_namespaces)}"
        return installed(database, tmp_path, broker_url=broker_url, broker_namespace=namespace)

    return on


@pytest.fixture(params=BUSES)
def installation(
    request: pytest.FixtureRequest, install: Callable[[str], AbstractContextManager[Installation]]
) -> Iterator[Installation]:
    """A running installation with one worker, on either bus."""
    with install(request.param) as running:
        running.start_worker()
        yield running


@pytest.fixture(params=BUSES)
def idle_installation(
    request: pytest.FixtureRequest, install: Callable[[str], AbstractContextManager[Installation]]
) -> Iterator[Installation]:
    """A running installation without a worker, on either bus."""
    with install(request.param) as running:
        yield running
