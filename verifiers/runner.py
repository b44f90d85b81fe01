"""The program of a zygote: an interpreter that forks one child for each untrusted program.

    parent ── socket: limits, two descriptors ──► zygote ── fork ──► child
    parent ── memory file: program, arguments ─────────────────────►   │ reads it after the fork
    parent ◄─ pipe: ready, one frame a value, the seal ─────────────   ┘ runs, writes, exits
    parent ◄─ socket: how the child ended ─────── zygote (waits with a deadline, kills, reaps)

The zygote passes both descriptors on without reading them: whatever it held, the next child could find in its
copy of the zygote's memory: an earlier program, or an earlier program's value. Started as
``python -s -P -S runner.py SOCKET OPTIONS`` (see Options) with an environment of its own (never ``-I``, which ignores
PYTHONHASHSEED); imports the standard library only. What confines a child is chosen by the parent: see docs/executor.md.

Nothing a child says is more than the claimed output of its program. The ready frame, written before the program
starts, tells a failure of ours from one of the program; the seal, a random text that the child reads before the
program starts and writes after its last value, tells a program that ran to its end from one that left early.
"""

from __future__ import annotations

import array
import ast
import ctypes
import fcntl
import gc
import importlib
import json
import os
import random
import resource
import select
import signal
import socket
import struct
import sys
import time
import types
from collections.abc import Callable
from typing import Any, TypedDict

# What programs may want; imported once, so that a child imports nothing and needs no right to read files.
PRELOADED = """
abc array base64 bisect calendar cmath collections collections.abc colorsys contextlib copy csv dataclasses datetime
decimal difflib enum fractions functools hashlib heapq html io itertools keyword math numbers operator pprint queue
re secrets statistics string struct textwrap threading time timeit traceback types typing unicodedata uuid warnings
weakref zlib
"""
REQUEST_BYTES = 65_536  # of a message on the socket
# Room to say that the memory ran out: above the soft limit, and held back to have something to raise it with.
MEMORY_RESERVE, SPARE_BYTES = 16 << 20, 2 << 20
OPEN_FILES = 64
# What a child finds open besides the standard streams, the program only until it has read it.
PROGRAM_FD, RESULT_FD, FREE_FD = 3, 4, 10
# Of an error; a frame about one takes less, with 12 bytes for a character.
MESSAGE_CHARS, NAME_CHARS, FRAME_BYTES = 200, 100, 4096
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_CAP_AMBIENT = 1, 4, 24, 47
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT_CLEAR_ALL = 36, 38, 4
CAP_SETPCAP, CAP_SYS_ADMIN, CAPABILITY_VERSION = 8, 21, 0x20080522
CLONE_NEWPID = 0x20000000
# Numbers of the calls that the C library does not wrap; seccomp(2) and landlock(7) have their arguments.
SYS_SECCOMP = {"x86_64": 317, "aarch64": 277}
SYS_CAPSET = {"x86_64": 126, "aarch64": 91}
SYS_LANDLOCK_CREATE, SYS_LANDLOCK_ADD, SYS_LANDLOCK_RESTRICT = 444, 445, 446  # on every architecture
SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER = 1, 8
SECCOMP_IOCTL_NOTIF_RECV, SECCOMP_NOTIF = 0xC0502100, struct.Struct("=QIIiIQ6Q")
LANDLOCK_READ_FILE, LANDLOCK_READ_DIR, LANDLOCK_WRITE_FILE = 4, 8, 2
# Rights on files known to each version of Landlock's interface; the last one knows all of those before it.
LANDLOCK_RIGHTS = (13, 14, 15, 15, 16)
WAITED = b"waited?"  # the zygote's question; every other message of it is JSON
# The kernel counts a wait for a processor when it is over; while one lasts, the program gets so much more at a time.
SLICE_S = 0.02
# A child of a root zygote becomes one of these users, a different one in each of many zygotes.
FIRST_UID, NUM_UIDS = 64_000, 1_000
MODULE, FILE = "program", "<program>"
# So often does the interpreter run a function before it specialises its code, which a child should find done.
WARM_RUNS = 16

