"""What S3 servers say when they refuse, told in three parts."""

from typing import NamedTuple

from urllib3.exceptions import NameResolutionError, SSLError
from urllib3.exceptions import TimeoutError as SlowError

from assay.errors import StoreError
from assay.stores.s3_environment import S3Connection


class _Telling(NamedTuple):
    found: str
    do: str


_CREDENTIALS = "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN."
_REGION = _Telling("found that the bucket is in another region", "Set AWS_REGION to the bucket's region.")
_FULL = _Telling("found that the store is full, expected room", "Free some space or raise the quota.")
_DENIED = _Telling(
    "found that access is denied, expected to list, read, write and delete below the prefix",
    f"Have the store's owner grant it to this key, or use another. {_CREDENTIALS}",
)
_UNCONDITIONAL = _Telling(
    "found that the server has no conditional PUT (`If-None-Match: *`)",
    "Use a store that has it: AWS S3, MinIO, SeaweedFS 4.17 or later, or a folder.",
)
_NOT_S3 = _Telling(
    "found an answer that is not S3's, expected an S3 server",
    "Check AWS_ENDPOINT_URL: a console or a proxy may listen there.",
)
_NO_BUCKET = _Telling("found no such bucket, expected one", "Create the bucket, or correct the store's URI.")
_BAD_NAME = _Telling("found a name that S3 does not allow", "Correct the store's URI.")
_UNKNOWN_KEY = _Telling("found that the server does not know the access key", _CREDENTIALS)
_WRONG_SECRET = _Telling("found that the secret key is not that of the access key", _CREDENTIALS)
_EXPIRED = _Telling("found that the session token has expired or is invalid", "Renew the credentials.")
_SKEWED = _Telling("found that this machine's clock and the server's differ too much", "Set the clock.")

_BY_CODE = {
    "AccessDenied": _DENIED,
    "AllAccessDisabled": _DENIED,
    "AuthorizationHeaderMalformed": _REGION,
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "HTTP 403": _DENIED,
    "HTTP 507": _FULL,
    "InsufficientStorage": _FULL,
    "InvalidAccessKeyId": _UNKNOWN_KEY,
    "InvalidBucketName": _BAD_NAME,
    "InvalidName": _BAD_NAME,
    "InvalidToken": _EXPIRED,
    "InvalidTokenId": _EXPIRED,
    "NoSuchBucket": _NO_BUCKET,
    "NotImplemented": _UNCONDITIONAL,
    "NotS3": _NOT_S3,
    "PermanentRedirect": _REGION,
    "QuotaExceeded": _FULL,
    "Redirect": _REGION,
    "RequestTimeTooSkewed": _SKEWED,
    "SignatureDoesNotMatch": _WRONG_SECRET,
    "XMinioAdminBucketQuotaExceeded": _FULL,
    "XMinioStorageFull": _FULL,
}


def refused(where: str, connection: S3Connection, code: str, message: str) -> StoreError:
    """Tell an answer that is a refusal; `code` is S3's."""
    said = f"{code}: {message}".strip(": ")
    found, do = _BY_CODE.get(
        code, _Telling("found that the server refuses, expected it to serve", "Look into the server's log.")
    )
    return StoreError(where, f"{found} (at {connection.endpoint}; it said {said})", do)


def silent(where: str, connection: S3Connection, error: Exception) -> StoreError:
    """Tell that no answer came. The error's own words may hold a signed URL, so they are not repeated."""
    check = "Check AWS_ENDPOINT_URL, the network, and that the server runs."
    match error:
        case SSLError():
            why = "its certificate is not trusted, or it speaks no TLS"
            check = "Set AWS_CA_BUNDLE to the certificate authority's file, or check the scheme of AWS_ENDPOINT_URL."
        case NameResolutionError():
            why = "its name is unknown"
        case SlowError():
            why = "it does not answer in time"
        case _:
            why = f"the connection fails ({type(error).__name__})"
    return StoreError(where, f"found no answer from {connection.endpoint}: {why}", check)
