"""A scenario: everything that a seed decides beforehand, as a value that can be printed, and made smaller."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Final

from gateway.domain.doubt import NotFoundPolicy
from tests.simulation.talk_plans import TalkPlan, talks_of

MORNING: Final = datetime(2026, 11, 20, 15, 15, tzinfo=UTC)
"""When most worlds begin: a Friday morning in New York."""

MIDNIGHT: Final = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
"""The end of that day in New York: FedNow's message ids begin with the date."""


class Verdict(StrEnum):
    """What the rail, or the creditor's institution, makes of a payment."""

    SETTLES = "settles"
    REJECTS = "rejects"
    SETTLES_WITHOUT_POSTING = "settles without posting"
    POSTS_LATER = "settles without posting, then posts"
    REFUSES_TO_POST = "settles without posting, then refuses to post"
    STAYS_SILENT = "never decides"
    REFUSED = "is refused as a message"
    REFUSED_DEFINITELY = "is refused as a message, for a reason known to be definite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """How the rail treats one payment.

    ``answers_lost`` counts the answers to the transfer that are lost (0 or 1), ``replies_lost`` those to questions,
    ``in_process`` the questions that learn nothing yet.
    """

    verdict: Verdict = Verdict.SETTLES
    decides_after_s: float = 0.05
    answers_lost: int = 0
    answer_late_s: float = 0.0
    answer_repeated: bool = False
    replies_lost: int = 0
    reply_late_s: float = 0.0
    in_process: int = 0


class Look(StrEnum):
    """What who screens a payment finds."""

    CLEAR = "clear"
    HIT = "a hit"
    IS_DOWN = "cannot be reached"
    IS_SLOW = "does not answer in time"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPlan:
    """One payment: when its client submits it, how, how often, and what becomes of it on the rail."""

    number: int
    at_s: float
    is_json: bool = False
    waits: bool = True
    patience_s: float = 30.0
    repeats: int = 0
    clients: int = 1
    not_found: NotFoundPolicy = NotFoundPolicy.REJECT
    treatment: Treatment = Treatment()
    look: Look = Look.CLEAR
    answers: int | None = None
    """The request for payment, of somebody else's, that it is the payment of."""


class Word(StrEnum):
    """What the institution says of a payment that the rail brings."""

    ACCEPTS = "accepts"
    REJECTS = "rejects"
    HOLDS = "accepts without posting"
    IS_DOWN = "cannot be reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingPlan:
    """One payment that the rail brings: when, how often, what the institution says and how late, and the advice."""

    number: int
    at_s: float
    is_small: bool = True
    word: Word = Word.ACCEPTS
    answers_after_s: float = 0.05
    spent_s: float = 0.5
    copies: int = 1
    comes_again: bool = False
    advice_late_s: float = 0.0
    advice_copies: int = 1
    advice_is_lost: bool = False
    replies_lost: int = 0
    refuses: bool = False
    """Whether the institution refuses the posting: all of it goes back."""
    gives_back: tuple[int, ...] = ()
    """What the institution gives back of what it has posted, in cents, one after the other."""
    orders: int = 1
    """How often each of these is ordered, as by a client whose answer was lost."""
    returns: tuple[Treatment, ...] = ()
    """How the rail treats its returns; those after the last are settled."""
    look: Look = Look.CLEAR
    of: int | None = None
    """The payment of ours that comes back with it, ``at_s`` after the rail has decided that one."""
    cents: int = 0
    """How much of it; 0 for all."""
    answers: int | None = None
    """The request for payment of ours that it is the payment of."""

    @property
    def words(self) -> str:
        """Its name for people."""
        return f"incoming {self.number}" if self.of is None else f"return {self.number} of payment {self.of}"


class Call(StrEnum):
    """A call of a port at which something may happen; the n-th one in the world is meant."""

    ACCEPT = "accepting payments"
    SAVE = "saving decisions"
    READ = "reading the store"
    PUBLISH = "publishing on the bus"
    RELAYED = "deleting what was relayed"
    HAND_OVER = "handing a delivery over"
    SETTLE = "settling a delivery"
    SEND = "sending to the rail"
    FETCH = "fetching from the rail"
    ACKNOWLEDGE = "acknowledging to the rail"


