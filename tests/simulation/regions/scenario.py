"""What a seed decides of a world with two regions, beside what it decides of any."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import Final, TypeVar

from gateway.domain.doubt import NotFoundPolicy
from gateway.domain.identity import slot_of
from gateway.domain.payment import IdempotencyKey, RegionId
from gateway.domain.regions import DRIFT_MAX, SlotMap
from tests.simulation.regions.incidents import (
    REGIONS,
    Cut,
    Fate,
    Fencing,
    Loss,
    LostAnswer,
    RegionalOutage,
    RegionClock,
    Silence,
    Way,
    peer_of,
)
from tests.simulation.scenario import (
    MIDNIGHT,
    Blow,
    Call,
    Happening,
    Hit,
    Incident,
    IncomingPlan,
    Mishap,
    Outage,
    Part,
    PaymentPlan,
    Scenario,
    Treatment,
    Verdict,
    brought_of,
    mishap_of,
    payment_of,
)

STATEMENT_S: Final = 9.0
"""No statement takes longer: the pool's command timeout, and the server's, see to that."""

RegionalIncident = Incident | Cut | Silence | LostAnswer | Fencing | Loss


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionsScenario(Scenario):
    """One world of two regions; `gateways` and `workers` are those of each."""

    lease_s: float = 5.0
    way_s: float = 0.03
    clocks: tuple[RegionClock, RegionClock] = (RegionClock(), RegionClock())
    cuts: tuple[Cut, ...] = ()
    silences: tuple[Silence, ...] = ()
    lost_answers: tuple[LostAnswer, ...] = ()
    fencings: tuple[Fencing, ...] = ()
    losses: tuple[Loss, ...] = ()
    repeats_from_s: float = 0.0
    """Clients that have been answered repeat their payments not before then."""
    synchronous: tuple[NotFoundPolicy, ...] = ()
    """Whose payments are acknowledged when both regions have them: the tenants of these policies."""
    takeover_after_s: float | None = None
    """After which silence a region is taken over without a command, by the peer of the one that is lost."""
    totals_every_s: float | None = None
    """How often the rail is asked for its totals, beside after a takeover; None: never."""
    forwards_by_map: bool = False
    """Whether gateways forward by the map that they keep, as the real ones do, or ask the database first."""

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """What happens in it."""
        own = (*self.cuts, *self.silences, *self.lost_answers, *self.fencings, *self.losses)
        return (*self.payments, *self.incoming, *self.mishaps, *self.outages, *self.hits, *own)  # type: ignore[arg-type]

    def of(self, incidents: tuple[RegionalIncident, ...]) -> RegionsScenario:
        """Return the same world with these incidents only."""
        return replace(
            self,
            payments=tuple(each for each in incidents if isinstance(each, PaymentPlan)),
            incoming=tuple(each for each in incidents if isinstance(each, IncomingPlan)),
            mishaps=tuple(each for each in incidents if isinstance(each, Mishap)),
            outages=tuple(each for each in incidents if isinstance(each, Outage)),
            hits=tuple(each for each in incidents if isinstance(each, Hit)),
            cuts=tuple(each for each in incidents if isinstance(each, Cut)),
            silences=tuple(each for each in incidents if isinstance(each, Silence)),
            lost_answers=tuple(each for each in incidents if isinstance(each, LostAnswer)),
            fencings=tuple(each for each in incidents if isinstance(each, Fencing)),
            losses=tuple(each for each in incidents if isinstance(each, Loss)),
        )

    @property
    def processes(self) -> tuple[str, ...]:
        """The names of its processes."""
        gateways = [f"gateway-{number + 1}" for number in range(self.gateways)]
        workers = [f"worker-{number + 1}" for number in range(self.workers)]
        return tuple(f"{region}.{name}" for region in REGIONS for name in (*gateways, *workers))


def regions_scenario_of(seed: int) -> RegionsScenario:
    """Return the scenario of a seed; the same in every process and on every machine."""
    random = Random(f"regions {seed}")
    count = random.choice((1, 2, 3, 4, 5, 6))
    world = RegionsScenario(
        seed=seed,
        gateways=1,
        workers=random.choice((1, 1, 2)),
        questions_max=random.choice((2, 3, 5, 12)),
        ping_after=random.choice((0, 1, 3)),
        lease_s=random.choice((3.0, 5.0, 10.0)),
        way_s=random.choice((0.005, 0.03, 0.03, 0.2)),
        clocks=_drifting(seed, (_clock(random), _clock(random))),
    )
    if seed >= LOSSES_FROM:
        return _with_loss(seed, world)
    if seed >= LOST_FROM:
        return _lost(seed, world)
    fencings = _fencings(random)
    spread_s = 60.0 if fencings else 25.0
    return replace(
        world,
        payments=tuple(_payment(random, number + 1, spread_s=spread_s) for number in range(count)),
        incoming=_incoming(seed, spread_s=spread_s),
        mishaps=tuple(_mishap(random) for _ in range(random.choice((0, 1, 2, 3)))),
        outages=tuple(_outage(random) for _ in range(random.choice((0, 0, 0, 1)))),
        hits=tuple(_hit(random, world.processes) for _ in range(random.choice((0, 0, 1, 2))))
        + _frozen(random, world.processes),
        cuts=tuple(_cut(random) for _ in range(random.choice((0, 0, 1, 1, 2)))),
        silences=tuple(_silence(random) for _ in range(random.choice((0, 0, 1, 2)))),
        lost_answers=tuple(LostAnswer(1 + int(random.random() * 5)) for _ in range(random.choice((0, 0, 1)))),
        fencings=_takeover(Random(f"takeover {seed}")) or fencings,
    )


INCOMING_EVERY: Final = 2
"""In one world of so many the rail brings payments too."""


def _incoming(seed: int, *, spread_s: float) -> tuple[IncomingPlan, ...]:
    """Drawn apart, so that nothing else is drawn otherwise; repeated more often than where there is one region."""
    if seed % INCOMING_EVERY:
        return ()
    random = Random(f"incoming {seed}")
    plans = [brought_of(random, number + 1) for number in range(random.choice((1, 2, 2, 3, 4)))]
    return tuple(
        replace(
            plan,
            at_s=random.choice((plan.at_s, round(random.uniform(0, spread_s), 3))),
            copies=random.choice((1, 2, 2, 3)),
            comes_again=random.random() < 0.3,
        )
        for plan in plans
    )


LOST_FROM: Final = 10_001
"""From this seed on a region is lost with what it wrote last, and a client repeats its payment on the next day.

