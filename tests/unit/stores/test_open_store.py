"""From URIs and the environment to stores, without a server."""

from pathlib import Path
from typing import Any

import pytest

from assay.errors import StoreError
from assay.stores.open import open_source, open_store
from assay.stores.s3_environment import S3Connection

GOOD = {"AWS_ACCESS_KEY_ID": "AKIAxxxx", "AWS_SECRET_ACCESS_KEY": "a-secret-of-our-own"}


def connection(**environment: str) -> S3Connection:
    return S3Connection.from_environment(GOOD | environment)


def test_a_path_and_its_uri_open_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "a store, ünïcode %20"
    for uri in (
        str(folder),
        folder.as_uri(),
        folder.name,
        f"./{folder.name}",
        folder.as_uri().replace("///", "//localhost/"),
    ):
        assert open_store(uri).uri == folder.as_uri()


@pytest.mark.parametrize(
    "uri", ["", "gs://bucket/prefix", "file://elsewhere/folder", "file:", "http://host/bucket", "s3:/bucket"]
)
def test_what_is_neither_a_folder_nor_a_bucket_is_told(uri: str) -> None:
    for opening in (open_store, open_source):
        with pytest.raises(StoreError, match="expected /folder, file:///folder or s3://bucket/prefix"):
            opening(uri)


@pytest.mark.parametrize(
    "uri", ["s3://", "s3:///prefix", "s3://bucket//a", "s3://bucket/../other", "s3://bucket/a/./b"]
)
def test_a_bucket_or_prefix_that_cannot_be_is_told(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StoreError, match="path segment"):
        open_source(uri)


def test_credentials_in_a_uri_are_refused_and_not_repeated() -> None:
    with pytest.raises(StoreError) as caught:
        open_store("s3://mykey:hunter2secret@bucket/prefix")
    assert "hunter2secret" not in str(caught.value)
    assert "AWS_SECRET_ACCESS_KEY" in caught.value.do


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("s3://bucket/a b/c#d?e/", "s3://bucket/a b/c#d?e"),
    ],
)
def test_a_bucket_may_have_a_prefix_or_none(written: str, read: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    assert open_source(written).uri == read


def test_without_an_endpoint_it_is_aws() -> None:
    found = connection()
    assert (found.endpoint, found.region) == ("https://s3.amazonaws.com", None)


def test_the_endpoint_of_s3_goes_before_the_endpoint_of_all() -> None:
    found = connection(AWS_ENDPOINT_URL="http://all:1", AWS_ENDPOINT_URL_S3="https://s3.example.com:9000/")
    assert found.endpoint == "https://s3.example.com:9000"
    assert connection(AWS_ENDPOINT_URL="http://all:1").endpoint == "http://all:1"


def test_a_region_is_taken_as_given_and_an_endpoint_of_ones_own_needs_none() -> None:
    assert connection(AWS_REGION="eu-west-1").region == "eu-west-1"
    assert connection(AWS_ENDPOINT_URL="http://all:1").region == "us-east-1"


@pytest.mark.parametrize(
    "url",
    [
        "minio:9000",
        "ftp://minio",
        "http://",
        "http://minio/path",
        "http://k:s3cr3t@minio",
        "http://minio?a=b",
    ],
)
def test_an_endpoint_that_is_no_plain_url_is_told(url: str) -> None:
    with pytest.raises(StoreError, match="no plain URL") as caught:
        connection(AWS_ENDPOINT_URL=url)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("missing", [["AWS_ACCESS_KEY_ID"], ["AWS_SECRET_ACCESS_KEY"], [*GOOD]])
def test_missing_credentials_are_named(missing: list[str]) -> None:
    environment = {name: value for name, value in GOOD.items() if name not in missing}
    with pytest.raises(StoreError, match=" and no ".join(missing)):
        S3Connection.from_environment(environment)


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        ("minioadmin", "minioadmin"),
        ("minio", "minio123"),
        ("rustfsadmin", "rustfsadmin"),
        ("admin", "password"),
        ("test", "test"),
        ("anything", "anything"),
        ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ],
)
def test_credentials_that_everybody_knows_are_refused(key: str, secret: str) -> None:
    with pytest.raises(StoreError, match="everybody knows") as caught:
        S3Connection.from_environment({"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret})
    assert "Change the credentials" in caught.value.do


def test_a_connection_shows_no_credentials() -> None:
    shown: Any = repr(connection(AWS_SESSION_TOKEN="a-token-of-our-own"))
    assert not any(secret in shown for secret in (*GOOD.values(), "a-token-of-our-own"))
