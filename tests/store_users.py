"""Users of a MinIO server who have what the published policy gives a team: one prefix, and nothing else."""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from minio.credentials.providers import StaticProvider
from minio.minioadmin import MinioAdmin

POLICY = Path(__file__).parents[1] / "manifests" / "samples" / "store-policy.json"


@dataclass(frozen=True)
class User:
    """Who may use `<bucket>/<prefix>`, and read `<bucket>/<prefix>-data`."""

    access_key: str
    secret_key: str


def a_user(environment: dict[str, str], uri: str) -> User:
    """Make a user for the store at `uri`; `environment` reaches the server as its administrator."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    made = User(secrets.token_hex(8), secrets.token_hex(20))
    admin = MinioAdmin(
        endpoint=urlsplit(environment["AWS_ENDPOINT_URL"]).netloc,
        credentials=StaticProvider(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]),
        region=environment["AWS_REGION"],
        secure=False,
    )
    words = POLICY.read_text().replace("assay", bucket).replace("team", prefix)
    admin.policy_add(made.access_key, policy=json.loads(words))
    admin.user_add(made.access_key, made.secret_key)
    admin.attach_policy([made.access_key], user=made.access_key)
    return made
