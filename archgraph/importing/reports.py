"""What an import found, for people and for machines: sizes, keys, differences from the module, what is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from archgraph.graph.input_sizes import input_symbols
from archgraph.graph.keys import parameter_count, weights
from archgraph.importing.api import Imported
from archgraph.importing.family import ImportedFamily
from archgraph.importing.sources.forward_signature import optional_inputs


def report(found: Imported) -> dict[str, Any]:
    """Plain data of an import, proved or not."""
    graph = found.graph
    return {
        "name": graph.name,
        "about": graph.info.about,
        "operations": len(graph.nodes),
        "parameters": parameter_count(graph),
        "keys": len(weights(graph)),
        "inputs": {value.name: str(value.type) for value in graph.inputs},
        "left_out": _left_out(found),
        "outputs": {name: str(value.type) for name, value in graph.outputs.items()},
        "training_outputs": {name: str(value.type) for name, value in graph.training_outputs.items()},
        "free": sorted(input_symbols(graph)),
        "constraints": [constraint.to_json() for constraint in graph.constraints],
        "tables": [table.to_json() for table in found.tables],
        "proof": found.parity.to_json() if found.parity is not None else None,
        "notes": list(found.notes),
    }


def family_report(found: ImportedFamily) -> dict[str, Any]:
    """Plain data of the import of a family: of each preset what `report` says of a network."""
    each = {word: report(one) for word, one in found.networks.items()}
    about = next(iter(each.values()))["about"]
    for one in each.values():
        del one["name"], one["about"]
    return {"name": found.name, "about": about, "presets": each}


def family_lines(found: ImportedFamily) -> Iterator[str]:
    """The lines of each preset under its name."""
    for word, one in found.networks.items():
        yield f"{word}: {parameter_count(one.graph):,} parameters"
        yield from report_lines(one)


def report_lines(found: Imported) -> Iterator[str]:
    """A line for each input, output and rule of sizes, and for each comparison with the module."""
    graph = found.graph
    yield from (f"  input   {value.name} {value.type}" for value in graph.inputs)
    left_out = _left_out(found)
    if left_out:
        yield f"  left    {', '.join(left_out)}: None by default; --input {left_out[0]}=N,… makes an input of one"
    yield from (f"  output  {name} {value.type}" for name, value in graph.outputs.items())
    yield from (f"  output  {name} {value.type}, in training only" for name, value in graph.training_outputs.items())
    yield from (f"  size    {constraint.text}" for constraint in graph.constraints)
    for table in found.tables:
        yield f"  table   {table.name}: as the steps that make it, {table.difference:.0e} from its numbers in float32"
    proof = found.parity
    if proof is None:
        return
    yield f"  keys    {proof.keys}, those of the module, in its order"
    for sizes, difference in zip(proof.sizes, proof.differences, strict=True):
        yield f"  equal   {_numbers(sizes)}: {difference:.0e}"
    if proof.training is not None:
        yield f"  equal   in training, {_numbers(proof.sizes[-1])}: {proof.training:.0e}"


def _left_out(found: Imported) -> list[str]:
    """The parameters of the forward that are None unless they are inputs."""
    read = {value.name for value in found.graph.inputs}
    return [name for name in optional_inputs(found.module) if name not in read]


def _numbers(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} = {size}" for name, size in sizes.items()) or "the only sizes"
