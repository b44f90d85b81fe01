"""What a model's Rocq proof may consist of: tactic sentences, bullets and braces, and nothing else.

Every command of Rocq's begins with an upper-case letter and every tactic with a lower-case one, so the first word of a
sentence decides. Text that can not be read with certainty is refused too (see ``rocq_lexer``). These rules are the
first line only: what passes them is audited by the kernel, and again in a clean process.
"""

from __future__ import annotations

import re

from sparring.core.types import Outcome
from sparring.verifiers.proofs.backend import Refusal
from sparring.verifiers.proofs.rocq_lexer import Sentence, Unreadable, names, position, sentences, without_comments

# Modules of the standard library that hold tactics, such as Z.to_euclidean_division_equations or Nat.order. No command
# begins with one of them.
TACTIC_MODULES = ("N", "NArith", "Nat", "PeanoNat", "Pos", "Q", "Qc", "R", "Z", "BinInt")
QUALIFIED_TACTIC = re.compile(rf"(?:{'|'.join(TACTIC_MODULES)})\.[a-z_][A-Za-z0-9_']*")
# all: !: 2: 1,3-5: [goal]: and par:, which the jail bounds.
SELECTOR = re.compile(r"(?:all|par|!|[0-9][0-9,\s-]*|\[\s*[A-Za-z_][\w']*\s*\])\s*:(?!=)\s*")
# What a tactic can begin with besides a lower-case word: ( [ and the number of a goal was read as a selector.
OPENINGS = "(["
PROOF = "Proof."


def tactics(proof: str) -> list[Sentence]:
    """The sentences of ``proof`` that are sent; a ``Proof.`` at its begin changes nothing and is left out.

    Raises:   Unreadable: as ``sentences``.
    """
    found = sentences(proof)
    return found[1:] if found and found[0].text == PROOF else found


def refusal(proof: str) -> Refusal | None:
    """Why ``proof`` must not be sent to a prover, or None."""
    try:
        found = tactics(proof)
    except Unreadable as error:
        message = f"{error.message} ({position(proof, error.offset)})"
        return Refusal(outcome=Outcome.FAILED, rule=error.rule, message=f"the proof can not be read: {message}")
    for sentence in found:
        if broken := _broken_rule(sentence):
            rule, what = broken
            message = f"{rule}: {what} ({position(proof, sentence.start)})"
            return Refusal(outcome=Outcome.CHEATED, rule=rule, message=message)
    return None


def _broken_rule(sentence: Sentence) -> tuple[str, str] | None:
    if sentence.is_bullet:
        return None
    body = sentence.text
    if selected := SELECTOR.match(body):
        body = body[selected.end() :]
    shown = body[:60]
    if "#[" in without_strings(body):
        return "attribute", f"{shown!r} carries an attribute"
    word = next(names(body), "")
    if body.startswith(tuple(OPENINGS)):
        return None
    if not word or not body.startswith(word):
        return "no-tactic", f"{shown!r} does not begin with a tactic"
    if QUALIFIED_TACTIC.fullmatch(word):
        return None
    if not ("a" <= word[0] <= "z" or word[0] == "_"):
        return "command", f"{word} is a command, and only tactics are allowed"
    return None


def without_strings(text: str) -> str:
    """``text`` with every string literal emptied."""
    return re.sub(r'"(?:[^"]|"")*"', '""', text)


def statement_problem(statement: str) -> str:
    """Why ``statement`` is no single proposition, as far as can be read; empty: nothing.

    A statement is trusted to mean what its author wants, not to be well written: it must not end early.
    """
    try:
        code = without_comments(statement)
        if not code.strip():
            return "it is empty"
        ended = sentences(f"Check ({code}).")
    except Unreadable as error:
        return f"{error.message} ({position(statement, max(0, error.offset - len('Check (')))})"
    return "" if len(ended) == 1 else "it ends before its end: a dot before a blank"


def proposition(statement: str) -> str:
    """``statement`` as it is sent: without comments, in parentheses."""
    return f"({without_comments(statement).strip()})"


def header_sentences(header: str) -> list[str]:
    """The sentences of a header in a canonical form: no comments, blanks outside strings made one.

    Raises:   Unreadable: as ``sentences``.
    """
    return [_one_blank(sentence.text) for sentence in sentences(header)]


def _one_blank(text: str) -> str:
    parts = re.split(r'("(?:[^"]|"")*")', text)
    return "".join(part if part.startswith('"') else re.sub(r"\s+", " ", part) for part in parts)
