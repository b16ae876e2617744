"""What a watch has told of workloads, and what of it is news."""

from assay.adapters.watched import Watched


def a_job(version="1", *, owners=("a",), uid="u", **status):
    references = [{"kind": "Experiment", "name": owner, "uid": owner} for owner in owners]
    metadata = {"name": "job", "namespace": "team", "uid": uid, "resourceVersion": version}
    metadata["ownerReferences"] = references
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {}, "status": status}


def owned(watched, uid):
    return [found["metadata"]["name"] for found in watched.owned("team", uid)]


def test_a_change_of_what_is_looked_at_is_news_and_one_of_anything_else_is_not():
    watched = Watched()

    assert watched.hear(a_job("1"))
    assert not watched.hear(a_job("2"))
    assert watched.hear(a_job("3", succeeded=1))
    assert watched.hear(a_job("4", succeeded=1, owners=("a", "b")))
    assert watched.hear(a_job("5", succeeded=1, owners=("a", "b"), uid="another"))


def test_what_was_made_here_is_no_news_and_what_becomes_of_it_is():
    watched = Watched()
    watched.made(a_job("1"))

    assert not watched.hear(a_job("1"))
    assert watched.hear(a_job("2", succeeded=1))


def test_an_end_that_somebody_asked_for_before_the_watch_told_it_is_news_still():
    """Whoever asked knows; the other owners hear of it here."""
    watched = Watched()
    watched.hear(a_job("1", owners=("a", "b")))
    watched.keep(a_job("2", owners=("a", "b"), succeeded=1))

    assert watched.hear(a_job("2", owners=("a", "b"), succeeded=1))


def test_an_answer_that_comes_late_changes_nothing():
    watched = Watched()
    watched.keep(a_job("2", succeeded=1))
    watched.keep(a_job("1", owners=("b",)))

    assert watched.get("Job", "team", "job", fresh_seconds=60)["status"] == {"succeeded": 1}
    assert (owned(watched, "a"), owned(watched, "b")) == (["job"], [])


def test_workloads_are_found_by_whoever_owns_them_now():
    watched = Watched()
    watched.keep(a_job("1", owners=("a", "b")))
    watched.keep(a_job("2", owners=("b",)))
    assert (owned(watched, "a"), owned(watched, "b")) == ([], ["job"])
    assert list(watched.owned("elsewhere", "b")) == []

    gone = watched.forget("Job", "team", "job")
    assert gone["metadata"]["resourceVersion"] == "2"
    assert owned(watched, "b") == []
    assert watched.hear(a_job("2", owners=("b",)))
