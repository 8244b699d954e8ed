"""The expressions of generated code as terms, with holes for numbers and operands.

Rules make terms with the numbers of one instance; what differs between instances becomes a constructor parameter. Text
comes last.
"""

from __future__ import annotations

import re
from typing import Any

from archgraph.dims import Dim
from archgraph.errors import CompileError
from archgraph.structure.terms import Term, number

WORD = re.compile(r"[a-z][a-z0-9_-]*\Z")
_MISSING = object()
_made = tuple.__new__


def text(code: str) -> Term:
    """Code that a rule of this package wrote: never anything from a spec."""
    return _made(Term, ("text", code, (), None))


def ref(port: str) -> Term:
    """What is connected to a port."""
    return _made(Term, ("ref", port, (), None))


def own(weight: str) -> Term:
    """A weight that the node owns although its module is no leaf of torch's."""
    return Term("own", weight)


def size(dim: Dim, role: str = "size") -> Term:
    """A size that a forward needs; a plain number where it does not depend on the inputs."""
    return _made(Term, ("number" if isinstance(dim, int) else "size", role, (), dim))


def local(name: str, *parts: Term) -> Term:
    """What depends on the forward around it: `cast` to the type of the sample; `float32`, the same for what is not
    floating before; the `device` of the inputs."""
    return _made(Term, ("local", name, parts, None))


def call(head: str, *parts: Term) -> Term:
    """`head(part, …)`."""
    return _made(Term, ("call", head, parts, None))


def keyword(name: str, value: Term, default: Any = _MISSING) -> Term:
    """`name=value`, left out where all instances have the default."""
    return _made(Term, ("keyword", name, (value,), None if default is _MISSING else (default,)))


def method(target: Term, name: str, *parts: Term) -> Term:
    """`target.name(part, …)`."""
    return _made(Term, ("method", name, (target, *parts), None))


IN_TRAINING = "if self.training else"
ADDED = "+="
"""The operator of a sum that overwrites its left operand: `x += h`, or `x.add_(h)` inside of an expression."""


def in_training(value: Term, otherwise: Term) -> Term:
    """`value if self.training else otherwise`."""
    return infix(IN_TRAINING, value, otherwise)


def infix(operator: str, left: Term, right: Term) -> Term:
    """`left operator right`."""
    return _made(Term, ("infix", operator, (left, right), None))


def item(target: Term, *indices: Term) -> Term:
    """`target[index, …]`."""
    return Term("item", "", (target, *indices))


def sequence(*parts: Term) -> Term:
    """`(part, …)`."""
    return Term("tuple", "", parts)


def listing(*parts: Term) -> Term:
    """`[part, …]`."""
    return Term("list", "", parts)


def copies(child: Term, count: int) -> Term:
    """`count` times the same construction."""
    return Term("copies", "", (child, number("depth", count)))


def spread(role: str, values: tuple[int, ...]) -> Term:
    """Several numbers as arguments of their own, or one tuple in their place."""
    return Term("spread", "", (number(role, values),))


def literal(value: Any) -> str:
    """The text of a number, a bool, None, a tuple of them, or a word. Raises CompileError for anything else."""
    if isinstance(value, tuple):
        inner = ", ".join(literal(part) for part in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return f'float("{value}")'
    if value is None or type(value) in (bool, int, float):
        return repr(value)
    if isinstance(value, str) and WORD.match(value):
        return f'"{value}"'
    raise CompileError("a value cannot be written into code", expected="a number or a word", received=repr(value)[:80])


def folded(value: Any) -> Any:
    """A tuple of equal numbers as the one number that torch takes for it."""
    if isinstance(value, tuple) and value and len(set(value)) == 1:
        return value[0]
    return value
