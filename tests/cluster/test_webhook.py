"""Admission by a real API server: what kubectl says to a spec with many mistakes, and when nobody answers."""

import asyncio
import json
import secrets
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assay_operator.certificate_keeper import CertificateKeeper, Place
from assay_operator.servers import serve
from assay_operator.webhook import Webhook
from builders import an_experiment
from operator_access import client_of

CRDS = Path(__file__).parents[2] / "manifests" / "crds"
MANY = """\
apiVersion: assay.dev/v1alpha1
kind: Experiment
metadata: {name: broken}
spec:
  pipeline:
  - name: cleaned
    clean: {sources: [{name: chats, uri: "s3://key:hunter2@raw/chats.jsonl", format: sharegpt}], steps: [{refusals: {}}]}
  - name: sft
    train: {data: {from: claened}, model: {uri: base}, batchSize: 8, optimizer: {lr: 1e-4}, sequenceLength: 128}
  - name: scores
    evaluate: {model: {from: sft, checkpoint: {rows: 7}}, tasks: [{name: mmlu}]}
  - name: answers
    generate: {model: {from: scores}, prompts: {from: cleaned, split: held-out}}
  arms:
  - name: whole
  - name: kept
    stages: [{name: cleaned, clean: {steps: [{name: refusal, remove: true}]}}]
  - name: far
    stages: [{name: sft, train: {data: {from: nowhere/cleaned}}}]
  - name: around
    stages: [{name: cleaned, clean: {steps: [{subsample: {like: around/cleaned}}]}}]
  matrix:
  - {name: seed, role: replicate, paths: [sft.train.sed, sfd.train.seed], integers: [1, 1]}
  compare:
  - {name: main, stage: scores, contrasts: [{name: first, a: whole, b: kpet}], primary: {contrast: first, task: mmlu}}
"""
FIELDS = (
    "spec.pipeline[0] (cleaned).clean.sources[0] (chats).uri",
    "spec.pipeline[1] (sft).train.data.from",
    "spec.pipeline[2] (scores).evaluate.model.from",
    "spec.pipeline[3] (answers).generate.model.from",
    "spec.pipeline[3] (answers).generate.prompts.from",
    "spec.arms[1] (kept).stages[cleaned].clean.steps[0]",
    "spec.arms[2] (far).stages[0] (sft).train.data.from",
    "spec.arms[3] (around).stages[0] (cleaned).clean.steps[0].subsample.like",
    "spec.matrix[0] (seed).paths[0]",
    "spec.matrix[0] (seed).integers[1]",
    "spec.compare[0] (main).contrasts[0] (first).b",
)


class Served:
    """A replica that serves admission on the host, in a thread with an event loop of its own."""

    def __init__(self, cluster, namespace, folder):
        self.counted = []
        self.configuration = f"test-{secrets.token_hex(4)}"
        self._cluster, self._namespace = cluster, namespace
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._ago = timedelta(days=300)  # most of the certificate's life has passed
        self._keeper = self._keeper_at(lambda: datetime.now(UTC) - self._ago)
        self._run(self._keeper.refresh())
        self._runner = self._run(
            serve(Webhook(self.counted.append).app(), 0, host=cluster.host, context=self._keeper.context)
        )
        self._register(self._runner.addresses[0][1])
        self._run(self._keeper.refresh())

    def renew(self):
        """Renew the certificate, and give the API server the time to learn of it."""
        self._ago = timedelta()
        self._run(self._keeper.refresh())
        self._run(self._keeper.refresh())

    @property
    def certificate(self):
        """What is served to the next who asks."""
        return ssl.get_server_certificate((self._cluster.host, self._runner.addresses[0][1]))

    def leave_out(self, label):
        """Ask no more about namespaces with a label."""
        selector = {"matchExpressions": [{"key": label, "operator": "DoesNotExist"}]}
        patch = {"webhooks": [{"name": "experiments.assay.dev", "namespaceSelector": selector}]}
        self._cluster.kubectl(
            "patch", "validatingwebhookconfiguration", self.configuration, "--patch", json.dumps(patch)
        )

    def stop(self):
        self._run(self._runner.cleanup())

    def end(self):
        self._cluster.kubectl("delete", "validatingwebhookconfiguration", self.configuration)
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def _keeper_at(self, clock):
        place = Place(
            namespace=self._namespace,
            secret="certificate",
            webhook_configuration=self.configuration,
            names=(self._cluster.host,),
        )
        return CertificateKeeper(client_of(self._cluster), place, folder=self._folder, clock=clock)

    def _register(self, port):
        self._cluster.apply(
            {
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "ValidatingWebhookConfiguration",
                "metadata": {"name": self.configuration},
                "webhooks": [
                    {
                        "name": "experiments.assay.dev",
                        "admissionReviewVersions": ["v1"],
                        "sideEffects": "None",
                        "failurePolicy": "Ignore",
                        "timeoutSeconds": 10,
                        "clientConfig": {"url": f"https://{self._cluster.host}:{port}/validate"},
                        "namespaceSelector": {
                            "matchLabels": {"kubernetes.io/metadata.name": self._namespace}
                        },
                        "rules": [
                            {
                                "apiGroups": ["assay.dev"],
                                "apiVersions": ["v1alpha1"],
                                "resources": ["experiments", "profiles"],
                                "operations": ["CREATE", "UPDATE"],
                            }
                        ],
                    }
                ],
            }
        )


