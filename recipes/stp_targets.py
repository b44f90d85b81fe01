"""The fixed set of statements that STP tries to prove."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from sparring.core.errors import UsageError
from sparring.core.types import Task


def read_targets(path: Path) -> Sequence[Task]:
    """The targets in ``path``: a task in JSON a line, its statement in the payload.

    Raises:   UsageError: no such file, no target in it, a line that is none, or two of one name.
    """
    try:
        targets = [msgspec.json.decode(line, type=Task) for line in path.read_bytes().splitlines()]
    except OSError as error:
        raise UsageError(f"recipe.options.targets_file {path}: {error.strerror}; give a file of tasks") from error
    except msgspec.DecodeError as error:
        raise UsageError(f"recipe.options.targets_file {path}: {error}; each line must be a task in JSON") from error
    if not targets or len({task.task_id for task in targets}) < len(targets):
        raise UsageError(f"recipe.options.targets_file {path}: {len(targets)} targets; expected some, of distinct ids")
    if broken := next((task.task_id for task in targets if not isinstance(task.payload.get("statement"), str)), None):
        raise UsageError(f"recipe.options.targets_file {path}: {broken} has no statement in its payload")
    return targets
