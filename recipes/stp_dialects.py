"""How STP speaks: statements, proofs and lemmas between a model's text and a prover's claim."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from sparring.core.claims import FormalProof
from sparring.recipes.fragment import Malformed, canonical, parse, to_rocq
from sparring.recipes.fragment_lemmas import HEADER, LEMMAS, lemmas_among
from sparring.recipes.fragment_tactics import to_script
from sparring.recipes.stp_marks import TRIVIAL, conjecturer_prompt, prover_prompt


class StatementDialect(ABC):
    """Prompts, and the way from what a model wrote to a claim. Text that has no meaning here raises ``Malformed``."""

    @abstractmethod
    def prover_prompt(self, target: Mapping[str, Any]) -> str:
        """What the prover goes on from; ``target`` is the payload of a task."""

    @abstractmethod
    def conjecturer_prompt(self, *, lemma: str | None, statement: str, proof: str) -> str:
        """What the conjecturer goes on from; no lemma is the trivial one."""

    @abstractmethod
    def read_conjecture(self, text: str) -> str:
        """The statement that the conjecturer wrote, safe to be claimed."""

    @abstractmethod
    def read_proof(self, text: str) -> str:
        """The proof that the prover wrote."""

    @abstractmethod
    def key(self, statement: str) -> str:
        """Equal for statements that differ in spaces and names alone."""

    @abstractmethod
    def claim(self, target: Mapping[str, Any], proof: str) -> FormalProof:
        """That ``proof`` proves the statement of ``target``; its premises are asked for."""

    @abstractmethod
    def lemmas(self, premises: Sequence[str]) -> tuple[str, ...]:
        """Those of the premises that conjectures may be asked to use."""

    @abstractmethod
    def equivalence(self, seed: str, conjecture: str) -> FormalProof:
        """That the conjecture follows from its seed in one step."""


class CompactDialect(StatementDialect):
    """The small language (``fragment``), proved by Rocq."""

    def prover_prompt(self, target: Mapping[str, Any]) -> str:
        """The statement between two marks."""
        return prover_prompt(target["statement"])

    def conjecturer_prompt(self, *, lemma: str | None, statement: str, proof: str) -> str:
        """Lemma, seed and its proof between marks."""
        shown = TRIVIAL if lemma is None else str(LEMMAS[lemma].statement)
        return conjecturer_prompt(lemma=shown, statement=statement, proof=proof)

    def read_conjecture(self, text: str) -> str:
        """A statement of the language about at least one variable."""
        term = parse(text)
        if to_rocq(term)[:6] != "forall":
            raise Malformed("a statement about no variable")
        return str(term)

    def read_proof(self, text: str) -> str:
        """As written; ``claim`` reads it."""
        return text

    def key(self, statement: str) -> str:
        """Variables named in order of appearance."""
        return canonical(parse(statement))

    def claim(self, target: Mapping[str, Any], proof: str) -> FormalProof:
        """Both translated; nothing of either reaches Rocq as it was written."""
        term = parse(target["statement"])
        return FormalProof(
            backend="rocq", header=HEADER, statement=to_rocq(term), proof=to_script(term, proof), find_premises=True
        )

    def lemmas(self, premises: Sequence[str]) -> tuple[str, ...]:
        """Letters of the language's lemmas."""
        return lemmas_among(premises)

    def equivalence(self, seed: str, conjecture: str) -> FormalProof:
        """By applying the seed, as it is or turned round."""
        statement = f"({to_rocq(parse(seed))}) -> ({to_rocq(parse(conjecture))})"
        proof = "intro seed. intros. first [ apply seed | symmetry; apply seed ]; assumption."
        return FormalProof(backend="rocq", header=HEADER, statement=statement, proof=proof)
