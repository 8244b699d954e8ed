"""What a node's `op:` (or `share:`) stands for: an operation, a block, or a node that was handed in."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from archgraph.dims import Facts
from archgraph.errors import Problem, SchemaError, UnknownNameError, WiringError, nearest
from archgraph.graph.types import Call, Node
from archgraph.ops.contract import REGISTRY, Operation
from archgraph.spec.expressions import compile_expression, is_expression
from archgraph.spec.frame import Frame, Place
from archgraph.spec.library import Definitions
from archgraph.spec.schema import BlockSpec, NodeSpec


@dataclass(frozen=True, slots=True)
class Handed:
    """A node given as an argument: it is applied where the block asks, with the names of where it was written."""

    spec: NodeSpec
    scope: dict[str, Any]
    place: Place

    def frame_like(self, frame: Frame) -> Frame:
        """The same body, seen with the definitions and the document of where the node was written."""
        view = copy.copy(frame)
        view.place = replace(frame.place, document=self.place.document, definitions=self.place.definitions)
        return view


@dataclass(frozen=True, slots=True)
class Target:
    """What a node applies. `definitions` belong to a block; `shares` is the item whose modules are applied again."""

    what: type[Operation] | BlockSpec | Handed
    definitions: Definitions | None = None
    shares: Node | Call | None = None
    arguments: Mapping[str, Any] | None = None


def resolve(frame: Frame, spec: NodeSpec, scope: Mapping[str, Any], facts: Facts) -> Target:
    """Raises UnknownNameError for an `op` or a `share` that does not exist."""
    if spec.share is not None:
        return _shared(frame, spec)
    name: Any = spec.op
    if is_expression(name):
        name = compile_expression(name).evaluate(scope, facts)
    if isinstance(name, Handed):
        return Target(name)
    if not isinstance(name, str):
        raise SchemaError("`op:` must name an operation or a block", received=f"{name!r} from {spec.op}")
    if name in REGISTRY:
        return Target(REGISTRY[name])
    found = frame.place.definitions.find(name)
    if found is None:
        mark = frame.place.document.marks.value(*spec.where, "op") or frame.place.document.marks.value(*spec.where)
        raise UnknownNameError(
            Problem(
                f"there is no operation or block '{name}'",
                mark,
                hint=nearest(name, frame.place.definitions.names())
                or "`archgraph ops` and `archgraph blocks` list what there is",
            )
        )
    return Target(*found)


def _shared(frame: Frame, spec: NodeSpec) -> Target:
    assert spec.share is not None
    binding = frame.lookup(spec.share)
    if binding is None:
        raise UnknownNameError(
            f"there is no node '{spec.share}' to apply again", hint=nearest(spec.share, frame.visible())
        )
    if binding.item is None or binding.applied is None:
        raise WiringError(f"'{spec.share}' is not a module that can be applied again", expected="an operation or a block")
    return replace(binding.applied, shares=binding.item)
