"""Incoming transfers over HTTP: each tenant sees its own, and decides what became of money that arrived."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import pytest

from adapters.http.incoming_forms import read_return
from adapters.http.problems import ProblemError
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import Attention, IncomingFact, IncomingTransfer
from gateway.service.ports import MessageDirection, RawMessage
from iso20022 import MessageId, PaymentCancellationRequest, serialise
from iso20022.messages import camt056
from iso20022.messages.actors import Agent
from iso20022.messages.investigation import Case
from iso20022.messages.original import OriginalMessage, Reason
from iso20022.messages.shape import Code
from tests.integration.store.test_incoming_contract import new
from tests.unit.domain.transfers import transfer as transfer_as
from tests.unit.http.world import OPERATOR, OTHER_BEARER, Answer, World

PATH: Final = "/v1/incoming-transfers"


async def arrived(world: World, *, state: IncomingState) -> IncomingTransfer:
    """A transfer in a state that the table leads to."""
    ways = {
        IncomingState.RECEIVED: (),
        IncomingState.SETTLED: (IncomingEvent.ACCEPTANCE_DECIDED, IncomingEvent.SETTLEMENT_ADVISED),
        IncomingState.PENDING: (
            IncomingEvent.ACCEPTANCE_WITHOUT_POSTING_DECIDED,
            IncomingEvent.ACCEPTANCE_WITHOUT_POSTING_ADVISED,
        ),
    }
    (admitted,) = await world.incoming.admit([replace(new(), tenant_id=world.tenant)])
    transfer = admitted.transfer
    for kind in ways[state]:
        at = transfer.updated_at + timedelta(seconds=1)
        await world.incoming.save([world.deciding.decide(transfer, IncomingFact(kind), at=at)])
        transfer = world.incoming.rows.transfers[transfer.payment_id]
    assert transfer.state is state
    return transfer


async def decide(world: World, transfer: IncomingTransfer, **decision: Any) -> Answer:
    """Post a decision."""
    body = json.dumps(decision).encode()
    headers = {"Content-Type": "application/json"}
    return await world.request("POST", f"{PATH}/{transfer.payment_id}/posting", body, headers)


async def give_back(world: World, transfer: IncomingTransfer, *, key: str = "a-key", **order: Any) -> Answer:
    """Order a return."""
    headers = {"Content-Type": "application/json", **({"Idempotency-Key": key} if key else {})}
    return await world.request("POST", f"{PATH}/{transfer.payment_id}/return", json.dumps(order).encode(), headers)


async def recorded(world: World, transfer: IncomingTransfer, **record: Any) -> Answer:
    """Record the rail's word, as an operator."""
    headers = {**OPERATOR, "Content-Type": "application/json"}
    return await world.request("POST", f"{PATH}/{transfer.payment_id}/settlement", json.dumps(record).encode(), headers)


async def recorded_as_returned(
    world: World, transfer: IncomingTransfer, *, headers: dict[str, str] = OPERATOR, **record: Any
) -> Answer:
    """Record that it has gone back, as an operator."""
    path = f"{PATH}/{transfer.payment_id}/return-record"
    sent = {**headers, "Content-Type": "application/json"}
    return await world.request("POST", path, json.dumps(record).encode(), sent)


async def asked_for(world: World, transfer: IncomingTransfer) -> None:
    """Have its sender ask for it, as the rail brings that."""
    now = world.incoming.rows.transfers[transfer.payment_id]
    agent = Agent(member_id=now.instructing_agent)
    request = PaymentCancellationRequest(
        message_id=MessageId("20261123990001106ASKED"),
        assigner=agent,
        assignee=Agent(member_id=now.instructed_agent),
        creation_time=now.updated_at,
        case=Case(id="20261123990001106ASKED", creator=agent),
        original_message=OriginalMessage(message_id=now.message_id, message_name="pacs.008.001.08"),
        reasons=(Reason(reason=Code("DUPL")),),
    )
    body = serialise(camt056.build(request))
    raw = RawMessage(
        UUID(int=4_711),
        MessageDirection.RAIL_IN,
        camt056.MESSAGE_TYPE,
        "ASKED",
        "application/xml",
        body,
        now.updated_at,
    )
    fact = IncomingFact(IncomingEvent.RETURN_REQUESTED, details={"request_id": request.message_id})
    at = now.updated_at + timedelta(seconds=1)
    assert await world.incoming.save([world.deciding.decide(now, fact, at=at, messages=(raw,))]) == [True]


