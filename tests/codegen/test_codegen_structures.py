"""Structures beyond plain chains, each against what its operations give when they are called by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from built_modules import built, close
from codegen_cases import H, N, Net, W, op, outputs
from torch import nn
from torch.nn import functional as F

from archgraph.codegen import source, to_torch
from archgraph.dims import symbol
from archgraph.errors import CompileError
from archgraph.graph.types import Graph
from archgraph.language.load import load


def test_a_node_applied_again_has_its_weights_once(tmp_path: Path) -> None:
    net = Net()
    x = net.input(N, 4)
    first = net("fc", "linear", x, out_features=4)
    act = net("act", "relu", first)
    again = net("again", "linear", act, out_features=4, shares=net.items["fc"])
    module = built(net.finish(again), tmp_path)
    x = torch.randn(2, 4)
    close(outputs(module, x)[0], module.fc(F.relu(module.fc(x))))
    assert [name for name, _ in module.named_modules()] == ["", "fc"]


def test_a_block_applied_again_at_another_size(tmp_path: Path) -> None:
    net = Net()
    x = net.input(N, 4, H, W)

    def unit(height: object, width: object) -> Graph:
        inner = net.inner("unit")
        v = inner.input(N, 4, height, width)  # type: ignore[arg-type]
        return inner.finish(inner("conv", "conv2d", v, out_channels=4, kernel_size=3, padding=1))

    first = net.call("head", unit(H, W), x, kind="block", block="unit")
    small = net("pool", "avg_pool2d", first, kernel_size=2)
    again = unit(*small.shape[2:])
    second = net.call("once_more", again, small, kind="block", block="unit", shares=net.items["head"])
    module = built(net.finish(first, second), tmp_path)
    x = torch.randn(2, 4, 6, 4)
    with torch.no_grad():
        wide, narrow = module(x)
        close(wide, module.head.conv(x))
        close(narrow, module.head.conv(F.avg_pool2d(wide, 2)))
    assert not hasattr(module, "once_more")


def test_a_group_may_apply_a_module_of_the_scope_around_it(tmp_path: Path) -> None:
    net = Net()
    x = net.input(N, 4)
    first = net("fc", "linear", x, out_features=4)
    group = net.inner("group")
    v = group.input(N, 4)
    a = group("own", "linear", v, out_features=4)
    b = group("borrowed", "linear", a, out_features=4, shares=net.items["fc"])
    module = built(net.finish(net.call("group", group.finish(b), first)), tmp_path)
    x = torch.randn(2, 4)
    close(outputs(module, x)[0], module.fc(module.group.own(module.fc(x))))
    assert list(module.state_dict()) == ["fc.weight", "fc.bias", "group.own.weight", "group.own.bias"]


def test_tied_weights_are_one_tensor(tmp_path: Path) -> None:
    net = Net()
    ids = net.input(N, symbol("L"), name="ids", dtype="int64")
    body = net.inner("body")
    v = body.input(N, symbol("L"), name="ids", dtype="int64")
    words = net.call("body", body.finish(body("wte", "embedding", v, num_embeddings=5, embedding_dim=3)), ids)
    logits = net("head", "linear", words, out_features=5, bias=False, ties={"weight": "body.wte.weight"})
    graph = net.finish(logits)
    module = to_torch(graph)
    assert module.head.weight is module.body.wte.weight
    assert len(list(module.parameters())) == 1
    given = torch.tensor([[0, 4, 2]])
    close(module(given), module.body.wte(given) @ module.body.wte.weight.T)
    loaded = to_torch(graph, weights={"body.wte.weight": torch.ones(5, 3)})
    assert loaded.head.weight is loaded.body.wte.weight
    assert loaded.head.weight.eq(1).all()


def test_free_tensors_and_weights_from_outside(tmp_path: Path) -> None:
    net = Net()
    x = net.input(N, 3, 4)
    net("scale", "buffer", shape=[4], init="arange", dtype="float32")
    weight = net("matrix", "parameter", shape=[6, 4], init="xavier_uniform")
    offset = net("offset", "constant", value=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    build = net.build
    linear = build.apply("linear", op("linear", out_features=6), {"input": x, "weight": weight})
    scaled = build.apply("scaled", op("mul"), [x, net.items["scale"].output])
    shifted = net("shifted", "add", linear.output, offset)
    graph = net.finish(shifted, scaled.output)
    module = built(graph, tmp_path)
    assert list(module.state_dict()) == ["matrix", "scale", "linear.bias"]
    x = torch.randn(2, 3, 4)
    first, second = outputs(module, x)
    close(first, F.linear(x, module.matrix, module.linear.bias) + torch.arange(1.0, 7.0))
    close(second, x * module.scale)
    assert to_torch(graph).scale.tolist() == [0, 1, 2, 3]
    assert [name for name, _ in module.named_parameters()] == ["matrix", "linear.bias"]
    assert module.state_dict().keys() == to_torch(graph, weights=module.state_dict()).state_dict().keys()
    close(outputs(to_torch(graph, weights=module.state_dict()), x)[0], first)


def test_every_initialiser() -> None:
    net = Net()
    shapes = {"zeros": {}, "ones": {}, "normal": {"std": 0.02}, "xavier_uniform": {}, "kaiming_uniform": {}}
    made = [net(name, "parameter", shape=[64, 256], init=name, **more) for name, more in shapes.items()]
    made.append(net("filled", "parameter", shape=[64, 256], init=0.25))
    made.append(net("counted", "buffer", shape=[2, 3], init="arange", dtype="int64"))
    module = to_torch(net.finish(*made))
    assert module.zeros.eq(0).all()
    assert module.ones.eq(1).all()
    assert module.filled.eq(0.25).all()
    assert abs(module.normal.std().item() - 0.02) < 0.001
    assert abs(module.xavier_uniform.abs().max().item() - (6 / (64 + 256)) ** 0.5) < 0.001
    assert abs(module.kaiming_uniform.abs().max().item() - 256**-0.5) < 0.001
    assert module.counted.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_sizes_follow_from_the_inputs(tmp_path: Path) -> None:
    """Windows of 2 × 2: a reshape to sizes that are quotients of the input's."""
    net = Net()
    x = net.input(N, H, W, 3)
    inner = net.inner("windows")
    v = inner.input(N, H, W, 3)
    split = inner("split", "reshape", v, shape=[N, H // 2, 2, W // 2, 2, 3])
    swap = inner("swap", "permute", split, dims=[0, 1, 3, 2, 4, 5])
    tiles = inner("tiles", "reshape", swap, shape=[N * (H // 2) * (W // 2), 4, 3])
    graph = net.finish(net.call("windows", inner.finish(tiles), x))
    module = built(graph, tmp_path)
    x = torch.randn(2, 6, 4, 3)
    close(outputs(module, x)[0], x.unfold(1, 2, 2).unfold(2, 2, 2).permute(0, 1, 2, 4, 5, 3).reshape(-1, 4, 3))
    assert module(torch.randn(1, 8, 10, 3)).shape == (20, 4, 3)


def test_sizes_below_a_stride_are_found_from_the_stride(tmp_path: Path) -> None:
    """Inside a block the input is [N, C, (H + 1) // 2, …]; the names of the outermost sizes are out of reach."""
    net = Net()
    x = net.input(N, 3, H, W)
    small = net("stem", "conv2d", x, out_channels=4, kernel_size=3, stride=2, padding=1)
    inner = net.inner("block")
    v = inner.input(*small.shape)
    down = inner("down", "conv2d", v, out_channels=4, kernel_size=3, stride=2, padding=1)
    rows = inner("rows", "flatten", down, start_dim=2)
    tokens = inner("tokens", "transpose", rows, dim0=1, dim1=2)
    back = inner("back", "transpose", tokens, dim0=1, dim1=2)
    image = inner("image", "reshape", back, shape=list(down.shape))
    graph = net.finish(net.call("block", inner.finish(image), small, kind="block", block="block"))
    module = built(graph, tmp_path)
    for height, width in ((6, 4), (7, 9), (1, 1)):
        x = torch.randn(2, 3, height, width)
        close(outputs(module, x)[0], module.block.down(module.stem(x)))


def test_a_size_that_does_not_follow_is_named() -> None:
    net = Net()
    x = net.input(N, 4)
    module = net("it", "expand", x, shape=[symbol("K"), N, 4])
    with pytest.raises(CompileError, match="the size K cannot be computed where it is needed"):
        source(net.finish(module))


def test_several_outputs_and_unread_ones(tmp_path: Path) -> None:
    net = Net()
    x = net.input(N, 6)
    node = net.build.apply("parts", op("chunk", chunks=3, dim=1), x)
    act = net("act", "silu", node.outputs[2])
    module = built(net.finish(act, node.outputs[0]), tmp_path)
    x = torch.randn(2, 6)
    first, second = outputs(module, x)
    close(first, F.silu(x[:, 4:]))
    close(second, x[:, :2])


def test_a_left_out_module_and_function_share_a_class(tmp_path: Path) -> None:
    """`when:` on a projection and on the addition: three instances, one class, and no module for what is left out."""
    net = Net()
    x = net.input(N, 4)
    for i, (project, add) in enumerate(((True, True), (False, True), (False, False))):
        inner = net.inner("unit")
        v = inner.input(N, 4)
        h = inner("fc", "linear", v, out_features=4)
        shortcut = inner("project", "linear", v, out_features=4) if project else v
        if add:
            h = inner("add", "add", h, shortcut)
        x = net.call(f"unit{i}", inner.finish(h), x, kind="block", block="unit")
    module = built(net.finish(x), tmp_path)
    kinds = {type(getattr(module, f"unit{i}")) for i in range(3)}
    assert len({kind.__mro__[-3] for kind in kinds}) == 1
    assert "project" not in dict(module.unit1.named_modules())
    x = torch.randn(2, 4)
    first = module.unit0.fc(x) + module.unit0.project(x)
    second = module.unit1.fc(first) + first
    close(outputs(module, x)[0], module.unit2.fc(second))


@pytest.mark.parametrize("order", [(True, False), (False, True)])
def test_a_numbered_module_may_be_left_out(order: tuple[bool, bool], tmp_path: Path) -> None:
    net = Net()
    x = net.input(N, 4)
    for i, there in enumerate(order):
        inner = net.inner("unit")
        v = inner.input(N, 4)
        h = inner("fc", "linear", inner("0", "linear", v, out_features=4) if there else v, out_features=4)
        x = net.call(f"unit{i}", inner.finish(inner("add", "add", h, v)), x, kind="block", block="unit")
    module = built(net.finish(x), tmp_path)
    with_it, without = (getattr(module, f"unit{order.index(there)}") for there in (True, False))
    assert type(with_it) is type(without)
    assert [name for name, _ in with_it.named_children()] == ["0", "fc"]
    assert [name for name, _ in without.named_children()] == ["fc"]
    x = torch.randn(2, 4)
    close(with_it(x), with_it.fc(with_it.get_submodule("0")(x)) + x)
    close(without(x), without.fc(x) + x)


def test_other_variants_of_a_block_have_one_base() -> None:
    """An isinstance check, and a policy that wraps by class, sees all of them."""
    net = Net()
    x = net.input(N, 4)
    for i, order in enumerate(("ab", "ba", "ab")):
        inner = net.inner("unit")
        h = inner.input(N, 4)
        for name in order:
            h = inner(name, "linear", h, out_features=4)
        x = net.call(f"unit{i}", inner.finish(h), x, kind="block", block="unit")
    module = to_torch(net.finish(x))
    assert type(module.unit0) is type(module.unit2)
    assert type(module.unit0) is not type(module.unit1)
    (base,) = type(module.unit0).__bases__
    assert isinstance(module.unit1, base)
    assert base is not nn.Module


def test_a_group_that_only_hands_on_is_nothing(tmp_path: Path) -> None:
    net = Net()
    x = net.input(N, 4)
    inner = net.inner("nothing")
    v = inner.input(N, 4)
    handed = net.call("nothing", inner.finish(v), x)
    module = built(net.finish(net("fc", "linear", handed, out_features=2)), tmp_path)
    assert [name for name, _ in module.named_children()] == ["fc"]


def test_the_input_itself_can_be_an_output(tmp_path: Path) -> None:
    net = Net()
    x = net.input(N, 4)
    same = net("same", "identity", x)
    module = built(net.finish(net("fc", "linear", same, out_features=2), same), tmp_path)
    x = torch.randn(2, 4)
    assert outputs(module, x)[1].equal(x)


def test_order_puts_children_first(tmp_path: Path) -> None:
    net = Net()
    h = net.input(N, 4)
    for name in ("a", "b", "c"):
        h = net(name, "linear", h, out_features=4)
    built(net.finish(h, order=["c", "a"]), tmp_path)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_padding_that_repeats_the_input_with_weights_from_outside(mode: str, tmp_path: Path) -> None:
    """Unequal padding: torch's module is the reference for what height and width get."""
    net = Net()
    x = net.input(N, 3, 5, 7)
    weight = net("kernel", "parameter", shape=[4, 3, 3, 3], init="xavier_uniform")
    attributes = {"out_channels": 4, "kernel_size": 3, "padding": [1, 2], "padding_mode": mode, "bias": False}
    result = net.build.apply("conv", op("conv2d", **attributes), {"input": x, "weight": weight})
    module = built(net.finish(result.output), tmp_path)
    layer = nn.Conv2d(3, 4, 3, padding=(1, 2), padding_mode=mode, bias=False)
    layer.load_state_dict({"weight": module.kernel})
    given = torch.randn(2, 3, 5, 7)
    close(outputs(module, given)[0], layer(given))


def test_what_an_optional_step_reads_outlives_what_is_there_without_it() -> None:
    """Two uses of a block of which one needs less: the written class leaves two steps in a row out."""
    nodes = {
        "softmax": {"op": "softmax", "dim": 1},
        "gate": {"op": "sigmoid", "in": "softmax"},
        "quotient": {"op": "div", "in": ["softmax", "gate"]},
        "shifted": {"op": "add", "in": ["softmax", "softmax"]},
    }
    block = {"inputs": {"y": ["N", "C"]}, "nodes": nodes, "outputs": {"first": "quotient", "second": "shifted"}}
    spec = {
        "archgraph": 1,
        "name": "net",
        "inputs": {"x": ["N", 5]},
        "nodes": {
            "whole": {"op": "part", "in": "x"},
            "less": {"op": "part", "in": "x", "outputs": {"all": "shifted", "early": "softmax"}},
        },
        "outputs": {"first": "whole.first", "second": "whole.second", "third": "less.all"},
        "blocks": {"part": block},
    }
    graph = load(spec)
    assert "if self.use_gate:" in source(graph)
    x = torch.randn(2, 5)
    y = x.softmax(1)
    first, second, third = to_torch(graph)(x)
    close(first, y / y.sigmoid())
    close(second, 2 * y)
    close(third, 2 * y)
