"""The official client of the API server, with a time limit on every request and a count of them."""

import time
from collections.abc import Callable
from typing import Any

from kubernetes import client, config
from kubernetes.config.config_exception import ConfigException

Asked = Callable[[str, str, float], None]  # verb, outcome, seconds

_VERBS = {"GET": "get", "POST": "create", "PUT": "put", "PATCH": "patch", "DELETE": "delete", "HEAD": "head"}
_CONNECTIONS = 64  # kept open: as many as may ask at once
_OUTCOMES = {404: "notFound", 409: "conflict", 401: "refused", 403: "refused", 422: "refused"}


class ApiClient(client.ApiClient):
    """Asks the API server; a request without a time limit of its own gets one."""

    def __init__(
        self,
        configuration: client.Configuration,
        *,
        timeout: tuple[float, float] = (3.0, 30.0),  # to connect, to read
        asked: Asked | None = None,
    ) -> None:
        super().__init__(configuration)
        self._timeout = timeout
        self._asked = asked

    def call_api(
        self,
        method: str,
        url: str,
        header_params: Any = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: Any = None,
    ) -> Any:
        """Do as the official client does, within the time limit."""
        limit = _request_timeout or self._timeout
        began, outcome = time.monotonic(), "error"
        try:
            response = super().call_api(method, url, header_params, body, post_params, limit)
            outcome = "ok" if response.status < 400 else _OUTCOMES.get(response.status, "error")
            return response
        finally:
            if self._asked is not None:
                self._asked(_VERBS.get(method, method.lower()), outcome, time.monotonic() - began)


def configuration() -> client.Configuration:
    """Read how to reach the API server: inside a pod as its service account, elsewhere from a kubeconfig."""
    found = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=found)
    except ConfigException:
        config.load_kube_config(client_configuration=found)
    found.retries = False  # who asks decides whether to ask again
    found.connection_pool_maxsize = _CONNECTIONS
    return found
