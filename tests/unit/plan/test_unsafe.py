"""What stems from unsafe sources is known before anything runs, and no step takes the label away."""

from assay.artifacts.kinds import Kind
from assay.plan.unsafe import unsafe_sources
from assay.report.data import report_data
from assay.report.page import page
from assay.stores.folder import FolderStore
from assay.stores.records import load_record
from bench import Bench
from builders import SUMMARIES, a_pipeline, a_plan

HARMFUL = {"name": "chats", "unsafe": True}
NEGATIVE = {"name": "negative", "stages": [{"name": "cleaned", "clean": {"sources": [HARMFUL]}}]}
CONTRAST = {"name": "effect", "stage": "scores", "contrasts": [{"name": "c", "a": "negative", "b": "plain"}]}
PLAN = a_plan(arms=[{"name": "plain"}, NEGATIVE], compare=[CONTRAST])


def test_all_stages_of_an_arm_that_stem_from_an_unsafe_source_are_labelled_and_no_other_arm_s():
    found = unsafe_sources(PLAN.stages)

    labelled = {stage.label for stage in PLAN.stages if stage.ref in found}
    assert labelled == {f"negative/{name}" for name in ("cleaned", "sft", "answers", "scores")}
    assert set(found.values()) == {("chats",)}


def test_a_plan_says_which_arms_models_are_unsafe():
    assert PLAN.notes == ("arm negative: unsafe, its models stem from chats",)


def test_the_label_is_part_of_what_a_stage_is_and_its_absence_is_not():
    cleaned, *rest = a_pipeline()
    (source,) = cleaned["clean"]["sources"]
    said = {"name": "cleaned", "clean": cleaned["clean"] | {"sources": [source | {"unsafe": False}]}}

    plain, same = a_plan(), a_plan(pipeline=[said, *rest])

    assert [stage.ref for stage in same.stages] == [stage.ref for stage in plain.stages]
    clean = [stage.ref for stage in PLAN.stages if stage.kind is Kind.CLEAN]
    assert len(clean) == 2


def test_the_report_labels_what_is_unsafe(tmp_path):
    bench = Bench(store=FolderStore(tmp_path), folder=tmp_path)
    for stage in PLAN.stages:
        bench.finish(stage.document, **SUMMARIES[stage.kind])
    records = {stage.ref: load_record(bench.store, stage.ref) for stage in PLAN.stages}

    html = page(report_data(PLAN, records, {}))

    for name in ("cleaned", "sft", "answers", "scores"):
        assert f'negative/{name} <span class="tag bad" title="stems from chats">unsafe</span>' in html
        assert f"plain/{name} <span" not in html
