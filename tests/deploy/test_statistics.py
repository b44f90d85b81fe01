import itertools
import json
import math
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.deploy.statistics import (
    Evaluation,
    interval_of,
    moment,
    paired_bootstrap,
    pass_at_k,
    read_evaluations,
    summarise,
    summary_line,
)


def a_line(task_id, *, kind="deduction", phase="start", step=0, greedy=False, samples=(False,) * 4):
    line = {"step": step, "version": step, "phase": phase, "kind": kind, "task_id": task_id, "num_statements": 2}
    return line | {"greedy": greedy, "samples": list(samples), "prompt": "p", "answer": "a"}


def an_evaluation(task_id, **changes):
    return msgspec.convert(a_line(task_id, **changes), Evaluation)


def every_resample(differences):
    """The bootstrap distribution itself: the mean of each of the n^n ways to draw n tasks with replacement."""
    n = len(differences)
    return sorted(sum(drawn) / n for drawn in itertools.product(differences, repeat=n))


def test_the_bootstrap_agrees_with_every_resample_there_is():
    before = dict.fromkeys("abcde", 0.0)
    after = {"a": 0.0, "b": 0.25, "c": 0.5, "d": 1.0, "e": -0.25}
    means = every_resample(list(after.values()))
    interval = paired_bootstrap(before, after, confidence=0.9, num_resamples=20_000, seed=1)
    assert interval.mean == pytest.approx(0.3)
    # 3125 resamples lie on a grid of 0.05; drawn quantiles may fall on a neighbour.
    assert interval.low == pytest.approx(means[int(0.05 * len(means))], abs=0.0501)
    assert interval.high == pytest.approx(means[int(0.95 * len(means))], abs=0.0501)


def test_pairing_takes_out_how_hard_tasks_are():
    # Every task gains exactly 0.1, however hard it is: there is nothing to be unsure of.
    before = {f"t{n}": n / 100 for n in range(50)}
    after = {task: rate + 0.1 for task, rate in before.items()}
    interval = paired_bootstrap(before, after, seed=0)
    assert (interval.low, interval.high) == pytest.approx((0.1, 0.1))
    assert interval.excludes_zero


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = random.Random("coverage/0")
    covered = 0
    for trial in range(200):
        after = {str(n): float(rng.random() < 0.3) - float(rng.random() < 0.3) for n in range(60)}
        interval = interval_of(after, num_resamples=300, seed=trial)
        covered += interval.low <= 0 <= interval.high
    # 200 trials at 95 %: 190 expected, standard deviation 3; the percentile interval is a little narrow.
    assert 178 <= covered <= 199


def test_the_bootstrap_is_the_same_for_the_same_seed_in_any_order_of_tasks():
    before = {f"t{n}": float(n % 2) for n in range(20)}
    after = {f"t{n}": float(n % 3 == 0) for n in reversed(range(20))}
    shuffled = dict(sorted(before.items(), reverse=True))
    assert paired_bootstrap(before, after, seed=3) == paired_bootstrap(shuffled, after, seed=3)
    assert paired_bootstrap(before, after, seed=3) != paired_bootstrap(before, after, seed=4)


@pytest.mark.parametrize(("before", "after"), [({}, {}), ({"a": 1.0}, {"b": 1.0}), ({"a": 1.0}, {"a": 1.0, "b": 0.0})])
def test_other_tasks_after_than_before_are_refused(before, after):
    with pytest.raises(ValueError, match="give the same tasks"):
        paired_bootstrap(before, after)


@given(st.integers(1, 7), st.data())
def test_pass_at_k_is_the_share_of_subsets_that_hold_a_right_sample(num_samples, data):
    num_right = data.draw(st.integers(0, num_samples))
    k = data.draw(st.integers(1, num_samples))
    samples = [True] * num_right + [False] * (num_samples - num_right)
    subsets = list(itertools.combinations(samples, k))
    assert pass_at_k(num_samples, num_right, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


@pytest.mark.parametrize(("num_samples", "num_right", "k"), [(3, 1, 4), (4, 5, 1), (4, -1, 1), (4, 1, 0)])
def test_pass_at_k_refuses_what_can_not_be(num_samples, num_right, k):
    with pytest.raises(ValueError, match="pass@"):
        pass_at_k(num_samples, num_right, k)


def test_a_summary_has_the_means_of_each_kind():
    evaluations = [
        an_evaluation("a", greedy=True, samples=[True, True, False, False]),
        an_evaluation("b", samples=[False] * 4),
        an_evaluation("c", kind="induction", greedy=True, samples=[True] * 4),
    ]
    summaries = summarise(evaluations)
    assert list(summaries) == ["deduction", "induction"]
    deduction = summaries["deduction"]
    assert (deduction.num_tasks, deduction.greedy, deduction.sampled, deduction.pass_at_4) == (2, 0.5, 0.25, 0.5)


def test_pass_at_4_of_two_samples_is_unknown():
    assert math.isnan(summarise([an_evaluation("a", samples=[True, False])])["deduction"].pass_at_4)


def test_the_summary_line_says_start_and_end_of_each_kind_in_order():
    evaluations = [
        an_evaluation("i", kind="induction", samples=[False] * 4),
        an_evaluation("a", kind="abduction", samples=[True, False, False, False]),
        an_evaluation("d", samples=[True, True, False, False]),
        an_evaluation("d", phase="during", step=5, samples=[False] * 4),
        an_evaluation("d", phase="end", step=9, samples=[True] * 3 + [False]),
        an_evaluation("a", kind="abduction", phase="end", step=9, samples=[True] * 4),
        an_evaluation("i", kind="induction", phase="end", step=9, samples=[True, False, False]),
    ]
    expected = "solve rate: deduction 0.500->0.750, abduction 0.250->1.000, induction 0.000->0.333"
    assert summary_line(evaluations) == expected


def test_the_summary_line_of_an_interrupted_run_has_no_end():
    assert summary_line([an_evaluation("d", samples=[True] * 4)]) == "solve rate: deduction 1.000->n/a"
    assert summary_line([]) == "solve rate: no evaluation at start or end"


def test_the_end_of_a_resumed_run_is_its_last_one():
    evaluations = [an_evaluation("d", phase="end", step=step) for step in (10, 30, 20)]
    assert [one.step for one in moment(evaluations, "end")] == [30]


def test_what_a_killed_run_left_of_a_line_is_left_out(tmp_path):
    path = tmp_path / "evaluations.jsonl"
    whole = json.dumps(a_line("a"))
    path.write_text(f"{whole}\n{whole[:50]}")
    assert [one.task_id for one in read_evaluations(path)] == ["a"]
    assert read_evaluations(tmp_path / "none.jsonl") == []
