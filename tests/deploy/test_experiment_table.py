import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.deploy.experiment_curves import first_reached, speeds
from sparring.deploy.experiment_gains import contrasts, gains, shares, start_scores
from sparring.deploy.experiment_health import health, lowest_average
from sparring.deploy.experiment_results import MEASURES, Results, RunResult, difference, score
from sparring.deploy.experiment_table import Table, contrasts_table, gains_table, health_table, speeds_table
from sparring.deploy.run_files import Metrics
from sparring.deploy.statistics import Evaluation, crossed_bootstrap, paired_bootstrap

KINDS = ("deduction", "abduction", "induction")


def an_evaluation(task_id, *, kind="deduction", right=0, of=8, greedy=False, phase="test", step=0, num_statements=1):
    return Evaluation(
        step=step,
        version=step,
        phase=phase,
        kind=kind,
        task_id=task_id,
        num_statements=num_statements,
        greedy=greedy,
        samples=(True,) * right + (False,) * (of - right),
    )


def a_test(*rights, kind="deduction", greedy=(), num_statements=1):
    """Test answers: of eight samples to task n, ``rights[n]`` are right."""
    return [
        an_evaluation(f"{kind}-{n}", kind=kind, right=right, greedy=n in greedy, num_statements=num_statements)
        for n, right in enumerate(rights)
    ]


def a_curve(*rates, every=10, num_tasks=4, during=None):
    """Validation every ten steps: every task is solved in 8 x rate of 8 samples."""
    phases = ["start", *["during"] * (len(rates) - 2), "end"]
    return [
        an_evaluation(f"v-{n}", right=round(rate * 8), phase=phase, step=at * every)
        for at, (rate, phase) in enumerate(zip(rates, phases, strict=True))
        for n in range(during if during is not None and phase == "during" else num_tasks)
    ]


def a_run(arm="full", seed=0, *, test=(), validation=(), rows=None):
    return RunResult(arm=arm, seed=seed, test=test, validation=validation, metrics=Metrics(rows=rows or {}))


def results(*runs, start=()):
    return Results(seed_model=start, runs=runs, steps=10)


def some_rates(size):
    return st.lists(st.integers(0, 8).map(lambda right: right / 8), min_size=size, max_size=size)


def test_a_score_is_the_mean_of_the_kinds_means():
    # deduction: (8/8 + 4/8 + 0 + 0) / 4 = 0.375; abduction: 2/8 = 0.25; together 0.3125, not 14/40 of all samples.
    answers = a_test(8, 4, 0, 0) + a_test(2, kind="abduction")
    assert score(answers, MEASURES["sampled"]) == pytest.approx(0.3125)


def test_the_three_measures_by_hand():
    start = results(start=a_test(8, 4, 0, 0, greedy={0}))
    # sampled 12/32; greedy 1 of 4; pass@8 the two tasks with any right sample of eight.
    assert start_scores(start) == {"sampled": 0.375, "greedy": 0.25, "pass@8": 0.5}


def test_fewer_than_eight_samples_have_no_pass_at_8():
    start = start_scores(results(start=[an_evaluation("a", right=2, of=4)]))
    assert start["sampled"] == 0.5
    assert math.isnan(start["pass@8"])


def test_the_gain_of_an_arm_by_hand():
    found = gains(results(a_run(test=a_test(8, 8, 4, 0)), start=a_test(8, 4, 0, 0)))
    # (1 + 1 + .5 + 0)/4 - (1 + .5 + 0 + 0)/4 = 0.25
    assert [(row.arm, row.seed) for row in found] == [("full", 0)]
    assert found[0].gains["sampled"].mean == pytest.approx(0.25)
    assert found[0].gains["sampled"].low <= 0.25 <= found[0].gains["sampled"].high


def test_seeds_together_are_the_mean_over_seeds():
    runs = [a_run(seed=k, test=a_test(4 + 2 * k, 4 + 2 * k)) for k in range(3)]
    together = gains(results(*runs, start=a_test(4, 4)))[-1]
    assert together.seed is None
    # Gains of 0, 2/8 and 4/8; every task alike, so only the drawn seeds differ, and all may be the worst or the best.
    assert together.gains["sampled"].mean == pytest.approx(0.25)
    assert (together.gains["sampled"].low, together.gains["sampled"].high) == pytest.approx((0.0, 0.5))


