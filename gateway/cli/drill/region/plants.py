"""Guards that a drill can take away: each alone must make it find money doubled, or the regions apart."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from adapters.postgres.replication import PUBLICATION, connected, subscription_of
from gateway.cli.two_regions import TwoRegions


class Plant(StrEnum):
    """A guard, by what is wrong without it."""

    HOME = "home"
    SEND_ANEW = "send-anew"
    NO_FENCE = "no-fence"
    SHARED_ROWS = "shared-rows"
    RANDOM_IDS = "random-ids"


SENTENCES: Final[Mapping[Plant, tuple[str, str]]] = {
    Plant.HOME: ("killed", "Either region accepts any key."),
    Plant.SEND_ANEW: ("killed", "What was taken over is sent anew, and the rail is not asked first."),
    Plant.NO_FENCE: ("isolated", "A region acts on when its lease has run out."),
    Plant.SHARED_ROWS: ("cut", "Both regions write the same rows, and replicate them to each other."),
    Plant.RANDOM_IDS: ("isolated", "The ids that the rail sees are drawn, and not functions of the key."),
}
"""The scenario in which each shows, and what it takes away."""

_OWNED_BY_WHOEVER_ASKS: Final = """
CREATE OR REPLACE FUNCTION owned_epoch(asking TEXT, wanted SMALLINT) RETURNS BIGINT LANGUAGE sql VOLATILE AS $$
    SELECT slot.epoch FROM slot WHERE slot.slot = wanted
$$
"""

_SHARED: Final = "payment_state"
"""The table that each region folds for itself."""


async def plant_in_databases(two: TwoRegions, plants: frozenset[Plant]) -> None:
    """Take away what the databases guard; the roles take away the rest (`gateway.cli.drill.region.role`)."""
    if Plant.HOME in plants:
        for region in two.regions:
            await _executed(region.server.superuser_dsn, _OWNED_BY_WHOEVER_ASKS)
    if Plant.SHARED_ROWS in plants:
        for region in two.regions:
            await _executed(region.server.superuser_dsn, f"ALTER PUBLICATION {PUBLICATION} ADD TABLE {_SHARED}")
        for region, peer in zip(two.regions, reversed(two.regions), strict=True):
            follows = f"ALTER SUBSCRIPTION {subscription_of(region.name, peer.name)} REFRESH PUBLICATION"
            await _executed(region.server.superuser_dsn, f"{follows} WITH (copy_data = false)")


async def _executed(dsn: str, statement: str) -> None:
    async with connected(dsn) as connection:
        await connection.execute(statement)
