"""`register_buffer`: what can be stored, and why something cannot."""

from __future__ import annotations

import pytest
from spec_samples import keys, net, refusal

from archgraph.codegen import to_torch


def said(nodes: str, more: str = "") -> str:
    return refusal(f"inputs: {{x: [N, 4, L]}}\nnodes: {{{nodes}, sum: {{op: add, in: [x, kept]}}}}{more}")


@pytest.mark.parametrize(
    ("nodes", "cause", "way_on"),
    [
        (
            "s: sin, kept: register_buffer",
            "what is stored is computed from 'x', which is an input",
            "leave register_buffer out: what follows from an input is computed with it",
        ),
        (
            "s: {op: arange, end: =L}, kept: register_buffer",
            "what is stored has one shape, and L follows from the inputs",
            "make that size a number or a parameter, or leave register_buffer out",
        ),
        (
            "w: {op: parameter, shape: [4, 1]}, s: sin, kept: register_buffer",
            "what is stored is computed from 'w', which has weights",
            "leave register_buffer out: what follows from weights changes with them",
        ),
        (
            "w: {op: full, shape: [4, 1], fill_value: 1.0}, s: dropout, kept: register_buffer",
            "what is stored is computed from 's', which draws random numbers",
            "expected: constants",
        ),
        (
            "s: {op: sincos_position, height: 2, width: 2, dim: 4}, kept: register_buffer",
            "what is stored is computed from 's', which is a body of its own",
            "'path: .' puts what is computed there next to it",
        ),
    ],
)
def test_the_cause_is_named_at_the_node(nodes: str, cause: str, way_on: str) -> None:
    text = said(nodes)
    assert cause in text
    assert way_on in text
    assert text.startswith("net.yaml:4:")
    assert text.count("error:") == 1


def test_a_block_without_a_level_is_computed_next_to_it() -> None:
    graph = net(
        "nodes: {s: {op: sincos_position, path: ., height: 2, width: 2, dim: 4}, kept: register_buffer, "
        "r: {op: reshape, shape: [4, 4, 1]}, m: {op: mean, dim: 1, keepdim: true}, a: {op: add, in: [x, m]}}"
    )
    assert keys(graph) == ["kept"]


def test_an_input_that_a_hidden_group_passes_on() -> None:
    nodes = "g: {path: ., nodes: {r: {op: mean, in: x, dim: [0, 2]}}}, kept: register_buffer"
    assert "what is stored is computed from 'x', which is an input" in said(nodes)


def test_a_constant_that_a_hidden_group_passes_on() -> None:
    graph = net(
        "nodes: {c: {op: arange, end: 4}, g: {path: ., nodes: {d: {op: mul, in: [c, c]}}}, kept: register_buffer, "
        "r: {op: reshape, shape: [4, 1, 1]}, a: {op: add, in: [x, r]}}"
    )
    assert to_torch(graph).kept.tolist() == [0, 1, 4, 9]
