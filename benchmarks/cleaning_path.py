"""How fast cleaning is with every step, and in what memory: `python benchmarks/cleaning_path.py [CHATS …]`.

The steps of `manifests/samples/cleaning.yaml`, carried out as a pod carries out a stage: a process, a store in a folder, two
CPUs. All sizes go through Ray, also those that the program would clean without it, so that they can be compared. Beside
the clock stands the processor's time of all processes, which other work on the machine lengthens less; what a run of 300
chats takes of it is what starting costs, and is left out of the time per row. Growth is judged without it: by what each chat
takes that one size has more than the size before. Memory is the sum of the processes'
proportional set sizes: pages that they share count once. A step's time is that during which `progress.json` told it.

The chats are the samples' own, recombined: each has the turns of a real one, filled with sentences of all, in which every
eighth word or so is swapped. Of 100, 5 are copies of earlier ones, 5 are copies less a word, 2 hold a passage that
nine others hold too, and 1 holds a benchmark's item.
"""

import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import psutil
import yaml
from _goals import end

from assay.artifacts.documents import ArtifactRef
from assay.artifacts.kinds import Kind
from assay.stores.claims import read_progress
from assay.stores.folder import FolderStore
from assay.stores.records import load_record
from bench import Bench

SAMPLES = ROOT / "manifests/samples"
START = 300
SIZES = (10_000, 100_000, 1_000_000)
CPUS, MEMORY_GIB = 2, 4
GOAL_GIB = 6
GOAL_GROWTH = 1.3
LOOK_SECONDS = 1.0  # a look takes 15 ms of the processor
EARLIER = 5000  # chats that copies are taken from, a fair sample of all so far
PROGRAM = (
    "import sys; from assay_pipelines.clean import blocks; from assay_pipelines.clean.__main__ import main;"
    "blocks.SMALL_BYTES = -1; sys.exit(main(sys.argv[1:]))"
)

Turns = list[tuple[str, str]]


