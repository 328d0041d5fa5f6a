"""The gateway as a client sees it: the application on a loopback socket, its store, and time in the test's hands."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from aiohttp import ClientResponse, ClientSession, web

from adapters.http.api import Api, HttpLimits, ReadinessCheck, Sender, Served, Takes
from adapters.http.application import build_application
from adapters.http.openapi_examples import JSON_PAYMENT_EXAMPLE, XML_MESSAGE_EXAMPLE
from adapters.http.peer import Peer
from adapters.http.serving import serving
from adapters.keys.clear import ClearVault
from adapters.system import SystemIdentifiers
from gateway.domain.events import Event, EventKind
from gateway.domain.payment import Payment, PaymentId, Rail, Reason, ReasonOrigin, RegionId, TenantId
from gateway.domain.rail_operations import RailEvent
from gateway.domain.reconciliation import Arrivals
from gateway.domain.stand_in import REJECT_ALL
from gateway.domain.timing import Timing
from gateway.receiving import desk_of
from gateway.service.admission import Admission
from gateway.service.both_regions import Durability
from gateway.service.conversations.desk import ConversationDesk
from gateway.service.conversations.fednow import FedNowConversations
from gateway.service.conversations.fednow_copies import ACKNOWLEDGED, FedNowCopies
from gateway.service.conversations.send_again import SendingAgain
from gateway.service.days import LostDays
from gateway.service.dead_letters import DeadLetters
from gateway.service.decide import Decisions, decide, grouped_saves
from gateway.service.fednow import FedNowDialect, fednow_protocol
from gateway.service.fednow_operations import FedNowOperations
from gateway.service.freshness import AsOf
from gateway.service.incoming.decide import IncomingDecider
from gateway.service.incoming.messages import ReceivedMessages
from gateway.service.operate import Operators
from gateway.service.ports import (
    Accepted,
    DeadLetter,
    Decision,
    IncomingDecision,
    KeySide,
    Leg,
    MessageDirection,
    Quarantined,
    RawMessage,
    ReceivingTenant,
    Refusal,
)
from gateway.service.posting_questions import PostingQuestions
from gateway.service.questions import QuestionDesk
from gateway.service.rail_operations import RailOperations
from gateway.service.rail_protocol import XML_TYPE, RailProtocol
from gateway.service.receipts import AwaitedReceipts, ReceiptDesk
from gateway.service.reconcile import MissingDesk
from gateway.service.submit import Intake, grouped_accepts
from gateway.service.supervise import supervise
from gateway.service.waiting import Waiting
from iso20022 import ConnectionPartyId, FedNowProfile, Finding, RoutingNumber
from tests.fakes.clock import VirtualClock
from tests.fakes.conversations import InMemoryConversations
from tests.fakes.dead_letters import InMemoryDeadLetters
from tests.fakes.directory import directory_over
from tests.fakes.due import InMemoryDue
from tests.fakes.incoming import InMemoryIncoming
from tests.fakes.incoming_rail import PARTY, receiving_rail
from tests.fakes.rail_operations import InMemoryRailEvents
from tests.fakes.store import InMemoryStore

TENANT: Final = TenantId("default")
OTHER_TENANT: Final = TenantId("other")
API_KEY: Final = "an-api-key-for-tests-only"
OTHER_API_KEY: Final = "another-api-key-for-tests-only"
OPERATOR_KEY: Final = "an-operators-key-for-tests-only"

BEARER: Final = {"Authorization": f"Bearer {API_KEY}"}
OTHER_BEARER: Final = {"Authorization": f"Bearer {OTHER_API_KEY}"}
OPERATOR: Final = {"Authorization": f"Bearer {OPERATOR_KEY}"}
XML: Final = {"Content-Type": "application/xml"}

REPORT_ID: Final = "20261120021150706EXAMPLE9001"
"""The header's message id of the rail's answer."""

PACS_002: Final = b"<FedNowOutgoing>what the rail said, byte for byte</FedNowOutgoing>"
TIMING: Final = Timing()


def message(number: int = 1, *, old: str = "", new: str = "") -> bytes:
    """A valid pacs.008 with a message id of its own; `old` may be replaced by `new`."""
    text = XML_MESSAGE_EXAMPLE.replace("EXAMPLE0001", f"EXAMPLE{number:04d}")
    assert old in text
    return (text.replace(old, new) if old else text).encode()


def json_payment(**members: object) -> bytes:
    """A valid payment in JSON, with other members put in, or left out where they are `...`."""
    payment = {**JSON_PAYMENT_EXAMPLE, **members}
    return json.dumps({name: value for name, value in payment.items() if value is not ...}).encode()


class RecordingObserver:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.accepted: list[Accepted] = []
        self.refused: list[Refusal] = []
        self.faults: list[tuple[str, BaseException]] = []
        self.parks: list[PaymentId] = []

    def payment_accepted(self, accepted: Accepted) -> None:
        self.accepted.append(accepted)

    def request_refused(self, refusal: Refusal) -> None:
        self.refused.append(refusal)

    def fault(self, where: str, error: BaseException) -> None:
        self.faults.append((where, error))

    def leg(self, leg: Leg, seconds: float) -> None: ...

    def state_changed(self, decision: Decision) -> None: ...

    def contradiction(self, decision: Decision) -> None: ...

    def duplicate_ignored(self, rail: object, inbox_id: str) -> None: ...

    def quarantined(self, message: Quarantined) -> None: ...

    def rail_keys(self, rail: Rail, whose: KeySide, *, until: datetime) -> None: ...

    def unverified(self, rail: Rail, finding: Finding, *, signature: str | None) -> None: ...

    def parked(self, payment_id: PaymentId, reason: str) -> None:
        self.parks.append(payment_id)

    def dead_lettered(self, letter: DeadLetter) -> None: ...

    def rail_event(self, event: RailEvent) -> None: ...

    def totals_compared(self, rail: Rail, *, theirs: Arrivals, ours: Arrivals, different_s: float) -> None: ...

    def rail_answered(self, rail: Rail) -> None: ...

    def timer_fired(self, lateness_s: float) -> None: ...

    def incoming_changed(self, decision: IncomingDecision) -> None: ...

    def incoming_answered(self, rail: Rail, *, own_s: float, left_s: float) -> None: ...

    def acceptance_waited(self, rail: Rail, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body as JSON."""
        document: dict[str, Any] = json.loads(self.body)
        return document

    @property
    def codes(self) -> list[str]:
        """The codes of a problem's findings."""
        return [finding["code"] for finding in self.json["findings"]]


