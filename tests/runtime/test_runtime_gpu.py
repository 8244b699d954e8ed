"""The rules for a session on a GPU, staged at its borders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from archgraph.errors import InputError, ProviderError
from archgraph.runtime import Placement, Session, binding, devices, gpu, gpu_libraries, optimized_models, providers
from archgraph.runtime.binding import DeviceBuffers

Build = Callable[..., Path]

ONES = np.ones((1, 3, 8, 8), np.float32)


@pytest.mark.parametrize("device", ["cpu", "tensorrt"])
def test_cuda_graphs_elsewhere_than_on_cuda(classifier: Build, device: str) -> None:
    with pytest.raises(ProviderError) as caught:
        Session(classifier(), device, cuda_graph=True)
    assert str(caught.value) == (
        "error: CUDA graphs run on CUDA\n"
        f"  expected: device='cuda'\n  received: {device}\n  hint: leave cuda_graph out elsewhere"
    )


def no_library(name: str) -> None:
    raise OSError(f"{name}: cannot open shared object file")


def test_cudnn_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_libraries.ctypes, "CDLL", no_library)
    monkeypatch.setattr(gpu_libraries.sys, "platform", "linux")
    problem = gpu_libraries.cudnn_problem()
    assert str(problem) == (
        "error: cuDNN 9 cannot be loaded, and convolutions on CUDA need it\n"
        "  received: libcudnn.so.9: cannot open shared object file\n"
        "  hint: pip install 'archgraph[cuda]' (onnxruntime-gpu with the CUDA and cuDNN libraries), or pip install "
        "nvidia-cudnn-cu13; or use device='cpu'"
    )
    monkeypatch.setattr(gpu_libraries.ctypes, "CDLL", lambda name: None)
    assert gpu_libraries.cudnn_problem() is None


class OnCuda:
    """A session of ONNX Runtime that says of itself that it is on CUDA."""

    def __init__(self, *names: str):
        self.names = list(names)

    def get_providers(self) -> list[str]:
        return self.names

    def disable_fallback(self) -> None:
        self.strict = True


@pytest.fixture
def staged(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """A machine whose GPU, libraries and kernels are all there; what opening gives is what the test says."""

    def stage(result: Any) -> None:
        def opening(*_: Any, **options: Any) -> Any:
            assert options["enable_fallback"] == 0
            if isinstance(result, Exception):
                raise result
            return result

        monkeypatch.setattr(devices, "driver_problem", lambda: "")
        monkeypatch.setattr(gpu, "load_tensorrt", lambda: None)
        monkeypatch.setattr(gpu, "cudnn_problem", lambda: None)
        monkeypatch.setattr(devices.load_onnxruntime(), "InferenceSession", opening)

    return stage


@pytest.mark.parametrize("preloads", [True, False])
def test_libraries_of_wheels_are_loaded_before_a_session_opens(
    classifier: Build, staged: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch, preloads: bool
) -> None:
    """By `onnxruntime.preload_dlls`, which releases before 1.21 have not."""
    done: list[str] = []
    ort = devices.load_onnxruntime()
    staged(RuntimeError("no kernel"))
    refused = ort.InferenceSession
    monkeypatch.setattr(
        ort, "InferenceSession", lambda *given, **named: done.append("opened") or refused(*given, **named)
    )
    if preloads:
        monkeypatch.setattr(ort, "preload_dlls", lambda: done.append("preloaded"), raising=False)
    else:
        monkeypatch.delattr(ort, "preload_dlls", raising=False)
    with pytest.raises(ProviderError):
        gpu._open(classifier(), None, [("CUDAExecutionProvider", {})])
    assert done == (["preloaded", "opened"] if preloads else ["opened"])


def test_a_session_without_cudnn_does_not_come_to_a_run(
    classifier: Build, staged: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for result in (OnCuda("CUDAExecutionProvider", "CPUExecutionProvider"), RuntimeError("NOT_IMPLEMENTED : cuDNN")):
        staged(result)
        monkeypatch.setattr(gpu_libraries.ctypes, "CDLL", no_library)
        monkeypatch.setattr(gpu, "cudnn_problem", gpu_libraries.cudnn_problem)
        with pytest.raises(ProviderError, match="cuDNN 9 cannot be loaded"):
            gpu._open(classifier(), None, [("CUDAExecutionProvider", {})])


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("This session cannot use the graph capture feature as requested", "cannot be captured as a CUDA graph"),
        ("nodes were assigned with fallback to CPU EP", "nodes of the file have no CUDA kernel"),
        ("out of memory", "cannot be opened on CUDA"),
    ],
)
def test_what_cuda_refuses(classifier: Build, staged: Callable[[Any], None], message: str, said: str) -> None:
    staged(RuntimeError(message))
    with pytest.raises(ProviderError, match=said) as caught:
        Session(classifier(), "cuda", cuda_graph=True)
    assert message in caught.value.problems[0].received
    assert caught.value.problems[0].hint


@pytest.mark.parametrize("names", [("CUDAExecutionProvider", "CPUExecutionProvider"), ("CPUExecutionProvider",)])
def test_tensorrt_that_slipped_away_is_seen(
    classifier: Build, staged: Callable[[Any], None], names: tuple[str, ...]
) -> None:
    staged(OnCuda(*names))
    with pytest.raises(ProviderError, match="cannot load its TensorRT provider") as caught:
        Session(classifier(), "tensorrt")
    assert "tensorrt-cu13<11" in caught.value.problems[0].hint


def test_an_onnxruntime_without_tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    ort = devices.load_onnxruntime()
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    problem = gpu_libraries.load_tensorrt()
    assert problem is not None
    assert (problem.message, problem.expected) == (
        "the installed onnxruntime has no TensorRT",
        "TensorrtExecutionProvider",
    )


def test_the_libraries_of_the_wheel_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    (tmp_path / "tensorrt_libs").mkdir()
    (tmp_path / "tensorrt_libs" / "__init__.py").write_text("raise RuntimeError('nothing of it is to run')")
    (tmp_path / "tensorrt_libs" / "libnvinfer.so.10").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(gpu_libraries.sys, "platform", "linux")
    monkeypatch.setattr(gpu_libraries.ctypes, "CDLL", loaded.append)
    monkeypatch.setattr(devices.load_onnxruntime(), "get_available_providers", lambda: ["TensorrtExecutionProvider"])
    assert gpu_libraries.load_tensorrt() is None
    inside = str(tmp_path / "tensorrt_libs" / "libnvinfer.so.10")
    assert loaded == [inside, "libnvinfer_plugin.so.10", "libnvonnxparser.so.10"]


def test_engines_are_kept_by_file(tmp_path: Path, classifier: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    assert optimized_models.engine_folder(classifier()) is None
    monkeypatch.setenv("ARCHGRAPH_CACHE", str(tmp_path / "cache"))
    first, again = optimized_models.engine_folder(classifier()), optimized_models.engine_folder(classifier("copy.onnx"))
    other = optimized_models.engine_folder(classifier(name="other.onnx", preset="large"))
    assert first is not None
    assert first.parent == tmp_path / "cache" / "engines"
    assert first == again != other
    assert gpu.tensorrt_options(first)["trt_engine_cache_path"] == str(first)
    assert gpu.tensorrt_options(None) == {}


def test_the_options_of_cuda() -> None:
    assert gpu.cuda_options(False, False) == {"use_tf32": "0"}
    assert gpu.cuda_options(True, True) == {"use_tf32": "1", "enable_cuda_graph": "1"}


@pytest.mark.parametrize(
    ("device", "asked", "override", "said"),
    [
        ("cuda", False, "", "TF32 is off"),
        ("cuda", True, "", "TF32 is on: float32 products keep three digits"),
        ("cuda", True, "0", "TF32 is off: NVIDIA_TF32_OVERRIDE=0 says so"),
        ("cuda", False, "1", "TF32 is on: NVIDIA_TF32_OVERRIDE=1 says so"),
        ("tensorrt", False, "", "TensorRT may use TF32 for float32; NVIDIA_TF32_OVERRIDE=0 forbids it"),
    ],
)
def test_tf32_is_stated(device: str, asked: bool, override: str, said: str) -> None:
    assert gpu.tf32_note(device, asked, {"NVIDIA_TF32_OVERRIDE": override}) == said


def test_where_nodes_run(classifier: Build, denoiser: Build) -> None:
    with Session(denoiser(), "cpu", cache=False) as opened:
        placement = opened.placement
    if placement is None:
        pytest.skip("this onnxruntime does not tell")
    assert placement.counts() == {"CPUExecutionProvider": 5}
    assert placement.operations("CPUExecutionProvider") == {"Add": 1, "Cast": 1, "Mul": 2, "Unsqueeze": 1}
    assert placement.count("CUDAExecutionProvider") == 0


def test_a_placement_as_text() -> None:
    placement = Placement({"A": (("Conv", "one"), ("Add", "sum"), ("Conv", "two")), "B": (("Shape", "size"),)})
    assert str(placement) == "A: 3 nodes (Add × 1, Conv × 2)\nB: 1 nodes (Shape × 1)"


def test_an_older_onnxruntime_says_why_there_is_no_placement(staged: Callable[[Any], None], classifier: Build) -> None:
    staged(OnCuda("CUDAExecutionProvider", "CPUExecutionProvider"))
    opened = providers.open_model(classifier(), "cuda", None, False)
    assert opened.placement is None
    assert opened.notes[-1].endswith("does not say which nodes run where")


class Recording:
    """A session that notes which CUDA graph each run belongs to."""

    def __init__(self, session: Any):
        self.session = session
        self.graphs: list[str] = []

    def io_binding(self) -> Any:
        return self.session.io_binding()

    def run_with_iobinding(self, io: Any, options: Any) -> None:
        self.graphs.append(options.get_run_config_entry("gpu_graph_id") if options else "none")
        self.session.run_with_iobinding(io, options)


@pytest.mark.parametrize(("graph", "told"), [(None, ["none"] * 3), (5, ["-1", "5", "5"])])
def test_a_run_is_captured_once_its_buffers_are_bound(classifier: Build, graph: int | None, told: list[str]) -> None:
    recording = Recording(providers.open_cpu(classifier(), None).session)
    bound = DeviceBuffers(recording, "cpu", {"image": ONES}, ["logits"], graph)
    for value in (1, 2, 3):
        assert bound.run({"image": value * ONES})["logits"].tolist() == [[value] * 3]
    assert recording.graphs == told


def test_the_first_run_on_a_gpu_leaves_its_outputs_on_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime copies weights that are outputs to memory of the GPU that kernels may still use."""
    places: dict[str, str] = {}

    class Session:
        def io_binding(self) -> Any:
            return SimpleNamespace(bind_output=places.__setitem__, bind_ortvalue_input=lambda name, value: None)

    monkeypatch.setattr(DeviceBuffers, "_buffer", lambda self, shape, dtype: (None, None))
    DeviceBuffers(Session(), "cuda", {"image": ONES}, ["logits"])
    assert places == {"logits": "cpu"}


def test_each_shape_has_a_graph_of_its_own_and_there_is_a_bound(
    classifier: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binding, "CAPTURED_SHAPES", 5)
    with Session(classifier(), "cpu") as opened:
        opened._bindings.cuda_graph = True  # a CPU runs the same calls, and passes over the number of a graph
        for count in (*range(1, 6), *range(1, 6)):
            assert opened.run(image=np.repeat(ONES, count, 0))["logits"].shape == (count, 3)
        assert opened._bindings.captured == len(opened._bindings.kept) == 5
        with pytest.raises(InputError) as caught:
            opened.run(image=np.repeat(ONES, 6, 0))
        assert opened.run(image=ONES)["logits"].tolist() == [[1, 1, 1]]
    assert str(caught.value) == (
        "error: a session with CUDA graphs has one for each set of shapes\n"
        "  expected: 5 sets of shapes at most\n  received: image (6, 3, 8, 8)\n"
        "  hint: open it without cuda_graph, or pad the inputs to fewer shapes"
    )
