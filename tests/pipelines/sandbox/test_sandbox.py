"""What the sandbox says of programs that mean no harm, and what it does where it cannot be."""

import gzip
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from assay.errors import Retry, StageError
from assay_pipelines.sandbox.exchange import FOLDER, OUTCOMES, PROGRAMS, make_pipes
from assay_pipelines.sandbox.programs import Limits, Program, Reason
from assay_pipelines.sandbox.run import check_allowed, run_programs

LIMITS = Limits(wall_seconds=60)


def a_program(text, tests, **given):
    return Program(id="it", text=text, entry_point="f", tests=tests, **given)


def outcome_of(text, tests, **given):
    [outcome] = run_programs([a_program(text, tests, **given)], LIMITS)
    return outcome


@pytest.fixture(scope="module")
def problems():
    packed = Path(__file__).parents[1] / "humaneval" / "HumanEval.jsonl.gz"
    return [json.loads(line) for line in gzip.decompress(packed.read_bytes()).splitlines()]


def completed(problem, completion):
    return Program(
        id=problem["task_id"],
        given=problem["prompt"],
        text=problem["prompt"] + completion,
        entry_point=problem["entry_point"],
        tests=f"{problem['test']}\ncheck({problem['entry_point']})\n",
    )


def test_all_canonical_solutions_of_humaneval_pass(problems):
    outcomes = run_programs([completed(one, one["canonical_solution"]) for one in problems], LIMITS)
    assert [outcome.id for outcome in outcomes] == [one["task_id"] for one in problems]
    assert [outcome.id for outcome in outcomes if not outcome.passed] == []
    assert len(outcomes) == 164


def test_no_empty_solution_of_humaneval_passes(problems):
    outcomes = run_programs([completed(one, "") for one in problems[::8]], LIMITS)
    assert {outcome.reason for outcome in outcomes} == {Reason.FAILED}


PLAIN_VALUES = (
    *("None", "True", "7", "-(10 ** 4000)", "0.1", "float('inf')", "-0.0", "1 + 2j"),
    *("'é\\ud800'", "b'\\x00'", "[1, (2, {3})]", "{(1, 'a'): [None]}", "frozenset('ab')", "range(2, 9, 3)"),
    *("[]", "()", "{}", "set()"),
    *("__import__('decimal').Decimal('1.50')", "__import__('fractions').Fraction(3, 2)"),
)


def test_a_plain_value_comes_and_goes_as_it_is():
    text = "def f(value, *, again): return [value, again]"
    tests = (
        "value = {0}\nfor found in f(value, again=value):\n"
        "    assert type(found) is type(value) and repr(found) == repr(value)\n"
    )
    outcomes = run_programs([a_program(text, tests.replace("{0}", value)) for value in PLAIN_VALUES], LIMITS)
    assert [one for one, outcome in zip(PLAIN_VALUES, outcomes, strict=True) if not outcome.passed] == []


def test_what_inherits_from_a_plain_type_arrives_as_that_type():
    text = "from collections import Counter, OrderedDict, namedtuple\nP = namedtuple('P', 'a b')\n"
    assert outcome_of(
        f"{text}def f(): return [Counter('aab'), P(1, 2)]", "assert f() == [{'a': 2, 'b': 1}, (1, 2)]"
    ).passed


def test_an_iterator_stays_one():
    text = "def f(n): return (i * i for i in range(n))"
    assert outcome_of(text, "found = f(3)\nassert found != [0, 1, 4]\nassert list(found) == [0, 1, 4]").passed


def test_an_argument_that_was_changed_in_place_is_changed_for_the_tests():
    text = "def f(items, seen): items.sort(); seen['n'] = len(items)"
    assert outcome_of(
        text, "items, seen = [3, 1, 2], {}\nf(items, seen)\nassert items == [1, 2, 3] and seen == {'n': 3}"
    ).passed


def test_an_exception_arrives_as_the_nearest_one_that_python_has():
    text = "class Odd(ValueError): pass\ndef f(): raise Odd('no')"
    assert outcome_of(
        text, "try: f()\nexcept ValueError as error: assert str(error) == 'no'\nelse: assert False"
    ).passed


