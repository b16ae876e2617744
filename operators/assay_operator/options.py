"""The operator's settings: arguments, or the environment, or what fits the published install objects."""

import argparse
import socket
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, Self

from assay.errors import AssayError

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def _option(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, kw_only=True)
class Options:
    """What an operator process is told; `--webhook-port` is `ASSAY_WEBHOOK_PORT` in the environment."""

    namespace: str = _option("assay-system", "The operator's own namespace.")
    watch_namespaces: tuple[str, ...] = _option((), "Namespaces looked after, with commas; absent: all.")
    pod_name: str = _option("", "This replica's name; absent: the host's.")
    lease: str = _option("assay-operator", "The Lease that elects the leader.")
    service: str = _option("assay-operator", "The Service in front of the webhook.")
    certificate_secret: str = _option("assay-operator-certificate", "The Secret that all replicas share.")
    certificate_names: tuple[str, ...] = _option(
        (), "More names or addresses that the webhook is reached by, with commas."
    )
    webhook_configuration: str = _option(
        "assay-operator", "The ValidatingWebhookConfiguration to keep trusted."
    )
    webhook_port: int = _option(9443, "Where admission is served, by HTTPS.")
    health_port: int = _option(8080, "Where /healthz, /readyz and /metrics are served.")
    log_level: str = _option("INFO", f"One of {', '.join(_LEVELS)}.")

    @classmethod
    def read(cls, arguments: Sequence[str], environment: Mapping[str, str]) -> Self:
        """Read the settings; an argument wins over the environment.

        Raises:
            AssayError: one of them is not what it should be.

        """
        parser = argparse.ArgumentParser(prog="assay-operator", description="Carries experiments out.")
        for item in fields(cls):
            parser.add_argument(
                _flag(item), dest=item.name, help=f"{item.metadata['help']} [{_variable(item)}]"
            )
        given = vars(parser.parse_args(arguments))
        values: dict[str, Any] = {}
        for item in fields(cls):
            if given[item.name] is not None:
                values[item.name] = _value(item, given[item.name], _flag(item))
            elif environment.get(_variable(item)):
                values[item.name] = _value(item, environment[_variable(item)], _variable(item))
        return cls(**values)

    @property
    def identity(self) -> str:
        """The replica's name."""
        return self.pod_name or socket.gethostname()

    @property
    def webhook_names(self) -> tuple[str, ...]:
        """Every name and address that the webhook's certificate is for."""
        return (
            f"{self.service}.{self.namespace}.svc",
            f"{self.service}.{self.namespace}.svc.cluster.local",
            *self.certificate_names,
        )


def _flag(item: "Field[Any]") -> str:
    return f"--{item.name.replace('_', '-')}"


def _variable(item: "Field[Any]") -> str:
    return f"ASSAY_{item.name.upper()}"


def _value(item: "Field[Any]", text: str, where: str) -> Any:
    assert item.default is not MISSING  # noqa: S101 -- every option has a default
    if isinstance(item.default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if isinstance(item.default, int):
        if text.isascii() and text.isdecimal() and int(text) < 65536:
            return int(text)
        raise AssayError(where, f"found {text!r}, expected a port, from 0 to 65535", "Correct it.")
    if item.name == "log_level":
        if text.upper() in _LEVELS:
            return text.upper()
        raise AssayError(where, f"found {text!r}, expected one of {', '.join(_LEVELS)}", "Name one of them.")
    return text
