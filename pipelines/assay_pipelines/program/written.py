"""What a command wrote, checked against what it declares, and laid out as other kinds of stage lay theirs out.

It is a stranger's: a link in it could name what this process may read and the command may not, so nothing but plain files
and folders is even opened. A model's weights are read by none but who looks for numbers: no pickles.
"""

import json
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from assay.api.program import Program
from assay.artifacts.exchange import CHATS, SCORES
from assay.artifacts.outputs import FINAL, OUTCOMES, chats_file
from assay.errors import StageError
from assay_pipelines.chats import write_rows
from assay_pipelines.outcomes import summary, write_outcomes
from assay_pipelines.program.lines import Malformed, dataset_of, scores_of
from assay_pipelines.stage import StageRun

_WEIGHTS, _WHOLE, _INDEX = ".safetensors", "model.safetensors", "model.safetensors.index.json"
_NOT_DATA = frozenset({".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth", ".py"})


def take(run: StageRun, words: Program, folder: Path) -> dict[str, Any]:
    """Move what a command wrote to where it is published from, and return its figures.

    Raises:
        StageError: `OutputMalformed`: it is not what the stage declares.

    """
    run.progress("program: its output is checked")
    try:
        return _taken(run, words, folder)
    except Malformed as error:
        place = f", {error.place}" if error.place else ""
        raise StageError(
            "OutputMalformed",
            f"the program's output{place}",
            f"found {error.found}, expected {error.expected}",
            f"Let it write what docs/programs.md says of output {words.output}.",
        ) from error


def _taken(run: StageRun, words: Program, folder: Path) -> dict[str, Any]:
    if not folder.is_dir() or folder.is_symlink():
        raise Malformed("", "something else in its place", "the folder that it was given")
    files = sorted(_plain_files(folder))
    if words.output == "model":
        return _model(run, folder, files)
    name = CHATS if words.output == "dataset" else SCORES
    if files != [name]:
        raise Malformed("", f"{', '.join(files[:3]) or 'nothing'}", f"{name} and nothing else")
    if words.output == "dataset":
        return {"rows": write_rows(run.output / chats_file(), [dataset_of(folder / name)])}
    measured = scores_of(folder / name, words.tasks)
    write_outcomes(run.output / OUTCOMES, measured)
    return summary(measured)


def _plain_files(folder: Path, below: str = "") -> Iterator[str]:
    """Yield the names of all files.

    Raises:
        Malformed: one is a link, a pipe, or no file at all.

    """
    for path in folder.iterdir():
        name, mode = f"{below}{path.name}", path.lstat().st_mode
        if stat.S_ISDIR(mode):
            yield from _plain_files(path, f"{name}/")
        elif stat.S_ISREG(mode):
            yield name
        else:
            raise Malformed(name, "a link or a special file", "plain files alone")


def _model(run: StageRun, folder: Path, files: list[str]) -> dict[str, Any]:
    if not isinstance(_json(folder, files, "config.json").get("model_type"), str):
        raise Malformed("config.json", "no model_type", "a model's configuration, as transformers writes it")
    if not any(name.startswith("tokenizer") for name in files):
        raise Malformed("", "no tokenizer", "the model's own, as save_pretrained writes it")
    if others := [name for name in files if Path(name).suffix in _NOT_DATA]:
        raise Malformed(
            others[0], "a file that runs code when it is read", "weights as safetensors, and no code"
        )
    weights = [name for name in files if name.endswith(_WEIGHTS) and "/" not in name]
    if _WHOLE not in weights and _INDEX not in files:
        raise Malformed("", f"neither {_WHOLE} nor {_INDEX}", "weights, which are taken in no other form")
    if _INDEX in files:
        named = _json(folder, files, _INDEX).get("weight_map")
        if not isinstance(named, dict) or not set(named.values()) <= set(weights):
            raise Malformed(_INDEX, "files that are not there", "every part of the weights")
    for name in weights:
        try:
            with safe_open(folder / name, framework="np") as tensors:
                count = len(tensors.keys())
        except (SafetensorError, OSError) as error:
            raise Malformed(name, str(error), "whole weights") from error
        if not count:
            raise Malformed(name, "no tensor", "weights")
    place = run.output / "checkpoints" / FINAL
    place.parent.mkdir()
    shutil.move(folder, place)
    return {"checkpoints": [{"label": FINAL}]}


def _json(folder: Path, files: list[str], name: str) -> dict[str, Any]:
    if name not in files:
        raise Malformed("", f"no {name}", "a Hugging Face model folder")
    try:
        found = json.loads((folder / name).read_bytes())
    except (ValueError, RecursionError) as error:
        raise Malformed(name, str(error), "JSON") from error
    if not isinstance(found, dict):
        raise Malformed(name, "other JSON", "an object")
    return found
