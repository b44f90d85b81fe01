"""Generated statements are true: a slow interpreter of the small language finds no values that say otherwise."""

from random import Random

import pytest

from sparring.recipes.fragment import LIST, NAT, VARIABLES, parse, variables
from sparring.recipes.fragment_corpus import FAMILIES, draw_theorem
from sparring.recipes.fragment_extend import extend
from sparring.recipes.fragment_lemmas import LEMMAS

MEANINGS = {
    "T": lambda: True,
    "F": lambda: False,
    "~": lambda a: not a,
    "&": lambda a, b: a and b,
    "|": lambda a, b: a or b,
    ">": lambda a, b: not a or b,
    "<": lambda a, b: a <= b,
    "=": lambda a, b: a == b,
    "0": lambda: 0,
    "S": lambda a: a + 1,
    "+": lambda a, b: a + b,
    "*": lambda a, b: a * b,
    "#": len,
    "e": list,
    "@": lambda a, b: a + b,
    ":": lambda a, b: [a, *b],
    "V": lambda a: a[::-1],
}


def value(term, given):
    if term.symbol in VARIABLES:
        return given[term.symbol]
    return MEANINGS[term.symbol](*(value(argument, given) for argument in term.arguments))


def some_values(term, random):
    def one(sort):
        if sort == NAT:
            return random.randint(0, 4)
        return [random.randint(0, 2) for _ in range(random.randint(0, 3))] if sort == LIST else random.random() < 0.5

    return {name: one(VARIABLES[name]) for name in variables(term)}


def is_refuted(term, random):
    return any(not value(term, some_values(term, random)) for _ in range(60))


def test_the_interpreter_refutes_what_is_false():
    assert is_refuted(parse("=+xyx"), Random(0))
    assert is_refuted(parse(">|pqp"), Random(0))


@pytest.mark.parametrize("letter", LEMMAS)
def test_every_lemma_of_the_table_is_true(letter):
    assert not is_refuted(LEMMAS[letter].statement, Random(0))


@pytest.mark.parametrize("family", FAMILIES)
def test_theorems_and_what_extends_them_are_true(family):
    random, extended = Random(f"{family}"), 0
    for level in (1, 2, 3):
        for _ in range(15):
            theorem = draw_theorem(random, family, level)
            assert not is_refuted(parse(theorem.statement), random), theorem
            for lemma in (None, *theorem.lemmas):
                further = extend(parse(theorem.statement), random, lemma=lemma)
                if further is not None:
                    extended += str(further) != theorem.statement
                    assert str(parse(str(further))) == str(further)
                    assert not is_refuted(further, random), (theorem, str(further))
    assert extended > 30
