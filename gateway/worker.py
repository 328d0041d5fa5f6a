"""A worker, composed: what it takes from the bus and the rails, and the loops that it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

import structlog

from adapters.http.api import ReadinessCheck
from adapters.system import SystemIdentifiers
from gateway.conversing import Conversing, awaited_receipts, converse, receipt_rules
from gateway.domain.payment import Rail, RegionId
from gateway.gauges import keep_gauges, keep_rail_gauges
from gateway.parts import Parts, decisions_of, lease_check, operations_of, posting_questions
from gateway.presence import directory_over
from gateway.rails import rail_operations, rail_reports
from gateway.receiving import POSTING_CONCURRENCY, POSTING_PREFETCH, Receiving, compose, receiving_rails
from gateway.regional import Regional, loss_of, tenure_of
from gateway.service.consuming import or_else
from gateway.service.dead_letters import collect
from gateway.service.decide import Decisions, grouped_saves
from gateway.service.dispatch import Dispatcher, grouped_loads
from gateway.service.fencing import HeldLink, at_home
from gateway.service.funds import Funds
from gateway.service.group_commit import GroupCommit
from gateway.service.peer_point import PeerPoint
from gateway.service.ports import (
    Bus,
    Core,
    DeliveryHandler,
    Institution,
    MessageClass,
    Queue,
    QueueDirection,
    RailLink,
)
from gateway.service.posting_questions import PostingQuestions
from gateway.service.rail_operations import RailNotices, RailOperationSender
from gateway.service.receipts import ReceiptWatch
from gateway.service.receive import Receiver
from gateway.service.reconcile import Reconciler
from gateway.service.relay import Forwarder, relay
from gateway.service.screening import Screening
from gateway.service.seal import Sealer
from gateway.service.supervise import Loop
from gateway.service.timers import Timers

INQUIRY_PREFETCH: Final = 32
INQUIRY_CONCURRENCY: Final = 16


@dataclass(frozen=True, slots=True)
class ComposedWorker:
    """What a worker runs, and what says whether it is ready.

    The groups carry what the loops decide: they are started before them, and stopped after them.
    """

    groups: Sequence[GroupCommit[Any, Any]]
    loops: Mapping[str, Loop]
    checks: Mapping[str, ReadinessCheck]


def compose_worker(
    parts: Parts,
    bus: Bus,
    links: Mapping[Rail, RailLink],
    core: Core,
    institution: Institution,
    *,
    screening: Screening,
) -> ComposedWorker:
    """Build a worker over what every role has, the bus, the rails' links, a core, the institutions and screening."""
    identifiers, rails, tenure = SystemIdentifiers(), parts.rails, tenure_of(parts.regional)
    held = {rail: HeldLink(link, tenure) for rail, link in links.items()}
    saves, loads = grouped_saves(parts.store), grouped_loads(parts.store)
    decisions = decisions_of(parts, saves)
    forwarder = Forwarder(parts.store, bus, parts.clock, parts.observer)
    funds = Funds(core, parts.store, parts.clock, parts.observer, parts.settings.promise_s, tenure)
    directory = directory_over(parts.settings, parts.rail_events, parts.clock, parts.observer)
    receipts = awaited_receipts(parts.settings, parts.receipts, parts.clock)
    dispatcher = Dispatcher(
        decisions,
        loads,
        rails,
        held,
        parts.clock,
        identifiers,
        parts.observer,
        funds,
        screening=screening,
        directory=directory,
    )
    receiving = compose(
        rails=receiving_rails(parts.settings, rails),
        store=parts.incoming,
        payments=decisions,
        protocols=rails,
        vault=parts.vault,
        institution=institution,
        screening=screening,
        links=held,
        events=parts.rail_events,
        clock=parts.clock,
        identifiers=identifiers,
        observer=parts.observer,
        forward=forwarder.take,
        both=None if parts.regional is None else parts.regional.both,
        receipts=receipts,
    )
    conversing = converse(
        parts.settings,
        parts.conversations,
        receiving,
        payments=parts.store,
        incoming=parts.incoming,
        events=parts.rail_events,
        links=held,
        receipts=receipts,
        clock=parts.clock,
        identifiers=identifiers,
    )
    asking = posting_questions(parts, decisions, held, receipts=receipts)
    receivers = _receivers_of(parts, decisions, held, receiving, conversing)
    watch = _receipt_watch_of(parts, decisions, receiving)
    operations = RailOperationSender(
        rail_operations(parts.settings), parts.rail_events, held, parts.clock, identifiers, parts.observer
    )
    sealer = Sealer(parts.audit, parts.anchor, RegionId(parts.settings.region), parts.clock)
    _warn_of_what_is_not_set(parts)
    receiving.warm_up()
    loops: dict[str, Loop] = {
        "consumers": lambda: _consume(
            parts, bus, dispatcher, funds, receiving=receiving, conversing=conversing, asking=asking
        ),
        "conversations": conversing.keeping.run,
        "receipts": watch.run,
        "posting questions": asking.run,
        "relay": lambda: relay(parts.store, bus, parts.clock, parts.observer),
        "dead letters": lambda: collect(bus, parts.dead_letters, parts.clock, parts.observer),
        **{f"receiver of {rail}": receiver.run for rail, receiver in receivers.items()},
        "timers": Timers(decisions, rails, parts.clock, parts.observer).run,
        "rail operations": operations.run,
        "screening": screening.run,
        "movements": screening.forget,
        **receiving.loops,
        "sealer": sealer.run,
        "gauges": lambda: keep_gauges(parts, bus),
        "rail gauges": lambda: keep_rail_gauges(parts, directory),
    }
    if directory is not None:
        loops["participant directory"] = directory.run
    if receiving.rails:
        loops |= {"forwarder": forwarder.publish, "forwarded": forwarder.forget, **_reconciliation_of(parts)}
    if parts.archiver is not None:
        loops["archiver"] = parts.archiver.run
    if parts.regional is not None:
        loops |= _loops_beside_another(parts, parts.regional, receivers)
    checks: dict[str, ReadinessCheck] = {"database": parts.store.check, "bus": bus.check}
    checks |= {rail.value: link.check for rail, link in held.items()} | lease_check(parts)
    return ComposedWorker((saves, loads, *receiving.groups), loops, checks)


