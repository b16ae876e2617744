"""A team's own programs in an experiment: who may read what they write, what arms and axes set, and what they are."""

import pytest
from pydantic import ValidationError

from assay.api.program import Program
from assay.artifacts.kinds import Kind
from assay.errors import SpecErrors
from assay.plan.examine import examine_object
from assay.plan.explain import differences
from builders import a_pipeline, a_plan, an_experiment

IMAGE = f"registry.example/team/trainer@sha256:{'0' * 64}"


def a_program(**words):
    return {
        "command": ["python", "train.py"],
        "code": {"uri": "trainer"},
        "inputs": [{"name": "data", "from": "cleaned"}],
        "output": "model",
        "parameters": {"seed": 1, "lr": 1e-4},
    } | words


def trained_by_a_program(**words):
    """Clean, a team's own training, evaluate."""
    cleaned, _, _, scores = a_pipeline()
    tasks = [{"name": "mmlu"}]
    return [
        cleaned,
        {"name": "sft", "program": a_program(**words)},
        scores | {"evaluate": {"model": {"from": "sft"}, "tasks": tasks}},
    ]


def scored_by_a_program(**words):
    cleaned, _, _, _ = a_pipeline()
    scores = a_program(output="scores", tasks=[{"name": "tone"}, {"name": "length"}], **words)
    return [cleaned, {"name": "scores", "program": scores}]


def faults_of(**spec):
    written = {"apiVersion": "assay.dev/v1alpha1", "kind": "Experiment", "metadata": {"name": "test"}}
    return "\n".join(
        str(fault)
        for fault in examine_object(written | {"spec": {"arms": [{"name": "only"}], **spec}}).faults
    )


def the_program(plan):
    return next(stage for stage in plan.stages if stage.kind is Kind.PROGRAM)


def planned(pipeline=None, contents=None):
    return a_plan(pipeline=pipeline or trained_by_a_program(), arms=[{"name": "only"}], contents=contents)


def test_a_program_reads_a_stage_and_is_read_by_one():
    plan = planned()

    cleaned, program, scores = plan.stages
    assert program.reads == (cleaned.ref,)
    assert program.document.spec["inputs"] == [{"name": "data", "from": str(cleaned.ref)}]
    assert scores.reads == (program.ref,)
    assert set(plan.locations_of(program.document)) == {program.document.spec["code"]["uri"]}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"command": ["python", "train.py", "--fast"]}, "command"),
        ({"image": IMAGE}, "image"),
        ({"parameters": {"seed": 2, "lr": 1e-4}}, "parameters.seed"),
        ({"parameters": {"seed": 1, "lr": 1e-4, "layers": [1, 2]}}, "parameters.layers"),
        ({"inputs": [{"name": "data", "uri": "chats"}]}, "inputs.data.from"),
    ],
)
def test_another_word_of_a_program_is_another_stage_and_the_field_is_named(changed, told):
    one, other = (the_program(planned(trained_by_a_program(**words))) for words in ({}, changed))

    assert one.ref != other.ref
    assert told in [difference.path for difference in differences(one.document, other.document)]


def test_other_bytes_of_its_code_are_another_stage():
    one, other = (the_program(planned(contents={"trainer": text})) for text in ("a", "b"))

    assert [difference.path for difference in differences(one.document, other.document)] == ["code.uri"]


def test_where_a_program_runs_is_no_part_of_what_it_is():
    here = a_plan(pipeline=trained_by_a_program(), arms=[{"name": "only"}])
    there = a_plan(
        pipeline=trained_by_a_program(), arms=[{"name": "only"}], execution={"program": {"threads": 8}}
    )

    assert the_program(here).ref == the_program(there).ref


def test_a_whole_number_is_one_value_however_it_is_written():
    one, other = (
        the_program(planned(trained_by_a_program(parameters={"steps": steps}))).ref for steps in (100, 100.0)
    )

    assert one == other


def test_an_arms_parameters_are_laid_over_the_pipelines():
    stages = [{"name": "sft", "program": {"parameters": {"lr": 2e-4}}}]
    plan = a_plan(pipeline=trained_by_a_program(), arms=[{"name": "hot", "stages": stages}])

    assert the_program(plan).document.spec["parameters"] == {"seed": 1, "lr": 2e-4}


def test_an_axis_sets_a_parameter():
    axis = {"name": "seed", "role": "replicate", "paths": ["sft.program.parameters.seed"], "integers": [3, 4]}
    plan = a_plan(pipeline=trained_by_a_program(), arms=[{"name": "only"}], matrix=[axis])

    seeds = [stage.document.spec["parameters"]["seed"] for stage in plan.stages if stage.kind is Kind.PROGRAM]
    assert seeds == [3, 4]


