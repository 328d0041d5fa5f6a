"""A witness in a bucket of S3: an object for each record, put under ``If-Match`` or ``If-None-Match``.

S3 makes such a write only if the object is the one that was seen (its ETag), and whoever reads after a write was
answered sees it (Amazon S3 User Guide, "conditional writes", "data consistency model"). A bucket of one AWS region,
which is neither of the two, without replication: a replica would answer for itself. Who may not list the bucket is told
403 of what is not there, which is no answer: the role may (``s3:ListBucket``).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import ClientError

from adapters.witness.aws import AwsCalls, aws_calls, code_of
from gateway.service.ports import OvertakenError, WitnessRecord

_MISSING: Final = frozenset({"NoSuchKey", "404"})
_OVERTAKEN: Final = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict", "409", *_MISSING})
"""A conflict is another write under way: ours was not made. To replace what is not there is no write either."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A version of a record, and the object that it is."""

    version: int
    etag: str


@dataclass(frozen=True, slots=True)
class S3Witness:
    """Implements `gateway.service.ports.Witness` over boto3."""

    calls: AwsCalls
    bucket: str
    prefix: str
    _seen: dict[str, _Seen] = field(default_factory=dict)
    """The last version that was read or written here of each record: its next write needs no look before it."""

    async def read(self, name: str) -> WitnessRecord | None:
        """Return the record; see the port."""
        answer = await self.calls.do(lambda client: self._got(client, name))
        if answer is None:
            self._seen.pop(name, None)
            return None
        content, etag = answer
        kept = json.loads(content)
        self._seen[name] = _Seen(kept["version"], etag)
        return WitnessRecord(kept["text"], kept["version"])

    async def write(self, name: str, text: str, *, expected: int | None) -> int:
        """Write the record if nobody else has; see the port."""
        condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": await self._etag_of(name, expected)}
        version = 1 if expected is None else expected + 1
        body = json.dumps({"version": version, "text": text}).encode()  # two versions never have one ETag
        answer: dict[str, Any] = await self.calls.do(
            lambda client: client.put_object(
                Bucket=self.bucket, Key=self._key(name), Body=body, ContentType="application/json", **condition
            )
        )
        self._seen[name] = _Seen(version, answer["ETag"])
        return version

    async def _etag_of(self, name: str, version: int) -> str:
        """Return the ETag of a version of a record; raises OvertakenError where it is not the present one."""
        seen = self._seen.get(name)
        if seen is None or seen.version != version:
            await self.read(name)
            seen = self._seen.get(name)
        if seen is None or seen.version != version:
            raise OvertakenError("the record has another version")
        return seen.etag

    def _got(self, client: Any, name: str) -> tuple[bytes, str] | None:
        try:
            answer = client.get_object(Bucket=self.bucket, Key=self._key(name))
        except ClientError as error:
            if code_of(error) in _MISSING:
                return None
            raise
        return answer["Body"].read(), answer["ETag"]

    def _key(self, name: str) -> str:
        return f"{self.prefix}{name}"


@asynccontextmanager
async def open_s3_witness(
    bucket: str, prefix: str, *, aws_region: str | None = None, endpoint: str | None = None
) -> AsyncIterator[S3Witness]:
    """Open a client; raises as `adapters.witness.aws.aws_calls`."""
    with aws_calls("s3", aws_region=aws_region, endpoint=endpoint, overtaken=_OVERTAKEN) as calls:
        yield S3Witness(calls, bucket, f"{prefix.strip('/')}/" if prefix.strip("/") else "")
