"""What is said of values, ports, outputs, stacks and shared nodes that do not exist."""

from __future__ import annotations

import pytest
from spec_samples import assert_says

CASES = {
    "unknown node": (
        """
        nodes:
          conv1: relu
          b: {op: silu, in: conv}
        """,
        """
        net.yaml:6:21: error: b: there is no value 'conv' here
            6 |   b: {op: silu, in: conv}
                                    ^^^^
          expected: one of x, conv1
          hint: did you mean 'conv1'?
        """,
    ),
    "unknown port block": (
        """
        nodes:
          a: {op: mine, planes: 4, in: {tt: x}}

        blocks:
          mine:
            params: {planes: int, stride: 1, mode: [zeros, reflect], bias: true}
            inputs: {y: [N, C, H, W], t: {shape: [N, T], when: =bias}}
            nodes:
              a: {op: conv2d, out_channels: =planes, kernel_size: 1}
              b: {op: add, in: [a, y]}
        """,
        """
        net.yaml:5:33: error: a: mine has no input 'tt'
            5 |   a: {op: mine, planes: 4, in: {tt: x}}
                                                ^^
          expected: one of y, t
          hint: did you mean 't'?
        """,
    ),
    "unknown port op": (
        """
        nodes:
          a: {op: relu, in: {inpt: x}}
        """,
        """
        net.yaml:5:22: error: a: relu has no input 'inpt'
            5 |   a: {op: relu, in: {inpt: x}}
                                     ^^^^
          expected: one of input
          hint: did you mean 'input'?
        """,
    ),
    "unknown port op2": (
        """
        nodes:
          a: relu
          b: {op: add, in: {othr: x}}
        """,
        """
        net.yaml:6:21: error: b: add has no input 'othr'
            6 |   b: {op: add, in: {othr: x}}
                                    ^^^^
          expected: one of input, other
          hint: did you mean 'other'?
        """,
    ),
    "no output": (
        """
        nodes:
          a: relu
          b: {op: silu, in: a.1}
        """,
        """
        net.yaml:6:21: error: b: 'a' has no output '1'
            6 |   b: {op: silu, in: a.1}
                                    ^^^
          expected: 'a' alone, for it has a single output
        """,
    ),
    "no output2": (
        """
        nodes:
          h: {op: chunk, chunks: 2, dim: 1}
          b: {op: silu, in: h.2}
        """,
        """
        net.yaml:6:21: error: b: 'h' has no output '2'
            6 |   b: {op: silu, in: h.2}
                                    ^^^
          expected: one of h.0, h.1
        """,
    ),
    "stack unknown": (
        """
        stacks: [skips]
        nodes:
          a: {op: relu, push: skip}
          b: {op: add, in: [prev, skips.pop]}
        """,
        """
        net.yaml:6:23: error: a: there is no stack 'skip'
            6 |   a: {op: relu, push: skip}
                                      ^^^^
          expected: one of skips
          hint: did you mean 'skips'?
        """,
    ),
    "stack as value": (
        """
        stacks: [skips]
        nodes:
          a: {op: relu, push: skips}
          b: {op: add, in: [prev, skips]}
        """,
        """
        net.yaml:7:27: error: b: 'skips' is a stack, and no value
            7 |   b: {op: add, in: [prev, skips]}
                                          ^^^^^
          hint: 'skips.pop' takes the value pushed last
        """,
    ),
    "share unknown": (
        """
        nodes:
          conv: {op: conv2d, out_channels: 4, kernel_size: 1}
          b: {share: con}
        """,
        """
        net.yaml:6:14: error: b: there is no node 'con' to apply again
            6 |   b: {share: con}
                             ^^^
          hint: did you mean 'conv'?
        """,
    ),
    "tie": (
        """
        inputs: {ids: {shape: [N], dtype: int64}}
        nodes:
          wte: {op: embedding, num_embeddings: 5, embedding_dim: 4}
          b: {op: linear, out_features: 5, bias: false, tie: {weight: wt.weight}}
        """,
        """
        net.yaml:6:63: error: b: there is no weight 'wt.weight' to tie to
            6 |   b: {op: linear, out_features: 5, bias: false, tie: {weight: wt.weight}}
                                                                              ^^^^^^^^^
          hint: did you mean 'wte.weight'?
        """,
    ),
    "tie2": (
        """
        inputs: {ids: {shape: [N], dtype: int64}}
        nodes:
          wte: {op: embedding, num_embeddings: 5, embedding_dim: 4}
          b: {op: linear, out_features: 5, bias: false, tie: {wight: wte.weight}}
        """,
        """
        net.yaml:6:55: error: b: linear has no weight 'wight'
            6 |   b: {op: linear, out_features: 5, bias: false, tie: {wight: wte.weight}}
                                                                      ^^^^^
          expected: one of weight
          hint: did you mean 'weight'?
        """,
    ),
    "order": (
        """
        order: [attentions, resnet]
        nodes: {a: {op: conv2d, out_channels: 4, kernel_size: 1, path: resnets.0}}
        """,
        """
        net.yaml:4:9: error: 'order' names 'attentions', and nothing here has that path
            4 | order: [attentions, resnet]
                        ^^^^^^^^^^
          expected: one of resnets
        net.yaml:4:21: error: 'order' names 'resnet', and nothing here has that path
            4 | order: [attentions, resnet]
                                    ^^^^^^
          expected: one of resnets
          hint: did you mean 'resnets'?
        """,
    ),
    "param unknown": (
        """
        params: {a: =bb}
        nodes: {c: {op: relu}}
        """,
        """
        net.yaml:4:13: error: a: there is no 'bb' here
            4 | params: {a: =bb}
                            ^^^
          expected: one of H, N, W
          note: in =bb
        """,
    ),
    "let unknown": (
        """
        let: {a: =bb}
        nodes: {c: {op: relu}}
        """,
        """
        net.yaml:4:10: error: a: there is no 'bb' here
            4 | let: {a: =bb}
                         ^^^
          expected: one of H, N, W
          note: in =bb
        """,
    ),
    "outputs": (
        """
        nodes: {a: relu}
        outputs: {logits: b}
        """,
        """
        net.yaml:5:19: error: there is no value 'b' here
            5 | outputs: {logits: b}
                                  ^
          expected: one of x, a
        """,
    ),
    "scope name in in": (
        """
        params: {width: 3}
        nodes:
          a: {op: relu, in: width}
        """,
        """
        net.yaml:6:21: error: a: 'width' is a name for expressions, and no value
            6 |   a: {op: relu, in: width}
                                    ^^^^^
          expected: one of x
          hint: arguments take expressions; 'in' takes the names of values
        """,
    ),
    "bound": (
        """
        inputs: {x: {shape: [N, L], where: LL <= 4}}
        nodes: {a: relu}
        """,
        """
        net.yaml:3:36: error: x: there is no size 'LL' to bound
            3 | inputs: {x: {shape: [N, L], where: LL <= 4}}
                                                   ^^^^^^^
          expected: one of N, L
          hint: did you mean 'L'?
        """,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_said_of_values(name: str) -> None:
    spec, said = CASES[name]
    assert_says(spec, said)
