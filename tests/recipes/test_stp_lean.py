# ruff: noqa: RUF001 - Lean is written with such letters
import json
from pathlib import Path

import pytest

from sparring.recipes.fragment import Malformed
from sparring.recipes.stp_lean import HEADER, LeanDialect

GOOD = " sum_comm (a b : ℝ) (h : a ≤ b) : a + b = b + a\n</hard theorem> and more"


@pytest.fixture
def dialect(tmp_path):
    path = tmp_path / "lemmas.jsonl"
    path.write_text(
        json.dumps({"name": "Nat.add_comm", "statement": "theorem Nat.add_comm (n m : ℕ) : n + m = m + n := x"})
    )
    return LeanDialect(path)


def test_a_conjecture_is_a_theorem_of_binders_and_one_proposition(dialect):
    statement = dialect.read_conjecture(GOOD)
    assert statement == "theorem sum_comm (a b : ℝ) (h : a ≤ b) : a + b = b + a"
    claim = dialect.claim({"statement": statement}, "  ring")
    assert claim.statement == "∀ (a b : ℝ) (h : a ≤ b), a + b = b + a"
    assert (claim.backend, claim.header, claim.proof) == ("lean", HEADER, "by\n  ring")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " x",
        " x (a : ℝ)",
        " x (a : ℝ) :",
        " x (a : ℝ : a = a",
        " x : True) (h : False",
        " x : True\naxiom cheat : False",
        " x : True -- comment\n",
        " x : 1 = 1\n#eval 1",
        " x (h : by exact False) : True",
        " x : True\nend Foo",
        " x : open Foo in True",
        ' x : "a" = "a"',
        " x : sorry",
        " x : True; theorem y : True",
        " 1x : True",
    ],
)
def test_what_is_more_than_a_statement_is_refused(dialect, text):
    with pytest.raises(Malformed):
        dialect.read_conjecture(text)


def test_what_follows_the_statement_s_end_is_cut_off(dialect):
    assert dialect.read_conjecture(" x : 1 = 1 := by simp\naxiom cheat : False") == "theorem x : 1 = 1"


def test_statements_that_differ_in_spaces_and_names_have_one_key(dialect):
    one = dialect.key("theorem foo (a b : ℝ) (h : a ≤ b) : a + b = b + a")
    assert one == dialect.key("theorem bar (x  y : ℝ)\n (k : x ≤ y) : x + y =  y + x")
    assert one != dialect.key("theorem foo (a b : ℝ) (h : b ≤ a) : a + b = b + a")


def test_prompts_show_lemma_seed_and_proof_and_their_statements_only(dialect):
    prompt = dialect.conjecturer_prompt(lemma="Nat.add_comm", statement="theorem s : True", proof="  trivial")
    assert prompt.endswith(
        "<lemma>\ntheorem Nat.add_comm (n m : ℕ) : n + m = m + n\n<easy theorem>\ntheorem s : True := by\n  trivial\n"
        "<hard theorem>\ntheorem"
    )
    assert "theorem true : True\n" in dialect.conjecturer_prompt(lemma=None, statement="theorem s : True", proof="")
    assert dialect.prover_prompt({"statement": "theorem s : True"}).endswith("theorem s : True := by\n")


def test_a_proof_ends_at_the_closing_fence(dialect):
    assert dialect.read_proof("  simp\n  ring\n```\nmore") == "  simp\n  ring"


def test_only_lemmas_of_the_file_count_as_used(dialect):
    assert dialect.lemmas(["Eq.symm", "Nat.add_comm"]) == ("Nat.add_comm",)


def test_the_prompts_are_in_files():
    assert "lean4" in Path("recipes/prompts/stp/lean.txt").read_text()
