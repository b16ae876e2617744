"""The test cluster is a real one: what other tests take for granted of it."""

import json
import secrets
import ssl
import subprocess
import threading
import time
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cluster.access import Cluster
from cluster.workloads import job, pod, pytorch_job, queue, queued, ray_job

pytestmark = pytest.mark.timeout(900)  # the first of them starts the cluster
PATIENCE_SECONDS = 400  # for one workload, on a machine with other things to do

REDUCE = """
import torch, torch.distributed as peers
peers.init_process_group("gloo")
ours = torch.tensor([peers.get_rank() + 1.0])
peers.all_reduce(ours)
assert ours.item() == 3.0, ours
"""
REMOTE = """
import ray
ray.init(address="auto")
print("found", ray.get(ray.remote(num_cpus=1)(lambda: 6 * 7).remote()))
"""
PUT_AND_GET = """
import io, os
from urllib.parse import urlsplit
from minio import Minio
store = Minio(urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc, os.environ["AWS_ACCESS_KEY_ID"],
              os.environ["AWS_SECRET_ACCESS_KEY"], secure=False)
store.make_bucket("from-a-pod") if not store.bucket_exists("from-a-pod") else None
store.put_object("from-a-pod", "object", io.BytesIO(b"yes"), 3)
assert store.get_object("from-a-pod", "object").read() == b"yes"
"""


