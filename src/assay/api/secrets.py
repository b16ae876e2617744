"""What looks like a credential: refused in specs, and never shown in a message."""

import re

_SHAPES = (
    re.compile(r"(?<=://)[^/@\s]*@"),  # s3://key:secret@host
    re.compile(
        r"(?<=[?&])(X-Amz-(Signature|Credential|Security-Token)|X-Goog-(Signature|Credential)|Signature|AWSAccessKeyId"
        r"|sig|token|access_token|secret|password)=[^&\s]*",
        re.IGNORECASE,
    ),
    re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    re.compile(r"\b(hf_[A-Za-z0-9]{30,}|gh[pousr]_[A-Za-z0-9]{30,}|sk-[A-Za-z0-9_-]{20,})"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*", re.DOTALL),
)
_VARIABLE = re.compile(r"SECRET|TOKEN|PASSW|CREDENTIAL|ACCESS_KEY|API_KEY|PRIVATE_KEY", re.IGNORECASE)


def has_secret(text: str) -> bool:
    """Say whether a text holds what looks like a credential."""
    return any(shape.search(text) for shape in _SHAPES)


def redacted(text: str) -> str:
    """Return the text with what looks like a credential replaced."""
    for shape in _SHAPES:
        text = shape.sub("[redacted]", text)
    return text


def names_secret(variable: str) -> bool:
    """Say whether an environment variable of this name is meant to hold a credential."""
    return _VARIABLE.search(variable) is not None
