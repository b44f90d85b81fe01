"""What is sent to Lean, and where positions in it lead back to."""

import importlib
import sys
from pathlib import Path

import pytest

from sparring.verifiers.proofs import lean_text
from sparring.verifiers.proofs.lean_lexer import tokens

sys.path.append(str(Path(__file__).parent / "lean"))
cases = importlib.import_module("lean_cases")


def test_the_statement_is_ours_under_a_fresh_name_and_the_proof_stands_between_our_brackets():
    declared = lean_text.declaration(cases.claim("by\n  rfl", statement="1 = 1"), nonce="7f")
    assert declared.name == "goal_7f"
    assert declared.text == "theorem goal_7f : (\n1 = 1\n) := (\nby\n  rfl\n)\n"


def test_binders_of_a_statement_stay_in_front_of_its_colon():
    statement = "{p : Prop} (h : p)\n  [Inhabited Nat] : p ∧ True"
    declared = lean_text.declaration(cases.claim("⟨h, trivial⟩", statement=statement), nonce="7f")
    assert (
        declared.text
        == "theorem goal_7f {p : Prop} (h : p)\n  [Inhabited Nat]\n: (\np ∧ True\n) := (\n⟨h, trivial⟩\n)\n"
    )


@pytest.mark.parametrize(
    "statement",
    [
        "(a + b) = c",
        "(f x) ∧ ∃ y : Nat, y = 1",
        "∀ n : Nat, n = n",
        "⟨1, rfl⟩ = x",
        "(fun x : Nat => x) = id",
        "p → q",
        "(p)",
    ],
)
def test_a_proposition_that_begins_with_a_bracket_is_no_signature(statement):
    assert lean_text.signature(statement) == ("", statement)


def test_comments_at_the_end_do_not_swallow_our_brackets():
    declared = lean_text.declaration(cases.claim("rfl -- end", statement="1 = 1 -- end"), nonce="7f")
    assert [token.text for token in tokens(declared.text)][-3:] == ["(", "rfl", ")"]


def test_positions_are_given_in_the_proof_or_the_statement():
    declared = lean_text.declaration(cases.claim("by\n  simp", statement="1 =\n  1"), nonce="7f")
    lines = declared.text.split("\n")
    assert declared.place(lines.index("  simp") + 1, 2) == "2:2"
    assert declared.place(lines.index("  1") + 1, 2) == "statement 2:2"


def test_a_statement_may_not_do_what_a_proof_may_not():
    refusal = lean_text.refusal(cases.claim("trivial", statement="True) axiom cheat : (False"))
    assert refusal is not None
    assert (refusal.outcome, refusal.rule) == ("failed", "statement")


def test_equal_headers_have_one_key():
    one = lean_text.header_key("import Mathlib\r\nimport Mathlib  \n\n\nopen Nat\n")
    assert one == lean_text.header_key("import Mathlib\nopen Nat") == "import Mathlib\nopen Nat"
    assert lean_text.header_key("open Nat\nimport Mathlib") != one
    assert lean_text.header_key(one) == one
