"""The customer credit transfer, pacs.008.001.08, with one payment in it."""

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
        "settlement_method": "GrpHdr/SttlmInf/SttlmMtd",
        "clearing_system": "GrpHdr/SttlmInf/ClrSys/Cd",
        "instruction_id": "CdtTrfTxInf/PmtId/InstrId",
        "end_to_end_id": "CdtTrfTxInf/PmtId/EndToEndId",
        "transaction_id": "CdtTrfTxInf/PmtId/TxId",
        "uetr": "CdtTrfTxInf/PmtId/UETR",
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
    },
    groups=frozenset({"transactions", "debtor_address", "creditor_address", "remittance"}),
)
"""Where each field stands."""

# What a Document must say for a value to carry all of it, since building writes nothing else.
_CONSTANTS: Final = {
    "number_of_transactions": "1",
    "settlement_method": "CLRG",
    "currency": "USD",
    **{f"{agent}_clearing_system": CLEARING_SYSTEM for agent in _AGENTS},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerCreditTransfer:
    """One payment between two customers, as their institutions exchange it. The amount is US dollars.

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
    clearing_system: str = "FDN"
    charge_bearer: str = "SLEV"
    carries_all: bool = True


def parse(document: etree._Element) -> CustomerCreditTransfer:
    """The payment in the Document. Raises RemoteProtocolError naming the first element that is missing or unreadable.

    The rail's rules are not checked here, nor the schema: :func:`iso20022.examine` does both.
    """
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> CustomerCreditTransfer:
    """As :func:`parse`, from fields that were read before."""
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
        settlement_date=reader.required_date("settlement_date"),
        instructing_agent=RoutingNumber(reader.text("instructing_agent")),
        instructed_agent=RoutingNumber(reader.text("instructed_agent")),
        debtor=_party(reader, "debtor"),
        debtor_account=Personal(reader.text("debtor_account")),
        debtor_agent=RoutingNumber(reader.text("debtor_agent")),
        creditor=_party(reader, "creditor"),
        creditor_account=Personal(reader.text("creditor_account")),
        creditor_agent=RoutingNumber(reader.text("creditor_agent")),
        remittance=tuple(Personal(line.text or "") for line in reader.fields.groups.get("remittance", ())),
        clearing_system=reader.text("clearing_system"),
        charge_bearer=reader.text("charge_bearer"),
        carries_all=_carries_all(reader),
    )


def build(transfer: CustomerCreditTransfer) -> etree._Element:
    """The Document of a payment; the same value always gives the same bytes. Raises LocalProtocolError."""
    payment = "CdtTrfTxInf"
    rows: list[Row] = [
        ("GrpHdr/MsgId", transfer.message_id),
        ("GrpHdr/CreDtTm", instant_text(transfer.creation_time)),
        ("GrpHdr/NbOfTxs", "1"),
        ("GrpHdr/SttlmInf/SttlmMtd", "CLRG"),
        ("GrpHdr/SttlmInf/ClrSys/Cd", transfer.clearing_system),
        (f"{payment}/PmtId/InstrId", transfer.instruction_id),
        (f"{payment}/PmtId/EndToEndId", transfer.end_to_end_id),
        (f"{payment}/PmtId/TxId", transfer.transaction_id),
        (f"{payment}/PmtId/UETR", transfer.uetr),
        (f"{payment}/PmtTpInf/SvcLvl/Cd", transfer.service_level),
        (f"{payment}/PmtTpInf/LclInstrm/Prtry", transfer.local_instrument),
        (f"{payment}/PmtTpInf/CtgyPurp/Prtry", transfer.category_purpose),
        (f"{payment}/IntrBkSttlmAmt", transfer.amount.text),
        (f"{payment}/IntrBkSttlmAmt/@Ccy", "USD"),
        (f"{payment}/IntrBkSttlmDt", transfer.settlement_date.isoformat()),
        (f"{payment}/ChrgBr", transfer.charge_bearer),
        *agent_rows(f"{payment}/InstgAgt", transfer.instructing_agent),
        *agent_rows(f"{payment}/InstdAgt", transfer.instructed_agent),
        *party_rows(f"{payment}/Dbtr", transfer.debtor),
        (f"{payment}/DbtrAcct/Id/Othr/Id", transfer.debtor_account.reveal()),
        *agent_rows(f"{payment}/DbtrAgt", transfer.debtor_agent),
        *agent_rows(f"{payment}/CdtrAgt", transfer.creditor_agent),
        *party_rows(f"{payment}/Cdtr", transfer.creditor),
        (f"{payment}/CdtrAcct/Id/Othr/Id", transfer.creditor_account.reveal()),
        *(
            (f"{payment}/RmtInf/Ustrd[{number}]", line.reveal())
            for number, line in enumerate(transfer.remittance, start=1)
        ),
    ]
    return LAYOUT.build(rows)


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


def _party(reader: FieldReader, role: str) -> Party:
    addresses = reader.fields.groups.get(f"{role}_address")
    return Party(name=Personal(reader.text(f"{role}_name")), address=parse_address(addresses[0]) if addresses else None)


def _carries_all(reader: FieldReader) -> bool:
    fields = reader.fields
    if fields.others or any(fields.texts[field] != value for field, value in _CONSTANTS.items()):
        return False
    addresses = [*fields.groups.get("debtor_address", ()), *fields.groups.get("creditor_address", ())]
    return all(carries_all_of(address) for address in addresses)
