"""What is said of names that do not exist: keys, operations and parameters."""

from __future__ import annotations

import pytest
from spec_samples import assert_says

CASES = {
    "unknown key of a node's group": (
        """
        nodes:
          g: {nodess: {a: relu}}
        """,
        """
        net.yaml:5:3: error: nodes.g: a node has one of 'op', 'nodes' and 'share', and this one has none of them
            5 |   g: {nodess: {a: relu}}
                  ^
          hint: did you mean 'nodes'?
        """,
    ),
    "unknown op": (
        """
        nodes:
          a: {op: conv2, out_channels: 3}
        """,
        """
        net.yaml:5:11: error: a: there is no operation or block 'conv2'
            5 |   a: {op: conv2, out_channels: 3}
                          ^^^^^
          hint: did you mean 'conv2d'?
        """,
    ),
    "op of another library": (
        """
        nodes:
          a: swish
          b: GELU
          c: MaxPool2d
          d: cat
          e: sorcery
        """,
        """
        net.yaml:5:6: error: a: there is no operation or block 'swish'
            5 |   a: swish
                     ^^^^^
          hint: did you mean 'silu'?
        net.yaml:6:6: error: b: there is no operation or block 'GELU'
            6 |   b: GELU
                     ^^^^
          hint: did you mean 'gelu'?
        net.yaml:7:6: error: c: there is no operation or block 'MaxPool2d'
            7 |   c: MaxPool2d
                     ^^^^^^^^^
          hint: did you mean 'max_pool2d'?
        net.yaml:8:6: error: d: there is no operation or block 'cat'
            8 |   d: cat
                     ^^^
          hint: did you mean 'concat'?
        net.yaml:9:6: error: e: there is no operation or block 'sorcery'
            9 |   e: sorcery
                     ^^^^^^^
          hint: 'archgraph ops' and 'archgraph blocks' list what there is
        """,
    ),
    "param that follows": (
        """
        nodes:
          a: {op: conv2d, in_channels: 3, kernel_size: 1}
        """,
        """
        net.yaml:5:11: error: a: conv2d needs the parameter 'out_channels'
            5 |   a: {op: conv2d, in_channels: 3, kernel_size: 1}
                          ^^^^^^
          expected: a whole number of at least 1
        net.yaml:5:19: error: a: conv2d has no parameter 'in_channels'
            5 |   a: {op: conv2d, in_channels: 3, kernel_size: 1}
                                  ^^^^^^^^^^^
          expected: one of out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, weight_norm, spectral_norm
          hint: leave 'in_channels' out: it follows from what the node reads
        """,
    ),
    "port as a param": (
        """
        nodes:
          a: {op: add, other: x}
          b: {op: resnet, temb: x}
        """,
        """
        net.yaml:5:16: error: a: add has no parameter 'other'
            5 |   a: {op: add, other: x}
                               ^^^^^
          expected: one of value
          hint: 'other' is an input: in: {other: …}
        net.yaml:6:19: error: b: resnet has no parameter 'temb'
            6 |   b: {op: resnet, temb: x}
                                  ^^^^
          expected: one of out_channels, timed, groups, eps, dropout
          hint: 'temb' is an input: in: {temb: …}
        """,
    ),
    "unknown op short": (
        """
        nodes:
          a: rellu
        """,
        """
        net.yaml:5:6: error: a: there is no operation or block 'rellu'
            5 |   a: rellu
                     ^^^^^
          hint: did you mean 'relu'?
        """,
    ),
    "unknown op param": (
        """
        nodes:
          a: {op: conv2d, out_chanels: 3, kernel_size: 1}
        """,
        """
        net.yaml:5:19: error: a: conv2d has no parameter 'out_chanels'
            5 |   a: {op: conv2d, out_chanels: 3, kernel_size: 1}
                                  ^^^^^^^^^^^
          expected: one of out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, weight_norm, spectral_norm
          hint: did you mean 'out_channels'?
        """,
    ),
    "unknown block param": (
        """
        nodes:
          a: {op: mine, planes: 4, strid: 2, in: {t: x}}

        blocks:
          mine:
            params: {planes: int, stride: 1, mode: [zeros, reflect], bias: true}
            inputs: {y: [N, C, H, W], t: {shape: [N, T], when: =bias}}
            nodes:
              a: {op: conv2d, out_channels: =planes, kernel_size: 1}
              b: {op: add, in: [a, y]}
        """,
        """
        net.yaml:5:28: error: a: mine has no parameter 'strid'
            5 |   a: {op: mine, planes: 4, strid: 2, in: {t: x}}
                                           ^^^^^
          expected: one of planes, stride, mode, bias
          hint: did you mean 'stride'?
        """,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_said_of_names(name: str) -> None:
    spec, said = CASES[name]
    assert_says(spec, said)
