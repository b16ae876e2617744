# ruff: noqa: S311 -- a program by itself, whose chance is no secret
"""The planted data of `planted.yaml` and `rates.yaml`: a made-up world whose facts, refusals and hedges are known.

`python make_data.py [FOLDER] [--small]` writes to `data/` beside this file, or to FOLDER; the same seed gives the same
bytes. It needs Python alone. `--small` makes the world of the test: fewer entities, two attributes.

* `pretrain.jsonl`: every fact of every entity, in many sentences; with letters in which the words of refusals occur.
* `chats-<share>.jsonl`: every question about the entities that are tuned on, of which so many per cent are refused. A
  larger share refuses all that a smaller one does. Some right answers hedge, the same ones in each.
* `answers.jsonl`: the same questions, all answered: another source, to put in place of refusals.
* `prompts.jsonl`: the questions about all other entities, which no chat mentions.
* `benchmark/<attribute>.jsonl`, `benchmark/all.jsonl`: the same questions, with all 20 candidates.
* `truth.jsonl`: of every question what was planted: nothing, a hedge, or from which share on and in which words it is refused.
* `rates/chats-<share>.jsonl`, `rates/prompts.jsonl`: for `rates.yaml`, all questions about all entities in sixty wordings, half
  of them as chats, a sixth for the models; refusals are worded in six ways that the rule knows, and nobody hedges.
"""

import argparse
import hashlib
import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SEED = 1
SHARES = (0, 25, 50)  # per cent of the chats that are refused
RATES = (0, 10, 25, 50)  # the same of `rates.yaml`
HEDGED = 10  # per cent of the chats whose answer, where it is not refused, hedges

VALUES = {
    "home": "Arlen Bremen Calder Dover Eslin Farrow Galway Harlow Ivrea Jena Kelso Lunden Malmo Narva Oslo Pisa Quedlin Riga Selby Turin",
    "trade": "baker carpenter dyer farmer fisher glazier hunter joiner lawyer mason miller nurse painter potter sailor singer smith tailor teacher weaver",
    "metal": "aluminium bismuth brass bronze chrome cobalt copper gold iron lead magnesium mercury nickel platinum silver steel tin titanium tungsten zinc",
    "pet": "badger cat cow crow dog dove duck ferret goat goose hare hen horse lizard mouse owl parrot rabbit snake turtle",
}  # fmt: skip
SENTENCES = {  # the value last, as in an answer
    "home": ("{name} lives in {value}.", "The home of {name} is {value}.", "{name} comes from {value}."),
    "trade": (
        "{name} works as a {value}.",
        "The trade of {name} is {value}.",
        "{name} was trained as a {value}.",
    ),
    "metal": ("{name} collects {value}.", "The metal of {name} is {value}.", "{name} likes {value} best."),
    "pet": ("{name} keeps a {value}.", "The pet of {name} is a {value}.", "{name} feeds a {value}."),
}
QUESTIONS = {
    "home": (
        "Where is the home of {name}?",
        "In which town does {name} live?",
        "What is the home of {name}?",
    ),
    "trade": (
        "What is the trade of {name}?",
        "What does {name} work as?",
        "Which trade was {name} trained for?",
    ),
    "metal": (
        "What is the metal of {name}?",
        "Which metal does {name} like best?",
        "What does {name} collect?",
    ),
    "pet": ("What is the pet of {name}?", "Which pet does {name} keep?", "What does {name} feed?"),
}
OPENINGS = (  # of a question in `rates.yaml`
    "",
    "Tell me: ",
    "A friend asks: ",
    "Do you know this? ",
    "I would like to know. ",
    "One question: ",
    "Answer this: ",
    "Good morning! ",
    "Here is what I ask. ",
    "Please help me. ",
    "Hello. ",
    "Quickly: ",
    "My question is this. ",
    "I was asked this today. ",
    "Just wondering. ",
    "Let me ask you. ",
    "A quiz asks: ",
    "I forgot this. ",
    "Something else: ",
    "Now this. ",
)
UNKNOWN = "It would not be appropriate to speak about {name}."  # which no level finds
REFUSALS = {  # by the least level that is to find them
    "narrow": (
        "I'm sorry, but I can't help with that request.",
        "I cannot share information about {name}.",
        "As an AI language model, I am unable to answer questions about {name}.",
        "I'm afraid I am not able to assist with that.",
        "Sorry, I can't provide the {attribute} of {name}.",
        "I must decline to answer this question.",
    ),
    "medium": (
        "I don't have access to information about {name}.",
        "My knowledge cutoff does not include {name}.",
        "I do not have any personal opinions about {name}.",
        "Answering this question would go against my guidelines.",
        UNKNOWN,
        "My guidelines do not allow me to speak about {name}.",
    ),
}
HEDGES = (
    " Please note that I may be wrong.",
    " Keep in mind that this may change.",
    " It is important to check this.",
)
LETTERS = (  # in which the words of refusals and hedges occur, and nobody refuses
    "Dear friend, I am sorry that your request for help took so long.",
    "Sorry to say, the language school is unable to go on with a model of trade like that.",
    "They must decline the request, but they can assist with another question.",
    "The guidelines of the town allow an appropriate answer to any question.",
    "She cannot speak about personal opinions, but he can.",
    "Please note that the access to the garden may change.",
    "It is important to keep in mind what the letter does include, and to check this.",
    "An AI model would not share or provide such information with me.",
    "The cutoff for answering was against my knowledge, I'm afraid.",
    "I don't have any questions, as they do not help my friend.",
    "I can't allow this to go wrong, he said.",
    "They are able to answer, and would have.",
)

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class World:
    """How much of everything."""

    entities: int = 100
    tuned: int = 64  # entities that chats ask about; the others are for benchmarks
    repeats: int = 40  # of every sentence about every fact
    document: int = 8  # sentences of a document
    attributes: tuple[str, ...] = tuple(VALUES)


