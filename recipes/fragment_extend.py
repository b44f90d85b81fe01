"""Statements that follow from a theorem with one more step: what the warm start shows a conjecturer.

conclusion          becomes
a = b               a = c, where a lemma rewrites a part of b into c; or both sides within a sum, a successor, a list
a <= b              S a <= S b, a <= S b, a + t <= b + t
anything            under one more hypothesis, or as one side of a disjunction
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from sparring.recipes.fragment import LIST, NAT, PROP, VARIABLES, Term, variables
from sparring.recipes.fragment_corpus import rewritings


def extend(statement: Term, random: Random, *, lemma: str | None) -> Term | None:
    """A true statement one step further than ``statement``; by ``lemma``, if one is given. None where that fails.

    A step may change nothing, as x * x turned round does.
    """
    if statement.symbol == ">" and statement.arguments[1].symbol in "><=":
        assumed, rest = statement.arguments
        inner = extend(rest, random, lemma=lemma)
        return Term(">", (assumed, inner)) if inner else None
    steps: list[Callable[[Term, Random, str | None], Term | None]] = []
    if statement.symbol == "=":
        steps = [_rewritten, _rewritten, _within] if lemma is None else [_rewritten]
    elif statement.symbol == "<":
        steps = [_grown]
    elif lemma is None:
        steps = [_weaker]
    return random.choice(steps)(statement, random, lemma) if steps else None


def _rewritten(statement: Term, random: Random, lemma: str | None) -> Term | None:
    left, right = statement.arguments
    ways = [(old, new) for by, _, old, new, _ in rewritings(right) if lemma in (None, by.letter)]
    places = [(old, new) for old, new in ways if right.replaced(old, new) != left]
    if not places:
        return None
    old, new = random.choice(places)
    return Term("=", (left, right.replaced(old, new)))


def _within(statement: Term, random: Random, lemma: str | None) -> Term | None:
    """Both sides in one place of the same term."""
    left, right = statement.arguments
    other = Term(random.choice([name for name, sort in VARIABLES.items() if sort == left.sort]))
    if left.sort == NAT and random.random() < 0.3:
        return Term("=", (Term("S", (left,)), Term("S", (right,))))
    symbol = "@" if left.sort == LIST else random.choice("+*")
    if random.random() < 0.5:
        return Term("=", (Term(symbol, (left, other)), Term(symbol, (right, other))))
    return Term("=", (Term(symbol, (other, left)), Term(symbol, (other, right))))


def _grown(statement: Term, random: Random, lemma: str | None) -> Term | None:
    left, right = statement.arguments
    match lemma or random.choice("567"):
        case "5":
            other = Term(random.choice("xyzw"))
            return Term("<", (Term("+", (left, other)), Term("+", (right, other))))
        case "6":
            return Term("<", (Term("S", (left,)), Term("S", (right,))))
        case "7":
            return Term("<", (left, Term("S", (right,))))
        case "8":
            other = Term(random.choice("xyzw"))
            return Term("<", (Term("*", (left, other)), Term("*", (right, other))))
    return None


def _weaker(statement: Term, random: Random, lemma: str | None) -> Term | None:
    names = [name for name in variables(statement) if VARIABLES[name] == PROP] or ["p"]
    other = Term(random.choice(names))
    return random.choice([Term(">", (other, statement)), Term("|", (statement, other)), Term("|", (other, statement))])
