"""What the policy does at the end of a run that it did not do at its start, on the same held-out tasks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from sparring.deploy.readable import Answer, Question, Readable
from sparring.deploy.statistics import Evaluation, Interval, by_kind, kind_order, moment, paired_bootstrap

# A task was learned if the greedy answer went from wrong to right and so did nearly all samples: of four, one may
# differ. Chance still makes a few of hundreds look learned, and as many forgotten: that is why both are counted.
FEW, MOST = 0.25, 0.75
NUM_EXAMPLES = 3

Pair = tuple[Evaluation, Evaluation]  # one task before and after
Measure = Callable[[Evaluation], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A mean before and after; nan where nothing was measured."""

    before: float
    after: float

    @property
    def difference(self) -> float:
        return self.after - self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Solve rates of the held-out tasks of one kind, or of those of one length among them."""

    kind: str
    num_statements: int | None  # None: tasks of every length
    num_tasks: int
    sampled: Change
    greedy: Change
    thinking: Change  # share of well-formed greedy answers with intermediate values


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How a task was answered at one moment."""

    answer: Answer  # the greedy one
    right: bool
    num_right: int  # of the samples
    num_samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A task that the policy could not do before and can now."""

    kind: str
    task_id: str
    num_statements: int | None
    question: Question
    before: Attempt
    after: Attempt

    @property
    def title(self) -> str:
        """Such as ``deduction, 2 statements, test-deduction-7``."""
        count = self.num_statements
        size = "" if count is None else f"{count} statement{'' if count == 1 else 's'}, "
        return f"{self.kind}, {size}{self.task_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BeforeAfter:
    """The start and the end of a run, side by side."""

    mean: Change  # sampled solve rate, kinds weighted equally
    interval: Interval | None  # of its difference; None without both a start and an end
    rates: Sequence[Rates]
    num_tasks: int
    num_learned: int
    num_forgotten: int  # by the same measure, the other way round
    examples: Sequence[Example]

    @property
    def thinks(self) -> bool:
        """Whether there is an answer whose intermediate values can be told from the rest."""
        return any(not math.isnan(share) for row in self.rates for share in (row.thinking.before, row.thinking.after))


def before_after(evaluations: Sequence[Evaluation], *, readable: Readable, seed: int = 0) -> BeforeAfter | None:
    """Start against end over the tasks that both have; of an unfinished run what there is. None without either."""
    start, end = moment(evaluations, "start"), moment(evaluations, "end")
    both = {one.task_id for one in start} & {one.task_id for one in end}
    if start and end:
        start, end = ([one for one in side if one.task_id in both] for side in (start, end))
    if not (start or end):
        return None
    after = {one.task_id: one for one in end}
    pairs = [(one, after[one.task_id]) for one in start if one.task_id in after]
    return BeforeAfter(
        mean=Change(before=_mean_over_kinds(start), after=_mean_over_kinds(end)),
        interval=difference_over_kinds(pairs, seed=seed) if pairs else None,
        rates=[row for kind in by_kind(start or end) for row in _rates(kind, start, end, readable)],
        num_tasks=len(start or end),
        num_learned=sum(is_learned(*pair) for pair in pairs),
        num_forgotten=sum(is_learned(later, earlier) for earlier, later in pairs),
        examples=[_example(*pair, readable) for pair in choose(pairs)],
    )


def is_learned(before: Evaluation, after: Evaluation) -> bool:
    """Whether a task could not be done before and can be done after: greedily, and by most of the samples."""
    greedy = after.greedy and not before.greedy
    return greedy and before.solve_rate <= FEW and after.solve_rate >= MOST


def choose(pairs: Iterable[Pair], *, count: int = NUM_EXAMPLES) -> list[Pair]:
    """``count`` learned tasks to show: the largest gains, longer programs first, one of each kind before two of any.

    The same tasks in any order give the same choice; fewer come back where fewer were learned.
    """
    ranked = sorted((pair for pair in pairs if is_learned(*pair)), key=_rank)
    best_of_kind = {after.kind: (before, after) for before, after in reversed(ranked)}
    first = sorted(best_of_kind.values(), key=_rank)[:count]
    rest = [pair for pair in ranked if pair not in first]
    return sorted(first + rest[: count - len(first)], key=lambda pair: (kind_order(pair[1].kind), _rank(pair)))


def _rank(pair: Pair) -> tuple[float, int, str]:
    before, after = pair
    return (before.solve_rate - after.solve_rate, -(after.num_statements or 0), after.task_id)


def difference_over_kinds(pairs: Sequence[Pair], *, seed: int) -> Interval:
    """The change of the sampled solve rate with its 95 % interval, kinds weighted equally however many tasks each has.

    A task of a kind with n of the N tasks counts N / (K n) times, so that the mean over tasks is the mean of K kinds.
    """
    sizes = {kind: len(group) for kind, group in by_kind(after for _, after in pairs).items()}
    weights = {kind: len(pairs) / (len(sizes) * size) for kind, size in sizes.items()}
    earlier = {before.task_id: weights[after.kind] * before.solve_rate for before, after in pairs}
    later = {after.task_id: weights[after.kind] * after.solve_rate for _, after in pairs}
    return paired_bootstrap(earlier, later, seed=seed)


def _mean_over_kinds(evaluations: Sequence[Evaluation]) -> float:
    means = [fmean(one.solve_rate for one in group) for group in by_kind(evaluations).values()]
    return fmean(means) if means else math.nan


def _rates(kind: str, start: Sequence[Evaluation], end: Sequence[Evaluation], readable: Readable) -> list[Rates]:
    """One row for all tasks of ``kind`` and one for each length."""
    before, after = ([one for one in side if one.kind == kind] for side in (start, end))
    lengths = sorted({one.num_statements for one in before or after if one.num_statements is not None})
    rows = [_row(kind, None, before, after, readable)]
    for length in lengths:
        first, last = ([one for one in side if one.num_statements == length] for side in (before, after))
        rows.append(_row(kind, length, first, last, readable))
    return rows


def _row(
    kind: str, length: int | None, before: Sequence[Evaluation], after: Sequence[Evaluation], readable: Readable
) -> Rates:
    return Rates(
        kind=kind,
        num_statements=length,
        num_tasks=len(before or after),
        sampled=_change(before, after, lambda one: one.solve_rate),
        greedy=_change(before, after, lambda one: float(one.greedy)),
        thinking=Change(before=_thinking(before, readable), after=_thinking(after, readable)),
    )


def _change(before: Sequence[Evaluation], after: Sequence[Evaluation], measure: Measure) -> Change:
    first, last = (fmean(map(measure, side)) if side else math.nan for side in (before, after))
    return Change(before=first, after=last)


def _thinking(evaluations: Sequence[Evaluation], readable: Readable) -> float:
    readings = [readable.read(one) for one in evaluations]
    shares = [reading.thinks for reading in readings if reading.well_formed]
    return fmean(shares) if shares else math.nan


def _example(before: Evaluation, after: Evaluation, readable: Readable) -> Example:
    return Example(
        kind=after.kind,
        task_id=after.task_id,
        num_statements=after.num_statements,
        question=readable.question(after),
        before=_attempt(before, readable),
        after=_attempt(after, readable),
    )


def _attempt(evaluation: Evaluation, readable: Readable) -> Attempt:
    return Attempt(
        answer=readable.answer(evaluation),
        right=evaluation.greedy,
        num_right=sum(evaluation.samples),
        num_samples=len(evaluation.samples),
    )
