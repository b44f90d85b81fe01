"""What may not change when a run is taken up: what is in Redis and in its checkpoints was made with it.

Cohorts are counted out when they begin: with other openings the learner would wait for ones that never come, or admit
more than the bound on staleness allows.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sparring.core.config import RecipeConfig, RunConfig
from sparring.core.errors import UsageError
from sparring.core.rundir import RunDirectory
from sparring.deploy.run_state import last_committed
from sparring.recipes import build


def refuse_run_file(config: Path | None, directory: RunDirectory) -> None:
    """A run that is taken up has its configuration already.

    Raises:   UsageError: a run file was given too.
    """
    if config is not None:
        raise UsageError(
            f"--config {config} with --resume: {directory.root} is taken up with the configuration that it keeps in "
            f"{directory.config.name}; leave --config out, and change single values with --set section.key=value"
        )


def refuse_other_rounds(before: RunConfig, after: RunConfig, directory: RunDirectory) -> RunConfig:
    """``after``, if a run that has committed steps with ``before`` can go on with it.

    Raises:   UsageError: its rounds or its policy would be others.
    """
    step = last_committed(directory)
    if step and (changed := list(_changed(before, after))):
        raise UsageError(
            f"{directory.root} can not be taken up after step {step} with {'; '.join(changed)}: its episodes and "
            "checkpoints were made with the values before; leave them as they are, or begin another run with --config "
            "and another --run"
        )
    return after


def _changed(before: RunConfig, after: RunConfig) -> Iterator[str]:
    model = before.policy.model.resolve()
    pairs = {
        "recipe.name": (before.recipe.name, after.recipe.name),
        "policy.name": (before.policy.name, after.policy.name),
        # The same directory by another name is the same model.
        "policy.model": (str(model), str(after.policy.model.resolve())),
    }
    for name, (seen, wanted) in pairs.items():
        if seen != wanted:
            yield f"{name} = {wanted!r} instead of {seen!r}"
    if before.recipe.name == after.recipe.name and before.recipe != after.recipe:
        yield from _changed_openings(before.recipe, after.recipe)


def _changed_openings(before: RecipeConfig, after: RecipeConfig) -> Iterator[str]:
    # Files may have been moved since; where they are now says the new configuration.
    files = {name: value for name, value in after.options.items() if name.endswith("_file")}
    seen = dict(build(before.model_copy(update={"options": before.options | files})).openings())
    wanted = dict(build(after).openings())
    if seen != wanted:
        yield f"recipe.options that make the episodes of one learner step {wanted} instead of {seen}"
