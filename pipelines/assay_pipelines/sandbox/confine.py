"""A process gives up, for good, everything but computing: what it was started with is all that it will ever have.

Each of these is taken or nothing runs. Rlimits bound what it takes; no root, no privileges to gain; Landlock lets it read
Python's own files and change none; the filter (`filters.py`) refuses all other ways out of the process.
"""

import ctypes
import errno
import os
import resource
import signal
import struct
import sys
from pathlib import Path

from assay_pipelines.sandbox.filters import MACHINES, filter_for
from assay_pipelines.sandbox.programs import Limits

NOBODY = 65534
_OPEN_FILES = 32

_PDEATHSIG, _DUMPABLE, _KEEPCAPS, _SECCOMP, _NO_NEW_PRIVS = 1, 4, 8, 22, 38
_CAPABILITIES_VERSION = 0x20080522
_DAC_READ_SEARCH = 1 << 2

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ALL_RIGHTS = (1 << 13) - 1  # of Landlock's first version; later ones' are refused by the filter
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3

_libc = ctypes.CDLL(None, use_errno=True)


class Unconfined(Exception):
    """A program cannot be contained on this machine."""


def confine(limits: Limits, parent: int) -> None:
    """Give everything up.

    Raises:
        Unconfined: it cannot; nothing untrusted may run here.

    """
    machine = os.uname().machine
    if machine not in MACHINES:
        raise Unconfined(f"a filter for {' or '.join(MACHINES)}, this is {machine}")
    os.umask(0o777)
    os.chdir("/")
    _bound(limits)
    if os.geteuid() == 0:
        _leave_root()
    _drop_capabilities()
    be_private()
    die_with_parent()  # after root was left, which would undo it
    if os.getppid() != parent:
        raise Unconfined("whoever started this is gone")
    _prctl("no new privileges", _NO_NEW_PRIVS, 1)
    _landlock()
    _seccomp(filter_for(machine, os.getpid()))


def be_private() -> None:
    """Let no other process look into this one, whoever's it is."""
    _prctl("no dumps", _DUMPABLE, 0)


def die_with_parent() -> None:
    """Let this process end when the one that started it does."""
    _prctl("a parent's death", _PDEATHSIG, signal.SIGKILL)


def _bound(limits: Limits) -> None:
    memory = limits.memory_mib << 20
    for kind, soft, hard in (
        (resource.RLIMIT_AS, memory, memory),
        (resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 1),  # SIGXCPU, then SIGKILL
        (resource.RLIMIT_NPROC, 0, 0),  # the filter refuses threads as well
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_MEMLOCK, 0, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES, _OPEN_FILES),
    ):
        try:
            resource.setrlimit(kind, (soft, hard))
        except (OSError, ValueError) as error:
            raise Unconfined(f"rlimit {kind}: {error}") from error


def _leave_root() -> None:
    try:
        _prctl("kept capabilities", _KEEPCAPS, 1)
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    except OSError as error:
        raise Unconfined(f"leaving root: {error}") from error


def _drop_capabilities() -> None:
    """Keep none but reading what Python itself may lie behind, such as /root, where there is that one; Landlock says what."""
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITIES_VERSION, 0))
    held = ctypes.create_string_buffer(
        24
    )  # effective, permitted, inheritable: the first 32 bits, then the others
    _done("capabilities", _libc.capget(header, held))
    reading = struct.unpack("=6I", held.raw)[1] & _DAC_READ_SEARCH
    held = ctypes.create_string_buffer(struct.pack("=6I", reading, reading, 0, 0, 0, 0))
    _done("capabilities", _libc.capset(header, held))


def _landlock() -> None:
    rights = ctypes.create_string_buffer(struct.pack("=Q", _ALL_RIGHTS), 8)
    ruleset = _libc.syscall(_CREATE_RULESET, rights, ctypes.c_size_t(8), 0)
    _done("Landlock", ruleset)
    for path in _pythons_own():
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        allowed = _READ_FILE | (_READ_DIR if path.is_dir() else 0)
        rule = ctypes.create_string_buffer(struct.pack("=Qi", allowed, opened), 12)
        _done("Landlock", _libc.syscall(_ADD_RULE, ruleset, 1, rule, 0))
        os.close(opened)
    _done("Landlock", _libc.syscall(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def _pythons_own() -> list[Path]:
    """Return where the standard library is, and the shared libraries that it is linked with."""
    folders = [Path(sys.base_prefix) / name for name in ("lib", sys.platlibdir)]
    system = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo"]
    return [path for path in [*folders, *map(Path, system)] if path.exists()]


def _seccomp(code: bytes) -> None:
    steps = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(
        struct.pack("@HP", len(code) // 8, ctypes.addressof(steps)), struct.calcsize("@HP")
    )
    _prctl("seccomp", _SECCOMP, 2, ctypes.addressof(program))


def _prctl(what: str, *arguments: int) -> None:
    padded = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:5]]
    _done(what, _libc.prctl(*padded))


def _done(what: str, result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise Unconfined(f"{what}: {errno.errorcode.get(number, number)}, {os.strerror(number)}")
