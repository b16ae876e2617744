"""Each format, record by record: what becomes a chat, and what is told of the rest."""

import pytest

from assay_pipelines.clean.intake.parse import FORMATS
from assay_pipelines.clean.intake.record import RejectedError

CHAT = [("user", "Hi?"), ("assistant", "Hello.")]


def read(name, record):
    return [tuple(message) for message in FORMATS[name](record).messages]


@pytest.mark.parametrize(
    ("name", "record"),
    [
        (
            "sharegpt",
            {"conversations": [{"from": "human", "value": "Hi?"}, {"from": "gpt", "value": "Hello."}]},
        ),
        ("alpaca", {"instruction": "Hi?", "input": "", "output": "Hello."}),
        (
            "openai",
            {"messages": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]},
        ),
        (
            "oasst",
            {
                "prompt": {
                    "role": "prompter",
                    "text": "Hi?",
                    "replies": [{"role": "assistant", "text": "Hello.", "rank": 0, "replies": []}],
                }
            },
        ),
        ("guanaco", {"text": "### Human: Hi?### Assistant: Hello."}),
        ("prompt-completion", {"prompt": "Hi?", "completion": "Hello."}),
        (
            "hh-rlhf",
            {"chosen": "\n\nHuman: Hi?\n\nAssistant: Hello.", "rejected": "\n\nHuman: Hi?\n\nAssistant: No."},
        ),
    ],
)
def test_the_same_chat_is_the_same_in_every_format(name, record):
    assert read(name, record) == CHAT


def test_the_rejected_transcript_of_hh_rlhf_stays_beside_the_chosen_one():
    chosen = "\n\nHuman: Hi?\n\nAssistant: Hello."

    chat = FORMATS["hh-rlhf"]({"chosen": chosen, "rejected": "\n\nHuman: Hi?\n\nAssistant: No."})

    assert chat.rest == {
        "rejected": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "No."}]
    }
    assert FORMATS["hh-rlhf"]({"chosen": chosen}).rest == {}


def test_text_is_one_message_in_the_role_text():
    assert read("text", {"text": "Once."}) == read("text", "Once.") == [("text", "Once.")]


@pytest.mark.parametrize("speaker", ["human", "User", "prompter"])
def test_sharegpt_users_are_spelled_in_many_ways(speaker):
    assert read("sharegpt", {"conversations": [{"from": speaker, "value": "a"}]}) == [("user", "a")]


@pytest.mark.parametrize("speaker", ["gpt", "assistant", "chatgpt", "bing", "bard", "function_call"])
def test_sharegpt_assistants_are_spelled_in_many_ways(speaker):
    assert read("sharegpt", {"conversations": [{"from": speaker, "value": "a"}]}) == [("assistant", "a")]


@pytest.mark.parametrize("speaker", ["tool", "observation"])
def test_sharegpt_tools_are_spelled_in_many_ways(speaker):
    assert read("sharegpt", {"conversations": [{"from": speaker, "value": "a"}]}) == [("tool", "a")]


def test_a_system_member_of_sharegpt_goes_first():
    record = {"system": "Be kind.", "conversations": [{"from": "human", "value": "a"}]}
    assert read("sharegpt", record) == [("system", "Be kind."), ("user", "a")]


def test_alpaca_joins_instruction_and_input_and_puts_history_before():
    record = {
        "instruction": "Add.",
        "input": "1 2",
        "output": "3",
        "system": "Count.",
        "history": [["Hi?", "Hello."]],
    }
    assert read("alpaca", record) == [("system", "Count."), *CHAT, ("user", "Add.\n1 2"), ("assistant", "3")]


def test_openai_content_may_be_parts_and_calls_of_tools_become_text():
    record = {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "f"}}]},
            {"role": "tool", "content": "2"},
        ]
    }
    assert read("openai", record) == [
        ("user", "a\nb"),
        ("assistant", '[{"function":{"name":"f"},"id":"1"}]'),
        ("tool", "2"),
    ]


def test_oasst_follows_the_best_ranked_replies_to_the_last_answer():
    record = {
        "prompt": {
            "role": "prompter",
            "text": "Hi?",
            "lang": "en",
            "replies": [
                {"role": "assistant", "text": "No.", "rank": 1, "replies": []},
                {"role": "assistant", "text": "Gone.", "rank": 0, "deleted": True, "replies": []},
                {
                    "role": "assistant",
                    "text": "Hello.",
                    "rank": 0,
                    "replies": [{"role": "prompter", "text": "And?", "rank": None, "replies": []}],
                },
                {"role": "assistant", "text": "Unranked.", "rank": None, "replies": []},
            ],
        }
    }
    assert read("oasst", record) == CHAT
    assert FORMATS["oasst"](record).rest == {"lang": "en"}


