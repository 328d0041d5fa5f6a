"""Money is whole cents, read exactly or not at all."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iso20022 import Amount


@pytest.mark.parametrize(("text", "cents"), [("51.74", 5174), ("51.7", 5170), ("51", 5100), ("0.01", 1), ("0", 0)])
def test_plain_text_is_read_to_the_cent(text: str, cents: int) -> None:
    """At most two decimals; fewer mean zeros."""
    assert Amount.parse(text) == Amount(cents)


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "+1", "-1", "1.", ".5", "01", "1.234", "1e2", "1,00", "NaN", "0x1", "\u0661", "1_000", "1\n"],
)
def test_text_of_any_other_form_is_refused(text: str) -> None:
    """Strict text never becomes money by accident: no sign, exponent, grouping, white space or foreign digit."""
    with pytest.raises(ValueError, match="not an amount"):
        Amount.parse(text)


@pytest.mark.parametrize(
    ("text", "cents"),
    [("+1.0", 100), ("1.", 100), (".5", 50), ("007", 700), (" 1.50\n", 150), ("1.2300000", 123), ("0.10", 10)],
)
def test_an_xml_decimal_is_read_by_its_value(text: str, cents: int) -> None:
    """XML Schema allows several texts for one number; the number is what was meant."""
    assert Amount.from_xml_decimal(text) == Amount(cents)


@pytest.mark.parametrize(
    "text", ["", ".", "+", "-1", "1.001", "1e2", "1 2", "\u00a01", "9999999999999999999", "1.2.3", "INF"]
)
def test_an_xml_decimal_that_is_no_whole_number_of_cents_is_refused(text: str) -> None:
    """A value that cannot be held exactly is refused, never rounded; the control is the table above."""
    with pytest.raises(ValueError, match="not "):
        Amount.from_xml_decimal(text)


@given(st.integers(min_value=0, max_value=10**17))
def test_what_is_written_is_read_back(cents: int) -> None:
    """Text and value are two forms of one amount, whichever way it is read."""
    amount = Amount(cents)

    assert Amount.parse(amount.text) == amount
    assert Amount.from_xml_decimal(amount.text) == amount
    assert Decimal(amount.text) * 100 == cents


@given(st.text(alphabet="0123456789+-. \n", max_size=12))
def test_reading_agrees_with_exact_arithmetic(text: str) -> None:
    """Whatever is accepted is exactly what decimal arithmetic says, so a slip in our own parser shows."""
    try:
        amount = Amount.from_xml_decimal(text)
    except ValueError:
        return

    assert Decimal(text.strip()) * 100 == amount.cents


@pytest.mark.parametrize("cents", [-1, True, 1.5, "1"])
def test_an_amount_is_made_of_a_non_negative_int_only(cents: object) -> None:
    """A negative amount would be a payment backwards; a bool or a fraction is a mistake of ours."""
    with pytest.raises(ValueError, match=r"cents|never negative"):
        Amount(cents)  # type: ignore[arg-type] # what mypy refuses must not get through at run time either
