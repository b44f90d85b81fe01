"""One episode of Absolute Zero at a time: openings, checks, rewards, minting, grading."""

from __future__ import annotations

from random import Random

import pytest

from sparring.core.claims import ProgramRun, ValueMatch
from sparring.core.config import RecipeConfig
from sparring.core.errors import UsageError, VerificationFailed
from sparring.core.types import Outcome, Task
from sparring.recipes import RECIPES, build
from sparring.recipes.absolute_zero import AbsoluteZero, learnability
from sparring.recipes.absolute_zero_options import AbsoluteZeroOptions

SQUARE = "def f(x):\n    return x * x"
SQUARES = {str(n): str(n * n) for n in range(-9, 10)}
PROPOSE = {
    "deduction": Task(task_id="e1", kind="propose/deduction", payload={"references": []}, parents=("p1", "p2")),
    "abduction": Task(task_id="e1", kind="propose/abduction", payload={"references": []}),
    "induction": Task(
        task_id="e1", kind="propose/induction", payload={"program": SQUARE, "input": "1"}, parents=("p",)
    ),
}
SOLVE = {
    "deduction": Task(task_id="s", kind="solve/deduction", payload={"program": SQUARE, "input": "3", "output": "9"}),
    "abduction": Task(task_id="s", kind="solve/abduction", payload={"program": SQUARE, "input": "3", "output": "9"}),
    "induction": Task(
        task_id="s",
        kind="solve/induction",
        payload={"program": SQUARE, "inputs": list("1234"), "outputs": ["1", "4", "9", "16"], "message": ""},
    ),
}


def recipe(**options) -> AbsoluteZero:
    small = {"dialect": "compact", "batch_size": 2, "num_solves": 4, "num_inputs": 4, "num_references": 2}
    return AbsoluteZero(AbsoluteZeroOptions(**{**small, **options}))


def minted(number: int, *, kind: str = "deduction", program: str = SQUARE) -> Task:
    payload = {"program": program, "input": str(number), "output": str(number * number)}
    return Task(task_id=f"{kind}-{number}", kind=kind, payload=payload, fingerprint=f"{kind}-{number}")


async def played(fakes, kind, proposal, answers=(), *, returns=SQUARES, outcomes=None, **options):
    sampler = fakes.sampler(says={"proposer": [proposal], "solver": [f"<a>{answer}" for answer in answers]})
    verifier = fakes.verifier(returns=returns, outcomes=outcomes or {})
    episode = await recipe(**options).play(PROPOSE[kind], sample=sampler, verify=verifier)
    return episode, sampler, verifier


def asks(text: str) -> str:
    return f"<p>{SQUARE}<i>{text}"


# Learnability


@pytest.mark.parametrize(("solved", "value"), [(0, 0.0), (1, 0.875), (4, 0.5), (7, 0.125), (8, 0.0)])
def test_learnability_is_one_minus_the_solve_rate_and_nothing_at_the_extremes(solved, value):
    assert learnability(solved / 8) == value


def test_learnability_of_the_original_code_at_the_extremes():
    assert [learnability(rate, at_extremes=-0.5) for rate in (0.0, 0.5, 1.0)] == [-0.5, 0.5, -0.5]


# Openings


def test_a_step_is_the_papers_six_batches_of_64():
    openings = AbsoluteZero().openings()
    assert sum(openings.values()) == 64 * 6
    assert list(openings)[:2] == ["propose/deduction", "propose/abduction"]


def test_solving_in_place_needs_no_solve_openings():
    assert list(recipe(solve_source="fresh").openings()) == [f"propose/{kind}" for kind in PROPOSE]


async def test_references_are_drawn_without_replacement_from_the_same_kind(fakes):
    archive = fakes.archive([minted(n) for n in range(5)] + [minted(n, kind="abduction") for n in range(5, 9)])
    task = await recipe().open("propose/abduction", task_id="t", archive=archive, rng=Random(0))
    assert len(set(task.parents)) == 2
    assert all(parent.startswith("abduction") for parent in task.parents)
    assert [reference["input"] for reference in task.payload["references"]] == [p[-1] for p in task.parents]


