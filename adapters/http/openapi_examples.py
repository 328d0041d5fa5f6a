"""Examples for the OpenAPI document. Institutions, people, accounts and routing numbers are invented."""

from __future__ import annotations

from typing import Any, Final

XML_MESSAGE_EXAMPLE: Final = """\
<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08">
  <FIToFICstmrCdtTrf>
    <GrpHdr>
      <MsgId>20261120990000107EXAMPLE0001</MsgId>
      <CreDtTm>2026-11-20T10:15:00.000-05:00</CreDtTm>
      <NbOfTxs>1</NbOfTxs>
      <SttlmInf><SttlmMtd>CLRG</SttlmMtd><ClrSys><Cd>FDN</Cd></ClrSys></SttlmInf>
    </GrpHdr>
    <CdtTrfTxInf>
      <PmtId>
        <InstrId>EXAMPLE-INSTRUCTION-1</InstrId>
        <EndToEndId>EXAMPLE-INVOICE-1</EndToEndId>
        <UETR>7c3f0c52-5d1e-4c5b-9a52-0e6f1a2b3c4d</UETR>
      </PmtId>
      <PmtTpInf><LclInstrm><Prtry>FDNA</Prtry></LclInstrm><CtgyPurp><Prtry>CONS</Prtry></CtgyPurp></PmtTpInf>
      <IntrBkSttlmAmt Ccy="USD">51.74</IntrBkSttlmAmt>
      <IntrBkSttlmDt>2026-11-20</IntrBkSttlmDt>
      <ChrgBr>SLEV</ChrgBr>
      <InstgAgt><FinInstnId><ClrSysMmbId>
        <ClrSysId><Cd>USABA</Cd></ClrSysId><MmbId>990000107</MmbId>
      </ClrSysMmbId></FinInstnId></InstgAgt>
      <InstdAgt><FinInstnId><ClrSysMmbId>
        <ClrSysId><Cd>USABA</Cd></ClrSysId><MmbId>990001106</MmbId>
      </ClrSysMmbId></FinInstnId></InstdAgt>
      <Dbtr><Nm>Sample Debtor</Nm></Dbtr>
      <DbtrAcct><Id><Othr><Id>000111222</Id></Othr></Id></DbtrAcct>
      <DbtrAgt><FinInstnId><ClrSysMmbId>
        <ClrSysId><Cd>USABA</Cd></ClrSysId><MmbId>990000107</MmbId>
      </ClrSysMmbId></FinInstnId></DbtrAgt>
      <CdtrAgt><FinInstnId><ClrSysMmbId>
        <ClrSysId><Cd>USABA</Cd></ClrSysId><MmbId>990001106</MmbId>
      </ClrSysMmbId></FinInstnId></CdtrAgt>
      <Cdtr><Nm>Sample Creditor</Nm></Cdtr>
      <CdtrAcct><Id><Othr><Id>000333444</Id></Othr></Id></CdtrAcct>
      <RmtInf><Ustrd>Sample invoice 1</Ustrd></RmtInf>
    </CdtTrfTxInf>
  </FIToFICstmrCdtTrf>
</Document>
"""
"""A pacs.008.001.08 that passes every check."""

XML_REPORT_EXAMPLE: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    "<FedNowOutgoing>the rail's pacs.002, byte for byte as it came</FedNowOutgoing>\n"
)
"""Where a raw answer of the rail stands; it is not one."""

JSON_PAYMENT_EXAMPLE: Final[dict[str, Any]] = {
    "amount": "51.74",
    "currency": "USD",
    "debtor": {"name": "Sample Debtor"},
    "debtor_account": "000111222",
    "debtor_agent": "990000107",
    "creditor": {"name": "Sample Creditor"},
    "creditor_account": "000333444",
    "creditor_agent": "990001106",
    "category_purpose": "CONS",
    "end_to_end_id": "EXAMPLE-INVOICE-1",
    "remittance": ["Sample invoice 1"],
}
"""A payment in JSON that passes every check."""

