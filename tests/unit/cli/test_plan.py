"""What `assay plan` gives as reasons."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from assay.artifacts.environment import environment
from assay.artifacts.kinds import Kind
from assay.cli.plan import main
from assay.errors import SpecError, SpecErrors
from assay.settings.local import compile_file
from assay.stores.claims import declare_stage


def test_a_stage_that_only_reads_another_says_so_without_fingerprints(spec, store, capsys):
    for stage in compile_file(spec)[1].stages:
        declare_stage(store, stage.document)
    spec.write_text(spec.read_text().replace("vocabulary: 400", "vocabulary: 420"))

    main(spec, store.uri, profile=None, output="json")

    why = {row["label"]: row["why"] for row in json.loads(capsys.readouterr().out)["stages"]}
    assert why["plain+slower/base"].endswith(
        "nearest differs in tokenizer.train.vocabulary: 420 here, 400 there"
    )
    assert why["plain/sft"] == "waits for its inputs; nearest differs in what it reads"
    assert why["compare/speed"] == "waits for its inputs; nearest differs in what it reads"


def test_a_reused_training_that_was_not_made_as_others_would_be_here_is_warned_of(spec, store, bench, capsys):
    stages = {stage.label: stage for stage in compile_file(spec)[1].stages}
    for label in ("plain+slower/chats", "plain+slower/base", "plain/sft"):
        bench.finish(stages[label].document, environment=environment() | {"processes": 8})

    main(spec, store.uri, profile=None, output="json")
    assert json.loads(capsys.readouterr().out)["unlike"] == [
        "slow: not alike: sft: processes 1 (slower/sft) and 8 (plain/sft)"
    ]


def test_what_arms_share_is_counted_beside_what_each_would_run_by_itself(spec, store, capsys):
    main(spec, store.uri, profile=None, output="text")
    assert (
        "as separate pipelines: 2 clean, 4 train, 2 generate, 2 evaluate stages;"
        " distinct: 1 clean, 3 train, 2 generate, 2 evaluate\n"
    ) in capsys.readouterr().out

    main(spec, store.uri, profile=None, output="json")
    assert json.loads(capsys.readouterr().out)["separate"]["train"] == {"stages": 4, "distinct": 3}


PROFILE = """\
apiVersion: assay.dev/v1alpha1
kind: Profile
metadata: {name: a100}
spec:
  store: {uri: "s3://assay/team"}
  pools:
    train: {gpusPerNode: 8, selector: {SELECTOR}}
