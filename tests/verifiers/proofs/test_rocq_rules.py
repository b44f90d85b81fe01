"""What a model's Rocq proof may consist of, and how the text is cut into sentences."""

import pytest

from sparring.core.types import Outcome
from sparring.verifiers.proofs.rocq_lexer import Unreadable, names, sentences
from sparring.verifiers.proofs.rocq_rules import header_sentences, proposition, refusal, statement_problem, tactics

ALLOWED = [
    "",
    "auto.",
    "Proof.\nintros n. lia.",
    "induction n as [|n' IH].\n- reflexivity.\n- simpl. rewrite IH. reflexivity.",
    "{ auto. }\n{ auto. }",
    "1: { auto. } 2: auto. all: try lia. 1-2,3: auto. [goal_1]: auto. !: auto. par: auto.",
    "-- auto. ++ auto. ** auto.",
    "(intros; auto).",
    "[> auto .. ].",
    "split; [ | .. ]; auto.",
    "auto...",
    '(* a (* nested *) comment with "a string *)" in it *) auto.',
    "auto (* Admitted. *).",
    'idtac "Admitted. ""Qed."" ".',
    "Z.to_euclidean_division_equations; lia. Nat.order.",
    "exact (x.(field)).",
    "rewrite Nat.add_comm, <- H.",
    "pose (y := 1.5).",
    "intros ξ Ψ. exact (ξ ∧ Ψ).",
    "exact Set.",
    "_tactic.",
    "apply fix_eq. rewrite fix', prefix, Fix_F_eq, cofix_1. (* fix f 1. *)",
    'idtac "fix f 1".',
]
CHEATS = {
    "command": [
        "auto. Qed. Axiom cheat : False.",
        "Admitted.",
        "Proof using. auto.",
        "auto.\tAdmitted.",
        "auto.\r\nAdmitted.",
        "- Admitted.",
        "{ Admitted. }",
        "{}Admitted.",
        "--Admitted.",
        "1: { Admitted. }",
        "all: Admitted.",
        "1-2: Qed.",
        "[goal]: Admitted.",
        "(* c *) Admitted.",
        "(* c *)Admitted.",
        'idtac "a" "b". Redirect "file" Print nat.',
        "Time auto.",
        "Fail auto.",
        "Timeout 5 auto.",
        "Set Printing All.",
        "Local Unset Guard Checking.",
        "Opaque x.",
        "Eval compute in 1.",
        "Ltac2 Eval 1.",
        "Proof. Proof. auto.",
        "auto... Admitted.",
        "Ærø.",  # not ASCII, but upper case
    ],
    "attribute": ["#[local] Hint Resolve x : core.", "#[ global] auto."],
    "fixpoint": [
        "fix f 1.",
        "cofix f.",
        "exact ((fix f (n : nat) : False := f n) 0).",
        "refine (ltac:(fix f 1)).",
        "idtac;fix(* *)f 1.",
        "all: fix f 1.",
        "exact (1fix).",
    ],
    "no-tactic": ['"auto" Admitted.', "?x Admitted.", ": Admitted.", "@Admitted.", "=> Admitted."],
}
UNREADABLE = {
    "unterminated-sentence": ["auto", "exact (fun n =>", "auto; Admitted", "exact I.."],
    "unterminated-comment": ["auto. (* ", '(* "*)" auto.', "(* (* *) auto."],
    "unterminated-string": ['idtac "a. auto.'],
    "character": [
        "auto.\u00a0Admitted.",
        "auto.\x0bAdmitted.",
        "auto.\x0cQed.",
        "a\u202euto.",
        "auto.\u2028Qed.",
        "\x1b[2J.",
    ],
    "dot": ["auto.Admitted.}", "auto.-auto.", 'auto."s" auto.', "a....b."],
}


@pytest.mark.parametrize("proof", ALLOWED)
def test_tactics_bullets_and_braces_are_sent(proof):
    assert refusal(proof) is None


@pytest.mark.parametrize(("rule", "proof"), [(rule, proof) for rule, proofs in CHEATS.items() for proof in proofs])
def test_anything_else_is_a_cheat_under_the_rule_it_breaks(rule, proof):
    found = refusal(proof)
    assert found is not None
    assert (found.outcome, found.rule) == (Outcome.CHEATED, rule)


@pytest.mark.parametrize(("rule", "proof"), [(rule, proof) for rule, proofs in UNREADABLE.items() for proof in proofs])
def test_text_without_a_certain_reading_is_refused(rule, proof):
    found = refusal(proof)
    assert found is not None
    assert (found.outcome, found.rule) in {(Outcome.FAILED, rule), (Outcome.CHEATED, "command")}
    if rule != "dot":
        assert found.outcome is Outcome.FAILED


def test_a_refusal_says_where():
    found = refusal("auto.\n  Admitted.")
    assert found is not None
    assert "line 2, column 3" in found.message


def test_comments_are_never_sent():
    # Rocq itself reads ".(" as a token here, and so Admitted as a command.
    assert [sentence.text.split() for sentence in tactics("foo.(* x. Admitted. *) auto.")] == [["foo."], ["auto."]]


def test_every_sentence_keeps_its_place_in_the_text():
    text = 'a. (* b. *) c "d. e". - f... 1: { g. }'
    found = sentences(text)
    assert [one.text for one in found] == ["a.", 'c "d. e".', "-", "f...", "1: {", "g.", "}"]
    assert all(text[one.start :].startswith(one.text) for one in found)


def test_names_are_found_outside_strings_and_in_one_piece():
    assert list(names('f Nat.add "x.y" (g\' _h) 12')) == ["f", "Nat.add", "g'", "_h"]


@pytest.mark.parametrize(
    "statement", ["True. Admitted", "True (* x", "", "  ", "(* c *)", "True.\nAxiom x : False", "a ."]
)
def test_a_statement_that_ends_early_or_never_is_refused(statement):
    assert statement_problem(statement)


def test_a_statement_is_sent_in_parentheses_and_without_comments():
    assert statement_problem("True (* yes *)") == ""
    assert statement_problem("True.(* x. Admitted. *)")
    assert proposition("forall n, n = n (* c *)") == "(forall n, n = n)"


def test_headers_that_differ_in_blanks_and_comments_alone_are_one():
    assert header_sentences("Require  Import\n Lia. (* arithmetic *)") == header_sentences("Require Import Lia.")
    assert header_sentences('Notation "a  b" := 1.') != header_sentences('Notation "a b" := 1.')
    with pytest.raises(Unreadable):
        header_sentences("Require Import Lia")
