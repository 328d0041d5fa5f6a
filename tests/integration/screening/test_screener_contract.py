"""What everyone who looks must do: the lists in files, the webhook, and the fake that tests use."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz import fuzz

from adapters.screening.lists import ListScreener, NameList, account_of, list_of, read_list, words_of
from adapters.screening.webhook import WebhookScreener
from adapters.system import SystemClock
from gateway.domain.payment import PaymentId, Rail, TenantId
from gateway.domain.screening import ScreeningHit, ScreeningRules, Source, Subject, Way
from gateway.service.ports import Screener, UnavailableError
from iso20022 import Amount, EndToEndId, Personal, RoutingNumber
from simulators.core.incoming import is_signed
from tests.fakes.screening import InMemoryScreener

SECRET: Final = "whsec_dGhlLXNlY3JldC1vZi1hLXNhbXBsZS1pbnN0aXR1dGlvbg=="
TENANT: Final = TenantId("default")
NAME: Final = "Wexley Quillmoor"
LONG: Final = "".join(f"L-{number},name,Sample {number} Long List\n" for number in range(20_000))
"""Longer to read than the tests wait for an answer."""

LIST: Final = "S-1,name,Quillmoor Wexley\nS-2,account,990000107:000111222\nS-3,name,Tarnholt Provisions Limited\n"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def subject(*, creditor: str = "Bramwick Oldacre", account: str = "000999888", others: tuple[str, ...] = ()) -> Subject:
    """A payment to somebody."""
    return Subject(
        way=Way.OUTGOING,
        payment_id=PaymentId(UUID(int=15)),
        tenant_id=TENANT,
        rail=Rail.FEDNOW,
        amount=Amount(5174),
        debtor=Personal("Sample Debtor"),
        debtor_account=Personal("000333444"),
        debtor_agent=RoutingNumber("990001106"),
        creditor=Personal(creditor),
        creditor_account=Personal(account),
        creditor_agent=RoutingNumber("990000107"),
        end_to_end_id=EndToEndId("SAMPLE-INVOICE"),
        uetr=None,
        at=datetime(2026, 11, 20, 15, 15, tzinfo=UTC),
        other_names=tuple(Personal(name) for name in others),
    )


class Stand(Protocol):
    """One who looks, who can be made to find somebody, and to be down."""

    rules: ScreeningRules
    screener: Screener

    def break_down(self) -> None:
        """From now on nobody can look."""
        ...


class ListStand:
    """A list in a file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "own.csv"
        self.path.write_text(LIST)
        self.rules = ScreeningRules(lists=("own.csv",))
        self.screener: Screener = ListScreener(folder)

    def break_down(self) -> None:
        """The file is damaged."""
        self.path.write_text("S-1;name;Quillmoor Wexley\n")


class WebhookStand:
    """A service that finds the same."""

    def __init__(self, url: str, screener: Screener) -> None:
        self.rules = ScreeningRules(webhook=url)
        self.screener = screener
        self.is_down = False

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Look."""
        if self.is_down:
            return web.Response(status=503)
        data = (await request.json())["data"]
        names = [data["creditor"]["name"], *data["other_names"]]
        if NAME in names or data["creditor_account"] == "000111222":
            return web.json_response({"result": "hit", "hits": [{"rule": "S-1", "about": "creditor name"}]})
        return web.json_response({"result": "clear"})

    def break_down(self) -> None:
        """It answers 503."""
        self.is_down = True


class MemoryStand:
    """The fake, which is told what to find."""

    def __init__(self) -> None:
        self.rules = ScreeningRules(lists=("own.csv",))
        fake = InMemoryScreener()
        self.fake = fake

        class Looking:
            async def screen(
                self, rules: ScreeningRules, subject: Subject, *, within_s: float
            ) -> tuple[ScreeningHit, ...]:
                names = [subject.creditor.reveal(), *(name.reveal() for name in subject.other_names)]
                is_hit = NAME in names or subject.creditor_account.reveal() == "000111222"
                fake.hits = (ScreeningHit(Source.LISTS, "S-1", "creditor name"),) if is_hit else ()
                return tuple(await fake.screen(rules, subject, within_s=within_s))

        self.screener: Screener = Looking()

    def break_down(self) -> None:
        """As told."""
        self.fake.is_down = True


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A service at a port of its own."""
    application = web.Application()
    application.router.add_post("/", handler)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/"
    finally:
        await runner.cleanup()


