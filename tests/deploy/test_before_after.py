import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.core.types import Task
from sparring.deploy.before_after import before_after, choose, is_learned
from sparring.deploy.readable import Readable
from sparring.deploy.statistics import Evaluation
from sparring.recipes.compact import CompactDialect
from sparring.recipes.prose import ProseDialect

KINDS = ("deduction", "abduction", "induction")
PROGRAM = "def f(x):\n    x = x + 1\n    return x * 2"
TASKS = {
    "d": Task(task_id="d", kind="solve/deduction", payload={"program": PROGRAM, "input": "3", "output": "8"}),
    "a": Task(task_id="a", kind="solve/abduction", payload={"program": PROGRAM, "input": "3", "output": "8"}),
    "i": Task(
        task_id="i",
        kind="solve/induction",
        payload={
            "program": PROGRAM,
            "inputs": list("123456"),
            "outputs": ["4", "6", "8", "10", "12", "14"],
            "message": "",
        },
    ),
}
DIALECT = CompactDialect()
READABLE = Readable(DIALECT, TASKS)


def an_evaluation(task_id="d", *, phase="start", kind="deduction", size=2, greedy=False, right=0, answer="<a>8"):
    return Evaluation(
        step=0 if phase == "start" else 9,
        version=0,
        phase=phase,
        kind=kind,
        task_id=task_id,
        num_statements=size,
        greedy=greedy,
        samples=(True,) * right + (False,) * (4 - right),
        prompt=DIALECT.prompt(TASKS[task_id], num_inputs=6) if task_id in TASKS else "raw",
        answer=answer,
    )


def a_pair(task_id="d", *, before=(False, 0), after=(True, 4), **fields):
    sides = {"start": before, "end": after}
    made = [an_evaluation(task_id, phase=p, greedy=g, right=n, **fields) for p, (g, n) in sides.items()]
    return made[0], made[1]


def flat(*pairs):
    return [one for pair in pairs for one in pair]


def test_a_task_is_learned_if_the_greedy_answer_and_nearly_all_samples_went_from_wrong_to_right():
    assert is_learned(*a_pair(before=(False, 1), after=(True, 3)))
    assert not is_learned(*a_pair(before=(True, 1), after=(True, 3)))
    assert not is_learned(*a_pair(before=(False, 1), after=(False, 3)))
    assert not is_learned(*a_pair(before=(False, 2), after=(True, 4)))
    assert not is_learned(*a_pair(before=(False, 0), after=(True, 2)))


def test_the_largest_gain_comes_first_and_of_equal_gains_the_longest_program():
    pairs = [
        a_pair("small gain", before=(False, 1), size=4),
        a_pair("short", size=1),
        a_pair("long", size=3),
        a_pair("middle", size=2),
    ]
    assert [after.task_id for _, after in choose(pairs)] == ["long", "middle", "short"]


def test_every_kind_has_its_best_task_before_any_has_two():
    pairs = [
        *(a_pair(f"d{n}", size=4) for n in range(5)),
        a_pair("weak", kind="induction", size=1, before=(False, 1), after=(True, 3)),
        a_pair("worse", kind="induction", size=1, before=(False, 1), after=(True, 3)),
    ]
    assert [after.task_id for _, after in choose(pairs)] == ["d0", "d1", "weak"]


@st.composite
def some_pairs(draw):
    side = st.tuples(st.booleans(), st.integers(0, 4))
    rows = draw(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 4), side, side), max_size=12))
    return [
        a_pair(f"t{n}", kind=kind, size=size, before=before, after=after)
        for n, (kind, size, before, after) in enumerate(rows)
    ]


@given(some_pairs(), st.randoms(use_true_random=False))
def test_the_choice_holds_learned_tasks_alone_as_many_kinds_as_it_can_and_knows_no_order(pairs, random):
    chosen = choose(pairs)
    learned = [pair for pair in pairs if is_learned(*pair)]
    assert all(pair in learned for pair in chosen)
    assert len(chosen) == min(3, len(learned))
    assert len({after.kind for _, after in chosen}) == len({after.kind for _, after in learned})
    random.shuffle(pairs)
    assert choose(pairs) == chosen


def test_kinds_count_equally_however_many_tasks_they_have():
    # Deduction rises by 1 on one task, abduction by nothing on three: the mean of the kinds is one half, not a quarter.
    pairs = [a_pair("d"), *(a_pair(f"a{n}", kind="abduction", after=(False, 0)) for n in range(3))]
    found = before_after(flat(*pairs), readable=READABLE)
    assert (found.mean.before, found.mean.after) == (0.0, 0.5)
    assert found.interval.mean == pytest.approx(0.5)
    assert found.interval.low <= 0.5 <= found.interval.high


def test_rates_are_given_for_each_kind_and_each_length():
    pairs = [
        a_pair("one", size=1, before=(True, 2), after=(True, 4)),
        a_pair("two", size=3, before=(False, 0), after=(False, 1)),
        a_pair("i", kind="induction", size=3, before=(False, 1), after=(True, 1)),
    ]
    rows = before_after(flat(*pairs), readable=READABLE).rates
    assert [(row.kind, row.num_statements, row.num_tasks) for row in rows] == [
        ("deduction", None, 2),
        ("deduction", 1, 1),
        ("deduction", 3, 1),
        ("induction", None, 1),
        ("induction", 3, 1),
    ]
    assert (rows[0].sampled.before, rows[0].sampled.after) == (0.25, 0.625)
    assert (rows[0].greedy.before, rows[0].greedy.after) == (0.5, 0.5)


