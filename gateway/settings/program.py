"""What is set of the program itself: its region, its servers, its tenants; the rails' settings are within."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from gateway.domain.legs import Leg, legs_from
from gateway.domain.payment import Rail
from gateway.domain.timing import TELLING_MARGIN_S, budget_s
from gateway.settings.fednow import FedNowSettings
from gateway.settings.reading import as_sequence, https_or_loopback, institution_address, none_if_empty
from gateway.settings.rtp import RtpSettings

PREFIX: Final = "FIFTEEN_"
CONFIG_FILE_VARIABLE: Final = "FIFTEEN_CONFIG_FILE"

REGIONS_MAX: Final = 2
"""A third would need more than a pair of subscriptions, and somebody to say whom a key is forwarded to."""

DEVELOPMENT_INDEX_KEY: Final = "fifteen-index-key-for-development-only"


class Settings(BaseSettings):
    """Everything that can be set. Secrets are masked wherever they are printed."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
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
        description="The witness outside both regions: postgresql://… of a third server, dynamodb://…?region=…, "
        "or s3://…?region=…, with a table or bucket as host; needed where there are two.",
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
    keys_repeated_within_s: float | None = Field(
        None,
        ge=60,
        description="For how long after it was first sent a client repeats an idempotency key, at the most; empty: no "
        "limit is known. It bounds what a lost region may have accepted on another day (docs/regions.md).",
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
        "(docs/receiving.md): https, http on the loopback, or queue:name; empty: the stand-in decides. `db upgrade` "
        "registers it.",
    )
    institution_broker_url: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description="amqps://… of the broker, or of its nodes, comma-separated, on which the first tenant's "
        "institution has its queues (amqp on the loopback): a virtual host of its own, never the bus's. Needed for "
        "queue:name alone.",
    )
    institution_brokers_file: Path | None = Field(
        None, description="JSON file with the brokers of further tenants: an object of lists of amqps://… by tenant id."
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
        description="While an accepted payment has waited longer than this to be sent, or the message bus has not "
        "answered for longer, new ones are answered 503.",
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
        *("regions", "retired_regions", "synchronous_tenants", "broker_url", "receiving_agents"),
        "institution_broker_url",
        mode="before",
    )(as_sequence)
    _is_safe = field_validator("peer_url")(https_or_loopback)
    _is_asked_safely = field_validator("institution_url")(institution_address)
    _or_none = field_validator(
        *("archive_url", "audit_anchors", "keys_file", "stand_in_file", "screening_file", "schemas_folder"),
        *("institution_authorities", "institution_brokers_file", "screening_authorities", "core_url", "default_rail"),
        *("keys_repeated_within_s", "takeover_after_s", "peer_listen_port"),
        mode="before",
    )(none_if_empty)

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
        budgets_s = sum(budget_s(leg, promise_s=self.promise_s) for leg in legs_from(Leg.FUNDS) if leg is not Leg.RAIL)
        for name, margin_s in {"fednow": self.fednow.send_margin_s, "rtp": self.rtp.send_margin_s}.items():
            if self.promise_s <= margin_s + max(budgets_s, TELLING_MARGIN_S):
                raise ValueError(
                    f"promise_s must be longer than {name}.send_margin_s and what our own legs beside the rail's may "
                    f"take ({budgets_s:g} s): nothing could be sent in time"
                )
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
        if len(self.regions) == 1 and self.keys_repeated_within_s is not None:
            raise ValueError("keys_repeated_within_s needs two regions: one alone is never taken over")
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
