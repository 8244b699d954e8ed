"""Files: formats, whole or not at all, and Graphviz's complaints as errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from diagram_samples import CASES, model, res_net

from archgraph import load
from archgraph.diagram import View, dot, layout, render, unet
from archgraph.errors import RenderError
from archgraph.graph.types import Graph


@pytest.mark.parametrize(
    ("suffix", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG\r\n\x1a\n"), ("pdf", b"%PDF-"), ("dot", b"digraph {")]
)
def test_the_suffix_decides(tmp_path: Path, suffix: str, start: bytes) -> None:
    for name in (f"net.{suffix}", f"NET.{suffix.upper()}"):
        path = render(res_net(3), tmp_path / name)
        assert path == tmp_path / name
        assert path.read_bytes().startswith(start)


@pytest.mark.parametrize("name", CASES)
def test_graphviz_has_nothing_to_complain_about(name: str) -> None:
    for depth in (None, 1):
        assert b"</svg>" in layout.picture(dot(model(name), View(depth)), "svg")


def test_a_deep_picture_is_drawn_too() -> None:
    assert b"</svg>" in layout.picture(dot(model("ddpm@cifar10"), View(4)), "svg")
    assert b"</svg>" in layout.picture(dot(model("ddpm@cifar10"), View(2, direction="right")), "svg")


def test_tooltips_carry_exact_shapes_paths_and_the_line_in_the_source(tmp_path: Path) -> None:
    text = render(model("resnet50"), tmp_path / "net.svg").read_text(encoding="utf-8")
    assert "layer1.0.conv1 … layer1.2.relu3" in text
    assert "out [N, 256, (H + 3) // 4, (W + 3) // 4]" in text
    assert "215,808 parameters" in text
    assert "resnet.yaml:" in text


@pytest.mark.parametrize("name", ["net.jpg", "net", "net.svgz"])
def test_an_unknown_suffix_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RenderError) as caught:
        render(res_net(2), tmp_path / name)
    (problem,) = caught.value.problems
    assert problem.message == f"'{name}' does not say what kind of picture to write"
    assert problem.expected == "a name that ends in .svg, .png, .pdf or .dot"
    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.svg"
    path.write_text("what was there")
    monkeypatch.setattr(layout, "_PROGRAM", "raise SystemExit(3)")
    with pytest.raises(RenderError, match="Graphviz cannot draw this"):
        render(res_net(2), path)
    assert path.read_text() == "what was there"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RenderError, match="cannot be written"):
        render(res_net(2), tmp_path / "file" / "net.dot")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("digraph { a [shape=nonsense] }", "nonsense"),
        ("digraph { a [label=<<B>x</B><FONT></FONT>>] }", "syntax error"),
        ("digraph { a -> b [arrowhead=nonsense] }", "nonsense"),
        ("digraph { a [", "syntax error"),
    ],
)
def test_what_graphviz_complains_about_is_an_error(text: str, said: str) -> None:
    with pytest.raises(RenderError) as caught:
        layout.picture(text, "svg")
    (problem,) = caught.value.problems
    assert said in problem.received.lower()
    assert "Traceback" not in problem.received


def test_nothing_heavy_is_imported() -> None:
    program = (
        "import sys, archgraph.diagram as d; "
        "print([n for n in ('torch', 'onnx', 'pygraphviz', 'graphviz', 'networkx', 'onnxruntime') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def joined_levels(count: int) -> Graph:
    """Each level is projected, enlarged to the first, and all are concatenated."""
    nodes: dict[str, Any] = {}
    for level in range(count):
        nodes[f"s{level}"] = {"op": "conv2d", "in": f"s{level - 1}" if level else "x", **HALVED}
    for level in range(count):
        nodes[f"p{level}"] = {"op": "conv2d", "in": f"s{level}", "out_channels": 8, "kernel_size": 1}
        nodes[f"n{level}"] = {"op": "relu", "in": f"p{level}"}
    for level in range(1, count):
        enlarged = {"op": "interpolate", "in": f"n{level}", "scale_factor": 2**level, "mode": "bilinear"}
        nodes[f"r{level}"] = enlarged
    nodes["join"] = {"op": "concat", "in": ["n0", *(f"r{level}" for level in range(1, count))]}
    nodes["fuse"] = {"op": "conv2d", "out_channels": 5, "kernel_size": 1}
    return load({"archgraph": 1, "name": "net", "inputs": {"x": ["N", 3, 64, 64]}, "nodes": nodes})


HALVED = {"out_channels": 8, "kernel_size": 3, "stride": 2, "padding": 1}


@pytest.mark.parametrize(("levels", "complaint"), [(4, "triangulation failed"), (5, "fixLabelOrder")])
def test_what_graphviz_cannot_draw_is_drawn_otherwise(
    levels: int, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a U, whose rows these levels do not have, Graphviz loses its way between four of them, and ends of five."""
    monkeypatch.setattr(unet._Search, "_meets_at_one_size", lambda self, found: False)
    graph = joined_levels(levels)
    with pytest.raises(RenderError, match=complaint):
        layout._drawn([dot(graph)], "svg", "dot")
    text = render(graph, tmp_path / "net.svg").read_text(encoding="utf-8")
    assert all(name in text for name in ("join", "fuse", "p3"))