async def answered(world: World, transfer: IncomingTransfer, **answer: Any) -> Answer:
    """Answer the request for its return."""
    headers, body = {"Content-Type": "application/json"}, json.dumps(answer).encode()
    return await world.request("POST", f"{PATH}/{transfer.payment_id}/return-answer", body, headers)


async def test_a_request_for_a_return_is_listed_and_answered_by_whom_it_is_put_to(world: World) -> None:
    """By its tenant alone; once; what is wrong is said with every fault at once."""
    transfer = await arrived(world, state=IncomingState.PENDING)
    early = await answered(world, transfer, answer="pending")
    await asked_for(world, transfer)

    own, others = await world.get("/v1/return-requests"), await world.get("/v1/return-requests", OTHER_BEARER)
    wrong = await answered(world, transfer, answer="maybe", amount="0", reason_code="x", all=True)
    held = await answered(world, transfer, answer="agreed")
    refused = await answered(world, transfer, answer="refused", reason_code="CUST")
    again = await answered(world, transfer, answer="pending")

    assert (early.status, early.json["code"]) == (409, "return_not_answerable")
    (listed,) = own.json["return_requests"]
    assert (listed["direction"], listed["request"]["state"]) == ("in", "RECEIVED")
    assert others.json["return_requests"] == []
    assert {each["code"] for each in wrong.json["findings"]} == {
        *("FORM_UNKNOWN_MEMBER", "FORM_AMOUNT", "FORM_REASON_CODE", "FORM_ANSWER")
    }
    assert (held.status, held.json["code"]) == (409, "not_returnable")
    assert refused.json["return_request"]["state"] == "REFUSED"
    assert again.status == 409
    assert (await world.get("/v1/return-requests")).json["return_requests"] == []


async def test_what_was_posted_is_given_back_for_a_reason_and_no_more_than_is_left(world: World) -> None:
    """A part, while nothing else is under way; what is wrong is said with every fault at once."""
    transfer = await arrived(world, state=IncomingState.PENDING)
    early = await give_back(world, transfer, reason_code="CUST")
    await decide(world, transfer, outcome="posted")

    wrong = await give_back(world, transfer, amount="-1", reason_code="x", text="", all=True)
    unexplained = await give_back(world, transfer, amount="20.00")
    too_much = await give_back(world, transfer, amount="51.75", reason_code="CUST")
    started = await give_back(world, transfer, amount="20.00", reason_code="CUST", text="By mistake.")
    again = await give_back(world, transfer, amount="20.00", reason_code="CUST", text="By mistake.")
    other = await give_back(world, transfer, amount="1.00", reason_code="CUST")
    second = await give_back(world, transfer, key="another", amount="1.00", reason_code="CUST")
    keyless = await give_back(world, transfer, key="", amount="1.00", reason_code="CUST")

    assert (early.status, early.json["code"]) == (409, "not_returnable")
    assert {each["code"] for each in wrong.json["findings"]} == {
        *("FORM_UNKNOWN_MEMBER", "FORM_AMOUNT", "FORM_REASON_CODE", "FORM_TEXT")
    }
    assert unexplained.status == 422
    assert (too_much.status, second.status) == (409, 409)
    assert started.json["returning"]["value"] == "20.00"
    assert started.json["returnable"] is None
    assert again.json == started.json
    assert (other.status, other.json["code"]) == (409, "return_differs")
    assert keyless.status == 400


