"""What later versions of the standard operators call otherwise."""

from __future__ import annotations

from collections.abc import Iterable

from archgraph.export.lowering.program import OnnxNode, Program

_RENAMED_MODES = 20
_MODES = {"bilinear": "linear", "bicubic": "cubic"}


def rename_modes(program: Program) -> None:
    """The modes of GridSample have other names from opset 20 on."""
    if program.opset >= _RENAMED_MODES:
        _rename(program.nodes)


def _rename(nodes: Iterable[OnnxNode]) -> None:
    for node in nodes:
        if node.kind == "GridSample":
            mode = str(node.attributes["mode"])
            node.attributes = {**node.attributes, "mode": _MODES.get(mode, mode)}
        if node.body is not None:
            _rename(node.body.nodes)
