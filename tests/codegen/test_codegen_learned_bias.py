"""Attention with a bias that is learned and finite, and with masks that may leave no token."""

from __future__ import annotations

import pytest
import torch
from loaded_networks import drawn, loaded
from torch import nn
from torch.nn import functional as F

import archgraph as ag
from archgraph.codegen import source, to_torch
from archgraph.graph.types import Graph

ATTEND = "attend: {op: scaled_dot_product_attention, num_heads: 2, in: [x, x, x, mask]}"
BIAS = "mask: {op: parameter, shape: [2, 5, 5]}"


def network(nodes: str, inputs: str = "", blocks: str = "") -> Graph:
    return loaded(f"{{x: [N, 5, 8]{inputs}}}", f"{{{nodes}}}", blocks)


LEARNED = {
    "a parameter": f"{BIAS}, {ATTEND}",
    "rows of a table": "table: {op: parameter, shape: [9, 2]}, place: {op: constant, value: [[0, 1], [8, 0]]}, "
    "rows: {op: embedding, num_embeddings: 9, embedding_dim: 2, in: {input: place, weight: table}}, "
    "turned: {op: permute, dims: [2, 0, 1]}, mask: {op: pad, pad: [0, 3, 0, 3]}, "
    f"{ATTEND}",
    "and numbers where windows meet": f"bias: {{op: parameter, shape: [2, 5, 5]}}, "
    "apart: {op: constant, value: [0.0, 0.0, 0.0, -100.0, -100.0]}, "
    f"mask: {{op: add, in: [bias, apart]}}, {ATTEND}",
}
OTHERS = {
    "an input": (ATTEND, ", mask: [2, 5, 5]"),
    "what is hidden": (
        "bias: {op: parameter, shape: [2, 5, 5]}, "
        f"mask: {{op: masked_fill, value: -.inf, in: [bias, hidden]}}, {ATTEND}",
        ", hidden: {shape: [5, 5], dtype: bool}",
    ),
    "a large number, which is infinite in float16": (
        "bias: {op: parameter, shape: [2, 5, 5]}, low: {op: constant, value: -1.0e+9}, "
        f"mask: {{op: add, in: [bias, low]}}, {ATTEND}",
        "",
    ),
    "a stored table, which may hold anything": (f"mask: {{op: buffer, shape: [2, 5, 5]}}, {ATTEND}", ""),
    "numbers that nobody learns": (f"mask: {{op: zeros, shape: [2, 5, 5]}}, {ATTEND}", ""),
    "a logarithm": (f"bias: {{op: parameter, shape: [2, 5, 5]}}, mask: log, {ATTEND}", ""),
}


@pytest.mark.parametrize("case", LEARNED)
def test_a_learned_bias_is_known(case: str) -> None:
    assert "= biased_multi_head_attention(" in source(network(LEARNED[case])).replace("return", "=")


@pytest.mark.parametrize("case", OTHERS)
def test_what_may_leave_no_token_is_no_bias(case: str) -> None:
    assert "biased" not in source(network(*OTHERS[case]))


def test_a_bias_that_is_handed_in_may_be_anything() -> None:
    blocks = f"\n  inner: {{inputs: {{x: [N, L, C], mask: [A, L, L]}}, nodes: {{{ATTEND}}}}}"
    assert "biased" not in source(network(f"{BIAS}, inner: {{op: inner, in: [x, mask]}}", blocks=blocks))


def test_a_bias_that_a_block_makes_is_known() -> None:
    blocks = "\n  made: {inputs: {x: [A, L, L]}, nodes: {a: {op: mul, value: 2.0}, b: {op: add, value: 1.0}}}"
    nodes = f"bias: {{op: parameter, shape: [2, 5, 5]}}, mask: {{op: made, in: bias}}, {ATTEND}"
    assert "biased" in source(network(nodes, blocks=blocks))


def step(module: nn.Module) -> list[torch.Tensor | None]:
    """The result of a training step and the gradients of input and bias."""
    x = drawn(3, 5, 8).double().requires_grad_()
    torch.manual_seed(2)
    made = module(x)
    made.cos().sum().backward()
    return [made.detach(), x.grad, *(each.grad for each in module.parameters())]


@pytest.mark.parametrize("scale", [None, 0.3])
def test_results_and_gradients_are_those_of_torchs_attention(scale: float | None) -> None:
    class Reference(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mask = nn.Parameter(drawn(2, 5, 5).double())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            apart = x.unflatten(2, (2, 4)).transpose(1, 2)
            mixed = F.scaled_dot_product_attention(apart, apart, apart, self.mask, scale=scale)
            return mixed.transpose(1, 2).flatten(2)

    text = ATTEND if scale is None else ATTEND.replace("in:", f"scale: {scale}, in:")
    reference, module = Reference(), to_torch(network(f"{BIAS}, {text}")).double()
    module.load_state_dict(reference.state_dict())
    torch.testing.assert_close(step(module), step(reference))
    module.requires_grad_(False)
    torch.testing.assert_close(module(drawn(3, 5, 8).double()), reference(drawn(3, 5, 8).double()))


def test_training_drops_attention_and_evaluation_does_not() -> None:
    text = ATTEND.replace("in:", "dropout_p: 0.5, in:")
    module = to_torch(network(f"{BIAS}, {text}"))
    x = drawn(3, 5, 8)
    assert not torch.allclose(module(x), module(x))
    module.eval()
    torch.testing.assert_close(module(x), module(x))


def test_compiled_and_exported() -> None:
    """What is exported holds torch's attention, so that an import gives the same graph."""
    graph = network(f"{BIAS}, {ATTEND}")
    module, x = to_torch(graph), drawn(3, 5, 8)
    compiled = torch.compile(module, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), module(x))
    exported = torch.export.export(module, (x,))
    assert "scaled_dot_product_attention" in exported.graph_module.code
    imported = ag.from_torch(module, {"x": "N,5,8"}, verify=False)
    assert [node.op.name for node in imported.nodes.values()] == ["parameter", "scaled_dot_product_attention"]
    assert imported.nodes["attend"].inputs["mask"].type == graph.nodes["attend"].inputs["mask"].type
