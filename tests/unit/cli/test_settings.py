"""Settings: where they come from, in which order, and that no secret is ever shown."""

from __future__ import annotations

import json
from operator import attrgetter
from pathlib import Path

import aiormq
import pytest

from adapters.archive.directory import DirectoryArchive
from adapters.archive.s3 import S3Archive
from adapters.keys.aes import AesVault
from adapters.keys.clear import ClearVault
from adapters.system import SystemClock
from gateway.archiving import archive_of, directory_of, reader_of, vault_of
from gateway.receiving import open_institution
from gateway.settings import SettingsError, load_settings, masked, witness_url_of
from gateway.settings.reading import virtual_host_of
from gateway.signing import brokers_of


def set_sources(monkeypatch: pytest.MonkeyPatch, directory: Path, *, toml: str = "", **secrets: str) -> None:
    """Make a TOML file and secret files, and name them in the environment."""
    (directory / "fifteen.toml").write_text(toml)
    (directory / "secrets").mkdir()
    for name, text in secrets.items():
        (directory / "secrets" / name).write_text(text)
    monkeypatch.setenv("FIFTEEN_CONFIG_FILE", str(directory / "fifteen.toml"))
    monkeypatch.setenv("FIFTEEN_SECRETS_DIR", str(directory / "secrets"))


