"""A prover for the propositional part of the small language: it finds the proofs that the warm start teaches.

Depth-first search over the language's own tactics, shortest script first; steps that can not lose provability are
taken at once. Hypotheses are numbered as in ``fragment_tactics``.
"""

from __future__ import annotations

from collections.abc import Iterator

from sparring.recipes.fragment import Term

FALSE = Term("F")
Hypotheses = dict[int, Term]  # number -> proposition


def prove(goal: Term, *, max_tactics: int) -> tuple[str, ...] | None:
    """The tactics of a shortest proof, or None if ``max_tactics`` do not suffice."""
    for limit in range(1, max_tactics + 1):
        for tactics, _ in _proofs(goal, {}, 0, limit):
            return tactics
    return None


def _proofs(goal: Term, known: Hypotheses, named: int, limit: int) -> Iterator[tuple[tuple[str, ...], int]]:
    """Proofs of ``goal`` in at most ``limit`` tactics, each with the number of hypotheses named after it."""
    if limit < 1:
        return
    if goal in known.values():
        yield ("H",), named
        return
    if goal.symbol in (">", "~"):
        assumed, rest = goal.arguments if goal.symbol == ">" else (goal.arguments[0], FALSE)
        yield from _led_by("I", [(rest, known | {named + 1: assumed})], named + 1, limit)
        return
    for number, proposition in known.items():
        others = {key: value for key, value in known.items() if key != number}
        match proposition.symbol:
            case "F":
                yield (f"X{number}",), named
                return
            case "&":
                left, right = proposition.arguments
                both = others | {named + 1: left, named + 2: right}
                yield from _led_by(f"B{number}", [(goal, both)], named + 2, limit)
                return
            case "|":
                cases = [(goal, others | {named + 1: side}) for side in proposition.arguments]
                yield from _led_by(f"O{number}", cases, named + 1, limit)
                return
    if goal.symbol == "&":
        yield from _led_by("C", [(side, known) for side in goal.arguments], named, limit)
        return
    yield from _choices(goal, known, named, limit)


def _choices(goal: Term, known: Hypotheses, named: int, limit: int) -> Iterator[tuple[tuple[str, ...], int]]:
    for number, proposition in known.items():
        if (needed := _premises_for(goal, proposition)) is not None:
            yield from _led_by(f"A{number}", [(each, known) for each in needed], named, limit)
    if goal.symbol == "|":
        for tactic, side in zip("JK", goal.arguments, strict=True):
            yield from _led_by(tactic, [(side, known)], named, limit)
    if goal != FALSE and any(_premises_for(FALSE, proposition) for proposition in known.values()):
        yield from _led_by("Q", [(FALSE, known)], named, limit)


def _premises_for(goal: Term, proposition: Term) -> list[Term] | None:
    """What ``apply`` of ``proposition`` leaves to prove, None where it does not lead to ``goal``."""
    needed: list[Term] = []
    while proposition != goal:
        if proposition.symbol == ">":
            needed.append(proposition.arguments[0])
            proposition = proposition.arguments[1]
        elif proposition.symbol == "~":
            needed.append(proposition.arguments[0])
            proposition = FALSE
        else:
            return None
    return needed


def _led_by(
    tactic: str, goals: list[tuple[Term, Hypotheses]], named: int, limit: int
) -> Iterator[tuple[tuple[str, ...], int]]:
    """``tactic``, then proofs of the goals that it leaves, one after the other."""

    def rest(at: int, named: int, limit: int) -> Iterator[tuple[tuple[str, ...], int]]:
        if at == len(goals):
            yield (), named
            return
        goal, known = goals[at]
        left = len(goals) - at - 1  # each of the others needs a tactic at least
        for first, then_named in _proofs(goal, known, named, limit - left):
            for others, last_named in rest(at + 1, then_named, limit - len(first)):
                yield first + others, last_named

    for tactics, last in rest(0, named, limit - 1):
        yield (tactic, *tactics), last
