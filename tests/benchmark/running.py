"""Contenders that run networks: one evaluation, and a whole sampling run, each from the same weights.

`prepare` writes the weights of torchvision's and diffusers' modules, and the files that are made of them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contenders import CONTENDERS, contender, timed, torch_export

__all__ = ["CALLS", "CONTENDERS", "prepare", "serve"]

Work = Callable[[], Any]

BATCHES = (1, 8)
STEPS, BETAS = 50, (1e-4, 0.02)
SETTLING = 0.2
"""Seconds at the beginning of a turn that do not count."""
LARGEST_DIFFERENCE = 5e-4
"""Of pictures in [-1, 1] that two loops over float32 networks draw: processors with other kernels differ by 1.3e-4."""
LARGEST_INT8_ERROR = 0.1
"""Of untrained networks; what trained ones lose is measured by quantized_quality.py."""


def reference(name: str) -> Any:
    """The published module, its weights drawn from one seed."""
    import references

    made = {
        "resnet50": lambda: references.torchvision().models.resnet50(weights=None),
        "ddpm": lambda: references.unet2d(**references.DDPM_CIFAR10),
    }
    return references.randomised(made[name](), seed=1)


def inputs(name: str, batch: int) -> dict[str, Any]:
    """Pictures of the usual size, and a time for the network that takes one."""
    import numpy as np

    size = 224 if name == "resnet50" else 32
    picture = np.random.default_rng(0).standard_normal((batch, 3, size, size)).astype(np.float32)
    return {"image": picture} if name == "resnet50" else {"sample": picture, "t": np.full(batch, 10, dtype=np.int64)}


def prepare(folder: Path) -> None:
    """Weights, our files for the CPU and torch's exports of both networks; and that two DDIM runs agree.

    Each export is made for every size and for one. The file for sampling has its time branch apart.
    """
    import torch
    from safetensors.torch import save_file

    import archgraph as ag

    for name, spec in (("resnet50", "resnet50"), ("ddpm", "ddpm@cifar10")):
        module = reference(name)
        save_file(module.state_dict(), folder / f"{name}.safetensors")
        weights = folder / f"{name}.safetensors"
        graph, how = ag.load(spec), {"weights": weights, "profile": "cpu", "verify": False}
        ours = folder / f"{name}_ours.onnx"
        ag.to_onnx(graph, ours, **how)
        ag.to_int8(ours, folder / f"{name}_int8.onnx", budget=LARGEST_INT8_ERROR, timed=False)
        for batch in BATCHES:
            given = inputs(name, batch)
            _, _, height, width = next(iter(given.values())).shape
            ag.to_onnx(graph, folder / f"{name}_fixed_{batch}.onnx", sizes={"N": batch, "H": height, "W": width}, **how)
            tensors = tuple(torch.from_numpy(value) for value in given.values())
            torch_export(module, tensors, folder / f"{name}_theirs_{batch}.onnx")
        if name == "ddpm":
            run = folder / "ddpm_run.onnx"
            ag.to_onnx(graph, run, split_time=True, **how)
            ag.to_int8(run, folder / "ddpm_run_int8.onnx", budget=LARGEST_INT8_ERROR, timed=False)
    _export_free(folder / "resnet50_theirs_free.onnx")
    difference = _ddim_difference(folder)
    assert difference < LARGEST_DIFFERENCE, f"the pictures of the two DDIM runs differ by {difference}"


def _export_free(path: Path) -> None:
    """torch's export of resnet50 for every batch and size."""
    import torch

    free = dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC)
    picture = torch.from_numpy(inputs("resnet50", 2)["image"])
    torch_export(reference("resnet50"), (picture,), path, dynamic_shapes={"x": free})


def onnx_call(path: Path, name: str, batch: int) -> Work:
    """One evaluation in ONNX Runtime."""
    import onnxruntime as ort

    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [item.name for item in session.get_inputs()]
    feed = dict(zip(names, inputs(name, batch).values(), strict=True))
    return lambda: session.run(None, feed)


def session_call(path: Path, name: str, batch: int) -> Work:
    """One evaluation in archgraph's session, called for so long that it has decided whether to split the batch."""
    from archgraph.runtime import Session

    session, feed = Session(path, "cpu"), inputs(name, batch)
    feed = dict(zip([item.name for item in session.inputs], feed.values(), strict=True))

    def call() -> Any:
        return session.run(feed)

    while not session.settled(feed):
        call()
    return call


