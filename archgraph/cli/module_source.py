"""A SPEC argument that names a module of PyTorch: it is imported for this run, its weights included."""

from __future__ import annotations

import atexit
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archgraph.graph.types import Graph

_SOURCE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.\-/]*\Z")
_weights: dict[int, Path] = {}
"""The weights of the imported modules, by the id of their graph, which lives as long as the command."""
_graphs: list[Graph] = []


def names_module(text: str) -> bool:
    """Whether an argument names a module of Python, as `timm:resnet18` does."""
    return _SOURCE.match(text) is not None and not Path(text).exists()


def imported_graph(text: str) -> Graph:
    """The graph of a module, proved equal to it. Raises ImportingError."""
    import_from_here()
    from archgraph.importing.api import import_module
    from archgraph.importing.sources import module_source
    from archgraph.verify.shape_check import save_weights

    found = import_module(module_source(text))
    folder = Path(tempfile.mkdtemp(prefix="archgraph-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _weights[id(found.graph)] = folder / "weights.safetensors"
    _graphs.append(found.graph)
    save_weights(found.module, _weights[id(found.graph)])
    return found.graph


def imported_weights(graph: Graph) -> Path | None:
    """The weights that came with an imported graph."""
    return _weights.get(id(graph))


def import_from_here() -> None:
    """Files of the current folder are modules, as they are for python itself."""
    if "" not in sys.path:
        sys.path.insert(0, "")
