"""The program's settings: ``FIFTEEN_*`` variables, a TOML file, and secrets from files.

What is set in the environment goes before secret files, those before ``fifteen.toml`` (or the file that
``FIFTEEN_CONFIG_FILE`` names), and that before the defaults. Nested ones are written with two underscores:
``FIFTEEN_FEDNOW__URL``.
"""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from gateway.domain.payment import Rail
from gateway.domain.timing import TELLING_MARGIN_S
from iso20022.schemas import OUR_SCHEMAS, SchemaFolderError, SchemaSet, read_folder

CONFIG_FILE_VARIABLE = "FIFTEEN_CONFIG_FILE"
SECRETS_DIRECTORY_VARIABLE = "FIFTEEN_SECRETS_DIR"

PREFIX: Final = "FIFTEEN_"
OTHER_VARIABLES: Final = {
    CONFIG_FILE_VARIABLE,
    SECRETS_DIRECTORY_VARIABLE,
    "FIFTEEN_PARENT_PROCESS_ID",  # ends a role with the process that started it
    "FIFTEEN_TEST_SEED",  # the tests'
}
"""Variables that begin like settings and are none."""

REGIONS_MAX: Final = 2
"""A third would need more than a pair of subscriptions, and somebody to say whom a key is forwarded to."""

MASK: Final = "**********"
"""What is shown of a secret, as pydantic shows it."""

DEVELOPMENT_INDEX_KEY: Final = "fifteen-index-key-for-development-only"


def _split(value: Any) -> Any:
    """Read "a, b" as two values; what is a sequence already stays one."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _none_if_empty(value: Any) -> Any:
    """Read a variable that is set to nothing as none."""
    return None if value == "" else value


class IbmMqSettings(BaseModel):
    """What a queue manager wants to know, where a rail's URL is of IBM MQ. The names are the rail's to give."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channel: str = Field("", max_length=20, description="The server-connection channel.")
    cipher_spec: str = Field(
        "ANY_TLS12_OR_HIGHER", max_length=32, description="MQ's CipherSpec; empty: no TLS, as no rail allows."
    )
    key_repository: str = Field(
        "", max_length=256, description="Where our certificate and those that we trust are: a .kdb or .p12 file."
    )
    key_repository_password: SecretStr | None = Field(
        None, description="Opens the key repository (MQ client from 9.3); empty: its stash file does."
    )
    certificate_label: str = Field("", max_length=64, description="Our certificate's label in the key repository.")
    peer_name: str = Field(
        "", description="What the queue manager's certificate must say, as SSLPEER writes it; empty: any that we trust."
    )
    out_value_queue: str = Field("", max_length=48, description="Where payments and their answers are put.")
    out_nonvalue_queue: str = Field("", max_length=48, description="Where messages that move no money are put.")
    out_inquiry_queue: str = Field("", max_length=48, description="Where questions are put.")
    out_system_queue: str = Field("", max_length=48, description="Where system messages are put.")
    in_value_queue: str = Field("", max_length=48, description="Where payments and their answers are got.")
    in_nonvalue_queue: str = Field("", max_length=48, description="Where messages that move no money are got.")
    in_inquiry_queue: str = Field("", max_length=48, description="Where answers to questions are got.")
    in_system_queue: str = Field("", max_length=48, description="Where system messages are got.")


def _https_or_loopback(value: str | None) -> str | None:
    """Refuse an address at which names and accounts would go over a network in clear."""
    if not value:
        return None
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port  # reading the port checks it
    except ValueError as error:
        raise ValueError(f"is no address: {error}") from error
    if not host or parts.scheme not in {"http", "https"}:
        raise ValueError("must be https://host/path")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not carry a name or a password")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ValueError("must be https: in clear only on the loopback (localhost, 127.0.0.1, ::1)")
    return value


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class FedNowSettings(BaseModel):
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
    ping_after: int = Field(
        3, ge=0, description="After so many unanswered questions the rail is pinged once; 0: it is never pinged."
    )
    send_margin_s: float = Field(1.0, ge=0, description="With less time left than this a payment is not sent.")
    routing_number_severity: Literal["error", "warning"] = Field(
        "error", description="What a wrong ABA check digit is; test files often carry illustrative numbers."
    )
    definite_refusal_codes: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="admi.002 codes, comma-separated, that surely mean: not processed. The rail's list is not public; "
        "after any other code the rail is asked, since it may mean a duplicate of a copy that was processed.",
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
        *("receive_only", "liquidity_senders", "liquidity_tenants"),
        mode="before",
    )(_split)
    _or_none = field_validator(
        *("url", "connection_point", "peer_connection_point", "protective_sign_off_after_s", "totals_interval_s"),
        "liquidity_hours",
        mode="before",
    )(_none_if_empty)

    @model_validator(mode="after")
    def _asks_after_the_clock(self) -> Self:
        if self.rail_clock_s <= self.send_margin_s:
            raise ValueError("rail_clock_s must be longer than send_margin_s: nothing could be sent in time")
        if self.receiver_own_share_s >= self.receiver_reserve_s:
            raise ValueError("receiver_reserve_s must be longer than receiver_own_share_s: nobody could be asked")
        if self.status_request_wait_s <= self.rail_clock_s:
            raise ValueError(
                "status_request_wait_s must be longer than rail_clock_s: the rail refuses to be asked before"
            )
        return self


