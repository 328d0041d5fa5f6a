"""What is set of a queue manager of IBM MQ."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr


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
