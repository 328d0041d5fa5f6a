"""A stand-in for the C layer of the package `ibmmq` (its extension `ibmmqc`), with a queue manager in memory under it.

The package's Python part is the real one, as it comes from the index; only the calls of its C extension end here,
instead of in IBM's client library. The stand-in takes and gives the same packed structures and tuples, and behaves as
IBM documents the calls: units of work, waits, backout counts, MQDISC that commits, one thread for a connection. It
proves how we use the interface, and nothing about a real queue manager: docs/rail-links.md.
"""

from __future__ import annotations

import ctypes
import importlib.util
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import count
from types import ModuleType
from typing import Any, Final

import pytest

CC_OK, CC_WARNING, CC_FAILED = 0, 1, 2
RC_CONNECTION_BROKEN, RC_HCONN_ERROR, RC_NO_MSG, RC_TRUNCATED = 2009, 2018, 2033, 2080
RC_Q_MGR_NOT_AVAILABLE, RC_UNKNOWN_OBJECT, RC_QUIESCING = 2059, 2085, 2161
SYNCPOINT, FAIL_IF_QUIESCING, WAIT = 0x2, 0x2000, 0x1

STRUCTURE_VERSIONS: Final = {"cd": 12, "cno": 7, "csp": 3, "gmo": 4, "md": 2, "od": 4, "pmo": 3, "sco": 7, "sts": 2}
"""What the extension says that it was compiled against: IBM MQ 9.4."""


@dataclass(slots=True, eq=False)
class Message:
    """A message on a queue. ``owner`` is the connection whose unit of work has it, put or got."""

    body: bytes
    descriptor: Any
    message_id: bytes
    owner: int = 0
    is_got: bool = False
    backouts: int = 0


@dataclass(slots=True)
class Fault:
    """What befalls one call: before it had its effect, or after; a broken connection has its unit of work undone."""

    reason: int
    is_after: bool = False
    breaks: bool = False
    completion: int = CC_FAILED
    hangs: threading.Event | None = None


@dataclass(frozen=True, slots=True)
class Connected:
    """What a client has said when it connected."""

    queue_manager: bytes
    options: Any
    definition: Any
    tls: tuple[bytes, bytes, bytes] | None
    """Key repository, its password, certificate label; None without TLS."""
    peer_name: bytes


@dataclass(slots=True)
class _Handle:
    thread: int
    queues: dict[int, str] = field(default_factory=dict)
    is_broken: bool = False


