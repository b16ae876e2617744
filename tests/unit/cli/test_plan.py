"""What `assay plan` gives as reasons."""

import json

from assay.artifacts.environment import environment
from assay.cli.plan import main
from assay.settings.local import compile_file
from assay.stores.claims import declare_stage


def test_a_stage_that_only_reads_another_says_so_without_fingerprints(spec, store, capsys):
    for stage in compile_file(spec)[1].stages:
        declare_stage(store, stage.document)
    spec.write_text(spec.read_text().replace("vocabulary: 400", "vocabulary: 420"))

    main(spec, store.uri, output="json")

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

    main(spec, store.uri, output="json")
    assert json.loads(capsys.readouterr().out)["unlike"] == [
        "slow: not alike: sft: processes 1 (slower/sft) and 8 (plain/sft)"
    ]
