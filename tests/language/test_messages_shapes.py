"""What is said of shapes that do not fit, or cannot be shown to: both shapes, and where each of them came from."""

from __future__ import annotations

import pytest
from spec_samples import assert_says

CASES = {
    "shape add": (
        """
        nodes:
          a: {op: conv2d, out_channels: 8, kernel_size: 1}
          b: {op: conv2d, in: x, out_channels: 6, kernel_size: 1}
          c: {op: add, in: [a, b]}
        """,
        """
        net.yaml:7:3: error: c: the shapes [N, 8, H, W] and [N, 6, H, W] do not fit together in dimension -3
            7 |   c: {op: add, in: [a, b]}
                  ^
          expected: equal sizes, or 1
          received: 8 and 6
          note: 'input' is [N, 8, H, W], from 'a' (net.yaml:5:3)
          note: 'other' is [N, 6, H, W], from 'b' (net.yaml:6:3)
        """,
    ),
    "shape concat": (
        """
        nodes:
          a: {op: max_pool2d, kernel_size: 2}
          b: {op: concat, in: [x, a], dim: 1}
        """,
        """
        net.yaml:6:3: error: b: concat along dimension 1 needs all other sizes of [N, 4, H, W] and [N, 4, H // 2, W // 2] equal
            6 |   b: {op: concat, in: [x, a], dim: 1}
                  ^
          expected: H
          received: H // 2
          note: 'tensors.0' is [N, 4, H, W], from 'x' (net.yaml:3:10)
          note: 'tensors.1' is [N, 4, H // 2, W // 2], from 'a' (net.yaml:5:3)
        """,
    ),
    "shape concat 3": (
        """
        nodes:
          a: {op: conv2d, out_channels: 8, kernel_size: 3}
          b: {op: concat, in: [x, a], dim: 1}
        """,
        """
        net.yaml:6:3: error: b: concat along dimension 1 needs all other sizes of [N, 4, H, W] and [N, 8, H - 2, W - 2] equal
            6 |   b: {op: concat, in: [x, a], dim: 1}
                  ^
          expected: H
          received: H - 2
          note: 'tensors.0' is [N, 4, H, W], from 'x' (net.yaml:3:10)
          note: 'tensors.1' is [N, 8, H - 2, W - 2], from 'a' (net.yaml:5:3)
        """,
    ),
    "rank": (
        """
        nodes:
          a: {op: flatten, start_dim: 1}
          b: {op: conv2d, out_channels: 8, kernel_size: 3}
        """,
        """
        net.yaml:6:3: error: b: the input must have 4 dimensions
            6 |   b: {op: conv2d, out_channels: 8, kernel_size: 3}
                  ^
          expected: 4 dimensions
          received: [N, 4*H*W] (2)
          note: 'input' is [N, 4*H*W], from 'a' (net.yaml:5:3)
        """,
    ),
    "linear symbolic": (
        """
        nodes:
          a: {op: flatten, start_dim: 1}
          b: {op: linear, out_features: 8}
        """,
        """
        net.yaml:6:3: error: b: dimension -1 must be a fixed number, because weights depend on it
            6 |   b: {op: linear, out_features: 8}
                  ^
          expected: a whole number
          received: 4*H*W in [N, 4*H*W]
          hint: write numbers for H and W in `inputs`, or pool to a fixed size first (adaptive_avg_pool2d)
          note: 'input' is [N, 4*H*W], from 'a' (net.yaml:5:3)
        """,
    ),
    "unprovable": (
        """
        inputs: {x: [N, 4, H, W]}
        nodes:
          a: {op: reshape, shape: [=N, 4, =W, =W]}
        """,
        """
        net.yaml:5:27: error: a: the number of elements differs
            5 |   a: {op: reshape, shape: [=N, 4, =W, =W]}
                                          ^^^^^^^^^^^^^^^
          expected: 4*N*W**2
          received: 4*H*N*W
          hint: [N, 4, H, W] as [N, 4, W, W] must keep the number of elements
          note: 'input' is [N, 4, H, W], from 'x' (net.yaml:3:10)
        """,
    ),
    "unproved multiple": (
        """
        inputs: {x: [N, 4, H, W]}
        nodes:
          d: {op: max_pool2d, kernel_size: 2}
          u: {op: interpolate, scale_factor: 2.0}
          a: {op: add, in: [u, x]}
          c: {op: reshape, in: a, shape: [=N, 4, =H, =W + 1]}
        """,
        """
        net.yaml:8:34: error: c: the number of elements differs
            8 |   c: {op: reshape, in: a, shape: [=N, 4, =H, =W + 1]}
                                                 ^^^^^^^^^^^^^^^^^^^
          expected: 4*H*N*W + 4*H*N
          received: 16*(H // 2)*N*(W // 2)
          hint: [N, 4, 2*(H // 2), 2*(W // 2)] as [N, 4, H, W + 1] must keep the number of elements
          note: 'input' is [N, 4, 2*(H // 2), 2*(W // 2)], from 'a' (net.yaml:7:3)
          note: H must be a multiple of 2, because of a: dimension -2 of [N, 4, 2*(H // 2), 2*(W // 2)] and [N, 4, H, W] (net.yaml:7:3)
          note: W must be a multiple of 2, because of a: dimension -1 of [N, 4, 2*(H // 2), 2*(W // 2)] and [N, 4, H, W] (net.yaml:7:3)
        """,
    ),
    "groups": (
        """
        nodes:
          a: {op: conv2d, out_channels: 8, kernel_size: 3, groups: 3}
        """,
        """
        net.yaml:5:60: error: a: groups must divide the input channels
            5 |   a: {op: conv2d, out_channels: 8, kernel_size: 3, groups: 3}
                                                                           ^
          expected: a multiple of 3
          received: 4 input channels
          note: 'input' is [N, 4, H, W], from 'x' (net.yaml:3:10)
        """,
    ),
    "num_groups": (
        """
        nodes:
          a: {op: group_norm, num_groups: 32}
        """,
        """
        net.yaml:5:35: error: a: num_groups must divide the channels
            5 |   a: {op: group_norm, num_groups: 32}
                                                  ^^
          expected: a multiple of 32 channels
          received: 4 channels in [N, 4, H, W]
          note: 'input' is [N, 4, H, W], from 'x' (net.yaml:3:10)
        """,
    ),
    "kernel too large": (
        """
        inputs: {x: [N, 4, 5, 5]}
        nodes:
          a: {op: conv2d, out_channels: 8, kernel_size: 7}
        """,
        """
        net.yaml:5:3: error: a: the size is too small
            5 |   a: {op: conv2d, out_channels: 8, kernel_size: 7}
                  ^
          expected: at least 7
          received: 5
          hint: a window of 7 must fit into 5
          note: 'input' is [N, 4, 5, 5], from 'x' (net.yaml:3:10)
        """,
    ),
    "dtype": (
        """
        inputs: {ids: {shape: [N], dtype: int64}}
        nodes:
          b: {op: linear, out_features: 5}
        """,
        """
        net.yaml:5:3: error: b: the input 'input' of linear has the wrong element type
            5 |   b: {op: linear, out_features: 5}
                  ^
          expected: float16 or bfloat16 or float32 or float64
          received: int64 (ids)
          note: 'input' is [N] int64, from 'ids' (net.yaml:3:10)
        """,
    ),
    "block shape": (
        """
        inputs: {x: [N, 4]}
        nodes:
          a: {op: mine, planes: 4, bias: false}

        blocks:
          mine:
            params: {planes: int, stride: 1, mode: [zeros, reflect], bias: true}
            inputs: {y: [N, C, H, W], t: {shape: [N, T], when: =bias}}
            nodes:
              a: {op: conv2d, out_channels: =planes, kernel_size: 1}
              b: {op: add, in: [a, y]}
        """,
        """
        net.yaml:5:3: error: a: what is handed to 'y' of mine has another number of dimensions
            5 |   a: {op: mine, planes: 4, bias: false}
                  ^
          expected: [N, C, H, W]
          received: [N, 4]
          note: 'y' is [N, 4], from 'x' (net.yaml:3:10)
          note: the input 'y' is declared as [N, C, H, W] (net.yaml:10:14)
        """,
    ),
    "block shape sym": (
        """
        inputs: {x: [N, 4, 8, 8], u: [M, 7]}
        nodes:
          a: {op: mine, planes: 4, in: {y: x, t: u}}

        blocks:
          mine:
            params: {planes: int, stride: 1, mode: [zeros, reflect], bias: true}
            inputs: {y: [N, C, H, W], t: {shape: [N, T], when: =bias}}
            nodes:
              a: {op: conv2d, out_channels: =planes, kernel_size: 1}
              b: {op: add, in: [a, y]}
        """,
        """
        net.yaml:5:42: error: a: what is handed to 't' of mine has the wrong shape: dimension 0 must be N, and is M
            5 |   a: {op: mine, planes: 4, in: {y: x, t: u}}
                                                         ^
          expected: [N, T]
          received: [M, 7]
          hint: sizes cannot be shown equal for all M and N
          note: 't' is [M, 7], from 'u' (net.yaml:3:27)
          note: the input 't' is declared as [N, T] (net.yaml:10:31)
        """,
    ),
    "bound block": (
        """
        inputs: {x: [N, 9]}
        nodes: {a: mine}
        blocks: {mine: {inputs: {y: {shape: [N, L], where: L <= 4}}, nodes: {a: relu}}}
        """,
        """
        net.yaml:4:9: error: a: what is handed to 'y' of mine has a size out of bounds: L is 9, and must be <= 4
            4 | nodes: {a: mine}
                        ^
          expected: [N, L]
          received: [N, 9]
          note: 'y' is [N, 9], from 'x' (net.yaml:3:10)
          note: the input 'y' is declared as [N, L] (net.yaml:5:26)
        """,
    ),
    "share": (
        """
        nodes:
          a: {op: conv2d, out_channels: 5, kernel_size: 1}
          b: {share: a}
        """,
        """
        net.yaml:6:3: error: b: 'a' cannot be applied again to this input: its weights have other shapes
            6 |   b: {share: a}
                  ^
          expected: weight [5, 4, 1, 1], bias [5]
          received: weight [5, 5, 1, 1], bias [5]
          note: 'input' is [N, 5, H, W], from 'a' (net.yaml:5:3)
        """,
    ),
    "shape in nested blocks": (
        """
        nodes:
          a: {op: outer}
        blocks:
          outer: {inputs: {y: [N, C, H, W]}, nodes: {wide: {op: conv2d, out_channels: 6, kernel_size: 1}, inner: {op: inner, in: [wide, y]}}}
          inner: {inputs: {l: [N, C, H, W], r: [N, D, H, W]}, nodes: {g: {nodes: {sum: {op: add, in: [l, r]}}}}}
        """,
        """
        net.yaml:8:75: error: a.inner.g.sum: the shapes [N, 6, H, W] and [N, 4, H, W] do not fit together in dimension -3
            8 |   inner: {inputs: {l: [N, C, H, W], r: [N, D, H, W]}, nodes: {g: {nodes: {sum: {op: add, in: [l, r]}}}}}
                                                                                          ^^^
          expected: equal sizes, or 1
          received: 6 and 4
          note: 'input' is [N, 6, H, W], from 'a.wide' (net.yaml:7:46)
          note: 'other' is [N, 4, H, W], from 'x' (net.yaml:3:10)
          note: 'inner' is used by 'a.inner' (net.yaml:7:99)
          note: 'outer' is used by 'a' (net.yaml:5:3)
        """,
    ),
    "in shipped": (
        """
        nodes:
          down:
            repeat: 2
            nodes:
              r: {op: resnet, timed: false}
        """,
        """
        BLOCKS/resnet.yaml:11:39: error: down.0.r.norm1: num_groups must divide the channels
           11 |   norm1: {op: group_norm, num_groups: =groups, eps: =eps}
                                                      ^^^^^^^
          expected: a multiple of 32 channels
          received: 4 channels in [N, 4, H, W]
          note: 'input' is [N, 4, H, W], from 'x' (net.yaml:3:10)
          note: 'resnet' is used by 'down.0.r' (net.yaml:8:7)
        """,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_said_of_shapes(name: str) -> None:
    spec, said = CASES[name]
    assert_says(spec, said)
