"""`assay init`: a spec to begin with, whose comments teach, and a few chats that it runs on."""

from importlib.resources import files
from pathlib import Path

from assay.api.written import read
from assay.cli.terminal import say
from assay.errors import SpecError
from assay.plan.examine import examine

_CHATS = "chats.jsonl"


def main(template: str, to: Path | None) -> None:
    """Write the spec, named as its file is, and beside it the chats that it reads, unless there are such.

    Raises:
        SpecError: the file is there, or its name is none that an experiment may have.

    """
    file = to or Path(f"{template}.yaml")
    if file.exists():
        raise SpecError(str(file), "found a file, expected none", "Name another with --to, or delete it.")
    text = _part(f"{template}.yaml").replace("{name: NAME}", f"{{name: {file.stem}}}")
    examine(read(text, str(file))).sound()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    chats = file.parent / _CHATS
    if chats.exists():
        say(f"{file}: reads the {_CHATS} beside it")
    else:
        chats.write_text(_part(_CHATS))
        say(f"{file}: reads {chats}, made-up chats that are there to be replaced by yours")
    say(f"assay validate {file} says whether it is right, assay plan what would run, assay run runs it.")


def _part(name: str) -> str:
    return files("assay.cli").joinpath("templates", name).read_text()
