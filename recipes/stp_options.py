"""Options of STP: the defaults are the paper's text (arXiv:2502.00212); where its code differs, the code's way is an
option too, and its comment says which is which.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from sparring.core.recipe import RecipeOptions


class STPOptions(RecipeOptions):
    """What a run file may set under ``[recipe.options]``."""

    dialect: Literal["lean", "compact"] = "lean"  # Lean 4 for language models, or a small language proved by Rocq
    targets_file: Path = Path("targets.jsonl")  # tasks with a payload {"statement": ...}; see docs/recipes/stp.md
    lemmas_file: Path | None = None  # dialect lean: JSONL of {"name": ..., "statement": ...}
    seed: int = 0  # of what each round attempts

    # Sizes of one round
    targets_per_round: int = Field(89_221, ge=1)  # unproved statements; fewer left are attempted more than once
    conjectures_per_round: int = Field(89_221, ge=0)  # n of the paper; 0 is expert iteration
    num_proofs: int = Field(32, ge=1)  # proofs sampled for each target and conjecture: K
    conjecture_samples: int = Field(
        3, ge=1
    )  # completions of a conjecturer's prompt, of which the first new one is kept
    recall_shards: int = Field(1, ge=1)  # episodes that bring archived proofs back; for archives of gigabytes

    # Seeds of conjectures (section 3.2)
    seed_above: float = Field(0.0, ge=0, lt=1)  # seeds have a best pass rate above this; code: 0.35
    lemma_share: float = Field(0.1, gt=0, le=1)  # of a round's seeds that one lemma may lead; the trivial one is free
    trivial_lemma: float = Field(0.5, ge=0, le=1)  # probability that a seed proof leads the trivial lemma too
    max_repeats: int = Field(8, ge=1)  # of one seed in a round that has too few; code
    reattempt_proved: float = Field(0.0, ge=0, le=1)  # share of proved targets attempted again; code: 0.05
    reattempt_below: float = Field(0.0, ge=0, le=1)  # and those with a lower best pass rate; code: 0.35

    # Which conjectures the conjecturer learns (section 3.2, algorithm 2)
    # round: equal conjectures each get their proofs, and the conjecturer learns one of a round's. run: besides, one
    # that the archive knows, of this round or another, is not new when it is made; the next completion is tried.
    deduplicate: Literal["round", "run"] = "round"
    max_pass_rate: float = Field(0.25, gt=0, le=1)
    below_max_pass_rate: bool = False  # True: strictly below; code
    unused_lemma: Literal["reject", "accept"] = "reject"  # code: accepts some, and asks for them without the lemma
    max_unused: int = Field(4096, ge=0)  # of those accepted, or 20 times those that use their lemma if that is more
    reject_seed_equivalent: bool = True  # conjectures that follow from their seed in one step; the paper's Isabelle run
    elegance_drop: float = Field(0.2, ge=0, lt=1)  # share with the shortest proofs for their length; 0: no filter
    elegance_scope: Literal["all", "lemma"] = "all"  # code: among conjectures with one lemma
    reweight: bool = True  # towards the unproved targets (algorithm 4); False: all alike
    weight_cap: float = Field(3.0, gt=0)  # code: 4

    # What the prover learns
    max_proved_rate: float = Field(0.5, gt=0, le=1)  # statements proved more often teach nothing
    window_rounds: int = Field(3, ge=1)  # rounds whose proofs are learned from, this one included
    length_decay: float = Field(0.001, ge=0)  # per character of a proof
    time_decay: float = Field(0.01, ge=0)  # per second of processor time of its check

    # Starting again from the base model on all proofs so far (section 3.3)
    refresh_every: int = Field(12, ge=0)  # rounds; 0: never. A run whose length is a multiple ends with a retrain
    max_proofs: int = Field(16, ge=1)  # of one statement, in such a round
