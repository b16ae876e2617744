"""With the policy that is published for a team's credentials, a team has its own prefix, and nothing of another's."""

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from minio.credentials.providers import StaticProvider
from minio.minioadmin import MinioAdmin

from assay.errors import StoreError
from assay.stores.open import open_store, open_to_read
from assay.stores.store import Store
from s3servers import S3Server

POLICY = Path(__file__).parents[2] / "manifests" / "samples" / "store-policy.json"
RECORD = "stages/train/" + "0" * 64 + "/record.json"


@pytest.fixture
def teams(minio_server: S3Server) -> Iterator[tuple[S3Server, S3Server]]:
    """The server as two teams reach it."""
    admin = MinioAdmin(
        endpoint=urlsplit(minio_server.endpoint).netloc,
        credentials=StaticProvider(minio_server.access_key, minio_server.secret_key),
        region=minio_server.region,
        secure=False,
    )
    made = []
    for _ in range(2):
        team = replace(minio_server, access_key=secrets.token_hex(8), secret_key=secrets.token_hex(20))
        words = POLICY.read_text().replace("assay", minio_server.bucket).replace("team", team.access_key)
        admin.policy_add(team.access_key, policy=json.loads(words))
        admin.user_add(team.access_key, team.secret_key)
        admin.attach_policy([team.access_key], user=team.access_key)
        made.append(team)
    first, second = made
    yield first, second
    for team in made:
        admin.user_remove(team.access_key)
        admin.policy_remove(team.access_key)


def prefix_of(team: S3Server) -> str:
    return f"s3://{team.bucket}/{team.access_key}"


def opened(prefix: str, by: S3Server) -> Store:
    return open_store(prefix, by.environment)


def test_a_team_has_the_use_of_its_own_prefix(teams: tuple[S3Server, S3Server], tmp_path: Path) -> None:
    first, _ = teams
    store = opened(prefix_of(first), first)
    assert store.create(RECORD, b"record")
    assert not store.create(RECORD, b"another")
    (tmp_path / "large").write_bytes(b"0" * (80 << 20))
    store.upload("stages/large", tmp_path / "large")
    assert [item.key for item in store.keys("stages/train/")] == [RECORD]
    assert store.get(RECORD) == b"record"
    store.delete(RECORD)
    assert store.get(RECORD) is None


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda store: store.get(RECORD), id="read"),
        pytest.param(lambda store: store.get_range(RECORD, 0, 1), id="read a part"),
        pytest.param(lambda store: store.info(RECORD), id="ask for"),
        pytest.param(lambda store: list(store.keys("stages/")), id="list"),
        pytest.param(lambda store: store.create(RECORD, b"forged"), id="forge"),
        pytest.param(lambda store: store.put(RECORD, b"forged"), id="overwrite"),
        pytest.param(lambda store: store.delete(RECORD), id="remove"),
    ],
)
def test_a_team_can_do_nothing_to_anothers(
    teams: tuple[S3Server, S3Server], ask: Callable[[Store], object]
) -> None:
    first, second = teams
    theirs = opened(prefix_of(second), second)
    theirs.create(RECORD, b"true")

    with pytest.raises(StoreError, match=r"may not|denied|refuses"):
        ask(open_to_read(prefix_of(second), first.environment))
    assert theirs.get(RECORD) == b"true"


def test_a_store_of_another_team_is_refused_before_anything_runs(teams: tuple[S3Server, S3Server]) -> None:
    first, second = teams
    with pytest.raises(StoreError):
        opened(prefix_of(second), first)


def test_the_policy_is_one_that_names_every_action() -> None:
    statements = json.loads(POLICY.read_text())["Statement"]
    assert all("*" not in action for one in statements for action in one["Action"])
