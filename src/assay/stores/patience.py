"""HTTP that tries again, for a bounded time, without a word in the log.

urllib3's own retries log the whole URL, and a presigned one carries a signature; so every request passes through here.
"""

import random
import time
from typing import Any, NamedTuple

from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import NameResolutionError, NewConnectionError, ProtocolError, SSLError
from urllib3.exceptions import TimeoutError as SlowError

_CONNECT_SECONDS = 2.0
_LONGEST_PAUSE = 2.0
_CONNECTIONS = 64  # kept open: as many as may ask at once
_PASSING = frozenset({409, 429, 500, 502, 503, 504})  # 409: another conditional write is under way
_BROKEN = (NewConnectionError, ProtocolError, SlowError)
_HOPELESS = (NameResolutionError, SSLError)


class _Patience(NamedTuple):
    """In seconds: how long tries may begin, and how long one may wait for an answer."""

    trying: float
    answer: float


_OPENING = _Patience(trying=4, answer=6)  # a person waits, and the address may be wrong
_WORKING = _Patience(trying=30, answer=60)  # a pod holds hours of work: it outlasts the restart of a store


class PatientPool(PoolManager):
    """A connection pool that repeats what failed in passing, more patiently once the server has answered at all.

    One that `resigns` is patient no more, until the next answer, once its patience has been used up: others wait for it.
    """

    def __init__(self, *, ca_certs: str, resigns: bool) -> None:
        super().__init__(maxsize=_CONNECTIONS, cert_reqs="CERT_REQUIRED", ca_certs=ca_certs)
        self._resigns = resigns
        self._patience = _OPENING

    def urlopen(self, method: str, url: str, **kw: Any) -> BaseHTTPResponse:  # type: ignore[override]
        """Send a request; what the SDK calls."""
        return self.send(method, url, **kw)[0]

    def send(self, method: str, url: str, **kw: Any) -> tuple[BaseHTTPResponse, bool]:
        """Send a request; also say whether it was sent more than once, so that an earlier one may have taken effect.

        Raises:
            HTTPError: no answer within the patience.

        """
        first = time.monotonic()
        tries = 0
        while True:
            pause = random.uniform(0.5, 1) * min(0.1 * 2**tries, _LONGEST_PAUSE)  # noqa: S311 -- jitter
            tries += 1
            timeout = Timeout(connect=_CONNECT_SECONDS, read=self._patience.answer)
            try:
                response = super().urlopen(method, url, redirect=False, retries=False, timeout=timeout, **kw)
            except _HOPELESS:
                raise
            except _BROKEN:
                if time.monotonic() + pause - first > self._patience.trying:
                    if self._resigns:
                        self._patience = _OPENING
                    raise
            else:
                self._patience = _WORKING
                if response.status not in _PASSING or time.monotonic() - first > self._patience.trying:
                    return response, tries > 1
                response.drain_conn()
                response.release_conn()
            time.sleep(pause)
