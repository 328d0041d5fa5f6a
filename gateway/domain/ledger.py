"""The ledger: what a transfer's states mean in double-entry, per tenant and rail, sent or received. Pure.

A payment's money stands in one place at a time, and its state says where. What is booked is the way from the place
that the former state named to the one that the new state names: so the ledger and the state table cannot disagree, and
no row of the table has to remember its bookings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from gateway.domain.incoming import IncomingState
from gateway.domain.payment import FundsHolder, PaymentState
from iso20022 import Amount


class Account(StrEnum):
    """Where money stands, seen from the tenant's institution; each exists once per tenant and rail."""

    FUNDS = "funds"
    """With the tenant's customers: less what the tenant has sent or is about to send, more what it has posted."""

    RESERVED = "reserved"
    """On its way: it may have moved, may be about to, or may yet come back."""

    RAIL = "rail"
    """Settled: the tenant's position on the rail, which reconciliation compares with the rail's own: what was sent,
    less what has arrived."""

    ARRIVED = "arrived"
    """Settled to the tenant, and not with the creditor yet: to be posted, held, blocked or given back."""


class PostingKind(StrEnum):
    """What a posting does. The value is what the ledger keeps for years: never rename one."""

    RESERVE = "reserve"
    """Before the bytes leave: the money is not the debtor's to spend any more."""

    POST = "post"
    """The rail has settled."""

    VOID = "void"
    """It did not settle, and cannot any more."""

    ARRIVE = "arrive"
    """Incoming: the rail has settled to the tenant."""

    CREDIT = "credit"
    """Incoming: the institution has posted to the creditor."""

    GIVE_BACK = "give_back"
    """Money that had arrived, and was with nobody yet, has gone back: its return has settled, or a person says so, or
    has found out that it never came."""


@dataclass(frozen=True, slots=True)
class Posting:
    """One booking of one amount: to the account that is debited, from the one that is credited. Never one-sided."""

    kind: PostingKind
    debit: Account
    credit: Account
    amount: Amount


STANDS_IN: Final[Mapping[PaymentState, Account]] = MappingProxyType(
    {
        PaymentState.RECEIVED: Account.FUNDS,
        PaymentState.HELD: Account.FUNDS,
        PaymentState.RELEASED: Account.FUNDS,
        PaymentState.SENDING: Account.RESERVED,
        PaymentState.IN_DOUBT: Account.RESERVED,
        PaymentState.AWAITING_OPERATOR: Account.RESERVED,
        PaymentState.RESEND_DUE: Account.RESERVED,
        PaymentState.SETTLED: Account.RAIL,
        PaymentState.ACCEPTED_WITHOUT_POSTING: Account.RAIL,
        # The settlement stands; what comes back is a payment of its own, a pacs.004.
        PaymentState.RETURN_DUE: Account.RAIL,
        PaymentState.RETURNED: Account.RAIL,
        PaymentState.REJECTED: Account.FUNDS,
    }
)
"""In which account a payment's money stands in each state; where this says FUNDS, it stands where it is taken from."""

TAKEN_FROM: Final[Mapping[FundsHolder, Account]] = MappingProxyType(
    {
        FundsHolder.TENANT: Account.FUNDS,
        FundsHolder.CORE: Account.FUNDS,
        FundsHolder.ARRIVED: Account.ARRIVED,
        FundsHolder.INSTITUTION: Account.FUNDS,
    }
)
"""From which account a payment's money is taken, by who holds it."""

INCOMING_STANDS_IN: Final[Mapping[IncomingState, Account]] = MappingProxyType(
    {
        # Until the rail says that it has settled nothing is ours: the money is where it was, beyond the rail.
        IncomingState.RECEIVED: Account.RAIL,
        IncomingState.ACCEPTED: Account.RAIL,
        IncomingState.ACCEPTED_WITHOUT_POSTING: Account.RAIL,
        IncomingState.IN_DOUBT: Account.RAIL,
        IncomingState.AWAITING_OPERATOR: Account.RAIL,
        IncomingState.REJECTED: Account.RAIL,
        IncomingState.NOT_SETTLED: Account.RAIL,
        IncomingState.SETTLED: Account.ARRIVED,
        IncomingState.PENDING: Account.ARRIVED,
        IncomingState.BLOCKED: Account.ARRIVED,
        IncomingState.RETURN_DUE: Account.ARRIVED,
        IncomingState.POSTED: Account.FUNDS,
        # What went back went by a payment of its own, which is booked with that one.
        IncomingState.RETURNED: Account.ARRIVED,
        # No payment of ours is booked for it: beyond the rail, as if it had never come.
        IncomingState.RETURNED_BY_HAND: Account.RAIL,
    }
)
"""In which account an incoming transfer's money stands in each state."""

