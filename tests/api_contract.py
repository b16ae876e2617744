"""What `ClusterApi` promises, on whichever API server: `fakes.memory_cluster` and a real one are both held to it."""

from typing import Any

from assay.adapters.cluster_api import ClusterApi, path_of

Plain = dict[str, Any]

JOBS = "/apis/batch/v1/namespaces/default/jobs"
NOBODY = {"apiVersion": "assay.dev/v1alpha1", "kind": "Experiment", "name": "a"}


def a_job(name: str, *owners: str, **labels: str) -> Plain:
    container = {"name": "one", "image": "registry.example/one"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "labels": labels,
            "ownerReferences": [{**NOBODY, "uid": owner} for owner in owners],
        },
        "spec": {
            "suspend": True,
            "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
        },
    }


def version(found: Plain) -> str:
    return found["metadata"]["resourceVersion"]


def owned_by(found: Plain, *owners: str) -> Plain:
    """Return the patch that changes the owners of an object which is as it was found."""
    references = [{**NOBODY, "uid": owner} for owner in owners]
    return {"metadata": {"resourceVersion": version(found), "ownerReferences": references}}


class ApiContract:
    """Subclassed with a fixture `api`, whose server holds no Jobs of these names."""

    def test_what_is_created_is_got_with_an_identity(self, api: ClusterApi) -> None:
        made = api.create(JOBS, a_job("got"))
        found = api.get(f"{JOBS}/got")

        assert found is not None
        assert made is not None
        assert (found["metadata"]["uid"], version(found)) == (made["metadata"]["uid"], version(made))

    def test_a_name_is_taken_once(self, api: ClusterApi) -> None:
        api.create(JOBS, a_job("taken"))

        assert api.create(JOBS, a_job("taken")) is None

    def test_a_dry_run_makes_nothing(self, api: ClusterApi) -> None:
        assert api.create(JOBS, a_job("dry"), dry_run=True) is not None
        assert api.get(f"{JOBS}/dry") is None

    def test_kinds_are_told(self, api: ClusterApi) -> None:
        told = api.get("/apis/batch/v1")

        assert told is not None
        assert "jobs" in [item["name"] for item in told["resources"]]

    def test_labels_choose_from_a_list(self, api: ClusterApi) -> None:
        api.create(JOBS, a_job("labelled", colour="red"))
        api.create(JOBS, a_job("other", colour="blue"))

        assert [item["metadata"]["name"] for item in api.items(JOBS, selector="colour=red")] == ["labelled"]
        assert api.items(path_of("nobody.example/v1", "things", "default")) == []

    def test_a_patch_of_what_changed_meanwhile_is_none(self, api: ClusterApi) -> None:
        first = api.create(JOBS, a_job("patched", "a"))
        assert first is not None
        second = api.merge(f"{JOBS}/patched", owned_by(first, "a", "b"))

        assert second is not None
        assert version(second) != version(first)
        assert api.merge(f"{JOBS}/patched", owned_by(first, "c")) is None
        found = api.get(f"{JOBS}/patched") or {}
        assert [owner["uid"] for owner in found["metadata"]["ownerReferences"]] == ["a", "b"]

    def test_a_patch_of_what_is_not_there_is_none(self, api: ClusterApi) -> None:
        assert api.merge(f"{JOBS}/nothing", {"metadata": {"labels": {"a": "b"}}}) is None

    def test_what_changed_meanwhile_is_not_deleted(self, api: ClusterApi) -> None:
        first = api.create(JOBS, a_job("kept", "a"))
        assert first is not None
        api.merge(f"{JOBS}/kept", owned_by(first, "a", "b"))
        api.delete(f"{JOBS}/kept", uid=first["metadata"]["uid"], resource_version=version(first))

        assert api.get(f"{JOBS}/kept") is not None

    def test_what_is_as_it_was_found_is_deleted_and_that_twice_is_once(self, api: ClusterApi) -> None:
        made = api.create(JOBS, a_job("deleted"))
        assert made is not None
        for _ in range(2):
            api.delete(f"{JOBS}/deleted", uid=made["metadata"]["uid"], resource_version=version(made))

        assert api.get(f"{JOBS}/deleted") is None

    def test_a_status_is_patched_alone_and_moves_the_version(self, api: ClusterApi) -> None:
        made = api.create(JOBS, a_job("told"))
        assert made is not None
        api.merge(f"{JOBS}/told/status", {"status": {"active": 1}, "spec": {"suspend": False}})
        found = api.get(f"{JOBS}/told") or {}

        assert (found["status"]["active"], found["spec"]["suspend"]) == (1, True)
        assert version(found) != version(made)

    def test_a_status_is_written_whole_over_what_others_wrote_unless_it_changed_meanwhile(
        self, api: ClusterApi
    ) -> None:
        path = f"{JOBS}/whole"
        made = api.create(JOBS, a_job("whole"))
        assert made is not None
        told = api.merge(
            f"{path}/status", {"status": {"active": 1, "uncountedTerminatedPods": {"failed": ["u"]}}}
        )
        assert told is not None
        assert api.write_status(path, made, {"active": 2}) is None
        written = api.write_status(path, told, {"ready": 0, "uncountedTerminatedPods": {}})

        assert written is not None
        assert written["status"] == {"ready": 0, "uncountedTerminatedPods": {}}
        assert (api.get(path) or {})["status"] == written["status"]