def test_a_reason_that_the_rail_does_not_take_is_named_with_those_that_it_takes() -> None:
    """Where its list is set: the rail would refuse the return, after it had left."""
    posted = transfer_as(state=IncomingState.POSTED)
    body = json.dumps({"reason_code": "CUST"}).encode()

    with pytest.raises(ProblemError) as refused:
        read_return(body, posted, reasons=frozenset({"FRAD", "DUPL"}))

    (finding,) = refused.value.findings
    assert (finding["code"], finding["pointer"]) == ("FORM_REASON_NOT_TAKEN", "/reason_code")
    assert "DUPL, FRAD" in finding["rule"]
    assert (
        read_return(body, posted, reasons=frozenset()).reason
        == read_return(body, posted, reasons=frozenset({"CUST"})).reason
    )


def test_what_an_operator_notes_of_a_return_is_kept_without_the_blanks_around_it() -> None:
    """As every other note is."""
    posted = transfer_as(state=IncomingState.POSTED)

    order = read_return(b'{"reason_code": "CUST", "note": " By telephone. "}', posted, reasons=frozenset())

    assert order.note == "By telephone."


@pytest.mark.parametrize(("settled", "state"), [(True, "PENDING"), (False, "NOT_SETTLED")])
async def test_an_operator_records_the_rails_word_once(world: World, *, settled: bool, state: str) -> None:
    """Only where a person was called, only with a note, and of two at once one wins; a tenant cannot."""
    transfer = await arrived(world, state=IncomingState.RECEIVED)
    early = await recorded(world, transfer, settled=settled, note="Support says so.")
    for kind in (IncomingEvent.ACCEPTANCE_DECIDED, IncomingEvent.ADVICE_OVERDUE, IncomingEvent.QUESTIONS_ENDED):
        now = world.incoming.rows.transfers[transfer.payment_id]
        at = now.updated_at + timedelta(seconds=1)
        await world.incoming.save([world.deciding.decide(now, IncomingFact(kind), at=at)])

    wrong = await recorded(world, transfer, settled="yes")
    by_tenant = await world.request(
        "POST",
        f"{PATH}/{transfer.payment_id}/settlement",
        json.dumps({"settled": settled, "note": "So it is."}).encode(),
        {"Content-Type": "application/json"},
    )
    done = await recorded(world, transfer, settled=settled, note="Support says so.")
    again = await recorded(world, transfer, settled=settled, note="Support says so.")

    assert (early.status, early.json["code"]) == (409, "not_recordable")
    assert {each["code"] for each in wrong.json["findings"]} == {"FORM_SETTLED", "FORM_NOTE"}
    assert by_tenant.status in {401, 403}
    assert (done.status, done.json["state"]) == (200, state)
    assert (done.json["reason"]["code"], done.json["reason"]["text"]) == ("OPERATOR_RECORDED", "Support says so.")
    assert again.status == 409


async def test_a_tenant_sees_its_own_transfers_and_an_operator_all(world: World) -> None:
    """Another tenant's are as if they were not there."""
    transfer = await arrived(world, state=IncomingState.PENDING)

    own, all_of_them = await world.get(PATH), await world.get(PATH, OPERATOR)
    others, hidden = await world.get(PATH, OTHER_BEARER), await world.get(f"{PATH}/{transfer.payment_id}", OTHER_BEARER)

    (shown,) = own.json["incoming_transfers"]
    assert (shown["transfer_id"], shown["state"], shown["money"]) == (str(transfer.payment_id), "PENDING", "arrived")
    assert shown["decidable"] == ["blocked", "pending", "posted", "refused"]
    assert shown["decide_by"] is not None
    assert all_of_them.json == own.json
    assert others.json["incoming_transfers"] == []
    assert (hidden.status, hidden.json["code"]) == (404, "incoming_transfer_not_found")


async def test_the_list_can_be_of_some_states(world: World) -> None:
    """What must be decided is asked for by its states; an unknown one is named."""
    await arrived(world, state=IncomingState.RECEIVED)
    await arrived(world, state=IncomingState.PENDING)

    held = await world.get(f"{PATH}?state=PENDING&state=SETTLED")
    wrong = await world.get(f"{PATH}?state=HELD")

    assert [each["state"] for each in held.json["incoming_transfers"]] == ["PENDING"]
    assert (wrong.status, wrong.json["code"]) == (400, "query_invalid")


