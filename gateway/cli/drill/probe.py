"""The probe of the rail's own guard: one message, twice, is booked once."""

from __future__ import annotations

from adapters.system import SystemClock
from gateway.cli.installation import SENDER
from gateway.cli.traffic import Messages
from simulators.fednow.rail import fednow_rail
from simulators.fednow.settings import FedNowSimulatorSettings
from simulators.journal import NoJournal


def rail_refusal(*, refuses: bool) -> list[str]:
    """Send one message twice to a rail that refuses duplicates, or does not; returns what is wrong."""
    now = SystemClock().now()
    rail = fednow_rail(FedNowSimulatorSettings(check_duplicates=refuses), NoJournal(), started_at=now)
    body = Messages(created=now).body(1)
    for _ in range(2):
        rail.receive(body, connection_party=SENDER.connection_party, message_class="value", now=now)
    settled = len(rail.book.ledger.settlements)
    return [] if settled == 1 else [f"the rail got one message twice and settled it {settled} times"]
