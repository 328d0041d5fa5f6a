"""The witness of several regions: a third PostgreSQL, DynamoDB, or a bucket of S3; opened by its address."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import parse_qs, urlsplit

from gateway.service.ports import Witness

ADDRESSES: Final = "postgresql://…, dynamodb://TABLE?region=us-east-2 or s3://BUCKET/prefix?region=us-east-2"
"""What `open_witness` takes."""


class WitnessAddressError(Exception):
    """The address names no witness; the text says what would."""


@asynccontextmanager
async def open_witness(url: str) -> AsyncIterator[Witness]:
    """Open the witness at this address, and close it afterwards.

    Raises:
        WitnessAddressError: no witness has such an address, or the package that it needs is not installed.

    """
    parts = urlsplit(url)
    match parts.scheme:
        case "postgresql" | "postgres":
            from adapters.witness.postgres import open_postgres_witness

            async with open_postgres_witness(url) as witness:
                yield witness
        case "dynamodb" if parts.hostname:
            try:
                from adapters.witness.dynamodb import open_dynamodb_witness
            except ImportError as error:
                raise WitnessAddressError(f"{error}: pip install 'fifteen[dynamodb]'") from error
            async with open_dynamodb_witness(parts.netloc, **_where(parts.query)) as witness:
                yield witness
        case "s3" if parts.hostname:
            try:
                from adapters.witness.s3 import open_s3_witness
            except ImportError as error:
                raise WitnessAddressError(f"{error}: pip install 'fifteen[s3]'") from error
            async with open_s3_witness(parts.netloc, parts.path, **_where(parts.query)) as witness:
                yield witness
        case _:
            raise WitnessAddressError(f"a witness is at {ADDRESSES}, not at {parts.scheme or 'no scheme'}://")


def _where(query: str) -> dict[str, str | None]:
    """The AWS region, and the endpoint, where they are named."""
    options = parse_qs(query)
    return {"aws_region": options.get("region", [None])[0], "endpoint": options.get("endpoint", [None])[0]}


async def prepare_witness(url: str) -> None:
    """Make what the witness keeps its records in, where that is ours to make: a table. A repeat changes nothing.

    Raises:
        WitnessAddressError: no witness has such an address.
        UnavailableError: it does not answer.

    """
    if urlsplit(url).scheme in {"dynamodb", "s3"}:
        return  # made by whoever runs the account (docs/regions.md)
    from adapters.witness.postgres import make_table

    await make_table(url)