def eager_call(name: str, batch: int) -> Work:
    """One evaluation in torch, as the published module is."""
    import torch

    module = reference(name)
    given = [torch.from_numpy(value) for value in inputs(name, batch).values()]

    def call() -> Any:
        with torch.inference_mode():
            return module(*given)

    return call


CALLS: dict[str, Callable[[Path], Work]] = {}
"""Contenders whose processes stay and are asked in turns: what they call."""

for _model in ("resnet50", "ddpm"):
    for _batch in BATCHES:
        _files = {"ours": "ours", "int8_whole": "int8", "fixed": f"fixed_{_batch}", "export": f"theirs_{_batch}"}
        for _kind, _file in _files.items():
            CALLS[f"{_kind}_{_model}_{_batch}"] = lambda folder, m=_model, b=_batch, f=_file: onnx_call(
                folder / f"{m}_{f}.onnx", m, b
            )
        for _kind, _file in {"session": "ours", "int8": "int8"}.items():
            CALLS[f"{_kind}_{_model}_{_batch}"] = lambda folder, m=_model, b=_batch, f=_file: session_call(
                folder / f"{m}_{f}.onnx", m, b
            )
        CALLS[f"free_{_model}_{_batch}"] = lambda folder, m=_model, b=_batch: onnx_call(
            folder / f"{m}_theirs_free.onnx", m, b
        )
        CALLS[f"eager_{_model}_{_batch}"] = lambda folder, m=_model, b=_batch: eager_call(m, b)


def serve(name: str, folder: Path) -> None:
    """Answers each line of the input with the median seconds of as many calls as it says.

    The other contender has had the caches and the cores, and a virtual machine takes its time to give them back: calls
    are slow for some 60 ms. So a turn begins with calls that do not count.
    """
    call = CALLS[name](folder)
    timed(call, warm=3)
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        while time.perf_counter() - start < SETTLING:
            call()
        print(timed(call, repeats=int(line)), flush=True)


def _register(name: str, work: Callable[[Path], float]) -> None:
    work.__name__ = name
    contender(work)


# -- sampling ----------------------------------------------------------------------------------------------------------


def _schedule() -> Any:
    from archgraph.diffusion import Schedule

    return Schedule(kind="linear", beta_start=BETAS[0], beta_end=BETAS[1])


def _noise(batch: int) -> Any:
    import torch

    return torch.randn(batch, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def _our_run(folder: Path, batch: int, kind: str = "run") -> Callable[[], Any]:
    """DDIM over an exported file, as `archgraph sample` runs it: its time branch is computed once for all steps."""
    from archgraph.diffusion import sample
    from archgraph.runtime import Session

    session, noise = Session(folder / f"ddpm_{kind}.onnx", device="cpu"), _noise(batch).numpy()
    how = {"schedule": _schedule(), "prediction": "epsilon", "sampler": "ddim", "steps": STEPS, "clip": True}
    return lambda: sample(session, noise=noise, batch=batch, **how)


def _their_run(folder: Path, batch: int) -> Callable[[], Any]:
    """diffusers' pipeline over its own module with the same weights, from the same noise."""
    import torch

    unet = reference("ddpm")  # makes torchvision importable, which diffusers looks for
    from diffusers import DDIMPipeline, DDIMScheduler

    scheduler = DDIMScheduler(beta_start=BETAS[0], beta_end=BETAS[1], beta_schedule="linear", clip_sample=True)
    pipeline = DDIMPipeline(unet=unet, scheduler=scheduler)
    pipeline.set_progress_bar_config(disable=True)

    def run() -> Any:
        generator = torch.Generator().manual_seed(0)
        return pipeline(batch_size=batch, generator=generator, num_inference_steps=STEPS, output_type="np").images

    return run


def _ddim_difference(folder: Path) -> float:
    """The largest difference of the pictures, in the range of the pipeline's, 0 to 1."""
    import numpy as np

    ours = (_our_run(folder, 1)() / 2 + 0.5).clip(0, 1)
    theirs = _their_run(folder, 1)().transpose(0, 3, 1, 2)
    return float(np.abs(ours - theirs).max())


for _batch in (1, 4):
    _register(f"ours_ddim_{_batch}", lambda folder, b=_batch: timed(_our_run(folder, b), warm=1))
    _register(f"int8_ddim_{_batch}", lambda folder, b=_batch: timed(_our_run(folder, b, "run_int8"), warm=1))
    _register(f"pipeline_ddim_{_batch}", lambda folder, b=_batch: timed(_their_run(folder, b), warm=1))
