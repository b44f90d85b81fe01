"""Claims and verdicts as bytes between processes."""

from __future__ import annotations

from dataclasses import dataclass

from sparring.core import wire
from sparring.core.claims import Claim, FormalProof, ProgramRun, ValueMatch
from sparring.core.errors import SparringError, VerificationFailed, WireError
from sparring.core.types import Outcome, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One claim, under the name of its kind."""

    program_run: ProgramRun | None = None
    value_match: ValueMatch | None = None
    formal_proof: FormalProof | None = None


def encode_claim(claim: Claim) -> bytes:
    match claim:
        case ProgramRun():
            return wire.encode(Envelope(program_run=claim))
        case ValueMatch():
            return wire.encode(Envelope(value_match=claim))
        case FormalProof():
            return wire.encode(Envelope(formal_proof=claim))


def decode_claim(data: bytes) -> Claim:
    """The claim in ``data``.

    Raises:   WireError: another schema, or no claim.
    """
    envelope = wire.decode(data, Envelope)
    claim = envelope.program_run or envelope.value_match or envelope.formal_proof
    if claim is None:
        raise WireError("an envelope without a claim in it")
    return claim


def encode_failure(error: SparringError) -> bytes:
    """A failure of the verifier as data, so that no exception has to be pickled."""
    return wire.encode(Verdict(outcome=Outcome.INFRASTRUCTURE, passed=False, message=str(error)))


def decode_verdict(data: bytes) -> Verdict:
    """The verdict in ``data``.

    Raises:   VerificationFailed: it holds a failure of the verifier instead.
              WireError: another schema, or no verdict.
    """
    verdict = wire.decode(data, Verdict)
    if verdict.outcome is Outcome.INFRASTRUCTURE:
        raise VerificationFailed(verdict.message)
    return verdict
