"""A seccomp BPF filter, assembled by hand from tables for x86_64 and aarch64.

Everything is allowed but what the tables name: processes, program starts, sockets, signals to
others, tracing, mounts, kernel keyrings, memory outside RLIMIT_AS, and changes of files that some
version of Landlock does not see: metadata, truncating, and opening for neither reading nor writing.
Numbers are those of the kernel's unistd tables; a 0 stands for "this machine has no such call".
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

AUDIT_ARCH: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
EPERM: Final = 1
EACCES: Final = 13
ENOTTY: Final = 25
ENOSYS: Final = 38
HIGHEST_KNOWN: Final = 462
"""Calls newer than this table are answered ENOSYS: what is unknown is not allowed."""

_KILL: Final = 0x80000000
_ERRNO: Final = 0x00050000
_ALLOW: Final = 0x7FFF0000
_NOTIFY: Final = 0x7FC00000
_LOAD: Final = 0x20
_JEQ: Final = 0x15
_JGE: Final = 0x35
_JSET: Final = 0x45
_AND: Final = 0x54
_RET: Final = 0x06

_PROCESS: Final = (
    "fork:57/0 vfork:58/0 execve:59/221 execveat:322/281 setsid:112/157 setpgid:109/154"
)
_DENIED: Final = f"""
socket:41/198 connect:42/203 bind:49/200 listen:50/201 accept:43/202 accept4:288/242
{_PROCESS}
ptrace:101/117 process_vm_readv:310/270 process_vm_writev:311/271 process_madvise:440/440
kcmp:312/272
tkill:200/130 rt_sigqueueinfo:129/138 rt_tgsigqueueinfo:297/240 pidfd_send_signal:424/424
pidfd_open:434/434 pidfd_getfd:438/438 process_mrelease:448/448
memfd_create:319/279 memfd_secret:447/447 shmget:29/194 shmat:30/196 shmctl:31/195 msgget:68/186
msgsnd:69/189 semget:64/190 mq_open:240/180 remap_file_pages:216/234
mount:165/40 umount2:166/39 pivot_root:155/41 chroot:161/51 fsopen:430/430 fsconfig:431/431
fsmount:432/432 fspick:433/433 open_tree:428/428 move_mount:429/429 mount_setattr:442/442
unshare:272/97 setns:308/268 bpf:321/280 keyctl:250/219 add_key:248/217 request_key:249/218
io_uring_setup:425/425 io_uring_enter:426/426 io_uring_register:427/427 io_setup:206/0
perf_event_open:298/241 userfaultfd:323/282 personality:135/92 syslog:103/116 acct:163/89
iopl:172/0 ioperm:173/0 modify_ldt:154/0 vhangup:153/58 swapon:167/224 swapoff:168/225
reboot:169/142
init_module:175/105 finit_module:313/273 delete_module:176/106 kexec_load:246/104
kexec_file_load:320/294 open_by_handle_at:304/265 name_to_handle_at:303/264 quotactl:179/60
quotactl_fd:443/443 settimeofday:164/170 clock_settime:227/112 adjtimex:159/171
clock_adjtime:305/266
sethostname:170/161 setdomainname:171/162 fanotify_init:300/262 inotify_init:253/0
inotify_init1:294/26
mknod:133/0 mknodat:259/33 chmod:90/0 fchmod:91/52 fchmodat:268/53 chown:92/0
fchown:93/55 lchown:94/0 fchownat:260/54 utime:132/0 utimes:235/0 futimesat:261/0 utimensat:280/88
truncate:76/45 ftruncate:77/46 fallocate:285/47 io_submit:209/2 statmount:457/457 listmount:458/458
setxattr:188/5 lsetxattr:189/6 fsetxattr:190/7 removexattr:197/14 lremovexattr:198/15
fremovexattr:199/16
setpriority:141/140 ioprio_set:251/30 sched_setscheduler:144/119 sched_setparam:142/118
sched_setattr:314/274 sched_setaffinity:203/122 migrate_pages:256/238 move_pages:279/239
setuid:105/146 setgid:106/144 setreuid:113/145 setregid:114/143 setresuid:117/147 setresgid:119/149
setgroups:116/159 setfsuid:122/151 setfsgid:123/152 capset:126/91
seccomp:317/277 landlock_create_ruleset:444/444 landlock_add_rule:445/445 lookup_dcookie:212/18
uselib:134/0 ustat:136/0 sysfs:139/0 _sysctl:156/0 map_shadow_stack:453/453 mlockall:151/230
"""
_UNSEEN: Final = "openat2:437/437 fchmodat2:452/452 clone3:435/435"
"""Calls whose arguments lie in memory, or that an older one can stand for: who hears that there
is no such call takes the older one, which a filter can read."""
_CLONE: Final = {"x86_64": 56, "aarch64": 220}
_CLONE_THREAD: Final = 0x10000
_O_TRUNC: Final = 0x200

_CONFINING: Final = (
    *("fork", "vfork", "pidfd_open", "setgroups", "setresuid", "setresgid", "setuid", "setgid"),
    *("capset", "seccomp", "landlock_create_ruleset", "landlock_add_rule", "tkill"),
)
"""Refused in a child only: the zygote uses them to make and confine one."""

_IOCTLS: Final = (
    *(0x5401, 0x5402, 0x5403, 0x5404, 0x802C542A),  # TCGETS, TCSETS, TCSETSW, TCSETSF, TCGETS2
    *(0x540F, 0x5413, 0x5414),  # TIOCGPGRP, TIOCGWINSZ, TIOCSWINSZ
    *(0x541B, 0x5421, 0x5450, 0x5451),  # FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
    *(0x40049409, 0x4020940D),  # FICLONE, FICLONERANGE: into what is open for writing
)
"""All that may be asked of a descriptor: a file system has many calls that change a file which is
open for reading only."""

_JUDGED: Final = ("chmod", "fchmod", "fchmodat", "utimensat")
_MAKING: Final = ("fork", "vfork")

Instruction = tuple[int, int, int, int]
"""code, jump if true, jump if false, operand: one `struct sock_filter`."""


def table(machine: str, text: str = _DENIED) -> dict[str, int]:
    """Syscall numbers by name for one machine; those that it lacks are left out."""
    column = {"x86_64": 0, "aarch64": 1}[machine]
    rows = (entry.rsplit(":", 1) for entry in text.split())
    numbers = {name: int(pair.split("/")[column]) for name, pair in rows}
    return {name: number for name, number in numbers.items() if number}


def _ret(value: int) -> Instruction:
    return (_RET, 0, 0, value)


def _arg(index: int) -> Instruction:
    # The low half of a 64-bit argument (both machines are little endian): pids and options
    # are C ints.
    return (_LOAD, 0, 0, 16 + 8 * index)


def _on(number: int, block: Sequence[Instruction]) -> list[Instruction]:
    """Run `block`, which ends in returns, when the call is `number`."""
    return [(_JEQ, 0, len(block), number), *block]


def _only(
    argument: int, values: Sequence[int], mask: int = 0xFFFFFFFF, errno: int = EPERM
) -> list[Instruction]:
    """Allow the listed values of one argument, refuse the others."""
    out = [_arg(argument)] + ([(_AND, 0, 0, mask)] if mask != 0xFFFFFFFF else [])
    for value in values:
        out += [(_JEQ, 0, 1, value), _ret(_ALLOW)]
    return [*out, _ret(_ERRNO | errno)]


def _never(argument: int, values: Sequence[int]) -> list[Instruction]:
    """Refuse the listed values of one argument, allow the others."""
    out = [_arg(argument)]
    for value in values:
        out += [(_JEQ, 0, 1, value), _ret(_ERRNO | EPERM)]
    return [*out, _ret(_ALLOW)]


def _signals(machine: str, pid: int | None) -> list[Instruction]:
    """kill and tgkill for one process alone; nothing where it is None."""
    numbers = (62, 234) if machine == "x86_64" else (129, 131)
    return [part for n in numbers for part in _on(n, _only(0, [pid]))] if pid is not None else []


def _towards_others(machine: str, pid: int) -> list[Instruction]:
    """Threads but no processes; signals and limits only for oneself."""
    x86 = machine == "x86_64"
    thread = [_arg(0), (_JSET, 0, 1, _CLONE_THREAD), _ret(_ALLOW), _ret(_ERRNO | EPERM)]
    out = _on(_CLONE[machine], thread) + _signals(machine, pid)
    return out + _on(302 if x86 else 261, _only(0, [0, pid]))  # prlimit64


def _openly(argument: int) -> list[Instruction]:
    """Refuse to open a file for neither reading nor writing, or to empty one that is opened for
    reading: Landlock asks for no right to the first, and below version 3 for none to the second.
    """
    out: list[Instruction] = []
    for mask, value in ((0b11, 0b11), (0b11 | _O_TRUNC, _O_TRUNC)):
        out += [_arg(argument), (_AND, 0, 0, mask), (_JEQ, 0, 1, value), _ret(_ERRNO | EACCES)]
    return [*out, _ret(_ALLOW)]


def _partly(machine: str) -> list[Instruction]:
    """Calls of which some uses are harmless."""
    x86 = machine == "x86_64"
    # A stream pair is what asyncio wakes itself with; a datagram one could be aimed at a
    # named socket.
    out = _on(53 if x86 else 199, _only(1, [1], mask=0xF))
    # fcntl F_SETOWN, F_SETSIG, F_SETOWN_EX, F_SETLEASE, F_NOTIFY
    out += _on(72 if x86 else 25, _never(1, [8, 10, 15, 1024, 1026]))
    out += _on(16 if x86 else 29, _only(1, _IOCTLS, errno=ENOTTY))
    out += _on(257 if x86 else 56, _openly(2)) + (_on(2, _openly(1)) if x86 else [])
    for number in table(machine, _UNSEEN).values():
        out += _on(number, [_ret(_ERRNO | ENOSYS)])
    return out


def _checked(machine: str, body: Sequence[Instruction]) -> list[Instruction]:
    """Refuse other machines' calling conventions and unknown calls, then the body, then allow."""
    head: list[Instruction] = [
        (_LOAD, 0, 0, 4),
        (_JEQ, 1, 0, AUDIT_ARCH[machine]),
        _ret(_KILL),
        (_LOAD, 0, 0, 0),
    ]
    if machine == "x86_64":  # the x32 table reuses the numbers with bit 30 set
        head += [(_JGE, 0, 1, 0x40000000), _ret(_KILL)]
    return [*head, (_JGE, 0, 1, HIGHEST_KNOWN + 1), _ret(_ERRNO | ENOSYS), *body, _ret(_ALLOW)]