The ten thousand before are what they were before there were such worlds.
"""


def _lost(seed: int, world: RegionsScenario) -> RegionsScenario:
    """Return a world at midnight: accepted and perhaps sent by a region that is cut off, lost, and taken over."""
    random = Random(f"lost {seed}")
    number = random.choice([each for each in range(1, 17) if _home(each) == REGIONS[each % 2]])
    lost, at_s = REGIONS[number % 2], round(random.uniform(2, 6), 3)
    plan = payment_of(random, number)
    dies_s = round(at_s + random.choice((random.uniform(0, 0.3), random.uniform(0, 6))), 3)
    is_seen_again_s = round(random.uniform(90, 130), 2)
    taken_s = round(dies_s + random.uniform(0, 3), 2)
    midnight_s = round(taken_s + 2 * world.lease_s + random.uniform(26, 40), 2)
    return replace(
        world,
        starts_at=MIDNIGHT - timedelta(seconds=midnight_s),
        clocks=_drifting(seed, (RegionClock(), RegionClock())),
        payments=(replace(plan, at_s=at_s, is_json=True, clients=1, repeats=random.choice((1, 2)), patience_s=2.0),),
        mishaps=tuple(_mishap(random) for _ in range(random.choice((0, 0, 1, 2)))),
        hits=tuple(Hit(process, Blow.DIES, dies_s, 80.0) for process in world.processes if process.startswith(lost)),
        cuts=(Cut(Way.BOTH, round(at_s - 0.5, 3), is_seen_again_s),),
        fencings=(Fencing(lost, taken_s, 100.0, moves=True, takes_over=True, hands_back=True, loses=True),),
        repeats_from_s=round(midnight_s + random.uniform(0.5, 20), 2),
    )


LOSSES_FROM: Final = 10_201
"""From this seed on a region is lost under load, for a while or for good, and what its disk had may be lost with it.

