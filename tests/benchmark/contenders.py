"""What the benchmark times: one contender per call, in a process of its own. Prints seconds.

    python tests/benchmark/contenders.py NAME FOLDER

FOLDER holds the files that `prepare` wrote. Imports and set-up are outside the timed part unless the name says process.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
warnings.simplefilter("ignore")

CONTENDERS: dict[str, Callable[[Path], float]] = {}


def contender(function: Callable[[Path], float]) -> Callable[[Path], float]:
    """Registers a contender under its function's name."""
    CONTENDERS[function.__name__] = function
    return function


def timed(work: Callable[[], object], repeats: int = 1, warm: int = 0) -> float:
    """Median seconds of one call."""
    for _ in range(warm):
        work()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


@contender
def process_import_torch(folder: Path) -> float:
    return timed(lambda: subprocess.run([sys.executable, "-c", "import torch"], check=True))


@contender
def process_check_resnet50(folder: Path) -> float:
    command = [str(Path(sys.executable).with_name("archgraph")), "check", "specs/resnet.yaml@resnet50"]
    return timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))


@contender
def elaborate_ddpm(folder: Path) -> float:
    from archgraph.spec.load import load

    return timed(lambda: load("specs/ddpm.yaml", preset="cifar10"))


def _ours(name: str, warm: int) -> float:
    import archgraph as ag
    import archgraph.codegen

    graph = ag.load(name)
    return timed(lambda: ag.to_torch(graph), repeats=3 if warm else 1, warm=warm)


def _resnet50(warm: int) -> float:
    import references

    models = references.torchvision().models
    return timed(lambda: models.resnet50(weights=None), repeats=3 if warm else 1, warm=warm)


def _ddpm(warm: int) -> float:
    import references

    small = references.DDPM_CIFAR10 | {"block_out_channels": (32, 32, 32, 32)}
    references.unet2d(**small)  # imports on first use
    return timed(lambda: references.unet2d(**references.DDPM_CIFAR10), repeats=3 if warm else 1, warm=warm)


@contender
def to_torch_resnet50(folder: Path) -> float:
    return _ours("resnet50", 1)


@contender
def to_torch_resnet50_first(folder: Path) -> float:
    return _ours("resnet50", 0)


@contender
def constructor_resnet50(folder: Path) -> float:
    return _resnet50(1)


@contender
def constructor_resnet50_first(folder: Path) -> float:
    return _resnet50(0)


@contender
def to_torch_ddpm(folder: Path) -> float:
    return _ours("ddpm@cifar10", 1)


@contender
def to_torch_ddpm_first(folder: Path) -> float:
    return _ours("ddpm@cifar10", 0)


@contender
def constructor_ddpm(folder: Path) -> float:
    return _ddpm(1)


@contender
def constructor_ddpm_first(folder: Path) -> float:
    return _ddpm(0)


def _sample_inputs() -> tuple[object, object]:
    import torch

    return torch.randn(1, 3, 32, 32), torch.tensor([10])


@contender
def export_ddpm(folder: Path) -> float:
    import onnx  # noqa: F401 - imports are outside the timed part, for both

    import archgraph as ag

    model = ag.to_torch(ag.load("ddpm@cifar10")).eval()
    with tempfile.TemporaryDirectory(dir=folder) as place:
        return timed(lambda: ag.to_onnx(model, Path(place) / "ddpm.onnx", verify=False))


@contender
def export_ddpm_torch(folder: Path) -> float:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        return timed(lambda: _torch_export_ddpm(Path(place) / "ddpm.onnx"))


def _torch_export_ddpm(path: Path) -> None:
    import references
    import torch

    model = references.unet2d(**references.DDPM_CIFAR10).eval()
    torch.onnx.export(
        model, _sample_inputs(), str(path), dynamo=True, opset_version=18, verbose=False, external_data=False
    )


def _torch_export_resnet50(path: Path) -> None:
    import references
    import torch

    model = references.torchvision().models.resnet50(weights=None).eval()
    free = dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC)  # ours takes every batch and size; so does this one
    torch.onnx.export(
        model,
        (torch.randn(2, 3, 224, 224),),
        str(path),
        dynamo=True,
        opset_version=18,
        verbose=False,
        external_data=False,
        dynamic_shapes={"x": free},
    )


def prepare(folder: Path) -> None:
    """The four files whose latency is compared."""
    import archgraph as ag

    ag.to_onnx(ag.load("resnet50"), folder / "resnet50.onnx", verify=False)
    ag.to_onnx(ag.load("ddpm@cifar10"), folder / "ddpm.onnx", verify=False)
    _torch_export_resnet50(folder / "resnet50_torch.onnx")
    _torch_export_ddpm(folder / "ddpm_torch.onnx")


def _latency(path: Path, batch: int, repeats: int = 15) -> float:
    import numpy as np
    import onnxruntime as ort

    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    image, *rest = session.get_inputs()
    size = 224 if "resnet" in path.name else 32
    feed = {image.name: np.random.default_rng(0).standard_normal((batch, 3, size, size)).astype(np.float32)}
    feed |= {item.name: np.full(batch, 10, dtype=np.int64) for item in rest}
    return timed(lambda: session.run(None, feed), repeats=repeats, warm=3)


@contender
def latency_resnet50(folder: Path) -> float:
    return _latency(folder / "resnet50.onnx", 1)


@contender
def latency_resnet50_torch(folder: Path) -> float:
    return _latency(folder / "resnet50_torch.onnx", 1)


@contender
def latency_ddpm(folder: Path) -> float:
    return _latency(folder / "ddpm.onnx", 1)


@contender
def latency_ddpm_torch(folder: Path) -> float:
    return _latency(folder / "ddpm_torch.onnx", 1)


if __name__ == "__main__":
    name, folder = sys.argv[1], Path(sys.argv[2])
    if name == "prepare":
        prepare(folder)
    else:
        print(CONTENDERS[name](folder))
