"""One judgement on an experiment: every fault at once, each with the field that its author wrote."""

from copy import deepcopy

import pytest

from assay.api.parse import experiment_of
from assay.api.written import Written, read
from assay.errors import SpecErrors
from assay.plan.examine import examine, examine_object
from builders import SMALL, a_pipeline, a_plan, an_experiment

TEN_KINDS = """\
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
  - name: whole
  - name: kept
    stages: [{name: cleaned, clean: {steps: [{name: refusal, remove: true}, {shortInput: {}, after: nothing}]}}]
  - name: added
    stages: [{name: more, train: {data: {from: cleaned}}}]
  - name: far
    stages: [{name: sft, train: {data: {from: nowhere/cleaned}}}]
  - name: around
    stages: [{name: cleaned, clean: {steps: [{subsample: {like: around/cleaned}}]}}]
  matrix:
  - {name: seed, role: replicate, paths: [sft.train.sed, sfd.train.seed, sft.train.seed], integers: [1, 2]}
  compare:
  - {name: main, stage: scores, contrasts: [{name: first, a: whole, b: kpet}], primary: {contrast: first, task: mmlu}}
"""


def examined(text):
    return examine(read(text, "a.yaml"))


def test_a_sound_experiment_has_no_faults_and_gives_its_instances():
    experiment = an_experiment()

    found = examine_object(experiment.model_dump(mode="json", by_alias=True, exclude_unset=True))

    assert found.sound() == experiment
    assert [instance.arm for instance in found.expansion.instances] == ["without", "with"]


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("spec.arms[1] (whole), a.yaml:16", "found the name 'whole' again"),
        ("spec.compare[0] (main).contrasts[0] (first).b, a.yaml:28", "found 'kpet'"),
        ("spec.pipeline[0] (cleaned).clean.sources[0] (chats).uri, a.yaml:7", "a credential"),
        ("spec.arms[2] (kept).stages[cleaned].clean.steps[0]", "found remove of 'refusal'"),
        ("spec.arms[2] (kept).stages[cleaned].clean.steps[1]", "found after of 'nothing'"),
        ("spec.arms[3] (added).stages[more].train.model", "found no `model`"),
        ("spec.arms[3] (added).stages[more].train.batchSize", "found no `batchSize`"),
        ("spec.matrix[0] (seed).paths[0]", "found 'sed'"),
        ("spec.pipeline[1] (sft).train.data.from, a.yaml:9", "found 'claened'"),
        ("spec.pipeline[2] (scores).evaluate.model.from, a.yaml:11", "which does not keep it"),
        ("spec.pipeline[3] (answers).generate.model.from, a.yaml:13", "evaluate stage, expected a train"),
        ("spec.pipeline[3] (answers).generate.prompts.from, a.yaml:13", "found split 'held-out'"),
        ("spec.arms[4] (far).stages[0] (sft).train.data.from, a.yaml:22", "found arm 'nowhere'"),
        (
            "spec.arms[5] (around).stages[0] (cleaned).clean.steps[0].subsample.like, a.yaml:24",
            "found a circle around/cleaned → around/cleaned",
        ),
        ("spec.matrix[0] (seed)", "found path 'sfd.train.seed'"),
    ],
)
def test_faults_of_many_kinds_are_told_together_and_each_once_for_all_arms(where, what):
    faults = examined(TEN_KINDS).faults

    matching = [fault for fault in faults if fault.where.startswith(where) and what in fault.found]
    assert len(matching) == 1, list(map(str, faults))
    assert "hunter2" not in str(faults)


def test_an_object_of_an_api_server_is_judged_without_its_status_and_metadata():
    value = {
        **an_experiment().model_dump(mode="json", by_alias=True, exclude_unset=True),
        "metadata": {
            "name": "test",
            "namespace": "team",
            "uid": "1",
            "generation": 3,
            "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}],
        },
        "status": {"phase": "Running", "conditions": [{"type": "Accepted"}]},
    }

    assert examine_object(value).faults == ()


def test_what_cannot_be_parsed_has_its_faults_and_no_experiment():
    found = examine_object(
        {"apiVersion": "assay.dev/v1alpha1", "kind": "Experiment", "metadata": {"name": "a"}}
    )

    assert (found.experiment, [fault.where for fault in found.faults]) == (None, ["spec"])
    with pytest.raises(SpecErrors):
        found.sound()


