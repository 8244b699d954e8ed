"""A torch module as a flat program: torch.export in evaluation, with every size free that torch can keep free."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx
from torch.export import Dim, ExportedProgram

from archgraph.errors import ImportingError
from archgraph.importing.forward_arguments import ForwardArguments, noted_arguments


@dataclass(frozen=True, slots=True)
class Capture:
    """A module and its program. `inputs` are the placeholders of what the module reads, by name; `weights` those of its
    parameters and buffers, with their keys; `constants` those of tensors that are no part of its state."""

    module: torch.nn.Module
    program: ExportedProgram
    inputs: Mapping[str, fx.Node]
    weights: Mapping[fx.Node, str]
    constants: Mapping[fx.Node, torch.Tensor]
    outputs: Mapping[str, fx.Node]
    arguments: ForwardArguments
    fixed: str = ""
    """Why sizes are those of the example inputs, where torch cannot keep them free."""


def capture(module: torch.nn.Module, inputs: Mapping[str, Any]) -> Capture:
    """The program of a module in evaluation mode, traced on example inputs.

    All sizes are left to torch. Where it cannot keep them free, all but that of the batch are those of the examples,
    and then that one too; `fixed` says why. Raises ImportingError for what torch.export cannot trace.
    """
    module.eval()
    reason = ""
    for free in (_every, _first_only, _none):
        try:
            made = _traced(module, inputs, free, reason)
        except Exception as error:
            reason = reason or _first_line(error)
            if free is _none:
                raise ImportingError(
                    f"torch.export cannot trace {type(module).__name__}", received=_first_line(error)
                ) from error
            continue
        bound = _equation(made.program)
        if not bound or free is _none:
            return made
        reason = reason or bound
    raise AssertionError("without free sizes there is no equation")


def _traced(module: torch.nn.Module, inputs: Mapping[str, Any], free: Free, reason: str) -> Capture:
    with warnings.catch_warnings(), noted_arguments(module) as arguments:
        warnings.simplefilter("ignore")
        program = torch.export.export(module, (), dict(inputs), dynamic_shapes=_sizes(dict(inputs), free), strict=False)
    return _arranged(module, program, inputs, arguments, reason)


def _equation(program: ExportedProgram) -> str:
    """A condition of the program that its free sizes meet for some numbers only, such as `H // 32 == 7`; '' for none.

    torch solves those that it can, and the sizes are numbers then.
    """
    values = (node.meta.get("val") for node in program.graph.nodes)
    tensor = next((value for value in values if hasattr(value, "fake_mode")), None)
    environment = tensor.fake_mode.shape_env if tensor is not None else None
    if environment is None:
        return ""
    for guard in environment.guards:
        if type(guard.expr).__name__ == "Equality" and "Mod" not in str(guard.expr):
            left = environment.simplify(guard.expr)
            if type(left).__name__ == "Equality":
                return str(guard.expr)
    return ""


Free = Callable[[int], Iterable[int]]
"""Which dimensions of a tensor are free, by its number of them."""


def _every(rank: int) -> Iterable[int]:
    return range(rank)


def _first_only(rank: int) -> Iterable[int]:
    return range(min(rank, 1))


def _none(rank: int) -> Iterable[int]:
    return ()


def _sizes(value: Any, free: Free) -> Any:
    """The free dimensions of every tensor; None for what is no tensor."""
    if isinstance(value, torch.Tensor):
        return dict.fromkeys(free(value.ndim), Dim.AUTO)
    if isinstance(value, Mapping):
        return {name: _sizes(item, free) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_sizes(item, free) for item in value)
    return None


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _arranged(
    module: torch.nn.Module,
    program: ExportedProgram,
    inputs: Mapping[str, Any],
    arguments: ForwardArguments,
    fixed: str,
) -> Capture:
    signature = program.graph_signature
    placeholders = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    keys = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    kept = {placeholders[name]: key for name, key in keys.items() if key not in signature.non_persistent_buffers}
    lifted = {
        **{name: program.constants[key] for name, key in keys.items() if key in signature.non_persistent_buffers},
        **{name: program.constants[key] for name, key in signature.inputs_to_lifted_tensor_constants.items()},
    }
    flat = [placeholders[name] for name in signature.user_inputs if name in placeholders]
    names = [name for name, value in inputs.items() if isinstance(value, torch.Tensor)]
    tensors = [node for node in flat if isinstance(node.meta.get("val"), torch.Tensor)]
    return Capture(
        module=module,
        program=program,
        inputs=dict(zip(names, tensors, strict=True)),
        weights=kept,
        constants={placeholders[name]: value for name, value in lifted.items()},
        outputs=_named_outputs(program),
        arguments=arguments,
        fixed=fixed,
    )


def _named_outputs(program: ExportedProgram) -> dict[str, fx.Node]:
    """The values that the module returns, by the names of its dict or dataclass; one value has none."""
    returned = next(node for node in program.graph.nodes if node.op == "output").args[0]
    paths = torch.utils._pytree.tree_flatten_with_path(
        torch.utils._pytree.tree_unflatten(list(returned), program.call_spec.out_spec)
    )[0]
    named: dict[str, fx.Node] = {}
    for path, node in paths:
        if isinstance(node, fx.Node):
            named["_".join(_key_text(part) for part in path)] = node
    if len(named) == 1 and not any(name for name in named):
        return {"": next(iter(named.values()))}
    return {(f"output_{name}" if name.isdecimal() else name or "output"): node for name, node in named.items()}


def _key_text(part: Any) -> str:
    for attribute in ("key", "idx", "name"):
        if hasattr(part, attribute):
            return str(getattr(part, attribute))
    return str(part)
