"""The program of a zygote: an interpreter that forks one child for each untrusted program.

    parent ── socket: limits, two descriptors ──► zygote ── fork ──► child
    parent ── memory file: program, arguments ─────────────────────►   │ reads it after the fork
    parent ◄─ pipe: ready, one frame a value, the seal ─────────────   ┘ runs, writes, exits
    parent ◄─ socket: how the child ended ─────── zygote (waits with a deadline, kills, reaps)

The zygote passes both descriptors on without reading them: whatever it held, the next child could find in its
copy of the zygote's memory: an earlier program, or an earlier program's value. Started as
``python -s -P -S runner.py SOCKET SEED PERTURB`` with an environment of its own (never ``-I``, which ignores
PYTHONHASHSEED); imports the standard library only.

Nothing a child says is more than the claimed output of its program. The ready frame, written before the program
starts, tells a failure of ours from one of the program; the seal, a random text that the child reads before the
program starts and writes after its last value, tells a program that ran to its end from one that left early.
"""

from __future__ import annotations

import ast
import ctypes
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
from typing import Any

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
MESSAGE_CHARS, FRAME_BYTES = 200, 4096  # of an error; a frame about one takes less
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 36, 38
# A child of a root zygote becomes one of these users, a different one in each of many zygotes.
FIRST_UID, NUM_UIDS = 64_000, 1_000
MODULE, FILE = "program", "<program>"

_libc = ctypes.CDLL(None, use_errno=True)


def main(control_fd: int, *, seed: int, perturb: bool) -> None:
    """Serve runs until the other end of the socket closes."""
    control = socket.socket(fileno=control_fd)
    _warm_up()
    # Orphans of a program become children of this process, where they are found and killed.
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    baseline_bytes = _address_space()
    gc.collect()
    gc.freeze()  # a collection in a child would otherwise copy every page
    control.send(b"ready")
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, REQUEST_BYTES, 2)
        if not data:
            return
        request = json.loads(data)
        request["address_space"] = baseline_bytes + request["memory_bytes"]
        request |= {"seed": seed, "perturb": perturb, "zygote": os.getpid()}
        report = _run(request, control, *descriptors)
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
    namespace: dict[str, Any] = {}
    exec(compile("class A:\n    x = [1]\ndef f(x):\n    return {x: (1.5, 'a')}", FILE, "exec"), namespace)
    json.loads(json.dumps({"value": repr(eval(_call("1"), namespace)), "line": 1}))


def _run(request: dict[str, Any], control: socket.socket, program_fd: int, result_fd: int) -> dict[str, Any] | None:
    """Fork, wait and reap; None when the parent has gone."""
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        try:
            _child(request, program_fd, result_fd)
        finally:
            os._exit(70)  # no code of the zygote may run in a child
    os.close(program_fd)
    os.close(result_fd)
    pid_fd = os.pidfd_open(child)
    try:
        poll = select.poll()
        poll.register(pid_fd, select.POLLIN)
        poll.register(control, 0)  # hang-up only
        events = _wait(poll, child, started, request)
        signal.pidfd_send_signal(pid_fd, signal.SIGKILL)  # to a zombie as well: it is not reaped yet
    finally:
        os.close(pid_fd)
    _, status, usage = os.wait4(child, 0)
    _kill_orphans()
    if any(descriptor == control.fileno() for descriptor, _ in events):
        return None
    return {
        "status": status,
        "timed_out": not events,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "seconds": time.monotonic() - started,
    }


def _wait(poll: select.poll, child: int, started: float, request: dict[str, Any]) -> list[tuple[int, int]]:
    """Until the child ends, the parent goes or the wall time is over; what happened, [] for the last.

    A child that computes when its wall time is over was kept from its processor time by a crowded machine, which
    is not the program's fault: it gets more, and ends at its processor limit if it is endless.
    """
    wait_s = request["wall_s"]
    while True:
        if events := poll.poll(wait_s * 1000):
            return events
        with open(f"/proc/{child}/stat") as stat:
            computes = stat.read().rpartition(")")[2].split()[0] == "R"
        wait_s = min(request["wall_s"], started + request["max_wall_s"] - time.monotonic())
        if not computes or wait_s <= 0:
            return []


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


def _address_space() -> int:
    """Bytes of address space this process has mapped."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()


# Everything below runs in a child.


def _child(request: dict[str, Any], program_fd: int, result_fd: int) -> None:
    os.setsid()
    program_fd, result_fd = _only_these_open(program_fd, result_fd)
    with open(program_fd, "rb") as file:
        content = json.loads(file.read())
    _confine(request)
    random.seed(request["seed"])  # here, as every fork seeds it anew
    if request["perturb"]:
        _perturb()
    results = _Results(
        result_fd, content["seal"], max_chars=request["output_chars"], capacity_bytes=request["result_bytes"]
    )
    results.ready()
    _answer(content["program"], content["arguments"], results)
    os._exit(0)


def _only_these_open(program_fd: int, result_fd: int) -> tuple[int, int]:
    """Close everything else; standard streams become /dev/null."""
    null = os.open("/dev/null", os.O_RDWR)
    for target in (0, 1, 2):
        os.dup2(null, target)
    low, high = sorted((program_fd, result_fd))
    os.closerange(3, low)
    os.closerange(low + 1, high)
    os.closerange(high + 1, 1 << 20)
    return program_fd, result_fd


def _confine(request: dict[str, Any]) -> None:
    """Limits that the kernel keeps, soft = hard wherever a program could raise them."""
    cpu_s = request["cpu_s"]
    # The timer is exact but can be disarmed by the program; the limit behind it counts whole seconds.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    whole = int(cpu_s) + 1
    memory = request["address_space"]
    for limit, soft, hard in (
        (resource.RLIMIT_CPU, whole, whole),
        (resource.RLIMIT_AS, memory, memory + MEMORY_RESERVE),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        resource.setrlimit(limit, (soft, hard))
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    if os.geteuid() == 0:
        uid = FIRST_UID + os.getppid() % NUM_UIDS
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        # Counted per user: only a user that runs nothing else can be forbidden to start processes and threads.
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    # Last: a change of user clears it. A zygote that dies takes its child along.
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != request["zygote"]:
        raise ChildProcessError("the zygote died before it could take its child along")


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


_kept: list[object] = []


def _shift(name: str, by: float) -> None:
    real = getattr(time, name)
    setattr(time, name, lambda: real() + by)


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
    """Run the program, then ``f`` on each argument, up to the first that fails."""
    spare = bytes(SPARE_BYTES)  # not touched, so it costs no page
    try:
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
    except BaseException as error:
        del spare
        _raise_memory_limit()
        results.failure(type(error).__name__, _line(error), _message(error))
    results.end()


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


def _message(error: BaseException) -> str:
    try:
        return str(error)[:MESSAGE_CHARS].encode(errors="backslashreplace").decode()
    except BaseException:  # a __str__ of the program's own
        return ""


if __name__ == "__main__":
    main(int(sys.argv[1]), seed=int(sys.argv[2]), perturb=sys.argv[3] == "1")
