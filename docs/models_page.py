"""The page on the collection: what each model is, where it is published, and what of it equals its reference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import parity_record
from page_parts import NOTICE, flow, link, parameters, sentence, table

import archgraph
from archgraph.artifact.shipped_files import gallery
from archgraph.graph import Graph, input_symbols, parameter_count
from archgraph.graph.cost import cost
from archgraph.graph.text import quantity
from archgraph.language.library import read_spec, shipped_specs
from archgraph.meta.papers import citation, papers_of

INTRODUCTION = """\
The collection that archgraph ships. A preset's own name is enough where no other model has it: \
`archgraph check resnet50`, `archgraph.load("resnet50")`. MACs are the multiply-accumulates of one sample, at the size \
that the section of the model names.

The reference is the implementation whose names and numbers a network has; where it is an address, or there is none, \
the tests hold the network against a module that they write from it or from the paper. Parity says what is equal:

- keys: names and shapes of all weights in order, at full size
- outputs, gradients: of narrow variants, with random weights and norm statistics
- training: the same in training mode, with the norm statistics afterwards
- file: an exported file of a narrow variant, proved against the torch module

That is what `python docs/parity_record.py` found last. The section of a model names the tests, most of which CI runs.
"""


def models() -> str:
    """Every spec of the collection."""
    paths = [path for path in sorted(shipped_specs().glob("*.yaml")) if read_spec(path).block.body.nodes]
    found = {path: archgraph.check(path.stem) for path in paths}
    record = parity_record.recorded()
    rows = [_row(path.stem, graph, record) for path, graphs in found.items() for graph in graphs]
    return "\n".join(
        [
            NOTICE.format(source="specs and docs/parity.json"),
            "# Models\n",
            INTRODUCTION,
            table(("model", "load as", "parameters", "MACs", "paper", "reference", "parity"), rows),
            *(_model(path, graphs, record["specs"].get(path.stem, {})) for path, graphs in found.items()),
        ]
    )


def _row(spec: str, graph: Graph, record: Mapping[str, Any]) -> tuple[str, ...]:
    """A preset in the table of all models."""
    meta, held = graph.info.meta, record["specs"].get(spec, {})
    cited = [
        f"[{paper['authors']} {paper['year']}]({paper['url']})" for paper in papers_of(meta, graph.info.preset)[:1]
    ]
    kinds = [kind for kind, tests in held.items() if kind != "keys" or (graph.info.preset or "") in tests]
    reference = _versioned(meta.get("reference", ""), record["versions"])
    figures = f"{parameter_count(graph):,}", _macs(graph)
    return link(spec), f"`{graph.title}`", *figures, "".join(cited), reference, ", ".join(kinds)


def _versioned(reference: str, versions: Mapping[str, str]) -> str:
    """`diffusers 0.42.1, UNet2DModel`; an address as a link to it."""
    if reference.startswith("https://"):
        return f"[{reference.split('/')[-1]}]({reference})"
    library, _, name = reference.partition(".")
    return ", ".join(filter(None, (f"{library} {versions.get(library, '')}".strip(), name)))


def _trial_sizes(graph: Graph) -> dict[str, int]:
    sizes: dict[str, int] = {"N": 1, **graph.info.meta.get("size", {})}
    symbols = input_symbols(graph)
    return {name: size for name, size in sizes.items() if name in symbols}


def _macs(graph: Graph) -> str:
    macs = cost(graph, _trial_sizes(graph)).macs
    return quantity(macs) if isinstance(macs, int) else f"`{macs}`"


def _model(path: Path, graphs: Sequence[Graph], held: Mapping[str, Mapping[str, str]]) -> str:
    block = read_spec(path).block
    source = f"Source: [specs/{path.name}](../specs/{path.name})"
    drawn = f"; [picture](../exports/gallery/{path.stem}.svg)" * (gallery() / f"{path.stem}.svg").is_file()
    lines = [f"## {path.stem}\n", f"{sentence(block.about)}\n", f"{source}{drawn}\n"]
    lines.append(parameters(block.params))
    if block.presets:
        sets = {name: f"`{flow(values)}`" if values else "the defaults" for name, values in block.presets.items()}
        rows = [(f"`{name}`", text) for name, text in sets.items()]
        lines.append(table(("preset", "sets"), rows))
    lines += [f"- {line}" for line in _cited(graphs)]
    lines += [f"- {line}" for line in _signatures(graphs)]
    lines += [f"- {line}" for line in _parity(held, len(graphs))]
    sizes = ", ".join(f"{name} = {size}" for name, size in _trial_sizes(graphs[0]).items())
    return "\n".join([*lines, f"- MACs at {sizes}\n" if sizes else ""])


def _cited(graphs: Sequence[Graph]) -> Iterable[str]:
    """The papers; those of some presets with the names of these."""
    found: dict[str, list[str]] = {}
    for graph in graphs:
        for paper in papers_of(graph.info.meta, graph.info.preset):
            found.setdefault(citation(paper), []).append(f"`{graph.info.preset}`")
    for text, presets in found.items():
        yield f"paper: {text}" + ("" if len(presets) == len(graphs) else f" ({', '.join(presets)})")


def _parity(held: Mapping[str, Mapping[str, str]], presets: int) -> Iterable[str]:
    """What is held equal to the reference, by the file of its tests."""
    files: dict[str, list[str]] = {}
    for kind, tests in held.items():
        for file, count in Counter(tests.values()).items():
            said = f"keys of {count} of {presets} presets" if kind == "keys" and count < presets else kind
            files.setdefault(file, []).append(said)
    for file, kinds in files.items():
        yield f"parity: {', '.join(kinds)} ([{file}](../{file}))"


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