async def test_references_that_do_not_fit_together_are_left_out(fakes):
    archive = fakes.archive([minted(n) for n in range(2)])
    one_fits = recipe(max_content_bytes=len(SQUARE) + 6)
    task = await one_fits.open("propose/deduction", task_id="t", archive=archive, rng=Random(0))
    assert len(task.payload["references"]) == len(task.parents) == 1


async def test_induction_programs_come_uniformly_from_deduction_and_abduction_together(fakes):
    archive = fakes.archive([minted(0)] + [minted(n, kind="abduction") for n in (1, 2, 3)])
    rng, game = Random(0), recipe()
    parents = [
        (await game.open("propose/induction", task_id="t", archive=archive, rng=rng)).parents[0] for _ in range(400)
    ]
    # 100 expected of each of the four; the standard deviation is sqrt(400 * 1/4 * 3/4) = 8.7
    assert all(70 < parents.count(task.task_id) < 130 for task in archive.tasks)


async def test_a_solve_takes_a_fresh_task_first_and_then_any(fakes):
    archive = fakes.archive([minted(1)])
    await archive.mint([minted(2)])
    game = recipe()
    opened = [await game.open("solve/deduction", task_id=f"t{n}", archive=archive, rng=Random(n)) for n in range(9)]
    assert opened[0].parents == ("deduction-2",)
    assert {task.parents for task in opened[1:]} == {("deduction-1",), ("deduction-2",)}
    assert (opened[0].task_id, opened[0].kind) == ("t0", "solve/deduction")
    assert opened[0].payload == minted(2).payload


@pytest.mark.parametrize("kind", ["solve/deduction", "propose/induction"])
async def test_an_empty_archive_is_a_clear_error(fakes, kind):
    with pytest.raises(UsageError, match="seed it"):
        await recipe().open(kind, task_id="t", archive=fakes.archive(), rng=Random(0))


# Proposals that become tasks


async def test_a_valid_proposal_earns_its_learnability(fakes):
    episode, sampler, _ = await played(fakes, "deduction", asks("3"), ["9", "9", "9", "8"])
    assert [one.reward for one in episode.rollouts] == [0.25, 1.0, 1.0, 1.0, -0.5]
    assert [one.trained for one in episode.rollouts] == [True, False, False, False, False]
    assert [one.solved for one in episode.rollouts] == [None, True, True, True, False]
    assert episode.metrics == {
        "proposals/valid": 1.0,
        "proposals/duplicate": 0.0,
        "solve_rate": 0.75,
        "learnability": 0.25,
    }
    assert sampler.calls == [("proposer", "propose/deduction", 1), ("solver", "solve/deduction", 4)]


async def test_a_minted_task_knows_where_it_came_from(fakes):
    episode, _, _ = await played(fakes, "deduction", asks(" 3 "), "9999")
    [task] = episode.minted
    assert task.payload == {"program": SQUARE, "input": "3", "output": "9"}
    assert (task.kind, task.parents, task.minted_by) == ("deduction", ("p1", "p2"), "base@7/proposer")
    assert task.fingerprint


async def test_the_same_task_in_other_words_has_the_same_fingerprint(fakes):
    one, _, _ = await played(fakes, "deduction", asks("3"), "9999")
    other, _, _ = await played(fakes, "deduction", "<p>def f(y):\n    # twice\n    return y*y<i> 3", "9999")
    assert one.minted[0].fingerprint == other.minted[0].fingerprint
    by_text, _, _ = await played(fakes, "deduction", "<p>def f(y): return y*y<i>3", "9999", deduplicate="text")
    assert by_text.minted[0].fingerprint != one.minted[0].fingerprint


async def test_comments_stay_in_self_play(fakes):
    episode, _, _ = await played(fakes, "deduction", "<p>def f(x):\n    return x  # hint<i>3", "9999")
    assert "# hint" in episode.minted[0].payload["program"]


async def test_a_differently_named_function_is_run_and_archived_as_f(fakes):
    episode, _, verifier = await played(fakes, "deduction", "<p>def g(x):\n    return x * x<i>3", "9999")
    assert verifier.claims[0] == ProgramRun(program=SQUARE, arguments=("3",), check_determinism=True)
    assert episode.minted[0].payload["program"] == SQUARE


