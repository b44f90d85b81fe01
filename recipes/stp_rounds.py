"""What one round of STP attempts, decided from the archived proofs: targets for the prover, seeds for the conjecturer.

archived proofs ──► proved targets ──► the others, least attempted first, over the round's slots
               └──► seeds: (proof of a target, a lemma it uses), each pair once, no lemma too often

A plan is a function of the proofs of earlier rounds, so every worker makes the same one, whenever it does.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from sparring.core.types import Task
from sparring.recipes.stp_options import STPOptions
from sparring.recipes.stp_records import ProofRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """Where a conjecture starts: a proved target and a lemma; ``None`` is the trivial one."""

    record: ProofRecord
    lemma: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Who starts where: the i-th opening of a kind takes the i-th entry."""

    targets: Sequence[Task]  # to attempt, least attempted first; at least one
    seeds: Sequence[Seed]
    proved: frozenset[str]  # targets, before the round

    def target(self, slot: int) -> Task:
        """The target of a slot: one after the other, and again from the first where there are more slots."""
        return self.targets[slot % len(self.targets)]

    def seed(self, slot: int, *, max_repeats: int) -> Seed | None:
        """The seed of a slot, None once each has been taken ``max_repeats`` times."""
        if slot >= len(self.seeds) * max_repeats:
            return None
        return self.seeds[slot % len(self.seeds)]


def plan_round(
    number: int, targets: Sequence[Task], records: Sequence[ProofRecord], *, options: STPOptions, rng: Random
) -> Round:
    """The plan of round ``number`` (from 0). Where every target is proved, all are attempted again.

    Args:     records: later ones than the round's are passed over: others may be playing it already.
    """
    earlier = [record for record in records if record.round < number]
    best: dict[str, float] = {}
    found_in: dict[str, int] = {}  # target: the round in which it was first proved
    for record in earlier:
        if record.target:
            best[record.target] = max(best.get(record.target, 0.0), record.pass_rate)
            found_in[record.target] = min(found_in.get(record.target, number), record.round)
    # One order for the whole run: a round goes on where the one before ended, so that none is left out for long.
    order = Random(f"{options.seed}/targets").sample(targets, len(targets))
    first = _next_turn(order, found_in, number=number, options=options)
    turned = [*order[first:], *order[:first]]
    wanted = [task for task in turned if _is_attempted(task, best, options=options, rng=rng)]
    weights = {task.task_id: int(task.payload.get("matching_weight", 1)) for task in targets}
    return Round(
        targets=wanted or turned,
        seeds=choose_seeds(earlier, best, weights, options=options, rng=rng),
        proved=frozenset(best),
    )


def _next_turn(order: Sequence[Task], found_in: Mapping[str, int], *, number: int, options: STPOptions) -> int:
    """Where in ``order`` round ``number`` begins: behind the last target that the rounds before had slots for."""
    seeded_from = min(found_in.values(), default=number) + 1  # until then conjectures' slots go to targets too
    at = 0
    for earlier in range(number):
        unproved = [found_in.get(task.task_id, number) >= earlier for task in order]
        slots = options.targets_per_round + (options.conjectures_per_round if earlier < seeded_from else 0)
        if slots >= sum(unproved):
            continue  # all of them had one
        while slots:
            slots -= unproved[at]
            at = (at + 1) % len(order)
    return at


def _is_attempted(task: Task, best: Mapping[str, float], *, options: STPOptions, rng: Random) -> bool:
    if task.task_id not in best:
        return True
    return best[task.task_id] < options.reattempt_below or rng.random() < options.reattempt_proved


def choose_seeds(
    records: Sequence[ProofRecord],
    best: Mapping[str, float],
    matching_weights: Mapping[str, int],
    *,
    options: STPOptions,
    rng: Random,
) -> list[Seed]:
    """At most ``conjectures_per_round`` seeds, in random order.

    Every lemma that a target's proof uses gives one, and with some probability the trivial lemma; a (statement, lemma)
    pair is taken once, for each unit of its target's matching weight, and a lemma for a share of the round at most.
    """
    limit = options.conjectures_per_round
    most_of_lemma = max(1, int(options.lemma_share * limit))
    pairs: dict[str, dict[str | None, ProofRecord]] = defaultdict(dict)
    for record in rng.sample(records, len(records)):
        if record.target and best[record.target] > options.seed_above:
            found: list[str | None] = list(record.lemmas)
            if rng.random() < options.trivial_lemma:
                found.append(None)
            for lemma in found:
                pairs[record.key].setdefault(lemma, record)
    drawn = [
        Seed(record=record, lemma=lemma)
        for by_lemma in pairs.values()
        for lemma, record in by_lemma.items()
        for _ in range(matching_weights.get(record.target, 1))
    ]
    rng.shuffle(drawn)
    counts: Counter[str] = Counter()
    chosen = []
    for seed in drawn:
        if seed.lemma is not None and counts[seed.lemma] >= most_of_lemma:
            continue
        counts[seed.lemma or ""] += 1
        chosen.append(seed)
    return chosen[:limit]
