"""Exports of one file at the same time, folders in the place of files, and old versions that cannot be removed."""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from linear_chain import network, state

from archgraph.artifact.file_names import aside_of
from archgraph.artifact.recovery import exchanging, recover
from archgraph.artifact.replacement import set_aside
from archgraph.errors import ExportError
from archgraph.export import export
from archgraph.export.serialization import streaming
from archgraph.verify import export_verified


def test_an_old_version_that_cannot_be_removed_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the old model would come back to the new weights."""
    model, data = tmp_path / "m.onnx", tmp_path / "m.onnx.data"
    for file in (model, data):
        file.write_text("old")
    honest = Path.unlink

    def refused(path: Path, missing_ok: bool = False) -> None:
        if path == aside_of(data):
            raise PermissionError(13, "Permission denied")
        honest(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refused)
    with ExitStack() as files:
        for file in (model, data):
            files.enter_context(set_aside(file))
        for file in (model, data):
            file.write_text("new")
    assert (model.read_text(), data.read_text()) == ("new", "new")


@pytest.mark.skipif(os.name == "nt", reason="it has no such locks")
def test_putting_in_order_waits_for_an_exchange(tmp_path: Path) -> None:
    """In the midst of one the model is away and the old one aside, as after a kill."""
    path = tmp_path / "m.onnx"
    path.write_text("old")
    other = threading.Thread(target=recover, args=[path])
    with exchanging(tmp_path), set_aside(path):
        other.start()
        other.join(0.3)
        assert other.is_alive()
        assert not path.exists()
        path.write_text("new")
    other.join()
    assert path.read_text() == "new"
    assert not aside_of(path).exists()


@pytest.mark.skipif(os.name == "nt", reason="it has no such locks")
def test_files_that_belong_together_are_exchanged_by_one_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "LARGEST_SINGLE_FILE", 1000)
    with exchanging(tmp_path):
        first = threading.Thread(target=export, args=[network(), state(0), tmp_path / "other" / ".." / "m.onnx"])
        (tmp_path / "other").mkdir()
        first.start()
        first.join(1)
        assert not (tmp_path / "m.onnx").exists()
    first.join()
    assert (tmp_path / "m.onnx").exists()


@pytest.mark.parametrize("name", ["m.onnx", ".", ".."])
@pytest.mark.parametrize("verified", [True, False])
def test_a_folder_in_the_place_of_a_file_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, verified: bool
) -> None:
    monkeypatch.setattr(streaming, "LARGEST_SINGLE_FILE", 1000)  # two files: the older ones are set aside
    inner = tmp_path / "inner"
    (inner / "m.onnx").mkdir(parents=True)
    (inner / "m.onnx" / "kept").write_text("mine")
    monkeypatch.chdir(inner)
    graph: Any = network()
    with pytest.raises(ExportError, match="it is a folder"):
        export_verified(graph, Path(name)) if verified else export(graph, state(0), name)
    assert [str(item.relative_to(tmp_path)) for item in sorted(tmp_path.rglob("*"))] == [
        *("inner", "inner/m.onnx", "inner/m.onnx/kept")
    ]
    with pytest.raises(IsADirectoryError), set_aside(inner / "m.onnx"):
        pass


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="it is no text in UTF-8"):
        export(network(), state(0), tmp_path / os.fsdecode(b"m\xff.onnx"))
    assert not list(tmp_path.iterdir())
