"""A folder as a store on bad days: kills, full and read-only disks, file systems without links. All of them real."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assay.errors import StoreError
from assay.stores.folder import FolderStore
from assay.stores.open import open_source, open_store, open_to_read

Mount = Callable[..., Path]


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Mount]:
    """Mounts small file systems in memory; needs root or sudo without a password, as CI has."""
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    made: list[Path] = []

    def mount(where: Path, options: str = "size=1m") -> Path:
        where.mkdir(parents=True, exist_ok=True)
        again = where in made
        options = f"remount,{options}" if again else f"{options},uid={os.geteuid()}"
        subprocess.run([*as_root, "mount", "-t", "tmpfs", "-o", options, "tmpfs", where], check=True)
        if not again:
            made.append(where)
        return where

    yield mount
    for where in reversed(made):
        subprocess.run([*as_root, "umount", where], check=True)


def temporaries(store: Path) -> list[Path]:
    return list((store / ".assay" / "tmp").iterdir())


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("write", ["put", "create", "upload"])
def test_a_full_disk_is_told_and_leaves_what_was_there(mounted: Mount, tmp_path: Path, write: str) -> None:
    root = mounted(tmp_path / "disk")
    store = open_store(root.as_uri())
    store.put("kept", b"old")
    big = tmp_path / "big"
    big.write_bytes(bytes(2 * 2**20))
    acts: dict[str, Callable[[], object]] = {
        "put": lambda: store.put("kept", big.read_bytes()),
        "create": lambda: store.create("new", big.read_bytes()),
        "upload": lambda: store.upload("kept", big),
    }
    with pytest.raises(StoreError, match="the disk is full"):
        acts[write]()
    assert store.get("kept") == b"old"
    assert store.get("new") is None
    assert temporaries(root) == []


def test_a_full_local_disk_is_told_by_a_download_and_leaves_nothing(mounted: Mount, tmp_path: Path) -> None:
    local = mounted(tmp_path / "disk")
    store = open_store((tmp_path / "store").as_uri())
    store.put("big", bytes(2 * 2**20))
    with pytest.raises(StoreError, match="the disk is full"):
        store.download("big", local / "big")
    assert list(local.iterdir()) == []


def test_a_read_only_folder_is_refused_for_writing_and_serves_as_a_source(
    mounted: Mount, tmp_path: Path
) -> None:
    root = mounted(tmp_path / "disk")
    (root / "chats.jsonl").write_bytes(b"{}")
    mounted(root, "ro")
    with pytest.raises(StoreError, match="Read-only file system"):
        open_store(root.as_uri())
    source = open_source(root.as_uri())
    assert source.get("chats.jsonl") == b"{}"
    assert [info.key for info in source.keys("")] == ["chats.jsonl"]
    for write in (lambda: source.put("a", b""), lambda: source.delete("chats.jsonl")):
        with pytest.raises(StoreError, match="Read-only file system"):
            write()


def test_a_folder_that_cannot_be_linked_into_is_refused(mounted: Mount, tmp_path: Path) -> None:
    root = tmp_path / "store"
    mounted(
        root / ".assay" / "tmp"
    )  # another file system: links from it fail as they do where there are none
    with pytest.raises(StoreError, match="hard links cannot be made here"):
        open_store(root.as_uri())


def test_a_folder_where_a_file_is_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for opening in (open_store, open_to_read):
        with pytest.raises(StoreError, match="found a file, expected a folder"):
            opening((tmp_path / "file").as_uri())
    with pytest.raises(StoreError, match="file system refuses"):
        open_store((tmp_path / "file" / "below").as_uri())


def test_a_folder_opened_to_read_is_not_made(tmp_path: Path) -> None:
    store = open_to_read(str(tmp_path / "store"))

    assert (store.get("a"), store.children("stages/"), list(store.keys(""))) == (None, [], [])
    assert not (tmp_path / "store").exists()


def test_a_source_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="found no folder"):
        open_source((tmp_path / "none").as_uri())
    assert list(tmp_path.iterdir()) == []


def test_a_key_below_another_key_is_told(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    store.put("a", b"x")
    assert store.get("a/b") is None
    with pytest.raises(StoreError):
        store.put("a/b", b"y")
    with pytest.raises(StoreError):
        store.put("long/" + "x" * 300, b"y")


def test_old_leftovers_are_swept_at_opening_and_young_ones_are_spared(tmp_path: Path) -> None:
    open_store(str(tmp_path))
    old, young = (tmp_path / ".assay" / "tmp" / name for name in ("old", "young"))
    for path in (old, young):
        path.write_bytes(b"half")
    two_days_ago = young.stat().st_mtime - 2 * 24 * 3600
    os.utime(old, (two_days_ago, two_days_ago))
    open_store(str(tmp_path))
    assert temporaries(tmp_path) == [young]


def test_a_delete_takes_emptied_folders_with_it(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    for key in ("a/b/c/d", "a/e"):
        store.put(key, b"")
    store.delete("a/b/c/d")
    assert store.children("a/") == ["e"]
    store.delete("a/e")
    assert store.children("") == []
    assert tmp_path.is_dir()


def test_two_processes_at_once_have_one_winner(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        from assay.stores.folder import FolderStore
        store = FolderStore(Path(sys.argv[1]))
        print("ready", flush=True)
        sys.stdin.readline()
        print([store.create(f"claims/{number}", sys.argv[2].encode()) for number in range(300)])
    """)
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", script, tmp_path, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    won = [eval(racer.communicate()[0]) for racer in racers]  # noqa: S307 -- what the script above printed
    assert [one + other for one, other in zip(*won, strict=True)] == [1] * 300


