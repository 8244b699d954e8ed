"""Rules 19 and 20: the two addresses of a node, and the order of the keys."""

from __future__ import annotations

import textwrap

import pytest
from spec_samples import addresses, calls, keys, messages, net, nodes, paths, refusal

from archgraph.codegen import to_torch
from archgraph.errors import SchemaError


def test_a_path_of_its_own() -> None:
    graph = nodes("a: {CONV, path: features.0}")
    assert keys(graph) == ["features.0.weight"]
    assert addresses(graph) == ["a"]


def test_a_level_may_have_hyphens() -> None:
    graph = nodes('a: {CONV, repeat: 2, path: "block{i + 1}-{i}.proj-1"}')
    assert keys(graph) == ["block1-0.proj-1.weight", "block2-1.proj-1.weight"]


@pytest.mark.parametrize("name", ["-a", "-", "a.-1", "1-a"])
def test_a_level_does_not_start_with_one(name: str) -> None:
    assert messages(f'nodes: {{a: {{CONV, path: "{name}"}}}}') == [f"the path '{name}' is no module path"]


def test_a_path_that_looks_like_a_number_is_text() -> None:
    graph = nodes("a: {CONV, path: 0.10}\nb: {CONV, path: 1}\n2: {CONV}")
    assert keys(graph) == ["0.10.weight", "1.weight", "2.weight"]


def test_copies_append_their_number() -> None:
    assert keys(nodes("a: {CONV, repeat: 2, path: blocks}")) == ["blocks.0.weight", "blocks.1.weight"]


def test_a_path_with_braces_is_literal() -> None:
    graph = nodes('a: {CONV, repeat: 2, path: "conv{i + 1}"}')
    assert keys(graph) == ["conv1.weight", "conv2.weight"]
    assert addresses(graph) == ["a.0", "a.1"]


def test_braces_of_one_node_without_copies() -> None:
    assert keys(net('params: {k: 7}\nnodes: {a: {CONV, path: "conv{k}"}}')) == ["conv7.weight"]


def test_a_dot_hides_the_level_of_a_group() -> None:
    graph = nodes("g: {path: ., nodes: {a: {CONV}}}")
    assert keys(graph) == ["a.weight"]
    assert addresses(graph) == ["g.a"]


def test_a_dot_hides_the_level_of_a_block() -> None:
    graph = net("nodes: {m: {op: mine, path: .}}\nblocks: {mine: {inputs: {y: [N, C, H, W]}, nodes: {a: {CONV}}}}")
    assert keys(graph) == ["a.weight"]


def test_a_dot_hides_a_repetition_and_its_numbers() -> None:
    graph = nodes('g: {path: ., repeat: 2, nodes: {a: {CONV, path: "conv{i}"}}}')
    assert keys(graph) == ["conv0.weight", "conv1.weight"]
    assert addresses(graph) == ["g.0.a", "g.1.a"]


def test_a_dot_puts_the_weights_of_an_operation_into_the_level_around_it() -> None:
    graph = nodes("g: {nodes: {0: {op: batch_norm2d, path: .}, act: relu, b: {CONV}}}")
    assert keys(graph) == [
        *("g.weight", "g.bias", "g.running_mean", "g.running_var", "g.num_batches_tracked"),
        "g.b.weight",
    ]
    assert paths(graph) == ["g.0", "g.act", "g.b"]
    assert keys(nodes("a: {op: relu, path: .}\nb: {CONV, path: .}")) == ["weight"]


def test_a_dot_within_hidden_levels() -> None:
    graph = net(
        "order: [weight]\nnodes: {g: {path: ., nodes: {a: {CONV}, b: {op: mine, path: .}}}}\n"
        "blocks: {mine: {inputs: {y: [N, C, H, W]}, nodes: {c: {CONV, path: .}}}}"
    )
    assert keys(graph) == ["weight", "a.weight"]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("a: {CONV, path: .}\nb: {CONV, path: .}", "the key 'weight' is used twice"),
        ("a: {CONV, path: ., repeat: 2}", "the key 'weight' is used twice"),
        ("a: {op: batch_norm2d, path: .}\nb: {op: batch_norm2d, path: .}", "the key 'weight' is used twice"),
        ("weight: {op: parameter, shape: [4, 1, 1]}\na: {op: add, in: [x, weight]}\nb: {CONV, path: .}", "twice"),
        ("weight: {CONV}\nb: {CONV, path: .}", "the key 'weight' is also the path of a module"),
    ],
)
def test_two_weights_of_one_key(text: str, key: str) -> None:
    said = refusal(f"nodes:\n{textwrap.indent(text, '  ')}")
    assert key in said
    assert said.count("error:") == 1
    assert said.startswith("net.yaml:")