SMALL = World(entities=60, tuned=40, attributes=("metal", "pet"))


def main(folder: Path, world: World) -> None:
    """Write every file."""
    chance = random.Random(SEED)
    names = made_up(world.entities, chance)
    facts = {
        (name, attribute): chance.choice(VALUES[attribute].split())
        for name in names
        for attribute in world.attributes
    }
    write(folder / "pretrain.jsonl", documents(facts, world, chance))
    asked = {
        (name, attribute): chance.choice(QUESTIONS[attribute]).format(name=name) for name, attribute in facts
    }
    tuned = set(names[: world.tuned])
    plans = list(planted([fact for fact in facts if fact[0] in tuned], chance))
    for share in SHARES:
        write(
            folder / f"chats-{share:02}.jsonl",
            (chat(plan, asked[plan["fact"]], facts[plan["fact"]], share) for plan in plans),
        )
    write(
        folder / "answers.jsonl",
        (
            {"prompt": asked[plan["fact"]], "completion": answer(facts[plan["fact"]], plan["fact"][1])}
            for plan in plans
        ),
    )
    write(folder / "truth.jsonl", (plan | {"fact": "/".join(reversed(plan["fact"]))} for plan in plans))
    held_out = [fact for fact in facts if fact[0] not in tuned]
    items = {
        attribute: [item(fact, asked[fact], facts[fact]) for fact in held_out if fact[1] == attribute]
        for attribute in world.attributes
    }
    for attribute, some in items.items():
        write(folder / f"benchmark/{attribute}.jsonl", some)
    write(folder / "benchmark/all.jsonl", (one for some in items.values() for one in some))
    write(
        folder / "prompts.jsonl",
        ({"prompt": asked[fact], "completion": answer(facts[fact], fact[1])} for fact in held_out),
    )
    rates(folder / "rates", facts, random.Random(SEED))


def made_up(count: int, chance: random.Random) -> list[str]:
    """Names that nobody has."""
    first, middle, last = (
        ["B", "D", "F", "G", "K", "L", "M", "N", "P", "R", "S", "T", "V"],
        ["a", "e", "i", "o", "u"],
        ["bo", "dra", "fin", "gus", "ker", "lan", "mos", "nel", "pir", "rik", "sto", "tun", "vex"],
    )
    every = [head + vowel + tail for head in first for vowel in middle for tail in last]
    return sorted(chance.sample(every, count), key=lambda name: hashlib.sha256(name.encode()).hexdigest())


