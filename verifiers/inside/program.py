"""Runs a program and writes what it returns: a ready frame, one frame a value, the seal.

Nothing written here is more than a claim. The ready frame, written before the program starts, tells a failure of ours
from one of the program; the seal, a random text that is read before the program starts and written after its last
value, tells a program that ran to its end from one that left early. One file with the standard library only: a remote
service is sent it as it is (remote.py).
"""

from __future__ import annotations

import ast
import os
import random
import resource
import sys
import time
import types
from collections.abc import Callable
from typing import Any

# Held back, to have something to say with that the memory ran out.
SPARE_BYTES = 2 << 20
# Of an error; a frame about one takes less, with 10 bytes for a character.
MESSAGE_CHARS, NAME_CHARS, FRAME_BYTES = 200, 100, 4096
MODULE, FILE = "program", "<program>"
# How a frame begins; see reading.py. No JSON: a child that uses less of the interpreter copies fewer pages of it.
READY, VALUE, TOO_LONG, ERROR, SEAL = b"r", b"v", b"t", b"e", b"s"


class Results:
    """Writes frames: four length bytes, one byte that says what it is, text."""

    def __init__(self, descriptor: int, seal: str, *, max_chars: int, capacity_bytes: int) -> None:
        self._descriptor, self._seal, self._max_chars = descriptor, seal, max_chars
        # Nobody reads before the child has ended, so everything has to fit into the pipe.
        self._left_bytes = capacity_bytes - 4 * FRAME_BYTES
        self.position = -1  # of the argument at work

    def ready(self) -> None:
        self._write(READY, b"")

    def value(self, text: str) -> bool:
        """Whether the text was short enough to be handed over; it is never cut."""
        fits = len(text) <= self._max_chars
        if fits:
            data = text.encode(errors="backslashreplace")  # of a repr of the program's own
            fits = len(data) <= self._left_bytes
        self._write(VALUE, data) if fits else self._write(TOO_LONG, str(len(text)).encode())
        return fits

    def failure(self, kind: str, line: int, message: str) -> None:
        self._write(ERROR, f"{line} {self.position} {kind}\n{message}".encode())

    def end(self) -> None:
        self._write(SEAL, self._seal.encode())

    def _write(self, kind: bytes, content: bytes) -> None:
        data = (len(content) + 1).to_bytes(4, "big") + kind + content
        self._left_bytes -= len(data)
        while data:
            data = data[os.write(self._descriptor, data) :]


def answer(program: str, arguments: list[str], results: Results) -> None:
    """Run the program, and say what it returned or how it failed."""
    spare = bytes(SPARE_BYTES)  # not touched, so it costs no page
    try:
        evaluate(program, arguments, results)
    except BaseException as error:
        del spare
        _raise_memory_limit()
        results.failure(_said(type(error).__name__, NAME_CHARS), _line(error), _said(error, MESSAGE_CHARS))
    results.end()


def evaluate(program: str, arguments: list[str], results: Results) -> None:
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
    call = f"f({argument}\n)"
    try:
        # A parenthesis that ends the call early would have to be followed by a colon here, and by none there.
        compile(f"class f({argument}\n): pass", "<argument>", "exec", dont_inherit=True)
        return compile(call, "<argument>", "eval", dont_inherit=True)
    except SyntaxError:
        pass  # either it is none, or one of the few that a call may have and a class not
    tree = ast.parse(call, "<argument>", mode="eval")
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


_kept: list[object] = []


def perturb() -> None:
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
    for name in ("time", "monotonic", "perf_counter", "clock_gettime"):
        _shift(name, float(shift_s))
        _shift(f"{name}_ns", shift_s * 10**9)
    _shift_defaults()


def shun_datetime_in_c() -> None:
    """Let ``datetime`` be the one in Python, which asks ``time`` for the time: the other has a clock of its own.

    In every interpreter alike: the two differ in texts of errors, and in speed.
    """
    sys.modules["_datetime"] = None  # type: ignore[assignment]


def _shift(name: str, by: float) -> None:
    real = getattr(time, name)
    setattr(time, name, lambda *clock: real(*clock) + by)


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


class _Lines(Results):
    """Writes frames as lines of hexadecimal digits, for a service that hands standard output over as text."""

    def _write(self, kind: bytes, content: bytes) -> None:
        data = (kind + content).hex().encode() + b"\n"
        self._left_bytes -= len(content) + 5  # as much as anywhere else
        while data:
            data = data[os.write(self._descriptor, data) :]


def alone() -> None:
    """Run the one program that standard input holds: what a remote service is asked to do (remote.py)."""
    import json

    request = json.loads(sys.stdin.buffer.read())
    descriptor, null = os.dup(1), os.open("/dev/null", os.O_RDWR)
    for target in (0, 1, 2):
        os.dup2(null, target)
    random.seed(request["seed"])
    shun_datetime_in_c()
    if request["perturb"]:
        perturb()
    capacity = request["result_bytes"] + 4 * FRAME_BYTES
    results = _Lines(descriptor, request["seal"], max_chars=request["output_chars"], capacity_bytes=capacity)
    results.ready()
    answer(request["program"], request["arguments"], results)
    os._exit(0)


if __name__ == "__main__":
    alone()
