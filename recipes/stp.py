"""STP: one policy conjectures and proves, and both parts learn from what a proof checker accepts (arXiv:2502.00212).

    archived proofs ──► seeds (statement, proof, lemma) ──► conjecture ──► proved K times ─┐
           ▲                                                                               ├─► one round
           │        unproved targets ────────────────────────────────────► proved K times ─┤      │
           │        proofs of the last rounds, or of all ◄── recall ───────────────────────┘      ▼
           └─────────────────── correct proofs                                settle ──► credit ──► learner

A round is one cohort and one learner step. ``settle`` weighs its conjectures: those that are barely provable, use
their lemma and are not inelegant, drawn towards the unproved targets by the policy's own embeddings. ``credit`` turns
them and the proofs at hand into weighted examples of the next-token loss. Every refresh starts from the base model.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import ClassVar

import numpy as np

from sparring.core.ports import Archive, lease_place
from sparring.core.recipe import Embed, Recipe, RecipeOptions, Role, Sample, Verify
from sparring.core.types import Episode, Objective, ScoredRollout, Task, Trajectory
from sparring.recipes.credit import trajectory
from sparring.recipes.stp_checking import Attempt, attempt
from sparring.recipes.stp_conjecturing import CONJECTURER, Conjecturing
from sparring.recipes.stp_dialects import CompactDialect, StatementDialect
from sparring.recipes.stp_examples import attempted_in_vain, conjecture_of, demonstration, rewarded
from sparring.recipes.stp_lean import LeanDialect
from sparring.recipes.stp_measures import measure
from sparring.recipes.stp_options import STPOptions
from sparring.recipes.stp_records import PROOF, ProofRecord, archived_proofs
from sparring.recipes.stp_rounds import Round, plan_round
from sparring.recipes.stp_selection import matching_weights, prover_weights, select, worth_keeping, worth_learning
from sparring.recipes.stp_targets import read_targets

log = logging.getLogger(__name__)
PROVER = Role(name="prover", policy="base")
PROVE, CONJECTURES, RECALL = "prove", "conjecture", "recall"  # opening kinds
SKIPPED = "skipped"
# A place of a round whose plays fail so often (a prompt too long, a proof that no verdict is reached on) is left empty.
MAX_HOLDERS = 32
COHORT = "round"


class STP(Recipe):
    """The game and the credit; sizes, filters and departures from the paper are in its options."""

    roles: tuple[Role, ...] = (CONJECTURER, PROVER)
    Options: ClassVar[type[RecipeOptions]] = STPOptions
    synchronous: ClassVar[bool] = True

    def __init__(self, options: STPOptions | None = None) -> None:
        self.options = options or STPOptions()
        self.dialect: StatementDialect = (
            CompactDialect() if self.options.dialect == "compact" else LeanDialect(self.options.lemmas_file)
        )
        self.provers = ("rocq",) if self.options.dialect == "compact" else ("lean",)
        self._conjecturing = Conjecturing(self.options, self.dialect)
        self._targets: Sequence[Task] = ()
        self._target_keys: frozenset[str] = frozenset()
        self._plan: tuple[int, Round] | None = None  # of the newest round that something was opened in

    def openings(self) -> Mapping[str, int]:
        """Targets, conjectures, and what brings archived proofs back."""
        sizes = {
            PROVE: self.options.targets_per_round,
            CONJECTURES: self.options.conjectures_per_round,
            RECALL: self.options.recall_shards,
        }
        return {kind: size for kind, size in sizes.items() if size}

    def cohort_key(self, episode: Episode) -> str:
        """A round is weighed as a whole."""
        return COHORT

    def cohort_size(self, key: str) -> int:
        """Every episode of a round."""
        return sum(self.openings().values())

    def num_cohorts(self) -> int:
        """One a step."""
        return 1

    async def open(self, kind: str, *, task_id: str, archive: Archive, rng: Random) -> Task:
        """The next target, the next seed, or the proofs to recall; a target too where no seed is left."""
        place, holder = lease_place(task_id, kind)
        number, slot = divmod(place - 1, self.openings()[kind])
        if kind == RECALL:
            return await self._open_recall(number, slot, task_id=task_id, archive=archive)
        if holder > MAX_HOLDERS:
            log.warning("left out task=%s: %d plays of it have failed", task_id, MAX_HOLDERS)
            return Task(task_id=task_id, kind=SKIPPED, payload={"round": number})
        plan = await self._round(number, archive)
        facts = {"round": number, "num_proved": len(plan.proved)}
        seed = plan.seed(slot, max_repeats=self.options.max_repeats) if kind == CONJECTURES else None
        if seed is None:
            # In the first round nothing is proved yet: its whole budget goes to the targets.
            target = plan.target(slot + (self.options.targets_per_round if kind == CONJECTURES else 0))
            known = target.task_id in plan.proved
            payload = {**target.payload, **facts, "target": target.task_id, "proved_before": known}
            return Task(task_id=task_id, kind=PROVE, payload=payload, parents=(target.task_id,))
        given = {"statement": seed.record.statement, "proof": seed.record.proof, "lemma": seed.lemma}
        return Task(task_id=task_id, kind=CONJECTURES, payload={**given, **facts}, parents=(seed.record.target,))

    async def _round(self, number: int, archive: Archive) -> Round:
        if self._plan is None or self._plan[0] != number:
            self._load_targets()
            rng = Random(f"{self.options.seed}/round/{number}")
            records = await archived_proofs(archive)
            self._plan = (number, plan_round(number, self._targets, records, options=self.options, rng=rng))
        return self._plan[1]

    def _load_targets(self) -> None:
        if not self._targets:
            self._targets = read_targets(self.options.targets_file)
            self._target_keys = frozenset(self.dialect.key(task.payload["statement"]) for task in self._targets)

    async def _open_recall(self, number: int, shard: int, *, task_id: str, archive: Archive) -> Task:
        """All proofs in a round of refreshment, else those of the window; none from before the last refresh."""
        every = self.options.refresh_every
        refresh = every > 0 and (number + 1) % every == 0
        since = max(number - self.options.window_rounds + 1, number // every * every if every else 0)
        proofs = [
            record
            for at, record in enumerate(await archived_proofs(archive))
            if at % self.options.recall_shards == shard and (refresh or since <= record.round < number)
        ]
        payload = {"round": number, "refresh": refresh, "proofs": [record.as_payload() for record in proofs]}
        return Task(task_id=task_id, kind=RECALL, payload=payload)

    async def play(self, task: Task, *, sample: Sample, verify: Verify, archive: Archive | None = None) -> Episode:
        """Proofs of a target, or a conjecture and proofs of it; what only fills its place has nothing to play."""
        match task.kind:
            case "recall" | "skipped":
                return Episode(episode_id=task.task_id, task=task, rollouts=())
            case "prove":
                tried = await self._attempt(task, task.payload, sample=sample, verify=verify)
                minted = self._proofs(task, tried, statement=task.payload["statement"], target=task.payload["target"])
                return Episode(episode_id=task.task_id, task=task, rollouts=tried.scored, minted=minted)
            case _:
                return await self._play_conjecture(task, sample=sample, verify=verify, archive=archive)

    async def _play_conjecture(self, task: Task, *, sample: Sample, verify: Verify, archive: Archive | None) -> Episode:
        self._load_targets()
        written = await self._conjecturing.write(
            task, targets=self._target_keys, sample=sample, verify=verify, archive=archive
        )
        statement = written.statement
        scored = ScoredRollout(rollout=written.rollout, kind=CONJECTURES, reward=0.0, verdict=written.why)
        metrics = {"conjectures/valid": float(statement is not None)}
        if statement is None:
            return Episode(episode_id=task.task_id, task=task, rollouts=(scored,), metrics=metrics)
        question = replace(task, kind=PROVE, payload={"statement": statement})
        tried = await self._attempt(question, question.payload, sample=sample, verify=verify)
        minted = written.as_task(task, key=self.dialect.key(statement), pass_rate=tried.pass_rate)
        proofs = self._proofs(task, tried, statement=statement, target="")
        return Episode(
            episode_id=task.task_id,
            task=task,
            rollouts=(scored, *tried.scored),
            minted=(minted, *proofs),
            metrics={**metrics, "solve_rate": tried.pass_rate},
        )

    async def _attempt(self, task: Task, statement: Mapping[str, object], *, sample: Sample, verify: Verify) -> Attempt:
        prompt = self.dialect.prover_prompt(statement)
        rollouts = await sample(PROVER, prompt, task=task, num_samples=self.options.num_proofs)
        return await attempt(self.dialect, statement, rollouts, verify=verify)

    def _proofs(self, task: Task, tried: Attempt, *, statement: str, target: str) -> tuple[Task, ...]:
        """What the archive keeps of the correct proofs, each once."""
        records = tried.records(
            statement=statement, key=self.dialect.key(statement), target=target, round=task.payload["round"]
        )
        return tuple(record.as_task(minted_by=made, parents=task.parents) for record, made in records)

    async def settle(self, cohort: Sequence[Episode], *, embed: Embed) -> Sequence[Episode]:
        """Give each conjecture its weight in the conjecturer's loss as its reward; 0 for those not worth learning."""
        played = [episode for episode in cohort if episode.task.kind == CONJECTURES and episode.minted]
        chosen = select([conjecture_of(episode) for episode in played], options=self.options)
        weights = [1.0] * len(chosen)
        if self.options.reweight and chosen:
            unproved = attempted_in_vain(cohort)
            vectors = await embed([str(task.payload["statement"]) for task in unproved] + [c.statement for c in chosen])
            weights = matching_weights(
                np.array(vectors[: len(unproved)]),
                np.array(vectors[len(unproved) :]),
                matching_weights_Y=[int(task.payload.get("matching_weight", 1)) for task in unproved],
                cap=self.options.weight_cap,
                rng=Random(f"{self.options.seed}/matching/{cohort[0].task.task_id}"),
            )
        rewards = dict(zip((each.name for each in chosen), weights, strict=True))
        return [rewarded(episode, rewards.get(episode.episode_id, 0.0)) for episode in cohort]

    def credit(self, cohort: Sequence[Episode]) -> list[Trajectory]:
        """The conjectures with a weight, and the proofs worth learning: weighted examples of the next-token loss."""
        conjectures = [
            trajectory(episode, scored, advantage=scored.reward, objective=Objective.NLL)
            for episode in cohort
            for scored in episode.rollouts
            if scored.rollout.role == CONJECTURER.name and scored.reward > 0
        ]
        records, number = self._records(cohort), max(episode.task.payload["round"] for episode in cohort)
        if self.restarts(cohort):
            rng = Random(f"{self.options.seed}/refresh/{number}")
            chosen = worth_keeping(records, options=self.options, rng=rng)
            weights = prover_weights(
                chosen, length_decay=self.options.length_decay, time_decay=0.0, per_statement=False
            )
        else:
            chosen = worth_learning(records, options=self.options)
            weights = prover_weights(chosen, length_decay=self.options.length_decay, time_decay=self.options.time_decay)
        proofs = [
            demonstration(record, weight=weight, role=PROVER, round=number)
            for record, weight in zip(chosen, weights, strict=True)
        ]
        return conjectures + proofs

    def _records(self, cohort: Sequence[Episode]) -> list[ProofRecord]:
        """The proofs of this round and those recalled."""
        new = [task.payload for episode in cohort for task in episode.minted if task.kind == PROOF]
        old = [
            payload for episode in cohort if episode.task.kind == RECALL for payload in episode.task.payload["proofs"]
        ]
        return [ProofRecord.of(payload) for payload in (*old, *new)]

    def restarts(self, cohort: Sequence[Episode]) -> bool:
        """In a round of refreshment."""
        return any(episode.task.payload.get("refresh", False) for episode in cohort)

    def measure(self, cohort: Sequence[Episode]) -> Mapping[str, float]:
        """Proved targets, the budget spent, and what became of the conjectures."""
        return measure(cohort)

    async def seed(self, *, archive: Archive, sample: Sample, verify: Verify, rng: Random) -> None:
        """Nothing to fill: the first round proves what can be proved. Finds missing files early."""
        self._load_targets()

    async def attempt(self, task: Task, *, sample: Sample, verify: Verify, num_samples: int) -> list[bool]:
        """Whether each of ``num_samples`` proofs of a held-out statement is right."""
        rollouts = await sample(PROVER, self.dialect.prover_prompt(task.payload), task=task, num_samples=num_samples)
        tried = await attempt(self.dialect, task.payload, rollouts, verify=verify)
        return [bool(scored.solved) for scored in tried.scored]
