"""Imports what `archgraph code` writes of shipped specs, and holds the graph that comes back against the first one.

    python tests/benchmark/import_round_trip.py [resnet@resnet50 …] [--folder graphs] [--differences]

A form is equal where both compute the same under the same keys (`body_form`), a text where `graph_text` is the same to
the letter. Nodes are those of specs, as `import_readability.py` counts them; items and calls are those of graphs.
Translated graphs are kept in the folder, so that only writing runs anew.
"""

from __future__ import annotations

import argparse
import difflib
import pickle
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
import yaml
from import_readability import SPECS, counted

import archgraph as ag
from archgraph.errors import ArchgraphError
from archgraph.graph.fixed_sizes import fixed
from archgraph.graph.spec_text import spec_text
from archgraph.graph.text import graph_text
from archgraph.graph.types import Graph, walk
from archgraph.importing import api
from archgraph.importing.sources.input_descriptions import InputDescription
from archgraph.importing.writing.spec_data import spec_data
from archgraph.importing.writing.standard.canonical_form import IncomparableError, body_form
from archgraph.importing.writing.standard.form_numbers import FormNumbers

NETWORKS: Mapping[str, Mapping[str, Any]] = {
    "resnet@resnet50": {},
    "convnext@convnext_tiny": {},
    "vit@vit_b_16": {},
    "densenet@densenet121": {},
    "mobilenet@mobilenet_v2": {},
    "ddpm@cifar10": {},
    "sd_unet@sd15": {},
    "bert": {},
    "gpt2": {},
    "swin@swin_t": {},
    "unet3d": {},
    "efficientnet@efficientnet_b0": {},
}
"""Specs with the parameters that they are loaded with."""


def translated(graph: Graph, folder: Path) -> Graph:
    """The graph of the module that `archgraph code` writes of one, before it is written as a spec."""
    path = folder / f"round_{graph.name}_{graph.title.partition('@')[2]}.pickle"
    if path.is_file():
        kept: Graph = pickle.loads(path.read_bytes())
        return kept
    found: list[Graph] = []

    def noting(graph: Graph, name: str, about: str = "") -> dict[str, Any]:
        found.append(graph)
        return spec_data(graph, name, about)

    api.spec_data = noting  # type: ignore[attr-defined]
    try:
        with torch.device("meta"):
            api.import_module(made_by_code(graph, folder), inputs_of(graph), verify=False)
    finally:
        api.spec_data = spec_data  # type: ignore[attr-defined]
    path.write_bytes(pickle.dumps(found[-1]))
    return found[-1]


def made_by_code(graph: Graph, folder: Path) -> type[torch.nn.Module]:
    """The class of the network that `archgraph code` writes."""
    path = folder / f"written_{graph.name}.py"
    path.write_text(ag.code(graph), encoding="utf-8")
    sys.path.insert(0, str(folder))
    module = __import__(path.stem)
    classes = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == path.stem]
    return classes[-1]


def inputs_of(graph: Graph) -> dict[str, InputDescription]:
    """The inputs of a graph as an import is told them."""
    return {
        value.name: InputDescription(tuple(s if isinstance(s, int) else str(s) for s in value.shape), value.dtype)
        for value in graph.inputs
    }


def with_sizes_of(graph: Graph, other: Graph) -> Graph:
    """A shipped network with those sizes of its inputs fixed that are fixed in another one."""
    sides = ([size for value in one.inputs for size in value.shape] for one in (graph, other))
    return fixed(
        graph, {str(a): b for a, b in zip(*sides, strict=True) if isinstance(b, int) and not isinstance(a, int)}
    )


def equal_forms(first: Graph, second: Graph) -> str:
    """Whether two graphs compute the same under the same keys."""
    numbers = FormNumbers()
    try:
        forms = body_form(first, numbers), body_form(second, numbers)
    except IncomparableError:
        return "?"
    return "yes" if forms[0] == forms[1] else f"no ({forms[0].distance(forms[1])})"


def row(name: str, folder: Path, differences: bool) -> list[str]:
    """The cells of a network's row. Raises ImportingError."""
    graph = ag.load(name, **NETWORKS.get(name, {}))
    spec = spec_data(translated(graph, folder), graph.name)
    again = ag.load(spec)
    graph = with_sizes_of(graph, again)
    (folder / f"round_{graph.name}.yaml").write_text(spec_text(spec), encoding="utf-8")
    texts = [graph_text(one).splitlines()[1:] for one in (graph, again)]
    changed = [line for line in difflib.unified_diff(*texts, lineterm="", n=0) if line[:3] not in ("---", "+++")]
    if differences:
        print("\n".join(changed))
    by_hand = counted(yaml.safe_load((SPECS / f"{graph.name}.yaml").read_text(encoding="utf-8")))
    ours = counted(spec)
    items = [sum(1 for _ in walk(one)) for one in (graph, again)]
    return [
        name,
        equal_forms(graph, again),
        "yes" if not changed else f"no ({sum(line[:1] in '+-' for line in changed)} of {len(texts[0])} lines)",
        f"{ours.nodes} / {by_hand.nodes} = {ours.nodes / by_hand.nodes:.2f}",
        f"{items[1]} / {items[0]} = {items[1] / items[0]:.2f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", help="specs; those of the table without any")
    parser.add_argument("--folder", type=Path, help="where translated graphs and written specs are kept")
    parser.add_argument("--differences", action="store_true", help="print the lines of the text forms that differ")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(100_000)
    folder = arguments.folder or Path(tempfile.mkdtemp())
    print("| network | form | text | nodes of the spec | operations |", "| --- | --- | --- | --- | --- |", sep="\n")
    for name in arguments.networks or NETWORKS:
        try:
            cells = row(name, folder, arguments.differences)
        except ArchgraphError as error:
            cells = [name, f"not imported: {error.problems[0]}", "", "", ""]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
