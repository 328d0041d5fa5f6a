"""Links in documents lead somewhere, and nowhere that a clone could not follow."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

import pytest

from tests.unit.docs.documents import Document, anchor, broken_links, document, documents

HOSTS: Final = frozenset({"127.0.0.1", "keepachangelog.com", "semver.org"})
"""The hosts that documents may name: this machine, and what the changelog stands on."""

EXAMPLES: Final = re.compile(r"\.example$")
_HOST: Final = re.compile(r"[a-z]+://(?:[^@/\s]*@)?([a-z0-9.\-]+)|\b((?:[a-z0-9\-]+\.)+(?:com|dev|io|net|org))\b")
_MACHINE_PATH: Final = re.compile(r"(?<![\w./:…])/(?:Users|home|mnt|opt|root|srv|tmp|var|work)\b")


def hosts_in(text: str) -> set[str]:
    """The hosts that a text names, with a scheme or without."""
    return {host for match in _HOST.finditer(text.lower()) if (host := (match[1] or match[2]).strip("."))}


@pytest.mark.parametrize("text", documents(), ids=lambda text: text.name)
def test_every_relative_link_leads_to_a_file_and_a_heading(text: Document) -> None:
    """A document that points into the void is worse than one that does not point."""
    assert list(broken_links(text)) == []


def test_a_link_that_leads_nowhere_is_seen() -> None:
    """The control of the test above: a file and a heading that are not there, and a link into a block of code."""
    text = document("README.md")
    text = replace(text, text="[a](docs/none.md) [b](#none) [c](LICENSE) [d](#there)\n\n# There\n\n```\n[e](f)\n```\n")

    assert list(broken_links(text)) == ["docs/none.md", "#none"]


def test_an_anchor_is_made_as_a_reader_of_markdown_makes_it() -> None:
    """Small letters, hyphens, no punctuation."""
    assert anchor("Waiting, and the form of the answer") == "waiting-and-the-form-of-the-answer"


@pytest.mark.parametrize("text", documents(), ids=lambda text: text.name)
def test_no_document_names_a_foreign_host_or_a_path_of_one_machine(text: Document) -> None:
    """Registries above all: where packages come from is the affair of whoever installs."""
    foreign = {host for host in hosts_in(text.text) - HOSTS if not EXAMPLES.search(host)}

    assert foreign == set()
    assert _MACHINE_PATH.findall(text.text) == []


def test_a_foreign_host_and_a_machines_path_are_seen() -> None:
    """The control of the test above."""
    assert hosts_in("see https://Registry.invalid/x or packages.somewhere.org, not v1.2.org.md") - HOSTS == {
        "registry.invalid",
        "packages.somewhere.org",
        "v1.2.org",
    }
    assert _MACHINE_PATH.search("open /home/somebody/file")
    assert not _MACHINE_PATH.search("GET /v1/payments and tests/var/x")
