"""A small language of statements for models of a million parameters, and its translation to Rocq.

A statement is one short text in prefix notation, one character a symbol, no brackets and no spaces:

    =+xy+yx        forall (x y : nat), x + y = y + x
    >=xy=SxSy      forall (x y : nat), x = y -> S x = S y
    =VVkk          forall (k : list nat), rev (rev k) = k

Free letters are quantified in front, in the order of ``VARIABLES``. What a model writes is parsed here and printed
anew: no character of a conjecture reaches Rocq, only the meaning of one that is well formed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

PROP, NAT, LIST = "Prop", "nat", "list nat"
VARIABLES = {**dict.fromkeys("pqrs", PROP), **dict.fromkeys("xyzw", NAT), **dict.fromkeys("klm", LIST)}
MAX_SYMBOLS = 96  # of a statement: recursion over one is never deeper


class Symbol(NamedTuple):
    """What a symbol makes of its arguments; ``rocq`` has a place for each."""

    sort: str
    arguments: tuple[str, ...]
    rocq: str


SYMBOLS: Mapping[str, Symbol] = {
    "T": Symbol(PROP, (), "True"),
    "F": Symbol(PROP, (), "False"),
    "~": Symbol(PROP, (PROP,), "~ {}"),
    "&": Symbol(PROP, (PROP, PROP), "{} /\\ {}"),
    "|": Symbol(PROP, (PROP, PROP), "{} \\/ {}"),
    ">": Symbol(PROP, (PROP, PROP), "{} -> {}"),
    "<": Symbol(PROP, (NAT, NAT), "{} <= {}"),
    "0": Symbol(NAT, (), "0"),
    "S": Symbol(NAT, (NAT,), "S {}"),
    "+": Symbol(NAT, (NAT, NAT), "{} + {}"),
    "*": Symbol(NAT, (NAT, NAT), "{} * {}"),
    "#": Symbol(NAT, (LIST,), "length {}"),
    "e": Symbol(LIST, (), "@nil nat"),  # of numbers even where nothing else says so
    "@": Symbol(LIST, (LIST, LIST), "{} ++ {}"),
    ":": Symbol(LIST, (NAT, LIST), "{} :: {}"),
    "V": Symbol(LIST, (LIST,), "rev {}"),
}
EQUALITY = "="  # of two numbers or of two lists


class Malformed(Exception):
    """A text is no statement, term or proof of the language; the message says where."""


class Term(NamedTuple):
    """A symbol or variable over its arguments."""

    symbol: str
    arguments: tuple[Term, ...] = ()

    @property
    def sort(self) -> str:
        if self.symbol in VARIABLES:
            return VARIABLES[self.symbol]
        return PROP if self.symbol == EQUALITY else SYMBOLS[self.symbol].sort

    def __str__(self) -> str:
        return self.symbol + "".join(map(str, self.arguments))

    def parts(self) -> Iterator[Term]:
        """This term and every term in it, outermost first."""
        yield self
        for argument in self.arguments:
            yield from argument.parts()

    def replaced(self, old: Term, new: Term) -> Term:
        """With every occurrence of ``old`` replaced, as ``rewrite`` does."""
        if self == old:
            return new
        return Term(self.symbol, tuple(argument.replaced(old, new) for argument in self.arguments))

    def substituted(self, values: Mapping[str, Term]) -> Term:
        """With variables replaced by terms, all at once."""
        if self.symbol in values:
            return values[self.symbol]
        return Term(self.symbol, tuple(argument.substituted(values) for argument in self.arguments))


def parse(text: str) -> Term:
    """The statement that ``text`` is.

    Raises:   Malformed: it is none, or is followed by something.
    """
    if not 0 < len(text) <= MAX_SYMBOLS:
        raise Malformed(f"{len(text)} symbols; expected 1 to {MAX_SYMBOLS}")
    term, end = parse_term(text, 0, sorts=(PROP,))
    if end != len(text):
        raise Malformed(f"{text[end:]!r} after the end of the statement at symbol {end}")
    return term


def parse_term(text: str, at: int, *, sorts: tuple[str, ...]) -> tuple[Term, int]:
    """The term of one of ``sorts`` that starts at ``at``, and where it ends.

    Raises:   Malformed: there is none.
    """
    symbol = text[at : at + 1]
    if symbol == EQUALITY and PROP in sorts:
        left, middle = parse_term(text, at + 1, sorts=(NAT, LIST))
        right, end = parse_term(text, middle, sorts=(left.sort,))
        return Term(symbol, (left, right)), end
    sort = VARIABLES.get(symbol) or (SYMBOLS[symbol].sort if symbol in SYMBOLS else None)
    if sort not in sorts:
        raise Malformed(f"{symbol!r} at symbol {at}; expected one of sort {' or '.join(sorts)}")
    arguments, end = [], at + 1
    for wanted in SYMBOLS[symbol].arguments if symbol in SYMBOLS else ():
        argument, end = parse_term(text, end, sorts=(wanted,))
        arguments.append(argument)
    return Term(symbol, tuple(arguments)), end


def variables(term: Term) -> list[str]:
    """Its variables in the order in which they are quantified."""
    found = {part.symbol for part in term.parts()}
    return [letter for letter in VARIABLES if letter in found]


def canonical(term: Term) -> str:
    """The same text for statements that differ in the names of variables alone."""
    names: dict[str, Term] = {}
    for part in term.parts():
        if part.symbol in VARIABLES and part.symbol not in names:
            sort = VARIABLES[part.symbol]
            taken = sum(VARIABLES[letter] == sort for letter in names)
            names[part.symbol] = Term([letter for letter, other in VARIABLES.items() if other == sort][taken])
    return str(term.substituted(names))


def to_rocq(term: Term) -> str:
    """The statement as Rocq reads it, variables quantified in front."""
    groups = [(sort, [v for v in variables(term) if VARIABLES[v] == sort]) for sort in (PROP, NAT, LIST)]
    binders = " ".join(f"({' '.join(letters)} : {sort})" for sort, letters in groups if letters)
    return f"forall {binders}, {term_to_rocq(term)}" if binders else term_to_rocq(term)


def term_to_rocq(term: Term) -> str:
    """A term with brackets around every argument that has arguments."""
    if term.symbol in VARIABLES:
        return term.symbol
    form = "{} = {}" if term.symbol == EQUALITY else SYMBOLS[term.symbol].rocq
    shown = [term_to_rocq(argument) for argument in term.arguments]
    return form.format(*(f"({text})" if " " in text else text for text in shown))
