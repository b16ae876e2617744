"""The package, built and installed outside the checkout."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def uv(*arguments: str) -> None:
    subprocess.run([ROOT / ".tools/uv/bin/uv", *arguments], check=True, capture_output=True, cwd=ROOT)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A virtual environment with nothing but the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("wheel")
    uv("build", "--wheel", "--out-dir", str(folder))
    (wheel,) = folder.glob("*.whl")
    uv("venv", "--python", sys.executable, str(folder / "venv"))
    uv("pip", "install", "--python", str(folder / "venv/bin/python"), str(wheel))
    return folder / "venv/bin"


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")
    }
    return subprocess.run(
        [str(item) for item in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def test_bare_assay_brings_neither_ray_nor_torch(bare, tmp_path):
    script = "import importlib.util as u; print([name for name in ('ray', 'torch', 'deepspeed', 'lm_eval') if u.find_spec(name)])"

    assert run(bare / "python", "-c", script, cwd=tmp_path).stdout == "[]\n"


def test_bare_assay_is_a_plugin_of_kubectl_without_a_kubernetes_library(bare, tmp_path):
    done = run("env", "PATH=/nowhere", bare / "kubectl-assay", "status", "study", cwd=tmp_path)

    assert done.returncode == 2
    assert "error: kubectl: found none" in done.stderr
    assert run(bare / "python", "-c", "import kubernetes", cwd=tmp_path).returncode == 1


def test_bare_assay_plans_the_sample(bare, tmp_path):
    done = run(
        bare / "assay",
        "plan",
        ROOT / "manifests/samples/poison-tiny.yaml",
        "--store",
        "store",
        "-o",
        "json",
        cwd=tmp_path,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert '"reuse": 0' in done.stdout


def test_running_without_the_programs_says_what_to_install(bare, tmp_path):
    done = run(
        bare / "assay", "run", ROOT / "manifests/samples/poison-tiny.yaml", "--store", "store", cwd=tmp_path
    )

    assert done.returncode != 0
    assert "pip install 'assay[local]'" in done.stderr
    assert "Traceback" not in done.stderr
