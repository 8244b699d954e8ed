"""An export that fails, at whatever moment, leaves the older file, its weights and its certificate as they were."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_network import certificate

import archgraph
from archgraph.artifact import atomic_files
from archgraph.errors import ExportError, VerificationError
from archgraph.export.serialization import streaming
from archgraph.graph.types import Graph
from archgraph.verify import Certificate, export_verified, verify

SPEC = """
archgraph: 1
name: tiny
inputs: {image: [N, 4, H, W]}
nodes:
  stem: {op: conv2d, out_channels: 8, kernel_size: 3, padding: 1}
  norm: {op: group_norm, num_groups: 2, eps: 1e-6}
outputs: {y: norm}
"""


def network(folder: Path) -> Graph:
    """A layer and a norm: a proof of them takes little."""
    (folder / "tiny.yaml").write_text(SPEC)
    return archgraph.load(folder / "tiny.yaml")


@pytest.fixture(scope="module", params=[False, True], ids=["one file", "data beside"])
def exported(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A verified export, whose data has a file of its own or not."""
    path = tmp_path_factory.mktemp("exported") / "m.onnx"
    with pytest.MonkeyPatch.context() as patch:
        if request.param:
            patch.setattr(streaming, "LARGEST_SINGLE_FILE", 1000)
        found = export_verified(network(path.parent), path)
    assert found.report.path == path
    assert found.report.data == (path.with_name("m.onnx.data") if request.param else None)
    return path


@pytest.fixture
def older(exported: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An export that is there already."""
    if exported.with_name("m.onnx.data").exists():
        monkeypatch.setattr(streaming, "LARGEST_SINGLE_FILE", 1000)
    shutil.copytree(exported.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / "m.onnx"


def contents(folder: Path) -> dict[str, bytes]:
    return {item.name: item.read_bytes() for item in folder.iterdir() if item.is_file()}


def departing(folder: Path) -> torch.nn.Module:
    """A module that no longer computes what its graph says, so that a file made of the graph departs from it."""
    module = archgraph.to_torch(network(folder), seed=3)
    module.get_submodule("norm").eps = 1e-2  # type: ignore[assignment]
    return module


def test_a_file_that_departs_does_not_take_the_place_of_the_older_one(older: Path) -> None:
    before = contents(older.parent)
    with pytest.raises(VerificationError) as raised:
        export_verified(departing(older.parent), older)
    assert contents(older.parent) == before
    assert raised.value.problems[0].message == f"{older} would not compute what tiny computes, and was not written"
    rejected = older.with_name("m.onnx.rejected")
    assert f"are in {rejected}/" in raised.value.problems[0].hint
    assert certificate(rejected / "m.onnx")["equal"] is False
    assert {item.name for item in older.parent.iterdir()} == {*before, "m.onnx.rejected"}
    assert verify(archgraph.to_torch(network(older.parent), seed=0), older).equal


def test_a_file_that_departs_is_not_written_where_there_was_none(tmp_path: Path) -> None:
    for _ in range(2):  # the second takes the place of the first
        with pytest.raises(VerificationError):
            export_verified(departing(tmp_path), tmp_path / "m.onnx")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["m.onnx.rejected", "tiny.yaml"]


def test_an_interruption_leaves_the_older_file(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    before = contents(older.parent)
    monkeypatch.setattr(Certificate, "data", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export_verified(archgraph.to_torch(network(older.parent), seed=9), older)
    assert contents(older.parent) == before
    assert not [item for item in older.parent.iterdir() if item.is_dir()]


@pytest.mark.parametrize("step", range(7))
def test_a_failure_between_the_renames_is_undone(older: Path, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever rename fails: either all is new or all is as it was."""
    before, done, replace = contents(older.parent), [0], os.replace

    def failing(source: Any, target: Any) -> None:
        done[0] += 1
        if done[0] == step + 1:
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(atomic_files.os, "replace", failing)
    module = archgraph.to_torch(network(older.parent), seed=9)
    try:
        export_verified(module, older)
    except ExportError as error:
        (problem,) = error.problems  # the model, its weights, its certificate, or the copy that is compared
        assert problem.message.startswith(str(older))
        assert problem.message.endswith(": No space left on device")
        assert contents(older.parent) == before
    else:
        assert done[0] <= step
        assert contents(older.parent) != before
    assert not [item for item in older.parent.iterdir() if item.is_dir()]


def test_a_new_export_is_the_new_one(older: Path) -> None:
    module = archgraph.to_torch(network(older.parent), seed=9)
    names = set(contents(older.parent))
    export_verified(module, older)
    assert set(contents(older.parent)) == names
    assert verify(module, older).equal


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").mkdir()
    with pytest.raises(ExportError, match=r"m.onnx cannot be written: it is a folder"):
        export_verified(network(tmp_path), tmp_path / "m.onnx")