KILLED_AT_STEP = """
    import os, signal, sys
    from pathlib import Path
    from assay.stores.folder import FolderStore

    step, root, act = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    store = FolderStore(root)
    left = [step]

    def count(event, arguments):
        if event.split(".")[0] in ("open", "os", "shutil"):
            left[0] -= 1
            if left[0] == -1:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    if act == "upload":
        store.upload("deep/key", root.parent / "new")
    else:
        getattr(store, act)("deep/key", b"new" * 1000)
"""


@pytest.mark.parametrize("old", [b"old", None], ids=["replacing", "new"])
@pytest.mark.parametrize("act", ["put", "create", "upload"])
def test_a_writer_killed_at_any_step_leaves_the_old_object_or_the_new(
    tmp_path: Path, act: str, old: bytes | None
) -> None:
    new = b"new" * 1000
    (tmp_path / "new").write_bytes(new)
    final = old if act == "create" and old is not None else new
    ends, seen = [], []
    for step in range(50):
        root = tmp_path / f"store-{step}"
        store = FolderStore(root)
        if old is not None:
            store.put("deep/key", old)
        ended = run(KILLED_AT_STEP, step, root, act)
        found = store.get("deep/key")
        assert found in (old, final)
        assert [info.key for info in store.keys("")] == ([] if found is None else ["deep/key"])
        ends.append(ended.returncode)
        seen.append(found)
        if ended.returncode == 0:
            break
    assert len(ends) > 4
    assert ends[:-1] == [-signal.SIGKILL] * (len(ends) - 1)
    assert ends[-1] == 0
    assert seen[0] == old
    assert seen[-1] == final


def test_a_writer_killed_amid_its_bytes_leaves_the_old_object_and_a_temporary(tmp_path: Path) -> None:
    store = open_store((tmp_path / "store").as_uri())
    store.put("key", b"old")
    killed = run(
        """
        import resource, signal, sys
        from assay.stores.open import open_store
        store = open_store(sys.argv[1])
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        store.put("key", b"n" * 1_000_000)
        """,
        store.uri,
    )
    assert killed.returncode == -signal.SIGXFSZ
    assert store.get("key") == b"old"
    assert [info.key for info in store.keys("")] == ["key"]
    assert [path.stat().st_size for path in temporaries(tmp_path / "store")] == [100_000]


def test_an_object_beyond_the_allowed_file_size_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(StoreError, match="File too large"):
            store.put("key", b"n" * 1_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert store.get("key") is None
    assert temporaries(tmp_path) == []


def test_a_folder_moved_elsewhere_is_the_same_store(tmp_path: Path) -> None:
    open_store(str(tmp_path / "here")).put("a", b"x")
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert open_store(str(tmp_path / "there")).get("a") == b"x"
