"""When two programs are the same program: fingerprints of normalised syntax trees, and stripped text.

Counting distinct text invites a policy to vary what has no effect, so that names, comments, formatting,
docstrings and unreachable statements do not count.
"""

from __future__ import annotations

import ast
import builtins
import io
import tokenize
from collections.abc import Iterator, Sequence
from hashlib import blake2b

from sparring.recipes.programs import ENTRY, normalised_argument, parsed

_BUILTINS = frozenset(dir(builtins))
# A program that looks at its own names means something else after renaming.
_LOOKS_AT_NAMES = frozenset({"locals", "globals", "vars", "dir"})
_ENDS_BLOCK = ast.Return | ast.Raise | ast.Break | ast.Continue
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def task_fingerprint(program: str, inputs: Sequence[str], *, by: str) -> str:
    """One text for all tasks that ask for the same thing; ``by`` is "syntax_tree" or "text".

    Raises:   Rejected: not Python.
    """
    if by == "text":
        return _digest(program, *inputs)
    return _digest(normalised(program), *map(normalised_argument, inputs))


def program_fingerprint(program: str) -> str:
    """One text for all programs with the same normalised syntax tree.

    Raises:   Rejected: not Python.
    """
    return _digest(normalised(program))


def normalised(program: str) -> str:
    """The syntax tree of ``program`` as text, without what has no effect and with names numbered as they appear.

    Names stay where renaming could make two different programs alike: builtins, imports, attributes, members of
    classes, keywords of calls and captures of patterns.

    Raises:   Rejected: not Python.
    """
    tree = parsed(program)
    for node in ast.walk(tree):
        _drop_inert(node)
    kept = _kept_names(tree)
    numbers: dict[str, str] = {}

    def numbered(name: str | None) -> str | None:
        return name if name is None or name in kept else numbers.setdefault(name, f"${len(numbers)}")

    for node in _in_order(tree):
        for field in _binding_fields(node):
            setattr(node, field, numbered(getattr(node, field)))
        if isinstance(node, ast.Global | ast.Nonlocal):
            node.names = [str(numbered(name)) for name in node.names]
    return ast.dump(tree, annotate_fields=False)


def num_statements(program: str) -> int:
    """Statements in the body of the entry function, nested ones included; docstrings and ``pass`` do not count.

    Raises:   Rejected: not Python.
    """
    functions = [node for node in parsed(program).body if isinstance(node, ast.FunctionDef)]
    # A proposal's only function becomes f whatever its name is; see Rules.program.
    entry = [node for node in functions if node.name == ENTRY][-1:] or functions[-1:]
    inside = (node for function in entry for node in ast.walk(function) if node is not function)
    return sum(isinstance(node, ast.stmt) and not _is_inert(node) for node in inside)


def stripped(program: str) -> str:
    """``program`` without comments, docstrings and what follows ``f``; unchanged text where there is no such thing.

    Raises:   Rejected: not Python.
    """
    tree = parsed(program)
    whole = ast.dump(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | _Definition) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    ends = [at for at, node in enumerate(tree.body) if isinstance(node, ast.FunctionDef) and node.name == ENTRY]
    if ends:
        tree.body = tree.body[: ends[-1] + 1]
    if ast.dump(tree) == whole and not _has_comment(program):
        return program
    return ast.unparse(ast.fix_missing_locations(tree))


def _digest(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(errors="replace"), digest_size=16).hexdigest()


def _drop_inert(node: ast.AST) -> None:
    """Remove bare constants, ``pass`` and statements that can not be reached from each block of ``node``."""
    for field in ("body", "orelse", "finalbody"):
        block = getattr(node, field, None)
        if not isinstance(block, list):
            continue
        end = next((at + 1 for at, part in enumerate(block) if isinstance(part, _ENDS_BLOCK)), len(block))
        live = [part for part in block[:end] if not _is_inert(part)]
        setattr(node, field, live or ([ast.Pass()] if block and field == "body" else []))


def _is_inert(node: ast.AST) -> bool:
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _binding_fields(node: ast.AST) -> tuple[str, ...]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.ExceptHandler():
            return ("name",)
        case ast.Name():
            return ("id",)
        case ast.arg():
            return ("arg",)
        case _:
            return ()


def _kept_names(tree: ast.Module) -> set[str]:
    """Every name that is not renamed: all that the program does not bind, and those it may not lose."""
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    bound: set[str] = set()
    kept: set[str] = set(_BUILTINS)
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
                bound.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
                if isinstance(node, ast.ClassDef):
                    kept.update(_members(node))
            case ast.keyword(arg=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                kept.add(name)
            case ast.MatchMapping(rest=str(name)):
                kept.add(name)
            case ast.alias():
                kept.add(node.asname or node.name.partition(".")[0])
    if used & _LOOKS_AT_NAMES:
        return kept | bound | used
    return kept | (used - bound)


def _members(node: ast.ClassDef) -> Iterator[str]:
    for statement in node.body:
        if isinstance(statement, _Definition):
            yield statement.name
        else:
            yield from (part.id for part in ast.walk(statement) if isinstance(part, ast.Name))


def _in_order(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node, parents first and siblings in source order."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(list(ast.iter_child_nodes(node))))


def _has_comment(program: str) -> bool:
    tokens = tokenize.generate_tokens(io.StringIO(program).readline)
    try:
        return "#" in program and any(token.type == tokenize.COMMENT for token in tokens)
    except (tokenize.TokenError, SyntaxError):
        return True  # what the pure-Python tokenizer can not read, the syntax tree rewrites
