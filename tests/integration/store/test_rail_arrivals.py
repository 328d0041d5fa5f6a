"""What has come to an institution and settled, counted on PostgreSQL: what the rail's totals are held against."""

from __future__ import annotations

from datetime import timedelta

from adapters.postgres.connection import open_pool
from adapters.postgres.incoming import PostgresIncoming
from adapters.postgres.rail_operations import PostgresRailEvents
from adapters.system import SystemIdentifiers
from gateway.domain.incoming import IncomingEvent
from gateway.domain.payment import Rail
from gateway.domain.rail_operations import RailEvent, RailEventKind
from gateway.domain.reconciliation import Arrivals, Here, missing_id
from gateway.service.incoming.decide import IncomingDecider
from iso20022 import Amount, RoutingNumber
from tests.conftest import REGION, Database
from tests.fakes.incoming_rail import receiving_rail
from tests.integration.store.harness import VAULT
from tests.integration.store.test_incoming_contract import NOW, Subject

OURS = "990000107"
MINUTE = timedelta(minutes=1)


async def test_what_has_settled_is_counted_by_institution_and_time_and_every_message_that_came_is_known_with_its_end(
    database: Database,
) -> None:
    """Rejected and open ones are not counted, nor those of another institution or another day; all have come."""
    async with open_pool(database.application_dsn) as pool:
        decider = IncomingDecider({Rail.FEDNOW: receiving_rail()}, SystemIdentifiers())
        subject = Subject(PostgresIncoming(pool, region=REGION, vault=VAULT), decider)
        events = PostgresRailEvents(pool, region=REGION, vault=VAULT)
        settled = await subject.admitted()
        another = await subject.admitted(amount=Amount(100))
        for transfer in (settled, another):
            accepted = await subject.befalls(transfer, IncomingEvent.ACCEPTANCE_DECIDED)
            await subject.befalls(accepted, IncomingEvent.SETTLEMENT_ADVISED)
        rejected = await subject.admitted()
        await subject.befalls(rejected, IncomingEvent.REJECTION_DECIDED)
        is_open = await subject.admitted()
        elsewhere = await subject.admitted(instructed_agent=RoutingNumber("990000204"))
        accepted = await subject.befalls(elsewhere, IncomingEvent.ACCEPTANCE_DECIDED)
        await subject.befalls(accepted, IncomingEvent.SETTLEMENT_ADVISED)

        async def counted(institution: str, *, begins: timedelta, ends: timedelta) -> Arrivals:
            return await events.arrivals(Rail.FEDNOW, institution, since=NOW + begins, until=NOW + ends)

        assert await counted(OURS, begins=-MINUTE, ends=MINUTE) == Arrivals(2, 5_274)
        assert await counted("990000204", begins=-MINUTE, ends=MINUTE) == Arrivals(1, 5_174)
        assert await counted(OURS, begins=MINUTE, ends=2 * MINUTE) == Arrivals(0, 0)
        assert await counted(OURS, begins=-MINUTE, ends=timedelta(0)) == Arrivals(0, 0)
        asked = [settled.message_id, rejected.message_id, is_open.message_id, "NEVER-CAME"]
        assert await events.known_here(Rail.FEDNOW, asked) == {
            settled.message_id: Here(5_174, has_settled=True, received_at=NOW),
            rejected.message_id: Here(5_174, has_settled=False, received_at=NOW),
            is_open.message_id: Here(5_174, has_settled=False, received_at=NOW),
        }

        for message_id, cents in ((settled.message_id, 5_174), (another.message_id, 101), (rejected.message_id, 5_174)):
            await events.note(missing(message_id, cents))
        assert [each.about for each in await events.still_missing(Rail.FEDNOW, limit=10)] == [
            another.message_id,
            rejected.message_id,
        ]


def missing(message_id: str, cents: int) -> RailEvent:
    """The fact that a message of so much never came."""
    return RailEvent(
        event_id=missing_id(Rail.FEDNOW, message_id),
        rail=Rail.FEDNOW,
        kind=RailEventKind.MISSING,
        code="",
        subjects=(OURS,),
        about=message_id,
        note=str(Amount(cents)),
        at=NOW + timedelta(seconds=cents == 5_174),
    )
