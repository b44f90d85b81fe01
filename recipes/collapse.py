"""Alarms on a proposer that collapses: few different programs, repeated ones, ever shorter ones, tasks of no use.

A policy that is paid for its proposals may find one that always pays. The alarms look at the last steps together,
since a single cohort of proposals is too few to tell bad luck from collapse.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean

from pydantic import BaseModel, ConfigDict, Field

# Steps that an alarm looks at, and how many of them it needs to judge at all.
WINDOW, ENOUGH = 10, 5


class CollapseLimits(BaseModel):
    """Bounds on the means over a window of steps, for each kind of task."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_valid: float = Field(0.4, ge=0, le=1)  # share of proposals that pass every check
    min_distinct: float = Field(0.5, ge=0, le=1)  # share of different programs among the valid ones of a cohort
    max_duplicate: float = Field(0.5, ge=0, le=1)  # share of proposals that the archive knows already
    max_extreme: float = Field(0.97, ge=0, le=1)  # share of valid tasks solved never or always
    min_statements: float = Field(1.2, ge=0)  # statements of a program


_BELOW = {"valid": "proposals/valid", "distinct": "proposals/distinct", "statements": "proposals/statements"}
# The programs of this kind are drawn from the archive: they say nothing about the proposer.
_GIVEN, _OF_PROGRAMS = "induction", ("distinct", "statements")
_ABOVE = {"duplicate": "proposals/duplicate", "extreme": "proposals/extreme"}


def collapse_alarms(history: Sequence[Mapping[str, float]], limits: CollapseLimits) -> dict[str, float]:
    """``alarm/<what>/<kind>``: 1 where the mean over the last ``WINDOW`` steps is out of bounds, else 0.

    Args:     history: metrics of the steps so far, newest last.
    """
    seen: dict[str, list[float]] = defaultdict(list)
    for row in history[-WINDOW:]:
        for name, value in row.items():
            seen[name].append(value)
    bounds = [(what, metric, 1, getattr(limits, f"min_{what}")) for what, metric in _BELOW.items()]
    bounds += [(what, metric, -1, getattr(limits, f"max_{what}")) for what, metric in _ABOVE.items()]
    found: dict[str, float] = {}
    for what, metric, sign, bound in bounds:
        for name in sorted(seen):
            stem, _, kind = name.rpartition("/")
            judged = kind != _GIVEN or what not in _OF_PROGRAMS
            if stem == metric and judged and len(seen[name]) >= ENOUGH:
                found[f"alarm/{what}/{kind}"] = float(sign * fmean(seen[name]) < sign * bound)
    return found
