"""The arms of the proving experiment: what each changes in the run file. All spend the same prover budget a round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sparring.core.config import RunConfig
from sparring.core.errors import UsageError
from sparring.recipes.stp_options import STPOptions

STP, EXPERT = "stp", "expert_iteration"
SAYS: Mapping[str, str] = {
    STP: "conjecturer and prover, as the run file has it",
    EXPERT: "no conjecturer: the whole budget goes to unproved targets",
    "retrained": "the same, from the seed prover on all proofs in every round, as the paper's baseline",
    "no_learning": "the same with a prover that never learns: what sampling alone proves",
    "no_reweighting": "every conjecture that is kept weighs the same",
    "no_elegance": "no elegance filter",
}


def choose(names: Sequence[str]) -> tuple[str, ...]:
    """``names`` without repeats.

    Raises:   UsageError: none, or one that is no arm.
    """
    if unknown := [name for name in names if name not in SAYS]:
        raise UsageError(f"no such arm: {', '.join(unknown)}; the arms are {', '.join(SAYS)}")
    if not names:
        raise UsageError(f"no arms: choose some of {', '.join(SAYS)}")
    return tuple(dict.fromkeys(names))


def arm_overrides(name: str, base: RunConfig, *, seed: int) -> list[str]:
    """The overrides that make ``base``, the run file as it is, into one run of the arm ``name``."""
    options = STPOptions.model_validate(base.recipe.options)
    both = options.targets_per_round + options.conjectures_per_round
    alone = [f"recipe.options.targets_per_round={both}", "recipe.options.conjectures_per_round=0"]
    changes = {
        STP: [],
        EXPERT: alone,
        "retrained": [*alone, "recipe.options.refresh_every=1"],
        "no_learning": [*alone, "learner.learning_rate=0.0"],
        "no_reweighting": ["recipe.options.reweight=false"],
        "no_elegance": ["recipe.options.elegance_drop=0.0"],
    }
    return [*changes[name], f"seed={seed}", f"recipe.options.seed={seed}"]
