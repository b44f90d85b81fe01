"""The pure functions of STP, each beside a slow twin written from the paper's text."""

from collections import Counter
from math import exp, floor
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.recipes.stp_options import STPOptions
from sparring.recipes.stp_records import ProofRecord
from sparring.recipes.stp_selection import (
    Conjecture,
    distinct,
    elegant,
    matching_weights,
    prover_weights,
    select,
    worth_keeping,
    worth_learning,
)


def a_conjecture(name, **fields):
    given = {
        "name": str(name),
        "statement": f"statement {name}",
        "key": f"key {name}",
        "lemma": None,
        "num_correct": 1,
        "num_attempts": 8,
        "uses_lemma": False,
        "shortest_proof": 5,
    }
    return Conjecture(**{**given, **fields})


def a_record(name, **fields):
    given = {
        "statement": "s",
        "key": "s",
        "target": "t",
        "proof": f"proof {name}",
        "lemmas": (),
        "num_correct": 1,
        "num_attempts": 8,
        "seconds": 0.0,
        "round": 0,
        "rollout_id": str(name),
        "prompt_ids": (1,),
        "completion_ids": (2,),
    }
    return ProofRecord(**{**given, **fields})


def slow_matching(similarities, demands, *, cap, order):
    """Algorithm 4, one step after the other."""
    num_conjectures = len(similarities[0])
    weights = [0.0] * num_conjectures
    unit = num_conjectures / sum(demands)
    for target in order:
        free = [c for c in range(num_conjectures) if weights[c] < cap]
        free.sort(key=lambda c: (-similarities[target][c], c))
        for conjecture in free[: demands[target]]:
            weights[conjecture] += unit
    return weights


VECTORS = st.lists(st.lists(st.integers(-3, 3), min_size=3, max_size=3), min_size=1, max_size=12)


@given(VECTORS, VECTORS, st.data(), st.integers(0, 99))
def test_matching_is_what_the_algorithm_says_step_by_step(targets, conjectures, data, seed):
    demands = data.draw(st.lists(st.integers(1, 5), min_size=len(targets), max_size=len(targets)))
    cap = data.draw(st.sampled_from([0.5, 1.0, 3.0, 4.0]))
    similarities = (np.array(targets) @ np.array(conjectures).T).tolist()
    order = Random(seed).sample(range(len(targets)), len(targets))
    found = matching_weights(
        np.array(targets), np.array(conjectures), matching_weights_Y=demands, cap=cap, rng=Random(seed)
    )
    assert found == pytest.approx(slow_matching(similarities, demands, cap=cap, order=order))


@given(VECTORS, VECTORS, st.sampled_from([1.0, 3.0]), st.integers(0, 99))
def test_no_weight_passes_the_cap_by_more_than_one_unit_and_their_sum_is_bounded(targets, conjectures, cap, seed):
    demands = [1] * len(targets)
    unit = len(conjectures) / len(targets)
    found = matching_weights(
        np.array(targets), np.array(conjectures), matching_weights_Y=demands, cap=cap, rng=Random(seed)
    )
    assert all(weight < cap + unit for weight in found)
    assert sum(found) <= len(conjectures) + 1e-9  # N / M for each of M


def test_without_a_cap_the_weights_count_nearest_neighbours():
    targets, conjectures = np.array([[1, 0], [0.9, 0.1], [0, 1]]), np.array([[1, 0], [0, 1], [-1, 0]])
    found = matching_weights(targets, conjectures, matching_weights_Y=[1, 1, 1], cap=99, rng=Random(0))
    assert found == [2.0, 1.0, 0.0]


def test_a_masked_conjecture_is_not_preferred_over_one_with_a_negative_cosine():
    # Both targets are nearest to the first, whose cap is reached at once; masking by 0 would choose it again.
    targets, conjectures = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[1.0, 0.0], [-1.0, 0.0]])
    found = matching_weights(targets, conjectures, matching_weights_Y=[1, 1], cap=1, rng=Random(0))
    assert found == [1.0, 1.0]


def test_without_unproved_targets_nothing_is_drawn_anywhere():
    assert matching_weights(np.zeros((0, 2)), np.ones((3, 2)), matching_weights_Y=[], cap=3, rng=Random(0)) == [0, 0, 0]


NAMED = st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 9), st.integers(1, 9)), min_size=0, max_size=15)


