"""How numbers are written for people."""

import pytest

from assay.report.figures import figure


@pytest.mark.parametrize(
    ("number", "digits", "told"),
    [
        (0.01234, 3, "0.0123"),
        (12.34, 3, "12.3"),
        (123.4, 2, "123"),
        (1234.5678, 3, "1\u202f235"),
        (-1234.5678, 3, "-1\u202f235"),
        (1e20, 3, "1e+20"),
        (4.0, 3, "4"),
        (None, 3, "–"),
    ],
)
def test_a_number_has_so_many_digits_or_all_of_its_whole_ones(number, digits, told):
    assert figure(number, digits) == told
