"""Dead code in a program: what a reader may strike out without changing what ``f`` returns.

Padding makes a program longer and no harder, so that a proposer could be paid for it. Each scope is read backwards with
the set of names whose values may still be read:

    y = x + 1      {x}      dead if y is not in the set behind it; then x is not read here either
    return x       {x}

A dead statement's own reads do not count, so ``count += x`` in a loop is dead if nobody reads ``count`` in the end.
What is called dead really is, with one liberty: an error that it might raise outside ``try`` does not count as an
effect. Arguments are taken to be values, never iterators. Nothing is run.

Source:   backward liveness as in Aho et al., Compilers, section 9.2.5; "strong" liveness (Giegerich et al. 1981)
"""

from __future__ import annotations

import ast

from sparring.recipes.liveness_flow import Place, ScopeFlow
from sparring.recipes.programs import ENTRY, parsed
from sparring.recipes.purity import Purity, bound_names, free_names, own_nodes

_Function = ast.FunctionDef | ast.AsyncFunctionDef
# Errors and warnings of these imports are their effect.
_ACTING_IMPORTS = frozenset({"__future__", "this", "antigravity"})


def dead_statements(program: str) -> list[str]:
    """One line for each place of ``program`` without any effect on what ``f`` returns, in source order.

    Not dead are parameters, docstrings and what may act on anything but its target: calls of unknown functions and of
    methods that change their object, stores into subscripts and attributes, ``yield``, ``del``, ``:=``.

    Raises:   Rejected: not Python.
    """
    return [f"line {node.lineno}: {why}" for node, why in dead_places(parsed(program))]


def dead_places(tree: ast.Module) -> list[Place]:
    """The dead places of a parsed program, in source order: statements, or conditions that are always true."""
    purity = Purity(tree)
    places = [] if purity.reflects else _unused(tree, purity)
    places += _of_scope(tree.body, frozenset(), {ENTRY}, purity, at_top=True)
    catches = any(isinstance(node, ast.Try | ast.TryStar) and node.handlers for node in ast.walk(tree))
    called = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for function in (node for node in ast.walk(tree) if isinstance(node, _Function)):
        parameters = frozenset(node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg))
        # Where anything is caught, an error in a function that the program itself calls may be what it is called for.
        guarded = catches and (function.name in called or function.name != ENTRY)
        places += _of_scope(function.body, parameters, set(), purity, at_top=False, guarded=guarded)
    inside = {id(part) for node, _ in places for part in ast.walk(node) if part is not node}
    places = [place for place in places if id(place[0]) not in inside]
    return sorted(places, key=lambda place: (place[0].lineno, place[0].col_offset))


def _of_scope(
    body: list[ast.stmt],
    parameters: frozenset[str],
    at_end: set[str],
    purity: Purity,
    *,
    at_top: bool,
    guarded: bool = False,
) -> list[Place]:
    pinned: set[str] = set()
    for node in own_nodes(body):
        match node:
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                pinned.update(names)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda() | ast.ClassDef():
                pinned |= free_names(node)
            case ast.GeneratorExp() if purity.wild:  # may be used up much later
                pinned |= free_names(node)
    return ScopeFlow(
        body, parameters, pinned=pinned, at_end=at_end, purity=purity, at_top=at_top, guarded=guarded
    ).places()


def _unused(tree: ast.Module, purity: Purity) -> list[Place]:
    """Functions and imports whose names nothing mentions that ``f`` or the top level leads to."""
    methods = {id(part) for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for part in node.body}
    candidates = {
        node
        for node in ast.walk(tree)
        if isinstance(node, _Function)
        and not (node.decorator_list or node.name == ENTRY or id(node) in methods)
        and all(default is None or purity.is_pure(default) for default in [*node.args.defaults, *node.args.kw_defaults])
    }
    reached = _mentions([tree], candidates)
    waiting = set(candidates)
    while found := [node for node in waiting if node.name in reached]:
        waiting.difference_update(found)
        for node in found:
            reached |= _mentions([*node.body, node.args], candidates)
    places: list[Place] = [(node, f"{node.name} is never used") for node in waiting]
    for statement in ast.walk(tree):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            places += _unused_import(statement, reached)
    return places


def _unused_import(node: ast.Import | ast.ImportFrom, reached: set[str]) -> list[Place]:
    if {getattr(node, "module", None), *(alias.name for alias in node.names)} & _ACTING_IMPORTS:
        return []
    idle: list[Place] = [
        (alias, f"{name} is never used") for alias in node.names for name in bound_names(alias) if name not in reached
    ]
    return idle if len(idle) < len(node.names) else [(node, idle[0][1])]


def _mentions(nodes: list[ast.AST], candidates: set[ast.FunctionDef | ast.AsyncFunctionDef]) -> set[str]:
    """The names in ``nodes``, without what stands in candidates below them."""
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node in candidates:
            continue
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            found.update(node.names)
        waiting.extend(ast.iter_child_nodes(node))
    return found
