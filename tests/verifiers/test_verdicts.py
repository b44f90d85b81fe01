"""What becomes of each kind of program, through a real interpreter and the blocking verifier."""

import asyncio
import os
import time

import pytest

from sparring.core.claims import ProgramRun, ValueMatch
from sparring.core.config import ExecutorConfig
from sparring.core.errors import VerificationFailed
from sparring.core.types import Outcome
from sparring.verifiers.executor import BlockingVerifier
from sparring.verifiers.tiers import missing

# Much more wall time than processor time: the machine may be busy.
LIMITS = ExecutorConfig(
    processes=1, cpu_s=0.3, wall_s=10.0, memory_mib=64, output_chars=100, max_retries=1, minimum_tier="X"
)
HONEST = "def f(x):\n    return x + 1"
TIERS = [pytest.param(tier, marks=pytest.mark.skipif(bool(missing(tier)), reason=missing(tier))) for tier in "ABX"]


@pytest.fixture(scope="module", params=TIERS)
def verifier(request):
    verifier = BlockingVerifier(LIMITS.model_copy(update={"tier": request.param}))
    yield verifier
    verifier.close()


def body(*lines):
    """A program whose ``f`` is ``lines``, with the modules that mischief needs."""
    return "import os, sys, time, signal, random\ndef f(x=0):\n" + "".join(f"    {line}\n" for line in lines)


def verdict(verifier, program, *arguments, **options):
    return asyncio.run(verifier(ProgramRun(program=program, arguments=arguments or ("1",), **options)))


def test_an_honest_program_returns_the_canonical_text_of_its_values(verifier):
    seen = verdict(verifier, "def f(a, b=2):\n    return {b: (a,)}", "1", "'x', b=[3][0]", "*[1, 5]")
    assert seen.outcome is Outcome.OK
    assert seen.passed
    assert seen.outputs == ("{2: (1,)}", "{3: ('x',)}", "{5: (1,)}")


@pytest.mark.parametrize(
    ("program", "outcome", "message"),
    [
        (body("x = 0", "return 1 / x"), Outcome.RUNTIME_ERROR, "ZeroDivisionError: division by zero (line 4"),
        ("def f(x:", Outcome.RUNTIME_ERROR, "SyntaxError"),
        ("def f(x):\n    return '\0'", Outcome.RUNTIME_ERROR, "null bytes"),
        ("g = 1", Outcome.RUNTIME_ERROR, "defines no function f"),
        ("f = 1", Outcome.RUNTIME_ERROR, "defines no function f"),
        (body("return f(x)"), Outcome.RUNTIME_ERROR, "RecursionError"),
        (body("return input()"), Outcome.RUNTIME_ERROR, "EOFError"),
        (body("sys.exit(0)"), Outcome.RUNTIME_ERROR, "SystemExit: 0"),
        ("raise SystemExit", Outcome.RUNTIME_ERROR, "SystemExit"),
        (body("return object()"), Outcome.RUNTIME_ERROR, "not a literal"),
        (body("return f"), Outcome.RUNTIME_ERROR, "not a literal"),
        (body("x = []", "x.append(x)", "return x"), Outcome.RUNTIME_ERROR, "not a literal"),
        (body("sys.set_int_max_str_digits(0)", "return 10 ** 90"), Outcome.OK, ""),
        (body("return 10 ** 5000"), Outcome.RUNTIME_ERROR, "4300 digits"),
        (body("while True: pass"), Outcome.CPU_TIME, "0.3 s"),
        (body("try:", "    while True: pass", "except BaseException: return 1"), Outcome.CPU_TIME, ""),
        (body("pow(3, 10 ** 9)"), Outcome.CPU_TIME, ""),
        (body("while True: print('x' * 1000)"), Outcome.CPU_TIME, ""),
        (body("return bytearray(10 ** 11)"), Outcome.MEMORY, "64 MiB"),
        (body("x = []", "while True: x.append(bytes(100))"), Outcome.MEMORY, ""),
        (body("x = 'x'", "while True: x += x"), Outcome.MEMORY, ""),
        (body("return 'x' * 98"), Outcome.OK, ""),
        (body("return 'x' * 99"), Outcome.OUTPUT, "100 characters"),
        (body("return 'x' * 10 ** 7"), Outcome.OUTPUT, ""),
        (body("os._exit(0)"), Outcome.CRASHED, "status 0 before it had answered"),
        ("import os; os._exit(0)", Outcome.CRASHED, "before it had answered"),
        (body("os.kill(os.getpid(), 9)"), Outcome.CRASHED, "SIGKILL"),
        (body("os.abort()"), Outcome.CRASHED, "SIGABRT"),
        (body("import ctypes", "ctypes.string_at(0)"), Outcome.CRASHED, "SIGSEGV"),
        (
            body("for d in range(3, 64):", "    try: os.write(d, b'noise')", "    except OSError: pass"),
            Outcome.CRASHED,
            "",
        ),
        (body("for d in range(3, 64):", "    try: os.close(d)", "    except OSError: pass"), Outcome.CRASHED, ""),
        ("#" * 70_000, Outcome.FORBIDDEN, "65536"),
        ("x = '\ud800'", Outcome.FORBIDDEN, "UTF-8"),
    ],
)
def test_every_end_has_its_outcome_and_the_next_program_is_not_harmed(verifier, program, outcome, message):
    seen = verdict(verifier, program)
    assert seen.outcome is outcome, seen
    assert message in seen.message
    assert seen.passed is (outcome is Outcome.OK)
    assert verdict(verifier, HONEST).outputs == ("2",)