def test_full_minus_a_control_is_paired_by_task_and_seed():
    # The control is better where tasks are hard and the full arm everywhere by one sample of eight: nothing is unsure.
    full, control = a_test(1, 3, 8, 5), a_test(0, 2, 7, 4)
    found = contrasts(results(a_run(test=full), a_run("shuffled", test=control)))
    assert [(row.arm, row.seed) for row in found] == [("shuffled", 0)]
    interval = found[0].differences["sampled"]
    assert (interval.mean, interval.low, interval.high) == pytest.approx((0.125, 0.125, 0.125))


def test_a_control_without_the_full_run_of_its_seed_is_left_out():
    assert contrasts(results(a_run(seed=0, test=a_test(1)), a_run("frozen", seed=1, test=a_test(1)))) == []


def test_other_tasks_can_not_be_compared():
    with pytest.raises(ValueError, match="same tasks"):
        difference([(a_test(1, 2), a_test(1, 2, 3))], MEASURES["sampled"])


def test_gains_by_kind_and_number_of_statements():
    start = a_test(0, 0) + a_test(4, 4, kind="abduction", num_statements=2)
    end = a_test(8, 0) + a_test(4, 6, kind="abduction", num_statements=2)
    found = {(row.kind, row.num_statements): row for row in shares(results(a_run(test=end), start=start))[:7]}
    # No deduction task has two statements, no abduction task one: those rows are not there.
    assert set(found) == {
        ("all", None),
        ("all", 1),
        ("all", 2),
        ("deduction", None),
        ("deduction", 1),
        ("abduction", None),
        ("abduction", 2),
    }
    assert found["deduction", 1].gain.mean == pytest.approx(0.5)
    assert found["abduction", 2].gain.mean == pytest.approx(0.125)
    assert found["all", None].gain.mean == pytest.approx(0.3125)
    assert found["all", 1].num_tasks == 2


def test_with_one_run_and_one_stratum_the_crossed_bootstrap_is_the_paired_one():
    after = {f"t{n:02d}": (n % 5) / 4 for n in range(40)}
    paired = paired_bootstrap(dict.fromkeys(after, 0.0), after, confidence=0.99)
    crossed = crossed_bootstrap({"all": np.array([list(after.values())])})
    assert crossed.mean == pytest.approx(paired.mean)
    assert (crossed.low, crossed.high) == pytest.approx((paired.low, paired.high), abs=0.02)


def test_every_stratum_has_the_same_weight_however_many_tasks_it_has():
    found = crossed_bootstrap({"few": np.ones((1, 2)), "many": np.zeros((1, 50))})
    assert (found.mean, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))


@given(st.integers(1, 3).flatmap(lambda runs: st.lists(some_rates(5), min_size=runs, max_size=runs)))
def test_an_interval_lies_between_the_smallest_and_the_largest_difference(rates):
    found = crossed_bootstrap({"all": np.array(rates)}, num_resamples=200)
    assert np.min(rates) - 1e-9 <= found.low <= found.high <= np.max(rates) + 1e-9


def test_strata_with_other_numbers_of_runs_are_refused():
    with pytest.raises(ValueError, match="same runs"):
        crossed_bootstrap({"a": np.ones((1, 2)), "b": np.ones((2, 2))})


def test_a_level_is_reached_between_two_evaluations():
    # From .25 at step 10 to .75 at step 20: .5 is half way.
    curve = np.array([[0.0, 0.25, 0.75]])
    assert first_reached(np.array([0, 10, 20]), curve, np.array([0.5])) == pytest.approx([15.0])


def test_a_level_above_the_curve_is_never_reached():
    assert first_reached(np.array([0, 10]), np.array([[0.0, 0.4]]), np.array([0.5]))[0] == math.inf


@given(some_rates(5), st.floats(0, 1))
def test_the_step_found_is_the_first_at_the_level(rates, target):
    steps = np.arange(5) * 10
    found = first_reached(steps, np.array([rates]), np.array([target]))[0]
    if math.isinf(found):
        assert max(rates) < target
        return
    assert np.interp(found, steps, rates) == pytest.approx(target) or (found == 0 and rates[0] >= target)
    assert all(rate < target for step, rate in zip(steps, rates, strict=True) if step < found - 1e-6)


