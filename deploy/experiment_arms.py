"""The arms of the experiment: what each one changes in the run file, and why.

Every arm makes the same number of steps from the same model, in one process on one core, so that no setting but the
named one differs and every number can be made again from the seed. What follows from the change may differ too: how
many answers are worth training on, for instance, which the table of proposals' health shows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Template

from sparring.core.config import RunConfig
from sparring.core.errors import UsageError

# An equal budget is a number of steps: no run may end by the clock.
COMMON = ("mode=single_process", "max_minutes=1000000.0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One variant of the run; ``$model`` in an override stands for the path of the model it starts from, quoted."""

    says: str  # what the arm is for, in one line of the report
    overrides: tuple[str, ...] = ()
    default: bool = True  # whether the experiment runs it unless told otherwise


ARMS: Mapping[str, Arm] = {
    "full": Arm(says="self-play as the run file has it"),
    "shuffled": Arm(
        says="rewards change places at random among a cohort's answers: as many of each, no information",
        overrides=("recipe.options.shuffle_rewards=true",),
    ),
    "frozen": Arm(
        says="proposals come from a frozen copy of the starting model; only the solver is trained",
        overrides=('recipe.options.proposer_policy="snapshot"', "policy.frozen={snapshot = $model}"),
    ),
    "procedural": Arm(
        says="no proposer: tasks come from the program that made the starting model's training data",
        overrides=('recipe.name="procedural"',),
    ),
    "synchronous": Arm(
        says="no staleness: every token is sampled by the newest version", overrides=("replay.max_staleness=0",)
    ),
    "staleness_1": Arm(says="staleness of at most 1", overrides=("replay.max_staleness=1",)),
    "staleness_8": Arm(says="staleness of at most 8", overrides=("replay.max_staleness=8",)),
    "collapse": Arm(
        says="guards off, steps too large, proposer favoured: made to collapse, to see the alarms fire",
        overrides=(
            "recipe.options.reject_known_programs=false",
            "recipe.options.reject_dead_code=false",
            'recipe.options.on_collapse="warn"',
            "recipe.options.proposer_weight=5.0",
            "learner.learning_rate=2e-3",
        ),
        default=False,
    ),
}
DEFAULT_ARMS = tuple(name for name, arm in ARMS.items() if arm.default)
FULL, SYNCHRONOUS = "full", "synchronous"  # what controls and staleness are compared with


def choose(names: Sequence[str]) -> tuple[str, ...]:
    """``names`` without repeats.

    Raises:   UsageError: none, or one that is no arm.
    """
    if unknown := [name for name in names if name not in ARMS]:
        raise UsageError(f"no such arm: {', '.join(unknown)}; the arms are {', '.join(ARMS)}")
    if not names:
        raise UsageError(f"no arms: choose some of {', '.join(ARMS)}")
    return tuple(dict.fromkeys(names))


def arm_overrides(name: str, base: RunConfig) -> list[str]:
    """The overrides that make ``base``, the run file as it is, into the arm ``name``."""
    arm = ARMS[name]
    model = json.dumps(str(base.policy.model.resolve()))
    return [*COMMON, *(Template(text).substitute(model=model) for text in arm.overrides)]
