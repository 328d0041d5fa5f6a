"""The customer credit transfer, pacs.008.001.08, with one payment in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from lxml import etree

from iso20022.amount import Amount
from iso20022.fields import FieldReader
from iso20022.identifiers import EndToEndId, InstructionId, MessageId, RoutingNumber, TransactionId, Uetr
from iso20022.layout import Layout, Row, instant_text
from iso20022.messages.agents import CLEARING_SYSTEM, CLEARING_SYSTEM_PATH, MEMBER_PATH, agent_rows
from iso20022.messages.party import Party, carries_all_of, parse_address, party_rows
from iso20022.personal import Personal

MESSAGE_TYPE: Final = "pacs.008.001.08"
"""The message identifier that this module reads and builds."""

RETURNED: Final = "RTRN"
"""RTP's type of the document that a payment refers to: it gives that payment back (public RTP schema)."""

_DOCUMENT: Final = "CdtTrfTxInf/RmtInf/Strd/RfrdDocInf"

_AGENTS: Final = {
    "instructing_agent": "InstgAgt",
    "instructed_agent": "InstdAgt",
    "debtor_agent": "DbtrAgt",
    "creditor_agent": "CdtrAgt",
}

LAYOUT: Final = Layout(
    namespace=f"urn:iso:std:iso:20022:tech:xsd:{MESSAGE_TYPE}",
    root="Document",
    base="FIToFICstmrCdtTrf",
    paths={
        "message_id": "GrpHdr/MsgId",
        "creation_time": "GrpHdr/CreDtTm",
        "number_of_transactions": "GrpHdr/NbOfTxs",
        "total_amount": "GrpHdr/TtlIntrBkSttlmAmt",
        "total_currency": "GrpHdr/TtlIntrBkSttlmAmt/@Ccy",
        "group_settlement_date": "GrpHdr/IntrBkSttlmDt",
        "settlement_method": "GrpHdr/SttlmInf/SttlmMtd",
        "clearing_system": "GrpHdr/SttlmInf/ClrSys/Cd",
        "instruction_id": "CdtTrfTxInf/PmtId/InstrId",
        "end_to_end_id": "CdtTrfTxInf/PmtId/EndToEndId",
        "transaction_id": "CdtTrfTxInf/PmtId/TxId",
        "uetr": "CdtTrfTxInf/PmtId/UETR",
        "clearing_system_reference": "CdtTrfTxInf/PmtId/ClrSysRef",
        "service_level": "CdtTrfTxInf/PmtTpInf/SvcLvl/Cd",
        "local_instrument": "CdtTrfTxInf/PmtTpInf/LclInstrm/Prtry",
        "category_purpose": "CdtTrfTxInf/PmtTpInf/CtgyPurp/Prtry",
        "amount": "CdtTrfTxInf/IntrBkSttlmAmt",
        "currency": "CdtTrfTxInf/IntrBkSttlmAmt/@Ccy",
        "settlement_date": "CdtTrfTxInf/IntrBkSttlmDt",
        "charge_bearer": "CdtTrfTxInf/ChrgBr",
        **{agent: f"CdtTrfTxInf/{tag}/{MEMBER_PATH}" for agent, tag in _AGENTS.items()},
        **{f"{agent}_clearing_system": f"CdtTrfTxInf/{tag}/{CLEARING_SYSTEM_PATH}" for agent, tag in _AGENTS.items()},
        "transactions": "CdtTrfTxInf",
        "debtor_name": "CdtTrfTxInf/Dbtr/Nm",
        "debtor_address": "CdtTrfTxInf/Dbtr/PstlAdr",
        "debtor_account": "CdtTrfTxInf/DbtrAcct/Id/Othr/Id",
        "creditor_name": "CdtTrfTxInf/Cdtr/Nm",
        "creditor_address": "CdtTrfTxInf/Cdtr/PstlAdr",
        "creditor_account": "CdtTrfTxInf/CdtrAcct/Id/Othr/Id",
        "remittance": "CdtTrfTxInf/RmtInf/Ustrd",
        "document_type": f"{_DOCUMENT}/Tp/CdOrPrtry/Prtry",
        "document_number": f"{_DOCUMENT}/Nb",
    },
    groups=frozenset({"transactions", "debtor_address", "creditor_address", "remittance"}),
)
"""Where each field stands."""

SPARED: Final = frozenset({"debtor_name", "debtor_account", "creditor_name", "creditor_account", "clearing_system"})
"""What the rails demand and the schema does not: without it a payment can still be refused."""

