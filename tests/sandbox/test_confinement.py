"""The seccomp filter is interpreted here, so that both machines' programs are tested; Landlock's masks are checked."""  # noqa: E501

from __future__ import annotations

import struct

import pytest

from editloop.sandbox.inner import landlock, seccomp

ALLOW, EPERM, ENOSYS, KILL = 0x7FFF0000, 0x50001, 0x50026, 0x80000000
EACCES, ENOTTY, NOTIFY = 0x5000D, 0x50019, 0x7FC00000
PID = 4242
CALLS = {  # x86_64, aarch64
    "read": (0, 63),
    "socket": (41, 198),
    "clone": (56, 220),
    "clone3": (435, 435),
    "kill": (62, 129),
    "tgkill": (234, 131),
    "execve": (59, 221),
    "memfd_create": (319, 279),
    "socketpair": (53, 199),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
    "fcntl": (72, 25),
    "setresuid": (117, 147),
    "mmap": (9, 222),
    "openat": (257, 56),
    "openat2": (437, 437),
    "ioctl": (16, 29),
    "truncate": (76, 45),
    "ftruncate": (77, 46),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "utimensat": (280, 88),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
}


def run(program: list[seccomp.Instruction], arch: int, number: int, *args: int) -> int:
    """What the filter answers: a small interpreter of classic BPF."""
    padded = (*args, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("<IIQ6Q", number, arch, 0, *padded)
    position, value = 0, 0
    while True:
        code, yes, no, operand = program[position]
        position += 1
        if code == 0x20:
            (value,) = struct.unpack_from("<I", data, operand)
        elif code == 0x54:
            value &= operand
        elif code == 0x06:
            return operand
        else:
            hit = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[
                code
            ]
            position += yes if hit else no


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_filters(machine: str) -> None:
    column = ("x86_64", "aarch64").index(machine)
    arch = seccomp.AUDIT_ARCH[machine]
    base, child = seccomp.build_base(machine), seccomp.build_child(machine, PID)

    def both(name: str, *args: int) -> int:
        answers = [run(part, arch, CALLS[name][column], *args) for part in (base, child)]
        return min(answers)  # errno actions are smaller than "allow"

    assert both("read") == both("mmap") == ALLOW
    for name in ("socket", "execve", "memfd_create", "setresuid"):
        assert both(name) == EPERM
    assert both("clone", 0x10F00) == ALLOW
    assert both("clone", 0x11) == EPERM
    assert both("clone3") == ENOSYS
    assert both("kill", PID) == both("tgkill", PID) == both("prlimit64", 0) == ALLOW
    assert both("kill", 1) == both("kill", 2**32 - 1) == both("prlimit64", 1) == EPERM
    assert both("prctl", 15) == ALLOW
    assert both("prctl", 1) == both("prctl", 4) == EPERM
    assert both("socketpair", 1, 0x80801) == ALLOW
    assert both("socketpair", 1, 2) == EPERM
    assert both("fcntl", 0, 1) == ALLOW
    assert both("fcntl", 0, 8) == EPERM
    assert both("fcntl", 0, 1024) == EPERM
    for name in ("truncate", "ftruncate", "fchmod", "fchmodat", "utimensat", "fchownat"):
        assert both(name) == EPERM
    assert both("openat2") == both("fchmodat2") == ENOSYS
    assert both("openat", 0, 0, 0o2000000) == both("openat", 0, 0, 0o1101) == ALLOW
    assert both("openat", 0, 0, 3) == both("openat", 0, 0, 0o1000) == EACCES
    assert both("ioctl", 0, 0x5401) == ALLOW
    assert both("ioctl", 0, 0x40086602) == ENOTTY
    assert run(child, arch, 5000) == ENOSYS
    assert run(child, arch ^ 1, 0) == KILL
    if machine == "x86_64":
        assert run(child, arch, 0x40000000) == KILL
    # The zygote must still be able to make children.
    assert run(base, arch, CALLS["clone"][column], 0x11) == ALLOW
    assert run(base, arch, CALLS["setresuid"][column]) == ALLOW


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_suite_filter(machine: str) -> None:
    column = ("x86_64", "aarch64").index(machine)
    arch = seccomp.AUDIT_ARCH[machine]
    suite = seccomp.build_suite(machine)

    def told(program: list[seccomp.Instruction], name: str, *args: int) -> int:
        return run(program, arch, CALLS[name][column], *args)

    assert told(suite, "execve") == ALLOW
    assert told(suite, "clone", 0x11) == told(suite, "clone", 0x10F00) == NOTIFY
    assert told(suite, "clone", 0x10000000) == told(suite, "socket") == EPERM
    assert told(suite, "fchmod") == told(suite, "fchmodat") == told(suite, "utimensat") == NOTIFY
    assert told(suite, "fchmodat2") == told(suite, "openat2") == ENOSYS
    assert told(suite, "fchownat") == told(suite, "setxattr") == EPERM
    assert told(suite, "openat", 0, 0, 0o1101) == ALLOW
    assert told(suite, "openat", 0, 0, 0o1003) == EACCES
    assert told(suite, "truncate") == told(suite, "ftruncate") == ALLOW
    assert told(seccomp.build_suite(machine, PID), "kill", 1) == EPERM
    assert told(seccomp.build_suite(machine, abi=2), "truncate") == EPERM
    alone = seccomp.build_suite(machine, judged=False)
    assert told(alone, "clone", 0x11) == ALLOW
    assert told(alone, "fchmod") == told(alone, "utimensat") == EPERM
    names = seccomp.judged(machine)
    assert {names[CALLS[name][column]] for name in ("clone", "fchmod")} == {"clone", "fchmod"}


def test_assembly_and_template() -> None:
    for machine in ("x86_64", "aarch64"):
        code = seccomp.assemble(seccomp.build_child(machine, PID))
        assert seccomp.fill(seccomp.template(machine), PID) == code
        assert len(code) % 8 == 0
        assert len(code) // 8 <= 4096
    with pytest.raises(KeyError):
        seccomp.build_base("vax")


def test_landlock_masks() -> None:
    assert landlock.handled(1) == ((1 << 13) - 1, 0, 0)
    assert landlock.handled(3) == ((1 << 15) - 1, 0, 0)
    assert landlock.handled(4) == ((1 << 15) - 1, 3, 0)
    assert landlock.handled(7) == ((1 << 16) - 1, 3, 3)