Those before are what they were before there were such worlds.
"""


def _with_loss(seed: int, world: RegionsScenario) -> RegionsScenario:
    """Return a world in which a region is lost while payments come in and go out, of tenants of both modes."""
    random = Random(f"loss {seed}")
    loss, takeover_after_s = _loss(random, lease_s=world.lease_s)
    unseen_s = loss.alone_s or random.choice((0.0, random.uniform(0, 1), random.uniform(0, 6)))
    cut = Cut(random.choice((Way.BOTH, *Way)), round(loss.at_s - unseen_s, 3), round(unseen_s + 0.5, 3))
    is_by_chance = random.random() < 0.6
    back_s = loss.at_s + loss.seconds
    return replace(
        world,
        payments=tuple(
            _about(random, _payment(random, number + 1, spread_s=40.0), loss) for number in range(_many(random))
        ),
        incoming=tuple(
            _about(random, _brought(random, number + 1), loss) for number in range(random.choice((2, 3, 4, 6)))
        ),
        mishaps=tuple(_mishap(random) for _ in range(random.choice((0, 1, 2)) if is_by_chance else 0)),
        outages=tuple(_outage(random) for _ in range(random.choice((0, 0, 1)) if is_by_chance else 0)),
        hits=tuple(_hit(random, world.processes) for _ in range(random.choice((0, 1)) if is_by_chance else 0)),
        cuts=(cut,) if unseen_s else (),
        lost_answers=tuple(LostAnswer(1 + int(random.random() * 5)) for _ in range(random.choice((0, 0, 1)))),
        losses=(loss,),
        repeats_from_s=round(
            random.choice((0.0, loss.at_s + random.uniform(5, 50), back_s + random.uniform(10, 60))), 2
        ),
        synchronous=random.choice(((), (NotFoundPolicy.RESEND,), (NotFoundPolicy.REJECT,), tuple(NotFoundPolicy))),
        takeover_after_s=takeover_after_s,
        totals_every_s=60.0,
        forwards_by_map=True,
    )


def _loss(random: Random, *, lease_s: float) -> tuple[Loss, float | None]:
    """Draw who is lost, when and how, and after which silence its peer takes it over by itself, where it does."""
    alone_s = round(random.uniform(5, 12), 2) if random.random() < 0.3 else None
    is_by_itself = random.random() < 0.4
    fate = random.choice(tuple(Fate))
    loss = Loss(
        random.choice(REGIONS),
        round(random.uniform(3, 14) + (alone_s or 0.0), 3),
        fate,
        seconds=round(random.choice((random.uniform(30, 60), random.uniform(60, 120))), 2),
        taken_after_s=None if is_by_itself else round(random.uniform(0, 8), 2),
        alone_s=alone_s,
        hands_back=fate is Fate.LATE and random.random() < 0.7,
    )
    return loss, round(random.uniform(lease_s * 1.1 + 1, 15), 2) if is_by_itself else None


def _many(random: Random) -> int:
    return random.choice((6, 7, 8, 10, 12))


def _brought(random: Random, number: int) -> IncomingPlan:
    """A payment that the rail brings, to either region, more than once."""
    copies, comes_again = random.choice((1, 1, 2, 3)), random.random() < 0.3
    return replace(brought_of(random, number), copies=copies, comes_again=comes_again)


Plan = TypeVar("Plan", PaymentPlan, IncomingPlan)


def _about(random: Random, plan: Plan, loss: Loss) -> Plan:
    """Have a payment come about the time of the loss: while the region is alone, in its last moments, or afterwards."""
    from_s = loss.at_s - (loss.alone_s or 5.0)
    at_s = random.choice(
        (random.uniform(from_s, loss.at_s), random.uniform(from_s, loss.at_s), random.uniform(0, loss.at_s + 40))
    )
    return replace(plan, at_s=round(max(0.0, at_s), 3))


def _home(number: int) -> RegionId:
    """The first home of a JSON payment's key."""
    return SlotMap.first(REGIONS).owners[slot_of(IdempotencyKey(f"key-{number}"))].region


def _takeover(random: Random) -> tuple[Fencing, ...]:
    """Drawn apart, so that the other worlds stay what they were before there was taking over."""
    if random.random() < 0.65:
        return ()
    at_s = random.choice((random.uniform(0, 3), random.uniform(0, 20)))
    seconds = random.choice((0.5, 20.0, 60.0))
    lost = random.choice(REGIONS)
    return (Fencing(lost, round(at_s, 2), seconds, moves=True, takes_over=True, hands_back=random.random() < 0.7),)


