"""Strictness about devices: CUDA runs there or fails with a reason and a remedy, and nothing slips to the CPU unsaid.

The reasons are real where this machine can produce them; the few that it cannot are staged at the border to the driver
or to the list of installed packages.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from archgraph.diffusion import sample
from archgraph.errors import ArchgraphError, ProviderError
from archgraph.runtime import Session, available_devices, devices, gpu
from archgraph.runtime.native_log import captured_output, reasons

Build = Callable[..., Path]

without_gpu = pytest.mark.skipif(devices.driver_problem() == "", reason="this machine has a GPU")


@without_gpu
def test_cuda_without_a_gpu_fails_with_reason_and_remedy(classifier: Build) -> None:
    path = classifier()
    for ask in (
        lambda: Session(path, "cuda"),
        lambda: Session(path, device="cuda", threads=1),
        lambda: Session(path, device="cuda", tf32=True),
        lambda: gpu.open_cuda(path, None, False),
    ):
        with pytest.raises(ProviderError) as caught:
            ask()
        problem = caught.value.problems[0]
        assert problem.message == "there is no NVIDIA GPU that can be used"
        assert "driver" in problem.received
        assert "nvidia-smi" in problem.hint
        assert "device='cpu'" in problem.hint


@without_gpu
def test_auto_without_a_gpu_runs_on_the_cpu_and_says_why(classifier: Build) -> None:
    with Session(classifier()) as session:
        assert session.device == "cpu"
        assert session.notes[-1].startswith(
            "running on the CPU, since there is no NVIDIA GPU that can be used: the driver"
        )
        assert session.run(image=np.ones((1, 3, 8, 8)))["logits"].tolist() == [[1, 1, 1]]
    assert available_devices() == ("cpu",)


def test_cpu_needs_no_notes(classifier: Build) -> None:
    with Session(classifier(), "cpu") as session:
        assert (session.device, session.notes) == ("cpu", ())


@without_gpu
def test_what_the_loader_says_is_in_the_error_and_not_on_the_screen(
    classifier: Build, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(devices, "driver_problem", lambda: "")
    with pytest.raises(ProviderError) as caught:
        Session(classifier(), "cuda")
    problem = caught.value.problems[0]
    assert problem.message == "ONNX Runtime cannot load its CUDA provider"
    assert "cannot open shared object file" in problem.received
    assert "archgraph[cuda]" in problem.hint
    assert "\x1b" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@without_gpu
def test_auto_where_the_loader_fails(classifier: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "driver_problem", lambda: "")
    with Session(classifier(), "auto") as session:
        assert session.device == "cpu"
        assert "cannot load its CUDA provider: " in session.notes[-1]


def test_an_onnxruntime_without_cuda(classifier: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices.load_onnxruntime(), "get_available_providers", lambda: ["CPUExecutionProvider"])
    monkeypatch.setattr(devices.sys, "platform", "linux")
    with pytest.raises(ProviderError) as caught:
        Session(classifier(), "cuda")
    assert str(caught.value) == (
        "error: the installed onnxruntime has no CUDA\n"
        "  expected: CUDAExecutionProvider\n"
        "  received: CPUExecutionProvider\n"
        "  hint: pip uninstall onnxruntime, then pip install 'archgraph[cuda]' (onnxruntime-gpu with the CUDA "
        "and cuDNN libraries); or use device='cpu'"
    )


def test_both_packages_installed(classifier: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "installed", lambda package: "1.31.1")
    with Session(classifier(), "cpu") as session:
        assert "both installed and overwrite each other" in session.notes[0]
    monkeypatch.setattr(devices.load_onnxruntime(), "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ProviderError) as caught:
        Session(classifier(), "cuda")
    assert "install onnxruntime-gpu alone" in caught.value.problems[0].hint


def test_no_onnxruntime_at_all(classifier: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise ImportError(f"No module named '{name}'")

    monkeypatch.setattr(devices.importlib, "import_module", refuse)
    with pytest.raises(ProviderError, match="ONNX Runtime cannot be imported") as caught:
        Session(classifier(), "cpu")
    assert "pip install onnxruntime-gpu" in caught.value.problems[0].hint


def test_the_versions_of_packages() -> None:
    assert devices.installed("numpy") == np.__version__
    assert devices.installed("no-such-distribution") == ""


@pytest.mark.parametrize(
    ("codes", "count", "said"),
    [
        ((100, 0), 0, "cuInit returned CUDA error 100"),
        ((0, 3), 0, "returned CUDA error 3"),
        ((0, 0), 0, "finds no GPU"),
        ((0, 0), 2, ""),
    ],
)
def test_what_the_driver_says(monkeypatch: pytest.MonkeyPatch, codes: tuple[int, int], count: int, said: str) -> None:
    class Driver:
        def cuInit(self, flags: int) -> int:
            return codes[0]

        def cuDeviceGetCount(self, where: object) -> int:
            where._obj.value = count  # type: ignore[attr-defined]
            return codes[1]

    monkeypatch.setattr(devices.ctypes, "CDLL", lambda name: Driver())
    problem = devices.driver_problem()
    assert problem.endswith(said) if said else problem == ""


@pytest.mark.parametrize("device", ["gpu", "CUDA", "cudaa", ""])
def test_unknown_devices(classifier: Build, device: str) -> None:
    with pytest.raises(ProviderError, match="there is no device") as caught:
        Session(classifier(), device)
    assert caught.value.problems[0].expected == "auto, cpu, cuda, tensorrt"


@without_gpu
def test_every_error_about_devices_is_one_of_ours(denoiser: Build) -> None:
    with pytest.raises(ArchgraphError):
        sample(Session(denoiser(), "cuda"), n=1)


def test_nodes_on_the_cpu_may_only_compute_shapes(classifier: Build) -> None:
    assert gpu.judge_cpu_nodes([("Shape", "a"), ("Gather", "b"), ("Concat", "c")]) is None
    problem = gpu.judge_cpu_nodes([("Shape", "a"), ("Resize", "up.0"), ("Resize", "up.1"), ("Conv", "conv_in")])
    assert problem is not None
    assert problem.message == "3 nodes of the file have no CUDA kernel and would run on the CPU"
    assert problem.received == "Conv × 1, Resize × 2"
    assert problem.hint == "export it with --profile cuda, or use device='cpu'; the first of them is 'up.0'"


def test_a_file_for_cuda_is_not_told_to_be_one(classifier: Build) -> None:
    """No other profile has more kernels there."""
    problem = gpu.judge_cpu_nodes([("Atan", "a")], "cuda")
    assert problem is not None
    assert problem.hint == "export it for the CPU, and use device='cpu'; the first of them is 'a'"


def test_a_session_that_fell_back_is_seen_by_its_nodes(classifier: Build) -> None:
    ort = devices.load_onnxruntime()
    session = ort.InferenceSession(
        str(classifier()), gpu._strict_options(ort, None), providers=["CPUExecutionProvider"]
    )
    problem = gpu._cpu_fallback_problem(session)
    assert problem is not None
    assert problem.received == "ReduceMean × 1"


def test_native_output_is_caught_and_the_stream_given_back(capfd: pytest.CaptureFixture[str]) -> None:
    with captured_output() as log:
        os.write(2, b"from below\n")
        print("from above")
    os.write(2, b"after\n")
    assert log.text == "from above\nfrom below\n"
    assert capfd.readouterr() == ("", "after\n")


def test_native_output_is_given_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FileNotFoundError), captured_output():
        os.open("/no/such/file", os.O_RDONLY)
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_the_reasons_in_a_log() -> None:
    log = (
        "\x1b[1;31m2026-11-20 12:05:07 [E:onnxruntime:Default, bridge.cc:2458 operator()] /src/bridge.cc:2043 Get() "
        "[ONNXRuntimeError] : 1 : FAIL : Failed to load library /x.so with error: libcublasLt.so.13: cannot open\n"
        "\x1b[m\n\x1b[0;93m2026 [W:onnxruntime:Default, y.cc:1295 f] Failed to create CUDAExecutionProvider. "
        "Require cuDNN 9.* and CUDA 13.*. Please install all dependencies\x1b[m\n"
    )
    assert reasons(log) == "libcublasLt.so.13: cannot open; Require cuDNN 9.* and CUDA 13.*"
    assert reasons("2026 [E:onnxruntime:Default, z.cc:1 g] something new") == "something new"
    assert reasons("") == ""
