"""Proofs in the small language, and the Rocq scripts that they stand for.

    I           intro, the next hypothesis          H   assumption           E   reflexivity
    A<n>        apply hypothesis n                  C   split                J K left, right
    B<n>        destruct a conjunction n            O<n> destruct a disjunction n
    X<n>        destruct a falsehood n              Q   exfalso
    R<a>t..     rewrite lemma a at these terms      W<a>t.. the other way round
    Y<n>        rewrite with hypothesis n           Z<n> the other way round
    P<a>        apply lemma a

Hypotheses are numbered in the order in which the script names them, over the whole script. A proof is untrusted text:
it is read letter by letter into this closed set of tactics, and what reaches Rocq is printed here.
"""

from __future__ import annotations

from sparring.recipes.fragment import Malformed, Term, parse_term, term_to_rocq, variables
from sparring.recipes.fragment_lemmas import LEMMAS

MAX_PROOF = 160  # characters
NUM_HYPOTHESES = 9

_PLAIN = {"H": "assumption.", "E": "reflexivity.", "C": "split.", "J": "left.", "K": "right.", "Q": "exfalso."}
_ON_HYPOTHESIS = {"A": "apply H{}.", "X": "destruct H{}.", "Y": "rewrite H{}.", "Z": "rewrite <- H{}."}


def to_script(statement: Term, proof: str) -> str:
    """The Rocq script of ``proof``, with the statement's variables introduced first.

    Raises:   Malformed: ``proof`` is no proof of the language.
    """
    if not 0 < len(proof) <= MAX_PROOF:
        raise Malformed(f"a proof of {len(proof)} characters; expected 1 to {MAX_PROOF}")
    names = variables(statement)
    sentences = [f"intros {' '.join(names)}."] if names else []
    at, named = 0, 0
    while at < len(proof):
        sentence, at, named = _sentence(proof, at, named)
        sentences.append(sentence)
    return " ".join(sentences)


def _sentence(proof: str, at: int, named: int) -> tuple[str, int, int]:
    """One tactic of the proof: its sentence, where it ends, and how many hypotheses are named by then."""
    letter = proof[at]
    if letter in _PLAIN:
        return _PLAIN[letter], at + 1, named
    if letter in _ON_HYPOTHESIS:
        return _ON_HYPOTHESIS[letter].format(_hypothesis(proof, at + 1, named)), at + 2, named
    match letter:
        case "I":
            return f"intro H{_fresh(named + 1)}.", at + 1, named + 1
        case "B":
            old = _hypothesis(proof, at + 1, named)
            return f"destruct H{old} as [H{named + 1} H{_fresh(named + 2)}].", at + 2, named + 2
        case "O":
            old = _hypothesis(proof, at + 1, named)
            return f"destruct H{old} as [H{_fresh(named + 1)}|H{named + 1}].", at + 2, named + 1
        case "P":
            return f"apply {_lemma(proof, at + 1, equality=False)}.", at + 2, named
        case "R" | "W":
            sentence, end = _rewriting(proof, at)
            return sentence, end, named
    raise Malformed(f"{letter!r} at {at} is no tactic")


def _rewriting(proof: str, at: int) -> tuple[str, int]:
    name, end = _lemma(proof, at + 1, equality=True), at + 2
    values = []
    for variable in LEMMAS[proof[at + 1]].variables:
        value, end = parse_term(proof, end, sorts=(Term(variable).sort,))
        values.append(value)
    shown = " ".join(f"({term_to_rocq(value)})" for value in values)
    return f"rewrite {'<- ' if proof[at] == 'W' else ''}({name} {shown}).", end


def _hypothesis(proof: str, at: int, named: int) -> int:
    digit = proof[at : at + 1]
    if digit not in "123456789" or not digit or int(digit) > named:
        raise Malformed(f"{digit!r} at {at}; expected the number of one of {named} hypotheses")
    return int(digit)


def _fresh(number: int) -> int:
    if number > NUM_HYPOTHESES:
        raise Malformed(f"more than {NUM_HYPOTHESES} hypotheses")
    return number


def _lemma(proof: str, at: int, *, equality: bool) -> str:
    lemma = LEMMAS.get(proof[at : at + 1])
    if lemma is None or lemma.is_equality is not equality:
        raise Malformed(
            f"{proof[at : at + 1]!r} at {at}; expected a lemma to {'rewrite with' if equality else 'apply'}"
        )
    return lemma.name
