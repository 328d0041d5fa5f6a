"""Rules of the Terraform code that need no Terraform to be held."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from gateway.settings import Settings
from tests.terraform.documents import documented_folders, stale
from tests.terraform.hcl import blocks, blocks_of
from tests.terraform.running import SOURCE, environment_roots, module_folders, root_folders
from tests.unit.docs.tables import variables

ENVIRONMENTS: Final = ("dev", "uat", "cert", "prod")
ROOTS: Final = ("us-east-1", "us-east-2", "global")
LINES_MAX: Final = 400

FILES: Final = sorted(file for file in SOURCE.rglob("*.tf") if ".terraform" not in file.parts)
FOLDERS: Final = sorted({file.parent for file in FILES})


def test_readmes_and_pictures_are_those_that_the_code_writes() -> None:
    """A README that says something else than the code is worse than none."""
    assert stale() == [], "python -m tests.terraform.documents"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.relative_to(SOURCE).as_posix())
def test_every_variable_is_typed_described_and_validated(folder: Path) -> None:
    """A boolean's type is its validation, and it may not be null."""
    for variable in blocks(folder, "variable"):
        kind = variable.argument("type")
        assert kind is not None, variable.labels
        assert variable.text("description").endswith("."), variable.labels
        checked = variable.argument("nullable") == "false" if kind == "bool" else variable.has_block("validation")
        assert checked, f"{variable.labels} takes anything"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.relative_to(SOURCE).as_posix())
def test_every_output_is_described(folder: Path) -> None:
    """Whoever reads an output knows what it is."""
    for output in blocks(folder, "output"):
        assert output.text("description").endswith("."), output.labels


def test_no_module_comes_from_a_registry() -> None:
    """Every module is in this repository."""
    sources = [call.text("source") for folder in FOLDERS for call in blocks(folder, "module")]

    assert sources
    assert all(source.startswith(("./", "../")) for source in sources), sources


def test_every_module_is_used_and_has_tests() -> None:
    """What nobody calls, or nobody tests, is not there."""
    called = {(folder / call.text("source")).resolve() for folder in FOLDERS for call in blocks(folder, "module")}

    for module in module_folders():
        assert (SOURCE / module).resolve() in called, f"nobody calls {module}"
        assert list((SOURCE / module / "tests").glob("*.tftest.hcl")), f"{module} has no tests"


def test_terraform_and_its_provider_are_pinned_wherever_they_are_named() -> None:
    """One range for all: a module on another provider would be another system."""
    for file in FILES:
        text = file.read_text()
        if "required_providers" in text:
            assert re.findall(r'\bversion += "([^"]+)"', text) == ["~> 5.100"], file
        if "required_version" in text:
            assert '">= 1.11"' in text, file


def test_there_is_a_state_for_each_region_of_each_environment_and_one_for_both() -> None:
    """An outage in one region locks no other's state: each lies in its own region, the global ones in a third."""
    assert {root.as_posix() for root in environment_roots()} == {
        f"environments/{environment}/{root}" for environment in ENVIRONMENTS for root in ROOTS
    }
    keys = set()
    for root in root_folders():
        text = (SOURCE / root / "terraform.tf").read_text()
        assert re.search(r"use_lockfile += true", text), root
        assert re.search(r"encrypt += true", text), root
        found = re.search(r'key += "([^"]+)"\n +region += "([^"]+)"', text)
        assert found is not None, root
        keys.add(found[1])
        if root in environment_roots():
            assert found[2] == {"global": "us-west-2"}.get(root.name, root.name)
    assert len(keys) == len(root_folders())


def _without_names(file: Path) -> str:
    return re.sub(r"us-east-[12]|\b(dev|uat|cert|prod)\b", "…", file.read_text())


