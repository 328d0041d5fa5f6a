"""The count of a scenario, from the files that it has left and nothing else; pure but for reading them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Final

from gateway.cli.drill.evidence import ACKNOWLEDGED, LEDGER, RUN
from gateway.cli.drill.kept import DamagedError, Record, read_lines, read_object, read_table
from gateway.cli.drill.region.count import Result
from gateway.cli.drill.region.evidence import Claim, Claims, Evidence, RailRecord
from gateway.cli.drill.region.keeping import CREDITED
from gateway.cli.drill.region.ledgers import Ledgers, settled_cents
from gateway.cli.drill.region.received import RailAnswers, Received, Transfer, Transfers

_ASKED: Final = "StatusRequested"
_TAKEN_OVER: Final = "TakenOver"
_DOUBT: Final = "IN_DOUBT"
_UNDECIDED: Final = "RECEIVED"
_UNSETTLED: Final = "NOT_SETTLED"

Row = Mapping[str, str]


def recounted(directory: Path) -> Result:
    """Count what a scenario has left in `directory`.

    Raises:
        FileNotFoundError: a file is missing: the drill was not kept, or did not come to its end.
        DamagedError: a file cannot be read, or lacks what it should have.

    """
    run = read_object(directory / RUN)
    result = Result.of(run)
    here, there = [_Kept(directory / region, run["prefix"], run["brought"]) for region in run["regions"]]
    rail, answers, settled = _journal(directory / LEDGER)
    _count_sent(result, _told(directory), here, there, rail)
    credited = read_object(directory / CREDITED)
    _count_received(result, run["brought"], here.transfers, there.transfers, credited, answers)
    result.diverged += len(run["tables"])
    result.wrong += [f"the rows of {table} differ" for table in run["tables"]]
    booked = dict(zip(run["regions"], (here.booked, there.booked), strict=True))
    message_ids = {*here.message_ids, *there.message_ids, *run["brought"]}
    result.ledger_faults += [*Ledgers(settled, booked).faults(message_ids), *run["books"]]
    result.in_doubt_resolved = here.resolved
    if result.handed_back_from is not None:
        result.unsettled_in_hand_over = here.unsettled_under(result.handed_back_from + 1)
    return result


def kept_scenarios(directory: Path) -> Sequence[Path]:
    """Return the folders of the scenarios that a drill has left in a directory."""
    return sorted(file.parent for file in directory.glob(f"*/{RUN}"))


@dataclass(frozen=True)
class _Kept:
    """What one region has left, of one scenario's keys and transfers."""

    folder: Path
    prefix: str
    brought: Sequence[str]

    @cached_property
    def claims(self) -> Claims:
        """The claims, by key."""
        payments = {(row["payment_id"], row["tenant_id"], row["region"]): row for row in self._table("payment")}
        claims: defaultdict[str, list[Claim]] = defaultdict(list)
        for row in self._table("claim"):
            state = self._states.get(row["payment_id"])
            payment = payments.get((row["payment_id"], row["tenant_id"], row["region"]))
            if row["idempotency_key"].startswith(f"{self.prefix}-") and state and payment:
                claims[row["idempotency_key"]].append(
                    Claim(
                        row["region"],
                        int(row["epoch"]),
                        datetime.fromisoformat(row["claimed_at"]),
                        row["payment_id"],
                        payment["message_id"],
                        state["state"],
                        int(state["version"]),
                        int(state["epoch"]),
                    )
                )
        return claims

    @cached_property
    def transfers(self) -> Transfers:
        """What the rail has brought, by the message's id."""
        states = {row["payment_id"]: row for row in self._table("incoming_state")}
        transfers: defaultdict[str, list[Transfer]] = defaultdict(list)
        for row in self._table("incoming_transfer"):
            if row["message_id"] in self.brought and (state := states.get(row["payment_id"])):
                transfers[row["message_id"]].append(
                    Transfer(
                        row["region"], row["payment_id"], state["state"], int(state["version"]), int(state["epoch"])
                    )
                )
        return transfers

    @property
    def booked(self) -> Mapping[str, int]:
        """What is booked as settled, in cents by the message's id."""
        return {row["message_id"]: int(row["cents"]) for row in self._table("booked")}

    @property
    def message_ids(self) -> set[str]:
        """The ids of what was sent under the scenario's keys."""
        return {claim.message_id for each in self.claims.values() for claim in each}

    @property
    def resolved(self) -> int:
        """Of how many of the scenario's payments a doubt ended after the rail was asked about it.

        What was before a payment was last taken over counts for nothing, a question as little as an end.
        """
        asked: set[str] = set()
        resolved: set[str] = set()
        for row in self._table("payment_event"):
            if row["kind"] == _TAKEN_OVER:
                asked.discard(row["payment_id"])
                resolved.discard(row["payment_id"])
            elif row["kind"] == _ASKED:
                asked.add(row["payment_id"])
            elif row["state_before"] == _DOUBT != row["state_after"] and row["payment_id"] in asked:
                resolved.add(row["payment_id"])
        return len(resolved & {claim.payment_id for each in self.claims.values() for claim in each})

    def unsettled_under(self, epoch: int) -> int:
        """How many transfers were undecided when they were taken over under an epoch, and did not settle."""
        moved = {
            row["payment_id"]
            for row in self._table("payment_event")
            if row["kind"] == _TAKEN_OVER and row["state_before"] == _UNDECIDED and int(row["epoch"]) == epoch
        }
        ours = {each.payment_id: each.state for transfers in self.transfers.values() for each in transfers}
        return sum(ours.get(payment_id) == _UNSETTLED for payment_id in moved)

    @cached_property
    def _states(self) -> Mapping[str, Row]:
        return {row["payment_id"]: row for row in self._table("payment_state")}

    def _table(self, name: str) -> Iterator[Record]:
        return read_table(self.folder / f"{name}.csv")


