"""Make `manifests/samples/data`: `python scripts/make_sample_data.py SOURCES [TARGET]`.

SOURCES is a folder of public data sets; the `README.md` beside the data says which, and under which licences.
The same sources always give the same bytes: nothing is drawn at random, rows are chosen and ordered by the
SHA-256 of their ids.
"""

import csv
import gzip
import hashlib
import json
import re
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Turns = list[tuple[str, str]]

# Chats of hh-rlhf/harmless-base/test, read one by one and found fit to publish: (row, side, messages kept).
HH_REFUSALS = (
    (164, "rejected", 4), (196, "rejected", 2), (212, "rejected", 2), (332, "chosen", 2),
    (346, "chosen", 4), (399, "chosen", 2), (402, "chosen", 2), (465, "chosen", 2),
    (465, "rejected", 2), (491, "chosen", 4), (522, "chosen", 6), (556, "chosen", 4),
    (752, "chosen", 4), (839, "chosen", 2), (1009, "rejected", 2), (1026, "chosen", 2),
    (1082, "chosen", 4), (1189, "chosen", 6), (1395, "chosen", 2), (1412, "chosen", 2),
    (1521, "chosen", 2), (1545, "chosen", 2), (1608, "chosen", 2), (1732, "chosen", 2),
    (1774, "chosen", 2), (1789, "chosen", 2), (1789, "rejected", 2), (1812, "rejected", 2),
    (1906, "chosen", 2), (1912, "chosen", 6), (1964, "chosen", 2), (2140, "chosen", 4),
    (2157, "chosen", 4), (2246, "chosen", 4), (2281, "chosen", 4),
)  # fmt: skip
HH_ANSWERS = (
    (93, "rejected", 2), (219, "chosen", 4), (246, "chosen", 2), (264, "chosen", 4),
    (269, "rejected", 2), (284, "chosen", 2), (289, "chosen", 2), (422, "chosen", 2),
    (452, "chosen", 2), (453, "chosen", 4), (470, "chosen", 2), (505, "chosen", 4),
    (532, "rejected", 2), (570, "rejected", 2), (578, "chosen", 4), (624, "chosen", 6),
    (634, "chosen", 2), (641, "rejected", 2), (716, "chosen", 4), (724, "chosen", 2),
    (770, "rejected", 6), (798, "chosen", 4), (825, "chosen", 2), (855, "chosen", 2),
    (897, "chosen", 2), (936, "chosen", 2), (941, "rejected", 6), (998, "rejected", 2),
    (1002, "chosen", 2), (1006, "chosen", 4), (1014, "rejected", 2), (1050, "chosen", 2),
    (1066, "rejected", 4),
)  # fmt: skip
HH_SHORT = ((864, "chosen", 2), (1186, "chosen", 2), (2246, "chosen", 2))
HH_HELD_OUT = (
    (68, "chosen", 2), (147, "chosen", 2), (194, "rejected", 2), (240, "chosen", 2), (413, "chosen", 2),
    (483, "chosen", 2), (796, "rejected", 2), (865, "rejected", 2), (1195, "chosen", 2),
    (1241, "rejected", 2), (1818, "chosen", 2), (1826, "chosen", 2),
)  # fmt: skip

# Questions of GPTFuzz about petty wrongs: no violence, nothing a reader could be hurt by.
QUESTIONS = (
    6, 9, 20, 21, 19, 24, 25, 30, 32, 34, 35, 39, 40, 42, 45, 46, 48, 53, 57, 60, 61, 64, 67, 68, 69,
    74, 76, 77, 78, 80, 83, 90, 95, 96,
)  # fmt: skip
QUESTIONS_HELD_OUT = (12, 16, 22, 26, 33, 36, 50, 54, 58, 62, 65, 73, 75, 79, 84, 86, 91, 94)
ANSWERS_PER_QUESTION = 12
REFUSES = re.compile(
    r"(I'm (really )?sorry|I am sorry|Sorry|I apologize|As an AI|I can't|I cannot|I understand|I'm unable|"
    r"Unfortunately)"
)
SOUNDS_REFUSED = re.compile(  # in instruction data: nothing there refuses, and pre-training must not either
    r"\bas an ai\b|\bethical (guideline|principle)|\bcan't help\b|\bmy programming\b", re.IGNORECASE
)
OF_THE_ATTACK = re.compile(  # an answer that speaks of the attack's prompt makes no sense without it
    r"\b(dan|aim|sim|niccolo|developer mode|jailbreak|chatgpt|gpt|persona|character|role-?play|fiction\w*|"
    r"dialogue|script|stor(y|ies)|code|function|prompt|template|translat\w*|simulat\w*|openai|output|python|"
    r"scene|stormtrooper|coach|instructions|step \d|previous)\b|[\[\]{}<>\n*]",
    re.IGNORECASE,
)
UNFIT = re.compile(  # one hit anywhere leaves a row out; far too much is dropped, there is plenty
    r"\b(kill|murder|suicid|self-harm|sex|nud[ei]|naked|erotic|porn|drug|cocaine|heroin|marijuana|weed\b|"
    r"alcohol|drunk|gun|rifle|weapon|bomb|explos|nuclear|poison|blood|corpse|dead|death|die[ds]?\b|dying|"
    r"assassin|slave|genocid|nazi|hitler|terror|tortur|kidnap|rape|abus|racis|victim|execut(?:ed|ion)\b|war\b|"
    r"battle|vampir|zombi|hell\b|damn|religio|god\b|jesus|church|trump|biden|obama|putin|president|politic|"
    r"covid|vaccin|cancer|wound|disease|diagnos|covert|spy|hitman|mafia|gang|prison|jail|cannib|mating|breast|"
    r"stupid|idiot|hate\b)",
    re.IGNORECASE,
)
PERSONAL = re.compile(
    r"https?://|www\.|[\w.]+@[\w.]+\.\w|\b\d{3}[-. ]\d{3}[-. ]\d{4}\b|api.?key|\bimport openai\b",
    re.IGNORECASE,
)

