"""Metrics of one Absolute Zero cohort, under the names of core/metrics.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from sparring.core.types import Episode, ScoredRollout
from sparring.recipes.credit import trained
from sparring.recipes.dialect import Dialect
from sparring.recipes.syntax import num_statements, program_fingerprint

_ACTIONS = {"proposer": "propose", "solver": "solve"}


def measure(cohort: Sequence[Episode], *, dialect: Dialect, solver_in_place: bool) -> dict[str, float]:
    """Metrics of ``cohort``, whose episodes are of one opening kind.

    ``solver_in_place``: solves are played in the episodes of the proposals and not in cohorts of their own. Where
    they are not, a cohort of proposals says nothing about the solver that the solver's own cohort will say.
    """
    action, _, kind = cohort[0].task.kind.partition("/")
    found: dict[str, float] = {}
    for role, role_action in _ACTIONS.items():
        if role_action == action or solver_in_place:
            rollouts = [scored for _, scored in trained(cohort) if scored.rollout.role == role]
            found.update(_of_role(rollouts, f"{role}/{kind}", asked=f"{role_action}/{kind}", dialect=dialect))
    if action == "propose":
        found.update(_of_proposals(cohort, kind, dialect=dialect))
    return found


def _of_role(
    rollouts: Sequence[ScoredRollout], where: str, *, asked: str, dialect: Dialect
) -> Iterator[tuple[str, float]]:
    if not rollouts:
        return
    yield f"reward/mean/{where}", fmean(scored.reward for scored in rollouts)
    yield f"response_length/{where}", fmean(len(scored.rollout.completion_ids) for scored in rollouts)
    readings = [dialect.read(asked, scored.rollout.text) for scored in rollouts]
    yield f"format/well_formed/{where}", fmean(reading.well_formed for reading in readings)
    answers = [reading for reading in readings if reading.well_formed and asked.startswith("solve/")]
    if answers:
        yield f"thinking/{where}", fmean(reading.thinks for reading in answers)
    graded = [scored.solved for scored in rollouts if scored.solved is not None]
    if graded:
        yield f"solve_rate/{where}", fmean(graded)


def _of_proposals(cohort: Sequence[Episode], kind: str, *, dialect: Dialect) -> Mapping[str, float]:
    valid = [episode for episode in cohort if episode.metrics["proposals/valid"]]
    found = {
        f"proposals/valid/{kind}": len(valid) / len(cohort),
        f"proposals/duplicate/{kind}": fmean(episode.metrics.get("proposals/duplicate", 0.0) for episode in cohort),
    }
    if valid:
        found[f"solve_rate/proposed/{kind}"] = fmean(episode.metrics["solve_rate"] for episode in valid)
        found[f"learnability/{kind}"] = fmean(episode.metrics["learnability"] for episode in valid)
        found[f"proposals/extreme/{kind}"] = fmean(episode.metrics["solve_rate"] in (0.0, 1.0) for episode in valid)
        programs = [_program(episode, dialect=dialect) for episode in valid]
        found[f"proposals/distinct/{kind}"] = len(set(map(program_fingerprint, programs))) / len(valid)
        found[f"proposals/statements/{kind}"] = fmean(map(num_statements, programs))
    return found


def _program(episode: Episode, *, dialect: Dialect) -> str:
    if episode.task.kind == "propose/induction":
        return str(episode.task.payload["program"])
    return dialect.read(episode.task.kind, episode.rollouts[0].rollout.text).program or ""