def test_axes_that_multiply_to_more_than_a_machine_can_hold_are_refused_before_they_are_multiplied():
    axes = [
        {"name": f"axis{n}", "role": "factor", "paths": ["sft.train.seed"], "integers": list(range(256))}
        for n in range(16)
    ]

    faults = examine_object(
        an_experiment(matrix=axes).model_dump(mode="json", by_alias=True, exclude_unset=True)
    ).faults

    assert {fault.where for fault in faults} == {"spec.matrix"}


def test_a_value_of_an_axis_that_does_not_fit_is_told_once_for_all_arms():
    axis = {"name": "seed", "role": "replicate", "paths": ["sft.train.seed"], "integers": [1, -2, -3]}

    faults = examine_object(
        an_experiment(matrix=[axis]).model_dump(mode="json", by_alias=True, exclude_unset=True)
    ).faults

    assert [fault.where for fault in faults] == [
        "spec.matrix[0] (seed).integers[1].stages[sft].train.seed",
        "spec.matrix[0] (seed).integers[2].stages[sft].train.seed",
    ]


def test_a_chain_through_a_thousand_arms_is_examined_and_compiled():
    arms = [{"name": "arm0"}] + [
        {
            "name": f"arm{n}",
            "stages": [
                {"name": "cleaned", "clean": {"steps": [{"subsample": {"like": f"arm{n - 1}/cleaned"}}]}}
            ],
        }
        for n in range(1, 1000)
    ]
    value = an_experiment(arms=arms).model_dump(mode="json", by_alias=True, exclude_unset=True)

    assert examine_object(value).faults == ()
    assert len(a_plan(experiment_of(Written(value=value))).stages) == 4000


def a_new_model(context):
    """Return a pipeline that pre-trains a new model and fine-tunes what that gives."""
    cleaned, pretrained, *_ = a_pipeline()
    tuned = deepcopy(pretrained)
    pretrained["name"] = "base"
    pretrained["train"] |= {"objective": "pretrain", "sequenceLength": 16}
    pretrained["train"]["model"]["llama"]["context"] = context
    del tuned["train"]["tokenizer"]
    tuned["train"]["model"] = {"from": "base"}
    return [cleaned, pretrained, tuned]


def test_sequences_longer_than_the_context_of_the_model_that_a_training_goes_on_from_are_a_fault():
    words = {"name": "sft", "train": {"sequenceLength": 48}}
    value = an_experiment(
        pipeline=a_new_model(32), arms=[{"name": "long"}, {"name": "short", "stages": [words]}]
    )

    faults = examine_object(value.model_dump(mode="json", by_alias=True, exclude_unset=True)).faults

    assert [(fault.where, fault.found) for fault in faults] == [
        (
            "spec.pipeline[2] (sft).train.sequenceLength",
            "found 64, expected at most the model's context of 32 tokens (in long)",
        ),
        (
            "spec.arms[1] (short).stages[0] (sft).train.sequenceLength",
            "found 48, expected at most the model's context of 32 tokens (in short)",
        ),
    ]


def test_sequences_as_long_as_the_context_of_the_model_that_a_training_goes_on_from_are_sound():
    value = an_experiment(pipeline=a_new_model(64))

    assert examine_object(value.model_dump(mode="json", by_alias=True, exclude_unset=True)).faults == ()


@pytest.mark.parametrize(
    ("whole", "empty", "told"),
    [
        (
            "shortInput: {minWords: 2}",
            "shortInput:",
            "spec.pipeline[0] (cleaned).clean.steps[0], a.yaml:10: found nothing behind `shortInput:`, expected its fields. Write `shortInput: {}`",
        ),
        (
            "{name: refusals, remove: true}",
            "{alternation: }",
            "spec.arms[1] (kept).stages[cleaned].clean.steps[0], a.yaml:22: found nothing behind `alternation:`, expected its fields. Write `alternation: {}`",
        ),
        (
            "model: {uri: base}",
            "model: {uri: }",
            "spec.pipeline[1] (sft).train.model, a.yaml:15: found nothing behind `uri:`, expected its value. Write it.",
        ),
    ],
)
def test_a_member_with_nothing_behind_its_colon_is_told_as_that(whole, empty, told):
    (fault,) = examined(SMALL.replace(whole, empty)).faults

    assert str(fault).startswith(told)