_libc = ctypes.CDLL(None, use_errno=True)


class Options(TypedDict):
    """What a parent asks of its zygote, the same for every program."""

    seed: int
    perturb: bool
    environment: list[str]  # names of the variables that stay
    affinity: list[int]  # cores; empty: any
    preload: bool
    pid_namespaces: bool  # one for each program; needs CAP_SYS_ADMIN
    become_user: bool  # of its own for each zygote; needs root
    filter_fd: int  # holds a seccomp filter; -1: none
    landlock: list[list[str]]  # directories to list, files and directories to read, files to read and write


class Confinement:
    """What is prepared once for all children."""

    def __init__(self, options: Options) -> None:
        self.pid_namespaces, self.become_user = options["pid_namespaces"], options["become_user"]
        self.own_pid_fd = os.pidfd_open(os.getpid())
        self.filter = _filter(options["filter_fd"]) if options["filter_fd"] >= 0 else None
        self.ruleset_fd = _high(_ruleset(*options["landlock"])) if options["landlock"] else -1
        # A child sends the descriptor of its filter's reports from one end to the other.
        self.reports, reporter = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.reporter_fd = _high(reporter.detach())
        self.reporter = socket.socket(fileno=self.reporter_fd)
        self.reports.setblocking(False)
        self.baseline_bytes = _address_space()


def main(control_fd: int, options: Options) -> None:
    """Serve runs until the other end of the socket closes."""
    control = socket.socket(fileno=control_fd)
    for name in set(os.environ) - set(options["environment"]):  # what bubblewrap and the C locale put there
        del os.environ[name]
    if options["affinity"]:
        os.sched_setaffinity(0, options["affinity"])
    _prctl(PR_SET_DUMPABLE, 0)  # its memory and descriptors are nobody's, in /proc as by ptrace
    if options["preload"]:
        _warm_up()
    # Orphans of a program become children of this process, where they are found and killed.
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    confinement = Confinement(options)
    gc.collect()
    gc.freeze()  # a collection in a child would otherwise copy every page
    control.send(b"ready")
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, REQUEST_BYTES, 2)
        if not data:
            return
        request = json.loads(data)
        request["address_space"] = confinement.baseline_bytes + request["memory_bytes"]
        request |= {"seed": options["seed"], "perturb": options["perturb"], "zygote": os.getpid()}
        report = _run(request, confinement, control, *descriptors)
        if report is None:
            return
        control.send(json.dumps(report).encode())


def _warm_up() -> None:
    """Do once what every child would otherwise do again."""
    # Handlers of threading and random: a child has one thread as we do, and seeds its random numbers itself.
    register, os.register_at_fork = os.register_at_fork, lambda **handlers: None
    for name in PRELOADED.split():
        importlib.import_module(name)
    os.register_at_fork = register
    # The parser, the compiler and JSON set themselves up when first used: half of a child's time.
    null = os.open("/dev/null", os.O_WRONLY)
    for _ in range(WARM_RUNS):
        results = _Results(null, "", max_chars=100, capacity_bytes=65_536)
        _evaluate("class A:\n    x = [1]\ndef f(x):\n    return {x: (1.5, 'a')}", ["1"], results)
        json.loads(json.dumps({"value": "", "line": 1}))
    os.close(null)
    del sys.modules[MODULE]


def _run(
    request: dict[str, Any], confinement: Confinement, control: socket.socket, program_fd: int, result_fd: int
) -> dict[str, Any] | None:
    """Fork, wait and reap; None when the parent has gone."""
    started = time.monotonic()
    child = _fork(confinement)
    if child == 0:
        try:
            _child(request, confinement, program_fd, result_fd)
        finally:
            os._exit(70)  # no code of the zygote may run in a child
    os.close(program_fd)
    os.close(result_fd)
    pid_fd = os.pidfd_open(child)
    try:
        end = _watch(child, pid_fd, control, confinement.reports, started, request)
        signal.pidfd_send_signal(pid_fd, signal.SIGKILL)  # to a zombie as well: it is not reaped yet
    finally:
        os.close(pid_fd)
    _, status, usage = os.wait4(child, 0)
    if not confinement.pid_namespaces:  # else the kernel ended what the first process of the namespace left
        _kill_orphans()
    if end["end"] == "parent":
        return None
    own_pid = 1 if confinement.pid_namespaces else child
    return end | {
        "status": status,
        "own_pid": own_pid,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "seconds": time.monotonic() - started,
        "memory_kib": usage.ru_maxrss,
    }