_WAYS: Final[Mapping[tuple[Account, Account], tuple[PostingKind, ...]]] = MappingProxyType(
    {
        (Account.FUNDS, Account.RESERVED): (PostingKind.RESERVE,),
        (Account.RESERVED, Account.RAIL): (PostingKind.POST,),
        (Account.RESERVED, Account.FUNDS): (PostingKind.VOID,),
        # The rail has settled what we believed unsent: both bookings are made up for.
        (Account.FUNDS, Account.RAIL): (PostingKind.RESERVE, PostingKind.POST),
        (Account.ARRIVED, Account.RESERVED): (PostingKind.RESERVE,),
        (Account.RESERVED, Account.ARRIVED): (PostingKind.VOID,),
        (Account.ARRIVED, Account.RAIL): (PostingKind.RESERVE, PostingKind.POST),
    }
)

_INCOMING_WAYS: Final[Mapping[tuple[Account, Account], PostingKind]] = MappingProxyType(
    {
        (Account.RAIL, Account.ARRIVED): PostingKind.ARRIVE,
        (Account.ARRIVED, Account.FUNDS): PostingKind.CREDIT,
        (Account.ARRIVED, Account.RAIL): PostingKind.GIVE_BACK,
    }
)


def stands_in(state: PaymentState, holder: FundsHolder) -> Account:
    """Return in which account a payment's money stands, that is taken from this holder."""
    account = STANDS_IN[state]
    return TAKEN_FROM[holder] if account is Account.FUNDS else account


def _posted(kind: PostingKind, taken_from: Account, amount: Amount) -> Posting:
    """One step of a payment's money on its way out, or back from it."""
    match kind:
        case PostingKind.RESERVE:
            return Posting(kind, Account.RESERVED, taken_from, amount)
        case PostingKind.VOID:
            return Posting(kind, taken_from, Account.RESERVED, amount)
        case _ if taken_from is Account.ARRIVED:
            return Posting(PostingKind.GIVE_BACK, Account.RAIL, Account.RESERVED, amount)
        case _:
            return Posting(PostingKind.POST, Account.RAIL, Account.RESERVED, amount)


def postings(
    before: PaymentState, after: PaymentState, amount: Amount, holder: FundsHolder = FundsHolder.TENANT
) -> tuple[Posting, ...]:
    """Return what is booked when a payment goes from one state to another; nothing where its money stays.

    Raises:
        KeyError: money that has settled would come back by a change of state: a fault of ours, there is no such row.

    """
    way = (stands_in(before, holder), stands_in(after, holder))
    if way[0] is way[1]:
        return ()
    return tuple(_posted(kind, TAKEN_FROM[holder], amount) for kind in _WAYS[way])


def incoming_postings(before: IncomingState, after: IncomingState, amount: Amount) -> tuple[Posting, ...]:
    """Return what is booked when an incoming transfer goes from one state to another; nothing where its money stays.

    Raises:
        KeyError: what was posted would be taken from the creditor by a change of state: a fault of ours.

    """
    way = (INCOMING_STANDS_IN[before], INCOMING_STANDS_IN[after])
    if way[0] is way[1]:
        return ()
    return (Posting(_INCOMING_WAYS[way], way[1], way[0], amount),)


def balances(booked: Iterable[Posting]) -> dict[Account, int]:
    """Return each account's balance in cents, debits less credits. Their sum is zero, whatever was booked."""
    found = dict.fromkeys(Account, 0)
    for posting in booked:
        found[posting.debit] += posting.amount.cents
        found[posting.credit] -= posting.amount.cents
    return found