@given(NAMED, st.sampled_from([0.0, 0.2, 0.5]), st.sampled_from(["all", "lemma"]))
def test_elegance_drops_the_lowest_share_in_its_scope(rows, drop, scope):
    conjectures = [
        a_conjecture(at, lemma=lemma, statement="s" * length, shortest_proof=proof)
        for at, (lemma, length, proof) in enumerate(rows)
    ]
    kept = elegant(conjectures, drop=drop, scope=scope)
    groups = {c.lemma if scope == "lemma" else None for c in conjectures}
    for group in groups:
        mine = [c for c in conjectures if scope == "all" or c.lemma == group]
        stay = [c for c in mine if c in kept]
        assert len(mine) - len(stay) == floor(drop * len(mine))
        scores = {c.name: c.shortest_proof / len(c.statement) for c in mine}
        lost = [c for c in mine if c not in stay]
        assert all(scores[one.name] <= scores[other.name] for one in lost for other in stay)
    assert [c for c in conjectures if c in kept] == kept


def test_only_barely_provable_conjectures_are_learned():
    rates = [a_conjecture(n, num_correct=n, num_attempts=8) for n in range(9)]
    options = STPOptions(elegance_drop=0)
    assert [c.num_correct for c in select(rates, options=options)] == [1, 2]
    strict = STPOptions(elegance_drop=0, below_max_pass_rate=True)
    assert [c.num_correct for c in select(rates, options=strict)] == [1]


def test_a_conjecture_must_use_its_lemma_unless_that_is_the_trivial_one():
    three = [
        a_conjecture(0, lemma="a", uses_lemma=True),
        a_conjecture(1, lemma="a", uses_lemma=False),
        a_conjecture(2, lemma=None),
    ]
    options = STPOptions(elegance_drop=0)
    assert [c.name for c in select(three, options=options)] == ["0", "2"]
    code = STPOptions(elegance_drop=0, unused_lemma="accept")
    assert {c.name for c in select(three, options=code)} == {"0", "1", "2"}


def test_of_equal_conjectures_the_first_is_learned():
    twice = [a_conjecture(0, key="k"), a_conjecture(1, key="k"), a_conjecture(2, key="other")]
    assert [c.name for c in select(twice, options=STPOptions(elegance_drop=0))] == ["0", "2"]


def test_a_proof_weighs_by_length_and_time_and_shares_with_others_of_its_statement():
    records = [a_record(0, proof="x" * 100, seconds=10.0), a_record(1, proof="y"), a_record(2, key="other", proof="z")]
    found = prover_weights(records, length_decay=0.001, time_decay=0.01)
    # Two proofs of the first statement: a half each. exp(-0.1) for 100 characters, exp(-0.1) for ten seconds.
    assert found == pytest.approx([exp(-0.2) / 2, exp(-0.001) / 2, exp(-0.001)])


def test_statements_proved_in_most_attempts_teach_nothing():
    easy, hard = a_record(0, key="easy", num_correct=5), a_record(1, key="hard", num_correct=4)
    assert worth_learning([easy, hard], options=STPOptions()) == [hard]


def test_a_pass_rate_is_that_of_all_rounds_at_hand():
    # 6 of 8 and 1 of 8 are 7 of 16: less than half.
    rounds = [a_record(0, round=0, num_correct=6), a_record(1, round=1, num_correct=1)]
    assert worth_learning(rounds, options=STPOptions()) == rounds


def test_a_proof_found_twice_is_learned_once_as_found_last():
    old, new = a_record("old", proof="p", round=1), a_record("new", proof="p", round=2)
    assert distinct([new, old]) == [new]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30), st.integers(1, 8), st.booleans()), max_size=40))
def test_a_retrain_keeps_some_proofs_of_each_statement_that_is_a_target_or_was_hard(rows):
    records = [
        a_record(at, key=key, statement=key, proof=f"p{proof}", num_correct=correct, target="t" if target else "")
        for at, (key, proof, correct, target) in enumerate(rows)
    ]
    options = STPOptions(max_proofs=3)
    kept = worth_keeping(records, options=options, rng=Random(0))
    wanted = {(r.statement, r.proof) for r in records if r.target or r.num_correct / r.num_attempts <= 0.25}
    per_key = Counter(key for key, _ in wanted)
    assert Counter(r.key for r in kept) == {key: min(3, count) for key, count in per_key.items()}
    assert {(r.statement, r.proof) for r in kept} <= wanted
