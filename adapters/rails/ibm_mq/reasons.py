"""What IBM MQ's reason codes mean for a message that was to be sent.

Numbers and names: IBM MQ's constants (cmqc.h), as the package `ibmmq` has them; a test compares. What they mean: "API
completion and reason codes" of IBM's documentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why MQPUT did not take a message, and who must act."""

    name: str
    meaning: str
    who_acts: str


REFUSALS: Final = {
    2018: Refusal("MQRC_HCONN_ERROR", "the connection handle is not valid: no call was made with it", "nobody"),
    2019: Refusal("MQRC_HOBJ_ERROR", "the queue handle is not valid: no call was made with it", "nobody"),
    2024: Refusal("MQRC_SYNCPOINT_LIMIT_REACHED", "a unit of work holds too many messages", "rail"),
    2030: Refusal("MQRC_MSG_TOO_BIG_FOR_Q", "longer than the queue allows", "we, with the rail"),
    2031: Refusal("MQRC_MSG_TOO_BIG_FOR_Q_MGR", "longer than the queue manager allows", "we, with the rail"),
    2035: Refusal("MQRC_NOT_AUTHORIZED", "we may not put to this queue", "we, with the rail"),
    2039: Refusal("MQRC_NOT_OPEN_FOR_OUTPUT", "the queue was not opened for putting", "we"),
    2048: Refusal("MQRC_PERSISTENT_NOT_ALLOWED", "the queue takes no persistent messages", "we, with the rail"),
    2051: Refusal("MQRC_PUT_INHIBITED", "the queue is closed for putting", "rail"),
    2053: Refusal("MQRC_Q_FULL", "the queue is full: nobody takes from it", "rail"),
    2056: Refusal("MQRC_Q_SPACE_NOT_AVAILABLE", "the queue has no room on its disk", "rail"),
    2071: Refusal("MQRC_STORAGE_NOT_AVAILABLE", "no memory, ours or the queue manager's", "we, then the rail"),
    2072: Refusal("MQRC_SYNCPOINT_NOT_AVAILABLE", "no unit of work can be had", "we"),
    2161: Refusal("MQRC_Q_MGR_QUIESCING", "the queue manager is about to stop", "rail"),
    2189: Refusal("MQRC_CLUSTER_RESOLUTION_ERROR", "the cluster does not know where the queue is", "rail"),
    2192: Refusal("MQRC_STORAGE_MEDIUM_FULL", "the queue manager's disk is full", "rail"),
    2202: Refusal("MQRC_CONNECTION_QUIESCING", "the connection is about to be stopped", "rail"),
    2218: Refusal("MQRC_MSG_TOO_BIG_FOR_CHANNEL", "longer than the channel allows", "we, with the rail"),
    2269: Refusal("MQRC_CLUSTER_RESOURCE_ERROR", "the cluster could not place the message", "rail"),
    2270: Refusal("MQRC_NO_DESTINATIONS_AVAILABLE", "no queue of the cluster is there to take it", "rail"),
}
"""A failed MQPUT with one of these has put nothing, whatever befalls the connection afterwards.

Any other leaves the message out only if MQBACK then succeeds: a unit of work that is not committed, and is undone, has
sent nothing. A broken connection (MQRC_CONNECTION_BROKEN and its like) is on purpose not among them.
"""

BACKED_OUT: Final = 2003
"""MQRC_BACKED_OUT: the one failure of MQCMIT that is an answer. The unit of work was undone."""

NO_MSG_AVAILABLE: Final = 2033
"""MQRC_NO_MSG_AVAILABLE: the wait is over and nothing came."""

CONNECTION_BROKEN: Final = 2009
"""MQRC_CONNECTION_BROKEN: the queue manager undoes what was not committed."""