def test_an_axis_of_a_parameter_that_no_arm_has_is_told():
    axis = {"name": "seed", "role": "replicate", "paths": ["sft.program.parameters.sede"], "integers": [3, 4]}

    assert "'sft.program.parameters.sede', expected one that leads somewhere" in faults_of(
        pipeline=trained_by_a_program(), matrix=[axis]
    )


@pytest.mark.parametrize(
    ("pipeline", "told"),
    [
        (
            trained_by_a_program(output="dataset"),
            "spec.pipeline[2] (scores).evaluate.model.from: found 'sft', a program whose output is dataset, expected model",
        ),
        (
            trained_by_a_program(inputs=[{"name": "data", "from": "cleaned", "split": "held-out"}]),
            "spec.pipeline[1] (sft).program.inputs[0] (data).from: found split 'held-out' of cleaned",
        ),
        (
            trained_by_a_program(inputs=[{"name": "base", "from": "cleaned", "checkpoint": {"rows": 8}}]),
            "found a checkpoint of cleaned, a clean stage, expected one of a train stage",
        ),
        (
            trained_by_a_program(inputs=[{"name": "data", "from": "claened"}]),
            "found 'claened', expected a stage of only: cleaned",
        ),
    ],
)
def test_a_reference_that_does_not_fit_is_told_with_its_field(pipeline, told):
    assert told in faults_of(pipeline=pipeline)


def test_a_programs_scores_are_compared_as_an_evaluations():
    contrast = {"name": "effect", "a": "with", "b": "without"}
    comparison = {"name": "tone", "stage": "scores", "contrasts": [contrast]}
    plan = a_plan(
        pipeline=scored_by_a_program(),
        compare=[comparison | {"primary": {"contrast": "effect", "task": "tone"}}],
    )

    assert plan.stages[-1].kind is Kind.COMPARE
    assert len(plan.stages[-1].reads) == 2


def test_a_primary_task_that_a_program_does_not_score_is_told():
    arms = [{"name": "a"}, {"name": "b"}]
    contrast = {"name": "effect", "a": "a", "b": "b"}
    comparison = {
        "name": "main",
        "stage": "scores",
        "contrasts": [contrast],
        "primary": {"contrast": "effect", "task": "tune"},
    }

    assert "found 'tune', expected a task of scores: tone, length" in faults_of(
        pipeline=scored_by_a_program(), arms=arms, compare=[comparison]
    )


def test_a_program_that_writes_no_scores_cannot_be_compared():
    arms = [{"name": "a"}, {"name": "b"}]
    comparison = {"name": "main", "stage": "sft", "contrasts": [{"name": "effect", "a": "a", "b": "b"}]}

    assert "or a program's with output scores: scores" in faults_of(
        pipeline=trained_by_a_program(), arms=arms, compare=[comparison]
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"code": None}, "found neither image nor code"),
        ({"code": {"uri": "trainer/*.py"}}, "expected a file or a folder, without *"),
        ({"image": "registry.example/team/trainer:latest"}, "expected an image with its digest"),
        ({"output": "scores"}, "found output scores without tasks"),
        ({"tasks": [{"name": "tone"}]}, "found tasks with output model"),
        (
            {"parameters": {"optimizer": {"lr": 1}}},
            "found dict, expected a text, a number, a boolean or a list of such",
        ),
        ({"parameters": {"lr": None}}, "found NoneType"),
        ({"parameters": {"key": "hf_" + "a" * 30}}, "found what looks like a credential"),
        ({"inputs": [{"name": "data", "uri": "a", "split": "b"}]}, "found split without from"),
    ],
)
def test_a_program_that_cannot_be_is_told_with_its_field(words, told):
    found = faults_of(pipeline=trained_by_a_program(**words))

    assert told in found
    assert "spec.pipeline[1] (sft).program" in found


def test_a_program_with_an_image_alone_is_whole():
    assert Program.model_validate(a_program(image=IMAGE, code=None)).code is None
    with pytest.raises(ValidationError):
        Program.model_validate(a_program(command=[]))


def test_a_model_of_a_program_keeps_no_checkpoint_by_rows():
    pipeline = trained_by_a_program()
    pipeline[2]["evaluate"]["model"]["checkpoint"] = {"rows": 8}

    with pytest.raises(SpecErrors, match="found a checkpoint of sft, a program stage"):
        examine_object(
            an_experiment(pipeline=pipeline).model_dump(mode="json", by_alias=True, exclude_unset=True)
        ).sound()