@pytest.mark.parametrize("node", ["op: parameter, shape: [4, 1, 1]", "op: buffer, shape: [4, 1, 1]"])
def test_a_tensor_needs_a_name(node: str) -> None:
    said = refusal(f"nodes: {{p: {{{node}, path: .}}, a: {{op: add, in: [x, p]}}}}")
    assert "the path of this tensor is its key, and '.' is none" in said
    assert "leave 'path: .' out" in said


@pytest.mark.parametrize("name", ["half", "_modules", "class", "a b", "a/b", "", "é", "07", "a..b", "a" * 101])
@pytest.mark.parametrize("repeat", ["", "repeat: 1, "])
def test_a_path_that_an_expression_gives_is_a_path_of_modules_too(name: str, repeat: str) -> None:
    """Else `check` would accept what no module can be called."""
    node = f"op: conv2d, {repeat}out_channels: 1, kernel_size: 1, path: 'x.{{name}}'"
    text = f"params: {{name: '{name}'}}\nnodes: {{a: {{{node}}}}}"
    with pytest.raises(SchemaError) as caught:
        net(text)
    assert caught.value.problems[0].where is not None


def test_numbers_as_names() -> None:
    assert keys(nodes("g: {nodes: {0: {CONV}, 1: relu, 2: {CONV}}}")) == ["g.0.weight", "g.2.weight"]


def test_hidden_levels_keep_weightless_paths_apart() -> None:
    graph = nodes("g: {path: ., nodes: {act: relu}}\nh: {path: ., nodes: {act: relu}}")
    assert paths(graph) == ["g.act", "h.act"]


def test_nested_literal_paths() -> None:
    graph = nodes(
        'down: {repeat: 2, path: "down_blocks.{i}", nodes: {layer: {repeat: 2, path: ., '
        'nodes: {r: {CONV, path: "resnets.{i}"}}}}}'
    )
    assert keys(graph) == [f"down_blocks.{i}.resnets.{j}.weight" for i in range(2) for j in range(2)]
    assert addresses(graph) == [f"down.{i}.layer.{j}.r" for i in range(2) for j in range(2)]


def test_the_same_path_twice() -> None:
    assert messages("nodes: {a: {CONV, path: c}, b: {CONV, path: c}}") == ["the path 'c' is used twice"]


def test_the_same_path_of_copies() -> None:
    assert messages('nodes: {a: {CONV, path: "c{0}", repeat: 2}}') == ["the path 'c0' is used twice"]


def test_the_same_path_where_one_is_left_out() -> None:
    text = "params: {k: true}\nnodes: {a: {CONV, path: c, when: =k}, b: {CONV, path: c, when: =not k}}"
    assert keys(net(text)) == keys(net(text, k=False)) == ["c.weight"]


def test_a_module_below_an_operation() -> None:
    assert messages("nodes: {a: {CONV, path: c}, b: {CONV, path: c.d}}") == [
        "'c' is the operation conv2d, so nothing can stand below it"
    ]


# --- rule 20 ---------------------------------------------------------------------------------------------------------


def test_own_parameters_then_buffers_then_children() -> None:
    graph = nodes(
        """
        g:
          nodes:
            a: {CONV}
            mean: {op: buffer, shape: [4, 1, 1], init: zeros}
            shift: {op: parameter, shape: [4, 1, 1]}
            b: {op: add, in: [a, shift]}
            c: {op: sub, in: [b, mean]}
        """
    )
    assert keys(graph) == ["g.shift", "g.mean", "g.a.weight"]