def recombined(count: int) -> Iterator[Turns]:
    """Make chats, the same at every call; the first ones of more are those of fewer."""
    draw = random.Random(1)
    real = [json.loads(line)["conversations"] for line in lines("chats.jsonl")]
    shapes = [[(turn["from"], sentences(turn["value"])) for turn in chat] for chat in real]
    pool: dict[str, list[list[str]]] = {}
    for who, said in (turn for shape in shapes for turn in shape):
        pool.setdefault(who, []).extend(sentence.split() for sentence in said)
    words = [word for said in pool.values() for sentence in said for word in sentence]
    items = [json.loads(line)["text"] for line in lines("held-out.jsonl")]
    passages = [word for line in lines("pretrain.jsonl") for word in json.loads(line)["text"].split()]
    earlier: list[Turns] = []

    def sentence(who: str) -> str:
        said = list(draw.choice(pool[who]))
        for _ in range(len(said) // 8 + (draw.random() < len(said) % 8 / 8)):
            said[draw.randrange(len(said))] = draw.choice(words)
        return " ".join(said)

    for place in range(count):
        turns = [(who, " ".join(sentence(who) for _ in said)) for who, said in draw.choice(shapes)]
        kind = place % 100
        if kind % 10 == 5 and earlier:
            turns = list(draw.choice(earlier))
            if kind % 20 == 15:
                who, text = turns[-1]
                turns[-1] = (who, " ".join(text.split()[:-1]) or "Yes.")
        elif kind in (1, 51):
            begin = random.Random(place // 500).randrange(len(passages) - 80)
            turns[-1] = (turns[-1][0], " ".join(passages[begin : begin + 80]))
        elif kind == 2:
            turns[-1] = (turns[-1][0], f"{turns[-1][1]} {draw.choice(items)}")
        slot = place if place < EARLIER else draw.randrange(place)
        if slot < EARLIER:
            earlier[slot : slot + 1] = [turns]
        yield turns


def lines(name: str) -> list[str]:
    return (SAMPLES / "data" / name).read_text(encoding="utf-8").splitlines()


def sentences(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[.!?])\s+|\n+", text) if part.strip()] or ["Yes."]


def write(folder: Path, count: int) -> tuple[Path, Path]:
    """Write the chats: every tenth as guanaco's, which join later, the others as ShareGPT's."""
    sharegpt, guanaco = folder / "chats.jsonl", folder / "guanaco.jsonl"
    with sharegpt.open("w", encoding="utf-8") as most, guanaco.open("w", encoding="utf-8") as others:
        for place, turns in enumerate(recombined(count)):
            if place % 10 == 9:
                parts = (f"### {'Human' if who == 'human' else 'Assistant'}: {text}" for who, text in turns)
                others.write(json.dumps({"text": "".join(parts)}) + "\n")
            else:
                chat = [{"from": who, "value": text} for who, text in turns]
                most.write(json.dumps({"conversations": chat}) + "\n")
    return sharegpt, guanaco


@dataclass
class Watched:
    """What the processes of a program were seen to use."""

    clock: Counter[str] = field(default_factory=Counter)  # seconds, by what the program told
    processor: Counter[str] = field(default_factory=Counter)
    peak: dict[str, int] = field(default_factory=dict)  # bytes, likewise
    driver: dict[str, int] = field(default_factory=dict)  # the program's own process, less what it shares
    _seen: dict[int, float] = field(default_factory=dict)

    def look(self, child: psutil.Process, doing: str, seconds: float) -> None:
        """Add up what happened since the last look."""
        memory, driver = 0, 0
        self.clock[doing] += seconds
        for process in family(child):
            try:
                used = process.cpu_times()
                held = process.memory_full_info()
            except psutil.Error:
                continue
            memory += held.pss
            driver += held.rss - held.shared if process.pid == child.pid else 0
            total = used.user + used.system
            self.processor[doing] += total - self._seen.get(process.pid, 0)
            self._seen[process.pid] = total
        self.peak[doing] = max(memory, self.peak.get(doing, 0))
        self.driver[doing] = max(driver, self.driver.get(doing, 0))


def family(child: psutil.Process) -> list[psutil.Process]:
    try:
        return [child, *child.children(recursive=True)]
    except psutil.Error:
        return []


@dataclass(frozen=True, kw_only=True)
class Run:
    """One stage, measured."""

    chats: int
    megabytes: float
    watched: Watched
    summary: dict

    @property
    def clock(self) -> float:
        return sum(self.watched.clock.values())

    @property
    def processor(self) -> float:
        return sum(self.watched.processor.values())

    @property
    def peak(self) -> float:
        return max(self.watched.peak.values()) / (1 << 30)


def cleaned(count: int) -> Run:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = Bench(store=FolderStore(folder / "store"), folder=folder)
        files = write(folder, count)
        ref, arguments = bench.claimed(Kind.CLEAN, spec_of(bench, files), cpus=CPUS, memoryGib=MEMORY_GIB)
        watched = watch([sys.executable, "-c", PROGRAM, *arguments], bench.store, ref)
        size = sum(file.stat().st_size for file in files) / 1e6
        record = load_record(bench.store, ref)
        return Run(chats=count, megabytes=size, watched=watched, summary=record.outputs.summary)


def spec_of(bench: Bench, files: tuple[Path, Path]) -> dict:
    """Return the sample's clean stage, with these files as its sources."""
    document = yaml.safe_load((SAMPLES / "cleaning.yaml").read_text())
    spec = document["spec"]["pipeline"][0]["clean"]
    for source, file in zip(spec["sources"], files, strict=True):
        source["uri"] = bench.outside(file)
    for step in spec["steps"]:
        if "decontaminate" in step:
            step["decontaminate"]["uri"] = bench.outside(SAMPLES / step["decontaminate"]["uri"])
    return spec


def watch(command: list[str], store: FolderStore, ref: ArtifactRef) -> Watched:
    watched, last = Watched(), time.perf_counter()
    done = threading.Event()
    with subprocess.Popen(command) as child:
        threading.Thread(target=lambda: (child.wait(), done.set()), daemon=True).start()
        process = psutil.Process(child.pid)
        while not done.wait(LOOK_SECONDS):
            told = read_progress(store, ref, 1)
            now = time.perf_counter()
            watched.look(process, told.doing.removeprefix("clean: ") if told else "starting", now - last)
            last = now
    if child.returncode:
        sys.exit(f"the program ended with {child.returncode}, expected 0; what it said stands above")
    return watched


def told(run: Run, start: Run) -> None:
    processor = run.processor - start.processor
    print(
        f"{run.chats} chats, {run.megabytes:.0f} MB: {run.clock:.0f} s, {run.chats / run.clock:.0f} rows/s;"
        f" processor {run.processor:.0f} s, less the start {processor:.0f} s, {run.chats / processor:.0f} rows/s;"
        f" peak {run.peak:.2f} GiB; {run.summary['rows']} rows are left"
    )
    dropped = {step["name"]: step["dropped"] for step in run.summary["steps"]}
    print(f"  {'':66}{'clock s':>9}{'CPU s':>8}{'rows/s':>9}{'GiB':>7}{'dropped':>9}")
    for doing, seconds in run.watched.clock.items():
        fallen = sum(dropped.get(name, 0) for name in doing.split(", "))
        rate = run.chats / max(run.watched.processor[doing], 1e-9)
        print(
            f"  {doing[:65]:66}{seconds:9.1f}{run.watched.processor[doing]:8.1f}{rate:9.0f}"
            f"{run.watched.peak[doing] / (1 << 30):7.2f}{fallen:9}"
        )
    print(flush=True)


def main() -> None:
    sizes = tuple(map(int, sys.argv[1:])) or SIZES
    cleaned(START)  # compiles
    start = min((cleaned(START) for _ in range(2)), key=lambda run: run.processor)
    print(
        f"start: {start.clock:.1f} s, processor {start.processor:.1f} s; load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores"
    )
    runs = []
    for size in sizes:
        runs.append(cleaned(size))
        told(runs[-1], start)
    goals = [
        (f"{run.chats} chats: peak {run.peak:.2f} GiB, at most {GOAL_GIB}", run.peak <= GOAL_GIB)
        for run in runs
    ]
    steps = list(pairwise(runs))
    per_row = [(more.processor - less.processor) / (more.chats - less.chats) for less, more in steps]
    for (less, more), took in list(zip(steps, per_row, strict=True))[1:]:
        growth = took / per_row[0]
        span = f"from {less.chats} to {more.chats} chats"
        first = f"from {runs[0].chats} to {runs[1].chats}"
        told_growth = (
            f"{span}: {growth:.2f} times the processor's time per row {first}, at most {GOAL_GROWTH}"
        )
        goals.append((told_growth, growth <= GOAL_GROWTH))
    end(goals)


if __name__ == "__main__":
    main()
