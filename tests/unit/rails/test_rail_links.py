"""Which link the settings choose, and what they say when something is missing."""

from __future__ import annotations

import sys

import pytest

from adapters.rails.amqp import AmqpRailLink
from adapters.rails.http import HttpRailLink
from adapters.rails.ibm_mq.link import IbmMqRailLink
from gateway.domain.payment import Rail
from gateway.rail_links import rail_link
from gateway.service.ports import MessageClass
from gateway.settings import IbmMqSettings, SettingsError
from tests.fakes.ibm_mq import QueueManager, load_over_stand_in, reachable

PARTY = "990000107"
NO_MQ = IbmMqSettings()
QUEUES = {
    f"{direction}_{each}_queue": f"{direction}.{each}".upper() for direction in ("out", "in") for each in MessageClass
}
MQ = IbmMqSettings(channel="FIFTEEN.SVRCONN", key_repository="/keys/fednow.p12", **QUEUES)


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("http://127.0.0.1:8020", HttpRailLink),
        ("https://rail.invalid", HttpRailLink),
        ("amqp://guest:guest@127.0.0.1/", AmqpRailLink),
        ("amqps://broker.invalid/", AmqpRailLink),
    ],
)
def test_the_scheme_chooses_the_link(url: str, link: type) -> None:
    """Nothing is connected by that."""
    assert isinstance(rail_link(Rail.FEDNOW, url=url, connection_party=PARTY, ibm_mq=NO_MQ), link)


@pytest.mark.parametrize("url", ["", "127.0.0.1:8020", "ftp://127.0.0.1", "mq://qm"])
def test_a_scheme_that_is_no_link_is_refused(url: str) -> None:
    """With the variable's name, before anything is sent anywhere."""
    with pytest.raises(SettingsError, match="FIFTEEN_RTP__URL"):
        rail_link(Rail.RTP, url=url, connection_party=PARTY, ibm_mq=NO_MQ)


async def test_ibm_mq_is_reached_as_the_settings_say() -> None:
    """Hosts as MQ writes them, tried in turn; the queue manager's name is the URL's path."""
    load_over_stand_in()
    manager = QueueManager(*QUEUES.values())

    with reachable(manager, connection_name="mq1.invalid(1414),mq2.invalid(1415)"):
        url = "ibmmq://mq1.invalid:1414,mq2.invalid:1415/FED.QM1"
        async with rail_link(Rail.FEDNOW, url=url, connection_party=PARTY, ibm_mq=MQ) as link:
            assert isinstance(link, IbmMqRailLink)
            for message_class in MessageClass:
                await link.send(message_class.encode(), message_class=message_class)

    assert {said.queue_manager for said in manager.connected} == {b"FED.QM1"}
    assert [(name, message.body) for name, message in manager.taken] == [
        (QUEUES[f"out_{each}_queue"], each.encode()) for each in MessageClass
    ]


@pytest.mark.parametrize("missing", ["channel", "key_repository", *QUEUES])
def test_everything_that_ibm_mq_needs_is_demanded_by_name(missing: str) -> None:
    """At the start, and not when the first payment wants that queue."""
    incomplete = MQ.model_copy(update={missing: ""})

    with pytest.raises(SettingsError, match=f"FIFTEEN_FEDNOW__IBM_MQ__{missing.upper()} too$"):
        rail_link(Rail.FEDNOW, url="ibmmq://mq.invalid:1414/QM", connection_party=PARTY, ibm_mq=incomplete)


@pytest.mark.parametrize(
    "hosts", ["", "mq.invalid", "mq.invalid:", ":1414", "mq.invalid:x", "one.invalid:1,,two.invalid:2"]
)
def test_hosts_without_a_port_are_refused(hosts: str) -> None:
    """The default port of MQ is no default of a rail's."""
    load_over_stand_in()

    with pytest.raises(SettingsError, match="ibmmq://host:port"):
        rail_link(Rail.FEDNOW, url=f"ibmmq://{hosts}/QM", connection_party=PARTY, ibm_mq=MQ)


def test_a_missing_package_is_a_fault_of_the_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to install."""
    monkeypatch.setitem(sys.modules, "ibmmq", None)

    with pytest.raises(SettingsError, match=r"FIFTEEN_FEDNOW__URL is of IBM MQ: .*fifteen\[ibm-mq\]"):
        rail_link(Rail.FEDNOW, url="ibmmq://mq.invalid:1414/QM", connection_party=PARTY, ibm_mq=MQ)