class QueueManager:
    """A queue manager in memory. `answering` is what the rail puts, in which in-queue, for what is committed."""

    def __init__(self, *queues: str) -> None:
        self.queues: dict[str, list[Message]] = {name: [] for name in queues}
        self.answering: Callable[[str, bytes], list[tuple[str, bytes]]] = lambda _queue, _body: []
        self.taken: list[tuple[str, Message]] = []
        """What was committed to queues that nobody reads here, by queue."""
        self.connected: list[Connected] = []
        self.calls: list[str] = []
        self.options: dict[str, set[int]] = {}
        """Which options each kind of call was made with."""
        self.wrong_threads: list[str] = []
        self.is_running = True
        self.is_quiescing = False
        self._faults: dict[str, list[Fault]] = {}
        self._handles: dict[int, _Handle] = {}
        self._numbers = count(1)
        self._changed = threading.Condition()

    def deliver(self, queue: str, body: bytes, *, message_id: bytes = b"") -> None:
        """Put a message of the rail's own accord."""
        with self._changed:
            self.queues[queue].append(Message(body, None, message_id or self._new_message_id()))
            self._changed.notify_all()

    def fail_next(self, call: str, fault: Fault) -> None:
        """Have this befall the next such call."""
        self._faults.setdefault(call, []).append(fault)

    def stop(self) -> None:
        """Break every connection: what was not committed is undone."""
        with self._changed:
            self.is_running = False
            for handle in list(self._handles):
                self._break(handle)
            self._changed.notify_all()

    def start(self) -> None:
        """Take connections again."""
        self.is_running = True

    @property
    def connections(self) -> int:
        """How many connections live."""
        return sum(not handle.is_broken for handle in self._handles.values())

    def waiting(self, queue: str) -> list[bytes]:
        """What is on a queue for anybody to get."""
        return [message.body for message in self.queues[queue] if not message.owner]

    # --- What the calls of the extension end in ---------------------------------------------------------------------

    def connect(self, said: Connected) -> tuple[int, int, int]:
        with self._changed, self._fault("MQCONNX", 0) as reason:
            if reason is not None:
                return -1, *reason
            if not self.is_running:
                return -1, CC_FAILED, RC_Q_MGR_NOT_AVAILABLE
            number = next(self._numbers)
            self._handles[number] = _Handle(threading.get_ident())
            self.connected.append(said)
            return number, CC_OK, 0

    def disconnect(self, connection: int) -> tuple[int, int]:
        """MQDISC: commits what is open, as the real one does."""
        with self._changed, self._call("MQDISC", connection) as reason:
            if reason is None:
                self._commit(connection)
            self._handles.pop(connection, None)
            return reason or (CC_OK, 0)

    def open(self, connection: int, name: str, options: int) -> tuple[int, tuple[int, int]]:
        with self._changed, self._call("MQOPEN", connection, options) as reason:
            if reason is not None:
                return 0, reason
            if name not in self.queues:
                return 0, (CC_FAILED, RC_UNKNOWN_OBJECT)
            number = next(self._numbers)
            self._handles[connection].queues[number] = name
            return number, (CC_OK, 0)

    def close(self, connection: int, queue: int) -> tuple[int, int]:
        with self._changed, self._call("MQCLOSE", connection) as reason:
            if reason is None:
                del self._handles[connection].queues[queue]
            return reason or (CC_OK, 0)

    def put(self, connection: int, queue: int, descriptor: Any, options: int, body: bytes) -> tuple[int, int]:
        with self._changed, self._call("MQPUT", connection, options) as reason:
            if reason is not None and reason[0] == CC_FAILED:
                return reason
            name = self._handles[connection].queues[queue]
            owner = connection if options & SYNCPOINT else 0
            message = Message(body, descriptor, self._new_message_id(), owner=owner)
            self.queues[name].append(message)
            if not owner:
                self._arrive(name, message)
            return reason or (CC_OK, 0)

    def get(
        self, connection: int, queue: int, options: int, *, wait_ms: int, length: int, message_id: bytes
    ) -> tuple[Message | None, tuple[int, int]]:
        with self._changed, self._call("MQGET", connection, options) as reason:
            if reason is not None:
                return None, reason
            name = self._handles[connection].queues[queue]

            def found() -> Message | None:
                wanted = (each for each in self.queues[name] if not each.owner)
                return next((each for each in wanted if message_id in {bytes(24), each.message_id}), None)

            def is_over() -> bool:
                handle = self._handles.get(connection)
                return found() is not None or handle is None or handle.is_broken or self.is_quiescing

            if options & WAIT:
                self._changed.wait_for(is_over, timeout=wait_ms / 1000)
            if self._handles[connection].is_broken:
                return None, (CC_FAILED, RC_CONNECTION_BROKEN)
            if self.is_quiescing and options & FAIL_IF_QUIESCING:
                return None, (CC_FAILED, RC_QUIESCING)
            message = found()
            if message is None:
                return None, (CC_FAILED, RC_NO_MSG)
            if len(message.body) > length:
                return message, (CC_FAILED, RC_TRUNCATED)
            if options & SYNCPOINT:
                message.owner, message.is_got = connection, True
            else:
                self.queues[name].remove(message)
            return message, (CC_OK, 0)

    def commit(self, connection: int) -> tuple[int, int]:
        with self._changed, self._call("MQCMIT", connection) as reason:
            if reason is None:
                self._commit(connection)
                return CC_OK, 0
            return reason

    def back_out(self, connection: int) -> tuple[int, int]:
        with self._changed, self._call("MQBACK", connection) as reason:
            if reason is None:
                self._undo(connection)
            return reason or (CC_OK, 0)

    # --- Inside ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _call(self, name: str, connection: int, options: int = 0) -> Iterator[tuple[int, int] | None]:
        """One call on a connection: yields why it fails, if it does."""
        self.options.setdefault(name, set()).add(options)
        handle = self._handles.get(connection)
        if handle is None:
            yield CC_FAILED, RC_HCONN_ERROR
            return
        if handle.thread != threading.get_ident():
            self.wrong_threads.append(name)
        if handle.is_broken:
            yield CC_FAILED, RC_CONNECTION_BROKEN
            return
        if self.is_quiescing and options & FAIL_IF_QUIESCING:
            yield CC_FAILED, RC_QUIESCING
            return
        with self._fault(name, connection) as reason:
            yield reason

    @contextmanager
    def _fault(self, name: str, connection: int) -> Iterator[tuple[int, int] | None]:
        self.calls.append(name)
        planned = self._faults.get(name)
        fault = planned.pop(0) if planned else None
        if fault is None:
            yield None
            return
        if fault.hangs is not None:
            self._changed.release()
            fault.hangs.wait()
            self._changed.acquire()
        if fault.is_after and name == "MQCMIT":
            self._commit(connection)
        yield None if not fault.reason else (fault.completion, fault.reason)
        if fault.breaks:
            self._break(connection)

    def _commit(self, connection: int) -> None:
        for name, messages in self.queues.items():
            for message in [each for each in messages if each.owner == connection]:
                if message.is_got:
                    messages.remove(message)
                else:
                    message.owner = 0
                    self._arrive(name, message)
        self._changed.notify_all()

    def _arrive(self, name: str, message: Message) -> None:
        self.taken.append((name, message))
        for queue, body in self.answering(name, message.body):
            self.queues[queue].append(Message(body, None, self._new_message_id()))
        self._changed.notify_all()

    def _undo(self, connection: int) -> None:
        for messages in self.queues.values():
            for message in [each for each in messages if each.owner == connection]:
                if message.is_got:
                    message.owner, message.is_got = 0, False
                    message.backouts += 1
                else:
                    messages.remove(message)
        self._changed.notify_all()

    def _break(self, connection: int) -> None:
        if connection in self._handles:
            self._handles[connection].is_broken = True
            self._undo(connection)

    def _new_message_id(self) -> bytes:
        return b"AMQ STANDIN ".ljust(16) + next(self._numbers).to_bytes(8, "big")


