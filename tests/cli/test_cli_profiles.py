"""A spec that is run at once is exported under the profile of its device."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from archgraph import runtime
from archgraph.cli.model_argument import opened
from archgraph.errors import ProviderError


def profile_in(path: Path) -> str:
    return next(entry.value for entry in onnx.load(path).metadata_props if entry.key == "archgraph.profile")


class Opened:
    """Stands for a session on a machine with a GPU, whose CUDA may not load."""

    loads = True

    def __init__(self, path: Path, device: str):
        if device == "cuda" and not self.loads:
            raise ProviderError("ONNX Runtime cannot load its CUDA provider")
        self.profile, self.device = profile_in(path), device

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *of_an_error: object) -> None:
        pass


@pytest.mark.parametrize(
    ("device", "there", "loads", "profile"),
    [
        ("cpu", ("cuda", "cpu"), True, "cpu"),
        ("auto", ("cpu",), True, "cpu"),
        ("auto", ("cuda", "cpu"), True, "cuda"),
        ("auto", ("cuda", "cpu"), False, "cpu"),
        ("cuda", ("cuda", "cpu"), True, "cuda"),
    ],
)
def test_a_spec_takes_the_profile_of_its_device(
    spec: Path, monkeypatch: pytest.MonkeyPatch, device: str, there: tuple[str, ...], loads: bool, profile: str
) -> None:
    monkeypatch.setattr(runtime, "available_devices", lambda: there)
    monkeypatch.setattr(runtime, "Session", Opened)
    monkeypatch.setattr(Opened, "loads", loads)
    with opened(str(spec), [], None, 0, device) as session:
        assert session.profile == profile  # type: ignore[attr-defined]


def test_asked_for_cuda_nothing_else_is_taken(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "Session", Opened)
    monkeypatch.setattr(Opened, "loads", False)
    with pytest.raises(ProviderError, match="cannot load"), opened(str(spec), [], None, 0, "cuda"):
        pass


def test_the_file_for_the_cpu_runs_there(spec: Path) -> None:
    with opened(str(spec), [], None, 0, "cpu") as session:
        assert session.device == "cpu"
        assert profile_in(session.path) == "cpu"


def test_a_file_for_cuda_says_so_on_the_cpu(archgraph: Any, tmp_path: Path) -> None:
    spec = {
        "archgraph": 1,
        "inputs": {"x": ["N", 4, "H", "W"]},
        "nodes": {"norm": {"op": "group_norm", "num_groups": 2}},
    }
    (tmp_path / "m.json").write_text(json.dumps(spec | {"name": "m", "outputs": {"y": "norm"}}))
    np.save("x.npy", np.zeros((1, 4, 2, 2), np.float32))
    assert archgraph("export", "m.json", "--profile", "cuda", "--no-verify", "-o", "m.onnx").status == 0
    ran = archgraph("infer", "m.onnx", "x.npy", "--device", "cpu")
    assert ran.status == 1
    assert "hint: it was exported for CUDA: run it there, or export it with --profile cpu" in ran.err


@pytest.mark.parametrize("profile", ["portable", "cpu", "cuda"])
def test_export_writes_every_profile(archgraph: Any, spec: Path, profile: str) -> None:
    ran = archgraph("export", spec, "--profile", profile, "-o", "m.onnx")
    assert (ran.status, profile_in(Path("m.onnx"))) == (0, profile)
    assert "verified" in ran.out