async def test_a_transfer_is_shown_with_its_history_and_messages(world: World) -> None:
    """One timeline: what the rail brought, what was decided, what we said, byte for byte."""
    transfer = await arrived(world, state=IncomingState.SETTLED)
    link = f"{PATH}/{transfer.payment_id}"

    events, messages = await world.get(f"{link}/events"), await world.get(f"{link}/messages")
    (received, answer) = messages.json["messages"]
    raw, none = await world.get(received["link"]), await world.get(f"{link}/messages/{transfer.payment_id}")

    kinds = [event["kind"] for event in events.json["events"]]
    assert kinds == ["TransferReceived", "AcceptanceDecided", "SettlementAdvised"]
    assert (received["direction"], answer["direction"]) == ("rail_in", "rail_out")
    assert raw.body.startswith(b"<transfer")
    assert (none.status, none.json["code"]) == (404, "message_not_found")


@pytest.mark.parametrize(
    ("decision", "state", "status"),
    [
        ({"outcome": "posted"}, "POSTED", "ACCC"),
        ({"outcome": "pending", "text": "We look into it."}, "PENDING", "PDNG"),
        ({"outcome": "blocked", "reason_code": "AC06"}, "BLOCKED", "BLCK"),
        ({"outcome": "refused", "reason_code": "AC06"}, "RETURN_DUE", "RJCT"),
    ],
)
async def test_what_was_accepted_without_posting_is_decided_later(
    world: World, decision: dict[str, str], state: str, status: str
) -> None:
    """The rail is told by a message that is saved with the decision; a worker sends it."""
    transfer = await arrived(world, state=IncomingState.PENDING)

    answer = await decide(world, transfer, **decision)

    now = world.incoming.rows.transfers[transfer.payment_id]
    assert (answer.status, answer.json["state"], answer.json["status"]) == (200, state, status)
    assert now.unsent_at is not None
    assert world.incoming.rows.events[transfer.payment_id][-1].fact.details == {"by": f"tenant {world.tenant}"}


async def test_after_a_plain_acceptance_the_rail_takes_no_word_but_of_the_posting(world: World) -> None:
    """PDNG, BLCK and RJCT are statuses after ACWP alone; what is owed back shows as such."""
    transfer = await arrived(world, state=IncomingState.SETTLED)
    world.incoming.rows.transfers[transfer.payment_id] = replace(transfer, unsent_at=None)

    answer = await decide(world, transfer, outcome="refused", reason_code="AC06")

    assert answer.json["state"] == "RETURN_DUE"
    assert world.incoming.rows.transfers[transfer.payment_id].unsent_at is None


async def test_nothing_is_decided_twice_or_before_money_has_arrived(world: World) -> None:
    """A repeat, and a decision that comes too early, are told where the transfer stands."""
    received, pending = (
        await arrived(world, state=IncomingState.RECEIVED),
        await arrived(world, state=IncomingState.PENDING),
    )

    early = await decide(world, received, outcome="posted")
    first, second = await decide(world, pending, outcome="posted"), await decide(world, pending, outcome="posted")

    assert (early.status, early.json["code"], early.json["state"]) == (409, "posting_not_decidable", "RECEIVED")
    assert (first.status, second.status, second.json["state"]) == (200, 409, "POSTED")


