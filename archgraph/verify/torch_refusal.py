"""Where torch refuses to run a network: the inputs of which case, in which node, and what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from archgraph.artifact.arrays import Array
from archgraph.errors import Mark, Problem, VerificationError
from archgraph.export.lowering.emit import output_names
from archgraph.graph.types import Graph, walk
from archgraph.verify.cases import Case

if TYPE_CHECKING:
    from torch import nn


def refused(
    graph: Graph, module: nn.Module, tried: Sequence[tuple[Case, Mapping[str, Array]]], error: Exception
) -> VerificationError:
    """The error for what torch raised, with the case and the node in which it does so again."""
    for case, inputs in tried:
        found = _last_entered(module, list(output_names(graph).values()), inputs)
        if found is not None:
            mark, address = _place(graph, found)
            at = " ".join(f"{name}={size}" for name, size in case.sizes.items()) or "its only sizes"
            return _error(graph, f"at {at}", error, mark, address)
    at = "; ".join(str(dict(case.sizes)) for case, _ in tried)
    return _error(graph, f"at {at}", error)


def _error(graph: Graph, at: str, error: Exception, mark: Mark | None = None, address: str = "") -> VerificationError:
    said = str(error).partition("\n")[0] or type(error).__name__
    return VerificationError(Problem(f"torch does not run {graph.title} {at}", mark, address, received=said))


def _last_entered(module: nn.Module, names: Sequence[str], inputs: Mapping[str, Array]) -> str | None:
    """The path of the innermost module that was running when torch raised; None where it does not."""
    from archgraph.verify.reference_values import run_module

    running: list[str] = []
    hooks: list[Any] = []
    for path, child in module.named_modules():
        # First of all hooks: others may be what raises.
        hooks.append(child.register_forward_pre_hook(partial(_enter, running, path), prepend=True))
        hooks.append(child.register_forward_hook(lambda *_: _leave(running)))
    try:
        run_module(module, names, inputs)
    except Exception:  # the error was told before; this looks for its place
        return running[-1] if running else ""
    finally:
        for hook in hooks:
            hook.remove()
    return None


def _enter(running: list[str], path: str, *_: Any) -> None:
    running.append(path)


def _leave(running: list[str]) -> None:
    running.pop()


def _place(graph: Graph, path: str) -> tuple[Mark | None, str]:
    """The line of the node with a module of that path, else the path alone."""
    node = next((placed.node for placed in walk(graph) if placed.path == path), None)
    return (None, path) if node is None else (node.origin.mark, node.origin.address or path)
