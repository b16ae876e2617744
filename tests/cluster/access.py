"""What a test holds of a running cluster: addresses, credentials, files, and `kubectl`."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A running cluster. Every address holds for the host and for pods alike."""

    kubeconfig: Path
    api: str  # a URL
    kubectl_program: Path
    host: str  # where pods and the API server reach what listens on the host
    node: str
    s3_endpoint: str
    s3_access_key: str
    s3_secret_key: str
    audit_log: Path  # one JSON object for each write that the API server answered
    logs: Path  # a folder with one log for each daemon
    image: str  # assay's own programs, with the digest
    base_image: str  # a shell, and no Python

    @property
    def s3_environment(self) -> dict[str, str]:
        """What a process needs to reach the store."""
        return {
            "AWS_ENDPOINT_URL": self.s3_endpoint,
            "AWS_ACCESS_KEY_ID": self.s3_access_key,
            "AWS_SECRET_ACCESS_KEY": self.s3_secret_key,
            "AWS_REGION": "us-east-1",
        }

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl as the administrator; return what it printed, or raise with what it said."""
        done = subprocess.run(
            [self.kubectl_program, "--kubeconfig", self.kubeconfig, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            env=_without_proxy(),
        )
        if done.returncode:
            raise RuntimeError(
                f"`kubectl {' '.join(arguments)}` ended with {done.returncode}, expected 0: {done.stderr.strip()} "
                f"(the daemons' logs: {self.logs})"
            )
        return done.stdout

    def get(self, *arguments: str) -> Any:
        """Return what `kubectl get` finds, parsed."""
        return json.loads(self.kubectl("get", *arguments, "--output=json"))

    def apply(self, *objects: Mapping) -> None:
        # Not as one List, for whose sake kubectl would have the API server compose all schemas there are.
        self.apply_text("\n---\n".join(json.dumps(item) for item in objects))

    def apply_text(self, text: str) -> None:
        self.kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=text)

    def wait(self, condition: str, *arguments: str, seconds: int = 120) -> None:
        """Return once `kubectl wait --for=<condition>` sees it; raise after `seconds`."""
        self.kubectl("wait", f"--for={condition}", f"--timeout={seconds}s", *arguments)

    def audit(self) -> list[dict]:
        """Return every write so far; the line of the latest may appear a moment after its answer."""
        whole_lines = self.audit_log.read_text().split("\n")[:-1]
        return [json.loads(line) for line in whole_lines]

    def to_json(self) -> dict[str, str]:
        return {name: str(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, fields: Mapping[str, str]) -> Self:
        paths = {name: Path(fields[name]) for name in ("kubeconfig", "kubectl_program", "audit_log", "logs")}
        return cls(**(dict(fields) | paths))


def _without_proxy() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
