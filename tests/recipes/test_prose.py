"""The prose dialect: what prompts show and which completions are read."""

from __future__ import annotations

import pytest

from sparring.core.types import Task
from sparring.recipes.absolute_zero_options import AbsoluteZeroOptions
from sparring.recipes.dialect import Reading
from sparring.recipes.prose import ProseDialect

DIALECT = ProseDialect(banned_modules=("random", "os.path"))
REFERENCE = {"program": "def f(x):\n    return x  # $name", "input": "'Ada'", "output": "'Ada'"}
PAIRS = {
    "program": "SECRET",
    "inputs": ["1", "2", "33", "44"],
    "outputs": ["-1", "-2", "-33", "-44"],
    "message": "Mind.",
}
PAYLOADS = {
    "propose/deduction": {"references": [REFERENCE, REFERENCE]},
    "propose/abduction": {"references": [REFERENCE]},
    "propose/induction": {"program": "def f(x):\n    return x", "input": "'Hidden'"},
    "solve/deduction": {"program": "def f(x):\n    return x", "input": "'in'", "output": "'GOLD'"},
    "solve/abduction": {"program": "def f(x):\n    return x", "input": "'GOLD'", "output": "'out'"},
    "solve/induction": PAIRS,
}


def prompt(kind: str, payload: dict | None = None) -> str:
    return DIALECT.prompt(Task(task_id="t", kind=kind, payload=payload or PAYLOADS[kind]), num_inputs=10)


def answered(answer: str, *, reasoning: str = "") -> str:
    return f"{reasoning} </think> <answer>{answer}</answer>"


def block(name: str, body: str) -> str:
    return f"\n```{name}\n{body}\n```\n"


@pytest.mark.parametrize("kind", PAYLOADS)
def test_every_prompt_opens_the_reasoning_and_leaves_no_placeholder(kind):
    text = prompt(kind)
    assert text.endswith("Assistant: <think>")
    assert "$" not in text.replace("# $name", "")


@pytest.mark.parametrize("kind", ["solve/deduction", "solve/abduction"])
def test_the_answer_is_not_in_the_question(kind):
    assert "GOLD" not in prompt(kind)


def test_half_of_the_pairs_of_an_induction_task_stays_hidden():
    text = prompt("solve/induction")
    assert "```input\n1\n```\n```output\n-1\n```\n```input\n2\n```\n```output\n-2\n```" in text
    assert "Mind." in text
    assert not any(hidden in text for hidden in ("33", "44", "SECRET"))


def test_with_an_odd_number_of_pairs_the_larger_half_is_hidden():
    text = prompt("solve/induction", {**PAIRS, "inputs": ["1", "22", "33"], "outputs": ["-1", "-22", "-33"]})
    assert "22" not in text


def test_references_are_numbered_and_the_model_text_in_them_is_not_a_template():
    text = prompt("propose/deduction")
    assert "<snippet_0>\n```python\ndef f(x):\n    return x  # $name\n```\n```input\n'Ada'\n```" in text
    assert "<snippet_1>" in text
    assert "random, os.path" in text


def test_a_proposal_without_references_says_so():
    assert "nothing yet" in prompt("propose/abduction", {"references": []})


def test_an_induction_proposal_is_asked_for_the_number_of_inputs_that_is_needed():
    assert "Choose 10 inputs" in prompt("propose/induction")


@pytest.mark.parametrize("kind", PAYLOADS)
def test_prompt_text_and_a_full_budget_of_content_fit_the_papers_prompt_length(kind):
    num_references = 6
    text = DIALECT.prompt(
        Task(task_id="t", kind=kind, payload={**PAYLOADS[kind], "references": [REFERENCE] * num_references}),
        num_inputs=10,
    )
    # English prose takes at least 3.5 bytes a token with any tokenizer of the field; content at least one.
    assert len(text.encode()) / 3.5 + AbsoluteZeroOptions().max_content_bytes < 6144


def test_a_proposal_is_a_program_and_an_input():
    text = answered(block("python", "def f(x):\n    return x") + block("input", "1, 'a'"))
    expected = Reading(well_formed=True, program="def f(x):\n    return x", inputs=("1, 'a'",))
    assert DIALECT.read("propose/deduction", text) == DIALECT.read("propose/abduction", text) == expected


def test_an_induction_proposal_is_inputs_and_a_message():
    text = answered(block("input", "1") + block("input", "2") + block("message", "Add."))
    assert DIALECT.read("propose/induction", text) == Reading(well_formed=True, inputs=("1", "2"), message="Add.")


def test_answers_of_solvers_are_read_from_their_block():
    assert DIALECT.read("solve/deduction", answered(block("output", "[1, 2]"))).answer == "[1, 2]"
    assert DIALECT.read("solve/abduction", answered(block("input", "'x', 2"))).answer == "'x', 2"
    assert (
        DIALECT.read("solve/induction", answered(block("python", "def f(x): return 1"))).program == "def f(x): return 1"
    )


def test_what_stands_in_the_reasoning_block_are_thoughts():
    text = answered(block("output", "1"), reasoning="\nTwo minus one.\n")
    assert DIALECT.read("solve/deduction", text).thoughts == "Two minus one."
    assert DIALECT.read("solve/deduction", text).thinks
    assert not DIALECT.read("solve/deduction", answered(block("output", "1"), reasoning=" \n")).thinks


def test_an_end_token_may_follow_the_answer():
    assert DIALECT.read("solve/deduction", answered(block("output", "1")) + "\n<|endoftext|>").well_formed


def test_a_fence_inside_a_line_does_not_end_a_program():
    program = "def f(x):\n    return '```' + x"
    assert DIALECT.read("solve/induction", answered(block("python", program))).program == program


@pytest.mark.parametrize(
    "text",
    [
        block("output", "1"),
        f"<answer>{block('output', '1')}</answer>",
        f"</think>{block('output', '1')}",
        f"so </think> and <answer>{block('output', '1')}</answer>",
        answered(block("output", "1")) + " and more",
        answered(block("output", "1")) + "<answer></answer>",
        answered(block("output", "1"), reasoning="<think>"),
        answered("1"),
        answered("the output is 1"),
        answered(block("input", "1")),
        answered(block("output", " ")),
        answered(block("output", "1") + block("output", "2")),
        answered("\n```output\n1\n"),
        "",
    ],
)
def test_a_completion_of_another_shape_says_nothing(text):
    assert DIALECT.read("solve/deduction", text) == Reading(well_formed=False)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("propose/deduction", block("python", "def f(x): return x")),
        ("propose/abduction", block("input", "1")),
        ("propose/deduction", block("python", "a") + block("input", "1") + block("input", "2")),
        ("propose/induction", block("input", "1") * 10),
        ("propose/induction", block("message", "Add.")),
    ],
)
def test_a_proposal_that_lacks_a_block_is_ill_formed(kind, answer):
    assert not DIALECT.read(kind, answered(answer)).well_formed


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "text",
    [
        "</think><answer>" * 2000 + "</answer>" * 2000,
        "</think><answer></answer>" + " " * 30_000 + "x",
        "</think>" + " " * 30_000 + "x<answer></answer>",
        answered("```a\n" * 6000),
    ],
)
def test_reading_hostile_text_takes_linear_time(text):
    assert not DIALECT.read("solve/deduction", text).well_formed


def test_an_unknown_kind_is_an_error():
    with pytest.raises(ValueError, match="unknown to the prose dialect"):
        DIALECT.read("solve/proof", "")
