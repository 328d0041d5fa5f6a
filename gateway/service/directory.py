"""The participant directory, kept fresh in memory and looked into before something is sent: a process's own snapshot.

Looking is a few dictionary look-ups. What the rail would refuse for certain is refused here, before it has cost the
clock of a payment; what is not known is left to the rail, unless the institution wants nothing sent then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from gateway.domain.directory import Directory, Gap, Need, directory_of, latest_day
from gateway.domain.payment import Payment, Rail, Reason, ReasonOrigin
from gateway.domain.rail_operations import Codes, RailEvent, RailEventKind
from gateway.service.ports import Clock, RailEventStore, UnavailableError
from gateway.service.supervise import Verdict
from iso20022 import RAIL_LIMITS, CustomerCreditTransfer, Finding, read, unwrap
from iso20022.messages import admi998, pacs008, pain013

LOOK_PAUSE_S: Final = 5.0
"""Between two looks for a newer file, and for who has signed off: a payment that is sent meanwhile the rail refuses."""

SIGN_OFFS_COUNT: Final = timedelta(days=7)
"""A sign-off that was heard earlier is left to the rail: were its sign-on lost, nobody would ever be paid again."""

FILES_LOOKED_AT: Final = 8
"""The newest files that are compared: they may come out of order, and the latest day counts."""


class DirectoryUse(StrEnum):
    """What the directory is for."""

    OFF = "off"
    """Nobody looks into it: the rail decides."""

    FRESH = "fresh"
    """What the rail would refuse is refused while it is fresh; else everything is sent, and the rail decides."""

    REQUIRED = "required"
    """As FRESH; while it is stale, or was never heard, nothing is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryReasons:
    """The codes under which a payment is refused."""

    sender: str
    receiver: str
    signed_off: str
    stale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreached:
    """Why something is not sent: ``finding`` for whoever submits it, ``reason`` for the history of a payment.

    ``is_ours``: nothing is wrong with what was submitted; the directory is not fresh here.
    """

    finding: Finding
    reason: Reason
    is_ours: bool = False


@dataclass(frozen=True, slots=True)
class DirectoryStanding:
    """How the directory stands, for people; without a file it was never heard."""

    use: DirectoryUse
    business_day: date | None = None
    heard_at: datetime | None = None
    participants: int = 0
    is_fresh: bool = False
    signed_off: int = 0


class DirectoryObserver(Protocol):
    """Is told what went wrong."""

    def fault(self, where: str, error: BaseException) -> None:
        """The world failed somewhere, or we did; the loop goes on."""
        ...


