"""Servers for several packages of tests, one a session: RabbitMQ, and a stand-in for S3."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.servers import RabbitMqNode, ensure_installed

_buckets = count(1)


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


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """A server that speaks S3's protocol, on this machine."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A fresh bucket there, which AWS's own settings lead to."""
    for name, value in {
        "AWS_ENDPOINT_URL_S3": s3_server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    name = f"archive-{next(_buckets)}"
    boto3.client("s3").create_bucket(Bucket=name)
    return name