class Happening(StrEnum):
    """What may happen at a call."""

    FAILS_BEFORE = "fails before it has an effect"
    FAILS_AFTER = "has its effect and fails all the same"
    DIES_BEFORE = "kills its process before it has an effect"
    DIES_AFTER = "has its effect and kills its process"
    SLOW_BEFORE = "is slow to have an effect"
    SLOW_AFTER = "is slow to return"
    REFUSED = "does not reach the rail, and says so"
    SWALLOWED = "seems to succeed and is lost on the way"
    LATE = "seems to succeed and arrives late"
    AGAIN = "is done again meanwhile"


_ANYWHERE: Final = (
    Happening.FAILS_BEFORE,
    Happening.FAILS_AFTER,
    Happening.DIES_BEFORE,
    Happening.DIES_AFTER,
    Happening.SLOW_BEFORE,
    Happening.SLOW_AFTER,
)
_AFTER: Final = (Happening.FAILS_AFTER, Happening.DIES_AFTER, Happening.SLOW_AFTER)

HAPPENINGS: Final = {
    Call.ACCEPT: _ANYWHERE,
    Call.SAVE: _ANYWHERE,
    Call.READ: _ANYWHERE,
    Call.PUBLISH: (*_ANYWHERE, Happening.AGAIN),
    Call.RELAYED: _ANYWHERE,
    Call.HAND_OVER: (*_AFTER, Happening.AGAIN),
    Call.SETTLE: _ANYWHERE,
    Call.SEND: (*_ANYWHERE, Happening.REFUSED, Happening.SWALLOWED, Happening.LATE),
    Call.FETCH: _AFTER,
    Call.ACKNOWLEDGE: _ANYWHERE,
}
"""What may happen where. A fetch that brings nothing does not count as one."""


@dataclass(frozen=True, slots=True)
class Mishap:
    """Something happens at the ``nth`` call of a kind; ``seconds`` is how slow, how late, or how long dead."""

    call: Call
    nth: int
    happening: Happening
    seconds: float

    @property
    def words(self) -> str:
        """It in words."""
        return f"{self.call} (no. {self.nth}) {self.happening} ({self.seconds:.1f} s)"


class Part(StrEnum):
    """What processes need and may not reach."""

    STORE = "store"
    BUS = "bus"
    RAIL = "rail"


@dataclass(frozen=True, slots=True)
class Outage:
    """A part answers nobody for a while."""

    part: Part
    at_s: float
    seconds: float

    @property
    def words(self) -> str:
        """It in words."""
        return f"the {self.part} is down from {self.at_s:.1f} s on, for {self.seconds:.1f} s"


class Blow(StrEnum):
    """What may hit a process at a moment of chance."""

    DIES = "dies"
    STANDS_STILL = "stands still"


@dataclass(frozen=True, slots=True)
class Hit:
    """A process dies, and starts anew after a while; or stands still, as a machine that is moved."""

    process: str
    blow: Blow
    at_s: float
    seconds: float

    @property
    def words(self) -> str:
        """It in words."""
        return f"{self.process} {self.blow} at {self.at_s:.1f} s, for {self.seconds:.1f} s"


