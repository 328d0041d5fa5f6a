"""Anchors in a bucket of S3, or of what speaks its protocol. Region, credentials and address are AWS's own settings.

An object for each anchor, whose name says all of it: so the newest is found by asking for one name, and all are read by
listing them. Object Lock (compliance mode) is what makes it a place that nobody takes anything back from; a name that
was hidden by a later deletion is read all the same.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from adapters.anchors.files import UnreadableAnchor, line_of
from gateway.domain.payment import RegionId
from gateway.service.ports import Anchor, UnavailableError

NUMBERS: Final = 10**12
"""S3 lists names in their order: numbers are written as what is left of this, so that the newest stands first."""

_NAME: Final = re.compile(r"([a-z0-9_]+)/(\d{12})-([0-9a-f]{64})-(\d+)-(\d{8}T\d{6}\.\d{6}Z)\.json")
_AT: Final = "%Y%m%dT%H%M%S.%fZ"
_TAKEN: Final = frozenset({"PreconditionFailed", "412"})


class BucketAnchor:
    """Implements `gateway.service.ports.AuditAnchor`; what `append` has returned from is in the bucket."""

    def __init__(self, url: str) -> None:
        self._objects = _Objects(url)

    async def newest(self, region: RegionId) -> int:
        """Return the number of the newest anchor; see the port."""
        with _translated():
            return await asyncio.to_thread(self._newest, region)

    async def append(self, anchors: Sequence[Anchor]) -> None:
        """Write one after the other, so that what breaks off leaves no gap; see the port."""
        with _translated():
            for anchor in anchors:
                await asyncio.to_thread(self._put, anchor)

    def _newest(self, region: str) -> int:
        for name in self._objects.names(f"{region}/"):
            anchor = _anchor_from(name)
            if anchor is not None:
                return anchor.number
        return 0

    def _put(self, anchor: Anchor) -> None:
        self._objects.put(_name_of(anchor), line_of(anchor))


def read_bucket(url: str) -> Iterator[Anchor | UnreadableAnchor]:
    """Return every anchor of a bucket, also those that a later deletion hides, by region and number.

    Raises:
        UnavailableError: it cannot be read.

    """
    with _translated():
        names = sorted(set(_Objects(url).names_ever()), reverse=True)
    for name in sorted(names, key=lambda each: each.partition("/")[0]):
        yield _anchor_from(name) or UnreadableAnchor(name, 1)


class _Objects:
    """The objects below an address."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._bucket = address.netloc
        self._prefix = f"{address.path.strip('/')}/" if address.path.strip("/") else ""
        self._made: Any = None

    def put(self, name: str, content: bytes) -> None:
        """Write an object unless it is there: its name says all that is in it."""
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=self._prefix + name, Body=content,
                IfNoneMatch="*", ChecksumAlgorithm="SHA256", ContentType="application/json",
            )  # fmt: skip
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in _TAKEN:
                raise

    def names(self, prefix: str) -> Iterator[str]:
        """Yield the names below a prefix in their order; the first is asked for alone."""
        asked: dict[str, Any] = {"MaxKeys": 1}
        while True:
            page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix + prefix, **asked)
            yield from (each["Key"].removeprefix(self._prefix) for each in page.get("Contents", ()))
            if not page.get("IsTruncated"):
                return
            asked = {"ContinuationToken": page["NextContinuationToken"]}

    def names_ever(self) -> Iterator[str]:
        """Yield the name of every version of every object."""
        for page in self._client.get_paginator("list_object_versions").paginate(
            Bucket=self._bucket, Prefix=self._prefix
        ):
            yield from (each["Key"].removeprefix(self._prefix) for each in page.get("Versions", ()))

    @property
    def _client(self) -> Any:
        """The client: made when it is used first, since that reads files and may ask for credentials."""
        if self._made is None:
            settings = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 3})
            self._made = boto3.session.Session().client("s3", config=settings)
        return self._made


def _name_of(anchor: Anchor) -> str:
    at = anchor.at.astimezone(UTC).strftime(_AT)
    return f"{anchor.region}/{NUMBERS - anchor.number:012d}-{anchor.digest.hex()}-{anchor.events}-{at}.json"


def _anchor_from(name: str) -> Anchor | None:
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    region, left, digest, events, at = found.groups()
    try:
        instant = datetime.strptime(at, _AT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Anchor(region, NUMBERS - int(left), bytes.fromhex(digest), int(events), instant)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise UnavailableError(f"anchors: {type(error).__name__}: {error}") from error