def test_the_environment_goes_before_secret_files_and_those_before_toml(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The nearest source wins, one setting at a time."""
    toml = (
        'regions = ["environment"]\nregion = "toml"\ntenant_name = "toml"\nhttp_port = 1\n[fednow]\nrail_clock_s = 7\n'
    )
    set_sources(monkeypatch, tmp_path, toml=toml, fifteen_tenant_name="secret", fifteen_region="secret")
    monkeypatch.setenv("FIFTEEN_REGION", "environment")

    settings = load_settings()

    assert (settings.region, settings.tenant_name, settings.http_port) == ("environment", "secret", 1)
    assert settings.fednow.rail_clock_s == 7
    assert settings.fednow.status_request_wait_s == 25


def test_one_nested_setting_leaves_the_others_of_its_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """FIFTEEN_FEDNOW__URL changes the URL alone."""
    set_sources(monkeypatch, tmp_path, toml="[fednow]\nrail_clock_s = 7\n")
    monkeypatch.setenv("FIFTEEN_FEDNOW__URL", "http://127.0.0.1:9")

    settings = load_settings()

    assert (settings.fednow.url, settings.fednow.rail_clock_s) == ("http://127.0.0.1:9", 7)


@pytest.mark.parametrize(
    ("variables", "rails", "default"),
    [
        ({}, ("fednow",), "fednow"),
        ({"FIFTEEN_RTP__URL": "http://127.0.0.1:8021"}, ("fednow", "rtp"), "fednow"),
        ({"FIFTEEN_RTP__URL": "http://127.0.0.1:8021", "FIFTEEN_DEFAULT_RAIL": "rtp"}, ("fednow", "rtp"), "rtp"),
        ({"FIFTEEN_RTP__URL": "http://127.0.0.1:8021", "FIFTEEN_FEDNOW__URL": ""}, ("rtp",), "rtp"),
    ],
)
def test_a_rail_is_served_where_it_has_an_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variables: dict[str, str], rails: tuple[str, ...], default: str
) -> None:
    """Who adds RTP changes nothing for those who name no rail; a rail without an address is not served."""
    set_sources(monkeypatch, tmp_path)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    settings = load_settings()

    assert (settings.rails, settings.rail_of_others) == (rails, default)


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"FIFTEEN_FEDNOW__URL": ""}, "no rail is served"),
        ({"FIFTEEN_DEFAULT_RAIL": "rtp"}, "default_rail rtp is not served"),
        ({"FIFTEEN_RTP__REPEAT_WAIT_S": "15"}, "the answer may still come"),
        ({"FIFTEEN_RTP__RAIL_IDS": ""}, "FIFTEEN_RTP__RAIL_IDS"),
        ({"FIFTEEN_RTP__SEND_MARGIN_S": "14.9"}, "rtp.send_margin_s"),
        ({"FIFTEEN_FEDNOW__SEND_MARGIN_S": "13"}, r"fednow.send_margin_s and what our own legs .* \(2.1 s\)"),
        *(
            ({"FIFTEEN_FEDNOW__ENQUIRY_CODES": text}, f"FIFTEEN_FEDNOW__ENQUIRY_CODES: .*{says}")
            for text, says in (
                ("E400", "'E400' must be a code and what it says, as E400=not_found"),
                ("E400=not_found, E411=pending", "'E411=pending' must be .*in_process"),
                ("=not_found", "'=not_found' must be"),
                ("E400=not_found, E400=in_process", "E400 is there twice: say once what it means"),
            )
        ),
        *(
            ({"FIFTEEN_FEDNOW__RECEIVER_RESERVES": text}, f"receiver_reserves: {says}")
            for text, says in (
                ("990000107", "'990000107' must be an institution, its reserve"),
                ("990000107=2, 990000107=3", "990000107 is there twice: say its reserve once"),
                ("990000107=6", "'990000107=6': a reserve is 5 s at the most"),
                ("990000107=1", "'990000107=1': the reserve must be longer than our share of 1 s"),
                ("990000107=1/0", "'990000107=1/0': the reserve must be longer"),
            )
        ),
    ],
)
def test_settings_of_a_rail_that_cannot_work_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variables: dict[str, str], says: str
) -> None:
    """At the start, not at the first payment."""
    set_sources(monkeypatch, tmp_path)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=says):
        load_settings()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("file:///var/archive", "archive_url needs keys_file"),
        ("/var/archive", "FIFTEEN_ARCHIVE_URL"),
        ("s3://", "ARCHIVE"),
    ],
)
def test_an_archive_that_could_not_be_used_or_is_not_encrypted_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str, says: str
) -> None:
    """What leaves the database leaves encrypted, or not at all."""
    set_sources(monkeypatch, tmp_path)
    monkeypatch.setenv("FIFTEEN_ARCHIVE_URL", url)

    with pytest.raises(SettingsError, match=says):
        load_settings()


def test_what_is_set_is_what_is_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A directory, a bucket, or none; a key file that cannot be used is named."""
    set_sources(monkeypatch, tmp_path)
    keys = tmp_path / "keys"
    keys.write_text("one AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")
    keys.chmod(0o600)
    nothing = load_settings()
    monkeypatch.setenv("FIFTEEN_KEYS_FILE", str(keys))
    monkeypatch.setenv("FIFTEEN_ARCHIVE_URL", "file:///var/my%20archive")
    directory = load_settings()
    monkeypatch.setenv("FIFTEEN_ARCHIVE_URL", "s3://bucket/prefix")
    bucket = load_settings()

    assert (archive_of(nothing), reader_of(nothing, SystemClock()), type(vault_of(nothing))) == (None, None, ClearVault)
    assert type(archive_of(directory)) is DirectoryArchive
    assert type(vault_of(directory)) is AesVault
    assert type(archive_of(bucket)) is S3Archive
    assert (directory_of(bucket), directory_of(nothing)) == (None, None)
    keys.chmod(0o644)
    with pytest.raises(SettingsError, match=r"FIFTEEN_KEYS_FILE: .*chmod 600"):
        vault_of(bucket)


def test_secrets_are_masked_wherever_settings_are_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`fifteen config` is pasted into tickets."""
    set_sources(monkeypatch, tmp_path, fifteen_api_key="canary-key", fifteen_index_key="canary-index")
    monkeypatch.setenv("FIFTEEN_DATABASE_URL", "postgresql://user:canary-password@db/fifteen")
    monkeypatch.setenv("FIFTEEN_BROKER_URL", "amqp://user:canary-broker@one, amqp://user:canary-broker@two")
    monkeypatch.setenv("FIFTEEN_FEDNOW__URL", "amqp://user:canary-rail@rail/")
    monkeypatch.setenv("FIFTEEN_FEDNOW__IBM_MQ__KEY_REPOSITORY_PASSWORD", "canary-keys")

    settings = load_settings()

    assert "canary" not in json.dumps(masked(settings)) + repr(settings)
    assert masked(settings)["fednow"]["url"] == "amqp://user:**********@rail/"
    assert len(settings.broker_url) == 2
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == "canary-key"


@pytest.mark.parametrize(
    ("variable", "value"),
    [("FIFTEEN_HTTP_PORT", "many"), ("FIFTEEN_FEDNOW__RAIL_CLOCK_S", "-1"), ("FIFTEEN_LOG_LEVEL", "loud")],
)
def test_a_wrong_setting_is_named_as_it_is_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, value: str
) -> None:
    """The error says which variable, and what is wrong with it."""
    set_sources(monkeypatch, tmp_path)
    monkeypatch.setenv(variable, value)

    with pytest.raises(SettingsError, match=variable):
        load_settings()


def test_an_unknown_setting_in_the_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A slip of the pen must not leave a default in force."""
    set_sources(monkeypatch, tmp_path, toml="htp_port = 1\n")

    with pytest.raises(SettingsError, match="FIFTEEN_HTP_PORT"):
        load_settings()


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("http://institution.example/v1", "must be https"),
        ("ftp://institution.example", "must be https://host/path"),
        ("institution.example", "must be https://host/path"),
        ("https://", "must be https://host/path"),
        ("https://host:port/", "is no address"),
        ("https://sample:word@institution.example/", "must not carry a name or a password"),
        ("https://institution.example/v1", None),
        ("http://127.0.0.1:8030/v1", None),
        ("http://[::1]:8030/v1", None),
        ("http://localhost/v1", None),
        ("queue:bank.incoming-transfers_2", None),
        ("queue:", "must be queue:name"),
        ("queue://sample:word@broker/bank", "must be queue:name"),
        ("queue:bank incoming", "must be queue:name"),
        ("amqps://broker.example/bank", "must be https://host/path"),
    ],
)
def test_an_institutions_address_is_safe_for_names_and_accounts(
    monkeypatch: pytest.MonkeyPatch, url: str, remedy: str | None
) -> None:
    """In clear over a network, or to nowhere, nobody is asked about customers' money."""
    monkeypatch.setenv("FIFTEEN_INSTITUTION_URL", url)

    if remedy is None:
        assert load_settings().institution_url == url
        return
    with pytest.raises(SettingsError, match="INSTITUTION_URL") as caught:
        load_settings()
    assert remedy in str(caught.value)
    assert "word" not in str(caught.value).replace("password", "")


