"""Every error of ours. Each says what was seen, what was expected and what to do.

SparringError
├── UsageError            the user can mend it: configuration, files, missing programs (exit code 2)
├── PlayFailed            one episode could not be finished; a value to count, not a reason to stop
│   ├── SamplingFailed        no replica answered
│   └── VerificationFailed    the verifier itself failed: never a reward
├── WireError             bytes that are not what the schema says
├── DamagedVersion        published weights that do not match their manifest
├── TrainingHalted        a guard stopped the learner before a bad version was published
└── ComponentFailed       a part of the run died or missed its deadline past its restart budget
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class SparringError(Exception):
    """Root of the tree."""


class UsageError(SparringError):
    """Something the user gave or lacks; the message says how to mend it."""


class PlayFailed(SparringError):
    """One play could not be finished. Nothing of it is rewarded or trained on."""


class SamplingFailed(PlayFailed):
    """No rollout replica answered."""


class VerificationFailed(PlayFailed):
    """A verdict could not be reached."""


class WireError(SparringError):
    """Bytes that are not what the schema says."""


class DamagedVersion(SparringError):
    """Published weights that do not match their manifest."""


class TrainingHalted(SparringError):
    """A guard stopped the learner before a bad version was published."""


class ComponentFailed(SparringError):
    """A part of the run died or missed a deadline."""

    def __init__(self, component: str, problem: str, *, rank: int | None = None, deadline_s: float | None = None):
        where = component if rank is None else f"{component} rank {rank}"
        limit = "" if deadline_s is None else f" (deadline {deadline_s:g} s)"
        super().__init__(f"{where}: {problem}{limit}")
        self.component = component

    def __reduce__(self) -> tuple[object, ...]:
        # Ray pickles exceptions by their args; this one formats its own.
        return (_rebuild, (type(self), self.args, self.component))


def _rebuild(cls: type[ComponentFailed], args: tuple[str, ...], component: str) -> ComponentFailed:
    error = cls.__new__(cls)
    Exception.__init__(error, *args)
    error.component = component
    return error


@contextmanager
def boundary(error: type[SparringError], what: str) -> Iterator[None]:
    """Translate any foreign exception inside into ``error`` with ``what`` in front; ours pass through."""
    try:
        yield
    except SparringError:
        raise
    except Exception as exception:
        raise error(f"{what}: {type(exception).__name__}: {exception}") from exception
