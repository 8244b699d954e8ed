"""Rules 21 to 24: free tensors, weights from outside, tied and shared weights, attention."""

from __future__ import annotations

from spec_samples import calls, formula, keys, messages, net, node, nodes, refusal

from archgraph.graph import parameter_count, walk, weights

CONV = "{op: conv2d, out_channels: 4, kernel_size: 1"
TOKENS = "inputs: {ids: {shape: [N, L], dtype: int64}}\n"


# --- rule 21 ---------------------------------------------------------------------------------------------------------


def test_free_tensors_have_the_nodes_path_as_key() -> None:
    graph = nodes(
        "w: {op: parameter, shape: [4, 1, 1]}\n"
        "a: {op: mul, in: [x, w]}\n"
        "b: {op: buffer, shape: [4, 1, 1], path: stats.mean}\n"
        "c: {op: add, in: [a, b]}"
    )
    assert keys(graph) == ["w", "stats.mean"]
    assert {item.key: item.weight.trainable for item in weights(graph)} == {"w": True, "stats.mean": False}


def test_free_tensors_in_copies() -> None:
    graph = nodes(
        "g: {repeat: 2, nodes: {act: relu, gamma: {op: parameter, shape: [4, 1, 1], init: ones}, "
        "scale: {op: mul, in: [act, gamma]}}}"
    )
    assert keys(graph) == ["g.0.gamma", "g.1.gamma"]


def test_a_free_tensor_leaves_the_default_alone() -> None:
    """A node without inputs stands in the order like any other: the next one reads it."""
    graph = nodes("a: relu\nw: {op: parameter, shape: [4, 1, 1]}\nb: {op: add, in: [a, prev]}")
    assert formula(graph) == "add(relu(x), parameter:w())"


# --- rule 22 ---------------------------------------------------------------------------------------------------------


def test_a_weight_from_outside_replaces_the_operations_own() -> None:
    graph = net(
        "inputs: {x: [N, 4]}\n"
        "nodes: {w: {op: parameter, shape: [3, 4]}, a: {op: linear, in: {input: x, weight: w}, "
        "out_features: 3}}"
    )
    assert keys(graph) == ["a.bias", "w"] or keys(graph) == ["w", "a.bias"]
    assert formula(graph) == "linear:a(x, parameter:w())"


def test_a_weight_from_outside_leaves_the_main_port_to_the_default() -> None:
    graph = net(
        "inputs: {x: [N, 4]}\n"
        "nodes: {w: {op: parameter, shape: [3, 4]}, b: {op: relu, in: x}, "
        "a: {op: linear, in: {weight: w}, out_features: 3, bias: false}}"
    )
    assert formula(graph) == "linear(relu(x), parameter:w())"
    assert keys(graph) == ["w"]


def test_a_weight_of_another_shape() -> None:
    text = (
        "inputs: {x: [N, 4]}\n"
        "nodes: {w: {op: parameter, shape: [4, 3]}, a: {op: linear, in: {input: x, weight: w}, "
        "out_features: 3}}"
    )
    assert messages(text) == ["the weight handed to linear has the wrong shape"]


# --- rule 23: tie ----------------------------------------------------------------------------------------------------


def test_tied_weights_have_both_keys_and_count_once() -> None:
    graph = net(
        TOKENS
        + (
            "nodes: {wte: {op: embedding, num_embeddings: 10, embedding_dim: 4}, "
            "ln: layer_norm, head: {op: linear, out_features: 10, bias: false, tie: {weight: wte.weight}}}"
        )
    )
    assert keys(graph) == ["wte.weight", "ln.weight", "ln.bias", "head.weight"]
    assert {item.key: item.tied for item in weights(graph)}["head.weight"] == "wte.weight"
    assert parameter_count(graph) == 10 * 4 + 4 + 4


def test_a_weight_that_others_are_tied_to_is_read() -> None:
    """T5's encoder: its table has a key of its own, and is read under another one."""
    text = TOKENS + (
        "nodes:\n  shared: {op: parameter, path: shared.weight, shape: [9, 4]}\n"
        "  encoder: {nodes: {embed: {op: embedding, in: ids, num_embeddings: 9, embedding_dim: 4, TIE}}}\n"
    )
    graph = net(text.replace("TIE", "tie: {weight: shared.weight}"))
    assert keys(graph) == ["shared.weight", "encoder.embed.weight"]
    assert parameter_count(graph) == 36
    assert "nobody reads 'shared', which owns weights" in refusal(text.replace(", TIE", ""))


