"""Terms as text: documents for the layout, given what values, sizes and modules are called in the forward around."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from archgraph.codegen.analysis.names import is_attribute
from archgraph.codegen.analysis.terms import ADDED, IN_TRAINING, copies, literal
from archgraph.codegen.printing.layout import Bracket, Clause, Doc, flat
from archgraph.errors import CompileError
from archgraph.structure.terms import Term

_BOUND = re.compile(r"-?\w*\Z")
_BINDS = {":": 0, IN_TRAINING: 0, "+": 1, "-": 1, "*": 2, "/": 2, "//": 2, "@": 2, ADDED: 9}


_WHOLE = ("0", "None")
"""The bounds of a range that is all there is, which nobody writes."""
REACHED = "reached"
"""Stands among the containers for a module that is made elsewhere and is reached by its path."""


@dataclass(slots=True)
class CodeNames:
    """What a forward calls things. `variables` by the value's number, `sizes` by value and axis."""

    variables: dict[int, str] = field(default_factory=dict)
    sizes: dict[tuple[int, int], str] = field(default_factory=dict)
    modules: Callable[[str], str] = lambda path: f"self.{path}"
    cast: str = ""
    device: str = ""
    tensors: Callable[[str], str] = lambda path: f"self.{path}"


def document(term: Term, names: CodeNames) -> Doc:
    """The text of a term."""
    return _WRITERS[term.kind](term, names)


def line(term: Term, names: CodeNames) -> str:
    """The text of a term on one line."""
    return flat(document(term, names))


def accessed(path: str, containers: dict[str, str]) -> str:
    """`self.a[0].b` for a module path, given which of its levels are lists and dicts."""
    code = "self"
    level = ""
    owner, _, name = path.rpartition(".")
    if containers.get(owner) == REACHED:
        return f'self.get_submodule("{owner}").{name}'
    for part in path.split("."):
        kind = containers.get(level, "")
        if is_attribute(part):
            code += f".{part}"
        elif kind == "nn.ModuleDict":
            code += f'["{part}"]'
        elif part.isdigit() and (kind == "nn.ModuleList" or code != "self"):
            code += f"[{part}]"
        else:
            code = f'getattr({code}, "{part}")'
        level = f"{level}.{part}".strip(".")
    return code


def module_access(path: str, containers: dict[str, str]) -> str:
    """The code for the module at a path: `self` for '', a call where it is made elsewhere, below a numbered child."""
    if containers.get(path) == REACHED:
        return f'self.get_submodule("{path}")'
    return accessed(path, containers) if path else "self"


def tensor_attribute(path: str, containers: dict[str, str]) -> str:
    """`self.a.scale` for the path of a tensor; one whose name cannot stand behind a dot is read by `getattr`."""
    owner, _, name = path.rpartition(".")
    if is_attribute(name):
        return accessed(path, containers)
    return f'getattr({module_access(owner, containers)}, "{name}")'


def _text(term: Term, names: CodeNames) -> Doc:
    return (term.text,)


def _number(term: Term, names: CodeNames) -> Doc:
    return _value(term.value)


def _value(value: Any) -> Doc:
    """A number, or a tuple of them, which is broken where it is too long for a line."""
    if isinstance(value, tuple) and len(value) > 1:
        return (Bracket("(", tuple(map(_value, value)), ")", explode=True),)
    return (literal(value),)


def _call(term: Term, names: CodeNames) -> Doc:
    return (term.text, Bracket("(", _changed_arguments(term.parts, names), ")"))


def _changed_arguments(parts: tuple[Term, ...], names: CodeNames) -> tuple[Doc, ...]:
    """The arguments, without keywords whose value is torch's default."""
    kept = [part for part in parts if part.kind != "keyword" or not _is_default(part)]
    return tuple(_starred(part, names) for part in rows(kept))


def rows(parts: Sequence[Term]) -> list[Term]:
    """Constructions with rows of equal ones as copies: a row that is all of them, or at least three."""
    if [part.kind for part in parts].count("call") < 2:
        return list(parts)
    found: list[Term] = []
    start = 0
    while start < len(parts):
        end = start + 1
        while end < len(parts) and parts[end] == parts[start] and parts[start].kind == "call":
            end += 1
        whole = end - start == len(parts) and end - start > 1
        if whole or end - start > 2:
            found.append(copies(parts[start], end - start))
        else:
            found.extend(parts[start:end])
        start = end
    return found


def _is_default(part: Term) -> bool:
    (value,) = part.parts
    if part.value is None or value.kind not in ("text", "number"):
        return False
    written = value.text if value.kind == "text" else literal(value.value)
    return written == literal(part.value[0]) or _same_number(written, part.value[0])


def _same_number(written: str, default: object) -> bool:
    """`0` is the default 0.0, but True is not the default 1."""
    try:
        return type(default) is float and float(written) == default
    except ValueError:
        return False


def _starred(part: Term, names: CodeNames) -> Doc:
    if part.kind == "copies":
        return ("*", Bracket("[", (_copied(part, names),), "]", comma=False))
    return document(part, names)


def _copied(term: Term, names: CodeNames) -> Doc:
    child, count = term.parts
    return (*document(child, names), Clause(f"for _ in range({line(count, names)})"))


def _keyword(term: Term, names: CodeNames) -> Doc:
    return (f"{term.text}=", *document(term.parts[0], names))


def _method(term: Term, names: CodeNames) -> Doc:
    target, *given = term.parts
    return (*_bound(target, names, 9), f".{term.text}", Bracket("(", _changed_arguments(tuple(given), names), ")"))


