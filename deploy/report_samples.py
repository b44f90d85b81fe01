"""Sampled episodes as the report shows them: plain values that the template escapes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparring.core.types import Episode, Rollout, ScoredRollout, Task
from sparring.deploy.run_files import Sample

# More make a page that browsers scroll badly; those kept are spread evenly over the run.
MAX_EPISODES = 300
MAX_ANCESTORS = 12

Decode = Callable[[Sequence[int]], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """A task for people: its texts by label, in the order to read them."""

    task_id: str
    kind: str
    minted_by: str
    texts: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutView:
    """One completion with what became of it."""

    role: str
    kind: str
    text: str
    reward: float
    solved: bool | None
    trained: bool
    versions: str
    num_tokens: int
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ancestor:
    """A task in the genealogy of another one; ``anchor`` leads to the episode that minted it, if it is on the page."""

    depth: int
    task_id: str
    minted_by: str
    program: str
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeView:
    """One entry of the browser."""

    anchor: str
    step: int
    kind: str
    role: str
    outcome: str  # minted, rejected, solved, unsolved: what the filter offers
    reward: float
    headline: str
    prompt: str
    task: TaskView
    minted: Sequence[TaskView]
    opening: RolloutView
    solutions: Sequence[RolloutView]
    ancestors: Sequence[Ancestor]


def views(samples: Sequence[Sample], *, decode: Decode | None) -> list[EpisodeView]:
    """The episodes to show, newest first; prompts are decoded where there is a tokenizer."""
    chosen = [one for one in spread(samples, MAX_EPISODES) if one.episode.rollouts]
    known = {task.task_id: task for sample in samples for task in sample.episode.minted}
    anchors = {task.task_id: f"episode-{at}" for at, one in enumerate(chosen) for task in one.episode.minted}
    made = [
        _view(sample, anchor=f"episode-{at}", known=known, anchors=anchors, decode=decode)
        for at, sample in enumerate(chosen)
    ]
    return made[::-1]


def spread(samples: Sequence[Sample], count: int) -> list[Sample]:
    """``count`` of the samples, evenly over their order."""
    if len(samples) <= count:
        return list(samples)
    return [samples[at * len(samples) // count] for at in range(count)]


def _view(
    sample: Sample,
    *,
    anchor: str,
    known: Mapping[str, Task],
    anchors: Mapping[str, str],
    decode: Decode | None,
) -> EpisodeView:
    episode = sample.episode
    first = episode.rollouts[0]
    minted = [task_view(task) for task in episode.minted]
    return EpisodeView(
        anchor=anchor,
        step=sample.step,
        kind=first.kind,
        role=first.rollout.role,
        outcome=outcome(episode),
        reward=first.reward,
        headline=headline(episode),
        prompt=decode(first.rollout.prompt_ids) if decode else "",
        task=task_view(episode.task),
        minted=minted,
        opening=_rollout(first),
        solutions=[_rollout(scored) for scored in episode.rollouts[1:]],
        ancestors=list(_ancestors(episode.task, known=known, anchors=anchors)),
    )


def outcome(episode: Episode) -> str:
    """What became of an episode: valid or rejected for a proposal, else solved or unsolved."""
    first = episode.rollouts[0]
    if not episode.task.kind.startswith("propose"):
        return "solved" if first.solved else "unsolved"
    return "valid" if episode.metrics.get("proposals/valid") or episode.minted else "rejected"


def headline(episode: Episode) -> str:
    """An episode in a few words."""
    graded = [scored.solved for scored in episode.rollouts[1:] if scored.solved is not None]
    if graded:
        return f"{sum(graded)} of {len(graded)} solutions right"
    return episode.rollouts[0].verdict


def task_view(task: Task) -> TaskView:
    """A task for people."""
    return TaskView(task_id=task.task_id, kind=task.kind, minted_by=task.minted_by, texts=list(_texts(task.payload)))


# Labels of the payload's usual fields, in reading order; anything else a recipe adds follows under its own name.
LABELS = {"message": "message", "program": "program", "input": "input", "output": "gold output"}


def _texts(payload: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for key, label in LABELS.items():
        if payload.get(key):
            yield label, str(payload[key])
    if "inputs" in payload and "outputs" in payload:
        pairs = zip(payload["inputs"], payload["outputs"], strict=False)
        yield "inputs → gold outputs", "\n".join(f"{given} → {output}" for given, output in pairs)
    references = [one for one in payload.get("references", ()) if isinstance(one, Mapping)]
    for at, reference in enumerate(references, start=1):
        yield f"reference {at}", "\n".join(f"{text}" for _, text in _texts(reference))
    for key, value in payload.items():
        if key not in LABELS and isinstance(value, str) and value:
            yield key.replace("_", " "), value


def _rollout(scored: ScoredRollout) -> RolloutView:
    return RolloutView(
        role=scored.rollout.role,
        kind=scored.kind,
        text=scored.rollout.text,
        reward=scored.reward,
        solved=scored.solved,
        trained=scored.trained,
        versions=versions_of(scored.rollout),
        num_tokens=len(scored.rollout.completion_ids),
        verdict=scored.verdict,
    )


def versions_of(rollout: Rollout) -> str:
    """``41`` or, where weights changed while it was sampled, ``41 (12 tokens), 42 (30 tokens)``."""
    spans = rollout.version_spans
    if len(spans) == 1:
        return str(spans[0].number)
    return ", ".join(f"{span.number} ({span.num_tokens} tokens)" for span in spans)


def _ancestors(task: Task, *, known: Mapping[str, Task], anchors: Mapping[str, str]) -> Iterable[Ancestor]:
    """Parents, their parents and so on, as far as the kept samples reach; each once."""
    waiting = [(parent, 0) for parent in task.parents]
    seen: set[str] = set()
    while waiting and len(seen) < MAX_ANCESTORS:
        task_id, depth = waiting.pop(0)
        if task_id in seen:
            continue
        seen.add(task_id)
        parent = known.get(task_id)
        yield Ancestor(
            depth=depth,
            task_id=task_id,
            minted_by=parent.minted_by if parent else "",
            program=str(parent.payload.get("program", "")) if parent else "",
            anchor=anchors.get(task_id, ""),
        )
        # Depth first: a task's own parents stand below it.
        waiting[:0] = [(grandparent, depth + 1) for grandparent in (parent.parents if parent else ())]
