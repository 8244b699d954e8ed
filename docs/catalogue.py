"""The pages on operations and standard blocks: from the contracts and the block files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from onnx_forms import onnx_forms
from page_parts import NOTICE, flow, link, parameters, sentence, table

import archgraph
from archgraph.graph import parameter_count, weights
from archgraph.language.library import BLOCKS, read_spec, standard_blocks
from archgraph.language.schema.spec import BlockSpec, InputSpec
from archgraph.ops.contract import DTYPES, FLOAT_TYPES
from archgraph.ops.reference import ExampleDoc, OperationDoc, PortDoc, describe, families

# --- operations -------------------------------------------------------------------------------------------------------


def operations() -> str:
    """Every operation, by family."""
    found = families()
    count = sum(map(len, found.values()))
    parts = [
        NOTICE.format(source="the contracts in archgraph/ops"),
        "# Operations\n",
        f"The {count} operations that a node can name. Attributes have torch's names and torch's defaults. "
        "`archgraph ops NAME` shows one of them in the terminal. What can be made of several operations is a "
        "[block](blocks.md).\n",
        "A shape equation shows the shape of the inputs, an arrow, and the shape of the output; `...` stands for any "
        "dimensions. MACs are the multiply-accumulates of an example, by which `summary` counts. ONNX names the "
        "operators that the first example becomes in an exported file, by [profile](profiles.md) where these differ.\n",
        "\n".join(f"- {family}: {', '.join(map(link, names))}" for family, names in found.items()) + "\n",
    ]
    for family, names in found.items():
        parts.append(f"## {family.capitalize()}\n")
        parts += map(operation, names)
    return "\n".join(parts)


def operation(name: str) -> str:
    """The section of one operation."""
    return _operation(describe(name))


def _operation(doc: OperationDoc) -> str:
    lines = [f"### {doc.name}\n", f"{sentence(doc.meaning)}\n"]
    if doc.paper:
        lines.append(f"Paper: {sentence(doc.paper)}\n")
    lines.append(f"Inputs: {', '.join(map(_port, doc.ports)) or 'none'}.\n")
    if doc.attributes:
        rows = [
            (f"`{item.name}`", item.type, "required" if item.required else f"`{item.default_text}`", item.meaning)
            for item in doc.attributes
        ]
        lines.append(table(("attribute", "type", "default", "meaning"), rows))
    rows = [_example(doc.name, found) for found in doc.examples]
    lines.append(table(("example", "inputs", "outputs", "weights", "MACs"), rows))
    if forms := onnx_forms(doc.name):
        lines.append(f"ONNX: {_forms(forms)}.\n")
    return "\n".join(lines)


def _example(name: str, found: ExampleDoc) -> tuple[str, ...]:
    types = map(_types, (found.inputs, found.outputs, found.weights))
    return f"`{flow({'op': name, **found.attributes})}`", *types, found.macs


def _forms(forms: Mapping[str, str]) -> str:
    """The operators of the first example by profile; once where all profiles have the same."""
    if len(set(forms.values())) == 1:
        return next(iter(forms.values()))
    return "; ".join(f"{profile}: {form}" for profile, form in forms.items())


def _port(port: PortDoc) -> str:
    kinds = {DTYPES: "any element type", FLOAT_TYPES: ""}.get(port.dtypes, ", ".join(port.dtypes))
    words = ["optional"] * port.optional + ["any number of values"] * port.variadic + [kinds] * bool(kinds)
    return f"`{port.name}`" + (f" ({'; '.join(words)})" if words else "")


def _types(types: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}".strip() for name, kind in types.items()) or "-"


# --- blocks -----------------------------------------------------------------------------------------------------------

CHANNELS = 64
"""Stands for every symbol of a block's inputs that weights depend on, in the examples of its keys."""
STAYS_SYMBOL = {"N", "H", "W", "L", "S"}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "alibi": {"heads": 8},
    "grouped_query_attention": {"heads": 8, "kv_heads": 2},
    "mixture_of_experts": {"experts": 8},
    "token_attention": {"heads": 8, "masked": True},
    "prenorm": {"fn": "attention2d"},
    "residual_connection": {"fn": {"op": "conv2d", "out_channels": CHANNELS, "kernel_size": 3, "padding": 1}},
    "dense_block": {"num_layers": 2},
    "fpn": {"in_channels": [CHANNELS, 2 * CHANNELS]},
    "wavenet_block": {"condition_channels": CHANNELS},
    "cyclic_shift": {"shift": -3, "dim": 1, "window": 7},
    "grid_reverse": {"grid": 8, "rows": 7, "columns": 7},
    "window_reverse": {"window": 8, "rows": 7, "columns": 7},
    "unpatchify": {"patch": 2, "height": "=L", "width": 1},
}
"""What an example gives; other required numbers are `CHANNELS`."""


