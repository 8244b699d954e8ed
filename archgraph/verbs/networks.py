"""A network by whatever names it: a spec, a shipped name, a mapping, an exported file, a graph or a module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

from archgraph.errors import ArchgraphError, SpecError
from archgraph.garbage_collection import uncollected

if TYPE_CHECKING:
    import torch

    from archgraph.graph.types import Graph

Spec: TypeAlias = "str | Path | Mapping[str, Any]"
Network: TypeAlias = "Graph | Spec"
"""What the verbs take: a graph, or anything that `load` makes one of."""


@uncollected()  # what the first load imports stays as well
def load(spec: Spec, preset: str | None = None, **params: Any) -> Graph:
    """The proved graph of a spec.

    `spec` is a path (`net.yaml`, `net.yaml@preset`), the name of a shipped model or preset (`resnet50`,
    `ddpm@cifar10`), a mapping, or a file that `to_onnx` wrote (`net.onnx`), of which the embedded spec is read and not
    the weights; `params` override the preset's parameters. Raises SpecError with every independent problem of the file,
    ModelFileError for an ONNX file that archgraph did not write.
    """
    from archgraph.graph.notebook import draw_with
    from archgraph.language.load import load as load_spec

    draw_with(_picture)
    request = _checked_request(spec)
    if is_exported(request):  # its weights are not read: see `to_torch`
        return _embedded(Path(request), preset, params)
    return load_spec(request, preset, **params)


def node_paths(given: str | Iterable[str]) -> tuple[str, ...]:
    """One path, or several."""
    return (given,) if isinstance(given, str) else tuple(given)


@uncollected()
def check(spec: Spec, preset: str | None = None, **params: Any) -> list[Graph]:
    """One proved graph per preset, so that every block is looked at. Raises SpecError with the problems of all."""
    from archgraph.language.load import check as check_spec

    if is_exported(request := _checked_request(spec)):
        return [_embedded(Path(request), preset, params)]
    return check_spec(request, preset, **params)


def _checked_request(spec: Spec) -> Spec:
    """Raises SpecError for what is neither a path, a name nor a mapping, and for a file of another kind."""
    from archgraph.artifact.file_kinds import ONNX, SAFETENSORS, kind_of

    if not isinstance(spec, (str, Path, Mapping)):
        raise SpecError(
            "this is no spec",
            expected="a path, a shipped name or a mapping",
            received=type(spec).__name__,
            hint="summarize, render, code, diff and to_onnx take the module itself" if is_module(spec) else "",
        )
    if isinstance(spec, Mapping) and any(hasattr(value, "shape") for value in spec.values()):
        raise SpecError("this is a state dict, and no spec", hint="hand it over as `weights=`")
    if isinstance(spec, str) and "\n" in spec:
        raise SpecError("this is the text of a spec, and no path", hint="write it to a file, or hand over the mapping")
    kind = "" if isinstance(spec, Mapping) else kind_of(Path(spec))
    if kind and kind != ONNX:
        hint = f"weights have an argument of their own: --weights {spec}" if kind == SAFETENSORS else ""
        raise SpecError(f"{spec} is {kind}, and no spec", expected="a .yaml or .json file", hint=hint)
    return spec


def _embedded(path: Path, preset: str | None, params: Mapping[str, Any]) -> Graph:
    """The graph of an exported file. Raises SpecError where parameters are asked for, which are settled in it."""
    from archgraph.verify.embedded_spec import embedded_graph

    if preset or params:
        given = ", ".join([*([f"the preset {preset}"] if preset else []), *params])
        raise SpecError(f"{path} is exported: its parameters are settled", received=given, hint="change its spec")
    return embedded_graph(path)


def _picture(graph: Graph) -> str | None:
    """A picture for a notebook, or None where it cannot be drawn."""
    import tempfile

    try:
        from archgraph.diagram import View, render

        with tempfile.TemporaryDirectory(prefix="archgraph-") as folder:
            return render(graph, Path(folder) / "graph.svg", View()).read_text(encoding="utf-8")
    except (ArchgraphError, ImportError, OSError):  # Graphviz is missing, or too slow
        return None


def as_graph(network: Network) -> Graph:
    """A graph as it is, and the one that a module was made from; anything else is loaded. Raises SpecError."""
    from archgraph.graph.types import Graph

    if is_module(network):
        return graph_behind(network)
    return network if isinstance(network, Graph) else load(network)


def graph_behind(network: Graph | torch.nn.Module) -> Graph:
    """The graph of a network or of a module. Raises CompileError."""
    from archgraph.codegen import graph_of
    from archgraph.graph.types import Graph

    return network if isinstance(network, Graph) else graph_of(network)


def is_module(network: object) -> TypeGuard[torch.nn.Module]:
    """Whether it is a module that `to_torch` made."""
    return "_archgraph" in getattr(network, "__dict__", {})


def is_exported(network: object) -> TypeGuard[str | Path]:
    """Whether it is the path of an ONNX file."""
    from archgraph.artifact.file_kinds import ONNX, kind_of

    return isinstance(network, (str, Path)) and (Path(network).suffix == ".onnx" or kind_of(Path(network)) == ONNX)
