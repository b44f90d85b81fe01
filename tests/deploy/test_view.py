import io
import math

import pytest
from rich.console import Console

from sparring.deploy.view import LiveView
from sparring.deploy.view_state import Progress, plain_line, sparkline

STEP = {
    "version": 41.0,
    "reward/mean/solver/deduction": 0.5,
    "reward/mean/proposer/deduction": 0.3,
    "solve_rate/solver/deduction": 0.625,
    "solve_rate/proposed/deduction": 0.5,
    "proposals/valid/deduction": 0.75,
    "staleness/mean": 1.25,
    "staleness/max": 3.0,
    "throughput/rollout_tokens_per_s": 4200.0,
    "throughput/learner_tokens_per_s": 1900.0,
    "time/step": 4.0,
    "time/wait_for_batch": 1.0,
    "time/wait_for_policy": 2.0,
    "memory/rss_mib": 4300.0,
    "memory/peak_mib": 4400.0,
}


def a_console(*, terminal, width=100):
    return Console(file=io.StringIO(), force_terminal=terminal, width=width, height=40, legacy_windows=False)


def a_view(*, terminal=False, width=100, num_steps=120):
    clock = iter(float(second) for second in range(1000))
    console = a_console(terminal=terminal, width=width)
    return LiveView("demo", num_steps=num_steps, console=console, now=lambda: next(clock)), console


def shown(view, *, width=100):
    console = Console(file=io.StringIO(), width=width, record=True)
    console.print(view.render())
    return console.export_text()


def test_off_a_terminal_each_step_is_one_line_of_key_and_value():
    view, console = a_view()
    with view:
        view.update(STEP, 41)
    assert console.file.getvalue() == (
        "step n=41/120 version=41 reward=0.400 solve_rate=0.625 valid=0.750 staleness_mean=1.25 staleness_max=3 "
        "rollout_tokens_per_s=4200 learner_tokens_per_s=1900 wait_for_batch=0.25 wait_for_policy=0.50 seconds=4.00 "
        "memory_mib=4300\n"
    )


def test_the_solve_rate_of_a_recipe_without_a_solver_is_the_mean_over_its_own():
    progress = Progress("demo", num_steps=9)
    progress.update({"solve_rate/prover/target": 0.25, "solve_rate/prover/conjecture": 0.75}, 1)
    assert plain_line(progress) == "step n=1/9 solve_rate=0.500"


def test_a_plain_line_leaves_out_what_is_not_known():
    progress = Progress("demo", num_steps=9)
    progress.update({"version": 1.0}, 1)
    assert plain_line(progress) == "step n=1/9 version=1"


def test_off_a_terminal_a_note_is_printed_as_it_is():
    view, console = a_view()
    view.note("published policy=base version=41 seconds=0.03 [bold]plain[/bold]")
    assert console.file.getvalue() == "published policy=base version=41 seconds=0.03 [bold]plain[/bold]\n"


@pytest.mark.parametrize("terminal", [False, True])
def test_a_note_can_not_command_the_terminal(terminal):
    view, console = a_view(terminal=terminal)
    view.note("model wrote \x1b]0;title\x07 and \x9b2J")
    if terminal:
        console.print(view.render())
    text = console.file.getvalue()
    assert "model wrote ?]0;title? and ?2J" in text
    assert "\x1b]0;" not in text
    assert "\x9b" not in text


def test_the_page_shows_step_version_roles_bubbles_and_memory():
    view, _ = a_view(terminal=True)
    view.update(STEP, 41)
    page = shown(view)
    for text in (
        "step 41 of 120",
        "version 41",
        "solver",
        "0.625",
        "1.25 mean, 3 max",
        "4,200 tokens/s",
        "1,900 tokens/s",
    ):
        assert text in page
    assert "learner waits  25%" in page
    assert "workers wait   50%" in page
    assert "rollouts wait for the learner" in page
    assert "4,300 MiB, peak 4,400" in page