async def test_an_induction_proposal_is_run_on_all_inputs_and_solved_on_the_hidden_half(fakes):
    solution = "def f(y):\n    return y ** 2"
    episode, _, verifier = await played(fakes, "induction", "<i>1<i>2<i>3<i>4", [solution] * 3 + ["def f("])
    proposed, solved = verifier.claims
    assert proposed == ProgramRun(program=SQUARE, arguments=("1", "2", "3", "4"), check_determinism=True)
    assert solved == ProgramRun(program=solution, arguments=("3", "4"), expected=("9", "16"))
    assert episode.rollouts[0].reward == 0.25
    assert episode.minted[0].payload == {
        "program": SQUARE,
        "inputs": ["1", "2", "3", "4"],
        "outputs": ["1", "4", "9", "16"],
        "message": "",
    }


async def test_the_last_distinct_inputs_of_too_many_are_kept(fakes):
    episode, _, _ = await played(fakes, "induction", "<i>9<i>1<i>2<i>2<i>3<i>4", ["no"] * 4)
    assert episode.minted[0].payload["inputs"] == ["1", "2", "3", "4"]


async def test_equal_answers_are_verified_once(fakes):
    _, _, verifier = await played(fakes, "abduction", asks("3"), ["3", "-3", "3", "3"])
    assert [claim.arguments for claim in verifier.claims] == [("3",), ("3",), ("-3",)]
    assert [claim.expected for claim in verifier.claims] == [None, ("9",), ("9",)]


@pytest.mark.parametrize(("answers", "reward"), [("9999", -0.5), ("8888", -0.5), ("9888", 0.75)])
async def test_no_learnability_costs_what_an_option_says(fakes, answers, reward):
    episode, _, _ = await played(fakes, "deduction", asks("3"), answers, zero_learnability_reward=-0.5)
    assert episode.rollouts[0].reward == reward
    assert episode.metrics["learnability"] == max(reward, 0.0)  # the metric stays the quantity of the paper


@pytest.mark.parametrize(
    ("keep", "kept"), [("all", [1, 1, 1]), ("not_always_solved", [1, 1, 0]), ("learnable", [0, 1, 0])]
)
async def test_every_valid_proposal_is_archived_unless_an_option_says_otherwise(fakes, keep, kept):
    episodes = [
        (await played(fakes, "deduction", asks("3"), answers, keep_proposals=keep))[0]
        for answers in ("8888", "9888", "9999")
    ]
    assert [len(episode.minted) for episode in episodes] == kept


# Proposals that do not


@pytest.mark.parametrize(
    ("kind", "proposal", "reason"),
    [
        ("deduction", "<p>def f(x:<i>3", "not Python"),
        ("deduction", "<p>x = 3<i>3", "none is named f"),
        ("deduction", "<p>import random\ndef f(x):\n    return x<i>3", "banned module random"),
        ("deduction", asks("print(3)"), "more than a value"),
        ("abduction", asks("1) + f(2"), "parentheses of a call"),
        ("abduction", asks("77"), "runtime_error: on 77"),
        ("induction", "<i>1<i>2<i>3<i> 3", "3 distinct inputs of 4, but 4"),
        ("induction", "<i>1<i>2<i>3<i>77", "runtime_error: on 77"),
    ],
)
async def test_an_invalid_proposal_is_penalised_and_nothing_is_minted_or_solved(fakes, kind, proposal, reason):
    episode, sampler, _ = await played(fakes, kind, proposal)
    assert [one.reward for one in episode.rollouts] == [-0.5]
    assert reason in episode.rollouts[0].verdict
    assert (episode.minted, episode.metrics) == ((), {"proposals/valid": 0.0, "proposals/duplicate": 0.0})
    assert len(sampler.calls) == 1


@pytest.mark.parametrize(
    "outcome", [Outcome.NONDETERMINISTIC, Outcome.CPU_TIME, Outcome.MEMORY, Outcome.OUTPUT, Outcome.CRASHED]
)
async def test_a_program_that_does_not_end_well_is_invalid_whatever_the_way(fakes, outcome):
    episode, _, _ = await played(fakes, "deduction", asks("3"), returns={}, outcomes={"3": outcome})
    assert episode.rollouts[0].reward == -0.5
    assert episode.rollouts[0].verdict.startswith(outcome.value)


