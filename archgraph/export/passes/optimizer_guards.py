"""Patterns that ONNX Runtime's optimiser computes wrongly (1.31), in forms that it leaves alone."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from archgraph.export.lowering.program import OnnxNode, Program, UniqueNames
from archgraph.export.passes.uses import ValueUses

_LONGEST_CHAIN = 32  # of scales in a row; bounds the work over a spec that is nothing but scales
_TOWARDS_PRODUCTS = ("MatMul", "Transpose", "Cast", "Reshape")
Expression: TypeAlias = "tuple[str | float, ...]"


def guard(program: Program) -> None:
    """All of them."""
    keep_pads_apart(program)
    order_scales(program)


def keep_pads_apart(program: Program) -> None:
    """Zeros padded before anything but a convolution stay an operator of their own.

    ONNX Runtime would move them into the `pads` of a pool, which stand for -inf in a maximum, and may not count in a
    mean. It leaves a Pad alone that has all four inputs; an empty name is an input that is not given.
    """
    wiring = ValueUses.of(program)
    for node in program.nodes:
        if node.kind == "Pad" and wiring.only_reader(node.outputs[0], "Conv") is None:
            node.inputs = (*node.inputs, "", "")[:4]


def order_scales(program: Program) -> None:
    """(x · a) · b becomes (x · b) · a where x · a goes into a matrix product as well.

    ONNX Runtime moves both factors into the products that read them, and drops x · a while one still reads it. So no
    scale may read another one that a product may read. Nor one that is written like it, since equal expressions become
    one before: a is equal to b, or another scale by b reads x.
    """
    wiring = ValueUses.of(program)
    names = UniqueNames([*wiring.made, *program.inputs, *program.initializers, *program.constants])
    written = {_expression(program, node) for node in program.nodes}
    nodes: list[OnnxNode] = []
    for node in program.nodes:
        ordered = _ordered(program, wiring, names, node)
        nodes.extend(_unlike(program, written, each) if each is not node else each for each in ordered)
    program.nodes = nodes


def _unlike(program: Program, written: Container[Expression], scale: OnnxNode) -> OnnxNode:
    """A repeated scale, its inputs exchanged where another operator is written like it."""
    if _expression(program, scale) not in written:
        return scale
    x, number = scale.inputs
    if scale.kind == "Mul":
        return replace(scale, inputs=(number, x))
    inverse = f"{number}/reciprocal"
    program.constants[inverse] = np.reciprocal(program.constants[number])
    return replace(scale, kind="Mul", inputs=(inverse, x))


def _expression(program: Program, node: OnnxNode) -> Expression:
    """What ONNX Runtime compares to find equal operators: equal numbers have one name by then."""
    values = (_value(program, name) for name in node.inputs)
    return (node.kind, *values)


def _value(program: Program, name: str) -> str | float:
    return float(program.constants[name].item()) if name in program.constants and _is_number(program, name) else name


def _ordered(program: Program, wiring: ValueUses, names: UniqueNames, node: OnnxNode) -> list[OnnxNode]:
    """A scale before the scales that it reads, with these repeated behind it; any other operator as it is."""
    chain = _chain(program, wiring, node)
    if not any(_reaches_product(wiring, scale, after) for after, scale in pairwise(chain)):
        return [node]
    x = chain[-1].inputs[_scaled_input(program, chain[-1]) or 0]
    made: list[OnnxNode] = []
    for scale in (node, *reversed(chain[1:])):
        name = node.outputs[0] if scale is chain[1] else names.take(f"{node.path}/{scale.kind}")
        made.append(_applied(program, scale, x, name, node))
        x = name
    return made


def _chain(program: Program, wiring: ValueUses, node: OnnxNode) -> list[OnnxNode]:
    """An operator and, where it is a scale, the scales before it, the nearest first."""
    chain = [node]
    while len(chain) < _LONGEST_CHAIN and (place := _scaled_input(program, chain[-1])) is not None:
        before = wiring.maker(chain[-1].inputs[place], "Mul", "Div")
        if before is None or _scaled_input(program, before) is None:
            break
        chain.append(before)
    return chain


def _applied(program: Program, scale: OnnxNode, x: str, result: str, owner: OnnxNode) -> OnnxNode:
    """A scale of another value."""
    place = _scaled_input(program, scale)
    inputs = tuple(x if i == place else name for i, name in enumerate(scale.inputs))
    title = owner.name if result == owner.outputs[0] else result
    return OnnxNode(scale.kind, inputs, (result,), scale.attributes, name=title, path=owner.path)


def _scaled_input(program: Program, node: OnnxNode) -> int | None:
    """Which input a product or quotient by one number scales; None where it is none."""
    if node.kind == "Div":
        return 0 if _is_number(program, node.inputs[1]) else None
    if node.kind != "Mul":
        return None
    return next((1 - i for i in range(2) if _is_number(program, node.inputs[i])), None)


def _is_number(program: Program, name: str) -> bool:
    """Whether the file holds a single number under this name. Whole ones are none: the sizes ⌊H / 3⌋ · 2 and ⌊2H / 3⌋
    differ, and products of matrices that ONNX Runtime scales hold fractions."""
    if name in program.constants:
        return program.constants[name].size == 1 and program.constants[name].dtype.kind == "f"
    item = program.initializers.get(name)
    return item is not None and all(size == 1 for size in item.shape) and "float" in item.dtype


def _reaches_product(wiring: ValueUses, scale: OnnxNode, reader: OnnxNode) -> bool:
    """Whether something else that reads a scale is a matrix product, or may be one once ONNX Runtime has fused it."""
    others = [node for node in wiring.reads.get(scale.outputs[0], []) if node is not reader]
    return any(node.kind in _TOWARDS_PRODUCTS for node in others)
