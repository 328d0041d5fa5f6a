"""Identifiers are checked by public rules, and made by them."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iso20022 import (
    ConnectionPartyId,
    connection_party_of,
    fednow_message_id,
    has_aba_check_digit,
    is_connection_party_id,
    is_fednow_message_id,
    is_routing_number,
    is_uetr,
)

PARTY = ConnectionPartyId("990000013")


@pytest.mark.parametrize("text", ["021150706", "990000013", "990000026", "000000000"])
def test_a_routing_number_with_the_right_check_digit_passes(text: str) -> None:
    """The digits weighted 3-7-1 add up to a multiple of ten; FedNow's own id is such a number."""
    assert has_aba_check_digit(text)


@given(st.integers(min_value=0, max_value=8), st.integers(min_value=1, max_value=9))
def test_every_single_wrong_digit_is_noticed(position: int, shift: int) -> None:
    """The check digit exists for this: one mistyped digit never passes."""
    digits = list("990000013")
    digits[position] = str((int(digits[position]) + shift) % 10)

    assert not has_aba_check_digit("".join(digits))


@pytest.mark.parametrize("text", ["", "99000001", "9900000131", "99000001A", "99 000013", "٩٩٠٠٠٠٠١٣", "990000013\n"])
def test_what_is_not_nine_digits_is_no_routing_number(text: str) -> None:
    """Foreign digits and white space are not digits here."""
    assert not is_routing_number(text)
    assert not has_aba_check_digit(text)


def test_a_uetr_is_a_version_4_uuid_in_lower_case() -> None:
    """ISO's UUIDv4Identifier: version nibble 4, variant 8, 9, a or b, no capitals."""
    assert is_uetr("8a562c67-ca16-48ba-b074-65581be6f011")
    assert not is_uetr("8A562C67-CA16-48BA-B074-65581BE6F011")
    assert not is_uetr("8a562c67-ca16-18ba-b074-65581be6f011")
    assert not is_uetr("8a562c67-ca16-48ba-c074-65581be6f011")
    assert not is_uetr("8a562c67ca1648bab07465581be6f011")


def test_a_connection_party_is_nine_digits_or_capitals() -> None:
    """A routing number or an electronic transaction identifier."""
    assert is_connection_party_id("99ABC0013")
    assert not is_connection_party_id("99abc0013")
    assert not is_connection_party_id("99ABC001")


@given(
    st.dates(min_value=date(1000, 1, 1)),
    st.from_regex(r"\A[0-9A-Z]{9}\Z"),
    st.from_regex(r"\A[0-9A-Za-z]{1,18}\Z"),
)
def test_a_made_message_id_has_the_form_and_says_who_made_it(day: date, party: str, reference: str) -> None:
    """CCYYMMDD, connection party, 1-18 letters or digits: at most 35 characters, as the schema demands."""
    message_id = fednow_message_id(business_date=day, connection_party=ConnectionPartyId(party), reference=reference)

    assert is_fednow_message_id(message_id)
    assert connection_party_of(message_id) == party
    assert 18 <= len(message_id) <= 35


@pytest.mark.parametrize("reference", ["", "A" * 19, "with space", "dash-1", "é"])
def test_a_reference_of_another_form_is_refused(reference: str) -> None:
    """An id that the rail would refuse is never made."""
    with pytest.raises(ValueError, match="reference"):
        fednow_message_id(business_date=date(2026, 1, 31), connection_party=PARTY, reference=reference)


def test_a_party_of_another_form_is_refused() -> None:
    """An id that the rail would refuse is never made."""
    with pytest.raises(ValueError, match="connection party"):
        fednow_message_id(
            business_date=date(2026, 1, 31), connection_party=ConnectionPartyId("99-000013"), reference="A"
        )


@pytest.mark.parametrize(
    "text", ["20260230990000013A", "2026013199000001A", "20260131990000013", "x", "20261331990000013A"]
)
def test_a_message_id_with_an_impossible_date_or_form_is_recognised(text: str) -> None:
    """The date in it is a date."""
    assert not is_fednow_message_id(text)
    assert connection_party_of("x") is None