def _infix(term: Term, names: CodeNames) -> Doc:
    left, right = term.parts
    if term.text == ADDED:
        return (*_bound(left, names, 9), ".add_", Bracket("(", (document(right, names),), ")"))
    binds = _BINDS[term.text]
    if term.text == ":":
        return (_range(term, names),)
    mixed = left.kind == "infix" and left.text == "//"  # a // b * c needs no parentheses, but its reader does
    return (*_bound(left, names, binds + mixed), f" {term.text} ", *_bound(right, names, binds + 1))


def _range(term: Term, names: CodeNames) -> str:
    """`1:5` as ruff sets it: with spaces around the colons where a bound is more than a name or a number."""
    bounds: list[str] = []
    while term.kind == "infix" and term.text == ":":
        term, bound = term.parts
        bounds.insert(0, line(bound, names))
    bounds.insert(0, line(term, names))
    bounds[:2] = ("" if bound == default else bound for bound, default in zip(bounds, _WHOLE, strict=False))
    plain = all(_BOUND.match(bound) for bound in bounds)
    return ":".join(bounds) if plain else " : ".join(bounds).replace(" :  : ", " :: ").strip()


def _bound(term: Term, names: CodeNames, binds: int) -> Doc:
    """An operand, in parentheses where it binds less."""
    inner = document(term, names)
    if term.kind == "local" and term.parts and not names.cast and term.text != "float32":
        return _bound(term.parts[0], names, binds)  # nothing stands behind it
    weak = term.kind == "infix" and _BINDS[term.text] < binds
    negative = term.kind in ("text", "number") and flat(inner).startswith("-") and binds > 1
    return ("(", *inner, ")") if weak or negative else inner


def _item(term: Term, names: CodeNames) -> Doc:
    target, *places = term.parts
    inner = ", ".join(line(place, names) for place in places)
    return (*_bound(target, names, 9), f"[{inner}]")


def _tuple(term: Term, names: CodeNames) -> Doc:
    items = tuple(document(part, names) for part in term.parts)
    if len(items) == 1:
        return ("(", *items[0], ",)")
    return (Bracket("(", items, ")", explode=True),)


def _list(term: Term, names: CodeNames) -> Doc:
    parts = rows(term.parts)
    if len(parts) == 1 and parts[0].kind == "copies":
        return (Bracket("[", (_copied(parts[0], names),), "]", comma=False),)
    return (Bracket("[", tuple(_starred(part, names) for part in parts), "]", explode=True),)


def _named(term: Term, names: CodeNames) -> Doc:
    pairs = [(f'"{entry.text}"', document(entry.parts[0], names)) for entry in term.parts]
    if term.text == "dict":
        return (Bracket("{", tuple((f"{key}: ", *value) for key, value in pairs), "}", explode=True),)
    listed: tuple[Doc, ...] = tuple((Bracket("(", ((key,), value), ")", explode=True),) for key, value in pairs)
    return ("OrderedDict", Bracket("(", ((Bracket("[", listed, "]", explode=True),),), ")"))


def _counted(term: Term, names: CodeNames) -> Doc:
    child, first, count = term.parts
    start, length = line(first, names), line(count, names)
    span = length if start == "0" else f"{start}, {_plus(start, length)}"
    each: Doc = (Bracket("(", ((f'f"{term.text}{{i}}"',), document(child, names)), ")"), f" for i in range({span})")
    return ("OrderedDict", Bracket("(", (each,), ")", comma=False))


def _plus(start: str, length: str) -> str:
    return str(int(start) + int(length)) if start.isdigit() and length.isdigit() else f"{start} + {length}"


def _spread(term: Term, names: CodeNames) -> Doc:
    written = line(term.parts[0], names)
    inner = written[1:-1].removesuffix(",") if written.startswith("(") else written
    return (inner or written,)


def _variable(term: Term, names: CodeNames) -> Doc:
    return (names.variables[term.value],)


def _shape(term: Term, names: CodeNames) -> Doc:
    value, axis = term.value
    return (names.sizes.get((value, axis), f"{names.variables[value]}.shape[{axis}]"),)


def _apply(term: Term, names: CodeNames) -> Doc:
    return (names.modules(term.text), Bracket("(", tuple(document(part, names) for part in term.parts), ")"))


def _module(term: Term, names: CodeNames) -> Doc:
    return (names.modules(term.text),)


def _attribute(term: Term, names: CodeNames) -> Doc:
    return (names.tensors(term.text),)


def _local(term: Term, names: CodeNames) -> Doc:
    if term.text == "device":
        return (names.device,)
    if names.cast:
        return (*_bound(term.parts[0], names, 9), ".to", Bracket("(", ((names.cast,),), ")"))
    if term.text == "float32":
        return (*_bound(term.parts[0], names, 9), ".float()")
    return document(term.parts[0], names)


def _refused(term: Term, names: CodeNames) -> Doc:
    raise CompileError(f"a {term.kind} was left in the code", received=term.text)


_WRITERS: dict[str, Callable[[Term, CodeNames], Doc]] = {
    "text": _text,
    "number": _number,
    "call": _call,
    "keyword": _keyword,
    "method": _method,
    "infix": _infix,
    "item": _item,
    "tuple": _tuple,
    "list": _list,
    "named": _named,
    "counted": _counted,
    "spread": _spread,
    "variable": _variable,
    "shape": _shape,
    "apply": _apply,
    "attribute": _attribute,
    "module": _module,
    "local": _local,
    "copies": _starred,
    "ref": _refused,
    "own": _refused,
    "size": _refused,
    "entry": _refused,
}
