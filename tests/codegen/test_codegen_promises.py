"""What `check` accepts compiles, runs, and is written as code that needs no archgraph. Values from torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from loaded_networks import UNIT, both, drawn, loaded
from torch.nn import functional as F

from archgraph.codegen import source, to_torch
from archgraph.errors import ArchgraphError, WiringError
from archgraph.graph.keys import weights


def test_a_size_of_the_input_in_a_numbered_block(tmp_path: Path) -> None:
    graph = loaded(
        "{image: [N, 4, H, W]}",
        "{down: {op: avg_pool2d, kernel_size: 2}, head: {op: branch, in: down}}",
        """
  branch:
    inputs: {x: [N, C, H, W]}
    nodes:
      0: {op: adaptive_avg_pool2d, output_size: 1}
      1: {op: conv2d, out_channels: 8, kernel_size: 1}
      2: {op: interpolate, size: [=H, =W], mode: bilinear}
""",
    )
    image = drawn(2, 4, 6, 10)
    (found,), state = both(graph, tmp_path, image)
    pooled = F.conv2d(image.mean((2, 3), keepdim=True), state["head.1.weight"], state["head.1.bias"])
    torch.testing.assert_close(found, pooled.expand(2, 8, 3, 5))


def test_a_size_from_outside_is_an_argument_of_a_group(tmp_path: Path) -> None:
    graph = loaded(
        "{x: [N, 4, H, W]}",
        "{flat: {op: flatten, start_dim: 2}, body: {nodes: {back: {op: reshape, shape: '=[N, 4, H, W]'}, act: relu}}}",
    )
    x = drawn(2, 4, 3, 5)
    (found,), _ = both(graph, tmp_path, x)
    torch.testing.assert_close(found, x.relu())
    assert "def forward(self, x: Tensor, height: int, width: int) -> Tensor:" in source(graph)
    assert "return self.body(h, height, width)" in source(graph)


@pytest.mark.parametrize("level", ["repeat: 2", "repeat: 3, map: true", "path: '.'", "path: part.0"])
def test_sizes_from_outside_in_copies(level: str, tmp_path: Path) -> None:
    end = ", end: {op: identity, in: part.2}" if "map" in level else ""
    part = f"part: {{{level}, nodes: {{up: {{op: interpolate, size: [=H, =W]}}}}}}{end}"
    graph = loaded("{x: [N, 4, H, W]}", f"{{less: {{op: avg_pool2d, kernel_size: 2}}, {part}}}")
    x = drawn(2, 4, 6, 8)
    (found,), _ = both(graph, tmp_path, x)
    torch.testing.assert_close(found, F.interpolate(F.avg_pool2d(x, 2), size=(6, 8)))


def test_an_operation_that_is_repeated_takes_sizes(tmp_path: Path) -> None:
    graph = loaded("{x: [N, 4, H, W]}", "{u: {op: interpolate, size: '=[H * 2, W]', repeat: 2}}")
    x = drawn(1, 4, 3, 5)
    (found,), _ = both(graph, tmp_path, x)
    torch.testing.assert_close(found, F.interpolate(x, size=(6, 5)))


def test_a_block_without_inputs_is_told_its_size_and_device(tmp_path: Path) -> None:
    graph = loaded(
        "{x: [N, 5, W]}",
        "{ids: {op: places, count: =W}, rows: {op: embedding, num_embeddings: 64, embedding_dim: 5},"
        " turned: {op: permute, in: x, dims: [0, 2, 1]}, add: {op: add, in: [turned, rows]}}",
        "\n  places:\n    params: {count: =0}\n    nodes: {a: {op: arange, end: =count}}\n",
    )
    x = drawn(2, 5, 7)
    (found,), state = both(graph, tmp_path, x)
    torch.testing.assert_close(found, x.permute(0, 2, 1) + state["rows.weight"][:7])
    assert "def forward(self, count: int, device: torch.device) -> Tensor:" in source(graph)
    meta = to_torch(graph, device="meta")
    assert meta(torch.empty(2, 5, 7, device="meta")).shape == (2, 7, 5)


def test_a_size_that_a_pad_has_hidden_is_found_again(tmp_path: Path) -> None:
    graph = loaded(
        "{x: [N, 4, T]}", "{pad: {op: pad, pad: [1, 1]}, cut: {nodes: {part: {op: slice, dim: 2, end: =T}}}}"
    )
    x = drawn(2, 4, 5)
    (found,), _ = both(graph, tmp_path, x)
    torch.testing.assert_close(found, F.pad(x, (1, 1))[:, :, :5])
    assert "x[:, :, :-2]" in source(graph)


def test_slices_of_other_places_share_a_class(tmp_path: Path) -> None:
    graph = loaded(
        "{x: [N, 4, T]}",
        "{pad: {op: pad, pad: [0, 1]}, part: {for: {row: [0, 1]}, map: true, in: pad, nodes: {cut: {op: slice, dim: 2,"
        " start: =row, end: =T + row, step: 2}}}, join: {op: concat, in: part, dim: 1}}",
    )
    x = drawn(2, 4, 6)
    (found,), _ = both(graph, tmp_path, x)
    torch.testing.assert_close(found, torch.cat([x[:, :, ::2], F.pad(x, (0, 1))[:, :, 1::2]], 1))
    assert "return x[:, :, self.start : self.end : 2]" in source(graph)
    assert "PartItem(start=0, end=-1), PartItem(start=1)" in " ".join(source(graph).split())


def test_modules_that_take_sizes_compile_and_export() -> None:
    graph = loaded(
        "{x: [N, 4, H, W]}",
        "{flat: {op: flatten, start_dim: 2}, body: {repeat: 2, nodes: {back: {op: reshape, shape: '=[N, 4, H, W]'},"
        " conv: {op: conv2d, out_channels: 4, kernel_size: 1}}}}",
    )
    net, x = to_torch(graph).eval(), drawn(2, 4, 3, 5)
    dims = {2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO}
    exported = torch.export.export(net, (x,), dynamic_shapes=(dims,)).module()
    other = drawn(2, 4, 6, 7)
    torch.testing.assert_close(exported(other), net(other))


@pytest.mark.parametrize(
    ("nodes", "order"),
    [
        ("{late: {op: unit, path: a.late}, a: {nodes: {first_1: {op: unit}}}}", ["a.late.fc", "a.first_1.fc"]),
        ("{a: {op: unit, repeat: 2}, late: {op: unit, path: a.0.late}}", ["a.0.fc", "a.1.fc", "a.0.late.fc"]),
        ("{late: {op: unit, path: a.x.y}, a: unit}", ["a.x.y.fc", "a.fc"]),
        ("{a: {op: unit, path: level.keys}, b: {op: unit, path: level.items}}", ["level.keys.fc", "level.items.fc"]),
        ("{a: {op: unit, path: self}}", ["self.fc"]),
    ],
)
def test_a_path_may_lead_into_another_module(nodes: str, order: list[str], tmp_path: Path) -> None:
    x = drawn(2, 8)
    (found,), state = both(loaded("{x: [N, 8]}", nodes, UNIT), tmp_path, x)
    for path in order:
        x = F.linear(x, state[f"{path}.weight"], state[f"{path}.bias"])
    torch.testing.assert_close(found, x, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("path", ["a.late", "a.2"])
def test_a_path_among_the_copies_of_a_chain_is_refused(path: str) -> None:
    nodes = f"{{a: {{op: unit, repeat: 2}}, late: {{op: linear, out_features: 8, path: {path}}}}}"
    with pytest.raises(WiringError, match=f"the path '{path}' leads among the numbered modules of 'a'"):
        loaded("{x: [N, 8]}", nodes, UNIT)


@pytest.mark.parametrize(
    ("nodes", "wanted"),
    [
        ("{u: {op: mean, dim: -1, repeat: 2}}", lambda x: x.mean((2, 3))),
        ("{u: {op: sum, for: {c: [4, 8]}}}", lambda x: x.sum()),
        ("{u: {op: unsqueeze, dim: -1, repeat: 2}}", lambda x: x[..., None, None]),
        ("{u: {op: reshape, shape: [=N, 4, -1, =W, 1], repeat: 2}}", lambda x: x[..., None]),
        ("{u: {repeat: 2, nodes: {m: {op: mean, dim: -1}, r: relu}}}", lambda x: x.mean(-1).relu().mean(-1).relu()),
        ("{m: mean, g: {op: gelu, repeat: 2}}", lambda x: F.gelu(F.gelu(x.mean()))),
        ("{m: {op: mean, keepdim: true}, r: {op: reshape, shape: []}}", lambda x: x.mean()),
        ("{p: {op: parameter, shape: [], init: 0.5}, m: {op: mul, in: [x, p]}}", None),
        ("{p: {op: chunk, chunks: 1, dim: 1}, r: {op: relu, in: p.0}}", lambda x: x.relu()),
        ("{p: {op: split, split_size: [4], dim: 1}, r: {op: relu, in: p.0}}", lambda x: x.relu()),
    ],
)
def test_copies_of_another_rank_and_scalars(nodes: str, wanted: Any, tmp_path: Path) -> None:
    x = drawn(2, 4, 6, 3)
    (found,), state = both(loaded("{x: [N, 4, H, W]}", nodes), tmp_path, x)
    torch.testing.assert_close(found, wanted(x) if wanted else x * state["p"])


def test_a_batch_norm_with_a_weight_from_outside_keeps_its_statistics(tmp_path: Path) -> None:
    graph = loaded(
        "{x: [N, 4, H, W]}",
        "{w: {op: parameter, shape: [4], init: ones}, u: {op: batch_norm2d, in: {input: x, weight: w}}}",
    )
    x = drawn(2, 4, 3, 3)
    (found,), state = both(graph, tmp_path, x)
    mean, var = state["u.running_mean"], state["u.running_var"]
    torch.testing.assert_close(found, F.batch_norm(x, mean, var, state["w"], state["u.bias"]))


@pytest.mark.parametrize("name", ["f", "tensor", "none", "torch", "nn", "ordered_dict", "linear_", "module"])
def test_networks_and_blocks_named_like_what_the_file_uses(name: str, tmp_path: Path) -> None:
    block = f"\n  {name}:\n    inputs: {{x: [N, C]}}\n    nodes: {{fc: {{op: linear, out_features: =C}}, r: relu6}}\n"
    graph = loaded("{x: [N, 8]}", f"{{a: {name}, e: {{op: relu6, in: a}}}}", block, name=name)
    x = drawn(2, 8)
    (found,), state = both(graph, tmp_path, x)
    torch.testing.assert_close(found, F.relu6(F.linear(x, state["a.fc.weight"], state["a.fc.bias"])))


@pytest.mark.parametrize(
    "name", ["share", "path", "order", "push", "op", "nodes", "repeat", "outputs", "tie", "stacks"]
)
def test_nodes_named_like_keys_of_nodes(name: str, tmp_path: Path) -> None:
    x = drawn(2, 3, 4)
    graph = loaded("{x: [N, 3, 4]}", f"{{{name}: {{op: transpose, dim0: 1, dim1: 2}}}}")
    torch.testing.assert_close(both(graph, tmp_path, x)[0][0], x.transpose(1, 2))


@pytest.mark.parametrize("name", ["forward", "training", "type", "to", "train", "for", "lambda"])
def test_names_that_a_module_cannot_have_are_refused_when_checked(name: str) -> None:
    with pytest.raises(ArchgraphError, match=f"'{name}' cannot be a node's name"):
        loaded("{x: [N, 8]}", f"{{{name}: relu}}")


def test_an_output_may_have_the_name_of_an_input(tmp_path: Path) -> None:
    x = drawn(2, 8)
    graph = loaded("{x: [N, 8]}", "{r: relu}", outputs={"x": "r"})
    torch.testing.assert_close(both(graph, tmp_path, x)[0][0], x.relu())


def test_no_argument_stands_behind_a_keyword(tmp_path: Path) -> None:
    blocks = """
  unit:
    params: {slope: float, width: int}
    inputs: {x: [N, C]}
    nodes:
      act: {op: leaky_relu, negative_slope: =slope}
      fc1: {op: linear, out_features: =width}
      fc2: {op: linear, out_features: =C}
