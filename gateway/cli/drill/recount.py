"""The count, from the files alone: who was acknowledged, where the money is, and what is wrong.

It knows nothing of the gateway's code: the states are named here once more, with what each says of the money, and the
history is followed event by event. `fifteen drill recount DIR` runs it again on what a drill has kept.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from gateway.cli.drill.evidence import ACKNOWLEDGED, LEDGER, QUEUES, RUN, WITNESS
from gateway.cli.drill.kept import DamagedError, Record, read_lines, read_object, read_table
from gateway.cli.drill.plants import Plant
from gateway.cli.drill.rejections import CALM_MAX_S, Rejection, Span, disturbed, longest_calm_s, rejection_of

SHOWN_MAX: Final = 20
"""So many of each kind of fault are listed; the counts are whole."""

MOVED: Final = frozenset({"SETTLED", "ACCEPTED_WITHOUT_POSTING", "RETURN_DUE", "RETURNED"})
NOT_MOVED: Final = frozenset({"REJECTED"})
OPEN: Final = frozenset({"RECEIVED", "HELD", "RELEASED", "SENDING", "IN_DOUBT", "AWAITING_OPERATOR", "RESEND_DUE"})
"""The states, by what they say of the money."""

RESTING: Final = (".dead-letters", ".unreadable")
"""How the names of the broker's queues end on which a delivery rests that nobody handles any more."""

_SETTLED_ON_THE_RAIL: Final = frozenset({"ACSC", "ACWP"})


@dataclass(frozen=True, slots=True)
class Truth:
    """What the rail knows of one end-to-end id: how many copies came, and how many of them moved money."""

    copies: int = 0
    settled: int = 0
    open: int = 0


@dataclass(slots=True)
class Count:
    """The result. Every list names payments; a good drill has none in any of them."""

    acknowledged: int = 0
    settled: int = 0
    rejected: int = 0
    in_doubt: int = 0
    lost: list[str] = field(default_factory=list)
    """Acknowledged, and not accounted for; or moved on the rail, and not known here as moved."""
    doubled: list[str] = field(default_factory=list)
    """Money moved twice, or the rail has more than one copy; or one key has two payments."""
    stuck: list[str] = field(default_factory=list)
    """Without a final state, with a delivery that never left the outbox or died, or never sent without an excuse."""
    wrong: list[str] = field(default_factory=list)
    """The state is not the rail's truth, or not what the client was told, or the client was refused."""
    violations: dict[str, list[str]] = field(default_factory=dict)
    """Broken invariants, by the guard that should have kept them."""
    rejections: Counter[str] = field(default_factory=Counter)
    """The rejected, by who gave which reason at which event."""
    unsent: list[str] = field(default_factory=list)
    """The rejected of which the rail has no trace; those without an excuse are stuck too."""

    @property
    def is_good(self) -> bool:
        """Whether nothing is lost, doubled, stuck or wrong, and every invariant holds."""
        return not (self.lost or self.doubled or self.stuck or self.wrong or any(self.violations.values()))

    def as_json(self) -> dict[str, Any]:
        """Return the numbers, and the beginning of each list."""
        lists = self._lists()
        return {
            "acknowledged": self.acknowledged,
            "settled": self.settled,
            "rejected": self.rejected,
            "in_doubt": self.in_doubt,
            **{name: len(found) for name, found in lists.items()},
            "violations": {name: len(found) for name, found in self.violations.items()},
            "shown": {name: found[:SHOWN_MAX] for name, found in {**lists, **self.violations}.items() if found},
        }

    def whole(self) -> dict[str, Any]:
        """Return every list whole, and what the numbers do not tell of the rejected."""
        return {"rejections": self.rejections, "unsent": self.unsent, "found": {**self._lists(), **self.violations}}

    def _lists(self) -> Mapping[str, list[str]]:
        return {"lost": self.lost, "doubled": self.doubled, "stuck": self.stuck, "wrong": self.wrong}

    def remarks(self) -> Iterator[str]:
        """Return what is told beside the numbers: why payments are rejected, and what never reached the rail."""
        for why, number in self.rejections.most_common():
            yield f"rejected: {number:,} by {why}"
        yield f"rejected, and the rail has no trace of it: {len(self.unsent):,}"
        for what in self.unsent[:SHOWN_MAX]:
            yield f"  {what}"


def recount(directory: Path) -> Count:
    """Count what a drill has left in `directory`.

    Raises:
        FileNotFoundError: a file is missing: the drill was not kept, or did not come to its end.
        DamagedError: a file cannot be read, or lacks what it should have.

    """
    count = Count(violations={plant: [] for plant in Plant})
    truth = _truth(directory)
    payments = {row["payment_id"]: row for row in _table(directory, "payment")}
    states = {row["payment_id"]: row for row in _table(directory, "payment_state")}
    _count_acknowledged(count, directory, payments, states)
    _count_states(count, payments, states, truth)
    _count_doubles(count, payments, truth)
    _follow_histories(count, directory, payments, states)
    _check_ledger(count, directory, payments, states)
    _count_left_over(count, directory)
    for line in read_lines(directory / WITNESS):
        if line["invariant"] not in count.violations:
            raise DamagedError(line.place, f"there is no invariant {line['invariant']}")
        count.violations[line["invariant"]].append(line["what"])
    run = read_object(directory / RUN)
    _count_rejections(count, directory, payments, states, run["outages"])
    count.violations[Plant.RAIL_REFUSAL] += run["rail_refusal"]
    if Plant.SYNCHRONOUS_COMMIT in run["plants"]:
        count.violations[Plant.SYNCHRONOUS_COMMIT] += count.lost
    return count


