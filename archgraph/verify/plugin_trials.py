"""Every operation of a plugin tried as ours are: shapes, torch code, a reference, ONNX, and the traits it claims."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from archgraph.dims import Facts
from archgraph.errors import ArchgraphError, Problem
from archgraph.export.options import ExportOptions
from archgraph.export.profiles import PROFILES
from archgraph.ops.contract import REGISTRY, Example, Inputs, Operation, make
from archgraph.plugins import ENABLED, TORCH_RULES
from archgraph.plugins.faults import guarded, imported
from archgraph.plugins.plugin import DRAWERS, REFERENCES, Plugin
from archgraph.verify.plugin_contracts import compiled, drawn, problems_of, run, single
from archgraph.verify.verified_export import export_verified

if TYPE_CHECKING:
    from torch import Tensor, nn

DRAWS = 10
"""So many applications of an operation are drawn, where it has a drawer; those that it refuses count as drawn."""
TOLERANCE = 1e-4
"""How far torch code and reference may be apart, in parts of the largest number."""


@dataclass(slots=True)
class Application:
    """An operation with the types of its inputs, and the network of it alone, which is compiled once."""

    op: Operation
    inputs: Inputs
    _module: nn.Module | None = None

    @property
    def module(self) -> nn.Module:
        self._module = self._module or compiled(self.op, self.inputs)
        return self._module


@dataclass(frozen=True, slots=True)
class OperationTrial:
    """What was tried of an operation, and what is wrong with it."""

    operation: str
    applications: int
    drawn: bool
    reference: bool
    profiles: tuple[str, ...]
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "operation": self.operation,
            "ok": self.ok,
            "applications": self.applications,
            "drawn": self.drawn,
            "reference": self.reference,
            "profiles": list(self.profiles),
            "problems": [str(problem) for problem in self.problems],
        }


def try_operations(name: str) -> list[OperationTrial]:
    """Tries each operation of an enabled plugin, on its examples and on what its drawer draws.

    Raises PluginError where a file of the plugin cannot be imported.
    """
    plugin = ENABLED[name]
    references, drawers = _table(plugin, REFERENCES), _table(plugin, DRAWERS)
    kinds = [kind for _, kind in sorted(REGISTRY.items()) if kind.plugin == name]
    return [_tried(kind, references.get(kind.name), drawers.get(kind.name)) for kind in kinds]


def _table(plugin: Plugin, file: str) -> Mapping[str, Any]:
    """`REFERENCES` of references.py, `DRAWERS` of drawers.py: functions by operation."""
    module = imported(plugin, plugin.file(file), optional=True) if plugin.operations else None
    found = getattr(module, file.upper(), {})
    return found if isinstance(found, Mapping) else {}


def _tried(kind: type[Operation], reference: Any, drawer: Any) -> OperationTrial:
    applications: list[Application] = []
    problems: list[Problem] = []
    profiles: list[str] = []
    try:
        applications += _applications(kind, drawer)
        examples = applications[: len(kind.examples)]
        found = (_of_shapes(applications), _of_reference(applications, reference), _of_traits(examples))
        problems += next((wrong for wrong in map(list, found) if wrong), [])
        if not problems:
            profiles += _proved(kind, examples)
    except ArchgraphError as error:
        problems += error.problems
    return OperationTrial(
        kind.name, len(applications), drawer is not None, reference is not None, tuple(profiles), tuple(problems)
    )


def _applications(kind: type[Operation], drawer: Any) -> Iterator[Application]:
    """The examples, which it must take, and those of what is drawn that it takes. Raises SchemaError, ShapeError."""
    yield from (_application(kind, example) for example in kind.examples)
    rng = Random(0)
    for _ in range(DRAWS if drawer is not None else 0):
        example = guarded(kind.plugin, f"the drawer of {kind.name}", partial(drawer, rng))
        try:
            yield _application(kind, example)
        except ArchgraphError:  # a drawer may draw what is refused
            continue


def _application(kind: type[Operation], example: Example) -> Application:
    op, inputs = make(kind, example.attributes), Inputs(example.inputs)
    single(op, inputs)
    return Application(op, inputs)


def _of_shapes(applications: list[Application]) -> Iterator[Problem]:
    """Where the contract does not say what the torch code gives, or the cost cannot be counted."""
    for each in applications:
        op, inputs = each.op, each.inputs
        declared = op.infer(inputs, Facts())
        guarded(op.plugin, f"the cost of {op.name}", partial(op.macs, inputs, declared))
        found = list(problems_of(op, inputs, declared, each.module))
        yield from found
        if found:
            return


def _of_reference(applications: list[Application], reference: Any) -> Iterator[Problem]:
    """Where the torch code computes something else than the reference: a function of the operation and its inputs, or
    one that returns a module with the same state dict."""
    import torch

    for each in applications if reference is not None else ():
        op, inputs, module = each.op, each.inputs, each.module
        given = drawn(op, inputs)
        wanted = guarded(op.plugin, f"the reference of {op.name}", partial(reference, op, *given))
        if isinstance(wanted, torch.nn.Module):
            own = {key.removeprefix("it."): tensor for key, tensor in module.state_dict().items()}
            guarded(op.plugin, f"the state dict of the reference of {op.name}", partial(wanted.load_state_dict, own))
            wanted = guarded(op.plugin, f"the reference of {op.name}", partial(run, wanted.eval(), given))
        several = list(wanted) if isinstance(wanted, (tuple, list)) else [wanted]
        if not _alike(several, run(module, given)):
            yield _fault(op, "its torch code computes something else than its reference", TORCH_RULES, inputs)
            return


def _alike(wanted: list[Tensor], found: list[Tensor]) -> bool:
    import torch

    def close(a: Tensor, b: Tensor) -> bool:
        if a.shape != b.shape or a.dtype != b.dtype:
            return False
        largest = float(a.abs().max()) if a.is_floating_point() and a.numel() else 0.0
        return torch.allclose(a, b, rtol=0, atol=TOLERANCE * largest, equal_nan=True)

    return len(wanted) == len(found) and all(map(close, wanted, found))


def _of_traits(examples: list[Application]) -> Iterator[Problem]:
    """What the contract claims about numbers, measured on the examples whose inputs are numbers."""
    for each in examples:
        op, inputs = each.op, each.inputs
        if not inputs or any(kind.dtype != "float32" for kind in inputs.values()):
            continue
        given = drawn(op, inputs)
        apply: Callable[[list[Tensor]], list[Tensor]] = partial(run, each.module)
        found = apply(given)
        if op.traits.moves_data and not _commutes(apply, given, found):
            yield _fault(op, "moves_data is claimed, and its results are no elements of its inputs", "", inputs)
        if op.traits.gives_probabilities and any(((result < 0) | (result > 1)).any() for result in found):
            yield _fault(op, "gives_probabilities is claimed, and results are outside of 0 to 1", "", inputs)
        if not op.mixes_batch(inputs) and _mixes(apply, given, found):
            yield _fault(op, "a place of dimension 0 depends on others, and mixes_batch does not say so", "", inputs)


def _commutes(apply: Any, given: list[Tensor], found: list[Tensor]) -> bool:
    """Whether other numbers in the place of each are in its place in the results too."""
    import torch

    def changed(values: Tensor) -> Tensor:
        return torch.frac(values.abs() * 977.0) * 20 - 10

    return all(map(torch.equal, apply([changed(each) for each in given]), map(changed, found)))


def _mixes(apply: Any, given: list[Tensor], found: list[Tensor]) -> bool:
    """Whether another last element along dimension 0 changes the others, where results have that dimension too."""
    import torch

    batch = given[0].shape[0] if given[0].ndim else 1
    if batch == 1 or any(each.shape[:1] != (batch,) for each in found):
        return False
    after = apply([torch.cat([given[0][:-1], given[0][-1:] + 2]), *given[1:]])
    return not all(torch.equal(a[:-1].nan_to_num(), b[:-1].nan_to_num()) for a, b in zip(found, after, strict=True))


def _proved(kind: type[Operation], examples: list[Application]) -> list[str]:
    """The profiles under which the examples are exported and proved: the portable one, and that of the CPU where it has
    a rule of its own. Raises ExportError, VerificationError."""
    names = ["portable", *(["cpu"] if kind in PROFILES["cpu"].rules else [])]
    with tempfile.TemporaryDirectory(prefix="archgraph-") as folder:
        for name in names:
            for each in examples:
                export_verified(single(each.op, each.inputs), Path(folder) / "it.onnx", None, ExportOptions(name))
    return names


def _fault(op: Operation, what: str, file: str, inputs: Inputs) -> Problem:
    plugin = ENABLED[op.plugin]
    return Problem(
        f"the plugin {op.plugin}: {op.name}: {what}",
        received=f"{op!r} on {', '.join(map(str, inputs.values()))}",
        hint=f"see {plugin.path(file)}" if file else "",
    )
