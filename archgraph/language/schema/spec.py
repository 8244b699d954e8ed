"""A validated spec as plain frozen data, for the elaborator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from functools import cached_property
from typing import Any

from archgraph.language.reading.document import Document
from archgraph.language.schema.parameter_types import ParameterType
from archgraph.language.schema.references import OutputNames
from archgraph.records import record

Path = tuple[str | int, ...]
SUFFIXES = (".yaml", ".yml", ".json")


@record(slots=False)
class InputSpec:
    """An input. Entries of `shape` are numbers, names of symbols, expressions, '...' for leading dimensions, or '_' for
    a size without a name. With `each` it is a value for each entry of a list, which the shape calls `entry`."""

    name: str
    shape: tuple[Any, ...]
    dtype: str = "float32"
    when: Any = None
    bounds: tuple[str, ...] = ()
    where: Path = ()
    each: Any = None
    entry: str = ""


@record(slots=False)
class BodySpec:
    """Nodes in the order of the file, and what they hand out: no `outputs` where that is the last node's value."""

    nodes: tuple[NodeSpec, ...] = ()
    outputs: dict[str, OutputNames] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    stacks: tuple[str, ...] = ()

    @property
    def handed_out(self) -> Iterator[str]:
        """The names after `outputs:`."""
        for given in self.outputs.values():
            yield from (given,) if isinstance(given, str) else given


@record(slots=False)
class NodeSpec:
    """A node: an operation or block (`op`), a group (`body`), or another node's module applied again (`share`).

    `outputs` are the values inside a block that are handed out in place of the block's own outputs. With `training` it
    is computed in training only. `input` is the name of a group's input, with its shape;
    `otherwise` the name of what is handed on where the node is left out, in place of what its main port would read.
    """

    name: str
    op: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    inputs: str | list[str] | dict[str, Any] | None = None
    when: Any = None
    repeat: Any = None
    loop: dict[str, Any] = field(default_factory=dict)
    map: Any = False
    chain: tuple[str, ...] = ()
    scan: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, OutputNames] = field(default_factory=dict)
    push: str | None = None
    path: str | None = None
    let: dict[str, Any] = field(default_factory=dict)
    body: BodySpec | None = None
    tie: dict[str, str] = field(default_factory=dict)
    share: str | None = None
    training: bool = False
    where: Path = ()
    input: InputSpec | None = None
    otherwise: str | None = None

    @property
    def repeated(self) -> bool:
        """Whether it stands for copies."""
        return self.repeat is not None or bool(self.loop)


@record(slots=False)
class BlockSpec:
    """A block, or the model itself. `parameter_counts` are published numbers by preset (None: without one); `blocks`
    are those that only its own nodes, and theirs, may name; `operations` are names that mean the operation in it."""

    name: str
    about: str
    params: dict[str, ParameterType]
    presets: dict[str, dict[str, Any]]
    inputs: dict[str, InputSpec]
    let: dict[str, Any]
    body: BodySpec
    asserts: tuple[tuple[str, str | None], ...]
    parameter_counts: dict[str | None, int]
    meta: dict[str, Any]
    document: Document
    where: Path = ()
    blocks: dict[str, BlockSpec] = field(default_factory=dict)
    preset: str = ""
    operations: tuple[str, ...] = ()

    @cached_property
    def node_parameters(self) -> tuple[str, ...]:
        """The parameters that take a node."""
        return tuple(name for name, kind in self.params.items() if kind.text.startswith("node"))


@record(slots=False)
class UsedFile:
    """An entry of `use`: a path or the name of a shipped network, each with a preset or without.

    `name` is the one it is given here, '' in a list of files.
    """

    file: str
    name: str
    where: Path

    @property
    def is_path(self) -> bool:
        """Whether it names a file rather than a shipped network."""
        return "/" in self.file or self.path.endswith(SUFFIXES)

    @property
    def path(self) -> str:
        """The file without the preset."""
        before, _, _ = self.file.rpartition("@")
        return before if before and not self.file.endswith(SUFFIXES) else self.file

    @property
    def preset(self) -> str | None:
        """The preset after the @."""
        return self.file[len(self.path) + 1 :] or None

    @property
    def network(self) -> str:
        """The name of the shipped network; '' for a path."""
        return "" if self.is_path else self.path


@record(slots=False)
class Spec:
    """A spec: the model itself, the blocks that it defines, and the files whose blocks it uses."""

    block: BlockSpec
    blocks: dict[str, BlockSpec]
    use: tuple[UsedFile, ...]
    document: Document
