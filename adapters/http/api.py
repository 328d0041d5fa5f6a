"""What the API needs: its collaborators and its limits, as values."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, Final

from adapters.http.peer import Peer
from gateway.domain.payment import Rail, RegionId
from gateway.service.conversations.desk import ConversationDesk
from gateway.service.conversations.send_again import SendingAgain
from gateway.service.dead_letters import DeadLetters
from gateway.service.directory import ParticipantDirectory
from gateway.service.freshness import AsOf
from gateway.service.incoming.desk import IncomingDesk
from gateway.service.incoming.requests import ReturnRequests
from gateway.service.operate import Operators
from gateway.service.ports import Clock, Identifiers, PaymentStore
from gateway.service.ports.due import DueStore
from gateway.service.posting_questions import PostingQuestions
from gateway.service.questions import QuestionDesk
from gateway.service.rail_operations import RailOperations
from gateway.service.receipts import ReceiptDesk
from gateway.service.reconcile import MissingDesk
from gateway.service.submit import Intake
from gateway.service.waiting import Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """How much is taken of a request, and for how long.

    ``wait_max_s`` caps ``Prefer: wait``; ``api_key_cached_s`` is how long a revoked key may still be taken;
    ``retry_after_s`` is the pause that an overloaded or half-blind server asks for.
    """

    body_bytes_max: int = 256 * 1024
    body_time_max_s: float = 10.0
    wait_max_s: int = 15
    api_key_cached_s: float = 30.0
    api_keys_cached_max: int = 4_096
    retry_after_s: int = 1


LIMITS: Final = HttpLimits()
"""The default limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One request that was answered. Its members are closed sets, but for the time: fit for metric labels."""

    method: str
    route: str
    status: int
    duration_s: float


class Sender(StrEnum):
    """Who has sent a submission here. The value is a metric's label."""

    CLIENT = "client"
    PEER = "peer"
    """The other region's gateway, which forwards a client's."""


ReadinessCheck = Callable[[], Awaitable[None]]
"""Returns when the part can serve; raises `gateway.service.ports.UnavailableError` when it cannot."""


class Takes(Enum):
    """Which submissions an application takes."""

    EITHER = "either"
    """Clients' own, and what the other region forwards."""
    OWN = "own"
    """Clients' own: what is forwarded has a listener of its own."""
    FORWARDED = "forwarded"
    """What the other region forwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The collaborators of the HTTP API.

    ``render_metrics`` returns the exposition and its content type; ``record_request`` is told of every answer;
    ``count_submission`` of every submission that is in progress (1), and of its end (-1); ``report_fault`` of every
    fault of ours or of the world (where, what). None raises. ``promise_s`` is shown to clients: seconds from acceptance
    to a final status; ``release``, what is deployed here, to anyone. ``synthetic`` makes synthetic payments and tells
    what became of them; none where they are switched off. ``refused`` says whether the database's schema refuses this
    program. The caller keeps the group commit of `intake` and `waiting` running.
    `is_whole` says whether all is here that the other region had: what is not found may be missing otherwise.
    `region` names itself in every answer; `peer` is the other region's gateway, where there are two. `freshness` says
    as of when either is known here.
    """

    intake: Intake
    operators: Operators
    dead_letters: DeadLetters
    incoming: IncomingDesk
    rail_operations: RailOperations
    directories: Mapping[Rail, ParticipantDirectory]
    rail_missing: MissingDesk
    requests: ReturnRequests
    posting_questions: PostingQuestions
    conversations: ConversationDesk
    sending_again: SendingAgain
    receipts: ReceiptDesk
    questions: QuestionDesk
    due: DueStore
    store: PaymentStore
    waiting: Waiting
    clock: Clock
    identifiers: Identifiers
    render_metrics: Callable[[], tuple[bytes, str]]
    record_request: Callable[[Served], None]
    count_submission: Callable[[Sender, int], None]
    report_fault: Callable[[str, BaseException], None]
    promise_s: float
    version: str
    release: str
    readiness: Mapping[str, ReadinessCheck] = field(default_factory=dict)
    synthetic: Callable[[], Awaitable[dict[str, Any]]] | None = None
    refused: Callable[[], bool] = lambda: False
    limits: HttpLimits = LIMITS
    takes: Takes = Takes.EITHER
    is_whole: Callable[[], bool] = lambda: True
    peer: Peer | None = None
    region: RegionId | None = None
    freshness: Callable[[], Sequence[AsOf]] = tuple
