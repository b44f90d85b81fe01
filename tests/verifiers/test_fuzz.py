"""Programs and inputs of every shape: each gets one verdict, none breaks the machinery.

``SPARRING_FUZZ_CASES=20000`` makes the first test as long as a release wants it.
"""

import asyncio
import os
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sparring.core.claims import ProgramRun
from sparring.core.config import ExecutorConfig
from sparring.core.types import Outcome
from sparring.recipes.corpus import draw_specimen
from sparring.verifiers.executor import ExecutorPool
from sparring.verifiers.protocol import MAX_PROGRAM_BYTES

pytestmark = pytest.mark.service  # real jails, and more than seconds

CASES = int(os.environ.get("SPARRING_FUZZ_CASES", "300"))
CONFIG = ExecutorConfig(processes=1, cpu_s=0.5, wall_s=1.0, memory_mib=64, output_chars=500)
HONEST = ProgramRun(program="def f(x):\n    return x * x", arguments=("12",), expected=("144",), check_determinism=True)
MEGABYTE = 1 << 20

CORPUS = [draw_specimen(Random(seed), 1 + seed % 4).program for seed in range(40)]
# Every character, those without an encoding too.
TEXT = st.text(st.characters(), max_size=200)
LINES = (
    "x = x + 1", "return x", "return [x] * 3", "yield x", "raise ValueError(x)", "import os", "del x", "x = x[::-1]",
    "for i in range(3): x = (x, i)", "return f(x)", "global f", "f = None", "print(x)", "return lambda: x", "await x",
    "while True: x = [x]", "return open('/etc/passwd').read()", "class f: pass", "return '\\udc80'", "return 10**5000",
    "import sys; sys.exit(x)", "return (yield)", "try: f(x)\n    except BaseException: pass", "return float('nan')",
    "return {x: x}", "return {1, 2, x}", "import socket; socket.socket()", "return b'\\xff' * 9", "assert not x",
)  # fmt: skip
LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
).map(repr)
ARGUMENTS = st.one_of(
    LITERALS,
    TEXT,
    st.sampled_from(["", "1, 2", "*[1]", "**{}", "1)", "(", "#", "1\n", "x", "f", "__import__('os')", "\0"]),
)


def assembled(lines):
    return "def f(x):\n" + "".join(f"    {line}\n" for line in lines)


@st.composite
def damaged(draw):
    """An honest program with some characters put in or taken out."""
    text = draw(st.sampled_from(CORPUS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(st.text(st.characters(), max_size=3)) + text[start + draw(st.integers(0, 3)) :]
    return text


SIZES = st.integers(0, MAX_PROGRAM_BYTES + 10).map(lambda size: f"def f(x):\n    return {'1' * 9}\n#".ljust(size, "#"))
PROGRAMS = st.one_of(
    st.sampled_from(CORPUS),
    damaged(),
    TEXT,
    st.lists(st.sampled_from(LINES), min_size=1, max_size=5).map(assembled),
    SIZES,
)


@pytest.fixture(scope="module")
def bench():
    """A pool, and a function that gives its verdict."""
    with asyncio.Runner() as runner:
        pool = ExecutorPool(CONFIG)
        yield pool, lambda claim: runner.run(pool.verify(claim))
        runner.run(pool.close())


@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(program=PROGRAMS, arguments=st.lists(ARGUMENTS, max_size=3), check=st.booleans(), expects=st.booleans())
@pytest.mark.timeout(120 + CASES)
def test_every_program_gets_a_verdict_and_breaks_nothing(bench, program, arguments, check, expects):
    pool, verify = bench
    expected = tuple("'never this'" for _ in arguments) if expects else None
    claim = ProgramRun(program=program, arguments=tuple(arguments), expected=expected, check_determinism=check)
    verdict = verify(claim)
    assert verdict.outcome is not Outcome.INFRASTRUCTURE
    assert pool.tally.infrastructure == 0
    assert not (verdict.passed and expected)
    assert verdict.outcome is not Outcome.OK or len(verdict.outputs) == len(arguments)


def test_the_pool_is_healthy_after_all_of_them(bench):
    pool, verify = bench
    assert verify(HONEST).passed
    assert pool.tally.infrastructure == 0


REFUSED = {
    "not UTF-8": ("def f(x):\n    return '\ud800'", ("1",), "not encodable as UTF-8"),
    "an argument that is not UTF-8": ("def f(x):\n    return 1", ("'\udcff'",), "not encodable as UTF-8"),
    "ten megabytes of source": ("def f(x):\n    return 1\n" + "#" * (10 * MEGABYTE), ("1",), "bytes, at most"),
    "ten megabytes of argument": ("def f(x):\n    return 1", ("'" + "a" * (10 * MEGABYTE) + "'",), "bytes, at most"),
    "a thousand arguments": ("def f(x):\n    return 1", ("1",) * 1000, "arguments, at most"),
}
BROKEN = {
    "NUL in the source": ("def f(x):\n    return 1\0", ("1",), r"SyntaxError|ValueError"),
    "NUL in the argument": ("def f(x):\n    return x", ("1\0",), r"SyntaxError|ValueError"),
    "an argument that does not parse": ("def f(x):\n    return x", ("1 +",), "SyntaxError"),
    "an argument that closes the call": ("def f(x):\n    return x", ("1) + (2",), "SyntaxError"),
    "a program that does not parse": ("def f(x:\n    return x", ("1",), "SyntaxError"),
    "no program at all": ("", ("1",), "NameError"),
    "brackets without end": ("x = " + "(" * 20_000, ("1",), r"SyntaxError|MemoryError|RecursionError"),
}


@pytest.mark.parametrize(
    ("program", "arguments", "reason"), REFUSED.values(), ids=[n.replace(" ", "_") for n in REFUSED]
)
def test_what_no_program_may_be_is_forbidden_in_words(bench, program, arguments, reason):
    pool, verify = bench
    verdict = verify(ProgramRun(program=program, arguments=arguments))
    assert verdict.outcome is Outcome.FORBIDDEN
    assert reason in verdict.message
    assert verify(HONEST).passed
    assert pool.tally.infrastructure == 0


@pytest.mark.parametrize(
    ("program", "arguments", "kind"), BROKEN.values(), ids=[name.replace(" ", "_") for name in BROKEN]
)
def test_a_text_that_is_no_program_fails_like_one_that_raises(bench, program, arguments, kind):
    pool, verify = bench
    verdict = verify(ProgramRun(program=program, arguments=arguments))
    assert verdict.outcome in (Outcome.RUNTIME_ERROR, Outcome.MEMORY)
    assert verdict.outcome is Outcome.MEMORY or any(name in verdict.message for name in kind.split("|"))
    assert verify(HONEST).passed
    assert pool.tally.infrastructure == 0


LIMITS = [
    *(
        {"cpu_s": 0},
        {"wall_s": -1},
        {"memory_mib": 0},
        {"memory_mib": "much"},
        {"output_chars": 0},
    ),
    *({"processes": 0}, {"max_retries": -1}, {"tier": "E"}),
    *({name: value} for name in ("cpu_s", "wall_s") for value in (float("inf"), float("nan"), 1e6)),
    *({"memory_mib": 2**44}, {"output_chars": 65_537}),
]


@pytest.mark.parametrize("limits", LIMITS, ids=str)
def test_limits_out_of_range_are_refused_by_name(limits):
    (name,) = limits
    with pytest.raises(ValidationError, match=name):
        ExecutorConfig.model_validate(limits)
