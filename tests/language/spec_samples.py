"""Small specs for the tests of this room, and what can be read off the graphs they become."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import Any

from archgraph.errors import SpecError
from archgraph.graph import Graph, flow, walk, weights
from archgraph.graph.flat_network import ValueSource
from archgraph.graph.types import Call, Node
from archgraph.language.library import BLOCKS
from archgraph.language.library import SpecRequest as Request
from archgraph.language.load import elaborate
from archgraph.language.reading.document import read_text
from archgraph.language.schema.spec import Spec
from archgraph.language.schema.validation import validate

HEAD = "archgraph: 1\nname: net\n"
CONV = "op: conv2d, out_channels: 4, kernel_size: 1, bias: false"
IMAGE = "inputs: {x: [N, 4, H, W]}\n"


def spec(text: str, file: str = "net.yaml") -> Spec:
    """The validated spec in a text, with its first two lines added where they are missing. `CONV` is a convolution."""
    text = textwrap.dedent(text).lstrip("\n").replace("CONV", CONV)
    return validate(read_text(text if text.startswith("archgraph:") else HEAD + text, file))


def net(text: str, preset: str | None = None, **params: Any) -> Graph:
    """The graph of a spec. Without `inputs:` it has one: an image x of 4 channels."""
    text = textwrap.dedent(text).lstrip("\n")
    return elaborate(Request(spec(text if re.search("^inputs:", text, re.M) else IMAGE + text), preset), params)


def nodes(text: str, **params: Any) -> Graph:
    """The graph of a spec of which only the nodes are given."""
    return net("nodes:\n" + textwrap.indent(textwrap.dedent(text).strip("\n"), "  "), **params)


def refusal(text: str, preset: str | None = None, **params: Any) -> str:
    """What is said of a spec that is wrong."""
    try:
        net(text, preset, **params)
    except SpecError as error:
        return str(error)
    raise AssertionError("nothing was refused")


def assert_says(text: str, said: str, preset: str | None = None, **params: Any) -> None:
    """The whole of what is said of a spec that is wrong; BLOCKS stands for the folder of the standard blocks."""
    assert refusal(text, preset, **params).replace(str(BLOCKS), "BLOCKS") == textwrap.dedent(said).strip("\n")


def messages(text: str, preset: str | None = None, **params: Any) -> list[str]:
    """The first line of each problem, without its place."""
    try:
        net(text, preset, **params)
    except SpecError as error:
        return [problem.message for problem in error.problems]
    return []


def keys(graph: Graph) -> list[str]:
    """The state dict's keys in torch's order."""
    return [item.key for item in weights(graph)]


def paths(graph: Graph) -> list[str]:
    """The paths of all operations in the order of the flow."""
    return [placed.path for placed in walk(graph)]


def addresses(graph: Graph) -> list[str]:
    """Where all operations stand in the source."""
    return [placed.node.origin.address for placed in walk(graph)]


def node(graph: Graph, path: str) -> Node:
    """The operation at a path."""
    return next(placed.node for placed in walk(graph) if placed.path == path)


def calls(graph: Graph) -> dict[str, Call]:
    """All calls by their address in the source."""
    found: dict[str, Call] = {}
    for placed in walk(graph):
        found.update({call.origin.address: call for call in placed.calls})
    return found


def formula(graph: Graph, output: str = "") -> str:
    """What an output computes, as nested operations over the inputs: `add(relu(x), x)`.

    Operations with weights show their path after a colon, other outputs than the first their number: `conv2d:a(x)`,
    `chunk(x)[1]`.
    """
    found = flow(graph)
    steps = {step.path: step for step in found.steps}

    def text(source: ValueSource) -> str:
        if source.path.startswith("input:"):
            return source.path.removeprefix("input:")
        step = steps[source.path]
        assert isinstance(step.item, Node)
        owned = f":{step.path}" if step.item.weights else ""
        again = f":again {step.item.shares.name}" if step.item.shares else ""
        part = f"[{source.output}]" if source.output else ""
        return f"{step.item.op.name}{owned}{again}({', '.join(text(read) for read in step.reads.values())}){part}"

    return text(found.outputs[output or next(iter(found.outputs))])


def described(graph: Graph) -> Iterator[Any]:
    """All that a graph says: operations with types, weights and places, values by number, and what they rest on."""
    numbers: dict[int, int] = {}

    def body(graph: Graph) -> Iterator[Any]:
        yield [(numbers.setdefault(id(v), len(numbers)), v.name, v.type, v.origin) for v in graph.inputs]
        for item in graph.items:
            read = item.inputs if isinstance(item, Call) else tuple(item.inputs.values())
            yield item.name, item.origin, [numbers[id(value)] for value in read]
            yield [(numbers.setdefault(id(v), len(numbers)), v.name, v.type, v.origin) for v in item.outputs]
            if isinstance(item, Call):
                yield item.kind, item.hidden, item.block, item.arguments, item.symbols
                yield from body(item.body)
            else:
                yield item.op, item.weights, item.ties
            yield numbers.setdefault(id(item), len(numbers)), item.shares and numbers[id(item.shares)]
        yield [(name, numbers[id(value)]) for name, value in graph.outputs.items()], graph.order

    yield from body(graph)
    yield graph.constraints, graph.warnings, graph.info
