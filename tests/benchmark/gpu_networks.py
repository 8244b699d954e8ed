"""What gpu_speed.py times on a GPU: networks in torch, in ONNX Runtime, in archgraph's session, and a training step.

    python tests/benchmark/gpu_networks.py prepare FILE DEVICE FOLDER
    python tests/benchmark/gpu_networks.py serve CONTENDER NETWORK BATCH DEVICE FOLDER

`serve` prints "ready", and then answers each line of its input with a line of JSON: median seconds of a call.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

Work = Callable[[], Any]
TURN, MOST_CALLS = 0.5, 50
"""Seconds of a turn that count, and how many calls at most."""
WARM = 5
_IMAGE = 3
FREE_BATCH = 2
"""The batch that torch's export is made with: 1 would be taken for a constant."""
FILES = {
    "portable32": ("portable", "float32"),
    "cuda32": ("cuda", "float32"),
    "cuda16": ("cuda", "float16"),
    "portable16": ("portable", "float16"),
}
"""Our files: profile and element type."""


@dataclass(frozen=True)
class Network:
    """A network, its inputs as shapes behind the batch, and the batches that it is timed at."""

    spec: str
    inputs: Mapping[str, tuple[int, ...]]
    batches: tuple[int, ...]
    params: dict[str, Any]

    @property
    def sizes(self) -> dict[str, int]:
        """Height and width of an image, which torch's export fixes too; the batch stays free."""
        image = next(shape for shape in self.inputs.values() if len(shape) == _IMAGE)
        return {"H": image[1], "W": image[2]} if self.spec != "vit_b_16" else {}


def networks(device: str) -> dict[str, Network]:
    """Those that are timed; on a CPU small ones, to try the command."""
    image, picture = {"image": (3, 224, 224)}, {"sample": (3, 32, 32), "t": ()}
    latent = {"latent": (4, 64, 64), "t": (), "context": (77, 768)}
    if device == "cpu":
        small = {"channels": [32, 32], "attention": [False, True], "layers": 1, "groups": 8}
        return {
            "resnet50": Network("resnet18", {"image": (3, 64, 64)}, (1, 2), {}),
            "ddpm": Network("ddpm@cifar10", picture, (1,), small),
        }
    return {
        "resnet50": Network("resnet50", image, (1, 32), {}),
        "vit_b_16": Network("vit_b_16", image, (1, 32), {}),
        "ddpm": Network("ddpm@cifar10", picture, (1, 16), {}),
        "sd": Network("sd_unet@sd15", latent, (2,), {}),
        "convnext": Network("convnext_tiny", image, (), {}),  # for gpu_profile.py
    }


def arrays(network: Network, batch: int) -> list[Any]:
    """Random inputs in the order of the network's; times are whole numbers."""
    import numpy as np

    rng = np.random.default_rng(0)
    return [
        rng.integers(0, 1000, (batch,)) if name == "t" else rng.standard_normal((batch, *shape)).astype(np.float32)
        for name, shape in network.inputs.items()
    ]


def ours(network: Network) -> Any:
    """Our torch module with random weights."""
    import archgraph as ag

    return ag.to_torch(ag.load(network.spec, **network.params), seed=0)


def reference(name: str, device: str) -> Any:
    """torchvision's module; ours for the networks that it does not have."""
    import references

    if name in ("resnet50", "vit_b_16"):
        return references.torchvision().models.get_model(name if device == "cuda" else "resnet18", weights=None)
    return ours(networks(device)[name])


# -- files -------------------------------------------------------------------------------------------------------------


def prepare(file: str, device: str, folder: Path) -> None:
    """Writes the file `NETWORK-KIND.onnx`. It appears when it is whole."""
    name, kind = file.split("-")
    network, place = networks(device)[name], folder / f"{file}.part"
    place.mkdir(parents=True, exist_ok=True)
    made = place / "it.onnx"
    if kind == "torch":
        _torch_export(name, network, device, made)
    else:
        import archgraph as ag

        profile, dtype = FILES[kind]
        profile = "cpu" if device == "cpu" and profile == "cuda" else profile
        ag.to_onnx(ours(network), made, profile=profile, dtype=dtype, sizes=network.sizes, verify=False)
    place.rename(folder / file)


def _torch_export(name: str, network: Network, device: str, path: Path) -> None:
    import torch
    from contenders import torch_export

    given = tuple(torch.from_numpy(value) for value in arrays(network, FREE_BATCH))
    free = tuple({0: torch.export.Dim.DYNAMIC} for _ in given)
    torch_export(reference(name, device).eval(), given, path, dynamic_shapes=free, external_data=name == "sd")


# -- contenders --------------------------------------------------------------------------------------------------------


def works(contender: str, name: str, batch: int, device: str, folder: Path) -> dict[str, Work]:
    """The calls of a contender: `run` begins and ends with arrays of the host, `bound` leaves them on the device."""
    network = networks(device)[name]
    kind, _, how = contender.partition(" ")
    if kind == "torch":
        return torch_works(reference(name, device), arrays(network, batch), device, how.split())
    if kind == "training":
        return {
            "bound": training_step(reference(name, device) if "theirs" in how else ours(network), batch, device, how)
        }
    if kind == "ours":
        graph = "graph" in how and device == "cuda"
        return session_works(folder / f"{name}-{how.split()[0]}" / "it.onnx", arrays(network, batch), device, graph)
    return onnx_works(folder / f"{name}-torch" / "it.onnx", arrays(network, batch), device)


