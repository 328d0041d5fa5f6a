"""What goes from one participant to another whose institution is really there: relayed, and answered by that one.

A network plays the institutions that nobody has connected. Those that are *attended* answer for themselves: a payment
to one is forwarded to it and completes by its answer, and what is said to it without money is handed on, the Document
as it was written, under the network's own header.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from iso20022 import (
    ConnectionPartyId,
    PaymentCancellationRequest,
    Resolution,
    RoutingNumber,
    TransactionStatus,
    read,
    unwrap,
)
from iso20022.messages.actors import Agent
from iso20022.messages.camt026 import InformationRequest
from iso20022.messages.camt028 import AdditionalPaymentInformation
from iso20022.messages.camt055 import RequestForPaymentCancellation
from iso20022.messages.pain013 import RequestForPayment
from iso20022.messages.pain014 import RequestForPaymentResponse
from iso20022.reader import Element
from simulators.behaviours import SETTLES
from simulators.facts import ForwardingCompleted, PaymentBooked, ReasonSource, TransferForwarded
from simulators.participants import Participant, participant_of

NOBODY: Final = frozenset[RoutingNumber]()
"""Every institution is played by the network, as a rule."""


def addressee_of(message: object) -> RoutingNumber | None:
    """The institution to which something without money is said; None where the message names none."""
    match message:
        case RequestForPayment(debtor_agent=Agent(member_id=number)):
            return number
        case RequestForPaymentResponse(creditor_agent=Agent(member_id=number)):
            return number
        case (
            PaymentCancellationRequest(assignee=Agent(member_id=number))
            | RequestForPaymentCancellation(assignee=Agent(member_id=number))
            | Resolution(assignee=Agent(member_id=number))
            | InformationRequest(assignee=Agent(member_id=number))
            | AdditionalPaymentInformation(assignee=Agent(member_id=number))
        ):
            return number
        case _:
            return None


def party_of(
    number: RoutingNumber | None, attended: frozenset[RoutingNumber], participants: tuple[Participant, ...]
) -> ConnectionPartyId | None:
    """Who connects an institution that answers for itself; None where the network plays it."""
    if number is None or number not in attended:
        return None
    participant = participant_of(number, participants)
    return None if participant is None else participant.connection_party


def document_in(body: bytes) -> Element:
    """The Document of a message that was read before."""
    document = unwrap(read(body)).document
    assert document is not None, "a message in good form has a Document"
    return document


def handed_on(forwarded: TransferForwarded, *, copy: int, sender: ConnectionPartyId) -> TransferForwarded:
    """A payment that was forwarded as this copy of its sender's message."""
    return replace(forwarded, copy=copy, sender=sender)


def booked_as(forwarded: TransferForwarded, completed: ForwardingCompleted, *, timed_out: str) -> PaymentBooked:
    """The payment as its sender's, with the outcome that its receiver, or the clock, has given it."""
    assert forwarded.copy is not None, "a participant has sent it"
    assert forwarded.sender is not None, "a participant has sent it"
    is_of_receiver = completed.status is TransactionStatus.RJCT and completed.reasons != (timed_out,)
    return PaymentBooked(
        copy=forwarded.copy,
        message_id=forwarded.message_id,
        connection_party=forwarded.sender,
        message_type=forwarded.message_type,
        instruction_id=forwarded.instruction_id,
        end_to_end_id=forwarded.end_to_end_id,
        transaction_id=forwarded.transaction_id,
        uetr=forwarded.uetr,
        amount=forwarded.amount,
        instructing_agent=forwarded.instructing_agent,
        instructed_agent=forwarded.instructed_agent,
        document_creation_time=forwarded.document_creation_time,
        received_at=forwarded.forwarded_at,
        clock_ends_at=forwarded.clock_ends_at,
        behaviour=SETTLES.code,
        completes_at=completed.at,
        status=completed.status,
        reasons=completed.reasons,
        reason_source=ReasonSource.CREDITOR_AGENT if is_of_receiver else ReasonSource.RAIL,
    )
