"""What these tests run on: Terraform and its provider, or a word about what was left out."""

from __future__ import annotations

import os

import pytest

from tests.terraform.provider import WAIVER, terraform_is_installed


@pytest.fixture(scope="session", autouse=True)
def _terraform_is_there() -> None:
    """Skip where there is no Terraform, or where its provider was waived in so many words."""
    if not terraform_is_installed():
        pytest.skip("terraform is not installed: planted mistakes and plans are left out")
    if os.environ.get(WAIVER) == "none":
        pytest.skip(f"{WAIVER}=none: planted mistakes and plans are left out")
