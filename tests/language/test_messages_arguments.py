"""What is said of arguments: missing, of a wrong type, failing or too large expressions, nodes handed in."""

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
    "forgotten =": (
        """
        params: {width: 8}
        nodes:
          a: {op: conv2d, out_channels: width, kernel_size: 3}
        """,
        """
        net.yaml:6:33: error: a: conv2d: the parameter 'out_channels' has a wrong value
            6 |   a: {op: conv2d, out_channels: width, kernel_size: 3}
                                                ^^^^^
          expected: a whole number of at least 1
          received: 'width' (text)
          hint: write =width
        """,
    ),
    "bad expr": (
        """
        params: {n: 4}
        nodes:
          a: {op: conv2d, out_channels: =n + m, kernel_size: 1}
        """,
        """
        net.yaml:6:33: error: a: there is no 'm' here
            6 |   a: {op: conv2d, out_channels: =n + m, kernel_size: 1}
                                                ^^^^^^
          expected: one of H, N, W, n
          note: in =n + m
                        ^
        """,
    ),
    "zero div": (
        """
        params: {n: 4}
        nodes:
          a: {op: conv2d, out_channels: =n // (n - 4), kernel_size: 1}
        """,
        """
        net.yaml:6:33: error: a: division by zero
            6 |   a: {op: conv2d, out_channels: =n // (n - 4), kernel_size: 1}
                                                ^^^^^^^^^^^^^
          received: 4 // 0
          note: in =n // (n - 4)
        """,
    ),
    "too large": (
        """
        params: {n: 4}
        nodes:
          a: {op: conv2d, out_channels: =n ** 99, kernel_size: 1}
        """,
        """
        net.yaml:6:33: error: a: the number is too large
            6 |   a: {op: conv2d, out_channels: =n ** 99, kernel_size: 1}
                                                ^^^^^^^^
          expected: whole numbers below 2**63, floats up to 1.8e308
          received: 4 ** 99
          note: in =n ** 99
        """,
    ),
    "list too large": (
        """
        params: {n: 4}
        nodes:
          a: {op: relu, for: {k: =range(n * 99999)}}
        """,
        """
        net.yaml:6:26: error: a: the list grows too long
            6 |   a: {op: relu, for: {k: =range(n * 99999)}}
                                         ^^^^^^^^^^^^^^^^^
          expected: at most 10000 entries
          received: 399996
          note: in =range(n * 99999)
        """,
    ),
    "repeat": (
        """
        params: {n: 4.5}
        nodes:
          a: {op: relu, repeat: =n}
        """,
        """
        net.yaml:6:25: error: a: 'repeat' must be a number of times
            6 |   a: {op: relu, repeat: =n}
                                        ^^
          expected: a whole number from 0 to 10,000
          received: 4.5 (a number)
        """,
    ),
    "repeat sym": (
        """
        nodes:
          a: {op: relu, repeat: =n}
        """,
        """
        net.yaml:5:25: error: a: there is no 'n' here
            5 |   a: {op: relu, repeat: =n}
                                        ^^
          expected: one of H, N, W
          hint: did you mean 'N'?
          note: in =n
        """,
    ),
    "when sym": (
        """
        nodes:
          g: {nodes: {a: {op: m, k: 3}}}
        blocks:
          m: {params: {k: 1}, inputs: {y: [N, C, H, W]}, nodes: {a: {op: relu, when: =H == 8}}}
        """,
        """
        net.yaml:7:78: error: g.a.a: 'H == 8' depends on the size H; a structure may not depend on a symbolic size
            7 |   m: {params: {k: 1}, inputs: {y: [N, C, H, W]}, nodes: {a: {op: relu, when: =H == 8}}}
                                                                                             ^^^^^^^
          hint: give that size a number in 'inputs', or bound it there with 'where'
          note: in =H == 8
          note: 'm' is used by 'g.a' (net.yaml:5:15)
        """,
    ),
    "when text": (
        """
        params: {attend: true}
        nodes:
          a: {op: relu, when: attend}
        """,
        """
        net.yaml:6:23: error: nodes.a.when: 'when' must be a condition
            6 |   a: {op: relu, when: attend}
                                      ^^^^^^
          expected: true, false or an expression
          received: 'attend' (text)
          hint: write =attend
        """,
    ),
    "op expr": (
        """
        params: {act: 3}
        nodes: {c: {op: =act}}
        """,
        """
        net.yaml:5:17: error: c: 'op: =act' names nothing
            5 | nodes: {c: {op: =act}}
                                ^^^^
          expected: the name of an operation or a block, or a node handed in
          received: 3 (a whole number)
        """,
    ),
    "param wait": (
        """
        params: {a: =b, b: =a}
        nodes: {c: {op: relu}}
        """,
        """
        net.yaml:4:13: error: a: the parameters 'a' and 'b' wait for each other
            4 | params: {a: =b, b: =a}
                            ^^
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
          expected: one of out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode
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
