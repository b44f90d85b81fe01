"""The operations of the procedural corpus: a piece of Python source and the same thing as a function.

Every operation maps the one variable ``x`` to a new value. The source is what a model reads; the function is
what we evaluate, so that building the corpus never runs generated text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

Value = Any  # int, str or list[int]: what the corpus computes on

LETTERS = "abcdefgh"  # few letters, so that a small model can learn to copy each of them
MAX_INT, MAX_ITEMS, MAX_LETTERS = 99, 6, 8


@dataclass(frozen=True, slots=True)
class Step:
    """One statement's effect: the text of an expression over ``x`` and the function it denotes."""

    source: str
    apply: Callable[[Value], Value]


@dataclass(frozen=True, slots=True)
class Operation:
    """A family of steps from one type to another; ``{k}`` in the template is one of the constants."""

    takes: str
    gives: str
    template: str
    function: Callable[[Value, Any], Value]
    constants: Sequence[Any] = (None,)

    def step(self, random: Random) -> Step:
        """One member of the family."""
        constant = random.choice(self.constants)
        function = self.function
        return Step(self.template.format(k=repr(constant)), lambda x: function(x, constant))


_DIGITS = range(10)

OPERATIONS = (
    Operation("list", "list", "x[::-1]", lambda x, _: x[::-1]),
    Operation("list", "list", "sorted(x)", lambda x, _: sorted(x)),
    Operation("list", "list", "x[1:]", lambda x, _: x[1:]),
    Operation("list", "list", "x[:-1]", lambda x, _: x[:-1]),
    Operation("list", "list", "x[:{k}]", lambda x, k: x[:k], (1, 2, 3)),
    Operation("list", "list", "x + [{k}]", lambda x, k: [*x, k], _DIGITS),
    Operation("list", "list", "[{k}] + x", lambda x, k: [k, *x], _DIGITS),
    Operation("list", "list", "[v + {k} for v in x]", lambda x, k: [v + k for v in x], range(1, 4)),
    Operation("list", "list", "[v * {k} for v in x]", lambda x, k: [v * k for v in x], (2,)),
    Operation("list", "list", "[v for v in x if v > {k}]", lambda x, k: [v for v in x if v > k], range(1, 7)),
    Operation("list", "list", "x * {k}", lambda x, k: x * k, (2,)),
    Operation("list", "int", "len(x)", lambda x, _: len(x)),
    Operation("list", "int", "max(x)", lambda x, _: max(x)),
    Operation("list", "int", "min(x)", lambda x, _: min(x)),
    Operation("list", "int", "x[0]", lambda x, _: x[0]),
    Operation("list", "int", "x[-1]", lambda x, _: x[-1]),
    Operation("int", "int", "x + {k}", lambda x, k: x + k, range(1, 6)),
    Operation("int", "int", "x - {k}", lambda x, k: x - k, range(1, 6)),
    Operation("int", "int", "x * {k}", lambda x, k: x * k, (2, 3)),
    Operation("int", "int", "x // {k}", lambda x, k: x // k, (2,)),
    Operation("int", "int", "x % {k}", lambda x, k: x % k, (2, 3)),
    Operation("int", "list", "[x, {k}]", lambda x, k: [x, k], _DIGITS),
    Operation("int", "list", "list(range(x))", lambda x, _: list(range(x))),
    Operation("int", "str", "str(x)", lambda x, _: str(x)),
    Operation("str", "str", "x[::-1]", lambda x, _: x[::-1]),
    Operation("str", "str", "x.upper()", lambda x, _: x.upper()),
    Operation("str", "str", "x[1:]", lambda x, _: x[1:]),
    Operation("str", "str", "x[:-1]", lambda x, _: x[:-1]),
    Operation("str", "str", "x * {k}", lambda x, k: x * k, (2,)),
    Operation("str", "str", "x + {k}", lambda x, k: x + k, LETTERS),
    Operation("str", "str", "{k} + x", lambda x, k: k + x, LETTERS),
    Operation("str", "int", "len(x)", lambda x, _: len(x)),
)

CONDITIONS = (
    Operation("list", "bool", "len(x) > {k}", lambda x, k: len(x) > k, (2, 3)),
    Operation("list", "bool", "x[0] > {k}", lambda x, k: x[0] > k, range(2, 7)),
    Operation("int", "bool", "x > {k}", lambda x, k: x > k, range(2, 10)),
    Operation("int", "bool", "x % {k} == 0", lambda x, k: x % k == 0, (2,)),
    Operation("str", "bool", "len(x) > {k}", lambda x, k: len(x) > k, (2, 3)),
    Operation("str", "bool", "{k} in x", lambda x, k: k in x, LETTERS),
)

# Bodies of a loop: they read the counter ``i`` or have an effect that grows with each turn.
LOOP_BODIES = (
    Operation("list", "list", "x + [i]", lambda x, i: [*x, i]),
    Operation("list", "list", "x[1:] + x[:1]", lambda x, _: x[1:] + x[:1]),
    Operation("int", "int", "x + i", lambda x, i: x + i),
    Operation("int", "int", "x * 2", lambda x, _: x * 2),
    Operation("str", "str", "x + x[0]", lambda x, _: x + x[0]),
    Operation("str", "str", "x[1:] + x[:1]", lambda x, _: x[1:] + x[:1]),
)


def by_type(operations: Sequence[Operation]) -> dict[str, tuple[Operation, ...]]:
    """The operations grouped by the type they take."""
    kinds = dict.fromkeys(operation.takes for operation in operations)
    return {kind: tuple(op for op in operations if op.takes == kind) for kind in kinds}


def type_of(value: Value) -> str:
    """The name of a corpus value's type."""
    return type(value).__name__


def in_range(value: Value) -> bool:
    """Whether a value is one the corpus uses: small, short and not empty."""
    if isinstance(value, int):
        return -MAX_INT <= value <= MAX_INT
    if isinstance(value, str):
        return 0 < len(value) <= MAX_LETTERS
    return 0 < len(value) <= MAX_ITEMS and all(isinstance(item, int) and abs(item) <= MAX_INT for item in value)


def draw_value(kind: str, random: Random) -> Value:
    """A random argument of one type."""
    if kind == "int":
        return random.randrange(21)
    if kind == "str":
        return "".join(random.choices(LETTERS, k=random.randint(2, 5)))
    return random.choices(range(10), k=random.randint(2, 4))
