from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.recipes.fragment import Malformed, canonical, parse, to_rocq, variables
from sparring.recipes.fragment_corpus import FAMILIES, draw_theorem
from sparring.recipes.fragment_lemmas import LEMMAS, lemmas_among
from sparring.recipes.fragment_prop import prove
from sparring.recipes.fragment_tactics import to_script


@pytest.mark.parametrize(
    ("text", "rocq"),
    [
        ("=+xy+yx", "forall (x y : nat), (x + y) = (y + x)"),
        ("=VVkk", "forall (k : list nat), (rev (rev k)) = k"),
        (">p|qF", "forall (p q : Prop), p -> (q \\/ False)"),
        ("<#e0", "(length (@nil nat)) <= 0"),
    ],
)
def test_a_statement_reads_in_rocq_with_its_variables_in_front(text, rocq):
    assert to_rocq(parse(text)) == rocq


@pytest.mark.parametrize("text", ["", "=x", "=xk", "+xy", "=xyz", "&xy", "=x y", "=x0.", "?", "=" * 200])
def test_what_is_no_statement_is_refused(text):
    with pytest.raises(Malformed):
        parse(text)


@given(st.text(alphabet="pqxyzk0S+*#e@:V=<>&|~TF .(*)", max_size=30))
def test_any_text_is_a_statement_that_prints_as_itself_or_is_refused(text):
    try:
        term = parse(text)
    except Malformed:
        return
    assert str(term) == text
    assert canonical(term) == canonical(parse(canonical(term)))


def test_statements_that_differ_in_names_alone_have_one_canonical_form():
    assert canonical(parse("=+wzx")) == canonical(parse("=+xyz"))
    assert canonical(parse("=+xyx")) != canonical(parse("=+xyz"))


@pytest.mark.parametrize(
    ("statement", "proof", "script"),
    [
        ("=S+xyS+yx", "RaxyE", "intros x y. rewrite (Nat.add_comm (x) (y)). reflexivity."),
        (">&pqq", "IB1H", "intros p q. intro H1. destruct H1 as [H2 H3]. assumption."),
        ("=#@Vkk+#Vk#k", "RuVkkE", "intros k. rewrite (app_length (rev k) (k)). reflexivity."),
    ],
)  # fmt: skip
def test_a_proof_becomes_a_script(statement, proof, script):
    assert to_script(parse(statement), proof) == script


@pytest.mark.parametrize("proof", ["", "I2", "A1", "IA2", "Rx", "Ra", "Rax", "P9", "Pa", "R1xy", "Iadmit.", "Raxk"])
def test_what_is_no_proof_of_the_language_is_refused(proof):
    with pytest.raises(Malformed):
        to_script(parse("=+xy+yx"), proof)


@given(st.text(alphabet="IHECJKQAXBORWYZP123ab+x.y ;(*", max_size=20))
def test_no_proof_text_reaches_the_script_but_as_tactics_of_the_language(proof):
    try:
        script = to_script(parse("=+xy+yx"), proof)
    except Malformed:
        return
    known = (
        "intro",
        "apply",
        "destruct",
        "rewrite",
        "split",
        "left",
        "right",
        "exfalso",
        "assumption",
        "reflexivity",
    )
    assert all(sentence.startswith(known) for sentence in script.split(". "))
    assert not set(script) & set(";*{}")


def test_lemmas_are_recognised_by_their_full_names():
    premises = ["Coq.Init.Logic.eq_ind", "Coq.Lists.List.app_assoc", "Coq.Arith.PeanoNat.Nat.add_comm"]
    assert lemmas_among(premises) == ("a", "j")


@pytest.mark.parametrize(
    ("goal", "proof"), [(">pp", "IH"), (">&pq&qp", "IB1CHH"), (">|pq|qp", "IO1KHJH"), (">~p>pq", "IIQA1H")]
)
def test_the_prover_of_propositions_finds_a_shortest_proof(goal, proof):
    assert "".join(prove(parse(goal), max_tactics=9)) == proof


@pytest.mark.parametrize("goal", [">pq", "|p~p", ">>>pqpp"])
def test_what_is_no_intuitionistic_tautology_has_no_proof(goal):
    assert prove(parse(goal), max_tactics=8) is None


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("level", [1, 2, 3])
def test_theorems_are_well_formed_and_depend_on_the_seed_alone(family, level):
    theorem = draw_theorem(Random(level), family, level)
    assert theorem == draw_theorem(Random(level), family, level)
    assert variables(parse(theorem.statement))
    assert to_script(parse(theorem.statement), theorem.proof)
    assert set(theorem.lemmas) <= set(LEMMAS)
