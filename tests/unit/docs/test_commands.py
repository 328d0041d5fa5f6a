"""What documents tell people to type is there: make targets, commands, options, variables, modules, files."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest
import typer.main

from gateway.cli.application import application
from gateway.cli.processes import PARENT_VARIABLE
from gateway.settings import CONFIG_FILE_VARIABLE, SECRETS_DIRECTORY_VARIABLE
from tests.unit.docs.documents import ROOT, Document, documents
from tests.unit.docs.tables import variables

_TARGET: Final = re.compile(r"(?:^|[\s(])make ((?:[a-z-]+(?: \| )?)+)", re.MULTILINE)
_COMMAND: Final = re.compile(r"(?:^|(?<=\s)|(?<=bin/))fifteen ([^`\n#]+)", re.MULTILINE)
_RUN_ONCE: Final = re.compile(r'COMMAND="([^"]+)"')
_OPTION: Final = re.compile(r"(?<=\s)(--[a-z\-]+)")
_VARIABLE: Final = re.compile(r"\bFIFTEEN_[A-Z_]+[A-Z]\b")
_MODULE: Final = re.compile(r"(?:gateway|adapters|iso20022|simulators|tests)(?:\.\w+)+")
_FILE: Final = re.compile(r"(?:gateway|adapters|iso20022|simulators|tests|docs|terraform)/[\w./\-]*")

DELIVERY: Final = {"FIFTEEN_DEPLOY_REGION", "FIFTEEN_DEPLOY_ROLE_ARN", "FIFTEEN_ENVIRONMENT", "FIFTEEN_IMAGE"}
"""What the steps of a delivery are told (terraform/delivery/deliver.py)."""

BESIDE_THE_SETTINGS: Final = {CONFIG_FILE_VARIABLE, SECRETS_DIRECTORY_VARIABLE, PARENT_VARIABLE, *DELIVERY}

WRONG_ON_PURPOSE: Final = {"FIFTEEN_BROKER_URL": "docs/settings.md shows what a slip of the pen does"}


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the program: its options, and the commands below it."""

    options: frozenset[str]
    commands: Mapping[str, Command]


def command_tree(command: Any) -> Command:
    """The tree of commands as typer has built it."""
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    below = {name: command_tree(each) for name, each in getattr(command, "commands", {}).items()}
    return Command(frozenset({*options, "--help"}), below)


PROGRAM: Final = command_tree(typer.main.get_command(application))


def make_targets() -> set[str]:
    """The targets of the Makefile."""
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def targets_in(code: str) -> set[str]:
    """The make targets that a piece of code calls."""
    return {target for match in _TARGET.finditer(code) for target in match[1].replace("|", " ").split()}


def faults_of_commands(code: str) -> Iterator[str]:
    """The calls of ``fifteen`` whose command or option does not exist."""
    for match in (*_COMMAND.finditer(code), *_RUN_ONCE.finditer(code)):
        words, reached = match[1].split(), PROGRAM
        while words and reached.commands:
            for name in (word := words.pop(0)).split("|"):
                if name not in reached.commands and name not in reached.options:
                    yield f"fifteen {match[1].strip()}: {name}"
            reached = reached.commands.get(word, Command(PROGRAM.options, {}))
        options = _OPTION.findall(f" {' '.join(words)}")
        yield from (f"fifteen {match[1].strip()}: {each}" for each in options if each not in reached.options)


@pytest.mark.parametrize("text", documents(), ids=lambda text: text.name)
def test_every_make_target_that_is_named_exists(text: Document) -> None:
    """The README's two commands above all."""
    assert targets_in(text.code) <= make_targets()


@pytest.mark.parametrize("text", documents(), ids=lambda text: text.name)
def test_every_command_and_option_that_is_named_exists(text: Document) -> None:
    """What a reader types after us works."""
    assert list(faults_of_commands(text.code)) == []


def test_a_target_a_command_and_an_option_that_are_not_there_are_seen() -> None:
    """The control of the two tests above."""
    code = (
        "make demolish   # now\nfifteen db downgrade\nbin/fifteen send f.xml --twice\n"
        "fifteen simulator fednow --port 1\n"
        'make one-off COMMAND="region lose"'
    )

    assert targets_in(code) - make_targets() == {"demolish"}
    assert list(faults_of_commands(code)) == [
        "fifteen db downgrade: downgrade",
        "fifteen send f.xml --twice: --twice",
        "fifteen region lose: lose",
    ]


@pytest.mark.parametrize("text", documents(), ids=lambda text: text.name)
def test_every_variable_that_is_named_is_a_setting(text: Document) -> None:
    """A misspelt variable is ignored by the program: the documents must not teach one."""
    named = set(_VARIABLE.findall(text.text))

    assert named - variables() - BESIDE_THE_SETTINGS - WRONG_ON_PURPOSE.keys() == set()


@pytest.mark.parametrize("text", documents(), ids=lambda text: text.name)
def test_every_module_and_name_in_inline_code_can_be_imported(text: Document) -> None:
    """Documents that name what was renamed lead astray."""
    for name in filter(_MODULE.fullmatch, text.inline_code):
        assert is_there(name), f"{text.name}: {name}"


@pytest.mark.parametrize("text", documents(), ids=lambda text: text.name)
def test_every_file_in_inline_code_exists(text: Document) -> None:
    """The same for paths."""
    missing = [path for path in filter(_FILE.fullmatch, text.inline_code) if not (ROOT / path).exists()]

    assert missing == []


def test_a_name_that_is_gone_is_seen() -> None:
    """The control: what is there is found, as a module, as a name in one, and as a method of a class."""
    assert is_there("gateway.domain.history.fold")
    assert is_there("gateway.service.ports.PaymentStore.accept")
    assert not is_there("gateway.domain.history.unfold")
    assert not is_there("gateway.nowhere")


def is_there(name: str) -> bool:
    """Whether a dotted name is a module, or can be reached from one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        module = ".".join(parts[:length])
        try:
            reached: object = importlib.import_module(module)
        except ModuleNotFoundError:
            continue
        for attribute in parts[length:]:
            if not hasattr(reached, attribute):
                return False
            reached = getattr(reached, attribute)
        return True
    return False
