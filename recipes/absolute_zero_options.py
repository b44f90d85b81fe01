"""Options of Absolute Zero: the defaults are the paper's (arXiv:2505.03335), each departure has a name."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from sparring.core.recipe import RecipeOptions
from sparring.recipes.collapse import CollapseLimits
from sparring.recipes.programs import Rules

# Figure 8 of the paper; here each entry is matched as a dotted name, so that os.path and sys.exit mean something.
BANNED_MODULES = (
    "logging",
    "random",
    "multiprocessing",
    "pebble",
    "subprocess",
    "threading",
    "datetime",
    "time",
    "hashlib",
    "hmac",
    "bcrypt",
    "os.sys",
    "os.path",
    "sys.exit",
    "os.environ",
    "calendar",
)


class AbsoluteZeroOptions(RecipeOptions):
    """What a run file may set under ``[recipe.options]``."""

    dialect: Literal["prose", "compact"] = "prose"  # prompts for language models, or role tokens for the seed model

    # Sizes (table 3)
    batch_size: int = Field(64, ge=2)  # episodes of each kind and role in a step: B
    num_references: int = Field(6, ge=0)  # archived tasks a proposer sees: K
    num_solves: int = Field(8, ge=1)  # solver rollouts that estimate learnability: n
    num_inputs: int = Field(10, ge=2)  # arguments of an induction task: N; the first half is shown
    seed_factor: int = Field(4, ge=1)  # seed tasks of each kind are batch_size x seed_factor: S
    max_proposals_per_seed: int = Field(50, ge=1)  # proposals sampled per seed task wanted before seeding gives up

    # What the solver is trained on
    solve_source: Literal["archive", "fresh"] = "archive"  # "fresh": the step's own proposals, without the lag of one
    train_learnability_rollouts: bool = False  # also train on the rollouts that estimate learnability
    keep_proposals: Literal["all", "not_always_solved", "learnable"] = "all"  # which valid proposals are archived

    # Rewards (equation 6)
    wrong_reward: float = -0.5  # a well-formed answer that is not right
    ill_formed_reward: float = -1.0
    invalid_proposal_reward: float = -0.5  # a well-formed proposal that fails a check; the original code: -1
    zero_learnability_reward: float = 0.0  # a task never or always solved; the original code: -0.5

    # Advantages (equation 8)
    baseline: Literal["task_kind_and_role", "group"] = "task_kind_and_role"  # "group": learnability rollouts, per task
    normalisation: Literal["token", "sequence"] = "token"  # "sequence" is the formula, "token" the original code
    train_without_advantage: bool = True  # rollouts with advantage 0 still count in entropy and number of tokens
    proposer_weight: float = Field(1.0, ge=0)  # of the proposer's advantages; 0 trains the solver only
    solver_weight: float = Field(1.0, ge=0)

    # A proposer that collapses
    collapse: CollapseLimits = CollapseLimits()
    on_collapse: Literal["warn", "pause"] = "warn"  # "pause": while an alarm rings, the proposer is only punished

    # Controls, for experiments
    shuffle_rewards: bool = False  # rewards change places among the rollouts of a role: nothing true can be learned
    proposer_policy: str = "base"  # a name under policy.frozen: proposals of a policy that never changes

    # What makes a proposal valid
    banned_modules: tuple[str, ...] = BANNED_MODULES
    reject_multiple_functions: bool = False  # the original code: True, which also counts methods and helpers
    arguments: Literal["values", "expressions"] = "values"  # "expressions": any code between the parentheses
    max_output_chars: int = Field(400, ge=1)  # of one output's text; longer is rejected, never cut
    max_content_bytes: int = Field(4800, ge=1)  # of a task, or of one prompt's references; a token is a byte or more
    deduplicate: Literal["syntax_tree", "text"] = "syntax_tree"
    strip_comments_in_seeding: bool = True  # with docstrings and what follows f; never in self-play
    reject_dead_code: bool = False  # proposed programs with statements that can not change the result; see liveness
    # A program (for induction: a program with its inputs) like one the archive holds of the kind, by normalised syntax
    # tree; not while seeding. Otherwise new inputs of an old program are a new task.
    reject_known_programs: bool = False

    @property
    def rules(self) -> Rules:
        """What a proposed program and an argument have to keep to."""
        return Rules(
            banned_modules=self.banned_modules,
            single_function=self.reject_multiple_functions,
            values_only=self.arguments == "values",
        )

    @field_validator("baseline")
    @classmethod
    def _groups_exist(cls, baseline: str, values: ValidationInfo) -> str:
        if baseline == "group" and not values.data.get("train_learnability_rollouts"):
            raise ValueError(
                '"group" compares the rollouts of one task, but only one is trained; '
                'set train_learnability_rollouts = true or baseline = "task_kind_and_role"'
            )
        return baseline
