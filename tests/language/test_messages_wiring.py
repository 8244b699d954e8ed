"""What is said of who reads what: cycles, defaults, names and paths used twice, stacks, what nobody reads."""

from __future__ import annotations

import pytest
from spec_samples import assert_says

CASES = {
    "each other": (
        """
        nodes:
          a: {op: add, in: [x, b]}
          b: {op: relu, in: a}
        """,
        """
        net.yaml:5:24: error: a: 'a' and 'b' read each other
            5 |   a: {op: add, in: [x, b]}
                                       ^
          expected: a graph without cycles
          hint: only names that come earlier can be read
        """,
    ),
    "later": (
        """
        nodes:
          a: {op: add, in: [x, c]}
          b: {op: relu, in: a}
          c: {op: relu, in: x}
        """,
        """
        net.yaml:5:24: error: a: 'c' comes later
            5 |   a: {op: add, in: [x, c]}
                                       ^
          expected: a name that comes earlier
          hint: move 'c' up, or this node down
        """,
    ),
    "itself": (
        """
        nodes:
          a: {op: add, in: [x, a]}
        """,
        """
        net.yaml:5:24: error: a: 'a' reads itself
            5 |   a: {op: add, in: [x, a]}
                                       ^
          expected: a name that comes earlier
        """,
    ),
    "rule 11": (
        """
        nodes:
          conv: {op: conv2d, out_channels: 4, kernel_size: 1}
          act: relu
          add: {op: add, in: [act, conv]}
        """,
        """
        net.yaml:6:3: error: act: this node reads 'conv' only because it stands before it, but 'add' reads 'conv' too
            6 |   act: relu
                  ^^^
          expected: a value with several readers is named by each of them
          hint: write in: conv, or the name of what it should read
          note: add reads it here (net.yaml:7:3)
        """,
    ),
    "name twice": (
        """
        nodes:
          a: relu
          a: silu
        """,
        """
        net.yaml:6:3: error: the key 'a' stands here twice
            6 |   a: silu
                  ^
          hint: rename or remove one of them
        """,
    ),
    "name twice 2": (
        """
        nodes:
          x: relu
        """,
        """
        net.yaml:5:3: error: nodes.x: the name 'x' is taken by an input
            5 |   x: relu
                  ^
          hint: nothing may shadow another name: rename one
        """,
    ),
    "path twice": (
        """
        nodes:
          a: {op: conv2d, out_channels: 4, kernel_size: 1, path: c}
          b: {op: conv2d, out_channels: 4, kernel_size: 1, path: c}
        """,
        """
        net.yaml:6:58: error: b: the path 'c' is used twice
            6 |   b: {op: conv2d, out_channels: 4, kernel_size: 1, path: c}
                                                                         ^
          expected: a path of its own for everything that has weights or a body
          hint: give one of them another name or 'path:'; copies need '{i}' in a literal path
          note: first used by a (net.yaml:5:3)
        """,
    ),
    "stack left": (
        """
        stacks: [skips]
        nodes:
          a: {op: relu, push: skips, repeat: 3}
          b: {op: add, in: [prev, skips.pop]}
        """,
        """
        net.yaml:6:3: error: a: the stack 'skips' still holds 2 values at the end
            6 |   a: {op: relu, push: skips, repeat: 3}
                  ^
          expected: one 'skips.pop' for every push
          received: left over from a
          hint: read 'skips.pop' 2 more times, or push less
        """,
    ),
    "stack empty": (
        """
        stacks: [skips]
        nodes:
          a: {op: relu, push: skips}
          b: {op: add, repeat: 2, in: [prev, skips.pop]}
        """,
        """
        net.yaml:7:38: error: b.1: the stack 'skips' is empty here
            7 |   b: {op: add, repeat: 2, in: [prev, skips.pop]}
                                                     ^^^^^^^^^
          expected: one push for every pop
          hint: 'push: skips' at an earlier node puts a value there
        """,
    ),
    "unused weights": (
        """
        nodes:
          a: {op: conv2d, out_channels: 4, kernel_size: 1}
          b: {op: relu, in: x}
        """,
        """
        net.yaml:5:3: error: a: nobody reads 'a', which owns weights
            5 |   a: {op: conv2d, out_channels: 4, kernel_size: 1}
                  ^
          hint: name it in an 'in:' or in 'outputs:', or remove it
        """,
    ),
    "unused input": (
        """
        inputs: {x: [N, 4], y: [N, 4]}
        nodes:
          a: relu
        """,
        """
        net.yaml:3:21: error: y: nobody reads the input 'y'
            3 | inputs: {x: [N, 4], y: [N, 4]}
                                    ^
          hint: name it in an 'in:', or remove it from 'inputs'
        """,
    ),
    "missing port": (
        """
        nodes:
          a: {op: mine, planes: 4}

        blocks:
          mine:
            params: {planes: int, stride: 1, mode: [zeros, reflect], bias: true}
            inputs: {y: [N, C, H, W], t: {shape: [N, T], when: =bias}}
            nodes:
              a: {op: conv2d, out_channels: =planes, kernel_size: 1}
              b: {op: add, in: [a, y]}
        """,
        """
        net.yaml:5:3: error: a: mine needs its input 't'
            5 |   a: {op: mine, planes: 4}
                  ^
          expected: t: [N, T] because =bias is true
          hint: name it: in: {t: …}
          note: the input 't' is declared as [N, T] (net.yaml:10:31)
        """,
    ),
    "refused port": (
        """
        nodes:
          a: {op: mine, planes: 4, bias: false, in: {t: x}}

        blocks:
          mine:
            params: {planes: int, stride: 1, mode: [zeros, reflect], bias: true}
            inputs: {y: [N, C, H, W], t: {shape: [N, T], when: =bias}}
            nodes:
              a: {op: conv2d, out_channels: =planes, kernel_size: 1}
              b: {op: add, in: [a, y]}
        """,
        """
        net.yaml:5:49: error: a: mine takes no input 't' here
            5 |   a: {op: mine, planes: 4, bias: false, in: {t: x}}
                                                                ^
          expected: no 't', because =bias is false
          hint: leave 't' out of 'in'
          note: the input 't' is declared as [N, T] (net.yaml:10:31)
        """,
    ),
    "missing op port": (
        """
        nodes:
          a: {op: matmul, in: x}
        """,
        """
        net.yaml:5:3: error: a: matmul needs its input 'other'
            5 |   a: {op: matmul, in: x}
                  ^
          hint: name it: in: {other: …}
        """,
    ),
    "too many": (
        """
        nodes:
          a: {op: relu, in: [x, x]}
        """,
        """
        net.yaml:5:25: error: a: relu takes 1 input
            5 |   a: {op: relu, in: [x, x]}
                                        ^
          expected: input
          received: 2 names
        """,
    ),
    "no input op": (
        """
        nodes:
          w: {op: parameter, shape: [4], in: x}
        """,
        """
        net.yaml:5:34: error: w: parameter takes no input
            5 |   w: {op: parameter, shape: [4], in: x}
                                                 ^^
        """,
    ),
    "group two": (
        """
        nodes:
          a: relu
          g: {in: [a, x], nodes: {b: add}}
        """,
        """
        net.yaml:6:11: error: g: a group reads one value
            6 |   g: {in: [a, x], nodes: {b: add}}
                          ^^^^^^
          expected: 'in:' and one name
          hint: nodes inside the group may name whatever stands around it
        """,
    ),
    "lost copies": (
        """
        nodes:
          g: {repeat: 2, nodes: {c: {op: conv2d, in: x, out_channels: 4, kernel_size: 1}}}
        """,
        """
        net.yaml:5:3: error: g: nobody reads copy 0, which owns weights: the next copy does not read what stands before it
            5 |   g: {repeat: 2, nodes: {c: {op: conv2d, in: x, out_channels: 4, kernel_size: 1}}}
                  ^
          hint: let the first node inside read 'prev', or set 'map: true' to have the copies side by side
        """,
    ),
    "prev none": (
        """
        inputs: {x: {shape: [N], when: =k}}
        params: {k: false}
        nodes:
          a: relu
        """,
        """
        net.yaml:6:6: error: a: nothing stands before this node that it could read
            6 |   a: relu
                     ^^^^
          expected: 'in:' and a name
        """,
    ),
    "output several": (
        """
        nodes: {h: {op: chunk, chunks: 2, dim: 1}}
        outputs: {logits: h}
        """,
        """
        net.yaml:5:19: error: 'h' has several outputs, and the output 'logits' takes one
            5 | outputs: {logits: h}
                                  ^
          expected: one of h.0, h.1
          hint: a list hands out all of them, numbered: {logits: [h]}
        """,
    ),
    "absent": (
        """
        params: {two: false}
        inputs: {x: [N, 4], y: {shape: [N, 4], when: =two}}
        nodes:
          a: {op: matmul, in: [x, y]}
        """,
        """
        net.yaml:6:27: error: a: 'y' is absent here, and matmul needs its input 'other'
            6 |   a: {op: matmul, in: [x, y]}
                                          ^
          hint: leave this node out as well, by the same 'when'
        """,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_said_of_wiring(name: str) -> None:
    spec, said = CASES[name]
    assert_says(spec, said)
