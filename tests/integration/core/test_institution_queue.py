"""Institutions over a queue: what a broker can do to a question, and what is certain all the same."""

from __future__ import annotations

import asyncio
import ssl
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiormq.abc import AbstractChannel, DeliveredMessage
from pamqp.common import FieldTable
from yarl import URL

from adapters.child_process import free_loopback_port
from adapters.institution.institutions import Institutions
from adapters.institution.line import CONFIRM_TIMEOUT_S, UNDER_WAY_MAX, Line
from adapters.institution.queue import INSTRUCTIONS, PERSISTENT, QUESTIONS, TRANSIENT, QueueWay
from adapters.system import SystemClock
from gateway.domain.incoming_transfer import InstitutionAnswer, PostingAnswer, PostingOutcome, Verdict
from gateway.domain.payment import TenantId
from gateway.service.ports import ReceivingTenant, UnavailableError
from gateway.signing import tls_of
from tests.certificates import Authority, demanding
from tests.integration.bus.wire import ACKNOWLEDGE, FaultyWire
from tests.integration.core.institution_stands import (
    ANOTHER_SECRET,
    PATIENCE_S,
    SECRET,
    TENANT,
    QueueStand,
    answer,
    queues_of,
    saying,
    tenant_at,
)
from tests.integration.core.test_institutions import question
from tests.servers import RabbitMqNode
from tests.unit.docs.documents import document

ACCEPT = {"decision": "accept"}
REJECT = {"decision": "reject", "reason_code": "AC04"}


@pytest.fixture
def stand(rabbitmq_node: RabbitMqNode) -> QueueStand:
    """Institutions at a real broker."""
    return QueueStand(rabbitmq_node.url)


@pytest.fixture
async def wire(rabbitmq_node: RabbitMqNode) -> AsyncIterator[FaultyWire]:
    """The wire between who asks and the broker."""
    wire = FaultyWire(rabbitmq_node.url)
    async with wire.running():
        yield wire


@asynccontextmanager
async def asked_over(*urls: str) -> AsyncIterator[Institutions]:
    """What asks over these brokers, where the institution's own connection is another."""
    async with QueueStand(*urls).asking({TENANT: SECRET}) as institutions:
        yield institutions


async def taken(channel: AbstractChannel, queue: str) -> list[DeliveredMessage]:
    """What comes from a queue within a moment."""
    found: list[DeliveredMessage] = []

    async def take(message: DeliveredMessage) -> None:
        found.append(message)

    consuming = await channel.basic_consume(queue, take, no_ack=True)
    await asyncio.sleep(0.1)
    assert consuming.consumer_tag is not None
    await channel.basic_cancel(consuming.consumer_tag)
    return found


async def test_a_question_whose_time_is_over_reaches_nobody_and_an_instruction_waits(stand: QueueStand) -> None:
    """The broker drops the one, and keeps the other: an institution that comes back answers nothing stale."""
    async with stand.queues() as (channel, tenant), stand.asking({TENANT: SECRET}) as institutions:
        questions, instructions = queues_of(tenant)
        for left_s in (0.2, 30.0):
            with pytest.raises(UnavailableError, match="within"):
                await institutions.decide(tenant, question(left_s=left_s), within_s=0.3)
        with pytest.raises(UnavailableError, match="no time is left"):
            await institutions.decide(tenant, question(left_s=-0.1), within_s=0.3)
        telling = asyncio.ensure_future(institutions.post(tenant, question()))
        await asyncio.sleep(0.1)
        asked, told = await taken(channel, questions), await taken(channel, instructions)
        telling.cancel()

    (still_good,) = [message.header.properties for message in asked]
    (kept,) = [message.header.properties for message in told]
    assert (kept.delivery_mode, kept.expiration) == (PERSISTENT, None)
    assert still_good.delivery_mode == TRANSIENT
    assert 29_000 < int(still_good.expiration or 0) <= 30_000
    assert (still_good.correlation_id or "").startswith(str((still_good.headers or {})["webhook-id"]))


