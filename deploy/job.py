"""What is different when a run is a submitted Ray job: its working directory is an upload that ends with the job."""

from __future__ import annotations

from pathlib import Path

from sparring.core.config import RunConfig
from sparring.core.errors import UsageError
from sparring.core.rundir import RunDirectory

UPLOAD = "_ray_pkg_"  # what Ray calls the directory it unpacks an upload into, with a hash behind


def check_run_directory(directory: RunDirectory) -> None:
    """Refuse a run directory inside the upload.

    Raises:   UsageError: it would be gone with the job.
    """
    whole = directory.root.resolve()
    if any(part.startswith(UPLOAD) for part in whole.parts):
        raise UsageError(
            f"run directory {directory.root} is inside the job's upload, which ends with the job; expected a path on "
            "storage that stays and that all nodes mount, such as --run /shared/runs/mine"
        )


def rebased(config: RunConfig, *, working_directory: Path) -> RunConfig:
    """``config`` of an earlier job with the files of its upload looked up in this job's."""

    def here(path: Path) -> Path:
        inside = next((index for index, part in enumerate(path.parts) if part.startswith(UPLOAD)), None)
        if inside is None:
            return path
        found = working_directory.joinpath(*path.parts[inside + 1 :])
        return found if found.exists() else path

    frozen = {name: here(path) for name, path in config.policy.frozen.items()}
    policy = config.policy.model_copy(update={"model": here(config.policy.model), "frozen": frozen})
    tasks = config.evaluation.tasks
    evaluation = config.evaluation.model_copy(update={"tasks": here(tasks) if tasks else None})
    return config.model_copy(update={"policy": policy, "evaluation": evaluation})