def blocks() -> str:
    """Every standard block."""
    parts = [
        NOTICE.format(source="archgraph/blocks"),
        "# Standard blocks\n",
        "Blocks that every spec may use. Each is one file in [the spec language](language.md) itself, in "
        "archgraph/blocks. `archgraph blocks NAME` prints it. The tables of keys are those of one use, with "
        f"{CHANNELS} channels for every size that weights depend on.\n",
        "\n".join(f"- {link(name)}" for name in standard_blocks()) + "\n",
    ]
    return "\n".join([*parts, *map(_block, standard_blocks())])


def _block(name: str) -> str:
    block = read_spec(BLOCKS / f"{name}.yaml").block
    arguments = ARGUMENTS.get(name, {}) | {
        key: CHANNELS for key, kind in block.params.items() if kind.required and key not in ARGUMENTS.get(name, {})
    }
    graph = archgraph.load(_use(block, arguments))
    keys = [(f"`{item.key.removeprefix('it.')}`", str(list(item.weight.shape))) for item in weights(graph)]
    example = flow({"op": name, **arguments})
    shapes = " → ".join(
        ", ".join(str(value.type) for value in values) for values in (graph.inputs, graph.outputs.values())
    )
    return "\n".join(
        [
            f"## {name}\n",
            f"{sentence(block.about)}\n",
            f"Source: [archgraph/blocks/{name}.yaml](../archgraph/blocks/{name}.yaml)\n",
            _inputs(block),
            parameters(block.params),
            f"Example: `{example}`, {shapes}, {parameter_count(graph):,} parameters\n",
            table(("key", "shape"), keys) if keys else "",
        ]
    )


def _use(block: BlockSpec, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A spec that applies the block once, as the node `it`."""
    scope = {name: arguments.get(name, kind.default) for name, kind in block.params.items()}
    taken = {name: found for name, found in block.inputs.items() if _value(found.when, scope) is not False}
    ports = {name: _example_inputs(found, scope) for name, found in taken.items()}
    wired = {name: list(given) if block.inputs[name].each is not None else name for name, given in ports.items()}
    return {
        "archgraph": 1,
        "name": "example",
        "inputs": {name: value for given in ports.values() for name, value in given.items()},
        "nodes": {"it": {"op": block.name, **({"in": wired} if wired else {}), **arguments}},
    }


def _example_inputs(found: InputSpec, scope: Mapping[str, Any]) -> dict[str, Any]:
    """The network's inputs for one of a block: several where it stands for several values."""
    if found.each is None:
        free = 1 if found.dtype == "bool" else "N"  # a mask is the same for all
        shape = [free if size == "_" else _example_size(size, scope) for size in _written_out(found.shape)]
        return {found.name: {"shape": shape, "dtype": _value(found.dtype, scope)}}
    entries = enumerate(scope[found.each.removeprefix("=")])
    return {
        f"{found.name}_{number}": [
            f"{'HW'[at % 2]}{number}" if size == "_" else _example_size(size, {**scope, found.entry: entry})
            for at, size in enumerate(found.shape)
        ]
        for number, entry in entries
    }


def _written_out(shape: Sequence[Any]) -> Sequence[Any]:
    if shape[0] != "...":
        return shape
    return ("N", "C", "H", "W") if len(shape) == 1 else ("N", "L", *shape[1:])


def _example_size(size: Any, scope: Mapping[str, Any]) -> Any:
    if isinstance(size, str) and not size.startswith("="):
        return size if size in STAYS_SYMBOL else CHANNELS
    return _value(size, scope)


def _value(text: Any, scope: Mapping[str, Any]) -> Any:
    """What an expression of one of our own blocks gives; anything else as it is."""
    if not isinstance(text, str) or not text.startswith("="):
        return text
    names = {"null": None, "true": True, "false": False}
    return eval(text.removeprefix("="), {"__builtins__": {}}, _Example({**names, **scope}))


class _Example(dict[str, Any]):
    """Parameters by name; sizes that weights depend on are channels."""

    def __missing__(self, name: str) -> int:
        return CHANNELS


def _inputs(block: BlockSpec) -> str:
    rows = []
    for name, found in block.inputs.items():
        shape = f"[{', '.join(str(size).removeprefix('=') for size in found.shape)}]"
        dtype = "" if found.dtype == "float32" else f" {found.dtype}"
        rows.append((f"`{name}`", f"`{shape}{dtype}`", f"`{found.when.removeprefix('=')}`" if found.when else "always"))
    return table(("input", "shape", "when"), rows)