_NETWORK: Final[dict[str, QueueManager]] = {}
"""Queue managers by the name of the connection that reaches them."""


@contextmanager
def reachable(manager: QueueManager, *, connection_name: str) -> Iterator[None]:
    """Have a queue manager at this address while the context is open."""
    _NETWORK[connection_name] = manager
    try:
        yield
    finally:
        del _NETWORK[connection_name]


def load_over_stand_in() -> ModuleType:
    """Return the real package `ibmmq` on the stand-in of its extension; skip the test where there is no package.

    The package has to be imported with the stand-in in place the first time, and stays so in this process.
    """
    if importlib.util.find_spec("ibmmq") is None:
        pytest.skip("no wheel of ibmmq for this platform")
    sys.modules.setdefault("ibmmq.ibmmqc", _extension())
    import ibmmq

    package: ModuleType = ibmmq
    return package


def _tls(sco: bytes) -> tuple[bytes, bytes, bytes]:
    """What an MQSCO says; the package's own unpacking of it is out of step after the field of four numbers."""
    fields = struct.unpack_from("4si256s256siiPii4ii64sPii", sco)
    password, length = fields[-3], fields[-1]
    return fields[2].rstrip(b"\0"), ctypes.string_at(password, length) if password else b"", fields[14].rstrip(b"\0")


def _extension() -> ModuleType:
    """The functions of the extension: packed structures in, tuples out, completion and reason last."""
    module = ModuleType("ibmmq.ibmmqc")
    at: dict[int, QueueManager] = {}

    def text(value: bytes) -> str:
        return value.rstrip(b"\0 ").decode()

    def connx(name: bytes, cno: bytes, cd: bytes, _csp: bytes, sco: bytes | None, _bno: bytes | None) -> Any:
        mq = sys.modules["ibmmq"]
        definition = mq.CD().unpack(cd)
        peer = ctypes.string_at(definition.SSLPeerNamePtr) if definition.SSLPeerNamePtr else b""
        tls = None if sco is None else _tls(sco)
        manager = _NETWORK.get(text(definition.ConnectionName))
        if manager is None:
            return -1, CC_FAILED, 2538
        number, completion, reason = manager.connect(Connected(name, mq.CNO().unpack(cno), definition, tls, peer))
        at[number] = manager
        return number, completion, reason

    def put(connection: int, queue: int, md: bytes, pmo: bytes, body: bytes) -> Any:
        mq = sys.modules["ibmmq"]
        options = mq.PMO().unpack(pmo).Options
        return md, pmo, *at[connection].put(connection, queue, mq.MD().unpack(md), options, body)

    def get(connection: int, queue: int, md: bytes, gmo: bytes, length: int) -> Any:
        mq = sys.modules["ibmmq"]
        options, descriptor = mq.GMO().unpack(gmo), mq.MD().unpack(md)
        message, outcome = at[connection].get(
            connection,
            queue,
            options.Options,
            wait_ms=options.WaitInterval,
            length=length,
            message_id=descriptor.MsgId,
        )
        body = b"" if message is None else message.body
        if message is not None:
            descriptor.MsgId, descriptor.BackoutCount = message.message_id, message.backouts
        return body[:length], descriptor.pack(), gmo, len(body), *outcome

    def open_queue(connection: int, od: bytes, options: int) -> Any:
        name = text(sys.modules["ibmmq"].OD().unpack(od).ObjectName)
        number, outcome = at[connection].open(connection, name, options)
        return number, od, *outcome

    for name, value in {
        "__version__": version("ibmmq"),
        "__cmdlevel__": 940,
        "__mqbuild__": "stand-in",
        "__strucversions__": STRUCTURE_VERSIONS,
        "MQCBINIT": lambda _callback: None,
        "MQLOGCF": lambda *_: 0,
        "MQCONNX": connx,
        "MQDISC": lambda connection: at[connection].disconnect(connection),
        "MQOPEN": open_queue,
        "MQCLOSE": lambda connection, queue, _options: at[connection].close(connection, queue),
        "MQPUT": put,
        "MQGET": get,
        "MQCMIT": lambda connection: at[connection].commit(connection),
        "MQBACK": lambda connection: at[connection].back_out(connection),
    }.items():
        setattr(module, name, value)
    return module
