"""Whether evaluating an expression can do more than give a value, and which names it reads; nothing is run.

A value of a builtin type can be read, compared and computed with, and nobody else notices. Iterators are the exception:
reading one uses it up. A program that may hold an iterator by a name, or objects with code of its own behind their
operators (classes, most modules), is wild, and in it hardly an expression counts as pure.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

# Builtins that only look at their arguments.
_EAGER = frozenset({
    "abs", "all", "any", "ascii", "bin", "bool", "bytes", "callable", "chr", "complex", "dict", "divmod", "float",
    "format", "frozenset", "hash", "hex", "int", "isinstance", "len", "list", "max", "min", "oct", "ord", "pow",
    "range", "repr", "round", "set", "sorted", "str", "sum", "tuple",
})  # fmt: skip
_LAZY = frozenset({"enumerate", "filter", "iter", "map", "reversed", "zip"})
_PURE_LAZY = _LAZY - {"filter", "map"}  # those that call nothing
# Methods of builtin types that change nothing.
_METHODS = frozenset({
    "bit_count", "bit_length", "capitalize", "casefold", "center", "copy", "count", "difference", "encode",
    "endswith", "expandtabs", "find", "format", "get", "index", "intersection", "isalnum", "isalpha", "isascii",
    "isdecimal", "isdigit", "isdisjoint", "islower", "isnumeric", "isspace", "issubset", "issuperset", "istitle",
    "isupper", "items", "join", "keys", "ljust", "lower", "lstrip", "partition", "removeprefix", "removesuffix",
    "replace", "rfind", "rindex", "rjust", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith",
    "strip", "swapcase", "symmetric_difference", "title", "translate", "union", "upper", "values", "zfill",
})  # fmt: skip
_USE_UP = frozenset({"extend", "join", "update"})  # methods that read all of an iterator and keep nothing of it
_TAME_MODULES = frozenset({"math", "string", "typing"})
_REFLECTS = frozenset({"__import__", "compile", "dir", "eval", "exec", "globals", "locals", "vars"})
_WILD_BUILTINS = frozenset({"delattr", "getattr", "globals", "memoryview", "open", "setattr", "super"})
_ACTS = ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_EVEN_IF_WILD = ast.Constant | ast.Name | ast.Tuple | ast.List | ast.expr_context


class Purity:
    """What is known of one program as a whole."""

    def __init__(self, tree: ast.Module) -> None:
        nodes = list(ast.walk(tree))
        self.rebound = {name for node in nodes for name in bound_names(node)}
        self._math = _members_of_math(nodes)
        self.reflects = any(
            (isinstance(node, ast.Name) and node.id in _REFLECTS) or (isinstance(node, ast.alias) and node.name == "*")
            for node in nodes
        )
        self.wild = any(map(_is_wild, nodes)) or self._holds_iterators(nodes)

    def is_pure(self, expression: ast.expr) -> bool:
        """Whether ``expression`` does nothing but give a value or raise an error."""
        if self.wild:
            return all(isinstance(node, _EVEN_IF_WILD) for node in ast.walk(expression))
        return not any(
            isinstance(node, _ACTS) or (isinstance(node, ast.Call) and not self._is_pure_call(node))
            for node in ast.walk(expression)
        )

    def _is_pure_call(self, call: ast.Call) -> bool:
        keys = [keyword.value for keyword in call.keywords if keyword.arg in ("key", None)]
        if not all(isinstance(key, ast.Lambda) or self._is_builtin(key, _EAGER) for key in keys):
            return False  # calls a function that may do anything
        match call.func:
            case ast.Attribute(value=ast.Name(id=module)) if module in self._math:
                return True
            case ast.Attribute(attr=method):
                return method in _METHODS
            case ast.Name(id=name) if name in self._math:
                return True
        return self._is_builtin(call.func, _EAGER | _PURE_LAZY | {"type"})

    def _is_builtin(self, node: ast.expr, names: frozenset[str]) -> bool:
        return isinstance(node, ast.Name) and node.id in names and node.id not in self.rebound

    def _holds_iterators(self, nodes: list[ast.AST]) -> bool:
        """Whether an iterator may outlive the expression that makes it: it is not used up where it stands."""
        made = {id(node) for node in nodes if _makes_iterator(node)}
        used_up = {id(part) for node in nodes for part in self._used_up(node)}
        called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
        makers = _LAZY | {"type"}
        loose = any(isinstance(node, ast.Name) and node.id in makers and id(node) not in called for node in nodes)
        return loose or not made <= used_up

    def _used_up(self, node: ast.AST) -> list[ast.expr]:
        match node:
            case ast.For(iter=iterated) | ast.comprehension(iter=iterated):
                return [iterated]
            case ast.Starred(value=value):
                return [value]
            case ast.Call(func=ast.Attribute(attr=method), args=args) if method in _USE_UP:
                return args
            case ast.Assign(targets=[ast.Tuple() | ast.List()], value=value):
                return [value]
            # An iterator over an iterator is used up where the outer one is; of several arguments these return one.
            case ast.Call(func=func, args=[_, _, *_]) if self._is_builtin(func, frozenset({"max", "min", "next"})):
                return []
            case ast.Call(func=func, args=args) if self._is_builtin(func, _EAGER | _LAZY | {"next"}):
                return args
        return []


def bound_names(node: ast.AST) -> list[str]:
    """The names that this node itself binds."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
            return [name]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return [name]
        case ast.MatchMapping(rest=str(name)):
            return [name]
        case ast.alias():
            return [node.asname or node.name.partition(".")[0]]
    return []


