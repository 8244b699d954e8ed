"""What is said of expressions in arguments, in `repeat` and in `when` that have no right value."""

from __future__ import annotations

import pytest
from spec_samples import assert_says

CASES = {
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
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_said_of_expressions(name: str) -> None:
    spec, said = CASES[name]
    assert_says(spec, said)
