from assay_pipelines.evaluate.dealing import Size
from assay_pipelines.evaluate.work import Batch


def asked(answer):
    return [
        Batch(what=["question"], rows=["why?"], make=lambda rows: [answer for _ in rows], size=Size(tokens=1))
    ]


def test_an_attempt_takes_up_what_an_earlier_one_kept_but_not_of_another_engine(working):
    working().all(asked("by transformers"))

    assert working(attempt=2).all(asked("again")) == [["by transformers"]]
    assert working(attempt=3, engine="vllm").all(asked("by vLLM")) == [["by vLLM"]]