def _count_acknowledged(
    count: Count, directory: Path, payments: Mapping[str, Mapping[str, str]], states: Mapping[str, Mapping[str, str]]
) -> None:
    claims: dict[str, list[str]] = defaultdict(list)
    for row in _table(directory, "claim"):
        claims[row["idempotency_key"]].append(row["payment_id"])
    keys = set()
    for line in read_lines(directory / ACKNOWLEDGED):
        key = line["key"]
        if "fault" in line:
            count.wrong.append(f"{key}: {line['fault']}")
            continue
        keys.add(key)
        if claims[key] != [line["payment_id"]] or line["payment_id"] not in payments:
            count.lost.append(f"{key}: acknowledged as {line['payment_id']}, claimed by {claims[key] or 'nobody'}")
        elif line["final"] and line["payment_id"] in states:  # what has no state is lost: `_count_states`
            now = states[line["payment_id"]]["state"]
            if now not in _same_money(line):
                count.wrong.append(f"{key}: its client was told {line['state']}, and it is {now}")
    count.acknowledged = len(keys)
    for key, found in claims.items():
        if len(found) > 1:
            count.doubled.append(f"{key}: claimed by {', '.join(found)}")


def _same_money(told: Record) -> frozenset[str]:
    """What a payment that was once told final may have become: the certainty about the money never changes."""
    for kind in (MOVED, NOT_MOVED, OPEN):
        if told["state"] in kind:
            return kind
    raise DamagedError(told.place, f"there is no state {told['state']}")


def _count_states(
    count: Count,
    payments: Mapping[str, Mapping[str, str]],
    states: Mapping[str, Mapping[str, str]],
    truth: Mapping[str, Truth],
) -> None:
    for payment_id, payment in payments.items():
        found = truth.get(payment["end_to_end_id"], Truth())
        row = states.get(payment_id)
        if row is None:
            count.lost.append(f"{payment_id}: it has no state")
            continue
        state = row["state"]
        count.settled += state in MOVED
        count.rejected += state in NOT_MOVED
        count.in_doubt += state in {"IN_DOUBT", "AWAITING_OPERATOR"}
        if state not in MOVED | NOT_MOVED:
            count.stuck.append(f"{payment_id}: {state}")
        elif (state in MOVED) != (found.settled > 0) or found.open:
            kind = count.lost if found.settled else count.wrong
            kind.append(f"{payment_id}: it is {state}, and the rail settled {found.settled} of {found.copies} copies")


def _count_doubles(count: Count, payments: Mapping[str, Mapping[str, str]], truth: Mapping[str, Truth]) -> None:
    known = Counter(payment["end_to_end_id"] for payment in payments.values())
    count.doubled += [f"{reference}: {number} payments" for reference, number in known.items() if number > 1]
    for reference, found in truth.items():
        if found.copies > 1 or found.settled > 1:
            count.doubled.append(f"{reference}: {found.copies} copies on the rail, {found.settled} settled")
        if reference not in known and found.settled:
            count.lost.append(f"{reference}: the rail settled it, and the database does not know it")


def _count_left_over(count: Count, directory: Path) -> None:
    """Deliveries that have not left the outbox, or have died, and what nobody has taken off the broker."""
    for row in _table(directory, "outbox"):
        count.stuck.append(f"{row['payment_id']}: still in the outbox for {row['queue']}")
    for row in _table(directory, "dead_letter"):
        why = f"{row['reason']} {row['fault']}".strip()
        count.stuck.append(f"{row['payment_id']}: its delivery {row['delivery_id']} died on {row['queue']}: {why}")
    for row in _table(directory, QUEUES):
        if row["name"].endswith(RESTING) and row["messages"] != "0":
            count.stuck.append(f"{row['name']}: {row['messages'] or 'nobody knows how many'} messages rest on it")


def _count_rejections(
    count: Count,
    directory: Path,
    payments: Mapping[str, Mapping[str, str]],
    states: Mapping[str, Mapping[str, str]],
    outages: list[dict[str, str]],
) -> None:
    """Why payments are rejected; and what never reached the rail, though nothing was in its way, is stuck."""
    histories, known = _histories(directory), _known_to_the_rail(directory)
    disturbances = disturbed(outages)
    for payment_id, payment in payments.items():
        if payment_id not in states or states[payment_id]["state"] not in NOT_MOVED:
            continue
        is_known = payment["message_id"] in known
        found = rejection_of(payment, histories.get(payment_id, []), is_known_to_the_rail=is_known)
        count.rejections["no event" if found is None else found.why] += 1
        if found is not None:
            _count_unsent(count, found, disturbances)