async def test_an_answer_is_believed_only_with_the_institutions_signature_on_this_question(stand: QueueStand) -> None:
    """Who may put messages onto a broker is not thereby who may accept money; with it the same is: the control."""
    for secret in (ANOTHER_SECRET, SECRET):
        async with (
            stand.institution(saying(ACCEPT, secret=secret)) as tenant,
            stand.asking({TENANT: SECRET}) as institutions,
        ):
            if secret == SECRET:
                assert await institutions.decide(tenant, question(), within_s=1) == InstitutionAnswer(Verdict.ACCEPT)
            else:
                with pytest.raises(UnavailableError, match="not signed"):
                    await institutions.decide(tenant, question(), within_s=1)


async def test_of_two_answers_the_first_counts_and_the_second_answers_nothing_else(stand: QueueStand) -> None:
    """Accept and reject at once; what is asked next has an answer of its own, and so have those asked together."""
    async with stand.institution(saying(ACCEPT, REJECT)) as tenant, stand.asking({TENANT: SECRET}) as institutions:
        for number in range(3):
            said = await institutions.decide(tenant, question(number=number), within_s=1)
            assert said == InstitutionAnswer(Verdict.ACCEPT)
        async with asyncio.TaskGroup() as group:
            same = [group.create_task(institutions.decide(tenant, question(number=9), within_s=1)) for _ in range(2)]
        assert [each.result().verdict for each in same] == [Verdict.ACCEPT] * 2


async def test_a_late_answer_to_an_instruction_that_was_told_before_is_not_the_answer_to_this_one(
    stand: QueueStand,
) -> None:
    """Both have the same signed id; "pending" to the first, taken for the second's, would hide that it is posted."""
    told: list[DeliveredMessage] = []
    is_told = asyncio.Event()
    async with stand.queues() as (channel, tenant), stand.asking({TENANT: SECRET}) as institutions:

        async def take(message: DeliveredMessage) -> None:
            told.append(message)
            is_told.set()
            if len(told) == 2:
                for each, outcome in zip(told, ("pending", "posted"), strict=True):
                    await answer(channel, saying({"posting": outcome}), each)

        await channel.basic_consume(queues_of(tenant)[1], take, no_ack=True)
        given_up = asyncio.ensure_future(institutions.post(tenant, question()))
        async with asyncio.timeout(PATIENCE_S):
            await is_told.wait()
        given_up.cancel()

        assert await institutions.post(tenant, question()) == PostingAnswer(PostingOutcome.POSTED)
    first, second = ((message.header.properties.headers or {})["webhook-id"] for message in told)
    assert first == second


async def test_a_broker_that_is_away_is_called_again_and_the_next_of_its_addresses_is_tried(
    stand: QueueStand, wire: FaultyWire
) -> None:
    """A question that was under way ends at once and may be asked again; after that everything is as before."""
    nowhere = f"amqp://guest:guest@127.0.0.1:{free_loopback_port()}/"
    unusable = "not-a-url"
    async with (
        stand.institution(saying(ACCEPT, after_s=0.4)) as tenant,
        asked_over(unusable, nowhere, wire.url, stand.url) as institutions,
    ):
        asking = asyncio.ensure_future(institutions.decide(tenant, question(), within_s=5))
        await asyncio.sleep(0.25)
        wire.cut()
        started_s = time.monotonic()
        with pytest.raises(UnavailableError, match="lost"):
            await asking
        assert time.monotonic() - started_s < 0.2

        assert await institutions.decide(tenant, question(), within_s=3) == InstitutionAnswer(Verdict.ACCEPT)


async def test_a_broker_that_says_nothing_costs_no_more_than_its_share_of_the_budget(
    stand: QueueStand, wire: FaultyWire
) -> None:
    """A connection that stays open and is dead: not confirmed, dropped, and made anew."""
    async with stand.institution(saying(ACCEPT)) as tenant, asked_over(wire.url) as institutions:
        await institutions.decide(tenant, question(), within_s=2)
        wire.is_frozen = True
        started_s = time.monotonic()
        with pytest.raises(UnavailableError, match="did not confirm"):
            await institutions.decide(tenant, question(), within_s=10)
        assert CONFIRM_TIMEOUT_S <= time.monotonic() - started_s < CONFIRM_TIMEOUT_S + 0.5
        with pytest.raises(UnavailableError, match="cannot be reached"):
            await institutions.decide(tenant, question(), within_s=0.2)
        wire.is_frozen = False
        wire.cut()

        async with asyncio.timeout(10):
            await until_reached(institutions, tenant)
        assert await institutions.decide(tenant, question(), within_s=3) == InstitutionAnswer(Verdict.ACCEPT)


