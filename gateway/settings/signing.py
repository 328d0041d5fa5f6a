"""What is set of the keys between us and a rail: both sides' folders, or neither."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, Field, model_validator


class SigningSettings(BaseModel):
    """The keys that a rail's link signs and verifies with; part of each rail's own settings."""

    signing_keys: Path | None = Field(
        None,
        description="Folder of our keys for the rail, each a file KEY_ID.pem with the private key and its certificate, "
        "that nobody but its owner may read; the oldest that counts signs, in the form that docs/signatures.md has for "
        "the rail. With it goes rail_keys. Empty: nothing is signed, and what comes is believed.",
    )
    rail_keys: Path | None = Field(
        None,
        description="Folder of the rail's keys, each a certificate in a file KEY_ID.pem: what none of them signed is "
        "kept, and not acted upon. With it goes signing_keys.",
    )

    @model_validator(mode="after")
    def _signs_and_verifies(self) -> Self:
        """Refuse one without the other: who signs and believes everybody, or the reverse, meant something else."""
        missing = [name for name in SigningSettings.model_fields if getattr(self, name) is None]
        if len(missing) == 1:
            raise ValueError(f"{missing[0]} is missing: what is sent is signed and what comes is verified, or neither")
        return self