def _count_unsent(count: Count, rejection: Rejection, disturbances: Sequence[Span]) -> None:
    if rejection.unsent is None:
        return
    calm_s = longest_calm_s(rejection.unsent, disturbances)
    what = f"{rejection.payment_id}: {rejection.why}; of its time {calm_s:.1f} s in a row were calm"
    count.unsent.append(what)
    if calm_s >= CALM_MAX_S:
        count.stuck.append(f"{what}: nothing kept it from the rail")


def _histories(directory: Path) -> Mapping[str, list[dict[str, str]]]:
    histories: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in _table(directory, "payment_event"):
        histories[row["payment_id"]].append(row)
    return histories


def _known_to_the_rail(directory: Path) -> frozenset[str]:
    """The ids of all messages that have come to the rail, those too that it was told to lose."""
    return frozenset(line["message_id"] for line in read_lines(directory / LEDGER) if line.get("message_id"))


def _follow_histories(
    count: Count,
    directory: Path,
    payments: Mapping[str, Mapping[str, str]],
    states: Mapping[str, Mapping[str, str]],
) -> None:
    """Each history begins with acceptance, has no gap and no break, and ends where the projection stands."""
    histories = _histories(directory)
    for payment_id in payments:
        history = histories.get(payment_id, [])
        breaks = list(_breaks(history))
        count.violations[Plant.VERSION_CHECK] += [f"{payment_id}: {what}" for what in breaks]
        heard = Counter(
            row["business_message_id"]
            for row in history
            if row["business_message_id"] and row["kind"].endswith(_HEARD_FROM_THE_RAIL)
        )
        again = [f"{payment_id}: {name} has had {number} effects" for name, number in heard.items() if number > 1]
        count.violations[Plant.INBOX] += again
        now, last = states.get(payment_id), history[-1] if history else None
        if now and last and (now["state"], now["version"]) != (last["state_after"], last["sequence"]):
            count.wrong.append(f"{payment_id}: it is {now['state']}, and its events say {last['state_after']}")
        if any(event["contradiction"] == "t" for event in history):
            count.wrong.append(f"{payment_id}: the rail contradicted what was certain")


def _check_ledger(
    count: Count,
    directory: Path,
    payments: Mapping[str, Mapping[str, str]],
    states: Mapping[str, Mapping[str, str]],
) -> None:
    """What is settled stands on the rail's account, what is rejected with its debtor again, and nothing in between."""
    booked: dict[str, Counter[str]] = defaultdict(Counter)
    for posting in _table(directory, "ledger_posting"):
        booked[posting["payment_id"]][posting["debit"]] += int(posting["amount_cents"])
        booked[posting["payment_id"]][posting["credit"]] -= int(posting["amount_cents"])
    for payment_id, row in states.items():
        if row["state"] in OPEN or payment_id not in payments:
            continue
        cents = int(payments[payment_id]["amount_cents"]) if row["state"] in MOVED else 0
        found = booked[payment_id]
        if (found["rail"], found["reserved"], found["funds"]) != (cents, 0, -cents):
            count.wrong.append(f"{payment_id}: it is {row['state']}, and booked is {dict(found)}")


_HEARD_FROM_THE_RAIL: Final = ("Reported", "Refused", "Unexplained", "Unanswered")
"""How the names of events end that come with a message of the rail."""


def _breaks(history: list[dict[str, str]]) -> Iterator[str]:
    if not history or history[0]["kind"] != "PaymentAccepted":
        yield "its history does not begin with its acceptance"
    for before, after in pairwise(history):
        if int(after["sequence"]) != int(before["sequence"]) + 1:
            yield f"event {after['sequence']} follows event {before['sequence']}"
        if after["state_before"] != before["state_after"]:
            yield f"{after['kind']} was decided on {after['state_before']}, when it was {before['state_after']}"


def _truth(directory: Path) -> dict[str, Truth]:
    """What the rail did, by end-to-end id: copies that were booked, and those that moved money."""
    booked: dict[int, Record] = {}
    completed: set[int] = set()
    for line in read_lines(directory / LEDGER):
        if line["fact"] == "PaymentBooked":
            booked[line["copy"]] = line
        elif line["fact"] == "PaymentCompleted":
            completed.add(line["copy"])
    found: dict[str, Truth] = defaultdict(Truth)
    for copy, line in booked.items():
        one = found[line["end_to_end_id"]]
        moved = copy in completed and line["status"] in _SETTLED_ON_THE_RAIL
        found[line["end_to_end_id"]] = Truth(one.copies + 1, one.settled + moved, one.open + (copy not in completed))
    return dict(found)


def _table(directory: Path, name: str) -> Iterator[Record]:
    return read_table(directory / f"{name}.csv")