def test_tests_use_what_the_benchmark_gives_and_not_the_programs_own_of_that_name():
    given = "def double(x): return 2 * x\ndef f(x): pass\n"
    lying = "def double(x): return 0\ndef f(x): return 5"
    assert outcome_of(lying, "assert f(1) == double(0)", given=given).reason is Reason.FAILED
    assert outcome_of(lying, "assert f(1) == double(2) + 1", given=given).passed


def test_a_program_keeps_its_state_between_calls():
    assert outcome_of(
        "seen = []\ndef f(x): seen.append(x); return list(seen)", "f(1)\nassert f(2) == [1, 2]"
    ).passed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def f(:", "SyntaxError"),
        ("def g(): pass", "AttributeError"),
        ("import nothing_such\ndef f(): pass", "ModuleNotFoundError"),
        ("def f(): return object()", "a value of type object"),
        ("def f(): return 41", "AssertionError"),
    ],
)
def test_a_program_that_is_no_answer_fails_and_says_why(text, said):
    outcome = outcome_of(text, "assert f() == 42")
    assert outcome.reason is Reason.FAILED
    assert said in outcome.output


def test_the_standard_library_is_there_and_nothing_else():
    names = ("hashlib", "heapq", "itertools", "sqlite3", "zoneinfo", "unittest", "pydantic")
    importing = [a_program(f"import {name}\ndef f(): return 42", "assert f() == 42") for name in names]
    outcomes = run_programs(importing, LIMITS)
    assert [name for name, outcome in zip(names, outcomes, strict=True) if not outcome.passed] == ["pydantic"]


def test_sets_are_walked_in_the_same_order_every_time():
    tests = "import sys\nprint(f(), file=sys.stderr)"
    program = a_program("def f(): return list(map(str, {'a', 'b', 'c', 'd', 'e'}))", tests)
    outcomes = run_programs([program, program], LIMITS) + run_programs([program], LIMITS)
    assert len({outcome.output for outcome in outcomes}) == 1


REFUSED = """
import ctypes, struct, sys
from assay.errors import StageError
from assay_pipelines.sandbox.programs import Limits, Program
from assay_pipelines.sandbox.run import run_programs
libc = ctypes.CDLL(None)
libc.prctl(38, 1, 0, 0, 0)
if sys.argv[1] == "Landlock":  # no process has more than 16 of them
    for _ in range(16):
        rights = ctypes.create_string_buffer(struct.pack("=Q", 1 << 9), 8)
        ruleset = libc.syscall(444, rights, ctypes.c_size_t(8), 0)
        assert libc.syscall(446, ruleset, 0) == 0
else:  # nor filters of more than 32,768 steps, as the kernel translates them
    for size in (4096, 256, 16, 1):
        steps = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0x7FFF0000) * size)
        filter = ctypes.create_string_buffer(struct.pack("@HP", size, ctypes.addressof(steps)), 16)
        while libc.prctl(22, ctypes.c_ulong(2), ctypes.c_ulong(ctypes.addressof(filter)), 0, 0) == 0:
            pass
marker = f"open({sys.argv[2]!r}, 'w').close()"
try:
    run_programs([Program(id="it", text=f"{marker}\\ndef f(): pass", entry_point="f", tests=marker)], Limits())
except StageError as error:
    print(error.reason, error)
"""


