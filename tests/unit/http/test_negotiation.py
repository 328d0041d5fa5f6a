"""Content negotiation and preferences, as pure functions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.http.negotiation import JSON, XML, is_json, is_xml, preferred, wait_s

OFFERED = (JSON, XML)


@pytest.mark.parametrize(
    ("accept", "taken"),
    [
        ([], (JSON, XML)),
        (["*/*"], (JSON, XML)),
        (["application/*"], (JSON, XML)),
        (["application/xml"], (XML,)),
        (["application/json"], (JSON,)),
        (["application/xml, application/json"], (JSON, XML)),
        (["application/json;q=0.5, application/xml"], (XML, JSON)),
        (["application/json; q=0.5", "application/xml; q=0.501"], (XML, JSON)),
        (["*/*;q=0.1, application/xml"], (XML, JSON)),
        (["application/*;q=0.9, application/json;q=0"], (XML,)),
        (["*/*, application/json;q=0.2"], (XML, JSON)),
        (["APPLICATION/XML"], (XML,)),
        (["application/xml;charset=utf-8"], (XML,)),
        (["text/html"], ()),
        (["text/html, */*;q=0"], ()),
        (["nonsense"], (JSON, XML)),
        (["application/xml;q=high"], (JSON, XML)),
        (["application/xml;q=2, application/json"], (JSON,)),
        (["*/xml, text/html"], ()),
        ([""], (JSON, XML)),
    ],
)
def test_the_preferred_form_is_chosen_as_the_standard_says(accept: list[str], taken: tuple[str, ...]) -> None:
    """RFC 9110 section 12.5.1: the most specific range decides, then quality, then our order."""
    assert preferred(accept, OFFERED) == taken


@given(st.lists(st.text(alphabet=st.sampled_from("aplicton/jsmx*q=;,. 019"), max_size=30), max_size=3))
def test_no_accept_header_breaks_the_choice(accept: list[str]) -> None:
    """Whatever a client writes there, some of what is offered is chosen, or nothing."""
    assert set(preferred(accept, OFFERED)) <= set(OFFERED)


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ([], None),
        (["wait=10"], 10),
        (["respond-async, wait=10"], 10),
        (["respond-async", "wait=10"], 10),
        (["Wait = 10"], 10),
        (['wait="10"'], 10),
        (["wait=10; foo=bar"], 10),
        (["wait=5, wait=10"], 5),
        (["wait=1000"], 15),
        (["wait=99999999999"], None),
        (["wait=1.5"], None),
        (["wait=-1"], None),
        (["wait=٣"], None),
        (["await=10"], None),
    ],
)
def test_a_wait_is_read_as_the_standard_says(prefer: list[str], seconds: int | None) -> None:
    """RFC 7240: seconds, the first one counts, capped."""
    assert wait_s(prefer, wait_max_s=15) == seconds


@pytest.mark.parametrize(
    ("content_type", "xml", "json"),
    [
        ("application/xml", True, False),
        ("text/xml; charset=utf-8", True, False),
        ("application/soap+xml", True, False),
        ("text/plain+xml", False, False),
        ("application/xml; charset=utf-16", False, False),
        ("application/json", False, True),
        ("application/json; charset=UTF-8", False, True),
        ("application/json; charset=latin-1", False, False),
        ("application/problem+json", False, False),
        ("", False, False),
    ],
)
def test_a_content_type_says_what_it_says(content_type: str, xml: bool, json: bool) -> None:  # noqa: FBT001 - a table
    """The type and its charset, and nothing guessed."""
    assert (is_xml(content_type), is_json(content_type)) == (xml, json)
