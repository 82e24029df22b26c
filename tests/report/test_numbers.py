"""One form for each kind of number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtl.report.html import numbers


def test_numbers_have_the_digits_of_the_house() -> None:
    assert numbers.plain(0.9136) == "0.914"
    assert numbers.plain(None) == "–"
    assert numbers.plain(-0.0001) == "0.000"
    assert numbers.with_interval(0.9136, 0.871, 0.9442) == "0.914 (95 % CI 0.871-0.944)"
    assert numbers.with_interval(0.9136, None, None) == "0.914"
    assert numbers.interval(-0.0101, 0.052) == "-0.010 to 0.052"
    assert numbers.in_table(0.9136, 0.871, 0.9442) == "0.91 (0.87-0.94)"
    assert numbers.in_table(None) == "–"


def test_percentages_have_no_decimals_below_200() -> None:
    assert numbers.percent(1, 3) == "33 %"
    assert numbers.percent(100, 300) == "33.3 %"
    assert numbers.percent(0, 0) == "–"


@pytest.mark.parametrize(("value", "text"), [(0.0312, "p = 0.03"), (0.0042, "p = 0.004"), (0.0002, "p < 0.001")])
def test_p_values_are_never_zero(value: float, text: str) -> None:
    assert numbers.p_value(value) == text


def test_words_are_joined_and_counted() -> None:
    assert numbers.joined(["a"]) == "a"
    assert numbers.joined(("a", "b", "c")) == "a, b and c"
    assert numbers.count(1, "patient") == "1 patient"
    assert numbers.count(5840, "case") == "5,840 cases"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.42, "0.4 s"), (48, "48 s"), (751, "12 min 31 s"), (11100, "3 h 05 min")]
)
def test_durations_are_told_in_the_unit_one_thinks_in(seconds: float, text: str) -> None:
    assert numbers.duration(seconds) == text


@given(st.floats(-10, 10, allow_nan=False))
def test_a_written_number_is_the_number_to_half_a_digit(value: float) -> None:
    assert abs(float(numbers.plain(value)) - value) <= 0.0005 + 1e-9