@pytest.mark.parametrize("wall", ["Landlock", "seccomp"])
def test_where_one_wall_cannot_be_had_nothing_runs(wall, tmp_path):
    marker = tmp_path / "ran"
    tmp_path.chmod(0o777)
    ended = subprocess.run(
        [sys.executable, "-c", REFUSED, wall, str(marker)],
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    assert ended.stdout.startswith("SandboxUnavailable ")
    assert wall in ended.stdout
    assert not marker.exists()


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root, to become another user"
)
def test_who_is_not_root_gets_the_same_outcomes(tmp_path):
    script = (
        "import os\nfrom assay_pipelines.sandbox.programs import Limits, Program\n"
        "from assay_pipelines.sandbox.run import run_programs\n"
        "assert os.geteuid() == 65532\n"
        "texts = ['def f(): return 1', 'import os\\ndef f(): return os.fork() or 1', 'def f(): return len(open(\"/etc/passwd\").read())']\n"
        "for o in run_programs([Program(id='x', text=t, entry_point='f', tests='assert f() > 0') for t in texts], Limits()):\n"
        "    print(o.reason)\n"
    )
    reading = [
        "--inh-caps",
        "+dac_read_search",
        "--ambient-caps",
        "+dac_read_search",
    ]  # Python may lie below /root
    ended = subprocess.run(
        [
            "setpriv",
            "--reuid",
            "65532",
            "--regid",
            "65532",
            "--clear-groups",
            *reading,
            sys.executable,
            "-c",
            script,
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
        env={"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert ended.stdout.split() == ["passed", "failed", "failed"]


def test_a_task_that_runs_code_is_refused_where_the_experiment_does_not_allow_it():
    check_allowed({"codeExecution": True}, "task it")
    for execution in ({}, {"codeExecution": False}):
        with pytest.raises(StageError) as caught:
            check_allowed(execution, "task it")
        assert caught.value.reason == "CodeExecutionNotAllowed"


@pytest.fixture
def container(tmp_path, monkeypatch):
    """Return a process that serves a folder, as the sandbox's container does."""
    monkeypatch.setenv(FOLDER, str(tmp_path))
    process = subprocess.Popen([sys.executable, "-m", "assay_pipelines.sandbox", str(tmp_path)])
    yield process
    process.kill()
    process.wait()


def test_a_container_serves_one_batch_of_programs_after_another_until_it_is_asked_to_end(container):
    right, wrong = (a_program(f"def f(): return {value}", "assert f() == 42") for value in (42, 41))
    for programs in ([right, wrong], [wrong], [], [right]):
        found = [outcome.passed for outcome in run_programs(programs, LIMITS)]
        assert found == [program is right for program in programs]

    container.send_signal(signal.SIGTERM)
    assert container.wait(30) == 0


def test_a_program_longer_than_any_pipe_holds_is_passed_on_whole(container):
    assert outcome_of(f"text = {'x' * 300_000!r}\ndef f(): return len(text)", "assert f() == 300_000").passed


def test_a_container_that_dies_is_told_as_a_failure_that_another_attempt_may_mend(container):
    endless = a_program("def f():\n    import time\n    time.sleep(60)", "f()")
    killing = threading.Timer(1, container.kill)
    killing.start()
    with pytest.raises(StageError) as caught:
        run_programs([endless], Limits(wall_seconds=60))
    killing.join()
    assert (caught.value.reason, caught.value.retry) == ("SandboxLost", Retry.LATER)


def test_a_container_that_is_gone_before_the_next_program_is_told_alike(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER, str(tmp_path))
    make_pipes(tmp_path)
    programs = os.open(tmp_path / PROGRAMS, os.O_RDONLY | os.O_NONBLOCK)
    outcomes = os.open(tmp_path / OUTCOMES, os.O_RDWR)

    def serve_one():
        select.select([programs], [], [])
        os.close(programs)
        os.write(outcomes, b'{"reason": "passed", "output": ""}\n')

    serving = threading.Thread(target=serve_one)
    serving.start()
    with pytest.raises(StageError) as caught:
        run_programs([a_program("", ""), a_program("", "")], LIMITS)
    serving.join()
    os.close(outcomes)
    assert (caught.value.reason, caught.value.retry) == ("SandboxLost", Retry.LATER)


def test_what_a_container_put_in_a_pipes_place_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER, str(tmp_path))
    make_pipes(tmp_path)
    (tmp_path / OUTCOMES).unlink()
    (tmp_path / OUTCOMES).write_text('{"reason": "passed", "output": ""}\n')
    reader = os.open(tmp_path / PROGRAMS, os.O_RDWR)
    with pytest.raises(StageError) as caught:
        run_programs([a_program("", "")], LIMITS)
    os.close(reader)
    assert caught.value.reason == "SandboxLost"
