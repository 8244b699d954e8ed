"""Every way of asking for a GPU where there is none."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archgraph.diffusion import sample
from archgraph.errors import ProviderError
from archgraph.runtime import Session, devices

Build = Callable[..., Path]

without_gpu = pytest.mark.skipif(devices.driver_problem() == "", reason="this machine has a GPU")


WAYS: dict[str, dict[str, Any]] = {
    "cuda": {"device": "cuda"},
    "cuda with TF32": {"device": "cuda", "tf32": True},
    "cuda with graphs": {"device": "cuda", "cuda_graph": True},
    "graphs alone": {"cuda_graph": True},
    "cuda, no cache": {"device": "cuda", "cache": False},
    "tensorrt": {"device": "tensorrt"},
    "tensorrt with TF32": {"device": "tensorrt", "tf32": True},
    "tensorrt, few threads": {"device": "tensorrt", "threads": 1},
}


@without_gpu
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_every_way_of_asking_for_a_gpu_fails_with_reason_and_remedy(classifier: Build, way: dict[str, Any]) -> None:
    with pytest.raises(ProviderError) as caught:
        Session(classifier(), **way)
    problem = caught.value.problems[0]
    assert problem.message == "there is no NVIDIA GPU that can be used"
    assert "the driver" in problem.received
    assert "nvidia-smi" in problem.hint


@without_gpu
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_no_way_ends_on_the_cpu_where_the_libraries_fail(
    classifier: Build, monkeypatch: pytest.MonkeyPatch, way: dict[str, Any]
) -> None:
    monkeypatch.setattr(devices, "driver_problem", lambda: "")
    with pytest.raises(ProviderError) as caught:
        Session(classifier(), **way)
    problem = caught.value.problems[0]
    assert problem.message in ("ONNX Runtime cannot load its CUDA provider", "TensorRT 10 is not installed")
    assert "cannot open shared object file" in problem.received
    assert "pip install" in problem.hint


@without_gpu
@pytest.mark.parametrize(
    "variables",
    [
        {"CUDA_VISIBLE_DEVICES": "0"},
        {"CUDA_VISIBLE_DEVICES": ""},
        {"NVIDIA_TF32_OVERRIDE": "1"},
        {"ORT_LOAD_CONFIG_FROM_MODEL": "1"},
        {"ORT_TENSORRT_ENGINE_CACHE_ENABLE": "1"},
    ],
)
def test_no_environment_variable_makes_up_for_a_gpu(
    classifier: Build, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for device in ("cuda", "tensorrt"):
        with pytest.raises(ProviderError, match="there is no NVIDIA GPU") as caught:
            Session(classifier(), device)
        shown = f"CUDA_VISIBLE_DEVICES is '{variables.get('CUDA_VISIBLE_DEVICES')}', which may hide it"
        assert (shown in caught.value.problems[0].hint) == ("CUDA_VISIBLE_DEVICES" in variables)


STUB = "int cuInit(unsigned flags) { return %d; } int cuDeviceGetCount(int *count) { *count = %d; return 0; }"


@without_gpu
@pytest.mark.skipif(shutil.which("gcc") is None or sys.platform != "linux", reason="needs gcc on Linux")
@pytest.mark.parametrize(
    ("code", "count", "said"),
    [
        (0, 0, "the driver finds no GPU"),
        (100, 0, "cuInit returned CUDA error 100"),
        (0, 1, "cannot load its CUDA provider"),
    ],
)
def test_a_driver_that_loads_but_has_no_gpu_to_give(
    tmp_path: Path, classifier: Build, code: int, count: int, said: str
) -> None:
    library = tmp_path / "libcuda.so.1"
    build = ["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library)]
    subprocess.run(build, input=STUB % (code, count), text=True, check=True)
    script = "import sys; from archgraph.runtime import Session\n"
    script += "try: Session(sys.argv[1], 'cuda')\nexcept Exception as error: print(type(error).__name__, error)"
    environment = {"LD_LIBRARY_PATH": str(tmp_path), "PYTHONPATH": str(Path(devices.__file__).parents[2])}
    ran = subprocess.run(
        [sys.executable, "-c", script, str(classifier())], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.startswith("ProviderError ")
    assert said in ran.stdout
    assert "hint: " in ran.stdout


@pytest.mark.parametrize(
    ("device", "hint"),
    [
        ("CUDA", "did you mean 'cuda'?"),
        ("cudaa", "did you mean 'cuda'?"),
        ("tensor-rt", "did you mean 'tensorrt'?"),
        ("gpu", "a GPU is asked for by cuda or tensorrt"),
        ("cpu ", "did you mean 'cpu'?"),
    ],
)
def test_unknown_devices_and_the_nearest(classifier: Build, device: str, hint: str) -> None:
    with pytest.raises(ProviderError) as caught:
        Session(classifier(), device)
    assert caught.value.problems[0].hint == hint


@without_gpu
def test_sampling_on_a_gpu_that_is_not_there(denoiser: Build) -> None:
    for device in ("cuda", "tensorrt"):
        with pytest.raises(ProviderError):
            sample(Session(denoiser(), device), n=1)
