"""What is particular to IBM MQ: units of work, reason codes, threads, TLS. All of it on the stand-in alone."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Final

import pytest

from adapters.rails.ibm_mq.connection import Channel, Connection, Gate, IbmMqMissingError, load_package
from adapters.rails.ibm_mq.link import IbmMqRailLink, Queues
from adapters.rails.ibm_mq.reasons import BACKED_OUT, CONNECTION_BROKEN, NO_MSG_AVAILABLE, REFUSALS
from gateway.service.ports import MessageClass, NotSentError, RailLink, UnavailableError
from tests.fakes.ibm_mq import CC_WARNING, Fault, load_over_stand_in
from tests.integration.bus.harness import eventually
from tests.integration.rails.stands import VISIBILITY_S, IbmMqStand, receive_until

OUT: Final = IbmMqStand.QUEUES.outgoing[MessageClass.VALUE]
IN: Final = IbmMqStand.QUEUES.incoming[MessageClass.VALUE]
UNEXPECTED_ERROR: Final = 2195
CALL_INTERRUPTED: Final = 2549
LONG_ENOUGH_S: Final = 5.0

PERSISTENT, UTF8 = 1, 1208


@pytest.fixture
async def link(mq: IbmMqStand) -> AsyncIterator[RailLink]:
    """A link to the queue manager in memory."""
    async with mq.link() as link:
        yield link


@asynccontextmanager
async def impatient(mq: IbmMqStand) -> AsyncIterator[RailLink]:
    """A link that loses patience quickly."""
    async with IbmMqRailLink(mq.CHANNEL, mq.QUEUES, send_timeout_s=0.2, lease_s=VISIBILITY_S) as link:
        yield link


async def send(link: RailLink, body: bytes = b"payment") -> None:
    """Send a message of value."""
    await link.send(body, message_class=MessageClass.VALUE)


def sent(mq: IbmMqStand) -> Sequence[bytes]:
    """What anybody could get from the out-queue."""
    return mq.manager.waiting(OUT)


# --- Sending: certain or not ------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", REFUSALS, ids=[each.name for each in REFUSALS.values()])
async def test_a_refused_put_is_certain_whatever_befalls_the_connection_then(
    mq: IbmMqStand, link: RailLink, reason: int
) -> None:
    """The queue manager has said no; a lost connection while undoing takes nothing of it back."""
    mq.manager.fail_next("MQPUT", Fault(reason))
    mq.manager.fail_next("MQBACK", Fault(CONNECTION_BROKEN, breaks=True))

    with pytest.raises(NotSentError, match=str(reason)):
        await send(link)
    await send(link, b"the next one")

    assert sent(mq) == [b"the next one"]


async def test_a_put_that_failed_for_another_reason_is_certain_once_it_is_undone(
    mq: IbmMqStand, link: RailLink
) -> None:
    """A unit of work that is not committed, and of which the queue manager says that it is undone, has sent nothing."""
    mq.manager.fail_next("MQPUT", Fault(UNEXPECTED_ERROR))

    with pytest.raises(NotSentError):
        await send(link)

    assert sent(mq) == []


@pytest.mark.parametrize("reason", [CONNECTION_BROKEN, UNEXPECTED_ERROR])
async def test_a_put_that_failed_without_a_word_that_it_was_undone_is_in_doubt(
    mq: IbmMqStand, link: RailLink, reason: int
) -> None:
    """Certainty is the queue manager's to give: neither an unknown reason nor a lost connection is one."""
    mq.manager.fail_next("MQPUT", Fault(reason, breaks=True))

    with pytest.raises(UnavailableError) as raised:
        await send(link)

    assert type(raised.value) is UnavailableError
    assert mq.manager.calls.count("MQPUT") == 1


async def test_a_put_with_a_warning_has_put_and_is_undone(mq: IbmMqStand, link: RailLink) -> None:
    """The package raises for warnings as for failures: taken for unsent and committed later, it would be sent twice."""
    mq.manager.fail_next("MQPUT", Fault(UNEXPECTED_ERROR, completion=CC_WARNING))

    with pytest.raises(NotSentError):
        await send(link)
    await send(link, b"the next one")

    assert sent(mq) == [b"the next one"]