def _fork(confinement: Confinement) -> int:
    """As ``os.fork``; the child is the first process of a new namespace, where asked."""
    if not confinement.pid_namespaces:
        return os.fork()
    _check(_libc.unshare(CLONE_NEWPID), "unshare a PID namespace")
    child = os.fork()
    if child:
        _check(_libc.setns(confinement.own_pid_fd, CLONE_NEWPID), "return to the own PID namespace")
    return child


def _watch(
    child: int, pid_fd: int, control: socket.socket, reports: socket.socket, started: float, request: dict[str, Any]
) -> dict[str, Any]:
    """Wait for the child's end, and say which it is: exit, cpu, wall, call (a forbidden one) or parent (has gone).

    The time for which a crowded machine kept a child waiting for a processor is not the program's fault: it comes on
    top of the wall time, within bounds.
    """
    poll = select.poll()
    poll.register(pid_fd, select.POLLIN)
    poll.register(control, 0)  # hang-up only
    poll.register(reports, select.POLLIN)
    listener = -1
    deadline, last = started + request["wall_s"], started + request["max_wall_s"]
    try:
        while True:
            now, used_s = time.monotonic(), _used_s(child)
            if used_s >= request["cpu_s"]:
                return {"end": "cpu"}
            if now >= deadline:
                waited_s, waits = _waited(control)
                extended = max(started + request["wall_s"] + waited_s, now + SLICE_S * waits)
                if now >= (deadline := min(extended, last)):
                    return {"end": "wall"}
            # One thread can not use more processor time than passes.
            for descriptor, event in poll.poll(1000 * max(0.001, min(deadline - now, request["cpu_s"] - used_s))):
                if descriptor == pid_fd:
                    return {"end": "exit"}
                if descriptor == control.fileno():
                    return {"end": "parent"}
                if descriptor == reports.fileno():
                    listener = _sent(reports)
                    poll.register(listener, select.POLLIN)
                elif event & select.POLLIN and (call := _forbidden_call(listener)):
                    return {"end": "call"} | call
                else:
                    poll.unregister(listener)  # the child is about to end
    finally:
        for descriptor in (listener, _sent(reports)):
            if descriptor >= 0:
                os.close(descriptor)


def _waited(control: socket.socket) -> tuple[float, bool]:
    """For how long the child has waited for a processor, and whether it may be waiting now.

    The parent knows, for there is no /proc in a jail.
    """
    control.send(WAITED)
    waited_s, waits = json.loads(control.recv(REQUEST_BYTES))
    return waited_s, waits


def _sent(reports: socket.socket) -> int:
    """The descriptor that a child has sent and nobody took; -1: none."""
    try:
        _, (descriptor, *_), _, _ = socket.recv_fds(reports, 1, 1)
    except BlockingIOError:
        return -1
    return descriptor


def _used_s(child: int) -> float:
    """Processor time of a process that is not reaped yet; see MAKE_PROCESS_CPUCLOCK of <linux/posix-timers.h>."""
    return time.clock_gettime(~child << 3 | 2)


def _forbidden_call(listener: int) -> dict[str, Any] | None:
    """Number and arguments of the call that the child is held in; None if it was killed meanwhile."""
    notification = bytearray(SECCOMP_NOTIF.size)
    try:
        fcntl.ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, notification)
    except OSError:
        return None
    _, _, _, number, _, _, *arguments = SECCOMP_NOTIF.unpack(notification)
    return {"call": number, "call_arguments": arguments}


