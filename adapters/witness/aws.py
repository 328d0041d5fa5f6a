"""What the witnesses in AWS have in common: a client that tries once, in threads of its own, and whose fault it was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from gateway.service.ports import OvertakenError, UnavailableError

TIMEOUT_S: Final = 2.0
"""An answer that takes longer is none: a lease is renewed several times within its length."""

THREADS: Final = 2
"""Of the witness's own: a renewal never waits for what other parts do in threads."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class AwsCalls:
    """Makes requests of one service; `overtaken` are its codes for a condition that did not hold."""

    client: Any
    threads: ThreadPoolExecutor
    overtaken: Collection[str]

    async def do(self, request: Callable[[Any], Answer]) -> Answer:
        """Return the answer to a request.

        Raises:
            OvertakenError: its condition did not hold.
            UnavailableError: whatever else went wrong.

        """
        with _translated(self.overtaken):
            return await asyncio.get_running_loop().run_in_executor(self.threads, request, self.client)


@contextmanager
def aws_calls(
    service: str, *, aws_region: str | None, endpoint: str | None, overtaken: Collection[str]
) -> Iterator[AwsCalls]:
    """Open a client; credentials come from where AWS's own tools look for them.

    The library must not repeat a conditional write by itself: if the first had been done and its answer was lost, the
    second would be refused, and we would believe that somebody else was first.

    Raises:
        UnavailableError: no client can be made: no region is named, or no credentials are found.

    """
    config = Config(
        connect_timeout=TIMEOUT_S,
        read_timeout=TIMEOUT_S,
        max_pool_connections=THREADS,
        retries={"total_max_attempts": 1, "mode": "standard"},
    )
    with ThreadPoolExecutor(THREADS, thread_name_prefix="witness") as threads:
        with _translated(overtaken):
            client = boto3.session.Session().client(
                service, region_name=aws_region, endpoint_url=endpoint, config=config
            )
        try:
            yield AwsCalls(client, threads, overtaken)
        finally:
            client.close()


def code_of(error: ClientError) -> str:
    """Return the code of a service's refusal."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def _translated(overtaken: Collection[str]) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if code_of(error) in overtaken:
            raise OvertakenError("the record has another version") from error
        raise UnavailableError(f"witness: {error}") from error
    except (BotoCoreError, OSError, TimeoutError) as error:
        raise UnavailableError(f"witness: {type(error).__name__}: {error}") from error
