"""What a person sees of a graph and of its summary, and how parts are found by name."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import re
from html.parser import HTMLParser

import pytest
from graph_samples import tower
from shipped_graphs import shipped

import archgraph as ag
from archgraph.dims import parse_dim
from archgraph.errors import RenderError, UnknownNameError
from archgraph.graph import input_symbols, notebook, summarize, walk
from archgraph.graph.summary_table import pieces, shortened, size_names
from archgraph.graph.types import Call, Graph, Node
from archgraph.ops.contract import TensorType

# -- by name -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def resnet() -> Graph:
    return ag.load("resnet18")


def test_parts_by_path(resnet: Graph) -> None:
    conv, layer = resnet["layer1.0.conv1"], resnet["layer1.0"]
    assert isinstance(conv, Node)
    assert conv.op.name == "conv2d"
    assert isinstance(layer, Call)
    assert layer.block == "basic"
    assert resnet.nodes["layer1.0.conv1"] is conv
    assert resnet.calls["layer1.0"] is layer
    assert list(resnet.nodes) == list(resnet) == [placed.path for placed in walk(resnet)]
    assert "layer1.0.conv1" in resnet
    assert "layer1.0.conv9" not in resnet


@pytest.mark.parametrize("name", ["ddpm@cifar10", "vit_b_16", "densenet121"])
def test_every_path_of_the_summary_is_found(name: str) -> None:
    graph = shipped(name)
    assert all(graph[row.path] for row in summarize(graph).rows)


def test_names_that_are_not_there_say_the_nearest(resnet: Graph) -> None:
    for asked, hint in (
        ("layer1.0.conv_1", "did you mean 'layer1.0.conv1'?"),
        ("image", "it is an input: graph.inputs['image']"),
        ("logits", "it is an output: graph.outputs['logits']"),
        (0, "graph.items has those at the top by number"),
    ):
        with pytest.raises(UnknownNameError) as caught:
            resnet[asked]  # type: ignore[index]
        assert caught.value.problems[0].hint == hint
    with pytest.raises(UnknownNameError, match=r"there is no input 'imag'(.|\n)*did you mean 'image'"):
        resnet.inputs["imag"]
    with pytest.raises(UnknownNameError, match=r"there is no output 'logit'(.|\n)*did you mean 'logits'"):
        resnet.outputs["logit"]


def test_inputs_and_outputs_by_name_and_by_number(resnet: Graph) -> None:
    assert resnet.inputs["image"] is resnet.inputs[0]
    assert isinstance(resnet.inputs, tuple)
    assert resnet.outputs["logits"].shape[1] == 1000
    again = pickle.loads(pickle.dumps(copy.deepcopy(resnet)))
    assert str(again.inputs["image"].type) == "[N, 3, H, W]"


def test_a_graph_as_plain_data(resnet: Graph) -> None:
    found = json.loads(json.dumps(resnet.to_dict()))
    nodes = {node["path"]: node for node in found["nodes"]}
    assert found["parameters"] == 11_689_512  # torchvision's
    assert len(nodes) == len(resnet.nodes)
    assert found["inputs"] == {"image": {"shape": ["N", 3, "H", "W"], "dtype": "float32"}}
    assert found["outputs"]["logits"] == {"shape": ["N", 1000], "dtype": "float32", "from": "fc"}
    assert nodes["conv1"]["reads"] == {"input": "input:image"}
    assert nodes["conv1"]["weights"] == {"weight": {"shape": [64, 3, 7, 7], "dtype": "float32", "trainable": True}}
    assert nodes["conv1"]["attributes"]["stride"] == [2, 2]
    assert {call["path"]: call["block"] for call in found["calls"]}["layer2.0"] == "basic"
    assert json.dumps(shipped("ddpm@cifar10").to_dict())


# -- as text -----------------------------------------------------------------------------------------------------------


def test_a_graph_as_text(resnet: Graph) -> None:
    lines = str(resnet).splitlines()
    assert lines[0] == "resnet@resnet18: 11,689,512 parameters"
    assert lines[1:3] == ["  input   image [N, 3, H, W]", "  output  logits [N, 1000]"]
    assert " ".join(lines[3].split()) == "conv1 conv2d [N, 64, (H + 1) // 2, (W + 1) // 2]"
    assert len(lines) < 30
    assert repr(resnet) == "Graph(resnet@resnet18: image [N, 3, H, W] → logits [N, 1000])"
    assert len(str(shipped("sd_unet@sd15")).splitlines()) < 40


@pytest.mark.parametrize("name", ["resnet50", "sd_unet@sd15", "densenet121", "vit_b_16"])
@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_table_fits(name: str, columns: int) -> None:
    graph = shipped(name)
    for depth in (1, 2, None):
        found = summarize(graph, depth=depth)
        assert max(map(len, found.text(columns).splitlines())) <= columns
    sizes = dict.fromkeys(input_symbols(graph), 64)
    assert max(map(len, summarize(graph, sizes).text(80).splitlines())) <= 80


def test_printing_a_summary_shows_the_table(resnet: Graph) -> None:
    found = summarize(resnet, {"N": 1, "H": 224, "W": 224}, 1)
    shown = str(found).splitlines()
    assert shown[2].split() == ["path", "kind", "output", "parameters", "MACs"]
    assert ["conv1", "conv2d", "[1,", "64,", "112,", "112]", "9,408", "118", "M"] in [line.split() for line in shown]
    assert repr(found) == "Summary(resnet@resnet18: 11 rows, 11,689,512 parameters)"


def test_names_of_sizes_are_true(resnet: Graph) -> None:
    """Every name below the table stands for the size that the whole table has in its place."""
    short, whole = summarize(resnet, depth=1).text(80), summarize(resnet, depth=1).text()
    legend = re.sub(r"\s+", " ", short[short.index("where") + 5 : short.index("input ")])
    names = dict(part.strip().split(" = ") for part in legend.split(","))
    assert names["h1"] == "(H + 1) // 2"
    assert len(names) == 10  # five halvings of two sides
    for name, size in names.items():
        short = re.sub(rf"\b{name}\b", size, short)
    wanted = [str(row.outputs[0]) for row in summarize(resnet, depth=1).rows]
    assert all(shape in re.sub(r" +", " ", short) and shape in whole for shape in wanted)


def test_names_avoid_those_that_are_taken() -> None:
    kinds = [TensorType((parse_dim("h1"), parse_dim("(H + 1) // 2"), parse_dim("H*W // 4")))]
    assert size_names(kinds) == {"(H + 1) // 2": "h2", "H*W // 4": "s1"}


def test_a_sum_is_cut_between_its_terms() -> None:
    dim = parse_dim("100*H*W + 20*((H + 1) // 2) + 3*H + 7")
    assert shortened(dim, 80) == str(dim)
    whole = str(dim).replace(" - ", " + ").split(" + ")  # that inside of the parentheses too
    assert len(whole) == 5
    kept, _, left = shortened(dim, 36).partition(" + … (")
    assert kept
    assert str(dim).startswith(f"{kept} + ")
    assert kept.count("(") == kept.count(")")
    assert int(left.split()[0]) + len(re.sub(r"\([^()]*\)", "", kept).split(" + ")) == 4


def test_texts_are_broken_where_they_join() -> None:
    assert pieces("scaled_dot_product_attention", 20) == ["scaled_dot_product_", "attention"]
    assert pieces("  [N, 320, H // 2]", 12) == ["  [N, 320,", "  H // 2]"]
    assert pieces("abcdef", 3) == ["abc", "def"]


# -- in a notebook -----------------------------------------------------------------------------------------------------


class Cells(HTMLParser):
    """The texts of a page; fails where a tag is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_summary_in_a_notebook(resnet: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = Cells(summarize(resnet, {"N": 1, "H": 224, "W": 224})._repr_html_()).texts
    assert {"layer1.0.conv1", "conv2d", "[1, 64, 112, 112]", "9,408", "11,689,512"} <= set(cells)
    monkeypatch.setattr(notebook, "MOST_ROWS", 3)
    assert "more rows" in "".join(Cells(summarize(resnet)._repr_html_()).texts)


def test_a_graph_in_a_notebook(resnet: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ag.load("resnet18")._repr_svg_().lstrip().startswith("<?xml")  # type: ignore[union-attr]
    monkeypatch.setattr(notebook, "MOST_NODES", 5)
    assert resnet._repr_svg_() is None  # a large one is shown as text


def test_a_notebook_goes_on_without_graphviz(resnet: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RenderError("Graphviz is not installed")

    monkeypatch.setattr("archgraph.diagram.render", fails)
    assert resnet._repr_svg_() is None
    monkeypatch.setattr(notebook, "_drawers", [])
    assert tower()._repr_svg_() is None


def test_a_graph_is_not_changed_by_an_assignment() -> None:
    graph = ag.load("alexnet")
    with pytest.raises(dataclasses.FrozenInstanceError):
        graph.name = "another"  # type: ignore[misc]
