"""What others add to the name of a node to read one of its values: an output, the number of a copy, or both."""

from __future__ import annotations

from collections.abc import Sequence

from archgraph.graph.types import Call
from archgraph.importing.writing.classes.listed_inputs import listed_outputs
from archgraph.importing.writing.nodes.lines import Line


def port_of(line: Line, value: int) -> str:
    """The name of an output where there are several, or the number of a copy; '' for the result of a line."""
    place = line.outs.index(value)
    copies = line.copies_read
    if line.parts:
        return _part_of_copy(line.parts, place)
    if copies or len(line.outs) == 1:
        return str(copies[place]) if place < len(copies) else ""
    made = line.statement.made
    names = list(made.body.outputs) if isinstance(made, Call) else [one.name.rpartition(".")[2] for one in made.outputs]
    return listed_outputs(names, line.statement.listed).get(names[place], names[place])


def _part_of_copy(parts: Sequence[Sequence[str]], place: int) -> str:
    """The name of a value among those that all copies hand out, with the number of its copy unless that is the last."""
    for copy, names in enumerate(parts):
        if place < len(names):
            return names[place] if copy == len(parts) - 1 else f"{copy}.{names[place]}"
        place -= len(names)
    raise AssertionError("a line makes what it is asked for")
