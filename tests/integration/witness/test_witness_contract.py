"""What every witness must do: conditional writes that one writer alone wins, whatever they are kept in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from itertools import count
from threading import Thread
from typing import Any, Final

import boto3
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from adapters.postgres.server import EmbeddedPostgres
from adapters.witness import WitnessAddressError, open_witness, prepare_witness
from gateway.domain.payment import RegionId
from gateway.domain.regions import LeaseTerms
from gateway.service.lease import RegionLease, lease_name
from gateway.service.ports import OvertakenError, UnavailableError, Witness
from tests.conftest import copy_database
from tests.fakes.clock import VirtualClock
from tests.fakes.witness import InMemoryWitness
from tests.terraform.hcl import blocks
from tests.terraform.running import SOURCE
from tests.unit.http.world import RecordingObserver

TABLE: Final = "fifteen-witness"
BUCKET: Final = "fifteen-witness-bucket"
WITNESS: Final = SOURCE / "modules" / "witness"
_names = count(1)


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """Moto's server on loopback, one request at a time: it looks and writes in two steps, and AWS does in one."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=False)
    serving = Thread(target=server.serve_forever, daemon=True)
    serving.start()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    serving.join()


@pytest.fixture(scope="module")
def dynamodb(aws: str) -> str:
    """With the table that an account would have: as Terraform's code says."""
    client: Any = boto3.client("dynamodb", region_name="us-east-2", endpoint_url=aws)
    (code,) = (block for block in blocks(WITNESS, "resource") if block.labels[0] == "aws_dynamodb_table")
    key = code.text("hash_key")
    client.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        BillingMode=code.text("billing_mode"),
    )
    client.close()
    return f"dynamodb://{TABLE}?region=us-east-2&endpoint={aws}"


@pytest.fixture(scope="module")
def s3(aws: str) -> str:
    """With a bucket."""
    client: Any = boto3.client("s3", region_name="us-east-2", endpoint_url=aws)
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-east-2"})
    client.close()
    return f"s3://{BUCKET}/of/two?region=us-east-2&endpoint={aws}"


@pytest.fixture(scope="module")
def witness_database(postgres_server: EmbeddedPostgres) -> str:
    """An empty database of the witness's own: the others are copies of one that knows of no witness."""
    return copy_database(postgres_server, "template1").owner_dsn


@pytest.fixture(params=["memory", "postgres", "dynamodb", "s3"])
def address(request: pytest.FixtureRequest) -> str | None:
    """Where each witness is, in turn; none for the one in memory."""
    if request.param == "memory":
        return None
    if request.param in {"dynamodb", "s3"}:
        return str(request.getfixturevalue(request.param))
    return str(request.getfixturevalue("witness_database"))


@pytest.fixture
async def witness(address: str | None) -> AsyncIterator[Witness]:
    """A witness, opened."""
    if address is None:
        yield InMemoryWitness()
        return
    await prepare_witness(address)
    await prepare_witness(address)  # a repeat changes nothing
    async with open_witness(address) as opened:
        yield opened


@pytest.fixture
def name() -> str:
    """A record that no other test has."""
    return f"record/{next(_names)}"


async def test_a_record_that_nobody_made_is_none(witness: Witness, name: str) -> None:
    """Who asks for what is not there is told so."""
    assert await witness.read(name) is None


async def test_a_write_is_seen_by_who_reads_after_it_was_answered(witness: Witness, name: str) -> None:
    """Reads are not of the past: a lease that was renewed must never look old."""
    first = await witness.write(name, "one", expected=None)
    second = await witness.write(name, "two", expected=first)

    record = await witness.read(name)

    assert record is not None
    assert (record.text, record.version) == ("two", second)
    assert (first, second) == (1, 2)


async def test_a_write_that_expects_another_version_is_refused_and_changes_nothing(witness: Witness, name: str) -> None:
    """The condition is what everything rests on."""
    await witness.write(name, "one", expected=None)
    for expected in (None, 2, 7):
        with pytest.raises(OvertakenError):
            await witness.write(name, "other", expected=expected)

    record = await witness.read(name)

    assert record is not None
    assert (record.text, record.version) == ("one", 1)


async def test_a_write_to_a_record_that_is_not_there_is_refused(witness: Witness, name: str) -> None:
    """A witness that was emptied or mistaken for another grants nothing."""
    with pytest.raises(OvertakenError):
        await witness.write(name, "one", expected=3)
    assert await witness.read(name) is None


async def test_of_many_writers_at_once_one_wins_each_round(witness: Witness, name: str) -> None:
    """Two regions that reach for the same slots at the same moment: one gets them."""
    version = None
    for round_number in range(3):
        outcomes = await asyncio.gather(
            *(witness.write(name, f"{round_number}-{writer}", expected=version) for writer in range(8)),
            return_exceptions=True,
        )
        won = [outcome for outcome in outcomes if isinstance(outcome, int)]
        assert len(won) == 1
        assert all(isinstance(outcome, int | OvertakenError) for outcome in outcomes)
        version = won[0]

    record = await witness.read(name)

    assert record is not None
    assert record.version == 3


async def test_a_writer_that_has_read_nothing_writes_the_version_that_it_was_told(
    address: str | None, witness: Witness, name: str
) -> None:
    """A process that has just started, with a version that another has read; and one that has seen an older one."""
    first = await witness.write(name, "one", expected=None)
    if address is None:
        return
    async with open_witness(address) as other:
        second = await other.write(name, "two", expected=first)
        assert await witness.write(name, "three", expected=second) == 3
        with pytest.raises(OvertakenError):
            await other.write(name, "four", expected=second)
        assert await other.read(name) == await witness.read(name)


async def test_processes_of_one_region_renew_one_lease_without_hindering_one_another(
    witness: Witness, name: str
) -> None:
    """Each holds it by its own renewals; who was overtaken by a process of its own region tries again."""
    region = RegionId(name)
    await witness.write(lease_name(region), LeaseTerms(region, 1, 10.0).as_text(), expected=None)
    clock = VirtualClock()
    leases = [RegionLease(witness, region, clock, RecordingObserver()) for _ in range(4)]

    for _ in range(3):
        clock.advance(1.0)
        await asyncio.gather(*(lease.renew() for lease in leases))

    for lease in leases:
        lease.demand()
    record = await witness.read(lease_name(region))
    assert record is not None
    assert record.version == 1 + 3 * len(leases)


@pytest.mark.usefixtures("aws")  # for its credentials
async def test_a_witness_that_is_not_there_is_unavailable(unused_tcp_port: int) -> None:
    """What cannot be reached is the world's fault, within a limit of time, and no verdict."""
    for url in (
        f"postgresql://nobody:secret@127.0.0.1:{unused_tcp_port}/none",
        f"dynamodb://{TABLE}?region=us-east-2&endpoint=http://127.0.0.1:{unused_tcp_port}",
        f"s3://{BUCKET}?region=us-east-2&endpoint=http://127.0.0.1:{unused_tcp_port}",
    ):
        async with open_witness(url) as witness:
            with pytest.raises(UnavailableError):
                await witness.read("lease/none")
            with pytest.raises(UnavailableError):
                await witness.write("lease/none", "", expected=None)


@pytest.mark.parametrize("url", ["", "redis://somewhere", "dynamodb://?region=us-east-2", "s3:///no-bucket"])
async def test_an_address_that_names_no_witness_is_refused(url: str) -> None:
    """The text says what would be one."""
    with pytest.raises(WitnessAddressError, match="dynamodb://TABLE"):
        async with open_witness(url):
            pass
