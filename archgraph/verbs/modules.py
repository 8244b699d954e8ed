"""A network as a torch module, and its weights."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from archgraph.errors import SpecError, WeightsError
from archgraph.verbs.networks import Network, as_graph

if TYPE_CHECKING:
    import torch

    from archgraph.graph.types import Graph
    from archgraph.weights.fitting import FittedWeights
    from archgraph.weights.reports import WeightsReport
    from archgraph.weights.requests import Texts, WeightsRequest

Weights: TypeAlias = "str | Path | Mapping[str, Any] | WeightsRequest | FittedWeights"
"""A file, a state dict, files for parts of a network, or a request that says what is done so that they fit."""


def to_torch(
    graph: Network,
    weights: Weights | None = None,
    seed: int = 0,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    inplace: bool = False,
) -> torch.nn.Module:
    """An ordinary torch module with the published parameter names, compiled from generated source.

    Weights start as torch starts them, from `seed`, or come from a safetensors file or a state dict (strictly:
    WeightsError lists what is missing, unexpected or misshapen), or as a `WeightsRequest` has them. Those in an
    exported file (`net.onnx`) are not read,
    which is a warning: `weights=` takes those it was made of, and a session runs the file itself. On the device `meta`
    they have shapes alone.

    With `inplace`, activations and sums overwrite what convolutions, norms and sums made, as in most published
    implementations: the same results in less time and memory, but hooks that keep what a module returned see the
    changed values, and torch refuses backward hooks of such a module.

    Raises ProviderError for a device that is not there, SpecError for a `dtype` that weights cannot have.
    """
    from archgraph.codegen import to_torch as compile_torch

    if hasattr(graph, "state_dict"):
        raise SpecError("this is a module already", expected="a graph or a spec", received=type(graph).__name__)
    if type(seed) is not int:
        raise SpecError("`seed` must be a whole number", received=repr(seed))
    network = as_graph(graph)
    if weights is None:
        warn_of_random_weights(network)
    return compile_torch(network, weights=weights, seed=seed, device=device, dtype=dtype, inplace=inplace)


def warn_of_random_weights(graph: Graph) -> None:
    """A warning, to the caller of a verb, that a graph from an exported file has none of that file's weights: they are
    folded, transposed and rounded there, and no state dict."""
    if graph.info.exported:
        message = (
            f"only the spec is read from {graph.info.exported}, so the weights are random; `weights=` loads those it"
            " was made of, and an open session runs the file itself"
        )
        warnings.warn(message, stacklevel=3)


def load_weights(
    network: Network | Any,
    weights: Weights,
    *,
    part: str = "",
    fresh: Texts = (),
    rename: Texts = (),
    resize: Texts = (),
    lora: Texts = (),
) -> WeightsReport:
    """Puts weights into a module, any of torch's, and says what was done so that they fit; what the options name, and
    nothing else, may differ.

    Of a graph or a spec the report says whether, and how, they would fit: `to_torch` and `to_onnx` take the same
    options as a `WeightsRequest`. Files are not read further than that takes. Raises WeightsError with all that does
    not fit; then the module is as it was.
    """
    from archgraph.weights.fitting import fitted
    from archgraph.weights.requests import WeightsRequest
    from archgraph.weights.targets import network_of

    if part or fresh or rename or resize or lora:
        if not isinstance(weights, (str, Path, Mapping, list, tuple)):
            raise WeightsError("options belong to files", received=type(weights).__name__)
        weights = WeightsRequest(weights, part, fresh, rename, resize, lora)
    if isinstance(network, (str, Path, Mapping)) or not hasattr(network, "state_dict"):
        return fitted(network_of(as_graph(network)), weights).report
    from archgraph.codegen.weights import fill, network_of_module

    module: Any = network
    found = fitted(network_of_module(module), weights)
    fill(module, found)
    return found.report


def trained_weights(graph: Network) -> Path | None:
    """The file of trained weights that the spec names in `meta.weights`, in its own folder or below; None without.

    Raises WeightsError where it lies elsewhere or is missing.
    """
    from archgraph.language.trained_weights import trained_weights as find_weights

    return find_weights(as_graph(graph))
