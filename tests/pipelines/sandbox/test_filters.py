"""The filter as the kernel reads it, for both machines, whichever runs the tests."""

import os
import struct

import pytest

from assay_pipelines.sandbox.filters import MACHINES, filter_for

ALLOW, KILL, EPERM, ENOTTY = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050019
PROCESS = 4711
REFUSED = {  # numbers on x86-64 and on aarch64
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "clone": (56, 220),
    "clone3": (435, 435),
    "execve": (59, 221),
    "execveat": (322, 281),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kill": (62, 129),
    "tkill": (200, 130),
    "pidfd_open": (434, 434),
    "mount": (165, 40),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "io_uring_setup": (425, 425),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "memfd_create": (319, 279),
    "openat2": (437, 437),
    "open_by_handle_at": (304, 265),
    "unlinkat": (263, 35),
    "renameat2": (316, 276),
    "mkdirat": (258, 34),
    "fchmod": (91, 52),
    "truncate": (76, 45),
    "prctl": (157, 167),
    "seccomp": (317, 277),
    "prlimit64": (302, 261),
    "setuid": (105, 146),
    "capset": (126, 91),
    "shmget": (29, 194),
    "mq_open": (240, 180),
}
machines = pytest.mark.parametrize("machine", MACHINES)


def judged(machine, number, *arguments, arch=None):
    """Run the filter as the kernel does, and return what it says of a call."""
    arch = MACHINES[machine][1] if arch is None else arch
    data = struct.pack("=IIQ6Q", number, arch, 0, *arguments, *[0] * (6 - len(arguments)))
    steps = list(struct.iter_unpack("=HBBI", filter_for(machine, PROCESS)))
    held = at = 0
    while True:
        code, if_true, if_false, value = steps[at]
        at += 1
        if code == 0x06:
            return value
        if code == 0x20:
            [held] = struct.unpack_from("=I", data, value)
        else:
            at += if_true if (held == value if code == 0x15 else held & value) else if_false


def number_of(call, machine):
    return call[MACHINES[machine][0]]


@machines
@pytest.mark.parametrize("name", REFUSED)
def test_a_way_out_of_the_process_is_refused(name, machine):
    assert judged(machine, number_of(REFUSED[name], machine)) == EPERM


@machines
def test_a_call_that_no_kernel_has_yet_is_refused(machine):
    assert {judged(machine, number) for number in range(460, 2048)} == {EPERM}


@machines
def test_the_calls_of_another_machine_end_the_process(machine):
    assert judged(machine, 0, arch=0x40000003) == KILL


def test_the_numbers_of_x32_are_refused():
    assert judged("x86_64", 0x40000000) == EPERM


@machines
def test_a_file_is_opened_for_reading_alone(machine):
    openat = number_of((257, 56), machine)
    assert judged(machine, openat, 0, 0, os.O_RDONLY | os.O_CLOEXEC) == ALLOW
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC, os.O_TMPFILE, os.O_RDWR | os.O_CLOEXEC):
        assert judged(machine, openat, 0, 0, flags) == EPERM


@machines
def test_a_process_signals_itself_alone(machine):
    tgkill = number_of((234, 131), machine)
    assert judged(machine, tgkill, PROCESS, 1, 6) == ALLOW
    assert judged(machine, tgkill, PROCESS + 1, 1, 6) == EPERM


@machines
def test_a_descriptor_is_duplicated_but_given_no_owner_to_signal(machine):
    fcntl = number_of((72, 25), machine)
    assert judged(machine, fcntl, 1, 1030) == ALLOW  # F_DUPFD_CLOEXEC
    for command in (8, 10, 15, 1033):  # F_SETOWN, F_SETSIG, F_SETOWN_EX, F_ADD_SEALS
        assert judged(machine, fcntl, 1, command) == EPERM


@machines
def test_nothing_is_a_terminal(machine):
    assert judged(machine, number_of((16, 29), machine), 0, 0x5412) == ENOTTY  # TIOCSTI