async def test_a_refusals_reason_as_a_warning_is_no_refusal(mq: IbmMqStand, link: RailLink) -> None:
    """With a warning the message is there; only the undoing would make it certain, and it fails here."""
    mq.manager.fail_next("MQPUT", Fault(2053, completion=CC_WARNING))
    mq.manager.fail_next("MQBACK", Fault(CONNECTION_BROKEN, breaks=True))

    with pytest.raises(UnavailableError) as raised:
        await send(link)

    assert type(raised.value) is UnavailableError


@pytest.mark.parametrize("is_after", [False, True], ids=["not committed", "committed"])
@pytest.mark.parametrize("reason", [CONNECTION_BROKEN, CALL_INTERRUPTED])
async def test_a_commit_without_an_answer_is_in_doubt(
    mq: IbmMqStand, link: RailLink, *, reason: int, is_after: bool
) -> None:
    """From here it cannot be told whether the rail has it; it is not put again."""
    mq.manager.fail_next("MQCMIT", Fault(reason, is_after=is_after, breaks=True))

    with pytest.raises(UnavailableError) as raised:
        await send(link)

    assert type(raised.value) is UnavailableError
    assert sent(mq) == [b"payment"] * is_after
    assert mq.manager.calls.count("MQPUT") == 1


async def test_a_commit_that_was_backed_out_is_certain(mq: IbmMqStand, link: RailLink) -> None:
    """MQRC_BACKED_OUT is an answer: nothing of the unit of work is there."""
    mq.manager.fail_next("MQCMIT", Fault(BACKED_OUT, breaks=True))

    with pytest.raises(NotSentError):
        await send(link)

    assert sent(mq) == []


async def test_a_queue_that_cannot_be_opened_has_taken_nothing(mq: IbmMqStand) -> None:
    """Each queue on its own: the others go on."""
    queues = Queues(outgoing={**mq.QUEUES.outgoing, MessageClass.INQUIRY: "UNHEARD.OF"}, incoming=mq.QUEUES.incoming)

    async with IbmMqRailLink(mq.CHANNEL, queues) as link:
        with pytest.raises(NotSentError, match="MQRC_UNKNOWN_OBJECT_NAME"):
            await link.send(b"question", message_class=MessageClass.INQUIRY)
        await send(link)

    assert sent(mq) == [b"payment"]


async def test_an_idle_connection_that_has_died_is_found_out_before_anything_is_put(
    mq: IbmMqStand, link: RailLink
) -> None:
    """A queue manager's restart overnight leaves no payment in doubt in the morning."""
    await send(link, b"evening")
    mq.manager.stop()
    mq.manager.start()

    with pytest.raises(NotSentError):
        await send(link, b"morning")
    await send(link, b"morning")

    assert sent(mq) == [b"evening", b"morning"]


async def test_who_gave_up_while_it_connected_has_sent_nothing_then_or_later(mq: IbmMqStand) -> None:
    """A message that left after its payment was given up could settle what the client was told is rejected."""
    hang = threading.Event()
    mq.manager.fail_next("MQCONNX", Fault(0, hangs=hang))

    async with impatient(mq) as link:
        with pytest.raises(NotSentError):
            await send(link)
        hang.set()
        await eventually(lambda: "MQOPEN" in mq.manager.calls)
        await send(link, b"the next one")

    assert sent(mq) == [b"the next one"]


async def test_who_gave_up_while_it_was_committed_is_in_doubt(mq: IbmMqStand) -> None:
    """The thread goes on, and the message arrives after all."""
    hang = threading.Event()
    mq.manager.fail_next("MQCMIT", Fault(0, hangs=hang))

    async with impatient(mq) as link:
        with pytest.raises(UnavailableError) as raised:
            await send(link)
        hang.set()
        await eventually(lambda: sent(mq) == [b"payment"])

    assert type(raised.value) is UnavailableError


async def test_a_cancelled_send_does_not_leave_later(mq: IbmMqStand, link: RailLink) -> None:
    """The worker is being stopped: what it has not put by then is not put by its threads either."""
    hang = threading.Event()
    mq.manager.fail_next("MQCONNX", Fault(0, hangs=hang))

    async with asyncio.TaskGroup() as group:
        sending = group.create_task(send(link))
        await eventually(lambda: "MQCONNX" in mq.manager.calls)
        sending.cancel()
    hang.set()
    await eventually(lambda: "MQOPEN" in mq.manager.calls)
    await send(link, b"the next one")

    assert sent(mq) == [b"the next one"]


def test_a_gate_lets_one_side_win() -> None:
    """Through or shut, whoever comes first."""
    passed, shut = Gate(), Gate()

    assert (passed.go_through(), passed.shut()) == (True, False)
    assert (shut.shut(), shut.go_through()) == (True, False)


