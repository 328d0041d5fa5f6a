"""The kinds of archives: in memory, a directory, and a bucket at a stand-in for S3."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from adapters.archive.directory import DirectoryArchive
from adapters.archive.s3 import S3Archive
from gateway.service.ports import Archive
from tests.fakes.archive import InMemoryArchive

_numbers = count(1)


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
    name = f"archive-{next(_numbers)}"
    boto3.client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture(params=["memory", "directory", "s3"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    """A fresh archive of each kind."""
    if request.param == "memory":
        return InMemoryArchive()
    if request.param == "directory":
        return DirectoryArchive(tmp_path)
    return S3Archive(request.getfixturevalue("bucket"), "/fifteen/messages")