@pytest.fixture(params=["lists", "webhook", "in memory"])
async def stand(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stand]:
    """Each of them."""
    async with AsyncExitStack() as stack:
        match request.param:
            case "lists":
                yield ListStand(tmp_path)
            case "in memory":
                yield MemoryStand()
            case _:
                screener = await stack.enter_async_context(WebhookScreener({TENANT: SECRET}, SystemClock()))
                made = WebhookStand("", screener)
                made.rules = ScreeningRules(webhook=await stack.enter_async_context(serving(made.answer)))
                yield made


async def test_what_nobody_knows_is_clear(stand: Stand) -> None:
    """Nothing is found, and that is said."""
    assert list(await stand.screener.screen(stand.rules, subject(), within_s=2)) == []


@pytest.mark.parametrize(
    "found",
    [subject(creditor=NAME), subject(account="000111222"), subject(others=(NAME,))],
    ids=["name", "account", "other"],
)
async def test_what_is_found_is_told_by_its_rule_and_never_by_a_name(stand: Stand, found: Subject) -> None:
    """A person looks the entry up; the history keeps no name. A repeat finds the same."""
    hits = [list(await stand.screener.screen(stand.rules, found, within_s=2)) for _ in range(2)]

    assert hits[0] == hits[1]
    assert hits[0]
    assert "S-" in hits[0][0].rule
    assert "quillmoor" not in repr(hits).lower()


async def test_who_cannot_look_says_so(stand: Stand) -> None:
    """Never "clear": whoever asks fails closed."""
    stand.break_down()

    with pytest.raises(UnavailableError):
        await stand.screener.screen(stand.rules, subject(), within_s=2)


# --- Lists ----------------------------------------------------------------------------------------------------------


async def test_a_list_is_read_again_when_its_file_has_changed_and_not_before(tmp_path: Path) -> None:
    """An entry that is added holds for the next payment; one that is mended ends an outage."""
    stand = ListStand(tmp_path)
    added = subject(creditor="Bramwick Oldacre")
    assert list(await stand.screener.screen(stand.rules, added, within_s=2)) == []
    fresh = tmp_path / "own.csv.new"
    fresh.write_text(LIST + "S-4,name,Oldacre Bramwick\n")
    fresh.replace(stand.path)

    async with asyncio.timeout(10):
        while not (found := await stand.screener.screen(stand.rules, added, within_s=2)):
            await asyncio.sleep(0)
    (hit,) = found

    assert (hit.rule, hit.about, hit.score, hit.text) == (
        "own.csv S-4",
        "creditor name",
        100,
        "every word of the entry",
    )


async def test_a_list_that_takes_longer_to_read_than_anyone_waits_is_read_once_and_then_is_there(
    tmp_path: Path,
) -> None:
    """Who asks is turned away meanwhile, and the reading goes on: begun anew each time, it would never end."""
    stand = ListStand(tmp_path)
    stand.path.write_text(LIST + LONG)

    async def asked_shortly() -> list[ScreeningHit] | None:
        try:
            async with asyncio.timeout(0.05):
                return list(await stand.screener.screen(stand.rules, subject(creditor=NAME), within_s=0.05))
        except TimeoutError:
            return None

    assert await asked_shortly() is None
    async with asyncio.timeout(10):
        while (found := await asked_shortly()) is None:
            await asyncio.sleep(0)
    assert found[0].rule == "own.csv S-1"


async def test_while_a_new_list_is_read_the_old_one_stands(tmp_path: Path) -> None:
    """An update turns nobody away; it holds once it is read."""
    stand = ListStand(tmp_path)
    await stand.screener.screen(stand.rules, subject(), within_s=2)
    fresh = tmp_path / "own.csv.new"
    fresh.write_text(LONG)
    fresh.replace(stand.path)

    first = await stand.screener.screen(stand.rules, subject(creditor=NAME), within_s=2)
    async with asyncio.timeout(10):
        while await stand.screener.screen(stand.rules, subject(creditor=NAME), within_s=2):
            await asyncio.sleep(0)

    assert [hit.rule for hit in first] == ["own.csv S-1"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "no entry"),
        ("S-1,name\n", "line 1"),
        ("S-1,name,Quillmoor\nS-2,person,Wexley\n", "line 2: the kind"),
        (",name,Quillmoor\n", "line 1: the id"),
        ("S-1,name,...\n", "line 1: the name"),
        ("S-1,account,0000\n", "line 1: the value"),
        ('S-1,name,"Quillmoor\nS-2,name,Wexley\n', "line 2: unexpected end"),
        ('S-1,name,"Quillmoor\nS-2,name,Wexley"\n', "line 2: an entry is one line"),
        (None, "cannot be read"),
    ],
)
async def test_a_list_that_is_none_lets_nothing_pass_and_says_where(
    tmp_path: Path, content: str | None, told: str
) -> None:
    """An empty file is a mistake, not a list of nobody."""
    stand = ListStand(tmp_path)
    stand.path.unlink()
    if content is not None:
        stand.path.write_text(content)

    with pytest.raises(UnavailableError, match=told):
        await stand.screener.screen(stand.rules, subject(), within_s=2)


