"""An RTP that behaves like the real one as far as that is public, with faults on demand. Independent of the real one.

RTP is a mark of The Clearing House; this simulator is no part of its service.
"""

from simulators.rtp.behaviours import TABLE
from simulators.rtp.participants import PARTICIPANTS
from simulators.rtp.server import build_application, run, serving
from simulators.rtp.settings import RtpRejectCodes, RtpSimulatorSettings

__all__ = [
    "PARTICIPANTS",
    "TABLE",
    "RtpRejectCodes",
    "RtpSimulatorSettings",
    "build_application",
    "run",
    "serving",
]