Incident = PaymentPlan | IncomingPlan | TalkPlan | Mishap | Outage | Hit
"""What a scenario can do without: what is left out when a failure is made smaller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One world."""

    seed: int
    starts_at: datetime = MORNING
    gateways: int = 1
    workers: int = 1
    questions_max: int = 12
    ping_after: int = 3
    payments: tuple[PaymentPlan, ...] = ()
    incoming: tuple[IncomingPlan, ...] = ()
    talks: tuple[TalkPlan, ...] = ()
    mishaps: tuple[Mishap, ...] = ()
    outages: tuple[Outage, ...] = ()
    hits: tuple[Hit, ...] = ()
    is_screened: bool = False

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """What happens in it."""
        return (*self.payments, *self.incoming, *self.talks, *self.mishaps, *self.outages, *self.hits)

    def of(self, incidents: tuple[Incident, ...]) -> Scenario:
        """Return the same world with these incidents only."""
        return replace(
            self,
            payments=tuple(each for each in incidents if isinstance(each, PaymentPlan)),
            incoming=tuple(each for each in incidents if isinstance(each, IncomingPlan)),
            talks=tuple(each for each in incidents if isinstance(each, TalkPlan)),
            mishaps=tuple(each for each in incidents if isinstance(each, Mishap)),
            outages=tuple(each for each in incidents if isinstance(each, Outage)),
            hits=tuple(each for each in incidents if isinstance(each, Hit)),
        )

    @property
    def receives(self) -> bool:
        """Whether the rail brings anything but answers to payments."""
        return bool(self.incoming or self.talks)

    @property
    def processes(self) -> tuple[str, ...]:
        """The names of its processes."""
        gateways = (f"gateway-{number + 1}" for number in range(self.gateways))
        workers = (f"worker-{number + 1}" for number in range(self.workers))
        return (*gateways, *workers)


# --- What a seed decides ------------------------------------------------------------------------------------------


def scenario_of(seed: int) -> Scenario:
    """Return the scenario of a seed; the same in every process and on every machine."""
    random = Random(seed)
    is_at_midnight = random.random() < 0.1
    world = Scenario(
        seed=seed,
        starts_at=MIDNIGHT - timedelta(seconds=random.choice((1, 8, 20))) if is_at_midnight else MORNING,
        gateways=random.choice((1, 1, 2)),
        workers=random.choice((1, 2, 2, 3)),
        questions_max=random.choice((2, 3, 5, 12)),
        ping_after=random.choice((0, 1, 3)),
        payments=tuple(payment_of(random, number + 1) for number in range(random.choice((1, 2, 2, 3, 3, 4, 5)))),
    )
    world = conversing(screened(world))
    return replace(
        world,
        incoming=(*incoming_of(seed), *returns_of(seed, world.payments), *world.incoming),
        mishaps=tuple(mishap_of(random) for _ in range(random.choice((0, 1, 2, 3, 4, 6)))),
        outages=tuple(_outage(random) for _ in range(random.choice((0, 0, 0, 1, 1, 2)))),
        hits=tuple(_hit(random, world.processes) for _ in range(random.choice((0, 0, 1, 1, 2))))
        + _blackout(random, world),
    )


INCOMING_EVERY: Final = 4
"""In one world of so many the rail brings payments too; the others are as they were before it could."""


def incoming_of(seed: int) -> tuple[IncomingPlan, ...]:
    """Return what the rail brings in the world of a seed: drawn apart, so that nothing else is drawn otherwise."""
    if seed % INCOMING_EVERY != 2 and seed % SCREENED_EVERY != SCREENED_BOTH_WAYS:
        return ()
    random = Random(f"incoming {seed}")
    plans = tuple(brought_of(random, number + 1) for number in range(random.choice((1, 2, 3, 4, 6))))
    if seed % INCOMING_EVERY == 2:
        return plans
    random = Random(f"screening of incoming {seed}")
    return tuple(replace(plan, look=_look(random)) for plan in plans)


SCREENED_EVERY: Final = 16
SCREENED_ONE_WAY: Final = 5
SCREENED_BOTH_WAYS: Final = 9
"""In two worlds of so many payments are screened, in one of them what the rail brings too."""


def screened(world: Scenario) -> Scenario:
    """Return a world with what is found of its payments: drawn apart, as what the rail brings."""
    if world.seed % SCREENED_EVERY not in {SCREENED_ONE_WAY, SCREENED_BOTH_WAYS}:
        return world
    random = Random(f"screening {world.seed}")
    payments = tuple(replace(plan, look=_look(random)) for plan in world.payments)
    return replace(world, payments=payments, is_screened=True)