def tree(role, text, *replies, **members):
    return {"role": role, "text": text, "replies": list(replies)} | members


def test_all_paths_of_a_tree_end_in_an_answer_and_the_best_ranked_come_first():
    unanswered = tree("prompter", "And?", rank=0)
    record = {
        "prompt": tree(
            "prompter",
            "Hi?",
            tree("assistant", "No.", unanswered, rank=1),
            tree("assistant", "Gone.", rank=0, deleted=True),
            tree(
                "assistant",
                "Hello.",
                unanswered,
                tree("prompter", "Who?", tree("assistant", "Me."), tree("assistant", "You.", rank=0)),
                rank=0,
            ),
            tree("prompter", "Anybody?"),
        ),
        "message_tree_id": 7,
    }
    chats = FORMATS["oasst-all"](record)
    longer = [*CHAT, ("user", "Who?")]
    assert [[tuple(message) for message in chat.messages] for chat in chats] == [
        [*longer, ("assistant", "You.")],
        [*longer, ("assistant", "Me.")],
        [("user", "Hi?"), ("assistant", "No.")],
    ]
    assert [chat.rest for chat in chats] == [{"message_tree_id": 7}] * 3


def test_what_else_a_record_holds_is_kept_as_meta():
    record = {"prompt": "a", "completion": "b", "id": 7, "label": None}
    assert FORMATS["prompt-completion"](record).rest == {"id": 7}


@pytest.mark.parametrize(
    ("name", "record", "reason"),
    [
        ("sharegpt", {"conversations": []}, "an empty list"),
        ("sharegpt", {"conversations": [{"from": "martian", "value": "a"}]}, "role 'martian'"),
        ("sharegpt", {"conversations": [{"from": "human", "value": 3}]}, "no string"),
        (
            "sharegpt",
            {"conversations": [{"from": "human", "value": "a"}], "chosen": 1, "rejected": 2},
            "preference",
        ),
        ("sharegpt", ["a"], "a list"),
        ("alpaca", {"instruction": "a"}, "expected output"),
        ("alpaca", {"instruction": "a", "output": ["x", "y"]}, "output as a list"),
        ("openai", {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "'image_url'"),
        ("openai", {"messages": [{"role": "assistant", "content": None}]}, "without content"),
        ("oasst", {"text": "flat", "role": "prompter"}, "no replies"),
        ("oasst", {"prompt": {"role": "prompter", "text": "a", "replies": []}}, "without an answer"),
        ("oasst-all", {"prompt": {"role": "prompter", "text": "a", "replies": []}}, "without an answer"),
        ("guanaco", {"text": "Human: a"}, "### Human:"),
        ("hh-rlhf", {"chosen": "Hi?"}, "'Human:'"),
        ("hh-rlhf", {"rejected": "Human: a"}, "chosen"),
        ("prompt-completion", {"prompt": "a"}, "completion"),
        ("text", {"words": "a"}, "members words"),
    ],
)
def test_a_record_of_another_shape_is_rejected_with_what_was_found(name, record, reason):
    with pytest.raises(RejectedError, match=r"found .*expected") as caught:
        FORMATS[name](record)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("name", "record", "told"),
    [
        (
            "sharegpt",
            {"conversations": [{"from": "my dark secret", "value": "a"}]},
            "a string of 14 characters",
        ),
        (
            "sharegpt",
            {"conversations": [{"from": "my dark secret", "value": 3}]},
            "a string of 14 characters",
        ),
        ("sharegpt", {"conversations": [{"from": ["secret"], "value": "a"}]}, "role a list"),
        ("sharegpt", {"conversations": [{"from": "secret" * 4, "value": "a"}]}, "a string of 24 characters"),
        ("openai", {"messages": [{"role": "user", "content": [{"type": "my secret"}]}]}, "a string of 9"),
        ("guanaco", {"text": "my secret"}, "expected '### Human:'"),
    ],
)
def test_a_rejection_tells_nothing_of_a_chats_text(name, record, told):
    with pytest.raises(RejectedError) as caught:
        FORMATS[name](record)
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)