def _kill_orphans() -> None:
    """Kill whatever the program started, until nothing is left."""
    path = f"/proc/self/task/{os.getpid()}/children"
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            return
        with open(path) as children:
            for pid in children.read().split():
                os.kill(int(pid), signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def _high(descriptor: int) -> int:
    """The same file under a number that no child expects; the old number is closed."""
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD, FREE_FD)
    os.close(descriptor)
    return high


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _address_space() -> int:
    """Bytes of address space this process has mapped, to the page: the least limit at which a page more is had.

    Found by trying, as the jail has no /proc.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    page = resource.getpagesize()
    low, high = 0, 1 << 28  # in pages
    try:
        while high - low > 1:
            middle = (low + high) // 2
            resource.setrlimit(resource.RLIMIT_AS, (middle * page, hard))
            place = _mmap(None, page, 0, 0x22, -1, 0)  # private, anonymous
            if place == ctypes.c_void_p(-1).value:
                low = middle
            else:
                high = middle
                _libc.munmap(ctypes.c_void_p(place), page)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    return low * page


_mmap = _libc.mmap
_mmap.restype = ctypes.c_void_p
_mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)


class _Program(ctypes.Structure):
    """struct sock_fprog of <linux/filter.h>."""

    _fields_ = (("num_instructions", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _filter(descriptor: int) -> _Program:
    with open(descriptor, "rb") as file:
        code = file.read()
    return _Program(len(code) // 8, code)


def _ruleset(listed: list[str], read: list[str], written: list[str]) -> int:
    """A Landlock ruleset that grants these rights and denies all others that the kernel knows of."""
    version = _check(_libc.syscall(SYS_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1), "Landlock")
    known = (1 << LANDLOCK_RIGHTS[min(version, len(LANDLOCK_RIGHTS)) - 1]) - 1
    network, scope = (3 if version >= 4 else 0), (3 if version >= 6 else 0)  # all rights that exist
    attributes = struct.pack("=QQQ", known, network, scope)[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = _check(
        _libc.syscall(SYS_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0), "Landlock ruleset"
    )
    read_write = LANDLOCK_READ_FILE | LANDLOCK_WRITE_FILE
    for rights, paths in ((LANDLOCK_READ_DIR, listed), (LANDLOCK_READ_FILE, read), (read_write, written)):
        for path in paths:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            rule = struct.pack("=Qi", rights, place)
            _check(_libc.syscall(SYS_LANDLOCK_ADD, ruleset, 1, rule, 0), f"Landlock rule for {path}")
            os.close(place)
    return ruleset


# Everything below runs in a child.


def _child(request: dict[str, Any], confinement: Confinement, program_fd: int, result_fd: int) -> None:
    os.setsid()
    _arrange_descriptors(confinement, program_fd, result_fd)
    content = json.loads(os.read(PROGRAM_FD, os.fstat(PROGRAM_FD).st_size))
    os.close(PROGRAM_FD)
    _limit(request)
    _give_up_rights(request, confinement)
    os.close(confinement.reporter_fd)
    random.seed(request["seed"])  # here, as every fork seeds it anew
    if request["perturb"]:
        _perturb()
    results = _Results(
        RESULT_FD, content["seal"], max_chars=request["output_chars"], capacity_bytes=request["result_bytes"]
    )
    results.ready()
    _answer(content["program"], content["arguments"], results)
    os._exit(0)


def _arrange_descriptors(confinement: Confinement, program_fd: int, result_fd: int) -> None:
    """Every child finds the same numbers open, and nothing else."""
    program_fd, result_fd = _high(program_fd), _high(result_fd)
    # Opened for each child: one that all inherit would keep flags that a program sets on it (O_NONBLOCK).
    null = os.open("/dev/null", os.O_RDWR)
    for target, descriptor in ((0, null), (1, null), (2, null), (PROGRAM_FD, program_fd), (RESULT_FD, result_fd)):
        os.dup2(descriptor, target)
    start = RESULT_FD + 1
    for kept in sorted((confinement.ruleset_fd, confinement.reporter_fd)):
        if kept >= 0:
            os.closerange(start, kept)
            start = kept + 1
    os.closerange(start, 1 << 20)


def _limit(request: dict[str, Any]) -> None:
    """Limits that the kernel keeps, soft = hard wherever a program could raise them."""
    # Behind the zygote's, which is exact. Equal: the first process of a namespace ignores the soft limit's signal.
    whole = int(request["cpu_s"]) + 1
    memory = request["address_space"]
    for limit, soft, hard in (
        (resource.RLIMIT_CPU, whole, whole),
        (resource.RLIMIT_AS, memory, memory + MEMORY_RESERVE),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_MEMLOCK, 0, 0),
        (resource.RLIMIT_MSGQUEUE, 0, 0),
    ):
        resource.setrlimit(limit, (soft, hard))


def _give_up_rights(request: dict[str, Any], confinement: Confinement) -> None:
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    if confinement.become_user:
        uid = FIRST_UID + os.getppid() % NUM_UIDS
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    if confinement.become_user or confinement.filter:
        # Counted per user, and this one has a process: no other can be started.
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    if confinement.pid_namespaces:
        _drop_capabilities()
    # After a change of user, which clears it. A zygote that dies takes its child along.
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != (0 if confinement.pid_namespaces else request["zygote"]):
        raise ChildProcessError("the zygote died before it could take its child along")
    if confinement.ruleset_fd >= 0:
        _check(_libc.syscall(SYS_LANDLOCK_RESTRICT, confinement.ruleset_fd, 0), "Landlock")
        os.close(confinement.ruleset_fd)
    if confinement.filter:
        _load_filter(confinement)


def _drop_capabilities() -> None:
    """The zygote keeps two, to make PID namespaces; its children have none and can get none."""
    for capability in (CAP_SYS_ADMIN, CAP_SETPCAP):
        _prctl(PR_CAPBSET_DROP, capability)
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    header = struct.pack("=Ii", CAPABILITY_VERSION, 0)
    _check(_libc.syscall(SYS_CAPSET[os.uname().machine], header, bytes(24)), "capset")


def _load_filter(confinement: Confinement) -> None:
    """From here on a forbidden call stops this process, and the zygote is told of it."""
    number, flag = SYS_SECCOMP[os.uname().machine], SECCOMP_FILTER_FLAG_NEW_LISTENER
    program = ctypes.byref(confinement.filter)  # type: ignore[arg-type]
    listener = _check(_libc.syscall(number, SECCOMP_SET_MODE_FILTER, flag, program), "seccomp")
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener]))]
    confinement.reporter.sendmsg([b"."], ancillary)
    os.close(listener)


def _perturb() -> None:
    """Make addresses, random numbers and clocks differ from any other run's."""
    rng = random.Random(os.urandom(8))
    blocks: list[object] = []
    for _ in range(rng.randrange(300, 900)):
        blocks += (object(), bytes(rng.randrange(512)), [])
    rng.shuffle(blocks)
    _kept.extend(blocks[::2])
    del blocks[:]
    random.seed(rng.random())
    shift_s = 1 + rng.randrange(10**8)
    for name in ("time", "monotonic", "perf_counter"):
        _shift(name, float(shift_s))
        _shift(f"{name}_ns", shift_s * 10**9)
    _shift_defaults()


