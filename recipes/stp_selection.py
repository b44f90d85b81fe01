"""Which conjectures and proofs STP learns from, and with which weights: pure functions.

conjectures ──► provable, but barely ──► use their lemma ──► each once ──► elegant ──► weights by matching
proofs      ──► of statements not proved too often ──► weights by number, length and time

Y unproved targets   N conjectures   D size of an embedding
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from random import Random
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sparring.recipes.stp_options import STPOptions
from sparring.recipes.stp_records import ProofRecord

Array = NDArray[Any]
# Targets compared with all conjectures at a time: 89 000 by 180 000 similarities would be 64 GB.
BLOCK = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Conjecture:
    """A conjecture of the round and how the prover fared with it."""

    name: str  # the episode that made it
    statement: str
    key: str
    lemma: str | None  # it was asked to use; None: the trivial one
    num_correct: int
    num_attempts: int
    uses_lemma: bool  # in some correct proof
    shortest_proof: int  # characters; 0 without a proof


def select(conjectures: Sequence[Conjecture], *, options: STPOptions) -> list[Conjecture]:
    """The conjectures that are worth learning, before they are weighed.

    Source:   arXiv:2502.00212 section 3.2 and algorithm 2
    """
    provable = [each for each in conjectures if is_barely_provable(each, options=options)]
    used = _using_lemma(provable, options=options)
    once = list({each.key: each for each in reversed(used)}.values())[::-1]
    return elegant(once, drop=options.elegance_drop, scope=options.elegance_scope)


def is_barely_provable(conjecture: Conjecture, *, options: STPOptions) -> bool:
    """Whether its pass rate is above 0 and at most the limit."""
    limit = options.max_pass_rate * conjecture.num_attempts
    if options.below_max_pass_rate:
        return 0 < conjecture.num_correct < limit
    return 0 < conjecture.num_correct <= limit


def _using_lemma(conjectures: Sequence[Conjecture], *, options: STPOptions) -> list[Conjecture]:
    using = [each for each in conjectures if each.lemma is None or each.uses_lemma]
    if options.unused_lemma == "reject":
        return using
    others = [each for each in conjectures if not (each.lemma is None or each.uses_lemma)]
    return using + others[: max(20 * len(using), options.max_unused)]


def elegant(
    conjectures: Sequence[Conjecture], *, drop: float, scope: Literal["all", "lemma"] = "all"
) -> list[Conjecture]:
    """Without the share ``drop`` whose proofs are shortest for the length of the statement, in the same order.

    E(c) = characters of the shortest correct proof / characters of the statement; floor(drop * number) are dropped.
    """
    groups: dict[str | None, list[Conjecture]] = defaultdict(list)
    for each in conjectures:
        groups[each.lemma if scope == "lemma" else None].append(each)
    dropped: set[str] = set()
    for group in groups.values():
        ranked = sorted(group, key=lambda each: (each.shortest_proof / len(each.statement), each.name))
        dropped.update(each.name for each in ranked[: int(drop * len(group))])
    return [each for each in conjectures if each.name not in dropped]


def matching_weights(
    targets_YD: Array, conjectures_ND: Array, *, matching_weights_Y: Sequence[int], cap: float, rng: Random
) -> list[float]:
    """Weights of the conjectures that bring them near the unproved targets: counting of nearest neighbours, capped.

    Each target, in random order, adds N / M to as many of its most similar conjectures as its matching weight says
    (M is the sum of those); a conjecture that has reached the cap is passed over from then on.

    Args:     targets_YD, conjectures_ND: embeddings of length 1, so that a product is a cosine.
    Returns:  one weight a conjecture; 0 where no target came near.
    Source:   arXiv:2502.00212 algorithm 4. The original code masks by multiplying with 0, which prefers a conjecture
              that is masked over one with a negative cosine; here it is minus infinity.
    """
    num_conjectures = len(conjectures_ND)
    weights_N = np.zeros(num_conjectures)
    if not num_conjectures or not len(targets_YD):
        return weights_N.tolist()
    unit = num_conjectures / sum(matching_weights_Y)
    order = rng.sample(range(len(targets_YD)), len(targets_YD))
    masked_N = np.zeros(num_conjectures, dtype=bool)
    for start in range(0, len(order), BLOCK):
        block = order[start : start + BLOCK]
        similarities_BN = targets_YD[block] @ conjectures_ND.T
        for row, target in enumerate(block):
            similarities_N = np.where(masked_N, -np.inf, similarities_BN[row])
            # Stable: of equals the first.
            nearest = np.argsort(-similarities_N, kind="stable")[: matching_weights_Y[target]]
            chosen = nearest[~masked_N[nearest]]
            weights_N[chosen] += unit
            masked_N = weights_N >= cap
            if masked_N.all():
                return weights_N.tolist()
    return weights_N.tolist()


def prover_weights(
    records: Sequence[ProofRecord], *, length_decay: float, time_decay: float, per_statement: bool = True
) -> list[float]:
    """The weight of each proof: exp(-length_decay * characters - time_decay * seconds) / proofs of its statement.

    Args:     per_statement: False leaves the division out, as a retrain from the base model does.
    """
    counts = Counter(record.key for record in records)
    return [
        exp(-length_decay * len(record.proof) - time_decay * record.seconds)
        / (counts[record.key] if per_statement else 1)
        for record in records
    ]


def worth_learning(records: Sequence[ProofRecord], *, options: STPOptions) -> list[ProofRecord]:
    """Each proof once, of the statements whose pass rate over the rounds at hand is not too high."""
    rates = _pass_rates(records)
    return [each for each in distinct(records) if rates[each.key] <= options.max_proved_rate]


def worth_keeping(records: Sequence[ProofRecord], *, options: STPOptions, rng: Random) -> list[ProofRecord]:
    """What a model that starts again learns: of all rounds, a few random proofs of each statement.

    Conjectures count where they were hard in their round; targets always.
    """
    wanted = [each for each in records if each.target or each.pass_rate <= options.max_pass_rate]
    by_key: dict[str, list[ProofRecord]] = defaultdict(list)
    for record in distinct(wanted):
        by_key[record.key].append(record)
    most = options.max_proofs
    return [each for group in by_key.values() for each in rng.sample(group, min(most, len(group)))]


def distinct(records: Sequence[ProofRecord]) -> list[ProofRecord]:
    """Each (statement, proof) once, the newest."""
    return list({(each.statement, each.proof): each for each in sorted(records, key=_age)}.values())


def _age(record: ProofRecord) -> tuple[int, str]:
    return record.round, record.rollout_id


def _pass_rates(records: Sequence[ProofRecord]) -> dict[str, float]:
    """Pass rate of each statement over the rounds in which it was proved."""
    rounds = {(each.key, each.round, each.num_correct, each.num_attempts) for each in records}
    correct: Counter[str] = Counter()
    attempts: Counter[str] = Counter()
    for key, _, num_correct, num_attempts in rounds:
        correct[key] += num_correct
        attempts[key] += num_attempts
    return {key: correct[key] / attempts[key] for key in correct}
