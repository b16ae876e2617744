"""Where a training that was stopped goes on: states, kept between steps in `resume/<fingerprint>/` of the store.

Of every state each process writes a share, `<attempt>/<step>/<rank>.safetensors`: of every world-th weight the weight itself and
AdamW's two averages, whole, so that any number of processes at any ZeRO stage can take them up; the state of its random numbers;
and the leader the course so far. `<rank>.json` follows it. A state is there once all its processes' documents are, and until
then the one before is kept. Taken up by as many processes, a training ends with the bytes of one that was never stopped; by
another number, with what that number gives from there on.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import Field, ValidationError
from safetensors import safe_open
from safetensors.torch import save_file

from assay.artifacts.documents import Document, OutputFile
from assay.artifacts.layout import data_key, resume_key
from assay.errors import Retry, StageError
from assay.stores.files import sha256_of
from assay_pipelines.stage import StageRun
from assay_pipelines.train.background import Background
from assay_pipelines.train.copies import copied
from assay_pipelines.train.course import Course
from assay_pipelines.train.engine import Engine, Place, from_leader, meet

_WEIGHT, _AVERAGE, _SQUARE, _RANDOM, _COURSE = "weight/", "average/", "square/", "random/", "course/"


class Share(Document):
    """`<rank>.json`: one process's part in a state is there."""

    world: int
    file: OutputFile = Field(description="The safetensors file beside it.")
    outputs: dict[str, OutputFile] = Field(
        description="What the attempt has put among its outputs before; the leader's share tells."
    )


@dataclass(frozen=True, kw_only=True)
class Found:
    """A whole state in the store."""

    attempt: int
    step: int
    shares: tuple[Share, ...]