def _refuse(machine: str, names: Sequence[str]) -> list[Instruction]:
    numbers = table(machine)
    return [
        part
        for name in names
        if name in numbers
        for part in _on(numbers[name], [_ret(_ERRNO | EPERM)])
    ]


def build_base(machine: str) -> list[Instruction]:
    """A filter for the zygote, inherited by every child, that refuses all that neither needs.

    Raises KeyError for an unknown machine.
    """
    names = [name for name in table(machine) if name not in _CONFINING]
    return _checked(machine, _partly(machine) + _refuse(machine, names))


def build_child(machine: str, pid: int) -> list[Instruction]:
    """On top of the base, for a child whose process id (in its own namespace) is `pid`: what only
    the zygote needs.
    """
    prctl = _on(
        157 if machine == "x86_64" else 167, _only(0, [3, 15, 16])
    )  # GET_DUMPABLE, SET_NAME, GET_NAME
    body = _towards_others(machine, pid) + prctl + _refuse(machine, _CONFINING)
    return _checked(machine, body)


def build_suite(
    machine: str,
    pid: int | None = None,
    *,
    abi: int = 3,
    judged: bool = True,
    also: Sequence[str] = (),
) -> list[Instruction]:
    """A filter for a whole test suite: processes are allowed, sessions are not left.

    `pid`: the only process that may be signalled, for kernels whose Landlock cannot confine
    signals. `abi`: Landlock's version, which below 3 does not see truncate(2). `judged`: a
    supervisor answers new processes and threads and changes of modes and times; without one the
    first are allowed and the second refused. `also`: names of further calls that are allowed.
    """
    spared = {*also, "execve", "execveat", "tkill", "pidfd_open", "pidfd_send_signal"}
    spared |= {*_MAKING, "sched_setaffinity", "ftruncate", "fallocate"}
    spared |= {"truncate"} if abi >= 3 else set()
    asked = _ret(_NOTIFY if judged else _ALLOW)
    # A filter cannot see inside clone3's argument; glibc falls back to clone, whose namespace
    # flags are refused here.
    body = _on(_CLONE[machine], [_arg(0), (_JSET, 0, 1, 0x7E020080), _ret(_ERRNO | EPERM), asked])
    numbers = table(machine)
    for name in (*_MAKING, *_JUDGED) if judged else ():
        body += _on(numbers[name], [_ret(_NOTIFY)]) if name in numbers else []
    body += _partly(machine)
    body += _signals(machine, pid)
    return _checked(machine, body + _refuse(machine, [n for n in numbers if n not in spared]))


def judged(machine: str) -> dict[int, str]:
    """The calls that a suite's supervisor answers, by their numbers."""
    names = {number: name for name, number in table(machine).items() if name in _MAKING + _JUDGED}
    return names | {_CLONE[machine]: "clone"}


def build_leaf(machine: str, pid: int | None = None) -> list[Instruction]:
    """A filter for a program whose process group is its own: it may not leave that any more. Comes
    on top of a suite's filter that allows setpgid.

    `pid`: the only process that may be signalled, for kernels whose Landlock cannot confine
    signals.
    """
    return _checked(machine, _refuse(machine, ["setpgid"]) + _signals(machine, pid))


def assemble(program: Sequence[Instruction]) -> bytes:
    """The instructions as an array of `struct sock_filter`."""
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)


_PLACEHOLDER: Final = 0x5EC0FFEE


def template(machine: str) -> bytes:
    """The assembled child filter with a placeholder for the process id, so that a child only fills
    that in.
    """
    return assemble(build_child(machine, _PLACEHOLDER))


def fill(code: bytes, pid: int) -> bytes:
    """The template for one process."""
    return code.replace(struct.pack("<I", _PLACEHOLDER), struct.pack("<I", pid))
