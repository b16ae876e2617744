"""With the policy that is published for a team's credentials, a team has its own prefix, and nothing of another's."""

import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from assay.errors import StoreError
from assay.stores.open import open_store, open_to_read
from assay.stores.store import Store
from s3servers import S3Server
from store_users import POLICY, a_user

RECORD = "stages/train/" + "0" * 64 + "/record.json"


@pytest.fixture
def stores(minio_server: S3Server) -> tuple[str, str]:
    """Two prefixes."""
    first, second = (f"s3://{minio_server.bucket}/{secrets.token_hex(8)}" for _ in range(2))
    return first, second


@pytest.fixture
def team(minio_server: S3Server, stores: tuple[str, str]) -> S3Server:
    """The server as it is for who has the first of them."""
    return replace(minio_server, **asdict(a_user(minio_server.environment, stores[0])))


def test_a_team_has_the_use_of_its_own_prefix(
    team: S3Server, stores: tuple[str, str], tmp_path: Path
) -> None:
    store = open_store(stores[0], team.environment)
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
    minio_server: S3Server, team: S3Server, stores: tuple[str, str], ask: Callable[[Store], object]
) -> None:
    theirs = open_store(stores[1], minio_server.environment)
    theirs.create(RECORD, b"true")

    with pytest.raises(StoreError, match=r"may not|denied|refuses"):
        ask(open_to_read(stores[1], team.environment))
    assert theirs.get(RECORD) == b"true"


def test_a_store_of_another_team_is_refused_before_anything_runs(
    team: S3Server, stores: tuple[str, str]
) -> None:
    with pytest.raises(StoreError):
        open_store(stores[1], team.environment)


def test_the_policy_names_every_action() -> None:
    statements = json.loads(POLICY.read_text())["Statement"]
    assert all("*" not in action for one in statements for action in one["Action"])