def _receivers_of(
    parts: Parts,
    decisions: Decisions,
    links: Mapping[Rail, RailLink],
    receiving: Receiving,
    conversing: Conversing,
) -> Mapping[Rail, Receiver]:
    regions = None if parts.regional is None else parts.regional.store
    return {
        rail: Receiver(
            decisions,
            protocol,
            links[rail],
            parts.vault,
            parts.clock,
            SystemIdentifiers(),
            parts.observer,
            receiving.hearing(rail, parts.store, parts.vault),
            regions,
            RailNotices(parts.rail_events, parts.observer, rail_operations(parts.settings)),
            conversing.hearings.get(rail),
            () if parts.regional is None else parts.regional.folding,
            conversing.questions,
            conversing.keeping.receipts,
        )
        for rail, protocol in parts.rails.items()
    }


def _receipt_watch_of(parts: Parts, decisions: Decisions, receiving: Receiving) -> ReceiptWatch:
    """Find what was sent and nobody has said to have arrived."""
    return ReceiptWatch(
        parts.receipts,
        receipt_rules(parts.settings),
        parts.conversations,
        decisions,
        receiving.decisions,
        parts.rails,
        operations_of(parts),
        RegionId(parts.settings.region),
        parts.clock,
        parts.observer,
    )


def _reconciliation_of(parts: Parts) -> Mapping[str, Loop]:
    """Hold what came in against the rail's totals, where that is wanted."""
    interval_s = parts.settings.fednow.totals_interval_s
    if interval_s is None:
        return {}
    reconciler = Reconciler(
        rail_reports(parts.settings),
        parts.rail_events,
        parts.incoming,
        parts.clock,
        parts.observer,
        interval_s,
        parts.settings.region,
        loss_of(parts.regional, RegionId(parts.settings.region)),
    )
    for rail in reconciler.dialects:  # a worker that never compares is one whose last time was its start
        parts.metrics.rails.totals_compared_timestamp_seconds.labels(rail).set_to_current_time()
    return {"reconciliation": reconciler.run}


