"""The points at which a drill kills: a table, with a sentence each.

A name is ``<what>.<moment>``. Where a call at a port is meant, the moments are: ``before`` it; ``sent``, its statement
is on the way and no answer has been read; ``executed``, its statement has run in a transaction that is not committed;
``committed``, it has had its effect and nobody has been told; ``after`` it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Stage(StrEnum):
    """The part of a payment's way."""

    INTAKE = "intake"
    FORWARD = "forward"
    RELAY = "relay"
    WORKER = "worker"
    ANSWER = "answer"
    NOTIFY = "notify"


class Place(StrEnum):
    """The process that dies."""

    GATEWAY = "gateway"
    WORKER = "worker"


_PLACE_OF: Final = {
    Stage.INTAKE: Place.GATEWAY,
    Stage.FORWARD: Place.GATEWAY,
    Stage.NOTIFY: Place.GATEWAY,
    Stage.RELAY: Place.WORKER,
    Stage.WORKER: Place.WORKER,
    Stage.ANSWER: Place.WORKER,
}


@dataclass(frozen=True, slots=True)
class Point:
    """A moment at which a process may die; ``often`` is how many payments it sees one of (for the countdown)."""

    name: str
    stage: Stage
    sentence: str
    often: int = 1

    @property
    def place(self) -> Place:
        """Which process dies."""
        return _PLACE_OF[self.stage]


def _written(stage: Stage, stem: str, what: str, *, often: int = 1) -> tuple[Point, ...]:
    """The four moments of one statement that writes."""
    return (
        Point(f"{stem}.before", stage, f"Before {what} is saved.", often),
        Point(f"{stem}.sent", stage, f"The statement that saves {what} is sent; no answer has been read.", often),
        Point(f"{stem}.executed", stage, f"The statement that saves {what} has run; nothing is committed.", often),
        Point(f"{stem}.committed", stage, f"{what[0].upper()}{what[1:]} is committed; nobody has been told.", often),
    )


_DOUBT: Final = 15
"""One payment in about so many comes into doubt, by the drill's traffic."""

_LOOK: Final = 20
"""One payment in about so many is waited for, or asked after."""

