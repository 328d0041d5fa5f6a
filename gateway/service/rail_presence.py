"""Who answers the rail when a payment comes, and the guard that signs us off when they are gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from gateway.domain.payment import Rail
from gateway.domain.rail_operations import OperationState, RailAction, RailEvent
from gateway.service.ports import Clock, IncomingStore, RailLink, ReceivingTenant, UnavailableError
from gateway.service.rail_operations import RailOperations, RailStatus
from gateway.service.rail_protocol import OutboundMessage

LOOK_PAUSE_S: Final = 2.0
"""Between two looks of the guard."""

WORKER_SEEN_S: Final = 15.0
"""A worker that has not written itself down for three times its beat is gone."""

BLIND_LOOKS_MIN: Final = 3
"""So many looks, each a pause after the one before, must have failed before the guard acts without the store: one that
found no free connection, or lost its own, says nothing of the database."""

BLIND_GAP_MAX_S: Final = 15.0
"""Two failed looks of one outage are no further apart: a pause, and the 10 s that a statement may take. Where more has
passed the process itself stood still, and knows nothing of the time between."""

ANSWER_S: Final = 30.0
"""So long the rail's answer to a sign-off is waited for, whatever else it says."""

ASKED_AGAIN_S: Final = 300.0
"""A sign-off that is not acknowledged for so long is asked for again: when all workers are dead nobody hears of it."""

NO_STORE: Final = "the database does not answer: nothing could be saved, and so nothing answered"
"""Why everybody was signed off without it."""

GUARD: Final = "protective sign-off"
"""Who asks, as the history keeps it."""


class WorkerPresence(Protocol):
    """Knows which workers serve."""

    async def workers_seen(self, since: datetime) -> int:
        """Return how many workers have written themselves down since then. Raises UnavailableError."""
        ...


class InstitutionProbe(Protocol):
    """Finds out whether an institution can be asked."""

    async def reach(self, tenant: ReceivingTenant) -> None:
        """Return if the institution's address answers, whatever it says.

        Raises:
            UnavailableError: nobody answers there.

        """
        ...


@dataclass(frozen=True, slots=True)
class Unready:
    """Who does not answer: of us, and which institutions, each with the reason in words."""

    ours: str | None = None
    institutions: Mapping[str, str] = field(default_factory=dict)

    def of(self, institution: str | None) -> Sequence[str]:
        """Return what stands against signing this institution on; None: against signing everybody on."""
        theirs = [
            f"{number}: {why}"
            for number, why in self.institutions.items()
            if institution is None or institution == number
        ]
        return (*([] if self.ours is None else [self.ours]), *theirs)


@dataclass(frozen=True, slots=True)
class Answerers:
    """Those who must answer when the rail brings a payment: workers here, and the institutions that are asked."""

    workers: WorkerPresence
    probe: InstitutionProbe
    incoming: IncomingStore
    clock: Clock

    async def unready(self) -> Unready:
        """Return who does not answer at this moment. An institution that is never asked has its stand-in.

        Raises:
            UnavailableError: the store does not answer: nothing is known, and nobody could answer the rail.

        """
        seen = await self.workers.workers_seen(self.clock.now() - timedelta(seconds=WORKER_SEEN_S))
        receivers = await self.incoming.receiving_tenants()
        why = {
            tenant_id: await self._fault_of(receivers.tenants[tenant_id])
            for tenant_id in dict.fromkeys(receivers.by_agent.values())
        }
        return Unready(
            ours=None if seen else "no worker runs: nobody would answer the rail",
            institutions={
                agent: fault for agent, tenant_id in receivers.by_agent.items() if (fault := why[tenant_id]) is not None
            },
        )

    async def against(self, institution: str | None) -> Sequence[str]:
        """Return what stands against signing an institution on; None: everybody. Raises as `unready`."""
        return (await self.unready()).of(institution)

    async def _fault_of(self, tenant: ReceivingTenant) -> str | None:
        if tenant.institution_url is None:
            return None
        try:
            await self.probe.reach(tenant)
        except UnavailableError as error:
            return f"its institution does not answer: {error}"
        return None


@dataclass(slots=True)
class _Blind:
    """Looks that failed for want of the store, one after the other. Seconds are of the monotonic clock."""

    since_s: float
    counted_at_s: float
    ended_at_s: float
    looks: int = 1

    def has_lasted(self, after_s: float) -> bool:
        """Whether the store has not answered for so long, as far as anybody has looked."""
        return self.looks >= BLIND_LOOKS_MIN and self.counted_at_s - self.since_s >= after_s


