"""Random provable statements of the small language with a proof each, graded by the number of tactics needed.

    family   statements                                     proofs
    prop     propositional tautologies                      found by search (fragment_prop.py)
    nat      equalities of sums and products                 a chain of rewriting steps with lemmas
    list     equalities of lists and of their lengths        the same
    order    inequalities, with hypotheses                   a tree of lemmas applied
    given    equalities from equations that are assumed      a chain of rewriting steps with hypotheses

``level`` n asks for a proof whose essential steps are n; introductions and the last step are not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from sparring.recipes.fragment import LIST, NAT, Malformed, Term, parse, variables
from sparring.recipes.fragment_lemmas import LEMMAS, Lemma
from sparring.recipes.fragment_prop import prove
from sparring.recipes.fragment_tactics import to_script

MAX_LEVEL = 8
MAX_STATEMENT = 40  # symbols of a generated statement: sequences stay short
TRIES = 2000


@dataclass(frozen=True, slots=True)
class Theorem:
    """A statement with a proof in the language; ``lemmas`` are letters of ``fragment_lemmas``."""

    family: str
    level: int
    statement: str
    proof: str
    lemmas: tuple[str, ...]


def draw_theorem(random: Random, family: str, level: int) -> Theorem:
    """A random theorem of ``family`` and ``level``.

    Raises:   ValueError: the family has none within ``TRIES`` draws: the level is too high for it.
    """
    for _ in range(TRIES):
        drawn = FAMILIES[family](random, level)
        if drawn is None:
            continue
        statement, proof, lemmas = drawn
        text = str(statement)
        if len(text) > MAX_STATEMENT or len(set(variables(statement))) == 0:
            continue
        try:
            parse(text), to_script(statement, proof)
        except Malformed:  # more hypotheses than can be numbered
            continue
        return Theorem(family, level, text, proof, tuple(sorted(set(lemmas))))
    raise ValueError(f"no theorem of family {family} and level {level} in {TRIES} draws; choose a lower level")


Drawn = tuple[Term, str, list[str]] | None


def _prop(random: Random, level: int) -> Drawn:
    """A random formula, kept if its shortest proof has the right length; level n stands for 2n or 2n + 1 tactics."""
    goal = _formula(random, random.randint(level, level + 3), "pqr" if level < 4 else "pqrs")
    if goal.symbol not in (">", "~", "&"):
        return None
    tactics = prove(goal, max_tactics=2 * level + 1)
    if tactics is None or len(tactics) < 2 * level:
        return None
    return goal, "".join(tactics), []


def _formula(random: Random, size: int, atoms: str) -> Term:
    """A formula of ``size`` connectives; implications are what makes formulas provable."""
    if size == 0:
        return Term(random.choice(atoms))
    connective = random.choices(">&|~", weights=(6, 2, 2, 1))[0]
    if connective == "~":
        return Term("~", (_formula(random, size - 1, atoms),))
    left = random.randint(0, size - 1)
    return Term(connective, (_formula(random, left, atoms), _formula(random, size - 1 - left, atoms)))


def _number(random: Random, size: int, letters: str = "xyz") -> Term:
    if size == 0:
        return Term("0") if random.random() < 0.15 else Term(random.choice(letters))
    if random.random() < 0.2:
        return Term("S", (_number(random, size - 1, letters),))
    left = random.randint(0, size - 1)
    symbol = "+" if random.random() < 0.7 else "*"
    return Term(symbol, (_number(random, left, letters), _number(random, size - 1 - left, letters)))


def _sequence(random: Random, size: int) -> Term:
    if size == 0:
        return Term("e") if random.random() < 0.15 else Term(random.choice("klm"))
    if random.random() < 0.35:
        return Term("V", (_sequence(random, size - 1),))
    if random.random() < 0.1:
        return Term(":", (Term(random.choice("xyz")), _sequence(random, size - 1)))
    left = random.randint(0, size - 1)
    return Term("@", (_sequence(random, left), _sequence(random, size - 1 - left)))


def _nat(random: Random, level: int) -> Drawn:
    return _rewritten(random, _number(random, random.randint(level, level + 2)), level, sorts=(NAT,))


def _list(random: Random, level: int) -> Drawn:
    start = _sequence(random, random.randint(level, level + 2))
    if random.random() < 0.4:
        start = Term("#", (start,))
    return _rewritten(random, start, level, sorts=(NAT, LIST))


def _rewritten(random: Random, start: Term, level: int, *, sorts: tuple[str, ...]) -> Drawn:
    """``start`` = what a chain of ``level`` rewriting steps makes of it."""
    term, steps, seen = start, [], {start}
    for _ in range(level):
        found = rewritings(term)
        if not found:
            return None
        lemma, backwards, old, new, values = random.choice(found)
        term = term.replaced(old, new)
        if term in seen:
            return None
        seen.add(term)
        steps.append((lemma, backwards, old, new, values))
    left, right = start, term
    for _, _, old, new, _ in steps:
        # ``rewrite`` changes both sides: what is on the right already must not change, or the chain misses it.
        left, right = left.replaced(old, new), right.replaced(old, new)
    if left != right:
        return None
    proof = "".join(
        f"{'W' if back else 'R'}{lemma.letter}{''.join(map(str, values))}" for lemma, back, _, _, values in steps
    )
    return Term("=", (start, term)), proof + "E", [lemma.letter for lemma, *_ in steps]


Rewriting = tuple[Lemma, bool, Term, Term, tuple[Term, ...]]


def rewritings(term: Term) -> list[Rewriting]:
    """Every way to rewrite a part of ``term`` with a lemma, in either direction where that is determined."""
    found: list[Rewriting] = []
    for part in dict.fromkeys(term.parts()):
        for lemma in LEMMAS.values():
            if not lemma.is_equality:
                continue
            left, right = lemma.statement.arguments
            for backwards, pattern, image in ((False, left, right), (True, right, left)):
                if pattern.symbol in lemma.variables:
                    continue  # x = x + 0 could be used anywhere
                values: dict[str, Term] = {}
                if _matches(pattern, part, values) and set(values) == set(lemma.variables):
                    ordered = tuple(values[name] for name in lemma.variables)
                    found.append((lemma, backwards, part, image.substituted(values), ordered))
    return found


def _matches(pattern: Term, term: Term, values: dict[str, Term]) -> bool:
    """Whether ``term`` is an instance of ``pattern``; fills ``values`` in."""
    if not pattern.arguments and pattern.symbol.islower() and pattern.symbol != "e":
        return values.setdefault(pattern.symbol, term) == term and pattern.sort == term.sort
    return pattern.symbol == term.symbol and all(
        _matches(one, other, values) for one, other in zip(pattern.arguments, term.arguments, strict=True)
    )


def _order(random: Random, level: int) -> Drawn:
    """An inequality by a tree of ``level`` lemmas, some leaves of it assumed."""
    assumed: list[Term] = []
    lemmas: list[str] = []

    def build(budget: int) -> tuple[Term, Term, str]:
        if budget == 0:
            pair = (Term(random.choice("xyz")), Term(random.choice("xyz")))
            fact = Term("<", pair)
            if pair[0] == pair[1]:
                lemmas.append("1")
                return *pair, "P1"
            if fact not in assumed:
                assumed.append(fact)
            return *pair, "H"
        letter = random.choice("5566778" if budget > 1 else "2345667")
        lemmas.append(letter)
        small = [_number(random, random.randint(0, 1)) for _ in range(2)]
        if letter in "234":
            a, b = small
            sides = {"2": (Term("0"), a), "3": (a, Term("+", (a, b))), "4": (a, Term("+", (b, a)))}
            return *sides[letter], f"P{letter}"
        if letter in "67":
            a, b, proof = build(budget - 1)
            return (Term("S", (a,)) if letter == "6" else a), Term("S", (b,)), f"P{letter}{proof}"
        first = random.randint(0, budget - 1)
        (a, b, one), (c, d, two) = build(first), build(budget - 1 - first)
        symbol = "+" if letter == "5" else "*"
        return Term(symbol, (a, c)), Term(symbol, (b, d)), f"P{letter}{one}{two}"

    a, b, proof = build(level)
    statement = Term("<", (a, b))
    for fact in reversed(assumed):
        statement = Term(">", (fact, statement))
    return (statement, "I" * len(assumed) + proof, lemmas) if a != b else None


def _given(random: Random, level: int) -> Drawn:
    """An equality of numbers that follows from ``level`` equations."""
    start = term = _number(random, random.randint(1, level + 1))
    equations: list[Term] = []
    for _ in range(level):
        parts = [part for part in dict.fromkeys(term.parts()) if part.symbol != "0" and len(str(part)) < 4]
        if not parts:
            return None
        old, new = random.choice(parts), _number(random, random.randint(0, 1), "xyzw")
        if old in new.parts():
            return None
        equations.append(Term("=", (old, new)))
        term = term.replaced(old, new)
    left, right = start, term
    for equation in equations:
        old, new = equation.arguments
        if old not in left.parts():
            return None
        left, right = left.replaced(old, new), right.replaced(old, new)
    if left != right or start == term or len(set(equations)) < level:
        return None
    order = random.sample(range(level), level)  # the equations are not assumed in the order of their use
    statement = Term("=", (start, term))
    for at in reversed(order):
        statement = Term(">", (equations[at], statement))
    proof = "I" * level + "".join(f"Y{order.index(at) + 1}" for at in range(level)) + "E"
    return statement, proof, []


FAMILIES: dict[str, Callable[[Random, int], Drawn]] = {
    "prop": _prop,
    "nat": _nat,
    "list": _list,
    "order": _order,
    "given": _given,
}