_kept: list[object] = []


def _shift(name: str, by: float) -> None:
    real = getattr(time, name)
    setattr(time, name, lambda: real() + by)


def _shift_defaults() -> None:
    """What reads the clock when called without a time takes the shifted one."""
    for name in ("localtime", "gmtime", "ctime"):
        _default(name, time.time)
    for name in ("strftime", "asctime"):
        _default(name, time.localtime, before=int(name == "strftime"))


def _default(name: str, now: Callable[[], object], *, before: int = 0) -> None:
    """Fill in the argument behind the first ``before`` ones, where it is left out or, as some allow, None."""
    real = getattr(time, name)

    def with_time(*given: Any) -> Any:
        left_out = len(given) == before or (not before and given == (None,))
        return real(*given[:before], now()) if left_out else real(*given)

    setattr(time, name, with_time)


class _Results:
    """Writes frames of four length bytes and JSON."""

    def __init__(self, descriptor: int, seal: str, *, max_chars: int, capacity_bytes: int) -> None:
        self._descriptor, self._seal, self._max_chars = descriptor, seal, max_chars
        # Nobody reads before the child has ended, so everything has to fit into the pipe.
        self._left_bytes = capacity_bytes - 4 * FRAME_BYTES
        self.position = -1  # of the argument at work

    def ready(self) -> None:
        self._write({"ready": True})

    def value(self, text: str) -> bool:
        """Whether the text was short enough to be handed over; it is never cut."""
        frame = {"value": text}
        fits = len(text) <= self._max_chars and len(json.dumps(frame)) <= self._left_bytes
        self._write(frame if fits else {"too_long": len(text)})
        return fits

    def failure(self, kind: str, line: int, message: str) -> None:
        self._write({"error": kind, "line": line, "message": message, "argument": self.position})

    def end(self) -> None:
        self._write({"seal": self._seal})

    def _write(self, frame: dict[str, Any]) -> None:
        data = json.dumps(frame).encode()
        data = struct.pack(">I", len(data)) + data
        self._left_bytes -= len(data)
        while data:
            data = data[os.write(self._descriptor, data) :]