POINTS: Final[tuple[Point, ...]] = (
    # --- intake: from the request's head to its 202 ---
    Point("request.head", Stage.INTAKE, "The head of a request has come; its body has not been read."),
    Point("examine.before", Stage.INTAKE, "A message has been read; it has not been examined."),
    Point("examine.after", Stage.INTAKE, "A message is good; nothing is saved."),
    Point("derive.after", Stage.INTAKE, "A JSON payment has got its ids; nothing is saved.", 10),
    *_written(Stage.INTAKE, "accept", "a batch of accepted payments"),
    Point("accepted.before", Stage.INTAKE, "The 202 is ready; no byte of it has left."),
    Point("accepted.part", Stage.INTAKE, "A few bytes of the 202 have left."),
    Point("accepted.after", Stage.INTAKE, "The 202 has left a moment ago."),
    # --- notify: those who wait and those who ask ---
    Point("waiters.before", Stage.NOTIFY, "Clients wait; the gateway is about to look which payments are final."),
    Point("waiters.after", Stage.NOTIFY, "The gateway has looked which payments are final."),
    Point("waiters.final", Stage.NOTIFY, "A payment that a client waits for is final; the client has not been told."),
    Point("reading.before", Stage.NOTIFY, "A payment is about to be read, to be shown."),
    Point("reading.after", Stage.NOTIFY, "A payment has been read; it has not been shown."),
    Point("told.before", Stage.NOTIFY, "The answer with a payment's state is ready; no byte of it has left.", _LOOK),
    Point("told.part", Stage.NOTIFY, "A few bytes of the answer with a payment's state have left.", _LOOK),
    Point("told.after", Stage.NOTIFY, "The answer with a payment's state has left a moment ago.", _LOOK),
    # --- forward: what was just committed, straight to the bus ---
    Point("publish.half", Stage.FORWARD, "Half of a batch is published and confirmed; no outbox row is gone."),
    Point("publish.sent", Stage.FORWARD, "A whole batch is sent to the bus; no confirmation has been read."),
    Point("publish.confirmed", Stage.FORWARD, "A whole batch is confirmed; its outbox rows are not deleted."),
    Point("forget.before", Stage.FORWARD, "The outbox rows of what was published are about to be deleted."),
    Point("forget.after", Stage.FORWARD, "The outbox rows of what was published are gone."),
    # --- relay: outbox to bus, whatever nobody has forwarded ---
    Point("relay.before", Stage.RELAY, "The relay is about to look into the outbox."),
    Point("relay.claimed", Stage.RELAY, "Outbox rows are deleted, uncommitted; nothing is published.", _DOUBT),
    Point("relay.published", Stage.RELAY, "A batch is confirmed; its outbox rows are not deleted.", _DOUBT),
    Point("relay.committed", Stage.RELAY, "A batch is published, and its outbox rows are gone.", _DOUBT),
    # --- worker: a delivery in hand, and the transfer on its way ---
    Point("transfer.handed", Stage.WORKER, "A delivery is in hand; its payment has not been read."),
    Point("load.before", Stage.WORKER, "The payments of some deliveries are about to be read."),
    Point("load.after", Stage.WORKER, "The payments of some deliveries have been read; nothing is decided."),
    Point("build.before", Stage.WORKER, "The message for the rail is about to be built."),
    Point("build.after", Stage.WORKER, "The message for the rail is built; SENDING is not saved."),
    *_written(Stage.WORKER, "sending", "SENDING"),
    Point("send.before", Stage.WORKER, "SENDING is saved; no connection is made for the message."),
    Point("send.connected", Stage.WORKER, "A connection to the rail is made; no byte of the message has left."),
    Point("send.head", Stage.WORKER, "The head of the request to the rail has left; nothing of the message has."),
    Point("send.half", Stage.WORKER, "Half of the message has left."),
    Point("send.whole", Stage.WORKER, "All of the message has left; whether the rail has it is not known."),
    Point("send.after", Stage.WORKER, "The rail has the message and has said so."),
    Point("transfer.handled", Stage.WORKER, "The message is sent; its delivery is not acknowledged."),
    Point("transfer.settled", Stage.WORKER, "The delivery was acknowledged a moment ago."),
    Point("timers.before", Stage.WORKER, "The timers are about to be looked at."),
    Point("timers.after", Stage.WORKER, "Timers are due; nothing is decided.", _DOUBT),
    *_written(Stage.WORKER, "overdue", "what the passing of time means for a payment", often=_DOUBT),
    *_written(Stage.WORKER, "question-due", "that the rail is to be asked", often=_DOUBT),
    Point("enquiry.handed", Stage.WORKER, "A question to the rail is in hand; its payment has not been read.", _DOUBT),
    Point("enquiry.built", Stage.WORKER, "The question is built; it is not saved.", _DOUBT),
    *_written(Stage.WORKER, "asked", "that the rail is asked", often=_DOUBT),
    Point("ask.before", Stage.WORKER, "The question is saved; no byte of it has left.", _DOUBT),
    Point("ask.half", Stage.WORKER, "Half of the question has left.", _DOUBT),
    Point("ask.whole", Stage.WORKER, "All of the question has left; whether the rail has it is not known.", _DOUBT),
    Point("ask.after", Stage.WORKER, "The rail has the question and has said so.", _DOUBT),
    Point("enquiry.handled", Stage.WORKER, "The rail is asked; the delivery is not acknowledged.", _DOUBT),
    # --- answer: what the rail says ---
    Point("fetch.after", Stage.ANSWER, "Answers of the rail are in hand; none has been read."),
    Point("read.before", Stage.ANSWER, "One of the rail's messages is about to be read."),
    Point("read.after", Stage.ANSWER, "One of the rail's messages has been read; nothing is decided."),
    Point("seen.after", Stage.ANSWER, "It is known which of the rail's messages have had their effect."),
    Point("found.after", Stage.ANSWER, "The payments that the rail speaks of are found; nothing is decided."),
    *_written(Stage.ANSWER, "answer", "the rail's answer"),
    Point("acknowledge.before", Stage.ANSWER, "The answers are saved; the rail has not been told."),
    Point("acknowledge.half", Stage.ANSWER, "Half of the answers are acknowledged to the rail."),
    Point("acknowledge.sent", Stage.ANSWER, "The acknowledgement is on its way; the rail has not confirmed it."),
    Point("acknowledge.after", Stage.ANSWER, "The rail knows that the answers are saved."),
    Point("quarantine.before", Stage.ANSWER, "Bytes that nobody can read are about to be kept.", 40),
    Point("quarantine.after", Stage.ANSWER, "Bytes that nobody can read are kept; the rail has not been told.", 40),
)
"""Every named point, in the order of a payment's way."""

BY_NAME: Final = {point.name: point for point in POINTS}
"""The same by name."""
