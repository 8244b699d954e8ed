"""The keys and nodes of lists in sections: what they walk, the arguments of their layers, and the numbers of these."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from archgraph.importing.writing.classes.templates import WrittenStatement
from archgraph.importing.writing.copies.alike_sections import SectionsForm
from archgraph.importing.writing.copies.repeated_groups import PRESENT
from archgraph.importing.writing.copies.section_arguments import OF_ALL
from archgraph.importing.writing.modules.naming import node_name
from archgraph.importing.writing.nodes.stage_keys import StageKeys
from archgraph.importing.writing.numbers.values import ValueWriter, literal
from archgraph.structure.naming import free
from archgraph.structure.terms import Term

_COPIES, _BEFORE, _FIRST, _LAYERS = "depth", "before", "start", "layers"
"""What is called so: the copies of a section, those of the sections before, the number of its first module, and how
many numbers a copy takes."""


class SectionKeys:
    """Writes sections: their counts, and which of their layers are there, come first."""

    def __init__(self, statement: WrittenStatement, writer: ValueWriter, known: Collection[str]):
        self._form: SectionsForm = statement.term.value
        self._writer = writer
        counts, *rest = (part for part in statement.term.parts if part.kind != "variable")
        flags = [part for part in rest if part.kind == PRESENT]
        self._entries = rest[len(flags) :]
        written = writer.written(counts)
        self._counts = written if isinstance(written, list) else str(written).removeprefix("=")
        self._flags = {int(part.text): writer.written(part.parts[0]) for part in flags}
        self._depth, self._before, self._first, self._layers = (
            free(word, known) for word in (_COPIES, _BEFORE, _FIRST, _LAYERS)
        )
        self._stages = StageKeys(writer, {*known, self._depth, self._before, self._first, self._layers})
        self._stages.lists[self._depth] = written
        self._is_counted = False
        """Whether an argument is read by the number of its copy among all."""

    def members(self) -> Iterator[tuple[Term, dict[str, Any]]]:
        """Each layer and its arguments, with its copies, its number, and when it is there."""
        for layer, (entry, offset) in enumerate(zip(self._entries, self._form.numbers.offsets, strict=True)):
            keys: dict[str, Any] = {}
            if layer == self._form.ahead:
                keys["repeat"] = f"={self._depth}"
            for part in entry.parts:
                if part.kind == OF_ALL:
                    keys[part.text] = self._of_all(layer, part)
                else:
                    keys.update(self._stages.arguments([part], False))
            if offset is not None:
                keys["path"] = self._number(layer, offset)
            if layer in self._flags:
                keys["when"] = self._flags[layer]
            yield entry, keys

    def _of_all(self, layer: int, part: Term) -> str:
        """An argument of which each copy of each section has another value."""
        values = literal(self._writer.written(part.parts[0]))
        if layer not in self._form.in_copies:
            return f"={values}[i]"
        self._is_counted = True
        return f"={values}[{self._before} + i]"

    def _number(self, layer: int, offset: int) -> str:
        """The number of a layer in each copy."""
        form = self._form
        moved = "i" if layer in form.in_copies else self._depth if layer >= form.ahead + form.unit else ""
        copies = [_product(self._width, moved)] if moved else []
        return f"{{{' + '.join([self._first, *copies, *([str(offset)] if offset else [])])}}}"

    @property
    def _width(self) -> str:
        """How many numbers a copy takes."""
        return self._layers if self._flags else str(self._form.numbers.width)

    def keys(self) -> dict[str, Any]:
        """What the sections walk, and where each begins; to be asked for behind the members."""
        numbers, lists = self._form.numbers, self._stages.lists
        derived: dict[str, str] = {}
        if self._flags:
            derived[self._layers] = f"={self._layers_of_copy()}"
        if isinstance(self._counts, list):
            if self._is_counted:
                lists[self._before] = [sum(self._counts[:at]) for at in range(len(self._counts))]
            if not self._flags:
                lists[self._first] = numbers.firsts(self._counts)
                return {"for": lists}
        before = f"sum({literal(self._counts) if isinstance(self._counts, list) else self._counts}[:i])"
        if self._is_counted and self._before not in lists:
            derived[self._before] = f"={before}"
        before = self._before if self._is_counted else before
        apart = [_product(str(numbers.apart), "i")] if numbers.apart else []
        start = [str(numbers.start)] if numbers.start else []
        derived[self._first] = f"={' + '.join([_product(self._width, before), *apart, *start])}"
        return {"for": lists, "let": derived}

    def _layers_of_copy(self) -> str:
        """How many layers a copy has, where some are not always there."""
        width, there = self._form.numbers.width, [str(flag).removeprefix("=") for flag in self._flags.values()]
        if len(there) == 1:
            return f"{width} if {there[0]} else {width - 1}"
        return " + ".join([str(width - len(there)), *(f"(1 if {one} else 0)" for one in there)])


def _product(factor: str, other: str) -> str:
    return other if factor == "1" else f"{factor} * {other}"


def section_nodes(
    form: SectionsForm, members: Sequence[tuple[str, Mapping[str, Any]]], depth: int, taken: Collection[str]
) -> dict[str, Any]:
    """The nodes of sections, behind their own path, of layers that are called so and have these keys. `depth` is how
    many levels of the module tree are groups around them, `taken` are names that would hide others."""
    prefix = form.prefix.split(".", depth)[-1] if depth else form.prefix
    found: dict[str, Any] = {}
    unit: dict[str, Any] = {}
    group = node_name("layer", taken)
    repeat: Any = None
    names: list[str] = []
    for layer, (word, own) in enumerate(members):
        keys = dict(own)
        if "path" in keys:
            keys["path"] = f"{prefix}{keys['path']}"
        inside = layer in form.in_copies and form.unit > 1
        if inside and "repeat" in keys:
            repeat = keys.pop("repeat")
        name = node_name(word, {*taken, *names, group})
        names.append(name)
        (unit if inside else found)[name] = keys["op"] if list(keys) == ["op"] else keys
        if inside and layer == form.in_copies[-1]:
            found[group] = {"repeat": repeat, "path": ".", "nodes": unit}
    return {"path": ".", "nodes": found}
