"""Checks on program text that a model wrote, made on its syntax tree; nothing is run here.

    text -> parsed -> entry function named f -> no banned module -> ready for the executor

This is a filter for what the paper forbids, so that tasks are deterministic and self-contained. It is not a
sandbox: Python can hide any name from its syntax tree, and only the executor's jail contains what a program does.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass

from sparring.recipes.modules import banned_use

ENTRY = "f"
# Parsing is the only thing done with hostile text in a trusted process, so its size and depth are bounded.
MAX_SOURCE_BYTES = 32_768
MAX_DEPTH = 100
_CONSTRUCTORS = frozenset(
    {
        "bool",
        "bytearray",
        "bytes",
        "complex",
        "dict",
        "float",
        "frozenset",
        "int",
        "list",
        "range",
        "set",
        "str",
        "tuple",
    }
)
_VALUE_NODES = (
    ast.Constant | ast.List | ast.Tuple | ast.Set | ast.Dict | ast.UnaryOp | ast.BinOp | ast.unaryop | ast.operator
    | ast.keyword | ast.Load
)  # fmt: skip


class Rejected(ValueError):
    """Text that may not become part of a task; the message is the reason."""


class IllFormed(Rejected):
    """A completion without the dialect's shape: there is nothing to check."""


class Duplicate(Rejected):
    """A sound proposal of what is there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What programs and arguments have to keep to."""

    banned_modules: tuple[str, ...] = ()
    single_function: bool = False  # methods and helpers count
    values_only: bool = True

    def program(self, text: str) -> str:
        """``text`` as a program whose entry function is ``f``; comments and formatting stay as they are.

        Raises:   Rejected: not Python, no entry function, a banned module, or more functions than allowed.
        """
        program = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
        tree = parsed(program)
        self._check_modules(tree)
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        if self.single_function and len(functions) > 1:
            raise Rejected(f"{len(functions)} functions, but only one is allowed")
        return _with_entry(program, tree)

    def argument(self, text: str) -> str:
        """``text`` as what stands between the parentheses of a call ``f(...)``.

        With ``values_only`` an argument is a value and not code: literals, arithmetic on them and the constructors
        of builtin types. Otherwise an answer could change ``f`` itself: ``f(setattr(f, "__code__", ...))``.

        Raises:   Rejected: not an argument list, a banned module, or more than a value.
        """
        call = _call(text.strip())
        self._check_modules(call)
        if self.values_only:
            for node in (part for argument in (*call.args, *call.keywords) for part in ast.walk(argument)):
                if not _is_value(node):
                    raise Rejected(f"argument {text.strip()[:80]!r} is more than a value")
        return text.strip()

    def _check_modules(self, tree: ast.AST) -> None:
        if use := banned_use(tree, self.banned_modules):
            raise Rejected(use)


def parsed(source: str) -> ast.Module:
    """The syntax tree of ``source``.

    Raises:   Rejected: not Python, or too long or too deeply nested to be handled safely.
    """
    if len(source.encode(errors="replace")) > MAX_SOURCE_BYTES:
        raise Rejected(f"longer than {MAX_SOURCE_BYTES} bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the model's invalid escapes are not our warnings
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Rejected(f"not Python: {type(error).__name__}: {error}") from error
    if _depth(tree) > MAX_DEPTH:
        raise Rejected(f"nested deeper than {MAX_DEPTH} levels")
    return tree


def normalised_argument(text: str) -> str:
    """The same text for the same argument list, however it is spaced and quoted."""
    return ast.dump(_call(text.strip()), annotate_fields=False)


def _call(argument: str) -> ast.Call:
    statements = parsed(f"{ENTRY}({argument})").body
    match statements:
        # `1) + f(2` also stands between the parentheses of something, but that is not one call of f.
        case [ast.Expr(value=ast.Call(func=ast.Name(id="f")) as call)] if call.args or call.keywords:
            return call
        case _:
            raise Rejected(f"{argument[:80]!r} is not what stands between the parentheses of a call")


def _is_value(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id=name)) | ast.Name(id=name):
            return name in _CONSTRUCTORS
        case ast.keyword(arg=None):
            return False
        case _:
            return isinstance(node, _VALUE_NODES)


def _depth(tree: ast.AST) -> int:
    # By levels and not by recursion: the tree may be deeper than Python's stack.
    level: list[ast.AST] = [tree]
    depth = 0
    while level and depth <= MAX_DEPTH:
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        depth += 1
    return depth


def _with_entry(program: str, tree: ast.Module) -> str:
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    if any(function.name == ENTRY for function in functions):
        return program
    if len(functions) != 1:
        raise Rejected(f"{len(functions)} functions at the top level and none is named {ENTRY}")
    return _renamed(program, tree, functions[0])


def _renamed(program: str, tree: ast.Module, function: ast.FunctionDef) -> str:
    """``program`` with its one function called ``f``: an edit of the text at the places the tree names."""
    old = function.name
    uses = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == old]
    mentions = sum(old in _identifiers(node) for node in ast.walk(tree))
    taken = any(ENTRY in _identifiers(node) for node in ast.walk(tree))
    rebound = mentions != len(uses) + 1 or not all(isinstance(use.ctx, ast.Load) for use in uses)
    if taken or rebound:
        raise Rejected(f"no function named {ENTRY}, and {old} can not be renamed without a clash")
    edited = _edited(program, function, uses)
    function.name = ENTRY
    for use in uses:
        use.id = ENTRY
    if ast.dump(parsed(edited)) != ast.dump(tree):
        raise Rejected(f"no function named {ENTRY}, and {old} can not be renamed in this text")
    return edited


def _edited(program: str, function: ast.FunctionDef, uses: list[ast.Name]) -> str:
    # Columns of a syntax tree count UTF-8 bytes.
    lines = [line.encode() for line in program.split("\n")]
    header = re.compile(rb"def\s+").match(lines[function.lineno - 1], function.col_offset)
    places = [(use.lineno, use.col_offset) for use in uses]
    if header:
        places.append((function.lineno, header.end()))
    length = len(function.name.encode())
    for number, column in sorted(places, reverse=True):
        line = lines[number - 1]
        lines[number - 1] = line[:column] + ENTRY.encode() + line[column + length :]
    return b"\n".join(lines).decode(errors="replace")


def _identifiers(node: ast.AST) -> list[str]:
    """The names this node itself mentions; attributes and keywords of calls are another matter."""
    if isinstance(node, ast.Attribute | ast.keyword | ast.Constant):
        return []
    found = [value for _, value in ast.iter_fields(node) if isinstance(value, str)]
    return found + [name for name in getattr(node, "names", []) if isinstance(name, str)]