async def test_a_long_output_is_rejected_and_never_cut(fakes):
    returns = {"3": "'" + "a" * 398 + "'"}
    episode, _, _ = await played(fakes, "deduction", asks("3"), ["1"] * 4, returns=returns)
    assert episode.minted[0].payload["output"] == returns["3"]
    longer, _, _ = await played(fakes, "deduction", asks("3"), returns={"3": returns["3"] + " "})
    assert "an output of 401 characters, but 400" in longer.rollouts[0].verdict


async def test_a_task_too_long_for_a_prompt_is_invalid(fakes):
    episode, _, _ = await played(fakes, "deduction", asks("3"), max_content_bytes=len(SQUARE) + 1)
    assert "fit into a prompt" in episode.rollouts[0].verdict


async def test_several_functions_are_invalid_only_where_an_option_says_so(fakes):
    proposal = "<p>def g(x): return x * x\ndef f(x): return g(x)<i>3"
    lax, _, _ = await played(fakes, "deduction", proposal, "9999")
    strict, _, _ = await played(fakes, "deduction", proposal, reject_multiple_functions=True)
    assert (len(lax.minted), len(strict.minted)) == (1, 0)


async def test_an_ill_formed_proposal_costs_most_and_is_not_even_run(fakes):
    episode, _, verifier = await played(fakes, "deduction", f"chatter {asks('3')}")
    assert [one.reward for one in episode.rollouts] == [-1.0]
    assert (verifier.claims, episode.minted) == ([], ())


# Solves


@pytest.mark.parametrize(
    ("kind", "answer", "reward"),
    [
        ("deduction", "<a>9", 1.0),
        ("deduction", "<a>8", -0.5),
        ("deduction", "9", -1.0),
        ("abduction", "<a>3", 1.0),
        ("abduction", "<a>-3", 1.0),  # another input than the proposer's: the program is not injective
        ("abduction", "<a>2", -0.5),
        ("abduction", "<a>77", -0.5),  # raises
        ("abduction", "<a>setattr(f, '__code__', 9)", -0.5),
        ("abduction", "<a>", -1.0),
        ("induction", f"<a>{SQUARE}", 1.0),
        ("induction", "<a>def square(n): return n * n", 1.0),
        ("induction", "<a>not a program", -0.5),
        ("induction", SQUARE, -1.0),
    ],
)
async def test_solver_rewards(fakes, kind, answer, reward):
    sampler = fakes.sampler(says={"solver": [answer]})
    episode = await recipe().play(SOLVE[kind], sample=sampler, verify=fakes.verifier(returns=SQUARES))
    [scored] = episode.rollouts
    assert (scored.reward, scored.kind, scored.trained, scored.solved) == (reward, kind, True, reward == 1.0)
    assert episode.metrics == {"solve_rate": float(reward == 1.0)}


async def test_an_induction_answer_must_be_right_on_every_hidden_input(fakes):
    sampler = fakes.sampler(says={"solver": [f"<a>{SQUARE}"]})
    verifier = fakes.verifier(returns={**SQUARES, "4": "17"})
    episode = await recipe().play(SOLVE["induction"], sample=sampler, verify=verifier)
    assert episode.rollouts[0].reward == -0.5


async def test_rewards_are_options(fakes):
    sampler = fakes.sampler(says={"solver": ["<a>8", "8"]})
    game, verifier = recipe(wrong_reward=0.0, ill_formed_reward=-2.0), fakes.verifier(returns=SQUARES)
    episodes = [await game.play(SOLVE["deduction"], sample=sampler, verify=verifier) for _ in range(2)]
    assert [episode.rollouts[0].reward for episode in episodes] == [0.0, -2.0]


@pytest.mark.parametrize("kind", SOLVE)
async def test_gold_answers_never_enter_a_program_run(fakes, kind):
    task = SOLVE[kind]
    answer = {"deduction": "<a>0", "abduction": "<a>0", "induction": "<a>def f(x): return 0"}[kind]
    verifier = fakes.verifier(returns=SQUARES)
    await recipe().play(task, sample=fakes.sampler(says={"solver": [answer]}), verify=verifier)
    [claim] = verifier.claims
    if kind == "deduction":
        assert claim == ValueMatch(answer="0", reference="9")
    else:
        assert not {"9", "16"} & {claim.program, *claim.arguments}


