"""A witness in DynamoDB: one table with the hash key ``name``; conditional writes, strongly consistent reads.

A table of one AWS region, which is neither of the two: a global table would not do, as its conditional writes hold in
the region that they are made in alone (the last writer wins between regions).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from gateway.service.ports import OvertakenError, UnavailableError, WitnessRecord

TIMEOUT_S: Final = 2.0
"""An answer that takes longer is none: a lease is renewed several times within its length."""

THREADS: Final = 2
"""Of the witness's own: a renewal never waits for what other parts do in threads."""

Answer = dict[str, Any]


class DynamoDbWitness:
    """Implements `gateway.service.ports.Witness` over boto3, in the threads that it is given."""

    def __init__(self, client: Any, threads: ThreadPoolExecutor, *, table: str) -> None:
        self._client = client
        self._threads = threads
        self._table = table

    async def read(self, name: str) -> WitnessRecord | None:
        """Return the record; see the port."""
        answer = await self._do(
            lambda: self._client.get_item(TableName=self._table, Key={"name": {"S": name}}, ConsistentRead=True)
        )
        item = answer.get("Item")
        return None if item is None else WitnessRecord(item["text"]["S"], int(item["version"]["N"]))

    async def write(self, name: str, text: str, *, expected: int | None) -> int:
        """Write the record if nobody else has; see the port."""
        version = 1 if expected is None else expected + 1
        item = {"name": {"S": name}, "text": {"S": text}, "version": {"N": str(version)}}
        await self._do(lambda: self._client.put_item(TableName=self._table, Item=item, **_condition(expected)))
        return version

    async def _do(self, request: Callable[[], Answer]) -> Answer:
        with _translated():
            return await asyncio.get_running_loop().run_in_executor(self._threads, request)


def _condition(expected: int | None) -> Answer:
    if expected is None:
        return {"ConditionExpression": "attribute_not_exists(#name)", "ExpressionAttributeNames": {"#name": "name"}}
    return {
        "ConditionExpression": "#version = :expected",
        "ExpressionAttributeNames": {"#version": "version"},
        "ExpressionAttributeValues": {":expected": {"N": str(expected)}},
    }


@asynccontextmanager
async def open_dynamodb_witness(
    table: str, *, aws_region: str | None = None, endpoint: str | None = None
) -> AsyncIterator[DynamoDbWitness]:
    """Open a client; credentials come from where AWS's own tools look for them.

    The library must not repeat a conditional write by itself: if the first had been done and its answer was lost, the
    second would be refused, and we would believe that somebody else was first.
    """
    config = Config(
        connect_timeout=TIMEOUT_S,
        read_timeout=TIMEOUT_S,
        max_pool_connections=THREADS,
        retries={"total_max_attempts": 1, "mode": "standard"},
    )
    with ThreadPoolExecutor(THREADS, thread_name_prefix="witness") as threads:
        with _translated():
            client = boto3.session.Session().client(
                "dynamodb", region_name=aws_region, endpoint_url=endpoint, config=config
            )
        try:
            yield DynamoDbWitness(client, threads, table=table)
        finally:
            client.close()


@contextmanager
def _translated() -> Iterator[None]:
    """Raise `OvertakenError` for a condition that did not hold, `UnavailableError` for whatever else went wrong."""
    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
            raise OvertakenError("the record has another version") from error
        raise UnavailableError(f"witness: {error}") from error
    except (BotoCoreError, OSError, TimeoutError) as error:
        raise UnavailableError(f"witness: {type(error).__name__}: {error}") from error