@pytest.mark.parametrize(
    ("settings", "remedy"),
    [
        ({"INSTITUTION_BROKER_URL": "amqp://sample:word@broker.example/bank"}, "tenant default must be amqps"),
        ({"INSTITUTION_BROKER_URL": "https://sample:word@broker.example/bank"}, "must be amqps://user"),
        ({"INSTITUTION_BROKER_URL": "amqps://sample:word@broker.example:no/bank"}, "is no address"),
        (
            {
                "BROKER_URL": "amqps://bus:word@broker.example/bus",
                "INSTITUTION_BROKER_URL": "amqps://broker.example/bank,amqps://sample:word@broker.example:5671/bus",
            },
            "is the bus's virtual host",
        ),
        *(
            ({"INSTITUTION_BROKER_URL": f"amqps://broker.example/bank?{query}"}, "must not say no_verify_ssl")
            for query in ("no_verify_ssl=1", "no_verify_ssl=", "no_verify_ssl", "heartbeat=9&no%5Fverify_ssl=%20")
        ),
        ({"INSTITUTION_BROKERS_FILE": '{"further": "amqps://broker.example/bank"}'}, "an object of lists"),
        ({"INSTITUTION_BROKERS_FILE": '{"further": ["amqp://sample:word@broker.example/"]}'}, "tenant further must be"),
        ({"INSTITUTION_BROKERS_FILE": "{"}, "Expecting"),
    ],
)
async def test_a_broker_at_which_names_are_in_clear_or_the_bus_is_open_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: dict[str, str], remedy: str
) -> None:
    """Who may answer on a virtual host may put a message onto every queue in it; and no password is shown."""
    for name, value in settings.items():
        text = value
        if name.endswith("FILE"):
            (tmp_path / "brokers.json").write_text(value)
            text = str(tmp_path / "brokers.json")
        monkeypatch.setenv(f"FIFTEEN_{name}", text)

    with pytest.raises(SettingsError, match="FIFTEEN_INSTITUTION") as caught:
        async with open_institution(load_settings(), SystemClock()):
            raise AssertionError
    assert remedy in str(caught.value)
    assert "word" not in str(caught.value).replace("password", "")


@pytest.mark.parametrize(
    ("bus", "institutions"),
    [
        ("amqp://broker.example/bus", "amqps://broker.example/bus"),
        ("amqps://broker.example:5671/bus", "amqps://other:word@Broker.Example.:5673/%62us"),
        ("amqp://localhost:5672/", "amqp://127.0.0.1:5673"),
        ("amqp://127.0.0.1/%2F", "amqps://[::1]/?heartbeat=9"),
        ("amqps://broker.example/bus", "amqps://broker.example/bank/../bus"),
        ("amqps://broker.example/", "amqps://broker.example/%252F"),
    ],
)
async def test_the_bus_is_found_by_whatever_name_and_port_it_is_called(
    monkeypatch: pytest.MonkeyPatch, bus: str, institutions: str
) -> None:
    """As the library understands a URL, so is it compared; another virtual host, or host, is another: the control."""
    monkeypatch.setenv("FIFTEEN_BROKER_URL", bus)
    monkeypatch.setenv("FIFTEEN_INSTITUTION_BROKER_URL", institutions)

    with pytest.raises(ValueError, match="is the bus's virtual host"):
        brokers_of(load_settings())
    assert aiormq.Connection(bus).vhost == aiormq.Connection(institutions).vhost == virtual_host_of(institutions)[1]
    for other in ("amqps://broker.example/another", "amqps://another.example/bus"):
        monkeypatch.setenv("FIFTEEN_INSTITUTION_BROKER_URL", other)
        assert brokers_of(load_settings()) == {"default": [other]}