def test_children_by_first_occurrence() -> None:
    graph = nodes("a: {CONV, path: one.x}\nb: {CONV, path: two.y}\nc: {CONV, path: one.z}")
    assert keys(graph) == ["one.x.weight", "one.z.weight", "two.y.weight"]


def test_order_puts_children_first() -> None:
    graph = net("order: [c, b]\nnodes: {a: {CONV}, b: {CONV}, c: {CONV}}")
    assert keys(graph) == ["c.weight", "b.weight", "a.weight"]


def test_order_of_a_group_and_of_a_block() -> None:
    graph = nodes("g: {order: [b], nodes: {a: {CONV}, b: {CONV}}}")
    assert keys(graph) == ["g.b.weight", "g.a.weight"]
    graph = net(
        "nodes: {m: mine}\nblocks: {mine: {order: [b], inputs: {y: [N, C, H, W]}, nodes: {a: {CONV}, b: {CONV}}}}"
    )
    assert keys(graph) == ["m.b.weight", "m.a.weight"]


def test_order_speaks_of_paths_not_of_names() -> None:
    graph = net("order: [attentions, resnets]\nnodes: {a: {CONV, path: resnets.0}, b: {CONV, path: attentions.0}}")
    assert keys(graph) == ["attentions.0.weight", "resnets.0.weight"]


@pytest.mark.parametrize("where", ["", "order of a group"])
def test_order_names_what_is_not_there(where: str) -> None:
    text = "order: [b, z]\nnodes: {a: {CONV}, b: {CONV}}"
    if where:
        text = "nodes: {g: {order: [b, z], nodes: {a: {CONV}, b: {CONV}}}}"
    assert messages(text) == ["'order' names 'z', and nothing here has that path"]


def test_order_names_paths_of_several_levels() -> None:
    text = (
        "order: [m.b, g.q, g.1.s]\nnodes:\n  n: mine\n  m: mine\n"
        "  g: {repeat: 2, path: 'g.{i}', nodes: {r: {CONV}, s: {CONV}}}\n  h: {CONV, path: g.q}\n"
        "blocks: {mine: {inputs: {y: [N, C, H, W]}, nodes: {a: {CONV}, b: {CONV}}}}"
    )
    first = ["m.b", "m.a", "g.q", "g.0.r", "g.0.s", "g.1.s", "g.1.r", "n.a", "n.b"]
    assert keys(net(text)) == [f"{path}.weight" for path in first]
    assert list(to_torch(net(text)).state_dict()) == keys(net(text))


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        ("m.b", False),
        ("m.0.b", True),
        ("m.c", True),
        ("a.weight", True),
        ("g.3.r", False),
        ("g.x", True),
        ("h.u", True),
    ],
)
def test_order_names_a_deeper_path_that_is_not_there(path: str, refused: bool) -> None:
    text = (
        f"order: [{path}]\nnodes: {{a: {{CONV}}, m: mine, g: {{repeat: 2, nodes: {{r: {{CONV}}}}}}, "
        "h: {path: h.i, nodes: {e: {CONV}}}}\n"
        "blocks: {mine: {inputs: {y: [N, C, H, W]}, nodes: {b: {CONV}}}}"
    )
    said = messages(text)
    assert said == ([f"'order' names '{path}', and nothing here has that path"] if refused else [])


def test_order_may_name_what_is_left_out() -> None:
    text = "params: {k: true}\norder: [b, a]\nnodes: {a: {CONV}, b: {CONV, when: =k}}"
    assert keys(net(text)) == ["b.weight", "a.weight"]
    assert keys(net(text, k=False)) == ["a.weight"]


def test_addresses_in_a_block_start_at_its_use() -> None:
    graph = net(
        "nodes: {m: {op: mine, repeat: 2, path: deep.blocks}}\n"
        "blocks: {mine: {inputs: {y: [N, C, H, W]}, nodes: {a: {CONV}}}}"
    )
    assert addresses(graph) == ["m.0.a", "m.1.a"]
    assert keys(graph) == ["deep.blocks.0.a.weight", "deep.blocks.1.a.weight"]
    assert list(calls(graph)) == ["m", "m.0", "m.1"]
