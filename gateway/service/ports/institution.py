"""The institution whose customers are paid: it is asked before money is accepted, and told when money has arrived."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.domain.incoming_transfer import IncomingTransfer, InstitutionAnswer, PostingAnswer, RecordedFact
from gateway.service.ports.incoming import ReceivingTenant
from iso20022 import CustomerCreditTransfer, InstitutionCreditTransfer, PaymentReturn


@dataclass(frozen=True, slots=True)
class Question:
    """What an institution is asked: the transfer, its message as the rail brought it, and until when an answer counts.

    The transfer's own id is the question's: asked twice, it is the same question.
    """

    transfer: IncomingTransfer
    message: CustomerCreditTransfer | PaymentReturn | InstitutionCreditTransfer
    answer_until: datetime


class Institution(Protocol):
    """One way to every institution that receives here. Every call may be repeated, whatever became of it.

    The institution answers a repeated question as it answered first, and posts once, however often it is told to.
    """

    async def decide(self, tenant: ReceivingTenant, question: Question, *, within_s: float) -> InstitutionAnswer:
        """Ask whether the money is accepted.

        Raises:
            UnavailableError: no answer within that time, or nonsense.

        """
        ...

    async def post(self, tenant: ReceivingTenant, question: Question) -> PostingAnswer:
        """Tell that the money has arrived and is to be posted to the creditor; return what became of that.

        Raises:
            UnavailableError: not certain; tell it again.

        """
        ...

    async def return_ended(self, tenant: ReceivingTenant, transfer: IncomingTransfer, end: RecordedFact) -> None:
        """Tell what became of a return of the transfer: `end` is the fact with which it ended; told twice, it is one.

        Raises:
            UnavailableError: not certain; tell it again.

        """
        ...

    async def not_settled(self, tenant: ReceivingTenant, transfer: IncomingTransfer) -> None:
        """Tell that the money did not come, and cannot any more.

        Raises:
            UnavailableError: not certain; tell it again.

        """
        ...