def torch_works(module: Any, given: list[Any], device: str, how: list[str]) -> dict[str, Work]:
    """torch, eager or compiled; in float16 with the channels last."""
    import torch

    half, last = torch.float16, torch.channels_last
    module = module.eval().to(device)
    if "float16" in how:
        module = module.to(half, memory_format=last)
        _convert_times(module)
    module = torch.compile(module) if "compiled" in how else module

    def placed(array: Any) -> Any:
        tensor = torch.from_numpy(array).to(device)
        if "float16" not in how or not tensor.is_floating_point():
            return tensor
        return tensor.to(half, memory_format=last if tensor.ndim == 4 else torch.preserve_format)

    tensors = [placed(array) for array in given]

    def bound() -> Any:
        with torch.inference_mode():
            found = module(*tensors)
        synchronize(device)
        return found

    def run() -> Any:
        with torch.inference_mode():
            return module(*map(placed, given)).float().cpu()

    return {"run": run, "bound": bound}


def _convert_times(module: Any) -> None:
    """What is computed of times in float32 meets weights in float16."""
    for name, layer in module.named_modules():
        if "time_embedding" in name and next(layer.parameters(recurse=False), None) is not None:
            layer.register_forward_pre_hook(lambda layer, given: tuple(each.to(layer.weight.dtype) for each in given))


def session_works(path: Path, given: list[Any], device: str, graph: bool) -> dict[str, Work]:
    """archgraph's session; bound, by its own buffers, which it does not offer yet."""
    from archgraph.runtime import Session

    session = Session(path, device, cuda_graph=graph, split_batch=False)
    feed = dict(zip([spec.name for spec in session.inputs], given, strict=True))
    for _ in range(WARM):
        session.run(feed)
    (buffers,) = session._bindings.kept.values()
    return {
        "run": lambda: session.run(feed),
        "bound": lambda: buffers.session.run_with_iobinding(buffers.io, buffers.captured),
    }


def onnx_works(path: Path, given: list[Any], device: str) -> dict[str, Work]:
    """ONNX Runtime as its documentation shows it, without TF32."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 3
    if device == "cuda":
        ort.preload_dlls()
    providers: list[Any] = [("CUDAExecutionProvider", {"use_tf32": "0"})] if device == "cuda" else []
    session = ort.InferenceSession(str(path), options, providers=[*providers, "CPUExecutionProvider"])
    assert len(session.get_providers()) == len(providers) + 1, session.get_providers()
    feed = dict(zip([item.name for item in session.get_inputs()], given, strict=True))
    binding = session.io_binding()
    for name, array in feed.items():
        binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(array, device, 0))
    for item in session.get_outputs():
        binding.bind_output(item.name, device)
    return {"run": lambda: session.run(None, feed), "bound": lambda: session.run_with_iobinding(binding)}


def training_step(module: Any, batch: int, device: str, how: str) -> Work:
    """Forward, backward and Adam of a classifier."""
    import torch

    module = module.train().to(device)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    (image,) = (torch.from_numpy(each).to(device) for each in arrays(networks(device)["resnet50"], batch))
    labels = torch.randint(0, 1000, (batch,), device=device)

    def step() -> None:
        with torch.autocast(device, torch.bfloat16, enabled="bfloat16" in how):
            loss = torch.nn.functional.cross_entropy(module(image), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        synchronize(device)

    return step


def synchronize(device: str) -> None:
    """Waits for the GPU."""
    import torch

    if device == "cuda":
        torch.cuda.synchronize()


# -- turns -------------------------------------------------------------------------------------------------------------


def timed(work: Work) -> float:
    """The median seconds of the calls of one turn."""
    work()
    times: list[float] = []
    while sum(times) < TURN and len(times) < MOST_CALLS:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def memory(device: str) -> float:
    """GiB that torch has held at most; 0 where another runtime did the work."""
    torch = sys.modules.get("torch")
    return torch.cuda.max_memory_allocated() / 2**30 if torch is not None and device == "cuda" else 0.0


def serve(contender: str, name: str, batch: int, device: str, folder: Path) -> None:
    """Answers each line of the input with the seconds of each call."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    answers, sys.stdout = sys.stdout, sys.stderr  # what others print is no answer
    calls = works(contender, name, batch, device, folder)
    for work in calls.values():
        for _ in range(WARM):
            work()
    print("ready", file=answers, flush=True)
    for _ in sys.stdin:
        found = {kind: timed(work) for kind, work in calls.items()}
        print(json.dumps(found | {"memory": memory(device)}), file=answers, flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if sys.argv[1] == "prepare":
        prepare(sys.argv[2], sys.argv[3], Path(sys.argv[4]))
    else:
        serve(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5], Path(sys.argv[6]))