@dataclass(slots=True)
class World:
    """One gateway and everything around it."""

    clock: VirtualClock
    store: InMemoryStore
    observer: RecordingObserver
    dead_letters: InMemoryDeadLetters
    application: web.Application
    api: Api
    session: ClientSession
    port: int
    served: list[Served]
    in_progress: Counter[Sender]
    incoming: InMemoryIncoming
    deciding: IncomingDecider
    conversations: InMemoryConversations

    @property
    def tenant(self) -> TenantId:
        """Whose key requests carry, unless they carry another."""
        return TENANT

    async def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask with the tenant's key, unless the headers carry another."""
        url = f"http://127.0.0.1:{self.port}{path}"
        async with self.session.request(method, url, data=body, headers={**BEARER, **(headers or {})}) as response:
            return await answer_of(response)

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """GET."""
        return await self.request("GET", path, headers=headers)

    async def post_message(self, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """Submit XML."""
        return await self.request("POST", "/v1/messages", body, {**XML, **(headers or {})})

    async def post_payment(
        self, body: bytes, *, key: str | None = "key-1", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Submit JSON."""
        given = {} if key is None else {"Idempotency-Key": key}
        return await self.request(
            "POST", "/v1/payments", body, {"Content-Type": "application/json", **given, **(headers or {})}
        )

    async def post_json(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Answer:
        """POST a JSON document."""
        typed = {"Content-Type": "application/json", **(headers or {})}
        return await self.request("POST", path, json.dumps(body).encode(), typed)

    async def act(self, payment: Payment, body: object, headers: Mapping[str, str] | None = None) -> Answer:
        """Do what an operator does about a payment."""
        path = f"/v1/payments/{payment.payment_id}/operator-actions"
        typed = {"Content-Type": "application/json", **(OPERATOR if headers is None else headers)}
        return await self.request("POST", path, json.dumps(body).encode(), typed)

    async def accepted(self, number: int = 1, *, old: str = "", new: str = "") -> Payment:
        """Submit a message that is accepted, and return its payment."""
        answer = await self.post_message(message(number, old=old, new=new))
        assert answer.status == 202, answer.body
        return self.payment(answer.json["payment_id"])

    def payment(self, payment_id: str) -> Payment:
        """The payment as it is now."""
        return self.store.rows.payments[PaymentId(UUID(payment_id))]

    async def befalls(self, payment: Payment, event: Event, *raw: RawMessage) -> Payment:
        """Let something happen to a payment."""
        now = self.store.rows.payments[payment.payment_id]
        decision = decide(
            now,
            event,
            at=self.clock.now(),
            timing=TIMING,
            messages=raw,
        )
        assert await self.store.save([decision]) == [True]
        return self.store.rows.payments[payment.payment_id]

    async def is_not_posted(self, payment: Payment) -> Payment:
        """Let the payment be sent, and accepted without posting."""
        (received,) = await self.store.messages(payment.payment_id)
        sent = self.api.posting_questions.protocols[payment.rail].transfer_message(
            payment, received, at=self.clock.now()
        )
        started = Event(EventKind.SENDING_STARTED, business_message_id=sent.business_message_id)
        await self.befalls(payment, started, sent.kept(UUID(int=5), at=self.clock.now()))
        accepted = Event(EventKind.ACCEPTANCE_WITHOUT_POSTING_REPORTED, status="ACWP")
        return await self.befalls(payment, accepted)

    async def settles(self, payment: Payment) -> Payment:
        """Let the payment be sent, and settled by the rail's pacs.002."""
        await self.befalls(payment, Event(EventKind.SENDING_STARTED))
        settled = Event(EventKind.SETTLEMENT_REPORTED, status="ACSC", business_message_id=REPORT_ID)
        return await self.befalls(payment, settled, self.report())

    async def expires(self, payment: Payment) -> Payment:
        """Let the gateway itself reject the payment: no message of the rail is about it."""
        return await self.befalls(
            payment, Event(EventKind.DEADLINE_PASSED, reason=Reason("AB11", ReasonOrigin.GATEWAY, "Too late."))
        )

    def report(self, *, business_message_id: str = REPORT_ID, body: bytes = PACS_002) -> RawMessage:
        """A pacs.002 as the rail sent it."""
        return RawMessage(
            message_id=SystemIdentifiers().new_uuid(),
            direction=MessageDirection.RAIL_IN,
            message_type="pacs.002.001.10",
            business_message_id=business_message_id,
            content_type=XML_TYPE,
            body=body,
            at=self.clock.now(),
        )

    async def let_wait_end(self, waiting: asyncio.Task[Answer], *, step_s: float = 0.02) -> Answer:
        """Move time on, step by step, until the request that waits is answered."""
        async with asyncio.timeout(10):
            while not waiting.done():
                self.clock.advance(step_s)
                await asyncio.sleep(0.0005)  # the loop's own time, in which the sockets live
        return waiting.result()


async def answer_of(response: ClientResponse) -> Answer:
    """Read a response to its end."""
    return Answer(response.status, response.headers, await response.read())


async def always_ready() -> None:
    """A part that answers."""


def receives(world: World, agent: str) -> None:
    """Have the first tenant receive for an institution: it is theirs."""
    world.conversations.incoming.tenants[RoutingNumber(agent)] = ReceivingTenant(TENANT, None, REJECT_ALL)


@asynccontextmanager
async def open_world(
    *,
    limits: HttpLimits | None = None,
    readiness: Mapping[str, ReadinessCheck] | None = None,
    others: Sequence[RailProtocol] = (),
    peer: Peer | None = None,
    region: RegionId | None = None,
    synthetic: Callable[[], Awaitable[dict[str, Any]]] | None = None,
    refused: Callable[[], bool] = lambda: False,
    durability: Durability | None = None,
    takes: Takes = Takes.EITHER,
    is_whole: Callable[[], bool] = lambda: True,
    days: LostDays | None = None,
    freshness: Callable[[], Sequence[AsOf]] = tuple,
) -> AsyncIterator[World]:
    """A gateway that serves FedNow, and the other rails, for as long as the context is open."""
    clock, observer = VirtualClock(), RecordingObserver()
    store = InMemoryStore(api_keys={digest(API_KEY): TENANT, digest(OTHER_API_KEY): OTHER_TENANT})
    dead_letters = InMemoryDeadLetters(store, operator_keys={digest(OPERATOR_KEY): "sample operator"})
    accepts, waiting = grouped_accepts(store), Waiting(store, clock, observer)
    protocol = fednow_protocol(FedNowProfile(), connection_party=ConnectionPartyId("990000107"), timing=TIMING)
    saves = grouped_saves(store)
    rail_events = InMemoryRailEvents()
    directory = directory_over(rail_events, clock, observer)
    intake = Intake(
        rails={rail.rail: rail for rail in (protocol, *others)},
        default_rail=protocol.rail,
        store=store,
        accepts=accepts,
        admission=Admission(store, clock, wait_max_s=1.5),
        clock=clock,
        identifiers=SystemIdentifiers(),
        vault=ClearVault(b"a-key-for-tests-only"),
        observer=observer,
        durability=durability,
        directory=directory,
        liquidity_tenants={TENANT},
        days=days,
    )
    served: list[Served] = []
    in_progress = Counter[Sender]()
    incoming = InMemoryIncoming(store)
    conversations = InMemoryConversations(incoming)
    payments = Decisions(store, saves, observer)
    desk, requests, incoming_saves = desk_of(
        rails={Rail.FEDNOW: receiving_rail(protocol)},
        store=incoming,
        payments=payments,
        protocols={protocol.rail: protocol},
        clock=clock,
        identifiers=SystemIdentifiers(),
        observer=observer,
        events=rail_events,
        receipts=AwaitedReceipts(conversations.receipts, {Rail.FEDNOW: ACKNOWLEDGED}, clock),
    )
    dialect = FedNowOperations(
        FedNowDialect(FedNowProfile(), ConnectionPartyId("990000107")), party="990000107", institutions=frozenset()
    )
    operations = RailOperations({Rail.FEDNOW: dialect}, rail_events, clock, SystemIdentifiers())
    api = Api(
        intake=intake,
        operators=Operators(payments, {protocol.rail: protocol}, clock),
        dead_letters=DeadLetters(dead_letters, store, {protocol.rail: TIMING}, clock, SystemIdentifiers()),
        incoming=desk,
        rail_operations=operations,
        directories={Rail.FEDNOW: directory},
        rail_missing=MissingDesk(rail_events, clock),
        requests=requests,
        posting_questions=PostingQuestions(payments, {protocol.rail: protocol}, {}, {}, clock, SystemIdentifiers()),
        conversations=ConversationDesk(
            store=conversations,
            incoming=incoming,
            received=ReceivedMessages(incoming, {Rail.FEDNOW: receiving_rail(protocol)}),
            rails={Rail.FEDNOW: FedNowConversations(FedNowDialect(FedNowProfile(), PARTY))},
            clock=clock,
            identifiers=SystemIdentifiers(),
            vault=ClearVault(b"a-key-for-tests-only"),
            directory=directory,
        ),
        sending_again=SendingAgain(
            conversations,
            conversations.receipts,
            {Rail.FEDNOW: FedNowCopies(FedNowDialect(FedNowProfile(), PARTY))},
            clock,
            SystemIdentifiers(),
        ),
        receipts=ReceiptDesk(conversations.receipts, rail_events, clock),
        questions=QuestionDesk(rail_events, store, incoming, conversations),
        due=InMemoryDue(conversations),
        store=store,
        waiting=waiting,
        clock=clock,
        identifiers=SystemIdentifiers(),
        render_metrics=lambda: (b"gateway_up 1\n", "text/plain; version=0.0.4; charset=utf-8"),
        record_request=served.append,
        count_submission=lambda sender, change: in_progress.update({sender: change}),
        report_fault=observer.fault,
        promise_s=TIMING.promise_s,
        version="0.0.0",
        release="2026.11.1",
        readiness=readiness if readiness is not None else {"database": always_ready},
        peer=peer,
        region=region,
        takes=takes,
        is_whole=is_whole,
        freshness=freshness,
        synthetic=synthetic,
        refused=refused,
    )
    api = replace(api, limits=limits) if limits is not None else api
    application = build_application(api)
    async with (
        asyncio.TaskGroup() as loops,
        serving(application, host="127.0.0.1", port=0) as port,
        ClientSession() as session,
    ):
        running = [
            loops.create_task(accepts.run()),
            loops.create_task(saves.run()),
            loops.create_task(incoming_saves.run()),
            loops.create_task(supervise("waiting", waiting.run, clock=clock, observer=observer)),
        ]
        yield World(
            clock,
            store,
            observer,
            dead_letters,
            application,
            api,
            session,
            port,
            served,
            in_progress,
            incoming,
            desk.decisions.decider,
            conversations,
        )
        for task in running:
            task.cancel()


def digest(api_key: str) -> bytes:
    """What the store keeps of an API key."""
    return hashlib.sha256(api_key.encode()).digest()
