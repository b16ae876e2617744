"""What every store does, the fake included: so that the fake cannot drift."""

import hashlib
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Event
from typing import TypeVar

import pytest

from assay.errors import BugError, StoreError
from assay.stores.open import open_store
from assay.stores.store import Store

T = TypeVar("T")
LARGE = 20 * 2**20 + 17  # more than one part, and no whole number of them


def at_once(writers: int, act: Callable[[int], T]) -> list[T]:
    """Let all of them begin together."""
    barrier = Barrier(writers)

    def one(index: int) -> T:
        barrier.wait()
        return act(index)

    with ThreadPoolExecutor(writers) as pool:
        return list(pool.map(one, range(writers)))


def filled(store: Store, *keys: str) -> Store:
    for key in keys:
        store.put(key, key.encode())
    return store


def listed(store: Store, prefix: str) -> list[str]:
    return sorted(info.key for info in store.keys(prefix))


def a_file(folder: Path, *, size: int, seed: int = 1) -> Path:
    path = folder / f"{seed}.bin"
    path.write_bytes(random.Random(seed).randbytes(size))
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 40], ids=["empty", "short", "binary"])
def test_what_is_put_is_got(store: Store, data: bytes) -> None:
    store.put("a/b.bin", data)
    assert store.get("a/b.bin") == data


def test_what_is_not_there_reads_as_none(store: Store) -> None:
    filled(store, "a/b")
    assert store.get("a/c") is None
    assert store.info("a/c") is None
    assert store.get("a") is None
    assert store.info("a") is None


@pytest.mark.parametrize(("start", "length"), [(0, 1), (0, 4), (3, 4), (9, 1), (8, 100), (0, 100)])
def test_a_range_is_those_bytes_up_to_the_end(store: Store, start: int, length: int) -> None:
    store.put("a/b", b"0123456789")
    assert store.get_range("a/b", start, length) == b"0123456789"[start : start + length]


def test_a_range_of_what_is_not_there_reads_as_none(store: Store) -> None:
    filled(store, "a/b")
    assert store.get_range("a/c", 0, 1) is None
    assert store.get_range("a", 0, 1) is None


def test_ranges_of_a_large_object_are_read_at_once(store: Store, tmp_path: Path) -> None:
    path = a_file(tmp_path, size=LARGE)
    store.upload("large", path)
    ranges = [(index * 1_000_003, 70_001) for index in range(16)]
    parts = at_once(len(ranges), lambda index: store.get_range("large", *ranges[index]))
    data = path.read_bytes()
    assert parts == [data[start : start + length] for start, length in ranges]


def test_what_was_put_again_reads_as_the_last(store: Store) -> None:
    store.put("a", b"first, and longer")
    store.put("a", b"second")
    assert store.get("a") == b"second"


def test_create_writes_where_nothing_is(store: Store) -> None:
    assert store.create("a/b", b"first")
    assert store.get("a/b") == b"first"


def test_create_changes_nothing_where_something_is(store: Store) -> None:
    store.put("a/b", b"first")
    before = store.info("a/b")
    assert not store.create("a/b", b"second")
    assert store.get("a/b") == b"first"
    assert store.info("a/b") == before


def test_create_writes_again_after_a_delete(store: Store) -> None:
    store.create("a", b"first")
    store.delete("a")
    assert store.create("a", b"second")
    assert store.get("a") == b"second"


def test_an_empty_object_is_created_once(store: Store) -> None:
    assert [store.create("uses/x", b""), store.create("uses/x", b"")] == [True, False]


@pytest.mark.parametrize("writers", [16, 64])
def test_of_many_creators_at_once_one_wins_and_its_bytes_stay(store: Store, writers: int) -> None:
    won = at_once(writers, lambda index: store.create("claims/1", f"writer {index}".encode()))
    assert won.count(True) == 1
    assert store.get("claims/1") == f"writer {won.index(True)}".encode()


def test_of_many_creators_of_equal_bytes_one_wins(store: Store) -> None:
    assert at_once(16, lambda _: store.create("stage.json", b"the same")).count(True) == 1


def test_creators_that_opened_the_store_each_for_itself_have_one_winner(real_uri: str) -> None:
    won = at_once(16, lambda index: open_store(real_uri).create("claims/1", f"writer {index}".encode()))
    assert won.count(True) == 1


