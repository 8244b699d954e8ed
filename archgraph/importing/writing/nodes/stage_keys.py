"""The keys of stages: the lists that they walk, and the arguments and paths of their steps."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from archgraph.importing.writing.copies.repeated_stages import StagesForm
from archgraph.importing.writing.copies.stage_arguments import OVER_STAGES, RISING
from archgraph.importing.writing.copies.step_paths import StepPath
from archgraph.importing.writing.modules.naming import name_of_entry
from archgraph.importing.writing.numbers.values import ValueWriter, as_data, conditional, literal
from archgraph.structure.class_parameters import MISSING
from archgraph.structure.terms import Term

_COUNT = "depth"
"""What the number of copies in each stage is called."""
_NUMBER = "stage"
"""What the number of a stage is called where copies inside have numbers of their own."""


class StageKeys:
    """Writes the arguments of steps; `lists` are those that the stages walk, by their names."""

    def __init__(self, writer: ValueWriter, known: Collection[str]):
        self.lists: dict[str, Any] = {}
        self._writer = writer
        self._known = {*known, "i", "first", "last", _NUMBER}

    def arguments(self, parts: Sequence[Term], several: bool) -> Iterator[tuple[str, Any]]:
        """The copies of a step that has `several` in some stages, and its arguments that differ from their defaults."""
        if several:
            yield "repeat", self._value(_COUNT, parts[0])
            parts = parts[1:]
        for part in parts:
            value = self._told(part)
            default = part.value[0] if part.value else MISSING
            if part.kind != "argument" or default is MISSING or value != as_data(default):
                yield part.text, value

    def _told(self, part: Term) -> Any:
        if part.parts[0].kind not in ("number", OVER_STAGES):
            return self._writer.written(part.parts[0])
        if part.kind in RISING:
            return self._rising(part)
        values = [self._value(part.text, one) for one in part.parts]
        if part.kind == "argument":
            return values[0]
        if part.kind == "each":
            return f"={literal(values[0])}[i]"
        return conditional("i % 2 == 0" if part.kind == "turns" else part.kind, values[0], values[1])

    def _rising(self, part: Term) -> str:
        rate, steps = (self._writer.written(one) for one in part.parts[:2])
        before = self._value("before", part.parts[2])
        text = f"={literal(rate)} * ({literal(before)} + i) / {literal(steps)}"
        return conditional("first", self._writer.written(part.parts[3]), text) if part.kind == RISING[1] else text

    def _value(self, word: str, part: Term) -> Any:
        """A number of all stages, or the name of a list that they walk."""
        if part.kind != OVER_STAGES:
            return self._writer.written(part)
        values = self._writer.written(part.parts[0])
        same = next((name for name, known in self.lists.items() if known == values and name.startswith(word)), "")
        if same:
            return f"={same}"
        name = name_of_entry(word, self._known | set(self.lists))
        self.lists[name] = values
        return f"={name}"


def stage_paths(form: StagesForm, depth: int) -> tuple[dict[str, Any], list[str]]:
    """The path of the stages as keys, and those of their steps, '' for one without weights. `depth` is how many levels
    of the module tree are groups around them."""
    owned = [path for path in form.paths if path is not None]
    levels = {(path.prefix, path.start, path.step, path.suffix.partition(".")[0]) for path in owned}
    if len(levels) == 1 and all("." in path.suffix for path in owned):
        path = owned[0]
        around = f"{_below(path.prefix, depth)}{_counted(path, 'i')}{path.suffix.partition('.')[0]}"
        inside = ["" if one is None else _copies(one, one.suffix.partition(".")[2]) for one in form.paths]
        return {"path": around}, inside
    several = any(path.inner is not None for path in owned)
    number = _NUMBER if several else "i"
    paths = [
        "" if one is None else f"{_below(one.prefix, depth)}{_counted(one, number)}{_copies(one, one.suffix)}"
        for one in form.paths
    ]
    return {"path": ".", **({"let": {_NUMBER: "=i"}} if several else {})}, paths


def _below(prefix: str, depth: int) -> str:
    return prefix.split(".", depth)[-1] if depth else prefix


def _counted(path: StepPath, number: str) -> str:
    times = number if path.step == 1 else f"{path.step} * {number}"
    return f"{{{times} + {path.start}}}" if path.start else f"{{{times}}}"


def _copies(path: StepPath, suffix: str) -> str:
    return suffix if path.inner is None else f"{suffix}{{i}}{path.inner}"
