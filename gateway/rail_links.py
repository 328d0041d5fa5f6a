"""Which rail link an installation has: the scheme of the rail's URL says it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from urllib.parse import unquote, urlsplit

from adapters.rails.carrier import Carrier
from adapters.rails.http import HttpRailLink
from gateway.domain.payment import Rail
from gateway.service.ports import MessageClass
from gateway.settings import IbmMqSettings, SettingsError


def rail_link(
    rail: Rail, *, url: str, connection_party: str, ibm_mq: IbmMqSettings, connection_point: str | None = None
) -> AbstractAsyncContextManager[Carrier]:
    """Return the link to a rail: HTTP or AMQP to a simulator, IBM MQ to the real one. It connects when first used.

    `connection_party` is who we are on the rail, and `connection_point` where we connect; IBM MQ knows us by our
    certificate, and the point by its queues.

    Raises:
        SettingsError: there is no such link, or something that it needs is missing.

    """
    match urlsplit(url).scheme:
        case "http" | "https":
            return HttpRailLink(url, connection_party=connection_party, connection_point=connection_point)
        case "amqp" | "amqps":
            from adapters.rails.amqp import AmqpRailLink

            return AmqpRailLink(url, network=rail.value, connection_party=connection_party)
        case "ibmmq":
            return _ibm_mq_link(rail, url, ibm_mq)
        case _:
            raise SettingsError(f"{_variable(rail, 'URL')}: http(s)://, amqp(s):// or ibmmq:// is meant, not {url!r}")


def _ibm_mq_link(rail: Rail, url: str, mq: IbmMqSettings) -> AbstractAsyncContextManager[Carrier]:
    from adapters.rails.ibm_mq.connection import Channel, IbmMqMissingError
    from adapters.rails.ibm_mq.link import IbmMqRailLink, Queues

    outgoing = {
        MessageClass.VALUE: mq.out_value_queue,
        MessageClass.NONVALUE: mq.out_nonvalue_queue,
        MessageClass.INQUIRY: mq.out_inquiry_queue,
        MessageClass.SYSTEM: mq.out_system_queue,
    }
    incoming = {
        MessageClass.VALUE: mq.in_value_queue,
        MessageClass.NONVALUE: mq.in_nonvalue_queue,
        MessageClass.INQUIRY: mq.in_inquiry_queue,
        MessageClass.SYSTEM: mq.in_system_queue,
    }
    _demand_complete(rail, mq, outgoing, incoming)
    parts, password = urlsplit(url), mq.key_repository_password
    channel = Channel(
        queue_manager=unquote(parts.path.removeprefix("/")),
        connection_name=",".join(_connection_name(rail, host) for host in parts.netloc.split(",")),
        channel=mq.channel,
        cipher_spec=mq.cipher_spec,
        key_repository=mq.key_repository,
        key_repository_password=None if password is None else password.get_secret_value(),
        certificate_label=mq.certificate_label,
        peer_name=mq.peer_name,
    )
    try:
        return IbmMqRailLink(channel, Queues(outgoing=outgoing, incoming=incoming))
    except IbmMqMissingError as error:
        raise SettingsError(f"{_variable(rail, 'URL')} is of IBM MQ: {error}") from error


def _demand_complete(
    rail: Rail, mq: IbmMqSettings, outgoing: Mapping[MessageClass, str], incoming: Mapping[MessageClass, str]
) -> None:
    needed = {"CHANNEL": mq.channel}
    if mq.cipher_spec:
        needed["KEY_REPOSITORY"] = mq.key_repository
    needed |= {f"OUT_{each.upper()}_QUEUE": name for each, name in outgoing.items()}
    needed |= {f"IN_{each.upper()}_QUEUE": name for each, name in incoming.items()}
    if missing := [_variable(rail, f"IBM_MQ__{name}") for name, value in needed.items() if not value]:
        raise SettingsError(f"{_variable(rail, 'URL')} is of IBM MQ: set {', '.join(missing)} too")


def _connection_name(rail: Rail, host: str) -> str:
    """Return ``host:port`` as MQ writes it."""
    name, colon, port = host.rpartition(":")
    if not (name and colon and port.isascii() and port.isdigit()):
        raise SettingsError(
            f"{_variable(rail, 'URL')}: ibmmq://host:port,host:port/QUEUE.MANAGER is meant, not {host!r}"
        )
    return f"{name}({port})"


def _variable(rail: Rail, name: str) -> str:
    return f"FIFTEEN_{rail.upper()}__{name}"