async def test_a_queue_manager_that_is_down_is_not_hammered(mq: IbmMqStand, link: RailLink) -> None:
    """Many payments wait; it is called again only after a pause, which grows."""
    mq.manager.stop()
    mq.manager.calls.clear()

    for _ in range(50):
        with suppress(NotSentError):
            await send(link)
        await asyncio.sleep(0.01)

    assert mq.manager.calls.count("MQCONNX") <= 4


# --- Receiving: a unit of work ----------------------------------------------------------------------------------


async def test_a_unit_of_work_is_committed_when_the_last_of_it_is_acknowledged(mq: IbmMqStand, link: RailLink) -> None:
    """A part alone cannot be committed, and who acknowledges it is told that it may come again."""
    for number in range(3):
        mq.manager.deliver(IN, f"answer {number}".encode())
    receipts = [each.receipt for each in await link.receive(messages_max=10, wait_s=LONG_ENOUGH_S)]
    assert len(receipts) == 3

    with pytest.raises(UnavailableError, match="same unit of work"):
        await link.acknowledge(receipts[:2])
    await link.acknowledge(receipts[2:])

    await eventually(lambda: mq.manager.queues[IN] == [])


async def test_a_unit_of_work_of_which_a_part_is_overdue_comes_again_whole(mq: IbmMqStand, link: RailLink) -> None:
    """Nothing is lost with what was acknowledged early; the inbox knows the repeats."""
    for number in range(2):
        mq.manager.deliver(IN, f"answer {number}".encode())
    first = await link.receive(messages_max=10, wait_s=LONG_ENOUGH_S)
    with pytest.raises(UnavailableError):
        await link.acknowledge([first[0].receipt])

    again = await link.receive(messages_max=10, wait_s=LONG_ENOUGH_S)

    assert list(again) == list(first)
    assert [message.backouts for message in mq.manager.queues[IN]] == [1, 1]


async def test_a_commit_of_what_was_received_that_fails_is_not_certain(mq: IbmMqStand, link: RailLink) -> None:
    """It comes again, over a new connection."""
    mq.manager.deliver(IN, b"answer")
    (delivery,) = await link.receive(messages_max=1, wait_s=LONG_ENOUGH_S)
    mq.manager.fail_next("MQCMIT", Fault(CONNECTION_BROKEN, breaks=True))

    with pytest.raises(UnavailableError, match="MQCMIT"):
        await link.acknowledge([delivery.receipt])

    assert await receive_until(link, 1) == [b"answer"]


async def test_a_rail_that_uses_a_message_id_twice_loses_nothing(mq: IbmMqStand, link: RailLink) -> None:
    """Receipts are of the bytes: to acknowledge one of the two is not to acknowledge the other."""
    mq.manager.deliver(IN, b"one", message_id=b"m" * 24)
    (one,) = await link.receive(messages_max=1, wait_s=LONG_ENOUGH_S)
    mq.manager.deliver(IN, b"other", message_id=b"m" * 24)
    (other,) = await link.receive(messages_max=1, wait_s=LONG_ENOUGH_S)

    await link.acknowledge([one.receipt])

    assert one.receipt != other.receipt
    assert [message.body for message in mq.manager.queues[IN]] == [b"other"]


async def test_as_many_units_of_work_as_there_are_connections_can_be_in_hand(mq: IbmMqStand, link: RailLink) -> None:
    """A receiver that saves one batch fetches the next; beyond that it waits for what it has, and for its leases."""
    for number in range(6):
        mq.manager.deliver(IN, f"answer {number}".encode())

    batches = [await link.receive(messages_max=1, wait_s=0.1) for _ in range(5)]

    assert [len(batch) for batch in batches] == [1, 1, 1, 1, 0]
    assert len(set(await receive_until(link, 6))) == 6


async def test_one_queue_for_all_classes_is_read_once(mq: IbmMqStand) -> None:
    """A rail may give one in-queue for everything."""
    queues = Queues(outgoing=mq.QUEUES.outgoing, incoming=dict.fromkeys(MessageClass, IN))

    async with IbmMqRailLink(mq.CHANNEL, queues) as link:
        await link.receive(messages_max=1, wait_s=0.05)

    assert mq.manager.calls.count("MQCONNX") == 1