@pytest.mark.parametrize("kind", ROOTS)
def test_roots_of_one_kind_are_the_same_but_for_their_names(kind: str) -> None:
    """prod differs from dev by values alone, and one region from the other by its name."""
    kinds = ROOTS[:2] if kind != "global" else (kind,)
    files = {
        root: {
            file.relative_to(root).as_posix(): _without_names(file)
            for file in sorted(root.rglob("*"))
            if _is_code(file)
        }
        for root in (SOURCE / "environments" / environment / each for environment in ENVIRONMENTS for each in kinds)
    }

    first, *others = files.values()
    assert len(first) == 5
    assert all(other == first for other in others)


def _is_code(file: Path) -> bool:
    return file.suffix in {".tf", ".hcl"} and ".terraform" not in file.parts and not file.name.startswith(".")


def test_environments_give_the_same_values() -> None:
    """No environment has a value that another has not: what is tried in dev is what runs in prod."""
    names = {
        environment: {output.labels for output in blocks(SOURCE / "environments" / environment / "values", "output")}
        for environment in ENVIRONMENTS
    }

    assert len(set(map(frozenset, names.values()))) == 1


def test_no_two_networks_share_addresses() -> None:
    """Environments may be joined to one data centre."""
    cidrs = [
        cidr
        for environment in ENVIRONMENTS
        for cidr in re.findall(r'"(10\.\d+)\.', (SOURCE / "environments" / environment / "values/main.tf").read_text())
    ]

    assert len(cidrs) == len(set(cidrs)) == 3 * len(ENVIRONMENTS)


def test_every_setting_is_one_that_the_program_knows() -> None:
    """An unknown FIFTEEN_ variable ends a role with exit code 2: no task would start."""
    files = [SOURCE / "stacks/region/services.tf", *SOURCE.glob("environments/*/values/main.tf")]
    used = {name for file in files for name in re.findall(r"\b(FIFTEEN_[A-Z_]+[A-Z]) +=", file.read_text())}

    assert {"FIFTEEN_REGION", "FIFTEEN_DATABASE_URL", "FIFTEEN_LOG_LEVEL"} <= used
    assert used <= variables()


def test_tasks_run_commands_that_the_program_has() -> None:
    """A task with a command that is not there starts, fails, and is started again."""
    services = (SOURCE / "stacks/region/services.tf").read_text()
    commands = {tuple(re.findall(r'"([^"]+)"', found)) for found in re.findall(r"command += (\[.*\])", services)}

    assert commands == {("gateway",), ("worker",), ("db", "upgrade")}
    assert re.findall(r"port += (\d+)", services) == [
        str(Settings.model_fields[name].default) for name in ("http_port", "worker_port")
    ]


def test_a_waiver_has_a_reason() -> None:
    """A rule that is not obeyed is not obeyed for a reason, that stands where it holds."""
    waivers = [waiver for file in FILES for waiver in re.findall(r"checkov:skip=.*", file.read_text())]

    assert waivers
    assert [waiver for waiver in waivers if not re.fullmatch(r"checkov:skip=CKV2?_AWS_\d+: .{8,}", waiver)] == []


def test_a_file_is_short_and_holds_no_secret() -> None:
    """No key, no password, no private path, and no file that nobody reads to its end."""
    secret = re.compile(r"AKIA[0-9A-Z]{16}|BEGIN [A-Z ]*PRIVATE KEY-----\n|password += \"")

    assert [file for file in FILES if len(file.read_text().splitlines()) >= LINES_MAX] == []
    assert [file for file in FILES if secret.search(file.read_text())] == []


def test_the_reader_of_blocks_reads_what_terraform_formats() -> None:
    """The control of these tests: what is read is what is written."""
    text = (
        'variable "one" {\n  type = object({\n    a = string\n  })\n  nullable = false\n\n'
        "  validation {\n    condition = true\n  }\n}\n"
    )

    (block,) = blocks_of(text)

    assert block.labels == ("one",)
    assert block.argument("type") == "object({\n    a = string\n  })"
    assert block.argument("nullable") == "false"
    assert block.argument("missing") is None
    assert block.has_block("validation")
    assert not block.has_block("condition")


def test_every_folder_that_is_documented_has_an_opening() -> None:
    """What a module is stands first in it."""
    assert len(documented_folders()) > 20