@dataclass(slots=True)
class ParticipantDirectory:
    """Says whom a rail would refuse; `run` keeps it fresh. Of another rail's payments it says nothing."""

    rail: Rail
    store: RailEventStore
    codes: Codes
    clock: Clock
    observer: DirectoryObserver
    use: DirectoryUse
    reasons: DirectoryReasons
    listed: Directory | None = None
    off_since: Mapping[str, datetime] = field(default_factory=dict)
    is_read: bool = False
    _unreadable: set[UUID] = field(default_factory=set)
    """Files that were tried; what came before them counts on."""

    async def run(self) -> None:
        """Keep it fresh until cancelled."""
        while True:
            await self.refresh()
            await self.clock.pause(LOOK_PAUSE_S)

    async def refresh(self) -> None:
        """Look for a newer file, and for who has signed off; a file that cannot be read is reported and passed over.

        Raises:
            UnavailableError: the database does not answer; what was known stays.

        """
        since = self.clock.now() - SIGN_OFFS_COUNT
        self.off_since = await self.store.signed_off(self.rail, self.codes, since=since)
        kinds = {RailEventKind.DIRECTORY}
        files = await self.store.events(self.rail, kinds=kinds, limit=FILES_LOOKED_AT)
        for file in sorted(files, key=_newer, reverse=True):
            if self.listed is not None and file.event_id == self.listed.event_id:
                break
            if file.event_id not in self._unreadable and await self._takes(file):
                break
        self.is_read = True

    async def _takes(self, file: RailEvent) -> bool:
        """Whether a file could be read, and is what is gone by from now on."""
        verdict = Verdict(but=(UnavailableError,))
        async with verdict:
            body = await self.store.body_of(self.rail, file.event_id)  # its key may be gone, or its row damaged
            self.listed = await asyncio.to_thread(_read, body, file)  # of thousands of participants
        if verdict.fault is not None:
            self._unreadable.add(file.event_id)
            self.observer.fault("participant directory", verdict.fault)
        return verdict.fault is None

    def of_transfer(self, rail: Rail, transfer: CustomerCreditTransfer) -> Unreached | None:
        """Return why a customer's payment would be refused; None where it would not, or that is not known.

        Raises as `of_payment`.
        """
        return self._of(
            rail,
            (
                (transfer.debtor_agent, Need.SEND, pacs008.LAYOUT.xpath_of("debtor_agent")),
                (transfer.creditor_agent, Need.RECEIVE, pacs008.LAYOUT.xpath_of("creditor_agent")),
            ),
        )

    def of_payment(self, payment: Payment) -> Unreached | None:
        """Return why a payment that is about to be sent for the first time would be refused.

        A return goes back to whoever has sent; that one the rail knows best. So it does who takes liquidity transfers:
        the file names nobody for that.

        Raises:
            UnavailableError: the directory is required, and was not read yet: this process has just begun.

        """
        if payment.transfers or payment.is_return or payment.is_liquidity or payment.state.is_final:
            return None
        return self._of(
            payment.rail, ((payment.debtor_agent, Need.SEND, "/"), (payment.creditor_agent, Need.RECEIVE, "/"))
        )

    def of_request(self, rail: Rail, debtor_agent: str) -> Unreached | None:
        """Return why a request for payment to this institution would be refused. Who is signed off takes it still."""
        return self._of(rail, ((debtor_agent, Need.BE_ASKED, _DEBTOR_AGENT),))

    def standing(self) -> DirectoryStanding:
        """Return how the directory stands."""
        if self.listed is None:
            return DirectoryStanding(self.use, signed_off=len(self.off_since))
        return DirectoryStanding(
            self.use,
            self.listed.business_day,
            self.listed.heard_at,
            len(self.listed.services),
            self.listed.is_fresh(self.clock.now()),
            len(self.off_since),
        )

    def _of(self, rail: Rail, needed: Collection[tuple[str, Need, str]]) -> Unreached | None:
        if rail is not self.rail or self.use is DirectoryUse.OFF:
            return None
        listed = self.listed
        if listed is None or not listed.is_fresh(self.clock.now()):
            return self._stale()
        for institution, need, xpath in needed:
            gap = listed.gap(institution, need)
            if gap is None and need is Need.RECEIVE and institution in self.off_since:
                gap = Gap.SIGNED_OFF
            if gap is not None:
                return self._unreached(institution, need, gap, xpath, listed)
        return None

    def _unreached(self, institution: str, need: Need, gap: Gap, xpath: str, listed: Directory) -> Unreached:
        code, reason_code = self._codes_of(need, gap)
        rule = _RULES[need, gap].format(
            institution=institution, day=listed.business_day, since=self.off_since.get(institution)
        )
        return Unreached(
            finding=Finding(
                code=code,
                xpath=xpath,
                value=institution,
                rule=rule,
                hint=_HINTS[need] if gap is not Gap.SIGNED_OFF else _LATER,
                reject_code=None if gap is Gap.SIGNED_OFF else reason_code,
            ),
            reason=Reason(reason_code, ReasonOrigin.GATEWAY, f"{rule} Nothing was sent."),
        )

    def _codes_of(self, need: Need, gap: Gap) -> tuple[str, str]:
        if gap is Gap.SIGNED_OFF:
            return "DIRECTORY_SIGNED_OFF", self.reasons.signed_off
        if need is Need.SEND:
            return "DIRECTORY_SENDER", self.reasons.sender
        return "DIRECTORY_RECEIVER", self.reasons.receiver

    def _stale(self) -> Unreached | None:
        if self.use is not DirectoryUse.REQUIRED:
            return None
        if not self.is_read:
            raise UnavailableError("the rail's participant directory is required, and was not read yet")
        heard = "was never heard" if self.listed is None else f"is of {self.listed.business_day}, and stale"
        rule = f"The rail's participant directory {heard}; nothing is sent without it."
        hint = (
            "Repeat later. Whoever runs the gateway finds out why it does not come (docs/runbooks/rail-operations.md), "
            f"or has FIFTEEN_{self.rail.upper()}__DIRECTORY=fresh leave such payments to the rail."
        )
        return Unreached(
            finding=Finding(code="DIRECTORY_STALE", rule=rule, hint=hint),
            reason=Reason(self.reasons.stale, ReasonOrigin.GATEWAY, rule),
            is_ours=True,
        )


_RULES: Final[Mapping[tuple[Need, Gap], str]] = {
    (Need.SEND, Gap.NOT_LISTED): "The rail's participants of {day} do not include {institution}, who is to send.",
    (Need.SEND, Gap.NO_SERVICE): "By the rail's participants of {day} {institution} only receives payments (CTRO).",
    (Need.RECEIVE, Gap.NOT_LISTED): "The rail's participants of {day} do not include {institution}: it takes no part, "
    "or in liquidity transfers or settlement alone.",
    (Need.RECEIVE, Gap.NO_SERVICE): "By the rail's participants of {day} {institution} receives no payments.",
    (Need.RECEIVE, Gap.SIGNED_OFF): "The rail has told that {institution} is signed off since {since:%Y-%m-%d %H:%M} "
    "UTC: it rejects payments to it.",
    (Need.BE_ASKED, Gap.NOT_LISTED): "The rail's participants of {day} do not include {institution}.",
    (Need.BE_ASKED, Gap.NO_SERVICE): "By the rail's participants of {day} {institution} takes no requests for payment "
    "(RFPR).",
}

_HINTS: Final[Mapping[Need, str]] = {
    Need.SEND: "Have another institution of yours send it, or the rail enable this one to send (CTSR).",
    Need.RECEIVE: "Correct the routing number, or pay the creditor another way.",
    Need.BE_ASKED: "Correct the routing number, or ask the debtor another way.",
}

_DEBTOR_AGENT: Final = pain013.LAYOUT.xpath_of("debtor_agent.member_id")
"""Of a request for payment."""

_LATER: Final = "Send it once the institution has signed on again, or pay the creditor another way."


def _newer(file: RailEvent) -> tuple[str, datetime]:
    """The latest business day goes first, and of one day's files the one that came last."""
    return min(file.description or "", latest_day(file.at).isoformat()), file.at


def _read(body: bytes | None, heard: RailEvent) -> Directory:
    document = None if body is None else unwrap(read(body, RAIL_LIMITS)).document
    if document is None:
        raise ValueError(f"the participant file {heard.business_message_id} has no Document")
    return directory_of(admi998.parse(document), event_id=heard.event_id, heard_at=heard.at)
