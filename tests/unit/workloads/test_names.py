"""What a workload is called, and how it is known again."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.artifacts.documents import ArtifactRef
from assay.artifacts.kinds import Kind
from assay.workloads.carrier import CARRIERS, carrier_of
from assay.workloads.names import attempt_of, carries, labels, owner_reference, workload_name
from assay.workloads.order import Owner
from orders import FINGERPRINT, PROFILES, a_cpu_profile, an_order, nodes

DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
LABEL = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
SHORTEST = 47  # of a RayJob
fingerprints = st.binary(min_size=32, max_size=32).map(bytes.hex)
kinds = st.sampled_from(Kind)
numbers = st.integers(min_value=1, max_value=10**9 - 1)


def made(order):
    return carrier_of(order.ref.kind, order.profile).manifest(order)


@given(kinds, fingerprints, numbers)
def test_a_name_is_one_that_every_carrier_takes(kind, fingerprint, number):
    ref = ArtifactRef(f"{kind.value}/{fingerprint}")
    name = workload_name(ref, number)
    assert DNS_1035.fullmatch(name)
    assert len(name) <= SHORTEST
    assert all(LABEL.fullmatch(value) and len(value) <= 63 for value in labels(ref, number).values())


def test_a_name_is_the_kind_100_bits_of_the_fingerprint_and_the_attempt():
    assert workload_name(ArtifactRef(f"train/{FINGERPRINT}"), 2) == "train-aerukz4jvpg66ajdivty-2"


@given(kinds, fingerprints, fingerprints)
def test_names_differ_where_the_first_100_bits_do(kind, one, other):
    names = {workload_name(ArtifactRef(f"{kind.value}/{fingerprint}"), 1) for fingerprint in (one, other)}
    assert (len(names) == 1) == (one[:25] == other[:25])


@given(kinds, fingerprints, numbers)
def test_what_a_workload_carries_is_read_back_from_it(kind, fingerprint, number):
    order = an_order(kind, number=number, fingerprint=fingerprint)
    workload = made(order)
    assert attempt_of(workload) == (order.ref, number)
    assert carries(workload, order.ref, order.attempt)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("kind", Kind)
def test_pods_can_be_found_by_stage_and_attempt(kind, profile):
    order = an_order(kind, profile)
    wanted = labels(order.ref, order.attempt.number).items()
    templates = [node for node in nodes(made(order)) if "containers" in node.get("spec", {})]
    assert templates
    assert all(wanted <= template["metadata"]["labels"].items() for template in templates)


def test_a_workload_of_another_claim_is_not_taken_for_ones_own():
    order = an_order()
    workload, attempt = made(order), order.attempt
    later = attempt.claimed_at + timedelta(microseconds=1)
    assert not carries(workload, order.ref, attempt.model_copy(update={"owner": "cluster/other"}))
    assert not carries(workload, order.ref, attempt.model_copy(update={"claimed_at": later}))
    assert not carries(workload, order.ref, attempt.model_copy(update={"number": 2}))


def test_a_workload_of_a_stage_with_the_same_first_100_bits_is_not_taken_for_ones_own():
    order = an_order()
    twin = ArtifactRef(f"train/{FINGERPRINT[:25]}{'f' * 39}")
    assert workload_name(twin, 1) == workload_name(order.ref, 1)
    assert not carries(made(order), twin, order.attempt)


def test_a_claim_is_the_same_in_every_time_zone():
    order = an_order()
    elsewhere = order.attempt.decode(
        order.attempt.encode().replace(b"2030-01-01T12:00:00Z", b"2030-01-01T14:00:00+02:00")
    )
    assert carries(made(order), order.ref, elsewhere)


@pytest.mark.parametrize(
    "annotations",
    [
        None,
        {},
        {"assay.dev/artifact": "train/short", "assay.dev/attempt": "1"},
        {"assay.dev/artifact": f"bake/{FINGERPRINT}", "assay.dev/attempt": "1"},
        {"assay.dev/artifact": f"train/{FINGERPRINT}"},
        {"assay.dev/artifact": f"train/{FINGERPRINT}", "assay.dev/attempt": "0"},
        {"assay.dev/artifact": f"train/{FINGERPRINT}", "assay.dev/attempt": "one"},
        {"assay.dev/artifact": 7, "assay.dev/attempt": 1},
        "nonsense",
    ],
)
def test_an_object_of_others_carries_nothing(annotations):
    assert attempt_of({"metadata": {"annotations": annotations}}) is None


def test_no_experiment_controls_a_workload_that_several_share():
    reference = owner_reference(Owner(name="poison", uid="u"))
    assert reference == {
        "apiVersion": "assay.dev/v1alpha1",
        "kind": "Experiment",
        "name": "poison",
        "uid": "u",
        "controller": False,
        "blockOwnerDeletion": False,
    }
    assert made(an_order())["metadata"]["ownerReferences"][0]["name"] == "poison"


def test_a_stage_lies_below_the_store_whether_or_not_its_uri_ends_in_a_slash():
    plain = an_order(Kind.EVALUATE, a_cpu_profile())
    assert made(replace(plain, store_uri="s3://assay/small/")) == made(plain)


def test_every_carrier_is_known_by_its_api_and_plural():
    assert [(carrier.api_version, carrier.kind, carrier.plural) for carrier in CARRIERS] == [
        ("batch/v1", "Job", "jobs"),
        ("ray.io/v1", "RayJob", "rayjobs"),
        ("kubeflow.org/v1", "PyTorchJob", "pytorchjobs"),
        ("trainer.kubeflow.org/v1alpha1", "TrainJob", "trainjobs"),
    ]
