from collections import Counter
from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from sparring.core.types import Task
from sparring.recipes.stp_options import STPOptions
from sparring.recipes.stp_records import ProofRecord
from sparring.recipes.stp_rounds import choose_seeds, plan_round


def a_target(name, **payload):
    return Task(task_id=name, kind="prove", payload={"statement": name, **payload})


def a_proof(target, *, lemmas=(), num_correct=1, key=""):
    return ProofRecord(
        statement=f"statement of {target or key}", key=key or target, target=target, proof="p", lemmas=lemmas,
        num_correct=num_correct, num_attempts=8, seconds=0.0, round=0, rollout_id=f"{target}{key}",
        prompt_ids=(1,), completion_ids=(2,),
    )  # fmt: skip


def seeds(records, *, weights=None, **options):
    best = {r.target: r.pass_rate for r in records if r.target}
    return choose_seeds(records, best, weights or {}, options=STPOptions(**options), rng=Random(0))


def test_proved_targets_are_not_attempted_again():
    targets = [a_target(name) for name in "abcd"]
    plan = plan_round(1, targets, [a_proof("b"), a_proof("", key="conjecture")], options=STPOptions(), rng=Random(0))
    assert {task.task_id for task in plan.targets} == {"a", "c", "d"}
    assert plan.proved == {"b"}


def test_as_in_the_code_rarely_proved_targets_can_be_attempted_again():
    targets, records = [a_target(name) for name in "ab"], [a_proof("a", num_correct=1), a_proof("b", num_correct=8)]
    plan = plan_round(1, targets, records, options=STPOptions(reattempt_below=0.35), rng=Random(0))
    assert [task.task_id for task in plan.targets] == ["a"]


def test_once_every_target_is_proved_all_are_attempted():
    plan = plan_round(1, [a_target("a")], [a_proof("a")], options=STPOptions(), rng=Random(0))
    assert [task.task_id for task in plan.targets] == ["a"]


def test_slots_are_spread_evenly_over_the_targets():
    few = plan_round(0, [a_target(name) for name in "abc"], [], options=STPOptions(), rng=Random(0))
    assert sorted(Counter(few.target(slot).task_id for slot in range(7)).values()) == [2, 2, 3]
    many = plan_round(0, [a_target(str(n)) for n in range(50)], [], options=STPOptions(), rng=Random(0))
    assert len({many.target(slot).task_id for slot in range(14)}) == 14


@given(st.data())
def test_no_unproved_target_is_attempted_again_before_all_others_have_been(data):
    targets = [a_target(str(n)) for n in range(data.draw(st.integers(1, 12)))]
    options = STPOptions(
        targets_per_round=data.draw(st.integers(1, 8)),
        conjectures_per_round=data.draw(st.integers(0, 4)),
        seed=data.draw(st.integers(0, 3)),
    )
    attempts, records = Counter({task.task_id: 0 for task in targets}), []
    for number in range(6):
        plan = plan_round(number, targets, records, options=options, rng=Random(number))
        slots = options.targets_per_round + (0 if plan.proved else options.conjectures_per_round)
        tried = {plan.target(slot).task_id for slot in range(slots)}
        attempts.update(tried)
        unproved = [attempts[task.task_id] for task in targets if task.task_id not in plan.proved]
        if unproved:
            assert max(unproved) - min(unproved) <= 1
        proved = data.draw(st.sets(st.sampled_from(sorted(tried))))
        records += [replace(a_proof(name), round=number) for name in sorted(proved)]


def test_a_plan_is_the_same_while_the_round_is_played_already():
    targets = [a_target(str(n)) for n in range(20)]
    options, before = STPOptions(targets_per_round=8), [a_proof("3", lemmas=("l",))]
    during = [*before, replace(a_proof("5", lemmas=("m",)), round=1)]
    first, second = (plan_round(1, targets, each, options=options, rng=Random(0)) for each in (before, during))
    assert first == second


def test_a_seed_is_a_target_s_proof_with_a_lemma_that_it_uses():
    found = seeds([a_proof("a", lemmas=("l", "m")), a_proof("", key="conjecture", lemmas=("n",))], trivial_lemma=1.0)
    assert {(seed.record.target, seed.lemma) for seed in found} == {("a", "l"), ("a", "m"), ("a", None)}


def test_the_trivial_lemma_is_added_to_about_half_of_the_proofs():
    found = seeds([a_proof(str(n)) for n in range(1000)])
    assert 430 < len(found) < 570  # sd 16


def test_no_lemma_leads_more_than_its_share_and_no_pair_comes_twice():
    records = [a_proof(str(n), lemmas=("l",)) for n in range(100)]
    found = seeds(records + records, trivial_lemma=0.0, conjectures_per_round=50, lemma_share=0.1)
    assert len(found) == len({seed.record.key for seed in found}) == 5


def test_seeds_come_as_often_as_their_target_weighs():
    found = seeds([a_proof("a", lemmas=("l",)), a_proof("b", lemmas=("m",))], weights={"a": 3}, trivial_lemma=0.0)
    assert Counter(seed.record.target for seed in found) == {"a": 3, "b": 1}


def test_targets_proved_too_rarely_are_no_seeds_where_the_code_s_limit_is_asked_for():
    records = [a_proof("rare", lemmas=("l",), num_correct=2), a_proof("often", lemmas=("l",), num_correct=4)]
    assert {s.record.target for s in seeds(records, seed_above=0.35, trivial_lemma=0.0)} == {"often"}


def test_a_seed_is_repeated_a_few_times_and_then_there_is_none():
    plan = plan_round(
        1, [a_target("a")], [a_proof("a", lemmas=("l",))], options=STPOptions(trivial_lemma=0), rng=Random(0)
    )
    taken = [plan.seed(slot, max_repeats=8) for slot in range(10)]
    assert sum(seed is not None for seed in taken) == 8
