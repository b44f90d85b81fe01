"""Reads a run file: TOML, overrides on the command line, and errors that name the nearest known key."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from sparring.core.config import RunConfig
from sparring.core.errors import UsageError

ModelT = TypeVar("ModelT", bound=BaseModel)


def load_config(path: Path, overrides: Iterable[str] = ()) -> RunConfig:
    """The run file at ``path`` with ``section.key=value`` overrides (values in TOML syntax, or plain text).

    Relative paths in the file are relative to it; in overrides to the working directory, if something of that name is
    there, else to the file too.

    Raises:   UsageError: no such file, not TOML, an unknown key (with its nearest match), a value out of range, or
              held-out tasks to be asked every so many steps that no file holds.
    """
    try:
        tree = tomllib.loads(path.read_text())
    except OSError as error:
        raise UsageError(f"run file {path}: {error.strerror}; give an existing TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"run file {path} is not TOML: {error}") from error
    for override in overrides:
        _set(tree, override)
    config = validate(RunConfig, tree, where=str(path))
    _check_evaluation(config, where=str(path))
    return _resolved_paths(config, base=path.parent)


def _check_evaluation(config: RunConfig, *, where: str) -> None:
    """Not a validator of the section: the configuration that a run keeps names every default, this one too."""
    evaluation = config.evaluation
    if "every" in evaluation.model_fields_set and evaluation.every and evaluation.tasks is None:
        raise UsageError(
            f"{where}: evaluation.every = {evaluation.every}, but no evaluation.tasks, so nothing would be evaluated; "
            "set evaluation.tasks to a file of held-out tasks, or leave evaluation.every out"
        )


def override_config(config: RunConfig, overrides: Iterable[str]) -> RunConfig:
    """``config`` with ``section.key=value`` overrides, validated again."""
    tree = config.model_dump(mode="json")
    for override in overrides:
        _set(tree, override)
    return validate(RunConfig, tree, where="the run's configuration")


def validate(model: type[ModelT], tree: Mapping[str, Any], *, where: str) -> ModelT:
    """``tree`` as a ``model``.

    Raises:   UsageError: every problem on a line of its own; an unknown key with its nearest match.
    """
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        problems = "\n".join(f"  {_explain(model, problem)}" for problem in error.errors())
        raise UsageError(f"{where} has {error.error_count()} problem(s):\n{problems}") from error


def _explain(model: type[BaseModel], problem: Any) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] != "extra_forbidden":
        # A problem of several values together has no place of its own.
        return f"{name} = {problem['input']!r}: {problem['msg']}" if name else str(problem["msg"])
    *parents, key = [str(part) for part in problem["loc"]]
    known = list(_section(model, parents).model_fields)
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)[0]
    return f"unknown key {name}; the nearest known key is {'.'.join([*parents, near])}"


def _section(model: type[BaseModel], path: Iterable[str]) -> type[BaseModel]:
    for part in path:
        if part not in model.model_fields:
            continue  # a place in a list, or a name in a table: of the section that the list or table is of
        annotation = model.model_fields[part].annotation
        kinds = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
        model = next(kind for kind in kinds if issubclass(kind, BaseModel))
    return model


def _set(tree: dict[str, Any], override: str) -> None:
    name, separator, text = override.partition("=")
    if not separator:
        raise UsageError(f"override {override!r}: expected section.key=value, such as learner.world_size=2")
    *parents, key = name.strip().split(".")
    for part in parents:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            raise UsageError(f"override {override!r}: {part} is a value, not a section")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    tree[key] = str(_beside(Path.cwd(), Path(value))) if isinstance(value, str) and _is_path(name.strip()) else value


def _is_path(name: str) -> bool:
    """Whether the setting ``name`` is the path of a file that a run reads."""
    section, _, key = name.rpartition(".")
    if section in {"policy.frozen", "recipe.options"}:
        return section == "policy.frozen" or key.endswith("_file")
    return name in {"policy.model", "evaluation.tasks"}


def _beside(base: Path, path: Path) -> Path:
    """``path``, made absolute if it is of something that exists in ``base``."""
    beside = (base / path).resolve()
    return beside if not path.is_absolute() and beside.exists() else path


def _resolved_paths(config: RunConfig, *, base: Path) -> RunConfig:
    """``config`` with the paths of files that exist beside the run file made absolute."""

    resolve = partial(_beside, base)
    frozen = {name: resolve(path) for name, path in config.policy.frozen.items()}
    policy = config.policy.model_copy(update={"model": resolve(config.policy.model), "frozen": frozen})
    options = {
        name: str(resolve(Path(value))) if name.endswith("_file") and isinstance(value, str) else value
        for name, value in config.recipe.options.items()
    }
    recipe = config.recipe.model_copy(update={"options": options})
    tasks = config.evaluation.tasks
    evaluation = config.evaluation.model_copy(update={"tasks": resolve(tasks) if tasks else None})
    return config.model_copy(update={"policy": policy, "evaluation": evaluation, "recipe": recipe})