def _look(random: Random) -> Look:
    return random.choice((*[Look.CLEAR] * 4, *[Look.HIT] * 3, Look.IS_DOWN, Look.IS_SLOW))


def conversing(world: Scenario) -> Scenario:
    """Return a world with its conversations, and the payments that they are about: drawn apart, as the others."""
    talks, random = talks_of(world.seed), Random(f"money of conversations {world.seed}")
    payments, incoming = list(world.payments), list[IncomingPlan]()
    for talk in talks:
        if talk.money_at_s is None:
            continue
        if talk.is_ours:
            plan = replace(
                brought_of(random, len(incoming) + 1), at_s=talk.money_at_s, spent_s=0.2, answers=talk.number
            )
            incoming.append(replace(plan, is_small=not talk.is_of_other_amount))
        else:
            payment = payment_of(random, len(payments) + 1)
            payments.append(replace(payment, at_s=talk.money_at_s, answers=talk.number))
    return replace(world, payments=tuple(payments), incoming=tuple(incoming), talks=talks)


RETURNS_EVERY: Final = 4
"""In one world of so many money goes back and comes back."""


def returns_of(seed: int, payments: tuple[PaymentPlan, ...]) -> tuple[IncomingPlan, ...]:
    """Return what is given back, and what comes back, in the world of a seed: drawn apart, as what the rail brings."""
    if seed % RETURNS_EVERY != 0:
        return ()
    random = Random(f"returns {seed}")
    plans = [_given_back(random, number + 1) for number in range(random.choice((1, 1, 2, 3)))]
    for payment in payments:
        for _ in range(random.choice((0, 1, 1, 2, 3))):
            plans.append(_coming_back(random, len(plans) + 1, payment))
    return tuple(plans)


