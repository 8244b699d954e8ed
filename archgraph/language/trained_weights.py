"""Trained weights that lie beside a spec: `meta: {weights: weights/digits.safetensors}`."""

from __future__ import annotations

from pathlib import Path

from archgraph.artifact.file_kinds import is_file
from archgraph.errors import WeightsError
from archgraph.graph.types import Graph


def trained_weights(graph: Graph) -> Path | None:
    """The file that `meta.weights` names, relative to the spec; by preset where it is a mapping. None without.

    Raises WeightsError where it is no path, lies outside of the spec's folder, or is missing.
    """
    named = graph.info.meta.get("weights")
    if isinstance(named, dict):
        named = named.get(graph.info.preset)
    if named is None or not Path(graph.info.file).is_file():  # a mapping lies in no folder
        return None
    home = Path(graph.info.file).resolve().parent
    path = home / named if isinstance(named, str) else home
    if not isinstance(named, str) or Path(named).is_absolute() or not _resolved(path, graph).is_relative_to(home):
        raise WeightsError(
            f"the trained weights of {graph.title} are not named rightly",
            expected="meta: {weights: …}, a path in the spec's folder or below it",
            received=repr(named)[:200],
        )
    if not is_file(path):
        raise WeightsError(
            f"the trained weights of {graph.title} are missing",
            expected=str(path),
            hint=_why_missing(graph, home),
        )
    return path


def _resolved(path: Path, graph: Graph) -> Path:
    """The path without links. Raises WeightsError where they lead in a circle, or where the name is none."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its links lead back to it"
        message = f"the trained weights of {graph.title} cannot be opened"
        raise WeightsError(message, expected=str(path)[:200], received=str(reason)) from None


def _why_missing(graph: Graph, home: Path) -> str:
    """A run that ended before its first checkpoint has no weights yet."""
    run = graph.info.meta.get("self_contained") is True and (home / "checkpoints").is_dir()
    return f"the run in {home} ended before it wrote any (train.save_every); train again" if run else ""
