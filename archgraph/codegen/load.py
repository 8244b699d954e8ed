"""Text → module: executed once per hash, visible to linecache, inspect and pickle, instantiated from one seed."""

from __future__ import annotations

import hashlib
import linecache
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import nn

from archgraph.codegen.kept_constants import keep_constants
from archgraph.codegen.meta_modules import on_meta_device
from archgraph.codegen.parallel_initialization import drawn_in_parallel
from archgraph.codegen.printing.spans import WrittenSource
from archgraph.codegen.tracebacks import add_note
from archgraph.errors import CompileError
from archgraph.graph.types import Graph

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_]+")
PACKAGE = "archgraph_generated"


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a module was made from. Copies of the module share it; pickles carry it."""

    graph: Graph
    written: WrittenSource

    def __deepcopy__(self, memo: dict[int, Any]) -> Provenance:
        return self


def graph_of(module: nn.Module) -> Graph:
    """The graph that a module of `to_torch` was made from, also where torch has wrapped the module.

    Raises CompileError for any other module.
    """
    found = vars(unwrapped(module)).get("_archgraph")
    if not isinstance(found, Provenance):
        raise CompileError(
            "this module was not made by to_torch",
            expected="a whole network as to_torch returned it, or a copy of one",
            received=type(module).__name__,
            hint=_foreign_module_hint(module),
        )
    return found.graph


def unwrapped(module: nn.Module) -> nn.Module:
    """The module inside of `torch.compile`, DataParallel, DistributedDataParallel or AveragedModel."""
    while "_archgraph" not in vars(module):
        children = dict(module.named_children())
        inner = children.get("_orig_mod", children.get("module"))
        if inner is None or len(children) > 1:
            break
        module = inner
    return module


def _foreign_module_hint(module: nn.Module) -> str:
    """The hint for a module that archgraph did not generate: how to export it, or which submodule to pass."""
    if isinstance(module, torch.jit.ScriptModule):
        return "give the module that it was scripted or traced from"
    holders = [name for name, child in module.named_modules() if "_archgraph" in vars(child)]
    if holders:
        return f"it holds one: give model.get_submodule({holders[0]!r})"
    if type(module).__module__.startswith(f"{PACKAGE}."):
        return "it is a part of a network: give the whole one"
    return "torch.onnx.export writes modules that others made"


def instantiate(graph: Graph, written: WrittenSource, seed: int | None) -> nn.Module:
    """The network with torch's own initialisation from `seed`, or without one on the meta device, but for constants."""
    file = load_source(_plain(graph.name), written.text)
    if seed is None:
        module = on_meta_device(file, written.root)
    else:
        with _seeded(seed), drawn_in_parallel():
            module = getattr(file, written.root)()
    object.__setattr__(module, "_archgraph", Provenance(graph, written))
    return module


def load_source(name: str, text: str) -> ModuleType:
    """The Python module of a generated file, executed the first time it is asked for."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    full = f"{PACKAGE}.{name}_{digest}"
    if full in sys.modules:
        return sys.modules[full]
    file = ModuleType(full)
    file.__file__ = f"<archgraph {name} {digest}>"
    linecache.cache[file.__file__] = (len(text), None, text.splitlines(keepends=True), file.__file__)
    sys.modules[full] = file
    try:
        exec(compile(text, file.__file__, "exec"), file.__dict__)
    except BaseException:
        del sys.modules[full]
        raise
    classes = [made for made in vars(file).values() if isinstance(made, type) and made.__module__ == full]
    for made in classes:
        _equip(made, name, text)
    if classes:  # the network itself stands last: notes are added where its forward is left
        setattr(classes[-1], "__call__", _noted(nn.Module.__call__))  # noqa: B010 - mypy refuses the assignment
    return file


def restore(name: str, text: str, kind: str) -> nn.Module:
    """An empty module of a generated class: what pickles and copies are made with. Its name and place stay as they
    are, because pickles refer to them."""
    made = getattr(load_source(name, text), kind)
    module: nn.Module = made.__new__(made)
    return module


def _equip(made: type[nn.Module], name: str, text: str) -> None:
    """Adds pickling by source, and constants that survive the meta device, to a generated class, of which the text
    stays plain PyTorch."""

    def reduced(self: nn.Module, protocol: Any) -> Any:
        if type(self) is not made:  # a parametrized or wrapped class has ways of its own
            return object.__reduce_ex__(self, protocol)
        return restore, (name, text, made.__name__), self.__getstate__()  # type: ignore[no-untyped-call]

    setattr(made, "__reduce_ex__", reduced)  # noqa: B010 - mypy refuses the assignment
    keep_constants(made)


def _noted(plain: Callable[..., Any]) -> Callable[..., Any]:
    def called(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        made_from = self.__dict__.get("_archgraph")
        if made_from is None or torch.compiler.is_compiling():
            return plain(self, *args, **kwargs)
        try:
            return plain(self, *args, **kwargs)
        except Exception as error:
            add_note(error, self, made_from.written)
            raise

    called.__name__ = "__call__"
    return called


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """torch's generator at a seed, and afterwards as it was."""
    before = torch.default_generator.get_state()
    torch.default_generator.manual_seed(seed)
    try:
        if torch.get_default_device().type == "cpu":
            yield
        else:
            with torch.device("cpu"):
                yield
    finally:
        torch.default_generator.set_state(before)


def _plain(name: str) -> str:
    return _NOT_IN_A_NAME.sub("_", name)[:60] or "network"
