"""Held-out solve rates over a run as a plot of characters, for the end of a run and for logs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

import plotext

from sparring.deploy.statistics import Evaluation, by_kind

WIDTH, HEIGHT = 78, 15  # characters


def held_out_text(evaluations: Sequence[Evaluation], *, colour: bool) -> str:
    """Sampled solve rate by kind against learner steps; "" with fewer than two moments.

    Evaluations during a run ask fewer tasks than those at its ends: only tasks asked every time are counted.
    """
    plotext.clear_figure()
    num_moments = 0
    for kind, group in by_kind(evaluations).items():
        moments: dict[int, dict[str, float]] = defaultdict(dict)
        for one in group:
            moments[one.step][one.task_id] = one.solve_rate
        common = set.intersection(*(set(rates) for rates in moments.values()))
        steps = sorted(moments) if common else []
        num_moments = max(num_moments, len(steps))
        rates = [fmean(moments[step][task] for task in common) for step in steps]
        plotext.plot(steps, rates, label=kind, marker="braille")
    if num_moments < 2:
        return ""
    plotext.plot_size(WIDTH, HEIGHT)
    plotext.ylim(0, 1)
    plotext.theme("clear" if colour else "colorless")
    plotext.title("held-out solve rate, sampled, against learner steps")
    text = str(plotext.build())
    return text if colour else str(plotext.uncolorize(text))
