"""The command ``sparring execute``, with a real executor of the weakest tier, which works everywhere."""

import json

import pytest
from typer.testing import CliRunner

from sparring.core.errors import UsageError
from sparring.deploy.cli import app
from sparring.verifiers.tiers import missing


def execute(tmp_path, program, *options, tier="X"):
    file = tmp_path / "program.py"
    file.write_bytes(program if isinstance(program, bytes) else program.encode())
    return CliRunner().invoke(app, ["execute", str(file), "--tier", tier, *options])


def test_the_verdict_is_printed_for_people(tmp_path):
    seen = execute(tmp_path, "def f(x, y=2):\n    return [x] * y", "--input", "'a'", "--input", "1, 3")
    assert seen.exit_code == 0
    first, *values, last = seen.output.splitlines()
    assert (first, values) == ("ok", ["  ['a', 'a']", "  [1, 1, 1]"])
    assert last.startswith("tier X, ")


def test_the_verdict_is_printed_for_programs_and_a_failure_is_an_exit_code(tmp_path):
    seen = execute(tmp_path, "def f():\n    return 1 / 0", "--json")
    assert seen.exit_code == 1
    told = json.loads(seen.output)
    assert (told["tier"], told["outcome"], told["passed"]) == ("X", "runtime_error", False)
    assert "division by zero (line 2, argument 0)" in told["message"]
    assert {"seconds", "cpu_s", "memory_mib", "outputs"} <= set(told)


def test_nothing_a_program_says_reaches_the_terminal_as_a_command(tmp_path):
    seen = execute(tmp_path, "def f():\n    raise ValueError('\\x1b[2J\\r')")
    assert seen.output.startswith(r"runtime_error: ValueError: \x1b[2J\r (line 2")


def test_a_changing_program_is_found_out(tmp_path):
    seen = execute(tmp_path, "import random\ndef f():\n    return random.random()", "--deterministic")
    assert seen.exit_code == 1
    assert seen.output.startswith("nondeterministic")


@pytest.mark.skipif(bool(missing("A")), reason=missing("A"))
def test_a_tier_can_be_named(tmp_path):
    seen = execute(tmp_path, "import os\ndef f():\n    os.fork()", tier="A")
    assert (seen.exit_code, seen.output.splitlines()[0]) == (1, "forbidden: forbidden call: clone")


@pytest.mark.parametrize(
    ("program", "options", "message"),
    [
        (b"\xff", [], "no UTF-8 text"),
        (b"", ["--cpu-s", "0"], "cpu_s 0.0"),
        (b"", ["--memory-mib", "1"], "memory_mib 1"),
        (b"", ["--tier", "Q"], "tier 'Q'"),
        (b"", ["--tier", "D"], "remote_url"),
    ],
)
def test_what_can_not_be_run_is_said(tmp_path, program, options, message):
    seen = execute(tmp_path, program, *options)
    assert isinstance(seen.exception, UsageError)
    assert message in str(seen.exception)
