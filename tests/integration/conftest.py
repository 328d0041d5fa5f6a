"""A RabbitMQ for the tests of the bus and of the rail links, one a session."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import RabbitMqNode, ensure_installed


@pytest.fixture(scope="session")
def server_directory() -> Iterator[Path]:
    """A directory that other users may enter: as root, servers run as somebody else."""
    directory = Path(tempfile.mkdtemp(prefix="fifteen-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def rabbitmq_node(server_directory: Path) -> Iterator[RabbitMqNode]:
    """A RabbitMQ node, which tests may kill and start again; installed where it is missing."""
    ensure_installed()
    with RabbitMqNode(server_directory / "rabbitmq") as node:
        yield node
        node.kill()  # hundreds of queues take their time to close in order
