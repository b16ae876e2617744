"""Logs as one JSON object per line; nothing that looks like a credential is written."""

import json
import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import IO, Any

from assay.api.secrets import redacted

FIELDS = (  # what a record may say beside its message, as `extra`
    "namespace",
    "experiment",
    "profile",
    "generation",
    "stage",
    "kind",
    "attempt",
    "workload",
    "reason",
    "seconds",
    "count",
)
_QUIET = {  # loggers that tell of every request, handler or renewal
    "aiohttp": logging.WARNING,
    "aiohttp.access": logging.ERROR,
    "asyncio": logging.WARNING,
    "kubernetes": logging.WARNING,
    "leaderelection": logging.WARNING,
    "urllib3": logging.ERROR,
}


class JsonFormatter(logging.Formatter):
    """Writes a record as one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON: time, level, logger, message, then what it is about."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(record.getMessage()),
        }
        for name in FIELDS:
            value = getattr(record, name, None)
            if value is not None:
                line[name] = redacted(value) if isinstance(value, str) else value
        if record.exc_info:
            line["trace"] = redacted(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=repr)


class _About(logging.LoggerAdapter[logging.Logger]):
    """Adds what it is about to every record, and keeps what the call adds."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        return msg, {**kwargs, "extra": {**(self.extra or {}), **kwargs.get("extra", {})}}


def about(logger: logging.Logger, **subject: Any) -> logging.LoggerAdapter[logging.Logger]:
    """Return a logger whose records say what they are about: `about(log, namespace=…, experiment=…)`."""
    return _About(logger, subject)


def configure(level: str, stream: IO[str] | None = None) -> None:
    """Send every logger's records to one stream, standard error by default, as JSON lines."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level)
    logging.captureWarnings(capture=True)
    for name, least in _QUIET.items():
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(max(least, logging.getLevelName(level)))
