"""Whether a directory that somebody named is a run's."""

from __future__ import annotations

from sparring.core.errors import UsageError
from sparring.core.run_config import is_run_config
from sparring.core.rundir import RunDirectory
from sparring.deploy.run_state import path_of


def holds_run(directory: RunDirectory) -> bool:
    """Whether there is a run in it, which may then be deleted if that is what was asked for.

    Raises:   UsageError: what is there has a configuration of the same name, but is no run.
    """
    if path_of(directory).is_file() or is_run_config(directory.config):
        return True
    if directory.config.exists():
        raise UsageError(
            f"{directory.root} is not a run, and will not be deleted: its {directory.config.name} is not one that "
            "`sparring train` wrote; give another directory with --run, or delete it yourself"
        )
    return False


def existing_run(directory: RunDirectory) -> RunDirectory:
    """``directory``, if there is something of a run to look at in it.

    Raises:   UsageError: there is nothing.
    """
    if directory.config.exists() or directory.metrics.exists():
        return directory
    seen = "there is none" if not directory.root.is_dir() else f"it holds no {directory.config.name}"
    raise UsageError(
        f"run directory {directory.root}: {seen}; start a run with --run {directory.root}, or give the directory of one"
    )