def _answer(program: str, arguments: list[str], results: _Results) -> None:
    """Run the program, and say what it returned or how it failed."""
    spare = bytes(SPARE_BYTES)  # not touched, so it costs no page
    try:
        _evaluate(program, arguments, results)
    except BaseException as error:
        del spare
        _raise_memory_limit()
        results.failure(_said(type(error).__name__, NAME_CHARS), _line(error), _said(error, MESSAGE_CHARS))
    results.end()


def _evaluate(program: str, arguments: list[str], results: _Results) -> None:
    """Run the program, then ``f`` on each argument."""
    calls = []
    for results.position, argument in enumerate(arguments):
        calls.append(_call(argument))
    results.position = -1
    module = types.ModuleType(MODULE)
    sys.modules[MODULE] = module  # dataclasses and enum look their own module up
    exec(compile(program, FILE, "exec", dont_inherit=True), module.__dict__)
    if not callable(getattr(module, "f", None)):
        raise NameError("the program defines no function f")
    for results.position, call in enumerate(calls):
        if not results.value(repr(eval(call, module.__dict__))):
            break


def _call(argument: str) -> types.CodeType:
    """The call ``f(argument)``, and nothing else: ``1) or (2`` would be an expression of the writer's choice."""
    tree = ast.parse(f"f({argument}\n)", "<argument>", mode="eval")
    match tree.body:
        case ast.Call(func=ast.Name(id="f")):
            return compile(tree, "<argument>", "eval", dont_inherit=True)
        case _:
            raise SyntaxError("the argument is not what can stand between the parentheses of one call")


def _raise_memory_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def _line(error: BaseException) -> int:
    """The last line of the program that took part; 0 if none did."""
    line = 0
    if isinstance(error, SyntaxError) and error.filename == FILE:
        line = error.lineno or 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _said(what: object, most: int) -> str:
    try:
        return str(what)[:most].encode(errors="backslashreplace").decode()
    except BaseException:  # a __str__ of the program's own
        return ""


class _Lines(_Results):
    """Writes frames as lines of JSON, for a service that hands standard output over as text."""

    def _write(self, frame: dict[str, Any]) -> None:
        data = json.dumps(frame).encode() + b"\n"
        self._left_bytes -= len(data)
        while data:
            data = data[os.write(self._descriptor, data) :]


def alone() -> None:
    """Run the one program that standard input holds: what a remote service is asked to do (remote.py)."""
    request = json.loads(sys.stdin.buffer.read())
    descriptor, null = os.dup(1), os.open("/dev/null", os.O_RDWR)
    for target in (0, 1, 2):
        os.dup2(null, target)
    random.seed(request["seed"])
    if request["perturb"]:
        _perturb()
    capacity = request["result_bytes"] + 4 * FRAME_BYTES
    results = _Lines(descriptor, request["seal"], max_chars=request["output_chars"], capacity_bytes=capacity)
    results.ready()
    _answer(request["program"], request["arguments"], results)
    os._exit(0)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(int(sys.argv[1]), json.loads(sys.argv[2]))
    else:
        alone()