@pytest.mark.skipif(os.geteuid() != 0, reason="only a user of its own can be forbidden to fork")
@pytest.mark.parametrize(
    ("program", "message"),
    [
        (body("os.write(os.open('/tmp', os.O_TMPFILE | os.O_RDWR), b'x')"), "File too large"),
        (body("while True: os.fork()"), "BlockingIOError"),
    ],
)
def test_limits_alone_hold_back_files_and_processes(program, message):
    verifier = BlockingVerifier(LIMITS.model_copy(update={"tier": "X"}))
    try:
        seen = verdict(verifier, program)
        assert seen.outcome is Outcome.RUNTIME_ERROR
        assert message in seen.message
    finally:
        verifier.close()


@pytest.mark.parametrize("wait", ["time.sleep(60)", "os.kill(os.getpid(), signal.SIGSTOP)", "signal.sigwait({1})"])
def test_a_program_that_only_waits_ends_at_its_wall_time(wait):
    tier = "X" if "SIGSTOP" in wait else "auto"  # elsewhere no signal can be sent
    verifier = BlockingVerifier(LIMITS.model_copy(update={"wall_s": 1.0, "tier": tier}))
    try:
        started = time.monotonic()
        seen = verdict(verifier, body(wait))
        assert seen.outcome is Outcome.WALL_TIME
        assert 1.0 < seen.seconds < time.monotonic() - started < 6.0
    finally:
        verifier.close()


@pytest.mark.parametrize("argument", ["1) or (5", "1)(2", "1) if 0 else f(2", "1) #", "", "(", "undefined"])
def test_an_argument_is_only_what_stands_between_the_parentheses_of_one_call(verifier, argument):
    seen = verdict(verifier, "def f(x):\n    return x", argument)
    assert seen.outcome is Outcome.RUNTIME_ERROR
    assert "argument 0" in seen.message


def test_a_program_that_fills_its_results_with_frames_of_its_own_costs_us_nothing(verifier):
    frame = "b'\\0\\0\\0\\2v1'"
    program = body("for d in range(3, 64):", f"    try: os.write(d, {frame} * 150_000)", "    except OSError: pass")
    started = time.process_time()
    assert verdict(verifier, program).outcome is Outcome.CRASHED
    assert time.process_time() - started < 0.5