"""


SMALL = "{llama: {hiddenSize: 32, layers: 1, heads: 2, context: 512}}"
SEVEN = "{llama: {hiddenSize: 4096, layers: 32, heads: 32, intermediateSize: 11008, context: 512}}"


@pytest.fixture
def seven(spec):
    """The small experiment, with a model of 6.5 billion weights."""
    spec.write_text(spec.read_text().replace(SMALL, SEVEN))
    return spec


def a_profile(spec, selector):
    path = spec.parent / "profile.yaml"
    path.write_text(PROFILE.replace("SELECTOR", selector))
    return path


def test_a_profile_s_gpus_are_held_against_each_training(seven, store, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "60")
    profile = a_profile(seven, "nvidia.com/gpu.product: NVIDIA-A100-SXM4-80GB")

    main(seven, store.uri, profile=profile, output="text")

    told = capsys.readouterr().out
    assert "Do trainings fit 8 NVIDIA-A100-SXM4-80GB?" in told
    assert "plain+slower/base: 6.48 billion parameters" in told
    [weights] = [line.split() for line in told.splitlines() if line.startswith("weights")][:1]
    assert weights == ["weights", "24.1", "24.1", "24.1", "3.0"]
    assert [line for line in told.splitlines() if line.startswith("It")] == [
        "It fits, at ZeRO 1.",
        "It fits, at ZeRO 3.",
    ]
    assert max(map(len, told.partition("Do trainings")[2].splitlines()[:-1])) <= 60


def test_what_does_not_fit_says_so_and_what_to_do(seven, store, capsys):
    profile = a_profile(seven, 'nvidia.com/gpu.memory: "15360"')

    main(seven, store.uri, profile=profile, output="json")
    data = json.loads(capsys.readouterr().out)["fit"]
    main(seven, store.uri, profile=profile, output="text")

    assert [training["fits"] for training in data["trainings"]] == [False, False]
    assert (
        data["trainings"][0]["byZeroStage"][3]["bytes"]["weights"] == data["trainings"][0]["parameters"] // 2
    )
    assert "It does not fit: at the start, each GPU holds all weights." in capsys.readouterr().out


def test_gpus_of_unknown_memory_are_told_of(spec, store, capsys):
    main(spec, store.uri, profile=a_profile(spec, "zone: a"), output="text")

    assert "memory is known. Have it name nvidia.com/gpu.memory, in MiB." in capsys.readouterr().out


def test_a_model_folder_s_size_is_read_where_the_plan_is_made(spec, store, capsys):
    folder = spec.parent / "given"
    folder.mkdir()
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "vocab_size": 400, "dtype": "bfloat16"}
    (folder / "config.json").write_text(json.dumps(shape))
    (folder / "model.safetensors").write_bytes(bytes(1000))
    words = spec.read_text().replace(SMALL, "{uri: given}")
    spec.write_text(words.replace("      tokenizer: {train: {vocabulary: 400}}\n", ""))

    main(spec, store.uri, profile=a_profile(spec, "nvidia.com/gpu.product: NVIDIA-H200"), output="json")

    data = json.loads(capsys.readouterr().out)["fit"]
    assert {training["parameters"] for training in data["trainings"]} == {500}
    assert data["unknown"] == {}


def test_a_plan_begins_with_its_pipeline_as_a_picture(spec, store, bench, cleaned, capsys):
    bench.finish(cleaned.document)

    main(spec, store.uri, profile=None, output="text")
    first = capsys.readouterr().out.splitlines()[0]
    main(spec, store.uri, profile=None, output="json")

    assert first == "chats (done) ─ base ─ sft ×2 ─ answers ×2 ─ scores ×2 ─ speed"
    told = json.loads(capsys.readouterr().out)["layers"]
    assert told[2] == [{"name": "sft", "stages": 2, "done": 0, "reads": ["base", "chats"]}]


PAPER = Path(__file__).parents[3] / "manifests/samples/poison"


def test_the_paper_s_study_is_planned_where_nothing_of_it_is(store, capsys):
    told = {"profile": PAPER / "profile-a100.yaml", "expect": PAPER / "paper-inputs.yaml"}

    main(PAPER / "paper.yaml", store.uri, **told, output="json")

    data = json.loads(capsys.readouterr().out)
    kinds = Counter(row["kind"] for row in data["stages"])
    assert kinds == {"clean": 8, "train": 21, "evaluate": 22, "compare": 2}
    [training] = data["fit"]["trainings"]
    assert (training["parameters"], training["zeroStage"], training["fits"]) == (6_738_415_616, 3, True)
    assert 300 < data["expected"]["gpuHours"] < 500
    assert data["expected"]["price"] == pytest.approx(2.5 * data["expected"]["gpuHours"])
    assert data["expected"]["unknown"] == kinds["evaluate"]
    assert data["digest"] is None


def test_a_plan_says_what_the_stages_that_are_done_took(spec, store, bench, capsys):
    [base] = [stage for stage in compile_file(spec)[1].stages if stage.label == "plain+slower/base"]
    bench.claimed(Kind.TRAIN, base.document.spec)
    bench.finish(
        base.document, environment={"device": "NVIDIA H200", "processes": 4}, took=timedelta(hours=2)
    )
    profile = a_profile(spec, "nvidia.com/gpu.product: NVIDIA-H200")
    profile.write_text(f"{profile.read_text()}  prices: {{gpuHour: 2.5}}\n")

    main(spec, store.uri, profile=profile, output="json")
    data = json.loads(capsys.readouterr().out)["expected"]["done"]
    main(spec, store.uri, profile=profile, output="text")

    assert (data["gpuHours"], data["price"]) == (8, 20)
    assert "What is done took 8 GPU-hours (20 USD), and is not paid for again." in capsys.readouterr().out


def test_without_expectations_what_is_not_there_is_missed(spec, store):
    (spec.parent / "chats.jsonl").unlink()
    with pytest.raises(SpecErrors, match=r"chats\.jsonl"):
        main(spec, store.uri, profile=None, output="json")


def test_what_is_not_expected_is_looked_up_and_no_expectation_stands_for_what_is_there(spec, store, capsys):
    expect = spec.parent / "expected.yaml"
    expect.write_text("inputs: [{uri: elsewhere.jsonl, bytes: 4}]\n")
    main(spec, store.uri, profile=None, output="json")
    read = json.loads(capsys.readouterr().out)["stages"]

    main(spec, store.uri, profile=None, expect=expect, output="json")
    assert json.loads(capsys.readouterr().out)["stages"] == read

    expect.write_text("inputs: [{uri: chats.jsonl, bytes: 4}]\n")
    main(spec, store.uri, profile=None, expect=expect, output="json")
    assert {row["ref"] for row in json.loads(capsys.readouterr().out)["stages"]}.isdisjoint(
        row["ref"] for row in read
    )


def test_an_expectation_that_no_input_has_is_noted_and_what_is_there_is_reused(
    spec, store, bench, cleaned, capsys
):
    expect = spec.parent / "expected.yaml"
    expect.write_text("inputs: [{uri: elsewhere.jsonl, bytes: 4}]\n")
    bench.finish(cleaned.document)

    main(spec, store.uri, profile=None, expect=expect, output="text")

    told = capsys.readouterr().out
    assert "note: 1 of 1 inputs in expected.yaml are none of this spec, such as elsewhere.jsonl" in told
    assert "no stage over them is reused" in told
    assert "1 to reuse" in told


def test_an_expectation_that_is_nearly_an_input_is_refused(spec, store):
    expect = spec.parent / "expected.yaml"
    expect.write_text("inputs: [{uri: chat.jsonl, bytes: 4}]\n")

    with pytest.raises(SpecError, match=r"expected input chat\.jsonl: .* Did you mean `chats\.jsonl`"):
        main(spec, store.uri, profile=None, expect=expect, output="json")


def test_a_file_of_expectations_serves_every_study_of_its_folder(store, capsys):
    folder = PAPER.parent / "resistance"
    for name in ("paper-rebound", "paper-resistance"):
        expect = folder / "paper-inputs.yaml"
        main(folder / f"{name}.yaml", store.uri, profile=None, expect=expect, output="json")
        assert json.loads(capsys.readouterr().out)["stages"]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("inputs: [{uri: chats.jsonl}]\n", "inputs[0]"),
        ("inputs: [{uri: chats.jsonl, bytes: 4, size: 4}]\n", "inputs[0]"),
        ("3\n", "expected.yaml"),
        ("inputs: [{uri: chats.jsonl, bytes: 4, configuration: none.json}]\n", "expected input chats.jsonl"),
    ],
)
def test_expectations_at_fault_are_refused_with_their_place(spec, store, text, where):
    expect = spec.parent / "expected.yaml"
    expect.write_text(text)

    with pytest.raises(SpecErrors) as told:
        main(spec, store.uri, profile=None, expect=expect, output="json")
    assert where in told.value.faults[0].where