async def test_a_list_that_could_not_be_read_once_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process out of file handles: the file looks the same afterwards, and nothing of it was found wanting."""
    stand = ListStand(tmp_path)
    with monkeypatch.context() as passing:
        passing.setattr(Path, "open", _fail_to_open)
        with pytest.raises(UnavailableError, match="cannot be read"):
            await stand.screener.screen(stand.rules, subject(), within_s=2)

    assert await stand.screener.screen(stand.rules, subject(creditor=NAME), within_s=2)


def _fail_to_open(*_: object, **__: object) -> None:
    raise OSError(24, "Too many open files")


async def test_without_a_folder_no_list_is_clear() -> None:
    """Rules that name one, on an installation that has none."""
    with pytest.raises(UnavailableError, match="FIFTEEN_SCREENING_LISTS_FOLDER"):
        await ListScreener(None).screen(ScreeningRules(lists=("own.csv",)), subject(), within_s=2)


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> NameList:
    """A list of invented names."""
    path = tmp_path_factory.mktemp("lists") / "own.csv"
    path.write_text(f"{LIST}S-5,name,Żółta Čáp Šňůra\nS-6,name,Oldacre\n")
    return read_list(path)


@pytest.mark.parametrize(
    ("name", "entry_id", "why"),
    [
        ("Quillmoor Wexley", "S-1", "every word of the entry"),
        ("WEXLEY, QUILLMOOR", "S-1", "every word of the entry"),
        ("Dr. Quillmoor Aurel Wexley jun.", "S-1", "every word of the entry"),
        ("Quilmoor Wexley", "S-1", "alike"),
        ("Wexly Quillmoor", "S-1", "alike"),
        ("Tarnholt Provisions Ltd limited", "S-3", "every word of the entry"),
        ("zolta cap snura", "S-5", "alike"),  # ł is a letter of its own: no accent that falls away
        ("Żółta Cap Snura", "S-5", "every word of the entry"),
        ("oldacre", "S-6", "alike"),
        (
            "\U0001d410\U0001d414\U0001d408\U0001d40b\U0001d40bmoor Wexley",
            "S-1",
            "every word of the entry",
        ),  # capitals only once they are taken apart
        ("Qu\u200bill\u00admoor Wexley", "S-1", "every word of the entry"),  # what shows nothing parts nothing
    ],
)
def test_a_name_is_found_however_it_is_written(names: NameList, name: str, entry_id: str, why: str) -> None:
    """Order, case, accents, points, a letter more or less, and words between."""
    matches = names.matches(name, 88)

    assert [(match.entry_id, match.why) for match in matches[:1]] == [(entry_id, why)]


@pytest.mark.parametrize("name", ["Wexley", "Quillmoor Tarnholt", "Bramwick Oldacre", "Provisions", "...", ""])
def test_a_name_that_shares_a_word_alone_is_not_found(names: NameList, name: str) -> None:
    """The control of the test above: a list that finds everybody holds everything."""
    assert names.matches(name, 88) == []


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_the_index_leaves_out_no_entry_that_is_alike(data: st.DataObject) -> None:
    """It is there for speed alone: what a comparison with every name would find, it finds, at any threshold."""
    name = st.text("abcde ", min_size=1, max_size=30).map(lambda text: " ".join(words_of(text))).filter(bool)
    entry = data.draw(name)
    asked = entry
    for _ in range(data.draw(st.integers(0, 6))):
        place = data.draw(st.integers(0, len(asked)))
        asked = (
            asked[:place]
            + data.draw(st.sampled_from(["", "a", "b", " "]))
            + asked[place + data.draw(st.integers(0, 1)) :]
        )
    joined, threshold = " ".join(words_of(asked)), data.draw(st.integers(50, 100))
    listed = list_of([entry])

    if joined and fuzz.ratio(joined, entry) >= threshold:
        assert listed._candidates(joined, threshold) == [0]


def test_names_and_accounts_are_compared_without_what_people_write_differently() -> None:
    """What `fifteen screening explain` prints."""
    assert words_of("  de la O'Brien-Çelik, José ") == ["brien", "celik", "de", "jose", "la", "o"]
    assert account_of("000 111-222") == account_of("111222")
    assert account_of("990000107:000111222") != account_of("990000204:000111222")


# --- The webhook ----------------------------------------------------------------------------------------------------


def answering(content: Any, status: int = 200) -> Handler:
    """What answers always the same."""

    async def handler(_: web.Request) -> web.Response:
        body = content if isinstance(content, str) else json.dumps(content)
        return web.Response(text=body, status=status, content_type="application/json")

    return handler


async def asked(
    handler: Handler, *, within_s: float = 2, secrets: dict[TenantId, str] | None = None
) -> list[ScreeningHit]:
    """What comes of asking a service that answers so."""
    signing = {TENANT: SECRET} if secrets is None else secrets
    async with serving(handler) as url, WebhookScreener(signing, SystemClock()) as webhook:
        return list(await webhook.screen(ScreeningRules(webhook=url), subject(), within_s=within_s))


async def test_what_is_asked_is_signed_after_the_standard_and_the_same_when_repeated() -> None:
    """A byte changed, or another secret, and it does not hold."""
    seen: list[tuple[dict[str, str], bytes]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((dict(request.headers), await request.read()))
        return web.json_response({"result": "clear"})

    for _ in range(2):
        await asked(handler)

    headers, body = seen[0]
    signed = {
        "webhook_id": headers["webhook-id"],
        "timestamp": headers["webhook-timestamp"],
        "signature": headers["webhook-signature"],
    }
    assert seen[1][0]["webhook-id"] == headers["webhook-id"]
    assert is_signed(SECRET, body=body, **signed)
    assert not is_signed(SECRET, body=body + b" ", **signed)
    content = json.loads(body)
    assert content["type"] == "payment.screen_outgoing"
    assert content["data"]["creditor"] == {"name": "Bramwick Oldacre"}
    assert content["data"]["amount"] == {"value": "51.74", "currency": "USD"}


async def test_of_a_hit_nothing_is_kept_that_could_be_a_name() -> None:
    """The rule is the service's own reference; what it is about is one of few words."""
    said = {"rule": "case\n15", "about": "Wexley Quillmoor", "score": 93, "text": "Wexley Quillmoor"}

    hits = await asked(answering({"result": "hit", "hits": [said, "nonsense", {"about": "debtor name", "score": 101}]}))

    assert hits == [
        ScreeningHit(Source.WEBHOOK, "case 15", "payment", 93),
        ScreeningHit(Source.WEBHOOK, "unnamed", "payment"),
        ScreeningHit(Source.WEBHOOK, "unnamed", "debtor name"),
    ]


