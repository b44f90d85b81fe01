"""What an experiment was asked for, on the disk: a resumed experiment must ask for the same."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec

import sparring
from sparring.core.config import RunConfig
from sparring.core.errors import UsageError
from sparring.core.manifest import WEIGHTS, sha256_of
from sparring.core.run_file import load_config
from sparring.deploy.experiment_arms import arm_overrides
from sparring.deploy.test_set import TEST_TASKS
from sparring.recipes import build

RUN_FILES = Path(__file__).parent / "runs"
MANIFEST = "experiment.json"


class ExperimentManifest(msgspec.Struct, frozen=True, kw_only=True):
    """experiment.json: everything that the results depend on."""

    run_file: str
    hashes: dict[str, str]  # sha256 of the run file, the weights it starts from, both held-out sets and our code
    steps: int
    seeds: tuple[int, ...]
    overrides: tuple[str, ...]  # of every arm, after its own
    arms: dict[str, tuple[str, ...]]  # all overrides of an arm but the seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What to run and where."""

    out: Path
    run_file: Path
    manifest: ExperimentManifest

    def directory(self, arm: str, seed: int) -> Path:
        """The run directory of one arm and seed."""
        return self.out / arm / f"seed{seed}"

    def overrides(self, arm: str, seed: int) -> list[str]:
        """All that this run changes in the run file."""
        return [*self.manifest.arms[arm], f"seed={seed}"]


def run_file_named(name: str) -> Path:
    """A shipped run file by its name, such as quickstart, or any by its path.

    Raises:   UsageError: neither.
    """
    shipped = RUN_FILES / f"{name}.toml"
    for path in (Path(name), shipped):
        if path.is_file():
            return path.resolve()
    known = ", ".join(sorted(path.stem for path in RUN_FILES.glob("*.toml")))
    raise UsageError(f"no run file {name}: give a path, or the name of a shipped one: {known}")


def plan(
    out: Path, run_file: Path, *, arms: Sequence[str], num_seeds: int, steps: int | None, overrides: Sequence[str]
) -> Experiment:
    """The experiment that was asked for, every arm's configuration checked.

    Raises:   UsageError: a run file or an override that is wrong, or a model without weights.
    """
    base = load_config(run_file, overrides)
    steps = steps or base.steps
    chosen = {arm: (*arm_overrides(arm, base), *overrides, f"steps={steps}") for arm in arms}
    for each in chosen.values():
        build(load_config(run_file, each).recipe)
    manifest = ExperimentManifest(
        run_file=run_file.name,
        hashes=_hashes(run_file, base),
        steps=steps,
        seeds=tuple(range(num_seeds)),
        overrides=tuple(overrides),
        arms=chosen,
    )
    return Experiment(out=out, run_file=run_file, manifest=manifest)


def _hashes(run_file: Path, base: RunConfig) -> dict[str, str]:
    if base.evaluation.tasks is None:
        raise UsageError(f"run file {run_file} has no evaluation.tasks: the experiment needs held-out tasks")
    files = {
        "run file": run_file,
        "starting weights": base.policy.model / WEIGHTS,
        "validation tasks": base.evaluation.tasks,
        "test tasks": TEST_TASKS,
    }
    if missing := [path for path in files.values() if not path.is_file()]:
        raise UsageError(f"no such file: {', '.join(map(str, missing))}; the experiment needs it")
    return {name: sha256_of(path) for name, path in files.items()} | {"code": _code_hash()}


def _code_hash() -> str:
    """sha256 of this package's source: every run is a new process, which must not run other code than the last."""
    digest = sha256()
    for package in sorted(path for path in Path(sparring.__path__[0]).iterdir() if path.is_dir()):
        folder = package.resolve()  # in a checkout a link
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{package.name}/{path.relative_to(folder)}\0{sha256_of(path)}\n".encode())
    return digest.hexdigest()


def record(experiment: Experiment) -> None:
    """Write the manifest, or hold it against the one that is there; arms that are new join it.

    Raises:   UsageError: the experiment in this directory was started with other settings.
    """
    path, asked = experiment.out / MANIFEST, experiment.manifest
    merged = asked
    if path.exists():
        found = msgspec.json.decode(path.read_bytes(), type=ExperimentManifest)
        if problems := differences(found, asked):
            raise UsageError(
                f"{experiment.out} holds an experiment with other settings:\n"
                + "\n".join(f"  {problem}" for problem in problems)
                + "\nrepeat the settings it was started with, or give another directory with --out"
            )
        merged = msgspec.structs.replace(found, arms={**found.arms, **asked.arms})
    unfinished_path = path.with_suffix(".part")
    unfinished_path.write_bytes(msgspec.json.format(msgspec.json.encode(merged), indent=2))
    os.replace(unfinished_path, path)


def differences(found: ExperimentManifest, asked: ExperimentManifest) -> list[str]:
    """What does not fit together, a line each."""
    pairs: list[tuple[str, object, object]] = [
        (name, getattr(found, name), getattr(asked, name)) for name in ("run_file", "steps", "seeds", "overrides")
    ]
    pairs += [(f"sha256 of the {name}", found.hashes.get(name), asked.hashes[name]) for name in asked.hashes]
    pairs += [(f"arm {arm}", found.arms[arm], asked.arms[arm]) for arm in asked.arms if arm in found.arms]
    return [f"{name}: started with {before}, asked for {now}" for name, before, now in pairs if before != now]
