"""Checks one formal proof as the proof pool checks those of models, for people: ``sparring prove``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sparring.core.claims import FormalProof
from sparring.core.config import ProofConfig
from sparring.core.errors import UsageError
from sparring.core.types import Verdict
from sparring.verifiers.proofs.backends import check_provers, proof_pool
from sparring.verifiers.proofs.pool import ProofPool


def text_of(what: str, given: str | None, file: Path | None, *, default: str | None = None) -> str:
    """The text of an option that can be given in two ways.

    Raises:   UsageError: in both or in neither, or the file can not be read as text.
    """
    if (given is None) == (file is None):
        if given is None and default is not None:
            return default
        raise UsageError(f"give the {what} once: with --{what} TEXT or with --{what}-file FILE")
    if file is None:
        return given or ""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is no UTF-8 text that can be read: {error}") from error


def config_of(**settings: Any) -> ProofConfig:
    """The pool to use.

    Raises:   UsageError: a setting out of range.
    """
    try:
        return ProofConfig.model_validate({"sessions": 1, **settings})
    except ValidationError as error:
        problem = error.errors()[0]
        raise UsageError(f"{problem['loc'][0]} {problem['input']!r}: {problem['msg']}") from error


async def prove(claim: FormalProof, config: ProofConfig) -> Verdict:
    """The verdict.

    Raises:   UsageError: no such backend, or it can not run here.      VerificationFailed: the prover itself failed.
    """
    check_provers((claim.backend,), config)
    pool: ProofPool = proof_pool(config)
    try:
        return await pool.verify(claim)
    finally:
        await pool.close()


def as_text(verdict: Verdict) -> str:
    """The verdict in a few lines."""
    lines = [f"{verdict.outcome}" + (f": {verdict.message}" if verdict.message else "")]
    lines += [f"  uses {name}" for name in verdict.premises]
    return "\n".join([*lines, f"{verdict.seconds:.3f} s, {verdict.memory_mib:.0f} MiB"])


def as_values(verdict: Verdict) -> dict[str, Any]:
    """The verdict for programs."""
    values = asdict(verdict)
    del values["outputs"]
    return values