@pytest.mark.parametrize(
    "handler",
    [
        answering({"result": "clear"}, 503),
        answering({"result": "clear"}, 204),
        answering({"result": "hit", "hits": []}),
        answering({"result": "hit"}),
        answering({"result": "clear", "hits": [{"rule": "case 15"}]}),
        answering({"result": "fine"}),
        answering([]),
        answering("{"),
        answering("[" * 100_000),
    ],
)
async def test_whatever_else_is_answered_is_no_answer(handler: Handler) -> None:
    """Nothing is taken for clear that does not say so, and in its words."""
    with pytest.raises(UnavailableError):
        await asked(handler)


async def test_a_service_that_is_slow_has_not_answered() -> None:
    """Nor one that is not there, nor one that we have no secret for."""

    async def slow(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.json_response({"result": "clear"})

    with pytest.raises(UnavailableError, match="did not answer"):
        await asked(slow, within_s=0.05)
    with pytest.raises(UnavailableError, match="no signing secret"):
        await asked(answering({"result": "clear"}), secrets={})
    async with WebhookScreener({TENANT: SECRET}, SystemClock()) as webhook:
        with pytest.raises(UnavailableError, match="cannot be reached"):
            await webhook.screen(ScreeningRules(webhook="http://127.0.0.1:9/"), subject(), within_s=2)
