from hypothesis import given
from hypothesis import strategies as st

from sparring.recipes.absolute_zero import AbsoluteZero
from sparring.recipes.absolute_zero_options import AbsoluteZeroOptions
from sparring.recipes.collapse import ENOUGH, WINDOW, CollapseLimits, collapse_alarms

HEALTHY = {
    "proposals/valid/deduction": 0.8,
    "proposals/distinct/deduction": 0.95,
    "proposals/duplicate/deduction": 0.1,
    "proposals/statements/deduction": 2.4,
    "proposals/extreme/deduction": 0.5,
}
COLLAPSED = {
    "valid": {"proposals/valid/deduction": 0.1},
    "distinct": {"proposals/distinct/deduction": 0.2},
    "duplicate": {"proposals/duplicate/deduction": 0.9},
    "statements": {"proposals/statements/deduction": 1.0},
    "extreme": {"proposals/extreme/deduction": 1.0},
}


def ringing(history):
    return {name for name, value in collapse_alarms(history, CollapseLimits()).items() if value}


def test_a_healthy_proposer_rings_nothing_but_is_judged():
    judged = collapse_alarms([HEALTHY] * WINDOW, CollapseLimits())
    assert judged == {f"alarm/{what}/deduction": 0.0 for what in COLLAPSED}


def test_each_way_of_collapsing_rings_its_own_alarm():
    for what, change in COLLAPSED.items():
        assert ringing([HEALTHY | change] * WINDOW) == {f"alarm/{what}/deduction"}


def test_programs_that_the_proposer_was_given_ring_nothing():
    given = {name.replace("deduction", "induction"): value for name, value in HEALTHY.items()}
    for what, rings in (("distinct", False), ("statements", False), ("duplicate", True)):
        change = {name.replace("deduction", "induction"): value for name, value in COLLAPSED[what].items()}
        assert bool(ringing([given | change] * WINDOW)) == rings


def test_one_bad_step_rings_nothing():
    worst = {name: value for change in COLLAPSED.values() for name, value in change.items()}
    assert not ringing([HEALTHY] * (WINDOW - 1) + [HEALTHY | worst | {"proposals/extreme/deduction": 0.6}])


def test_too_few_steps_are_not_judged():
    assert collapse_alarms([HEALTHY | COLLAPSED["valid"]] * (ENOUGH - 1), CollapseLimits()) == {}


def test_only_the_last_steps_count_so_that_an_alarm_ends():
    assert not ringing([HEALTHY | COLLAPSED["distinct"]] * 50 + [HEALTHY] * WINDOW)


@given(st.lists(st.dictionaries(st.sampled_from(sorted(HEALTHY)), st.floats(0, 1)), max_size=30))
def test_the_verdict_depends_on_the_window_alone(history):
    limits = CollapseLimits()
    assert collapse_alarms(history, limits) == collapse_alarms(history[-WINDOW:], limits)


def test_a_recipe_pauses_its_proposer_only_if_asked_to():
    history = [HEALTHY | COLLAPSED["distinct"]] * WINDOW
    for on_collapse, paused in (("warn", frozenset()), ("pause", frozenset({"proposer"}))):
        recipe = AbsoluteZero(AbsoluteZeroOptions(on_collapse=on_collapse))
        assert recipe.alarms(history).paused == paused
        assert recipe.alarms(history).metrics["alarm/distinct/deduction"] == 1.0
        assert recipe.alarms([HEALTHY] * WINDOW).paused == frozenset()
