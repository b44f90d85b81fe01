"""The game and its credit with a scripted sampler and a prover that knows one trick."""

import json
from dataclasses import replace
from random import Random

import pytest

from sparring.core.claims import FormalProof
from sparring.core.types import FinishReason, Objective, Outcome, Rollout, Verdict, VersionSpan
from sparring.recipes.stp import MAX_HOLDERS, STP
from sparring.recipes.stp_options import STPOptions
from sparring.replay.memory import MemoryStore

ADD_COMM = "Coq.Arith.PeanoNat.Nat.add_comm"


@pytest.fixture
def targets(tmp_path):
    path = tmp_path / "targets.jsonl"
    statements = ["=+xyy", "=+xy+yx", "=+x0x", "=*xyx"]
    rows = [
        {"task_id": f"t{at}", "kind": "prove", "payload": {"statement": statement, "level": at}}
        for at, statement in enumerate(statements)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def a_recipe(targets, **options):
    given = {
        "dialect": "compact", "targets_file": targets, "targets_per_round": 4, "conjectures_per_round": 2,
        "num_proofs": 4, "conjecture_samples": 1, "elegance_drop": 0.0, "trivial_lemma": 0.0,
        "reject_seed_equivalent": False, "max_repeats": 8,
    }  # fmt: skip
    return STP(STPOptions(**{**given, **options}))


class Sampler:
    """Conjectures from a list; proofs of equations: one in four by a lemma, one by nothing, two that are none."""

    def __init__(self, conjectures=("=+SxySS0", "=S+xyS+yx")):
        self.conjectures, self.num_asked, self.prompts = conjectures, 0, []

    async def __call__(self, role, prompt, *, task, num_samples=1):
        self.prompts.append((role.name, prompt))
        if role.name == "conjecturer":
            self.num_asked += 1
            texts = [self.conjectures[self.num_asked % len(self.conjectures)]] * num_samples
        else:
            texts = [("RaxyE", "E", "I9", "junk")[at % 4] for at in range(num_samples)]
        return [self.rollout(role, task, at, text) for at, text in enumerate(texts)]

    def rollout(self, role, task, at, text):
        return Rollout(
            rollout_id=f"{task.task_id}/{role.name}/{at}", role=role.name, task_id=task.task_id, policy=role.policy,
            prompt_ids=(1, 2), completion_ids=(3, 4, 5), behaviour_logprobs=(-0.5,) * 3,
            version_spans=(VersionSpan(number=0, num_tokens=3),), text=text, finish_reason=FinishReason.STOP,
        )  # fmt: skip


async def verify(claim: FormalProof) -> Verdict:
    """Rewriting proves every equation between sums of two variables turned round."""
    proved = "rewrite" in claim.proof and "(x + y)" in claim.statement and "(y + x)" in claim.statement
    if proved:
        return Verdict(outcome=Outcome.PROVED, passed=True, premises=(ADD_COMM, "Coq.Init.Logic.eq_refl"), cpu_s=1.0)
    return Verdict(outcome=Outcome.FAILED, passed=False, message="no")


def a_store(recipe):
    return MemoryStore(openings=recipe.openings(), max_staleness=0, concurrency=64, archive_capacity=10_000)


async def play_round(recipe, store, sampler):
    episodes = []
    while (lease := await store.admission.start(owner="w")) is not None:
        task = await recipe.open(lease.kind, task_id=lease.lease_id, archive=store.archive, rng=Random(0))
        episode = await recipe.play(task, sample=sampler, verify=verify, archive=store.archive)
        await store.episodes.put(episode, lease=lease)
        episodes.append(episode)
    return episodes


async def play_round_with_failures(recipe, store, sampler):
    """A round where the first play of each kind fails twice and a worker dies with two plays; all tasks opened."""
    fails, accepted = dict.fromkeys(recipe.openings(), 2), []
    for _ in range(2):
        await store.admission.start(owner="dead")
    await store.admission.release_owner("dead")
    while (lease := await store.admission.start(owner="w")) is not None:
        task = await recipe.open(lease.kind, task_id=lease.lease_id, archive=store.archive, rng=Random(0))
        if fails[lease.kind]:
            fails[lease.kind] -= 1
            await store.admission.release(lease)
            continue
        episode = await recipe.play(task, sample=sampler, verify=verify, archive=store.archive)
        assert await store.episodes.put(episode, lease=lease)
        accepted.append((lease.kind, int(lease.lease_id.rpartition("#")[2]), episode.task))
    return accepted


async def next_round(store, step):
    deliveries = await store.episodes.get(count=100, timeout_s=0)
    for delivery in deliveries:
        store._shared.state.episodes.pop(delivery.entry_id)
    await store.replay.commit([], step=step)


async def embed(texts):
    return [[1.0, 0.0]] * len(texts)


async def rounds(recipe, *, count, sampler=None):
    store, sampler, found = a_store(recipe), sampler or Sampler(), []
    for number in range(count):
        found.append(await recipe.settle(await play_round(recipe, store, sampler), embed=embed))
        await next_round(store, number + 1)
    return found, store


async def test_the_first_round_has_no_seeds_and_spends_its_whole_budget_on_targets(targets):
    [first], _ = await rounds(a_recipe(targets), count=1)
    assert [episode.task.kind for episode in first].count("prove") == 6
    assert STP(STPOptions(targets_file=targets)).measure(first)["budget/proofs"] == 6 * 4


async def test_failing_plays_leave_a_round_with_each_of_its_places_once(targets):
    recipe = a_recipe(targets, recall_shards=1, refresh_every=3)
    store, sampler = a_store(recipe), Sampler()
    for number in range(3):
        accepted = await play_round_with_failures(recipe, store, sampler)
        for kind, size in recipe.openings().items():
            places = sorted(place for each, place, _ in accepted if each == kind)
            assert places == list(range(number * size + 1, (number + 1) * size + 1))
        assert {task.payload["round"] for _, _, task in accepted} == {number}
        assert {task.payload["refresh"] for kind, _, task in accepted if kind == "recall"} == {number == 2}
        if number == 0:  # nothing is proved yet: each target once, whoever attempts it
            attempted = sorted(task.payload["target"] for kind, _, task in accepted if kind == "prove")
            assert attempted == ["t0", "t1", "t2", "t3"]
        await next_round(store, number + 1)


async def test_a_target_whose_plays_always_fail_does_not_stop_its_round(targets):
    recipe = a_recipe(targets)
    store, sampler, failed, played = a_store(recipe), Sampler(), 0, []
    while (lease := await store.admission.start(owner="w")) is not None:
        task = await recipe.open(lease.kind, task_id=lease.lease_id, archive=store.archive, rng=Random(0))
        if task.payload.get("target") == "t2" and lease.kind == "prove":
            failed += 1
            await store.admission.release(lease)
            continue
        played.append(await recipe.play(task, sample=sampler, verify=verify, archive=store.archive))
        await store.episodes.put(played[-1], lease=lease)
    assert failed == MAX_HOLDERS
    assert len(played) == recipe.cohort_size("round")
    measured = recipe.measure(played)
    assert (measured["targets/new"], measured["budget/proofs"]) == (1, 5 * 4)
    assert recipe.credit(await recipe.settle(played, embed=embed))


async def test_correct_proofs_are_minted_with_the_lemmas_of_their_terms(targets):
    [first], store = await rounds(a_recipe(targets), count=1)
    minted = [task for episode in first for task in episode.minted]
    assert {task.payload["target"] for task in minted} == {"t1"}
    proof = minted[0].payload
    assert (proof["proof"], tuple(proof["lemmas"]), proof["num_correct"], proof["num_attempts"]) == (
        "RaxyE",
        ("a",),
        1,
        4,
    )
    assert await store.archive.size("proof") == 1


async def test_from_the_second_round_on_conjectures_start_from_proofs_and_proved_targets_rest(targets):
    found, _ = await rounds(a_recipe(targets, lemma_share=1.0), count=2)
    second = found[1]
    conjectured = [episode for episode in second if episode.task.kind == "conjecture"]
    assert [dict(e.task.payload)["lemma"] for e in conjectured] == ["a", "a"]
    assert {e.task.payload["target"] for e in second if e.task.kind == "prove"} == {"t0", "t2", "t3"}


async def test_a_barely_provable_conjecture_that_uses_its_lemma_is_rewarded_and_learned(targets):
    recipe = a_recipe(targets)
    found, _ = await rounds(recipe, count=2)
    rewards = {e.minted[0].payload["statement"]: e.rollouts[0].reward for e in found[1] if e.task.kind == "conjecture"}
    # One conjecture is kept: three unproved targets give it N / M = 1/3 each.
    assert rewards == {"=S+xyS+yx": pytest.approx(1.0), "=+SxySS0": 0.0}
    learned = [t for t in recipe.credit(found[1]) if t.role == "conjecturer"]
    assert [t.objective for t in learned] == [Objective.NLL]
    assert learned[0].advantages == (0.0, 0.0, 1.0, 1.0, 1.0)


async def test_a_conjecture_that_never_or_too_often_is_proved_earns_nothing(targets):
    recipe = a_recipe(targets, max_pass_rate=0.2)
    found, _ = await rounds(recipe, count=2)
    assert all(e.rollouts[0].reward == 0 for e in found[1] if e.task.kind == "conjecture")


@pytest.mark.parametrize("text", ["", "no statement", "=+xyy", "=+zyy", "=+yx+xy", "=00"])
async def test_what_is_no_new_statement_is_not_attempted(targets, text):
    found, _ = await rounds(a_recipe(targets), count=2, sampler=Sampler([text]))
    conjectured = [e for e in found[1] if e.task.kind == "conjecture"]
    assert len(conjectured) == 2
    assert all(len(e.rollouts) == 1 and not e.minted and not e.metrics["conjectures/valid"] for e in conjectured)


async def test_a_conjecture_that_follows_from_its_seed_is_not_attempted(targets):
    async def agreeing(claim):
        if "seed" in claim.proof:
            return Verdict(outcome=Outcome.PROVED, passed=True)
        return await verify(claim)

    recipe = a_recipe(targets, reject_seed_equivalent=True)
    store = a_store(recipe)
    await play_round(recipe, store, Sampler())
    await next_round(store, 1)
    task = await recipe.open("conjecture", task_id="conjecture#3", archive=store.archive, rng=Random(0))
    episode = await recipe.play(task, sample=Sampler(), verify=agreeing, archive=store.archive)
    assert episode.rollouts[0].verdict == "follows from its seed"
    assert len(episode.rollouts) == 1


async def test_conjectures_of_earlier_rounds_are_known_where_asked(targets):
    found, _ = await rounds(a_recipe(targets, deduplicate="run", lemma_share=1.0), count=3)
    valid = [[e.metrics["conjectures/valid"] for e in each if e.task.kind == "conjecture"] for each in found]
    assert valid == [[], [1.0, 1.0], [0.0, 0.0]]


async def test_proofs_are_recalled_for_the_window_and_no_longer(targets):
    recipe = a_recipe(targets, conjectures_per_round=0, window_rounds=2)
    found, _ = await rounds(recipe, count=3)
    recalled = [next(e.task.payload["proofs"] for e in each if e.task.kind == "recall") for each in found]
    assert [len(proofs) for proofs in recalled] == [0, 1, 0]
    learned = [[t for t in recipe.credit(each) if t.role == "prover"] for each in found]
    assert [len(trajectories) for trajectories in learned] == [1, 1, 0]
    # exp(-0.001 * 5 characters - 0.01 * 1 second), alone in its statement.
    assert learned[1][0].advantages[-1] == pytest.approx(0.9851119396)
    assert set(learned[1][0].versions) == {-1}
    assert len({t.trajectory_id for each in learned for t in each}) == 2


async def test_a_refresh_restarts_on_all_proofs_and_forgets_the_window(targets):
    recipe = a_recipe(targets, conjectures_per_round=0, window_rounds=1, refresh_every=3)
    found, _ = await rounds(recipe, count=4)
    assert [recipe.restarts(each) for each in found] == [False, False, True, False]
    assert [len(recipe.credit(each)) for each in found] == [1, 0, 1, 0]
    assert recipe.credit(found[2])[0].advantages[-1] == pytest.approx(0.9950124792)  # exp(-0.005): no time penalty


async def test_identical_proofs_are_checked_once_and_counted_as_often_as_sampled(targets):
    calls = []

    async def counting(claim):
        calls.append(claim.proof)
        return await verify(claim)

    recipe = a_recipe(targets, num_proofs=8)
    store = a_store(recipe)
    task = await recipe.open("prove", task_id="prove#1", archive=store.archive, rng=Random(0))
    task = type(task)(task_id="x", kind="prove", payload={**task.payload, "statement": "=+xy+yx"})
    episode = await recipe.play(task, sample=Sampler(), verify=counting)
    assert len(calls) == len(set(calls)) == 2  # the two that can be read as proofs
    assert episode.minted[0].payload["num_correct"] == 2
    assert len(episode.minted) == 1


async def test_the_round_is_one_cohort(targets):
    recipe = a_recipe(targets)
    [first], _ = await rounds(recipe, count=1)
    assert {recipe.cohort_key(episode) for episode in first} == {"round"}
    assert recipe.cohort_size("round") == len(first) == 7
    assert recipe.num_cohorts() == 1


async def test_metrics_count_each_proved_target_once(targets):
    recipe = a_recipe(targets)
    found, _ = await rounds(recipe, count=2)
    first, second = (recipe.measure(each) for each in found)
    assert (first["targets/new"], first["targets/proved"], first["targets/new/level_1"]) == (1, 1, 1)
    assert (second["targets/new"], second["targets/proved"]) == (0, 1)
    assert (second["conjectures/valid"], second["conjectures/proved"], second["conjectures/kept"]) == (1.0, 0.5, 0.5)


async def test_a_target_proved_again_is_not_counted_again_and_is_nothing_to_aim_at(targets):
    recipe = a_recipe(targets, reattempt_proved=1.0)
    asked = []

    async def embed_and_note(texts):
        asked.append(texts)
        return await embed(texts)

    store, sampler = a_store(recipe), Sampler()
    await play_round(recipe, store, sampler)
    await next_round(store, 1)
    second = await play_round(recipe, store, sampler)
    again = [e for e in second if e.task.kind == "prove" and e.task.payload["target"] == "t1"]
    assert again
    measured = recipe.measure(second)
    assert (measured["targets/new"], measured["targets/proved"]) == (0, 1)
    # That the proved one fails this time makes it no unproved one.
    failed = [
        replace(e, rollouts=tuple(replace(r, solved=False) for r in e.rollouts)) if e in again else e for e in second
    ]
    await recipe.settle(failed, embed=embed_and_note)
    [[*statements]] = asked
    assert "=+xy+yx" not in statements


async def test_held_out_statements_are_attempted_with_proofs(targets):
    recipe = a_recipe(targets)
    task = await recipe.open("prove", task_id="prove#1", archive=a_store(recipe).archive, rng=Random(0))
    task = type(task)(task_id="x", kind="prove", payload={"statement": "=+xy+yx"})
    assert await recipe.attempt(task, sample=Sampler(), verify=verify, num_samples=4) == [True, False, False, False]


async def test_without_reweighting_every_kept_conjecture_weighs_the_same(targets):
    recipe = a_recipe(targets, reweight=False)
    store = a_store(recipe)
    await play_round(recipe, store, Sampler())
    await next_round(store, 1)

    async def never(texts):
        raise AssertionError("nothing to embed")

    settled = await recipe.settle(await play_round(recipe, store, Sampler()), embed=never)
    assert sorted(e.rollouts[0].reward for e in settled if e.task.kind == "conjecture") == [0.0, 1.0]