_CLEARING_SYSTEMS: Final = tuple(f"{agent}_clearing_system" for agent in _AGENTS)
# What a Document must say for a value to carry all of it, since building writes nothing else.
_CONSTANTS: Final = {"number_of_transactions": "1", "settlement_method": "CLRG", "currency": "USD"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerCreditTransfer:
    """One payment between two customers, as their institutions exchange it. The amount is US dollars.

    FedNow states the settlement date with the payment, and agents with their clearing system. RTP states the date and
    the total, which is the amount, for the group (``states_group``), and agents by their numbers alone
    (``agent_clearing_system`` is None). ``clearing_system_reference`` is the rail's own id of the payment. With
    ``returned_instruction_id`` it gives back the payment that has it: so RTP returns, which has no pacs.004.

    ``carries_all`` is False where the Document says more than this value holds (structured remittance, ultimate
    parties, …): the Document is then what counts, and rebuilding it from the value would lose the rest.
    """

    message_id: MessageId
    creation_time: datetime
    instruction_id: InstructionId | None = None
    end_to_end_id: EndToEndId
    transaction_id: TransactionId | None = None
    uetr: Uetr | None = None
    service_level: str | None = None
    local_instrument: str | None = None
    category_purpose: str | None = None
    amount: Amount
    settlement_date: date
    instructing_agent: RoutingNumber
    instructed_agent: RoutingNumber
    debtor: Party
    debtor_account: Personal
    debtor_agent: RoutingNumber
    creditor: Party
    creditor_account: Personal
    creditor_agent: RoutingNumber
    remittance: tuple[Personal, ...] = ()
    returned_instruction_id: InstructionId | None = None
    clearing_system: str = "FDN"
    charge_bearer: str = "SLEV"
    clearing_system_reference: str | None = None
    agent_clearing_system: str | None = CLEARING_SYSTEM
    states_group: bool = False
    carries_all: bool = True


def parse(document: etree._Element) -> CustomerCreditTransfer:
    """The payment in the Document. Raises RemoteProtocolError naming the first element that is missing or unreadable.

    The rail's rules are not checked here, nor the schema: :func:`iso20022.examine` does both.
    """
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> CustomerCreditTransfer:
    """As :func:`parse`, from fields that were read before."""
    texts = reader.texts
    states_group = bool((texts["group_settlement_date"] or texts["total_amount"]) and not texts["settlement_date"])
    return CustomerCreditTransfer(
        message_id=MessageId(reader.text("message_id")),
        creation_time=reader.required_time("creation_time"),
        instruction_id=reader.optional(InstructionId, "instruction_id"),
        end_to_end_id=EndToEndId(reader.text("end_to_end_id")),
        transaction_id=reader.optional(TransactionId, "transaction_id"),
        uetr=reader.optional(Uetr, "uetr"),
        service_level=reader.optional(str, "service_level"),
        local_instrument=reader.optional(str, "local_instrument"),
        category_purpose=reader.optional(str, "category_purpose"),
        amount=_amount(reader),
        settlement_date=reader.required_date("group_settlement_date" if states_group else "settlement_date"),
        instructing_agent=RoutingNumber(reader.text("instructing_agent")),
        instructed_agent=RoutingNumber(reader.text("instructed_agent")),
        debtor=_party(reader, "debtor"),
        debtor_account=Personal(reader.text("debtor_account")),
        debtor_agent=RoutingNumber(reader.text("debtor_agent")),
        creditor=_party(reader, "creditor"),
        creditor_account=Personal(reader.text("creditor_account")),
        creditor_agent=RoutingNumber(reader.text("creditor_agent")),
        remittance=tuple(Personal(line.text or "") for line in reader.fields.groups.get("remittance", ())),
        returned_instruction_id=_returned(texts),
        clearing_system=reader.text("clearing_system"),
        charge_bearer=reader.text("charge_bearer"),
        clearing_system_reference=texts["clearing_system_reference"] or None,
        agent_clearing_system=texts["instructing_agent_clearing_system"] or None,
        states_group=states_group,
        carries_all=_carries_all(reader, states_group=states_group),
    )


def build(transfer: CustomerCreditTransfer) -> etree._Element:
    """The Document of a payment; the same value always gives the same bytes. Raises LocalProtocolError."""
    payment, system, date_text = "CdtTrfTxInf", transfer.agent_clearing_system, transfer.settlement_date.isoformat()
    of_group = transfer.states_group
    rows: list[Row] = [
        ("GrpHdr/MsgId", transfer.message_id),
        ("GrpHdr/CreDtTm", instant_text(transfer.creation_time)),
        ("GrpHdr/NbOfTxs", "1"),
        ("GrpHdr/TtlIntrBkSttlmAmt", transfer.amount.text if of_group else None),
        ("GrpHdr/TtlIntrBkSttlmAmt/@Ccy", "USD" if of_group else None),
        ("GrpHdr/IntrBkSttlmDt", date_text if of_group else None),
        ("GrpHdr/SttlmInf/SttlmMtd", "CLRG"),
        ("GrpHdr/SttlmInf/ClrSys/Cd", transfer.clearing_system),
        (f"{payment}/PmtId/InstrId", transfer.instruction_id),
        (f"{payment}/PmtId/EndToEndId", transfer.end_to_end_id),
        (f"{payment}/PmtId/TxId", transfer.transaction_id),
        (f"{payment}/PmtId/UETR", transfer.uetr),
        (f"{payment}/PmtId/ClrSysRef", transfer.clearing_system_reference),
        (f"{payment}/PmtTpInf/SvcLvl/Cd", transfer.service_level),
        (f"{payment}/PmtTpInf/LclInstrm/Prtry", transfer.local_instrument),
        (f"{payment}/PmtTpInf/CtgyPurp/Prtry", transfer.category_purpose),
        (f"{payment}/IntrBkSttlmAmt", transfer.amount.text),
        (f"{payment}/IntrBkSttlmAmt/@Ccy", "USD"),
        (f"{payment}/IntrBkSttlmDt", None if of_group else date_text),
        (f"{payment}/ChrgBr", transfer.charge_bearer),
        *agent_rows(f"{payment}/InstgAgt", transfer.instructing_agent, clearing_system=system),
        *agent_rows(f"{payment}/InstdAgt", transfer.instructed_agent, clearing_system=system),
        *party_rows(f"{payment}/Dbtr", transfer.debtor),
        (f"{payment}/DbtrAcct/Id/Othr/Id", transfer.debtor_account.reveal()),
        *agent_rows(f"{payment}/DbtrAgt", transfer.debtor_agent, clearing_system=system),
        *agent_rows(f"{payment}/CdtrAgt", transfer.creditor_agent, clearing_system=system),
        *party_rows(f"{payment}/Cdtr", transfer.creditor),
        (f"{payment}/CdtrAcct/Id/Othr/Id", transfer.creditor_account.reveal()),
        *(
            (f"{payment}/RmtInf/Ustrd[{number}]", line.reveal())
            for number, line in enumerate(transfer.remittance, start=1)
        ),
        (f"{_DOCUMENT}/Tp/CdOrPrtry/Prtry", None if transfer.returned_instruction_id is None else RETURNED),
        (f"{_DOCUMENT}/Nb", transfer.returned_instruction_id),
    ]
    return LAYOUT.build(rows)


def summary(transfer: CustomerCreditTransfer) -> str:
    """One line about the payment for people; accounts show their last digits, names nothing."""
    return (
        f"{transfer.amount.text} USD from {transfer.debtor_account.masked} at {transfer.debtor_agent}"
        f" to {transfer.creditor_account.masked} at {transfer.creditor_agent}, {transfer.message_id}"
    )


def _amount(reader: FieldReader) -> Amount:
    try:
        return Amount.from_xml_decimal(reader.text("amount"))
    except ValueError as error:
        raise reader.refuse(
            "amount",
            code="VALUE_AMOUNT",
            rule="An amount is a whole number of cents.",
            hint="Write at most two decimals, for example 51.74.",
        ) from error


def _returned(texts: Mapping[str, str]) -> InstructionId | None:
    """The instruction id of the payment that is given back, if one is."""
    number = texts["document_number"]
    return InstructionId(number) if number and texts["document_type"] == RETURNED else None


def _party(reader: FieldReader, role: str) -> Party:
    addresses = reader.fields.groups.get(f"{role}_address")
    return Party(name=Personal(reader.text(f"{role}_name")), address=parse_address(addresses[0]) if addresses else None)


def _carries_all(reader: FieldReader, *, states_group: bool) -> bool:
    fields, texts = reader.fields, reader.fields.texts
    if fields.others or any(texts[field] != value for field, value in _CONSTANTS.items()):
        return False
    if len({texts[field] for field in _CLEARING_SYSTEMS}) > 1:
        return False
    if (texts["document_type"] or texts["document_number"]) and _returned(texts) is None:
        return False
    totals = (texts["total_amount"], texts["total_currency"], texts["group_settlement_date"])
    if totals[:2] != ((texts["amount"], "USD") if states_group else ("", "")) or (totals[2] and not states_group):
        return False
    addresses = [*fields.groups.get("debtor_address", ()), *fields.groups.get("creditor_address", ())]
    return all(carries_all_of(address) for address in addresses)