def free_names(node: ast.AST) -> set[str]:
    """The names that ``node`` reads of the scope it stands in, at once or later; those it declares global included."""
    match node:
        case ast.Name(id=name, ctx=context):
            return set() if isinstance(context, ast.Store) else {name}
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            return set(names)
        case ast.AugAssign(target=ast.Name(id=name), value=value):
            return {name} | free_names(value)
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            first, *others = node.generators
            bound = {name for part in node.generators for name in target_names(part.target)}
            values = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
            inside: set[str] = set().union(*map(free_names, [*values, first.target, *first.ifs, *others]))
            return free_names(first.iter) | (inside - bound)
        case ast.Lambda():
            return free_names(node.args) | (free_names(node.body) - _parameters(node.args))
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            inside = set().union(*map(free_names, node.body))
            around = [*node.decorator_list, node.args, *([node.returns] if node.returns else [])]
            return (inside - _local_names(node)).union(*map(free_names, around))
    return _of_children(node)


def target_names(target: ast.AST) -> set[str]:
    """The names that an assignment to ``target`` binds."""
    return {node.id for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def own_nodes(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Every node of a scope; nested functions, lambdas and classes come as one node each."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _Function | ast.Lambda | ast.ClassDef):
            waiting.extend(ast.iter_child_nodes(node))


def _makes_iterator(node: ast.AST) -> bool:
    return isinstance(node, ast.GeneratorExp) or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _LAZY
    )


def _of_children(node: ast.AST) -> set[str]:
    return set().union(*map(free_names, ast.iter_child_nodes(node)))


def _parameters(arguments: ast.arguments) -> set[str]:
    return {node.arg for node in ast.walk(arguments) if isinstance(node, ast.arg)}


def _local_names(function: _Function) -> set[str]:
    nodes = list(own_nodes(function.body))
    declared = {name for node in nodes if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names}
    # What a comprehension binds is not the function's.
    inner = {id(part) for node in nodes if isinstance(node, _Comprehension) for part in ast.walk(node)}
    bound = {name for node in nodes if id(node) not in inner for name in bound_names(node)}
    return (bound | _parameters(function.args)) - declared


def _members_of_math(nodes: list[ast.AST]) -> set[str]:
    """Names of the module math and of what is imported from it, where nothing else has such a name."""
    found: set[str] = set()
    bindings = Counter(name for node in nodes for name in bound_names(node))
    for node in nodes:
        match node:
            case ast.Import(names=names):
                found.update(name for alias in names if alias.name == "math" for name in bound_names(alias))
            case ast.ImportFrom(module="math", names=names):
                found.update(name for alias in names for name in bound_names(alias))
    return {name for name in found if bindings[name] == 1}


def _is_wild(node: ast.AST) -> bool:
    match node:
        case ast.Import(names=names):
            return not all(alias.name in _TAME_MODULES for alias in names)
        case ast.ImportFrom(module=module):
            return module not in _TAME_MODULES
        case ast.Name(id=name):
            return name in _WILD_BUILTINS
        case ast.Attribute(attr=name):
            return name.startswith("__")
        case ast.Call(func=ast.Name(id="type"), args=args):
            return len(args) != 1
    return isinstance(
        node,
        ast.ClassDef | ast.Yield | ast.YieldFrom | ast.Await | ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith,
    )