def test_thinking_is_the_share_of_well_formed_answers_with_intermediate_values():
    evaluations = [
        *(an_evaluation(f"d{n}", answer=answer) for n, answer in enumerate(["<a>1", "<t>1", "<t>4<a>8"])),
        *(an_evaluation(f"d{n}", phase="end", answer=answer) for n, answer in enumerate(["<t>4<a>8", "", "<t>4<a>8"])),
    ]
    thinking = before_after(evaluations, readable=READABLE).rates[0].thinking
    assert (thinking.before, thinking.after) == (0.5, 1.0)


def test_learned_and_forgotten_tasks_are_counted_by_one_measure():
    pairs = [a_pair("up"), a_pair("down", before=(True, 4), after=(False, 0)), a_pair("same", after=(False, 0))]
    found = before_after(flat(*pairs), readable=READABLE)
    assert (found.num_tasks, found.num_learned, found.num_forgotten) == (3, 1, 1)
    assert [one.task_id for one in found.examples] == ["up"]


def test_only_tasks_asked_at_both_ends_are_compared():
    extra = [an_evaluation("start only", right=4), an_evaluation("end only", phase="end", right=4)]
    found = before_after([*flat(a_pair("d")), *extra], readable=READABLE)
    assert (found.num_tasks, found.mean.before, found.mean.after) == (1, 0.0, 1.0)


def test_an_interrupted_run_has_a_start_and_no_interval():
    found = before_after([an_evaluation(right=1)], readable=READABLE)
    assert found.interval is None
    assert (found.mean.before, found.rates[0].sampled.before) == (0.25, 0.25)
    assert math.isnan(found.mean.after)
    assert math.isnan(found.rates[0].thinking.after)
    assert found.examples == []


def test_a_run_without_evaluations_or_with_other_tasks_at_its_end_has_nothing_to_compare():
    assert before_after([], readable=READABLE) is None
    assert before_after([an_evaluation("x"), an_evaluation("y", phase="end")], readable=READABLE) is None


def test_an_example_has_question_answers_and_samples_of_both_moments():
    start = an_evaluation(right=1, answer="<a>7<eos>")
    end = an_evaluation(phase="end", greedy=True, right=4, answer="<t>4<a>8<eos>")
    [example] = before_after([start, end], readable=READABLE).examples
    assert example.title == "deduction, 2 statements, d"
    assert example.question.text == f"{PROGRAM}\nf(3) -> ?"
    assert (example.before.answer.text, example.before.right, example.before.num_right) == ("7", False, 1)
    assert (example.after.answer.thoughts, example.after.answer.text, example.after.num_right) == ("4", "8", 4)


@pytest.mark.parametrize("dialect", [CompactDialect(), ProseDialect(banned_modules=("os",))])
def test_questions_are_shown_without_marks_and_hide_what_the_policy_did_not_see(dialect):
    def question(task_id, kind):
        prompt = dialect.prompt(TASKS[task_id], num_inputs=6)
        asked = msgspec.structs.replace(an_evaluation(task_id, kind=kind), prompt=prompt)
        return Readable(dialect, TASKS).question(asked).text

    assert question("d", "deduction") == f"{PROGRAM}\nf(3) -> ?"
    assert question("a", "abduction") == f"{PROGRAM}\nf(?) -> 8"
    assert question("i", "induction") == "f(1) -> 4\nf(2) -> 6\nf(3) -> 8\nf = ?  (3 more pairs decide)"


def test_a_task_that_was_made_anew_under_an_old_name_is_not_shown_as_the_one_that_was_asked():
    asked = msgspec.structs.replace(an_evaluation(), prompt="<sd><p>def f(x): return x<i>3")
    assert READABLE.question(asked).text == "<sd><p>def f(x): return x<i>3"


def test_an_answer_of_another_shape_is_shown_as_it_stands():
    shown = READABLE.answer(an_evaluation(answer="<t>1<t>2"))
    assert (shown.text, shown.well_formed) == ("<t>1<t>2", False)
    assert READABLE.answer(an_evaluation("i", kind="induction", answer=f"<a>{PROGRAM}<eos>")).text == PROGRAM


def test_without_a_dialect_an_answer_is_shown_raw_and_is_not_ill_formed():
    for readable, evaluation in (
        (Readable(), an_evaluation(answer="<t>1<t>2")),
        (READABLE, an_evaluation(kind="arithmetic", answer="<t>1<t>2")),
    ):
        shown = readable.answer(evaluation)
        assert (shown.text, shown.thoughts, shown.well_formed) == ("<t>1<t>2", "", True)
        pair = [evaluation, an_evaluation(phase="end", kind=evaluation.kind)]
        assert not before_after(pair, readable=readable).thinks
    assert before_after(flat(a_pair("d")), readable=READABLE).thinks


def test_of_a_run_whose_recipe_or_tasks_are_gone_texts_stay_raw(tmp_path):
    for config in ({}, {"recipe": {"name": "gone"}, "evaluation": {"tasks": str(tmp_path / "gone.jsonl")}}):
        readable = Readable.of_run(config)
        assert readable.question(an_evaluation()).text == f"<sd><p>{PROGRAM}<i>3"
    assert readable.answer(an_evaluation(answer="<a>8")).text == "<a>8"


def test_a_run_reads_its_own_dialect_and_tasks(tmp_path):
    path = tmp_path / "tasks.jsonl"
    path.write_bytes(b"\n".join(map(msgspec.json.encode, TASKS.values())))
    recipe = {"name": "absolute_zero", "options": {"dialect": "compact"}}
    readable = Readable.of_run({"recipe": recipe, "evaluation": {"tasks": str(path)}})
    assert readable.question(an_evaluation()).asked == "f(3) -> ?"
    assert readable.answer(an_evaluation(answer="<a>8")).text == "8"
