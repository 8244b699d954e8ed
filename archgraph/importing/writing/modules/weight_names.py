"""Which standard blocks may have weights of given names: known without reading them, since few of them are compared."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from archgraph.errors import ArchgraphError
from archgraph.language.library import BLOCKS, read_spec, standard_blocks
from archgraph.language.schema.spec import BlockSpec, BodySpec, NodeSpec
from archgraph.ops.contract import Operation, lookup

FILE = BLOCKS / "weight_names.json"
_BRACES = re.compile(r"\\\{.*?\\\}")
_TENSORS = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
_DEPTH = 4
"""So many blocks inside of one another are looked into for names; those inside may have any."""


@dataclass(frozen=True, slots=True)
class WeightNames:
    """The first levels of the keys of a block: names below which weights stand whatever the arguments are, and patterns
    of all names."""

    required: frozenset[str]
    patterns: frozenset[str]

    def admits(self, names: frozenset[str]) -> bool:
        """Whether weights may stand below these names, and no others must."""
        return self.required <= names and all(any(re.fullmatch(one, name) for one in self.patterns) for name in names)


def blocks_with(names: frozenset[str]) -> Iterator[BlockSpec]:
    """The standard blocks in which weights could stand below these names, and no others must."""
    for name, known in _known().items():
        if known.admits(names):
            yield standard_block(name)


def applied_block(name: str, inside: BlockSpec) -> BlockSpec | None:
    """The block that a node inside of another one names; None where it is an operation."""
    return inside.blocks.get(name) or (standard_block(name) if name in standard_blocks() else None)


def weight_names_file() -> str:
    """What the file of all standard blocks should hold."""
    rows = {}
    for name in standard_blocks():
        found = weight_names(standard_block(name))
        rows[name] = [sorted(found.required), sorted(found.patterns)]
    lines = (f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in sorted(rows.items()))
    return "{\n" + ",\n".join(lines) + "\n}\n"


def weight_names(block: BlockSpec) -> WeightNames:
    """Those of a block, as its nodes have them."""
    required = frozenset(node.name for node in block.body.nodes if _owns_weights(node))
    return WeightNames(required, frozenset(_body_names(block.body, block, _DEPTH)))


@cache
def _known() -> dict[str, WeightNames]:
    rows = json.loads(FILE.read_text(encoding="utf-8"))
    return {name: WeightNames(frozenset(row[0]), frozenset(row[1])) for name, row in rows.items()}


def standard_block(name: str) -> BlockSpec:
    """The standard block of this name."""
    return read_spec(BLOCKS / f"{name}.yaml").block


def _body_names(body: BodySpec, block: BlockSpec, depth: int) -> Iterator[str]:
    for node in body.nodes:
        path = node.path or node.name
        if path != ".":
            yield _BRACES.sub(".*", re.escape(path)).partition(r"\.")[0]
        elif node.body is not None:
            yield from _body_names(node.body, block, depth)
        else:
            inner = applied_block(node.op or "", block)
            if inner is None:
                yield from _TENSORS if not (node.op or "=").startswith("=") else (".*",)
            else:
                yield from _body_names(inner.body, inner, depth - 1) if depth else (".*",)


def _owns_weights(node: NodeSpec) -> bool:
    plain = node.op is not None and not node.op.startswith("=") and not node.repeated
    if not plain or node.when is not None or node.path is not None or node.op in standard_blocks():
        return False
    try:
        contract = lookup(str(node.op))
    except ArchgraphError:
        return False
    return contract.weights is not Operation.weights and not isinstance(node.inputs, dict)
