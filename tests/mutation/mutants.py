"""All mutants of a file: each is one small change of its syntax tree.

A mutant is known by its file, its function and the lines that it changes, as ``ast.unparse`` writes them. It stays
the same one when lines move or are formatted anew.
"""

from __future__ import annotations

import ast
import copy
import difflib
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMPARISONS: dict[type, list[type[ast.cmpop]]] = {
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
}
OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
MARKER = "mutated"
AROUND = 40
DROPPED = (ast.AugAssign, ast.Raise, ast.Delete, ast.Break, ast.Continue, ast.Assert)
UNTOUCHED = {"annotation", "returns", "decorator_list", "format_spec"}
"""Fields of nodes that are left alone: types, how a value class is made, how a number is written."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file.

    Args:
        file: Path below the root.
        number: Its place among the file's mutants.
        function: Qualified name of the function or class around the change; empty at module level.
        on_import: Whether the changed code runs when the file is loaded, not when something is called.
        lines: The original's lines: those of the change, then those of the statement around it.
        diff: What changes, line by line.
    """

    file: str
    number: int
    function: str
    on_import: bool
    lines: tuple[range, range]
    diff: str


class _Place(NamedTuple):
    """Where a node stands: in which statement, in which function, called or run on import."""

    statement: ast.AST
    scopes: tuple[str, ...] = ()
    on_import: bool = True


class _Change(NamedTuple):
    node: ast.AST
    place: _Place
    before: str
    after: str


def mutants(root: Path, file: str) -> list[Mutant]:
    """Return all mutants of a file, in the order of its text."""
    tree = _parse(root, file)
    return [
        Mutant(
            file,
            number,
            ".".join(change.place.scopes),
            change.place.on_import,
            (_lines(change.node), _lines(change.place.statement)),
            _diff(change.before, change.after),
        )
        for number, change in enumerate(_changes(tree, _Place(tree)))
    ]


def mutated(root: Path, mutant: Mutant) -> str:
    """Return the text of a mutant's file with the change in it."""
    tree = _parse(root, mutant.file)
    changes = _changes(tree, _Place(tree))
    next(itertools.islice(changes, mutant.number, None))
    return ast.unparse(tree)


def _parse(root: Path, file: str) -> ast.Module:
    return ast.parse((root / file).read_text(encoding="utf-8"))


def _changes(node: ast.AST, place: _Place) -> Iterator[_Change]:
    """Yield each change below a node while it is in the tree; the next step takes it out again."""
    for field, value in ast.iter_fields(node):
        for index, child in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(child, ast.AST) or _says_nothing(child) or _stands_aside(node, field, index):
                continue
            inside = _enter(place, node, field, child)
            replacements = list(_replacements(child))
            before = ast.unparse(inside.statement) if replacements else ""
            for new in replacements:
                _put(node, field, index, new)
                after = ast.unparse(new if child is inside.statement else inside.statement)
                yield _Change(child, inside, before, after)
            _put(node, field, index, child)
            yield from _changes(child, inside)


def _put(node: ast.AST, field: str, index: int, child: ast.AST) -> None:
    value = getattr(node, field)
    if isinstance(value, list):
        value[index] = child
    else:
        setattr(node, field, child)


def _enter(place: _Place, node: ast.AST, field: str, child: ast.AST) -> _Place:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        called = isinstance(node, ast.FunctionDef) and field == "body"
        place = _Place(place.statement, (*place.scopes, node.name), place.on_import and not called)
    return place._replace(statement=child) if isinstance(child, ast.stmt) else place


def _says_nothing(node: ast.AST) -> bool:
    """Whether a node has no effect when it runs: docstrings, imports, what only type checkers read."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")) | ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
    return False


def _stands_aside(node: ast.AST, field: str, index: int) -> bool:
    """Whether a child of a node is left alone for where it stands."""
    if field in UNTOUCHED:
        return True
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "cast" and (field, index) == ("args", 0)


def _replacements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what may stand in a node's place."""
    yield from _other_values(node)
    yield from _other_conditions(node)
    match node:
        case ast.Compare(ops=ops):
            for index, op in enumerate(ops):
                for other in COMPARISONS[type(op)]:
                    yield _with(node, ops=[*ops[:index], other(), *ops[index + 1 :]])
        case ast.BinOp(op=op) | ast.AugAssign(op=op) | ast.BoolOp(op=op) if type(op) in OPERATORS:
            yield _with(node, op=OPERATORS[type(op)]())
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.Call(keywords=keywords):
            for dropped in keywords:
                yield _with(node, keywords=[keyword for keyword in keywords if keyword is not dropped])
    if _may_be_dropped(node):
        yield ast.Pass()


def _other_values(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
        case ast.Constant(value=str()):
            yield ast.Constant(MARKER)
        case ast.Return(value=ast.Constant(value=None | False)):
            pass
        case ast.Return(value=ast.expr()):
            yield _with(node, value=ast.Constant(None))


def _other_conditions(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the opposite of a condition, unless an opposite comparison or a ``not`` taken away is the same."""
    match node:
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            field = "test"
        case ast.match_case(guard=ast.expr() as test):
            field = "guard"
        case ast.comprehension(ifs=[test]):
            field = "ifs"
        case _:
            return
    match test:
        case ast.Compare(ops=[_]) | ast.UnaryOp(op=ast.Not()):
            return
    opposite = ast.UnaryOp(ast.Not(), test)
    yield _with(node, **{field: [opposite] if field == "ifs" else opposite})


def _may_be_dropped(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Call()) | ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            return True
    return isinstance(node, DROPPED)


def _with(node: ast.AST, **changes: Any) -> ast.AST:
    """Return a shallow copy with other fields; what hangs below is shared and stays as it is."""
    new = copy.copy(node)
    for field, value in changes.items():
        setattr(new, field, value)
    return new


def _lines(node: Any) -> range:
    """Return a node's lines; of one with a body, those of its condition."""
    node = getattr(node, "test", getattr(node, "guard", None)) or node
    return range(node.lineno, node.end_lineno + 1) if hasattr(node, "lineno") else range(0)


def _diff(before: str, after: str) -> str:
    """Return the changed lines, cut down to the change and a little around it."""
    lines = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]
    texts = [line[2:].strip() for line in lines]
    first, last = _shared(texts) - AROUND, _shared([text[::-1] for text in texts]) - AROUND
    return "\n".join(f"{line[0]} {_cut(text, first, last)}" for line, text in zip(lines, texts, strict=True))


def _shared(texts: list[str]) -> int:
    """Return how many characters all of several texts begin with."""
    columns = zip(*texts, strict=False) if len(texts) > 1 else ()
    return sum(1 for _ in itertools.takewhile(lambda column: len(set(column)) == 1, columns))


def _cut(text: str, first: int, last: int) -> str:
    head = "… " if first > 0 else ""
    tail = " …" if last > 0 else ""
    return head + text[max(first, 0) : len(text) - max(last, 0)] + tail
