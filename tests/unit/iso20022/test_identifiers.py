"""Identifiers are checked by public rules, and made by them."""

from collections.abc import Callable
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iso20022 import (
    ConnectionPartyId,
    connection_party_of,
    fednow_message_id,
    has_aba_check_digit,
    is_bic,
    is_connection_party_id,
    is_fednow_message_id,
    is_lei,
    is_routing_number,
    is_rtp_administration_id,
    is_rtp_business_message_id,
    is_rtp_instruction_id,
    is_rtp_message_id,
    is_rtp_participant_id,
    is_uetr,
    rtp_administration_id,
    rtp_business_message_id,
    rtp_instruction_id,
    rtp_message_id,
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AAAABBCC", True),
        ("AAAABBCC123", True),
        ("9AAAUS33", True),
        ("AAAAB1CC", False),
        ("AAAABBCC12", False),
        ("aaaabbcc", False),
        ("", False),
    ],
)
def test_a_bic_has_its_form(text: str, *, expected: bool) -> None:
    """Eight or eleven characters; whether the institution exists is another question."""
    assert is_bic(text) is expected


# Made for these tests: the prefix is none that issues identifiers, the check digits are right.
LEI = "00000000FIFTEEN00073"


def test_an_lei_has_two_check_digits() -> None:
    """ISO 17442: letters count from 10, and the whole number leaves 1 when divided by 97."""
    assert is_lei(LEI)
    assert not is_lei(LEI.lower())
    assert not is_lei(LEI[:-1])
    assert not is_lei("")


@given(st.integers(min_value=0, max_value=19), st.integers(min_value=1, max_value=9))
def test_a_changed_character_of_an_lei_is_noticed(position: int, shift: int) -> None:
    """Modulo 97 finds every single change."""
    alphabet = "0123456789" if position > 17 else "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    index = alphabet.index(LEI[position])
    other = alphabet[(index + shift) % len(alphabet)]

    assert not is_lei(LEI[:position] + other + LEI[position + 1 :])


RTP_PARTY = ConnectionPartyId("990000013A1")
DAY = date(2026, 1, 31)


@pytest.mark.parametrize(
    ("check", "valid"),
    [
        (is_rtp_message_id, "M20260131990000013A1BTST00000000001"),
        (is_rtp_business_message_id, "B20260131990000013A1BTST00000000001"),
        (is_rtp_instruction_id, "20260131990000013A1BTEST00000000001"),
        (is_rtp_administration_id, "20260131093000990000013A1REFERENCE1"),
    ],
)
def test_an_id_of_rtp_has_its_form(check: Callable[[str], bool], valid: str) -> None:
    """A letter or none, a date that exists, a participant of eleven, 35 characters in all."""
    day = valid.index("2026")

    assert check(valid)
    assert check(valid[:-3])
    assert not check(valid + "X")
    assert not check("X" + valid[1:])
    assert not check(valid.replace("20260131", "20260230"))
    assert not check(valid.replace("990000013A1", "990000013a1"))
    assert not check(valid[: day + 12])
    assert not check("")


@pytest.mark.parametrize("time", ["240000", "096000", "093060"])
def test_the_time_in_an_administration_id_exists(time: str) -> None:
    """Hours, minutes and seconds are those of a day."""
    assert not is_rtp_administration_id(f"20260131{time}990000013A1")
    assert is_rtp_administration_id("20260131093000990000013A1")


@given(st.integers(min_value=0, max_value=10**11 - 1))
def test_the_ids_that_are_made_for_rtp_are_ids_of_rtp(serial: int) -> None:
    """What we make passes our own check, has 35 characters, and is the same for the same parts."""
    message = rtp_message_id(business_date=DAY, participant=RTP_PARTY, source="BTST", serial=serial)
    business = rtp_business_message_id(business_date=DAY, participant=RTP_PARTY, source="BTST", serial=serial)
    instruction = rtp_instruction_id(business_date=DAY, participant=RTP_PARTY, source="BTEST", serial=serial)
    administration = rtp_administration_id(
        local_time=datetime.fromisoformat("2026-01-31T09:30:00"), participant=RTP_PARTY, reference=f"{serial:010x}"[:10]
    )

    assert is_rtp_message_id(message)
    assert is_rtp_business_message_id(business)
    assert is_rtp_instruction_id(instruction)
    assert is_rtp_administration_id(administration)
    assert {len(message), len(business), len(instruction), len(administration)} == {35}
    assert message == rtp_message_id(business_date=DAY, participant=RTP_PARTY, source="BTST", serial=serial)


@pytest.mark.parametrize(
    ("participant", "source", "serial"),
    [
        (ConnectionPartyId("990000013"), "BTST", 1),
        (RTP_PARTY, "TST", 1),
        (RTP_PARTY, "XTST", 1),
        (RTP_PARTY, "BTST", -1),
        (RTP_PARTY, "BTST", 10**11),
    ],
)
def test_no_id_of_rtp_is_made_of_wrong_parts(participant: ConnectionPartyId, source: str, serial: int) -> None:
    """A wrong part is an error of ours, told at once."""
    with pytest.raises(ValueError, match=r"^a "):
        rtp_message_id(business_date=DAY, participant=participant, source=source, serial=serial)


def test_an_administration_id_is_made_of_right_parts_only() -> None:
    """As for the others."""
    at = datetime.fromisoformat("2026-01-31T09:30:00")

    with pytest.raises(ValueError, match="participant"):
        rtp_administration_id(local_time=at, participant=PARTY, reference="A")
    with pytest.raises(ValueError, match="reference"):
        rtp_administration_id(local_time=at, participant=RTP_PARTY, reference="A" * 11)
    assert is_rtp_participant_id(RTP_PARTY)
    assert not is_rtp_participant_id(PARTY)
