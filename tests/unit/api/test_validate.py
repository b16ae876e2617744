import pytest

from assay.api.expression import Expression
from assay.api.parse import experiment_of, parse_profile
from assay.api.validate import check, check_profile
from assay.api.written import read
from assay.errors import SpecError, SpecErrors
from builders import SMALL

SCORES = """\
  - name: scores
    evaluate: {model: {from: sft}, tasks: [{name: mmlu}]}
"""
COMPARED = """\
  matrix:
  - {name: seed, role: replicate, paths: [sft.train.seed], integers: [1, 2]}
  - {name: rate, role: dose, paths: [sft.train.optimizer.lr], numbers: [1e-4, 1e-5]}
  compare:
  - name: main
    stage: scores
    contrasts: [{name: first, a: whole, b: kept}]
    primary: {contrast: first, task: mmlu}
  - {name: curve, stage: scores, dose: {axis: rate, task: mmlu, nearest: {task: mmlu}, contrasts: [{name: faster, a: whole, b: kept}]}}
  - name: losses
    derived:
      expression: loss / 2
      trend: {axis: rate}
      measures: [{name: loss, stage: sft, figure: trainingLoss}]
"""
SPEC = SMALL.replace("  arms:\n", f"{SCORES}  arms:\n") + COMPARED


def faults(text):
    written = read(text, "small.yaml")
    return check(experiment_of(written), written)


def test_a_sound_experiment_has_no_faults():
    assert faults(SPEC) == []


@pytest.mark.parametrize(
    ("old", "new", "where", "found"),
    [
        ("- name: kept", "- name: whole", "spec.arms[1] (whole), small.yaml:23", "the name 'whole' again"),
        ("[{name: cleaned, clean", "[{name: cleand, clean", "spec.arms[1] (kept).stages[0] (cleand).name, small.yaml:24", "expected a stage of the pipeline (cleaned, sft, scores) or a whole new one"),
        ("- name: sft", "- name: cleaned", "spec.pipeline[1] (cleaned)", "the name 'cleaned' again"),
        ("shortInput: {minWords: 2}", "refusals: {level: broad}", "clean.steps[1]", "the name 'refusals' again"),
        ("{name: chats, uri: chats.jsonl, format: sharegpt}", "{name: c, uri: a, format: text}, {name: c, uri: b, format: text}", "sources[1] (c)", "the name 'c' again"),
        ("tasks: [{name: mmlu}]", "tasks: [{name: mmlu}, {name: mmlu}]", "tasks[1] (mmlu)", "again"),
        ("{name: rate, role: dose, ", "{name: seed, role: dose, ", "spec.matrix[1] (seed)", "again"),
        ("- name: losses", "- name: main", "spec.compare[2] (main)", "again"),
        ("b: kept}]", "b: kept}, {name: first, a: kept, b: whole}]", "contrasts[1] (first)", "again"),
        ("remove: true}]", "remove: true}, {name: refusals, remove: true}]", "spec.arms[1] (kept).stages[0] (cleaned).clean.steps[1] (refusals)", "again"),
        ("integers: [1, 2]", "integers: [1, 2, 1]", "spec.matrix[0] (seed).integers[2]", "1 again"),
        ("numbers: [1e-4, 1e-5]", "numbers: [1e-4]", "spec.matrix[1] (rate)", "one amount"),
        ("b: kept", "b: kpet", "spec.compare[0] (main).contrasts[0] (first).b, small.yaml:31", "'kpet', expected an arm: whole, kept"),
        ("b: kept", "b: whole", "contrasts[0] (first)", "minus itself"),
        ("contrast: first", "contrast: second", "primary.contrast", "a contrast of this comparison: first"),
        ("contrast: first, task: mmlu", "contrast: first, task: bbh", "primary.task", "a task of scores: mmlu"),
        ("stage: scores\n    contrasts", "stage: sft\n    contrasts", "spec.compare[0] (main).stage", "an evaluate stage, or a program's with output scores: scores"),
        ("axis: rate", "axis: rates", "dose.axis", "an axis of the matrix: seed, rate"),
        ("axis: rate", "axis: seed", "dose.axis", "of role replicate, expected one of role dose"),
        ("axis: rate, task: mmlu", "axis: rate, task: mmlu, arms: [x]", "dose.arms[0]", "an arm"),
        ("stage: sft, figure: trainingLoss", "stage: cleaned, figure: trainingLoss", "measures[0] (loss).stage", "a train or evaluate stage"),
        ("figure: trainingLoss", "figure: loss", "measures[0] (loss).figure", "a figure of sft: trainingLoss, lastLoss"),
        ("figure: trainingLoss", "figure: trainingLoss, scale: logit", "measures[0] (loss).scale", "expected it of a share"),
        ("trend: {axis: rate}", "trend: {axis: seed}", "derived.trend.axis", "expected one of role dose"),
        ("nearest: {task: mmlu}", "nearest: {task: kl}", "dose.nearest.task", "a task of scores: mmlu"),
        ("name: faster, a: whole", "name: faster, a: kept", "dose.contrasts[0] (faster)", "minus itself"),
        ("task: mmlu, nearest", "task: mmlu, arms: [kept], nearest", "dose.contrasts[0] (faster).a", "'whole', expected an arm: kept"),
        ("nearest: {task: mmlu}, contrasts: [{name: faster", "contrasts: [{figure: nearest, name: faster", "contrasts[0] (faster).figure", "without dose.nearest"),
        ("expression: loss / 2", "expression: lost / 2", "derived.expression", "'lost', expected a measure"),
        ("expression: loss / 2", "expression: loss ** 2", "derived.expression", "not allowed"),
        ("uri: chats.jsonl", "uri: 's3://key:hunter2@raw/chats.jsonl'", "sources[0] (chats).uri", "a credential"),
        ("uri: base", "uri: 's3://raw/base?X-Amz-Signature=hunter2'", "train.model.uri", "a credential"),
        ("stages: [{name: cleaned, clean: {steps: [{name: refusals, remove: true}]}}]", "stages: [{name: sft, train: {model: {uri: 'https://user:hunter2@host/m'}}}]", "spec.arms[1] (kept).stages[0] (sft).train.model.uri", "a credential"),
    ],
)  # fmt: skip
def test_what_no_schema_can_say_is_found_with_its_path(old, new, where, found):
    assert old in SPEC
    told = faults(SPEC.replace(old, new, 1))
    matching = [fault for fault in told if where in fault.where and found in fault.found]
    assert matching, [str(fault) for fault in told]
    assert all(fault.do.endswith((".", "?")) and "small.yaml:" in fault.where for fault in told)
    assert "hunter2" not in str(told)


