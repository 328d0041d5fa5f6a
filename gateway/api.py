"""The API, composed: the use cases behind it, and the loops that a gateway runs for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

from adapters.http.api import Api, HttpLimits, Sender, Served
from adapters.http.peer import Peer
from adapters.postgres.due import PostgresDue
from adapters.postgres.screening import PostgresScreening
from adapters.synthetic import SyntheticPayments
from adapters.system import SystemIdentifiers
from adapters.telemetry.metrics import Metrics
from gateway.conversing import awaited_receipts, conversation_desk, request_copies
from gateway.domain.payment import RegionId, TenantId
from gateway.parts import Parts, decisions_of, lease_check, posting_questions, release_of
from gateway.presence import RailPresence
from gateway.receiving import desk_of, receiving_rails
from gateway.regional import takes_of, whole_of
from gateway.service.admission import Admission
from gateway.service.conversations.send_again import SendingAgain
from gateway.service.dead_letters import DeadLetters
from gateway.service.decide import grouped_saves
from gateway.service.group_commit import GroupCommit
from gateway.service.operate import Operators
from gateway.service.ports import Bus
from gateway.service.questions import QuestionDesk
from gateway.service.receipts import ReceiptDesk
from gateway.service.reconcile import MissingDesk
from gateway.service.relay import Forwarder
from gateway.service.submit import PACE_S, Intake, grouped_accepts
from gateway.service.supervise import Loop
from gateway.service.timers import Timers
from gateway.service.waiting import Waiting


@dataclass(frozen=True, slots=True)
class ComposedApi:
    """The API, and what has to run while it is served."""

    api: Api
    groups: Sequence[GroupCommit[Any, Any]]
    loops: Mapping[str, Loop]


def compose_api(parts: Parts, bus: Bus, presence: RailPresence, peer: Peer | None) -> ComposedApi:
    """Build the API over what every role has, the rails' presence, and the way to the other region's gateway."""
    settings, clock, identifiers = parts.settings, parts.clock, SystemIdentifiers()
    forwarder = Forwarder(parts.store, bus, clock, parts.observer)
    waiting = Waiting(parts.store, clock, parts.observer)
    admission = Admission(parts.store, clock, settings.admission_wait_max_s)
    accepts, saves = grouped_accepts(parts.store), grouped_saves(parts.store)
    decisions = decisions_of(parts, saves)
    received = receiving_rails(settings, parts.rails)
    freshness = None if parts.regional is None else parts.regional.freshness(RegionId(settings.region), clock)
    incoming, requests, incoming_saves = desk_of(
        rails=received,
        store=parts.incoming,
        payments=decisions,
        protocols=parts.rails,
        clock=clock,
        identifiers=identifiers,
        observer=parts.observer,
        events=parts.rail_events,
        receipts=awaited_receipts(settings, parts.receipts, clock),
    )
    api = Api(
        intake=Intake(
            rails=parts.rails,
            default_rail=settings.rail_of_others,
            store=parts.store,
            accepts=accepts,
            admission=admission,
            clock=clock,
            identifiers=identifiers,
            vault=parts.vault,
            observer=parts.observer,
            forward=forwarder.take,
            durability=None if parts.regional is None else parts.regional.both,
            directory=presence.directory,
            liquidity_tenants=frozenset(map(TenantId, settings.fednow.liquidity_tenants)),
            days=None if parts.regional is None else parts.regional.days,
            pace_s=PACE_S,
        ),
        operators=Operators(decisions, parts.rails, clock, PostgresScreening(parts.pool)),
        dead_letters=DeadLetters(
            parts.dead_letters,
            parts.store,
            {rail: protocol.timing for rail, protocol in parts.rails.items()},
            clock,
            identifiers,
        ),
        incoming=incoming,
        rail_operations=presence.operations,
        directories={} if presence.directory is None else {presence.directory.rail: presence.directory},
        rail_missing=MissingDesk(parts.rail_events, clock),
        requests=requests,
        posting_questions=posting_questions(parts, decisions, {}),
        conversations=conversation_desk(
            settings,
            parts.conversations,
            parts.incoming,
            received,
            clock=clock,
            identifiers=identifiers,
            vault=parts.vault,
            directory=presence.directory,
        ),
        sending_again=SendingAgain(parts.conversations, parts.receipts, request_copies(settings), clock, identifiers),
        receipts=ReceiptDesk(parts.receipts, parts.rail_events, clock),
        questions=QuestionDesk(parts.rail_events, parts.store, parts.incoming, parts.conversations),
        due=PostgresDue(parts.pool, region=RegionId(settings.region)),
        store=parts.store,
        waiting=waiting,
        clock=clock,
        identifiers=identifiers,
        render_metrics=parts.metrics.render,
        record_request=_request_recorder(parts.metrics),
        count_submission=_submission_counter(parts.metrics),
        report_fault=parts.observer.fault,
        promise_s=settings.promise_s,
        version=version("fifteen"),
        release=release_of(settings),
        readiness={"database": parts.store.check, **lease_check(parts)},
        refused=parts.releases.refused,
        synthetic=SyntheticPayments(clock, release_of(settings)).newest if settings.synthetic_payments else None,
        limits=HttpLimits(body_bytes_max=settings.body_bytes_max),
        peer=peer,
        region=None if peer is None else RegionId(settings.region),
        takes=takes_of(settings),
        is_whole=whole_of(parts.regional),
        freshness=tuple if freshness is None else freshness.stated,
    )
    loops: dict[str, Loop] = {
        "forwarder": forwarder.publish,
        "outbox": forwarder.forget,
        "releases": parts.releases.run,
        "admission": admission.run,
        "bus": partial(admission.watch, bus),
        "waiting": waiting.run,
        "deadlines": partial(
            _decide_when_nobody_else_does, parts, Timers(decisions, parts.rails, clock, parts.observer)
        ),
        **({} if parts.regional is None else parts.regional.loops_of_a_gateway),
        **({} if freshness is None else {"freshness": freshness.run}),
        **presence.loops,
    }
    return ComposedApi(api, (accepts, saves, incoming_saves), loops)


async def _decide_when_nobody_else_does(parts: Parts, timers: Timers) -> None:
    """Decide what no worker has decided in time, once the database has what this program needs."""
    await parts.releases.admitted()
    await timers.run_when_nobody_else_does()


def _request_recorder(metrics: Metrics) -> Callable[[Served], None]:
    def record(served: Served) -> None:
        labels = (served.method, served.route, str(served.status))
        metrics.http_request_duration_seconds.labels(*labels).observe(served.duration_s)

    return record


def _submission_counter(metrics: Metrics) -> Callable[[Sender, int], None]:
    gauges = {sender: metrics.submissions_in_progress.labels(sender.value) for sender in Sender}  # shown from the start

    def count(sender: Sender, change: int) -> None:
        gauges[sender].inc(change)

    return count
