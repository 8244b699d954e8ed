"""What the benchmark times: one contender per call, in a process of its own. Prints seconds.

    python tests/benchmark/contenders.py NAME FOLDER

FOLDER holds the files that `prepare` wrote; what runs them stands in running.py. Imports and set-up are outside the
timed part unless the name says process.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
warnings.simplefilter("ignore")

CONTENDERS: dict[str, Callable[[Path], float]] = {}


def contender(function: Callable[[Path], float]) -> Callable[[Path], float]:
    """Registers a contender under its function's name."""
    CONTENDERS[function.__name__] = function
    return function


Clock = Callable[[], float]


def timed(work: Callable[[], object], repeats: int = 1, warm: int = 0, clock: Clock = time.perf_counter) -> float:
    """Median seconds of one call."""
    for _ in range(warm):
        work()
    seconds = []
    for _ in range(repeats):
        start = clock()
        work()
        seconds.append(clock() - start)
    return statistics.median(seconds)


@contender
def process_import_torch(folder: Path) -> float:
    return timed(lambda: subprocess.run([sys.executable, "-c", "import torch"], check=True))


@contender
def process_check_resnet50(folder: Path) -> float:
    command = [str(Path(sys.executable).with_name("archgraph")), "check", "specs/resnet.yaml@resnet50"]
    return timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))


@contender
def process_check_sdxl(folder: Path) -> float:
    command = [str(Path(sys.executable).with_name("archgraph")), "check", "specs/sd_unet.yaml@sdxl"]
    return timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))


@contender
def process_load_ddpm(folder: Path) -> float:
    command = [sys.executable, "-c", "import archgraph; archgraph.load('specs/ddpm.yaml', preset='cifar10')"]
    return timed(lambda: subprocess.run(command, check=True))


@contender
def load_resnet50_again(folder: Path) -> float:
    from archgraph.language.load import load

    load("resnet50")
    return timed(lambda: load("resnet50"), clock=time.process_time)


@contender
def mlnode(folder: Path) -> float:
    """Reads its own file of ResNet-50 and checks it, imports left out. Processor time, as of our load beside it."""
    from mlnode import MLnodeModel

    file = Path(__file__).parent / "peers" / "resnet50.mlnode.json"
    return timed(lambda: MLnodeModel.load(str(file)).validate(), clock=time.process_time)


@contender
def elaborate_ddpm(folder: Path) -> float:
    from archgraph.language.load import load
    from archgraph.ops import FAMILIES

    for family in FAMILIES:  # a load imports those that its network has
        import_module(f"archgraph.ops.{family}")
    return timed(lambda: load("specs/ddpm.yaml", preset="cifar10"))


@contender
def elaborate_ddpm_again(folder: Path) -> float:
    from archgraph.language.load import load

    return timed(lambda: load("specs/ddpm.yaml", preset="cifar10"), repeats=5, warm=2)


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

    torch_export(references.unet2d(**references.DDPM_CIFAR10).eval(), _sample_inputs(), path)


@contender
def graph_sd(folder: Path) -> float:
    """From the spec to the bytes of the ONNX graph, weights aside."""
    import archgraph as ag
    from archgraph.export.lowering.emit import emit
    from archgraph.export.profiles import PORTABLE
    from archgraph.export.serialization.protobuf import body, head

    def work() -> bytes:
        graph = ag.load("sd_unet@sd15")
        program = emit(graph, PORTABLE)
        return head(graph, program, PORTABLE) + body(program, graph.name)

    return timed(work, repeats=7, warm=1)


@contender
def graph_sd_mobius(folder: Path) -> float:
    """The same by mobius-onnx. It complains of each weight that it was not given."""
    import onnx_ir
    from mobius._diffusers_configs import UNet2DConfig
    from mobius.models.unet import UNet2DConditionModel
    from mobius.tasks._denoising import DenoisingTask

    down, up = ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",), ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3
    config = UNet2DConfig(down_block_types=down, up_block_types=up)

    def work() -> bytes:
        model = DenoisingTask().build(UNet2DConditionModel(config), config)["model"]
        return bytes(onnx_ir.to_proto(model).SerializeToString())

    return timed(work, repeats=7, warm=1)


def torch_export(model: Any, inputs: tuple[object, ...], path: Path, **how: Any) -> None:
    """torch's own export by its newer exporter, as one file."""
    import torch

    options = {"dynamo": True, "opset_version": 18, "verbose": False, "external_data": False} | how
    torch.onnx.export(model, inputs, str(path), **options)


if __name__ == "__main__":
    import running  # registers the contenders that run files

    name, folder = sys.argv[1], Path(sys.argv[2])
    if name == "prepare":
        running.prepare(folder)
    elif name in running.CALLS:
        running.serve(name, folder)
    else:
        print(running.CONTENDERS[name](folder))
