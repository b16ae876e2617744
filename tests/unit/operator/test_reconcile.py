"""What a wake-up does that no other change would make up for."""

import pytest

from assay.adapters.cluster_api import ClusterApi
from assay_operator import reconcile
from assay_operator.queue import Key
from builders import a_pipeline, an_experiment
from finisher import workloads


def cleaning(words):
    """Two arms of a cleaning each, told from others' by a number."""
    pipeline = a_pipeline()[:1]
    pipeline[0]["clean"]["steps"].insert(0, {"shortInput": {"minWords": words}})
    return an_experiment(pipeline=pipeline).model_dump(mode="json", by_alias=True, exclude_unset=True)["spec"]


def test_what_an_ended_experiment_wants_no_more_is_left_to_the_last(team, monkeypatch):
    team.make("experiments", "other", cleaning(1))
    team.finish("other")
    team.make("experiments", "edited", cleaning(2))
    team.wake("edited")
    running = {found["metadata"]["name"] for found in workloads(team.api, "team")}
    monkeypatch.setattr(reconcile, "_AT_ONCE", 1)
    team.make("experiments", "edited", cleaning(1), generation=2)
    again = 0
    while team.operator.wake(Key(namespace="team", name="edited")) is not None:
        again += 1

    assert again
    owned = [
        found
        for found in workloads(team.api, "team")
        if found["metadata"]["ownerReferences"][0]["uid"] == "edited"
    ]
    assert running
    assert owned == []


def test_a_status_is_written_though_somebody_labels_its_experiment_all_the_time(team, monkeypatch):
    write = ClusterApi.write_status

    def labelled(api, path, found, status):
        if found["metadata"].get("labels") is None:
            about = {
                **team.server.objects[path]["metadata"],
                "labels": {"by": "somebody"},
                "resourceVersion": "99",
            }
            team.server.objects[path] = {**team.server.objects[path], "metadata": about}
        return write(api, path, found, status)

    monkeypatch.setattr(ClusterApi, "write_status", labelled)
    team.make("experiments", "labelled", cleaning(1))

    assert team.wake("labelled")["phase"] == "Running"


@pytest.mark.parametrize("changed", ["generation", "uid"])
def test_a_status_is_not_written_to_an_experiment_that_asks_for_something_else_by_now(
    team, monkeypatch, changed
):
    write = ClusterApi.write_status

    def edited(api, path, found, status):
        about = {**team.server.objects[path]["metadata"], changed: 7, "resourceVersion": "99"}
        team.server.objects[path] = {**team.server.objects[path], "metadata": about}
        return write(api, path, found, status)

    monkeypatch.setattr(ClusterApi, "write_status", edited)
    team.make("experiments", "edited", cleaning(1))

    assert team.operator.wake(Key(namespace="team", name="edited")) is not None
    assert all(
        "status" not in found for found in team.server.objects.values() if found["kind"] == "Experiment"
    )


def test_the_report_of_an_experiment_that_is_over_is_written_again_where_it_is_woken_again(team):
    team.make("experiments", "over", cleaning(1))
    team.finish("over")
    reports = {info.key for info in team.store.keys("") if "/report" in info.key}
    for key in reports:
        team.store.delete(key)
    team.wake("over")

    assert reports
    assert reports <= {info.key for info in team.store.keys("")}