def test_a_path_that_names_a_stage_and_no_field_of_it_is_refused():
    with pytest.raises(SpecErrors, match="found 'sft', expected names with dots between them"):
        faults(SPEC.replace("paths: [sft.train.seed]", "paths: [sft]"))


PUBLISHED = "  published: [{arm: kept, task: mmlu, value: 0.42, source: table 2}]\n"


def test_a_published_score_of_an_arm_and_a_task_that_exist_is_fine():
    assert faults(SPEC + PUBLISHED) == []


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("arm: kept", "arm: kepd", "spec.published[0].arm"),
        ("task: mmlu", "task: mmlo", "spec.published[0].task"),
        (
            "published: [{",
            "published: [{arm: kept, task: mmlu, value: 0.5, source: table 3}, {",
            "spec.published[1]",
        ),
    ],
)
def test_a_published_score_of_what_is_not_there_or_told_twice_is_a_fault_with_its_path(old, new, where):
    (fault,) = faults(SPEC + PUBLISHED.replace(old, new))

    assert where in str(fault)


OF_CONTRAST = "  published: [{contrast: CONTRAST, task: mmlu, value: 0.04, source: table 2ALSO}]\n"


def of_contrast(contrast, also=""):
    return faults(SPEC + OF_CONTRAST.replace("CONTRAST", contrast).replace("ALSO", also))


@pytest.mark.parametrize("contrast", ["first", "main/first"])
def test_a_published_difference_of_a_contrast_that_exists_is_fine(contrast):
    assert of_contrast(contrast, ", also: [first]") == []


@pytest.mark.parametrize(
    ("contrast", "also", "where", "found"),
    [
        ("frist", "", "spec.published[0].contrast", "a contrast: first"),
        ("curve/first", "", "spec.published[0].contrast", "a contrast: first"),
        (
            "first",
            ", also: [size]",
            "spec.published[0].also[0]",
            "a contrast of the same comparison: first",
        ),
    ],
)
def test_a_published_difference_of_what_is_not_there_is_a_fault_with_its_path(contrast, also, where, found):
    (fault,) = of_contrast(contrast, also)

    assert where in fault.where
    assert found in fault.found