@dataclass(frozen=True, kw_only=True)
class State:
    """A state on the local disk."""

    step: int
    files: tuple[Path, ...]

    def weights(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Yield the model's weights, one at a time."""
        for file, name in self._named(_WEIGHT):
            yield name, file.get_tensor(f"{_WEIGHT}{name}")

    def averages(self) -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
        """Yield AdamW's averages of each weight's gradient and of its square."""
        for file, name in self._named(_AVERAGE):
            yield name, file.get_tensor(f"{_AVERAGE}{name}"), file.get_tensor(f"{_SQUARE}{name}")

    def course(self) -> Course:
        """Return the course so far."""
        return Course.of({name: file.get_tensor(f"{_COURSE}{name}") for file, name in self._named(_COURSE)})

    def random(self, place: Place) -> Mapping[str, torch.Tensor]:
        """Return the state of a process's random numbers by device; none if there were other processes."""
        if len(self.files) != place.world:
            return {}
        mine = State(step=self.step, files=self.files[place.rank : place.rank + 1])
        return {name: file.get_tensor(f"{_RANDOM}{name}") for file, name in mine._named(_RANDOM)}

    def _named(self, prefix: str) -> Iterator[tuple[Any, str]]:
        for path in self.files:
            with safe_open(path, framework="pt") as file:
                for key in file.keys():  # noqa: SIM118 -- it is no mapping
                    if key.startswith(prefix):
                        yield file, key.removeprefix(prefix)


@dataclass
class States:
    """One process's part in keeping and finding states."""

    run: StageRun
    place: Place
    background: Background
    _kept: list[int] = field(default_factory=list)  # steps whose states this attempt has in the store

    def find(self) -> State | None:
        """Bring the newest whole state to the local disk, with the outputs that it speaks of; every process finds the same."""
        found = from_leader(self.place, self._whole() if self.place.leads else None)
        return None if found is None else self._brought(found)

    def keep(self, engine: Engine, course: Course) -> None:
        """Write a state; it goes to the store in the background, after the one before has arrived there."""
        self.background.wait()
        meet(self.place)  # so that the state before is whole, and the one before that can go
        mine = copied(
            (f"{prefix}{name}", tensor)
            for number, (name, *three) in enumerate(engine.state())
            if number % self.place.world == self.place.rank
            for prefix, tensor in zip((_WEIGHT, _AVERAGE, _SQUARE), three, strict=True)
        )
        others = {f"{_RANDOM}{name}": state for name, state in random_numbers().items()}
        if self.place.leads:
            others |= {f"{_COURSE}{name}": figures for name, figures in course.tensors().items()}
        self.background.submit(self._write, course.steps, mine, others)

    def _write(
        self, step: int, mine: Callable[[], dict[str, torch.Tensor]], others: dict[str, torch.Tensor]
    ) -> None:
        path = self.run.scratch / f"state-{self.place.rank}.safetensors"
        save_file(mine() | others, path)
        share = Share(
            world=self.place.world,
            file=OutputFile(size=path.stat().st_size, sha256=sha256_of(path)),
            outputs=self.run.uploaded() if self.place.leads else {},
        )
        attempt = self.run.attempt.number
        self.run.store.upload(self._key(attempt, step, f"{self.place.rank}.safetensors"), path)
        self.run.store.put(self._key(attempt, step, f"{self.place.rank}.json"), share.encode())
        for before in self._kept[:-1]:  # the last but one is whole
            self.run.store.delete(self._key(attempt, before, f"{self.place.rank}.json"))
            self.run.store.delete(self._key(attempt, before, f"{self.place.rank}.safetensors"))
        self._kept = [*self._kept[-1:], step]

    def _whole(self) -> Found | None:
        """Return the newest state of which every file is what its document says."""
        for found in self._complete():
            try:
                self._brought(found)
            except StageError as error:
                print(error)  # noqa: T201 -- the attempt's log; an older one will do
                shutil.rmtree(self.run.output)  # what it had kept
            else:
                return found
        return None

    def _complete(self) -> list[Found]:
        """Find the states of which all documents are there, the newest first."""
        root = resume_key(self.run.stage.ref, "")
        paths = [info.key.removeprefix(root).split("/") for info in self.run.store.keys(root)]
        told = Counter((int(step), int(attempt)) for attempt, step, name in paths if name.endswith(".json"))
        complete = []
        for after, number in sorted(told, reverse=True):
            keys = [self._key(number, after, f"{rank}.json") for rank in range(told[after, number])]
            known = tuple(share for key in keys if (share := self._share(key)) is not None)
            if known and len(known) == known[0].world:
                complete.append(Found(attempt=number, step=after, shares=known))
        return complete

    def _share(self, key: str) -> Share | None:
        """Read a document; one that is damaged, or another version's, is none."""
        data = self.run.store.get(key)
        try:
            return None if data is None else Share.decode(data)
        except ValidationError:
            return None

    def _brought(self, found: Found) -> State:
        folder = self.run.scratch / "state" / f"{found.attempt}-{found.step}"
        files = []
        for rank, share in enumerate(found.shares):
            key = self._key(found.attempt, found.step, f"{rank}.safetensors")
            files.append(self._verified(key, share.file, folder / f"{rank}.safetensors"))
        if self.place.leads:
            for name, file in found.shares[0].outputs.items():
                self._verified(
                    data_key(self.run.stage.ref, found.attempt, name), file, self.run.output / name
                )
        return State(step=found.step, files=tuple(files))

    def _verified(self, key: str, file: OutputFile, to: Path) -> Path:
        if to.exists():
            return to
        there = self.run.store.info(key) is not None
        if there:
            self.run.store.download(key, to)
            if sha256_of(to) == file.sha256:
                return to
            to.unlink()
        raise StageError(
            "StateDamaged",
            f"{self.run.store.uri}/{key}",
            f"found {'other bytes' if there else 'nothing'}, expected those of sha256 {file.sha256[:12]}…",
            "Nothing needs doing: another attempt goes on from an older state, or begins anew.",
            retry=Retry.LATER,
        )

    def _key(self, attempt: int, step: int, name: str) -> str:
        return resume_key(self.run.stage.ref, f"{attempt}/{step}/{name}")


def random_numbers() -> dict[str, torch.Tensor]:
    """Return the state of this process's random numbers, by device."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def draw_on(states: Mapping[str, torch.Tensor]) -> None:
    """Let this process's random numbers go on from where they were."""
    if "cpu" in states:
        torch.set_rng_state(states["cpu"])
    if "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"])
