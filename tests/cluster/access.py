"""What a test holds of a running cluster: addresses, credentials, files, `kubectl` and `helm`."""

import json
import os
import subprocess
import time
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
    helm_program: Path
    host: str  # where pods and the API server reach what listens on the host
    node: str
    s3_endpoint: str
    s3_access_key: str
    s3_secret_key: str
    audit_log: Path  # one JSON object for each request that `daemons` has the API server note
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
        return self._run(self.kubectl_program, *arguments, stdin=stdin)

    def helm(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Run helm as the administrator, as `kubectl` runs kubectl."""
        return self._run(self.helm_program, *arguments, stdin=stdin)

    def _run(self, program: Path, *arguments: str | Path, stdin: str | None) -> str:
        done = subprocess.run(
            [program, "--kubeconfig", self.kubeconfig, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            env=_without_proxy(),
        )
        if done.returncode:
            said = f"{done.stderr.strip()} (the daemons' logs: {self.logs})"
            words = " ".join(map(str, arguments))
            raise RuntimeError(f"`{program.name} {words}` ended with {done.returncode}, expected 0: {said}")
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
        """Return once `kubectl wait --for=<condition>` sees it, also of what does not exist yet; raise after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            left = max(1, round(deadline - time.monotonic()))
            try:
                self.kubectl("wait", f"--for={condition}", f"--timeout={left}s", *arguments)
            except RuntimeError as refusal:
                absent = any(words in str(refusal) for words in ("no matching resources", "(NotFound)"))
                if not absent or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def audit(self) -> list[dict]:
        """Return every write so far, and all that `site.AUDITED` asked; the latest line may appear a moment after its answer."""
        whole_lines = self.audit_log.read_text().split("\n")[:-1]
        return [json.loads(line) for line in whole_lines]

    def to_json(self) -> dict[str, str]:
        return {name: str(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, fields: Mapping[str, str]) -> Self:
        paths = {
            name: Path(fields[name])
            for name in ("kubeconfig", "kubectl_program", "helm_program", "audit_log", "logs")
        }
        return cls(**(dict(fields) | paths))


def _without_proxy() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