def _clock(random: Random) -> RegionClock:
    ahead_s = random.choice((0.0, 0.0, round(random.uniform(-3, 3), 2)))
    return RegionClock(ahead_s, random.choice((0.0, round(random.uniform(-1, 1), 2))))


def _drifting(seed: int, clocks: tuple[RegionClock, RegionClock]) -> tuple[RegionClock, RegionClock]:
    """Drawn apart: as unequally fast as the margin of a lease allows, and anything between."""
    random = Random(f"drift {seed}")
    drifts = [random.choice((0.0, -DRIFT_MAX, DRIFT_MAX, random.uniform(-DRIFT_MAX, DRIFT_MAX))) for _ in clocks]
    east, west = (replace(clock, drift=round(drift, 5)) for clock, drift in zip(clocks, drifts, strict=True))
    return east, west


def _payment(random: Random, number: int, *, spread_s: float) -> PaymentPlan:
    plan = payment_of(random, number)
    at_s = random.choice((plan.at_s, round(random.uniform(0, spread_s), 3)))
    treatment = plan.treatment
    if random.random() < 0.2:  # the rail speaks again long after the end: perhaps to another owner
        verdict = random.choice((Verdict.POSTS_LATER, Verdict.REFUSES_TO_POST))
        treatment = Treatment(verdict=verdict, decides_after_s=random.choice((0.05, 2.0)))
    clients, repeats = random.choice((1, 2, 2, 3)), random.choice((0, 1, 1, 2))
    return replace(plan, at_s=at_s, clients=clients, repeats=repeats, treatment=treatment)


def _mishap(random: Random) -> Mishap:
    mishap = mishap_of(random)
    is_statement = mishap.call in {Call.ACCEPT, Call.SAVE} and mishap.happening in {
        Happening.SLOW_BEFORE,
        Happening.SLOW_AFTER,
    }
    return replace(mishap, seconds=min(mishap.seconds, STATEMENT_S)) if is_statement else mishap


def _outage(random: Random) -> RegionalOutage:
    at_s, seconds = round(random.uniform(0, 30), 1), random.choice((0.3, 2.0, 6.0, 16.0))
    return RegionalOutage(random.choice(tuple(Part)), at_s, seconds, random.choice(REGIONS))


def _hit(random: Random, processes: tuple[str, ...]) -> Hit:
    at_s = random.choice((random.uniform(0, 0.3), random.uniform(0, 4), random.uniform(0, 60)))
    return Hit(
        random.choice(processes), random.choice(tuple(Blow)), round(at_s, 3), random.choice((0.1, 1.0, 5.0, 14.0))
    )


def _frozen(random: Random, processes: tuple[str, ...]) -> tuple[Hit, ...]:
    """Now and then a whole region dies, or stands still for longer than its lease."""
    if random.random() < 0.8:
        return ()
    region, blow = random.choice(REGIONS), random.choice(tuple(Blow))
    at_s = round(random.choice((random.uniform(0, 1), random.uniform(0, 40))), 3)
    seconds = random.choice((5.0, 20.0, 60.0))
    return tuple(Hit(process, blow, at_s, seconds) for process in processes if process.startswith(region))


def _cut(random: Random) -> Cut:
    at_s = random.choice((random.uniform(0, 1), random.uniform(0, 40)))
    return Cut(random.choice((Way.BOTH, *Way)), round(at_s, 2), random.choice((0.5, 5.0, 20.0, 60.0)))


def _silence(random: Random) -> Silence:
    at_s = random.choice((random.uniform(0, 3), random.uniform(0, 40)))
    return Silence(random.choice((None, *REGIONS)), round(at_s, 2), random.choice((0.5, 3.0, 8.0, 20.0, 45.0)))


def _fencings(random: Random) -> tuple[Fencing, ...]:
    at_s, region = random.uniform(1, 30), random.choice(REGIONS)
    one = Fencing(region, round(at_s, 2), random.choice((0.5, 3.0, 15.0)), random.random() < 0.75)
    again = Fencing(peer_of(region), round(at_s + random.uniform(20, 40), 2), 2.0, moves=True)
    return random.choice(((), (), (one,), (one,), (one, again)))