def _journal(file: Path) -> tuple[RailRecord, RailAnswers, Mapping[str, int]]:
    """What the rail has taken, what it was answered, and what has settled, in cents by the message's id."""
    for _ in read_lines(file):
        pass  # each line is whole
    lines = file.read_bytes().splitlines()
    try:
        return RailRecord.read(lines), RailAnswers.read(lines), settled_cents(lines)
    except KeyError as error:
        raise DamagedError(str(file), f"a line, or a member, about {error} is not there") from error


def _told(directory: Path) -> Mapping[str, frozenset[str]]:
    told: defaultdict[str, set[str]] = defaultdict(set)
    for line in read_lines(directory / ACKNOWLEDGED):
        told[line["key"]].add(line["payment_id"])
    return {key: frozenset(payment_ids) for key, payment_ids in told.items()}


def _count_sent(
    result: Result, told: Mapping[str, frozenset[str]], here: _Kept, there: _Kept, rail: RailRecord
) -> None:
    """Count what clients have submitted."""
    missed = frozenset(result.unknown) if result.is_synchronous else frozenset()
    evidence = Evidence(told, here.claims, there.claims, rail, result.moved_at, missed)
    result.acknowledged += len(told)
    for key in evidence.keys:
        doubled, diverged = evidence.doubled(key), evidence.diverged(key)
        unaccounted = evidence.unaccounted(key) if key in told else None
        result.doubled += doubled is not None
        result.diverged += diverged is not None
        result.accounted += key in told and unaccounted is None
        result.wrong += [f"{key}: {fault}" for fault in (doubled, diverged, unaccounted) if fault]
    for message_id in (*result.stale, *result.timely):
        if fault := held_up(rail, message_id, settles=message_id in result.timely):
            result.wrong.append(f"{message_id} {fault}")


def _count_received(
    result: Result,
    message_ids: Sequence[str],
    here: Transfers,
    there: Transfers,
    credited: Mapping[str, int],
    rail: RailAnswers,
) -> None:
    """Count what the rail has brought: what was accepted was acknowledged, and must be what the rail made of it."""
    received = Received(rail, here, there, credited, frozenset(result.missed))
    accepted = frozenset(rail.accepted(message_ids))
    result.received = len(message_ids)
    result.acknowledged += len(accepted)
    for message_id in message_ids:
        doubled, diverged = received.doubled(message_id), received.diverged(message_id)
        unaccounted = received.unaccounted(message_id)
        result.doubled += doubled is not None
        result.diverged += diverged is not None
        result.accounted += message_id in accepted and unaccounted is None
        result.wrong += [f"received {message_id}: {fault}" for fault in (doubled, diverged, unaccounted) if fault]


def held_up(rail: RailRecord, message_id: str, *, settles: bool) -> str | None:
    """Return what is wrong with a message that a frozen process wrote once it went on; None if nothing is."""
    if not rail.copies[message_id]:
        return "was held up, and never came: nothing was shown"
    if settles:
        return None if rail.settled[message_id] else "was held up, and not taken by the rail in time: nothing was shown"
    return "was held up, and settled" if rail.settled[message_id] else None
