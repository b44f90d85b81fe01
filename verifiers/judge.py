"""What has to be run to answer a claim, and what the answer is. Pure: whoever drives it does the running.

    first run ─► ended well? ─► second run, where asked ─► same values? ─► expected values? ─► verdict

The second run takes place in another interpreter, with another hash seed, other addresses, other random numbers
and other clocks. It makes every call twice, in another order, so that a value which depends on earlier calls
differs too. Running a program twice in one process, as the Absolute Zero paper does (arXiv:2505.03335), misses
all but the random numbers.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

from sparring.core.claims import ProgramRun, ValueMatch
from sparring.core.config import ExecutorConfig
from sparring.core.errors import VerificationFailed
from sparring.core.types import Outcome, Verdict
from sparring.verifiers.equality import canonical, same_value
from sparring.verifiers.hints import hint
from sparring.verifiers.protocol import Limits, refusal

# Twice the calls, and half of the time again: a program close to a limit must not look nondeterministic.
SECOND_RUN_TIMES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run to make."""

    program: str
    arguments: tuple[str, ...]
    limits: Limits
    second: bool = False  # in the other kind of interpreter


Judging = Generator[Run, Verdict, Verdict]


def judge(claim: ProgramRun, config: ExecutorConfig) -> Judging:
    """Yields each run to make, is sent its verdict, returns the claim's."""
    if refused := refusal(claim.program, claim.arguments):
        return refused
    first = yield Run(program=claim.program, arguments=claim.arguments, limits=Limits.of(config))
    if first.outcome is not Outcome.OK:
        return first
    if claim.check_determinism:
        second = yield Run(
            program=claim.program,
            arguments=claim.arguments[::-1] + claim.arguments,
            limits=Limits.of(config, times=SECOND_RUN_TIMES),
            second=True,
        )
        if difference := _difference(first, second):
            cause = hint(claim.program, varies_within=_varies_within(second))
            reason = f"{difference}; likely cause: {cause}" if cause else difference
            return replace(
                _both(first, second), outcome=Outcome.NONDETERMINISTIC, passed=False, message=reason, outputs=()
            )
        first = _both(first, second)
    return _compared(first, claim.expected)


def match_values(claim: ValueMatch) -> Verdict:
    """The verdict on a claim that needs no run.

    Raises:   VerificationFailed: the reference is no literal, so no answer could ever match it.
    """
    if canonical(claim.reference) is None:
        raise VerificationFailed(f"the reference {claim.reference[:80]!r} is no Python literal: the task is broken")
    if canonical(claim.answer) is None:
        return Verdict(outcome=Outcome.RUNTIME_ERROR, passed=False, message="the answer is not a literal")
    same = same_value(claim.answer, claim.reference)
    return Verdict(outcome=Outcome.OK, passed=same, message="" if same else "the answer is another value")


def _both(first: Verdict, second: Verdict) -> Verdict:
    """The first verdict, with what both runs used."""
    return replace(
        first,
        seconds=first.seconds + second.seconds,
        cpu_s=first.cpu_s + second.cpu_s,
        memory_mib=max(first.memory_mib, second.memory_mib),
    )


def _difference(first: Verdict, second: Verdict) -> str:
    """Why the two runs disagree; empty if they agree."""
    if second.outcome is not Outcome.OK:
        return f"ended ok, then {second.outcome}: {second.message}"
    count = len(first.outputs)
    again = [("in reverse order", second.outputs[:count][::-1]), ("once more", second.outputs[count:])]
    for when, outputs in again:
        for position, (a, b) in enumerate(zip(first.outputs, outputs, strict=True)):
            if not same_value(a, b):
                return f"argument {position} returned {a[:80]}, then {b[:80]} when run {when} in another interpreter"
    return ""


def _varies_within(second: Verdict) -> bool:
    """Whether the second interpreter, which makes every call twice, disagrees with itself; so it does if one fails."""
    half = len(second.outputs) // 2
    halves = zip(second.outputs[:half][::-1], second.outputs[half:], strict=True)
    return second.outcome is not Outcome.OK or any(not same_value(a, b) for a, b in halves)


def _compared(verdict: Verdict, expected: tuple[str, ...] | None) -> Verdict:
    if expected is None:
        return verdict
    pairs = zip(verdict.outputs, expected, strict=True)
    wrong = [position for position, (output, wanted) in enumerate(pairs) if not same_value(output, wanted)]
    if not wrong:
        return verdict
    return replace(verdict, passed=False, message=f"{len(wrong)} of {len(expected)} values are not the expected ones")
