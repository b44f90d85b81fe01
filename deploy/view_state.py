"""What is known of a running run: the newest number of each metric and a little history."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence

from sparring.deploy.run_files import bubble_share
from sparring.deploy.statistics import kind_order

HISTORY = 200  # steps remembered of each metric
NUM_NOTES = 3  # with three roles of three kinds, the page just fits into 24 rows
BLOCKS = "▁▂▃▄▅▆▇█"
# From this share of the step time on, waiting is what bounds the run.
BOUND = 0.3


class Progress:
    """Collects updates and notes; knows no terminal."""

    def __init__(self, name: str, *, num_steps: int) -> None:
        self.name, self.num_steps = name, num_steps
        self.step = 0
        self.values: dict[str, float] = {}
        self.history: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=HISTORY))
        self.bubbles: dict[str, float] = {}
        self.notes: deque[str] = deque(maxlen=NUM_NOTES)
        self.held_out: list[str] = []  # the first evaluation and the newest
        self._waited: dict[str, float] = {}

    def update(self, values: Mapping[str, float], step: int) -> None:
        """Take in the metrics of ``step``; a name that is missing keeps its last value."""
        self.step = step
        self.values |= values
        for name, value in values.items():
            self.history[name].append(value)
        for name in ("time/wait_for_batch", "time/wait_for_policy"):
            if name in values and values.get("time/step"):
                self.bubbles[name] = bubble_share(name, values, before=self._waited.get(name, 0.0))
                self._waited[name] = values[name]

    def note(self, text: str) -> str:
        """Remember a message; returns it fit for a terminal."""
        # Messages may quote what a model wrote, and a terminal obeys control characters.
        safe = "".join(letter if letter.isprintable() else "?" for letter in text)
        if safe.startswith("evaluated "):
            self.held_out = [*self.held_out[:1], safe.removeprefix("evaluated ").replace("eval/", "")]
        else:
            self.notes.append(safe)
        return safe

    def roles(self) -> list[tuple[str, str]]:
        """Every (role, kind) with a reward or a solve rate."""
        tails = (name.split("/")[-2:] for name in self.values if name.startswith(("reward/mean/", "solve_rate/")))
        return sorted(
            {(tail[0], tail[1]) for tail in tails if len(tail) == 2}, key=lambda one: (one[0], kind_order(one[1]))
        )

    @property
    def balance(self) -> str:
        """Which side waits for the other."""
        if not self.bubbles:
            return "starting"
        learner = self.bubbles.get("time/wait_for_batch", 0.0)
        workers = self.bubbles.get("time/wait_for_policy", 0.0)
        if max(learner, workers) < BOUND:
            return "both sides busy"
        return "learner waits for rollouts" if learner >= workers else "rollouts wait for the learner"

    @property
    def solve_rate(self) -> float | None:
        """The newest one: of the solver where a recipe has one, else the mean over what it calls solve rates."""
        solver = self.mean("solve_rate/solver")
        return self.mean("solve_rate") if solver is None else solver

    def mean(self, front: str) -> float | None:
        """Mean of the newest ``front`` and ``front/...`` values."""
        found = [value for name, value in self.values.items() if name == front or name.startswith(f"{front}/")]
        return sum(found) / len(found) if found else None


def sparkline(values: Sequence[float], *, width: int, low: float | None = None, high: float | None = None) -> str:
    """``values`` as ``width`` bars at most, each the mean of its share of them; scaled to their range unless given."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ""
    count = min(width, len(finite))
    edges = [at * len(finite) // count for at in range(count + 1)]
    means = [sum(finite[begin:end]) / (end - begin) for begin, end in itertools.pairwise(edges)]
    bottom = min(means) if low is None else low
    top = max(means) if high is None else high
    if top <= bottom:
        return BLOCKS[0] * count
    shares = (min(1.0, max(0.0, (mean - bottom) / (top - bottom))) for mean in means)
    return "".join(BLOCKS[round(share * (len(BLOCKS) - 1))] for share in shares)


def plain_line(progress: Progress) -> str:
    """One step as one line for logs: event first, then key=value; unknown values are left out."""
    values, bubbles = progress.values, progress.bubbles
    shown: dict[str, tuple[float | None, str]] = {
        "version": (values.get("version"), ".0f"),
        "reward": (progress.mean("reward/mean"), ".3f"),
        "solve_rate": (progress.solve_rate, ".3f"),
        "valid": (progress.mean("proposals/valid"), ".3f"),
        "staleness_mean": (values.get("staleness/mean"), ".2f"),
        "staleness_max": (values.get("staleness/max"), ".0f"),
        "rollout_tokens_per_s": (values.get("throughput/rollout_tokens_per_s"), ".0f"),
        "learner_tokens_per_s": (values.get("throughput/learner_tokens_per_s"), ".0f"),
        "wait_for_batch": (bubbles.get("time/wait_for_batch"), ".2f"),
        "wait_for_policy": (bubbles.get("time/wait_for_policy"), ".2f"),
        "seconds": (values.get("time/step"), ".2f"),
        "memory_mib": (values.get("memory/rss_mib"), ".0f"),
    }
    pairs = (f"{name}={value:{form}}" for name, (value, form) in shown.items() if value is not None)
    return " ".join([f"step n={progress.step}/{progress.num_steps}", *pairs])
