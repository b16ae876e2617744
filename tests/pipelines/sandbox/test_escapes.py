"""What a program tries in order to get out, or to pass: each way works in a plain Python, and fails in the sandbox."""

import ctypes
import os

import psutil
import pytest

from assay_pipelines.sandbox import judge
from assay_pipelines.sandbox.programs import Limits, Program, Reason
from assay_pipelines.sandbox.run import run_programs
from plain_python import passes

TIGHT = Limits(cpu_seconds=1, wall_seconds=200, memory_mib=192, output_kib=64)
SECRET = "a secret of the stage"


def a_program(text, *, tests="assert answer() == 42"):
    return Program(id="it", text=text, entry_point="answer", tests=tests)


def doing(*lines, returns="42"):
    """Return a program whose function does something and then answers rightly."""
    body = "\n".join(f"    {line}" for line in lines)
    return a_program(
        f"import ctypes, os, socket, sys, threading, time\ndef answer():\n{body}\n    return {returns}\n"
    )


def contained(program, limits=TIGHT):
    [outcome] = run_programs([program], limits)
    return outcome


def test_a_program_that_only_computes_passes():
    assert contained(doing("pass")).reason is Reason.PASSED


PROCESSES = {
    "a fork bomb": doing("for _ in range(40):", "    if os.fork() == 0: time.sleep(0.1); os._exit(0)"),
    "a session of its own": doing("if os.fork(): os._exit(0)", "os.setsid()"),
    "another program": doing("os.posix_spawn('/bin/true', ['true'], {})"),
    "itself replaced": doing("os.execv('/bin/true', ['true'])"),
    "threads": doing(
        "threads = [threading.Thread(target=int) for _ in range(9)]", "[t.start() for t in threads]"
    ),
}
SOCKETS = {
    f"a socket of {family}": doing(f"socket.socket(socket.{family}, socket.SOCK_{kind})")
    for family, kind in (
        ("AF_INET", "STREAM"),
        ("AF_INET6", "DGRAM"),
        ("AF_UNIX", "STREAM"),
        ("AF_NETLINK", "RAW"),
    )
} | {"two sockets that know each other": doing("socket.socketpair()")}
CALLS = {  # x86-64's numbers
    "memory with a name": doing("os.memfd_create('it')"),
    "being traced": doing("assert ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0"),
    "another's memory": doing(
        "here = ctypes.create_string_buffer(8)",
        "part = (ctypes.c_size_t * 2)(ctypes.addressof(here), 8)",
        "assert ctypes.CDLL(None).process_vm_readv(os.getpid(), part, 1, part, 1, 0) == 8",
    ),
    "namespaces": doing("assert ctypes.CDLL(None).unshare(0x400) == 0"),
    "a name for itself": doing("assert ctypes.CDLL(None).prctl(15, b'sshd', 0, 0, 0) == 0"),
    "surviving its parent": doing("assert ctypes.CDLL(None).prctl(1, 0, 0, 0, 0) == 0"),
    "a larger limit": doing("import resource", "resource.setrlimit(resource.RLIMIT_NPROC, (9, 9))"),
}


REFUSED = PROCESSES | SOCKETS | CALLS


@pytest.fixture(scope="module")
def refused():
    return dict(zip(REFUSED, run_programs(list(REFUSED.values()), TIGHT), strict=True))


@pytest.mark.parametrize("way", REFUSED)
def test_a_call_of_the_kernel_that_computing_does_not_need_is_refused(way, refused, tmp_path):
    assert passes(REFUSED[way], tmp_path)
    assert refused[way].reason is Reason.FAILED


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "credentials"
    path.write_text(SECRET)
    return path


def test_a_file_that_is_not_pythons_cannot_be_read(secret, tmp_path):
    program = doing(f"assert open({str(secret)!r}).read() == {SECRET!r}")
    assert passes(program, tmp_path)

    outcome = contained(program)
    assert outcome.reason is Reason.FAILED
    assert "PermissionError" in outcome.output


def test_folders_cannot_be_listed(tmp_path):
    program = doing("assert os.listdir('/')")
    assert passes(program, tmp_path)
    assert contained(program).reason is Reason.FAILED