class RtpSettings(BaseModel):
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
    send_margin_s: float = Field(1.0, ge=0, description="With less time left than this a payment is not sent.")
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
        "definite_refusal_codes",
        "copy_refusal_codes",
        "answer_refused_codes",
        "further_reason_codes",
        mode="before",
    )(_split)
    _or_none = field_validator(
        "url", "advice_wait_s", "protective_sign_off_after_s", "withdrawal_agreed_code", mode="before"
    )(_none_if_empty)

    @model_validator(mode="after")
    def _repeats_after_the_clock(self) -> Self:
        if self.rail_clock_s <= self.send_margin_s:
            raise ValueError("rail_clock_s must be longer than send_margin_s: nothing could be sent in time")
        if self.repeat_wait_s <= self.rail_clock_s:
            raise ValueError("repeat_wait_s must be longer than rail_clock_s: the answer may still come")
        if self.receiver_own_share_s >= self.receiver_reserve_s:
            raise ValueError("receiver_reserve_s must be longer than receiver_own_share_s: nobody could be asked")
        if self.advice_wait_s is not None and self.advice_wait_s <= self.rail_clock_s:
            raise ValueError("advice_wait_s must be longer than rail_clock_s: the rail may still decide")
        return self


class Settings(BaseSettings):
    """Everything that can be set. Secrets are masked wherever they are printed."""

    model_config = SettingsConfigDict(
        env_prefix="FIFTEEN_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    region: str = Field("local", description="The region that this process writes as.")
    regions: Annotated[tuple[str, ...], NoDecode] = Field(
        ("local",), description="All regions that write, comma-separated; each has its partitions."
    )
    database_url: SecretStr | None = Field(None, description="postgresql://… of the application's role.")
    database_owner_url: SecretStr | None = Field(None, description="postgresql://… of the owner: for db upgrade alone.")
    retired_regions: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Regions that only history names, comma-separated: their partitions are kept, nobody writes them.",
    )
    peer_url: str | None = Field(
        None, description="Where the other region's gateway is: submissions whose keys have their home there go there."
    )
    peer_ca_file: Path | None = Field(
        None, description="The authority of the other gateway's certificate; with the two below, both sides show one."
    )
    peer_certificate_file: Path | None = Field(
        None,
        description="Our certificate for the other region's gateway, shown by both sides: for clients and servers.",
    )
    peer_key_file: Path | None = Field(None, description="The key of that certificate.")
    peer_listen_host: str = Field("127.0.0.1", description="Where the listener for the other region's gateway is.")
    peer_listen_port: int | None = Field(
        None,
        ge=0,
        le=65_535,
        description="Its port: what is forwarded is taken there alone, from who shows a certificate of peer_ca_file; 0 "
        "takes a free one. Empty: none, and what stands before the gateway checks certificates.",
    )
    peer_database_url: SecretStr | None = Field(
        None,
        description="postgresql://… as this region's database finds the other's, of a role that may replicate: for "
        "fifteen region alone.",
    )
    witness_url: SecretStr | None = Field(
        None,
        description="The witness outside both regions: postgresql://… of a third server, or dynamodb://…?region=…, "
        "with a table's name as host; needed where there are two.",
    )
    lease_s: float = Field(
        10.0,
        ge=3,
        le=300,
        description="For how long a region serves without a word of the witness. `fifteen region init` writes it "
        "there, and what is there counts.",
    )
    takeover_after_s: float | None = Field(
        None,
        ge=5,
        description="Take the other region over once its lease was not renewed for so long; empty: by command alone.",
    )
    synchronous_tenants: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Tenants, comma-separated, whose payments are acknowledged only when both regions have them; *: "
        "every tenant; empty: none. The same in both regions (docs/regions.md).",
    )
    broker_url: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="amqp://… of RabbitMQ, or of its nodes, comma-separated; empty: the bus lives in PostgreSQL."
    )
    broker_namespace: str = Field(
        "fifteen", pattern=r"^[a-z][a-z0-9_-]{0,31}$", description="Begins the names of exchanges and queues."
    )
    http_host: str = Field("127.0.0.1", description="Where the gateway listens.")
    http_port: int = Field(8015, ge=0, le=65_535, description="The gateway's port; 0 takes a free one.")
    worker_port: int = Field(8016, ge=0, le=65_535, description="The worker's port for /metrics, /healthz, /readyz.")
    body_bytes_max: int = Field(262_144, gt=0, description="The largest request body.")
    promise_s: float = Field(15.0, gt=0, description="From acceptance to a final status.")
    tenant_id: str = Field("default", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="The first tenant.")
    tenant_name: str = Field("Default institution", description="The first tenant's name.")
    api_key: SecretStr | None = Field(None, description="The first tenant's API key; db upgrade registers it.")
    operator_key: SecretStr | None = Field(
        None, description="An operator's API key, for dead letters of every tenant; db upgrade registers it."
    )
    operator_name: str = Field(
        "operator", min_length=1, max_length=63, description="The name under which that operator's decisions are kept."
    )
    gateway_url: str | None = Field(None, description="Where `fifteen send` finds the gateway; a running demo tells.")
    index_key: SecretStr = Field(
        SecretStr(DEVELOPMENT_INDEX_KEY),
        description="Keys the blind indexes; a secret of its own in production, and never changed.",
    )
    not_found_policy: Literal["reject", "resend"] = Field(
        "reject",
        description="What the first tenant wants when the rail, asked, has no such message: reject the payment, or "
        "send it again under the same ids while they are of today. `db upgrade` registers it.",
    )
    funds_holder: Literal["tenant", "core"] = Field(
        "tenant",
        description="Who holds the first tenant's debtors' money while a payment is under way: the tenant, who has "
        "debited them before it submits, or the core at core_url, which reserves it. `db upgrade` registers it.",
    )
    core_url: str | None = Field(None, description="The institution's core, which holds debtors' money (docs/core.md).")
    core_token: SecretStr | None = Field(None, description="The bearer token that the core is shown.")
    receiving_agents: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Creditor's agents that the first tenant receives for, by routing number, comma-separated; empty: "
        "every incoming transfer is rejected. `db upgrade` registers them.",
    )
    institution_url: str | None = Field(
        None,
        description="Where the first tenant's institution is asked and told about incoming transfers "
        "(docs/receiving.md): https, or http on the loopback; empty: the stand-in decides. `db upgrade` registers it.",
    )
    institution_secret: SecretStr | None = Field(
        None, description="Signs what the first tenant's institution is asked and told: whsec_ and Base64."
    )
    institution_secrets_file: Path | None = Field(
        None, description="JSON file with the signing secret of every further tenant: an object by tenant id."
    )
    institution_certificate: Path | None = Field(
        None, description="PEM file with our certificate and key, shown to institutions that want one (mTLS)."
    )
    institution_authorities: Path | None = Field(
        None, description="PEM file with the authorities of institutions' certificates; empty: the system's."
    )
    stand_in_file: Path | None = Field(
        None,
        description="JSON file with the first tenant's stand-in policy (docs/receiving.md); empty: it rejects all. "
        "`db upgrade` registers it.",
    )
    screening_file: Path | None = Field(
        None,
        description="JSON file with what the first tenant wants screened, both ways (docs/screening.md); empty: what "
        "is registered stays. `db upgrade` registers it.",
    )
    screening_lists_folder: Path | None = Field(
        None, description="Where the lists of names and accounts are that tenants' screening rules name."
    )
    screening_secret: SecretStr | None = Field(
        None, description="Signs what the first tenant's screening service is asked: whsec_ and Base64."
    )
    screening_secrets_file: Path | None = Field(
        None, description="JSON file with that secret of every further tenant: an object by tenant id."
    )
    screening_certificate: Path | None = Field(
        None, description="PEM file with our certificate and key, shown to screening services that want one (mTLS)."
    )
    screening_authorities: Path | None = Field(
        None, description="PEM file with the authorities of screening services' certificates; empty: the system's."
    )
    dispatch_prefetch: int = Field(128, ge=1, le=1_000, description="Transfers that a worker takes from the bus.")
    dispatch_concurrency: int = Field(
        64,
        ge=1,
        le=1_000,
        description="Transfers that a worker handles at once, those with the earliest deadline first.",
    )
    admission_wait_max_s: float = Field(
        1.5,
        gt=0,
        description="While an accepted payment has waited longer than this to be sent, new ones are answered 503.",
    )
    audit_anchors: str | None = Field(
        None,
        pattern=r"^([^:]+|s3://[^/]+(/.*)?)$",
        description="Where workers write the heads of the sealed history to: a directory, on another machine than the "
        "database and under another administrator, or s3://bucket/prefix. Empty: they stay in the database alone.",
    )
    keys_file: Path | None = Field(
        None,
        description="Keys that stored messages, and the archive, are encrypted under: a line for each, an id and 32 "
        "bytes in Base64; the first seals, all open (docs/archive.md). Empty: messages are stored in clear.",
    )
    archive_url: str | None = Field(
        None,
        pattern=r"^(file:///.+|s3://[^/]+(/.*)?)$",
        description="Where messages go that the database has kept for long enough: file:///directory, or "
        "s3://bucket/prefix. Needs a keys_file. Empty: they stay in the database.",
    )
    archive_after_days: int = Field(
        90, ge=1, description="So many days after it was kept, a message of a final payment goes to the archive."
    )
    archive_years: int = Field(
        7,
        ge=1,
        le=100,
        description="For how many years the archive keeps messages; `archive expire` removes older ones.",
    )
    schemas_folder: Path | None = Field(
        None, description="Own schema files (*.xsd), such as the rail's under a licence; they come before ours."
    )
    default_rail: Literal["fednow", "rtp"] | None = Field(
        None,
        description="The rail of a payment that neither names nor shows one; empty: FedNow where it is served, else "
        "RTP.",
    )
    synthetic_payments: bool = Field(
        default=False,
        description="Whether a deployment may ask this gateway for synthetic payments (POST /synthetic): to a "
        "simulator, in a database named as this one with _synthetic at the end, which `db upgrade` then looks after.",
    )
    release: str = Field(
        "",
        max_length=128,
        description="What is deployed, such as the image's tag; shown by /healthz and `fifteen db check`. Empty: the "
        "program's version.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="What is logged at the least.")
    fednow: FedNowSettings = FedNowSettings()
    rtp: RtpSettings = RtpSettings()

    _split = field_validator(
        "regions", "retired_regions", "synchronous_tenants", "broker_url", "receiving_agents", mode="before"
    )(_split)
    _is_safe = field_validator("institution_url", "peer_url")(_https_or_loopback)
    _or_none = field_validator("archive_url", "audit_anchors", "keys_file", mode="before")(_none_if_empty)

    @property
    def peer(self) -> str | None:
        """The other region; None where there is none."""
        return next((region for region in self.regions if region != self.region), None)

    @property
    def rails(self) -> tuple[Rail, ...]:
        """The rails that are served: those that have an address."""
        addresses = {Rail.FEDNOW: self.fednow.url, Rail.RTP: self.rtp.url}
        return tuple(rail for rail, address in addresses.items() if address is not None)

    @property
    def rail_of_others(self) -> Rail:
        """The rail of a payment that neither names nor shows one."""
        return self.rails[0] if self.default_rail is None else Rail(self.default_rail)

    @model_validator(mode="after")
    def _leaves_time_to_send(self) -> Self:
        for name, margin_s in {"fednow": self.fednow.send_margin_s, "rtp": self.rtp.send_margin_s}.items():
            if self.promise_s <= margin_s + TELLING_MARGIN_S:
                raise ValueError(f"promise_s must be longer than {name}.send_margin_s: nothing could be sent in time")
        return self

    @model_validator(mode="after")
    def _serves_a_rail(self) -> Self:
        if not self.rails:
            raise ValueError("no rail is served: set FIFTEEN_FEDNOW__URL or FIFTEEN_RTP__URL")
        if self.rail_of_others not in self.rails:
            raise ValueError(f"default_rail {self.default_rail} is not served: it has no url")
        return self

    @model_validator(mode="after")
    def _archives_what_is_encrypted(self) -> Self:
        if self.archive_url is not None and self.keys_file is None:
            raise ValueError("archive_url needs keys_file: what leaves the database is encrypted")
        return self

    @model_validator(mode="after")
    def _writes_in_a_known_region(self) -> Self:
        if self.region not in self.regions:
            raise ValueError(f"region {self.region!r} is not among regions {', '.join(self.regions)}")
        if len(set(self.regions)) != len(self.regions) or len(self.regions) > REGIONS_MAX:
            raise ValueError(f"regions are one or two, each named once, not {', '.join(self.regions)}")
        if set(self.regions) & set(self.retired_regions):
            raise ValueError("a region that is retired does not write: it is named in one of the two settings")
        if (
            len(self.regions) > 1
            and self.fednow.protective_sign_off_after_s is not None
            and self.fednow.connection_point is None
        ):
            raise ValueError(
                "fednow.protective_sign_off_after_s needs fednow.connection_point where there are two regions: the "
                "connection party is both's, and there would be nothing to disconnect"
            )
        if len(self.regions) == 1 and self.synchronous_tenants:
            raise ValueError("synchronous_tenants needs two regions: one alone has no other to wait for")
        tls = (self.peer_ca_file, self.peer_certificate_file, self.peer_key_file)
        if any(tls) and not all(tls):
            raise ValueError("peer_ca_file, peer_certificate_file and peer_key_file are set together, or not at all")
        if self.peer_listen_port is not None and not all(tls):
            raise ValueError("peer_listen_port needs peer_ca_file, peer_certificate_file and peer_key_file")
        if any(tls) and not (self.peer_url or "").startswith("https:"):
            raise ValueError("peer_url must be https where the files of its TLS are set: nothing would use them")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: arguments, environment, secret files, TOML."""
        toml = TomlConfigSettingsSource(settings_cls, Path(os.environ.get(CONFIG_FILE_VARIABLE, "fifteen.toml")))
        return (init_settings, env_settings, file_secret_settings, toml)


class SettingsError(Exception):
    """A setting is missing or wrong; the text says which, and how to set it."""


def load_settings() -> Settings:
    """Read the settings.

    Raises:
        SettingsError: one is unknown or out of its range, or a file that was named is not there.

    """
    from pydantic import ValidationError

    _demand_known_variables()
    for variable in (CONFIG_FILE_VARIABLE, SECRETS_DIRECTORY_VARIABLE):
        if variable in os.environ and not Path(os.environ[variable]).exists():
            raise SettingsError(f"{variable}: {os.environ[variable]} does not exist")
    try:
        return Settings(_secrets_dir=os.environ.get(SECRETS_DIRECTORY_VARIABLE))
    except ValidationError as error:
        faults = [
            f"FIFTEEN_{'__'.join(str(part).upper() for part in fault['loc'])}: {fault['msg']}"
            for fault in error.errors()
        ]
        raise SettingsError("\n".join(faults)) from None


def _demand_known_variables() -> None:
    """A slip of the pen in a variable's name must not leave a default in force."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | OTHER_VARIABLES
    nested = (f"{PREFIX}FEDNOW__", f"{PREFIX}RTP__")
    unknown = [
        name for name in os.environ if name.startswith(PREFIX) and name not in known and not name.startswith(nested)
    ]
    if unknown:
        raise SettingsError(f"no such setting: {', '.join(sorted(unknown))}; `fifteen config` shows all")


def database_url_of(settings: Settings) -> str:
    """Return where the application's role finds the database.

    Raises:
        SettingsError: no database is named.

    """
    if settings.database_url is None:
        raise SettingsError(
            "FIFTEEN_DATABASE_URL is not set: postgresql://… of any PostgreSQL from 15 on, after `fifteen db upgrade`; "
            "`fifteen demo` brings a database of its own"
        )
    return settings.database_url.get_secret_value()


def witness_url_of(settings: Settings) -> str:
    """Return where the witness of two regions is.

    Raises:
        SettingsError: none is named.

    """
    if settings.witness_url is None:
        raise SettingsError(
            f"FIFTEEN_WITNESS_URL is not set: regions {' and '.join(settings.regions)} need a witness outside both, or "
            "each could believe that the other is dead (docs/regions.md)"
        )
    return settings.witness_url.get_secret_value()


def schemas_of(settings: Settings) -> SchemaSet:
    """Return the schemas that messages are held against: ours, an institution's own in the place of those it has.

    Raises:
        SettingsError: the folder that was named cannot be used.

    """
    if settings.schemas_folder is None:
        return OUR_SCHEMAS
    try:
        return read_folder(settings.schemas_folder).schemas
    except (SchemaFolderError, OSError) as error:
        raise SettingsError(f"FIFTEEN_SCHEMAS_FOLDER: {error}") from error


def masked(settings: Settings) -> dict[str, Any]:
    """Return the settings as they may be shown: secrets as stars."""
    shown: dict[str, Any] = settings.model_dump(mode="json")
    for rail in ("fednow", "rtp"):
        shown[rail]["url"] = _without_password(shown[rail]["url"])
    return shown


def _without_password(url: str | None) -> str | None:
    """A broker's URL may carry one."""
    if url is None:
        return None
    user, at, host = url.rpartition("@")
    scheme, separator, credentials = user.partition("://")
    name, colon, _ = credentials.partition(":")
    return f"{scheme}{separator}{name}:{MASK}@{host}" if at and colon else url
