"""Mutants: small wrong versions of a source file, each one change of its syntax tree."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
}
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list", "reversed": "list"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: the file and lines, what stood there, what stands there now, and the whole text with it.

    `statement` is the first line of the statement that holds `line`; `runs_at_import` where no call of a function is
    needed to run it, as with a constant of a module or a field of a class.
    """

    file: Path
    line: int
    statement: int
    runs_at_import: bool
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        before, after = (text.partition("\n")[0][:100] for text in (self.before, self.after))
        return f"{self.file}:{self.line}: {before} → {after}"


@dataclass(frozen=True, slots=True)
class Change:
    """A field of a node that takes another value. `shown` is the node whose text tells what changed."""

    node: ast.AST
    field: str
    value: object
    shown: ast.AST


@dataclass(frozen=True, slots=True)
class Place:
    """The statement that holds a node, and whether it runs when the file is imported."""

    statement: int
    runs_at_import: bool


def mutants_of(file: Path, text: str) -> list[Mutant]:
    """All mutants of a file, each text once. Messages, docstrings, annotations and the examples of contracts stay:
    no behaviour hangs on them.
    """
    tree = ast.parse(text)
    made: dict[str, Mutant] = {}
    for node, place in _behaviour(tree, Place(1, True)):
        for change in _changes(node):
            line = getattr(change.shown, "lineno", place.statement)
            old, before = getattr(change.node, change.field), ast.unparse(change.shown)
            setattr(change.node, change.field, change.value)
            after, source = ast.unparse(change.shown), ast.unparse(tree)
            setattr(change.node, change.field, old)
            mutant = Mutant(file, line, place.statement, place.runs_at_import, before, after, source)
            made.setdefault(source, mutant)
    return list(made.values())


def chosen(files: list[Path], root: Path, count: int, seed: int) -> list[Mutant]:
    """A random sample over all mutants of some files."""
    pool = [mutant for file in files for mutant in mutants_of(file.relative_to(root), file.read_text(encoding="utf-8"))]
    return random.Random(seed).sample(pool, min(count, len(pool)))


def _behaviour(node: ast.AST, place: Place) -> Iterator[tuple[ast.AST, Place]]:
    """The nodes on which behaviour hangs, each with its place."""
    if isinstance(node, ast.Raise | ast.Assert | ast.Import | ast.ImportFrom):
        return
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
        return
    if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "examples":
        return
    if isinstance(node, ast.stmt):
        place = Place(node.lineno, place.runs_at_import)
    yield node, place
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        in_function = name == "body" and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        inner = Place(place.statement, False) if in_function else place
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _behaviour(child, inner)


def _changes(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Compare(ops=[op]) if type(op) in COMPARISONS:
            yield Change(node, "ops", [COMPARISONS[type(op)]()], node)
        case ast.BinOp(op=op) if type(op) in ARITHMETIC and not _is_text(node.left):
            yield Change(node, "op", ARITHMETIC[type(op)](), node)
        case ast.BoolOp(op=op):
            yield Change(node, "op", ast.Or() if isinstance(op, ast.And) else ast.And(), node)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield Change(node, "operand", ast.UnaryOp(ast.Not(), operand), node)
        case ast.Constant(value=bool(value)):
            yield Change(node, "value", not value, node)
        case ast.Constant(value=int(value)):
            yield Change(node, "value", value + 1, node)
        case ast.Constant(value=float(value)):
            yield Change(node, "value", 2 * value + 1, node)
        case ast.IfExp(test=test) if not isinstance(test, ast.Compare):
            yield Change(node, "test", ast.UnaryOp(ast.Not(), test), node)
        case ast.If(test=test) if not isinstance(test, ast.Compare):
            yield Change(node, "test", ast.UnaryOp(ast.Not(), test), node)
        case ast.Call(func=ast.Name(id=name)) if name in CALLS:
            yield Change(node.func, "id", CALLS[name], node)
        case ast.Return(value=value) if value is not None and not isinstance(value, ast.Constant):
            yield Change(node, "value", ast.Constant(None), node)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
