"""The page on standard blocks, from their files."""

from __future__ import annotations

from block_examples import CHANNELS, NODE, arguments_of, block_example
from page_parts import NOTICE, flow, link, parameters, sentence, table

from archgraph.graph import Graph, parameter_count, weights
from archgraph.graph.cost import cost
from archgraph.language.library import BLOCKS, read_spec, standard_blocks
from archgraph.language.schema.spec import BlockSpec


def blocks() -> str:
    """Every standard block."""
    parts = [
        NOTICE.format(source="archgraph/blocks"),
        "# Standard blocks\n",
        "Blocks that every spec may use. Each is one file in [the spec language](language.md) itself, in "
        "archgraph/blocks. `archgraph blocks NAME` prints it. Keys, costs and pictures are those of one use, with "
        f"{CHANNELS} channels for every size that weights depend on. MACs are the multiply-accumulates of a forward, "
        "by which `summary` counts.\n",
        "\n".join(f"- {link(name)}" for name in standard_blocks()) + "\n",
    ]
    return "\n".join([*parts, *map(_block, standard_blocks())])


def _block(name: str) -> str:
    block = read_spec(BLOCKS / f"{name}.yaml").block
    graph = block_example(name)
    keys = [(f"`{item.key.removeprefix(f'{NODE}.')}`", str(list(item.weight.shape))) for item in weights(graph)]
    return "\n".join(
        [
            f"## {name}\n",
            f"{sentence(block.about)}\n",
            f"Source: [archgraph/blocks/{name}.yaml](../archgraph/blocks/{name}.yaml)\n",
            _inputs(block),
            parameters(block.params),
            f"Example: `{flow({'op': name, **arguments_of(block)})}`, {_shapes(graph)}\n",
            f"Cost: {_cost(graph)}\n",
            f"![The example of {name}](blocks/{name}.svg)\n",
            table(("key", "shape"), keys) if keys else "",
        ]
    )


def _shapes(graph: Graph) -> str:
    ends = (graph.inputs, graph.outputs.values())
    return " → ".join(", ".join(str(value.type) for value in values) or "nothing" for values in ends)


def _cost(graph: Graph) -> str:
    held, macs = parameter_count(graph), cost(graph).macs
    return f"{f'{held:,}' if held else 'no'} parameters, {f'`{macs}`' if macs else 'no'} MACs"


def _inputs(block: BlockSpec) -> str:
    rows = []
    for name, found in block.inputs.items():
        shape = f"[{', '.join(str(size).removeprefix('=') for size in found.shape)}]"
        dtype = "" if found.dtype == "float32" else f" {found.dtype}"
        rows.append((f"`{name}`", f"`{shape}{dtype}`", f"`{found.when.removeprefix('=')}`" if found.when else "always"))
    return table(("input", "shape", "when"), rows)
