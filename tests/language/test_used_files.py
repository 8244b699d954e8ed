"""Blocks of a file's own before operations and standard blocks; used files and shipped networks with names."""

from __future__ import annotations

from pathlib import Path

import pytest
from spec_samples import HEAD, IMAGE, assert_says, formula, keys, messages, net, node

from archgraph.errors import SpecError
from archgraph.graph import Graph, graph_text
from archgraph.language.load import load

ONE = "archgraph: 1\nname: one\ninputs: {x: [N, 4, H, W]}\nnodes: {a: layer}\n"
LAYER = "blocks: {layer: {inputs: {y: [N, C, H, W]}, nodes: {fc: {op: conv2d, out_channels: =C, kernel_size: 1}}}}\n"
UNIT = "blocks: {unit: {params: {act: node}, inputs: {y: [N, C, H, W]}, nodes: {act: =act}}}\n"


def reloaded(graph: Graph) -> Graph:
    """The graph of the spec that the graph holds."""
    return load(graph.info.spec, standalone=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "one.yaml").write_text(ONE + LAYER)
    (tmp_path / "two.yaml").write_text((ONE + LAYER).replace("one", "two").replace("kernel_size: 1", "kernel_size: 3"))
    return tmp_path


def using(folder: Path, text: str) -> Graph:
    path = folder / "net.yaml"
    path.write_text(HEAD + IMAGE + text)
    return load(path)


@pytest.mark.parametrize("name", ["relu", "conv2d", "bottleneck"])
def test_a_block_of_the_file_goes_before_what_has_its_name(name: str) -> None:
    graph = net(f"nodes: {{a: {name}}}\nblocks: {{{name}: {{inputs: {{y: [N, C, H, W]}}, nodes: {{s: silu}}}}}}")
    assert formula(graph) == "silu(x)"
    (note,) = graph.warnings
    what = "standard block" if name == "bottleneck" else "operation"
    assert (note.severity, note.message) == ("note", f"this block hides the {what} '{name}'")
    assert note.where
    assert note.where.line == 5


def test_a_standard_block_keeps_the_operations_that_it_names() -> None:
    """The block `conv2d` of the file is not the one that the standard block means, in the spec of a graph as well."""
    graph = net(
        """
        nodes: {a: conv2d, b: {op: downsample, in: a}}
        blocks: {conv2d: {inputs: {y: [N, C, H, W]}, nodes: {s: silu}}}
        """
    )
    assert keys(graph) == ["b.conv.weight", "b.conv.bias"]
    assert graph_text(reloaded(graph)) == graph_text(graph)


def test_a_block_may_wrap_the_operation_of_its_name() -> None:
    text = """
        nodes: {a: {op: relu}}
        blocks: {relu: {operations: [relu], inputs: {y: [N, C, H, W]}, nodes: {s: silu, r: relu}}}
        """
    assert formula(net(text)) == "relu(silu(x))"
    assert_says(
        text.replace("operations: [relu], ", ""),
        """
        net.yaml:5:61: error: a.r: 'relu' uses itself, so it never ends
            5 | blocks: {relu: {inputs: {y: [N, C, H, W]}, nodes: {s: silu, r: relu}}}
                                                                            ^
          hint: 'operations: [relu]' in the block makes the name mean the operation there
          note: 'relu' is used by 'a' (net.yaml:4:9)
        """,
    )


def test_operations_are_operations() -> None:
    text = "nodes: {a: b}\nblocks: {b: {operations: [rellu], inputs: {y: [N]}, nodes: {r: relu}}}"
    assert messages(text) == ["there is no operation 'rellu'"]


def test_two_used_networks_with_blocks_of_one_name(folder: Path) -> None:
    graph = using(folder, "use: [./one.yaml, ./two.yaml]\nnodes: {a: one, b: two}")
    assert keys(graph) == [f"{node}.a.fc.{weight}" for node in "ab" for weight in ("weight", "bias")]
    assert [node(graph, path).op.kernel_size for path in ("a.a.fc", "b.a.fc")] == [(1, 1), (3, 3)]
    assert graph_text(reloaded(graph)) == graph_text(graph)