@pytest.fixture
def served(cluster, namespace, tmp_path):
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "--filename", str(CRDS))
    definitions = ("crd/experiments.assay.dev", "crd/profiles.assay.dev")
    cluster.wait("jsonpath={.status.acceptedNames.plural}", *definitions)  # before that it has no conditions
    cluster.wait("condition=Established", *definitions)
    replica = Served(cluster, namespace, tmp_path)
    until(lambda: applied(cluster, namespace, a_sound_one(), "--dry-run=server") and replica.counted)
    yield replica
    replica.stop()
    replica.end()


def until(holds):
    """Wait for what API servers learn by watching: registrations, labels of namespaces."""
    pause = threading.Event()
    for _ in range(300):
        if holds():
            return
        pause.wait(0.1)
    raise AssertionError("it did not come about")


def a_sound_one(**spec):
    return json.dumps(an_experiment(**spec).model_dump(mode="json", by_alias=True, exclude_unset=True))


def applied(cluster, namespace, text, *options):
    """Apply as a user does; return what kubectl said, whether it went well or not."""
    try:
        return cluster.kubectl("apply", f"--namespace={namespace}", "--filename=-", *options, stdin=text)
    except RuntimeError as error:
        return str(error)


def test_kubectl_apply_of_many_kinds_of_mistakes_tells_every_field(cluster, namespace, served):
    said = applied(cluster, namespace, MANY)

    assert [field for field in FIELDS if field not in said] == [], said
    assert "is invalid" in said
    assert "hunter2" not in said.replace(MANY, "")


def test_a_sound_experiment_is_stored_as_it_was_written(cluster, namespace, served):
    said = applied(cluster, namespace, a_sound_one())

    assert "created" in said
    stored = cluster.get("experiment", "test", f"--namespace={namespace}")
    assert stored["spec"]["arms"] == json.loads(a_sound_one())["spec"]["arms"]


def test_a_status_is_written_without_being_asked_about(cluster, namespace, served):
    applied(cluster, namespace, a_sound_one())
    before = len(served.counted)
    cluster.kubectl(
        "patch", "experiment", "test", f"--namespace={namespace}", "--subresource=status", "--type=merge",
        "--patch", '{"status": {"phase": "Running"}}',
    )  # fmt: skip

    assert len(served.counted) == before


def test_what_was_stored_unjudged_can_be_labelled_and_deleted_but_not_edited_to_other_faults(
    cluster, namespace, served
):
    def dangling(target):
        return a_sound_one(
            arms=[{"name": "a", "stages": [{"name": "sft", "train": {"data": {"from": target}}}]}]
        )

    place = f"--namespace={namespace}"
    unjudged = json.loads(dangling("nothing"))
    cluster.kubectl("label", "namespace", namespace, "unjudged=yes")
    served.leave_out("unjudged")
    until(lambda: "created" in applied(cluster, namespace, json.dumps(unjudged)))
    cluster.kubectl("label", "namespace", namespace, "unjudged-")
    until(lambda: "data.from" in applied(cluster, namespace, dangling("nobody"), "--dry-run=server"))

    cluster.kubectl("label", "experiment", "test", place, "team=a")
    cluster.kubectl("delete", "experiment", "test", place)


def test_a_renewed_certificate_is_served_and_trusted_without_a_restart(cluster, namespace, served):
    first = served.certificate
    served.renew()
    assert served.certificate != first
    before = len(served.counted)

    until(lambda: "spec.arms" in applied(cluster, namespace, MANY, "--dry-run=server"))

    assert len(served.counted) > before


def test_while_nobody_answers_specs_are_let_through(cluster, namespace, served):
    served.stop()

    assert "created" in applied(cluster, namespace, MANY)


def test_a_profile_with_a_credential_is_refused(cluster, namespace, served):
    profile = {
        "apiVersion": "assay.dev/v1alpha1",
        "kind": "Profile",
        "metadata": {"name": "a"},
        "spec": {"store": {"uri": "s3://x"}, "pools": {"train": {"environment": {"HF_TOKEN": "hunter2"}}}},
    }

    assert "spec.pools.train.environment.HF_TOKEN" in applied(cluster, namespace, json.dumps(profile))
