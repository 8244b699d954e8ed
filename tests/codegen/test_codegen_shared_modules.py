"""Modules and blocks that are applied a second time, in generated code."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from loaded_networks import UNIT, both, drawn, loaded
from torch.nn import functional as F

from archgraph.errors import ShapeError, WiringError
from archgraph.graph import parameter_count
from archgraph.graph.cost import account

TOWER = """
  tower:
    inputs: {x: [N, C]}
    nodes:
      copy: {op: unit, path: "{i}", repeat: 2}
      inner: {path: ., nodes: {top: {op: linear, out_features: =C}}}
"""


SHARED = [
    ("{a: {op: unit, path: '.'}, b: {share: a}}", ["fc", "fc"]),
    ("{a: tower, b: {share: a}}", 2 * ["a.0.fc", "a.1.fc", "a.top"]),
    ("{a: tower, b: {share: a}, c: {share: b}}", 3 * ["a.0.fc", "a.1.fc", "a.top"]),
    ("{a: tower, g: {repeat: 2, nodes: {b: {share: a}}}}", 3 * ["a.0.fc", "a.1.fc", "a.top"]),
    (
        "{g: {repeat: 2, nodes: {a: tower, b: {share: a}}}}",
        [f"g.{i}.a.{part}" for i in (0, 1) for part in 2 * ("0.fc", "1.fc", "top")],
    ),
    (
        "{a: {op: linear, path: s.0, out_features: 8}, b: {op: unit, path: s.1}, c: {share: b}}",
        ["s.0", "s.1.fc", "s.1.fc"],
    ),
]


@pytest.mark.parametrize(("nodes", "order"), SHARED)
def test_a_shared_module_is_applied_again(nodes: str, order: list[str], tmp_path: Path) -> None:
    graph = loaded("{x: [N, 8]}", nodes, TOWER + UNIT)
    x = drawn(2, 8)
    (found,), state = both(graph, tmp_path, x)
    for path in order:
        x = F.linear(x, state[f"{path}.weight"], state[f"{path}.bias"])
    torch.testing.assert_close(found, x, rtol=1e-4, atol=1e-4)
    assert parameter_count(graph) == 72 * len(set(order))
    assert account(graph).cost.parameters == 72 * len(set(order))


def test_a_shared_block_holds_for_each_of_its_sizes(tmp_path: Path) -> None:
    blocks = """
  level:
    inputs: {x: [N, C, H, W]}
    nodes: {flat: {op: reshape, shape: "=[N, C, H * W]"}, act: relu, back: {op: reshape, shape: "=[N, C, H, W]"}}
"""
    for size in ("H, W", "8, 8"):
        graph = loaded(
            f"{{x: [N, 4, {size}]}}", "{a: level, less: {op: avg_pool2d, kernel_size: 2}, b: {share: a}}", blocks
        )
        x = drawn(2, 4, 8, 8)
        (found,), _ = both(graph, tmp_path, x)
        torch.testing.assert_close(found, F.avg_pool2d(x.relu(), 2))


def test_a_shared_block_keeps_a_size_that_it_was_handed(tmp_path: Path) -> None:
    """In the first use the size is that of the block's input, in the second it is not."""
    blocks = """
  level:
    params: {size: =0}
    inputs: {x: [N, C, H, W]}
    nodes: {up: {op: interpolate, size: [=size, =size]}}
"""
    graph = loaded(
        "{x: [N, 4, H, H]}", "{a: {op: level, size: =H}, less: {op: avg_pool2d, kernel_size: 2}, b: {share: a}}", blocks
    )
    x = drawn(2, 4, 8, 8)
    (found,), _ = both(graph, tmp_path, x)
    torch.testing.assert_close(found, F.interpolate(F.avg_pool2d(x, 2), size=(8, 8)))


def test_a_shared_slice_ends_where_it_did(tmp_path: Path) -> None:
    """In the first use that is two places before the end, in the second three."""
    blocks = """
  level:
    params: {size: =0}
    inputs: {x: [N, C, L]}
    nodes: {cut: {op: slice, dim: 2, end: =size}}
"""
    nodes = "{wide: {op: pad, pad: [0, 2]}, a: {op: level, size: =T}, wider: {op: pad, pad: [0, 3]}, b: {share: a}}"
    x = drawn(2, 4, 5)
    (found,), _ = both(loaded("{x: [N, 4, T]}", nodes, blocks), tmp_path, x)
    torch.testing.assert_close(found, x)


def test_an_operation_with_a_weight_from_outside_is_applied_again(tmp_path: Path) -> None:
    graph = loaded(
        "{x: [N, 8]}",
        "{w: {op: parameter, shape: [8, 8], init: normal}, a: {op: linear, in: {input: x, weight: w}, out_features: 8},"
        " b: {share: a, in: {input: a, weight: w}}}",
    )
    x = drawn(2, 8)
    (found,), state = both(graph, tmp_path, x)
    once = F.linear(x, state["w"], state["a.bias"])
    torch.testing.assert_close(found, F.linear(once, state["w"], state["a.bias"]))


def test_what_is_applied_again_keeps_its_arguments() -> None:
    blocks = "\n  level:\n    inputs: {x: [N, C, L]}\n    nodes: {cut: {op: mul, value: =L}}\n"
    with pytest.raises(ShapeError, match="its 'value' would be another"):
        loaded("{x: [N, 4, 8]}", "{a: level, cut: {op: slice, dim: 2, end: 4}, b: {share: a}}", blocks)


def test_what_is_applied_again_keeps_its_structure() -> None:
    blocks = "\n  level:\n    inputs: {x: [N, C, L]}\n    nodes: {a: relu, b: {op: tanh, when: =L > 4}}\n"
    with pytest.raises(WiringError, match="another structure"):
        loaded("{x: [N, 4, 8]}", "{a: level, cut: {op: slice, dim: 2, end: 4}, b: {share: a}}", blocks)
