"""A FedNow that behaves like the real one as far as that is public, with faults on demand. Independent of the real one.

"FedNow" is a service mark of the Federal Reserve Banks; this simulator is no part of their service.
"""

from simulators.fednow.behaviours import TABLE
from simulators.fednow.server import build_application, run, serving
from simulators.fednow.settings import FedNowSimulatorSettings, RejectCodes
from simulators.participants import PARTICIPANTS, Participant, map_to_participants

__all__ = [
    "PARTICIPANTS",
    "TABLE",
    "FedNowSimulatorSettings",
    "Participant",
    "RejectCodes",
    "build_application",
    "map_to_participants",
    "run",
    "serving",
]
