"""What ONNX Runtime's own group norm can do on the side: the SiLU after it, and the sum with an embedding before it.

A rule sees one operation at a time, so these joins are made afterwards, and only where nothing else reads what they
leave out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeAlias

from archgraph.export.lowering.program import OnnxNode, Program
from archgraph.export.passes.uses import NORMS, ValueUses

Pass: TypeAlias = "Callable[[Program], None]"


def absorb_activations(program: Program) -> None:
    """x · sigmoid(x) after a group norm becomes its `activation`."""
    wiring = ValueUses.of(program)
    gone: set[int] = set()
    for norm, back in _norms(program, wiring):
        found = _silu(wiring, back.outputs[0])
        if found is None:
            continue
        gate, product = found
        norm.attributes = {**norm.attributes, "activation": 1}
        back.outputs = product.outputs
        gone |= {id(gate), id(product)}
    program.nodes = [node for node in program.nodes if id(node) not in gone]


def _norms(program: Program, wiring: ValueUses) -> Iterator[tuple[OnnxNode, OnnxNode]]:
    """Each group norm with the transpose that alone reads it."""
    for norm in program.nodes:
        if norm.kind in NORMS and norm.domain:
            back = wiring.only_reader(norm.outputs[0], "Transpose")
            if back is not None:
                yield norm, back


def _silu(wiring: ValueUses, x: str) -> tuple[OnnxNode, OnnxNode] | None:
    """The sigmoid and the product that are all that reads x."""
    readers = wiring.readers(x)
    gates = [node for node in readers if node.kind == "Sigmoid"]
    if len(readers) != 2 or len(gates) != 1:
        return None
    product = wiring.only_reader(gates[0].outputs[0], "Mul")
    return (gates[0], product) if product in readers and product is not None else None


def absorb_sums(program: Program) -> None:
    """x + e[:, :, None, None] before a group norm, with a vector e per sample, becomes its `skip`."""
    wiring = ValueUses.of(program)
    gone: set[int] = set()
    for norm, _ in _norms(program, wiring):
        front = wiring.maker(norm.inputs[0], "Transpose")
        total = wiring.maker(front.inputs[0], "Add") if front is not None else None
        if front is None or total is None or wiring.only_reader(total.outputs[0], "Transpose") is None:
            continue
        for image, spread in (total.inputs, total.inputs[::-1]):
            whole = _has_shape_of(program, image, total.outputs[0])
            vector = _vector(program, wiring, spread, total.outputs[0]) if whole else ""
            if vector:
                norm.kind, norm.inputs = "SkipGroupNorm", (*norm.inputs, vector)
                front.inputs = (image,)
                gone.add(id(total))
                break
    program.nodes = [node for node in program.nodes if id(node) not in gone]


def _has_shape_of(program: Program, image: str, total: str) -> bool:
    """Whether an image is as large as the sum: the operator stretches the skip alone."""
    kind, whole = (program.types.get(name) or program.inputs.get(name) for name in (image, total))
    return kind is not None and whole is not None and kind.shape == whole.shape


def _vector(program: Program, wiring: ValueUses, spread: str, total: str) -> str:
    """The name of e [N, C] where `spread` is it as [N, C, 1, 1] and the sum is [N, C, H, W]; else ''.

    Where e is cast to the type of the rest on its way, it is cast before it is spread.
    """
    cast = wiring.maker(spread, "Cast") if wiring.only_reader(spread, "Add") else None
    node = wiring.maker(cast.inputs[0] if cast is not None else spread, "Unsqueeze")
    if node is None or program.constants[node.inputs[1]].tolist() != [2, 3]:
        return ""
    vector, whole = (program.types.get(name) or program.inputs.get(name) for name in (node.inputs[0], total))
    if vector is None or whole is None or vector.shape != whole.shape[:2]:
        return ""
    if cast is None:
        return node.inputs[0]
    cast.inputs = node.inputs[:1]
    program.types[spread] = replace(vector, dtype=program.types[spread].dtype)
    return spread
