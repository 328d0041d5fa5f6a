"""Guards that a drill can take away: each alone must make it find money doubled, or the regions apart."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from adapters.postgres.replication.connection import PUBLICATION, connected, subscription_of
from adapters.postgres.tables import REPLICATED, ledger_posting
from gateway.cli.two_regions import Region, TwoRegions


class Plant(StrEnum):
    """A guard, by what is wrong without it."""

    HOME = "home"
    SEND_ANEW = "send-anew"
    NO_FENCE = "no-fence"
    SHARED_ROWS = "shared-rows"
    RANDOM_IDS = "random-ids"
    FRESH_STAMP = "fresh-stamp"
    ANSWER_ALONE = "answer-alone"
    ACKNOWLEDGE_ALONE = "acknowledge-alone"
    UNBOOKED = "unbooked"
    BOOKED_APART = "booked-apart"


SENTENCES: Final[Mapping[Plant, tuple[str, str]]] = {
    Plant.HOME: ("killed", "Either region accepts any key."),
    Plant.SEND_ANEW: ("killed", "What was taken over is sent anew, and the rail is not asked first."),
    Plant.NO_FENCE: ("isolated", "A region acts on when its lease has run out."),
    Plant.SHARED_ROWS: ("cut", "Either region accepts any key, into the same rows, which are replicated both ways."),
    Plant.RANDOM_IDS: ("isolated", "The ids that the rail sees are drawn, and not functions of the key."),
    Plant.FRESH_STAMP: ("frozen-60", "What was held up before the write is given a new creation time."),
    Plant.ANSWER_ALONE: ("isolated", "What the rail brings is accepted before both regions have that."),
    Plant.ACKNOWLEDGE_ALONE: ("synchronous", "Who waits for both regions is answered before the other has it."),
    Plant.UNBOOKED: ("cut", "What settles in one region is not booked: both regions' ledgers lack it."),
    Plant.BOOKED_APART: ("cut", "What one region books as settled does not come into the other's ledger."),
}
"""The scenario in which each shows, and what it takes away."""

_OWNED_BY_WHOEVER_ASKS: Final = """
CREATE OR REPLACE FUNCTION owned_epoch(asking TEXT, wanted SMALLINT) RETURNS BIGINT LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('fifteen.slots', 0));
    RETURN (SELECT slot.epoch FROM slot WHERE slot.slot = wanted);
END
$$
"""

_NOT_BOOKED: Final = """
CREATE FUNCTION leave_unbooked() RETURNS TRIGGER LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER leave_unbooked BEFORE INSERT ON {ledger} FOR EACH ROW WHEN (NEW.kind = 'post')
    EXECUTE FUNCTION leave_unbooked();
"""
_NOR_WHAT_ARRIVES: Final = "ALTER TABLE {ledger} ENABLE REPLICA TRIGGER leave_unbooked"


async def plant_in_databases(two: TwoRegions, plants: frozenset[Plant]) -> None:
    """Take away what the databases guard; the roles take away the rest (`gateway.cli.drill.region.role`)."""
    east, west = two.regions
    if plants & {Plant.HOME, Plant.SHARED_ROWS}:
        for region in two.regions:
            await _executed(region, _OWNED_BY_WHOEVER_ASKS)
    if Plant.SHARED_ROWS in plants:
        for table in REPLICATED:
            shared = f"{table.name}_{east.name}"
            await _executed(west, f"DROP TRIGGER refuse_foreign_rows ON {shared}")
            await _executed(west, f"ALTER PUBLICATION {PUBLICATION} ADD TABLE {shared}")
        follows = f"ALTER SUBSCRIPTION {subscription_of(east.name, west.name)} REFRESH PUBLICATION"
        await _executed(east, f"{follows} WITH (copy_data = false)")
    ledger = f"{ledger_posting.name}_{west.name}"
    if Plant.UNBOOKED in plants:
        await _executed(west, _NOT_BOOKED.format(ledger=ledger))
    if Plant.BOOKED_APART in plants:
        await _executed(east, (_NOT_BOOKED + _NOR_WHAT_ARRIVES).format(ledger=ledger))


async def _executed(region: Region, statement: str) -> None:
    async with connected(region.server.superuser_dsn) as connection:
        await connection.execute(statement)
