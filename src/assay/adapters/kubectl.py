"""kubectl as a client: what it prints is parsed, what it refuses is told in three parts.

It knows kubeconfigs, contexts, logins and proxies, so nothing here does, and no Kubernetes library is needed.
"""

import json
import re
import subprocess
import sys
from typing import Any

from assay.errors import ClusterError

Plain = dict[str, Any]

NOT_FOUND, FORBIDDEN = 404, 403
_PATIENCE = "--request-timeout=20s"
_REFUSAL = re.compile(r"error from server(?: \((\w+)\))?: (.*)", re.IGNORECASE)
_STATUSES = {"NotFound": NOT_FOUND, "Forbidden": FORBIDDEN, "Unauthorized": 401, "BadRequest": 400}
_DO = {
    NOT_FOUND: "Check the name, -n/--namespace and --context.",
    FORBIDDEN: "Ask the cluster's owner for it; the message names the verb and the resource.",
    401: "Log in to the cluster anew, as for any other kubectl command.",
}


class Kubectl:
    """Speaks as whoever kubectl speaks, to the cluster that its flags or its own configuration name."""

    def __init__(self, flags: tuple[str, ...] = ()) -> None:
        self._flags = flags

    def get(self, *arguments: str) -> Plain:
        """Return what `kubectl get … -o json` finds.

        Raises:
            ClusterError: kubectl is missing, or refused; `status` is that of the API server, 0 where it did not answer.

        """
        found: Plain = json.loads(self._run("get", *arguments, "--output=json", _PATIENCE))
        return found

    def apply(self, item: Plain) -> None:
        """Make an object what is said, whether it is there or not.

        Raises:
            ClusterError: kubectl refused.

        """
        arguments = ("apply", "--server-side", "--force-conflicts", "--field-manager=kubectl-assay")
        self._run(*arguments, "--filename=-", _PATIENCE, stdin=json.dumps(item))

    def annotate(self, resource: str, name: str, annotation: str) -> None:
        """Set an annotation, `name=value`, whatever it was.

        Raises:
            ClusterError: kubectl refused.

        """
        self._run("annotate", resource, name, annotation, "--overwrite", _PATIENCE)

    def namespace(self) -> str:
        """Name the namespace that is spoken of where none is named."""
        for flag in self._flags:
            if flag.startswith("--namespace="):
                return flag.partition("=")[2]
        return self._run("config", "view", "--minify", "--output=jsonpath={..namespace}") or "default"

    def show_logs(self, *arguments: str) -> None:
        """Let `kubectl logs` print to standard output, for as long as it likes.

        Raises:
            ClusterError: it refused.

        """
        self._run("logs", *arguments, shown=True)

    def _run(self, *arguments: str, shown: bool = False, stdin: str | None = None) -> str:
        try:
            done = subprocess.run(
                ["kubectl", *self._flags, *arguments],
                input=stdin,
                stdout=None if shown else subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                check=False,
            )
        except OSError as error:
            raise ClusterError(
                "kubectl",
                f"found none that can be started ({error.strerror}), expected it on the PATH",
                "Install it, see https://kubernetes.io/docs/tasks/tools.",
            ) from error
        if (
            done.returncode < 0
        ):  # ended by a signal: the reader of its output went away, or the user had enough
            sys.exit(1)
        if done.returncode:
            raise refusal(arguments, done.stderr)
        return done.stdout or ""


def refusal(arguments: tuple[str, ...], said: str) -> ClusterError:
    """Tell in three parts what kubectl said; its last line counts, what stands before are its own retries."""
    words = [word for word in arguments if not word.startswith("-")]
    where = f"kubectl {' '.join(words)}"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    line = lines[-1] if lines else "nothing"
    if "doesn't have a resource type" in line:
        found = "found a cluster that knows no experiments, expected assay's custom resource definitions"
        return ClusterError(where, found, "Install assay there, or name another cluster with --context.")
    if "must be logged in" in line:
        line = f"Error from server (Unauthorized): {line.removeprefix('error: ')}"
    server = _REFUSAL.search(line)
    if server is None:
        message = line.removeprefix("error: ").removeprefix("Error: ").rstrip(".")
        found = f"found that kubectl gave up ({message}), expected an answer"
        return ClusterError(where, found, "Check that `kubectl version` works with the same flags.")
    status = _STATUSES.get(server[1] or "", 500)
    found = f"found a refusal ({server[2].rstrip('.')}), expected an answer"
    return ClusterError(where, found, _DO.get(status, "Try it again."), status=status)
