"""Every log line is a JSON object, whoever wrote it, and none holds a credential."""

import io
import json
import logging

import pytest

from assay_operator.logs import about, configure


@pytest.fixture
def written():
    root, handlers, level = logging.root, list(logging.root.handlers), logging.root.level
    quiet = {name: logging.getLogger(name).level for name in ("urllib3", "aiohttp", "aiohttp.access")}
    stream = io.StringIO()
    configure("INFO", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    for name, old in quiet.items():
        logging.getLogger(name).setLevel(old)


def test_a_line_says_when_how_grave_what_and_what_about(written):
    log = about(logging.getLogger("assay_operator.queue"), namespace="team", experiment="poison")
    log.info("launched %s", "it", extra={"stage": "base/sft", "attempt": 2})

    (line,) = written()
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "assay_operator.queue",
        "message": "launched it",
        "namespace": "team",
        "experiment": "poison",
        "stage": "base/sft",
        "attempt": 2,
    }


def test_credentials_are_replaced_in_messages_fields_and_traces(written):
    url = "https://user:hunter2@host/x"
    try:
        int(url)
    except ValueError:
        logging.getLogger("assay_operator").exception("failed at %s", url, extra={"reason": url})

    (line,) = written()
    assert "hunter2" not in json.dumps(line)
    assert "ValueError" in line["trace"]


def test_a_message_of_many_lines_is_one_line(written):
    logging.getLogger("assay_operator").warning("one\ntwo")

    assert [line["message"] for line in written()] == ["one\ntwo"]


def test_libraries_speak_the_same_way_and_only_of_what_matters(written):
    logging.getLogger("aiohttp.server").error("Error handling request")
    logging.getLogger("aiohttp.client").info("Connected")
    logging.getLogger("urllib3.connectionpool").warning("Retrying")

    assert [line["message"] for line in written()] == ["Error handling request"]
