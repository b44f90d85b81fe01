"""One coqtop with a header loaded: checks proofs, and goes back to the header after each.

    BackTo <header>.                         ours: whatever the proof before did is gone, or the session is
    Theorem goal_<nonce> : (statement).      ours
    tactic sentences                         the model's, without comments
    Qed.                                     ours
    Print Assumptions goal_<nonce>.          ours, unless a clean process asks that later

Everything up to Qed is written at once. A proof is accepted only if the output holds exactly the prompts of sentences
that all succeeded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sparring.core.claims import FormalProof
from sparring.core.types import Outcome
from sparring.verifiers.proofs.backend import Checked, HeaderRefused, SessionLost, Usage
from sparring.verifiers.proofs.rocq_axioms import axioms_in, forbidden
from sparring.verifiers.proofs.rocq_lexer import Sentence, position
from sparring.verifiers.proofs.rocq_premises import premises
from sparring.verifiers.proofs.rocq_rules import header_sentences, proposition, tactics
from sparring.verifiers.proofs.rocq_top import PROMPT, RocqTop, Section, outcome_of_error, shown

SETTINGS = "Set Silent."  # no goals after every sentence
# Ends nothing, and says in its error what there is to end.
END = "End nothing_of_this_name."
OPEN = re.compile(r"Last block to end has name (\S+)\.")
PROMPTS = "output: it prints what looks like the prover's own prompts"
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

        Raises:   HeaderRefused: a sentence of it is refused, or it leaves a proof, section or module open.
                  SessionLost.
        """
        sent = [*header_sentences(header), SETTINGS]
        answer = (await self._top.exchange([*sent, END])).behind_start()
        loaded, ended = Section(answer.before, answer.replies[: len(sent)]), answer.replies[len(sent) :]
        if (failed := loaded.failed) is not None:
            raise HeaderRefused(f"{sent[failed][:200]}: {shown(loaded.replies[failed].error)}")
        if not loaded.all_succeeded(len(sent)) or not 1 <= len(ended) <= 2 or loaded.replies[-1].open_proofs:
            raise HeaderRefused("it does not end outside of a proof, or it prints what looks like a prompt")
        if still_open := OPEN.search(shown(ended[0].error)):
            name = still_open[1]
            raise HeaderRefused(f"it leaves the section or module {name} open; end it with: End {name}.")
        self._header = loaded.replies[-1].state

    async def check(self, claim: FormalProof, *, nonce: str) -> Checked:
        """As ``Session.check``."""
        goal, sentences = f"goal_{nonce}", tactics(claim.proof)
        script = [f"Theorem {goal} :", f"{proposition(claim.statement)}.", *(one.text for one in sentences), "Qed."]
        # Going back costs no exchange of its own: it is done, and looked at, before the next proof.
        answer = await self._top.exchange([f"BackTo {self._header}.", *script])
        # The first may still be behind the last mark; that one's state is a new one, and never the header's.
        begin = 1 if answer.replies and answer.replies[0].state != self._header else 0
        back, rest = answer.replies[begin : begin + 1], answer.replies[begin + 1 :]
        if [(one.state, one.open_proofs) for one in back] != [(self._header, "")]:
            raise SessionLost("the session did not return to its header")
        # States are numbered on from the last one there ever was; ours comes first, so its number can be believed.
        started = bool(rest) and rest[0].state != self._header
        proof, count = Section(rest[0].state - 1 if started else self._header, rest), len(sentences) + 2
        if not proof.all_succeeded(count) or rest[count - 1].open_proofs:
            return _refused(proof, sentences, claim, nonce=nonce)
        if PROMPT.search(answer.printed[0]):
            return Checked(outcome=Outcome.CHEATED, nonce=nonce, message=PROMPTS)
        if self._audit:
            return await self._audited(goal, nonce=nonce, find_premises=claim.find_premises)
        return Checked(outcome=Outcome.PROVED, nonce=nonce)

    async def _audited(self, goal: str, *, nonce: str, find_premises: bool) -> Checked:
        (audited,) = await self._top.printed([f"Print Assumptions {goal}."])
        axioms = axioms_in(audited)
        if axioms is None:
            raise SessionLost("the audit of a finished proof can not be read")
        if bad := forbidden(axioms, allowed=self._allowed):
            message = f"axiom: it rests on {', '.join(bad)[:500]}"
            return Checked(outcome=Outcome.CHEATED, nonce=nonce, message=message, axioms=axioms)
        found = await premises(self._top, goal) if find_premises else ()
        return Checked(outcome=Outcome.PROVED, nonce=nonce, axioms=axioms, premises=found)

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
        return Checked(outcome=Outcome.CHEATED, nonce=nonce, message=PROMPTS)
    output = proof.replies[number].error
    message, outcome = shown(output), outcome_of_error(output)
    if number == 0:
        message = f"the statement is refused: {message}"
    elif number <= len(sentences):
        sentence = sentences[number - 1]
        message = f"{position(claim.proof, sentence.start)}, {sentence.text[:80]!r}: {message}"
    elif GIVEN_UP in message or INCOMPLETE in message:
        outcome = Outcome.INCOMPLETE
    return Checked(outcome=outcome, nonce=nonce, message=message)
