"""An archive in a bucket of S3, or of what speaks its protocol. Region, credentials and address are AWS's own settings.

Objects are put under ``If-None-Match: *``: S3 itself refuses to write over one. Each bears its SHA-256, which S3 checks
when it comes. For how long they are kept is the bucket's to say: by Object Lock and a lifecycle rule.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from gateway.service.ports import ObjectMissingError, Part, UnavailableError

REQUESTS_MAX: Final = 4
"""Requests at a time: the archive is in no hurry, and threads are few."""

WHOLE_FROM: Final = 8
"""From so many parts on, an object is read whole: it costs one request, and segments are small."""

_MISSING: Final = frozenset({"NoSuchKey", "404"})
_TAKEN: Final = frozenset({"PreconditionFailed", "412"})
_BEING_WRITTEN: Final = frozenset({"ConditionalRequestConflict", "409"})

Answer = TypeVar("Answer")


class S3Archive:
    """Implements `gateway.service.ports.Archive` over boto3, in threads of their own; one for each process."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._client: Any = None
        self._turn = asyncio.Semaphore(REQUESTS_MAX)

    async def put(self, name: str, content: bytes) -> bool:
        """Write, if nothing is there; see the port."""
        try:
            await self._do(
                lambda client: client.put_object(
                    Bucket=self._bucket,
                    Key=self._prefix + name,
                    Body=content,
                    IfNoneMatch="*",
                    ChecksumAlgorithm="SHA256",
                    ContentType="application/octet-stream",
                )
            )
        except ClientError as error:
            if _code(error) in _TAKEN:
                return False
            if _code(error) in _BEING_WRITTEN:
                raise UnavailableError(f"archive: another is writing {name} at this moment") from error
            raise
        return True

    async def read(self, name: str) -> bytes:
        """Return an object; see the port."""
        return await self._read(name, {})

    async def read_parts(self, name: str, parts: Sequence[Part]) -> Sequence[bytes]:
        """Return parts of an object; see the port."""
        if len(parts) >= WHOLE_FROM:
            content = await self.read(name)
            return [content[part.start : part.start + part.size] for part in parts]
        ranges = [f"bytes={part.start}-{part.start + part.size - 1}" for part in parts]
        return [await self._read(name, {"Range": each}) for each in ranges]

    async def _read(self, name: str, asked: dict[str, str]) -> bytes:
        def get(client: Any) -> bytes:
            answer = client.get_object(Bucket=self._bucket, Key=self._prefix + name, **asked)
            content: bytes = answer["Body"].read()
            return content

        try:
            return await self._do(get)
        except ClientError as error:
            if _code(error) in _MISSING:
                raise ObjectMissingError(name) from error
            if _code(error) == "InvalidRange":
                return b""
            raise

    async def names(self, prefix: str) -> AsyncIterator[str]:
        """Return the names of the objects; see the port."""
        asked: dict[str, str] = {}
        while True:
            page = await self._do(
                lambda client, asked=asked: client.list_objects_v2(  # type: ignore[misc]
                    Bucket=self._bucket, Prefix=self._prefix + prefix, **asked
                )
            )
            for each in page.get("Contents", ()):
                yield each["Key"].removeprefix(self._prefix)
            if not page.get("IsTruncated"):
                return
            asked = {"ContinuationToken": page["NextContinuationToken"]}

    async def check(self) -> None:
        """Return if the bucket is there for us; see the port."""
        await self._do(lambda client: client.head_bucket(Bucket=self._bucket))

    async def _do(self, request: Callable[[Any], Answer]) -> Answer:
        """Make a request in a thread; what S3 itself answers is the caller's to read, all else is the world's."""
        async with self._turn:
            with _translated():
                return await asyncio.to_thread(lambda: request(self._made()))

    def _made(self) -> Any:
        """The client: made when it is used first, since that reads files and may ask for credentials."""
        if self._client is None:
            settings = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 3})
            self._client = boto3.session.Session().client("s3", config=settings)
        return self._client


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except BotoCoreError as error:
        raise UnavailableError(f"archive: {type(error).__name__}: {error}") from error
    except ClientError as error:
        known = _MISSING | _TAKEN | _BEING_WRITTEN | {"InvalidRange"}
        if _code(error) in known and error.operation_name != "HeadBucket":
            raise
        raise UnavailableError(f"archive: {_code(error)}: {error}") from error
