"""The seccomp filter: which calls of the kernel a program may make, as a program for the kernel's own small machine.

What is not named is refused with EPERM, so a call that a later kernel learns is refused too. Named is what CPython needs to
compute, to import and to print: no call here makes a process, a thread, a socket, a file or a mapping that others see,
changes a file, a limit or an identity, or looks at or signals another process.
"""

import struct
from collections.abc import Iterator

# Linux' numbers on x86-64, and on what was added later, such as aarch64; None: it is not there.
_FREE: dict[str, tuple[int, int | None]] = {
    "read": (0, 63),
    "readv": (19, 65),
    "pread64": (17, 67),
    "write": (1, 64),
    "writev": (20, 66),
    "close": (3, 57),
    "lseek": (8, 62),
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    "stat": (4, None),
    "lstat": (6, None),
    "fstat": (5, 80),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "getdents64": (217, 61),
    "getcwd": (79, 17),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "brk": (12, 214),
    "futex": (202, 98),
    "rseq": (334, 293),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "sched_yield": (24, 124),
    "getitimer": (36, 102),
    "setitimer": (38, 103),
    "alarm": (37, None),
    "nanosleep": (35, 101),
    "clock_nanosleep": (230, 115),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "times": (100, 153),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "gettid": (186, 178),
    "getrusage": (98, 165),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "uname": (63, 160),
    "sysinfo": (99, 179),
    "sched_getaffinity": (204, 123),
    "getrandom": (318, 278),
    "exit": (60, 93),
    "exit_group": (231, 94),
}
_OPEN, _OPENAT = (2, None), (257, 56)
_FCNTL, _IOCTL, _TGKILL = (72, 25), (16, 29), (234, 131)

MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, and AUDIT_ARCH

_EPERM, _ENOTTY = 1, 25
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _JUMP_EQUAL, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16  # in struct seccomp_data

_CHANGING = 0o3 | 0o100 | 0o1000 | 0o20000000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_TMPFILE
_OWN_DESCRIPTOR = (0, 1, 2, 3, 4, 1030)  # F_DUPFD, F_{GET,SET}FD, F_{GET,SET}FL, F_DUPFD_CLOEXEC

Code = list[bytes]


def filter_for(machine: str, process: int) -> bytes:
    """Return the filter of one process, as an array of struct sock_filter.

    Raises:
        KeyError: nobody has written down the numbers of such machines.

    """
    column, arch = MACHINES[machine]
    code = [_load(_ARCH_AT), _step(_JUMP_EQUAL, arch, 1, 0), _return(_KILL), _load(_NUMBER_AT)]
    for numbers in _FREE.values():
        code += _for_call(numbers[column], [_return(_ALLOW)])
    code += _for_call(_OPEN[column], _reading_only(1))
    code += _for_call(_OPENAT[column], _reading_only(2))
    code += _for_call(_FCNTL[column], list(_one_of(1, _OWN_DESCRIPTOR)))  # F_SETOWN could signal others
    code += _for_call(_TGKILL[column], list(_one_of(0, (process,))))  # abort() signals itself so
    code += _for_call(_IOCTL[column], [_return(_ERRNO | _ENOTTY)])  # "no terminal", which open() asks for
    code.append(_return(_ERRNO | _EPERM))
    return b"".join(code)


def _for_call(number: int | None, then: Code) -> Code:
    return [] if number is None else [_step(_JUMP_EQUAL, number, 0, len(then)), *then]


def _reading_only(argument: int) -> Code:
    return [
        _load(_ARGUMENTS_AT + 8 * argument),
        _step(_JUMP_ANY_BIT, _CHANGING, 1, 0),
        _return(_ALLOW),
        _return(_ERRNO | _EPERM),
    ]


def _one_of(argument: int, values: tuple[int, ...]) -> Iterator[bytes]:
    yield _load(_ARGUMENTS_AT + 8 * argument)
    for value in values:
        yield from (_step(_JUMP_EQUAL, value, 0, 1), _return(_ALLOW))
    yield _return(_ERRNO | _EPERM)


def _load(offset: int) -> bytes:
    return _step(_LOAD, offset, 0, 0)


def _return(value: int) -> bytes:
    return _step(_RETURN, value, 0, 0)


def _step(code: int, value: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
