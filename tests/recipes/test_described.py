"""Tasks that people describe to a role, as prompts."""

import json
import pickle

import pytest

from sparring.core.config import RecipeConfig
from sparring.core.errors import UsageError
from sparring.deploy.role_prompts import role_prompts
from sparring.recipes.absolute_zero import AbsoluteZero
from sparring.recipes.absolute_zero_options import AbsoluteZeroOptions
from sparring.recipes.described import described_task

PROGRAM = "def f(x):\n    return x + 1"
PAIRS = {"inputs": ["1", "2", "3", "4"], "outputs": ["2", "3", "4", "5"]}


def asked(role, **fields):
    return AbsoluteZero(AbsoluteZeroOptions(dialect="compact")).prompt(role, json.dumps(fields))


def test_a_role_is_asked_as_in_training():
    assert asked("solver", kind="deduction", program=PROGRAM, input="3") == f"<sd><p>{PROGRAM}<i>3"
    assert asked("solver", kind="abduction", program=PROGRAM, output="4") == f"<sa><p>{PROGRAM}<o>4"
    assert asked("solver", kind="induction", **PAIRS) == "<sf><i>1<o>2<i>2<o>3"  # half of the pairs stay hidden
    assert asked("proposer", kind="induction", program=PROGRAM) == f"<pf><p>{PROGRAM}"
    reference = {"program": PROGRAM, "input": "1", "output": "2"}
    assert asked("proposer", kind="abduction", references=[reference]) == f"<pa><r>{PROGRAM}"


@pytest.mark.parametrize(
    ("role", "text"),
    [
        ("solver", "hello"),
        ("solver", "{}"),
        ("solver", '{"kind": "deduction"}'),
        ("solver", '{"kind": "deduction", "program": 1, "input": "1"}'),
        ("solver", '{"kind": "deduction", "program": "p", "input": "1", "more": 1}'),
        ("solver", '{"kind": "induction", "inputs": ["1"], "outputs": []}'),
        ("solver", "[" * 100_000),
        ("proposer", '{"kind": "deduction", "program": "p", "input": "1"}'),
        ("referee", "{}"),
    ],
)
def test_what_describes_no_task_is_the_clients_fault(role, text):
    with pytest.raises(UsageError):
        described_task(role, text)


def test_templates_travel_to_another_process():
    prompts = role_prompts(RecipeConfig(name="absolute_zero", options={"dialect": "compact"}))
    assert set(prompts) == {"proposer", "solver"}
    text = json.dumps({"kind": "deduction", "program": PROGRAM, "input": "3"})
    assert pickle.loads(pickle.dumps(prompts["solver"]))(text) == f"<sd><p>{PROGRAM}<i>3"