@dataclass(slots=True)
class RailGuard:
    """Signs off whoever has not answered for too long; a person signs them on again.

    With another region beside this one the connection party is both's: then a region whose workers are gone
    disconnects its own connection point instead, and an institution that cannot be reached from here is left alone.

    While the store does not answer nobody here can answer the rail either, for nothing could be saved before it is
    said. Then the guard speaks to the rail by itself, over its own `link`, and keeps what it has asked once the store
    is back. Whoever dies in between leaves no gap: the rail's acknowledgement waits until somebody can keep it, and
    how we stand is folded from that.
    """

    rail: Rail
    operations: RailOperations
    answerers: Answerers
    clock: Clock
    after_s: float
    has_peer: bool = False
    own_point: str | None = None
    signs_off_institutions: bool = True
    """Whether the rail signs off one institution of several; else they have their stand-in."""
    link: RailLink | None = None
    """The way to the rail of its own; without one nothing is asked while the store does not answer."""
    _since_s: dict[str | None, float] = field(default_factory=dict)
    _blind: _Blind | None = None
    _unkept: tuple[RailEvent, OutboundMessage] | None = None
    _has_left: bool = False

    async def run(self) -> None:
        """Look until cancelled. Raises UnavailableError when the store does not answer, or then the rail."""
        while True:
            await self.look()
            await self.clock.pause(LOOK_PAUSE_S)

    async def look(self) -> None:
        """Look once, and sign off whose time is over. Raises as `run`: then look again."""
        try:
            unready = await self.answerers.unready()
            await self._keep_what_was_asked()
        except UnavailableError:
            blind = self._blind = self._still_blind(self.clock.monotonic_s())
            try:
                await self._look_blindly(blind)
            finally:
                blind.ended_at_s = self.clock.monotonic_s()
            raise
        self._blind, now_s = None, self.clock.monotonic_s()
        gone: dict[str | None, str] = {} if unready.ours is None else {None: unready.ours}
        if not self.has_peer and self.signs_off_institutions:
            gone.update(unready.institutions)
        self._since_s = {subject: self._since_s.get(subject, now_s) for subject in gone}
        for subject, why in gone.items():
            if now_s - self._since_s[subject] >= self.after_s:
                await self._protect(subject, why)

    def _still_blind(self, now_s: float) -> _Blind:
        """The outage that a failed look is of. One that came at once after a fault is no further look."""
        blind = self._blind
        if blind is None or now_s - blind.ended_at_s > BLIND_GAP_MAX_S:
            return _Blind(now_s, now_s, now_s)
        if now_s - blind.counted_at_s >= LOOK_PAUSE_S:
            blind.looks, blind.counted_at_s = blind.looks + 1, now_s
        return blind

    async def _look_blindly(self, blind: _Blind) -> None:
        """Ask the rail without the store, once in an outage: as it was asked first, until it has left.

        Raises:
            UnavailableError: the rail cannot be reached either.
            NotServingError: this region may not act: the other one disconnects it.

        """
        is_whole = not self.has_peer
        if self.link is None or self._has_left or not blind.has_lasted(self.after_s):
            return
        if not is_whole and self.own_point is None:
            return
        if self._unkept is None:
            action = RailAction.SIGN_OFF if is_whole else RailAction.DISCONNECT
            subject = None if is_whole else self.own_point
            self._unkept = self.operations.prepare(self.rail, action, subject, by=GUARD, note=NO_STORE)
        _, message = self._unkept
        await self.link.send(message.body, message_class=message.message_class)
        self._has_left = True

    async def _keep_what_was_asked(self) -> None:
        """Have the history say who has asked, and why, now that the store answers. A repeat changes nothing."""
        if self._unkept is not None and self._has_left:
            await self.operations.store.note(self._unkept[0])
        self._unkept, self._has_left = None, False

    async def _protect(self, subject: str | None, why: str) -> None:
        if self.has_peer:
            if self.own_point is not None:
                await self.operations.disconnect(self.rail, self.own_point, by=GUARD, note=why)
            return
        status = await self.operations.status(self.rail)
        if not _is_off(status, subject, self.clock.now()):
            await self.operations.ask(self.rail, RailAction.SIGN_OFF, subject, by=GUARD, note=why)


def _is_off(status: RailStatus, subject: str | None, now: datetime) -> bool:
    """Whether a subject is signed off, or it was asked for a moment ago.

    The later counts: what was asked here, or what the rail has said since, for somebody may have signed on by another
    way. A sign-off that the rail has not acknowledged is asked for again, for it may never have come there.
    """
    subjects, signed_at = () if subject is None else (subject,), status.standing.signed_at.get(subject)
    for known in status.operations:
        asked = known.asked
        if asked.subjects != subjects or known.state in {OperationState.REFUSED, OperationState.ABANDONED}:
            continue
        if asked.code not in {status.codes.sign_on, status.codes.sign_off}:
            continue
        age_s, is_off = (now - asked.at).total_seconds(), asked.code == status.codes.sign_off
        if is_off and age_s < ANSWER_S:
            return True  # whatever the rail's clock says of the moments before
        if signed_at is not None and signed_at >= asked.at:
            break
        if not is_off or known.state is OperationState.DONE or age_s < ASKED_AGAIN_S:
            return is_off
    return status.standing.is_signed_on(subject) is False
