"""What follows from constants and no input: computed once, at import, where the program changes it in place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx
from torch.utils import _pytree as pytree

from archgraph.importing.conversion.views import changes_its_input, operation_name
from archgraph.importing.proof.float64_evaluation import float64_evaluation

MOST_ELEMENTS = 4_000_000
"""Of a value that is computed here."""
MOST_NUMBERS = 40_000
"""Of a constant that a spec holds."""
_FILLED = {"new_zeros": 0, "new_ones": 1, "new_full": None, "zeros_like": 0, "ones_like": 1, "full_like": None}
"""Operations that read shape and element type of a value and no number of it, and the number that they fill with."""
_RANDOM = ("rand", "dropout", "bernoulli", "normal", "multinomial", "empty")


@dataclass(slots=True)
class _Run:
    """A run of the operations whose values are known. `changes` counts how often a memory was changed."""

    values: dict[fx.Node, torch.Tensor] = field(default_factory=dict)
    changes: dict[int, int] = field(default_factory=dict)
    reads: list[tuple[fx.Node, fx.Node, int]] = field(default_factory=list)
    """Who reads which value after its memory was changed, and after how many changes."""
    snapshots: dict[tuple[fx.Node, int], torch.Tensor] = field(default_factory=dict)


Constants = Mapping[fx.Node, torch.Tensor]


def fold_changed_constants(graph: fx.Graph, constants: dict[fx.Node, torch.Tensor]) -> Constants:
    """Puts new constants in the place of constants that the program changes in place, for those who read them later.
    Returns those in float32 without the rounding on their way, where that is all that float64 changes."""
    if not any(changes_its_input(node) for node in graph.nodes):
        return {}
    run, exact = _run(graph, constants), _run(graph, constants, wide=True)
    made: dict[tuple[fx.Node, int], fx.Node] = {}
    if any(found.numel() > MOST_NUMBERS for found in run.snapshots.values()):
        return {}  # too many for a file: its changes are written down
    precise: dict[fx.Node, torch.Tensor] = {}
    for reader, value, count in run.reads:
        key = (value, count)
        if key not in made:
            made[key] = _constant(graph, value)
            constants[made[key]] = run.snapshots[key]
            precise[made[key]] = _without_rounding(run.snapshots[key], exact.snapshots.get(key))
        reader.replace_input_with(value, made[key])
    for node in reversed(list(graph.nodes)):
        if node in run.values and node.op == "call_function" and not node.users:
            graph.erase_node(node)
    return precise


def without_unread(graph: fx.Graph) -> None:
    """Drops the operations whose results nobody reads."""
    for node in reversed(list(graph.nodes)):
        if node.op == "call_function" and not node.users:
            graph.erase_node(node)


def fold_read_numbers(graph: fx.Graph, constants: Mapping[fx.Node, torch.Tensor]) -> None:
    """Puts the number itself where an operation takes a number that the program reads from a constant, as the fill of
    `x.new_full(size, self.strides[0])` where `strides` is a plain tensor."""
    for node in list(graph.find_nodes(op="call_function", target=torch.ops.aten.item.default)):
        source = node.args[0]
        found = None if _is_changed(source, constants) else constants.get(source, computed(source, constants))
        if found is None or found.is_meta:
            continue
        numbers = {node: found.item()}

        def number_of(one: fx.Node, numbers: Mapping[fx.Node, Any] = numbers) -> Any:
            return numbers.get(one, one)

        for reader in list(node.users):
            reader.args, reader.kwargs = fx.map_arg((reader.args, reader.kwargs), number_of)
        graph.erase_node(node)


def _is_changed(node: fx.Node, constants: Mapping[fx.Node, torch.Tensor]) -> bool:
    """Whether the program changes in place what a value is made of."""
    behind = {node, *_needed(node, constants)}
    behind |= {value for one in behind for value in one.all_input_nodes}
    return any(changes_its_input(reader) and reader.args[0] is one for one in behind for reader in one.users)


def computed(node: fx.Node, constants: Mapping[fx.Node, torch.Tensor]) -> torch.Tensor | None:
    """The value of an operation that follows from constants; None for one that follows from inputs or weights, and for
    one with several results."""
    found = computed_results(node, constants)
    return found if isinstance(found, torch.Tensor) else None


def computed_results(node: fx.Node, constants: Constants, *, wide: bool = False) -> Any:
    """All results of an operation that follows from constants; None for one that does not. `wide`: in float64 where the
    program is in float32."""
    needed = list(_needed(node, constants))
    run = _Run({key: value for key, value in constants.items() if not value.is_meta})
    for one in needed:
        if not _is_known(one, run):
            return None
        run.values[one] = _evaluated(one, run, wide)
    return run.values.get(node)


def unrounded(node: fx.Node, found: torch.Tensor, constants: Constants) -> torch.Tensor:
    """A constant in float32 without the rounding on its way, where that is all that float64 changes."""
    if found.dtype != torch.float32:
        return found
    return _without_rounding(found, computed_results(node, constants, wide=True))


def _without_rounding(found: torch.Tensor, precise: torch.Tensor | None) -> torch.Tensor:
    if precise is None or found.dtype != torch.float32 or found.shape != precise.shape:
        return found
    return precise if torch.allclose(precise.float(), found, rtol=1e-4, atol=1e-6, equal_nan=True) else found


def _needed(node: fx.Node, constants: Mapping[fx.Node, torch.Tensor]) -> Iterator[fx.Node]:
    """The operations behind a value, in the order in which they run."""
    seen: set[fx.Node] = set()
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if one not in seen and one not in constants:
            seen.add(one)
            waiting.extend(() if _filling(one) is not None else one.all_input_nodes)
    return (one for one in node.graph.nodes if one in seen)


def _run(graph: fx.Graph, constants: Constants, wide: bool = False) -> _Run:
    copies = {node: value.clone() for node, value in constants.items() if not value.is_meta}
    run = _Run({node: _wide(value) for node, value in copies.items()} if wide else copies)
    for node in graph.nodes:
        is_known = _is_known(node, run)
        for value in node.all_input_nodes:
            _note_read(run, node, value)
        if not is_known:
            continue
        run.values[node] = _evaluated(node, run, wide)
        if changes_its_input(node):
            memory = _memory(run.values[node])
            run.changes[memory] = run.changes.get(memory, 0) + 1
    return run


def _note_read(run: _Run, reader: fx.Node, value: fx.Node) -> None:
    found = run.values.get(value)
    if not isinstance(found, torch.Tensor):
        return
    count = run.changes.get(_memory(found), 0)
    if not count or (changes_its_input(reader) and reader.args[0] is value and _is_known(reader, run)):
        return
    run.reads.append((reader, value, count))
    run.snapshots.setdefault((value, count), found.clone())


def _memory(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _is_known(node: fx.Node, run: _Run) -> bool:
    """Whether an operation reads nothing but what is known, and makes the same whenever it runs."""
    if node.op != "call_function" or any(word in str(node.target) for word in _RANDOM):
        return False
    found = node.meta.get("val")
    if not isinstance(found, (torch.Tensor, list, tuple)) or not _is_small(found):
        return False
    return _filling(node) is not None or all(value in run.values for value in node.all_input_nodes)


def _filling(node: fx.Node) -> float | None:
    """The number that an operation fills a tensor with, of whose inputs it reads no number."""
    name = operation_name(node)
    if node.op != "call_function" or name not in _FILLED:
        return None
    given = _FILLED[name]
    found = given if given is not None else (node.args[-1] if len(node.args) > 1 else node.kwargs.get("fill_value"))
    return found if isinstance(found, (bool, int, float)) else None


def _is_small(found: object) -> bool:
    parts = found if isinstance(found, (list, tuple)) else [found]
    sizes = [size for part in parts if isinstance(part, torch.Tensor) for size in part.shape]
    if any(isinstance(size, torch.SymInt) for size in sizes):
        return False
    return all(part.numel() <= MOST_ELEMENTS for part in parts if isinstance(part, torch.Tensor))


def _evaluated(node: fx.Node, run: _Run, wide: bool = False) -> torch.Tensor:
    number = _filling(node)
    if number is not None:
        dtype = node.meta["val"].dtype
        return torch.full(node.meta["val"].shape, number, dtype=_wide(dtype) if wide else dtype, device="cpu")
    arguments, kept = fx.map_arg((node.args, node.kwargs), lambda one: run.values[one])
    options = dict(kept)
    if "device" in options:
        options["device"] = torch.device("cpu")
    if wide:
        arguments, options = pytree.tree_map(_wide, (arguments, options))
    with torch.device("cpu"), torch.no_grad(), float64_evaluation() if wide else nullcontext():
        made: torch.Tensor = node.target(*arguments, **options)  # type: ignore[operator]
    return made


def _wide(value: Any) -> Any:
    if isinstance(value, torch.Tensor) and value.dtype == torch.float32:
        return value.double()
    return torch.float64 if value is torch.float32 else value


def _constant(graph: fx.Graph, like: fx.Node) -> fx.Node:
    first = next(iter(graph.nodes))
    with graph.inserting_before(first):
        made = graph.create_node("placeholder", f"constant_{like.name}")
    made.meta = dict(like.meta)
    return made