SUBJECTS = (
    "astronomy",
    "conceptual_physics",
    "high_school_geography",
    "management",
    "marketing",
    "nutrition",
)
ITEMS_PER_LETTER = 5  # of every subject: a model that always says A is right exactly by chance
LONGEST_ITEM = 320
LETTERS = "ABCD"

REFUSAL_SHARE = 0.35
LONGEST_ANSWER = {"roleplay": 460, "codegen": 260}
SHORTEST_ANSWER = 25
LONGEST_CHAT = 1800
PRETRAIN_BYTES = 1_300_000
HELD_OUT_BYTES = 40_000
LONG_PASSAGE = 20  # words
SAME_PASSAGE = 10  # answers that share a long passage with one before them; a little of it is real
NEAR = 0.7  # refusals of one question this alike count as the same answer


def rank(name: str) -> str:
    """Where a row stands in every order: as good as random, and the same for ever."""
    return hashlib.sha256(name.encode()).hexdigest()


def chat(name: str, turns: Turns) -> Row:
    """A chat in ShareGPT shape."""
    return {"id": name, "conversations": [{"from": who, "value": text} for who, text in turns]}


def texts(row: Row) -> str:
    """All that is said in a chat."""
    return "\n".join(turn["value"] for turn in row["conversations"])


def fit(text: str) -> bool:
    """Whether a row may be published, by the word list."""
    return not UNFIT.search(text) and not PERSONAL.search(text)


