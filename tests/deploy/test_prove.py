"""The command ``sparring prove``, with a real Rocq where it is installed."""

import json

import pytest
from typer.testing import CliRunner

from sparring.core.errors import UsageError
from sparring.deploy.cli import app
from sparring.verifiers.proofs.rocq_tools import missing

PLUS_ZERO = "forall n : nat, n + 0 = n"
needs_rocq = pytest.mark.skipif(bool(missing()), reason=missing())


def prove(*options):
    return CliRunner().invoke(app, ["prove", *options])


@pytest.mark.service
@needs_rocq
def test_the_verdict_is_printed_for_programs_and_a_proof_is_exit_code_0():
    seen = prove("--statement", PLUS_ZERO, "--proof", "induction n; auto.", "--wall-s", "60", "--json")
    told = json.loads(seen.output)
    assert (seen.exit_code, told["outcome"], told["passed"], told["message"]) == (0, "proved", True, "")
    assert told["seconds"] > 0


@pytest.mark.service
@needs_rocq
def test_texts_can_be_files_and_a_refusal_says_where(tmp_path):
    for name, text in (("statement", PLUS_ZERO), ("proof", "intros n.\nnope."), ("header", "Require Import Lia.")):
        (tmp_path / name).write_text(text)
    options = [f"--{name}-file={tmp_path / name}" for name in ("statement", "proof", "header")]
    seen = prove(*options, "--wall-s", "60")
    assert seen.exit_code == 1
    assert seen.output.startswith("failed: line 2, column 1, 'nope.'")


@needs_rocq
def test_a_cheat_is_named_without_starting_a_prover():
    seen = prove("--statement", PLUS_ZERO, "--proof", "Admitted.")
    assert seen.exit_code == 1
    assert seen.output.startswith("cheated: command: Admitted")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--statement", "True"], "the proof once"),
        (["--proof", "auto."], "the statement once"),
        (["--statement", "True", "--proof", "auto.", "--proof-file", "x"], "the proof once"),
        (["--statement-file", "/not/there", "--proof", "auto."], "no UTF-8 text"),
        (["--statement", "True", "--proof", "auto.", "--wall-s", "0"], "wall_s 0.0"),
        (["--statement", "True", "--proof", "auto.", "--backend", "isabelle"], "no prover 'isabelle'"),
    ],
)
def test_what_can_not_be_asked_is_an_error_that_says_why(options, message):
    seen = prove(*options)
    assert isinstance(seen.exception, UsageError)
    assert message in str(seen.exception)
