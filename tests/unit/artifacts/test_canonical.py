"""One value, one encoding."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.artifacts.canonical import canonical_json, digest
from assay.errors import BugError

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_reading_and_encoding_again_changes_nothing(value):
    once = canonical_json(value)

    assert canonical_json(json.loads(once)) == once


@given(st.dictionaries(st.text(), values))
def test_the_order_of_keys_does_not_matter(value):
    assert canonical_json(dict(reversed(value.items()))) == canonical_json(value)


def test_an_integral_float_is_its_integer():
    assert canonical_json({"a": 1.0}) == canonical_json({"a": 1}) == b'{"a":1}'


def test_true_is_not_one():
    assert digest("t", True) != digest("t", 1)  # noqa: FBT003


def test_the_tag_keeps_hashes_of_different_things_apart():
    assert digest("a", 1) != digest("b", 1)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}, {1, 2}, b"bytes", object()])
def test_what_has_no_single_encoding_is_refused(value):
    with pytest.raises(BugError, match=r"\$"):
        canonical_json({"a": value} if not isinstance(value, dict) else value)
