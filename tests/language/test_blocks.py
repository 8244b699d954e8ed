"""Rules 1, 2, 5, 8, 14, 25, 26: blocks, their parameters, presets, nodes handed in, files that use others."""

from __future__ import annotations

from pathlib import Path

import pytest
from block_samples import PRESETS, WRAPPED
from spec_samples import calls, formula, keys, messages, net, node

from archgraph.errors import SpecError
from archgraph.language.load import check, load

MINE = """
blocks:
  mine:
    params: {planes: int, stride: 1, scale: 1.0, bias: true, mode: [zeros, reflect], extra: int?}
    inputs: {y: [N, C, H, W]}
    nodes: {a: {op: conv2d, out_channels: =planes, kernel_size: 1, stride: =stride, bias: =bias, padding_mode: =mode}}
"""


def mine(arguments: str, **params: object) -> str:
    return "params: {p: 8}\nnodes: {m: {op: mine, " + arguments + "}}" + MINE


def test_a_call_keeps_arguments_and_symbols() -> None:
    call = calls(net(mine("planes: =p + 1")))["m"]
    assert (call.kind, call.block, call.name) == ("block", "mine", "m")
    assert dict(call.arguments) == {
        "planes": 9,
        "stride": 1,
        "scale": 1.0,
        "bias": True,
        "mode": "zeros",
        "extra": None,
    }
    assert {name: str(size) for name, size in call.symbols.items()} == {"N": "N", "C": "4", "H": "H", "W": "W"}


def test_a_default_may_speak_of_the_inputs() -> None:
    text = """
        nodes: {m: {op: mine}}
        blocks:
          mine:
            params: {out: =2 * C, more: =out + 1}
            inputs: {y: [N, C, H, W]}
            nodes: {a: {op: conv2d, out_channels: =more, kernel_size: 1}}
        """
    assert node(net(text), "m.a").op.out_channels == 9
    assert dict(calls(net(text))["m"].arguments) == {"out": 8, "more": 9}


def test_a_default_may_speak_of_later_parameters() -> None:
    text = "params: {a: =2 * b, b: 3}\nnodes: {c: {op: conv2d, out_channels: =a, kernel_size: 1}}"
    assert node(net(text), "c").op.out_channels == 6
    assert node(net(text, b=5), "c").op.out_channels == 10
    assert node(net(text, a=1), "c").op.out_channels == 1


def test_a_whole_number_widens_to_a_float() -> None:
    argument = calls(net(mine("planes: 3, scale: 2")))["m"].arguments["scale"]
    assert (argument, type(argument)) == (2.0, float)


def test_an_argument_may_be_a_list_or_a_choice() -> None:
    assert node(net(mine("planes: 3, mode: reflect")), "m.a").op.padding_mode == "reflect"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("stride: 2", "mine needs the parameter 'planes'"),
        ("planes: 3, strid: 2", "mine has no parameter 'strid'"),
        ("planes: true", "mine: the parameter 'planes' has a wrong value"),
        ("planes: 3.5", "mine: the parameter 'planes' has a wrong value"),
        ("planes: 3, bias: p", "mine: the parameter 'bias' has a wrong value"),
        ("planes: 3, mode: circular", "mine: the parameter 'mode' has a wrong value"),
        ("planes: null", "mine: the parameter 'planes' has a wrong value"),
    ],
)
def test_wrong_arguments(arguments: str, message: str) -> None:
    assert messages(mine(arguments)) == [message]


def test_all_wrong_arguments_at_once() -> None:
    assert messages(mine("stride: x, depth: 3")) == [
        "mine needs the parameter 'planes'",
        "mine: the parameter 'stride' has a wrong value",
        "mine has no parameter 'depth'",
    ]


def test_arguments_may_be_symbolic_sizes() -> None:
    text = """
        nodes: {m: {op: mine, height: =7}, k: {op: other, in: m}}
        blocks:
          mine: {params: {height: int}, inputs: {y: [N, C, H, W]}, nodes: {a: {op: relu, when: =height == 7}}}
          other: {inputs: {y: [N, C, H, W]}, nodes: {a: {op: reshape, shape: [=N, =C, =H * W]}}}
        """
    assert str(node(net(text), "k.a").output.type) == "[N, 4, H*W]"


def test_presets_and_overrides() -> None:
    assert [len(keys(net(PRESETS, preset))) for preset in (None, "small", "large")] == [2, 2, 6]
    graph = net(PRESETS, "large", depth=1)
    assert (keys(graph), node(graph, "c.0").op.out_channels) == (["c.0.weight", "c.0.bias"], 16)
    assert (graph.title, graph.info.preset) == ("net@large", "large")
    assert dict(graph.info.params) == {"width": 16, "depth": 1, "mode": "a"}