@pytest.mark.parametrize(
    ("decision", "codes"),
    [
        ({}, {"FORM_OUTCOME"}),
        ({"outcome": "gone"}, {"FORM_OUTCOME"}),
        ({"outcome": "refused"}, {"FORM_REASON_CODE"}),
        ({"outcome": "blocked", "reason_code": "closed"}, {"FORM_REASON_CODE"}),
        ({"outcome": "posted", "text": ""}, {"FORM_TEXT"}),
        ({"outcome": "posted", "text": f"{'x' * 105} "}, {"FORM_TEXT"}),
        ({"outcome": "posted", "amount": "1"}, {"FORM_UNKNOWN_MEMBER"}),
        (
            {"outcome": 1, "reason_code": 2, "text": 3, "more": 4},
            {"FORM_OUTCOME", "FORM_REASON_CODE", "FORM_TEXT", "FORM_UNKNOWN_MEMBER"},
        ),
    ],
)
async def test_a_decision_with_faults_is_told_all_of_them(
    world: World, decision: dict[str, Any], codes: set[str]
) -> None:
    """Nothing is done, and every fault has its place and its remedy."""
    transfer = await arrived(world, state=IncomingState.PENDING)

    answer = await decide(world, transfer, **decision)

    assert (answer.status, answer.json["code"]) == (422, "action_invalid")
    assert {finding["code"] for finding in answer.json["findings"]} == codes
    assert world.incoming.rows.transfers[transfer.payment_id].state is IncomingState.PENDING


async def test_an_operator_records_that_what_was_owed_has_gone_back(world: World) -> None:
    """Once, with a note, and only where it is owed and nothing is under way; a tenant cannot."""
    transfer = await arrived(world, state=IncomingState.PENDING)
    early = await recorded_as_returned(world, transfer, note="Too early.")
    await decide(world, transfer, outcome="refused", reason_code="AC06")
    under_way = await recorded_as_returned(world, transfer, note="Too early.")
    owed = world.incoming.rows.transfers[transfer.payment_id]
    fact = IncomingFact(IncomingEvent.RETURNS_ENDED)
    await world.incoming.save([world.deciding.decide(owed, fact, at=owed.updated_at + timedelta(seconds=1))])

    noteless = await recorded_as_returned(world, transfer)
    tenants = await recorded_as_returned(world, transfer, headers={}, note="By hand.")
    ended = await recorded_as_returned(world, transfer, note="By the rail's portal.")
    again = await recorded_as_returned(world, transfer, note="By the rail's portal.")

    assert (early.status, under_way.status, again.status) == (409, 409, 409)
    assert "under way" in under_way.json["detail"]
    assert {each["code"] for each in noteless.json["findings"]} == {"FORM_NOTE"}
    assert (tenants.status, tenants.json["code"]) == (403, "operator_needed")
    assert (ended.status, ended.json["state"], ended.json["money"]) == (200, "RETURNED_BY_HAND", "given_back")


async def test_only_an_operator_goes_on_where_the_rail_contradicts_itself_about_a_return(world: World) -> None:
    """The transfer shows why somebody must look; who has asked the rail's support says so, and nobody else can."""
    transfer = await arrived(world, state=IncomingState.PENDING)
    await decide(world, transfer, outcome="posted")
    posted = world.incoming.rows.transfers[transfer.payment_id]
    world.incoming.rows.transfers[transfer.payment_id] = replace(posted, attention=Attention.CONTRADICTED)
    said = {"reason_code": "CUST", "note": "Support, case 4712: the first did not settle."}

    shown = await world.get(f"{PATH}/{transfer.payment_id}")
    blindly = await give_back(world, transfer, key="blindly", reason_code="CUST")
    tenants = await give_back(world, transfer, **said)
    empty = await give_back(world, transfer, reason_code="CUST", note="")
    headers = {**OPERATOR, "Content-Type": "application/json", "Idempotency-Key": "asked"}
    path = f"{PATH}/{transfer.payment_id}/return"
    operators = await world.request("POST", path, json.dumps(said).encode(), headers)

    assert (shown.json["attention"], shown.json["returnable"]) == ("contradicted", None)
    assert (blindly.status, blindly.json["code"]) == (409, "not_returnable")
    assert (tenants.status, tenants.json["code"]) == (403, "operator_needed")
    assert {each["code"] for each in empty.json["findings"]} == {"FORM_NOTE"}
    assert (operators.status, operators.json["returning"]["value"]) == (200, transfer.amount.text)
    assert operators.json["attention"] is None
