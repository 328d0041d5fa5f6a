"""One connection to a queue manager, as the package `ibmmq` makes it. Every call blocks.

A connection belongs to one thread, and has at most one unit of work. Traps, each with a test:

* **MQDISC commits** what is open. So a unit of work is backed out before every disconnect, and the package's own
  disconnecting at garbage collection is switched off.
* MQI warnings are raised like failures: a put "with a warning" has put.
* MQ's automatic reconnecting is off: it would hide a lost unit of work.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil
from types import ModuleType
from typing import Any, Final

from adapters.rails.ibm_mq.reasons import BACKED_OUT, CONNECTION_BROKEN, NO_MSG_AVAILABLE, REFUSALS
from gateway.service.ports import NotSentError, UnavailableError

MESSAGE_BYTES_MAX: Final = 104_857_600
"""What IBM MQ allows at the most (100 MiB); the channel's other end sets the limit that counts."""

HEARTBEAT_S: Final = 5
"""How often an idle or waiting channel is asked whether it lives: a dead peer is found out in about twice that."""

WAIT_SLICE_S: Final = 0.5
"""How long one MQGET waits, before it is looked whether the link is being closed."""

CCSID_UTF8: Final = 1208


class IbmMqMissingError(Exception):
    """The package `ibmmq`, or IBM's client library under it, is not here."""


class NoConnectionError(NotSentError):
    """No connection to the queue manager can be made."""


def load_package() -> ModuleType:
    """Return the package `ibmmq`.

    Raises:
        IbmMqMissingError: it is not installed, or finds no IBM MQ client.

    """
    try:
        import ibmmq
    except ModuleNotFoundError as error:
        if error.name != "ibmmq":
            raise IbmMqMissingError(
                f"IBM's MQ client library does not load ({error.__context__}): install the IBM MQ client"
            ) from error
        raise IbmMqMissingError("the package ibmmq is not installed: pip install 'fifteen[ibm-mq]'") from error
    module: ModuleType = ibmmq
    return module


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """How a client reaches a queue manager, and proves who it is.

    ``connection_name`` is as MQ writes it: ``host(port)``, several separated by commas, tried in turn. Mutual TLS: an
    empty ``cipher_spec`` means none; ``key_repository`` holds our certificate (``certificate_label``) and those that
    we trust; ``peer_name`` is what the other side's certificate must say (``CN=…,O=…``).
    """

    queue_manager: str
    connection_name: str
    channel: str
    cipher_spec: str = ""
    key_repository: str = ""
    key_repository_password: str | None = field(default=None, repr=False)
    certificate_label: str = ""
    peer_name: str = ""


