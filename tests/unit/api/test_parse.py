import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.api.parse import experiment_of, parse_experiment, parse_profile
from assay.api.written import Written, read
from assay.errors import SpecError, SpecErrors
from builders import SMALL


def faults(text):
    with pytest.raises(SpecErrors) as caught:
        parse_experiment(text, "small.yaml")
    return caught.value.faults


def only_fault(text):
    found = faults(text)
    assert len(found) == 1, [str(item) for item in found]
    return found[0]


def test_a_sound_experiment_is_parsed_with_its_numbers_as_numbers():
    experiment = parse_experiment(SMALL, "small.yaml")
    assert experiment.spec.pipeline[1].train.optimizer.lr == 1e-4


def test_bytes_are_read_as_utf8_with_or_without_a_byte_order_mark():
    assert parse_experiment(b"\xef\xbb\xbf" + SMALL.encode(), "small.yaml") == parse_experiment(
        SMALL, "small.yaml"
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4), ("1e3", 1000.0), ("no", "no"), ("on", "on"), ("0o17", 15), ("0x1f", 31), ("1_000", "1_000"),
        ("2024-01-01", "2024-01-01"), ("1:30", "1:30"), ("~", None), ("", None), ("'5'", "5"), ("true", True),
    ],
)  # fmt: skip
def test_scalars_follow_yaml_1_2(text, value):
    assert read(f"a: {text}", "a.yaml").value == {"a": value}


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63 - 1))
def test_every_number_comes_back_as_written(number):
    assert read(f"a: {number!r}", "a.yaml").value == {"a": number}


def test_a_merge_key_adds_what_is_not_written():
    assert read("a: &d {x: 1, y: 2}\nb: {<<: *d, y: 3}", "a.yaml").value["b"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a: [1", "a.yaml:1:", "no YAML"),
        ("a: 1\n b: 2", "a.yaml:2:", "no YAML"),
        ("", "a.yaml", "an empty file"),
        ("# nothing\n", "a.yaml", "an empty file"),
        ("a: 1\n---\nb: 1\n", "a.yaml:2", "another document"),
        ("x: 1\na: 1\na: 2", "a.yaml:3", "'a' twice"),
        ("? [x]\n: 3", "a.yaml:1", "as a key"),
        ("a: .inf", "a.yaml:1", "finite"),
        ("a: 1e999", "a.yaml:1", "64 bits"),
        ("a: 99999999999999999999", "a.yaml:1", "64 bits"),
        ("a: 017", "a.yaml:1", "octal"),
        ("a: !!binary aGk=", "a.yaml:1", "tag"),
        ("a: !mine x", "a.yaml:1", "tag"),
        ('a: "\\ud800"', "a.yaml:1", "surrogate"),
        ("a: \x01", "a.yaml:1", "U+0001"),
        ("a: &x [*x]", "a.yaml:1", "levels"),
        ("[" * 5000, "a.yaml", "no YAML"),
        (b"x: 1\na: \xff", "a.yaml:2", "UTF-8"),
        (b" " * (4 << 20), "a.yaml", "bytes"),
    ],
)
def test_text_that_is_no_single_yaml_document_is_refused_with_its_line(text, place, words):
    with pytest.raises(SpecErrors) as caught:
        read(text, "a.yaml")
    assert place in caught.value.where
    assert words in caught.value.found


def test_a_file_that_multiplies_itself_is_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(SpecErrors, match="expected fewer"):
        read("\n".join(lines), "a.yaml")


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_whatever_the_text_is_nothing_but_spec_errors_come_of_it(text):
    with pytest.raises(SpecErrors):
        parse_experiment(text, "a.yaml")


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["name", "clean", "train", "steps", "x"]), inner, max_size=3)
        ),
        max_leaves=12,
    )
)
def test_whatever_a_pipeline_holds_nothing_but_spec_errors_come_of_it(pipeline):
    value = {
        "apiVersion": "assay.dev/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": "a"},
        "spec": {"pipeline": pipeline, "arms": [{"name": "b"}]},
    }
    with pytest.raises(SpecErrors):
        experiment_of(Written(value=value))