"""
    graph = loaded(
        "{x: [N, 8], y: [N, 16]}",
        "{a: {op: unit, in: x, slope: 0.1, width: 32}, b: {op: unit, in: y, slope: 0.2, width: 64}}",
        blocks,
        outputs={"a": "a", "b": "b"},
    )
    x = drawn(2, 8)
    (found, _), state = both(graph, tmp_path, x, drawn(2, 16))
    hidden = F.linear(F.leaky_relu(x, 0.1), state["a.fc1.weight"], state["a.fc1.bias"])
    torch.testing.assert_close(found, F.linear(hidden, state["a.fc2.weight"], state["a.fc2.bias"]))


def test_a_group_whose_pushes_are_read_is_read() -> None:
    graph = loaded(
        "{x: [N, 8]}",
        "{step: {repeat: 2, nodes: {a: relu, b: {op: unsqueeze, in: a, dim: 1, push: states}}, outputs: a},"
        " join: {op: concat, in: [states.pop, states.pop], dim: 1}}",
        stacks=["states"],
    )
    assert not graph.warnings


def test_order_names_tensors_too(tmp_path: Path) -> None:
    """Parameters before buffers, as in torch; within each what `order` names comes first."""
    nodes = """
  a: {op: buffer, shape: [4], init: ones}
  s: {op: add, in: [x, a]}
  b: {op: buffer, shape: [4], init: ones}
  t: {op: add, in: [s, b]}
  p: {op: parameter, shape: [4], init: ones}
  u: {op: add, in: [t, p]}
  q: {op: parameter, shape: [4], init: ones}
  v: {op: add, in: [u, q]}