def test_a_stale_arm_that_needs_twice_the_steps_has_the_ratio_two():
    # Synchronous: 0, .25, .5, .5 reaches .5 at step 20. Stale: 0, .125, .25, .375, .5 reaches it at step 40.
    found = speeds(
        results(
            a_run("synchronous", validation=a_curve(0.0, 0.25, 0.5, 0.5)),
            a_run("staleness_1", validation=a_curve(0.0, 0.125, 0.25, 0.375, 0.5)),
        )
    )
    assert [(row.arm, row.target, row.steps, row.ratio) for row in found] == [
        ("synchronous", 0.5, 20.0, 1.0),
        ("staleness_1", 0.5, 40.0, 2.0),
    ]
    # Every task is solved alike and there is one seed: nothing is unsure.
    assert (found[1].low, found[1].high) == pytest.approx((2.0, 2.0))


def test_an_arm_that_does_not_get_there_says_so():
    found = speeds(
        results(a_run("synchronous", validation=a_curve(0.0, 0.5)), a_run("staleness_8", validation=a_curve(0.0, 0.25)))
    )
    assert (found[1].reached, found[1].steps) == (False, math.inf)
    assert "| not reached | not reached | not reached to not reached |" in speeds_table(found).markdown()


def test_a_synchronous_arm_that_gained_nothing_gives_no_ratio():
    found = speeds(results(a_run("synchronous", validation=a_curve(0.5, 0.25, 0.25))))
    assert math.isnan(found[0].ratio)
    assert math.isnan(found[0].low)


def test_curves_are_compared_on_the_tasks_that_every_evaluation_asked():
    # The two tasks asked in between are solved in .5; the other two, asked at both ends alone, never.
    line = a_curve(0.0, 0.5, 0.5, num_tasks=2, during=2)
    line += [an_evaluation(f"v-{n}", right=0, phase=p, step=s) for n in (2, 3) for p, s in (("start", 0), ("end", 20))]
    found = speeds(results(a_run("synchronous", validation=line)))
    assert (found[0].target, found[0].steps) == (0.5, 10.0)


def test_a_run_under_way_moves_no_target():
    running = [one for one in a_curve(0.0, 0.5, 0.75) if one.phase != "end"]
    runs = (a_run("synchronous", 0, validation=a_curve(0.0, 0.5, 0.5)), a_run("synchronous", 1, validation=running))
    assert [(row.num_seeds, row.target) for row in speeds(results(*runs))] == [(1, 0.5)]


def test_the_lowest_moving_average_by_hand():
    # Of 1, 0, 0, 1, 1 in windows of 3: 1/3, 1/3, 2/3.
    assert lowest_average([1.0, 0.0, 0.0, 1.0, 1.0], window=3) == pytest.approx(1 / 3)


def test_a_short_run_is_averaged_over_what_there_is_and_nan_is_left_out():
    assert lowest_average([0.5, math.nan, 1.0]) == pytest.approx(0.75)
    assert math.isnan(lowest_average([math.nan]))


def test_health_names_the_worst_kind_and_seed_and_counts_alarms():
    rows = {
        0: {n: {"proposals/valid/deduction": 0.9, "proposals/valid/induction": 0.5} for n in range(1, 13)},
        1: {n: {"proposals/valid/deduction": 0.25, "alarm/distinct/deduction": float(n > 10)} for n in range(1, 13)},
    }
    found = health(results(*(a_run("collapse", seed, rows=of) for seed, of in rows.items())))
    assert (found[0].valid.value, found[0].valid.kind, found[0].valid.seed) == (pytest.approx(0.25), "deduction", 1)
    assert found[0].alarms == {"distinct/deduction": 2}
    row = health_table(found).rows[0]
    assert row[:5] == ("collapse", "2", "0.250 (deduction, seed 1)", "n/a", "distinct/deduction (2)")


def test_the_table_of_test_results_reads_as_people_write_it():
    found = results(a_run(test=a_test(8, 8, 8, 8)), start=a_test(4, 4, 4, 4))
    rows = gains_table(start_scores(found), gains(found)).rows
    assert rows[0][:5] == ("starting model", "", "0.500", "0.000", "1.000")
    assert rows[1][:5] == ("full", "0", "1.000", "0.000", "1.000")
    assert rows[1][5] == "+0.500* [+0.500, +0.500]"
    assert rows[1][6] == "+0.000 [+0.000, +0.000]"


def test_a_table_without_results_says_so():
    assert "No results yet" in contrasts_table([]).markdown()


def test_a_bar_in_a_cell_does_not_end_it():
    table = Table(title="t", caption="c", header=("a", "b"), rows=[("x|y", "1")])
    assert "| x\\|y | 1 |" in table.markdown()
