"""The configuration that a run keeps in its directory, written whole and read with care."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from sparring.core.config import RunConfig
from sparring.core.errors import UsageError
from sparring.core.rundir import RunDirectory


def read_run_config(directory: RunDirectory) -> RunConfig:
    """The configuration of the run in ``directory``.

    Raises:   UsageError: there is none, or what is there is damaged or another program's.
    """
    path = directory.config
    try:
        text = path.read_bytes()
    except FileNotFoundError as error:
        raise UsageError(
            f"{directory.root} holds no run: it has no {path.name}; give a directory that `sparring train --run` wrote"
        ) from error
    except OSError as error:
        raise UsageError(f"{path} can not be read: {error.strerror}; make it readable") from error
    try:
        return RunConfig.model_validate_json(text)
    except ValidationError as error:
        raise UsageError(
            f"{path} is not the configuration of a run: {_first(error)}; expected what `sparring train` wrote there: "
            "put it back, or begin another run with --run"
        ) from error


def write_run_config(config: RunConfig, directory: RunDirectory) -> None:
    """Replace the stored configuration: a reader sees the old one or the new one, whatever happens meanwhile."""
    unfinished = directory.config.with_name(f".{directory.config.name}.{os.getpid()}")
    _write(unfinished, config.model_dump_json(indent=2).encode())
    unfinished.replace(directory.config)


def is_run_config(path: Path) -> bool:
    """Whether this is a run's stored configuration: other programs call theirs config.json too."""
    try:
        found = RunConfig.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return False
    return {"recipe", "policy"} <= found.model_fields_set  # a run stores every section


def _write(path: Path, text: bytes) -> None:
    with path.open("wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _first(error: ValidationError) -> str:
    """The first problem on one line; a file of another program has one for each key."""
    problem, *others = error.errors()
    place = ".".join(str(part) for part in problem["loc"])
    more = f" (and {len(others)} more)" if others else ""
    return f"{place}: {problem['msg']}{more}" if place else f"{problem['msg']}{more}"
