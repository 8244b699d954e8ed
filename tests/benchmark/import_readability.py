"""Holds imported specs against those that were written by hand: nodes, arguments and lines.

    python tests/benchmark/import_readability.py [resnet50 …] [--folder graphs]

A node is an entry of `nodes`, at any depth and in blocks; arguments are all of its keys but the operation and the nodes
inside. Lines are those of the file without `meta`, `assert`, `presets` and `about`, in one layout. A standard block is
one node on both sides; a file whose blocks are used is counted with its reader. Translated graphs are kept in the
folder, so that only writing runs anew; what cannot be imported is in the table with its reason.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import references
import torch
import yaml
from readable_networks import COUNTERPARTS, Counterpart
from written_imports import Given, handed_on

from archgraph.errors import ArchgraphError
from archgraph.graph.spec_text import spec_text
from archgraph.importing import api
from archgraph.importing.writing.spec_data import spec_data
from archgraph.language.load import load

SPECS = Path(__file__).parents[2] / "specs"
_LEFT_OUT = ("archgraph", "name", "about", "presets", "assert", "meta")
_NO_ARGUMENTS = ("op", "nodes")


@dataclass(frozen=True)
class Count:
    """What a reader of a spec has to read."""

    nodes: int
    arguments: int
    lines: int

    @property
    def total(self) -> int:
        return self.nodes + self.arguments


def counted(spec: Mapping[str, Any]) -> Count:
    """The count of a spec's plain data, with those of the files whose blocks it uses."""
    bare = _bare(spec)
    nodes, arguments = _body(bare)
    found = Count(nodes, arguments, spec_text(bare).count("\n"))
    for used in _used(spec.get("use")):
        more = counted(yaml.safe_load(used.read_text(encoding="utf-8")))
        found = Count(found.nodes + more.nodes, found.arguments + more.arguments, found.lines + more.lines)
    return found


def _bare(spec: Any) -> Any:
    if not isinstance(spec, Mapping):
        return spec
    kept = {key: value for key, value in spec.items() if key not in _LEFT_OUT}
    if "blocks" in kept:
        kept["blocks"] = {name: _bare(block) for name, block in kept["blocks"].items()}
    return kept


def _body(body: Mapping[str, Any]) -> tuple[int, int]:
    """Nodes and arguments of a file, a block or a group."""
    nodes, arguments = 0, 0
    for node in body.get("nodes", {}).values():
        nodes += 1
        if isinstance(node, Mapping):
            inner = _body(node) if "nodes" in node else (0, 0)
            nodes += inner[0]
            arguments += inner[1] + sum(_values(key, node[key]) for key in node if key not in _NO_ARGUMENTS)
    for block in body.get("blocks", {}).values():
        more = _body(block)
        nodes, arguments = nodes + more[0], arguments + more[1]
    return nodes, arguments


def _values(key: str, value: Any) -> int:
    """One for each argument; a mapping of lists or of derived values has several."""
    return len(value) if key in ("for", "let") else 1


def _used(use: Any) -> Iterator[Path]:
    for name in use.values() if isinstance(use, Mapping) else use or ():
        yield SPECS / (name if name.endswith(".yaml") else f"{name.partition('@')[0]}.yaml")


def translated(name: str, one: Counterpart, folder: Path | None) -> Given:
    """What a counterpart's spec is written from, translated or from the folder. Raises ImportingError."""
    sys.setrecursionlimit(100_000)

    def run() -> None:
        with torch.device(one.device):
            api.import_module(one.source, one.inputs, verify=False)

    return handed_on(api, "spec_data", run, folder / f"{name}.pickle" if folder is not None else None)


def row(name: str, one: Counterpart, folder: Path | None) -> tuple[list[str], Count, Count]:
    """The cells of a network's row, and both counts. Raises ImportingError, or SpecError for a spec that is wrong."""
    by_hand = counted(yaml.safe_load((SPECS / f"{one.spec}.yaml").read_text(encoding="utf-8")))
    given, named = translated(name, one, folder)
    spec = spec_data(*given, **named)
    load(spec)
    if folder is not None:
        (folder / f"{name}.yaml").write_text(spec_text(spec), encoding="utf-8")
    found = counted(spec)
    pairs = [(getattr(found, what), getattr(by_hand, what)) for what in ("nodes", "arguments", "total", "lines")]
    return [name, *(f"{ours} / {theirs} = {ours / theirs:.2f}" for ours, theirs in pairs)], found, by_hand


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", help="names of the table; all without any")
    parser.add_argument("--folder", type=Path, help="where translated graphs and written specs are kept")
    arguments = parser.parse_args()
    if arguments.folder is not None:
        arguments.folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    references.timm()
    print("| network | nodes | arguments | both | lines |", "| --- | --- | --- | --- | --- |", sep="\n")
    ratios: dict[str, float] = {}
    lines: list[float] = []
    for name in arguments.networks or COUNTERPARTS:
        try:
            cells, found, by_hand = row(name, COUNTERPARTS[name], arguments.folder)
        except ArchgraphError as error:
            print(f"| {name} | not imported: {error.problems[0].message} | | | |", flush=True)
            continue
        print(f"| {' | '.join(cells)} |", flush=True)
        ratios[name] = found.total / by_hand.total
        lines.append(found.lines / by_hand.lines)
    if ratios:
        worst = max(ratios, key=lambda name: ratios[name])
        above = [name for name, ratio in ratios.items() if ratio > 2]
        print(
            f"\n{len(ratios)} networks: nodes and arguments of the import in those of the hand-written spec, "
            f"median {statistics.median(ratios.values()):.2f}, worst {ratios[worst]:.2f} ({worst}), "
            f"{len(above)} above 2; lines, median {statistics.median(lines):.2f}"
        )


if __name__ == "__main__":
    main()
