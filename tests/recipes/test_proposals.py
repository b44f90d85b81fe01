"""Proposals of what is there already or does nothing: rejected where the options say so."""

import pytest

from sparring.core.errors import UsageError
from sparring.core.types import Task
from sparring.recipes.absolute_zero import AbsoluteZero
from sparring.recipes.absolute_zero_options import AbsoluteZeroOptions
from sparring.recipes.syntax import num_statements

SQUARE = "def f(x):\n    return x * x"
RENAMED = "def f(y):\n    # the same in other words\n    return y*y"
SQUARES = {str(n): str(n * n) for n in range(-9, 10)}
PAYLOADS = {
    "deduction": {"references": []},
    "abduction": {"references": []},
    "induction": {"program": SQUARE, "input": "1"},
}


def recipe(**options):
    small = {"dialect": "compact", "batch_size": 2, "num_solves": 2, "num_inputs": 2}
    return AbsoluteZero(AbsoluteZeroOptions(**small, **options))


async def proposed(fakes, text, *, kind="deduction", archive=None, **options):
    """The episode of one proposal, and how many programs were run for it."""
    sampler = fakes.sampler(says={"proposer": [text], "solver": lambda prompt: "<a>0"})
    verifier = fakes.verifier(returns=SQUARES)
    task = Task(task_id="e", kind=f"propose/{kind}", payload=PAYLOADS[kind])
    episode = await recipe(**options).play(task, sample=sampler, verify=verifier, archive=archive)
    return episode, len(verifier.claims)


async def archive_after(fakes, text, **options):
    """An archive that holds what one proposal minted."""
    episode, _ = await proposed(fakes, text, **options)
    return fakes.archive(list(episode.minted))


@pytest.mark.parametrize("kind", ["deduction", "abduction"])
async def test_a_program_that_the_archive_knows_is_rejected_before_it_is_run(fakes, kind):
    archive = await archive_after(fakes, f"<p>{SQUARE}<i>3", kind=kind)
    episode, num_runs = await proposed(
        fakes, f"<p>{RENAMED}<i>5", kind=kind, archive=archive, reject_known_programs=True
    )
    assert (num_runs, episode.minted, len(episode.rollouts)) == (0, (), 1)
    assert episode.metrics == {"proposals/valid": 0.0, "proposals/duplicate": 1.0}
    assert episode.rollouts[0].reward == -0.5
    assert episode.rollouts[0].verdict == "its program is already in the archive"


async def test_new_inputs_of_a_known_program_are_a_new_task_by_default(fakes):
    archive = await archive_after(fakes, f"<p>{SQUARE}<i>3")
    episode, _ = await proposed(fakes, f"<p>{RENAMED}<i>5", archive=archive)
    assert episode.metrics["proposals/valid"] == 1.0


async def test_a_program_is_known_in_its_own_kind_only(fakes):
    archive = await archive_after(fakes, f"<p>{SQUARE}<i>3", kind="abduction")
    episode, _ = await proposed(fakes, f"<p>{SQUARE}<i>3", archive=archive, reject_known_programs=True)
    assert (episode.metrics["proposals/valid"], episode.metrics["proposals/duplicate"]) == (1.0, 0.0)


async def test_an_induction_task_is_known_by_its_program_and_inputs(fakes):
    archive = await archive_after(fakes, "<i>2<i>3", kind="induction")
    same, other = [
        (await proposed(fakes, text, kind="induction", archive=archive, reject_known_programs=True))[0]
        for text in ("<i>2<i>3", "<i>2<i>4")
    ]
    assert [episode.metrics["proposals/duplicate"] for episode in (same, other)] == [1.0, 0.0]
    assert same.rollouts[0].verdict == "its task is already in the archive"


async def test_an_ill_formed_or_failing_proposal_is_no_duplicate(fakes):
    for text in ("nothing", f"<p>{SQUARE}<i>99"):
        episode, _ = await proposed(fakes, text, archive=fakes.archive(), reject_known_programs=True)
        assert episode.metrics == {"proposals/valid": 0.0, "proposals/duplicate": 0.0}


async def test_rejecting_known_programs_without_an_archive_is_refused(fakes):
    with pytest.raises(UsageError, match="needs the archive"):
        await proposed(fakes, f"<p>{SQUARE}<i>3", reject_known_programs=True)


@pytest.mark.parametrize("reject", [True, False])
async def test_dead_code_is_rejected_if_asked(fakes, reject):
    padded = "def f(x):\n    y = 1\n    return x * x"
    episode, num_runs = await proposed(fakes, f"<p>{padded}<i>3", reject_dead_code=reject)
    assert episode.metrics["proposals/valid"] == 1.0 - reject
    if reject:
        assert (num_runs, episode.rollouts[0].reward) == (0, -0.5)
        assert episode.rollouts[0].verdict == "dead code, line 2: y is not read afterwards"


async def test_the_given_program_of_an_induction_task_is_not_judged_again(fakes):
    task = Task(task_id="e", kind="propose/induction", payload={"program": f"K = 1\n{SQUARE}", "input": "1"})
    sampler = fakes.sampler(says={"proposer": ["<i>2<i>3"], "solver": lambda prompt: "<a>0"})
    episode = await recipe(reject_dead_code=True).play(task, sample=sampler, verify=fakes.verifier(returns=SQUARES))
    assert episode.metrics["proposals/valid"] == 1.0


async def test_known_programs_and_extreme_solve_rates_are_measured(fakes):
    archive = await archive_after(fakes, f"<p>{SQUARE}<i>3")
    longer = "def f(x):\n    if x:\n        x = x * 1\n    return x * x"
    episodes = [
        (await proposed(fakes, f"<p>{program}<i>3", archive=archive, reject_known_programs=True))[0]
        for program in (SQUARE, longer, "def f(x):\n    y = x * x\n    return y")
    ]
    measured = recipe().measure(episodes)
    assert measured["proposals/duplicate/deduction"] == pytest.approx(1 / 3)
    assert measured["proposals/statements/deduction"] == 2.5  # three and two; the known one is not valid
    assert measured["proposals/extreme/deduction"] == 1.0  # the solver always says 0


@pytest.mark.parametrize(
    ("program", "count"),
    [
        (SQUARE, 1),
        ('def f(x):\n    """Doc."""\n    pass\n    return x', 1),
        ("def f(x):\n    for i in x:\n        if i:\n            return i\n    return x", 4),
        ("def g(x):\n    y = x\n    return y\n" + SQUARE, 1),
        ("K = 1\ndef square(x):\n    return x", 1),
        ("x = 1", 0),
    ],
)
def test_statements_are_those_of_the_entry_function(program, count):
    assert num_statements(program) == count
