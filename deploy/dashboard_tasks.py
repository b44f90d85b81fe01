"""The browser of tasks on the live page: which episodes to list, and one of them in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sparring.core.types import ScoredRollout
from sparring.deploy.dashboard_tokens import Piece, pieces
from sparring.deploy.live_run import Entry, LiveRun, parents_of
from sparring.deploy.report_samples import TaskView, task_view, versions_of
from sparring.deploy.run_files import Minted, Sample
from sparring.deploy.statistics import kind_order

PAGE = 50  # episodes of one page of the list
MAX_RELATIVES = 24  # of each side of the genealogy


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What to list; an empty field lets everything pass."""

    kind: str = ""
    role: str = ""
    outcome: str = ""
    low: int | None = None
    high: int | None = None
    page: int = 0

    def passes(self, entry: Entry) -> bool:
        return (
            (not self.kind or entry.kind == self.kind)
            and (not self.role or self.role in entry.roles)
            and (not self.outcome or entry.outcome == self.outcome)
            and (self.low is None or entry.step >= self.low)
            and (self.high is None or entry.step <= self.high)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One page of the list, newest first."""

    entries: Sequence[Entry]
    num_found: int
    num_kept: int
    has_older: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionView:
    """One completion; ``pieces`` is empty where no tokenizer is there to cut the text."""

    scored: ScoredRollout
    pieces: Sequence[Piece]
    versions: str
    advantage: str  # such as +0.25, or a range; empty: not trained on


@dataclass(frozen=True, slots=True, kw_only=True)
class Relative:
    """A task above or below another one; ``entry`` is the kept episode that minted it, if there is one."""

    task_id: str
    depth: int
    minted: Minted | None
    entry: Entry | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodePage:
    """Everything the page of one episode shows."""

    entry: Entry
    prompt: str
    task: TaskView
    minted: Sequence[TaskView]
    opening: CompletionView
    solutions: Sequence[CompletionView]
    ancestors: Sequence[Relative]
    children: Sequence[Relative]
    num_children: int


def listing(run: LiveRun, wanted: Filter) -> Listing:
    """The kept episodes that pass, newest first."""
    found = [one for one in reversed(run.entries) if wanted.passes(one)]
    start = wanted.page * PAGE
    return Listing(
        entries=found[start : start + PAGE],
        num_found=len(found),
        num_kept=len(run.entries),
        has_older=len(found) > start + PAGE,
    )


def choices(run: LiveRun) -> dict[str, list[str]]:
    """What the filters offer."""
    return {
        "kind": sorted({one.kind for one in run.entries}, key=kind_order),
        "role": sorted({role for one in run.entries for role in one.roles}),
        "outcome": sorted({one.outcome for one in run.entries}),
    }


def episode_page(run: LiveRun, key: str) -> EpisodePage:
    """One episode in full.

    Raises:   KeyError: there is no such episode, or it was thinned away.
    """
    entry = run.by_key[key]
    sample = run.sample(entry)
    episode, tokenizer = sample.episode, run.tokenizer
    first = episode.rollouts[0]
    ids = list(first.rollout.prompt_ids)
    children = _children(run, entry)
    return EpisodePage(
        entry=entry,
        prompt=tokenizer.decode(ids, skip_special_tokens=False) if tokenizer else "",
        task=task_view(episode.task),
        minted=[task_view(task) for task in episode.minted],
        opening=_completion(run, entry, sample, first),
        solutions=[_completion(run, entry, sample, scored) for scored in episode.rollouts[1:]],
        ancestors=_ancestors(run, parents_of(episode)),
        children=children[:MAX_RELATIVES],
        num_children=len(children),
    )


def _completion(run: LiveRun, entry: Entry, sample: Sample, scored: ScoredRollout) -> CompletionView:
    credit = sample.advantages.get(scored.rollout.rollout_id, ())
    tokenizer = run.tokenizer
    return CompletionView(
        scored=scored,
        pieces=pieces(scored.rollout, credit, tokenizer, versions_shown=entry.versions) if tokenizer else (),
        versions=versions_of(scored.rollout),
        advantage=_range([value for value, _ in credit]),
    )


def _range(values: Sequence[float]) -> str:
    if not values:
        return ""
    low, high = min(values), max(values)
    return f"{low:+.3g}" if low == high else f"{low:+.3g} to {high:+.3g}"


def _ancestors(run: LiveRun, parents: Sequence[str]) -> list[Relative]:
    """Parents, their parents and so on as far as the record reaches, depth first; each once."""
    waiting = [(parent, 0) for parent in parents]
    found: dict[str, Relative] = {}
    while waiting and len(found) < MAX_RELATIVES:
        task_id, depth = waiting.pop(0)
        if task_id in found:
            continue
        found[task_id] = one = _relative(run, task_id, depth=depth)
        waiting[:0] = [(parent, depth + 1) for parent in _parents(one)]
    return list(found.values())


def _parents(one: Relative) -> Sequence[str]:
    if one.minted is not None:
        return one.minted.parents
    return one.entry.parents if one.entry is not None else ()


def _children(run: LiveRun, entry: Entry) -> list[Relative]:
    """Tasks that were made from those this episode minted."""
    own = set(entry.minted)
    made = [one for one in run.minted if own.intersection(one.parents)] if own else []
    return [_relative(run, one.task_id, depth=0) for one in made]


def _relative(run: LiveRun, task_id: str, *, depth: int) -> Relative:
    return Relative(
        task_id=task_id, depth=depth, minted=run.minted_by_id.get(task_id), entry=run.by_minted.get(task_id)
    )


def filter_of(query: Any) -> Filter:
    """What an address asks for; a number that is none is no filter."""
    return Filter(
        kind=query.get("kind", ""),
        role=query.get("role", ""),
        outcome=query.get("outcome", ""),
        low=_number(query.get("low", "")),
        high=_number(query.get("high", "")),
        page=max(0, _number(query.get("page", "")) or 0),
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
