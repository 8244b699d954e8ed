"""ONNX Runtime's kernels under the paths of the graph.

A file's nodes are named by their paths. The runtime's optimiser fuses them, and names what it makes after one of those
that it replaces (`unit.0.relu_nchwc`, `act/QuickGeluFusion/`). What it adds by itself, to change the layout of values,
has no path in its name; it belongs to the kernel that makes or takes the values.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archgraph.graph.types import Graph, walk
from archgraph.runtime.kernel_times import Kernel

LAYOUT = "layout and copies"
SIZES = "sizes at run time"
"""Where kernels go that belong to no node: changes of layout that belong to no operation, and arithmetic on shapes."""

_ADDED = re.compile(r"^InsertedPrecisionFreeCast_")
_ENDS = re.compile(r"(_nchwc|_token_\d+|_quant|\.weight|\.bias|_(De)?[qQ]uantize(Linear|d)?|_\d+|/[^/]*|/)$")
_OF_SIZES = ("sizes/", "shapes/")


@dataclass(frozen=True, slots=True)
class FileNode:
    """A node of the file: its operator, and the names of what it reads and makes."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def file_nodes(model: Any) -> list[FileNode]:
    """The nodes of an ONNX model."""
    return [FileNode(node.name, node.op_type, tuple(node.input), tuple(node.output)) for node in model.graph.node]


def kernels_by_path(
    kernels: Sequence[Kernel], nodes: Sequence[FileNode], graph: Graph, folded: Mapping[str, str]
) -> list[tuple[Kernel, str]]:
    """Each kernel with the path of its node, or with LAYOUT or SIZES.

    `folded` maps the norms that became part of a layer to that layer, which is the one that works.
    """
    return _PathSearch(nodes, {item.path for item in walk(graph)}, folded).all(kernels)


@dataclass
class _PathSearch:
    nodes: Sequence[FileNode]
    paths: Collection[str]
    folded: Mapping[str, str]
    named: dict[str, FileNode] = field(init=False)
    makers: dict[str, FileNode] = field(init=False)

    def __post_init__(self) -> None:
        self.makers = {value: node for node in self.nodes for value in node.outputs}
        self.named = self.makers | {node.name: node for node in self.nodes}

    def all(self, kernels: Sequence[Kernel]) -> list[tuple[Kernel, str]]:
        found = [
            next((self.named[name] for name in trimmed(kernel.name) if name in self.named), None) for kernel in kernels
        ]
        run = {node.name for node in found if node is not None}
        known = [self._path(kernel, node, run) for kernel, node in zip(kernels, found, strict=True)]
        return [
            (kernel, path or _neighbour_path(at, kernels, known) or LAYOUT)
            for at, (kernel, path) in enumerate(zip(kernels, known, strict=True))
        ]

    def _path(self, kernel: Kernel, node: FileNode | None, run: Collection[str]) -> str:
        """The path by a kernel's name or its node; '' where they have none."""
        if kernel.name.startswith(_OF_SIZES):
            return SIZES
        names = [kernel.name]
        if node is not None:
            names = [self._working(node, kernel.operation, run).name, node.name, *node.outputs, *names]
        paths = (name for wish in names for name in trimmed(wish) if name in self.paths)
        path = next(paths, "")
        return self.folded.get(path, path)

    def _working(self, node: FileNode, operation: str, run: Collection[str]) -> FileNode:
        """The node that gave a fused kernel its operation: a convolution, where what follows it was taken in."""
        seen, front = {node.name}, [node]
        while front:
            here = front.pop(0)
            if here.kind == operation:
                return here
            before = (self.makers[name] for name in here.inputs if name in self.makers)
            fresh = [item for item in before if item.name not in seen and item.name not in run]
            seen |= {item.name for item in fresh}
            front += fresh
        return node


def trimmed(name: str) -> Iterator[str]:
    """A name, then the same without the suffixes of the optimiser, one by one."""
    name = _ADDED.sub("", name)
    while name:
        yield name
        shorter = _ENDS.sub("", name)
        if shorter == name:
            return
        name = shorter


def _neighbour_path(at: int, kernels: Sequence[Kernel], known: Sequence[str]) -> str:
    """The path of the nearest kernel that made what a change of layout reads; for one that prepares values for a
    blocked kernel, of the nearest that reads what it makes. '' where none has these shapes."""
    kernel = kernels[at]
    own = [i for i, path in enumerate(known) if path not in ("", SIZES)]
    before = [i for i in reversed(own) if i < at and kernels[i].outputs[:1] == kernel.inputs[:1]]
    after = [i for i in own if i > at and kernels[i].inputs[:1] == kernel.outputs[:1]]
    chosen = after or before if kernel.operation == "ReorderInput" else before or after
    return known[chosen[0]] if kernel.inputs and chosen else ""
