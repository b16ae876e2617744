"""What is heard becomes wake-ups of those whom it concerns, and of nobody else."""

import pytest

from assay.adapters.remembered import Remembered
from assay.adapters.watched import Watched
from assay_operator.queue import Key
from assay_operator.watch import Ears


class Listening:
    def __init__(self):
        self.woken = []
        self.watched = Watched()
        self.remembered = Remembered()
        self.told = {"phase": "Running"}
        self.later = []
        self.ears = Ears(self.watched, self.remembered, lambda _, status: status == self.told, self.wake)

    def wake(self, key, after):
        (self.later if after else self.woken).append(key)

    def names(self):
        names = [key.name for key in self.woken]
        self.woken.clear()
        return names


@pytest.fixture
def listening():
    return Listening()


def an_experiment(name="one", *, generation=1, annotations=None, profile="default", **more):
    metadata = {"namespace": "team", "name": name, "uid": f"uid-{name}", "generation": generation}
    metadata |= {"annotations": annotations or {}, **more}
    return {"metadata": metadata, "spec": {"profile": profile}, "status": {"phase": "Running"}}


def a_job(version="1", owners=("one",), **status):
    references = [{"kind": "Experiment", "name": name, "uid": f"uid-{name}"} for name in owners]
    metadata = {"namespace": "team", "name": "job", "uid": "u", "resourceVersion": version}
    metadata["ownerReferences"] = references
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {}, "status": status}


def test_an_experiment_is_woken_by_what_it_asks_for_and_by_a_status_of_others_and_not_by_its_own(listening):
    listening.ears.experiment(an_experiment(), there=True)
    assert listening.names() == ["one"]

    listening.told = {"phase": "Succeeded"}
    listening.ears.experiment(an_experiment() | {"status": {"phase": "Succeeded"}}, there=True)
    assert listening.names() == []
    listening.ears.experiment(an_experiment() | {"status": {"phase": "Failed"}}, there=True)
    assert listening.names() == ["one"]
    listening.told = {"phase": "Running"}
    for changed in (
        an_experiment(generation=2),
        an_experiment(generation=2, annotations={"assay.dev/retry": "2030-01-01T00:00:00Z"}),
        an_experiment(generation=2, deletionTimestamp="2030-01-01T00:00:00Z"),
    ):
        listening.ears.experiment(changed, there=True)
        assert listening.names() == ["one"]
    listening.ears.experiment(an_experiment(), there=False)
    assert listening.names() == ["one"]


def test_experiments_that_are_over_when_the_operator_starts_are_looked_after_when_the_others_have_been(
    listening,
):
    over = an_experiment("over") | {"status": {"phase": "Succeeded", "observedGeneration": 1}}
    listening.ears.experiment(over, there=True)
    asked = an_experiment("asked", annotations={"assay.dev/retry": "2030-01-01T00:00:00Z"})
    listening.ears.experiment(asked | {"status": over["status"]}, there=True)
    assert listening.names() == ["asked"]
    listening.ears.experiment(asked, there=False)
    listening.names()
    listening.ears.experiment(an_experiment("edited", generation=2) | {"status": over["status"]}, there=True)

    assert listening.names() == ["edited"]
    assert [key.name for key in listening.later] == ["over"]
    profile = {"metadata": {"namespace": "team", "name": "default"}}
    listening.ears.profile(profile, there=True)
    listening.ears.workload(a_job("1", ("over", "edited")), there=True)
    assert listening.names() == ["edited", "edited"]
    listening.ears.approval(over, there=True)
    assert listening.names() == []
    listening.ears.profile(profile, there=True)
    assert set(listening.names()) == {"over", "edited"}
    assert [(key.name, after > 0) for key, after in listening.ears.all()] == [
        ("over", True),
        ("edited", False),
    ]
    listening.ears.experiment(over | {"status": {"phase": "Failed", "observedGeneration": 1}}, there=True)
    assert listening.names() == ["over"]


def test_a_profile_wakes_those_that_it_runs_with_what_it_says_now(listening):
    path = "/apis/assay.dev/v1alpha1/namespaces/team/profiles/gpu"
    listening.ears.experiment(an_experiment("one", profile="gpu"), there=True)
    listening.ears.experiment(an_experiment("two"), there=True)
    listening.names()
    listening.remembered.of((path,), lambda: "before")

    listening.ears.profile({"metadata": {"namespace": "team", "name": "gpu"}}, there=True)
    assert listening.names() == ["one"]
    assert listening.remembered.of((path,), lambda: "now") == "now"
    listening.ears.profile({"metadata": {"namespace": "others", "name": "gpu"}}, there=True)
    assert listening.names() == []


def test_an_approval_wakes_the_experiment_of_its_name(listening):
    listening.ears.approval({"metadata": {"namespace": "team", "name": "one"}}, there=True)

    assert listening.woken == [Key(namespace="team", name="one")]


def test_a_workload_wakes_all_its_owners_once_for_each_change(listening):
    listening.ears.workload(a_job("1", ("one", "two")), there=True)
    assert listening.names() == ["one", "two"]
    listening.ears.workload(a_job("2", ("one", "two")), there=True)
    assert listening.names() == []
    listening.ears.workload(a_job("3", ("one", "two"), succeeded=1), there=True)
    assert listening.names() == ["one", "two"]


def test_a_workload_that_went_unseen_wakes_those_who_owned_it(listening):
    listening.ears.workload(a_job("1", ("one", "two")), there=True)
    listening.names()

    listening.ears.workload({"kind": "Job", "metadata": {"namespace": "team", "name": "job"}}, there=False)
    assert listening.names() == ["one", "two"]
    assert list(listening.watched.owned("team", "uid-one")) == []


def test_every_namespace_that_is_named_is_listened_to_alone(listening):
    everywhere = [one.collection.path for one in listening.ears.followed(())]
    there = [one.collection.path for one in listening.ears.followed(("red", "blue"))]

    assert "/apis/assay.dev/v1alpha1/experiments" in everywhere
    assert len(there) == 2 * len(everywhere)
    assert all("/namespaces/red/" in path or "/namespaces/blue/" in path for path in there)
    assert {
        one.collection.selector for one in listening.ears.followed(()) if "batch" in one.collection.path
    } == {"app.kubernetes.io/managed-by=assay"}
