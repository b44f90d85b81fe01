"""When two texts are the same Python value: literals only, parsed and never evaluated.

``canonical`` writes one text for each value; ``same_value`` compares two texts by value:

- bool, None, str and bytes are the same if type and value are. ``True`` is not ``1``: an answer that says 1 for
  a truth value has not said what the program returned, though ``==`` (which the Absolute Zero paper evaluates on
  both sides, arXiv:2505.03335) lets it pass.
- int and float are one kind, compared exactly: ``2`` is ``2.0`` and ``0.0`` is ``-0.0``, as under ``==``;
  ``0.1 + 0.2`` is not ``0.3``.
- nan is nan. ``nan != nan`` would call every program that returns one nondeterministic.
- list, tuple, set, frozenset and dict are the same if the container's type and the parts are; sets and dicts have
  no order.

Beyond what ``ast.literal_eval`` reads, texts may hold what ``repr`` writes for values that have no literal:
``inf``, ``nan``, ``set()`` and ``frozenset({...})``.
"""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Hashable
from typing import Any

MAX_CHARS = 65_536
# Python's own parser stops at 200 brackets; values that people and programs exchange stay far below.
MAX_DEPTH = 64

_NAMES = {
    "inf": math.inf,
    "nan": math.nan,
    "infj": complex(0, math.inf),
    "nanj": complex(0, math.nan),
}


class NotLiteral(ValueError):
    """Text that is no Python literal, or one too long or too deep."""


def canonical(text: str, *, max_chars: int = MAX_CHARS, max_depth: int = MAX_DEPTH) -> str | None:
    """The one text of the value that ``text`` is a literal of; None if it is none, is too long or too deep.

    Dicts keep their order, which carries meaning for people; sets are sorted.
    """
    try:
        return _text(parse(text, max_chars=max_chars, max_depth=max_depth))
    except NotLiteral:
        return None


def same_value(a: str, b: str, *, max_chars: int = MAX_CHARS, max_depth: int = MAX_DEPTH) -> bool:
    """Whether both texts are literals of the same value, by the rules of this module."""
    try:
        values = [parse(text, max_chars=max_chars, max_depth=max_depth) for text in (a, b)]
    except NotLiteral:
        return False
    return _key(values[0]) == _key(values[1])


def parse(text: str, *, max_chars: int = MAX_CHARS, max_depth: int = MAX_DEPTH) -> Any:
    """The value of a literal.

    Raises:   NotLiteral: whatever is wrong with ``text``; no other exception leaves.
    """
    if len(text) > max_chars:
        raise NotLiteral(f"{len(text)} characters, at most {max_chars} are allowed")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the writer's invalid escapes are not our warnings
            tree = ast.parse(text.strip(), mode="eval")
        value = _value(tree.body, max_depth)
        _text(value)  # an int may have more digits than Python writes
    # TypeError: unhashable part of a set or dict; OverflowError: real part too large for a float.
    except (SyntaxError, ValueError, TypeError, OverflowError, RecursionError, MemoryError) as error:
        raise NotLiteral(f"not a Python literal: {error}") from error
    return value


def _value(node: ast.expr, depth: int) -> Any:
    if depth < 0:
        raise NotLiteral("nested too deeply")
    match node:
        case ast.Constant(value=value) if value is not ...:
            return value
        case ast.List(elts=parts):
            return [_value(part, depth - 1) for part in parts]
        case ast.Tuple(elts=parts):
            return tuple(_value(part, depth - 1) for part in parts)
        case ast.Set(elts=parts):
            return {_value(part, depth - 1) for part in parts}
        case ast.Dict(keys=keys, values=values):
            pairs = [(key, part) for key, part in zip(keys, values, strict=True) if key is not None]
            if len(pairs) < len(keys):
                raise NotLiteral("** inside a dict")
            return {_value(key, depth - 1): _value(part, depth - 1) for key, part in pairs}
        case ast.Call(func=ast.Name(id="set"), args=[], keywords=[]):
            return set()
        case ast.Call(func=ast.Name(id="frozenset"), args=parts, keywords=[]) if len(parts) <= 1:
            return frozenset(*(_set_or_list(part, depth - 1) for part in parts))
        case _:
            return _number(node)


def _set_or_list(node: ast.expr, depth: int) -> Any:
    if not isinstance(node, ast.Set | ast.List | ast.Tuple):
        raise NotLiteral("frozenset of something that is no collection")
    return _value(node, depth)


def _number(node: ast.expr) -> int | float | complex:
    match node:
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
            real, imaginary = _signed(left), _unsigned(right)
            if isinstance(real, complex) or not isinstance(imaginary, complex):
                raise NotLiteral("an expression, not a value")
            # By parts: arithmetic on complex numbers would lose the sign of a zero.
            return complex(_float(real, left), imaginary.imag if isinstance(op, ast.Add) else -imaginary.imag)
        case _:
            return _signed(node)


def _float(real: float, node: ast.expr) -> float:
    # repr writes the real part -0.0 as -0, and an int has no negative zero.
    return -0.0 if real == 0 and isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else float(real)


def _signed(node: ast.expr) -> int | float | complex:
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_unsigned(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return +_unsigned(operand)
        case _:
            return _unsigned(node)


def _unsigned(node: ast.expr) -> int | float | complex:
    match node:
        case ast.Constant(value=int() | float() | complex() as value) if not isinstance(value, bool):
            return value
        case ast.Name(id=name) if name in _NAMES:
            return _NAMES[name]
        case _:
            raise NotLiteral(f"{type(node).__name__} is no literal")


def _text(value: Any) -> str:
    match value:
        case list():
            return f"[{', '.join(map(_text, value))}]"
        case tuple():
            return f"({', '.join(map(_text, value))}{',' if len(value) == 1 else ''})"
        case dict():
            return f"{{{', '.join(f'{_text(key)}: {_text(part)}' for key, part in value.items())}}}"
        case set():
            # Each part's text once: twice for every set around it would double with each depth.
            return f"{{{', '.join(text for _, text in sorted(map(_ranked, value)))}}}" if value else "set()"
        case frozenset():
            return f"frozenset({_text(set(value))})" if value else "frozenset()"
        case _:
            return repr(value)


def _ranked(value: Any) -> tuple[tuple[int, Any], str]:
    """A part of a set, with what sorts it: numbers and texts by value, everything else by its text."""
    text = _text(value)
    match value:
        case int() | float() if value == value:
            return (0, value), text
        case str():
            return (1, value), text
        case _:
            return (2, text), text


def _key(value: Any) -> Hashable:
    """Equal for two values exactly if they are the same."""
    match value:
        case bool() | None | str() | bytes():
            return (type(value).__name__, value)
        case int() | float():
            return ("number", value if value == value else "nan")
        case complex():
            return ("complex", _key(value.real), _key(value.imag))
        case list() | tuple():
            return (type(value).__name__, tuple(map(_key, value)))
        case set() | frozenset():
            return (type(value).__name__, len(value), frozenset(map(_key, value)))
        case _:
            pairs = frozenset((_key(key), _key(part)) for key, part in value.items())
            return ("dict", len(value), pairs)