def test_a_preset_that_is_not_there() -> None:
    assert messages(PRESETS, "larg") == ["net has no preset 'larg'"]


def test_an_override_that_is_not_there() -> None:
    assert messages(PRESETS, None, widht=3) == ["net has no parameter 'widht'"]


def test_an_override_of_a_wrong_type() -> None:
    assert messages(PRESETS, None, width="wide") == ["net: the parameter 'width' has a wrong value"]


def test_checking_a_file_checks_every_preset(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    head = "archgraph: 1\nname: net\ninputs: {x: [N, 4, H, W]}\n"
    path.write_text(head + PRESETS)
    assert [graph.title for graph in check(path)] == ["net@small", "net@large"]
    path.write_text(head + PRESETS.replace("width: 16", "width: 0"))
    with pytest.raises(SpecError) as error:
        check(path)
    assert len(error.value.problems) == 1
    assert load(f"{path}@small").title == "net@small"


def test_a_node_handed_in_by_name() -> None:
    assert formula(net("nodes: {m: {op: wrap, fn: relu}}" + WRAPPED)) == "add(relu(x), x)"


def test_a_block_handed_in_has_its_keys_below_the_name() -> None:
    graph = net("nodes: {m: {op: wrap, fn: mix}}" + WRAPPED)
    assert keys(graph) == ["m.fn.proj.weight", "m.fn.back.weight"]


def test_nodes_handed_in_are_nested() -> None:
    graph = net("params: {h: 3}\nnodes: {m: {op: wrap, fn: {op: norm, fn: {op: mix, heads: =h}}}}" + WRAPPED)
    assert keys(graph) == [
        "m.fn.norm.weight",
        "m.fn.norm.bias",
        "m.fn.fn.proj.weight",
        "m.fn.fn.back.weight",
    ]
    assert node(graph, "m.fn.fn.proj").op.out_channels == 3


def test_what_is_handed_in_sees_the_names_where_it_was_written() -> None:
    text = "nodes: {g: {repeat: 2, nodes: {m: {op: wrap, fn: {op: mix, heads: =i + 1}}}}}" + WRAPPED
    assert [node(net(text), f"g.{i}.m.fn.proj").op.out_channels for i in range(2)] == [1, 2]


def test_a_parameter_hands_a_node_on() -> None:
    text = "nodes: {m: {op: twice, fn: mix}}" + WRAPPED
    text += (
        "  twice: {params: {fn: node}, inputs: {y: [N, C, H, W]}, nodes: {a: {op: wrap, fn: =fn}, "
        "b: {op: wrap, fn: {op: norm, fn: =fn}}}}\n"
        ""
    )
    assert keys(net(text)) == [
        "m.a.fn.proj.weight",
        "m.a.fn.back.weight",
        "m.b.fn.norm.weight",
        "m.b.fn.norm.bias",
        "m.b.fn.fn.proj.weight",
        "m.b.fn.fn.back.weight",
    ]


def test_a_handed_node_may_be_repeated_by_the_block() -> None:
    text = "nodes: {m: {op: chain, fn: mix}}" + WRAPPED
    text += "  chain: {params: {fn: node}, inputs: {y: [N, C, H, W]}, nodes: {layer: {op: =fn, repeat: 2}}}\n"
    assert keys(net(text)) == [f"m.layer.{i}.{part}.weight" for i in range(2) for part in ("proj", "back")]


def test_a_handed_node_with_a_default() -> None:
    text = "nodes: {m: act}\nblocks: {act: {params: {kind: silu}, inputs: {y: [...]}, nodes: {a: {op: =kind}}}}"
    assert formula(net(text)) == "silu(x)"
    assert formula(net(text.replace("m: act", "m: {op: act, kind: relu}"))) == "relu(x)"


def test_a_block_named_by_a_parameter() -> None:
    text = "params: {block: mix}\nnodes: {m: {op: =block}}" + WRAPPED
    assert keys(net(text)) == ["m.proj.weight", "m.back.weight"]
    assert formula(net(text, block="relu")) == "relu(x)"


def test_a_node_handed_to_the_network_itself() -> None:
    text = "params: {act: node}\nnodes: {m: {op: wrap, fn: =act}}" + WRAPPED
    assert formula(net(text, act="relu")) == "add(relu(x), x)"
    graph = net(text, act={"op": "mix", "heads": 5})
    assert node(graph, "m.fn.proj").op.out_channels == 5


def test_a_mistyped_name_is_not_missed_as_well() -> None:
    assert messages(mine("plane: 3")) == ["mine has no parameter 'plane'"]
