"""What is set of RTP: ``FIFTEEN_RTP__*``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic_settings import NoDecode

from gateway.domain.receiving_time import Reserve
from gateway.settings.ibm_mq import IbmMqSettings
from gateway.settings.reading import as_sequence, none_if_empty
from gateway.settings.reserves import reserves
from gateway.settings.signing import SigningSettings
from iso20022 import RoutingNumber


class RtpSettings(SigningSettings):
    """How this institution meets RTP. Times are seconds, amounts whole cents. What is not public is said to be ours."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str | None = Field(
        None,
        repr=False,  # a broker's carries a password
        description="Where the rail is, as for FedNow; empty: RTP is not served.",
    )
    participant: str = Field(
        "990000107A1", pattern=r"^[0-9A-Z]{11}$", description="Our participant id: the header's From."
    )
    institutions: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Debtor's agents that may send through this gateway over RTP, comma-separated; empty: any."
    )
    rail_ids: Annotated[tuple[str, ...], NoDecode] = Field(
        ("990000001T1", "990000001S1"),
        min_length=1,
        description="The rail's ids in headers, comma-separated: our messages go to the first, and what comes from "
        "none of them is set aside. The default is that of published samples.",
    )
    rail_clock_s: int = Field(
        15, gt=0, description="How long RTP may take for a payment: commonly said, in no authoritative public text."
    )
    repeat_wait_s: int = Field(
        20,
        gt=0,
        description="From the creation time until an unanswered message is repeated, marked as a duplicate. Ours: the "
        "rail's rule is not public.",
    )
    repeat_interval_s: float = Field(20.0, gt=0, description="First pause between two repeats; it doubles. Ours.")
    repeats_max: int = Field(
        5, gt=0, description="Repeats of one payment that stay unanswered before a person is called. Ours."
    )
    echo_after: int = Field(
        3, ge=0, description="After so many unanswered repeats the rail gets an echo request once; 0: it never does."
    )
    send_margin_s: float = Field(
        1.0, ge=0, description="With less time left for the rail than this a payment is not sent."
    )
    routing_number_severity: Literal["error", "warning"] = Field(
        "warning", description="What a wrong ABA check digit is on RTP: the rail's own id and samples have such."
    )
    definite_refusal_codes: Annotated[tuple[str, ...], NoDecode] = Field(
        ("650", "690"),
        description="admi.002 codes, comma-separated, that surely mean: not processed. The two that are public: the "
        "schema is broken, the signature does not hold. After any other the message is repeated.",
    )
    copy_refusal_codes: Annotated[tuple[str, ...], NoDecode] = Field(
        ("DUPL",),
        description="Reasons of an RJCT, comma-separated, that refuse a copy and not the payment: it may have settled "
        "by another copy, and is in doubt.",
    )
    receiver_reserve_s: float = Field(
        5.0,
        gt=0,
        description="How long we may take for the answer to an incoming payment, from the rail's header on. Ours: how "
        "RTP divides its time is not public.",
    )
    receiver_own_share_s: float = Field(
        1.0,
        gt=0,
        description="How much of it the gateway keeps for itself: when only this is left, the stand-in decides.",
    )
    receiver_reserves: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="The institutions for which we take another time, comma-separated, each with our share of it where "
        "that is another too: 990000107=2, 990000204=1.5/0.5.",
    )
    advice_wait_s: float | None = Field(
        None,
        gt=0,
        description="From the rail's header on, until a transfer that we accepted and of which the rail says nothing "
        "is asked about with pacs.028; longer than the rail's clock. Empty: as long as until a repeat. The rail's own "
        "rule is not public.",
    )
    status_request_interval_s: float = Field(5.0, gt=0, description="First pause between two questions; it doubles.")
    status_requests_max: int = Field(
        12, gt=0, description="Questions about one transfer that stay unanswered before a person is called."
    )
    unanswered_reason_code: str = Field(
        "NARR",
        pattern=r"^[A-Z0-9]{4}$",
        description="Reason of our rejection when nobody has decided in time; NARR is told in words.",
    )
    unknown_agent_reason_code: str = Field(
        "RC04",
        pattern=r"^[A-Z0-9]{4}$",
        description="Reason of our rejection when no tenant receives for the creditor's agent.",
    )
    broken_rule_reason_code: str = Field(
        "NARR",
        pattern=r"^[A-Z0-9]{4}$",
        description="Reason of our rejection when a message breaks a rule of the rail that has no code of its own.",
    )
    answer_refused_codes: Annotated[tuple[str, ...], NoDecode] = Field(
        ("DUPL",),
        description="The rail's reasons, comma-separated, that say of a received transfer that our answer to it was "
        "refused, and not that it did not settle: after one of these it is asked.",
    )
    confirms_time_out: bool = Field(
        default=True,
        description="Whether a camt.056 with DS24 is answered with a pacs.002 RCVD, as one vendor's guide has it.",
    )
    acknowledges_posting: bool = Field(
        default=False,
        description="Whether the sender is told of every posting by camt.035 ACK; after ACWP it always is (ACWP).",
    )
    protective_sign_off_after_s: float | None = Field(
        None,
        ge=1,
        description="Sign the participant off when no worker has run for so long. Institutions are not signed off on "
        "their own: RTP signs participants off. With two regions nobody is. Empty: nobody is signed off by itself.",
    )
    withdrawal_agreed_code: Literal["IPAY", "PECR"] | None = Field(
        None,
        description="Which confirmation of a camt.029 says that a request for payment is withdrawn: of RTP's three "
        "(IPAY, PECR, RJCR) none does so in a public text. Empty: none is asked for, nor agreed to.",
    )
    further_reason_codes: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Reasons of a pacs.002, comma-separated, beside those of the public schemas. An answer with any "
        "other is set aside with a finding, and its payment is in doubt.",
    )
    network_limit_cents: int = Field(1_000_000_000, gt=0, description="RTP's limit per payment.")
    sender_limit_cents: int | None = Field(
        None, gt=0, description="This institution's own limit per payment on RTP; empty: it has none."
    )
    ibm_mq: IbmMqSettings = IbmMqSettings()

    _split = field_validator(
        "institutions",
        "rail_ids",
        "receiver_reserves",
        "definite_refusal_codes",
        "copy_refusal_codes",
        "answer_refused_codes",
        "further_reason_codes",
        mode="before",
    )(as_sequence)
    _or_none = field_validator(
        *("url", "advice_wait_s", "protective_sign_off_after_s", "withdrawal_agreed_code", "sender_limit_cents"),
        *("signing_keys", "rail_keys"),
        mode="before",
    )(none_if_empty)

    @property
    def reserves(self) -> Mapping[RoutingNumber, Reserve]:
        """The reserves of the institutions that have chosen another."""
        return reserves(self.receiver_reserves, own_share_s=self.receiver_own_share_s)

    @model_validator(mode="after")
    def _repeats_after_the_clock(self) -> Self:
        if self.rail_clock_s <= self.send_margin_s:
            raise ValueError("rail_clock_s must be longer than send_margin_s: nothing could be sent in time")
        if self.repeat_wait_s <= self.rail_clock_s:
            raise ValueError("repeat_wait_s must be longer than rail_clock_s: the answer may still come")
        if self.receiver_own_share_s >= self.receiver_reserve_s:
            raise ValueError("receiver_reserve_s must be longer than receiver_own_share_s: nobody could be asked")
        _ = self.reserves  # each is read, and refused with words
        if self.advice_wait_s is not None and self.advice_wait_s <= self.rail_clock_s:
            raise ValueError("advice_wait_s must be longer than rail_clock_s: the rail may still decide")
        return self
