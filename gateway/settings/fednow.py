"""What is set of FedNow: ``FIFTEEN_FEDNOW__*``."""

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
from iso20022.codes import EnquiryAnswer
from iso20022.profiles.fednow import SERVICE_ENQUIRY_CODES


class FedNowSettings(SigningSettings):
    """How this institution meets FedNow. Times are seconds, amounts whole cents."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str | None = Field(
        "http://127.0.0.1:8020",
        repr=False,  # a broker's carries a password
        description="Where the rail is; empty: FedNow is not served. The scheme chooses the link: http(s) or amqp(s) "
        "to a simulator, ibmmq:// to the real rail.",
    )
    connection_party: str = Field(
        "990000107", pattern=r"^[0-9A-Z]{9}$", description="Our connection party id: the header's From."
    )
    connection_point: str | None = Field(
        None,
        pattern=r"^[0-9A-Za-z]{1,35}$",
        description="The connection point at which this region connects; empty: the party has but one.",
    )
    peer_connection_point: str | None = Field(
        None,
        pattern=r"^[0-9A-Za-z]{1,35}$",
        description="The other region's connection point: it is disconnected at the rail when that region is lost.",
    )
    protective_sign_off_after_s: float | None = Field(
        None,
        ge=1,
        description="Sign off whoever has not answered for so long: an institution, or all of us when no worker runs. "
        "With two regions this one's connection point is disconnected instead. Empty: nobody is signed off by itself.",
    )
    totals_interval_s: float | None = Field(
        300.0,
        ge=1,
        le=1_200,
        description="How often what came in is held against the rail's totals (camt.060); empty: never, as for who "
        "receives nothing.",
    )
    directory: Literal["off", "fresh", "required"] = Field(
        "fresh",
        description="Whether the rail's participant directory (admi.998) is looked into before a payment is sent: "
        "off: never; fresh: while it is fresh, and else the rail decides; required: nothing is sent without a fresh "
        "one.",
    )
    sender_profile_code: str = Field(
        "E980",
        pattern=r"^[A-Z0-9]{4}$",
        description="Reason of our refusal when the debtor's agent is not listed as a sender: two bank-API vendors "
        "publish it as the rail's.",
    )
    receiver_profile_code: str = Field(
        "E981",
        pattern=r"^[A-Z0-9]{4}$",
        description="Reason of our refusal when the receiver is not listed, or without the service: likewise.",
    )
    receiver_signed_off_code: str = Field(
        "AB08",
        pattern=r"^[A-Z0-9]{4}$",
        description="Reason of our refusal when the rail has told that the receiver is signed off, or suspended: ISO's "
        "for a creditor's agent that is not online. The rail's own is not public.",
    )
    directory_stale_code: str = Field(
        "AB11",
        pattern=r"^[A-Z0-9]{4}$",
        description="Reason of our rejection of a payment that waited while a required directory became stale.",
    )
    downtime_hours_at_once: float = Field(2, gt=0, description="How long we may be signed off at once.")
    downtime_hours_per_quarter: float = Field(24, gt=0, description="How long in a quarter.")
    downtime_hours_per_year: float = Field(96, gt=0, description="How long in a year: four quarters.")
    routing_numbers: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Debtor's agents that may send through this gateway, comma-separated; empty: any."
    )
    receive_only: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Institutions of ours, comma-separated, that may not send customers' transfers: receive only, or "
        "for liquidity or settlement only. What they have received they may return.",
    )
    liquidity_senders: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Institutions of ours, comma-separated, whose profile at the rail lets them send liquidity "
        "transfers (pacs.009); empty: none. What arrives is taken for every institution that receives here.",
    )
    liquidity_tenants: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Tenants, comma-separated, whose API keys may have the institution's own money sent (pacs.009); "
        "empty: none. The same in both regions.",
    )
    liquidity_limit_cents: int = Field(
        250_000_000,
        gt=0,
        description="The most of one liquidity transfer: $2,500,000 in October 2024; it may have changed.",
    )
    liquidity_hours: str | None = Field(
        None,
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$",
        description="When the rail takes liquidity transfers, US Eastern, such as 07:00-19:00; outside of it they are "
        "refused here. Empty: at any hour, for the rail's hours are not public, and the rail decides.",
    )
    rail_clock_s: int = Field(
        20, gt=0, description="The rail's time-out clock; 20 s on the real one. A status request waits for longer."
    )
    status_request_wait_s: int = Field(25, gt=0, description="From the creation time until pacs.028 may ask.")
    status_request_interval_s: float = Field(5.0, gt=0, description="First pause between two questions; it doubles.")
    status_requests_max: int = Field(
        12, gt=0, description="Questions about one payment that stay unanswered before a person is called."
    )
    posting_question_wait_s: float | None = Field(
        None,
        ge=0,
        description="From an acceptance without posting (ACWP) on, until its receiver may be asked what became of it; "
        "empty: until midnight Eastern of the next standard business day, by when it says so itself.",
    )
    ping_after: int = Field(
        3, ge=0, description="After so many unanswered questions the rail is pinged once; 0: it is never pinged."
    )
    receipt_wait_s: float | None = Field(
        300.0,
        ge=1,
        description="A message that moves no money, and that nobody has said to have arrived (admi.007) so long after "
        "it left, is shown as without a receipt. Ours: the rail names no time. Empty: nobody looks.",
    )
    receipt_ping_after: int = Field(
        3, ge=0, description="Where so many receipts are missing the rail is pinged once; 0: it is not pinged for that."
    )
    receipt_ping_window_s: float = Field(
        3_600.0, ge=1, description="Within so long they have gone missing, and so long it is not pinged again for it."
    )
    send_margin_s: float = Field(
        1.0, ge=0, description="With less time left for the rail than this a payment is not sent."
    )
    routing_number_severity: Literal["error", "warning"] = Field(
        "error", description="What a wrong ABA check digit is; test files often carry illustrative numbers."
    )
    definite_refusal_codes: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="admi.002 codes, comma-separated, that surely mean: not processed. The rail's list is not public; "
        "after any other code the rail is asked, since it may mean a duplicate of a copy that was processed.",
    )
    further_reason_codes: Annotated[tuple[str, ...], NoDecode] = Field(
        ("SIM-FUTURE-DATED", "SIM-LMT-HOURS", "SIM-SIGNED-OFF"),
        description="Reasons of the rail's rejections, comma-separated, beside ISO's and those that are public. The "
        "default is what the simulated rail has of its own, marked SIM, as the default rail is that one: it says "
        "nothing of the service. Against the real rail name what that has of its own, without these. "
        "An RJCT with any other is set aside with a finding, and its payment is in doubt.",
    )
    enquiry_codes: Annotated[tuple[str, ...], NoDecode] = Field(
        tuple(f"{code}={answer}" for code, answer in SERVICE_ENQUIRY_CODES.items()),
        description="The reasons with which the rail refuses a status request, each with what it says of the payment, "
        f"comma-separated: {', '.join(EnquiryAnswer)}. The default is what two vendors publish; any other reason for "
        "a question says nothing of the payment.",
    )
    receiver_reserve_s: float = Field(
        5.0,
        gt=0,
        le=5,
        description="The reserved response time that the institution has chosen at the rail as a receiver: 1 to 5 s.",
    )
    receiver_own_share_s: float = Field(
        1.0,
        gt=0,
        description="How much of it the gateway keeps for itself: when only this is left, the stand-in decides.",
    )
    receiver_reserves: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="The reserves of the institutions that have chosen another at the rail, comma-separated, each with "
        "our share of it where that is another too: 990000107=2, 990000204=1.5/0.5.",
    )
    unanswered_reason_code: str = Field(
        "AB05",
        pattern=r"^[A-Z0-9]{4}$",
        description="ISO reason of our rejection when nobody has decided in time. The rail's list is not public.",
    )
    unknown_agent_reason_code: str = Field(
        "RC04",
        pattern=r"^[A-Z0-9]{4}$",
        description="ISO reason of our rejection when no tenant receives for the creditor's agent.",
    )
    broken_rule_reason_code: str = Field(
        "NARR",
        pattern=r"^[A-Z0-9]{4}$",
        description="ISO reason of our rejection when a message breaks a rule of the rail that has no code of its own.",
    )
    answer_refused_codes: Annotated[tuple[str, ...], NoDecode] = Field(
        ("E760", "E890", "E891"),
        description="The rail's reasons, comma-separated, that say of a received transfer that our response to it was "
        "refused, and not that it did not settle. The rail's list is not public; after one of these it is asked.",
    )
    return_reason_codes: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="ISO reasons, comma-separated, that the rail takes in a return; empty: any, since the rail's list "
        "is not public. Whoever gives another is refused; a refused posting's goes as NARR, with the code in words.",
    )
    network_limit_cents: int = Field(1_000_000_000, gt=0, description="The network's limit per payment.")
    sender_limit_cents: int = Field(10_000_000, gt=0, description="This institution's own limit per payment.")
    ibm_mq: IbmMqSettings = IbmMqSettings()

    _split = field_validator(
        *("answer_refused_codes", "definite_refusal_codes", "return_reason_codes", "routing_numbers"),
        *("further_reason_codes", "enquiry_codes"),
        *("receive_only", "receiver_reserves", "liquidity_senders", "liquidity_tenants"),
        mode="before",
    )(as_sequence)
    _or_none = field_validator(
        *("url", "connection_point", "peer_connection_point", "protective_sign_off_after_s", "totals_interval_s"),
        *("liquidity_hours", "posting_question_wait_s", "receipt_wait_s", "signing_keys", "rail_keys"),
        mode="before",
    )(none_if_empty)

    @field_validator("enquiry_codes")
    @classmethod
    def _names_answers(cls, pairs: tuple[str, ...]) -> tuple[str, ...]:
        codes = []
        for pair in pairs:
            code, equals, answer = pair.partition("=")
            if not code.strip() or not equals or answer.strip() not in set(EnquiryAnswer):
                raise ValueError(
                    f"{pair!r} must be a code and what it says, as E400=not_found: {', '.join(EnquiryAnswer)}"
                )
            codes.append(code.strip())
        if twice := sorted({code for code in codes if codes.count(code) > 1}):
            raise ValueError(f"{', '.join(twice)} is there twice: say once what it means")
        return pairs

    @property
    def enquiry_answers(self) -> Mapping[str, EnquiryAnswer]:
        """What each of the enquiry codes says."""
        parts = (pair.partition("=") for pair in self.enquiry_codes)
        return {code.strip(): EnquiryAnswer(answer.strip()) for code, _, answer in parts}

    @property
    def reserves(self) -> Mapping[RoutingNumber, Reserve]:
        """The reserves of the institutions that have chosen another."""
        return reserves(self.receiver_reserves, own_share_s=self.receiver_own_share_s, max_s=5)

    @model_validator(mode="after")
    def _asks_after_the_clock(self) -> Self:
        if self.rail_clock_s <= self.send_margin_s:
            raise ValueError("rail_clock_s must be longer than send_margin_s: nothing could be sent in time")
        if self.receiver_own_share_s >= self.receiver_reserve_s:
            raise ValueError("receiver_reserve_s must be longer than receiver_own_share_s: nobody could be asked")
        _ = self.reserves  # each is read, and refused with words
        if self.status_request_wait_s <= self.rail_clock_s:
            raise ValueError(
                "status_request_wait_s must be longer than rail_clock_s: the rail refuses to be asked before"
            )
        return self
