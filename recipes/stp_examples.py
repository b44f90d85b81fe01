"""From a round's episodes to what is learned from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sparring.core.recipe import Role
from sparring.core.types import Episode, Objective, Task, Trajectory
from sparring.recipes.stp_records import CONJECTURE, PROOF, ProofRecord
from sparring.recipes.stp_selection import Conjecture


def num_correct(episode: Episode) -> int:
    """Sampled proofs of the episode that are correct, repeated ones counted."""
    return sum(bool(scored.solved) for scored in episode.rollouts)


def num_attempts(episode: Episode) -> int:
    """Sampled proofs."""
    return sum(scored.solved is not None for scored in episode.rollouts)


def attempted_in_vain(cohort: Sequence[Episode]) -> list[Task]:
    """The targets that a round did not prove and no round before had, each once."""
    tried = [e for e in cohort if "target" in e.task.payload and not e.task.payload["proved_before"]]
    proved = {episode.task.payload["target"] for episode in tried if num_correct(episode)}
    failed = {e.task.payload["target"]: e.task for e in tried if e.task.payload["target"] not in proved}
    return [failed[name] for name in sorted(failed)]


def conjecture_of(episode: Episode) -> Conjecture:
    """How the conjecture of a played episode fared."""
    (made,) = (task.payload for task in episode.minted if task.kind == CONJECTURE)
    proofs = [ProofRecord.of(task.payload) for task in episode.minted if task.kind == PROOF]
    return Conjecture(
        name=episode.episode_id,
        statement=made["statement"],
        key=made["key"],
        lemma=made["lemma"],
        num_correct=num_correct(episode),
        num_attempts=num_attempts(episode),
        uses_lemma=any(made["lemma"] in proof.lemmas for proof in proofs),
        shortest_proof=min((len(proof.proof) for proof in proofs), default=0),
    )


def demonstration(record: ProofRecord, *, weight: float, role: Role, round: int) -> Trajectory:
    """A proof as an example of the next-token loss; it is no rollout of a version, so it can not be stale."""
    num_prompt, num_proof = len(record.prompt_ids), len(record.completion_ids)
    length = num_prompt + num_proof
    return Trajectory(
        trajectory_id=f"{round}/{record.rollout_id}",
        episode_id=record.rollout_id,
        role=role.name,
        kind=PROOF,
        policy=role.policy,
        objective=Objective.NLL,
        token_ids=record.prompt_ids + record.completion_ids,
        loss_mask=(False,) * num_prompt + (True,) * num_proof,
        behaviour_logprobs=(0.0,) * length,
        advantages=(0.0,) * num_prompt + (weight,) * num_proof,
        versions=(-1,) * length,
        reward=1.0,
    )


def rewarded(episode: Episode, reward: float) -> Episode:
    """``episode`` with the reward of its conjecture."""
    if episode.task.kind != CONJECTURE:
        return episode
    first, *others = episode.rollouts
    return replace(episode, rollouts=(replace(first, reward=reward), *others))
