"""Faults at a chosen effect of an operator: what it changes in its store or at the API server, counted from 1.

An effect may be missed (the fault comes before it) or be had without an answer (after it).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from urllib3 import PoolManager
from urllib3.exceptions import ProtocolError

from assay.adapters.cluster_api import ClusterApi
from assay.stores.patience import PatientPool
from assay.stores.s3 import S3Store

IN_STORE = ("create", "put", "upload", "delete")


class Killed(BaseException):
    """The operator's process is gone."""


@dataclass
class Effects:
    """Counts effects while an operator works, and lets one go wrong."""

    number: int = 0  # the effect that goes wrong; 0: none
    after: bool = False
    fault: Callable[[str], BaseException | None] = Killed  # None: nothing is raised
    loses_answer: bool = False  # of the first request of that effect, instead of the fault
    lost: bool = False  # it did
    count: int = 0
    seen: list[str] = field(default_factory=list)  # what each was
    _works: bool = False
    _loses: bool = False

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count here; what others do to store and API server meanwhile are no effects of the operator."""
        self._works = True
        try:
            yield
        finally:
            self._works = False

    def patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Come between the operator and what it changes."""
        for name in IN_STORE:
            monkeypatch.setattr(S3Store, name, self._around(getattr(S3Store, name), f"store {name}"))
        monkeypatch.setattr(PoolManager, "urlopen", self._answering(PoolManager.urlopen))
        monkeypatch.setattr(ClusterApi, "_call", self._around(ClusterApi._call, "", changes=_changes))

    def _around(
        self, act: Callable[..., Any], name: str, *, changes: Callable[..., bool] = lambda *_, **__: True
    ) -> Callable[..., Any]:
        def effect(this: Any, *arguments: Any, **named: Any) -> Any:
            if not self._works or not changes(*arguments, **named):
                return act(this, *arguments, **named)
            self.count += 1
            told = name or f"{arguments[0]} {arguments[1]}"
            self.seen.append(told)
            mine = self.count == self.number
            if mine and self.loses_answer:
                self._loses = True
            elif mine and not self.after:
                self._befall(told)
            result = act(this, *arguments, **named)
            if mine and self.after:
                self._befall(told)
            return result

        return effect

    def _befall(self, told: str) -> None:
        error = self.fault(told)
        if error is not None:
            raise error

    def _answering(self, send: Callable[..., Any]) -> Callable[..., Any]:
        """Let a request to the store be carried out, and its answer be lost."""

        def urlopen(this: PoolManager, *arguments: Any, **named: Any) -> Any:
            answer = send(this, *arguments, **named)
            if self._loses and isinstance(this, PatientPool):
                self._loses, self.lost = False, True
                answer.drain_conn()
                answer.release_conn()
                raise ProtocolError("the connection broke")
            return answer

        return urlopen


def _changes(verb: str, _path: str, _body: Any = None, query: Any = None, **_: Any) -> bool:
    return verb != "GET" and ("dryRun", "All") not in (query or [])