def test_the_stages_environment_is_out_of_reach(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    program = doing(f"assert {SECRET!r} in os.environ.values()")
    assert passes(program, tmp_path, AWS_SECRET_ACCESS_KEY=SECRET)
    assert contained(program).reason is Reason.FAILED

    everything = a_program(
        "import os\ndef answer():\n    return dict(os.environ)\n", tests="assert answer() == {}"
    )
    assert contained(everything).passed


def test_other_processes_memory_and_environment_are_out_of_reach(tmp_path):
    opening = [
        f"open('/proc/{process}/{name}', 'rb').close()"
        for process in (os.getpid(), "self")
        for name in ("environ", "maps", "mem", "cmdline")
    ]
    assert passes(doing(*opening), tmp_path)
    outcomes = run_programs([doing(way) for way in opening], TIGHT)
    assert {outcome.reason for outcome in outcomes} == {Reason.FAILED}


def test_nothing_can_be_written_anywhere(tmp_path):
    tmp_path.chmod(0o777)
    ways = (
        "open('{0}', 'w').write('x')",
        "os.mkdir('{0}')",
        "os.symlink('/', '{0}')",
        "os.mkfifo('{0}')",
        "os.close(os.open('{0}', os.O_CREAT))",
    )
    for number, way in enumerate(ways):
        path = tmp_path / f"written-{number}"
        program = doing(way.format(path))
        assert contained(program).reason is Reason.FAILED
        assert not os.path.lexists(path)

        assert passes(program, tmp_path)
        assert os.path.lexists(path)


def test_what_is_there_can_be_neither_changed_nor_removed(tmp_path):
    tmp_path.chmod(0o777)
    path = tmp_path / "there"
    for way in (
        "os.remove('{0}')",
        "os.rename('{0}', '{0}-moved')",
        "os.truncate('{0}', 0)",
        "os.chmod('{0}', 0)",
    ):
        path.write_text("words")
        path.chmod(0o666)
        program = doing(way.format(path))
        assert contained(program).reason is Reason.FAILED
        assert path.read_text() == "words"

        assert passes(program, tmp_path)


def test_no_process_can_be_signalled(tmp_path):
    for way in (
        "os.kill(os.getppid(), 18)",
        "os.killpg(os.getpgid(os.getppid()), 18)",
        "import fcntl; fcntl.fcntl(1, fcntl.F_SETOWN, os.getppid())",
        "assert ctypes.CDLL(None).pidfd_open(os.getppid(), 0) > 0",
    ):
        program = doing(way)
        assert passes(program, tmp_path)
        assert contained(program).reason is Reason.FAILED


def test_a_program_after_one_that_kills_itself_runs(tmp_path):
    crash, sound = doing("ctypes.string_at(0)"), doing("pass")
    assert not passes(crash, tmp_path)

    outcomes = run_programs([crash, doing("os.abort()"), sound], TIGHT)
    assert [outcome.reason for outcome in outcomes] == [Reason.KILLED, Reason.KILLED, Reason.PASSED]


def busy(seconds):
    return f"end = time.process_time() + {seconds}", "while time.process_time() < end: pass"


def test_a_long_computation_ends_at_its_share_of_the_processor(tmp_path):
    program = doing(*busy(1.2))
    assert passes(program, tmp_path)
    assert contained(program).reason is Reason.TIMEOUT


def test_a_computation_that_will_not_be_interrupted_is_killed():
    program = doing("import signal", "signal.signal(signal.SIGXCPU, signal.SIG_IGN)", "while True: pass")
    assert contained(program).reason is Reason.KILLED


def test_waiting_ends_with_the_clock(tmp_path):
    program = doing("time.sleep(1)")
    assert passes(program, tmp_path)
    assert contained(program, Limits(wall_seconds=0.5)).reason is Reason.TIMEOUT


def test_a_module_that_never_ends_is_ended():
    assert contained(a_program("while True: pass")).reason is Reason.TIMEOUT


def test_memory_is_bounded(tmp_path):
    program = doing("grown = bytearray(300 << 20)")
    assert passes(program, tmp_path)
    assert contained(program).reason is Reason.MEMORY


def test_output_is_bounded_and_only_its_beginning_kept(tmp_path):
    program = doing("for _ in range(64): print('x' * 4096)")
    assert passes(program, tmp_path)

    outcome = contained(program)
    assert outcome.reason is Reason.OUTPUT
    assert outcome.output == ("x" * 4096)


def test_an_answer_without_end_is_bounded(tmp_path):
    program = a_program(
        "import itertools\ndef answer():\n    return itertools.count()\n", tests="assert next(answer()) == 0"
    )
    assert passes(program, tmp_path)
    assert contained(program).reason is not Reason.PASSED


EQUAL_TO_ALL = """
class Equal:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
"""
FORGED = {
    "an exit with success": "import os\ndef answer(): os._exit(0)",
    "an exit while it is defined": "import os\nos._exit(0)",
    "an exit by exception": "import sys\ndef answer(): sys.exit(0)",
    "an object that equals everything": f"{EQUAL_TO_ALL}\ndef answer(): return Equal()",
    "an integer that equals everything": f"{EQUAL_TO_ALL}\nclass Int(Equal, int): pass\ndef answer(): return Int(7)",
    "assertions patched by tracing": """
import sys
def skip(frame, event, arg):
    frame.f_trace_lines = True
    if event == 'line' and frame.f_code.co_name == 'check':
        frame.f_lineno = frame.f_code.co_firstlineno + 3
    return skip
def answer():
    caller = sys._getframe(1)
    caller.f_trace = skip
    sys.settrace(skip)
    return 7
""",
    "assertions patched by their code": """
import sys
def answer():
    sys._getframe(1).f_globals['same'].__code__ = (lambda *_: True).__code__
    return 7
""",
    "builtins patched": "import builtins, math\nbuiltins.abs = lambda _: 0\nmath.isclose = lambda *_: True\ndef answer(): return 7",
    "an end of loops": "def answer(): raise StopIteration",
}
FORGED_TESTS = {
    "assertions patched by tracing": """
def check(candidate):
    value = candidate()
    assert value == 42
    return None
check(answer)
""",
    "assertions patched by their code": "def same(a, b): return a == b\nassert same(answer(), 42)",
    "builtins patched": "import math\nassert abs(answer() - 42) == 0 and math.isclose(answer(), 42)",
    "an end of loops": "for value in map(lambda _: answer(), range(3)): assert value == 42",
}


@pytest.fixture(scope="module")
def forging():
    return {
        way: a_program(text, tests=FORGED_TESTS.get(way, "assert answer() == 42"))
        for way, text in FORGED.items()
    }


@pytest.fixture(scope="module")
def forged(forging):
    return dict(zip(forging, run_programs(list(forging.values()), TIGHT), strict=True))


@pytest.mark.parametrize("way", FORGED)
def test_success_cannot_be_forged(way, forging, forged, tmp_path):
    assert passes(forging[way], tmp_path)
    assert forged[way].reason is Reason.FAILED


def test_the_code_that_a_judge_ends_with_passes_nothing():
    for code in (judge.PASSED, judge.UNCONFINED):
        assert contained(a_program(f"import os\ndef answer(): os._exit({code})")).reason is Reason.FAILED


def test_what_is_written_to_every_descriptor_passes_nothing():
    lines = [
        "def answer():",
        "    for descriptor in range(32):",
        '        for line in (b\'ready\', b\'passed\', b\'{"reason": "passed", "output": ""}\'):',
        "            try: os.write(descriptor, line + b'\\n')",
        "            except OSError: pass",
        "    return 7",
    ]
    assert contained(a_program("\n".join(["import os", *lines]))).reason is Reason.FAILED


def test_a_program_never_holds_its_tests():
    searching = """
import gc
def answer():
    sought = "-".join(["unlikely", "words"])
    return any(sought in str(it) for it in gc.get_objects() if type(it) in (dict, list, tuple))
"""
    program = a_program(searching, tests="assert answer() is False, 'unlikely-words'")
    assert contained(program).passed


def test_nothing_is_left_running():
    libc, this, adopt_orphans = ctypes.CDLL(None), psutil.Process(), 36
    before = set(this.children(recursive=True))
    libc.prctl(adopt_orphans, 1, 0, 0, 0)
    contained(doing("time.sleep(30)"), Limits(wall_seconds=0.5))
    libc.prctl(adopt_orphans, 0, 0, 0, 0)
    assert set(this.children(recursive=True)) <= before