@pytest.mark.parametrize(
    ("also", "found"),
    [
        (", within: 0.1", "found within without arm"),
        (", arm: kept", "expected exactly one of arm, contrast"),
    ],
)
def test_a_published_difference_is_of_a_contrast_alone(also, found):
    with pytest.raises(SpecErrors, match=found):
        of_contrast("first", also)


def test_a_published_difference_of_one_of_several_contrasts_says_which():
    again = "  - {name: again, stage: scores, contrasts: [{name: first, a: kept, b: whole}]}\n"
    text = SPEC.replace("  - {name: curve", f"{again}  - {{name: curve", 1)
    published = OF_CONTRAST.replace("ALSO", "")

    (fault,) = faults(text + published.replace("CONTRAST", "first"))

    assert (fault.found, fault.do) == (
        "found 'first' in 2 comparisons, expected one",
        "Name main/first, again/first.",
    )
    assert faults(text + published.replace("CONTRAST", "again/first")) == []


def test_tasks_that_only_an_arm_has_may_be_compared():
    arm = "- name: kept\n    stages: [{name: scores, evaluate: {tasks: [{name: bbh}]}}]\n"
    start = SPEC.index("- name: kept")
    text = SPEC[:start] + arm + SPEC[SPEC.index("  matrix:") :]
    assert faults(text.replace("task: mmlu}\n  - {name: curve", "task: bbh}\n  - {name: curve")) == []


@pytest.mark.parametrize(
    ("task", "where"),
    [
        (
            "name: programs, instructeval: {benchmark: humaneval, data: problems.jsonl}",
            "tasks[1] (programs).instructeval.benchmark",
        ),
        ("name: humaneval, harness: {data: problems.jsonl}", "tasks[1] (humaneval).harness.data"),
        (
            "name: programs, harness: {task: humaneval_instruct, data: problems.jsonl}",
            "tasks[1] (programs).harness.data",
        ),
    ],
)
def test_a_task_that_runs_what_models_write_needs_the_experiments_word(task, where):
    asked = SPEC.replace("[{name: mmlu}]", f"[{{name: mmlu}}, {{{task}}}]")

    [fault] = faults(asked)
    assert fault.where.startswith(f"spec.pipeline[2] (scores).evaluate.{where}")
    assert faults(f"{asked}  execution: {{evaluate: {{codeExecution: true}}}}\n") == []


@pytest.mark.parametrize("name", ["words", "humaneval"])
def test_a_task_yaml_over_items_of_ones_own_runs_nothing_that_models_write(name):
    own = f"{{name: {name}, harness: {{config: own.yaml, data: items.jsonl}}}}"

    assert faults(SPEC.replace("[{name: mmlu}]", f"[{{name: mmlu}}, {own}]")) == []


def test_an_object_without_a_file_is_checked_without_lines():
    experiment = experiment_of(read(SPEC.replace("b: kept", "b: other"), "small.yaml"))
    assert check(experiment)[0].where == "spec.compare[0] (main).contrasts[0] (first).b"


def test_a_profile_with_a_credential_in_its_environment_is_refused():
    text = (
        "apiVersion: assay.dev/v1alpha1\nkind: Profile\nmetadata: {name: a}\n"
        "spec: {store: {uri: 's3://x', endpoint: 'https://user:hunter2@host'}, pools: {train: {environment: {HF_TOKEN: hunter2}}}}\n"
    )
    told = check_profile(parse_profile(text, "p.yaml"))
    assert [fault.where for fault in told] == ["spec.store.endpoint", "spec.pools.train.environment.HF_TOKEN"]
    assert "hunter2" not in str([str(fault) for fault in told])


@pytest.mark.parametrize(
    "text",
    ["", "a +", "f(a)", "a.b", "a ** 2", "a if b else c", "'x'", "True", "a < b", "(" * 500, "[a]", "a @ b"],
)
def test_anything_but_arithmetic_over_measures_is_no_expression(text):
    with pytest.raises(SpecError):
        Expression.parse(text)


def test_an_expression_names_its_measures_and_computes():
    expression = Expression.parse("(a - b) / 2 - -c * 3")
    assert expression.names == ("a", "b", "c")
    assert expression.value({"a": 5.0, "b": 1.0, "c": 2.0}) == 8.0