def _loops_beside_another(parts: Parts, regional: Regional, receivers: Mapping[Rail, Receiver]) -> Mapping[str, Loop]:
    """What a worker runs besides where there is another region."""
    settings, loops = parts.settings, dict(regional.loops_of_a_worker)
    if settings.takeover_after_s is not None:
        loops["guardian"] = regional.guardian(
            RegionId(settings.region),
            parts.clock,
            after_s=settings.takeover_after_s,
            ask_wait_s=max(rail.timing.status_request_wait_s for rail in parts.rails.values()),
        ).run
    if settings.fednow.peer_connection_point is not None and Rail.FEDNOW in parts.rails:
        loops["peer's connection point"] = PeerPoint(
            operations_of(parts),
            Rail.FEDNOW,
            settings.fednow.peer_connection_point,
            regional.witness,
            regional.peer,
            regional,
            parts.clock,
        ).run
    return loops | {
        f"receiver of {rail} for the other region": receiver.run_for_the_other_region
        for rail, receiver in receivers.items()
    }


def _warn_of_what_is_not_set(parts: Parts) -> None:
    if parts.anchor is None:
        structlog.get_logger("fifteen").warning(
            "audit_not_anchored", remedy="set FIFTEEN_AUDIT_ANCHORS (docs/audit.md)"
        )


async def _consume(
    parts: Parts,
    bus: Bus,
    dispatcher: Dispatcher,
    funds: Funds,
    *,
    receiving: Receiving,
    conversing: Conversing,
    asking: PostingQuestions,
) -> None:
    """Take what is for the rails, for the core, and for the institutions from their queues, until cancelled."""
    await bus.declare()
    settings = parts.settings
    out, core = QueueDirection.OUT, QueueDirection.CORE
    unhurried = or_else(conversing.keeping.send, or_else(asking.send, receiving.arrived.requests.see_to_ours))
    handled: Sequence[tuple[QueueDirection, MessageClass, DeliveryHandler, int, int]] = (
        (out, MessageClass.VALUE, dispatcher.transfer, settings.dispatch_prefetch, settings.dispatch_concurrency),
        (out, MessageClass.INQUIRY, dispatcher.enquiry, INQUIRY_PREFETCH, INQUIRY_CONCURRENCY),
        (out, MessageClass.SYSTEM, dispatcher.ping, INQUIRY_PREFETCH, INQUIRY_CONCURRENCY),
        (out, MessageClass.NONVALUE, unhurried, INQUIRY_PREFETCH, INQUIRY_CONCURRENCY),
        (core, MessageClass.VALUE, funds.tell, INQUIRY_PREFETCH, INQUIRY_CONCURRENCY),
    )
    received: Sequence[tuple[QueueDirection, MessageClass, DeliveryHandler, int, int]] = [
        (QueueDirection.IN, message_class, handler, POSTING_PREFETCH, POSTING_CONCURRENCY)
        for message_class, handler in receiving.handlers
    ]
    async with AsyncExitStack() as stack:
        for rail in parts.rails:
            of_rail = (*handled, *received) if rail in receiving.rails else handled
            for direction, message_class, handler, prefetch, concurrency in of_rail:
                queue = Queue.of(rail, direction, message_class)
                await stack.enter_async_context(
                    bus.consume(queue, at_home(handler), prefetch=prefetch, concurrency=concurrency)
                )
        await asyncio.Event().wait()