"""
    graph = loaded("{x: [N, 4]}", nodes, order=["q", "b"])
    (result,), state = both(graph, tmp_path, torch.zeros(2, 4))
    assert list(state) == [item.key for item in weights(graph)] == ["q", "p", "b", "a"]
    torch.testing.assert_close(result, sum(state.values()).expand(2, 4))


@pytest.mark.parametrize("way", ["nodes", "block"])
def test_numbers_made_of_whole_ones_are_converted_as_a_whole(way: str, tmp_path: Path) -> None:
    """`(numbers - 0.5).to(dtype)` and `(numbers - 0.5) * 2` keep their parentheses, in a block without inputs too."""
    made = "a: {op: constant, value: [[1], [3]]}, b: {op: sub, value: 0.5}, c: {op: mul, value: 2}"
    blocks = f"\n  made: {{nodes: {{{made}}}}}\n" if way == "block" else ""
    nodes = made if way == "nodes" else "c: made"
    graph = loaded("{x: [N, 2, 4]}", f"{{{nodes}, sum: {{op: add, in: [x, c]}}}}", blocks)
    x = drawn(3, 2, 4)
    (found,), _ = both(graph, tmp_path, x)
    torch.testing.assert_close(found, x + torch.tensor([[1.0], [5.0]]))


def test_a_layer_that_some_instances_lack_leaves_the_tensor_that_it_reads(tmp_path: Path) -> None:
    """`x = self.held`, and `x = self.fc(x)` where there is one: the parameter itself is never assigned."""
    graph = loaded(
        "{x: [N, 4]}",
        "{a: {op: unit, fc: true}, b: {op: unit, fc: false, in: x}, c: {op: add, in: [a, b]}}",
        """
  unit:
    params: {fc: bool}
    inputs: {y: [N, C]}
    nodes:
      held: {op: parameter, shape: [4], init: normal}
      fc: {op: linear, out_features: 4, when: =fc}
      sum: {op: add, in: [y, fc]}
""",
    )
    x = drawn(2, 4)
    (found,), state = both(graph, tmp_path, x)
    layer = F.linear(state["a.held"], state["a.fc.weight"], state["a.fc.bias"])
    torch.testing.assert_close(found, x + layer + x + state["b.held"])
    assert "self.held =" not in source(graph).split("def forward")[1]