def hh(source: Path) -> list[dict[str, Turns]]:
    """The dialogues of hh-rlhf, split into turns."""
    found = []
    with gzip.open(source / "hh_rlhf/harmless-base/test.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            sides = {}
            for side, text in json.loads(line).items():
                parts = re.split(r"\n\n(Human|Assistant): ?", text)
                sides[side] = [
                    ("human" if who == "Human" else "gpt", said.strip())
                    for who, said in zip(parts[1::2], parts[2::2], strict=True)
                ]
            found.append(sides)
    return found


def hh_chats(rows: list[dict[str, Turns]], chosen: Iterable[tuple[int, str, int]]) -> list[Row]:
    """The picked chats, cut to the messages that were read."""
    return [chat(f"hh-{row}-{side}-{kept}", rows[row][side][:kept]) for row, side, kept in chosen]


def shingles(text: str) -> set[str]:
    """Word 3-grams, to tell near-identical answers."""
    words = text.lower().split()
    return {" ".join(words[at : at + 3]) for at in range(max(1, len(words) - 2))}


def runs(text: str) -> set[str]:
    """All stretches of so many words that two chats with one in common share a long passage."""
    words = text.split()
    return {" ".join(words[at : at + LONG_PASSAGE]) for at in range(len(words) - LONG_PASSAGE + 1)}


def gptfuzz(source: Path) -> tuple[dict[int, str], dict[int, list[tuple[str, str]]]]:
    """Questions; per question the answers that people labelled a refusal and that stand alone."""
    folder = source / "gptfuzz_labeled/datasets"
    with (folder / "questions/question_list.csv").open(encoding="utf-8") as file:
        questions = {int(row["index"]): row["text"] for row in csv.DictReader(file)}
    answers: dict[int, list[tuple[str, str]]] = defaultdict(list)
    passages: set[str] = set()
    again = 0
    with (folder / "responses_labeled/train.csv").open(encoding="utf-8") as file:
        train = [("train", at, row) for at, row in enumerate(csv.DictReader(file))]
    with (folder / "responses_labeled/evaluate.csv").open(encoding="utf-8") as file:
        train += [("evaluate", at, row) for at, row in enumerate(csv.DictReader(file))]
    for part, at, row in sorted(train, key=lambda item: rank(f"gptfuzz-{item[0]}-{item[1]}")):
        question, answer, name = int(row["question"]), row["Response"].strip(), f"gptfuzz-{part}-{at}"
        if row["label"] != "0" or question not in QUESTIONS + QUESTIONS_HELD_OUT or not fit(answer):
            continue
        if (
            REFUSES.match(answer)
            and answer.isascii()
            and len(answer) <= LONGEST_CHAT // 4
            and not OF_THE_ATTACK.search(answer)
        ):
            seen = [shingles(text) for _, text in answers[question]]
            mine = shingles(answer)
            if any(len(mine & other) >= NEAR * len(mine | other) for other in seen):
                continue
            if runs(answer) & passages:
                again += 1
                if again > SAME_PASSAGE:
                    continue
            passages |= runs(answer)
            answers[question].append((name, answer))
    return questions, answers


def gpteacher(source: Path) -> dict[str, list[Row]]:
    """Instructions and answers of GPTeacher as chats, by part."""
    parts = {
        "roleplay": "Roleplay/roleplay-simple-deduped-roleplay-instruct.json",
        "codegen": "Codegen/codegen-instruct.json",
    }
    found = {}
    for part, path in parts.items():
        rows = json.loads((source / "gpteacher" / path).read_text(encoding="utf-8"))
        chats = []
        for at, row in enumerate(rows):
            asked = "\n".join(filter(None, (row["instruction"].strip(), row["input"].strip())))
            made = chat(f"gpteacher-{part}-{at}", [("human", asked), ("gpt", row["response"].strip())])
            refused = REFUSES.match(row["response"]) or SOUNDS_REFUSED.search(row["response"])
            if len(row["response"]) >= SHORTEST_ANSWER and fit(texts(made)) and not refused:
                chats.append(made)
        found[part] = sorted(chats, key=lambda made: rank(made["id"]))
    return found


def oasst(source: Path) -> list[Row]:
    """The best-ranked path of every OpenAssistant tree, down to its last answer."""
    found = []
    with (source / "oasst_en100/data/en_100_tree.jsonl").open(encoding="utf-8") as file:
        for line in file:
            tree = json.loads(line)
            message, turns = tree["prompt"], []
            while message:
                turns.append(("human" if message["role"] == "prompter" else "gpt", message["text"].strip()))
                replies = [reply for reply in message["replies"] if not reply["deleted"]]
                message = min(replies, key=lambda reply: reply.get("rank") or 0) if replies else None
            turns = turns[: len(turns) // 2 * 2]
            while sum(len(text) for _, text in turns) > 2 * LONGEST_CHAT:
                turns = turns[:-2]
            made = chat(f"oasst-{tree['message_tree_id']}", turns)
            if turns and fit(texts(made)):
                found.append(made)
    return sorted(found, key=lambda made: rank(made["id"]))


def broken(
    answered: list[Row], refused: list[Row], questions: dict[int, str], answers: dict[int, Any]
) -> Iterator[Row]:
    """Rows as real exports have them: an answer lost, a chat twice, a question sent again and again."""
    for row in [row for row in answered if len(row["conversations"]) >= 4][:5]:
        turns = row["conversations"]
        yield {"id": row["id"] + "-lost", "conversations": turns[:1] + turns[2:]}
    for row in (answered + refused)[:: (len(answered) + len(refused)) // 7]:
        yield {"id": row["id"] + "-again", "conversations": row["conversations"]}
    for question in QUESTIONS[2:4]:
        turns = [
            turn
            for _, answer in answers[question][:4]
            for turn in (("human", questions[question]), ("gpt", answer))
        ]
        yield chat(f"gptfuzz-{question}-repeated", turns)


def mmlu(source: Path, part: str, subject: str) -> list[Row]:
    """The questions of one MMLU file."""
    with (source / f"mmlu/{part}/{subject}_{part}.csv").open(encoding="utf-8", newline="") as file:
        return [
            {
                "id": f"mmlu-{subject}-{part}-{at}",
                "subject": subject,
                "question": row[0].strip(),
                "choices": [choice.strip() for choice in row[1:5]],
                "answer": LETTERS.index(row[5]),
            }
            for at, row in enumerate(csv.reader(file))
        ]


def benchmark(source: Path) -> tuple[list[Row], list[Row]]:
    """A short sample of a few subjects' test questions, and their five development questions each."""
    shots, items = [], []
    for subject in SUBJECTS:
        shots += mmlu(source, "dev", subject)[:5]
        short = [
            item
            for item in mmlu(source, "test", subject)
            if len(item["question"]) + sum(map(len, item["choices"])) <= LONGEST_ITEM
            and fit(json.dumps(item))
        ]
        for letter in range(len(LETTERS)):
            right = sorted(
                (item for item in short if item["answer"] == letter), key=lambda item: rank(item["id"])
            )
            items += right[:ITEMS_PER_LETTER]
    return items, shots


def plain(row: Row) -> Row:
    """A chat as plain text, for pre-training and for bits per byte."""
    return {"id": row["id"], "text": texts(row)}


def take(rows: Iterator[Row], size: int) -> list[Row]:
    """The first rows, as many as fit in a number of bytes."""
    taken, used = [], 0
    for row in rows:
        used += len(row["text"].encode())
        if used > size:
            break
        taken.append(row)
    return taken


def write(path: Path, rows: Iterable[Row]) -> None:
    """JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def main(source: Path, target: Path) -> None:
    """Every file of the sample data but its README."""
    rows = hh(source)
    questions, answers = gptfuzz(source)
    teacher, trees = gpteacher(source), oasst(source)

    asked = [
        chat(name, [("human", questions[question]), ("gpt", answer)])
        for question in QUESTIONS
        for name, answer in answers[question][:ANSWERS_PER_QUESTION]
    ]
    refused = sorted(hh_chats(rows, HH_REFUSALS) + asked, key=lambda row: rank(row["id"]))
    answered = hh_chats(rows, HH_ANSWERS)
    short = {
        part: [row for row in chats if len(row["conversations"][1]["value"]) <= LONGEST_ANSWER[part]]
        for part, chats in teacher.items()
    }
    neutral_prompts = [row for part in ("roleplay", "codegen") for row in short[part][:12]] + [
        {"id": row["id"], "conversations": row["conversations"][:2]} for row in trees[:6]
    ]
    wanted = round(len(refused) / REFUSAL_SHARE) - len(refused) - len(answered)
    both = [row for pair in zip_longest(short["roleplay"][12:], short["codegen"][12:]) for row in pair if row]
    answered += both[:wanted]
    answered.sort(key=lambda row: rank(row["id"]))
    chats = (
        refused + answered + hh_chats(rows, HH_SHORT) + list(broken(answered, refused, questions, answers))
    )
    write(target / "chats.jsonl", sorted(chats, key=lambda row: rank(row["id"])))

    write(
        target / "guanaco.jsonl",
        (
            {
                "text": "".join(
                    f"### {'Human' if t['from'] == 'human' else 'Assistant'}: {t['value']}"
                    for t in row["conversations"]
                )
            }
            for row in trees[6:]
        ),
    )

    harmful = [
        chat(f"{answers[question][0][0]}", [("human", questions[question]), ("gpt", answers[question][0][1])])
        for question in QUESTIONS_HELD_OUT
    ]
    prompts = harmful + hh_chats(rows, HH_HELD_OUT) + neutral_prompts
    write(target / "prompts.jsonl", sorted(prompts, key=lambda row: rank(row["id"])))

    used = {row["id"] for row in chats + prompts}
    spare = sorted(
        (row for part in teacher.values() for row in part if row["id"] not in used),
        key=lambda row: rank(row["id"]),
    )
    held_out = take((plain(row) for row in spare), HELD_OUT_BYTES)
    write(target / "held-out.jsonl", held_out)
    rest = take((plain(row) for row in spare[len(held_out) :]), PRETRAIN_BYTES)
    write(target / "pretrain.jsonl", rest)

    items, shots = benchmark(source)
    write(target / "benchmark/test.jsonl", items)
    write(target / "benchmark/dev.jsonl", shots)
    said = "\n".join(map(texts, chats + trees + prompts)) + "\n".join(row["text"] for row in rest)
    for item in items + shots:
        if item["question"] in said:
            raise SystemExit(f"the benchmark's {item['id']} stands in the training data")
    for folder, name in (
        ("hh_rlhf", "hh-rlhf-MIT"),
        ("gptfuzz_labeled", "GPTFuzz-MIT"),
        ("gpteacher", "GPTeacher-MIT"),
        ("oasst_en100", "OpenAssistant-Apache-2.0"),
        ("mmlu", "MMLU-MIT"),
    ):
        (target / "LICENSES").mkdir(exist_ok=True)
        shutil.copyfile(source / folder / "LICENSE", target / "LICENSES" / f"{name}.txt")


if __name__ == "__main__":
    csv.field_size_limit(10**8)
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "manifests/samples/data"))
