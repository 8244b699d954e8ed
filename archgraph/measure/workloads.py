"""A network as a function from arrays to arrays, by torch or by ONNX Runtime, for a child process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from archgraph.errors import ProviderError

if TYPE_CHECKING:
    from archgraph.runtime import Session

Arrays = Mapping[str, npt.NDArray[Any]]
Subject = Callable[[Arrays], Any]


def torch_subject(job: Mapping[str, Any]) -> Subject:
    """The module of a job, in the form that the job asks for. Raises ProviderError without the device."""
    import torch

    from archgraph.codegen import to_torch

    form, device = job["form"], job["device"]
    if device == "cuda" and not torch.cuda.is_available():
        raise ProviderError("torch finds no CUDA device", hint="--device cpu")
    model: Any = to_torch(graph_of_job(job), weights=job["weights"], seed=job["seed"]).eval().to(device)
    layout = torch.channels_last if form.get("channels_last") else torch.contiguous_format
    if form.get("channels_last"):
        model = model.to(memory_format=torch.channels_last)
    called: Any = torch.compile(model, dynamic=False) if form.get("compile") else model
    lowered = getattr(torch, form["autocast"]) if form.get("autocast") else None

    def run(arrays: Arrays) -> Any:
        tensors = [torch.from_numpy(array).to(device) for array in arrays.values()]
        placed = [x.contiguous(memory_format=layout) if x.ndim == 4 else x for x in tensors]
        cast = torch.autocast(device, dtype=lowered) if lowered is not None else nullcontext()
        with torch.inference_mode(), cast:
            return [x.cpu() for x in _tensors(called(*placed))]

    return run


def _tensors(found: Any) -> Sequence[Any]:
    if isinstance(found, Mapping):
        return list(found.values())
    return found if isinstance(found, (tuple, list)) else [found]


@dataclass(frozen=True, slots=True)
class OnnxSubject:
    """A session on a file."""

    session: Session

    def __call__(self, arrays: Arrays) -> Any:
        return self.session.run(arrays, copy=False)

    def settle(self, arrays: Arrays) -> None:
        """Runs until it is decided whether such a batch is split, so that calls take what they will take."""
        while not self.session.settled(arrays):
            self(arrays)


def onnx_subject(job: Mapping[str, Any]) -> OnnxSubject:
    """A session on the file of a job. Raises RunError."""
    from archgraph.runtime import Session

    return OnnxSubject(Session(job["file"], job["device"], job["threads"]))


def graph_of_job(job: Mapping[str, Any]) -> Any:
    """The graph, from the plain data of its spec, with the plugins that the parent has enabled for it."""
    from archgraph.language.load import load
    from archgraph.language.plugins import use_plugin

    for name in job["plugins"]:
        use_plugin(name)
    return load(job["spec"], job["preset"] or None, standalone=True, **job["params"])
