"""The profile is read from a file before it is opened, and decides the layout on CUDA."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from archgraph.runtime.file_profile import layout_options, other_device, profile_of


def noted(path: Path, notes: dict[str, str], last: bool = False) -> Path:
    """A model with notes, before the graph or behind it."""
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "g" * 300, [], [])
    head = onnx.ModelProto(ir_version=8, producer_name="archgraph")
    for key, value in notes.items():
        head.metadata_props.add(key=key, value=value)
    parts = [head.SerializeToString(), onnx.ModelProto(graph=graph).SerializeToString()]
    path.write_bytes(b"".join(parts[::-1] if last else parts))
    return path


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(("profile", "options"), [("portable", {}), ("cpu", {}), ("cuda", {"prefer_nhwc": "1"})])
def test_only_files_for_cuda_prefer_the_channels_last(
    profile: str, options: dict[str, str], last: bool, tmp_path: Path
) -> None:
    notes = {"archgraph.spec": "x" * 5000, "archgraph.profile": profile, "archgraph.name": "m"}
    path = noted(tmp_path / "m.onnx", notes, last)
    assert (profile_of(path), layout_options(path)) == (profile, options)


@pytest.mark.parametrize(("dtype", "options"), [("float16", {"prefer_nhwc": "1"}), ("bfloat16", {})])
def test_a_bfloat16_file_keeps_its_layout(dtype: str, options: dict[str, str], tmp_path: Path) -> None:
    """ONNX Runtime knows no bfloat16 convolution with the channels last."""
    path = noted(tmp_path / "m.onnx", {"archgraph.profile": "cuda", "archgraph.dtype": dtype})
    assert layout_options(path) == options
    assert "exported for CUDA" in other_device(path)


def test_a_file_that_gains_nothing_keeps_its_layout(tmp_path: Path) -> None:
    path = noted(tmp_path / "m.onnx", {"archgraph.profile": "cuda", "archgraph.layout": "channels_first"})
    assert layout_options(path) == {}


def test_a_file_that_names_none(tmp_path: Path) -> None:
    assert profile_of(noted(tmp_path / "m.onnx", {"other": "note"})) == ""


@pytest.mark.parametrize("data", [b"", b"\xff" * 40, b"no model at all", b"\x72\x50archgraph", b"\x72\x02\x0a\x11"])
def test_what_is_no_model_has_no_profile(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(data)
    assert profile_of(tmp_path / "m.onnx") == ""
