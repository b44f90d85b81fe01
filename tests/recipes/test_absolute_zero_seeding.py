"""Filling the archive from the identity function."""

from __future__ import annotations

from itertools import count
from random import Random

import pytest

from sparring.core.errors import SamplingFailed, UsageError
from sparring.recipes.absolute_zero import AbsoluteZero
from sparring.recipes.absolute_zero_options import AbsoluteZeroOptions

INPUTS = {str(n): str(n) for n in range(40)}


def recipe(**options) -> AbsoluteZero:
    small = {"dialect": "compact", "batch_size": 4, "seed_factor": 2, "num_inputs": 2, "num_references": 3}
    return AbsoluteZero(AbsoluteZeroOptions(**{**small, **options}))


def inventive():
    """A proposer of a new program, or of new inputs, at every call; each program with a comment."""
    numbers = count(1)

    def says(prompt: str) -> str:
        number = next(numbers)
        if prompt.startswith("<pf>"):
            return f"<i>{number % 40}<i>{(number + 1) % 40}"
        return f"<p>def f(x):\n    # number {number}\n    return x + {number}<i>{number % 40}"

    return says


async def seeded(fakes, archive, says, **options):
    sampler = fakes.sampler(says={"proposer": says})
    verifier = fakes.verifier(returns=INPUTS)
    await recipe(**options).seed(archive=archive, sample=sampler, verify=verifier, rng=Random(0))
    return sampler, verifier


async def test_seeding_fills_every_buffer_exactly(fakes):
    archive = fakes.archive()
    await seeded(fakes, archive, inventive())
    assert {kind: len(archive.of(kind)) for kind in ("deduction", "abduction", "induction")} == dict.fromkeys(
        ("deduction", "abduction", "induction"), 8
    )


async def test_deduction_and_abduction_start_from_the_same_tasks(fakes):
    archive = fakes.archive()
    await seeded(fakes, archive, inventive())
    assert [t.payload for t in archive.of("deduction")] == [t.payload for t in archive.of("abduction")]
    first, *others = archive.of("deduction")
    assert (first.payload["program"], first.minted_by) == ("def f(x):\n    return x", "")
    assert {task.minted_by for task in others} == {"base@7/proposer"}
    assert len({task.task_id for task in archive.tasks}) == len(archive.tasks)


async def test_the_first_batch_sees_the_identity_and_later_ones_what_was_found(fakes):
    sampler, _ = await seeded(fakes, fakes.archive(), inventive())
    assert sampler.prompts[:4] == ["<pd><r>def f(x):\n    return x", "<pa><r>def f(x):\n    return x"] * 2
    assert all(prompt.count("<r>") == 3 for prompt in sampler.prompts[4:8])


async def test_nothing_is_solved_while_seeding(fakes):
    sampler, verifier = await seeded(fakes, fakes.archive(), inventive())
    assert {role for role, _, _ in sampler.calls} == {"proposer"}
    assert all(claim.check_determinism for claim in verifier.claims)


@pytest.mark.parametrize("strip", [True, False])
async def test_comments_are_stripped_from_seeds_unless_an_option_keeps_them(fakes, strip):
    archive = fakes.archive()
    await seeded(fakes, archive, inventive(), strip_comments_in_seeding=strip)
    assert any("#" in task.payload["program"] for task in archive.tasks) is not strip


async def test_invalid_and_repeated_proposals_are_not_counted(fakes):
    new = inventive()
    turns = count()

    def says(prompt: str) -> str:
        return ("nonsense", "<p>def f(y):\n    return y<i>'Hello world'", new(prompt))[next(turns) % 3]

    archive = fakes.archive()
    sampler = fakes.sampler(says={"proposer": says})
    verifier = fakes.verifier(returns={**INPUTS, "'Hello world'": "'Hello world'"})
    await recipe().seed(archive=archive, sample=sampler, verify=verifier, rng=Random(0))
    assert len({task.fingerprint for task in archive.of("deduction")}) == 8


async def test_seeding_again_adds_nothing(fakes):
    archive = fakes.archive()
    await seeded(fakes, archive, inventive())
    before = list(archive.tasks)
    sampler, _ = await seeded(fakes, archive, inventive())
    assert (archive.tasks, sampler.calls) == (before, [])


async def test_seeding_continues_where_it_was_interrupted(fakes):
    archive, new, calls = fakes.archive(), inventive(), count()

    def says(prompt: str) -> str:
        if next(calls) >= 4:
            raise SamplingFailed("no replica")
        return new(prompt)

    with pytest.raises(SamplingFailed):
        await seeded(fakes, archive, says)
    found = list(archive.tasks)
    assert len(archive.of("deduction")) == 5
    await seeded(fakes, archive, new)
    assert archive.tasks[: len(found)] == found
    assert len(archive.of("deduction")) == len(archive.of("induction")) == 8


async def test_one_failed_play_does_not_end_seeding(fakes):
    new, calls = inventive(), count()

    def says(prompt: str) -> str:
        if next(calls) == 2:
            raise SamplingFailed("no replica")
        return new(prompt)

    archive = fakes.archive()
    await seeded(fakes, archive, says)
    assert len(archive.of("induction")) == 8


async def test_a_bug_is_not_taken_for_a_bad_proposal(fakes):
    def says(prompt: str) -> str:
        raise KeyError("bug")

    with pytest.raises(KeyError):
        await seeded(fakes, fakes.archive(), says)


async def test_a_policy_that_finds_too_little_is_told_so(fakes):
    with pytest.raises(UsageError, match="found 1 of 8 different valid abduction tasks after 24 proposals; lower"):
        await seeded(fakes, fakes.archive(), lambda prompt: "nonsense", max_proposals_per_seed=3)