def test_a_name_that_two_used_files_have(folder: Path) -> None:
    with pytest.raises(SpecError) as error:
        using(folder, "use: [./one.yaml, ./two.yaml]\nnodes: {a: layer}")
    (problem,) = error.value.problems
    assert problem.message == "'layer' is a block of './one.yaml' and of './two.yaml'"
    assert problem.hint == "name the files: use: {one: ./one.yaml, other: ./two.yaml}, then op: one.layer"
    assert problem.where
    assert problem.where.line == 5


def test_used_files_with_names(folder: Path) -> None:
    graph = using(folder, "use: {p: ./one.yaml, q: ./two.yaml}\nnodes: {a: p.layer, b: q.layer, c: q}")
    kernels = [node(graph, path).op.kernel_size for path in ("a.fc", "b.fc", "c.a.fc")]
    assert kernels == [(1, 1), (3, 3), (3, 3)]
    assert graph_text(reloaded(graph)) == graph_text(graph)


def test_a_block_of_a_used_file_does_not_take_an_operations_name(folder: Path) -> None:
    relu = "  relu: {operations: [relu], inputs: {y: ['...']}, nodes: {halve: {op: mul, value: 0.5}}}\n"
    (folder / "one.yaml").write_text(ONE.replace("layer", "relu") + "blocks:\n" + relu)
    graph = using(folder, "use: {p: ./one.yaml}\nnodes: {a: p, b: {op: unit, in: x, act: relu}}\n" + UNIT)
    assert formula(graph) == "relu(x)"
    assert graph_text(reloaded(graph)) == graph_text(graph)


def test_a_shipped_network_with_a_preset(tmp_path: Path) -> None:
    """From any folder, though a standard block has its name; arguments go before the preset's values."""
    text = """
use: {r18: resnet@resnet18, r50: resnet@resnet50}
nodes: {a: {op: r18, in: x}, b: {op: r50, in: x, classes: 7}}
outputs: [a, b]
"""
    path = tmp_path / "net.yaml"
    path.write_text(HEAD + "inputs: {x: [N, 3, 64, 64]}\n" + text)
    graph = load(path)
    assert [str(value.type) for value in graph.outputs.values()] == ["[N, 1000]", "[N, 7]"]
    shipped = [key for name in ("resnet18", "resnet50") for key in keys(load(name))]
    assert [key.partition(".")[2] for key in keys(graph)] == shipped
    assert graph_text(reloaded(graph)) == graph_text(graph)


def test_a_shipped_network_in_a_list(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(HEAD + "inputs: {x: [N, 3, 64, 64]}\nuse: [resnet]\nnodes: {a: {op: resnet, classes: 5}}\n")
    assert str(load(path).outputs["logits"].type) == "[N, 5]"


@pytest.mark.parametrize(
    ("used", "message", "hint"),
    [
        ("{a: resnet@resnet51}", "'resnet@resnet51' has no preset 'resnet51'", "did you mean 'resnet50'?"),
        ("{a: densnet}", "there is no model 'densnet'", "did you mean 'densenet'?"),
        ("{a: ./one.yaml@small}", "'./one.yaml@small' has no preset 'small'", ""),
        ("[one]", "there is no model 'one'", "a file is written as a path: ./one.yaml"),
    ],
)
def test_what_cannot_be_used(folder: Path, used: str, message: str, hint: str) -> None:
    with pytest.raises(SpecError) as error:
        using(folder, f"use: {used}\nnodes: {{b: relu}}")
    (problem,) = error.value.problems
    assert (problem.message, problem.hint) == (message, hint)
    assert problem.where
    assert problem.where.line == 4


def test_a_block_that_file_and_used_file_both_define(folder: Path) -> None:
    with pytest.raises(SpecError) as error:
        using(folder, "use: [./one.yaml]\nnodes: {a: layer}\n" + LAYER)
    (problem,) = error.value.problems
    assert problem.message == "'./one.yaml' and this file both have a block 'layer'"
    assert problem.hint == "name the file: use: {other: ./one.yaml}, then op: other.layer"
