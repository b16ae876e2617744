"""Admission over HTTPS: every fault with its field, and nothing refused that is not asked for anew."""

import asyncio
import json
import ssl
import threading
from datetime import UTC, datetime

import aiohttp
import pytest

from assay_operator.certificate import make
from assay_operator.servers import serve
from assay_operator.webhook import BadReviewError, Webhook, answer
from builders import an_experiment


def an_object(**spec):
    value = an_experiment(**spec).model_dump(mode="json", by_alias=True, exclude_unset=True)
    return value | {"metadata": {"name": "test", "namespace": "team", "uid": "1", "managedFields": []}}


def a_review(value, *, old=None, kind="Experiment"):
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5",
            "kind": {"group": "assay.dev", "version": "v1alpha1", "kind": kind},
            "operation": "UPDATE" if old else "CREATE",
            "name": "test",
            "namespace": "team",
            "object": value,
            "oldObject": old,
        },
    }


DANGLING = {"arms": [{"name": "a", "stages": [{"name": "sft", "train": {"data": {"from": "claened"}}}]}]}


def test_a_sound_experiment_is_allowed_and_never_changed():
    response = answer(a_review(an_object()))["response"]

    assert response == {"uid": "705ab4f5", "allowed": True}


def test_every_fault_is_a_line_that_begins_with_its_field_and_a_cause():
    axis = {"name": "seed", "role": "replicate", "paths": ["sft.train.sed"], "integers": [1]}
    value = an_object(**DANGLING, matrix=[axis])

    response = answer(a_review(value))["response"]

    status = response["status"]
    assert (response["allowed"], status["code"], status["reason"]) == (False, 422, "Invalid")
    assert [line.split(": found ")[0] for line in status["message"].splitlines()] == [
        "spec.matrix[0] (seed).paths[0]",
        "spec.arms[0] (a).stages[0] (sft).train.data.from",
    ]
    assert [cause["field"] for cause in status["details"]["causes"]] == [
        "spec.matrix[0] (seed).paths[0]",
        "spec.arms[0] (a).stages[0] (sft).train.data.from",
    ]


def test_what_was_stored_before_can_be_labelled_and_removed_whatever_its_faults():
    value = an_object(**DANGLING)
    labelled = value | {"metadata": value["metadata"] | {"labels": {"team": "a"}}}
    going = an_object() | {
        "spec": {},
        "metadata": {"name": "test", "deletionTimestamp": "2026-01-01T00:00:00Z"},
    }

    assert answer(a_review(labelled, old=value))["response"]["allowed"]
    assert answer(a_review(going, old=value))["response"]["allowed"]
    assert not answer(a_review(value, old=an_object()))["response"]["allowed"]


def test_axes_that_move_nothing_are_warnings():
    axis = {"name": "seed", "role": "replicate", "paths": ["sft.train.seed"], "integers": [1]}
    base = {
        "name": "base",
        "stages": [{"name": name, "remove": True} for name in ("sft", "answers", "scores")],
    }

    response = answer(a_review(an_object(arms=[{"name": "a"}, base], matrix=[axis])))["response"]

    assert response["allowed"]
    assert ["arm base" in warning for warning in response["warnings"]] == [True]


def test_many_faults_are_cut_and_counted():
    arms = [
        {"name": f"a{n}", "stages": [{"name": "sft", "train": {"data": {"from": f"x{n}"}}}]}
        for n in range(150)
    ]

    lines = answer(a_review(an_object(arms=arms)))["response"]["status"]["message"].splitlines()

    assert (len(lines), lines[-1]) == (101, "and 50 more")


def test_a_profile_with_a_credential_is_refused_without_repeating_it():
    profile = {
        "apiVersion": "assay.dev/v1alpha1",
        "kind": "Profile",
        "metadata": {"name": "a"},
        "spec": {
            "store": {"uri": "s3://x"},
            "pools": {"train": {"environment": {"HF_TOKEN": "hunter2"}}},
        },
    }

    response = answer(a_review(profile, kind="Profile"))["response"]

    assert [cause["field"] for cause in response["status"]["details"]["causes"]] == [
        "spec.pools.train.environment.HF_TOKEN"
    ]
    assert "hunter2" not in json.dumps(response)


