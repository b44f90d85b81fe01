"""One coqtop with a header loaded: checks proofs, and goes back to the header after each.

    Theorem goal_<nonce> : (statement).      ours
    tactic sentences                         the model's, without comments
    Qed.                                     ours, and everything after
    Print Assumptions goal_<nonce>.          unless a clean process asks that later
    BackTo <header>.

All of it is written at once. A proof is accepted only if the output holds exactly the prompts of sentences that all
succeeded.
"""

from __future__ import annotations

from collections.abc import Sequence

from sparring.core.claims import FormalProof
from sparring.core.types import Outcome
from sparring.verifiers.proofs.backend import Checked, HeaderRefused, SessionLost, Usage
from sparring.verifiers.proofs.rocq_axioms import axioms_in, forbidden
from sparring.verifiers.proofs.rocq_lexer import Sentence, position
from sparring.verifiers.proofs.rocq_premises import premises
from sparring.verifiers.proofs.rocq_rules import header_sentences, proposition, tactics
from sparring.verifiers.proofs.rocq_top import RocqTop, Section, outcome_of_error, shown

SETTINGS = "Set Silent."  # no goals after every sentence
GIVEN_UP = "given up goals"
INCOMPLETE = "Attempt to save an incomplete proof"


class RocqSession:
    """A ``Session`` on one coqtop; ``load`` the header first.

    Args:     audit: ask at once what a proof rests on; otherwise a clean process has to.
    """

    def __init__(self, top: RocqTop, *, audit: bool, allowed: Sequence[str]) -> None:
        self._top, self._audit, self._allowed = top, audit, allowed
        self._header = 0  # the state behind the header

    async def load(self, header: str) -> None:
        """Send the header.

        Raises:   HeaderRefused: a sentence of it is refused, or it does not end outside of a proof.      SessionLost.
        """
        sent = [*header_sentences(header), SETTINGS]
        (answer,) = await self._top.exchange(sent)
        failed = answer.failed
        if failed is not None:
            raise HeaderRefused(f"{sent[min(failed, len(sent) - 1)][:200]}: {shown(answer.replies[failed].output)}")
        if not answer.all_succeeded(len(sent)) or answer.replies[-1].open_proofs:
            raise HeaderRefused("it does not end outside of a proof, or it prints what looks like a prompt")
        self._header = answer.replies[-1].state

    async def check(self, claim: FormalProof, *, nonce: str) -> Checked:
        """As ``Session.check``."""
        goal, sentences = f"goal_{nonce}", tactics(claim.proof)
        script = [f"Theorem {goal} :", f"{proposition(claim.statement)}.", *(one.text for one in sentences), "Qed."]
        if self._audit:
            (proof,) = await self._top.exchange(script)
        else:
            proof, end = await self._top.exchange(script, self._back())
            self._returned(end)
        if not proof.all_succeeded(len(sentences) + 2) or proof.replies[-1].open_proofs:
            checked = _refused(proof, sentences, claim, nonce=nonce)
        elif self._audit:
            checked = await self._audited(goal, nonce=nonce, find_premises=claim.find_premises)
        else:
            checked = Checked(outcome=Outcome.PROVED, nonce=nonce)
        if self._audit:
            (end,) = await self._top.exchange(self._back())
            self._returned(end)
        return checked

    async def _audited(self, goal: str, *, nonce: str, find_premises: bool) -> Checked:
        (audited,) = await self._top.exchange([f"Print Assumptions {goal}."])
        axioms = axioms_in(audited.replies[0].output) if audited.all_succeeded(1) else None
        if axioms is None:
            raise SessionLost("the audit of a finished proof can not be read")
        if bad := forbidden(axioms, allowed=self._allowed):
            message = f"axiom: it rests on {', '.join(bad)[:500]}"
            return Checked(outcome=Outcome.CHEATED, nonce=nonce, message=message, axioms=axioms)
        found = await premises(self._top, goal) if find_premises else ()
        return Checked(outcome=Outcome.PROVED, nonce=nonce, axioms=axioms, premises=found)

    def _back(self) -> list[str]:
        return [f"BackTo {self._header}."]

    def _returned(self, end: Section) -> None:
        if [(reply.state, reply.open_proofs) for reply in end.replies] != [(self._header, "")]:
            raise SessionLost("the session did not return to its header")

    def usage(self) -> Usage:
        return self._top.usage()

    def computes(self) -> bool:
        return self._top.computes()

    def pids(self) -> Sequence[int]:
        return self._top.process.pids()

    async def close(self) -> None:
        await self._top.close()


def _refused(proof: Section, sentences: Sequence[Sentence], claim: FormalProof, *, nonce: str) -> Checked:
    """Why a proof was not accepted, with the first sentence that was refused."""
    number = proof.failed
    if number is None or number > len(sentences) + 1:
        message = "output: it prints what looks like the prover's own prompts"
        return Checked(outcome=Outcome.CHEATED, nonce=nonce, message=message)
    output = proof.replies[number].output
    message, outcome = shown(output), outcome_of_error(output)
    if number == 0:
        message = f"the statement is refused: {message}"
    elif number <= len(sentences):
        sentence = sentences[number - 1]
        message = f"{position(claim.proof, sentence.start)}, {sentence.text[:80]!r}: {message}"
    elif GIVEN_UP in message or INCOMPLETE in message:
        outcome = Outcome.INCOMPLETE
    return Checked(outcome=outcome, nonce=nonce, message=message)