def test_a_tie_speaks_of_keys_below_the_enclosing_block() -> None:
    graph = net(
        TOKENS
        + """
nodes: {one: {op: lm, path: models.one}}
blocks:
  lm:
    inputs: {ids: {shape: [N, L], dtype: int64}}
    nodes:
      body: {path: transformer, nodes: {wte: {op: embedding, num_embeddings: 10, embedding_dim: 4}}}
      head: {op: linear, out_features: 10, bias: false, tie: {weight: transformer.wte.weight}}
"""
    )
    assert node(graph, "models.one.head").ties == {"weight": "models.one.transformer.wte.weight"}


def test_a_tie_in_a_group_is_relative_to_the_block_around() -> None:
    graph = net(
        TOKENS
        + (
            "nodes: {wte: {op: embedding, num_embeddings: 10, embedding_dim: 4}, top: {nodes: {"
            "head: {op: linear, out_features: 10, bias: false, tie: {weight: wte.weight}}}}}"
        )
    )
    assert node(graph, "top.head").ties == {"weight": "wte.weight"}


STACKS = (
    TOKENS
    + """
nodes:
  embed: {op: embedding, num_embeddings: 10, embedding_dim: 4}
  first_stack: {op: stack, in: ids, tie: {inner.table.weight: embed.weight}}
  both: {op: add, in: [first_stack, embed]}
  second_stack: {op: stack, in: ids, repeat: 2, map: true, tie: {inner.table.weight: embed.weight}}
  sum: {op: concat, in: second_stack}
outputs: [both, sum]
blocks:
  stack:
    inputs: {ids: {shape: [N, L], dtype: int64}}
    nodes: {deeper: {op: deeper, path: inner}}
  deeper:
    inputs: {ids: {shape: [N, L], dtype: int64}}
    nodes:
      table: {op: embedding, num_embeddings: 10, embedding_dim: 4}
      fc: {op: linear, out_features: 4}
"""
)


def test_the_node_of_a_block_ties_weights_inside_it() -> None:
    """As the encoder and the decoder of T5, which are of one class and share the embedding beside them."""
    graph = net(STACKS)
    tied = {item.key: item.tied for item in weights(graph) if item.tied}
    copies = ("first_stack", "second_stack.0", "second_stack.1")
    assert tied == {f"{path}.inner.table.weight": "embed.weight" for path in copies}
    assert parameter_count(graph) == 10 * 4 + 3 * (4 * 4 + 4)


def test_a_block_is_the_same_with_ties_and_without() -> None:
    text = STACKS.replace("map: true, tie: {inner.table.weight: embed.weight}", "map: true")
    tied = [item.key for item in weights(net(text)) if item.tied]
    assert tied == ["first_stack.inner.table.weight"]


def test_a_tie_of_a_weight_that_the_block_does_not_have() -> None:
    text = STACKS.replace(
        "second_stack: {op: stack, in: ids, repeat: 2, map: true, tie: {inner.table.weight",
        "second_stack: {op: stack, in: ids, repeat: 2, map: true, tie: {table.weight",
    )
    assert messages(text) == [
        "there is no weight 'second_stack.0.table.weight' to tie",
        "there is no weight 'second_stack.1.table.weight' to tie",
    ]


def test_a_weight_is_tied_once() -> None:
    text = STACKS.replace("table: {op: embedding,", "table: {op: embedding, tie: {weight: fc.weight},")
    assert set(messages(text)) == {"the weight 'weight' is tied twice"}


def test_a_tie_to_a_key_that_is_not_there() -> None:
    text = TOKENS + (
        "nodes: {wte: {op: embedding, num_embeddings: 10, embedding_dim: 4}, "
        "head: {op: linear, out_features: 10, bias: false, tie: {weight: wt.weight}}}"
    )
    assert messages(text) == ["there is no weight 'wt.weight' to tie to"]


def test_a_tie_of_a_weight_that_is_not_there() -> None:
    text = TOKENS + (
        "nodes: {wte: {op: embedding, num_embeddings: 10, embedding_dim: 4}, "
        "head: {op: linear, out_features: 10, bias: false, tie: {weigh: wte.weight}}}"
    )
    assert messages(text) == ["linear has no weight 'weigh'"]


def test_a_tie_of_other_shapes() -> None:
    text = TOKENS + (
        "nodes: {wte: {op: embedding, num_embeddings: 10, embedding_dim: 4}, "
        "head: {op: linear, out_features: 9, bias: false, tie: {weight: wte.weight}}}"
    )
    assert messages(text) == ["'head.weight' cannot be tied to 'wte.weight': their shapes differ"]


def test_a_tie_to_itself() -> None:
    text = "inputs: {x: [N, 4]}\nnodes: {head: {op: linear, out_features: 4, bias: false, tie: {weight: head.weight}}}"
    assert messages(text) == ["'head.weight' is tied to itself"]


# --- rule 23: share --------------------------------------------------------------------------------------------------


