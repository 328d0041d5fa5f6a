"""What is saved goes to PostgreSQL as JSON records: a name on one side alone would be saved as NULL, in silence."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import pytest

from adapters.postgres import incoming_statements, statements
from adapters.postgres.incoming_rows import admit_parameters, incoming_save_parameters
from adapters.postgres.rows import accept_parameters, records, save_parameters
from adapters.system import SystemIdentifiers
from gateway.domain.events import EventKind
from gateway.domain.identity import delivery_id_of
from gateway.domain.incoming import IncomingEvent
from gateway.domain.incoming_transfer import IncomingFact
from gateway.domain.payment import FundsHolder, Rail
from gateway.domain.regions import FIRST_EPOCH
from gateway.service.incoming.decide import IncomingDecider
from gateway.service.ports import MessageDirection
from tests.conftest import REGION
from tests.fakes.incoming_rail import receiving_rail
from tests.integration.store.harness import NOW, VAULT, decision, new_payment, raw_message
from tests.integration.store.test_incoming_contract import new

RECORDSET: Final = re.compile(r"json_to_recordset\(\$(\d+)\) AS \w+ \(([^)]*)\)")


def declared(statement: str) -> Mapping[int, frozenset[str]]:
    """The names that a statement reads of the records in each of its parameters."""
    return {
        int(number): frozenset(column.split()[0] for column in columns.split(","))
        for number, columns in RECORDSET.findall(statement)
    }


def written(parameters: Sequence[Any], *, first: int) -> Mapping[int, frozenset[str]]:
    """The names that are written into each parameter of records; `first` is the number of the first parameter."""
    return {
        first + place: frozenset(name for record in json.loads(parameter) for name in record)
        for place, parameter in enumerate(parameters)
        if isinstance(parameter, str)
    }


def accepting() -> Sequence[Any]:
    """What is given to the statement that accepts a payment."""
    return accept_parameters([new_payment("key-1")], VAULT, region=REGION, epochs=[FIRST_EPOCH])


def saving() -> Sequence[Any]:
    """What is given to the statements that save: a decision with everything that may be saved with one."""
    payment = new_payment("key-1").accepted(FundsHolder.TENANT, region=REGION)
    sent = decision(payment, EventKind.SENDING_STARTED, raw_message(MessageDirection.RAIL_OUT, "SENT-1"))
    queued = decision(payment, EventKind.TAKEN_OVER)
    assert sent.messages
    return save_parameters([sent, queued], VAULT, region=REGION)


def admitting() -> Sequence[Any]:
    """What is given to the statement that admits a transfer."""
    return admit_parameters([new()], VAULT, region=REGION, epochs=[FIRST_EPOCH])


def saving_incoming() -> Sequence[Any]:
    """What is given to the statement that saves what has befallen a transfer."""
    decider = IncomingDecider({Rail.FEDNOW: receiving_rail()}, SystemIdentifiers())
    fact = IncomingFact(IncomingEvent.ACCEPTANCE_DECIDED)
    return incoming_save_parameters(
        [decider.decide(new().received(region=REGION), fact, at=NOW + timedelta(seconds=1))], VAULT, region=REGION
    )


@pytest.mark.parametrize(
    ("statement", "parameters", "first"),
    [
        (statements.ACCEPT, accepting, 2),
        (statements.ACCEPT_BESIDE_ANOTHER, accepting, 2),
        (statements.SAVE, saving, 3),
        (incoming_statements.ADMIT, admitting, 2),
        (incoming_statements.SAVE, saving_incoming, 3),
    ],
    ids=["accept", "accept beside another", "save", "admit", "save incoming"],
)
def test_every_name_that_is_written_is_read_and_the_other_way_round(
    statement: str, parameters: Any, first: int
) -> None:
    """The control is one name less."""
    read, given = declared(statement), written(parameters(), first=first)

    assert given.keys() == read.keys()
    assert {number: names for number, names in given.items() if names} == {
        number: read[number] for number, names in given.items() if names
    }
    assert declared(statement.replace("tenant_id text, ", "")) != read


def test_what_is_no_row_is_refused_as_a_faulty_value() -> None:
    """It may bring down its own row alone: ValueError is among `ONE_BAD_ROW`."""
    for value in ("half a pair \ud800", object(), 2**70):
        with pytest.raises(ValueError, match="no row"):
            records([{"value": value}])


def test_bytes_are_written_as_postgresql_reads_them() -> None:
    """As hexadecimal, and never as what Python shows of them, which PostgreSQL would take as well."""
    key = delivery_id_of(new_payment("key-1").payment_id, "any", 1)

    assert json.loads(records([{"digest": b"\x00\xff", "id": key}])) == [{"digest": "\\x00ff", "id": str(key)}]