def test_the_page_before_the_first_step_says_what_it_waits_for():
    view, _ = a_view(terminal=True)
    view.note("seeded archive deduction=64 seconds=3.2")
    page = shown(view)
    assert "waiting for the first step" in page
    assert "seeded archive deduction=64" in page


def test_the_first_and_the_newest_held_out_result_stay_on_the_page():
    view, _ = a_view(terminal=True)
    for step in (0, 20, 40):
        view.note(f"evaluated phase=during step={step} eval/greedy=0.5")
    for number in range(9):
        view.note(f"published version={number}")
    page = shown(view)
    assert "held-out phase=during step=0 greedy=0.5" in page
    assert "step=20" not in page
    assert "held-out phase=during step=40 greedy=0.5" in page
    assert "published version=8" in page
    assert "published version=5" not in page


def test_the_page_of_three_roles_of_three_kinds_fits_a_terminal_of_24_rows_and_80_columns():
    view, _ = a_view(terminal=True)
    kinds = ("deduction", "abduction", "induction")
    rates = {f"{front}/{kind}": 0.5 for front in ("solve_rate/solver", "solve_rate/proposed") for kind in kinds}
    rewards = {f"reward/mean/{role}/{kind}": 0.5 for role in ("solver", "proposer") for kind in kinds}
    for step in range(30):
        view.update(STEP | rates | rewards, step)
        view.note(f"published policy=base version={step} " + "x" * 200)
        view.note(f"evaluated step={step} " + "x" * 200)
    lines = shown(view, width=80).splitlines()
    assert len(lines) <= 24
    # Nothing in the table is cut off.
    assert not [line for line in lines if "…" in line and "xxx" not in line]


def test_on_a_terminal_the_last_page_stays_after_the_end():
    view, console = a_view(terminal=True)
    with view:
        view.update(STEP, 41)
    assert "step 41 of 120" in _without_codes(console.file.getvalue())


def _without_codes(text):
    import re

    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


def test_a_live_page_ends_when_the_run_fails():
    view, _ = a_view(terminal=True)
    with pytest.raises(RuntimeError, match="boom"), view:
        raise RuntimeError("boom")
    assert not view._live.is_started


def test_waits_counted_since_the_start_show_as_shares_of_the_newest_step():
    progress = Progress("demo", num_steps=9)
    for step, total in enumerate((3.0, 4.0, 0.5)):  # the worker was restarted before the third
        progress.update({"time/step": 2.0, "time/wait_for_policy": total, "time/wait_for_batch": 0.2}, step)
        expected = (1.0, 0.5, 0.25)[step]  # 3 of 2 seconds (waited before the first step, too), 1 of 2, 0.5 of 2
        assert progress.bubbles == {"time/wait_for_policy": expected, "time/wait_for_batch": 0.1}


@pytest.mark.parametrize(
    ("batch", "policy", "balance"),
    [
        (0.1, 0.1, "both sides busy"),
        (1.0, 0.2, "learner waits for rollouts"),
        (0.2, 1.0, "rollouts wait for the learner"),
    ],
)
def test_the_longer_wait_names_the_slower_side(batch, policy, balance):
    progress = Progress("demo", num_steps=9)
    assert progress.balance == "starting"
    progress.update({"time/step": 2.0, "time/wait_for_policy": policy, "time/wait_for_batch": batch}, 1)
    assert progress.balance == balance


def test_a_sparkline_scales_to_its_range_or_to_the_given_one():
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], width=8) == "▁▂▃▄▅▆▇█"
    assert sparkline([0, 0.5, 1, 2], width=4, low=0, high=1) == "▁▅██"
    assert sparkline([0.3, 0.3], width=4) == "▁▁"
    assert sparkline([], width=4) == ""
    assert sparkline([math.nan, 1.0, math.inf, 2.0], width=4) == "▁█"


def test_a_long_history_is_averaged_into_the_width():
    # Halves of 0, 0, 1, 1 and of 4 more ones: means 0.5 and 1.
    assert sparkline([0, 0, 1, 1, 1, 1, 1, 1], width=2, low=0, high=1) == "▅█"
