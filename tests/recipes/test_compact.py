import pytest

from sparring.core.types import Task
from sparring.recipes.compact import CompactDialect
from sparring.recipes.dialect import Reading

DIALECT = CompactDialect()
PROGRAM = "def f(x):\n    return x + 1"


def ask(kind: str, **payload: object) -> str:
    return DIALECT.prompt(Task(task_id="t", kind=kind, payload=payload), num_inputs=6)


def test_a_deduction_prompt_gives_program_and_input():
    assert ask("solve/deduction", program=PROGRAM, input="3", output="4") == f"<sd><p>{PROGRAM}<i>3"


def test_an_abduction_prompt_gives_program_and_output_and_hides_the_input():
    assert ask("solve/abduction", program=PROGRAM, input="3", output="4") == f"<sa><p>{PROGRAM}<o>4"


def test_an_induction_prompt_shows_the_first_half_of_the_pairs():
    prompt = ask("solve/induction", program=PROGRAM, inputs=list("123456"), outputs=list("234567"), message="")
    assert prompt == "<sf><i>1<o>2<i>2<o>3<i>3<o>4"


@pytest.mark.parametrize(("kind", "opener"), [("propose/deduction", "<pd>"), ("propose/abduction", "<pa>")])
def test_a_proposal_prompt_lists_the_programs_of_its_references(kind, opener):
    reference = {"program": PROGRAM, "input": "3", "output": "4"}
    assert ask(kind, references=[]) == opener
    assert ask(kind, references=[reference, reference]) == f"{opener}<r>{PROGRAM}<r>{PROGRAM}"


def test_an_induction_proposal_prompt_gives_the_program():
    assert ask("propose/induction", program=PROGRAM, input="3") == f"<pf><p>{PROGRAM}"


@pytest.mark.parametrize("kind", ["solve/deduction", "solve/abduction"])
@pytest.mark.parametrize("text", ["<a>[1, 2]<eos>", "<a>[1, 2]"])
def test_an_answer_is_read_with_and_without_an_end(kind, text):
    assert DIALECT.read(kind, text) == Reading(well_formed=True, answer="[1, 2]")
    assert not DIALECT.read(kind, text).thinks


@pytest.mark.parametrize("kind", ["solve/deduction", "solve/abduction"])
def test_intermediate_values_before_an_answer_are_thoughts(kind):
    reading = DIALECT.read(kind, "<t>[1];[2]<a>[1, 2]<eos>")
    assert reading == Reading(well_formed=True, answer="[1, 2]", thoughts="[1];[2]")
    assert reading.thinks


def test_an_induction_answer_is_a_program():
    assert DIALECT.read("solve/induction", f"<a>{PROGRAM}<eos>") == Reading(well_formed=True, program=PROGRAM)


@pytest.mark.parametrize("kind", ["propose/deduction", "propose/abduction"])
def test_a_proposal_is_a_program_and_one_input(kind):
    reading = DIALECT.read(kind, f"<p>{PROGRAM}<i>3<eos>")
    assert reading == Reading(well_formed=True, program=PROGRAM, inputs=("3",))


def test_an_induction_proposal_is_several_inputs_in_order():
    assert DIALECT.read("propose/induction", "<i>1<i>'a'<i>[2]<eos>") == Reading(
        well_formed=True, inputs=("1", "'a'", "[2]")
    )


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("solve/deduction", ""),
        ("solve/deduction", "4"),
        ("solve/deduction", "4<a>4"),
        ("solve/deduction", "<a>"),
        ("solve/deduction", "<a>4<a>4"),
        ("solve/deduction", "<t>4"),
        ("solve/deduction", "<t><a>4"),
        ("solve/deduction", "<a>4<eos>4"),
        ("solve/abduction", "<a>3<t>4"),
        ("solve/induction", f"<p>{PROGRAM}"),
        ("solve/induction", f"<t>1<a>{PROGRAM}"),
        ("propose/deduction", f"<p>{PROGRAM}"),
        ("propose/deduction", f"<i>3<p>{PROGRAM}"),
        ("propose/deduction", f"<p>{PROGRAM}<i>3<i>4"),
        ("propose/induction", "<i>1<i><i>3"),
        ("propose/induction", "<a>1"),
    ],
)
def test_a_completion_of_another_shape_is_ill_formed(kind, text):
    assert not DIALECT.read(kind, text).well_formed


def test_what_can_be_read_of_an_ill_formed_completion_is_kept():
    reading = DIALECT.read("propose/deduction", f"<p>{PROGRAM}<i>3<o>4")
    assert not reading.well_formed
    assert reading.program == PROGRAM
    assert reading.inputs == ("3",)


def test_nothing_a_model_wrote_is_evaluated():
    assert DIALECT.read("solve/deduction", "<a>1/0").answer == "1/0"


def test_an_unknown_kind_is_named_in_the_error():
    with pytest.raises(ValueError, match="solve/poetry"):
        DIALECT.read("solve/poetry", "<a>1")