def finished(cluster: Cluster, namespace: str, resource: str) -> str:
    """Return the condition with which a workload ended, which is one of its own words for it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        status = cluster.get(resource, f"--namespace={namespace}").get("status", {})
        held = {each["type"] for each in status.get("conditions", []) if each["status"] == "True"}
        held |= {status.get("jobStatus"), status.get("jobDeploymentStatus")}
        for end in ("Complete", "Succeeded", "SUCCEEDED", "Failed", "FAILED"):
            if end in held:
                return end
        time.sleep(0.5)
    raise AssertionError(f"{resource} is not done: {status}\n{story(cluster, namespace)}")


def story(cluster: Cluster, namespace: str) -> str:
    place = f"--namespace={namespace}"
    words = [cluster.kubectl("get", "pods,events", place)]
    for found in cluster.get("pods", place)["items"]:
        name = found["metadata"]["name"]
        try:
            words.append(cluster.kubectl("logs", place, name, "--all-containers", "--prefix", "--tail=30"))
        except RuntimeError as silent:
            words.append(str(silent))
    return "\n".join(words)


def assert_succeeds(cluster: Cluster, namespace: str, workload: dict) -> None:
    resource = f"{workload['kind']}/{workload['metadata']['name']}"
    cluster.apply(workload)
    end = finished(cluster, namespace, resource)
    assert end in {"Complete", "Succeeded", "SUCCEEDED"}, story(cluster, namespace)


def torchrun(cluster: Cluster) -> dict:
    """A pod that reduces with its peer; torchrun takes the rendezvous from what the operator sets."""
    launch = "exec torchrun --nnodes=$PET_NNODES --nproc-per-node=1 --node-rank=$PET_NODE_RANK "
    launch += "--master-addr=$PET_MASTER_ADDR --master-port=$PET_MASTER_PORT /tmp/reduce.py"
    script = 'printf %s "$CODE" > /tmp/reduce.py; ' + launch
    env = [{"name": "CODE", "value": REDUCE}]
    return pod(cluster.image, "sh", "-c", script, name="pytorch", env=env)


def test_pod_without_any_privilege_imports_torch_and_ray(cluster, namespace):
    code = "import os, ray, torch, assay, assay_pipelines; assert os.getuid() == 1000"
    assert_succeeds(cluster, namespace, job("imports", namespace, pod(cluster.image, "python", "-c", code)))


def test_pod_reaches_the_s3_server_at_the_hosts_url(cluster, namespace):
    env = [{"name": name, "value": value} for name, value in cluster.s3_environment.items()]
    template = pod(cluster.image, "python", "-c", PUT_AND_GET, env=env)
    assert_succeeds(cluster, namespace, job("stores", namespace, template))


def test_pytorch_job_of_two_pods_reduces_across_them(cluster, namespace):
    assert_succeeds(cluster, namespace, pytorch_job("reduce", namespace, torchrun(cluster)))


def test_ray_job_gets_a_worker_for_its_work_and_loses_it_after(cluster, namespace):
    workload = ray_job("remote", namespace, cluster, f"python -c '{REMOTE}'")
    assert_succeeds(cluster, namespace, workload)
    place = f"--namespace={namespace}"
    cluster.wait("delete", "pods", "--selector=ray.io/node-type=worker", place, seconds=PATIENCE_SECONDS)
    assert "found 42" in cluster.kubectl("logs", place, "--selector=job-name=remote", "--tail=-1")


def test_queue_lets_a_suspended_job_run_within_its_quota(cluster, namespace):
    cluster.apply(*queue(namespace, namespace, cpu="2", memory="8Gi"))
    template = pod(cluster.base_image, "true")
    workload = queued(job("waits", namespace, template, suspend=True), namespace)
    assert_succeeds(cluster, namespace, workload)


def test_queue_keeps_back_what_exceeds_its_gpus_until_there_is_room(cluster, namespace):
    cluster.apply(*queue(namespace, namespace, **{"cpu": "2", "memory": "8Gi", "nvidia.com/gpu": "8"}))
    gpus = {"limits": {"nvidia.com/gpu": 8}, "requests": {"cpu": "10m", "memory": "16Mi"}}
    selector = {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"}
    holder, waiting = (
        queued(
            job(
                name,
                namespace,
                pod(cluster.base_image, *command, resources=gpus) | {"nodeSelector": selector},
            ),
            namespace,
        )
        for name, command in (("holds", ("sleep", "infinity")), ("waits", ("true",)))
    )
    place = f"--namespace={namespace}"
    cluster.apply(holder)
    cluster.wait("condition=Ready", "pods", "--selector=job-name=holds", place)
    cluster.apply(waiting)
    workload = "--selector=kueue.x-k8s.io/job-uid=" + cluster.get("job/waits", place)["metadata"]["uid"]
    cluster.wait("condition=QuotaReserved=false", "workloads", workload, place)
    assert cluster.get("job/waits", place)["spec"]["suspend"] is True
    cluster.kubectl("delete", "job/holds", place)
    assert finished(cluster, namespace, "job/waits") == "Complete"


def test_queue_lets_a_pytorch_job_run(cluster, namespace):
    cluster.apply(*queue(namespace, namespace, cpu="2", memory="8Gi"))
    assert_succeeds(
        cluster, namespace, queued(pytorch_job("queued", namespace, torchrun(cluster)), namespace)
    )
    owners = [
        item["metadata"]["ownerReferences"][0]["kind"]
        for item in cluster.get("workloads", f"--namespace={namespace}")["items"]
    ]
    assert owners == ["PyTorchJob"]


def test_queue_lets_an_elastic_ray_job_run(cluster, namespace):
    cluster.apply(*queue(namespace, namespace, cpu="2", memory="8Gi"))
    workload = queued(ray_job("elastic", namespace, cluster, f"python -c '{REMOTE}'"), namespace)
    workload["metadata"]["annotations"] = {"kueue.x-k8s.io/elastic-job": "true"}
    workload["spec"]["shutdownAfterJobFinishes"] = True
    assert_succeeds(cluster, namespace, workload)


class Refuse(BaseHTTPRequestHandler):
    """A webhook that admits nothing; asked with GET, it says hello."""

    def do_GET(self):
        self._answer(b"hello")

    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        verdict = {
            "uid": review["request"]["uid"],
            "allowed": False,
            "status": {"message": "the host says no"},
        }
        self._answer(json.dumps(review | {"response": verdict}).encode())

    def _answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def listener(cluster, tmp_path):
    """A server on the host, over TLS; its certificate beside its URL."""
    name = ["-subj", "/CN=host", "-addext", f"subjectAltName=IP:{cluster.host}"]
    files = ["-keyout", tmp_path / "key", "-out", tmp_path / "certificate"]
    new = ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "2", *name, *files]
    subprocess.run(new, check=True, capture_output=True)
    with ThreadingHTTPServer((cluster.host, 0), Refuse) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://{cluster.host}:{server.server_port}/", (tmp_path / "certificate").read_bytes()
        server.shutdown()


def test_pod_reaches_a_process_of_the_host(cluster, namespace, listener):
    command = ["wget", "--no-check-certificate", "-q", "-O-", listener[0]]
    assert_succeeds(cluster, namespace, job("asks", namespace, pod(cluster.base_image, *command)))
    assert cluster.kubectl("logs", f"--namespace={namespace}", "job/asks") == "hello"


def test_api_server_asks_a_webhook_of_the_host(cluster, namespace, listener):
    url, certificate = listener
    rule = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
    hook = {
        "name": "refuse.assay.test",
        "clientConfig": {"url": url, "caBundle": b64encode(certificate).decode()},
        "rules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    configuration = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
    }
    cluster.apply(configuration | {"metadata": {"name": namespace}, "webhooks": [hook]})
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        answer = ""
        while (
            "the host says no" not in answer and time.monotonic() < deadline
        ):  # it takes effect a little later
            try:
                cluster.kubectl(
                    "create", "configmap", f"--namespace={namespace}", f"asked-{secrets.token_hex(4)}"
                )
            except RuntimeError as refusal:
                answer = str(refusal)
        assert "the host says no" in answer
    finally:
        cluster.kubectl("delete", "validatingwebhookconfiguration", namespace)


def test_audit_log_tells_who_wrote_what(cluster, namespace):
    cluster.apply(job("seen", namespace, pod(cluster.base_image, "true"), suspend=True))
    subject = {"namespace": namespace, "name": "seen", "resource": "jobs"}
    deadline = time.monotonic() + PATIENCE_SECONDS
    writes = []
    while not writes and time.monotonic() < deadline:
        writes = [
            (entry["user"]["username"], entry["verb"])
            for entry in cluster.audit()
            if subject.items() <= entry.get("objectRef", {}).items()
            and "subresource" not in entry["objectRef"]
        ]
    assert writes == [("cluster:admin", "patch")]