@pytest.mark.parametrize(
    "review",
    [{}, {"apiVersion": "admission.k8s.io/v1beta1", "request": {}}, a_review(an_object(), kind="Pod")],
)
def test_what_is_no_review_of_ours_is_not_answered(review):
    with pytest.raises(BadReviewError):
        answer(review)


def asked(body, *, query="?timeout=10s", judge=answer, tmp_path):
    """Post to a webhook behind HTTPS, as an API server would; return the status, the answer and what was counted."""
    counted = []

    async def ask():
        made = make(("127.0.0.1",), datetime.now(UTC))
        (tmp_path / "crt").write_bytes(made.chain)
        (tmp_path / "key").write_bytes(made.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
        runner = await serve(Webhook(counted.append, judge=judge).app(), 0, host="127.0.0.1", context=context)
        port = runner.addresses[0][1]
        trust = ssl.create_default_context(cadata=made.authorities.decode())
        try:
            async with (
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session,
                session.post(f"https://127.0.0.1:{port}/validate{query}", data=body) as response,
            ):
                return response.status, await response.text()
        finally:
            await runner.cleanup()

    return *asyncio.run(ask()), counted


def test_a_review_is_answered_over_https(tmp_path):
    status, text, counted = asked(json.dumps(a_review(an_object())), tmp_path=tmp_path)

    assert (status, json.loads(text)["response"]["allowed"], counted) == (200, True, ["allowed"])


def test_an_update_of_two_large_objects_is_read(tmp_path):
    value, large = an_object(**DANGLING), "x" * 3 * 1024 * 1024
    review = a_review(value | {"status": {"note": large}}, old=an_object() | {"status": {"note": large}})

    status, text, counted = asked(json.dumps(review), tmp_path=tmp_path)

    assert (status, json.loads(text)["response"]["allowed"], counted) == (200, False, ["refused"])


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff\xfe", b"{" * 100_000, b"[" * 100_000])
def test_nonsense_is_a_bad_request_and_no_failure(body, tmp_path):
    status, _, counted = asked(body, tmp_path=tmp_path)

    assert (status, counted) == (400, ["error"])


@pytest.mark.parametrize("metadata", [None, "text", [], 1])
def test_an_object_whose_metadata_are_none_is_judged(metadata):
    assert not answer(a_review(an_object() | {"metadata": metadata}))["response"]["allowed"]


def test_a_spec_of_a_thousand_arms_is_judged(tmp_path):
    arms = [
        {
            "name": f"arm-{n}",
            "stages": [{"name": "cleaned", "clean": {"steps": [{"subsample": {"rows": n + 1}}]}}],
        }
        for n in range(1000)
    ]
    axis = {"name": "seed", "role": "replicate", "paths": ["sft.train.seed"], "integers": [1, 2, 3]}

    body = json.dumps(a_review(an_object(arms=arms, matrix=[axis])))
    _, _, counted = asked(body, query="?timeout=99s", tmp_path=tmp_path)

    assert counted == ["allowed"]


def test_what_is_not_judged_in_time_is_allowed_with_a_warning(tmp_path):
    finish = threading.Event()

    def slow(_review):
        finish.wait(60)

    try:
        body = json.dumps(a_review(an_object()))
        _, text, counted = asked(body, query="?timeout=1s", judge=slow, tmp_path=tmp_path)
    finally:
        finish.set()

    response = json.loads(text)["response"]
    assert (response["uid"], response["allowed"], len(response["warnings"])) == ("705ab4f5", True, 1)
    assert counted == ["late"]


def test_a_profile_that_serves_only_a_laptop_is_a_warning():
    profile = {
        "apiVersion": "assay.dev/v1alpha1",
        "kind": "Profile",
        "metadata": {"name": "a"},
        "spec": {"store": {"uri": "file:///store"}},
    }

    response = answer(a_review(profile, kind="Profile"))["response"]

    assert response["allowed"]
    assert any("spec.store.uri" in warning for warning in response["warnings"])
