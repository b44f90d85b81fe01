import ast
import json
import subprocess
import sys
from collections import Counter
from random import Random

import pytest

from sparring.recipes.corpus import NUM_PAIRS, draw_specimen, heldout, normalised, split_of

# Runs each program on its inputs in a Python of its own and prints what repr says of the outputs.
RUNNER = """
import json, sys
answers = []
for program, inputs in json.load(sys.stdin):
    names = {}
    exec(program, names)
    answers.append([repr(names["f"](eval(text))) for text in inputs])
print(json.dumps(answers))
"""


def run_in_python(programs_and_inputs):
    source = json.dumps(programs_and_inputs)
    done = subprocess.run(
        [sys.executable, "-I", "-c", RUNNER], input=source, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def draw(count, *, seed=0, split="train"):
    random = Random(seed)
    return [draw_specimen(random, random.randint(1, 4), split=split) for _ in range(count)]


@pytest.fixture(scope="module")
def held_out():
    return {split: list(heldout(split)) for split in ("validation", "test")}


def test_every_output_is_what_python_says():
    specimens = draw(500)
    answers = run_in_python([(s.program, list(map(repr, s.inputs))) for s in specimens])
    assert answers == [list(map(repr, s.outputs)) for s in specimens]


def test_every_value_is_a_literal_that_survives_its_text():
    for specimen in draw(200):
        for value in (*specimen.inputs, *(value for values in specimen.values for value in values)):
            assert ast.literal_eval(repr(value)) == value


def test_equal_seeds_draw_equal_specimens():
    assert draw(50, seed=7) == draw(50, seed=7)
    assert draw(50, seed=7) != draw(50, seed=8)


def test_a_specimen_has_a_value_after_every_statement_and_distinct_inputs():
    for specimen in draw(200):
        assert len({repr(value) for value in specimen.inputs}) == NUM_PAIRS
        assert all(len(values) == specimen.num_statements for values in specimen.values)


def test_no_program_is_constant_or_the_identity():
    for specimen in draw(200):
        assert len({repr(output) for output in specimen.outputs}) > 1
        assert specimen.inputs != specimen.outputs


def test_program_text_is_its_own_normal_form_up_to_line_breaks():
    for specimen in draw(200):
        assert normalised(normalised(specimen.program)) == normalised(specimen.program)
        assert "".join(specimen.program.split()) == "".join(normalised(specimen.program).split())


def test_training_never_draws_a_program_of_the_held_out_sets(held_out):
    trained = {normalised(specimen.program) for specimen in draw(5000)}
    kept = {normalised(task.payload["program"]) for tasks in held_out.values() for task in tasks}
    assert not trained & kept
    assert all(split_of(task.payload["program"]) == split for split, tasks in held_out.items() for task in tasks)


def test_validation_and_test_share_no_program(held_out):
    validation, test = ({normalised(task.payload["program"]) for task in tasks} for tasks in held_out.values())
    assert not validation & test


def test_a_held_out_set_repeats_no_task_and_has_enough_of_each_kind(held_out):
    for tasks in held_out.values():
        assert len({task.task_id for task in tasks}) == len(tasks)
        asked = [t.payload.get("input", t.payload.get("inputs")) for t in tasks]
        keys = {(t.kind, normalised(t.payload["program"]), repr(each)) for t, each in zip(tasks, asked, strict=True)}
        assert len(keys) == len(tasks)
        assert min(Counter(task.kind for task in tasks).values()) >= 200


def test_held_out_answers_are_what_python_says(held_out):
    for tasks in held_out.values():
        inputs = [task.payload.get("inputs") or [task.payload["input"]] for task in tasks]
        outputs = [task.payload.get("outputs") or [task.payload["output"]] for task in tasks]
        assert run_in_python([(t.payload["program"], given) for t, given in zip(tasks, inputs, strict=True)]) == outputs