@pytest.mark.parametrize("dialect", ["compact", "prose"])
async def test_the_hidden_half_never_reaches_a_solver(fakes, dialect):
    payload = {**SOLVE["induction"].payload, "inputs": ["1", "2", "33", "44"], "outputs": ["5", "6", "77", "88"]}
    sampler = fakes.sampler(says={"solver": ["ill-formed"]})
    task = Task(task_id="s", kind="solve/induction", payload=payload)
    await recipe(dialect=dialect).play(task, sample=sampler, verify=fakes.verifier(returns={}))
    assert not any(hidden in sampler.prompts[0] for hidden in ("33", "44", "77", "88", SQUARE))


@pytest.mark.parametrize("task", [PROPOSE["deduction"], SOLVE["deduction"], SOLVE["abduction"]])
async def test_a_failure_of_the_verifier_fails_the_play_and_is_never_a_reward(fakes, task):
    sampler = fakes.sampler(says={"proposer": [asks("3")], "solver": ["<a>9"]})
    with pytest.raises(VerificationFailed):
        await recipe().play(task, sample=sampler, verify=fakes.verifier(returns=SQUARES, failing=True))


# Where the solver's data comes from


async def test_solving_fresh_proposals_trains_on_one_rollout_that_did_not_estimate(fakes):
    episode, sampler, _ = await played(fakes, "deduction", asks("3"), "99889", solve_source="fresh")
    assert [one.trained for one in episode.rollouts[1:]] == [False, False, False, False, True]
    # Two of the first four are right; the fifth does not count.
    assert episode.rollouts[0].reward == 0.5
    assert sampler.calls[-1] == ("solver", "solve/deduction", 5)


@pytest.mark.parametrize("solve_source", ["archive", "fresh"])
async def test_learnability_rollouts_can_be_trained_on(fakes, solve_source):
    options = {"solve_source": solve_source, "train_learnability_rollouts": True}
    episode, sampler, _ = await played(fakes, "deduction", asks("3"), "9988", **options)
    assert [one.trained for one in episode.rollouts] == [True] * 5
    assert sampler.calls[-1] == ("solver", "solve/deduction", 4)


# Evaluation and the registry


async def test_an_attempt_is_one_verdict_for_each_sample(fakes):
    sampler = fakes.sampler(says={"solver": ["<a>9", "<a>8", "nonsense", "<a>9"]})
    verifier = fakes.verifier(returns=SQUARES)
    solved = await recipe().attempt(SOLVE["deduction"], sample=sampler, verify=verifier, num_samples=4)
    assert solved == [True, False, False, True]


async def test_the_prose_dialect_goes_once_around(fakes):
    program = f"</think><answer>\n```python\n{SQUARE}\n```\n```input\n3\n```\n</answer>"
    answer = "nine</think><answer>\n```output\n9\n```\n</answer>"
    sampler = fakes.sampler(says={"proposer": [program], "solver": lambda prompt: answer})
    game = recipe(dialect="prose")
    episode = await game.play(PROPOSE["deduction"], sample=sampler, verify=fakes.verifier(returns=SQUARES))
    assert episode.metrics["solve_rate"] == 1.0
    assert SQUARE in sampler.prompts[1]


def test_the_registry_builds_a_recipe_from_its_section():
    built = build(RecipeConfig(name="absolute_zero", options={"batch_size": 16, "dialect": "compact"}))
    assert isinstance(built, RECIPES["absolute_zero"])
    assert built.openings()["solve/induction"] == 16


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (RecipeConfig(name="absolute_zeroo"), "nearest is 'absolute_zero'"),
        (RecipeConfig(options={"batchsize": 3}), "batch_size"),
        (RecipeConfig(options={"batch_size": 1}), "greater than or equal to 2"),
        (RecipeConfig(options={"baseline": "group"}), "train_learnability_rollouts"),
    ],
)
def test_a_wrong_recipe_section_is_an_error_of_the_user(config, message):
    with pytest.raises(UsageError, match=message):
        build(config)