def test_forged_values_are_no_more_than_the_output_of_the_program(verifier):
    forge = "import os, struct\ndef forged(data):\n    return struct.pack('>I', len(data)) + data\n"
    late = forge + "def f(x):\n    os.write(4, forged(b'v1') + forged(b'sguess'))\n    os._exit(0)"
    many = forge + "def f(x):\n    for d in (3, 4, 5, 6, 7):\n        try: os.write(d, forged(b'v7'))\n"
    many += "        except OSError: pass\n    return 7"
    assert verdict(verifier, late, expected=("1",)).outcome is Outcome.CRASHED
    assert verdict(verifier, many, expected=("7",)).outcome is Outcome.CRASHED


def test_a_message_holds_nothing_that_a_terminal_or_a_log_would_obey(verifier):
    seen = verdict(verifier, body("raise ValueError('\\x1b[2Jgone\\r\\nok\\u202e \\xe9')"))
    assert seen.message == r"ValueError: \x1b[2Jgone\r\nok\u202e é (line 3, argument 0)"


def test_an_error_whose_type_has_a_name_without_end_is_told_in_few_words(verifier):
    seen = verdict(verifier, body("raise type('\\U0001f600' * 100_000, (Exception,), {})('\\x1b' * 100_000)"))
    assert seen.outcome is Outcome.RUNTIME_ERROR
    assert seen.message.startswith("\U0001f600" * 100 + r": \x1b\x1b")
    assert len(seen.message) < 600


def test_the_message_names_the_argument_that_failed(verifier):
    seen = verdict(verifier, "def f(x):\n    return 6 // x", "2", "0", "1")
    assert "ZeroDivisionError" in seen.message
    assert "argument 1" in seen.message


def test_oversized_arguments_and_too_many_are_not_run(verifier):
    assert verdict(verifier, HONEST, "'" + "x" * 17_000 + "'").outcome is Outcome.FORBIDDEN
    assert verdict(verifier, HONEST, *["1"] * 257).outcome is Outcome.FORBIDDEN
    assert verdict(verifier, HONEST, *["1"] * 256).passed


def test_a_program_sees_nothing_of_our_environment_nor_of_earlier_programs(verifier, monkeypatch):
    monkeypatch.setenv("HOST_SECRET", "hunter2")
    fresh = BlockingVerifier(LIMITS.model_copy(update={"tier": verifier.tier}))
    program = body(
        "try: text = open('/proc/self/environ').read()",
        "except OSError: text = ''",  # a child of root may not, and in a jail there is none
        "text += repr(os.environ)",
        "descriptors = []",
        "for d in range(64):",
        "    try: descriptors.append(os.fstat(d) and d)",
        "    except OSError: pass",
        "return ['hunter2' in text, sorted(os.environ), descriptors, '' in sys.path]",
    )
    names = "['LC_CTYPE', 'PYTHONHASHSEED', 'PYTHONUTF8']"
    try:
        # Standard streams and the results.
        assert verdict(fresh, program).outputs == (f"[False, {names}, [0, 1, 2, 4], False]",)
    finally:
        fresh.close()


