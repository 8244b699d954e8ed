"""What a person is promised of running files: nothing heavy, no other device in silence, the same bytes twice."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import archgraph as ag

ROOT = Path(__file__).parents[2]
UNET = """\
archgraph: 1
name: halving
inputs: {sample: [N, 3, H, W], timestep: {shape: [N], dtype: int64}}
nodes:
  time:  {op: sinusoidal_embedding, in: timestep, dim: 8}
  shift: {op: linear, out_features: 3}
  wide:  {op: unsqueeze, dim: [-1, -1]}
  noisy: {op: add, in: [sample, wide]}
  down:  {op: conv2d, in: noisy, out_channels: 4, kernel_size: 2, stride: 2}
  up:    {op: interpolate, scale_factor: 2}
  both:  {op: concat, in: [up, sample]}
  noise: {op: conv2d, out_channels: 3, kernel_size: 3, padding: 1}
outputs: {noise: noise}
meta: {diffusion: {schedule: {kind: linear}, prediction: epsilon, clip: true, size: 8}}
"""


@pytest.fixture
def unet(tmp_path: Path) -> Path:
    """A denoiser whose sizes must be even, as a spec."""
    path = tmp_path / "halving.yaml"
    path.write_text(UNET, encoding="utf-8")
    return path


@pytest.fixture
def exported(unet: Path) -> Path:
    """The same as a file."""
    path = unet.with_suffix(".onnx")
    ag.to_onnx(ag.load(unet), path, verify=False)
    return path


def process(folder: Path, *arguments: str, **variables: str) -> tuple[str, set[str]]:
    """What a command prints in a process of its own, and all it has imported in the end."""
    program = (
        "import sys\nfrom archgraph.cli import main\n"
        f"try:\n    main({list(arguments)!r})\nexcept SystemExit as ended:\n    assert not ended.code\n"
        "print('imported:', *sorted({name for name in sys.modules}), file=sys.stderr)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, set(done.stderr.rpartition("imported:")[2].split())


HEAVY = {"torch", "onnx", "networkx", "archgraph.graph", "archgraph.ops", "archgraph.dims.facts", "archgraph.language"}


def test_running_a_file_imports_neither_torch_nor_the_compiler(exported: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", sample=np.zeros((1, 3, 4, 4), np.float32), timestep=np.array([3]))
    for arguments in (["infer", "halving.onnx", "in.npz"], ["sample", "halving.onnx", "-n", "1", "--steps", "2"]):
        _, imported = process(tmp_path, *arguments)
        assert "onnxruntime" in imported
        assert imported.isdisjoint(HEAVY), sorted(imported & HEAVY)


def test_drawing_needs_no_program_and_no_framework(unet: Path, tmp_path: Path) -> None:
    """With no program to be found, Graphviz is what the wheel of pygraphviz carries."""
    _, imported = process(tmp_path, "render", "halving.yaml", "-o", "out.pdf", PATH="")
    assert (tmp_path / "out.pdf").read_bytes().startswith(b"%PDF")
    assert imported.isdisjoint({"torch", "onnx", "onnxruntime"})


def test_the_same_command_gives_the_same_bytes(archgraph: Any, exported: Path, tmp_path: Path) -> None:
    """In two processes, this one being the second, with noise at every step."""
    command = ["sample", "halving.onnx", "-n", "3", "--steps", "5", "--sampler", "ddpm", "-o"]
    process(tmp_path, *command, "a.png")
    assert archgraph(*command, "b.png").status == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("sampler", ["ddpm", "ddim"])
def test_a_picture_depends_on_the_seed_and_its_number_alone(exported: Path, sampler: str) -> None:
    common = {"steps": 5, "sampler": sampler, "seed": 7}
    whole = ag.runtime.sample(exported, n=5, **common)
    for n, batch in ((1, None), (3, None), (5, 2), (5, 1)):
        np.testing.assert_allclose(ag.runtime.sample(exported, n=n, batch=batch, **common), whole[:n], atol=1e-5)
    assert np.abs(ag.runtime.sample(exported, n=1, **{**common, "seed": 8}) - whole[:1]).max() > 0.1


@pytest.mark.skipif(torch.cuda.is_available(), reason="here is a GPU")
@pytest.mark.parametrize("verb", ["infer", "sample"])
def test_cuda_is_never_replaced_in_silence(archgraph: Any, exported: Path, tmp_path: Path, verb: str) -> None:
    np.savez(tmp_path / "in.npz", sample=np.zeros((1, 3, 4, 4), np.float32), timestep=np.array([3]))
    given = [verb, exported, *(["in.npz"] if verb == "infer" else []), "--device", "cuda"]
    ran = archgraph(*given, "-o", "out.npz" if verb == "infer" else "out.png")
    assert ran.status == 1
    assert "error: " in ran.err
    assert "cuda" in ran.err.lower()
    assert not list(tmp_path.glob("out.*"))


def test_a_file_keeps_its_symbols_and_its_constraints(exported: Path) -> None:
    model = onnx.load(exported)
    sizes = [dim.dim_param or dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    assert sizes == ["N", 3, "H", "W"]
    told = {entry.key: entry.value for entry in model.metadata_props}
    texts = [constraint["text"] for constraint in json.loads(told["archgraph.constraints"])]
    assert texts == ["H must be a multiple of 2", "W must be a multiple of 2"]


@pytest.mark.parametrize("model", ["halving.onnx", "halving.yaml"])
def test_a_size_that_breaks_a_constraint_is_refused_before_the_run(
    archgraph: Any, exported: Path, tmp_path: Path, model: str
) -> None:
    np.savez(tmp_path / "in.npz", sample=np.zeros((1, 3, 4, 7), np.float32), timestep=np.array([3]))
    for arguments in (["infer", model, "in.npz"], ["sample", model, "--size", "4x7", "-n", 1]):
        ran = archgraph(*arguments)
        assert ran.status == 1
        assert "W must be a multiple of 2" in ran.err
        assert "halving.yaml:11" in ran.err  # the concatenation


def test_a_spec_runs_with_weights_as_its_file_does(archgraph: Any, unet: Path, tmp_path: Path) -> None:
    module = ag.to_torch(ag.load(unet), seed=4)
    save_file(module.state_dict(), tmp_path / "w.safetensors")
    np.savez(tmp_path / "in.npz", sample=np.ones((2, 3, 4, 6), np.float32), timestep=np.array([3, 900]))
    ran = archgraph("infer", unet, "in.npz", "--weights", "w.safetensors", "-o", "out.npz")
    assert (ran.status, ran.err) == (0, "")
    with np.load("out.npz") as out, torch.no_grad():
        wanted = module.eval()(torch.ones(2, 3, 4, 6), torch.tensor([3, 900])).numpy()
        np.testing.assert_allclose(out["noise"], wanted, atol=1e-5)
    assert archgraph("export", unet, "--weights", "w.safetensors", "-o", "w.onnx").status == 0
    for model, *more in (("w.onnx",), (unet, "--weights", "w.safetensors")):
        ran = archgraph("sample", model, *more, "-n", 2, "--steps", 3, "-o", f"{Path(model).suffix[1:]}.png")
        assert ran.status == 0
    with Image.open("onnx.png") as a, Image.open("yaml.png") as b:
        assert np.array_equal(np.asarray(a), np.asarray(b))


def test_a_bar_shows_speed_and_time_left_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    from archgraph.cli.progress import progress

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress("cpu") as advance:
        for step in range(1, 41):
            advance(step, 40)
    shown = screen.getvalue()
    assert "sampling on cpu" in shown
    assert "40/40" in shown
    assert "steps/s" in shown
    assert "0:00:00" in shown


@pytest.mark.parametrize("verb", ["infer", "sample"])
def test_files_that_are_not_ours_are_refused(archgraph: Any, tmp_path: Path, verb: str) -> None:
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    ports = [onnx.helper.make_tensor_value_info(name, 1, ["N", 3]) for name in "xy"]
    graph = onnx.helper.make_graph([node], "foreign", ports[:1], ports[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    onnx.save(model, tmp_path / "foreign.onnx")
    (tmp_path / "damaged.onnx").write_bytes((tmp_path / "foreign.onnx").read_bytes()[:40])
    np.savez(tmp_path / "in.npz", x=np.zeros((1, 3), np.float32))
    for name in ("foreign.onnx", "damaged.onnx"):
        ran = archgraph(verb, name, *(["in.npz"] if verb == "infer" else []))
        assert ran.status == 1
        assert name in ran.err
