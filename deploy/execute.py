"""Runs one file as the executor runs programs of models, for people: ``sparring execute``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sparring.core.claims import ProgramRun
from sparring.core.config import ExecutorConfig
from sparring.core.errors import UsageError
from sparring.core.types import Verdict
from sparring.verifiers.executor import BlockingVerifier


def config_of(tier: str | None, **limits: Any) -> ExecutorConfig:
    """The executor to use. Whoever names a tier on the command line has asked for it, however weak it is.

    Raises:   UsageError: a limit out of range, or no such tier.
    """
    named = {} if tier is None else {"tier": tier, "minimum_tier": tier}
    try:
        return ExecutorConfig.model_validate({"processes": 1, **named, **limits})
    except ValidationError as error:
        problem = error.errors()[0]
        raise UsageError(f"{problem['loc'][0]} {problem['input']!r}: {problem['msg']}") from error


async def execute(file: Path, inputs: Sequence[str], config: ExecutorConfig, *, twice: bool) -> tuple[str, Verdict]:
    """The tier that was used, and the verdict on the calls of the file's ``f``.

    Raises:   UsageError: the file can not be read as text, or no allowed tier works here.
              VerificationFailed: the executor itself failed.
    """
    try:
        program = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is no UTF-8 text that can be read: {error}") from error
    verifier = BlockingVerifier(config)
    try:
        claim = ProgramRun(program=program, arguments=tuple(inputs), check_determinism=twice)
        return verifier.tier, await verifier(claim)
    finally:
        verifier.close()


def as_text(tier: str, verdict: Verdict) -> str:
    """The verdict in a few lines."""
    lines = [f"{verdict.outcome}" + (f": {verdict.message}" if verdict.message else "")]
    lines += [f"  {output}" for output in verdict.outputs]
    lines += [
        f"tier {tier}, {verdict.seconds:.3f} s, {verdict.cpu_s:.3f} s of processor time, {verdict.memory_mib:.0f} MiB"
    ]
    return "\n".join(lines)


def as_values(tier: str, verdict: Verdict) -> dict[str, Any]:
    """The verdict for programs."""
    return {"tier": tier, **asdict(verdict)}