@pytest.mark.parametrize(
    ("old", "new", "where", "found", "do"),
    [
        ("level: medium", "levle: medium", "spec.pipeline[0] (cleaned).clean.steps[1].refusals.levle, small.yaml:11",
         "found unknown field `levle`, expected one of level, scope, replaceWith", "Did you mean `level`?"),
        ("level: medium", "level: mild", "spec.pipeline[0] (cleaned).clean.steps[1].refusals.level, small.yaml:11",
         "found 'mild', expected narrow, medium or broad", "Write one of them."),
        ("batchSize: 8", 'batchSize: "8"', "spec.pipeline[1] (sft).train.batchSize, small.yaml:16",
         "found '8', expected a whole number", "Remove the quotes."),
        ("batchSize: 8", "batchSize: true", "spec.pipeline[1] (sft).train.batchSize, small.yaml:16",
         "found true, expected a whole number", "Correct it."),
        ("batchSize: 8", "batchSize: 8.0", "spec.pipeline[1] (sft).train.batchSize, small.yaml:16",
         "found 8.0, expected a whole number", "Write 8."),
        ("lr: 1e-4", "lr: 11", "spec.pipeline[1] (sft).train.optimizer.lr, small.yaml:17",
         "found 11, expected at most 10", "Change it."),
        ("optimizer: {lr: 1e-4}", "optimizer: {}", "spec.pipeline[1] (sft).train.optimizer.lr, small.yaml:17",
         "found no `lr`, expected one", "Add `lr`."),
        ("apiVersion: assay.dev/v1alpha1\n", "", "apiVersion, small.yaml:1",
         "found no `apiVersion`, expected assay.dev/v1alpha1", "Add `apiVersion: assay.dev/v1alpha1`."),
        ("  - name: sft\n", "  - name: sft\n    evaluate: {model: {uri: m}, tasks: [{name: mmlu}]}\n",
         "spec.pipeline[1] (sft), small.yaml:12",
         "found train and evaluate, expected exactly one of clean, train, generate, evaluate", "Keep one of them."),
        ("model: {uri: base}", "model: {}", "spec.pipeline[1] (sft).train.model, small.yaml:15",
         "found none of uri, from, llama, expected exactly one of them", "Add one."),
        ("model: {uri: base}", "model: {uri: base, checkpoint: {epoch: 1}}",
         "spec.pipeline[1] (sft).train.model, small.yaml:15",
         "found checkpoint without from, expected it only beside from", "Remove it."),
        ("model: {uri: base}", "model: {uri: 'hf://a/b'}", "spec.pipeline[1] (sft).train.model, small.yaml:15",
         "found an hf:// uri without revision, expected a pinned commit", "Add `revision"),
        ("name: kept", "name: Kept", "spec.arms[1] (Kept).name, small.yaml:21",
         "found 'Kept', expected a name: a small letter or a digit", "Correct it."),
        ("{name: refusals, remove: true}", "{name: refusals, remove: yes}",
         "spec.arms[1] (kept).stages[0] (cleaned).clean.steps[0] (refusals).remove, small.yaml:22",
         "found 'yes', expected true or false", "Write true."),
        ("{name: refusals, remove: true}", "{refusals: {}, alternation: {}}",
         "spec.arms[1] (kept).stages[0] (cleaned).clean.steps[0], small.yaml:22",
         "found alternation and refusals, expected at most one of them", "Keep one of them."),
        ("  arms:\n", "  - name: scores\n    evaluate: {model: {from: sft}, tasks: [{name: instructeval_mmlu}]}\n  arms:\n",
         "spec.pipeline[2] (scores).evaluate.tasks[0] (instructeval_mmlu), small.yaml:20",
         "found instructeval_mmlu without its data, expected the benchmark's files",
         "Add `instructeval: {benchmark: mmlu, data: <its folder or file>}`."),
        ("  arms:\n", "  - name: scores\n    evaluate: {model: {from: sft}, tasks: [{name: humaneval}]}\n  arms:\n",
         "spec.pipeline[2] (scores).evaluate.tasks[0] (humaneval), small.yaml:20",
         "found humaneval without its problems, expected their file: they come from no hub",
         "Add `harness: {data: <HumanEval.jsonl.gz>}`."),
        ("  arms:\n", "  - name: scores\n    evaluate: {model: {from: sft}, tasks: [{name: mmlu, harness: {data: a}}]}\n  arms:\n",
         "spec.pipeline[2] (scores).evaluate.tasks[0] (mmlu), small.yaml:20",
         "found data of mmlu, expected them only of humaneval, humaneval_instruct", "Remove `data`, or add `config`"),
        ("  arms:\n",
         "  - name: scores\n    evaluate: {model: {from: sft}, tasks: [{name: q, instructeval: {benchmark: bbh, data: b, samples: 5}}]}\n  arms:\n",
         "spec.pipeline[2] (scores).evaluate.tasks[0] (q).instructeval, small.yaml:20",
         "found samples 5 of bbh, whose answers are greedy, expected 1", "Remove `samples`."),
        ("metadata: {name: small}", "metadata: {}", "metadata.name, small.yaml:3",
         "found no `name`, expected one", "Add `name`. (name: The object's name.)"),
        ("spec:\n", "spec: 3\nx:\n", "x, small.yaml:5", "found unknown field `x`", "Remove it."),
    ],
)  # fmt: skip
def test_a_fault_says_where_what_was_found_and_what_to_do(old, new, where, found, do):
    assert old in SMALL
    fault = next(item for item in faults(SMALL.replace(old, new, 1)) if item.where == where)
    assert fault.found.startswith(found)
    assert fault.do.startswith(do)


