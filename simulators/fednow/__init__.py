"""A FedNow that behaves like the real one as far as that is public, with faults on demand. Independent of the real one.

"FedNow" is a service mark of the Federal Reserve Banks; this simulator is no part of their service.
"""

from simulators.fednow.behaviours import help_rows
from simulators.fednow.participants import PARTICIPANTS, Participant, map_to_participants
from simulators.fednow.server import build_application, run, serving
from simulators.fednow.settings import FedNowSimulatorSettings, RejectCodes

__all__ = [
    "PARTICIPANTS",
    "FedNowSimulatorSettings",
    "Participant",
    "RejectCodes",
    "build_application",
    "help_rows",
    "map_to_participants",
    "run",
    "serving",
]
