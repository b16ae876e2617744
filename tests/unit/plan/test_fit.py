"""How large a plan's trainings are, before any of them runs."""

import json

import pytest

from assay.api.execution import TrainExecution
from assay.api.model import Llama
from assay.artifacts.documents import Location, SourceFile
from assay.plan.fit import Folder, UnknownSize, fits_of, folder_shape, llama_shape
from assay.settings.models import model_folders
from builders import a_pipeline, a_plan

GIB = 1 << 30
SEVEN = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008, "num_attention_heads": 32,
    "num_hidden_layers": 32, "vocab_size": 32000, "torch_dtype": "float16",
}  # fmt: skip


def trainings(*more, **first):
    """Return a plan of the pipeline's training, changed, and of others that go on from it."""
    cleaned, sft, *_ = a_pipeline()
    changed = {**sft["train"], **first}
    words = {name: value for name, value in changed.items() if value is not None}
    return a_plan(pipeline=[cleaned, {"name": "sft", "train": words}, *more], arms=[{"name": "only"}])


def fits(plan, folders=None, *, gib=80, **execution):
    return fits_of(plan, TrainExecution.model_validate(execution), gib * GIB, folders or {})


def test_a_llama_s_parameters_are_counted_from_its_spec():
    seven = Llama.model_validate(
        {"hiddenSize": 4096, "layers": 32, "heads": 32, "intermediateSize": 11008, "tieEmbeddings": False}
    )

    assert llama_shape(seven, 32000).parameters == 6_738_415_616


def test_a_folder_s_parameters_are_its_weights_bytes_over_those_of_one():
    assert folder_shape(Folder(configuration=SEVEN, weights=2 * 6_738_415_616)).parameters == 6_738_415_616


def test_a_configuration_that_does_not_say_the_width_gives_no_size():
    with pytest.raises(UnknownSize, match="does not say 'hidden_size'"):
        folder_shape(Folder(configuration={"num_hidden_layers": 2, "n_embd": 768}, weights=1))


@pytest.mark.parametrize("left_out", ["num_attention_heads", "intermediate_size"])
def test_a_configuration_that_does_not_say_a_layers_width_gives_no_size(left_out):
    said = {name: value for name, value in SEVEN.items() if name != left_out}
    with pytest.raises(UnknownSize, match=f"does not say '{left_out}'"):
        folder_shape(Folder(configuration=said, weights=1))


def test_a_folder_without_weights_gives_no_size():
    with pytest.raises(UnknownSize, match="no weights"):
        folder_shape(Folder(configuration=SEVEN, weights=0))


def test_weights_in_folders_below_are_not_the_model_s(tmp_path):
    sizes = {"model.safetensors": 8, "onnx/model.safetensors": 4, "pytorch_model.bin": 8}
    (tmp_path / "config.json").write_text(json.dumps(SEVEN))
    files = [
        SourceFile(uri=(tmp_path / path).as_uri(), path=path, size=size, identity="sha256:0")
        for path, size in {"config.json": 1, **sizes}.items()
    ]
    plan = trainings().model_copy(
        update={"locations": {"it": Location(uri=tmp_path.as_uri(), files=tuple(files))}}
    )

    assert model_folders(plan) == {"it": Folder(configuration=SEVEN, weights=8)}


def test_seven_billion_weights_take_zero_2_on_eight_gpus_of_80_gib():
    plan = trainings(model={"uri": "seven"}, tokenizer=None, sequenceLength=4096)
    [identity] = [name for name, place in plan.locations.items() if place.uri.endswith("seven")]
    folders = {identity: Folder(configuration=SEVEN, weights=2 * 6_738_415_616)}

    found = fits(plan, folders, processesPerNode=8, microBatch=1, activationCheckpointing=True)

    [fit] = found.known
    assert (fit.stages, fit.zero_stage, fit.load.tokens) == (("only/sft",), 2, 4096)


def test_a_zero_stage_that_the_spec_gives_is_the_one_taken():
    [fit] = fits(trainings(), processesPerNode=8, zeroStage=3).known

    assert fit.zero_stage == 3


def test_a_training_that_goes_on_from_another_has_its_size_and_alike_ones_are_told_once():
    again = {**a_pipeline()[1]["train"], "model": {"from": "sft"}, "seed": 2}
    del again["tokenizer"]
    pairs = {**again, "objective": "dpo", "precision": "fp32"}

    found = fits(trainings({"name": "again", "train": again}, {"name": "pairs", "train": pairs}))

    alike, paired = found.known
    assert alike.stages == ("only/sft", "only/again")
    assert paired.load.parameters == alike.load.parameters
    assert paired.load.tokens == 2 * alike.load.tokens
    assert (alike.load.half, paired.load.half) == (True, False)


def test_low_rank_updates_are_all_that_is_learned():
    plan = trainings(
        model={"uri": "seven"}, tokenizer=None, lora={"rank": 8, "alpha": 16, "targets": ["q_proj"]}
    )
    [identity] = [name for name, place in plan.locations.items() if place.uri.endswith("seven")]

    [fit] = fits(plan, {identity: Folder(configuration=SEVEN, weights=2 * 6_738_415_616)}).known

    assert fit.load.learned == 32 * 8 * (4096 + 4096)
    assert fit.load.parameters == 6_738_415_616 + fit.load.learned


def test_a_model_that_cannot_be_read_here_is_not_known_and_says_why():
    found = fits(trainings(model={"uri": "seven"}, tokenizer=None))

    assert found.known == ()
    assert found.unknown == {"only/sft": "its model folder's config.json cannot be read here"}
