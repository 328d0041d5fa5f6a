"""All that is due, over HTTP: one order, page by page, with what is expected and where it is done."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

import adapters.http.due
from adapters.http.due import place_of, token_of
from gateway.domain.conversation import Conversation, ConversationId, ConversationKind, ConversationState, Side
from gateway.domain.due import START
from gateway.domain.events import Event, EventKind
from gateway.domain.identity import conversation_id_of
from gateway.domain.incoming import IncomingState
from gateway.service.ports.conversations import NewConversation
from iso20022 import MessageId
from tests.unit.domain.test_conversation import conversation
from tests.unit.http.test_held import held
from tests.unit.http.test_incoming import arrived, asked_for
from tests.unit.http.world import OPERATOR, OTHER_BEARER, World

PATH: Final = "/v1/due"


async def heard(world: World, name: str, *, in_s: float, **changes: Any) -> Conversation:
    """A conversation that the other side has opened, due in so many seconds."""
    made = replace(
        conversation(side=Side.THEM, **changes),
        conversation_id=ConversationId(conversation_id_of("heard", name)),
        message_id=MessageId(name),
        opened_at=world.clock.now(),
        due_at=world.clock.now() + timedelta(seconds=in_s),
    )
    return (await world.conversations.open(NewConversation(made, name.encode(), ()))).conversation


async def waiting(world: World) -> list[tuple[str, str]]:
    """Several kinds that wait: kind and id of each, in the order in which they are due."""
    kept = await held(world, 1, for_s=60)
    posting = await arrived(world, state=IncomingState.PENDING)
    requested = await arrived(world, state=IncomingState.SETTLED)
    await asked_for(world, requested)
    lost = await world.accepted(2)
    for kind in (EventKind.SENDING_STARTED, EventKind.DEADLINE_PASSED, EventKind.QUESTIONS_EXHAUSTED):
        lost = await world.befalls(lost, Event(kind))
    asked = await heard(world, "asked", in_s=90)
    promised = await heard(world, "promised", in_s=91, state=ConversationState.ACCEPTED)
    postings = [("posting", str(each)) for each in sorted((posting.payment_id, requested.payment_id))]
    return [
        ("payment_in_doubt", str(lost.payment_id)),
        ("held_payment", str(kept.payment_id)),
        ("request_for_payment", str(asked.conversation_id)),
        ("request_for_payment", str(promised.conversation_id)),
        *postings,
        ("return_request", str(requested.payment_id)),
    ]


def ids(shown: Any) -> list[tuple[str, str]]:
    """Kind and id of each entry."""
    return [(each["kind"], each["id"]) for each in shown["due"]]


async def test_all_that_waits_is_one_list_with_what_is_expected_and_where_it_is_done(world: World) -> None:
    """Every entry leads to the thing itself, and to the path that takes what is expected."""
    expected = await waiting(world)

    listed = (await world.get(PATH)).json
    things = [await world.get(each["links"]["self"]) for each in listed["due"]]

    assert ids(listed) == expected
    assert (listed["more"], listed["next"]) == (False, None)
    assert [each.status for each in things] == [200] * len(expected)
    entries = listed["due"]
    assert [(each["expected"], each["links"]["do"].rpartition("/")[2]) for each in entries] == [
        (["ask", "record_settlement", "record_rejection"], "operator-actions"),
        (["release", "reject"], "hold-decision"),
        (["presented", "accepted", "refused"], "answer"),
        (["pay"], "payments"),
        *2 * [(["blocked", "pending", "posted", "refused"], "posting")],
        (["agreed", "pending", "refused"], "return-answer"),
    ]
    assert entries[0]["by"] == things[0].json["deadline_at"]
    assert entries[1]["by"] == things[1].json["next_step"]["at"]
    assert entries[-1]["by"] == things[-1].json["return_request"]["due_at"]
    assert entries[-1]["state"] == "RECEIVED"
    assert all(each["since"] for each in entries)


async def test_a_question_about_a_request_for_payment_leads_to_the_request(world: World) -> None:
    """Not to a payment of that id."""
    request = await heard(world, "asked", in_s=90, state=ConversationState.PRESENTED)
    about = {"about_id": request.conversation_id, "is_about_request": True}
    asked = await heard(world, "question", in_s=30, kind=ConversationKind.INFORMATION_REQUEST, **about)

    entry = (await world.get(f"{PATH}?kind=information_request")).json["due"][0]

    assert entry["id"] == str(asked.conversation_id)
    assert (await world.get(entry["links"]["payment"])).json["conversation_id"] == str(request.conversation_id)


async def test_what_is_late_says_so(world: World) -> None:
    """From the moment after its deadline."""
    await heard(world, "asked", in_s=90)

    early = (await world.get(PATH)).json["due"]
    world.clock.advance(90.5)
    late = (await world.get(PATH)).json["due"]

    assert [each["overdue"] for each in (*early, *late)] == [False, True]


async def test_pages_are_the_whole_list(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next begins where the last has ended, also by kind; the last says that there is none."""
    expected = await waiting(world)
    monkeypatch.setattr(adapters.http.due, "LISTED_MAX", 2)
    for query, wanted in (("", expected), ("&kind=posting&kind=held_payment", [expected[1], *expected[4:6]])):
        found, after, answers = [], "", 0
        while after is not None:
            answer = (await world.get(f"{PATH}?{after and f'after={after}'}{query}")).json
            assert answer["more"] is (answer["next"] is not None)
            found += ids(answer)
            after, answers = answer["next"], answers + 1

        assert found == wanted
        assert answers == -(-len(wanted) // 2)


async def test_a_tenant_sees_its_own_and_an_operator_all(world: World) -> None:
    """Another tenant's is as if it were not there."""
    await waiting(world)

    assert (await world.get(PATH, OPERATOR)).json == (await world.get(PATH)).json
    assert (await world.get(PATH, OTHER_BEARER)).json == {"due": [], "more": False, "next": None}
    assert (await world.get(PATH, {"Authorization": "Bearer nobodys"})).status == 401


@pytest.mark.parametrize(
    "query",
    [
        "kind=nonsense",
        "surprise=1",
        "after=",
        "after=bm9uc2Vuc2U",
        "after=%00",
        "after=a&after=b",
        f"after={urlsafe_b64encode(b'2026-11-20T15:15:00|payment|2026-11-20|x').decode()}",
        f"after={token_of(START)}&after={token_of(START)}",
        f"after={token_of(replace(START, by=datetime.min.replace(tzinfo=UTC)))}",
        f"after={token_of(replace(START, began_at=datetime.max.replace(tzinfo=UTC)))}",
    ],
)
async def test_a_query_that_is_not_understood_is_refused(world: World, query: str) -> None:
    """It says what may be asked; a place that is none is no beginning."""
    answer = await world.get(f"{PATH}?{query}")

    assert (answer.status, answer.json["code"]) == (400, "query_invalid")
    assert "held_payment" in answer.json["detail"]


async def test_a_place_without_its_offset_is_no_place(world: World) -> None:
    """Compared with others it would be none of ours; one that we made comes back the same."""
    assert place_of(token_of(START)) == START
    naive = urlsafe_b64encode(f"2026-11-20T15:15:00|payment|2026-11-20T15:15:00|{START.subject_id}".encode()).decode()
    with pytest.raises(ValueError, match="offset"):
        place_of(naive)
    assert (await world.get(f"{PATH}?after={naive}")).status == 400