async def test_a_queue_that_does_not_answer_does_not_hold_back_the_others(mq: IbmMqStand, link: RailLink) -> None:
    """The call hangs in its own thread; messages of other classes come meanwhile."""
    hang = threading.Event()
    mq.manager.fail_next("MQGET", Fault(0, hangs=hang))
    with suppress(TimeoutError):
        async with asyncio.timeout(0.1):
            await link.receive(messages_max=1, wait_s=LONG_ENOUGH_S)

    for queue in mq.QUEUES.incoming.values():
        mq.manager.deliver(queue, f"on {queue}".encode())
    bodies = await receive_until(link, 3)
    hang.set()

    assert len(set(bodies + await receive_until(link, 1))) == 4


async def test_a_quiescing_queue_manager_is_left_alone(mq: IbmMqStand, link: RailLink) -> None:
    """An orderly stop is not held up: nothing is put, and waits end at once."""
    await send(link)
    mq.manager.is_quiescing = True

    with pytest.raises(NotSentError, match="QUIESCING"):
        await send(link)
    with pytest.raises(UnavailableError, match="QUIESCING"):
        await link.receive(messages_max=1, wait_s=LONG_ENOUGH_S)


def test_a_get_that_fails_half_way_undoes_what_it_got(mq: IbmMqStand) -> None:
    """Left in the unit of work, it would be gone with the next commit, and nobody had ever seen it."""
    connection = Connection(mq.CHANNEL)
    mq.manager.deliver(IN, b"first")
    mq.manager.fail_next("MQGET", Fault(0))
    mq.manager.fail_next("MQGET", Fault(UNEXPECTED_ERROR))

    with pytest.raises(UnavailableError):
        connection.get(IN, messages_max=2, wait_s=0, is_stopped=lambda: False)

    assert mq.manager.waiting(IN) == [b"first"]


def test_a_commit_over_a_closed_connection_is_not_certain(mq: IbmMqStand) -> None:
    """Closing has undone the unit of work."""
    connection = Connection(mq.CHANNEL)
    mq.manager.deliver(IN, b"first")
    connection.get(IN, messages_max=1, wait_s=0, is_stopped=lambda: False)
    connection.close()

    with pytest.raises(UnavailableError):
        connection.commit()

    assert mq.manager.waiting(IN) == [b"first"]


# --- Connections ------------------------------------------------------------------------------------------------


async def test_disconnecting_commits_nothing(mq: IbmMqStand) -> None:
    """MQDISC commits what is open: a message that was never saved would be gone, one called unsent would be sent."""
    mq.manager.deliver(IN, b"answer")

    async with mq.link() as link:
        assert await link.receive(messages_max=1, wait_s=LONG_ENOUGH_S)

    assert mq.manager.waiting(IN) == [b"answer"]
    assert mq.manager.connections == 0


def test_the_control_a_bare_disconnect_does_commit(mq: IbmMqStand) -> None:
    """The trap is there: the package itself, asked to disconnect with a unit of work open, has the message gone."""
    connection = Connection(mq.CHANNEL)
    mq.manager.deliver(IN, b"answer")
    connection.get(IN, messages_max=1, wait_s=0, is_stopped=lambda: False)

    connection._manager.disconnect()

    assert mq.manager.queues[IN] == []


def test_a_connection_that_is_forgotten_does_not_disconnect(mq: IbmMqStand) -> None:
    """The package would, by its default, at garbage collection: and commit."""
    connection = Connection(mq.CHANNEL)
    mq.manager.deliver(IN, b"answer")
    connection.get(IN, messages_max=1, wait_s=0, is_stopped=lambda: False)

    del connection
    gc.collect()

    assert "MQDISC" not in mq.manager.calls
    assert len(mq.manager.queues[IN]) == 1


def test_what_cannot_be_undone_is_not_disconnected(mq: IbmMqStand) -> None:
    """With a unit of work that could not be backed out, MQDISC might commit it."""
    connection = Connection(mq.CHANNEL)
    mq.manager.deliver(IN, b"answer")
    connection.get(IN, messages_max=1, wait_s=0, is_stopped=lambda: False)
    mq.manager.fail_next("MQBACK", Fault(UNEXPECTED_ERROR))

    connection.close()

    assert "MQDISC" not in mq.manager.calls


async def test_each_connection_is_used_by_one_thread_alone(mq: IbmMqStand, link: RailLink) -> None:
    """MQ's connection handles belong to threads."""
    async with asyncio.TaskGroup() as group:
        for number in range(40):
            group.create_task(send(link, f"payment {number}".encode()))
    await receive_until(link, 40)
    await link.check()

    assert mq.manager.wrong_threads == []
    assert mq.manager.connections > 1


