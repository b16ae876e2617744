"""What attempts leave for the next one, on every store."""

import pytest

from assay.artifacts.documents import ArtifactRef
from assay.artifacts.layout import resume_key, stage_key
from assay.stores.claims import listing
from assay.stores.resume import drop_resume, get_sealed, put_sealed
from assay.stores.store import Store

REF, OTHER = (ArtifactRef(f"clean/{digit * 64}") for digit in "ab")
KEY = resume_key(REF, "pass/block.arrow")


def test_a_sealed_object_is_what_was_written_last(store: Store) -> None:
    assert get_sealed(store, KEY) is None
    for data in (b"one", b"", b"two"):
        put_sealed(store, KEY, data)
        assert get_sealed(store, KEY) == data


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data[:0], lambda data: b"x" + data[1:]]
)
def test_a_damaged_sealed_object_is_none_until_it_is_written_again(store: Store, damage) -> None:
    put_sealed(store, KEY, b"some bytes")
    sealed = store.get(KEY)
    assert sealed is not None
    store.put(KEY, damage(sealed))
    assert get_sealed(store, KEY) is None
    put_sealed(store, KEY, b"some bytes")
    assert get_sealed(store, KEY) == b"some bytes"


def test_dropping_takes_all_that_is_left_of_one_stage_and_of_no_other(store: Store) -> None:
    for number in range(40):
        put_sealed(store, resume_key(REF, f"{number % 3}/{number}"), b"finished")
    put_sealed(store, resume_key(OTHER, "0"), b"finished")
    drop_resume(store, REF)
    assert [info.key for info in store.keys("resume/")] == [resume_key(OTHER, "0")]
    drop_resume(store, REF)


def test_who_watches_a_stage_lists_nothing_of_what_attempts_left(store: Store) -> None:
    put_sealed(store, KEY, b"finished")
    store.put(f"{stage_key(REF)}/stage.json", b"{}")
    assert list(listing(store, REF)) == [f"{stage_key(REF)}/stage.json"]