def test_readers_see_the_old_bytes_or_the_new_while_an_object_is_replaced(store: Store) -> None:
    whole = [b"a" * 300_000, b"b" * 200_000]
    store.put("progress", whole[0])
    done = Event()

    def write() -> None:
        try:
            for turn in range(40):
                store.put("progress", whole[turn % 2])
        finally:
            done.set()

    def read() -> set[bool]:
        seen = {store.get("progress") in whole}
        while not done.is_set():
            seen.add(store.get("progress") in whole)
        return seen

    with ThreadPoolExecutor(4) as pool:
        writing, *readings = pool.submit(write), *(pool.submit(read) for _ in range(3))
        writing.result()
        assert [reading.result() for reading in readings] == [{True}] * 3


def test_info_gives_size_a_time_in_utc_and_a_version_that_changes(store: Store) -> None:
    store.put("a", b"123")
    first = store.info("a")
    store.put("a", b"4567")
    second = store.info("a")
    assert first is not None
    assert second is not None
    assert (first.key, first.size, second.size) == ("a", 3, 4)
    assert first.modified.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - first.modified) < timedelta(minutes=1)
    assert second.modified >= first.modified
    assert first.etag
    assert first.etag != second.etag


def test_a_large_file_goes_in_and_out_whole(store: Store, tmp_path: Path) -> None:
    source = a_file(tmp_path, size=LARGE)
    store.upload("data/model.bin", source)
    info = store.info("data/model.bin")
    store.download("data/model.bin", tmp_path / "back.bin")
    assert info is not None
    assert info.size == LARGE
    assert info.etag
    assert sha256(tmp_path / "back.bin") == sha256(source)


