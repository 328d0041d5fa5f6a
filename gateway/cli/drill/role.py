"""A gateway or worker as a drill composes it: the same use cases and adapters, with points and plants in between."""

from __future__ import annotations

import sys
from typing import cast

import asyncpg

from gateway.cli.drill import plants as plants_module
from gateway.cli.drill.edge_points import WatchedBus, WatchedLink, WatchedRail, watched_application
from gateway.cli.drill.points import Place
from gateway.cli.drill.store_points import WatchedPool, WatchedStore
from gateway.cli.drill.trap import Trap
from gateway.cli.drill.witness import Witness
from gateway.cli.processes import end_with_parent
from gateway.main import run, run_gateway, run_worker
from gateway.parts import Between
from gateway.service.ports import Bus, PaymentStore, RailLink
from gateway.service.rail_protocol import RailProtocol
from gateway.settings import Settings, load_settings


def between(place: Place, settings: Settings) -> Between:
    """Return what a drill puts between the use cases and their ports, as the environment says."""
    trap, witness, plants = Trap.from_environment(), Witness.from_environment(), plants_module.from_environment()
    fednow = settings.fednow
    assert fednow.url is not None, "a drill has FedNow alone"
    url, party = fednow.url, fednow.connection_party
    return Between(
        pool=lambda pool: cast("asyncpg.Pool[asyncpg.Record]", WatchedPool(pool, trap, plants)),
        store=lambda store: cast("PaymentStore", WatchedStore(store, place, trap, witness, plants)),
        rail=lambda rail: cast("RailProtocol", WatchedRail(rail, trap, witness, plants)),
        bus=lambda bus: cast("Bus", WatchedBus(bus, trap, witness, plants)),
        link=lambda _rail, link: cast("RailLink", WatchedLink(link, url, party, trap, witness, plants)),
        application=lambda application: watched_application(application, trap),
    )


def main() -> None:
    """Run the role that the argument names."""
    end_with_parent()
    place, settings = Place(sys.argv[1]), load_settings()
    role = {Place.GATEWAY: run_gateway, Place.WORKER: run_worker}[place]
    run(
        lambda: role(
            settings, ready=lambda url: print(f"{place} at {url}", flush=True), between=between(place, settings)
        )
    )


if __name__ == "__main__":
    main()