async def test_a_message_is_persistent_text_in_utf8_under_options_that_are_spelled_out(
    mq: IbmMqStand, link: RailLink
) -> None:
    """A default of a queue or a package decides nothing: unit of work, quiescing, persistence, character set."""
    package = load_over_stand_in()
    await send(link)
    await receive_until(link, 1)

    ((_, message),) = mq.manager.taken
    descriptor, cmqc = message.descriptor, package.CMQC
    assert (descriptor.Persistence, descriptor.CodedCharSetId, descriptor.Format) == (PERSISTENT, UTF8, b"MQSTR   ")
    assert (descriptor.MsgId, descriptor.CorrelId) == (bytes(24), bytes(24))
    assert mq.manager.options["MQPUT"] == {cmqc.MQPMO_SYNCPOINT | cmqc.MQPMO_FAIL_IF_QUIESCING}
    got = cmqc.MQGMO_SYNCPOINT | cmqc.MQGMO_FAIL_IF_QUIESCING | cmqc.MQGMO_NO_PROPERTIES
    assert mq.manager.options["MQGET"] == {got | cmqc.MQGMO_WAIT, got | cmqc.MQGMO_NO_WAIT}
    assert all(options & cmqc.MQOO_FAIL_IF_QUIESCING for options in mq.manager.options["MQOPEN"])


async def test_mutual_tls_reaches_the_client_library_as_it_was_set(mq: IbmMqStand) -> None:
    """Cipher, key repository, our certificate and the other's name; and no reconnecting behind our back."""
    package = load_over_stand_in()
    channel = replace(
        mq.CHANNEL,
        cipher_spec="ANY_TLS13_OR_HIGHER",
        key_repository="/keys/fednow.p12",
        key_repository_password="canary",
        certificate_label="fifteen",
        peer_name="CN=qm1.invalid,O=Rail",
    )

    async with IbmMqRailLink(channel, mq.QUEUES) as link:
        await link.check()

    (said,) = mq.manager.connected
    assert said.queue_manager == b"QM1"
    assert said.definition.ChannelName.rstrip(b"\0") == b"FIFTEEN.SVRCONN"
    assert said.definition.SSLCipherSpec.rstrip(b"\0") == b"ANY_TLS13_OR_HIGHER"
    assert said.peer_name == b"CN=qm1.invalid,O=Rail"
    assert said.tls == (b"/keys/fednow.p12", b"canary", b"fifteen")
    assert said.options.Options & package.CMQC.MQCNO_RECONNECT_DISABLED
    assert said.options.Options & package.CMQC.MQCNO_CLIENT_BINDING
    assert "canary" not in repr(channel)


def test_the_reason_codes_are_those_of_the_package() -> None:
    """Numbers are written down once more in our tables, so that they can be read without the package."""
    cmqc = load_over_stand_in().CMQC

    ours = {number: refusal.name for number, refusal in REFUSALS.items()}
    ours |= {
        BACKED_OUT: "MQRC_BACKED_OUT", NO_MSG_AVAILABLE: "MQRC_NO_MSG_AVAILABLE",
        CONNECTION_BROKEN: "MQRC_CONNECTION_BROKEN",
    }  # fmt: skip

    assert {getattr(cmqc, name): name for name in ours.values()} == ours


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that does not use IBM MQ does not carry it."""
    monkeypatch.setitem(sys.modules, "ibmmq", None)

    with pytest.raises(IbmMqMissingError, match=r"fifteen\[ibm-mq\]"):
        load_package()


def test_without_ibms_client_the_library_is_named() -> None:
    """In a process of its own, where the package is as it was installed: its extension finds no client library."""
    load_over_stand_in()  # or skip: there is no such package here
    program = (
        "from adapters.rails.ibm_mq.connection import *\ntry: load_package()\nexcept IbmMqMissingError as e: print(e)"
    )

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    if not said:
        pytest.skip("IBM's MQ client is installed here")
    assert "install the IBM MQ client" in said


def test_a_channel_needs_no_tls_where_there_is_none() -> None:
    """For a queue manager on a developer's machine; the settings' default is TLS."""
    assert Channel(queue_manager="QM1", connection_name="localhost(1414)", channel="DEV.APP.SVRCONN").cipher_spec == ""