def test_an_empty_file_goes_in_and_out(store: Store, tmp_path: Path) -> None:
    store.upload("data/empty", a_file(tmp_path, size=0))
    store.download("data/empty", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b""


def test_an_upload_replaces(store: Store, tmp_path: Path) -> None:
    store.put("a", b"old")
    store.upload("a", a_file(tmp_path, size=10))
    assert store.get("a") == (tmp_path / "1.bin").read_bytes()


def test_of_two_uploads_at_once_one_stays_whole(store: Store, tmp_path: Path) -> None:
    files = [a_file(tmp_path, size=LARGE, seed=seed) for seed in (1, 2)]
    at_once(2, lambda index: store.upload("data/model.bin", files[index]))
    store.download("data/model.bin", tmp_path / "back")
    assert sha256(tmp_path / "back") in {sha256(file) for file in files}


def test_uploading_a_file_that_is_not_there_is_told_and_writes_nothing(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"none\.bin"):
        store.upload("a", tmp_path / "none.bin")
    assert store.get("a") is None


def test_a_download_makes_folders_and_replaces(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "some" / "where" / "file"
    store.put("a", b"first")
    store.download("a", target)
    store.put("a", b"second")
    store.download("a", target)
    assert target.read_bytes() == b"second"
    assert list(target.parent.iterdir()) == [target]


def test_downloading_what_is_not_there_is_told_and_leaves_the_folder_as_it_was(
    store: Store, tmp_path: Path
) -> None:
    target = tmp_path / "here" / "file"
    target.parent.mkdir()
    target.write_bytes(b"mine")
    with pytest.raises(StoreError, match="found nothing"):
        store.download("none", target)
    assert target.read_bytes() == b"mine"
    assert list(target.parent.iterdir()) == [target]


def test_a_download_to_a_place_that_cannot_be_is_told(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store.put("a", b"x")
    with pytest.raises(StoreError, match="file system refuses"):
        store.download("a", tmp_path / "file" / "below")


def test_keys_are_listed_once_each_by_the_start_of_their_names(store: Store) -> None:
    filled(store, "s/a/1", "s/a/2/x", "s/a-b", "s/a.b", "s/a0", "s/b/1", "s2/a", "S/a")
    assert listed(store, "s/a") == ["s/a-b", "s/a.b", "s/a/1", "s/a/2/x", "s/a0"]
    assert listed(store, "s/a/") == ["s/a/1", "s/a/2/x"]
    assert listed(store, "s/a/2/x") == ["s/a/2/x"]
    assert listed(store, "s/") == ["s/a-b", "s/a.b", "s/a/1", "s/a/2/x", "s/a0", "s/b/1"]
    assert listed(store, "s/c/") == []
    assert listed(store, "s/a/2/x/") == []
    assert len(listed(store, "")) == 8


def test_listed_keys_come_with_what_info_says(store: Store) -> None:
    store.put("a/b", b"12345")
    listing, alone = next(iter(store.keys("a/"))), store.info("a/b")
    assert alone is not None
    assert (listing.key, listing.size, listing.etag) == (alone.key, alone.size, alone.etag)
    assert abs(listing.modified - alone.modified) < timedelta(seconds=1)


def test_keys_of_more_than_one_page_are_listed_once_each(store: Store) -> None:
    keys = [f"p/{index % 7}{'/-.'[index % 3]}{index:04d}" for index in range(1200)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: store.put(key, b""), keys))
    assert listed(store, "p/") == sorted(keys)


def test_a_listing_outlives_what_is_deleted_under_it(store: Store) -> None:
    filled(store, *(f"p/{index}/x" for index in range(20)))
    for info in store.keys("p/"):
        store.delete(info.key)
    assert listed(store, "p/") == []


def test_children_are_the_next_segments_sorted(store: Store) -> None:
    filled(store, "s/a/1", "s/a/2/x", "s/a-b", "s/10/x", "s/9/x", "s2/a")
    assert store.children("s/") == ["10", "9", "a", "a-b"]
    assert store.children("s/a/") == ["1", "2"]
    assert store.children("") == ["s", "s2"]
    assert store.children("none/") == []


def test_a_new_store_is_empty_though_it_was_probed(real_uri: str) -> None:
    store = open_store(real_uri)
    assert listed(store, "") == []
    assert store.children("") == []


def test_a_deleted_object_is_gone_and_its_neighbours_stay(store: Store) -> None:
    filled(store, "a/b/c", "a/b/d", "a/e")
    store.delete("a/b/c")
    assert store.get("a/b/c") is None
    assert listed(store, "") == ["a/b/d", "a/e"]


def test_deleting_twice_or_what_never_was_is_no_error(store: Store) -> None:
    filled(store, "a/b")
    store.delete("a/b")
    store.delete("a/b")
    store.delete("a/never/was")
    assert listed(store, "") == []


def test_objects_are_created_while_their_neighbours_are_deleted(store: Store) -> None:
    def create_and_delete(index: int) -> bool:
        created = [store.create(f"deep/er/{index}/{turn}", b"x") for turn in range(10)]
        for turn in range(10):
            store.delete(f"deep/er/{index}/{turn}")
        return all(created)

    assert all(at_once(8, create_and_delete))
    assert listed(store, "") == []


@pytest.mark.parametrize(
    "key",
    [
        "a b/c d.json",
        "a+b/c%20d&e=f?g#h",
        "ünïcode/模型/😀.bin",
        "it's/(a)/[b]/{c}/*;:@,!$~",
        "a/.hidden",
        "a/..b/c..",
        'quo"te/<tag>&amp;',
        f"long/{'x' * 200}/{'y' * 200}",
    ],
)
def test_keys_may_hold_what_file_names_hold(store: Store, tmp_path: Path, key: str) -> None:
    folder = key.rpartition("/")[0]
    assert store.create(key, b"1")
    assert not store.create(key, b"2")
    info = store.info(key)
    store.download(key, tmp_path / "file")
    assert info is not None
    assert info.key == key
    assert listed(store, f"{folder}/" if folder else "") == [key]
    assert key.split("/", maxsplit=1)[0] in store.children("")
    store.delete(key)
    assert store.get(key) is None


@pytest.mark.parametrize(
    "key",
    ["", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a/..", "a\nb", "a\x00", "a\\b", "\ud800"],
)
def test_keys_that_could_escape_or_be_misread_are_bugs(store: Store, tmp_path: Path, key: str) -> None:
    (tmp_path / "file").write_bytes(b"x")
    acts: list[Callable[[], object]] = [
        lambda: store.get(key),
        lambda: store.info(key),
        lambda: store.create(key, b""),
        lambda: store.put(key, b""),
        lambda: store.upload(key, tmp_path / "file"),
        lambda: store.download(key, tmp_path / "out"),
        lambda: store.delete(key),
    ]
    for act in acts:
        with pytest.raises(BugError):
            act()


@pytest.mark.parametrize("prefix", ["/", "../", "a/../b", "a//"])
def test_prefixes_that_could_escape_are_bugs(store: Store, prefix: str) -> None:
    with pytest.raises(BugError):
        list(store.keys(prefix))
    with pytest.raises(BugError):
        store.children(prefix)


def test_children_of_what_is_no_folder_are_a_bug(store: Store) -> None:
    with pytest.raises(BugError, match="slash"):
        store.children("a")


def test_the_uri_opens_an_equal_store(real_uri: str) -> None:
    store = filled(open_store(real_uri), "a/b")
    again = open_store(store.uri)
    assert again.uri == store.uri
    assert again.get("a/b") == b"a/b"


def test_stores_side_by_side_do_not_see_each_other(real_uri: str) -> None:
    one, other = open_store(f"{real_uri}/x"), open_store(f"{real_uri}/x2")
    filled(one, "a")
    assert other.get("a") is None
    assert listed(other, "") == []
    assert "x/a" in listed(open_store(real_uri), "")
