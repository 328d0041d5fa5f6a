"""Whatever is sent, repeated, lost and restarted: money moves once for each settled message, and sums to zero."""

from collections import Counter
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.fednow.behaviours import ROWS
from simulators.fednow.settings import FedNowSimulatorSettings
from tests.unit.simulators.world import World, transfer_bytes

Step = Callable[[World, list[bytes]], None]


def pay(account: str) -> Step:
    """Send a new payment."""

    def step(world: World, sent: list[bytes]) -> None:
        sent.append(transfer_bytes(world.now, world.new_message_id(), account=account))
        world.send(sent[-1])

    return step


def repeat(number: int) -> Step:
    """Send an earlier message once more."""

    def step(world: World, sent: list[bytes]) -> None:
        if sent:
            world.send(sent[number % len(sent)])

    return step


def wait(seconds: int) -> Step:
    """Let time go by."""
    return lambda world, _: world.pass_time(seconds)


def fetch(world: World, _sent: list[bytes]) -> None:
    """Fetch and acknowledge."""
    world.bodies()


def restart(world: World, _sent: list[bytes]) -> None:
    """Kill the rail and start it again."""
    world.restart()


STEPS = st.lists(
    st.one_of(
        st.sampled_from([row.example for row in ROWS]).map(pay),
        st.integers(0, 20).map(repeat),
        st.integers(1, 10).map(wait),
        st.sampled_from([fetch, restart]),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_money_moves_at_most_once_for_a_message(steps: list[Step]) -> None:
    """Finality happens once: duplicates, restarts and lost messages never settle anything twice."""
    world, sent = World(), list[bytes]()

    for step in steps:
        step(world, sent)
    world.pass_time(60)
    world.bodies()

    ledger = world.rail.book.ledger
    assert ledger.sum_cents == 0
    assert all(count == 1 for count in Counter(entry.message_id for entry in ledger.settlements).values())


@settings(max_examples=20, deadline=None)
@given(steps=STEPS)
def test_the_control_without_the_duplicate_check_a_repeat_moves_money_again(steps: list[Step]) -> None:
    """The property above can fail: it is the check that holds it, and even then nothing is made or lost."""
    world, sent = World(FedNowSimulatorSettings(check_duplicates=False)), list[bytes]()
    pay("SIMSETTLE")(world, sent)
    repeat(0)(world, sent)

    for step in steps:
        step(world, sent)

    ledger = world.rail.book.ledger
    assert ledger.sum_cents == 0
    assert max(Counter(entry.message_id for entry in ledger.settlements).values()) >= 2
