"""Render the chart into `manifests/`, for whoever installs without Helm: `render_manifests.py [TARGET]`, in the environment.

What is written is the chart's own words: each definition, the runtime of TrainJobs, and all else that its default values give.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD_GO_PROGRAM = ROOT / "scripts" / "go-programs" / "build.py"
OLDEST = "1.31"  # Kubernetes that the chart is for
HEADER = "# Made from helm/assay by `make manifests`; edit that.\n"
NAMESPACE = """\
apiVersion: v1
kind: Namespace
metadata:
  name: assay-system
  labels: {pod-security.kubernetes.io/enforce: restricted}
"""


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "manifests"
    install, runtime = [NAMESPACE], []
    (target / "crds").mkdir(parents=True, exist_ok=True)
    for template, text in rendered("crds.keep=false", "trainerRuntime.enabled=true"):
        if template == "crds.yaml":
            name = re.search(r"^metadata: \{name: (\S+)\}$", text, re.MULTILINE)[1]
            (target / "crds" / f"{name}.yaml").write_text(text)
        elif template == "trainer-runtime.yaml":
            runtime.append(text)
        else:
            install.append(text)
    for file, texts in (("install.yaml", install), ("trainjob-runtime.yaml", runtime)):
        (target / file).write_text(HEADER + "---\n".join(texts))


def rendered(*values: str) -> list[tuple[str, str]]:
    """Return (template, text) of each object, in the order in which Helm would make them."""
    build = [sys.executable, BUILD_GO_PROGRAM, "helm"]
    helm = subprocess.run(build, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    chosen = ["--namespace=assay-system", f"--kube-version={OLDEST}", *(f"--set={value}" for value in values)]
    command = [helm, "template", "assay", ROOT / "helm" / "assay", *chosen]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    parts = re.split(r"^---\n# Source: assay/templates/(\S+)\n", text, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


if __name__ == "__main__":
    main()
