"""What is said of blocks, of claims, and of several problems at once."""

from __future__ import annotations

import pytest
from spec_samples import assert_says

CASES = {
    "nested blocks": (
        """
        nodes: {m: mine}
        blocks:
          mine:
            inputs: {y: [N, C, H, W]}
            nodes:
              a: relu
              b: mine
        """,
        """
        net.yaml:10:7: error: m.b: 'mine' uses itself, so it never ends
           10 |       b: mine
                      ^
          hint: a block may use itself with other parameters, under a 'when' that fails at last
          note: 'mine' is used by 'm' (net.yaml:4:9)
        """,
    ),
    "nested blocks2": (
        """
        nodes: {m: one}
        blocks:
          one: {inputs: {y: [N, C, H, W]}, nodes: {a: two}}
          two: {inputs: {y: [N, C, H, W]}, nodes: {a: one}}
        """,
        """
        net.yaml:7:44: error: m.a.a: 'one' uses itself (by way of 'two'), so it never ends
            7 |   two: {inputs: {y: [N, C, H, W]}, nodes: {a: one}}
                                                           ^
          hint: a block may use itself with other parameters, under a 'when' that fails at last
          note: 'two' is used by 'm.a' (net.yaml:6:44)
          note: 'one' is used by 'm' (net.yaml:4:9)
        """,
    ),
    "nested deep": (
        """
        nodes: {m: {op: mine, k: 1}}
        blocks:
          mine:
            params: {k: 1}
            inputs: {y: [N, C, H, W]}
            nodes:
              a: relu
              b: {op: mine, k: =k + 1}
        """,
        """
        net.yaml:11:7: error: m.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b: blocks are nested too deeply: 'mine' stands inside 32 others
           11 |       b: {op: mine, k: =k + 1}
                      ^
          expected: at most 32 levels
          note: 'mine' is used by 'm.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b.b' (net.yaml:11:7)
          note: 'mine' is used by 'm' (net.yaml:4:9)
        """,
    ),
    "assert shipped": (
        """
        nodes:
          a: {op: basic, planes: 4, groups: 2}
        """,
        """
        net.yaml:5:3: error: a: the basic block knows only groups = 1 and base_width = 64; use bottleneck
            5 |   a: {op: basic, planes: 4, groups: 2}
                  ^
          expected: groups == 1 and base_width == 64
          received: base_width = 64, groups = 2
          note: basic asserts it (BLOCKS/basic.yaml:9:12)
        """,
    ),
    "assert own": (
        """
        params: {dim: 3}
        assert: [dim % 2 == 0, {that: dim > 0, message: must be positive}]
        nodes: {a: relu}
        """,
        """
        net.yaml:5:10: error: net requires dim % 2 == 0
            5 | assert: [dim % 2 == 0, {that: dim > 0, message: must be positive}]
                         ^^^^^^^^^^^^
          expected: dim % 2 == 0
          received: dim = 3
        """,
    ),
    "count": (
        """
        assert: {parameters: 21}
        nodes: {a: {op: conv2d, out_channels: 4, kernel_size: 1}}
        """,
        """
        net.yaml:4:22: error: net has another number of parameters than 'assert' states
            4 | assert: {parameters: 21}
                                     ^^
          expected: 21
          received: 20 (-1)
        """,
    ),
    "several": (
        """
        params: {w: 4}
        nodes:
          a: {op: conv2d, out_chanels: 4, kernel_size: 1}
          b: {op: batch_norm2d, ep: 1}
          c: {op: conv2d, in: x, out_channels: =v, kernel_size: 1}
          d: {op: add, in: [c, b]}
          e: {op: relu, in: zz}
        """,
        """
        net.yaml:6:19: error: a: conv2d has no parameter 'out_chanels'
            6 |   a: {op: conv2d, out_chanels: 4, kernel_size: 1}
                                  ^^^^^^^^^^^
          expected: one of out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, weight_norm, spectral_norm
          hint: did you mean 'out_channels'?
        net.yaml:7:25: error: b: batch_norm2d has no parameter 'ep'
            7 |   b: {op: batch_norm2d, ep: 1}
                                        ^^
          expected: one of eps, momentum, affine, track_running_stats
          hint: did you mean 'eps'?
        net.yaml:8:40: error: c: there is no 'v' here
            8 |   c: {op: conv2d, in: x, out_channels: =v, kernel_size: 1}
                                                       ^^
          expected: one of H, N, W, w
          note: in =v
        net.yaml:10:21: error: e: there is no value 'zz' here
           10 |   e: {op: relu, in: zz}
                                    ^^
          expected: one of x, a, b, c, d
        """,
    ),
    "several in several nodes and blocks": (
        """
        stacks: [skips]
        nodes:
          a: {op: conv2d, out_channels: 4, kernel_sise: 1}
          b: {op: relu, push: skips}
          c: {op: add, in: [prev, skips.pop]}
          d: {op: group_norm, in: x, num_groups: 3}
          e: {op: mine, in: d}
          f: {op: add, in: [c, e, x]}
        blocks:
          mine:
            inputs: {y: [N, C, H, W]}
            nodes:
              p: {op: conv2d, out_channels: =D, kernel_size: 1}
        """,
        """
        net.yaml:6:36: error: a: conv2d has no parameter 'kernel_sise'
            6 |   a: {op: conv2d, out_channels: 4, kernel_sise: 1}
                                                   ^^^^^^^^^^^
          expected: one of out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, weight_norm, spectral_norm
          hint: did you mean 'kernel_size'?
        net.yaml:9:42: error: d: num_groups must divide the channels
            9 |   d: {op: group_norm, in: x, num_groups: 3}
                                                         ^
          expected: a multiple of 3 channels
          received: 4 channels in [N, 4, H, W]
          note: 'input' is [N, 4, H, W], from 'x' (net.yaml:3:10)
        net.yaml:11:27: error: f: add takes 2 inputs
           11 |   f: {op: add, in: [c, e, x]}
                                          ^
          expected: input, other
          received: 3 names
        """,
    ),
    "one mistake in a block of many uses": (
        """
        nodes:
          a: {op: mine, repeat: 3}
          b: mine
        blocks:
          mine:
            inputs: {y: [N, C, H, W]}
            nodes:
              p: {op: rellu}
        """,
        """
        net.yaml:11:15: error: a.0.p: there is no operation or block 'rellu'
           11 |       p: {op: rellu}
                              ^^^^^
          hint: did you mean 'relu'?
          note: 'mine' is used by 'a.0' (net.yaml:5:3)
        """,
    ),
    "same problem in copies": (
        """
        nodes:
          g:
            repeat: 2
            map: true
            nodes:
              a: {op: group_norm, num_groups: 3}
          c: {op: concat, in: g}
        """,
        """
        net.yaml:9:39: error: g.0.a: num_groups must divide the channels
            9 |       a: {op: group_norm, num_groups: 3}
                                                      ^
          expected: a multiple of 3 channels
          received: 4 channels in [N, 4, H, W]
          note: 'input' is [N, 4, H, W], from 'x' (net.yaml:3:10)
          note: and 1 more: g.1.a
        """,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_said_of_blocks(name: str) -> None:
    spec, said = CASES[name]
    assert_says(spec, said)