class Gate:
    """Stands before the first byte: the thread that sends goes through, or who gave up waiting shuts it, never both."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_passed = False
        self._is_shut = False

    def go_through(self) -> bool:
        """Return whether the way is free; from then on it cannot be shut."""
        with self._lock:
            self._is_passed = not self._is_shut
            return self._is_passed

    def shut(self) -> bool:
        """Return whether nobody has gone through, and from now on nobody will."""
        with self._lock:
            self._is_shut = not self._is_passed
            return self._is_shut


class Connection:
    """A connection, made when it is first used and made anew after every fault; used by one thread alone."""

    def __init__(self, channel: Channel) -> None:
        self._mq = load_package()
        self._channel = channel
        self._manager: Any = None
        self._inputs: dict[str, Any] = {}

    def put(self, queue_name: str, body: bytes, gate: Gate) -> None:
        """Put one persistent message in a unit of work of its own, and commit it. Never repeats by itself.

        The queue is opened for each message: a connection that has died is found out before MQPUT is called.

        Raises:
            NotSentError: certain that the message is on no queue.
            UnavailableError: it may be.

        """
        mq = self._mq
        queue = self._open(queue_name, mq.CMQC.MQOO_OUTPUT)
        if not gate.go_through():
            raise NotSentError("given up before it was put")
        try:
            self._put(queue, queue_name, body)
        except UnavailableError:
            raise
        except BaseException:
            self.close()  # a fault of ours: what was put must not end up in the next unit of work, and its commit
            raise
        try:
            queue.close()
        except mq.Error:
            self.close()  # the message is sent; the next one gets a new connection

    def get(
        self, queue_name: str, *, messages_max: int, wait_s: float, is_stopped: Callable[[], bool]
    ) -> Sequence[bytes]:
        """Get up to so many messages into one unit of work, waiting for a first one; `commit` or `back_out` ends it.

        Raises:
            UnavailableError: the queue manager cannot be reached; whatever was got comes again.

        """
        bodies: list[bytes] = []
        left_s = wait_s
        try:
            while len(bodies) < messages_max:
                slice_s = 0.0 if bodies else min(left_s, WAIT_SLICE_S)
                body = self._get_one(queue_name, wait_s=slice_s)
                left_s -= slice_s
                if body is not None:
                    bodies.append(body)
                elif bodies or left_s <= 0 or is_stopped():
                    break
        except BaseException:
            self.close()  # whatever it was: what was got must not end up in the next unit of work, and its commit
            raise
        return bodies

    def commit(self) -> None:
        """Commit the unit of work: what was got is gone.

        Raises:
            UnavailableError: not certain; it may come again.

        """
        if self._manager is None:
            raise UnavailableError("MQCMIT: the connection is closed, and the unit of work undone")
        try:
            self._manager.commit()
        except self._mq.Error as error:
            self.close()
            raise UnavailableError(f"MQCMIT: {error}") from error

    def back_out(self) -> None:
        """Undo the unit of work: what was got comes again, here or elsewhere; a lost connection has undone it."""
        self._undo()

    def check(self, queue_name: str) -> None:
        """Return if the queue can be opened for putting now.

        Raises:
            UnavailableError: it cannot.

        """
        mq = self._mq
        queue = self._open(queue_name, mq.CMQC.MQOO_OUTPUT)
        try:
            queue.close()
        except mq.Error as error:
            self.close()
            raise UnavailableError(f"MQCLOSE of {queue_name}: {error}") from error

    def close(self) -> None:
        """Undo what is open and disconnect; a repeat is safe, and a later use connects anew."""
        mq, manager = self._mq, self._manager
        self._manager, self._inputs = None, {}
        if manager is None:
            return
        try:
            try:
                manager.backout()
            except mq.MQMIError as error:
                if error.reason != CONNECTION_BROKEN:
                    return  # MQDISC might commit what could not be undone: the end of the process will undo it
            manager.disconnect()
        except mq.Error:
            return  # it was lost: the queue manager undoes what was open

    def _put(self, queue: Any, queue_name: str, body: bytes) -> None:
        mq = self._mq
        try:
            queue.put(body, self._descriptor(), mq.PMO(Options=_put_options(mq)))
        except mq.MQMIError as error:
            is_refused = error.comp == mq.CMQC.MQCC_FAILED and error.reason in REFUSALS
            is_undone = self._undo()
            if is_refused or is_undone:
                raise NotSentError(f"MQPUT to {queue_name}: {error}") from error
            raise UnavailableError(f"MQPUT to {queue_name}, and no word that it was undone: {error}") from error
        try:
            self._manager.commit()
        except mq.MQMIError as error:
            self.close()
            if error.reason == BACKED_OUT:
                raise NotSentError(f"MQCMIT of a put to {queue_name}: {error}") from error
            raise UnavailableError(f"MQCMIT of a put to {queue_name}: {error}") from error

    def _get_one(self, queue_name: str, *, wait_s: float) -> bytes | None:
        mq = self._mq
        if queue_name not in self._inputs:
            self._inputs[queue_name] = self._open(queue_name, mq.CMQC.MQOO_INPUT_SHARED)
        options = mq.GMO(
            Options=_get_options(mq, waits=wait_s > 0), WaitInterval=ceil(wait_s * 1000), MatchOptions=mq.CMQC.MQMO_NONE
        )
        try:
            body: bytes = self._inputs[queue_name].get(None, mq.MD(), options)
        except mq.MQMIError as error:
            if error.reason == NO_MSG_AVAILABLE:
                return None
            raise UnavailableError(f"MQGET from {queue_name}: {error}") from error
        return body

    def _open(self, queue_name: str, how: int) -> Any:
        """Open a queue, connecting first where there is no connection: nothing is put by that.

        Raises:
            NotSentError: it cannot be opened; as `NoConnectionError` where it is the connection that cannot be made.

        """
        mq = self._mq
        self._connect()
        try:
            return mq.Queue(self._manager, queue_name, how | mq.CMQC.MQOO_FAIL_IF_QUIESCING)
        except mq.Error as error:
            self.close()
            raise NotSentError(f"MQOPEN of {queue_name}: {error}") from error

    def _undo(self) -> bool:
        """Back out, and return whether the queue manager has said that it did."""
        if self._manager is None:
            return False
        try:
            self._manager.backout()
        except self._mq.Error:
            self.close()
            return False
        return True

    def _connect(self) -> None:
        if self._manager is not None:
            return
        mq, channel = self._mq, self._channel
        manager = mq.QueueManager(None, disconnect_on_exit=False)
        options = mq.CNO(Options=mq.CMQC.MQCNO_CLIENT_BINDING | mq.CMQC.MQCNO_RECONNECT_DISABLED)
        tls = {"sco": _tls(mq, channel)} if channel.cipher_spec else {}
        try:
            manager.connect_with_options(channel.queue_manager, cno=options, cd=_definition(mq, channel), **tls)
        except mq.Error as error:
            raise NoConnectionError(f"MQCONNX to {channel.queue_manager}: {error}") from error
        self._manager = manager

    def _descriptor(self) -> Any:
        """Return the descriptor of a message: persistent text in UTF-8, under an id that the queue manager makes."""
        mq = self._mq
        return mq.MD(Persistence=mq.CMQC.MQPER_PERSISTENT, Format=mq.CMQC.MQFMT_STRING, CodedCharSetId=CCSID_UTF8)


def _definition(mq: ModuleType, channel: Channel) -> Any:
    definition = mq.CD(
        ChannelName=channel.channel,
        ConnectionName=channel.connection_name,
        ChannelType=mq.CMQXC.MQCHT_CLNTCONN,
        TransportType=mq.CMQXC.MQXPT_TCP,
        HeartbeatInterval=HEARTBEAT_S,
        MaxMsgLength=MESSAGE_BYTES_MAX,
    )
    if channel.cipher_spec:
        definition.SSLCipherSpec = channel.cipher_spec.encode()
        if channel.peer_name:
            definition.SSLPeerNamePtr = channel.peer_name.encode()
    return definition


def _tls(mq: ModuleType, channel: Channel) -> Any:
    options = mq.SCO(KeyRepository=channel.key_repository, CertificateLabel=channel.certificate_label)
    if channel.key_repository_password is not None:
        options.KeyRepoPassword = channel.key_repository_password.encode()
    return options


def _put_options(mq: ModuleType) -> int:
    options: int = mq.CMQC.MQPMO_SYNCPOINT | mq.CMQC.MQPMO_FAIL_IF_QUIESCING
    return options


def _get_options(mq: ModuleType, *, waits: bool) -> int:
    """In a unit of work, unchanged (no conversion), and without message properties in front of the body."""
    cmqc = mq.CMQC
    wait: int = cmqc.MQGMO_WAIT if waits else cmqc.MQGMO_NO_WAIT
    return wait | int(cmqc.MQGMO_SYNCPOINT | cmqc.MQGMO_FAIL_IF_QUIESCING | cmqc.MQGMO_NO_PROPERTIES)
