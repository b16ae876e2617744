"""Starting and stopping the cluster from the host.

`up` is idempotent: a whole cluster is returned as it is, what is left of another is cleaned away first. The cluster
lives for the sake of one process, whose end it does not outlive.
"""

import fcntl
import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import psutil

from cluster import cgroups, images, machine, namespaces, operators
from cluster.access import Cluster
from cluster.patience import Patience
from cluster.programs import PROGRAMS, program, sources
from cluster.site import BASE_IMAGE, REPOSITORY, USERS, Site

FOLDER = REPOSITORY / ".cluster"


def up(folder: Path = FOLDER, *, parent: int | None) -> tuple[Cluster, bool]:
    """Return the running cluster of a folder and whether this call made it; it ends with the process `parent`."""
    folder = folder.resolve()
    with _alone(folder):
        if (cluster := _running(folder)) is not None:
            return cluster, False
        machine.prepare()
        programs = {name: program(name) for name in PROGRAMS}
        _clean(folder)
        try:
            return _start(folder, programs, parent), True
        except BaseException:  # Ctrl-C too: a cluster in parts is of no use, its logs are
            _end(folder)
            raise


def down(folder: Path = FOLDER) -> bool:
    """End the cluster of a folder, and keep its logs; return whether there was one."""
    folder = folder.resolve()
    with _alone(folder):
        return _end(folder)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _running(folder: Path) -> Cluster | None:
    state = _state(folder)
    if _first_process(state) is None or "cluster" not in state:
        return None
    return Cluster.from_json(state["cluster"])


def _state(folder: Path) -> dict:
    with suppress(FileNotFoundError, ValueError):
        return json.loads((folder / "state.json").read_text())
    return {}


def _remember(folder: Path, **facts: object) -> None:
    part = folder / "state.part"
    part.write_text(json.dumps(_state(folder) | facts, indent=1))
    part.replace(folder / "state.json")


def _first_process(state: dict) -> psutil.Process | None:
    """Return the namespaces' first process if it runs: the same one, not another under its number."""
    with suppress(psutil.NoSuchProcess, KeyError):
        process = psutil.Process(state["process"])
        if process.create_time() == state["born"] and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None


def _end(folder: Path) -> bool:
    state = _state(folder)
    if (process := _first_process(state)) is not None:
        process.terminate()
        with suppress(psutil.TimeoutExpired):
            process.wait(timeout=20)
        with suppress(psutil.NoSuchProcess):
            process.kill()
            process.wait(timeout=20)
    cgroups.remove(Site(folder=folder, number=state.get("number", 0)).cgroup)
    (folder / "state.json").unlink(missing_ok=True)
    return process is not None


def _clean(folder: Path) -> None:
    _end(folder)
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "lock":
            path.unlink()


def _start(folder: Path, programs: dict[str, Path], parent: int | None) -> Cluster:
    tokens = {user: secrets.token_hex(20) for user in USERS}
    minio = {
        "MINIO_ROOT_USER": secrets.token_hex(10),
        "MINIO_ROOT_PASSWORD": secrets.token_hex(20),
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
    }
    first, tell = namespaces.make(folder, parent)
    _remember(folder, process=first.pid, born=first.create_time())
    site = namespaces.join(folder, first)
    _remember(folder, number=site.number)
    told = {"folder": str(folder), "number": site.number, "tokens": tokens, "minio": minio}
    tell(told | {"programs": {name: str(path) for name, path in programs.items()}})
    installations = [
        operators.render(operator, sources(operator.program), programs["kubectl"])
        for operator in operators.OPERATORS
    ]
    managers = [images.manager_image(made.image, programs[made.operator.program]) for made in installations]
    own = images.base_images()
    cluster = Cluster(
        kubeconfig=site.kubeconfig(),
        api=site.api,
        kubectl_program=programs["kubectl"],
        helm_program=programs["helm"],
        host=str(site.host),
        node=str(site.node),
        s3_endpoint=site.minio,
        s3_access_key=minio["MINIO_ROOT_USER"],
        s3_secret_key=minio["MINIO_ROOT_PASSWORD"],
        audit_log=site.audit_log,
        logs=site.folder / "log",
        image=own[-1].pinned,
        base_image=BASE_IMAGE,
    )
    patience = Patience(first, site.folder / "log")
    patience.wait_until("containerd answers", lambda: namespaces.containerd(first, "version"))
    namespaces.containerd(
        first, "images", "import", "-", feed=partial(images.write_archive, [*own, *managers])
    )
    patience.wait_until("the API server is ready", lambda: cluster.kubectl("get", "--raw=/readyz"))
    operators.install(cluster, installations, patience)
    _remember(folder, cluster=cluster.to_json())
    return cluster
