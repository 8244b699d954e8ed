"""`use`: blocks of other files and of the model collection; and the self-contained spec that a graph embeds."""

from __future__ import annotations

from pathlib import Path

import pytest
from block_samples import PRESETS, WRAPPED
from spec_samples import formula, keys, net, refusal

from archgraph.errors import SpecError
from archgraph.graph import graph_text
from archgraph.graph.diff import diff
from archgraph.language.load import check, load

SHARED = """
archgraph: 1
name: shared
inputs: {y: [N, C, H, W]}
params: {out: =C}
nodes: {a: {op: conv2d, out_channels: =out, kernel_size: 1, bias: false}, b: inner}
blocks:
  inner: {inputs: {y: [N, C, H, W]}, nodes: {c: hidden}}
  hidden: {inputs: {y: [N, C, H, W]}, nodes: {d: {op: conv2d, out_channels: =C, kernel_size: 3, bias: false}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shared.yaml").write_text(SHARED)
    return tmp_path


def write(folder: Path, text: str, name: str = "net.yaml") -> Path:
    path = folder / name
    path.write_text(f"archgraph: 1\nname: net\ninputs: {{x: [N, 4, H, W]}}\n{text}")
    return path


def test_use_brings_in_the_blocks_of_a_file_and_the_file_itself(folder: Path) -> None:
    path = write(folder, "use: [./shared.yaml]\nnodes: {a: {op: shared, out: 6}, b: inner}")
    assert keys(load(path)) == ["a.a.weight", "a.b.c.d.weight", "b.c.d.weight"]


def test_use_from_a_folder_below(folder: Path) -> None:
    (folder / "below").mkdir()
    (folder / "shared.yaml").rename(folder / "below" / "shared.yaml")
    assert keys(load(write(folder, "use: [below/shared.yaml]\nnodes: {b: inner}"))) == ["b.c.d.weight"]


@pytest.mark.parametrize("used", ["/etc/hostname", "../shared.yaml", "below/../../shared.yaml"])
def test_use_stays_in_the_folder(folder: Path, used: str) -> None:
    (folder / "inside").mkdir()
    path = write(folder / "inside", f"use: [{used}]\nnodes: {{a: relu}}")
    with pytest.raises(SpecError, match="lies outside the folder of this spec"):
        load(path)


def test_use_follows_no_link_out_of_the_folder(folder: Path) -> None:
    (folder / "inside").mkdir()
    (folder / "inside" / "link.yaml").symlink_to(folder / "shared.yaml")
    with pytest.raises(SpecError, match="lies outside the folder of this spec"):
        load(write(folder / "inside", "use: [link.yaml]\nnodes: {a: relu}"))


def test_use_of_a_file_that_is_not_there(folder: Path) -> None:
    with pytest.raises(SpecError) as error:
        load(write(folder, "use: [./shard.yaml]\nnodes: {a: relu}"))
    (problem,) = error.value.problems
    assert problem.message == "there is no file './shard.yaml'"
    assert problem.hint == "did you mean './shared.yaml'?"
    assert (problem.where.line, problem.where.column) == (4, 7)


@pytest.mark.parametrize("name", ["inner", "shared"])
def test_a_block_defined_twice(folder: Path, name: str) -> None:
    text = (
        f"use: [./shared.yaml]\nnodes: {{a: relu}}\nblocks: {{{name}: {{inputs: {{y: [N, C]}}, nodes: {{a: relu}}}}}}"
    )
    with pytest.raises(SpecError, match=f"'./shared.yaml' and this file both have a block '{name}'"):
        load(write(folder, text))


def test_use_in_a_circle(folder: Path) -> None:
    (folder / "one.yaml").write_text(SHARED.replace("name: shared", "name: one\nuse: [./two.yaml]"))
    (folder / "two.yaml").write_text("archgraph: 1\nname: two\nuse: [./one.yaml]\n")
    with pytest.raises(SpecError, match="uses itself"):
        load(write(folder, "use: [./one.yaml]\nnodes: {a: relu}"))


def with_two_hidden(folder: Path) -> Path:
    """A spec with a block `hidden`; the file that it uses by way of another has one too."""
    other = (
        "archgraph: 1\n"
        "name: other\n"
        "use: [./shared.yaml]\n"
        "blocks: {outer: {inputs: {y: [N, C, H, W]}, nodes: {a: inner}}}"
    )
    (folder / "other.yaml").write_text(other)
    text = (
        "use: [./other.yaml]\n"
        "nodes: {a: outer, b: hidden}\n"
        "blocks: {hidden: {inputs: {y: [N, C, H, W]}, nodes: {d: relu}}}"
    )
    return write(folder, text)


def test_a_used_file_keeps_its_own_names(folder: Path) -> None:
    """`hidden` of the used file is another than that of this one."""
    assert keys(load(with_two_hidden(folder))) == ["a.a.c.d.weight"]


def test_a_shipped_spec_may_be_used(folder: Path) -> None:
    graph = load(write(folder, "nodes: {a: {op: resnet, timed: false, out_channels: 32, groups: 4}}"))
    assert len(keys(graph)) == 10


def test_a_file_of_blocks_only_is_no_network(folder: Path) -> None:
    (folder / "blocks.yaml").write_text("archgraph: 1\nname: some\nblocks: {b: {inputs: {y: [N]}, nodes: {a: relu}}}")
    assert check(folder / "blocks.yaml") == []
    with pytest.raises(SpecError, match="some holds blocks only"):
        load(folder / "blocks.yaml")


def test_blocks_nested_in_themselves() -> None:
    said = refusal("nodes: {m: mine}\nblocks: {mine: {inputs: {y: [N, C, H, W]}, nodes: {a: relu, b: mine}}}")
    assert said.count("error:") == 1
    assert "'mine' uses itself" in said


def test_a_block_may_use_itself_on_a_smaller_problem() -> None:
    text = """
        nodes: {m: {op: mine, depth: 3}}
        blocks:
          mine:
            params: {depth: int}
            inputs: {y: [N, C, H, W]}
            nodes: {a: relu, b: {op: mine, depth: =depth - 1, when: =depth > 1}}
        """
    assert formula(net(text)) == "relu(relu(relu(x)))"


@pytest.mark.parametrize("name", ["resnet50", "ddpm@cifar10", "vit_b_16", "attention_unet", "convnext_tiny"])
def test_a_graph_carries_its_whole_spec(name: str) -> None:
    graph = load(name)
    again = load(graph.info.spec, graph.info.preset or None, standalone=True)
    assert not diff(graph, again), diff(graph, again).text()
    assert graph_text(graph) == graph_text(again)


def test_a_graph_carries_its_parameters(folder: Path) -> None:
    path = write(folder, PRESETS)
    graph = load(path, "large", width=7)
    again = load(graph.info.spec, graph.info.preset, standalone=True, **graph.info.params)
    assert not diff(graph, again)


def test_a_graph_carries_used_files(folder: Path) -> None:
    graph = load(write(folder, "use: [./shared.yaml]\nnodes: {a: {op: shared, out: 6}, b: inner}"))
    again = load(graph.info.spec, standalone=True)
    assert not diff(graph, again)
    assert "use" not in graph.info.spec


def test_equal_names_of_different_files_are_kept_apart(folder: Path) -> None:
    """`inner` of the used file calls its own `hidden`, which is another than this file's."""
    graph = load(with_two_hidden(folder))
    again = load(graph.info.spec, standalone=True)
    assert not diff(graph, again), diff(graph, again).text()


def test_a_graph_carries_nodes_handed_to_it() -> None:
    text = "params: {act: node}\nnodes: {m: {op: wrap, fn: =act}}" + WRAPPED
    graph = net(text, act={"op": "norm", "fn": "mix"})
    again = load(graph.info.spec, standalone=True, **graph.info.params)
    assert not diff(graph, again)


def test_a_later_standard_block_of_the_same_name_changes_nothing() -> None:
    graph = load({"archgraph": 1, "name": "n", "inputs": {"x": ["N", 4, "H", "W"]}, "nodes": {"a": "upsample"}})
    assert set(graph.info.spec["blocks"]) == {"upsample"}
    changed = {
        **graph.info.spec,
        "blocks": {"upsample": {"inputs": {"x": ["N", "C", "H", "W"]}, "nodes": {"r": "relu"}}},
    }
    assert formula(load(changed, standalone=True)) == "relu(x)"
