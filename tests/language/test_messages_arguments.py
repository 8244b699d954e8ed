"""What is said of arguments: missing ones, those of a wrong type, and nodes handed in."""

from __future__ import annotations

import pytest
from spec_samples import assert_says

CASES = {
    "missing block param": (
        """
        nodes:
          a: {op: mine, bias: false}

        blocks:
          mine:
            params: {planes: int, stride: 1, mode: [zeros, reflect], bias: true}
            inputs: {y: [N, C, H, W], t: {shape: [N, T], when: =bias}}
            nodes:
              a: {op: conv2d, out_channels: =planes, kernel_size: 1}
              b: {op: add, in: [a, y]}
        """,
        """
        net.yaml:5:11: error: a: mine needs the parameter 'planes'
            5 |   a: {op: mine, bias: false}
                          ^^^^
          expected: a whole number
        """,
    ),
    "missing op param": (
        """
        nodes:
          a: {op: conv2d, out_channels: 8}
        """,
        """
        net.yaml:5:11: error: a: conv2d needs the parameter 'kernel_size'
            5 |   a: {op: conv2d, out_channels: 8}
                          ^^^^^^
          expected: a whole number of at least 1, or two of them
        """,
    ),
    "missing op param short": (
        """
        nodes:
          a: conv2d
        """,
        """
        net.yaml:5:6: error: a: conv2d needs the parameter 'out_channels'
            5 |   a: conv2d
                     ^^^^^^
          expected: a whole number of at least 1
        net.yaml:5:6: error: a: conv2d needs the parameter 'kernel_size'
            5 |   a: conv2d
                     ^^^^^^
          expected: a whole number of at least 1, or two of them
        """,
    ),
    "wrong type op": (
        """
        nodes:
          a: {op: conv2d, out_channels: many, kernel_size: 1}
        """,
        """
        net.yaml:5:33: error: a: conv2d: the parameter 'out_channels' has a wrong value
            5 |   a: {op: conv2d, out_channels: many, kernel_size: 1}
                                                ^^^^
          expected: a whole number of at least 1
          received: 'many' (text)
        """,
    ),
    "wrong type op 2": (
        """
        nodes:
          a: {op: conv2d, out_channels: 8, kernel_size: [3, 3, 3]}
        """,
        """
        net.yaml:5:49: error: a: conv2d: the parameter 'kernel_size' has a wrong value
            5 |   a: {op: conv2d, out_channels: 8, kernel_size: [3, 3, 3]}
                                                                ^^^^^^^^^
          expected: a whole number of at least 1, or two of them
          received: [3, 3, 3] (a list)
        """,
    ),
    "wrong type op bool": (
        """
        nodes:
          a: {op: conv2d, out_channels: 8, kernel_size: 3, bias: 'no'}
        """,
        """
        net.yaml:5:58: error: a: conv2d: the parameter 'bias' has a wrong value
            5 |   a: {op: conv2d, out_channels: 8, kernel_size: 3, bias: 'no'}
                                                                         ^^^^
          expected: true or false
          received: 'no' (text)
          hint: write false
        """,
    ),
    "wrong type block": (
        """
        nodes:
          a: {op: mine, planes: 4.5, bias: false}

        blocks:
          mine:
            params: {planes: int, stride: 1, mode: [zeros, reflect], bias: true}
            inputs: {y: [N, C, H, W], t: {shape: [N, T], when: =bias}}
            nodes:
              a: {op: conv2d, out_channels: =planes, kernel_size: 1}
              b: {op: add, in: [a, y]}
        """,
        """
        net.yaml:5:25: error: a: mine: the parameter 'planes' has a wrong value
            5 |   a: {op: mine, planes: 4.5, bias: false}
                                        ^^^
          expected: a whole number
          received: 4.5 (a number)
        """,
    ),
    "wrong choice": (
        """
        nodes:
          a: {op: mine, planes: 4, mode: reflec, bias: false}

        blocks:
          mine:
            params: {planes: int, stride: 1, mode: [zeros, reflect], bias: true}
            inputs: {y: [N, C, H, W], t: {shape: [N, T], when: =bias}}
            nodes:
              a: {op: conv2d, out_channels: =planes, kernel_size: 1}
              b: {op: add, in: [a, y]}
        """,
        """
        net.yaml:5:34: error: a: mine: the parameter 'mode' has a wrong value
            5 |   a: {op: mine, planes: 4, mode: reflec, bias: false}
                                                 ^^^^^^
          expected: one of zeros, reflect
          received: 'reflec' (text)
          hint: did you mean 'reflect'?
        """,
    ),
    "handed surplus": (
        """
        nodes: {m: {op: wrap, fn: {op: relu}}}
        blocks: {wrap: {params: {fn: node}, inputs: {y: [...]}, nodes: {f: {op: =fn, k: 3}}}}
        """,
        """
        net.yaml:5:78: error: m.f: 'relu' was handed in with its arguments, so 'k' has no place here
            5 | blocks: {wrap: {params: {fn: node}, inputs: {y: [...]}, nodes: {f: {op: =fn, k: 3}}}}
                                                                                             ^
          hint: give 'k' where the node is handed in
          note: 'wrap' is used by 'm' (net.yaml:4:9)
        """,
    ),
    "handed bad": (
        """
        nodes: {m: {op: wrap, fn: {op: conv2d, out_channel: 3}}}
        blocks: {wrap: {params: {fn: node}, inputs: {y: [...]}, nodes: {f: =fn}}}
        """,
        """
        net.yaml:4:32: error: m.f: conv2d needs the parameter 'kernel_size'
            4 | nodes: {m: {op: wrap, fn: {op: conv2d, out_channel: 3}}}
                                               ^^^^^^
          expected: a whole number of at least 1, or two of them
          note: 'wrap' is used by 'm' (net.yaml:4:9)
        net.yaml:4:40: error: m.f: conv2d has no parameter 'out_channel'
            4 | nodes: {m: {op: wrap, fn: {op: conv2d, out_channel: 3}}}
                                                       ^^^^^^^^^^^
          expected: one of out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, weight_norm, spectral_norm
          hint: did you mean 'out_channels'?
          note: 'wrap' is used by 'm' (net.yaml:4:9)
        """,
    ),
    "handed when": (
        """
        nodes: {m: {op: wrap, fn: {op: relu, when: true}}}
        blocks: {wrap: {params: {fn: node}, inputs: {y: [...]}, nodes: {f: =fn}}}
        """,
        """
        net.yaml:4:38: error: m: a node that is handed in has no 'when'
            4 | nodes: {m: {op: wrap, fn: {op: relu, when: true}}}
                                                     ^^^^
          expected: an 'op' and its arguments
          hint: make 'relu' a block
        """,
    ),
    "handed number": (
        """
        nodes: {m: {op: wrap, fn: 3}}
        blocks: {wrap: {params: {fn: node}, inputs: {y: [...]}, nodes: {f: =fn}}}
        """,
        """
        net.yaml:4:27: error: m: 'fn' takes a node
            4 | nodes: {m: {op: wrap, fn: 3}}
                                          ^
          expected: an operation or a block, such as silu or {op: attention2d, heads: 8}
          received: 3 (a whole number)
        """,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_said_of_arguments(name: str) -> None:
    spec, said = CASES[name]
    assert_says(spec, said)
