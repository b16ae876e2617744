"""The Kubernetes API as dictionaries: few verbs, every call bounded in time, every refusal told in three parts."""

import json
from typing import Any

from kubernetes.client import ApiClient
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from assay.errors import ClusterError

Plain = dict[str, Any]

FIELD_MANAGER = "assay"
_PATIENCE_SECONDS = (5.0, 30.0)  # to connect, and to be answered
_NOT_FOUND, _CONFLICT = 404, 409


def path_of(api_version: str, plural: str, namespace: str | None = None, name: str | None = None) -> str:
    """Return the path of a resource, such as `/apis/batch/v1/namespaces/team/jobs/x`."""
    root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    parts = [root, *(["namespaces", namespace] if namespace else []), plural, *([name] if name else [])]
    return "/".join(parts)


class ClusterApi:
    """Speaks as whoever the client's configuration says."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def get(self, path: str) -> Plain | None:
        """Return an object, or None when there is none (or no such kind)."""
        try:
            return self._call("GET", path)
        except ClusterError as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    def items(self, path: str, selector: str = "", fields: str = "") -> list[Plain]:
        """List objects, those that a label selector and a field selector choose; none when there is no such kind."""
        query = [("labelSelector", selector), ("fieldSelector", fields)]
        found = None
        try:
            found = self._call("GET", path, query=[(name, value) for name, value in query if value])
        except ClusterError as error:
            if error.status != _NOT_FOUND:
                raise
        return list(found["items"]) if found else []

    def create(self, path: str, body: Plain, *, dry_run: bool = False) -> Plain | None:
        """Create an object and return it; None when its name is taken."""
        query = [("fieldManager", FIELD_MANAGER), ("fieldValidation", "Strict")]
        try:
            return self._call("POST", path, body, [*query, ("dryRun", "All")] if dry_run else query)
        except ClusterError as error:
            if error.status == _CONFLICT:
                return None
            raise

    def merge(self, path: str, body: Plain) -> Plain | None:
        """Merge a patch into an object and return it; None when it changed meanwhile or is gone."""
        return self._change("PATCH", path, body, "application/merge-patch+json")

    def write_status(self, path: str, found: Plain, status: Plain) -> Plain | None:
        """Make the status of an object that was found `status` and no more; None when it changed meanwhile or is gone."""
        version = {"resourceVersion": found["metadata"]["resourceVersion"]}
        return self.merge(
            f"{path}/status", {"metadata": version, "status": _patch(found.get("status", {}), status)}
        )

    def delete(self, path: str, *, uid: str, resource_version: str) -> bool:
        """Delete this very object in this very state, and what it owns; False: it changed or went, and was left alone."""
        body = {
            "preconditions": {"uid": uid, "resourceVersion": resource_version},
            "propagationPolicy": "Background",
        }
        return self._change("DELETE", path, body, "application/json") is not None

    def _change(self, verb: str, path: str, body: Plain, content: str) -> Plain | None:
        try:
            return self._call(verb, path, body, content=content)
        except ClusterError as error:
            if error.status in (_NOT_FOUND, _CONFLICT):
                return None
            raise

    def _call(
        self,
        verb: str,
        path: str,
        body: Plain | None = None,
        query: list[tuple[str, str]] | None = None,
        content: str = "application/json",
    ) -> Plain:
        method, url, headers, _, _ = self._client.param_serialize(
            verb,
            path,
            query_params=query or [],
            header_params={"Accept": "application/json", "Content-Type": content},
            auth_settings=["BearerToken"],
        )
        try:
            # Past the client's own walk through the body, which looks for its models: there are none.
            response = self._client.call_api(method, url, headers, body, _request_timeout=_PATIENCE_SECONDS)
            data: bytes = response.read()
        except (ApiException, HTTPError) as error:
            raise _refusal(verb, path, getattr(error, "status", None) or 0, str(error)) from error
        if not 200 <= response.status <= 299:
            raise _refusal(verb, path, response.status, _message(data))
        answer: Plain = json.loads(data)
        return answer


def _patch(before: Plain, after: Plain) -> Plain:
    """Return the merge patch (RFC 7396) that makes one object of another."""
    gone: Plain = {name: None for name in before if name not in after}
    return gone | {
        name: _patch(before[name], value)
        if isinstance(value, dict) and isinstance(before.get(name), dict)
        else value
        for name, value in after.items()
    }


def _message(data: bytes) -> str:
    try:
        return str(json.loads(data).get("message", ""))
    except (ValueError, AttributeError):
        return data[:200].decode(errors="replace")


def _refusal(verb: str, path: str, status: int, message: str) -> ClusterError:
    do = {
        0: "See that the API server can be reached.",
        401: "Give the operator's service account a valid token.",
        403: "Grant it in the operator's role; the message names the verb and the resource.",
        422: "Correct what the message names.",
    }.get(status, "It is tried again.")
    found = f"found {status or 'no answer'} ({message[:1000]}), expected success"
    return ClusterError(f"Kubernetes, {verb} {path}", found, do, status=status)
