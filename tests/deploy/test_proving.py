import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from sparring.core.errors import UsageError
from sparring.core.run_file import load_config
from sparring.deploy.proving_arms import SAYS, arm_overrides, choose
from sparring.deploy.proving_plot import draw, ticks
from sparring.deploy.proving_results import (
    Point,
    common_budget,
    contrasts,
    held_out_table,
    proved_at,
    read_curve,
    read_held_out,
    table,
)
from sparring.recipes import build

RUN_FILE = Path("deploy/runs/stp_quickstart.toml")


def a_run(*points):
    return [Point(proofs=proofs, proved=proved, seconds=float(proofs)) for proofs, proved in [(0, 0), *points]]


CURVES = {
    "stp": {0: a_run((100, 50), (200, 90)), 1: a_run((100, 40), (180, 80))},
    "expert_iteration": {0: a_run((100, 40), (200, 60)), 1: a_run((90, 40), (190, 50))},
}


def test_every_arm_samples_as_many_proofs_a_round():
    base = load_config(RUN_FILE)
    for name in SAYS:
        openings = build(load_config(RUN_FILE, arm_overrides(name, base, seed=1)).recipe).openings()
        assert openings["prove"] + openings.get("conjecture", 0) == 256, name


def test_arms_differ_in_what_they_are_named_after():
    base = load_config(RUN_FILE)
    options = {name: build(load_config(RUN_FILE, arm_overrides(name, base, seed=1)).recipe).options for name in SAYS}
    changed = {
        name: {field for field, value in each if value != getattr(options["stp"], field)}
        for name, each in options.items()
    }
    assert changed == {
        "stp": set(),
        "expert_iteration": {"targets_per_round", "conjectures_per_round"},
        "retrained": {"targets_per_round", "conjectures_per_round", "refresh_every"},
        "no_learning": {"targets_per_round", "conjectures_per_round"},
        "no_reweighting": {"reweight"},
        "no_elegance": {"elegance_drop"},
    }


def test_only_the_arm_that_does_not_learn_has_no_learning_rate():
    base = load_config(RUN_FILE)
    rates = {name: load_config(RUN_FILE, arm_overrides(name, base, seed=1)).learner.learning_rate for name in SAYS}
    assert [name for name, rate in rates.items() if rate == 0] == ["no_learning"]


def test_the_held_out_table_shows_start_and_end_of_each_kind(tmp_path):
    rows = [
        {"step": step, "phase": phase, "kind": "level_1", "task_id": task, "num_statements": None, "version": step,
         "greedy": True, "samples": samples, "prompt": "", "answer": ""}
        for step, phase, task, samples in [
            (0, "start", "a", [True, False, False, False]), (0, "start", "b", [False] * 4),
            (5, "during", "a", [False] * 4),
            (9, "end", "a", [True] * 4), (9, "end", "b", [True, True, False, False]),
        ]
    ]  # fmt: skip
    (tmp_path / "evaluations.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    rates = read_held_out(tmp_path / "evaluations.jsonl")
    assert rates == {"level_1": (0.125, 0.75)}
    shown = held_out_table({"stp": [rates, {"level_1": (0.125, 0.25)}], "expert_iteration": []})
    assert "| stp | 0.125 -> 0.500 |" in shown
    assert held_out_table({"stp": [read_held_out(tmp_path / "none.jsonl")]}) == ""


def test_an_unknown_arm_is_refused():
    with pytest.raises(UsageError, match="no such arm: stpp"):
        choose(["stpp"])


def test_runs_are_compared_at_the_largest_budget_that_all_have_reached():
    assert common_budget(CURVES) == 180
    # 50 + 0.8 * 40 over 40 + 0.8 * 20; 80 over 40 + 0.9 * 10.
    [contrast] = contrasts(CURVES, budget=180)
    assert contrast.ratios == [pytest.approx(82 / 56), pytest.approx(80 / 49)]


def test_between_rounds_proved_targets_grow_in_proportion():
    run = a_run((100, 50), (200, 90))
    assert [proved_at(run, budget) for budget in (0, 50, 100, 150, 200, 999)] == [0, 25, 50, 70, 90, 90]


def test_the_table_shows_budget_wall_clock_and_the_spread_of_the_ratio():
    shown = table(CURVES, budget=180, num_targets=1000, says=SAYS)
    assert "at 180 sampled proofs" in shown
    assert "| stp | conjecturer and prover, as the run file has it | 82 80 | 81.0 | 200 180 | 200 180 |" in shown
    assert "| stp | 1.548 | 1.464 | 1.633 | 2 |" in shown


def test_a_curve_is_read_from_the_metrics_of_a_run(tmp_path):
    rows = [
        {"time": 100.0, "step": 1, "time/step": 4.0, "budget/proofs": 64.0, "targets/proved": 3.0},
        {"time": 110.0, "step": 2, "time/step": 9.0, "budget/proofs": 60.0, "targets/proved": 5.0},
    ]
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert read_curve(tmp_path / "metrics.jsonl", began=96.0) == [
        Point(proofs=0, proved=0, seconds=0.0),
        Point(proofs=64, proved=3, seconds=4.0),
        Point(proofs=124, proved=5, seconds=14.0),
    ]
    assert read_curve(tmp_path / "none.jsonl", began=0.0) == [Point(proofs=0, proved=0, seconds=0.0)]


def test_the_plot_has_a_line_for_each_run():
    drawn = ElementTree.fromstring(draw(CURVES, title="t"))
    assert len(drawn.findall("{http://www.w3.org/2000/svg}polyline")) == 4


@pytest.mark.parametrize(
    ("most", "values"),
    [(1, [0, 1]), (7, [0, 2, 4, 6]), (255, [0, 100, 200]), (9188, [0, 2000, 4000, 6000, 8000])],
)
def test_an_axis_is_marked_at_round_values(most, values):
    assert list(ticks(most)) == values
