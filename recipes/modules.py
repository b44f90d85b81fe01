"""Which modules a program reaches, read off its syntax tree."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator

# Whatever these run or import is text at this point, out of reach of every check on a syntax tree.
_HIDES_CODE = frozenset({"__import__", "__builtins__", "builtins", "importlib", "eval", "exec", "compile"})


def banned_use(tree: ast.AST, banned_modules: Iterable[str]) -> str | None:
    """What is wrong with the modules that ``tree`` reaches, by their real dotted names; None if nothing is.

    ``os.path`` is found in ``import os.path``, ``from os import path``, ``import os as o; o.path`` and
    ``from os import *``; ``os`` alone is not.
    """
    names = set(_dotted_names(tree))
    if hidden := sorted(_HIDES_CODE & {name.partition(".")[0] for name in names}):
        return f"uses {hidden[0]}, which hides code from the checks"
    found = (banned for banned in banned_modules if any(_reaches(name, banned) for name in names))
    return next((f"uses the banned module {banned}" for banned in found), None)


def _dotted_names(tree: ast.AST) -> Iterator[str]:
    """Full names of what is imported and of every use of it; builtins that hide code under their own name."""
    bound: dict[str, set[str]] = defaultdict(set)
    for node in ast.walk(tree):
        for local, full in _imports(node):
            bound[local].add(full)
            yield full
    for node in ast.walk(tree):
        chain = _chain(node)
        for head in bound.get(chain[0], ()) if chain else ():
            yield ".".join([head, *chain[1:]])
        if isinstance(node, ast.Name) and node.id in _HIDES_CODE:
            yield node.id


def _imports(node: ast.AST) -> Iterator[tuple[str, str]]:
    """The name that each import binds, and the full name it stands for."""
    match node:
        case ast.Import(names=aliases):
            for alias in aliases:
                yield alias.asname or alias.name, alias.name
                if alias.asname is None:
                    yield (head := alias.name.partition(".")[0]), head
        case ast.ImportFrom(module=str(module), names=aliases):
            for alias in aliases:
                yield alias.asname or alias.name, f"{module}.{alias.name}"
        case _:
            return


def _chain(node: ast.AST) -> list[str]:
    """``["os", "path", "join"]`` for the expression ``os.path.join``; empty where it does not start at a name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) else []


def _reaches(name: str, banned: str) -> bool:
    if name.endswith(".*"):
        return f"{banned}.".startswith(name[:-1]) or name.startswith(f"{banned}.")
    return f"{name}.".startswith(f"{banned}.")