async def test_an_answer_counts_though_nothing_was_confirmed_and_a_line_that_is_heard_is_kept(
    stand: QueueStand, wire: FaultyWire
) -> None:
    """A broker that confirms late is slow, not silent: who else waits on that line is not asked anew."""
    async with stand.institution(saying(ACCEPT)) as tenant, QueueWay({TENANT: [wire.url]}, SystemClock()) as way:
        institutions = Institutions({TENANT: SECRET}, SystemClock(), {"queue": way})
        opened = await way._line_to(tenant, QUESTIONS).opened(within_s=PATIENCE_S)
        wire.lost.add(ACKNOWLEDGE)
        assert await institutions.decide(tenant, question(), within_s=5) == InstitutionAnswer(Verdict.ACCEPT)
        wire.lost.clear()

        assert await institutions.decide(tenant, question(), within_s=5) == InstitutionAnswer(Verdict.ACCEPT)
        assert await way._line_to(tenant, QUESTIONS).opened(within_s=1) is opened


async def test_instructions_that_are_not_confirmed_cost_no_question_its_line(
    stand: QueueStand, wire: FaultyWire
) -> None:
    """A quorum queue without its quorum confirms none: their line is dropped, and a question under way is answered."""
    asked: list[DeliveredMessage] = []

    async def take(message: DeliveredMessage) -> None:
        asked.append(message)

    async with stand.queues() as (channel, tenant), QueueWay({TENANT: [wire.url]}, SystemClock()) as way:
        institutions = Institutions({TENANT: SECRET}, SystemClock(), {"queue": way})
        questions, instructions = (way._line_to(tenant, kind) for kind in (QUESTIONS, INSTRUCTIONS))
        kept, dropped = [await line.opened(within_s=PATIENCE_S) for line in (questions, instructions)]
        await channel.basic_consume(queues_of(tenant)[0], take, no_ack=True)
        asking = asyncio.ensure_future(institutions.decide(tenant, question(left_s=PATIENCE_S), within_s=PATIENCE_S))
        async with asyncio.timeout(PATIENCE_S):
            while not (asked and questions._heard_s):  # it is there, and confirmed
                await asyncio.sleep(0.01)
        wire.lost.add(ACKNOWLEDGE)
        with pytest.raises(UnavailableError, match="did not confirm"):
            await institutions.post(tenant, question())
        assert dropped.lost.is_set()
        await answer(channel, saying(ACCEPT), asked[0])

        assert await asking == InstitutionAnswer(Verdict.ACCEPT)
        assert await questions.opened(within_s=1) is kept


@asynccontextmanager
async def behind_tls(url: str, tls: ssl.SSLContext) -> AsyncIterator[str]:
    """A broker at which both sides show a certificate."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(URL(url).host, URL(url).port)
        async with asyncio.TaskGroup() as group:
            for source, sink in ((reader, back), (there, writer)):
                group.create_task(carried(source, sink))

    async def carried(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                sink.write(data)
        except (ConnectionError, ssl.SSLError):
            pass
        sink.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    yield str(URL(url).with_scheme("amqps").with_port(server.sockets[0].getsockname()[1]))
    server.close()


async def test_over_tls_both_sides_show_a_certificate(stand: QueueStand, tmp_path: Path) -> None:
    """Ours is the one that webhooks show, of the same setting; without it, or to a stranger, nothing is said."""
    authority, other = Authority(tmp_path, "authority"), Authority(tmp_path, "other")
    broker, ours = authority.issue("broker"), authority.issue("ours")
    async with (
        stand.institution(saying(ACCEPT)) as tenant,
        behind_tls(stand.url, demanding(broker, of=authority.file)) as url,
    ):
        for certificate, authorities, is_let_in in (
            (ours.with_key, authority.file, True),
            (None, authority.file, False),
            (ours.with_key, other.file, False),
        ):
            async with QueueWay({TENANT: [url]}, SystemClock(), tls=tls_of(certificate, authorities)) as way:
                line = way._line_to(tenant, QUESTIONS)
                if is_let_in:
                    await line.opened(within_s=PATIENCE_S)
                    institutions = Institutions({TENANT: SECRET}, SystemClock(), {"queue": way})
                    said = await institutions.decide(tenant, question(), within_s=3)
                    assert said == InstitutionAnswer(Verdict.ACCEPT)
                else:
                    with pytest.raises(UnavailableError, match="cannot be reached"):
                        await line.opened(within_s=0.7)


async def test_an_institution_that_takes_from_its_queue_is_ready_and_one_that_does_not_is_not(
    stand: QueueStand,
) -> None:
    """What the guard of the rail's sign-on looks at."""
    async with stand.queues() as (channel, tenant), stand.asking({TENANT: SECRET}) as institutions:
        with pytest.raises(UnavailableError, match="nobody takes"):
            await institutions.reach(tenant)
        for queue in queues_of(tenant):
            await channel.basic_consume(queue, lambda message: answer(channel, saying(ACCEPT), message), no_ack=True)
        await institutions.reach(tenant)


