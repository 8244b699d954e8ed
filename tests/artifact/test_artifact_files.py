"""The file appears whole or not at all: failures and kills leave what was there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from export_cases import random_inputs, run
from linear_chain import FOLDER, network, state, with_action

from archgraph.artifact import atomic_files
from archgraph.errors import ExportError
from archgraph.export import export
from archgraph.export.serialization import streaming
from archgraph.export.serialization.streaming import varint


def expected(weights: dict[str, Any], x: Any) -> Any:
    for i in range(3):
        x = x @ weights[f"fc{i}.weight"].T + weights[f"fc{i}.bias"]
    return x


@pytest.fixture(params=[False, True], ids=["one file", "data beside"])
def outside(request: Any, monkeypatch: pytest.MonkeyPatch) -> bool:
    if request.param:
        monkeypatch.setattr(streaming, "LARGEST_SINGLE_FILE", 5000)
    return bool(request.param)


def names(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir())


def require_right(path: Path, weights: dict[str, Any]) -> None:
    x = random_inputs(network(), {"N": 2})
    np.testing.assert_allclose(run(path, x)[0], expected(weights, x["x"]), rtol=1e-3, atol=1e-2)


def test_both_layouts_load_and_compute(outside: bool, tmp_path: Path) -> None:
    report = export(network(), state(), tmp_path / "m.onnx")
    assert names(tmp_path) == (["m.onnx", "m.onnx.data"] if outside else ["m.onnx"])
    assert report.data == (tmp_path / "m.onnx.data" if outside else None)
    assert report.size == sum(item.stat().st_size for item in tmp_path.iterdir())
    onnx.checker.check_model(str(tmp_path / "m.onnx"), full_check=True)
    require_right(tmp_path / "m.onnx", state())
    stored = onnx.load(tmp_path / "m.onnx", load_external_data=False).graph.initializer
    read = {item.name: onnx.numpy_helper.to_array(item, str(tmp_path)) for item in stored}
    for key, value in state().items():
        np.testing.assert_array_equal(read[key], value)


def test_a_new_export_replaces_the_old_one(outside: bool, tmp_path: Path) -> None:
    for seed in (0, 1):
        export(network(), state(seed), tmp_path / "m.onnx")
    assert names(tmp_path) == (["m.onnx", "m.onnx.data"] if outside else ["m.onnx"])
    require_right(tmp_path / "m.onnx", state(1))


def test_a_failure_leaves_what_was_there_and_nothing_else(outside: bool, tmp_path: Path) -> None:
    export(network(), state(), tmp_path / "m.onnx")
    before = names(tmp_path)

    def fails() -> None:
        raise OSError(5, "Input/output error")

    with pytest.raises(ExportError, match=r"m.onnx cannot be written: Input/output error"):
        export(network(), with_action("fc2.weight", fails), tmp_path / "m.onnx")
    assert names(tmp_path) == before
    require_right(tmp_path / "m.onnx", state())


@pytest.mark.parametrize("step", [0, 1, 2, 3])
def test_a_failure_between_the_renames_is_undone(step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Renames happen in the order: old model aside, old data aside, data, model."""
    monkeypatch.setattr(streaming, "LARGEST_SINGLE_FILE", 5000)
    export(network(), state(), tmp_path / "m.onnx")
    done: list[int] = []
    replace = os.replace

    def failing(source: Any, target: Any) -> None:
        done.append(1)
        if len(done) == step + 1:
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(atomic_files.os, "replace", failing)
    with pytest.raises(ExportError, match="No space left"):
        export(network(), state(1), tmp_path / "m.onnx")
    monkeypatch.undo()
    assert names(tmp_path) == ["m.onnx", "m.onnx.data"]
    require_right(tmp_path / "m.onnx", state())


KILLED = """
import os, signal, sys
sys.path[:0] = {tests!r}
import numpy as np
import linear_chain as here
from archgraph.export import export

def killed():
    os.kill(os.getpid(), signal.SIGKILL)

export(here.network(), here.with_action("fc2.bias", killed), {path!r})
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_a_kill_leaves_the_old_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    export(network(), state(), path)
    before = path.read_bytes()
    script = KILLED.format(tests=[FOLDER], path=str(path))
    ended = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    require_right(path, state())


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"none/m.onnx cannot be written: No such file or directory"):
        export(network(), state(), tmp_path / "none" / "m.onnx")


@pytest.mark.parametrize(("number", "text"), [(0, "00"), (1, "01"), (127, "7f"), (128, "8001"), (300, "ac02")])
def test_numbers_of_variable_length(number: int, text: str) -> None:
    """The values of protobuf's own documentation."""
    assert varint(number).hex() == text
