"""A run directory as it grows: what the page to watch a run shows, read from files alone."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from tokenizers import Tokenizer

from sparring.core.rundir import RunDirectory
from sparring.core.types import Episode
from sparring.deploy.report import find_tokenizer
from sparring.deploy.report_samples import headline, outcome
from sparring.deploy.run_files import Minted, RunFiles, Sample, metrics_of, read_config, row_of
from sparring.deploy.tail import Place, Tail

# A run that has written nothing for this long is not called running: the slowest steps of small runs take a minute.
QUIET_S = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A kept episode in the list of tasks; its whole text stays in the file."""

    key: str
    place: Place
    step: int
    kind: str
    roles: tuple[str, ...]
    outcome: str
    reward: float
    headline: str
    versions: tuple[int, ...]
    num_rollouts: int
    minted: tuple[str, ...]
    parents: tuple[str, ...]


class LiveRun:
    """The files of one run, followed; ``look`` before use."""

    def __init__(self, directory: RunDirectory) -> None:
        self.directory = directory
        self._rows = Tail(directory.metrics, lambda line, place: row_of(line))
        self._samples = Tail(directory.samples, _entry)
        self._minted = Tail(directory.minted, lambda line, place: _MINTED.decode(line))
        self._marks: Sequence[tuple[int, int]] = ()
        self._tokenizer: Tokenizer | None = None
        self.look()

    def look(self) -> None:
        """Take in what was written since the last look."""
        fresh = [tail.look() for tail in (self._rows, self._samples, self._minted)]
        marks = [_mark(self.directory.evaluations), _mark(self.directory.config)]
        if any(fresh) or marks != self._marks:
            self._marks = marks
            self._take()

    def _take(self) -> None:
        config, notes = read_config(self.directory.config)
        for path, tail in ((self.directory.metrics, self._rows), (self.directory.samples, self._samples)):
            if tail.num_torn:
                notes.append(f"{path.name}: {tail.num_torn} unreadable line(s) left out.")
        self.files = RunFiles(
            name=self.directory.root.resolve().name,
            config=config,
            metrics=metrics_of(self._rows.values),
            samples=(),
            parity=None,
            notes=notes,
        )
        self.by_key = {one.key: one for one in self.entries}
        self.by_minted = {task: one for one in self.entries for task in one.minted}
        self.minted_by_id = {one.task_id: one for one in self.minted}

    @property
    def stamp(self) -> str:
        """Changes whenever there is something new to show."""
        parts = [self._rows.generation, self._samples.generation, self._minted.generation, *self._marks]
        return hashlib.blake2b(repr((parts, self.state)).encode(), digest_size=8).hexdigest()

    @property
    def entries(self) -> Sequence[Entry]:
        return self._samples.values

    @property
    def minted(self) -> Sequence[Minted]:
        return self._minted.values

    @property
    def state(self) -> str:
        """running, finished, quiet (nothing written for a while) or waiting (nothing written yet)."""
        steps = self.files.config.get("steps")
        if isinstance(steps, int) and self.files.metrics.last_step >= steps:
            return "finished"
        times = [path.stat().st_mtime for path in _written(self.directory) if path.exists()]
        if not times:
            return "waiting"
        return "running" if time.time() - max(times) < QUIET_S else "quiet"

    def sample(self, entry: Entry) -> Sample:
        """The whole episode behind ``entry``.

        Raises:   KeyError: the file was thinned under the page; the next look knows.
        """
        try:
            found = _SAMPLE.decode(self._samples.read(entry.place))
        except (msgspec.DecodeError, ValueError, OSError) as error:
            raise KeyError(entry.key) from error
        if _key(found) != entry.key:
            raise KeyError(entry.key)
        return found

    @property
    def tokenizer(self) -> Tokenizer | None:
        """The policy's tokenizer, where the run kept it or its model is still there."""
        if self._tokenizer is None and (path := find_tokenizer(self.directory, self.files.config)):
            self._tokenizer = Tokenizer.from_file(str(path))
        return self._tokenizer


_SAMPLE = msgspec.json.Decoder(Sample)
_MINTED = msgspec.json.Decoder(Minted)


def _entry(line: bytes, place: Place) -> Entry:
    sample = _SAMPLE.decode(line)
    episode = sample.episode
    if not episode.rollouts:
        raise ValueError(f"episode {episode.episode_id} has no rollout")
    first = episode.rollouts[0]
    spans = (span.number for scored in episode.rollouts for span in scored.rollout.version_spans)
    return Entry(
        key=_key(sample),
        place=place,
        step=sample.step,
        kind=first.kind,
        roles=tuple(dict.fromkeys(scored.rollout.role for scored in episode.rollouts)),
        outcome=outcome(episode),
        reward=first.reward,
        headline=headline(episode),
        versions=tuple(sorted(set(spans))),
        num_rollouts=len(episode.rollouts),
        minted=tuple(task.task_id for task in episode.minted),
        parents=parents_of(episode),
    )


def parents_of(episode: Episode) -> tuple[str, ...]:
    """The tasks that the episode's own was made from, and those its minted ones name."""
    named = (*episode.task.parents, *(parent for task in episode.minted for parent in task.parents))
    return tuple(dict.fromkeys(named))


def _key(sample: Sample) -> str:
    """A name for addresses: what a recipe calls its episodes may hold any character."""
    return hashlib.blake2b(f"{sample.step} {sample.episode.episode_id}".encode(), digest_size=8).hexdigest()


def _mark(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def _written(directory: RunDirectory) -> tuple[Path, ...]:
    return (directory.metrics, directory.samples, directory.evaluations, directory.config)
