"""Docstrings: the shapes of what goes in and comes out, in the words of the code around them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from textwrap import wrap

from archgraph.codegen.analysis.names import is_identifier, variable
from archgraph.codegen.analysis.scopes import Var
from archgraph.codegen.analysis.size_expressions import is_part
from archgraph.codegen.classes.class_plan import ClassPlan, Plan
from archgraph.codegen.printing.layout import WIDTH
from archgraph.dims import Dim, Size
from archgraph.graph.plugin_use import UsedPlugin, plugins_in

_TITLE = re.compile(r"[A-Za-z0-9_.@-]+\Z")
LARGEST = 16


def file_docstring(plan: Plan) -> list[str]:
    """What the file is, and what the network maps."""
    title = plan.graph.title if _TITLE.match(plan.graph.title) else plan.root.name
    scope = plan.root.body.scope
    inputs = ", ".join(f"{variable(var.name)} {_plain(var)}" for var in scope.inputs)
    outputs = ", ".join(_plain(var) for var in scope.outputs)
    extra = ", ".join(_plain(var) for var in scope.training_outputs)
    said = f"{title}: {inputs} → {outputs}{f'; in training also {extra}' if extra else ''}."
    return _quoted("".join([said, *map(_of_plugin, plugins_in(plan.graph))]), "")


def _of_plugin(used: UsedPlugin) -> str:
    """Whose operations stand in the file, beside torch's."""
    return (
        f" With operations of {used.package} {used.version}: {', '.join(used.operations)}." if used.operations else ""
    )


def class_docstring(made: ClassPlan, arguments: Sequence[str]) -> list[str]:
    """`x [N, in_channels, H, W] → [N, planes * 4, H, W].`"""
    words = _Words(made, arguments)
    scope = made.body.scope
    inputs = [words.shape(i) for i in range(len(scope.inputs))]
    if len(arguments) > 1:
        inputs = [f"{name} {shape}" for name, shape in zip(arguments, inputs, strict=False)]
    inputs += arguments[len(inputs) :]
    outputs = [words.output(i) for i in range(len(scope.outputs))]
    if len(outputs) > 4:
        outputs = [*outputs[:2], "…", outputs[-1]]
    return _quoted(f"{', '.join(inputs)} → {', '.join(outputs)}.".lstrip(), "    ")


def _quoted(sentence: str, indent: str) -> list[str]:
    whole = f'{indent}"""{sentence}"""'
    if len(whole) <= WIDTH:
        return [whole]
    unbroken = re.sub(r"\[[^\]]*\]", lambda shape: shape[0].replace(" ", "\0"), sentence)
    found = wrap(unbroken, WIDTH - len(indent) - 3, break_long_words=False, break_on_hyphens=False)
    found = [line.replace("\0", " ") for line in found]
    if len(found) == 1:
        return [whole]
    found = [f'{indent}"""{found[0]}', *(f"{indent}{line}" for line in found[1:])]
    return [*found, f'{indent}"""']


def _plain(var: Var) -> str:
    return str(var.type)


class _Words:
    """Sizes of one class in words: numbers, the constructor's parameters, and letters for what depends on the input."""

    def __init__(self, made: ClassPlan, arguments: Sequence[str]):
        self.made = made
        self._letters: dict[str, str] = {}
        self._is_single = sum(scope.count for scope in made.scopes) == 1
        scope = made.body.scope
        for name, var in zip(arguments[len(scope.inputs) :], scope.sizes, strict=True):
            self._letters.setdefault(str(var.dim), name)
        if scope.call is not None and scope.call.kind == "block":
            for name, dim in scope.call.symbols.items():
                if isinstance(dim, Size) and is_identifier(name):
                    self._letters.setdefault(str(dim), name)

    def shape(self, place: int) -> str:
        """The shape of an input; its letters are known from then on."""
        var = self.made.body.scope.inputs[place]
        kinds = {i: scope.inputs[place].type for i, scope in enumerate(self.made.scopes)}
        alike = {i: kind.shape for i, kind in kinds.items() if kind.rank == var.type.rank}
        found = []
        for axis, dim in enumerate(var.type.shape):
            if isinstance(dim, Size) and not self.made.body.scope.root:
                self._letters.setdefault(str(dim), _letter(axis, var.type.shape, set(self._letters.values())))
            found.append(self._size(dim, {i: shape[axis] for i, shape in alike.items()}))
        return f"[{', '.join(found)}]"

    def output(self, place: int) -> str:
        scopes = self.made.scopes
        own = self.made.body.scope.outputs
        shape = own[place].type.shape
        alike = [
            i
            for i, scope in enumerate(scopes)
            if len(scope.outputs) == len(own) and scope.outputs[place].type.rank == len(shape)
        ]
        columns = ({i: scopes[i].outputs[place].type.shape[axis] for i in alike} for axis in range(len(shape)))
        return f"[{', '.join(self._size(dim, column) for dim, column in zip(shape, columns, strict=True))}]"

    def _size(self, dim: Dim, column: Mapping[int, Dim]) -> str:
        """A size in words, given what it is in each instance."""
        if isinstance(dim, Size):
            return str(dim) if self.made.body.scope.root else self._scaled(dim)
        sizes = list(column.values())
        if sizes.count(dim) == len(sizes):
            return str(dim)
        for parameter in self.made.parameters:
            given = [parameter.values[i] for i in column]
            if any(type(value) is not int for value in given):
                continue
            for factor in (1, 2, 3, 4, 6, 8):
                if given[0] * factor == sizes[0] and [value * factor for value in given] == sizes:
                    return parameter.name if factor == 1 else f"{parameter.name} * {factor}"
                if given[0] // factor == sizes[0] and [value // factor for value in given] == sizes:
                    return f"{parameter.name} // {factor}"
        return "C" if "C" not in self._letters.values() else "C'"

    def _scaled(self, dim: Size) -> str:
        if str(dim) in self._letters:
            return self._letters[str(dim)]
        for var in self.made.body.scope.inputs:
            for known in var.type.shape:
                if not isinstance(known, Size) or str(known) not in self._letters:
                    continue
                multiple = _multiple(dim, known)
                if multiple:
                    return f"{self._letters[str(known)]} * {multiple}"
                for factor in range(2, LARGEST + 1) if self._is_single else ():
                    if is_part(dim, known, factor):
                        return f"{self._letters[str(known)]} // {factor}"
        return self._primed(dim)

    def _primed(self, dim: Size) -> str:
        """What follows from a size in some other way is that size primed."""
        for known, letter in self._letters.items():
            names = set(re.findall(r"[A-Za-z_]\w*", known))
            if names and names == set(dim.symbols):
                return f"{letter}'"
        return "·"


def _multiple(dim: Size, known: Size) -> int:
    """How many times the known size makes the other, from twice on; 0 where it does not. Their first terms tell."""
    (monomial, coefficient), (other, each) = dim.terms[0], known.terms[0]
    factor = coefficient // each if monomial == other else 0
    return factor if 2 <= factor <= LARGEST and known * factor == dim else 0


def _letter(axis: int, shape: Sequence[Dim], taken: set[str]) -> str:
    """The usual letter of a dimension; of three, the last is a length where the one before is a number of channels."""
    of_three = "NCL" if isinstance(shape[-1], Size) and not isinstance(shape[-2:][0], Size) else "NLC"
    usual = {1: "N", 2: "NC", 3: of_three, 4: "NCHW"}.get(len(shape), "")[axis : axis + 1] or f"D{axis}"
    while usual in taken:
        usual += "'"
    return usual
