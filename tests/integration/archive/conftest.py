"""The kinds of archives: in memory, a directory, and a bucket at a stand-in for S3."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.archive.directory import DirectoryArchive
from adapters.archive.s3 import S3Archive
from gateway.service.ports import Archive
from tests.fakes.archive import InMemoryArchive


@pytest.fixture(params=["memory", "directory", "s3"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    """A fresh archive of each kind."""
    if request.param == "memory":
        return InMemoryArchive()
    if request.param == "directory":
        return DirectoryArchive(tmp_path)
    return S3Archive(request.getfixturevalue("bucket"), "/fifteen/messages")
