"""What is in the images is what the lock says, and it runs as nobody."""

import re
from pathlib import Path

import pytest

from assay.workloads.pods import USER

ROOT = Path(__file__).parents[2]
every_image = pytest.mark.parametrize("image", ["operator", "clean", "train", "evaluate"])


def recipe(image):
    return (ROOT / "images" / image / "Containerfile").read_text()


@every_image
def test_an_image_holds_what_the_lock_says_and_a_list_of_it(image):
    synced = re.findall(r"uv sync (.*)", recipe(image))
    assert len(synced) == 2
    assert all("--locked" in words and "--no-dev" in words for words in synced)
    assert "uv export --locked --no-dev --format cyclonedx1.5" in recipe(image)
    setup = (ROOT / "scripts" / "setup.py").read_text()
    assert re.search(r"uv==(\S+)", recipe(image))[1] == re.search(r'UV_VERSION = "(.*)"', setup)[1]


@every_image
def test_an_image_runs_as_the_user_that_pods_run_as(image):
    assert re.findall(r"^USER (.*)", recipe(image), re.MULTILINE) == [f"{USER}:{USER}"]


@every_image
def test_the_base_of_an_image_is_one_version(image):
    assert re.search(r"^ARG BASE=python:3\.11\.\d+-slim-bookworm$", recipe(image), re.MULTILINE)
