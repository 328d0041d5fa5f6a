"""A witness in DynamoDB: one table with the hash key ``name``; conditional writes, strongly consistent reads.

A table of one AWS region, which is neither of the two: a global table would not do, as its conditional writes hold in
the region that they are made in alone (the last writer wins between regions).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from adapters.witness.aws import AwsCalls, aws_calls
from gateway.service.ports import WitnessRecord


class DynamoDbWitness:
    """Implements `gateway.service.ports.Witness` over boto3."""

    def __init__(self, calls: AwsCalls, *, table: str) -> None:
        self._calls = calls
        self._table = table

    async def read(self, name: str) -> WitnessRecord | None:
        """Return the record; see the port."""
        answer: dict[str, Any] = await self._calls.do(
            lambda client: client.get_item(TableName=self._table, Key={"name": {"S": name}}, ConsistentRead=True)
        )
        item = answer.get("Item")
        return None if item is None else WitnessRecord(item["text"]["S"], int(item["version"]["N"]))

    async def write(self, name: str, text: str, *, expected: int | None) -> int:
        """Write the record if nobody else has; see the port."""
        version = 1 if expected is None else expected + 1
        item = {"name": {"S": name}, "text": {"S": text}, "version": {"N": str(version)}}
        await self._calls.do(lambda client: client.put_item(TableName=self._table, Item=item, **_condition(expected)))
        return version


def _condition(expected: int | None) -> dict[str, Any]:
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
    """Open a client; raises as `adapters.witness.aws.aws_calls`."""
    overtaken = {"ConditionalCheckFailedException"}
    with aws_calls("dynamodb", aws_region=aws_region, endpoint=endpoint, overtaken=overtaken) as calls:
        yield DynamoDbWitness(calls, table=table)