def test_sharing_an_operation_gives_no_new_keys() -> None:
    graph = nodes(f"a: {CONV}, bias: false}}\nb: {{share: a}}")
    assert keys(graph) == ["a.weight"]
    assert formula(graph) == "conv2d:again a(conv2d:a(x))"


def test_sharing_takes_the_arguments_along() -> None:
    graph = nodes(
        "a: {op: conv2d, out_channels: 4, kernel_size: 3, padding: 1}\nb: {share: a, in: x}\nc: {op: add, in: [a, b]}"
    )
    assert node(graph, "b").op == node(graph, "a").op


def test_sharing_with_other_shapes() -> None:
    text = "nodes: {a: {op: conv2d, out_channels: 5, kernel_size: 1}, b: {share: a}}"
    assert messages(text) == ["'a' cannot be applied again to this input: its weights have other shapes"]


def test_sharing_a_block_gives_no_new_keys() -> None:
    graph = net(
        """
        nodes: {a: {op: mine, k: 3}, b: {share: a}}
        blocks:
          mine:
            params: {k: int}
            inputs: {y: [N, C, H, W]}
            nodes:
              c: {op: conv2d, out_channels: =C, kernel_size: =k, padding: =k // 2}
              g: {nodes: {n: batch_norm2d}}
              r: {op: conv2d, repeat: 2, out_channels: =C, kernel_size: 1, bias: false}
        """
    )
    assert all(key.startswith("a.") for key in keys(graph))
    assert calls(graph)["b"].shares is calls(graph)["a"]
    assert [placed.node.shares is not None for placed in walk(graph)] == [False] * 4 + [True] * 4


def test_sharing_in_copies() -> None:
    graph = nodes(f"a: {CONV}, bias: false}}\nb: {{share: a, repeat: 2}}")
    assert keys(graph) == ["a.weight"]
    assert formula(graph) == "conv2d:again a(conv2d:again a(conv2d:a(x)))"


def test_sharing_what_shares() -> None:
    graph = nodes(f"a: {CONV}, bias: false}}\nb: {{share: a}}\nc: {{share: b}}")
    assert keys(graph) == ["a.weight"]
    assert node(graph, "c").shares is node(graph, "a")


def test_sharing_from_inside_a_group() -> None:
    graph = nodes(f"a: {CONV}, bias: false}}\ng: {{nodes: {{b: {{share: a}}}}}}")
    assert keys(graph) == ["a.weight"]


def test_sharing_what_is_not_there() -> None:
    assert messages(f"nodes: {{conv: {CONV}}}, b: {{share: con}}}}") == ["there is no node 'con' to apply again"]


def test_sharing_a_group_or_an_input() -> None:
    assert messages(f"nodes: {{g: {{nodes: {{a: {CONV}}}}}}}, b: {{share: g}}}}") == ["'g' cannot be applied again"]
    assert messages("nodes: {a: relu, b: {share: x}}") == ["'x' cannot be applied again"]


def test_sharing_what_is_left_out() -> None:
    text = f"params: {{k: false}}\nnodes: {{a: {CONV}, when: =k}}, b: {{share: a, when: =k}}, c: relu}}"
    assert formula(net(text)) == "relu(x)"
    assert messages(text.replace("share: a, when: =k", "share: a")) == [
        "'a' is left out here, so it cannot be applied again"
    ]


# --- rule 24 ---------------------------------------------------------------------------------------------------------


def test_attention_is_one_operation() -> None:
    graph = net(
        "inputs: {q: [N, L, 8], k: [N, S, 8], v: [N, S, 8]}\n"
        "nodes: {a: {op: scaled_dot_product_attention, in: [q, k, v], num_heads: 2}}"
    )
    assert str(node(graph, "a").output.type) == "[N, L, 8]"


def test_attention_with_heads_that_do_not_divide() -> None:
    said = refusal(
        "inputs: {q: [N, L, 8]}\nnodes: {a: {op: scaled_dot_product_attention, in: [q, q, q], num_heads: 3}}"
    )
    assert "num_heads must divide the channels of the query" in said


def test_sharing_where_sizes_are_narrowed() -> None:
    graph = net(
        """
        nodes:
          d: {op: max_pool2d, kernel_size: 2}
          u: {op: interpolate, scale_factor: 2.0}
          s: {op: add, in: [u, x]}
          a: {op: mine, in: s}
          b: {share: a}
        blocks:
          mine: {inputs: {y: [N, C, H, W]}, nodes: {c: {CONV}, g: {nodes: {n: batch_norm2d}}}}
        """
    )
    found = calls(graph)
    assert graph.constraints
    assert found["b"].shares is found["a"]
    assert found["b.g"].shares is found["a.g"]
    assert node(graph, "b.c").shares is node(graph, "a.c")
    assert str(graph.outputs["output"].type) == "[N, 4, H, W]"
