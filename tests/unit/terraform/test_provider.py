"""Where the provider's plugin is looked for, and what is said where it is nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.terraform import provider
from tests.terraform.provider import PLUGIN_NAME, WAIVER, ProviderMissingError, configuration_file, find_plugin


def plugin_in(folder: Path) -> Path:
    """An executable of the right name in a folder."""
    folder.mkdir(parents=True)
    plugin = folder / f"{PLUGIN_NAME}_x5"
    plugin.write_text("")
    plugin.chmod(0o755)
    return plugin


@pytest.fixture
def _no_usual_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any plugin."""
    monkeypatch.setattr(provider, "usual_folders", lambda environment: [Path(environment.get("HOME", "/nonexistent"))])


@pytest.mark.usefixtures("_no_usual_folders")
def test_a_configuration_that_is_there_comes_first(tmp_path: Path) -> None:
    """Whoever has set Terraform up is not overruled."""
    named = tmp_path / "terraform.rc"
    named.write_text("")

    assert configuration_file(tmp_path, {"TF_CLI_CONFIG_FILE": str(named)}) == named


@pytest.mark.usefixtures("_no_usual_folders")
def test_a_plugin_is_found_by_its_name_however_deep_a_mirror_lays_it(tmp_path: Path) -> None:
    """The configuration leads to the folder that it lies in, also where a named configuration is missing."""
    plugin = plugin_in(tmp_path / "home" / "mirror" / provider.ADDRESS / "any_machine")

    written = configuration_file(
        tmp_path, {"HOME": str(tmp_path / "home"), "TF_CLI_CONFIG_FILE": str(tmp_path / "gone")}
    )

    assert written is not None
    assert str(tmp_path / "mirror") in written.read_text()
    (linked,) = (tmp_path / "mirror" / provider.ADDRESS).iterdir()
    assert linked.resolve() == plugin.parent


@pytest.mark.usefixtures("_no_usual_folders")
def test_another_version_or_a_file_that_cannot_run_is_not_it(tmp_path: Path) -> None:
    """A near miss would be another provider."""
    plugin_in(tmp_path / "one").chmod(0o644)
    other = tmp_path / "other" / "terraform-provider-aws_v6.0.0_x5"
    other.parent.mkdir()
    other.write_text("")
    other.chmod(0o755)

    assert find_plugin([tmp_path]) is None


@pytest.mark.usefixtures("_no_usual_folders")
def test_nothing_found_is_a_failure_that_names_places_and_remedy(tmp_path: Path) -> None:
    """A check that finds no provider has not passed."""
    with pytest.raises(ProviderMissingError) as raised:
        configuration_file(tmp_path, {"HOME": str(tmp_path)})

    assert str(tmp_path) in str(raised.value)
    assert f"{WAIVER}=registry" in str(raised.value)


@pytest.mark.usefixtures("_no_usual_folders")
def test_a_registry_is_used_when_it_is_asked_for(tmp_path: Path) -> None:
    """Where there is a way to it, Terraform fetches the provider by itself."""
    assert configuration_file(tmp_path, {WAIVER: "registry"}) is None
