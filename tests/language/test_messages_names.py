"""What is said of names that do not exist: keys, operations, parameters, presets, values, ports, outputs."""

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
          expected: one of out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode
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
          expected: one of out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode
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
def test_what_is_said_of_names(name: str) -> None:
    spec, said = CASES[name]
    assert_says(spec, said)