LIQUIDITY_EXAMPLE: Final[dict[str, Any]] = {
    "amount": "250000.00",
    "currency": "USD",
    "debtor_agent": "990000107",
    "creditor_agent": "990001106",
    "end_to_end_id": "EXAMPLE-LIQUIDITY-1",
}
"""A liquidity transfer in JSON that passes every check."""

_PAYMENT_ID: Final = "000b4c1e-6f2a-8d31-9b7a-5c0e8f1d2a3b"
_LINK: Final = f"/v1/payments/{_PAYMENT_ID}"
_MESSAGE_ID: Final = "019aa1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"

PAYMENT_ACCEPTED_EXAMPLE: Final[dict[str, Any]] = {
    "payment_id": _PAYMENT_ID,
    "state": "RECEIVED",
    "final": False,
    "money": "may_have_moved",
    "status": None,
    "reason": None,
    "attention": None,
    "contradiction": None,
    "rail": "fednow",
    "region": "local",
    "message_id": "20261120990000107EXAMPLE0001",
    "end_to_end_id": "EXAMPLE-INVOICE-1",
    "instruction_id": "EXAMPLE-INSTRUCTION-1",
    "uetr": "7c3f0c52-5d1e-4c5b-9a52-0e6f1a2b3c4d",
    "amount": {"value": "51.74", "currency": "USD"},
    "returned": {"value": "0.00", "currency": "USD"},
    "kind": "customer",
    "return_of": None,
    "return_request": None,
    "debtor_agent": "990000107",
    "creditor_agent": "990001106",
    "accepted_at": "2026-11-20T15:15:00.120Z",
    "deadline_at": "2026-11-20T15:15:15.120Z",
    "updated_at": "2026-11-20T15:15:00.120Z",
    "elapsed_ms": None,
    "next_step": {"what": "reject_unless_sent", "at": "2026-11-20T15:15:15.120Z"},
    "links": {"self": _LINK, "events": f"{_LINK}/events", "messages": f"{_LINK}/messages"},
}

PAYMENT_SETTLED_EXAMPLE: Final[dict[str, Any]] = {
    **PAYMENT_ACCEPTED_EXAMPLE,
    "state": "SETTLED",
    "final": True,
    "money": "moved",
    "status": "ACSC",
    "updated_at": "2026-11-20T15:15:00.934Z",
    "elapsed_ms": 814,
    "next_step": None,
}

EVENTS_EXAMPLE: Final[dict[str, Any]] = {
    "payment_id": _PAYMENT_ID,
    "events": [
        {
            "sequence": 1,
            "kind": "PaymentAccepted",
            "state_before": None,
            "state_after": "RECEIVED",
            "status": None,
            "reason": None,
            "business_message_id": None,
            "details": {},
            "contradiction": False,
            "at": "2026-11-20T15:15:00.120Z",
            "region": "local",
            "epoch": 1,
        }
    ],
    "questions": [],
}

MESSAGES_EXAMPLE: Final[dict[str, Any]] = {
    "payment_id": _PAYMENT_ID,
    "messages": [
        {
            "message_id": _MESSAGE_ID,
            "direction": "client_in",
            "message_type": "pacs.008.001.08",
            "business_message_id": "20261120990000107EXAMPLE0001",
            "content_type": "application/xml",
            "size": 1812,
            "sha256": "0" * 64,
            "at": "2026-11-20T15:15:00.120Z",
            "link": f"{_LINK}/messages/{_MESSAGE_ID}",
        }
    ],
}

PENDING_EXAMPLE: Final[dict[str, Any]] = {
    "state": "PENDING",
    "idempotency_key": "20261120990000107EXAMPLE0001",
    "home": "usw2",
    "detail": "It may have been accepted. Repeat it under the same key until it is known: it is never paid twice.",
}
