"""A network is trained on pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph.errors import TrainingError
from archgraph.verbs.networks import Network, as_graph, is_module, node_paths

if TYPE_CHECKING:
    import torch

    from archgraph.training import Machine, TrainingResult
    from archgraph.training.progress import Progress


def train(
    graph: Network | torch.nn.Module,
    data: str | Path,
    folder: str | Path,
    *,
    loss: Callable[[Any, torch.Tensor], torch.Tensor] | str | None = None,
    weights: str | Path | Mapping[str, torch.Tensor] | None = None,
    freeze: str | Iterable[str] = (),
    recipe: Mapping[str, Any] | None = None,
    seed: int = 0,
    resume: bool = False,
    machine: Machine | None = None,
    tell: Callable[[str], None] | None = None,
    watch: Callable[[Progress], None] | None = None,
) -> TrainingResult:
    """Trains a network by the recipe of its `meta.train` and writes a folder that every verb takes as a spec.

    - `data`: a folder of images, one folder per class, a folder with `images/` and `masks/`, an .npz file, or digits.
    - `loss(output, target)` takes the place of the task's own loss; a network whose spec names no task needs one. The
      target is the labels [N] or the masks [N, H, W] of the pictures, or the pictures where they have neither; of a
      diffusion network, what it should have predicted. A text names a loss of an enabled plugin: "gates.focal".
    - `weights` are those to begin with, as `to_torch` takes them; a module begins with its own. `freeze`: paths or
      patterns of what is not trained. `recipe` changes keys of the spec's: `{"steps": 500, "rates": {"fc": 10}}`.
    - `machine` is `archgraph.training.Machine(device, devices, …)`. `tell` is called with each note, `watch` at every
      step.

    Raises TrainingError, InputError for the pictures, and WeightsError.
    """
    from archgraph.training import TrainingRequest
    from archgraph.training import train as train_graph

    for name, value in (("data", data), ("folder", folder)):
        if not isinstance(value, (str, os.PathLike)):
            raise TrainingError(
                f"`{name}` is no path",
                expected="train(graph, 'pictures', 'run')",
                received=type(value).__name__,
                hint="arrays: np.savez('pictures.npz', images=…, labels=…)" if name == "data" else "",
            )
    network: Any = graph
    if weights is None and is_module(network):
        weights = network.state_dict()
    changes = {**(recipe or {}), **({"freeze": list(node_paths(freeze))} if freeze else {})}
    request = TrainingRequest(os.fspath(data), changes, seed, weights, resume, loss)
    return train_graph(as_graph(network), request, folder, machine, tell or _silent, watch or _silent)


def _silent(said: object) -> None:
    """Nobody listens."""
