"""How to reach S3, and as whom: from the standard variables of the environment, and from nowhere else."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

import certifi

from assay.errors import StoreError

_WELL_KNOWN = frozenset(  # secrets that servers, charts and tutorials ship with
    {
        "admin",
        "admin123",
        "any",
        "key",
        "minio",
        "minio123",
        "minioadmin",
        "minioadmin123",
        "password",
        "rustfsadmin",
        "secret",
        "secretkey",
        "test",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    }
)


@dataclass(frozen=True, kw_only=True)
class S3Connection:
    """An endpoint and the credentials for it."""

    host: str  # and port
    secure: bool
    region: str | None  # None: the SDK asks
    ca_certs: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str | None = field(repr=False)

    @property
    def endpoint(self) -> str:
        """The endpoint's URL."""
        return f"{'https' if self.secure else 'http'}://{self.host}"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read `AWS_*`.

        Raises:
            StoreError: credentials are missing or well known, or the endpoint is no URL.

        """
        access_key = environment.get("AWS_ACCESS_KEY_ID", "")
        secret_key = environment.get("AWS_SECRET_ACCESS_KEY", "")
        _check_credentials(access_key, secret_key)
        url = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
        host, secure = _endpoint(url) if url else ("s3.amazonaws.com", True)
        return cls(
            host=host,
            secure=secure,
            region=environment.get("AWS_REGION") or ("us-east-1" if url else None),
            ca_certs=environment.get("AWS_CA_BUNDLE") or environment.get("SSL_CERT_FILE") or certifi.where(),
            access_key=access_key,
            secret_key=secret_key,
            session_token=environment.get("AWS_SESSION_TOKEN") or None,
        )


def _check_credentials(access_key: str, secret_key: str) -> None:
    missing = [
        name
        for name, value in (("AWS_ACCESS_KEY_ID", access_key), ("AWS_SECRET_ACCESS_KEY", secret_key))
        if not value
    ]
    if missing:
        raise StoreError(
            "the environment",
            f"found no {' and no '.join(missing)}, expected the credentials of the store",
            "Set both variables; in a cluster, name a Secret that holds them in the Profile.",
        )
    if secret_key in _WELL_KNOWN or secret_key == access_key:
        raise StoreError(
            "AWS_SECRET_ACCESS_KEY",
            "found a default secret that everybody knows, expected one of your own",
            "Change the credentials of the store, then set the variables to the new ones.",
        )


def _endpoint(url: str) -> tuple[str, bool]:
    parts = urlsplit(url)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.path.strip("/")
        or parts.query
        or parts.fragment
        or parts.username is not None
    ):
        raise StoreError(
            "AWS_ENDPOINT_URL",
            "found no plain URL of a server, expected one such as `https://minio.example.com:9000`",
            "Correct AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL; a path, a query or credentials have no place in it.",
        )
    return parts.netloc, parts.scheme == "https"