def test_a_program_cannot_find_an_earlier_program_or_value_in_memory(verifier):
    held = "# golden-needle\n" * 200
    assert verdict(verifier, held + "def f(x):\n    return 'golden-' + x", "'needle'").outputs == ("'golden-needle'",)
    scan = body(
        "import ctypes",
        "size, (source, sink) = 1 << 16, os.pipe()",
        "sbrk = ctypes.CDLL(None).sbrk",
        "sbrk.restype = ctypes.c_void_p",
        "places = {(sbrk(0) >> 16) - n for n in range(1, 50)}",  # large objects are on the heap, small ones in arenas
        "places |= {(id(o) >> 16) + n for o in sys.modules.values() for n in (-1, 0, 1)}",
        "found = set()",
        "for place in sorted(places):",
        "    try: os.write(sink, (ctypes.c_char * size).from_address(place << 16))",
        "    except OSError: continue",  # nothing is mapped there
        "    memory = os.read(source, size)",
        "    found |= {b for a, b in ((b'golden-', b'needle'), (b'own-', b'mark')) if a + b in memory}",
        "return [b in found for b in (b'needle', b'mark')]",
    )
    # The mark is found, so the scan works; an interpreter that reads programs shows the needle too.
    seen = verdict(verifier, scan + "# own-mark\n" * 200)
    assert seen.outputs == ("[False, True]",), seen


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run programs as another user")
def test_a_program_of_a_root_verifier_is_nobody_and_cannot_touch_its_interpreter():
    verifier = BlockingVerifier(LIMITS.model_copy(update={"tier": "X"}))
    program = body(
        "ids = [os.getuid() > 1000, os.getgid() > 1000, os.getgroups()]",
        "try: os.kill(os.getppid(), 9)",
        "except PermissionError: return ids",
    )
    try:
        assert verdict(verifier, program).outputs == ("[True, True, []]",)
        assert verifier.tally.infrastructure == 0
    finally:
        verifier.close()


@pytest.mark.parametrize(
    "program",
    [
        body("return list({'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'})"),
        body("return hash('abc')"),
        body("return id(object())"),
        body("return random.random()"),
        body("return time.time()"),
        body("return int(time.time()) // 100"),
        body("return os.urandom(4)"),
        "class A: pass\nall = [A() for _ in range(20)]\ndef f(x):\n    return [all.index(a) for a in set(all)]",
        "count = 0\ndef f(x):\n    global count\n    count += 1\n    return count",
        "def f(x, seen=[]):\n    seen.append(x)\n    return len(seen)",
        "import os\nif os.environ['PYTHONHASHSEED'] != '0': raise ValueError\ndef f(x):\n    return x",
    ],
)
def test_what_is_not_a_function_of_its_argument_is_nondeterministic(verifier, program):
    seen = verdict(verifier, program, "1", check_determinism=True)
    assert seen.outcome is Outcome.NONDETERMINISTIC, seen
    assert seen.message
    assert not seen.passed


def test_state_that_earlier_arguments_left_behind_is_nondeterministic(verifier):
    program = "seen = []\ndef f(x):\n    seen.append(x)\n    return seen[0]"
    assert verdict(verifier, program, "1", "2", check_determinism=True).outcome is Outcome.NONDETERMINISTIC


def test_a_set_is_the_same_value_in_any_order_of_its_parts(verifier):
    seen = verdict(
        verifier, body("return {'b', 'a', 'd', 'c'}, {k: 1 for k in {'x', 'y', 'z'}}"), check_determinism=True
    )
    assert seen.passed
    assert seen.outputs[0].startswith("({'a', 'b', 'c', 'd'}, ")


def test_a_memoising_program_is_deterministic(verifier):
    program = "known = {}\ndef f(x):\n    if x not in known:\n        known[x] = x * x\n    return known[x]"
    assert verdict(verifier, program, "1", "2", "1", check_determinism=True).outputs == ("1", "4", "1")


def test_expected_values_are_compared_by_value(verifier):
    double = "def f(x):\n    return x * 2"
    assert verdict(verifier, double, "1", "[1]", expected=("2.0", "[1,1]")).passed
    wrong = verdict(verifier, double, "1", "True", "3", expected=("2", "True", "7"))
    assert (wrong.outcome, wrong.passed, wrong.outputs) == (Outcome.OK, False, ("2", "2", "6"))
    assert "2 of 3" in wrong.message


def test_value_matches_need_no_run(verifier):
    def match(answer, reference):
        return asyncio.run(verifier(ValueMatch(answer=answer, reference=reference)))

    assert match("{2, 1}", "{1, 2}").passed
    assert (match("3", "4").outcome, match("3", "4").passed) == (Outcome.OK, False)
    assert match("open('/etc/passwd')", "4").outcome is Outcome.RUNTIME_ERROR
    with pytest.raises(VerificationFailed, match="reference"):
        match("4", "four")
