"""The pages on operations, standard blocks and models: from the contracts, the block files and the specs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from onnx_forms import onnx_forms

import archgraph
from archgraph.graph import Graph, input_symbols, parameter_count, weights
from archgraph.graph.cost import cost
from archgraph.graph.text import quantity
from archgraph.language.library import BLOCKS, read_spec, shipped_specs, standard_blocks
from archgraph.language.schema.parameter_types import ParameterType
from archgraph.language.schema.spec import BlockSpec, InputSpec
from archgraph.ops.contract import DTYPES, FLOAT_TYPES
from archgraph.ops.reference import ExampleDoc, OperationDoc, PortDoc, describe, families

NOTICE = "<!-- Written by docs/generate.py from {source}. Edit that, and run it again. -->\n"

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
        "\n".join(f"- {family}: {', '.join(map(_link, names))}" for family, names in found.items()) + "\n",
    ]
    for family, names in found.items():
        parts.append(f"## {family.capitalize()}\n")
        parts += map(operation, names)
    return "\n".join(parts)


def operation(name: str) -> str:
    """The section of one operation."""
    return _operation(describe(name))


def _operation(doc: OperationDoc) -> str:
    lines = [f"### {doc.name}\n", f"{_sentence(doc.meaning)}\n"]
    if doc.paper:
        lines.append(f"Paper: {_sentence(doc.paper)}\n")
    lines.append(f"Inputs: {', '.join(map(_port, doc.ports)) or 'none'}.\n")
    if doc.attributes:
        rows = [
            (f"`{item.name}`", item.type, "required" if item.required else f"`{item.default_text}`", item.meaning)
            for item in doc.attributes
        ]
        lines.append(_table(("attribute", "type", "default", "meaning"), rows))
    rows = [_example(doc.name, found) for found in doc.examples]
    lines.append(_table(("example", "inputs", "outputs", "weights", "MACs"), rows))
    if forms := onnx_forms(doc.name):
        lines.append(f"ONNX: {_forms(forms)}.\n")
    return "\n".join(lines)


def _example(name: str, found: ExampleDoc) -> tuple[str, ...]:
    types = map(_types, (found.inputs, found.outputs, found.weights))
    return f"`{_flow({'op': name, **found.attributes})}`", *types, found.macs


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
        "\n".join(f"- {_link(name)}" for name in standard_blocks()) + "\n",
    ]
    return "\n".join([*parts, *map(_block, standard_blocks())])


def _block(name: str) -> str:
    block = read_spec(BLOCKS / f"{name}.yaml").block
    arguments = ARGUMENTS.get(name, {}) | {
        key: CHANNELS for key, kind in block.params.items() if kind.required and key not in ARGUMENTS.get(name, {})
    }
    graph = archgraph.load(_use(block, arguments))
    keys = [(f"`{item.key.removeprefix('it.')}`", str(list(item.weight.shape))) for item in weights(graph)]
    example = _flow({"op": name, **arguments})
    shapes = " → ".join(
        ", ".join(str(value.type) for value in values) for values in (graph.inputs, graph.outputs.values())
    )
    return "\n".join(
        [
            f"## {name}\n",
            f"{_sentence(block.about)}\n",
            f"Source: [archgraph/blocks/{name}.yaml](../archgraph/blocks/{name}.yaml)\n",
            _inputs(block),
            _parameters(block.params),
            f"Example: `{example}`, {shapes}, {parameter_count(graph):,} parameters\n",
            _table(("key", "shape"), keys) if keys else "",
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
    return _table(("input", "shape", "when"), rows)


def _parameters(params: Mapping[str, ParameterType]) -> str:
    """A table of parameters; nothing where there are none."""
    rows = []
    for name, kind in params.items():
        words = kind.text.removesuffix(f" = {kind.default}")
        default = "required" if kind.required else f"`{_plain(kind.default)}`"
        rows.append((f"`{name}`", words.partition(" = ")[0], default))
    return _table(("parameter", "type", "default"), rows) if rows else ""


# --- models -----------------------------------------------------------------------------------------------------------


def models() -> str:
    """Every spec of the collection."""
    paths = [path for path in sorted(shipped_specs().glob("*.yaml")) if read_spec(path).block.body.nodes]
    found = {path: archgraph.check(path.stem) for path in paths}
    rows = [
        (_link(path.stem), f"`{graph.title}`", f"{parameter_count(graph):,}", _macs(graph))
        for path, graphs in found.items()
        for graph in graphs
    ]
    return "\n".join(
        [
            NOTICE.format(source="specs"),
            "# Models\n",
            "The collection that archgraph ships. A preset's own name is enough where no other model has it: "
            '`archgraph check resnet50`, `archgraph.load("resnet50")`. MACs are the multiply-accumulates of one '
            "sample, at the size that the section of the model names.\n",
            _table(("model", "load as", "parameters", "MACs"), rows),
            *(_model(path, graphs) for path, graphs in found.items()),
        ]
    )


def _trial_sizes(graph: Graph) -> dict[str, int]:
    sizes: dict[str, int] = {"N": 1, **graph.info.meta.get("size", {})}
    symbols = input_symbols(graph)
    return {name: size for name, size in sizes.items() if name in symbols}


def _macs(graph: Graph) -> str:
    macs = cost(graph, _trial_sizes(graph)).macs
    return quantity(macs) if isinstance(macs, int) else f"`{macs}`"


def _model(path: Path, graphs: Sequence[Graph]) -> str:
    block = read_spec(path).block
    lines = [f"## {path.stem}\n", f"{_sentence(block.about)}\n", f"Source: [specs/{path.name}](../specs/{path.name})\n"]
    lines.append(_parameters(block.params))
    if block.presets:
        sets = {name: f"`{_flow(values)}`" if values else "the defaults" for name, values in block.presets.items()}
        rows = [(f"`{name}`", text) for name, text in sets.items()]
        lines.append(_table(("preset", "sets"), rows))
    lines += [f"- {line}" for line in _signatures(graphs)]
    sizes = ", ".join(f"{name} = {size}" for name, size in _trial_sizes(graphs[0]).items())
    return "\n".join([*lines, f"- MACs at {sizes}\n" if sizes else ""])


def _signatures(graphs: Sequence[Graph]) -> Iterable[str]:
    """Inputs, outputs and constraints; those that not all presets have with the names of those that do."""
    found: dict[str, list[str]] = {}
    for graph in graphs:
        for line in _signature(graph):
            found.setdefault(line, []).append(f"`{graph.info.preset}`")
    for line, presets in found.items():
        yield line if len(presets) == len(graphs) else f"{line} ({', '.join(presets)})"


def _signature(graph: Graph) -> Iterable[str]:
    yield from (f"input `{value.name}` {value.type}" for value in graph.inputs)
    yield from (f"output `{name}` {value.type}" for name, value in graph.outputs.items())
    yield from (rule.text for rule in graph.constraints)


# --- Markdown ---------------------------------------------------------------------------------------------------------


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _link(name: str) -> str:
    """A link to the section of that name on the same page."""
    return f"[{name}](#{name})"


def _sentence(text: str) -> str:
    """Text on one line that ends in a full stop, with nothing that Markdown would take for emphasis."""
    text = " ".join(text.split())
    text = text if "`" in text else text.replace("*", r"\*")
    return text if text.endswith((".", ")")) and not text.endswith("..)") else f"{text}."


def _flow(values: Any) -> str:
    """Plain data as a spec writes it on one line."""
    if isinstance(values, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(value)}" for key, value in values.items()) + "}"
    if isinstance(values, (list, tuple)):
        return f"[{', '.join(map(_flow, values))}]"
    return _plain(values)


def _plain(value: Any) -> str:
    """A value as a spec writes it."""
    if isinstance(value, str):
        return value if re.fullmatch(r"=?[\w .*/+-]+", value) else json.dumps(value)
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value)
