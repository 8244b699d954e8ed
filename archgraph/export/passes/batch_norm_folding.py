"""Batch norms are folded into the layer before them where that layer's result has no other reader.

What is left of them may need another form: see `widen_batch_norms`.
"""

from __future__ import annotations

from dataclasses import replace

from archgraph.export.lowering.program import ELEMENT_TYPES, SINGLE, Initializer, OnnxNode, Program, UniqueNames
from archgraph.export.passes.folded_weights import WeightFold


def fold_batch_norms(program: Program) -> None:
    """Folds each batch norm that alone reads a convolution (or a Gemm) with weights of its own."""
    made = {name: node for node in program.nodes for name in node.outputs}
    readers = program.readers()
    uses = _weight_uses(program)
    gone: set[int] = set()
    for norm in program.nodes:
        layer = made.get(norm.inputs[0]) if norm.kind == "BatchNormalization" else None
        if layer is None or readers[norm.inputs[0]] != 1 or not _foldable(program, layer, norm, uses):
            continue
        _fold(program, layer, norm)
        gone.add(id(norm))
    program.nodes = [node for node in program.nodes if id(node) not in gone]


def _weight_uses(program: Program) -> dict[str, int]:
    uses: dict[str, int] = {}
    for node in program.nodes:
        for name in node.reads[1:]:
            uses[name] = uses.get(name, 0) + 1
    return uses


def _foldable(program: Program, layer: OnnxNode, norm: OnnxNode, uses: dict[str, int]) -> bool:
    """A convolution, or a Gemm with rows as outputs; its kernel used once, so that no second copy is stored."""
    by_rows = layer.kind == "Conv" or (layer.kind == "Gemm" and layer.attributes.get("transB") == 1)
    own = [name for name in (*layer.inputs[1:], *norm.inputs[1:]) if name not in program.constants]
    stored = all(name in program.initializers and program.initializers[name].transform == "same" for name in own)
    return by_rows and stored and uses[layer.inputs[1]] == 1


def _fold(program: Program, layer: OnnxNode, norm: OnnxNode) -> None:
    def key(name: str) -> str:
        return program.initializers[name].keys[0] if name in program.initializers else ""

    bias = key(layer.inputs[2]) if len(layer.inputs) > 2 else ""
    gamma, beta, mean, variance = (key(name) for name in norm.inputs[1:])
    eps = float(norm.attributes["epsilon"])  # type: ignore[arg-type]
    fold = WeightFold(key(layer.inputs[1]), bias, gamma, beta, mean, variance, eps)
    kernel = program.initializers[layer.inputs[1]]
    weight_name, bias_name = f"{layer.path}.weight/folded", f"{layer.path}.bias/folded"
    program.initializers[weight_name] = Initializer(weight_name, kernel.shape, kernel.dtype, fold.keys, "fold", fold)
    program.initializers[bias_name] = Initializer(bias_name, kernel.shape[:1], kernel.dtype, fold.keys, "fold", fold)
    layer.inputs = (layer.inputs[0], weight_name, bias_name)
    layer.outputs = norm.outputs
    program.folded[norm.path] = layer.path


def widen_batch_norms(program: Program) -> None:
    """Batch norms of low values are computed in float32, like their weights: CUDA has no kernel that mixes types."""
    names = UniqueNames(name for node in program.nodes for name in node.outputs)
    nodes: list[OnnxNode] = []
    for node in program.nodes:
        kind = program.types.get(node.outputs[0]) if node.kind == "BatchNormalization" else None
        if kind is None or kind.dtype == SINGLE:
            nodes.append(node)
            continue
        x, result = names.take(f"{node.path}/wide"), names.take(f"{node.path}/BatchNormalization")
        nodes.append(_cast(node.inputs[0], x, SINGLE, x, node.path))
        nodes.append(replace(node, inputs=(x, *node.inputs[1:]), outputs=(result,), name=result))
        nodes.append(_cast(result, node.outputs[0], kind.dtype, node.name, node.path))
    program.nodes = nodes


def _cast(x: str, result: str, dtype: str, name: str, path: str) -> OnnxNode:
    return OnnxNode("Cast", (x,), (result,), {"to": ELEMENT_TYPES[dtype]}, name=name, path=path)
