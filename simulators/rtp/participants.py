"""The institutions of the simulated network, as RTP knows them: an institution's nine digits, and two characters."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from iso20022 import ConnectionPartyId
from simulators import participants
from simulators.participants import Participant

PARTICIPANTS: Final[tuple[Participant, ...]] = tuple(
    replace(institution, connection_party=ConnectionPartyId(f"{institution.connection_party}A1"))
    for institution in participants.PARTICIPANTS
)
"""The same invented institutions as on FedNow, under participant ids of eleven characters."""