def _given_back(random: Random, number: int) -> IncomingPlan:
    """A payment that is received, and of which all or a part goes back."""
    plan = brought_of(random, number)
    cents = 5_000 if plan.is_small else 50_000
    return replace(
        plan,
        word=Word.ACCEPTS,
        answers_after_s=random.choice((0.05, 0.05, 0.9)),
        spent_s=0.2,
        refuses=random.random() < 0.5,
        gives_back=random.choice(((cents,), (cents // 2, cents // 2), (cents // 3,), (cents // 2, cents // 4))),
        orders=random.choice((1, 2, 3)),
        returns=tuple(_return_treatment(random) for _ in range(random.choice((0, 1, 1, 2, 3)))),
    )


def _return_treatment(random: Random) -> Treatment:
    verdict = random.choice((*[Verdict.SETTLES] * 6, Verdict.REJECTS, Verdict.REJECTS, Verdict.STAYS_SILENT))
    return replace(_treatment(random), verdict=verdict)


def _coming_back(random: Random, number: int, payment: PaymentPlan) -> IncomingPlan:
    """A return of a payment of ours, of all of it or a part."""
    return replace(
        brought_of(random, number),
        at_s=random.choice((0.05, 0.05, 0.4, 3.0, 20.0, 60.0)),
        spent_s=0.2,
        of=payment.number,
        cents=random.choice((0, 0, 400, 600, 600, 100)),
    )


def brought_of(random: Random, number: int) -> IncomingPlan:
    """Draw a payment that the rail brings."""
    return IncomingPlan(
        number=number,
        at_s=round(random.choice((random.uniform(0, 0.1), random.uniform(0, 5), random.uniform(0, 40))), 3),
        is_small=random.random() < 0.5,
        word=random.choice((*[Word.ACCEPTS] * 5, Word.REJECTS, Word.HOLDS, Word.IS_DOWN)),
        answers_after_s=random.choice((0.05, 0.05, 0.05, 0.9, 1.5, 3.8, 4.1, 6.0, 60.0)),
        spent_s=random.choice((0.2, 0.2, 0.2, 3.0, 14.0, 15.5)),
        copies=random.choice((1, 1, 1, 2, 3)),
        comes_again=random.random() < 0.15,
        advice_late_s=random.choice((0.0, 0.0, 0.0, 1.0, 12.0, 27.0)),
        advice_copies=random.choice((1, 1, 1, 2)),
        advice_is_lost=random.random() < 0.2,
        replies_lost=random.choice((0, 0, 0, 1, 2)),
    )


def payment_of(random: Random, number: int) -> PaymentPlan:
    """Draw a payment."""
    return PaymentPlan(
        number=number,
        at_s=round(random.choice((random.uniform(0, 0.05), random.uniform(0, 3), random.uniform(0, 20))), 3),
        is_json=random.random() < 0.5,
        waits=random.random() < 0.7,
        patience_s=random.choice((30.0, 30.0, 30.0, 1.0, 0.02)),
        repeats=random.choice((0, 0, 0, 1, 2)),
        clients=random.choice((1, 1, 1, 2)),
        not_found=random.choice(tuple(NotFoundPolicy)),
        treatment=_treatment(random),
    )


MANY: Final = 2
"""So many questions in a row learn nothing."""


def _treatment(random: Random) -> Treatment:
    verdict = random.choice((*[Verdict.SETTLES] * 14, *[Verdict.REJECTS] * 2, *Verdict))
    treatment = Treatment(
        verdict=verdict,
        decides_after_s=random.choice((0.05, 0.05, 0.05, 0.05, 0.3, 2.0, 8.0, 12.0, 16.0, 30.0)),
        answer_repeated=random.random() < 0.15,
        reply_late_s=random.choice((0.0, 0.0, 0.0, 0.5, 6.5, 12.0)),
        in_process=random.choice((0, 0, 0, 1, MANY)),
    )
    if verdict in {Verdict.POSTS_LATER, Verdict.REFUSES_TO_POST}:
        # Nothing more is drawn, so that other seeds stay as they are. Lost are the ACWP, and the answers to questions
        # until the creditor's institution has said what became of the posting.
        return replace(treatment, answers_lost=1, replies_lost=4) if treatment.in_process == MANY else treatment
    return replace(
        treatment,
        answers_lost=random.choice((0, 0, 0, 1)),
        answer_late_s=random.choice((0.0, 0.0, 0.0, 0.0, 3.0, 14.5, 26.0, 40.0)),
        replies_lost=random.choice((0, 0, 0, 1, 2, 20)),
    )


def mishap_of(random: Random) -> Mishap:
    """Draw a mishap."""
    call = random.choice((*Call, Call.SAVE, Call.SEND, Call.SEND, Call.SETTLE))
    happening = random.choice(HAPPENINGS[call])
    # A copy that comes after the rail has said that it has none is what a second copy must be proof against.
    seconds = (
        (1.5, 9.0, 21.0, 27.0, 33.0, 40.0) if happening is Happening.LATE else (0.2, 0.6, 1.5, 4.0, 9.0, 21.0, 40.0)
    )
    return Mishap(call, 1 + int(random.random() ** 2 * 12), happening, random.choice(seconds))


def _outage(random: Random) -> Outage:
    return Outage(
        random.choice(tuple(Part)), round(random.uniform(0, 30), 1), random.choice((0.3, 2.0, 6.0, 16.0, 60.0))
    )


def _hit(random: Random, processes: tuple[str, ...]) -> Hit:
    at_s = random.choice((random.uniform(0, 0.3), random.uniform(0, 4), random.uniform(0, 60)))
    seconds = random.choice((0.1, 1.0, 5.0, 14.0, 30.0))
    return Hit(random.choice(processes), random.choice(tuple(Blow)), round(at_s, 3), seconds)


def _blackout(random: Random, world: Scenario) -> tuple[Hit, ...]:
    """Now and then every worker stands still, or is dead, until about the deadline of what was accepted."""
    if random.random() < 0.9:
        return ()
    blow, at_s = random.choice(tuple(Blow)), round(random.uniform(0, 0.1), 3)
    return tuple(
        Hit(process, blow, at_s, round(random.uniform(13.6, 15.4), 2))
        for process in world.processes
        if process.startswith("worker")
    )