def test_all_faults_are_told_together_in_the_order_of_the_text():
    broken = SMALL.replace("minWords: 2", "minWords: x").replace("batchSize: 8", "batchSize: 0")
    assert [re.search(r":(\d+)$", fault.where)[1] for fault in faults(broken)] == ["10", "16"]


def test_a_list_with_a_faulty_item_is_not_also_called_too_short():
    fault = only_fault(SMALL.replace("format: sharegpt", "format: sharegtp"))
    assert fault.do == "Did you mean `sharegpt`?"


def test_another_kind_of_object_is_refused_by_that_alone():
    assert (
        only_fault(SMALL.replace("kind: Experiment", "kind: Trial")).found
        == "found 'Trial', expected Experiment"
    )
    foreign = SMALL.replace("assay.dev/v1alpha1", "kubeflow.org/v1beta1")
    assert only_fault(foreign).found == "found 'kubeflow.org/v1beta1', expected assay.dev/v1alpha1"


def test_a_secret_in_a_faulty_field_is_not_shown():
    broken = SMALL.replace("format: sharegpt", "format: 's3://key:hunter2@host'")
    assert "hunter2" not in str(only_fault(broken))


def test_an_object_from_an_api_server_has_no_lines_and_its_status_is_left_alone():
    value = {**read(SMALL, "small.yaml").value, "status": {"phase": "Running"}}
    value["metadata"] = {"name": "small", "namespace": "team", "uid": "1", "resourceVersion": "3"}
    assert experiment_of(Written(value=value)).metadata.namespace == "team"
    value["spec"] = {**value["spec"], "sspend": True}
    with pytest.raises(SpecErrors) as caught:
        experiment_of(Written(value=value))
    assert caught.value.where == "spec.sspend"


def test_a_profile_is_parsed_by_the_same_rules():
    text = "apiVersion: assay.dev/v1alpha1\nkind: Profile\nmetadata: {name: a}\nspec: {store: {uri: 'http://x'}}\n"
    with pytest.raises(SpecErrors, match="s3://bucket/prefix or file:///folder"):
        parse_profile(text, "p.yaml")
    assert parse_profile(text.replace("http://x", "s3://x"), "p.yaml").spec.store.uri == "s3://x"


def test_nodes_near_to_each_other_need_a_queue_that_finds_them():
    text = (
        "apiVersion: assay.dev/v1alpha1\nkind: Profile\nmetadata: {name: a}\n"
        "spec: {store: {uri: 's3://x/y'}, pools: {train: {topology: {level: rack}}}}\n"
    )
    with pytest.raises(SpecErrors, match="topology without queue"):
        parse_profile(text, "p.yaml")
    with_queue = parse_profile(text.replace("train: {", "train: {queue: gpu, "), "p.yaml")
    assert with_queue.spec.pools.train.topology.level == "rack"


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("spec.arms[1] (kept).stages[0]", 22),
        ("spec.arms[1] (kept).stages[cleaned].clean.steps[0]", 22),
        ("spec.arms[1] (kept).stages[missing].clean", 22),
        ("spec.pipeline[0] (cleaned).clean.steps[1]", 11),
    ],
)
def test_a_fault_that_names_a_field_gets_the_line_on_which_it_stands(where, line):
    placed = read(SMALL, "small.yaml").placed(SpecError(where, "found", "do"))

    assert placed.where == f"{where}, small.yaml:{line}"


@pytest.mark.parametrize("where", ["chats.jsonl", "spec.arms, small.yaml:19", "whole, stage sft, data.from"])
def test_a_fault_that_names_no_field_or_has_its_line_stays_as_it_is(where):
    assert read(SMALL, "small.yaml").placed(SpecError(where, "found", "do")).where == where