def test_every_tenants_brokers_are_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The first one's from its setting, further ones' from their file; the bus's other virtual host is another."""
    (tmp_path / "brokers.json").write_text('{"further": ["amqps://one/a", "amqps://two/a"]}')
    monkeypatch.setenv("FIFTEEN_INSTITUTION_BROKERS_FILE", str(tmp_path / "brokers.json"))
    monkeypatch.setenv("FIFTEEN_INSTITUTION_BROKER_URL", "amqp://localhost/bank, amqps://two/%2F")
    monkeypatch.setenv("FIFTEEN_BROKER_URL", "amqp://localhost/,amqps://two/bus")

    assert brokers_of(load_settings()) == {
        "further": ["amqps://one/a", "amqps://two/a"],
        "default": ["amqp://localhost/bank", "amqps://two/%2F"],
    }


@pytest.mark.parametrize(
    ("toml", "refused"),
    [
        ('regions = ["local", "b", "c"]', "one or two"),
        ('regions = ["local", "local"]', "one or two"),
        ('retired_regions = ["local"]', "retired"),
        ('peer_ca_file = "/authority.pem"', "together"),
        ("lease_s = 1", "LEASE_S"),
    ],
)
def test_regions_that_could_not_serve_side_by_side_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, toml: str, refused: str
) -> None:
    """Said when a process starts, and not when money is under way."""
    set_sources(monkeypatch, tmp_path, toml=toml)

    with pytest.raises(SettingsError, match=refused):
        load_settings()


def test_two_regions_without_a_witness_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each could believe that the other is dead; the text says what is missing."""
    set_sources(monkeypatch, tmp_path, toml='regions = ["local", "b"]')
    settings = load_settings()

    assert settings.peer == "b"
    with pytest.raises(SettingsError, match="FIFTEEN_WITNESS_URL"):
        witness_url_of(settings)


def test_a_protective_sign_off_with_two_regions_needs_a_connection_point(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The connection party is both regions': without a point of its own the guard could do nothing."""
    set_sources(monkeypatch, tmp_path, toml='region = "east"\nregions = ["east", "west"]\n')
    monkeypatch.setenv("FIFTEEN_FEDNOW__PROTECTIVE_SIGN_OFF_AFTER_S", "30")

    with pytest.raises(SettingsError, match="protective_sign_off_after_s needs"):
        load_settings()
    monkeypatch.setenv("FIFTEEN_FEDNOW__CONNECTION_POINT", "EAST")

    assert load_settings().fednow.protective_sign_off_after_s == 30


@pytest.mark.parametrize("name", ["PROTECTIVE_SIGN_OFF_AFTER_S", "TOTALS_INTERVAL_S", "CONNECTION_POINT"])
def test_what_is_set_to_nothing_is_switched_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """An environment cannot take a variable away that a file sets; empty says never."""
    set_sources(monkeypatch, tmp_path)
    monkeypatch.setenv(f"FIFTEEN_FEDNOW__{name}", "")

    assert getattr(load_settings().fednow, name.lower()) is None


@pytest.mark.parametrize(
    "name",
    [
        *("keys_repeated_within_s", "takeover_after_s", "peer_listen_port", "default_rail", "core_url"),
        *("stand_in_file", "screening_file", "schemas_folder", "institution_authorities", "screening_authorities"),
        "rtp.sender_limit_cents",
    ],
)
def test_what_is_set_to_nothing_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """Each says of itself what empty means: no limit, by command alone, no listener; a path is never "."."""
    set_sources(monkeypatch, tmp_path)
    monkeypatch.setenv(f"FIFTEEN_{name.upper().replace('.', '__')}", "")

    assert attrgetter(name)(load_settings()) is None


def test_totals_are_compared_more_often_than_the_alert_waits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """RailTotalsNotCompared fires after half an hour: an interval of as much would have it fire all day."""
    set_sources(monkeypatch, tmp_path)
    monkeypatch.setenv("FIFTEEN_FEDNOW__TOTALS_INTERVAL_S", "1201")

    with pytest.raises(SettingsError, match="TOTALS_INTERVAL_S"):
        load_settings()