async def test_a_queue_that_is_full_or_is_not_there_refuses_at_once(stand: QueueStand) -> None:
    """Nobody waits out the budget for what no queue has taken: unconfirmed or unrouted, it would look like silence."""
    async with stand.queues() as (channel, _), stand.asking({TENANT: SECRET}) as institutions:
        full = tenant_at("queue:test.full")
        limits: FieldTable = {"x-max-length": 1, "x-overflow": "reject-publish", "x-queue-type": "classic"}
        await channel.queue_declare("test.full.questions", durable=True, arguments=limits)
        await channel.basic_publish(b"{}", routing_key="test.full.questions")
        await channel.queue_declare("test.full.questions", passive=True)  # answered once what came before it is there
        started_s = time.monotonic()
        for tenant, fault in ((full, "rejected|Nack|publish"), (tenant_at("queue:test.none"), "has no queue")):
            with pytest.raises(UnavailableError, match=fault):
                await institutions.decide(tenant, question(), within_s=5)
        assert time.monotonic() - started_s < 5


async def test_a_tenant_without_a_broker_is_not_asked(stand: QueueStand) -> None:
    """Nobody else's broker is taken for its own."""
    stranger = ReceivingTenant(TenantId("other"), "queue:other", tenant_at("queue:other").stand_in)
    async with stand.asking({TENANT: SECRET, stranger.tenant_id: SECRET}) as institutions:
        with pytest.raises(UnavailableError, match="no broker"):
            await institutions.decide(stranger, question(), within_s=1)


async def test_no_more_is_under_way_than_is_allowed() -> None:
    """An institution that answers nobody holds no more than so many questions."""
    line = Line(["amqp://nowhere/"], purpose="test")
    waiting = [line._awaiting(str(number)) for number in range(UNDER_WAY_MAX)]
    for each in waiting:
        each.__enter__()

    with pytest.raises(UnavailableError, match="wait for their answers"), line._awaiting("one too many"):
        raise AssertionError
    waiting.pop().__exit__(None, None, None)
    with line._awaiting("one"):
        pass


async def test_the_consumer_in_the_documentation_answers_questions_and_posts(stand: QueueStand) -> None:
    """An example that is wrong is worse than none."""
    (example,) = [block.text for block in document("docs/receiving.md").blocks if "import aio_pika" in block.text]
    for written, meant in (("whsec_…", SECRET), ("amqps://…", stand.url), ("bank.incoming", "test.documented")):
        example = example.replace(written, meant)
    tenant = tenant_at("queue:test.documented")
    async with stand.asking({TENANT: SECRET}) as institutions:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", example)
        try:
            async with asyncio.timeout(20):
                await until_reached(institutions, tenant)
            accepted = await institutions.decide(tenant, question(), within_s=2)
            posted = await institutions.post(tenant, question())
            await institutions.not_settled(tenant, question().transfer)
        finally:
            process.terminate()
            await process.wait()

    assert accepted == InstitutionAnswer(Verdict.ACCEPT)
    assert posted == PostingAnswer(PostingOutcome.POSTED)


async def until_reached(institutions: Institutions, tenant: ReceivingTenant) -> None:
    """Return once somebody takes the tenant's questions, and can be asked."""
    while True:
        try:
            await institutions.reach(tenant)
        except UnavailableError:
            await asyncio.sleep(0.1)
        else:
            return
