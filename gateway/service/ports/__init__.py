"""What the use cases need of the world, as Protocols. Adapters implement them; fakes obey the same contract suites."""

from gateway.domain.legs import Leg
from gateway.service.ports.bus import (
    Bus,
    BusObserver,
    DeadLetter,
    DeadLetterReason,
    Delivery,
    DeliveryHandler,
    OutboundDelivery,
    Queue,
    QueueDirection,
)
from gateway.service.ports.core import Core, FundsRefused, Reservation
from gateway.service.ports.dead_letters import (
    Closing,
    DeadLetterState,
    DeadLetterStore,
    KeptDeadLetter,
    ParkedLetters,
)
from gateway.service.ports.faults import (
    FaultyRowError,
    NotSentError,
    PartlyFaultyError,
    UnavailableError,
    UnroutableError,
)
from gateway.service.ports.history import History, PaymentHistory
from gateway.service.ports.keys import Sealed, Vault
from gateway.service.ports.ledger import Balance, Ledger, LedgerFault
from gateway.service.ports.observer import Observer
from gateway.service.ports.rail import MessageClass, RailDelivery, RailLink
from gateway.service.ports.store import (
    Accepted,
    AcceptKind,
    Backlog,
    Decision,
    DueTimer,
    MessageDirection,
    NewPayment,
    PaymentStore,
    Quarantined,
    RawMessage,
    Refusal,
    TimerChange,
)
from gateway.service.ports.world import Clock, Identifiers

__all__ = [
    "AcceptKind",
    "Accepted",
    "Backlog",
    "Balance",
    "Bus",
    "BusObserver",
    "Clock",
    "Closing",
    "Core",
    "DeadLetter",
    "DeadLetterReason",
    "DeadLetterState",
    "DeadLetterStore",
    "Decision",
    "Delivery",
    "DeliveryHandler",
    "DueTimer",
    "FaultyRowError",
    "FundsRefused",
    "History",
    "Identifiers",
    "KeptDeadLetter",
    "Ledger",
    "LedgerFault",
    "Leg",
    "MessageClass",
    "MessageDirection",
    "NewPayment",
    "NotSentError",
    "Observer",
    "OutboundDelivery",
    "ParkedLetters",
    "PartlyFaultyError",
    "PaymentHistory",
    "PaymentStore",
    "Quarantined",
    "Queue",
    "QueueDirection",
    "RailDelivery",
    "RailLink",
    "RawMessage",
    "Refusal",
    "Reservation",
    "Sealed",
    "TimerChange",
    "UnavailableError",
    "UnroutableError",
    "Vault",
]
