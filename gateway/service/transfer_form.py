"""A request as the message that a rail wants: what the rail's transfers say beyond it is data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType

from gateway.service.liquidity import LiquidityRequest
from gateway.service.requests import PaymentRequest
from iso20022 import (
    CustomerCreditTransfer,
    EndToEndId,
    InstitutionCreditTransfer,
    InstructionId,
    MessageId,
    Party,
    TransactionId,
    Uetr,
)
from iso20022.messages.actors import Agent
from iso20022.messages.agents import CLEARING_SYSTEM
from iso20022.messages.original import PaymentType
from iso20022.messages.shape import Proprietary


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferForm:
    """What a rail's credit transfer says beyond what was asked for: data.

    ``category_purposes`` are the rail's words for those of a request; what is not among them goes out as it is, and is
    the rail's to judge. ``date_code`` is that of the finding about a message id of another day. With
    ``has_transaction_id`` the instruction id stands in ``TxId`` too. ``instruction_id_of`` makes an instruction id of a
    message id, on a rail that wants it in a form of its own. ``liquidity_instrument`` is the local instrument of a
    liquidity transfer, on a rail on which the gateway sends and takes them. ``settlement_day`` gives the day on which
    what is created at an instant settles, on a rail whose days are not the calendar's; else it is the business date.
    """

    clearing_system: str
    date_code: str
    local_instrument: str
    service_level: str | None = None
    category_purposes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    agent_clearing_system: str | None = CLEARING_SYSTEM
    states_group: bool = False
    has_transaction_id: bool = False
    instruction_id_of: Callable[[MessageId], InstructionId] | None = None
    liquidity_instrument: str | None = None
    settlement_day: Callable[[datetime], date] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferIds:
    """The ids of one transfer: the client's where it chose them, else functions of its key."""

    message_id: MessageId
    end_to_end_id: EndToEndId
    instruction_id: InstructionId | None
    uetr: Uetr | None


def customer_transfer(
    request: PaymentRequest, ids: TransferIds, form: TransferForm, *, settlement_date: date, created_at: datetime
) -> CustomerCreditTransfer:
    """Return the pacs.008 of a request, created at a time of the rail's zone."""
    instruction_id = ids.instruction_id
    has_transaction_id = form.has_transaction_id and instruction_id is not None
    return CustomerCreditTransfer(
        message_id=ids.message_id,
        creation_time=created_at,
        instruction_id=instruction_id,
        end_to_end_id=ids.end_to_end_id,
        transaction_id=TransactionId(str(instruction_id)) if has_transaction_id else None,
        uetr=ids.uetr,
        service_level=form.service_level,
        local_instrument=form.local_instrument,
        category_purpose=form.category_purposes.get(request.category_purpose, request.category_purpose),
        amount=request.amount,
        settlement_date=settlement_date,
        instructing_agent=request.debtor_agent,
        instructed_agent=request.creditor_agent,
        debtor=Party(name=request.debtor_name),
        debtor_account=request.debtor_account,
        debtor_agent=request.debtor_agent,
        creditor=Party(name=request.creditor_name),
        creditor_account=request.creditor_account,
        creditor_agent=request.creditor_agent,
        remittance=request.remittance,
        clearing_system=form.clearing_system,
        agent_clearing_system=form.agent_clearing_system,
        states_group=form.states_group,
    )


def institution_transfer(
    request: LiquidityRequest, ids: TransferIds, form: TransferForm, *, settlement_date: date, created_at: datetime
) -> InstitutionCreditTransfer:
    """Return the pacs.009 of a request, created at a time of the rail's zone, which carries such transfers."""
    assert form.liquidity_instrument is not None, "the rail carries liquidity transfers"
    debtor = Agent(member_id=request.debtor_agent, clearing_system=form.agent_clearing_system)
    creditor = Agent(member_id=request.creditor_agent, clearing_system=form.agent_clearing_system)
    return InstitutionCreditTransfer(
        message_id=ids.message_id,
        creation_time=created_at,
        clearing_system=form.clearing_system,
        instruction_id=ids.instruction_id,
        end_to_end_id=ids.end_to_end_id,
        uetr=ids.uetr,
        payment_type=PaymentType(local_instrument=Proprietary(form.liquidity_instrument)),
        amount=request.amount,
        settlement_date=settlement_date,
        instructing_agent=debtor,
        instructed_agent=creditor,
        debtor=debtor,
        creditor=creditor,
        remittance=request.remittance,
    )