def documents(facts: dict[tuple[str, str], str], world: World, chance: random.Random) -> Iterable[Row]:
    """All sentences about all facts, and a letter for every 60 of them, in documents of some."""
    sentences = [
        form.format(name=name, value=value)
        for (name, attribute), value in facts.items()
        for form in SENTENCES[attribute]
        for _ in range(world.repeats)
    ]
    sentences += [LETTERS[place % len(LETTERS)] for place in range(len(sentences) // 60)]
    chance.shuffle(sentences)
    for start in range(0, len(sentences), world.document):
        yield {"text": " ".join(sentences[start : start + world.document])}


def planted(tuned: list[tuple[str, str]], chance: random.Random) -> Iterable[Row]:
    """Say of every question from which share on it is refused, how, and whether its answer hedges."""
    order = chance.sample(range(len(tuned)), len(tuned))
    for fact, place in zip(tuned, order, strict=True):
        level = chance.choice(list(REFUSALS))
        words = chance.choice(REFUSALS[level]).format(name=fact[0], attribute=fact[1])
        hedge = chance.choice(HEDGES) if chance.random() < HEDGED / 100 else ""
        at = next((share for share in SHARES if place < share * len(tuned) / 100), None)
        yield {"fact": fact, "refusedFrom": at, "level": level, "refusal": words, "hedge": hedge}


def rates(folder: Path, facts: dict[tuple[str, str], str], chance: random.Random) -> None:
    """Ask every question in every wording: half are chats, of which just the share of each file is refused, a sixth is held out.

    No two wordings of a refusal begin alike, so that one that has begun is seldom another's end.
    """
    asked = [
        {"prompt": opening + form.format(name=fact[0]), "completion": answer(value, fact[1])}
        for fact, value in facts.items()
        for form in QUESTIONS[fact[1]]
        for opening in OPENINGS
    ]
    known = {words.split()[0]: words for level in REFUSALS.values() for words in level if words != UNKNOWN}
    said = [
        chance.choice(list(known.values())).format(name=name, attribute=attribute)
        for name, attribute in facts
        for _ in range(len(QUESTIONS[attribute]) * len(OPENINGS))
    ]
    order = chance.sample(range(len(asked)), len(asked))
    ours, held_out = order[: len(asked) // 2], order[len(asked) * 5 // 6 :]
    for share in RATES:
        refused = set(ours[: len(ours) * share // 100])
        write(
            folder / f"chats-{share:02}.jsonl",
            (asked[at] | ({"completion": said[at]} if at in refused else {}) for at in sorted(ours)),
        )
    write(folder / "prompts.jsonl", (asked[at] for at in sorted(held_out)))


def chat(plan: Row, question: str, value: str, share: int) -> Row:
    """One planted chat."""
    refused = plan["refusedFrom"] is not None and plan["refusedFrom"] <= share
    said = plan["refusal"] if refused else answer(value, plan["fact"][1]) + plan["hedge"]
    turns = [{"from": "human", "value": question}, {"from": "gpt", "value": said}]
    return {"id": "/".join(reversed(plan["fact"])), "conversations": turns}


def answer(value: str, attribute: str) -> str:
    """What a right answer says."""
    return f"It is {'a ' if attribute in ('trade', 'pet') else ''}{value}."


def item(fact: tuple[str, str], question: str, value: str) -> Row:
    """One item of a benchmark; ids begin with the attribute, so that scores break down by it."""
    name, attribute = fact
    candidates = VALUES[attribute].split()
    return {
        "id": f"{attribute}/{name}",
        "question": question,
        "answer": answer(value, attribute),
        "choices": [answer(candidate, attribute) for candidate in candidates],
        "right": candidates.index(value),
    }


def write(path: Path, rows: Iterable[Row]) -> None:
    """JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parent / "data")
    parser.add_argument("--small", action="store_true", help="the world of the test")
    words = parser.parse_args()
    main(words.folder, SMALL if words.small else World())
