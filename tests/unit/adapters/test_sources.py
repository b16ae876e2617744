"""What outside inputs are: files by content and by how they are read, places on a hub without asking it."""

import pytest

from assay.adapters.sources import FileSources, ObjectSources
from assay.api.source import Source
from assay.artifacts.hub import HubPlace
from assay.errors import SpecError
from assay.plan.identity import outside_inputs
from assay.stores.open import open_source

COMMIT, OTHER = "a" * 40, "b" * 40
CHATS = "hf://datasets/owner/name/data/*.jsonl"


def wanted(uri=CHATS, revision=COMMIT):
    source = Source.model_validate({"name": "x", "uri": uri, "revision": revision, "format": "text"})
    (found,) = outside_inputs(source)
    return found


@pytest.fixture(params=["laptop", "cluster"])
def sources(request, tmp_path):
    if request.param == "laptop":
        return FileSources(tmp_path, hub_access=True)
    return ObjectSources(None, open_source, allowed=("s3://mine",))


@pytest.mark.parametrize(
    ("name", "is_the_same"),
    [
        ("b.jsonl", True),
        ("a.v2.jsonl", True),
        ("a.txt", False),
        ("a.jsonl.gz", False),
        ("a.csv.gz", False),
        ("a", False),
    ],
)
def test_the_same_bytes_are_the_same_input_where_their_names_say_to_read_them_alike(
    tmp_path, name, is_the_same
):
    known = FileSources(tmp_path, hub_access=False)

    def identity_of(name):
        (tmp_path / name).write_text("{}\n")
        return known.resolve(wanted(name, None)).identity

    assert (identity_of(name) == identity_of("a.jsonl")) is is_the_same


@pytest.mark.parametrize("name", [".git/HEAD", "inner/.hidden", "__pycache__/a.cpython-312.pyc"])
def test_what_is_hidden_in_a_folder_and_what_python_keeps_there_is_no_part_of_it(tmp_path, name):
    known = FileSources(tmp_path, hub_access=False)
    (tmp_path / "code" / "inner").mkdir(parents=True)
    (tmp_path / "code" / "inner" / "a.py").write_text("1")
    before = known.resolve(wanted("code", None))
    (tmp_path / "code" / name).parent.mkdir(exist_ok=True)
    (tmp_path / "code" / name).write_text("2")

    assert known.resolve(wanted("code", None)) == before


@pytest.mark.parametrize(
    ("uri", "names"),
    [
        ("raw/one/a.jsonl", ["a.jsonl"]),
        ("raw/one/*.jsonl", ["a.jsonl", "b.jsonl"]),
        ("raw/*/a.jsonl", ["one/a.jsonl", "two/a.jsonl"]),
        ("other/../raw/*/a.jsonl", ["one/a.jsonl", "two/a.jsonl"]),
        ("raw", ["one/a.jsonl", "one/b.jsonl", "two/a.jsonl"]),
    ],
)
def test_files_keep_the_names_that_they_have_below_what_is_written(tmp_path, uri, names):
    (tmp_path / "other").mkdir()
    for name in ("one/a.jsonl", "one/b.jsonl", "two/a.jsonl"):
        file = tmp_path / "raw" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'"{name}"\n')

    found = FileSources(tmp_path, hub_access=False).resolve(wanted(uri, None))

    assert [file.path for file in found.location.files] == names


def test_a_pattern_that_nothing_fits_is_named_as_it_is_written(tmp_path):
    with pytest.raises(SpecError, match=r"found nothing at file://.*/\*\.jsonl, expected at least one file"):
        FileSources(tmp_path, hub_access=False).resolve(wanted("*.jsonl", None))


def test_repository_commit_and_path_are_its_identity(sources):
    known = sources.resolve(wanted())
    assert known == sources.resolve(wanted())
    others = [
        wanted(revision=OTHER),
        wanted("hf://datasets/owner/name/data/a.jsonl"),
        wanted(CHATS.replace("owner", "o")),
    ]
    assert known.identity not in {sources.resolve(other).identity for other in others}
    place = HubPlace.parse(known.location.uri)
    assert (place.repository, place.revision, place.path) == ("owner/name", COMMIT, "data/*.jsonl")


@pytest.mark.parametrize(
    "uri",
    [
        "hf://owner/name",
        "hf://datasets/owner/name",
        f"hf://datasets/owner/name@{COMMIT}/x",
        "hf://datasets/owner/name/../x",
    ],
)
def test_what_is_no_file_of_a_dataset_is_refused(sources, uri):
    with pytest.raises(
        SpecError, match="found no file of a hub's dataset, expected hf://datasets/owner/name/path"
    ):
        sources.resolve(wanted(uri))


def test_a_laptop_asks_no_hub_unless_told_to(tmp_path):
    with pytest.raises(SpecError, match="nothing is downloaded unless HF_HUB_OFFLINE is 0"):
        FileSources(tmp_path, hub_access=False).resolve(wanted())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"uri": CHATS, "format": "text"}, "found an hf:// uri without revision, expected a pinned commit"),
        ({"uri": "a.jsonl", "revision": COMMIT, "format": "text"}, "found revision without an hf:// uri"),
        ({"from": "cleaned", "revision": COMMIT}, "found revision without uri"),
    ],
)
def test_a_source_on_a_hub_is_pinned_and_nothing_else_is(fields, words):
    with pytest.raises(ValueError, match=words):
        Source.model_validate({"name": "x"} | fields)
